//! What a caller passes and receives: pointers, strings and numbers are checked here.

use super::refusal::Refusal;
use crate::abi::types::enumeration::{Enumeration, number};
use crate::abi::types::handles::EVENTSOURCE_NO_LIMIT;
use crate::abi::types::status::*;
use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::time::Duration;

/// A string argument.
///
/// # Safety
/// `text` is NULL or a NUL-terminated string that lives as long as the result is used.
pub unsafe fn text<'a>(text: *const c_char, what: &str) -> Result<&'a str, Refusal> {
    // SAFETY: the caller's promise.
    unsafe { optional_text(text, what) }?.ok_or_else(|| Refusal::null(what))
}

/// A string argument for which NULL has a meaning.
///
/// # Safety
/// As for [`text`].
pub unsafe fn optional_text<'a>(
    text: *const c_char,
    what: &str,
) -> Result<Option<&'a str>, Refusal> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so NUL-terminated by the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str()
        .map(Some)
        .map_err(|_| Refusal::new(EVENTSOURCE_ERR_UTF8, format!("{what} is not valid UTF-8")))
}

/// A pointer and a length; NULL is fine for no bytes.
///
/// # Safety
/// `bytes` is NULL or points at `len` bytes that live as long as the result is used.
pub unsafe fn bytes<'a>(bytes: *const c_void, len: usize, what: &str) -> Result<&'a [u8], Refusal> {
    match (bytes.is_null(), len) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Refusal::null(what)),
        // The language's limit for a slice; no real buffer is larger.
        (false, len) if len > isize::MAX as usize => Err(Refusal::new(
            EVENTSOURCE_ERR_VALUE,
            format!("{what} is larger than any buffer can be"),
        )),
        // SAFETY: not NULL, and readable for `len` bytes by the caller's promise.
        (false, len) => Ok(unsafe { std::slice::from_raw_parts(bytes.cast(), len) }),
    }
}

/// A pointer that a result is written to.
///
/// # Safety
/// `out` is NULL or valid for a write.
pub unsafe fn out<'a, T>(
    out: *mut T,
    what: &str,
) -> Result<&'a mut std::mem::MaybeUninit<T>, Refusal> {
    // SAFETY: the caller's promise; MaybeUninit asks nothing of what is there now.
    unsafe { out.cast::<std::mem::MaybeUninit<T>>().as_mut() }.ok_or_else(|| Refusal::null(what))
}

/// A time limit in milliseconds; `None` for `EVENTSOURCE_NO_LIMIT`.
pub fn time_limit(timeout_ms: i64) -> Result<Option<Duration>, Refusal> {
    if timeout_ms == EVENTSOURCE_NO_LIMIT {
        return Ok(None);
    }
    let ms = u64::try_from(timeout_ms).map_err(|_| {
        Refusal::new(
            EVENTSOURCE_ERR_VALUE,
            "the timeout is negative, and not EVENTSOURCE_NO_LIMIT",
        )
    })?;
    Ok(Some(Duration::from_millis(ms)))
}

/// One of an enumeration.
///
/// # Safety
/// C has passed it.
pub unsafe fn one_of<E: Enumeration>(passed: MaybeUninit<E>, what: &str) -> Result<E, Refusal> {
    // SAFETY: the caller's promise.
    let number = unsafe { number(passed) };
    E::from_number(number).ok_or_else(|| {
        let message = format!("{what} {number} is none of {}", E::NAME);
        Refusal::new(EVENTSOURCE_ERR_VALUE, message)
    })
}

/// A switch: 0 or 1, nothing else, so that later versions can give other numbers a meaning.
pub fn switch(value: i32, what: &str) -> Result<bool, Refusal> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Refusal::new(
            EVENTSOURCE_ERR_VALUE,
            format!("{what} must be 0 or 1, not {value}"),
        )),
    }
}

/// Copies a text and a NUL into the caller's buffer; nothing if it does not fit.
///
/// # Safety
/// `buffer` is NULL or writable for `capacity` bytes; `len` is NULL or valid for a write.
pub unsafe fn text_out(
    text: &str,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
) -> Result<(), Refusal> {
    let all = |text: &str| (text.len() < capacity).then_some(text.len());
    // SAFETY: the caller's promise.
    unsafe { copy_out(text, all, buffer, capacity, len) }
}

/// Copies a text that is for people, and a NUL, into the caller's buffer: as many characters as fit.
///
/// # Safety
/// As for [`text_out`].
pub unsafe fn cut_text_out(
    text: &str,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
) -> Result<(), Refusal> {
    let what_fits = |text: &str| {
        let most = text.len().min(capacity.checked_sub(1)?);
        (0..=most).rev().find(|end| text.is_char_boundary(*end))
    };
    // SAFETY: the caller's promise.
    unsafe { copy_out(text, what_fits, buffer, capacity, len) }
}

/// Copies as much of a text as `part` says, which is less than `capacity`.
///
/// # Safety
/// As for [`text_out`].
unsafe fn copy_out(
    text: &str,
    part: impl FnOnce(&str) -> Option<usize>,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
) -> Result<(), Refusal> {
    if buffer.is_null() && capacity > 0 {
        return Err(Refusal::null("the buffer"));
    }
    let part = part(text);
    // SAFETY: the caller's promise.
    unsafe {
        if let Some(len) = len.as_mut() {
            *len = text.len();
        }
        if let Some(part) = part {
            buffer
                .cast::<u8>()
                .copy_from_nonoverlapping(text.as_ptr(), part);
            buffer.add(part).write(0);
        }
    }
    if part == Some(text.len()) {
        return Ok(());
    }
    Err(Refusal::new(
        EVENTSOURCE_ERR_BUFFER,
        format!("the buffer needs {} bytes", text.len() + 1),
    ))
}
