//! HTTP/1: one request on a connection of its own, and its response, whose content the library reads itself. hyper's body
//! channel costs more than all the rest, and its read buffer stays with each connection.

mod framing;
mod head;
mod wire;

use super::connect::tcp::Socket;
use super::connect::transport::Transport;
use super::error::{Error, ErrorKind};
use super::head::Head;
use super::request::Request;
use super::way::proxy::Proxy;
use framing::Framing;
use head::Reader;
use hyper::http::Method;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use wire::Wire;

/// Sends the request, to a proxy or to its host, and waits for the response's head.
pub async fn exchange(
    transport: Transport,
    request: &Request,
    forwarder: Option<&Proxy>,
) -> Result<(Head, Content), Error> {
    let head = head::write(request, forwarder);
    let mut wire = Wire::new(transport, head, request.body.clone());
    let (head, beginning) = receive_head(&mut wire).await?;
    let framing = Framing::of(head.status, request.method == Method::HEAD, &head.headers)?;
    let content = Content {
        wire,
        framing,
        beginning,
    };
    Ok((head, content))
}

/// The response's head, and what came together with it of the body.
async fn receive_head(wire: &mut Wire) -> Result<(Head, Vec<u8>), Error> {
    let mut reader = Reader::default();
    loop {
        let room = reader.room();
        let read = poll_fn(|cx| {
            wire.poll_read(cx, room, |read| match read.is_empty() {
                true => Err(reader.ended()),
                false => reader.take(read),
            })
        });
        if let Some(head) = read.await?? {
            return Ok(head);
        }
    }
}

/// The content of a response.
#[derive(Debug)]
pub struct Content {
    wire: Wire,
    framing: Framing,
    /// What came together with the head.
    beginning: Vec<u8>,
}

impl Content {
    /// The TCP socket that it comes over, if it is one.
    pub fn socket(&self) -> Option<&Socket> {
        self.wire.socket()
    }

    /// Reads on, `limit` bytes at most, and lends what of them is content to `take`, in as many pieces as it came in, which
    /// may be none. Returns whether more can follow.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        limit: usize,
        take: &mut impl FnMut(&[u8]),
    ) -> Poll<Result<bool, Error>> {
        let Content { wire, framing, .. } = self;
        if framing.is_complete() {
            return Poll::Ready(Ok(false));
        }
        if !self.beginning.is_empty() {
            let mut beginning = std::mem::take(&mut self.beginning);
            return Poll::Ready(framing.decode(&mut beginning, take).map(|()| true));
        }
        let read = wire.poll_read(cx, limit, |bytes| {
            if !bytes.is_empty() {
                return framing.decode(bytes, take).map(|()| true);
            }
            if framing.may_close() {
                return Ok(false);
            }
            Err(Error::new(
                ErrorKind::Disconnected,
                "the connection ended before the response was complete",
            ))
        });
        Poll::Ready(ready!(read)?)
    }
}
