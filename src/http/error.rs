//! What can go wrong between a request and its bytes.

use hyper::http::HeaderMap;
use std::fmt;
use std::io;

/// What is said of a connection whose own address the machine has no more.
pub const ADDRESS_GONE: &str =
    "the connection is lost: the machine no longer has the address that it was made from";

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The host's name could not be resolved.
    Resolve,
    /// No TCP connection could be made.
    Connect,
    /// Resolving, connecting and TLS took too long.
    ConnectTimeout,
    /// The proxy cannot be reached, or refuses, or does not speak its protocol.
    Proxy,
    /// TLS failed: in the handshake, or in what came after it.
    Tls,
    /// The server's certificate is not to be trusted.
    Certificate,
    /// The connection broke before the response was complete.
    Disconnected,
    /// No response came for too long.
    ResponseTimeout,
    /// Nothing came for too long.
    ReadTimeout,
    /// No event came for too long.
    EventTimeout,
    /// What came is not HTTP.
    Protocol,
    /// The server, or what is between, broke off an HTTP/2 stream or connection, or broke its rules.
    Http2,
    /// The server ended the stream.
    EndOfStream,
    /// The HTTP status opens no event stream.
    Status,
    /// The type is not `text/event-stream`.
    ContentType,
    /// The body has more content codings than are decoded.
    ContentEncoding,
    /// The body cannot be decoded.
    Decoding,
    /// A redirect cannot be followed.
    Redirect,
    /// More redirects than allowed.
    TooManyRedirects,
    /// An event is over the limit.
    EventTooLarge,
    /// The system has no memory for what a server has sent.
    Memory,
    /// The program did not make the request of an attempt.
    Request,
    /// A bug of the library.
    Panic,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ErrorKind::Resolve => "name not resolved",
            ErrorKind::Connect => "not connected",
            ErrorKind::ConnectTimeout => "connect timeout",
            ErrorKind::Proxy => "proxy failed",
            ErrorKind::Tls => "TLS failed",
            ErrorKind::Certificate => "certificate not trusted",
            ErrorKind::Disconnected => "disconnected",
            ErrorKind::ResponseTimeout => "response timeout",
            ErrorKind::ReadTimeout => "read timeout",
            ErrorKind::EventTimeout => "event timeout",
            ErrorKind::Protocol => "protocol error",
            ErrorKind::Http2 => "HTTP/2 error",
            ErrorKind::EndOfStream => "end of stream",
            ErrorKind::Status => "status refused",
            ErrorKind::ContentType => "wrong content type",
            ErrorKind::ContentEncoding => "too many content codings",
            ErrorKind::Decoding => "content not decoded",
            ErrorKind::Redirect => "bad redirect",
            ErrorKind::TooManyRedirects => "too many redirects",
            ErrorKind::EventTooLarge => "event too large",
            ErrorKind::Memory => "out of memory",
            ErrorKind::Request => "request not made",
            ErrorKind::Panic => "internal error",
        })
    }
}

/// What went wrong, with what is known about it.
#[derive(Debug)]
pub struct Error {
    /// What.
    pub kind: ErrorKind,
    /// For people.
    pub message: String,
    /// The operating system's error number, or 0.
    pub os_error: i32,
    /// The response that was the error, if there was one.
    pub response: Option<Box<ErrorResponse>>,
    /// It lies in the program's own settings, so that no further attempt can end otherwise.
    pub is_of_settings: bool,
}

/// A response that is no event stream.
#[derive(Debug)]
pub struct ErrorResponse {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The first bytes of the body.
    pub body: Vec<u8>,
}

impl Error {
    /// An error of the library's own finding.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error {
            kind,
            message: message.into(),
            os_error: 0,
            response: None,
            is_of_settings: false,
        }
    }

    /// There is no memory for what a server has sent.
    pub fn no_memory() -> Error {
        let message = "the system has no memory for what the server has sent";
        Error::new(ErrorKind::Memory, message)
    }

    /// An error that has causes: they are all told, and searched for the operating system's number.
    pub fn caused(
        kind: ErrorKind,
        what: impl fmt::Display,
        cause: &(dyn std::error::Error + 'static),
    ) -> Error {
        let mut message = what.to_string();
        let mut os_error = 0;
        for cause in causes(cause) {
            let text = cause.to_string();
            // Wrappers often repeat what they wrap.
            if !message.ends_with(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            if let Some(number) = cause
                .downcast_ref::<io::Error>()
                .and_then(io::Error::raw_os_error)
            {
                os_error = number;
            }
        }
        Error {
            kind,
            message,
            os_error,
            response: None,
            is_of_settings: false,
        }
    }

    /// The same error, as one that no further attempt can mend.
    pub fn of_settings(mut self) -> Error {
        self.is_of_settings = true;
        self
    }

    /// The same error, with the response that caused it.
    pub fn with_response(mut self, response: ErrorResponse) -> Error {
        self.response = Some(Box::new(response));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Why a request has no response.
#[derive(Debug)]
pub struct Failed {
    /// What went wrong.
    pub error: Error,
    /// The server has not begun with the request, and will not.
    pub is_unprocessed: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed {
            error,
            is_unprocessed: false,
        }
    }
}

/// An error and its causes, outermost first. An I/O error's cause is what it was made of, which it itself takes for the
/// same as itself.
pub fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let within = error.downcast_ref().and_then(io::Error::get_ref);
        match within {
            Some(within) => Some(within as _),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_number_is_found_however_deep_an_io_error_hides_it() {
        let system = io::Error::from_raw_os_error(111);
        let words = system.to_string();
        let wrapped = io::Error::other(io::Error::other(system));
        let error = Error::caused(ErrorKind::Connect, "cannot connect", &wrapped);
        assert_eq!(error.os_error, 111);
        assert_eq!(error.message, format!("cannot connect: {words}"));
    }
}
