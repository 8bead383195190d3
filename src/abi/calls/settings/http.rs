//! Which version of HTTP is spoken.

use super::set::set;
use crate::abi::guard::arguments::one_of;
use crate::abi::guard::refusal::Refusal;
use crate::abi::objects::refused::Setting;
use crate::abi::types::enumeration::enumeration;
use crate::abi::types::handles::eventsource_t;
use crate::abi::types::status::eventsource_status_t;
use crate::features;
use crate::http::Version;
use std::mem::MaybeUninit;

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

use eventsource_http_t::*;

enumeration!(eventsource_http_t {
    EVENTSOURCE_HTTP_DEFAULT
    EVENTSOURCE_HTTP_1_1
    EVENTSOURCE_HTTP_2_PRIOR_KNOWLEDGE
});

/// Sets which version of HTTP is spoken.
///
/// Clients that speak HTTP/2 to the same scheme, host and port share a connection, as many as the server allows on one, if
/// they are on the same runtime and have the same settings for whom to trust and how to connect. Each has a window of its own
/// there, so a client whose callback blocks or that is stopped does not affect the others. The connection is closed when the
/// last of them ends. The server is pinged every 30 seconds. The connection is dropped if there is no reply within 20 seconds.
///
/// Whatever the server sends, a stream over HTTP/2 holds at most 1 MiB beside its event limit and its decoders, and a
/// connection at most 2 MiB beside its streams. Of content that is not read, because a callback blocks or the client is
/// paused, 128 KiB are kept at most; then the server has to wait. While no response has been read, its heads hold at most
/// 4 MiB.
///
/// If the server breaks off a stream or connection (RST_STREAM, or GOAWAY with an error), or breaks the rules of HTTP/2, the
/// error is `EVENTSOURCE_ERR_HTTP2`. If the connection ends without a reason, it is `EVENTSOURCE_ERR_DISCONNECTED`.
///
/// @param es the client
/// @param version the version
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a version that is none, `ERR_UNSUPPORTED` for HTTP/2 in a build
///         without it, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_http_version(
    es: *mut eventsource_t,
    version: MaybeUninit<eventsource_http_t>,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("http_version"), |settings| {
            let version = match one_of(version, "the version of HTTP")? {
                EVENTSOURCE_HTTP_DEFAULT => Version::Negotiated,
                EVENTSOURCE_HTTP_1_1 => Version::Http1,
                EVENTSOURCE_HTTP_2_PRIOR_KNOWLEDGE => Version::Http2,
            };
            Refusal::unless(features::HTTP2 || version != Version::Http2, "HTTP/2")?;
            settings.http.set_version(version);
            Ok(())
        })
    }
}
