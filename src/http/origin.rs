//! The part of a URL that may be told.

use std::fmt;
use url::Url;

/// The part of a URL that may appear in logs and messages: neither path nor query, which can hold secrets. Costs nothing
/// where nobody wants the line that it is for.
pub fn origin(url: &Url) -> Origin<'_> {
    Origin(url)
}

/// See [`origin`].
#[derive(Debug)]
pub struct Origin<'u>(&'u Url);

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.origin().ascii_serialization())
    }
}
