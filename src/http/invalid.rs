//! Why a setting is refused, at the setter.

use crate::features::left_out;

/// Why a setting is refused.
#[derive(Debug)]
pub struct Invalid {
    /// Which sort of setting.
    pub kind: InvalidKind,
    /// For people; without the value where that may be a secret.
    pub message: String,
}

/// Which sort of setting is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidKind {
    /// A URL.
    Url,
    /// A header's name or value.
    Header,
    /// A method.
    Method,
    /// A number, an option or an id.
    Value,
    /// Certificates.
    Pem,
    /// What this build has not.
    Unsupported,
}

impl Invalid {
    /// A refusal of what needs a part that this build has not.
    pub fn unsupported(part: &str) -> Invalid {
        Invalid::new(InvalidKind::Unsupported, left_out(part))
    }

    /// A refusal with its reason.
    pub fn new(kind: InvalidKind, message: impl Into<String>) -> Invalid {
        Invalid {
            kind,
            message: message.into(),
        }
    }
}
