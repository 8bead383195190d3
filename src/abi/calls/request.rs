//! The attempt about to be made, as `on_request` may look at it and change it.

use super::header::{lend_header, put_header};
use crate::abi::guard::arguments::{bytes, out, text, text_out};
use crate::abi::guard::call::call;
use crate::abi::guard::refusal::Refusal;
use crate::abi::objects::client::remember;
use crate::abi::types::handles::eventsource_request_t;
use crate::abi::types::payload::eventsource_header_t;
use crate::abi::types::status::eventsource_status_t;
use crate::http::{Invalid, Request};
use crate::stream::Attempt;
use std::ffi::{c_char, c_void};
use std::ptr;

/// Runs the body of a call on a request; the client remembers why it was refused.
///
/// # Safety
/// `request` is NULL or what `on_request` was called with, and its callback has not returned.
unsafe fn request_call(
    request: *const eventsource_request_t,
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
        body(attempt).inspect_err(|refusal| remember(client, refusal))
    })
}

/// The same, for a change of the request: one that is refused keeps it from being sent.
///
/// # Safety
/// As for [`request_call`].
unsafe fn change_call(
    request: *mut eventsource_request_t,
    body: impl FnOnce(&mut Attempt) -> Result<(), Refusal>,
) -> eventsource_status_t {
    // SAFETY: the caller's promise.
    unsafe {
        request_call(request, |attempt| {
            // It was not NULL.
            (*request).was_changed();
            body(attempt).inspect_err(|refusal| {
                attempt
                    .refused
                    .get_or_insert_with(|| refusal.message.clone().into_owned());
            })
        })
    }
}

/// Tells which attempt this is.
///
/// @param request the request, during `on_request`
/// @param number receives 1 for the first attempt since the start or since the stream was last open, then 2, 3, …
/// @return `EVENTSOURCE_OK`; `ERR_NULL`
///
/// The thread of `on_request`, until that callback returns.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_get_attempt(
    request: *const eventsource_request_t,
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
/// @param code receives the status of the error before this attempt; `EVENTSOURCE_OK` if there was none, that is, at the start
///        and after `eventsource_reconnect_now`
/// @param http_status receives the HTTP status that went with it, 0 when there was none; may be NULL
/// @return `EVENTSOURCE_OK`; `ERR_NULL`
///
/// The thread of `on_request`, until that callback returns.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_get_cause(
    request: *const eventsource_request_t,
    code: *mut eventsource_status_t,
    http_status: *mut i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        request_call(request, |attempt| {
            let (kind, status) = match attempt.cause {
                None => (eventsource_status_t::EVENTSOURCE_OK, 0),
                Some(cause) => (cause.kind.into(), cause.http_status.into()),
            };
            out(code, "code")?.write(kind);
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
/// @param len receives the URL's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when the URL and the NUL do not fit: nothing is copied
///
/// The thread of `on_request`, until that callback returns.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_get_url(
    request: *const eventsource_request_t,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        request_call(request, |attempt| {
            text_out(&attempt.request.url().text(), buffer, capacity, len)
        })
    }
}

/// Runs the body of a call that only looks at a request.
///
/// # Safety
/// As for [`request_call`].
unsafe fn look_call(
    request: *const eventsource_request_t,
    body: impl FnOnce(&eventsource_request_t, &Attempt) -> Result<(), Refusal>,
) -> eventsource_status_t {
    call(|| {
        // SAFETY: as in `request_call`.
        let (request, attempt, client) = unsafe {
            let request = request
                .as_ref()
                .ok_or_else(|| Refusal::null("the request"))?;
            (request, &*request.attempt, &*request.client)
        };
        body(request, attempt).inspect_err(|refusal| remember(client, refusal))
    })
}

/// Copies the method of this attempt.
///
/// @param request the request, during `on_request`
/// @param buffer receives the method and a NUL; may be NULL when `capacity` is 0
/// @param capacity bytes of `buffer`
/// @param len receives the method's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when the method and the NUL do not fit: nothing is copied
///
/// The thread of `on_request`, until that callback returns.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_get_method(
    request: *const eventsource_request_t,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        look_call(request, |_, attempt| {
            text_out(attempt.request.method().as_str(), buffer, capacity, len)
        })
    }
}

/// Lends the headers of this attempt as they are now: those that were set, sensitive ones with their values, and those that the
/// library adds, such as `Accept` and `Last-Event-ID`. What the connection itself writes is not among them: `Connection`,
/// `Content-Length`, and `Host` unless it was set.
///
/// @param request the request, during `on_request`
/// @param headers receives an array that lives, unchanged, until `on_request` returns
/// @param count receives the entries of the array
/// @return `EVENTSOURCE_OK`; `ERR_NULL`
///
/// The thread of `on_request`, until that callback returns.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_get_headers(
    request: *const eventsource_request_t,
    headers: *mut *const eventsource_header_t,
    count: *mut usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        look_call(request, |request, attempt| {
            let (headers, count) = (out(headers, "headers")?, out(count, "count")?);
            let lent = request.lend_headers(attempt);
            headers.write(lent.cast());
            count.write(lent.len());
            Ok(())
        })
    }
}

