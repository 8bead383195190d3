//! TLS over a transport, as hyper-rustls gives it.

use super::patient::Patient;
use crate::http::facts::TlsVersion;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use rustls::{ClientConnection, ProtocolVersion};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// TLS over `T`.
#[derive(Debug)]
pub struct Secured<T>(MaybeHttpsStream<TokioIo<Patient<T>>>);

impl<T> Secured<T> {
    /// What hyper-rustls' connector has made.
    pub fn new(stream: MaybeHttpsStream<TokioIo<Patient<T>>>) -> Secured<T> {
        Secured(stream)
    }

    /// What it is over.
    pub fn transport(&self) -> &T {
        let patient = match &self.0 {
            MaybeHttpsStream::Https(tls) => tls.inner().get_ref().0.inner(),
            MaybeHttpsStream::Http(patient) => patient,
        };
        patient.inner().transport()
    }

    /// Whether the server has chosen HTTP/2 (ALPN, RFC 7301).
    pub fn has_negotiated_http2(&self) -> bool {
        self.tls().and_then(|tls| tls.alpn_protocol()) == Some(b"h2")
    }

    /// The version that is spoken.
    pub fn version(&self) -> Option<TlsVersion> {
        match self.tls()?.protocol_version()? {
            ProtocolVersion::TLSv1_2 => Some(TlsVersion::Tls12),
            ProtocolVersion::TLSv1_3 => Some(TlsVersion::Tls13),
            _ => None,
        }
    }

    fn tls(&self) -> Option<&ClientConnection> {
        match &self.0 {
            MaybeHttpsStream::Https(tls) => Some(tls.inner().get_ref().1),
            MaybeHttpsStream::Http(_) => None,
        }
    }
}

impl<T: Read + Write + Unpin> Read for Secured<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buf)
    }
}

impl<T: Read + Write + Unpin> Write for Secured<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}
