//! The part of a URL that may be told.

use super::http_url::HttpUrl;
use std::fmt;

/// The part of a URL that may appear in logs and messages: neither path nor query, which can hold secrets. Costs nothing
/// where nobody wants the line that it is for.
pub fn origin(url: &HttpUrl) -> Origin<'_> {
    Origin(url)
}

/// See [`origin`].
#[derive(Debug)]
pub struct Origin<'u>(&'u HttpUrl);

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.origin_text())
    }
}
