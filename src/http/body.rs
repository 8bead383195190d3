//! The body of a response, which lends its bytes.

use super::connect::tcp::{PROBED_WITHIN, Socket, has_gone};
use super::content::Content;
use super::decoding::Decoder;
use super::error::{ADDRESS_GONE, Error, ErrorKind};
use super::patience::{Patience, within};
use crate::runtime::reschedule;
use crate::words;
use hyper::http::HeaderMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// How long the body of an error may take to arrive.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a connection over HTTP/1 may be silent after the system has slept.
const AFTER_SLEEP: Duration = Duration::from_secs(5);

/// The body of a response.
#[derive(Debug)]
pub struct Body {
    content: Content,
    /// None where nothing is encoded, or in a way that is not decoded.
    decoder: Option<Box<Decoder>>,
    /// In a box: most streams have none.
    silence: Option<Box<Patience>>,
    /// For events, which only whoever reads can tell from all else. In a box: few streams have it.
    eventless: Option<Box<Patience>>,
    /// The network has changed, and the connection is verified.
    doubt: Option<Box<Doubt>>,
    /// What was read last had come before. Silence is counted on the wire: it goes on meanwhile.
    is_behind: bool,
}

/// How a connection over HTTP/1 is verified, which has no ping.
#[derive(Debug)]
struct Doubt {
    /// How long that takes.
    patience: Patience,
    /// Silence is the end of it. Otherwise the system asks the peer, and says if that is not there.
    is_to_speak: bool,
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
            silence: read_timeout.map(|limit| Box::new(Patience::new(limit))),
            eventless: None,
            doubt: None,
            is_behind: false,
        }
    }

    /// Sets how large an event may be. What is decoded without end is an error; so much is not.
    pub fn allow(&mut self, event_size: usize) {
        if let Some(decoder) = &mut self.decoder {
            decoder.allow(event_size);
        }
    }

    /// Sets how long it may bring no event, from now on.
    pub fn expect_events(&mut self, within: Option<Duration>) {
        self.eventless = within.map(|limit| Box::new(Patience::new(limit)));
    }

    /// An event has come of what was read.
    pub fn brought_event(&mut self) {
        if let Some(decoder) = &mut self.decoder {
            decoder.brought_event();
        }
        if let Some(eventless) = &mut self.eventless {
            eventless.begin();
        }
    }

    /// No event has come of what was read. Fails if that has been so for too long: where there is always something to read, a
    /// read does not look at the time.
    pub async fn brought_no_event(&mut self) -> Result<(), Error> {
        let Some(eventless) = &mut self.eventless else {
            return Ok(());
        };
        match poll_fn(|cx| Poll::Ready(eventless.poll(cx))).await {
            Poll::Ready(_) => Err(eventless_for(eventless.limit())),
            Poll::Pending => Ok(()),
        }
    }

    /// The reader wants to go on: from here on, silence counts.
    pub fn listen(&mut self) {
        if !self.is_behind
            && let Some(silence) = &mut self.silence
        {
            silence.begin();
        }
    }

    /// Likewise, after a time that does not count at all.
    pub fn listen_anew(&mut self) {
        if let Some(silence) = &mut self.silence {
            silence.begin();
        }
        if let Some(eventless) = &mut self.eventless {
            eventless.begin();
        }
    }

    /// The network has changed, so the connection may lead nowhere: verifies it, over HTTP/1 by whether something comes if the
    /// system has slept for long. An error, now or of a later read, where it does not.
    pub fn verify(&mut self, has_slept: bool) -> Result<(), Error> {
        if let Content::Http2(content) = &self.content {
            content.doubt();
        }
        // A Unix socket leads to where it led.
        let Some(socket) = self.socket() else {
            return Ok(());
        };
        if socket.local().is_some_and(has_gone) {
            return Err(Error::new(ErrorKind::Disconnected, ADDRESS_GONE));
        }
        socket.probe(true);
        // What is verified already has its time.
        let is_to_speak = self.doubt.as_ref().is_some_and(|doubt| doubt.is_to_speak);
        if !is_to_speak {
            let limit = if has_slept {
                AFTER_SLEEP
            } else {
                PROBED_WITHIN
            };
            self.doubt = Some(Box::new(Doubt {
                patience: Patience::new(limit),
                is_to_speak: has_slept,
            }));
        }
        Ok(())
    }

    /// Nothing has come. An error if something had to.
    fn poll_doubt(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let Some(doubt) = &mut self.doubt else {
            return Ok(());
        };
        if doubt.patience.poll(cx).is_pending() {
            return Ok(());
        }
        match doubt.is_to_speak {
            false => {
                self.believe();
                Ok(())
            }
            true => {
                let limit = words::duration(AFTER_SLEEP);
                let message = format!("nothing has come within {limit} since the system woke up");
                Err(Error::new(ErrorKind::Disconnected, message))
            }
        }
    }

    /// The connection has been verified.
    fn believe(&mut self) {
        self.doubt = None;
        if let Some(socket) = self.socket() {
            socket.probe(false);
        }
    }

    fn socket(&self) -> Option<&Socket> {
        match &self.content {
            Content::Http1(content) => content.socket(),
            Content::Http2(_) => None,
        }
    }

    /// Reads at most `limit` bytes and passes the decoded body, again at most `limit` bytes, to `take`, in zero or more pieces.
    /// Returns whether more can follow. Nothing is lost when the future is dropped.
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
        if self.doubt.is_some() {
            match &read {
                Poll::Ready(Ok(_)) => self.believe(),
                Poll::Ready(Err(_)) => {}
                Poll::Pending => self.poll_doubt(cx)?,
            }
        }
        if read.is_ready() {
            return read;
        }
        if let Some(eventless) = &mut self.eventless
            && eventless.poll(cx).is_ready()
        {
            return Poll::Ready(Err(eventless_for(eventless.limit())));
        }
        match &mut self.silence {
            Some(silence) => {
                ready!(silence.poll(cx));
                Poll::Ready(Err(silent_for(silence.limit())))
            }
            None => Poll::Pending,
        }
    }

    /// The first bytes of the body, or what of them comes within a moment.
    pub(super) async fn excerpt(&mut self, limit: usize) -> Vec<u8> {
        let mut excerpt = Vec::new();
        self.allow(limit);
        let reading = async {
            while excerpt.len() < limit {
                self.listen();
                let mut has_memory = true;
                let read = self.read(limit, |data| {
                    let data = &data[..data.len().min(limit - excerpt.len())];
                    has_memory &= excerpt.try_reserve(data.len()).is_ok();
                    if has_memory {
                        excerpt.extend_from_slice(data);
                    }
                });
                if !read.await.is_ok_and(|more| more) || !has_memory {
                    break;
                }
                // The program says how much it may be.
                reschedule().await;
            }
        };
        // However it ends, what has come by then is the excerpt.
        let _ = within(PATIENCE, pin!(reading)).await;
        excerpt
    }
}

/// The event timeout.
fn eventless_for(limit: Duration) -> Error {
    let message = format!("no event within {}", words::duration(limit));
    Error::new(ErrorKind::EventTimeout, message)
}

/// The read timeout.
fn silent_for(limit: Duration) -> Error {
    let message = format!("no byte within {}", words::duration(limit));
    Error::new(ErrorKind::ReadTimeout, message)
}
