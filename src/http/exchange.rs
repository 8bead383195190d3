//! One request, up to the head of the response: on a connection of its own, or on one that HTTP/2 shares among streams.

use super::body::Body;
use super::clock::Clock;
use super::connect::{connect, refused};
use super::content::Content;
use super::error::{Error, ErrorKind, Failed};
use super::http1;
use super::http2::{self, Reached};
use super::options::{Options, Version};
use super::origin::origin;
use super::patience;
use super::request::Request;
use super::response::Response;
use super::way::Route;
use crate::log::{self, Kind, Level};
use crate::words;
use std::fmt;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

/// Connects, sends the request, waits for the response's head.
pub async fn exchange(request: &mut Request, options: &Options) -> Result<Response, Error> {
    request.is_made();
    match attempt(request, options).await {
        // A shared connection may be about to close when a request comes. Once, and at once: another connection is another
        // chance, and no server has seen the request.
        Err(failed) if failed.is_unprocessed => {
            request.is_made();
            attempt(request, options).await
        }
        answered => answered,
    }
    .map_err(|failed| failed.error)
}

async fn attempt(request: &Request, options: &Options) -> Result<Response, Failed> {
    let uri = request.uri()?;
    let route = options.network.route(&uri, request.url().zone())?;
    log_request(request, &route);
    let clock = Clock::default();
    let way = async {
        match may_be_http2(request, &route, options.version) {
            true => http2::reach(request.url(), uri, &route, options, &clock).await,
            false => connect(uri, &route, options, &clock)
                .await
                .map(|(transport, facts)| Reached::Http1(transport, facts)),
        }
    };
    let late = |limit, name: Option<&str>| {
        let limit = words::duration(limit);
        let message = match name {
            Some(name) => format!("looking up {name} took longer than {limit}"),
            None => format!(
                "no connection to {}{route} within {limit}",
                origin(request.url())
            ),
        };
        Error::new(ErrorKind::ConnectTimeout, message)
    };
    let reached = clock
        .within(options.connect_timeout, pin!(way), late)
        .await??;

    let forwarder = route.forwarder();
    let asked = Instant::now();
    let answer = pin!(async {
        match reached {
            Reached::Http1(transport, facts) => {
                let (head, content) = http1::exchange(transport, request, forwarder).await?;
                Ok((head, Content::Http1(content), facts))
            }
            Reached::Http2(slot, facts) => {
                let (head, content) = http2::exchange(slot, request).await?;
                Ok((head, Content::Http2(content), facts))
            }
        }
    });
    let answered: Result<_, Failed> = within(options.head_timeout(), answer, |limit| {
        let kind = match options.read_timeout {
            Some(silence) if silence == limit => ErrorKind::ReadTimeout,
            _ => ErrorKind::ResponseTimeout,
        };
        let (from, limit) = (origin(request.url()), words::duration(limit));
        Error::new(kind, format!("no response from {from} within {limit}"))
    })
    .await?;
    let (head, content, mut facts) = answered?;
    facts.took.head = Some(asked.elapsed());
    // The one status that is never the server's.
    if let (407, Some(proxy)) = (head.status, forwarder) {
        return Err(refused(proxy, head).into());
    }
    request.keep_cookies(&head.headers);
    let body = Body::new(content, &head.headers, options.read_timeout);
    Ok(Response {
        status: head.status,
        http_version: head.http_version,
        headers: head.headers,
        facts,
        body: Box::new(body),
    })
}

/// What a request is, where it goes if that is not to the client's own origin, and through what.
fn log_request(request: &Request, route: &Route) {
    let method = &request.method;
    let write = |text: fmt::Arguments<'_>| log::write(Level::Debug, Kind::Request, text);
    match request.is_elsewhere() {
        false => write(format_args!("{method}{route}")),
        true => write(format_args!("{method} to {}{route}", origin(request.url()))),
    }
}

fn may_be_http2(request: &Request, route: &Route, version: Version) -> bool {
    match (version, route) {
        // With a proxy that makes the request in its own name, the server's knowledge is the proxy's affair.
        (Version::Http1, _) | (_, Route::Forward(_)) => false,
        (Version::Http2, _) => true,
        (Version::Negotiated, _) => request.url().scheme() == "https",
    }
}

/// Waits for a future for a limited time. Pinned elsewhere, it is not held here as well.
async fn within<T>(
    limit: Option<Duration>,
    future: Pin<&mut impl Future<Output = T>>,
    late: impl FnOnce(Duration) -> Error,
) -> Result<T, Error> {
    match limit {
        None => Ok(future.await),
        Some(limit) => patience::within(limit, future)
            .await
            .map_err(|_| late(limit)),
    }
}
