//! What a client accepts: times, sizes, types.

use super::{duration, set};
use crate::abi::client::eventsource_t;
use crate::abi::guard::{Refusal, switch};
use crate::abi::status::{EVENTSOURCE_ERR_VALUE, eventsource_status_t};
use std::time::Duration;

/// Sets the longest time for name resolution, TCP, the proxy and TLS together. Default: 10000. The attempt then fails with
/// `EVENTSOURCE_ERR_CONNECT_TIMEOUT`; its message names the host if its name was still being looked up. Time in which the
/// name waits because too many others are being looked up does not count.
///
/// A process that is stopped for longer than a timeout, by a signal, a debugger or with its container, does not fail for
/// that: what came meanwhile is read first, and the timeout lasts up to twice as long. That holds for every timeout.
///
/// @param es the client
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

/// Sets the longest time from an established connection to the complete head of the response. It covers the sending of the
/// request, and the request of a redirect has as much again. Default: 300000. A response that does not come in time is
/// `EVENTSOURCE_ERR_RESPONSE_TIMEOUT`, which is retried. A read timeout that is shorter fires first.
///
/// @param es the client
/// @param timeout_ms milliseconds; 0 for no limit
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` when negative, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_response_timeout(
    es: *mut eventsource_t,
    timeout_ms: i64,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            settings.http.response_timeout = timeout(timeout_ms)?;
            Ok(())
        })
    }
}

/// Sets the longest silence of the stream: no byte of it for so long. The response's head must be complete within the
/// same time, counted from the sending of the request. Silence is counted on the wire, also while what has come is still
/// being decoded. Default: no limit. A server that sends comments as heartbeats allows for a little more than their
/// interval.
///
/// @param es the client
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
/// @param es the client
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
/// client reconnects. An id counts for the event that brings it. As the last event id it is kept beside the events that
/// follow, at the cost of its own size.
///
/// @param es the client
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
/// @param es the client
/// @param check 1: another type is a final error; 0: any type is taken for an event stream
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

fn timeout(ms: i64) -> Result<Option<Duration>, Refusal> {
    Ok(Some(duration(ms, "the timeout")?).filter(|timeout| !timeout.is_zero()))
}
