//! A connection to a peer: to the host, or to a proxy.

use super::patient::Patient;
use super::secured::Secured;
use super::{tcp, unix};
use crate::http::error::{Error, ErrorKind};
use crate::http::facts::{Peer, TlsVersion};
use crate::http::tls::failure;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What TLS is laid on, as hyper-rustls takes it.
pub type Underlay = TokioIo<Patient<Transport>>;

/// A connection, with or without TLS, which may be to a proxy that passes on what is inside, TLS again. In a box, what TLS
/// takes is not taken of those that have none.
#[derive(Debug)]
pub enum Transport {
    Plain(tcp::Socket),
    Unix(unix::Socket),
    Tls(Box<Secured<Transport>>),
}

impl Transport {
    /// Whether the server has chosen HTTP/2 (ALPN, RFC 7301).
    pub fn has_negotiated_http2(&self) -> bool {
        self.tls().is_some_and(Secured::has_negotiated_http2)
    }

    /// The version of the outermost TLS.
    pub fn tls_version(&self) -> Option<TlsVersion> {
        self.tls()?.version()
    }

    /// The outermost TLS.
    fn tls(&self) -> Option<&Secured<Transport>> {
        match self {
            Transport::Tls(secured) => Some(secured),
            Transport::Plain(_) | Transport::Unix(_) => None,
        }
    }

    /// The address that the lowest socket is connected to.
    pub fn peer(&self) -> Peer {
        // Of a Unix socket only its path tells.
        let peer = self.socket().and_then(tcp::Socket::peer);
        peer.map_or(Peer::Unknown, Peer::Tcp)
    }

    /// The TCP socket below all, if it is one.
    pub fn socket(&self) -> Option<&tcp::Socket> {
        match self {
            Transport::Plain(socket) => Some(socket),
            Transport::Unix(_) => None,
            Transport::Tls(secured) => secured.transport().socket(),
        }
    }
}

/// What broke a connection.
pub fn lost(error: &io::Error) -> Error {
    if let Some(error) = failure::broken(error) {
        return error;
    }
    if error.kind() == io::ErrorKind::UnexpectedEof {
        // rustls tells where its manual explains that.
        let message = "the connection broke: it ended without the end of TLS (close_notify)";
        return Error::new(ErrorKind::Disconnected, message);
    }
    Error::caused(ErrorKind::Disconnected, "the connection broke", error)
}

impl Read for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Transport::Plain(transport) => Pin::new(transport).poll_read(cx, buf),
            Transport::Unix(transport) => Pin::new(transport).poll_read(cx, buf),
            Transport::Tls(transport) => Pin::new(transport).poll_read(cx, buf),
        }
    }
}

impl Write for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Transport::Plain(transport) => Pin::new(transport).poll_write(cx, buf),
            Transport::Unix(transport) => Pin::new(transport).poll_write(cx, buf),
            Transport::Tls(transport) => Pin::new(transport).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Transport::Plain(transport) => Pin::new(transport).poll_flush(cx),
            Transport::Unix(transport) => Pin::new(transport).poll_flush(cx),
            Transport::Tls(transport) => Pin::new(transport).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Transport::Plain(transport) => Pin::new(transport).poll_shutdown(cx),
            Transport::Unix(transport) => Pin::new(transport).poll_shutdown(cx),
            Transport::Tls(transport) => Pin::new(transport).poll_shutdown(cx),
        }
    }
}
