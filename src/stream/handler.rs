//! The object that a run calls for each thing that happens.

use crate::http::{ErrorKind, Facts, Following, HeaderMap, HttpUrl, Redirect, Request};
use crate::parser::{Event, Text};
use std::fmt;
use std::time::Duration;

/// Receives what happens in one run, in order, one call at a time, on the runtime's threads. [`Handler::on_close`] comes
/// last and once; then the handler is dropped.
pub trait Handler: Send {
    /// Whether comments are wanted; without, they are not delivered.
    fn wants_comments(&self) -> bool {
        false
    }

    /// Whether each attempt is to be asked about. It also means that new credentials can be had after a 401.
    fn wants_request(&self) -> bool {
        false
    }

    /// Before each attempt. Only after [`Decision::Default`] is the request sent; else the attempt has failed.
    fn on_request(&mut self, _attempt: &mut Attempt) -> Decision {
        Decision::Default
    }

    /// Whether each redirect is to be asked about.
    fn wants_redirect(&self) -> bool {
        false
    }

    /// A redirect from this URL.
    fn on_redirect(&mut self, _from: &HttpUrl, _redirect: &Redirect) -> Following {
        Following::default()
    }

    /// The stream is open.
    fn on_open(&mut self, _opened: &Opened<'_>) {}

    /// An event.
    fn on_event(&mut self, _event: &Event<'_>) {}

    /// A handler that collects events now deals with those that it has: a read ends here, or a comment is next.
    fn deliver_collected(&mut self) {}

    /// A comment. Nothing is collected.
    fn on_comment(&mut self, _text: Text<'_>) {}

    /// Whether a response of another type than an event stream is a result.
    fn wants_document(&self) -> bool {
        false
    }

    /// Such a response, whole.
    fn on_document(&mut self, _document: Document<'_>) {}

    /// An attempt failed, or the stream was lost.
    fn on_error(&mut self, _failure: &Failure) -> Decision {
        Decision::Default
    }

    /// The run has ended.
    fn on_close(&mut self, _close: Close) {}
}

/// The attempt about to be made.
#[derive(Debug)]
pub struct Attempt {
    /// What will be sent; changes hold for this attempt.
    pub request: Request,
    /// 1 for the first since the start or since the stream was last open.
    pub number: u32,
    /// Why it is made; `None` at the start and when the program asked for it.
    pub cause: Option<Cause>,
    /// Why a change of the request was refused: then it is not sent.
    pub refused: Option<String>,
}

/// What went wrong before an attempt.
#[derive(Clone, Copy, Debug)]
pub struct Cause {
    /// What.
    pub kind: ErrorKind,
    /// The response's status, or 0.
    pub http_status: u16,
}

/// The response that opened the stream.
#[derive(Debug)]
pub struct Opened<'a> {
    /// The URL of the response.
    pub url: &'a HttpUrl,
    /// The status code.
    pub status: u16,
    /// 10 for HTTP/1.0, 11 for HTTP/1.1, 20 for HTTP/2.
    pub http_version: i32,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// What is known of the connection.
    pub facts: &'a Facts,
}

/// A response that is no event stream, and whole.
#[derive(Debug)]
pub struct Document<'a> {
    /// The response.
    pub opened: Opened<'a>,
    /// The body, decoded.
    pub body: Vec<u8>,
}

/// A failed attempt, or the loss of the stream.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong.
    pub kind: ErrorKind,
    /// For people.
    pub message: String,
    /// The operating system's error number, or 0.
    pub os_error: i32,
    /// The response's status, or 0.
    pub http_status: u16,
    /// The response's headers.
    pub headers: Option<HeaderMap>,
    /// The first bytes of the response's body.
    pub body: Vec<u8>,
    /// Failed attempts in a row, this one included; 0 when an open stream was lost.
    pub attempt: u32,
    /// It lies in the program's own settings: final, as no further attempt can end otherwise.
    pub is_of_settings: bool,
    /// When the next attempt comes; `None` when this failure is final.
    pub retry_in: Option<Duration>,
}

/// What a handler wants after a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decision {
    /// As the failure says.
    #[default]
    Default,
    /// Try again, even if the failure is final.
    Reconnect,
    /// Close.
    Stop,
}

/// Why a run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The program asked.
    Stopped,
    /// The server asked.
    Server,
    /// The server ended the stream without error, and that is to be the end.
    EndOfStream,
    /// An error was final.
    Failed(ErrorKind),
}

/// How a run has ended.
#[derive(Clone, Debug)]
pub struct End {
    /// Why.
    pub close: Close,
    /// The status of the response that ended it, or 0.
    pub http_status: u16,
    /// The operating system's error number, or 0.
    pub os_error: i32,
    /// How many attempts the run has begun.
    pub attempts: u64,
    /// The final error, for people; empty if there was none.
    pub message: String,
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Close::Stopped => f.write_str("closed, as the program asked"),
            Close::Server => f.write_str("closed, as the server asked"),
            Close::EndOfStream => f.write_str("closed, as the stream has ended"),
            Close::Failed(kind) => write!(f, "closed: {kind}"),
        }
    }
}
