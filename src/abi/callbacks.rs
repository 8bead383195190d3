//! What callbacks receive, and how they are registered.

use super::client::eventsource_t;
use super::guard::{Refusal, client_call, text};
use super::registry::UserData;
use super::request::eventsource_request_t;
use super::status::{eventsource_status_t, *};
use std::ffi::{c_char, c_void};

/// One event, alive during the callback.
#[repr(C)]
pub struct eventsource_event_t {
    /// Bytes of this struct in the running library; a newer library may append members.
    pub size: usize,
    /// The event type; `"message"` when the stream names none. NUL-terminated UTF-8.
    pub r#type: *const c_char,
    /// Bytes of `type`, without the NUL.
    pub type_len: usize,
    /// The data; its lines are separated by LF. NUL-terminated UTF-8, may itself hold NULs.
    pub data: *const c_char,
    /// Bytes of `data`, without the NUL.
    pub data_len: usize,
    /// The last event id as of this event; empty when there is none. `eventsource_set_last_event_id` says which are not
    /// sent back. NUL-terminated UTF-8.
    pub last_event_id: *const c_char,
    /// Bytes of `last_event_id`, without the NUL.
    pub last_event_id_len: usize,
}

/// A comment line, alive during the callback.
#[repr(C)]
pub struct eventsource_comment_t {
    /// Bytes of this struct in the running library.
    pub size: usize,
    /// What follows the colon, without one leading space. NUL-terminated UTF-8.
    pub text: *const c_char,
    /// Bytes of `text`, without the NUL.
    pub text_len: usize,
}

/// One header field of a response. This struct never grows: it is used in arrays.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct eventsource_header_t {
    /// The name, in lower case. NUL-terminated.
    pub name: *const c_char,
    /// Bytes of `name`, without the NUL.
    pub name_len: usize,
    /// The value; bytes that are no UTF-8 appear as U+FFFD. NUL-terminated.
    pub value: *const c_char,
    /// Bytes of `value`, without the NUL.
    pub value_len: usize,
}

/// The response that opened the stream, alive during the callback.
#[repr(C)]
pub struct eventsource_response_t {
    /// Bytes of this struct in the running library.
    pub size: usize,
    /// The HTTP status code.
    pub status: i32,
    /// The HTTP version: 10 for HTTP/1.0, 11 for HTTP/1.1, 20 for HTTP/2.
    pub http_version: i32,
    /// The URL that answered: after redirects, without user information and fragment. NUL-terminated.
    pub url: *const c_char,
    /// Bytes of `url`, without the NUL.
    pub url_len: usize,
    /// The response's headers, in the order of their first appearance; repeated ones each have an entry.
    pub headers: *const eventsource_header_t,
    /// Entries of `headers`.
    pub header_count: usize,
}

/// A failed attempt, or the loss of an open stream; alive during the callback.
#[repr(C)]
pub struct eventsource_error_t {
    /// Bytes of this struct in the running library.
    pub size: usize,
    /// What went wrong: a status ≥ 32, or `EVENTSOURCE_ERR_PANIC`.
    pub code: eventsource_status_t,
    /// The HTTP status code of the answer that was the error; 0 when there was none, as for the loss of an open stream.
    pub http_status: i32,
    /// The operating system's error number (`errno`), 0 when there was none.
    pub os_error: i32,
    /// 1 when the client is going to try again by itself, 0 when this error is final.
    pub will_retry: i32,
    /// Consecutive failed attempts, this one included; 0 when an open stream was lost.
    pub attempt: i64,
    /// Milliseconds until the next attempt; 0 when `will_retry` is 0, or when it comes at once.
    pub delay_ms: i64,
    /// What went wrong, for people. NUL-terminated UTF-8.
    pub message: *const c_char,
    /// Bytes of `message`, without the NUL.
    pub message_len: usize,
    /// The headers of that answer; NULL when there was none.
    pub headers: *const eventsource_header_t,
    /// Entries of `headers`.
    pub header_count: usize,
    /// The first bytes of the answer's body (at most 4096) where the answer was no event stream, decoded if their content
    /// coding is known; bytes that are no UTF-8 appear as U+FFFD. Never NULL, NUL-terminated.
    pub body: *const c_char,
    /// Bytes of `body`, without the NUL.
    pub body_len: usize,
}