/// Finds a header of this attempt by its name, among those of `eventsource_request_get_headers`.
///
/// @param request the request, during `on_request`
/// @param name the header's name, in any case
/// @param index 0 for the first header of that name, 1 for the second, …
/// @param value receives the value, NUL-terminated, alive until `on_request` returns; NULL if there is no such header
/// @param len receives the value's bytes without the NUL, 0 if there is none; may be NULL
/// @return `EVENTSOURCE_OK`, also if there is no such header; `ERR_NULL`, `ERR_UTF8`
///
/// The thread of `on_request`, until that callback returns.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_get_header(
    request: *const eventsource_request_t,
    name: *const c_char,
    index: usize,
    value: *mut *const c_char,
    len: *mut usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers; what is lent lives until the callback returns.
    unsafe {
        look_call(request, |request, attempt| {
            lend_header(&*request.lend_headers(attempt), name, index, value, len)
        })
    }
}

/// Lends the body of this attempt as it is now.
///
/// @param request the request, during `on_request`
/// @param body receives the bytes, alive and unchanged until `on_request` returns; NULL for no body
/// @param len receives the bytes of `body`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`
///
/// The thread of `on_request`, until that callback returns.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_get_body(
    request: *const eventsource_request_t,
    body: *mut *const c_void,
    len: *mut usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        look_call(request, |request, attempt| {
            let (body, len) = (out(body, "body")?, out(len, "len")?);
            let lent = request.lend_body(attempt);
            let first = if lent.is_empty() {
                ptr::null()
            } else {
                lent.cast()
            };
            body.write(first);
            len.write(lent.len());
            Ok(())
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
        change_call(request, |attempt| {
            put_header(&mut attempt.request, name, value, put)
        })
    }
}

/// Sets a header for this attempt, in place of any of that name.
///
/// @param request the request, during `on_request`
/// @param name an HTTP field name
/// @param value as for `eventsource_set_header`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_HEADER`
///
/// The thread of `on_request`, until that callback returns.
///
/// @since 0.9.0
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
///
/// The thread of `on_request`, until that callback returns.
///
/// @since 0.9.0
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
///
/// The thread of `on_request`, until that callback returns.
///
/// @since 0.9.0
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
///
/// The thread of `on_request`, until that callback returns.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_remove_header(
    request: *mut eventsource_request_t,
    name: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        change_call(request, |attempt| {
            let name = text(name, "the header's name")?;
            Ok(attempt.request.remove_header(name)?)
        })
    }
}

/// Sets `Authorization` to basic authentication for this attempt, as `eventsource_set_basic_auth`.
///
/// @param request the request, during `on_request`
/// @param user without a colon
/// @param password any, also none: `""`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_HEADER` if there is no room for it
///
/// The thread of `on_request`, until that callback returns.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_set_basic_auth(
    request: *mut eventsource_request_t,
    user: *const c_char,
    password: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        change_call(request, |attempt| {
            let (user, password) = (text(user, "the user")?, text(password, "the password")?);
            Ok(attempt.request.set_basic_auth(user, password)?)
        })
    }
}

/// Sets the method for this attempt, as `eventsource_set_method`.
///
/// @param request the request, during `on_request`
/// @param method as for `eventsource_set_method`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_METHOD`
///
/// The thread of `on_request`, until that callback returns.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_set_method(
    request: *mut eventsource_request_t,
    method: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        change_call(request, |attempt| {
            Ok(attempt.request.set_method(text(method, "the method")?)?)
        })
    }
}

/// Sets the URL for this attempt, as for `eventsource_set_url`. A user and password in it replace the authorization.
///
/// If the URL has another origin (scheme, host or port), this drops what was set for the first one: `Authorization`,
/// `Cookie`, `Host`, headers that hold a secret, and the client certificate. Set the URL first, then the headers that are
/// meant for it.
///
/// @param request the request, during `on_request`
/// @param url as for `eventsource_set_url`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_URL`, `ERR_UNSUPPORTED` for https in a build without TLS
///
/// The thread of `on_request`, until that callback returns.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_set_url(
    request: *mut eventsource_request_t,
    url: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        change_call(request, |attempt| {
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
///
/// The thread of `on_request`, until that callback returns.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_request_set_body(
    request: *mut eventsource_request_t,
    body: *const c_void,
    len: usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        change_call(request, |attempt| {
            attempt.request.set_body(bytes(body, len, "the body")?);
            Ok(())
        })
    }
}
