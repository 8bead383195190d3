//! Configuration: how a client connects, retries and what it trusts.

use super::client::eventsource_t;
use super::guard::{Refusal, bytes, client_call, switch, text};
use super::status::{eventsource_status_t, *};
use crate::http::{Invalid, Request};
use crate::stream::{ReconnectPolicy, Settings};
use std::ffi::{c_char, c_void};
use std::time::Duration;

/// Runs a setter's body on the settings; refused while the client runs, and nothing is changed when it fails.
///
/// # Safety
/// As for `client_call`.
unsafe fn set(
    es: *mut eventsource_t,
    change: impl FnOnce(&mut Settings) -> Result<(), Refusal>,
) -> eventsource_status_t {
    // SAFETY: the caller's promise.
    unsafe { client_call(es, |es| es.client().configure(change)?) }
}

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

/// Sets the request method. Default: GET.
///
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
/// `Proxy-Connection`, `TE`, `Trailer`, `Transfer-Encoding` and `Upgrade`.
///
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

/// Sets a header that holds a secret: a redirect to another origin drops it, as it drops `Authorization`, `Cookie` and
/// `Proxy-Authorization`. Otherwise as `eventsource_set_header`.
///
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
/// @param user without a colon
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE` for a colon in `user` or control characters in either,
///         `ERR_STATE` while the client runs
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

/// Sets the last event id that the next attempt sends, as to go on where an earlier process ended. It counts until the
/// server sends another; an empty id clears it.
///
/// @param id copied; without CR, LF and other control characters
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

/// How a client reconnects. Fill it with `eventsource_get_reconnect`, change members, give it to
/// `eventsource_set_reconnect`.
///
/// The n-th delay in a row is `delay_ms` × `factor`ⁿ⁻¹, at most `max_delay_ms`, and at least what `Retry-After` asked
/// (up to `max_delay_ms`); jitter comes on top: a random share of up to `jitter` of the delay.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct eventsource_reconnect_t {
    /// Bytes of this struct as the caller compiled it: `sizeof(eventsource_reconnect_t)`.
    pub size: usize,
    /// 1: reconnect after a failure (default); 0: every failure is final.
    pub enabled: i32,
    /// 1: retry even if the very first attempt after the start fails; 0: that failure is final (default).
    pub retry_initial: i32,
    /// The base delay in milliseconds, ≥ 1. Default 1000. The server's `retry` field replaces it while the client runs.
    pub delay_ms: i64,
    /// The largest delay in milliseconds before jitter, ≥ 1. Default 60000.
    pub max_delay_ms: i64,
    /// How the delay grows from one failure to the next, 1 to 100. Default 2.
    pub factor: f64,
    /// The largest random share added to a delay, 0 to 1. Default 0.5.
    pub jitter: f64,
    /// A stream that stays open for this many milliseconds ends the growth; ≥ 0. Default 60000. So does one that
    /// delivered an event and was ended by the server without error.
    pub reset_after_ms: i64,
    /// Give up after this many failed attempts in a row, at most 4294967295; 0 for no limit (default).
    pub max_attempts: i64,
}

/// Tells how the client reconnects.
///
/// @param policy its `size` must be set; the other members are written
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_get_reconnect(
    es: *mut eventsource_t,
    policy: *mut eventsource_reconnect_t,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            let now = es.client().settings().reconnect;
            super::guard::sized_write(
                policy,
                eventsource_reconnect_t {
                    size: 0,
                    enabled: now.enabled.into(),
                    retry_initial: now.retry_initial.into(),
                    delay_ms: milliseconds(now.delay),
                    max_delay_ms: milliseconds(now.max_delay),
                    factor: now.factor,
                    jitter: now.jitter,
                    reset_after_ms: milliseconds(now.reset_after),
                    max_attempts: now.max_attempts.into(),
                },
                "the policy",
            )
        })
    }
}

/// Sets how the client reconnects.
///
/// @param policy copied; its `size` must be set
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a member out of its range, `ERR_STATE` while the
///         client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_reconnect(
    es: *mut eventsource_t,
    policy: *const eventsource_reconnect_t,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            let policy = super::guard::sized_read(policy, "the policy")?;
            settings.set_reconnect(ReconnectPolicy {
                enabled: switch(policy.enabled, "enabled")?,
                retry_initial: switch(policy.retry_initial, "retry_initial")?,
                delay: duration(policy.delay_ms, "delay_ms")?,
                max_delay: duration(policy.max_delay_ms, "max_delay_ms")?,
                factor: policy.factor,
                jitter: policy.jitter,
                reset_after: duration(policy.reset_after_ms, "reset_after_ms")?,
                max_attempts: policy.max_attempts.try_into().map_err(|_| {
                    Refusal::new(
                        EVENTSOURCE_ERR_VALUE,
                        "max_attempts must be from 0 to 4294967295",
                    )
                })?,
            })?;
            Ok(())
        })
    }
}

/// Sets the longest time for name resolution, TCP and TLS together. Default: 10000.
///
/// @param timeout_ms milliseconds; 0 for no limit
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` when negative, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_connect_timeout(
    es: *mut eventsource_t,
    timeout_ms: i64,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            settings.http.connect_timeout = timeout(timeout_ms)?;
            Ok(())
        })
    }
}