/// Why a client closed.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_close_reason_t {
    /// The program asked: `eventsource_stop`, `eventsource_free`, or `EVENTSOURCE_STOP` from `on_error`.
    EVENTSOURCE_CLOSE_STOPPED = 0,
    /// The server asked: it answered 204 No Content.
    EVENTSOURCE_CLOSE_SERVER = 1,
    /// An error was final; `on_error` has told it.
    EVENTSOURCE_CLOSE_FAILED = 2,
    /// The server ended the stream without error, and the client's mode (`eventsource_set_mode`) makes that the end. No
    /// `on_error` comes.
    EVENTSOURCE_CLOSE_END_OF_STREAM = 3,
}

/// The end of a client's run, alive during the callback.
#[repr(C)]
pub struct eventsource_close_t {
    /// Bytes of this struct in the running library.
    pub size: usize,
    /// Why the client closed.
    pub reason: eventsource_close_reason_t,
    /// The final error where `reason` is `EVENTSOURCE_CLOSE_FAILED`, else `EVENTSOURCE_OK`.
    pub code: eventsource_status_t,
}

/// What an `on_error` callback can answer.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_decision_t {
    /// Do what the error's `will_retry` and `delay_ms` say. Any number that is no decision means this, too.
    EVENTSOURCE_DEFAULT = 0,
    /// Try again, also where the error would be final: then after the back-off delay, else after `delay_ms`.
    EVENTSOURCE_RECONNECT = 1,
    /// Close.
    EVENTSOURCE_STOP = 2,
}

/// Receives an event.
///
/// @param es the client
/// @param event the event; it and what it points at live until the callback returns
/// @param user the pointer given to `eventsource_set_user_data`
pub type eventsource_event_fn = Option<
    unsafe extern "C-unwind" fn(
        es: *mut eventsource_t,
        event: *const eventsource_event_t,
        user: *mut c_void,
    ),
>;

/// Receives the events of one read.
///
/// @param es the client
/// @param events pointers to `count` events, in the order of the stream; they and what they point at live until the callback
///        returns
/// @param count at least 1
/// @param user the pointer given to `eventsource_set_user_data`
pub type eventsource_events_fn = Option<
    unsafe extern "C-unwind" fn(
        es: *mut eventsource_t,
        events: *const *const eventsource_event_t,
        count: usize,
        user: *mut c_void,
    ),
>;

/// Receives a comment.
pub type eventsource_comment_fn = Option<
    unsafe extern "C-unwind" fn(
        es: *mut eventsource_t,
        comment: *const eventsource_comment_t,
        user: *mut c_void,
    ),
>;

/// Told that a stream has opened.
pub type eventsource_open_fn = Option<
    unsafe extern "C-unwind" fn(
        es: *mut eventsource_t,
        response: *const eventsource_response_t,
        user: *mut c_void,
    ),
>;

/// Told of a failed attempt or a lost stream. @return an `eventsource_decision_t`
pub type eventsource_error_fn = Option<
    unsafe extern "C-unwind" fn(
        es: *mut eventsource_t,
        error: *const eventsource_error_t,
        user: *mut c_void,
    ) -> i32,
>;

/// Called before each attempt; may change the request (`eventsource_request_*`) and may block.
pub type eventsource_request_fn = Option<
    unsafe extern "C-unwind" fn(
        es: *mut eventsource_t,
        request: *mut eventsource_request_t,
        user: *mut c_void,
    ),
>;

/// Told that the client has closed: the last callback after `eventsource_start`.
pub type eventsource_close_fn = Option<
    unsafe extern "C-unwind" fn(
        es: *mut eventsource_t,
        close: *const eventsource_close_t,
        user: *mut c_void,
    ),
>;

/// Releases user data.
pub type eventsource_destroy_fn = Option<unsafe extern "C-unwind" fn(user: *mut c_void)>;

