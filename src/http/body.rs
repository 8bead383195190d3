//! The body of a response, which lends its bytes.

use super::HeaderMap;
use super::coding::Decoder;
use super::content::Content;
use super::error::{Error, ErrorKind};
use super::patience::{Patience, within};
use crate::words;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// How much of a body an error tells, and how long it may take to arrive.
const EXCERPT: (usize, Duration) = (4096, Duration::from_secs(1));

/// The body of a response.
#[derive(Debug)]
pub struct Body {
    content: Content,
    /// None where nothing is encoded, or in a way that is not decoded.
    decoder: Option<Box<Decoder>>,
    silence: Option<Patience>,
    /// What was read last had come before. Silence is counted on the wire: it goes on meanwhile.
    is_behind: bool,
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
            silence: read_timeout.map(Patience::new),
            is_behind: false,
        }
    }

    /// Sets how large an event may be. What is decoded without end is an error; so much is not.
    pub fn allow(&mut self, event_size: usize) {
        if let Some(decoder) = &mut self.decoder {
            decoder.allow(event_size);
        }
    }

    /// An event has come of what was read.
    pub fn brought_event(&mut self) {
        if let Some(decoder) = &mut self.decoder {
            decoder.brought_event();
        }
    }

    /// Whoever reads wants to go on: from here on, silence counts.
    pub fn listen(&mut self) {
        if !self.is_behind {
            self.listen_anew();
        }
    }

    /// Likewise, after a time that does not count at all.
    pub fn listen_anew(&mut self) {
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
        self.is_behind = decoder.as_ref().is_some_and(|decoder| decoder.has_more());
        let read = match decoder {
            None => content.poll_read(cx, limit, take),
            Some(decoder) => decoder.poll_read(content, cx, limit, take),
        };
        match (read, &mut self.silence) {
            (Poll::Ready(read), _) => Poll::Ready(read),
            (Poll::Pending, Some(silence)) => {
                ready!(silence.poll(cx));
                Poll::Ready(Err(silent_for(silence.limit())))
            }
            (Poll::Pending, None) => Poll::Pending,
        }
    }

    /// The first bytes of the body, or what of them comes within a moment.
    pub(super) async fn excerpt(&mut self) -> Vec<u8> {
        let (limit, patience) = EXCERPT;
        let mut excerpt = Vec::new();
        // Nothing else gets a turn while what has come is decoded.
        self.allow(limit);
        let reading = async {
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
        };
        // However it ends, what has come by then is the excerpt.
        let _ = within(patience, pin!(reading)).await;
        excerpt
    }
}

/// The read timeout.
fn silent_for(limit: Duration) -> Error {
    let message = format!("no byte within {}", words::duration(limit));
    Error::new(ErrorKind::ReadTimeout, message)
}
