//! Why a setting is refused, at the setter.

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
}

impl Invalid {
    /// A refusal with its reason.
    pub fn new(kind: InvalidKind, message: impl Into<String>) -> Invalid {
        Invalid {
            kind,
            message: message.into(),
        }
    }
}
