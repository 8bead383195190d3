//! What a connection's bytes go through: h2 gets what [`frames`](super::frames) leaves of them. It remembers what broke: h2
//! keeps the words alone, not what they are about.

use super::failure::{Broken, Ended};
use super::frames::{Filter, Streams};
use crate::http::connect::transport::lost;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read at once.
const PIECE: usize = 8 * 1024;

/// A transport, without what h2 need not see, that says what broke it.
pub struct Filtered<T> {
    io: T,
    broken: Broken,
    filter: Filter,
    streams: Streams,
    /// What was more than there was room for.
    rest: Vec<u8>,
    /// How the transport ended.
    ended: Option<io::Result<()>>,
}

impl<T> Filtered<T> {
    /// Over this, for these streams.
    pub fn new(io: T, streams: Streams) -> Filtered<T> {
        Filtered {
            io,
            broken: Broken::default(),
            filter: Filter::default(),
            streams,
            rest: Vec::new(),
            ended: None,
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

impl<T: AsyncRead + Unpin> Filtered<T> {
    /// Reads once, and puts what h2 is to see of it into `buf`, which may be nothing.
    fn poll_piece(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut space = [MaybeUninit::uninit(); PIECE];
        let size = PIECE.min(buf.remaining());
        let mut piece = ReadBuf::uninit(&mut space[..size]);
        let polled = Pin::new(&mut self.io).poll_read(cx, &mut piece);
        let polled = self.note(polled);
        let Filtered {
            filter,
            streams,
            rest,
            ..
        } = self;
        let mut out = |bytes: &[u8]| {
            let room = if rest.is_empty() { buf.remaining() } else { 0 };
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            buf.put_slice(now);
            rest.extend_from_slice(later);
        };
        let mut lines = streams.lock();
        match polled {
            Poll::Ready(Ok(())) if !piece.filled().is_empty() => {
                if let Err(what) = filter.pass(&mut lines, piece.filled(), &mut out) {
                    self.broken.get_or_init(|| Ended::broken(what));
                    self.ended = Some(Err(io::Error::other(what)));
                } else {
                    filter.settle(&mut lines, &mut out);
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(ended) => {
                // What came before that is not lost.
                if filter.is_between() {
                    lines.release_all(&mut out);
                }
                out(filter.remainder());
                self.ended = Some(ended);
                Poll::Ready(Ok(()))
            }
            Poll::Pending => {
                filter.settle(&mut lines, &mut out);
                lines.wake(cx.waker());
                Poll::Pending
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Filtered<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        loop {
            if !self.rest.is_empty() {
                let now = self.rest.len().min(buf.remaining());
                buf.put_slice(&self.rest[..now]);
                self.rest.drain(..now);
            }
            if buf.filled().len() > before || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            self.rest = Vec::new();
            if let Some(ended) = self.ended.take() {
                return Poll::Ready(ended);
            }
            let polled = self.poll_piece(cx, buf);
            if buf.filled().len() == before && self.rest.is_empty() {
                ready!(polled)?;
            }
        }
    }
}

/// Without vectored writes, which could raise SIGPIPE.
impl<T: AsyncWrite + Unpin> AsyncWrite for Filtered<T> {
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
