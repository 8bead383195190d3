//! From a URL to a connection: proxy, name, TCP, TLS.

mod network;
mod no_proxy;
mod proxy;
mod resolve;
mod tcp;
mod tunnel;
mod unix;

pub use network::{Network, Route};
pub use proxy::Proxy;
pub use tunnel::refused;

use super::Options;
use super::clock::Clock;
use super::error::{Error, ErrorKind};
use super::tls::{self, Secured};
use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A connection, with or without TLS, which may be to a proxy that passes on what is inside, TLS again. In a box, what TLS
/// takes is not taken of those that have none.
#[derive(Debug)]
pub enum Stream {
    Plain(tcp::Socket),
    Unix(unix::Socket),
    Tls(Box<Secured<Stream>>),
}

/// Connects to a URL's host; or to the proxy that is to make the request.
pub async fn connect(
    uri: Uri,
    route: &Route<'_>,
    options: &Options,
    clock: &Clock,
) -> Result<Stream, Error> {
    // First of all: what cannot be protected is not begun.
    let tls = match uri.scheme_str() {
        Some("https") => Some(options.tls.connector(network::host(&uri))?),
        _ => None,
    };
    let stream = match route {
        Route::Direct => Stream::Plain(tcp::connect(uri.clone(), options, clock).await?),
        Route::Unix(path) => Stream::Unix(unix::connect(path).await?),
        // In boxes: most connections need neither.
        Route::Forward(proxy) => return Box::pin(tunnel::reach(proxy, options, clock)).await,
        Route::Tunnel(proxy) => Box::pin(tunnel::open(proxy, &uri, options, clock)).await?,
    };
    match tls {
        None => Ok(stream),
        Some(tls) => tls.handshake(stream).await.map(Stream::Tls),
    }
}

impl Stream {
    /// Whether the server has chosen HTTP/2 (ALPN, RFC 7301).
    pub fn has_negotiated_http2(&self) -> bool {
        match self {
            Stream::Tls(stream) => stream.inner().get_ref().1.alpn_protocol() == Some(b"h2"),
            Stream::Plain(_) | Stream::Unix(_) => false,
        }
    }
}

/// What broke a connection.
pub fn lost(error: &io::Error) -> Error {
    if let Some(error) = tls::broken(error) {
        return error;
    }
    if error.kind() == io::ErrorKind::UnexpectedEof {
        // rustls tells where its manual explains that.
        let message = "the connection broke: it ended without the end of TLS (close_notify)";
        return Error::new(ErrorKind::Disconnected, message);
    }
    Error::caused(ErrorKind::Disconnected, "the connection broke", error)
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
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
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
