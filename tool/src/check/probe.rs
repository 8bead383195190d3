//! One request, and what is seen of its stream.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::client::{self, Client, Error, Event, Handler, Headers, Response, Stream};
use crate::request::{Checked, Given, OfOption};
use crate::sys;

/// As many as tell enough; a server may send more.
const MOST_EVENTS: usize = 10_000;

/// What a probe has seen so far.
#[derive(Default)]
pub struct Seen {
    pub opened: Option<Opened>,
    pub events: Vec<Arrived>,
    pub comments: Vec<Instant>,
    pub failed: Option<Failed>,
    pub has_closed: bool,
}

pub struct Opened {
    pub at: Instant,
    pub http_version: i32,
    pub tls_version: i32,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub head: Duration,
}

pub struct Arrived {
    pub at: Instant,
    pub id: String,
    pub digest: u64,
    pub is_garbled: bool,
}

pub struct Failed {
    pub at: Instant,
    pub code: sys::Status,
    pub status: i32,
    pub message: String,
    pub headers: Vec<(String, String)>,
    /// What the client would have waited; the server's `retry` where that is longer than a millisecond.
    pub delay: Duration,
}

impl Seen {
    /// When anything came, in order.
    pub fn arrivals(&self) -> Vec<Instant> {
        let events = self.events.iter().map(|event| event.at);
        let mut all: Vec<_> = events.chain(self.comments.iter().copied()).collect();
        all.sort();
        all
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let headers = match (&self.opened, &self.failed) {
            (Some(opened), _) => &opened.headers,
            (None, Some(failed)) => &failed.headers,
            (None, None) => return None,
        };
        find(headers, name)
    }
}

pub fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = headers
        .iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// What a probe does otherwise than others.
#[derive(Default, Clone)]
pub struct Ask {
    pub compressed: bool,
    pub last_event_id: Option<String>,
    pub origin: Option<String>,
    pub any_type: bool,
    pub silence: Option<Duration>,
}

pub struct Probe {
    client: Client,
    shared: Arc<Shared>,
    pub begun: Instant,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    changed: Condvar,
}

impl Probe {
    pub fn start(given: &Given, ask: &Ask) -> Checked<Probe> {
        let client = given.client()?;
        client
            .set_number(sys::eventsource_set_compression, i32::from(ask.compressed))
            .of("--compressed")?;
        client
            .set_number(sys::eventsource_set_mode, sys::MODE_KEEP_ALIVE)
            .of("--reconnect")?;
        // So the delay after an error is what the server has asked for.
        let change = |policy: &mut sys::Reconnect| {
            policy.retry_initial = 1;
            policy.delay_ms = 1;
            policy.min_delay_ms = 1;
            policy.factor = 1.0;
            policy.jitter = 0.0;
        };
        client.set_reconnect(change).of("--delay")?;
        if let Some(id) = &ask.last_event_id {
            client
                .set(sys::eventsource_set_last_event_id, id)
                .of("--last-event-id")?;
        }
        if let Some(origin) = &ask.origin {
            client
                .set_pair(sys::eventsource_set_header, "Origin", origin)
                .of("--origin")?;
        }
        if ask.any_type {
            client
                .set_number(sys::eventsource_set_check_content_type, 0)
                .of("URL")?;
        }
        if let Some(silence) = ask.silence {
            client
                .set_number(
                    sys::eventsource_set_read_timeout,
                    silence.as_millis() as i64,
                )
                .of("URL")?;
        }
        let shared = Arc::new(Shared::default());
        client.handle(Recorder(shared.clone()));
        let begun = Instant::now();
        client.start().of("URL")?;
        Ok(Probe {
            client,
            shared,
            begun,
        })
    }

    pub fn number(&self) -> u64 {
        self.client.number()
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.lock()
    }

    /// Waits until it is so, the stream has ended, or the time has come.
    pub fn wait(&self, until: Instant, done: impl Fn(&Seen) -> bool) -> MutexGuard<'_, Seen> {
        let mut seen = self.shared.lock();
        while !done(&seen) && !seen.has_closed {
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                break;
            };
            seen = match self.shared.changed.wait_timeout(seen, left) {
                Ok((seen, _)) => seen,
                Err(error) => error.into_inner().0,
            };
        }
        seen
    }

    pub fn stop(&self) {
        self.client.stop();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Recorder(Arc<Shared>);

impl Recorder {
    fn record(&self, record: impl FnOnce(&mut Seen)) {
        record(&mut self.0.lock());
        self.0.changed.notify_all();
    }
}

impl Handler for Recorder {
    fn open(&mut self, _: Stream, response: &Response) {
        self.record(|seen| {
            seen.opened = Some(Opened {
                at: Instant::now(),
                http_version: response.http_version,
                tls_version: response.tls_version,
                url: response.url.clone().into_owned(),
                headers: owned(&response.headers),
                head: Duration::from_micros(response.head_us.max(0).unsigned_abs()),
            });
        });
    }

    fn event(&mut self, stream: Stream, event: &Event) {
        self.record(|seen| {
            seen.events.push(Arrived {
                at: Instant::now(),
                id: String::from_utf8_lossy(event.id).into_owned(),
                digest: digest(event),
                is_garbled: event
                    .data
                    .windows(3)
                    .any(|window| window == "\u{fffd}".as_bytes()),
            });
            if seen.events.len() >= MOST_EVENTS {
                stream.stop();
            }
        });
    }

    fn comment(&mut self, _: Stream, _: &[u8]) {
        self.record(|seen| {
            if seen.comments.len() < MOST_EVENTS {
                seen.comments.push(Instant::now());
            }
        });
    }

    /// The first error tells all: another attempt would be another request.
    fn error(&mut self, stream: Stream, error: &Error) {
        self.record(|seen| {
            seen.failed = Some(Failed {
                at: Instant::now(),
                code: error.code,
                status: error.http_status,
                message: error.message.clone().into_owned(),
                headers: owned(&error.headers),
                delay: Duration::from_millis(error.delay_ms.max(0).unsigned_abs()),
            });
        });
        stream.stop();
    }

    fn close(&mut self, _: Stream, reason: i32) {
        self.record(|seen| {
            seen.has_closed = true;
            if reason == sys::CLOSE_SERVER && seen.failed.is_none() {
                seen.failed = Some(Failed {
                    at: Instant::now(),
                    code: sys::OK,
                    status: 204,
                    message: "the server answered 204".to_owned(),
                    headers: Vec::new(),
                    delay: Duration::ZERO,
                });
            }
        });
    }
}

fn owned(headers: &Headers) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    headers
        .iter()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

fn digest(event: &Event) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (event.kind, event.data).hash(&mut hasher);
    hasher.finish()
}

/// How a stream ended, in the name that the library has for it.
pub fn code_name(code: sys::Status) -> &'static str {
    client::status_name(code)
}
