//! What an HTTP or SOCKS proxy did not do, in words.

use crate::http::error::{Error, ErrorKind, ErrorResponse};
use crate::http::head::Head;
use crate::http::way::proxy::Proxy;
use hyper::http::StatusCode;

/// Why there is no connection to a proxy.
pub fn no_way_to(proxy: &Proxy, error: Error) -> Error {
    Error {
        kind: ErrorKind::Proxy,
        message: format!("the proxy {proxy} cannot be reached: {}", error.message),
        ..error
    }
}

/// A proxy's answer that is no success. Of its content nothing is read: it is not the server's.
pub fn refused(proxy: &Proxy, head: Head) -> Error {
    let reason = StatusCode::from_u16(head.status)
        .ok()
        .and_then(|status| status.canonical_reason());
    let message = format!("the proxy {proxy} answered {}", head.status);
    Error::new(
        ErrorKind::Proxy,
        match reason {
            Some(reason) => format!("{message} {reason}"),
            None => message,
        },
    )
    .with_response(ErrorResponse {
        status: head.status,
        headers: head.headers,
        body: Vec::new(),
    })
}
