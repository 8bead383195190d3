//! One request on one connection of its own, up to the head of the response.

use super::body::{Body, Wire};
use super::connect::connect;
use super::error::{Error, ErrorKind};
use super::request::Request;
use super::{Options, Response, origin};
use crate::log::{self, Level};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper::http::header::{HOST, HeaderValue};
use hyper::{Uri, Version};
use std::time::Duration;

/// What one connection reads at a time, and so the largest response head: as much as Node.js allows. Fixed, because the
/// size that hyper would choose by itself grows to hundreds of kilobytes for each stream and stays there.
const READ_BUFFER: usize = 16 * 1024;

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
    let stream = within(
        options.connect_timeout,
        connect(uri.clone(), options),
        |limit| {
            Error::new(
                ErrorKind::ConnectTimeout,
                format!(
                    "no connection to {} within {limit:?}",
                    origin(request.url())
                ),
            )
        },
    )
    .await??;

    let (mut sender, connection) = http1::Builder::new()
        .writev(false)
        .read_buf_exact_size(Some(READ_BUFFER))
        .handshake(stream)
        .await?;
    let mut wire = Wire::new(connection);
    let response = wire.drive(sender.send_request(message(request, &uri)?));
    let response = within(options.read_timeout, response, |limit| {
        Error::new(
            ErrorKind::ReadTimeout,
            format!("no response within {limit:?}"),
        )
    })
    .await??;

    let (head, incoming) = response.into_parts();
    Ok(Response {
        url: request.url().clone(),
        status: head.status.as_u16(),
        http_version: if head.version == Version::HTTP_10 {
            10
        } else {
            11
        },
        headers: head.headers,
        body: Body::new(wire, incoming, options.read_timeout),
    })
}

/// The request in origin form (RFC 9112, section 3.2.1).
fn message(request: &Request, uri: &Uri) -> Result<hyper::Request<Full<bytes::Bytes>>, Error> {
    let impossible = |error: &(dyn std::error::Error + 'static)| {
        Error::caused(ErrorKind::Protocol, "the request is malformed", error)
    };
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut message = hyper::Request::new(Full::new(request.body.clone()));
    *message.method_mut() = request.method.clone();
    *message.uri_mut() = target
        .parse()
        .map_err(|error: hyper::http::uri::InvalidUri| impossible(&error))?;
    *message.headers_mut() = request.headers.clone();
    if !request.headers.contains_key(HOST) {
        let host = HeaderValue::from_str(host).map_err(|error| impossible(&error))?;
        message.headers_mut().insert(HOST, host);
    }
    Ok(message)
}

/// Waits for a future for a limited time.
async fn within<T>(
    limit: Option<Duration>,
    future: impl Future<Output = T>,
    late: impl FnOnce(Duration) -> Error,
) -> Result<T, Error> {
    match limit {
        None => Ok(future.await),
        Some(limit) => tokio::time::timeout(limit, future)
            .await
            .map_err(|_| late(limit)),
    }
}
