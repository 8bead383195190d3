//! A transport whose peer is heard out.

use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A transport on which the end that a write has met is told only when nothing more can be read. A server that refuses
/// sends an alert, which says why, and closes while the client may still write.
#[derive(Debug)]
pub struct Patient<S> {
    transport: TokioIo<S>,
    write_error: Option<io::Error>,
}

impl<S> Patient<S> {
    /// Over another, as hyper-rustls takes it.
    pub fn over(transport: S) -> TokioIo<Patient<S>> {
        TokioIo::new(Patient {
            transport: TokioIo::new(transport),
            write_error: None,
        })
    }
}

impl<S> Patient<S> {
    /// What it is over.
    pub fn transport(&self) -> &S {
        self.transport.inner()
    }
}

/// hyper-rustls wants to know what a transport can tell of itself, for a pool, which the library does not have.
impl<S> Connection for Patient<S> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl<S: Read + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.transport).poll_read(cx, buf));
        let is_over = read.is_err() || (buf.filled().len() == before && buf.remaining() > 0);
        match self.write_error.take_if(|_| is_over) {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Ready(read),
        }
    }
}

impl<S: Write + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.write_error.is_none() {
            match ready!(Pin::new(&mut self.transport).poll_write(cx, buf)) {
                Ok(written) => return Poll::Ready(Ok(written)),
                Err(error) if is_end(&error) => self.write_error = Some(error),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        // As if it had been written: no peer is there to miss it.
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }
}

/// Whether the peer is gone, so that reading, too, will come to an end.
fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
    )
}
