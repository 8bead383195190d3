//! Copies that a callback is lent, where what the library has is not as C expects it.

use super::payload::eventsource_header_t;
use crate::http::HeaderMap;
use std::ffi::c_char;
use std::fmt;
use std::io::Write;
use std::ops::Range;

/// A copy of a text with the NUL that C expects.
pub struct Terminated(Vec<u8>);

impl Terminated {
    pub fn new(text: &str) -> Terminated {
        let mut bytes = Vec::with_capacity(text.len() + 1);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
        Terminated(bytes)
    }

    /// What is to be displayed, as a text.
    pub fn of(what: &dyn fmt::Display) -> Terminated {
        /// As much as an address takes.
        const SHORT: usize = 64;
        let mut bytes = Vec::with_capacity(SHORT);
        // A list takes all.
        let _ = write!(bytes, "{what}");
        bytes.push(0);
        Terminated(bytes)
    }

    pub fn as_ptr(&self) -> *const c_char {
        self.0.as_ptr().cast()
    }

    pub fn len(&self) -> usize {
        self.0.len() - 1
    }
}

/// Headers as an array for C, together with the text that the array points at: all in one piece, since every stream that opens
/// tells of its own.
pub struct Headers {
    fields: Vec<eventsource_header_t>,
    _text: Vec<u8>,
}

impl Headers {
    /// A response's.
    pub fn new(headers: &HeaderMap) -> Headers {
        let fields = headers.iter();
        Headers::of(fields.map(|(name, value)| (name.as_str(), value.as_bytes())))
    }

    /// Those with these names and values.
    pub fn of<'h>(headers: impl Iterator<Item = (&'h str, &'h [u8])>) -> Headers {
        /// As much as most have.
        const TEXT: usize = 1024;
        let mut text = Vec::with_capacity(TEXT);
        let mut put = |part: &str| {
            let start = text.len();
            text.extend_from_slice(part.as_bytes());
            text.push(0);
            start..start + part.len()
        };
        let places: Vec<_> = headers
            .map(|(name, value)| (put(name), put(&String::from_utf8_lossy(value))))
            .collect();
        // Nothing moves it any more.
        let at = |place: &Range<usize>| text[place.start..].as_ptr().cast();
        let fields = places
            .iter()
            .map(|(name, value)| eventsource_header_t {
                name: at(name),
                name_len: name.len(),
                value: at(value),
                value_len: value.len(),
            })
            .collect();
        Headers {
            fields,
            _text: text,
        }
    }

    pub fn fields(&self) -> &[eventsource_header_t] {
        &self.fields
    }

    pub fn as_ptr(&self) -> *const eventsource_header_t {
        self.fields.as_ptr()
    }

    pub fn len(&self) -> usize {
        self.fields.len()
    }
}
