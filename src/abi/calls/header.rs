//! Headers: what the calls that put one into a request have in common, and those that find one by its name.

use crate::abi::guard::arguments::{out, text};
use crate::abi::guard::refusal::Refusal;
use crate::abi::types::payload::eventsource_header_t;
use crate::http::{Invalid, Request};
use std::ffi::{CStr, c_char};
use std::ptr;

/// Puts a header into a request, by one of the request's own ways.
///
/// # Safety
/// As for `text`.
pub unsafe fn put_header(
    request: &mut Request,
    name: *const c_char,
    value: *const c_char,
    put: fn(&mut Request, &str, &str) -> Result<(), Invalid>,
) -> Result<(), Refusal> {
    // SAFETY: the caller's promise.
    let (name, value) = unsafe {
        (
            text(name, "the header's name")?,
            text(value, "the header's value")?,
        )
    };
    Ok(put(request, name, value)?)
}

/// Lends the value of the header of that name at `index` among those of the same name; NULL where there is none.
///
/// # Safety
/// As for `text` and `out`; `fields` are the library's.
pub unsafe fn lend_header(
    fields: &[eventsource_header_t],
    name: *const c_char,
    index: usize,
    value: *mut *const c_char,
    len: *mut usize,
) -> Result<(), Refusal> {
    // SAFETY: the caller's promise.
    let (name, value, len) = unsafe {
        (
            text(name, "the header's name")?,
            out(value, "value")?,
            len.as_mut(),
        )
    };
    let is_named = |field: &&eventsource_header_t| {
        // SAFETY: the library's own, with a NUL behind it.
        let known = unsafe { CStr::from_ptr(field.name) };
        known.to_bytes().eq_ignore_ascii_case(name.as_bytes())
    };
    let found = fields.iter().filter(is_named).nth(index);
    value.write(found.map_or(ptr::null(), |field| field.value));
    if let Some(len) = len {
        *len = found.map_or(0, |field| field.value_len);
    }
    Ok(())
}
