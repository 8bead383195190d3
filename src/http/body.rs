//! The body of a response, as a source that lends its bytes.

use super::connect::Stream;
use super::error::{Error, ErrorKind};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::Connection;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

/// How much of a body an error tells, and how long it may take to arrive.
const EXCERPT: (usize, Duration) = (4096, Duration::from_secs(1));

/// hyper's half of a connection: it makes progress only while somebody polls it. It is polled together with what waits
/// for it, so that a stream stays one task and dropping that closes the socket.
#[derive(Debug)]
pub struct Wire(Option<Connection<Stream, Full<Bytes>>>);

impl Wire {
    pub fn new(connection: Connection<Stream, Full<Bytes>>) -> Wire {
        Wire(Some(connection))
    }

    /// Waits for something that needs the connection.
    pub async fn drive<T>(
        &mut self,
        future: impl Future<Output = Result<T, hyper::Error>>,
    ) -> Result<T, Error> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            self.poll(cx);
            future.as_mut().poll(cx).map_err(Error::from)
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.0
            && Pin::new(connection).poll(cx).is_ready()
        {
            // Its error, if any, also reaches whoever waits for the response or its body.
            self.0 = None;
        }
    }
}

/// The body of a response.
#[derive(Debug)]
pub struct Body {
    wire: Wire,
    incoming: Incoming,
    /// What is lent: it stays until the next read.
    lent: Bytes,
    silence: Option<Silence>,
}

impl Body {
    pub(super) fn new(wire: Wire, incoming: Incoming, read_timeout: Option<Duration>) -> Body {
        Body {
            wire,
            incoming,
            lent: Bytes::new(),
            silence: read_timeout.map(Silence::new),
        }
    }

    /// Waits for more of the body, which [`bytes`](Self::bytes) then lends; false at its end. Nothing is lost by dropping
    /// the future.
    pub async fn read(&mut self) -> Result<bool, Error> {
        // First, so that the memory can be used again.
        self.lent = Bytes::new();
        self.lent = match poll_fn(|cx| self.poll_data(cx)).await? {
            Some(data) => data,
            None => return Ok(false),
        };
        if let Some(silence) = &mut self.silence {
            silence.broken();
        }
        Ok(true)
    }

    /// What the last read has brought.
    pub fn bytes(&self) -> &[u8] {
        &self.lent
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        loop {
            self.wire.poll(cx);
            match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error.into())),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Poll::Ready(Ok(Some(data))),
                    _ => {} // Trailers say nothing about events.
                },
                Poll::Pending => break,
            }
        }
        match &mut self.silence {
            Some(silence) => silence.poll(cx).map(Err),
            None => Poll::Pending,
        }
    }

    /// The first bytes of the body, or what of them comes within a moment.
    pub(super) async fn excerpt(&mut self) -> Vec<u8> {
        let (limit, patience) = EXCERPT;
        let mut excerpt = Vec::new();
        // However it ends, what has come by then is the excerpt.
        let _ = timeout(patience, async {
            while excerpt.len() < limit && self.read().await.is_ok_and(|more| more) {
                let data = self.bytes();
                excerpt.extend_from_slice(&data[..data.len().min(limit - excerpt.len())]);
            }
        })
        .await;
        excerpt
    }
}

/// The read timeout. The timer is not moved with every read, only when it fires too early.
#[derive(Debug)]
struct Silence {
    limit: Duration,
    since: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Silence {
    fn new(limit: Duration) -> Silence {
        let since = Instant::now();
        Silence {
            limit,
            since,
            timer: Box::pin(sleep_until(since + limit)),
        }
    }

    fn broken(&mut self) {
        self.since = Instant::now();
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let end = self.since + self.limit;
            if end <= Instant::now() {
                let limit = self.limit;
                return Poll::Ready(Error::new(
                    ErrorKind::ReadTimeout,
                    format!("no byte within {limit:?}"),
                ));
            }
            self.timer.as_mut().reset(end);
        }
        Poll::Pending
    }
}
