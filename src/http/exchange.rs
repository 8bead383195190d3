//! One request on one connection of its own, up to the head of the response.

use super::body::Body;
use super::connect::{connect, refused};
use super::error::{Error, ErrorKind};
use super::http1;
use super::request::Request;
use super::{Options, Response, origin};
use crate::log::{self, Level};
use hyper::Uri;
use std::pin::{Pin, pin};
use std::time::Duration;

/// Connects, sends the request, waits for the response's head.
pub async fn exchange(request: &Request, options: &Options) -> Result<Response, Error> {
    let uri: Uri = request.url().as_str().parse().map_err(|error| {
        Error::caused(
            ErrorKind::Protocol,
            "the URL cannot stand in a request",
            &error,
        )
    })?;
    log::write(
        Level::Debug,
        format_args!("{} {}", request.method, origin(request.url())),
    );
    let route = options.network.route(&uri)?;
    let stream = within(
        options.connect_timeout,
        pin!(connect(uri, &route, options)),
        |limit| {
            Error::new(
                ErrorKind::ConnectTimeout,
                format!(
                    "no connection to {}{route} within {limit:?}",
                    origin(request.url())
                ),
            )
        },
    )
    .await??;

    let forwarder = route.forwarder();
    let answer = pin!(http1::exchange(stream, request, forwarder));
    let (head, content) = within(options.read_timeout, answer, |limit| {
        Error::new(
            ErrorKind::ReadTimeout,
            format!("no response within {limit:?}"),
        )
    })
    .await??;
    // The one status that is never the server's.
    if let (407, Some(proxy)) = (head.status, forwarder) {
        return Err(refused(proxy, head));
    }
    let body = Body::new(content, &head.headers, options.read_timeout);
    Ok(Response {
        status: head.status,
        http_version: head.http_version,
        headers: head.headers,
        body: Box::new(body),
    })
}

/// Waits for a future for a limited time. Pinned elsewhere, it is not held here as well.
async fn within<T>(
    limit: Option<Duration>,
    future: Pin<&mut impl Future<Output = T>>,
    late: impl FnOnce(Duration) -> Error,
) -> Result<T, Error> {
    match limit {
        None => Ok(future.await),
        Some(limit) => tokio::time::timeout(limit, future)
            .await
            .map_err(|_| late(limit)),
    }
}
