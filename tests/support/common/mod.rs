//! A client whose handler writes down what it is told, so that a test can wait for it.

#![allow(dead_code)] // Each test program uses its own part.

pub mod frames;
pub mod http2;
pub mod relay;

use eventsource::http::{ErrorKind, Facts, Following, HeaderMap, HttpUrl, Redirect};
use eventsource::parser::{Event, Text};
use eventsource::stream::{
    Attempt, Cause, Client, Close, Decision, Document, Failure, Handler, Opened, Settings,
};
use std::process::abort;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use std::{fs, thread};
use test_server::{Identity, Server, slowly};

/// The longest that a test waits for anything on a machine that is not slow; see [`limit`]. It is there for what never
/// happens: beside load, some things take ten seconds.
pub const LIMIT: Duration = Duration::from_secs(30);

/// What ends sooner than this has not waited for the library's own connect timeout, which is 10 s.
pub const BEFORE_THE_DEFAULT: Duration = Duration::from_secs(8);

/// The longest that a test waits for anything, here.
pub fn limit() -> Duration {
    slowly(LIMIT)
}

/// Tells the time that something takes, but for what the machine is late by: as long as this process's threads wait for a
/// processor, the time does not count. Where the system does not say so, it does.
pub struct Stopwatch {
    begun: Instant,
    starved: Duration,
}

impl Stopwatch {
    pub fn start() -> Stopwatch {
        Stopwatch {
            starved: starved(),
            begun: Instant::now(),
        }
    }

    pub fn time(&self) -> Duration {
        let time = self.begun.elapsed();
        time.saturating_sub(starved().saturating_sub(self.starved))
    }
}

/// How long this process's threads have waited for a processor.
fn starved() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten();
    let waited = tasks.flatten().filter_map(|task| {
        let told = fs::read_to_string(task.path().join("schedstat")).ok()?;
        let nanoseconds = told.split(' ').nth(1)?.parse().ok()?;
        Some(Duration::from_nanos(nanoseconds))
    });
    waited.sum()
}

/// Ends the whole program, and names the test, unless it is dropped in time: for what could keep the test's own thread busy
/// for ever.
pub struct Deadline {
    _ended: Sender<()>,
}

impl Deadline {
    pub fn new() -> Deadline {
        let (ended, end) = channel();
        let test = thread::current().name().unwrap_or_default().to_owned();
        thread::spawn(move || {
            if end.recv_timeout(6 * limit()) == Err(RecvTimeoutError::Timeout) {
                eprintln!("{test} has not ended within {:?}", 6 * limit());
                abort();
            }
        });
        Deadline { _ended: ended }
    }
}

/// What a handler was told.
#[derive(Debug)]
pub enum Told {
    Request {
        number: u32,
        cause: Option<Cause>,
    },
    Open {
        url: String,
        status: u16,
        http_version: i32,
        headers: HeaderMap,
        facts: Facts,
    },
    Event {
        event_type: String,
        data: String,
        id: String,
    },
    Comment(String),
    Error(Lost),
    Document {
        status: u16,
        headers: HeaderMap,
        body: Vec<u8>,
    },
    Close(Close),
    Dropped,
}

/// A failure, copied.
#[derive(Clone, Debug)]
pub struct Lost {
    pub kind: ErrorKind,
    pub message: String,
    pub http_status: u16,
    pub headers: Option<HeaderMap>,
    pub body: Vec<u8>,
    pub os_error: i32,
    pub attempt: u32,
    pub retry_in: Option<Duration>,
}

type OnRequest = Box<dyn FnMut(&mut Attempt) + Send>;
type OnRedirect = Box<dyn FnMut(&HttpUrl, &Redirect) -> Following + Send>;
type OnTold = Box<dyn FnMut(&Told) -> Decision + Send>;

/// A client under test.
pub struct Subject {
    pub client: Arc<Client>,
    told: Receiver<Told>,
    sender: Option<Sender<Told>>,
    on_request: Option<OnRequest>,
    on_told: OnTold,
    on_redirect: Option<OnRedirect>,
    wants_comments: bool,
    wants_document: bool,
}

