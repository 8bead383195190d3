//! From a URL to a connection: name, TCP, TLS.

mod resolve;
mod tcp;

use super::Options;
use super::error::Error;
use super::tls::Secured;
use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tcp::{Socket, Tcp};
use tower_service::Service;

/// A connection, with or without TLS. In a box, what TLS takes is not taken of those that have none.
#[derive(Debug)]
pub enum Stream {
    Plain(Socket),
    Tls(Box<Secured<Socket>>),
}

/// Connects to a URL's host.
pub async fn connect(uri: Uri, options: &Options) -> Result<Stream, Error> {
    if uri.scheme_str() != Some("https") {
        return Tcp::new().call(uri).await.map(Stream::Plain);
    }
    let tls = options.tls.connector(uri.host().unwrap_or_default())?;
    let socket = Tcp::new().call(uri).await?;
    tls.handshake(socket).await.map(Stream::Tls)
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
