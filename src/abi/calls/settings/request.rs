//! What every attempt sends.

use super::set::{remove, set};
use crate::abi::calls::header::put_header;
use crate::abi::guard::arguments::{bytes, optional_text, switch, text};
use crate::abi::guard::refusal::Refusal;
use crate::abi::objects::client::setting_call;
use crate::abi::objects::refused::Setting;
use crate::abi::types::handles::eventsource_t;
use crate::abi::types::status::eventsource_status_t;
use crate::features;
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
        let of = optional_text(name, "the header's name").ok().flatten();
        set(es, Setting::of("header", of), |settings| {
            put_header(&mut settings.request, name, value, put)
        })
    }
}

/// Sets the URL, in place of the one that `eventsource_new` was given.
///
/// A URL with which no attempt could succeed is refused: one that has no scheme or another than http and https, no host or one
/// of more than 253 bytes, more than 65,534 bytes in all, a port that is 0 or more than 65535, a zone where none can be.
/// `eventsource_get_last_error` says what is wrong with it, and what would be right.
///
/// A link-local IPv6 address may have a zone, the interface that leads to it, as RFC 6874 writes it:
/// `http://[fe80::1%25eth0]/`. The zone is a name, on Windows only a number, and need not exist yet. It is a part of the origin
/// and of the URL as callbacks see it; it is never sent. A redirect to a link-local address stays in the zone; one that names a
/// zone is an error. Such a host is not reached through a proxy: unless it is excepted (`eventsource_set_no_proxy`), the
/// attempt fails with `ERR_PROXY`.
///
/// If its origin differs from that of the URL before, what was set for that origin is removed, as for a redirect: headers that
/// hold secrets, `Authorization`, `Cookie`, and `Host`. So set the URL first.
///
/// @param es the client
/// @param url an absolute http or https URL; a user and password in it become basic authentication, a fragment is
///        dropped
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_URL`, `ERR_UNSUPPORTED` for https in a build without TLS,
///         `ERR_HEADER` when there is no room for the user and password among the headers, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_url(
    es: *mut eventsource_t,
    url: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::URL, |settings| {
            Ok(settings.request.start_from(text(url, "the URL")?)?)
        })
    }
}

/// Sets the request method. Default: GET. A request by another method is made once unless `eventsource_set_mode` says
/// otherwise, and any success status with content opens its stream: 2xx but 204, 205 and 206.
///
/// @param es the client
/// @param method an HTTP method token, such as `"POST"`; used as written, methods are case-sensitive. NULL for GET
/// @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_METHOD`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_method(
    es: *mut eventsource_t,
    method: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("method"), |settings| {
            let method = optional_text(method, "the method")?.unwrap_or("GET");
            Ok(settings.request.set_method(method)?)
        })
    }
}

/// Sets the request body, sent with every attempt. Default: none. Does not change the method.
///
/// @param es the client
/// @param body copied; may be NULL when `len` is 0
/// @param len bytes of `body`; 0 for no body
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_body(
    es: *mut eventsource_t,
    body: *const c_void,
    len: usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("body"), |settings| {
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
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
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
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
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
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_sensitive_header(
    es: *mut eventsource_t,
    name: *const c_char,
    value: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { header(es, name, value, Request::set_sensitive_header) }
}

/// Removes the request headers of a name, those that the library sends by itself included, such as `Accept`. There need not be
/// any. It also takes back an `eventsource_set_header` of that name that was refused. A refusal of this call itself is not
/// kept.
///
/// @param es the client
/// @param name an HTTP field name
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_HEADER` for a name that is none, or that the library alone writes,
///         `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_remove_header(
    es: *mut eventsource_t,
    name: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        let of = optional_text(name, "the header's name").ok().flatten();
        remove(es, Setting::of("header", of), |settings| {
            let name = text(name, "the header's name")?;
            Ok(settings.request.remove_header(name)?)
        })
    }
}

/// Sets `Authorization` to basic authentication (RFC 7617), in UTF-8.
///
/// @param es the client
/// @param user without a colon. NULL, and NULL for `password`, for the user and password of the URL; if it has none,
///        `Authorization` is removed
/// @param password any, also none: `""`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE` for a colon in `user` or control characters in either,
///         `ERR_HEADER` if there is no room for it, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_basic_auth(
    es: *mut eventsource_t,
    user: *const c_char,
    password: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("basic_auth"), |settings| {
            let user = optional_text(user, "the user")?;
            match (user, optional_text(password, "the password")?) {
                (None, None) => settings.request.unset_basic_auth()?,
                (None, Some(_)) => return Err(Refusal::null("the user")),
                (Some(_), None) => return Err(Refusal::null("the password")),
                (Some(user), Some(password)) => settings.request.set_basic_auth(user, password)?,
            }
            Ok(())
        })
    }
}

