//! No content codings: none is asked for, and a response that has one is refused, by `codings`.

// As what they stand in for.
#![allow(missing_docs)]

use crate::http::content::Content;
use crate::http::error::Error;
use hyper::http::HeaderMap;
use std::task::{Context, Poll};

/// What decodes the content of a response: there is none.
#[derive(Debug)]
pub enum Decoder {}

impl Decoder {
    pub fn of(_: &HeaderMap) -> Option<Box<Decoder>> {
        None
    }

    pub fn allow(&mut self, _: usize) {
        match *self {}
    }

    pub fn brought_event(&mut self) {
        match *self {}
    }

    pub fn has_more(&self) -> bool {
        match *self {}
    }

    pub fn poll_read(
        &mut self,
        _: &mut Content,
        _: &mut Context<'_>,
        _: usize,
        _: &mut impl FnMut(&[u8]),
    ) -> Poll<Result<bool, Error>> {
        match *self {}
    }
}
