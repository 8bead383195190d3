//! Why a call is refused: by what the library itself says, too.

use crate::abi::types::status::{eventsource_status_t, *};
use crate::features::left_out;
use crate::stream::{Invalid, InvalidKind, Refused};
use std::borrow::Cow;

/// Why a call is refused: its status, and the text that `eventsource_get_last_error` then gives.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: eventsource_status_t,
    pub message: Cow<'static, str>,
}

impl Refusal {
    pub fn new(status: eventsource_status_t, message: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal {
            status,
            message: message.into(),
        }
    }

    /// Whether something went wrong. If a text does not fit, nothing has: that is how a program asks for its length, while
    /// another thread may be about to read what did go wrong.
    pub fn is_failure(&self) -> bool {
        self.status != EVENTSOURCE_ERR_BUFFER
    }

    pub fn null(what: &str) -> Refusal {
        Refusal::new(EVENTSOURCE_ERR_NULL, format!("{what} is NULL"))
    }

    pub fn freed(what: &str) -> Refusal {
        Refusal::new(EVENTSOURCE_ERR_FREED, format!("{what} has been freed"))
    }

    /// Refuses what needs a part that this build has not.
    pub fn unless(has: bool, part: &str) -> Result<(), Refusal> {
        match has {
            true => Ok(()),
            false => Err(Refusal::new(EVENTSOURCE_ERR_UNSUPPORTED, left_out(part))),
        }
    }

    pub fn runtime(error: &std::io::Error) -> Refusal {
        Refusal::new(
            EVENTSOURCE_ERR_RUNTIME,
            format!("the runtime could not be started: {error}"),
        )
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Refusal {
        let status = match invalid.kind {
            InvalidKind::Url => EVENTSOURCE_ERR_URL,
            InvalidKind::Header => EVENTSOURCE_ERR_HEADER,
            InvalidKind::Method => EVENTSOURCE_ERR_METHOD,
            InvalidKind::Value => EVENTSOURCE_ERR_VALUE,
            InvalidKind::Pem => EVENTSOURCE_ERR_PEM,
            InvalidKind::Unsupported => EVENTSOURCE_ERR_UNSUPPORTED,
        };
        Refusal::new(status, invalid.message)
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Refusal {
        match refused {
            Refused::Invalid(invalid) => invalid.into(),
            Refused::State(message) => Refusal::new(EVENTSOURCE_ERR_STATE, message),
            Refused::Running => Refusal::new(EVENTSOURCE_ERR_STATE, "the client is running"),
            Refused::Freed => Refusal::freed("the client"),
            Refused::Runtime(error) => Refusal::runtime(&error),
        }
    }
}
