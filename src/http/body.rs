//! The body of a response, which lends its bytes.

use super::HeaderMap;
use super::coding::Decoder;
use super::content::Content;
use super::error::{Error, ErrorKind};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

/// How much of a body an error tells, and how long it may take to arrive.
const EXCERPT: (usize, Duration) = (4096, Duration::from_secs(1));

/// The body of a response.
#[derive(Debug)]
pub struct Body {
    content: Content,
    /// None where nothing is encoded, or in a way that is not decoded.
    decoder: Option<Box<Decoder>>,
    silence: Option<Silence>,
}

impl Body {
    /// The body of the response with these headers.
    pub(super) fn new(
        content: Content,
        headers: &HeaderMap,
        read_timeout: Option<Duration>,
    ) -> Body {
        Body {
            content,
            decoder: Decoder::of(headers),
            silence: read_timeout.map(Silence::new),
        }
    }

    /// Whoever reads wants to go on: from here on, silence counts.
    pub fn listen(&mut self) {
        if let Some(silence) = &mut self.silence {
            silence.begin();
        }
    }

    /// Reads on, `limit` bytes at most, and lends what of them is content to `take`, decoded, and then again no more than
    /// `limit` bytes; in as many pieces as it came in, which may be none. Answers whether more can follow. Nothing is lost
    /// by dropping the future.
    pub async fn read(&mut self, limit: usize, mut take: impl FnMut(&[u8])) -> Result<bool, Error> {
        poll_fn(|cx| self.poll_read(cx, limit, &mut take)).await
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        limit: usize,
        take: &mut impl FnMut(&[u8]),
    ) -> Poll<Result<bool, Error>> {
        let Body {
            content, decoder, ..
        } = self;
        let read = match decoder {
            None => content.poll_read(cx, limit, take),
            Some(decoder) => decoder.poll_read(content, cx, limit, take),
        };
        match (read, &mut self.silence) {
            (Poll::Ready(read), _) => Poll::Ready(read),
            (Poll::Pending, Some(silence)) => Poll::Ready(Err(ready!(silence.poll(cx)))),
            (Poll::Pending, None) => Poll::Pending,
        }
    }

    /// The first bytes of the body, or what of them comes within a moment.
    pub(super) async fn excerpt(&mut self) -> Vec<u8> {
        let (limit, patience) = EXCERPT;
        let mut excerpt = Vec::new();
        // However it ends, what has come by then is the excerpt.
        let _ = timeout(patience, async {
            while excerpt.len() < limit {
                self.listen();
                let read = self.read(limit, |data| {
                    let room = limit - excerpt.len();
                    excerpt.extend_from_slice(&data[..data.len().min(room)]);
                });
                if !read.await.is_ok_and(|more| more) {
                    break;
                }
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

    fn begin(&mut self) {
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
