//! TLS over a transport, as hyper-rustls gives it.

use super::patient::Patient;
use crate::http::facts::TlsVersion;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use rustls::{ClientConnection, ProtocolVersion};
use std::io::{self, Read as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// TLS over `T`. What came before it broke counts: rustls may meet both in one read, and then tells of the error alone.
#[derive(Debug)]
pub struct Secured<T> {
    stream: MaybeHttpsStream<TokioIo<Patient<T>>>,
    /// What broke it, and what came before that and is still to be read.
    broken: Option<(io::Error, Vec<u8>)>,
}

impl<T> Secured<T> {
    /// What hyper-rustls' connector has made.
    pub fn new(stream: MaybeHttpsStream<TokioIo<Patient<T>>>) -> Secured<T> {
        Secured {
            stream,
            broken: None,
        }
    }

    /// What it is over.
    pub fn transport(&self) -> &T {
        let patient = match &self.stream {
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
        match &self.stream {
            MaybeHttpsStream::Https(tls) => Some(tls.inner().get_ref().1),
            MaybeHttpsStream::Http(_) => None,
        }
    }

    /// What has been decrypted and not been read.
    fn decrypted(&mut self) -> Vec<u8> {
        let mut content = Vec::new();
        if let MaybeHttpsStream::Https(tls) = &mut self.stream {
            let (_, tls) = tls.inner_mut().get_mut();
            // In the end it says that there is no more yet, which is no error here.
            let _ = tls.reader().read_to_end(&mut content);
        }
        content
    }
}

impl<T: Read + Write + Unpin> Read for Secured<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some((error, mut content)) = self.broken.take() {
            if content.is_empty() {
                return Poll::Ready(Err(error));
            }
            let now = content.len().min(buf.remaining());
            buf.put_slice(&content[..now]);
            content.drain(..now);
            self.broken = Some((error, content));
            return Poll::Ready(Ok(()));
        }
        let Err(error) = ready!(Pin::new(&mut self.stream).poll_read(cx, buf)) else {
            return Poll::Ready(Ok(()));
        };
        // What it had room in has been given away.
        self.broken = Some((error, self.decrypted()));
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<T: Read + Write + Unpin> Write for Secured<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
