//! What every attempt sends.

use super::set;
use crate::abi::client::eventsource_t;
use crate::abi::guard::{bytes, client_call, switch, text};
use crate::abi::status::eventsource_status_t;
use crate::http::{Invalid, Request};
use std::ffi::{c_char, c_void};

/// The setters for headers, which differ only in what they do with one.
///
/// # Safety
/// As for `client_call` and `text`.
unsafe fn header(
    es: *mut eventsource_t,
    name: *const c_char,
    value: *const c_char,
    put: fn(&mut Request, &str, &str) -> Result<(), Invalid>,
) -> eventsource_status_t {
    // SAFETY: the caller's promise.
    unsafe {
        set(es, |settings| {
            let (name, value) = (
                text(name, "the header's name")?,
                text(value, "the header's value")?,
            );
            Ok(put(&mut settings.request, name, value)?)
        })
    }
}

/// Sets the request method. Default: GET. A request by another method is made once unless `eventsource_set_mode` says
/// otherwise, and any success status with content opens its stream: 2xx but 204, 205 and 206.
///
/// @param es the client
/// @param method an HTTP method token, as `"POST"`; used as written, methods are case-sensitive
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_METHOD`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_method(
    es: *mut eventsource_t,
    method: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            Ok(settings.request.set_method(text(method, "the method")?)?)
        })
    }
}

/// Sets the request body, sent with every attempt. Default: none. Does not change the method.
///
/// @param es the client
/// @param body copied; may be NULL when `len` is 0
/// @param len bytes of `body`; 0 for no body
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_body(
    es: *mut eventsource_t,
    body: *const c_void,
    len: usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            settings.request.set_body(bytes(body, len, "the body")?);
            Ok(())
        })
    }
}

/// Sets a request header, in place of any of that name.
///
/// The library itself sends `Accept: text/event-stream`, `Cache-Control: no-cache` and `User-Agent`, which may be
/// replaced. It alone writes `Connection`, `Content-Length`, `Expect`, `Keep-Alive`, `Last-Event-ID`,
/// `Proxy-Authorization` (from what `eventsource_set_proxy` is given), `Proxy-Connection`, `TE`, `Trailer`,
/// `Transfer-Encoding` and `Upgrade`.
///
/// A request has room for 1,000 headers, and for 256 KiB of names and values in all.
///
/// Over HTTP/1 a name is written as the caller spells it, and the library's own as above; over HTTP/2 all are in lower
/// case.
///
/// @param es the client
/// @param name an HTTP field name
/// @param value without CR, LF, NUL and other control characters
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_HEADER`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_header(
    es: *mut eventsource_t,
    name: *const c_char,
    value: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { header(es, name, value, Request::set_header) }
}

/// Adds a request header beside those of the same name. Otherwise as `eventsource_set_header`.
///
/// @param es the client
/// @param name an HTTP field name
/// @param value as for `eventsource_set_header`
/// @return as `eventsource_set_header`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_add_header(
    es: *mut eventsource_t,
    name: *const c_char,
    value: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { header(es, name, value, Request::add_header) }
}

/// Sets a header that holds a secret: it is not sent to another origin (scheme, host and port) than the client's URL has.
/// The same holds for `Authorization` and `Cookie`, for the URL's user and password, and for a client certificate, whether
/// a redirect or `on_request` leads there. Otherwise as `eventsource_set_header`.
///
/// @param es the client
/// @param name an HTTP field name
/// @param value as for `eventsource_set_header`
/// @return as `eventsource_set_header`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_sensitive_header(
    es: *mut eventsource_t,
    name: *const c_char,
    value: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { header(es, name, value, Request::set_sensitive_header) }
}

/// Sets `Authorization` to basic authentication (RFC 7617), in UTF-8.
///
/// @param es the client
/// @param user without a colon
/// @param password any, also none: `""`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE` for a colon in `user` or control characters in either,
///         `ERR_HEADER` if there is no room for it, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_basic_auth(
    es: *mut eventsource_t,
    user: *const c_char,
    password: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            Ok(settings
                .request
                .set_basic_auth(text(user, "the user")?, text(password, "the password")?)?)
        })
    }
}

/// Sets whether to ask for a compressed stream, by `Accept-Encoding: gzip, deflate, br, zstd`. Default: 0, no such header is
/// sent; servers do not compress then, although HTTP allows it. An `Accept-Encoding` of the program's own comes in its place.
///
/// Whatever was asked for, a response is decoded by its `Content-Encoding`, as a stream: an event that the server flushes is
/// delivered at once. Two codings on top of each other are decoded; more are a final error,
/// `EVENTSOURCE_ERR_CONTENT_ENCODING`. If the library does not know one of them, for example `none` or `utf-8`, it reads the
/// bytes as they are, as browsers do, and logs a warning. Content that does not follow its coding is an error that is
/// retried, `EVENTSOURCE_ERR_DECODING`.
///
/// While the stream is open each coding's decoder holds, beside events, up to some 100 KiB and the coding's window: gzip and
/// deflate 32 KiB, zstd as the server chose it, at most 8 MiB, br likewise, at most 16 MiB. Two codings hold 34 MiB at most.
///
/// Content that is decoded without end is an error, too, `EVENTSOURCE_ERR_DECODING`: without an event, more than 1,032 bytes
/// for each byte that has come since the last event; at all, more than 64 KiB for each byte that has come. Eight times the
/// event limit is free in both cases.
///
/// @param es the client
/// @param on 1: ask; 0: do not
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_compression(
    es: *mut eventsource_t,
    on: i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            settings.request.set_compression(switch(on, "on")?);
            Ok(())
        })
    }
}

/// Sets how a stream is resumed that was asked for with a POST or the like. Default: 0, every attempt sends the method and
/// the body that were set, and unless `eventsource_set_mode` says otherwise there is only one.
///
/// With 1 that holds until the stream has been open once since the start; each later attempt is a GET of the same URL, with
/// `Last-Event-ID` if there is one, and without body and `Content-…` headers. So a request that starts something is not
/// made again, as MCP's streamable HTTP wants it. `on_request` sees the GET and may change it.
///
/// @param es the client
/// @param on 1: resume with GET; 0: repeat the request
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_resume_with_get(
    es: *mut eventsource_t,
    on: i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            settings.resume_with_get = switch(on, "on")?;
            Ok(())
        })
    }
}

/// Sets the last event id that the next attempt sends, for example to go on where an earlier process ended. It counts until
/// the server sends another; an empty id clears it.
///
/// Every id that an event gave is accepted. Two kinds of ids are kept and not sent: one of more than 8192 bytes, because
/// servers refuse such requests, and one with control characters other than TAB, because HTTP cannot carry them. The log has a
/// warning then.
///
/// @param es the client
/// @param id copied; without CR and LF, which no event's id has
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`
///
/// Any thread, any time, also while the client runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_last_event_id(
    es: *mut eventsource_t,
    id: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            Ok(es.client().set_last_event_id(text(id, "the id")?)?)
        })
    }
}
