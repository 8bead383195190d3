//! No cookies: no jar can be made.

// As what they stand in for.
#![allow(missing_docs)]

use crate::http::http_url::HttpUrl;
use crate::http::invalid::Invalid;
use hyper::http::{HeaderMap, HeaderValue};

/// There is none.
#[derive(Clone, Debug)]
pub enum Jar {}

impl Jar {
    pub fn new() -> Result<Jar, Invalid> {
        Err(Invalid::unsupported("cookies"))
    }

    pub fn store(&self, _: &HttpUrl, _: &HeaderMap) {
        match *self {}
    }

    pub fn header(&self, _: &HttpUrl) -> Option<HeaderValue> {
        match *self {}
    }

    pub fn text(&self) -> String {
        match *self {}
    }

    pub fn add(&self, _: &str) -> Result<(), Invalid> {
        match *self {}
    }
}
