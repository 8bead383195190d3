//! What a connection's bytes go through. It remembers what broke: h2 keeps the words alone, not what they are about.

use super::failure::Ended;
use crate::http::connect::lost;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What broke a transport, once something has.
pub type Broken = Arc<OnceLock<Ended>>;

/// A transport that says what broke it.
pub struct Transport<T> {
    io: T,
    broken: Broken,
}

impl<T> Transport<T> {
    /// Over this.
    pub fn new(io: T) -> Transport<T> {
        Transport {
            io,
            broken: Broken::default(),
        }
    }

    /// Where it says so.
    pub fn broken(&self) -> Broken {
        self.broken.clone()
    }

    fn note<R>(&self, polled: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if let Poll::Ready(Err(error)) = &polled {
            self.broken.get_or_init(|| lost(error).into());
        }
        polled
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Transport<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        self.note(polled)
    }
}

/// Without vectored writes, which could raise SIGPIPE.
impl<T: AsyncWrite + Unpin> AsyncWrite for Transport<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, buf);
        self.note(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_flush(cx);
        self.note(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
