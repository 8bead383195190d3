//! Questions about a client: any thread, any time.

use super::client::eventsource_t;
use super::guard::{Growing, call, client, client_call, out, sized_write, text_out};
use super::status::eventsource_status_t;
use crate::stream::State;
use std::ffi::c_char;

/// What a client is doing.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_state_t {
    /// Never started.
    EVENTSOURCE_IDLE = 0,
    /// An attempt is under way.
    EVENTSOURCE_CONNECTING = 1,
    /// The stream is open.
    EVENTSOURCE_OPEN = 2,
    /// Waiting for the next attempt.
    EVENTSOURCE_WAITING = 3,
    /// Closed, or about to be: in the `on_error` of a final error, and in `on_close`.
    EVENTSOURCE_CLOSED = 4,
}

impl From<State> for eventsource_state_t {
    fn from(state: State) -> eventsource_state_t {
        match state {
            State::Idle => eventsource_state_t::EVENTSOURCE_IDLE,
            State::Connecting => eventsource_state_t::EVENTSOURCE_CONNECTING,
            State::Open => eventsource_state_t::EVENTSOURCE_OPEN,
            State::Waiting => eventsource_state_t::EVENTSOURCE_WAITING,
            State::Closed => eventsource_state_t::EVENTSOURCE_CLOSED,
        }
    }
}

/// Tells what the client is doing.
///
/// @param es the client
/// @param state receives the state
/// @return `EVENTSOURCE_OK`; `ERR_NULL`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_get_state(
    es: *mut eventsource_t,
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

/// Copies the last event id, as to keep it for the next process.
///
/// @param es the client
/// @param buffer receives the id and a NUL; may be NULL when `capacity` is 0
/// @param capacity bytes of `buffer`
/// @param len receives the id's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when `capacity` ≤ the id's length: nothing is copied
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_get_last_event_id(
    es: *mut eventsource_t,
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
/// something else goes wrong; empty when nothing has.
///
/// @param es the client
/// @param buffer receives the text and a NUL; may be NULL when `capacity` is 0
/// @param capacity bytes of `buffer`
/// @param len receives the text's length without the NUL, whatever is answered but `ERR_NULL`; may be NULL
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when `capacity` ≤ the text's length: nothing is copied
///         (and the text stays as it is)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_get_last_error(
    es: *mut eventsource_t,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    call(|| unsafe { text_out(&client(es)?.client().last_error(), buffer, capacity, len) })
}

/// What a client has done since it was made.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct eventsource_stats_t {
    /// Bytes of this struct as the caller compiled it: `sizeof(eventsource_stats_t)`.
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

/// Tells what the client has done. The members are each exact, and taken one after another.
///
/// @param es the client
/// @param stats its `size` must be set; the other members are written
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_get_stats(
    es: *mut eventsource_t,
    stats: *mut eventsource_stats_t,
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
