//! Content codings (RFC 9110, section 8.4): which there are, and which a response has.

use super::error::{Error, ErrorKind};
use crate::features::{self, left_out};
use hyper::http::header::CONTENT_ENCODING;
use hyper::http::{HeaderMap, HeaderValue};
use std::fmt;

/// What `Accept-Encoding` says where codings are wanted: all that are decoded.
pub static ACCEPTED: HeaderValue = HeaderValue::from_static("gzip, deflate, br, zstd");

/// The most codings on top of each other. Nobody means more than one, but a proxy may put its own on a server's. Each has
/// its memory: up to 16 MiB for br, 8 MiB for zstd, 32 KiB for the others, and a few hundred KiB for their tables.
const MOST: usize = 2;

/// A content coding that is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// DEFLATE with gzip's head and checksum (RFC 1952).
    Gzip,
    /// DEFLATE with zlib's (RFC 1950), or with none (RFC 1951), as some servers have it.
    Deflate,
    /// Brotli (RFC 7932).
    Brotli,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Coding {
    fn named(name: &[u8]) -> Option<Coding> {
        const NAMES: [(&str, Coding); 5] = [
            ("gzip", Coding::Gzip),
            ("x-gzip", Coding::Gzip),
            ("deflate", Coding::Deflate),
            ("br", Coding::Brotli),
            ("zstd", Coding::Zstd),
        ];
        let mut names = NAMES.into_iter();
        names.find_map(|(known, coding)| {
            let is_it = known.as_bytes().eq_ignore_ascii_case(name);
            is_it.then_some(coding)
        })
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
        })
    }
}

/// The codings of a response's content that are to be decoded, in the order in which they were applied. None if there is
/// one that is not known, such as `none` or `utf-8`: then the bytes are taken as they are, as the Fetch standard has it.
pub fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, Error> {
    if has_unknown_coding(headers) {
        return Ok(Vec::new());
    }
    let codings: Vec<_> = names(headers).filter_map(Coding::named).collect();
    if let (false, Some(coding)) = (features::CODINGS, codings.first()) {
        let message = format!(
            "the response is encoded with {coding}, and {}",
            left_out("codings")
        );
        return Err(Error::new(ErrorKind::ContentEncoding, message));
    }
    if codings.len() > MOST {
        let codings = codings.len();
        return Err(Error::new(
            ErrorKind::ContentEncoding,
            format!("the response has {codings} content codings, and {MOST} are the most"),
        ));
    }
    Ok(codings)
}

/// Whether one of a response's content codings is not known.
pub fn has_unknown_coding(headers: &HeaderMap) -> bool {
    names(headers).any(|name| Coding::named(name).is_none())
}

/// The names of a response's content codings.
fn names(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let entries = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    entries
        .map(<[u8]>::trim_ascii)
        .filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case(b"identity"))
}