/// Sets whether to ask for a compressed stream, by `Accept-Encoding: gzip, deflate, br, zstd`. Default: 0. No such header is
/// sent then, and servers do not compress, although HTTP allows it. If the program sets an `Accept-Encoding` itself, that is
/// sent instead.
///
/// Whatever was asked for, a response is decoded by its `Content-Encoding`. An event that the server flushes is delivered at
/// once. Up to two codings on top of each other are decoded; more are a final error, `EVENTSOURCE_ERR_CONTENT_ENCODING`. If
/// the library does not know one of them, for example `none` or `utf-8`, it reads the bytes as they are, as browsers do, and
/// logs a warning. Content that does not follow its coding is an error that is retried, `EVENTSOURCE_ERR_DECODING`.
///
/// While the stream is open each coding's decoder holds, beside events, up to some 100 KiB and the coding's window: gzip and
/// deflate 32 KiB, zstd as the server chose it, at most 8 MiB, br likewise, at most 16 MiB. Two codings hold 34 MiB at most.
///
/// Content that decodes without end is `EVENTSOURCE_ERR_DECODING`, too. There are two limits: without an event, 1,032 decoded
/// bytes for each byte received since the last event; in all, 64 KiB for each byte received. Up to eight times the event limit
/// is allowed in any case.
///
/// @param es the client
/// @param on 1: ask; 0: do not
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_UNSUPPORTED` for 1 in a build without codings, `ERR_STATE` while the
///         client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_compression(
    es: *mut eventsource_t,
    on: i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("compression"), |settings| {
            let on = switch(on, "on")?;
            Refusal::unless(features::CODINGS || !on, "codings")?;
            settings.request.set_compression(on);
            Ok(())
        })
    }
}

/// Sets how the client reconnects to a stream that a POST or another method opened. Default: 0, every attempt sends the method
/// and the body that were set, and unless `eventsource_set_mode` says otherwise there is only one.
///
/// With 1 that holds until the stream has been open once since the start; each later attempt is a GET of the same URL, with
/// `Last-Event-ID` if there is one, and without body and `Content-…` headers. So a request that starts something is not
/// made again, as MCP's streamable HTTP wants it. `on_request` sees the GET and may change it.
///
/// @param es the client
/// @param on 1: reconnect with GET; 0: repeat the request
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_reconnect_with_get(
    es: *mut eventsource_t,
    on: i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("reconnect_with_get"), |settings| {
            settings.reconnect_with_get = switch(on, "on")?;
            Ok(())
        })
    }
}

/// Sets the last event id that the next attempt sends, for example to go on where an earlier process ended. It counts until
/// the server sends another. Default: none.
///
/// Every id that an event gave is accepted. Two kinds of ids are kept and not sent: one of more than 8192 bytes, because
/// servers refuse such requests, and one with control characters other than TAB, because HTTP cannot carry them. The log has a
/// warning then.
///
/// @param es the client
/// @param id copied; without CR and LF, which no event's id has. NULL or empty for none
/// @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_VALUE`
///
/// Any thread, any time, also while the client runs.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_last_event_id(
    es: *mut eventsource_t,
    id: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        setting_call(es, Setting::new("last_event_id"), |es| {
            let id = optional_text(id, "the id")?.unwrap_or_default();
            Ok(es.client().set_last_event_id(id)?)
        })
    }
}
