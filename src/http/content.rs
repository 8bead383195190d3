//! The content of a response, as its protocol frames it.

use super::error::Error;
use super::{http1, http2};
use std::task::{Context, Poll};

/// The content of a response.
#[derive(Debug)]
pub enum Content {
    Http1(http1::Content),
    Http2(http2::Content),
}

impl Content {
    /// Reads on, `limit` bytes at most, and lends what of them is content to `take`, in as many pieces as it came in, which
    /// may be none. Returns whether more can follow.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        limit: usize,
        take: &mut impl FnMut(&[u8]),
    ) -> Poll<Result<bool, Error>> {
        match self {
            Content::Http1(content) => content.poll_read(cx, limit, take),
            Content::Http2(content) => content.poll_read(cx, limit, take),
        }
    }
}
