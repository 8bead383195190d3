//! The attempt about to be made, as `on_request` may look at it and change it.

use super::guard::{Refusal, bytes, call, out, text, text_out};
use super::status::eventsource_status_t;
use crate::http::{Invalid, Request};
use crate::stream::{Attempt, Client};
use std::ffi::{c_char, c_void};

/// The request of the attempt about to be made. It exists during `on_request` only and must not leave that callback's
/// thread. Changes hold for this attempt and its redirects; the next attempt starts from the client's settings.
pub struct eventsource_request_t {
    // Pointers rather than references: the type has no lifetime that C could see. Both outlive the callback.
    attempt: *mut Attempt,
    client: *const Client,
}

impl eventsource_request_t {
    pub(super) fn new(attempt: &mut Attempt, client: &Client) -> eventsource_request_t {
        eventsource_request_t { attempt, client }
    }
}

/// Runs the body of a call on a request; the client remembers why it was refused.
///
/// # Safety
/// `request` is NULL or what `on_request` was called with, and its callback has not returned.
unsafe fn request_call(
    request: *mut eventsource_request_t,
    body: impl FnOnce(&mut Attempt) -> Result<(), Refusal>,
) -> eventsource_status_t {
    call(|| {
        // SAFETY: the caller's promise; both are alive while the callback runs, and it runs on one thread.
        let (attempt, client) = unsafe {
            let parts = request
                .as_ref()
                .ok_or_else(|| Refusal::null("the request"))?;
            (&mut *parts.attempt, &*parts.client)
        };
        body(attempt).inspect_err(|refusal| client.set_last_error(&refusal.message))
    })
}

/// Tells which attempt this is.
///
/// @param request the request, during `on_request`
/// @param number receives 1 for the first attempt since the start or since the stream was last open, then 2, 3, …
/// @return `EVENTSOURCE_OK`; `ERR_NULL`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_get_attempt(
    request: *mut eventsource_request_t,
    number: *mut i64,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        request_call(request, |attempt| {
            out(number, "number")?.write(attempt.number.into());
            Ok(())
        })
    }
}

/// Tells why this attempt is made.
///
/// @param request the request, during `on_request`
/// @param code receives the `eventsource_status_t` of what went wrong before; `EVENTSOURCE_OK` when nothing did: at the
///        start, and after `eventsource_reconnect_now`
/// @param http_status receives the HTTP status that went with it, 0 when there was none; may be NULL
/// @return `EVENTSOURCE_OK`; `ERR_NULL`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_get_cause(
    request: *mut eventsource_request_t,
    code: *mut i32,
    http_status: *mut i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        request_call(request, |attempt| {
            let (kind, status) = match attempt.cause {
                None => (eventsource_status_t::EVENTSOURCE_OK, 0),
                Some(cause) => (cause.kind.into(), cause.http_status.into()),
            };
            out(code, "code")?.write(kind as i32);
            if let Some(http_status) = http_status.as_mut() {
                *http_status = status;
            }
            Ok(())
        })
    }
}

/// Copies the URL of this attempt, without user information and fragment.
///
/// @param request the request, during `on_request`
/// @param buffer receives the URL and a NUL; may be NULL when `capacity` is 0
/// @param capacity bytes of `buffer`
/// @param len receives the URL's length without the NUL, whatever is answered but `ERR_NULL`; may be NULL
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when `capacity` ≤ the URL's length: nothing is copied
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_get_url(
    request: *mut eventsource_request_t,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        request_call(request, |attempt| {
            text_out(attempt.request.url().as_str(), buffer, capacity, len)
        })
    }
}

/// The calls that put a header, which differ only in what they do with it.
///
/// # Safety
/// As for `request_call` and `text`.
unsafe fn header(
    request: *mut eventsource_request_t,
    name: *const c_char,
    value: *const c_char,
    put: fn(&mut Request, &str, &str) -> Result<(), Invalid>,
) -> eventsource_status_t {
    // SAFETY: the caller's promise.
    unsafe {
        request_call(request, |attempt| {
            let (name, value) = (
                text(name, "the header's name")?,
                text(value, "the header's value")?,
            );
            Ok(put(&mut attempt.request, name, value)?)
        })
    }
}

/// Sets a header for this attempt, in place of any of that name.
///
/// @param request the request, during `on_request`
/// @param name an HTTP field name
/// @param value as for `eventsource_set_header`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_HEADER`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_set_header(
    request: *mut eventsource_request_t,
    name: *const c_char,
    value: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { header(request, name, value, Request::set_header) }
}

/// Adds a header for this attempt beside those of the same name.
///
/// @param request the request, during `on_request`
/// @param name an HTTP field name
/// @param value as for `eventsource_set_header`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_HEADER`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_add_header(
    request: *mut eventsource_request_t,
    name: *const c_char,
    value: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { header(request, name, value, Request::add_header) }
}

/// Sets a header that holds a secret for this attempt, as `eventsource_set_sensitive_header`.
///
/// @param request the request, during `on_request`
/// @param name an HTTP field name
/// @param value as for `eventsource_set_header`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_HEADER`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_set_sensitive_header(
    request: *mut eventsource_request_t,
    name: *const c_char,
    value: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { header(request, name, value, Request::set_sensitive_header) }
}

/// Removes the headers of a name for this attempt; there need not be any.
///
/// @param request the request, during `on_request`
/// @param name an HTTP field name
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_HEADER`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_remove_header(
    request: *mut eventsource_request_t,
    name: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        request_call(request, |attempt| {
            let name = text(name, "the header's name")?;
            Ok(attempt.request.remove_header(name)?)
        })
    }
}

/// Sets the method for this attempt, as `eventsource_set_method`.
///
/// @param request the request, during `on_request`
/// @param method as for `eventsource_set_method`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_METHOD`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_set_method(
    request: *mut eventsource_request_t,
    method: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        request_call(request, |attempt| {
            Ok(attempt.request.set_method(text(method, "the method")?)?)
        })
    }
}

/// Sets the URL for this attempt, as for `eventsource_new`. A user and password in it replace the authorization.
///
/// If the URL has another origin (scheme, host or port), this drops what was set for the first one: `Authorization`,
/// `Cookie`, `Host`, headers that hold a secret, and the client certificate. Set the URL first, then the headers that are
/// meant for it.
///
/// @param request the request, during `on_request`
/// @param url as for `eventsource_new`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_URL`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_set_url(
    request: *mut eventsource_request_t,
    url: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        request_call(request, |attempt| {
            Ok(attempt.request.set_url(text(url, "the URL")?)?)
        })
    }
}

/// Sets the body for this attempt.
///
/// @param request the request, during `on_request`
/// @param body copied; may be NULL when `len` is 0
/// @param len bytes of `body`; 0 for no body
/// @return `EVENTSOURCE_OK`; `ERR_NULL`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_set_body(
    request: *mut eventsource_request_t,
    body: *const c_void,
    len: usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        request_call(request, |attempt| {
            attempt.request.set_body(bytes(body, len, "the body")?);
            Ok(())
        })
    }
}
