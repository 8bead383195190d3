//! Getters: any thread may call them, at any time.

use crate::abi::guard::arguments::{cut_text_out, out, text_out};
use crate::abi::guard::sized::{Growing, sized_write};
use crate::abi::objects::client::{client_call, entered_call};
use crate::abi::types::handles::eventsource_t;
use crate::abi::types::payload::eventsource_close_reason_t;
use crate::abi::types::status::eventsource_status_t;
use crate::stream::{End, State};
use std::ffi::{c_char, c_void};

/// What a client is doing.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_state_t {
    /// Never started.
    EVENTSOURCE_STATE_IDLE = 0,
    /// An attempt is under way.
    EVENTSOURCE_STATE_CONNECTING = 1,
    /// The stream is open.
    EVENTSOURCE_STATE_OPEN = 2,
    /// Waiting for the next attempt.
    EVENTSOURCE_STATE_WAITING = 3,
    /// Closed, or about to be: in the `on_error` of a final error, and in `on_close`.
    EVENTSOURCE_STATE_CLOSED = 4,
}

impl From<State> for eventsource_state_t {
    fn from(state: State) -> eventsource_state_t {
        match state {
            State::Idle => eventsource_state_t::EVENTSOURCE_STATE_IDLE,
            State::Connecting => eventsource_state_t::EVENTSOURCE_STATE_CONNECTING,
            State::Open => eventsource_state_t::EVENTSOURCE_STATE_OPEN,
            State::Waiting => eventsource_state_t::EVENTSOURCE_STATE_WAITING,
            State::Closed => eventsource_state_t::EVENTSOURCE_STATE_CLOSED,
        }
    }
}

/// Tells what the client is doing.
///
/// @param es the client
/// @param state receives the state
/// @return `EVENTSOURCE_OK`; `ERR_NULL`
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn eventsource_get_state(
    es: *const eventsource_t,
    state: *mut eventsource_state_t,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            out(state, "state")?.write(es.client().state().into());
            Ok(())
        })
    }
}

/// Copies the last event id, for example to keep it for the next process.
///
/// @param es the client
/// @param buffer receives the id and a NUL; may be NULL when `capacity` is 0
/// @param capacity bytes of `buffer`
/// @param len receives the id's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when the id and the NUL do not fit: nothing is copied
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_get_last_event_id(
    es: *const eventsource_t,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            text_out(&es.client().last_event_id(), buffer, capacity, len)
        })
    }
}

/// Copies the text of what went wrong last: a refused call's reason, or the message of the last `on_error`. Kept until
/// something else goes wrong; empty when nothing has. A wait whose time runs out (`ERR_TIMEOUT`) and a text that does not fit
/// (`ERR_BUFFER`) leave it as it is.
///
/// @param es the client
/// @param buffer receives the text and a NUL; may be NULL when `capacity` is 0
/// @param capacity bytes of `buffer`
/// @param len receives the text's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when the text and the NUL do not fit: it is cut at a character
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_get_last_error(
    es: *const eventsource_t,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        entered_call(es, |es| {
            cut_text_out(&es.client().last_error(), buffer, capacity, len)
        })
    }
}

/// Tells the client's number, by which the log tells it from others: `client` of its `eventsource_log_record_t`.
///
/// @param es the client
/// @param number receives a number from 1 on, which no other client of the process has or will have
/// @return `EVENTSOURCE_OK`; `ERR_NULL`
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_get_number(
    es: *const eventsource_t,
    number: *mut u64,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            out(number, "number")?.write(es.client().number());
            Ok(())
        })
    }
}

/// Tells the pointer that was given to `eventsource_set_user_data`, for code that has only the client.
///
/// @param es the client
/// @param user receives the pointer; NULL if none was set
/// @return `EVENTSOURCE_OK`; `ERR_NULL`
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_get_user_data(
    es: *const eventsource_t,
    user: *mut *mut c_void,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            out(user, "user")?.write(es.user());
            Ok(())
        })
    }
}

/// How a client's run has ended.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct eventsource_result_t {
    /// Bytes of this struct as the caller compiled it.
    pub size: usize,
    /// Why the client closed; `EVENTSOURCE_CLOSE_FAILED` also if `eventsource_start` refused.
    pub reason: eventsource_close_reason_t,
    /// What `eventsource_wait` returns.
    pub status: eventsource_status_t,
    /// The HTTP status of the response that ended the run: of the final error's, or 204; 0 if there was none, for example
    /// after a lost stream.
    pub http_status: i32,
    /// The operating system's error number (`errno`) of the final error, 0 when there was none.
    pub os_error: i32,
    /// Attempts that the run has begun.
    pub attempts: u64,
}

// SAFETY: the struct is C's.
unsafe impl Growing for eventsource_result_t {}

impl From<End> for eventsource_result_t {
    fn from(end: End) -> eventsource_result_t {
        eventsource_result_t {
            size: 0,
            reason: end.close.into(),
            status: end.close.into(),
            http_status: end.http_status.into(),
            os_error: end.os_error,
            attempts: end.attempts,
        }
    }
}

/// Tells how the client ended: what `eventsource_wait` returns, and more. While the client runs, this is about the run before;
/// in `on_close`, about the run that ends.
///
/// @param es the client
/// @param result is written
/// @param size `sizeof *result`: no more than that is written, and members that only a newer library knows are zero
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has, `ERR_STATE` when the client has not
///         ended yet
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn eventsource_get_result(
    es: *const eventsource_t,
    result: *mut eventsource_result_t,
    size: usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            let told = match es.start_refused() {
                Some(refusal) => eventsource_result_t {
                    size: 0,
                    reason: eventsource_close_reason_t::EVENTSOURCE_CLOSE_FAILED,
                    status: refusal.status,
                    http_status: 0,
                    os_error: 0,
                    attempts: 0,
                },
                None => es.end()?.into(),
            };
            sized_write(result, size, told, "the result")
        })
    }
}

/// What a client has done since it was made.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct eventsource_stats_t {
    /// Bytes of this struct as the caller compiled it.
    pub size: usize,
    /// Events delivered.
    pub events: u64,
    /// Bytes of event streams read: decoded, and without HTTP's own.
    pub bytes: u64,
    /// Attempts begun.
    pub attempts: u64,
    /// Streams opened.
    pub opens: u64,
    /// Errors: failed attempts and lost streams.
    pub errors: u64,
    /// Milliseconds since the stream opened; -1 while it is not open.
    pub open_ms: i64,
    /// Milliseconds since the last byte of a stream arrived; -1 when none ever has.
    pub idle_ms: i64,
}

// SAFETY: the struct is C's, of numbers.
unsafe impl Growing for eventsource_stats_t {}

/// Tells what the client has done. Each member is exact, but they are read one after another, so they may be of slightly
/// different moments.
///
/// @param es the client
/// @param stats is written
/// @param size `sizeof *stats`: no more than that is written, and members that only a newer library knows are zero
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn eventsource_get_stats(
    es: *const eventsource_t,
    stats: *mut eventsource_stats_t,
    size: usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            let now = es.client().stats();
            let milliseconds = |age: Option<std::time::Duration>| {
                age.map_or(-1, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
            };
            sized_write(
                stats,
                size,
                eventsource_stats_t {
                    size: 0,
                    events: now.events,
                    bytes: now.bytes,
                    attempts: now.attempts,
                    opens: now.opens,
                    errors: now.errors,
                    open_ms: milliseconds(now.open),
                    idle_ms: milliseconds(now.idle),
                },
                "the statistics",
            )
        })
    }
}
