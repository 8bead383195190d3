//! The head of a response, whichever protocol brings it.

use hyper::http::HeaderMap;

/// The largest that is read: as much as browsers allow. Interim responses have heads of their own.
pub const LARGEST: usize = 256 * 1024;

/// The most fields that one has.
pub const MOST_FIELDS: usize = 1000;

/// The most interim responses (RFC 9110, section 15.2) before a response. No server makes a client busy for ever.
pub const MOST_INTERIM: usize = 100;

/// A response's head.
#[derive(Debug, PartialEq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// 10 for HTTP/1.0, 11 for HTTP/1.1, 20 for HTTP/2.
    pub http_version: i32,
    /// The headers.
    pub headers: HeaderMap,
}
