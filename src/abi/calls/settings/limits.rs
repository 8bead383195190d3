//! What a client accepts: times, sizes, types.

use super::set::{duration, set};
use crate::abi::guard::arguments::{optional_text, switch};
use crate::abi::guard::refusal::Refusal;
use crate::abi::objects::refused::Setting;
use crate::abi::types::handles::{EVENTSOURCE_NO_LIMIT, eventsource_t};
use crate::abi::types::status::{EVENTSOURCE_ERR_VALUE, eventsource_status_t};
use std::ffi::c_char;
use std::time::Duration;

/// Sets the longest time for name resolution, TCP, the proxy and TLS together. Default: 10000. The attempt then fails with
/// `EVENTSOURCE_ERR_CONNECT_TIMEOUT`; its message names the host if its name was still being looked up. Time in which the
/// name waits because too many others are being looked up does not count.
///
/// If the process is stopped for longer than a timeout (by a signal, by a debugger, or with its container), no attempt fails
/// for that: what arrived meanwhile is read first, and the timeout lasts up to twice as long. This applies to every timeout.
///
/// @param es the client
/// @param timeout_ms milliseconds, at least 1; `EVENTSOURCE_NO_LIMIT` for no limit
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for 0 and other negative numbers, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_connect_timeout(
    es: *mut eventsource_t,
    timeout_ms: i64,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("connect_timeout"), |settings| {
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
/// @param timeout_ms milliseconds, at least 1; `EVENTSOURCE_NO_LIMIT` for no limit
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for 0 and other negative numbers, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_response_timeout(
    es: *mut eventsource_t,
    timeout_ms: i64,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("response_timeout"), |settings| {
            settings.http.response_timeout = timeout(timeout_ms)?;
            Ok(())
        })
    }
}

/// Sets how long the stream may be silent. The stream fails if no byte arrives for this long. The response's head must be
/// complete within the same time, counted from the sending of the request. Silence on the wire counts, even while earlier
/// bytes are still being decoded. Default: `EVENTSOURCE_NO_LIMIT`. If the server sends comments as heartbeats, set a little
/// more than their interval.
///
/// @param es the client
/// @param timeout_ms milliseconds, at least 1; `EVENTSOURCE_NO_LIMIT` for no limit
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for 0 and other negative numbers, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_read_timeout(
    es: *mut eventsource_t,
    timeout_ms: i64,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("read_timeout"), |settings| {
            settings.http.read_timeout = timeout(timeout_ms)?;
            Ok(())
        })
    }
}

/// Sets how long the stream may go without an event. The stream fails with `EVENTSOURCE_ERR_EVENT_TIMEOUT`, which is retried,
/// if no event is complete for this long, counted from `on_open`, and from the last event on. Comments, heartbeats and events
/// without data do not count as events: set it for a server that keeps sending those after it has lost its source. Time in
/// which the client is paused does not count, nor does the time of a callback for events. Default: `EVENTSOURCE_NO_LIMIT`.
///
/// @param es the client
/// @param timeout_ms milliseconds, at least 1; `EVENTSOURCE_NO_LIMIT` for no limit
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for 0 and other negative numbers, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_event_timeout(
    es: *mut eventsource_t,
    timeout_ms: i64,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("event_timeout"), |settings| {
            settings.event_timeout = timeout(timeout_ms)?;
            Ok(())
        })
    }
}

/// Sets how many redirects one attempt follows. Default: 16.
///
/// @param es the client
/// @param count 0 to follow none
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` when negative, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_max_redirects(
    es: *mut eventsource_t,
    count: i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("max_redirects"), |settings| {
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
/// Beside that, whatever the server sends, a client holds at most the head of a response (256 KiB), what decoders hold
/// (`eventsource_set_compression`), and over HTTP/2 what `eventsource_set_http_version` says.
///
/// @param es the client
/// @param bytes ≥ 1
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_max_event_size(
    es: *mut eventsource_t,
    bytes: usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("max_event_size"), |settings| {
            Ok(settings.set_max_event_size(bytes)?)
        })
    }
}

/// Sets how much of an error response's body `on_error` gets. Default: 4096. What does not arrive within a second is left out,
/// and so is what the system has no memory for.
///
/// @param es the client
/// @param bytes 0 for nothing
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_max_error_body(
    es: *mut eventsource_t,
    bytes: usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("max_error_body"), |settings| {
            settings.http.max_error_body = bytes;
            Ok(())
        })
    }
}

/// Sets the event that ends the stream, by its data: `"[DONE]"` for most language models. When it comes, the client closes with
/// `EVENTSOURCE_CLOSE_END_OF_STREAM`, in every mode, whatever the server does next; the event itself is not delivered.
///
/// This tells a complete stream from one that was cut: an end without the marker is `EVENTSOURCE_ERR_END_OF_STREAM`, also if
/// the server ended the response as HTTP wants it. It is final or retried as the mode says. Default: none.
///
/// @param es the client
/// @param data the whole data of the event, copied; not empty, without CR. NULL for none
/// @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_VALUE`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_end_marker(
    es: *mut eventsource_t,
    data: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("end_marker"), |settings| {
            Ok(settings.set_end_marker(optional_text(data, "the end marker")?)?)
        })
    }
}

/// Sets whether a response must be `text/event-stream`. Default: 1.
///
/// @param es the client
/// @param check 1: another type is a final error; 0: any type is taken for an event stream
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_check_content_type(
    es: *mut eventsource_t,
    check: i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("check_content_type"), |settings| {
            settings.check_content_type = switch(check, "check")?;
            Ok(())
        })
    }
}

fn timeout(ms: i64) -> Result<Option<Duration>, Refusal> {
    match ms {
        EVENTSOURCE_NO_LIMIT => Ok(None),
        1.. => Ok(Some(duration(ms, "the timeout")?)),
        _ => Err(Refusal::new(
            EVENTSOURCE_ERR_VALUE,
            format!("the timeout must be at least 1 ms, or EVENTSOURCE_NO_LIMIT, not {ms}"),
        )),
    }
}
