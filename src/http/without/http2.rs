//! No HTTP/2: a request has a connection of its own.

use crate::http::clock::Clock;
use crate::http::connect::connect;
use crate::http::connect::transport::Transport;
use crate::http::error::{Error, Failed};
use crate::http::facts::Facts;
use crate::http::head::Head;
use crate::http::http_url::HttpUrl;
use crate::http::options::Options;
use crate::http::request::Request;
use crate::http::way::Route;
use hyper::Uri;
use std::task::{Context, Poll};

/// What a request can be sent on.
pub enum Reached {
    /// A new connection.
    Http1(Transport, Box<Facts>),
    /// A slot for a stream: there is none.
    Http2(Slot, Box<Facts>),
}

pub enum Slot {}

/// Connects. The server has been offered nothing else than HTTP/1.1.
pub async fn reach(
    _: &HttpUrl,
    uri: Uri,
    route: &Route,
    options: &Options,
    clock: &Clock,
) -> Result<Reached, Error> {
    let (transport, facts) = connect(uri, route, options, clock).await?;
    Ok(Reached::Http1(transport, facts))
}

pub async fn exchange(slot: Slot, _: &Request) -> Result<(Head, Content), Failed> {
    match slot {}
}

#[derive(Debug)]
pub enum Content {}

impl Content {
    pub fn doubt(&self) {
        match *self {}
    }

    pub fn poll_read(
        &mut self,
        _: &mut Context<'_>,
        _: usize,
        _: &mut impl FnMut(&[u8]),
    ) -> Poll<Result<bool, Error>> {
        match *self {}
    }
}
