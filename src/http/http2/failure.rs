//! What went wrong on a stream or a connection, in words.

use crate::http::error::{Error, ErrorKind};
use h2::Reason;
use std::sync::{Arc, OnceLock};

/// What ended a stream; `None` if it was the end of its connection.
pub fn of_stream(error: &h2::Error) -> Option<Error> {
    let is_of_stream = error.is_reset() || error.is_go_away() && error.is_remote();
    let is_of_connection = error.is_go_away() || error.is_io();
    (is_of_stream || !is_of_connection).then(|| broken(error))
}

/// What the server did, or did wrong.
fn broken(error: &h2::Error) -> Error {
    let reason = error.reason().map_or_else(|| error.to_string(), name);
    let what = match (error.is_remote(), error.is_reset()) {
        (true, true) => "the server has reset the stream",
        (true, false) => "the server closes the connection",
        (false, true) => "the server's answer breaks the rules of HTTP/2, or its head is too large",
        (false, false) => "the server breaks the rules of HTTP/2",
    };
    Error::new(ErrorKind::Http2, format!("{what}: {reason}"))
}

/// An error code by its name in RFC 9113, section 7.
fn name(reason: Reason) -> String {
    match u32::from(reason) {
        0..=13 => format!("{reason:?}"),
        unknown => format!("error code {unknown}"),
    }
}

/// What broke a transport, once something has.
pub type Broken = Arc<OnceLock<Ended>>;

/// How a connection ended.
#[derive(Clone, Debug)]
pub struct Ended {
    kind: ErrorKind,
    message: String,
    os_error: i32,
}

impl From<Error> for Ended {
    fn from(error: Error) -> Ended {
        Ended {
            kind: error.kind,
            message: error.message,
            os_error: error.os_error,
        }
    }
}

impl Ended {
    /// The server, or what is between, closed it or is gone.
    pub fn lost(message: impl Into<String>) -> Ended {
        Error::new(ErrorKind::Disconnected, message).into()
    }

    /// The server cannot be used.
    pub fn broken(message: impl Into<String>) -> Ended {
        Error::new(ErrorKind::Http2, message).into()
    }

    /// As h2 says it, or the transport, if that broke.
    pub fn of(result: Result<(), h2::Error>, broken: &Broken) -> Ended {
        match result {
            Ok(()) => Ended::lost("the connection ended before the response was complete"),
            Err(error) if !error.is_io() => self::broken(&error).into(),
            Err(error) => {
                let known = broken.get().cloned();
                known.unwrap_or_else(|| Ended::lost(format!("the connection broke: {error}")))
            }
        }
    }

    /// The same for a connection that has just begun.
    pub fn at_the_beginning(result: Result<(), h2::Error>, broken: &Broken) -> Ended {
        let mut ended = Ended::of(result, broken);
        if ended.kind != ErrorKind::Tls {
            ended.message += " (perhaps the server does not speak HTTP/2)";
        }
        ended
    }

    /// For each of the connection's streams.
    pub fn error(&self) -> Error {
        Error {
            os_error: self.os_error,
            ..Error::new(self.kind, self.message.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_code_has_a_name_or_is_a_number() {
        for code in 0..14 {
            let name = name(Reason::from(code));
            let is_name = |c: char| c.is_ascii_uppercase() || "_12.".contains(c);
            assert!(name.chars().all(is_name), "{name}");
        }
        assert_eq!(name(Reason::from(14)), "error code 14");
        assert_eq!(name(Reason::from(u32::MAX)), "error code 4294967295");
    }
}
