//! Pinned public keys (as RFC 7469 hashes them), in curl's notation.

use crate::http::invalid::{Invalid, InvalidKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use std::fmt;

const PREFIX: &str = "sha256//";

/// The keys that a server may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins(Vec<Pin>);

/// The SHA-256 of a SubjectPublicKeyInfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin([u8; 32]);

impl Pins {
    /// One or more `sha256//` with base64, separated by `;`.
    pub fn parse(text: &str) -> Result<Pins, Invalid> {
        let pins = text.split(';').map(Pin::parse).collect::<Option<_>>();
        pins.map(Pins).ok_or_else(|| {
            let message =
                "a pinned key is sha256// and 44 characters of base64; several are separated by ;";
            Invalid::new(InvalidKind::Value, message)
        })
    }

    pub fn contain(&self, pin: Pin) -> bool {
        self.0.contains(&pin)
    }
}

impl Pin {
    /// The pin of a key, given as its SubjectPublicKeyInfo.
    pub fn of(public_key: &[u8]) -> Pin {
        let mut pin = [0; 32];
        pin.copy_from_slice(digest(&SHA256, public_key).as_ref());
        Pin(pin)
    }

    fn parse(text: &str) -> Option<Pin> {
        let hash = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        hash.try_into().ok().map(Pin)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", STANDARD.encode(self.0))
    }
}
