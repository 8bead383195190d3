//! One request on one connection of its own, up to the head of the response.

use super::body::Body;
use super::connect::connect;
use super::error::{Error, ErrorKind};
use super::framing::Framing;
use super::head::{self, Head};
use super::request::Request;
use super::wire::Wire;
use super::{Options, Response, origin};
use crate::log::{self, Level};
use hyper::Uri;
use hyper::http::Method;
use std::future::poll_fn;
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
    let stream = within(
        options.connect_timeout,
        pin!(connect(uri, options)),
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

    let mut wire = Wire::new(stream, head::write(request), request.body.clone());
    let (head, beginning) = within(options.read_timeout, pin!(read_head(&mut wire)), |limit| {
        Error::new(
            ErrorKind::ReadTimeout,
            format!("no response within {limit:?}"),
        )
    })
    .await??;

    let framing = Framing::of(head.status, request.method == Method::HEAD, &head.headers)?;
    Ok(Response {
        status: head.status,
        http_version: head.http_version,
        headers: head.headers,
        body: Box::new(Body::new(wire, framing, beginning, options.read_timeout)),
    })
}

/// The response's head, and what came together with it of the body.
async fn read_head(wire: &mut Wire) -> Result<(Head, Vec<u8>), Error> {
    let mut bytes = Vec::new();
    loop {
        let room = head::LARGEST - bytes.len();
        let read = poll_fn(|cx| {
            wire.poll_read(cx, room, |read| {
                bytes.extend_from_slice(read);
                read.len()
            })
        });
        if read.await? == 0 {
            return Err(Error::new(
                ErrorKind::Disconnected,
                "the connection ended before the response's head was complete",
            ));
        }
        if let Some((head, len)) = head::read(&bytes)? {
            return Ok((head, bytes.split_off(len)));
        }
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
        Some(limit) => tokio::time::timeout(limit, future)
            .await
            .map_err(|_| late(limit)),
    }
}
