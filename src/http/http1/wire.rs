//! An HTTP/1 connection that is used once: a request is written to it, a response read from it.

use crate::buffer::Buffer;
use crate::http::connect::tcp::Socket;
use crate::http::connect::transport::{Transport, lost};
use crate::http::error::Error;
use bytes::{Buf, Bytes};
use hyper::rt::{Read, ReadBuf, Write};
use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// How much is read in one go. Many bytes at a time cost less each.
const READ: usize = 256 * 1024;

thread_local! {
    /// What this thread reads into; no stream has a buffer of its own, so that an idle one is small. Only the library's
    /// threads read.
    static BUFFER: Cell<Option<Box<Buffer>>> = const { Cell::new(None) };
}

/// A connection with what is still to be written to it.
#[derive(Debug)]
pub struct Wire {
    transport: Transport,
    unsent: VecDeque<Bytes>,
    is_flushed: bool,
    /// Writing has failed. What the peer has said before may explain it.
    write_error: Option<io::Error>,
}

impl Wire {
    /// Will write a request while it is read from.
    pub fn new(transport: Transport, head: Vec<u8>, body: Bytes) -> Wire {
        Wire {
            transport,
            unsent: [head.into(), body].into(),
            is_flushed: false,
            write_error: None,
        }
    }

    /// The TCP socket below all, if it is one.
    pub fn socket(&self) -> Option<&Socket> {
        self.transport.socket()
    }

    /// Reads once, at most `limit` bytes, and lends them to `take`, which may change them; none are the connection's end.
    /// Writes, too, what is still to be written.
    pub fn poll_read<T>(
        &mut self,
        cx: &mut Context<'_>,
        limit: usize,
        take: impl FnOnce(&mut [u8]) -> T,
    ) -> Poll<Result<T, Error>> {
        if !self.is_flushed {
            self.write(cx);
        }
        let mut lent = Lent::take();
        let buffer = lent.buffer();
        let spare = buffer.spare();
        let room = spare.len().min(limit);
        let mut read = ReadBuf::uninit(&mut spare[..room]);
        let polled = Pin::new(&mut self.transport).poll_read(cx, read.unfilled());
        if let Err(error) = ready!(polled) {
            return Poll::Ready(Err(lost(&self.write_error.take().unwrap_or(error))));
        }
        let filled = read.filled().len();
        match self.write_error.take() {
            Some(error) if filled == 0 => Poll::Ready(Err(lost(&error))),
            _ => {
                // SAFETY: they have been filled.
                unsafe { buffer.append_spare(filled) };
                Poll::Ready(Ok(take(buffer)))
            }
        }
    }

    fn write(&mut self, cx: &mut Context<'_>) {
        match self.poll_write(cx) {
            Poll::Pending => {}
            Poll::Ready(written) => {
                self.is_flushed = true;
                self.unsent = VecDeque::new();
                self.write_error = written.err();
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(piece) = self.unsent.front_mut() {
            if !piece.has_remaining() {
                self.unsent.pop_front();
                continue;
            }
            match ready!(Pin::new(&mut self.transport).poll_write(cx, piece))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => piece.advance(written),
            }
        }
        Pin::new(&mut self.transport).poll_flush(cx)
    }
}

/// This thread's buffer, out of its place while it is used, so that a reader inside a reader would find another.
struct Lent(Option<Box<Buffer>>);

impl Lent {
    fn take() -> Lent {
        Lent(BUFFER.take())
    }

    fn buffer(&mut self) -> &mut Buffer {
        self.0.get_or_insert_with(|| {
            let mut buffer = Buffer::new();
            buffer.reserve_exact(READ);
            Box::new(buffer)
        })
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(buffer) = &mut self.0 {
            buffer.clear();
        }
        BUFFER.set(self.0.take());
    }
}