/// Sets the longest silence of the stream: no byte of it for so long. The response's head must be complete within the
/// same time, counted from the sending of the request. Default: no limit. A server that sends comments as heartbeats
/// allows for a little more than their interval.
///
/// @param timeout_ms milliseconds; 0 for no limit
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` when negative, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_read_timeout(
    es: *mut eventsource_t,
    timeout_ms: i64,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            settings.http.read_timeout = timeout(timeout_ms)?;
            Ok(())
        })
    }
}

/// Sets how many redirects one attempt follows. Default: 16.
///
/// @param count 0 to follow none
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` when negative, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_max_redirects(
    es: *mut eventsource_t,
    count: i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            settings.http.max_redirects = u32::try_from(count).map_err(|_| {
                Refusal::new(EVENTSOURCE_ERR_VALUE, "the number of redirects is negative")
            })?;
            Ok(())
        })
    }
}

/// Sets how much one event may hold: data, type, id, and a comment if there is a callback for comments; whatever is
/// unfinished. Default: 16777216 (16 MiB). A larger one is an error, `EVENTSOURCE_ERR_EVENT_TOO_LARGE`, after which the
/// client reconnects.
///
/// @param bytes ≥ 1
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_max_event_size(
    es: *mut eventsource_t,
    bytes: usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { set(es, |settings| Ok(settings.set_max_event_size(bytes)?)) }
}

/// Sets whether a response must be `text/event-stream`. Default: 1.
///
/// @param check 1: another type is a final error; 0: any 200 is taken for an event stream
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_check_content_type(
    es: *mut eventsource_t,
    check: i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            settings.check_content_type = switch(check, "check")?;
            Ok(())
        })
    }
}

/// Trusts certificate authorities beside the operating system's.
///
/// @param pem one or more certificates in PEM form, copied; a later call replaces an earlier one's
/// @param len bytes of `pem`; 0 to trust the operating system's alone
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_PEM`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_ca_pem(
    es: *mut eventsource_t,
    pem: *const c_void,
    len: usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            Ok(settings
                .http
                .tls
                .set_extra_roots(bytes(pem, len, "the PEM text")?)?)
        })
    }
}

/// INSECURE: accepts any certificate from anybody, so that whoever sits on the network path can read and forge the
/// stream and the credentials. For tests only.
///
/// @param skip 1: verify nothing; 0: verify (default)
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_insecure_skip_verification(
    es: *mut eventsource_t,
    skip: i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            settings.http.tls.set_insecure(switch(skip, "skip")?);
            Ok(())
        })
    }
}

fn timeout(ms: i64) -> Result<Option<Duration>, Refusal> {
    Ok(Some(duration(ms, "the timeout")?).filter(|timeout| !timeout.is_zero()))
}

fn duration(ms: i64, what: &str) -> Result<Duration, Refusal> {
    u64::try_from(ms)
        .map(Duration::from_millis)
        .map_err(|_| Refusal::new(EVENTSOURCE_ERR_VALUE, format!("{what} is negative")))
}

fn milliseconds(duration: Duration) -> i64 {
    duration.as_millis().try_into().unwrap_or(i64::MAX)
}
