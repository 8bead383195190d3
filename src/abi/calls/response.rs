//! Headers of responses, by their names.

use super::header::lend_header;
use crate::abi::guard::call::call;
use crate::abi::guard::refusal::Refusal;
use crate::abi::types::payload::{
    eventsource_error_t, eventsource_header_t, eventsource_response_t,
};
use crate::abi::types::status::eventsource_status_t;
use std::ffi::c_char;
use std::slice;

/// An array of a payload's.
///
/// # Safety
/// `headers` is NULL, or points at `count` of them that live as long as the result is used.
unsafe fn fields<'p>(
    headers: *const eventsource_header_t,
    count: usize,
) -> &'p [eventsource_header_t] {
    match headers.is_null() {
        true => &[],
        // SAFETY: the caller's promise.
        false => unsafe { slice::from_raw_parts(headers, count) },
    }
}

/// Finds a header of the response that opened the stream by its name.
///
/// @param response what `on_open` was called with
/// @param name the header's name, in any case
/// @param index 0 for the first header of that name, 1 for the second, …
/// @param value receives the value, NUL-terminated, alive as long as the response; NULL if there is no such header
/// @param len receives the value's bytes without the NUL, 0 if there is none; may be NULL
/// @return `EVENTSOURCE_OK`, also if there is no such header; `ERR_NULL`, `ERR_UTF8`
///
/// Any thread, until the callback that was given it returns.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_response_get_header(
    response: *const eventsource_response_t,
    name: *const c_char,
    index: usize,
    value: *mut *const c_char,
    len: *mut usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers; the payload is the library's.
    call(|| unsafe {
        let response = response.as_ref();
        let response = response.ok_or_else(|| Refusal::null("the response"))?;
        let fields = fields(response.headers, response.header_count);
        lend_header(fields, name, index, value, len)
    })
}

/// Finds a header of an error response by its name.
///
/// @param error what `on_error` was called with; if there was no response, it has no headers
/// @param name as for `eventsource_response_get_header`
/// @param index as for `eventsource_response_get_header`
/// @param value receives the value, NUL-terminated, alive as long as the error; NULL if there is no such header
/// @param len as for `eventsource_response_get_header`
/// @return as `eventsource_response_get_header`
///
/// Any thread, until the callback that was given it returns.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_error_get_header(
    error: *const eventsource_error_t,
    name: *const c_char,
    index: usize,
    value: *mut *const c_char,
    len: *mut usize,
) -> eventsource_status_t {
    // SAFETY: as above.
    call(|| unsafe {
        let error = error.as_ref();
        let error = error.ok_or_else(|| Refusal::null("the error"))?;
        let fields = fields(error.headers, error.header_count);
        lend_header(fields, name, index, value, len)
    })
}