/// Sets the pointer that every callback receives, and how it is released.
///
/// @param es the client
/// @param user handed to the callbacks as it is; the library never looks behind it
/// @param destroy called exactly once with `user`, after every callback has returned: when the client is freed, also
///        if it was never started, or when another pointer is set. May be NULL.
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs: then `user` stays the caller's
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_user_data(
    es: *mut eventsource_t,
    user: *mut c_void,
    destroy: eventsource_destroy_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { client_call(es, |es| es.set_user_data(|| UserData::new(user, destroy))) }
}

/// Sets the callback for events that have no callback of their own type. NULL removes it.
///
/// @param es the client
/// @param callback what to call; NULL for nothing
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_on_event(
    es: *mut eventsource_t,
    callback: eventsource_event_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            es.configure_callbacks(|callbacks| callbacks.on_event = callback)
        })
    }
}

/// Sets the callback for events of one type, instead of the general one. NULL removes it.
///
/// @param es the client
/// @param type the event type, matched exactly; `"message"` for events that name none
/// @param callback what to call; NULL for nothing
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE` for an empty type, which no event has,
///         `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_on_event_type(
    es: *mut eventsource_t,
    r#type: *const c_char,
    callback: eventsource_event_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            let event_type = text(r#type, "the event type")?;
            if event_type.is_empty() {
                return Err(Refusal::new(
                    EVENTSOURCE_ERR_VALUE,
                    "no event has an empty type",
                ));
            }
            es.configure_callbacks(|callbacks| callbacks.set_on_event_type(event_type, callback))
        })
    }
}

/// Sets the callback that receives all events that came with one read in one call, for languages in which each call is
/// dear. While it is set, no event goes to the callbacks of `eventsource_on_event` and `eventsource_on_event_type`. NULL
/// removes it.
///
/// A batch also ends before a comment for which there is a callback, after an event with more than 16 KiB, and when it has
/// more than 64 KiB of text. `eventsource_stop` and `eventsource_pause` take effect between batches.
///
/// @param es the client
/// @param callback what to call; NULL for nothing
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_on_events(
    es: *mut eventsource_t,
    callback: eventsource_events_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            es.configure_callbacks(|callbacks| callbacks.on_events = callback)
        })
    }
}

/// Sets the callback for comments. NULL removes it.
///
/// @param es the client
/// @param callback what to call; NULL for nothing
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_on_comment(
    es: *mut eventsource_t,
    callback: eventsource_comment_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            es.configure_callbacks(|callbacks| callbacks.on_comment = callback)
        })
    }
}

/// Sets the callback for the opening of the stream, at the start and after each reconnect. NULL removes it.
///
/// @param es the client
/// @param callback what to call; NULL for nothing
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_on_open(
    es: *mut eventsource_t,
    callback: eventsource_open_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            es.configure_callbacks(|callbacks| callbacks.on_open = callback)
        })
    }
}

/// Sets the callback for failed attempts and lost streams; its answer may override what happens next. NULL removes
/// it.
///
/// @param es the client
/// @param callback what to call; NULL for nothing
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_on_error(
    es: *mut eventsource_t,
    callback: eventsource_error_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            es.configure_callbacks(|callbacks| callbacks.on_error = callback)
        })
    }
}

/// Sets the callback that is asked before each attempt, for a fresh token, another URL or another body. NULL removes it.
///
/// With it set, a first answer of 401 Unauthorized is not final: the callback is asked once more, at once.
///
/// @param es the client
/// @param callback what to call; NULL for nothing
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_on_request(
    es: *mut eventsource_t,
    callback: eventsource_request_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            es.configure_callbacks(|callbacks| callbacks.on_request = callback)
        })
    }
}

/// Sets the callback for the client's end. NULL removes it.
///
/// @param es the client
/// @param callback what to call; NULL for nothing
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_on_close(
    es: *mut eventsource_t,
    callback: eventsource_close_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            es.configure_callbacks(|callbacks| callbacks.on_close = callback)
        })
    }
}