impl Subject {
    /// A client that retries everything quickly, the first attempt included.
    pub fn new(url: &str) -> Subject {
        let subject = Subject::with_defaults(url);
        subject.configure(|settings| {
            settings.reconnect.retry_initial = true;
            settings.reconnect.delay = Duration::from_millis(1);
            settings.reconnect.jitter = 0.0;
        });
        subject
    }

    /// A client as `Client::new` makes it.
    pub fn with_defaults(url: &str) -> Subject {
        let (sender, told) = channel();
        Subject {
            client: Arc::new(Client::new(url).expect("a valid URL")),
            told,
            sender: Some(sender),
            on_request: None,
            on_told: Box::new(|_| Decision::Default),
            on_redirect: None,
            wants_comments: true,
            wants_document: false,
        }
    }

    /// As a program without a callback for comments.
    pub fn without_comments(mut self) -> Subject {
        self.wants_comments = false;
        self
    }

    /// As a program with a callback for documents.
    pub fn with_documents(mut self) -> Subject {
        self.wants_document = true;
        self
    }

    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        self.client.configure(change).expect("not running");
    }

    /// Trusts the authority of a server's identity.
    pub fn trust(&self, identity: &Identity) {
        self.configure(|settings| {
            let pem = identity.ca_pem().as_bytes();
            settings.http.tls.set_extra_roots(pem).expect("a CA");
        });
    }

    /// What `on_request` does; without, the handler does not want it.
    pub fn on_request(&mut self, act: impl FnMut(&mut Attempt) + Send + 'static) {
        self.on_request = Some(Box::new(act));
    }

    /// What every callback does before it returns. The answer counts for errors.
    pub fn on_told(&mut self, act: impl FnMut(&Told) -> Decision + Send + 'static) {
        self.on_told = Box::new(act);
    }

    /// What is decided on each redirect; without, the handler is not asked.
    pub fn on_redirect(
        &mut self,
        decide: impl FnMut(&HttpUrl, &Redirect) -> Following + Send + 'static,
    ) {
        self.on_redirect = Some(Box::new(decide));
    }

    /// Starts; the hooks go to the run.
    pub fn start(&mut self) {
        let handler = Recorder {
            sender: self.sender.clone().expect("a sender"),
            on_request: self.on_request.take(),
            on_redirect: self.on_redirect.take(),
            on_told: std::mem::replace(&mut self.on_told, Box::new(|_| Decision::Default)),
            wants_comments: self.wants_comments,
            wants_document: self.wants_document,
        };
        self.client.start(|| Box::new(handler)).expect("it starts");
    }

    /// The next thing told.
    pub fn next(&self) -> Told {
        self.first(Some)
    }

    /// The first thing told of which `take` makes something, whatever comes before it. However much that is: the limit is for
    /// all of it.
    pub fn first<T>(&self, mut take: impl FnMut(Told) -> Option<T>) -> T {
        let deadline = Instant::now() + limit();
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            match self.told.recv_timeout(rest) {
                Ok(told) => {
                    if let Some(taken) = take(told) {
                        return taken;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("it was not told within {:?}", limit()),
                Err(RecvTimeoutError::Disconnected) => unreachable!("this holds a sender"),
            }
        }
    }

    /// What has been told and not yet looked at.
    pub fn told_so_far(&self) -> Vec<Told> {
        self.told.try_iter().collect()
    }

    /// The data of the next `n` events, whatever comes between them.
    pub fn events(&self, n: usize) -> Vec<String> {
        let data = |told| match told {
            Told::Event { data, .. } => Some(data),
            _ => None,
        };
        (0..n).map(|_| self.first(data)).collect()
    }

    /// Waits until the stream opens.
    pub fn open(&self) -> (String, u16, HeaderMap) {
        self.first(|told| match told {
            Told::Open {
                url,
                status,
                headers,
                ..
            } => Some((url, status, headers)),
            _ => None,
        })
    }

    /// Waits until the stream opens, and answers by which version of HTTP.
    pub fn http_version(&self) -> i32 {
        self.first(|told| match told {
            Told::Open { http_version, .. } => Some(http_version),
            _ => None,
        })
    }

    /// Waits until the stream opens, and answers what is known of its connection.
    pub fn facts(&self) -> Facts {
        self.first(|told| match told {
            Told::Open { facts, .. } => Some(facts),
            _ => None,
        })
    }

    /// The next error, whatever comes before it.
    pub fn error(&self) -> Lost {
        self.first(|told| match told {
            Told::Error(lost) => Some(lost),
            Told::Close(close) => panic!("closed without an error: {close:?}"),
            _ => None,
        })
    }

    /// Waits for the close, whatever comes before it.
    pub fn close(&self) -> Close {
        self.first(|told| match told {
            Told::Close(close) => Some(close),
            _ => None,
        })
    }

    /// Stops, and waits until the run has ended.
    pub fn stop(&self) {
        self.client.stop();
        assert!(self.client.wait(Some(limit())), "the run ends");
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.client.stop();
        self.client.wait(Some(limit()));
    }
}

