//! The head of a response, whichever protocol brings it.

use super::HeaderMap;

/// The largest that is read: as much as Node.js allows.
pub const LARGEST: usize = 16 * 1024;

/// A response's head.
#[derive(Debug)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// 10 for HTTP/1.0, 11 for HTTP/1.1, 20 for HTTP/2.
    pub http_version: i32,
    /// The headers.
    pub headers: HeaderMap,
}
