//! A client whose handler writes down what it is told, so that a test can wait for it.

#![allow(dead_code)] // Each test program uses its own part.

pub mod frames;
pub mod http2;
pub mod relay;

use eventsource::http::{ErrorKind, HeaderMap};
use eventsource::parser::{Event, Text};
use eventsource::stream::{
    Attempt, Cause, Client, Close, Decision, Failure, Handler, Opened, Settings,
};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use test_server::{Identity, Server};

/// The longest that a test waits for anything.
pub const LIMIT: Duration = Duration::from_secs(10);

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
    },
    Event {
        event_type: String,
        data: String,
        id: String,
    },
    Comment(String),
    Error(Lost),
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
type OnTold = Box<dyn FnMut(&Told) -> Decision + Send>;

/// A client under test.
pub struct Subject {
    pub client: Arc<Client>,
    told: Receiver<Told>,
    sender: Option<Sender<Told>>,
    on_request: Option<OnRequest>,
    on_told: OnTold,
    wants_comments: bool,
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
            wants_comments: true,
        }
    }

    /// As a program without a callback for comments.
    pub fn without_comments(mut self) -> Subject {
        self.wants_comments = false;
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

    /// Starts; the hooks go to the run.
    pub fn start(&mut self) {
        let handler = Recorder {
            sender: self.sender.clone().expect("a sender"),
            on_request: self.on_request.take(),
            on_told: std::mem::replace(&mut self.on_told, Box::new(|_| Decision::Default)),
            wants_comments: self.wants_comments,
        };
        self.client.start(|| Box::new(handler)).expect("it starts");
    }

    /// The next thing told.
    pub fn next(&self) -> Told {
        match self.told.recv_timeout(LIMIT) {
            Ok(told) => told,
            Err(RecvTimeoutError::Timeout) => panic!("nothing was told within {LIMIT:?}"),
            Err(RecvTimeoutError::Disconnected) => unreachable!("this holds a sender"),
        }
    }

    /// What has been told and not yet looked at.
    pub fn told_so_far(&self) -> Vec<Told> {
        self.told.try_iter().collect()
    }

    /// The data of the next `n` events, whatever comes between them.
    pub fn events(&self, n: usize) -> Vec<String> {
        let mut events = Vec::new();
        while events.len() < n {
            if let Told::Event { data, .. } = self.next() {
                events.push(data);
            }
        }
        events
    }

    /// Waits until the stream opens.
    pub fn open(&self) -> (String, u16, HeaderMap) {
        loop {
            if let Told::Open {
                url,
                status,
                headers,
                ..
            } = self.next()
            {
                return (url, status, headers);
            }
        }
    }

    /// Waits until the stream opens, and answers by which version of HTTP.
    pub fn http_version(&self) -> i32 {
        loop {
            if let Told::Open { http_version, .. } = self.next() {
                return http_version;
            }
        }
    }

    /// The next error, whatever comes before it.
    pub fn error(&self) -> Lost {
        loop {
            match self.next() {
                Told::Error(lost) => return lost,
                Told::Close(close) => panic!("closed without an error: {close:?}"),
                _ => {}
            }
        }
    }

    /// Waits for the close, whatever comes before it.
    pub fn close(&self) -> Close {
        loop {
            if let Told::Close(close) = self.next() {
                return close;
            }
        }
    }

    /// Stops, and waits until the run has ended.
    pub fn stop(&self) {
        self.client.stop();
        assert!(self.client.wait(Some(LIMIT)), "the run ends");
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.client.stop();
        self.client.wait(Some(LIMIT));
    }
}

struct Recorder {
    sender: Sender<Told>,
    on_request: Option<OnRequest>,
    on_told: OnTold,
    wants_comments: bool,
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

    fn on_request(&mut self, attempt: &mut Attempt) {
        if let Some(act) = &mut self.on_request {
            act(attempt);
        }
        self.tell(Told::Request {
            number: attempt.number,
            cause: attempt.cause,
        });
    }

    fn on_open(&mut self, opened: &Opened<'_>) {
        self.tell(Told::Open {
            url: opened.url.to_owned(),
            status: opened.status,
            http_version: opened.http_version,
            headers: opened.headers.clone(),
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
    loop {
        match subject.next() {
            Told::Event { data, .. } => events.push(data),
            Told::Error(lost) => return (lost, events),
            Told::Close(close) => panic!("closed without an error: {close:?}"),
            _ => {}
        }
    }
}