struct Recorder {
    sender: Sender<Told>,
    on_redirect: Option<OnRedirect>,
    on_request: Option<OnRequest>,
    on_told: OnTold,
    wants_comments: bool,
    wants_document: bool,
}

impl Recorder {
    fn tell(&mut self, told: Told) -> Decision {
        let decision = (self.on_told)(&told);
        let _ = self.sender.send(told);
        decision
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.sender.send(Told::Dropped);
    }
}

impl Handler for Recorder {
    fn wants_comments(&self) -> bool {
        self.wants_comments
    }

    fn wants_request(&self) -> bool {
        self.on_request.is_some()
    }

    fn on_request(&mut self, attempt: &mut Attempt) -> Decision {
        if let Some(act) = &mut self.on_request {
            act(attempt);
        }
        self.tell(Told::Request {
            number: attempt.number,
            cause: attempt.cause,
        });
        Decision::Default
    }

    fn wants_document(&self) -> bool {
        self.wants_document
    }

    fn on_document(&mut self, document: Document<'_>) {
        self.tell(Told::Document {
            status: document.opened.status,
            headers: document.opened.headers.clone(),
            body: document.body,
        });
    }

    fn wants_redirect(&self) -> bool {
        self.on_redirect.is_some()
    }

    fn on_redirect(&mut self, from: &HttpUrl, redirect: &Redirect) -> Following {
        match &mut self.on_redirect {
            Some(decide) => decide(from, redirect),
            None => Following::default(),
        }
    }

    fn on_open(&mut self, opened: &Opened<'_>) {
        self.tell(Told::Open {
            url: opened.url.to_string(),
            status: opened.status,
            http_version: opened.http_version,
            headers: opened.headers.clone(),
            facts: opened.facts.clone(),
        });
    }

    fn on_event(&mut self, event: &Event<'_>) {
        self.tell(Told::Event {
            event_type: event.event_type.as_str().to_owned(),
            data: event.data.as_str().to_owned(),
            id: event.last_event_id.as_str().to_owned(),
        });
    }

    fn on_comment(&mut self, text: Text<'_>) {
        self.tell(Told::Comment(text.as_str().to_owned()));
    }

    fn on_error(&mut self, failure: &Failure) -> Decision {
        self.tell(Told::Error(Lost {
            kind: failure.kind,
            message: failure.message.clone(),
            http_status: failure.http_status,
            headers: failure.headers.clone(),
            body: failure.body.clone(),
            os_error: failure.os_error,
            attempt: failure.attempt,
            retry_in: failure.retry_in,
        }))
    }

    fn on_close(&mut self, close: Close) {
        self.tell(Told::Close(close));
    }
}

/// The error of one attempt, and the data of the events before it.
pub fn outcome(server: &Server) -> (Lost, Vec<String>) {
    let mut subject = Subject::with_defaults(&server.url("/"));
    subject.on_told(|_| Decision::Stop);
    subject.start();
    let mut events = Vec::new();
    let lost = subject.first(|told| match told {
        Told::Error(lost) => Some(lost),
        Told::Close(close) => panic!("closed without an error: {close:?}"),
        Told::Event { data, .. } => {
            events.push(data);
            None
        }
        _ => None,
    });
    (lost, events)
}
