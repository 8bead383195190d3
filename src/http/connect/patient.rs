//! A transport whose peer is heard out.

use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read before others have their turn. TLS reads until it has content, and a server can send without end what
/// is none, such as session tickets.
const BUDGET: usize = 128 * 1024;

/// A transport on which the end that a write has met is told only when nothing more can be read. A server that refuses
/// sends an alert, which says why, and closes while the client may still write.
#[derive(Debug)]
pub struct Patient<S> {
    transport: TokioIo<S>,
    write_error: Option<io::Error>,
    /// What is left of the budget.
    budget: usize,
}

impl<S> Patient<S> {
    /// Over another, as hyper-rustls takes it.
    pub fn over(transport: S) -> TokioIo<Patient<S>> {
        TokioIo::new(Patient {
            transport: TokioIo::new(transport),
            write_error: None,
            budget: BUDGET,
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
        if self.budget == 0 {
            self.budget = BUDGET;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let Poll::Ready(read) = Pin::new(&mut self.transport).poll_read(cx, buf) else {
            self.budget = BUDGET;
            return Poll::Pending;
        };
        self.budget = self.budget.saturating_sub(buf.filled().len() - before);
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

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::rt::ReadBufCursor;
    use std::task::Waker;

    /// A peer that sends without end.
    struct Flood;

    impl Read for Flood {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            mut buf: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            buf.put_slice(&[0; 1024]);
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn whoever_reads_without_end_lets_others_have_their_turn() {
        let mut transport = Patient::over(Flood).into_inner();
        let mut cx = Context::from_waker(Waker::noop());
        let mut space = [0; 1024];
        for _ in 0..2 {
            let mut read = 0;
            loop {
                let mut buf = ReadBuf::new(&mut space);
                match Pin::new(&mut transport).poll_read(&mut cx, &mut buf) {
                    Poll::Ready(result) => result.expect("a peer that sends"),
                    Poll::Pending => break,
                }
                read += buf.filled().len();
                assert!(read <= BUDGET);
            }
            assert_eq!(read, BUDGET);
        }
    }
}
