//! Which version of HTTP is spoken.

use super::set;
use crate::abi::client::eventsource_t;
use crate::abi::guard::Refusal;
use crate::abi::status::{EVENTSOURCE_ERR_VALUE, eventsource_status_t};
use crate::http::Version;

/// Which version of HTTP a client speaks.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_http_t {
    /// https: HTTP/2 if the server chooses it in the TLS handshake (ALPN), else HTTP/1.1. http: HTTP/1.1. The default.
    EVENTSOURCE_HTTP_DEFAULT = 0,
    /// HTTP/1.1.
    EVENTSOURCE_HTTP_1_1 = 1,
    /// HTTP/2, which the server is known to speak. http: from the first byte on, without asking; but HTTP/1.1 to an HTTP
    /// proxy. https: nothing else is offered, and a server that does not choose it is an error.
    EVENTSOURCE_HTTP_2_PRIOR_KNOWLEDGE = 2,
}

/// Sets which version of HTTP is spoken.
///
/// Clients that speak HTTP/2 to the same scheme, host and port share a connection, as many as the server allows on one, if
/// they are on the same runtime and have the same settings for whom to trust and how to connect. Each has a window of its
/// own there, so that one whose callback blocks or that is stopped is nothing to the others. The connection ends with the
/// last of them. The server is asked for a sign of life every 30 seconds, and given up after 20 more.
///
/// What the server breaks off, as by RST_STREAM or GOAWAY with an error, and what breaks the rules of HTTP/2 is
/// `EVENTSOURCE_ERR_HTTP2`; an end of the connection without a reason is `EVENTSOURCE_ERR_DISCONNECTED`.
///
/// @param es the client
/// @param version an `eventsource_http_t`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a version that is none, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_http_version(
    es: *mut eventsource_t,
    version: i32,
) -> eventsource_status_t {
    const DEFAULT: i32 = eventsource_http_t::EVENTSOURCE_HTTP_DEFAULT as i32;
    const HTTP_1_1: i32 = eventsource_http_t::EVENTSOURCE_HTTP_1_1 as i32;
    const HTTP_2: i32 = eventsource_http_t::EVENTSOURCE_HTTP_2_PRIOR_KNOWLEDGE as i32;
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            settings.http.set_version(match version {
                DEFAULT => Version::Negotiated,
                HTTP_1_1 => Version::Http1,
                HTTP_2 => Version::Http2,
                _ => {
                    let message = "the version of HTTP is none of eventsource_http_t";
                    return Err(Refusal::new(EVENTSOURCE_ERR_VALUE, message));
                }
            });
            Ok(())
        })
    }
}
