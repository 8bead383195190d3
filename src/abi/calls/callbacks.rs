//! How callbacks are registered.

use crate::abi::guard::arguments::{optional_text, text};
use crate::abi::guard::refusal::Refusal;
use crate::abi::guard::user_data::UserData;
use crate::abi::handle::Entered;
use crate::abi::objects::callbacks::Callbacks;
use crate::abi::objects::client::{ClientObject, client_call, removing_call, setting_call};
use crate::abi::objects::refused::Setting;
use crate::abi::types::callback::*;
use crate::abi::types::handles::eventsource_t;
use crate::abi::types::status::{eventsource_status_t, *};
use std::ffi::{c_char, c_void};

/// Changes the callbacks of a client; refused while it runs.
///
/// # Safety
/// As for `client_call`.
unsafe fn register(
    es: *mut eventsource_t,
    change: impl FnOnce(&mut Callbacks),
) -> eventsource_status_t {
    // SAFETY: the caller's promise.
    unsafe { client_call(es, |es| es.configure_callbacks(change)) }
}

/// Sets the pointer that every callback receives, and how it is released.
///
/// @param es the client
/// @param user passed to the callbacks as it is; the library never reads what it points to
/// @param destroy called exactly once with `user`, after every callback has returned: when the client is freed, also
///        if it was never started, or when another pointer is set. May be NULL.
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs: then `user` stays the caller's
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
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
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_on_event(
    es: *mut eventsource_t,
    callback: eventsource_event_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { register(es, |callbacks| callbacks.on_event = callback) }
}

/// Sets the callback for events of one type, instead of the general one. NULL removes it, and takes back a call with that type
/// that was refused.
///
/// @param es the client
/// @param type the event type, matched exactly; `"message"` for events that name none
/// @param callback what to call; NULL for nothing
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE` for an empty type, which no event has,
///         `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_on_event_type(
    es: *mut eventsource_t,
    r#type: *const c_char,
    callback: eventsource_event_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        let body = |es: &Entered<'_, ClientObject>| {
            let event_type = text(r#type, "the event type")?;
            if event_type.is_empty() {
                return Err(Refusal::new(
                    EVENTSOURCE_ERR_VALUE,
                    "no event has an empty type",
                ));
            }
            es.configure_callbacks(|callbacks| callbacks.set_on_event_type(event_type, callback))
        };
        let of = optional_text(r#type, "the event type").ok().flatten();
        let setting = Setting::of("event type", of);
        if callback.is_none() {
            return removing_call(es, setting, body);
        }
        setting_call(es, setting, body)
    }
}

/// Sets the callback that receives all events that came with one read in one call, for languages in which each call is
/// expensive. While it is set, no event goes to the callbacks of `eventsource_on_event` and `eventsource_on_event_type`. NULL
/// removes it.
///
/// A batch also ends before a comment for which there is a callback, after an event with more than 16 KiB, and when it has
/// more than 64 KiB of text or 1024 events. `eventsource_stop` and `eventsource_pause` take effect between batches.
///
/// @param es the client
/// @param callback what to call; NULL for nothing
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_on_events(
    es: *mut eventsource_t,
    callback: eventsource_events_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { register(es, |callbacks| callbacks.on_events = callback) }
}

/// Sets the callback for comments. NULL removes it.
///
/// @param es the client
/// @param callback what to call; NULL for nothing
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_on_comment(
    es: *mut eventsource_t,
    callback: eventsource_comment_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { register(es, |callbacks| callbacks.on_comment = callback) }
}

/// Sets the callback for the opening of the stream, at the start and after each reconnect. NULL removes it.
///
/// @param es the client
/// @param callback what to call; NULL for nothing
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_on_open(
    es: *mut eventsource_t,
    callback: eventsource_open_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { register(es, |callbacks| callbacks.on_open = callback) }
}

/// Sets the callback for documents: responses that are not event streams, but whose status would open one. With it set, such a
/// response is a result and not `EVENTSOURCE_ERR_CONTENT_TYPE`. NULL removes it.
///
/// Servers that answer either with an event stream or with JSON are meant, such as those of MCP's streamable HTTP. The response
/// is read to its end; the callback is called once with all of it, and `on_open` is not. Then the client closes with
/// `EVENTSOURCE_CLOSE_END_OF_STREAM`, in every mode. A document that is cut short is an error like a lost stream, and one that
/// is larger than the event limit is `EVENTSOURCE_ERR_EVENT_TOO_LARGE`. Responses with an error status remain errors:
/// `eventsource_set_max_error_body`. No response is a document if `eventsource_set_check_content_type` is 0.
///
/// @param es the client
/// @param callback what to call; NULL for nothing
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_on_document(
    es: *mut eventsource_t,
    callback: eventsource_document_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { register(es, |callbacks| callbacks.on_document = callback) }
}

/// Sets the callback for failed attempts and lost streams; what it returns may override what happens next. NULL removes it.
///
/// @param es the client
/// @param callback what to call; NULL for nothing
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_on_error(
    es: *mut eventsource_t,
    callback: eventsource_error_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { register(es, |callbacks| callbacks.on_error = callback) }
}

/// Sets the callback that is asked before each attempt, for a fresh token, another URL or another body. NULL removes it.
///
/// With it set, a first response of 401 Unauthorized is not final: the callback is asked once more, at once.
///
/// @param es the client
/// @param callback what to call; NULL for nothing
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_on_request(
    es: *mut eventsource_t,
    callback: eventsource_request_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { register(es, |callbacks| callbacks.on_request = callback) }
}

/// Sets the callback that is asked about each redirect: whether to follow it, and whether another origin gets what is for the
/// first one alone. NULL removes it: then redirects are followed without that.
///
/// It is not asked about a redirect that is never followed: without a usable `Location`, from https to http, or one too many.
/// The next attempt starts from the original URL and asks again.
///
/// @param es the client
/// @param callback what to call; NULL for nothing
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_on_redirect(
    es: *mut eventsource_t,
    callback: eventsource_redirect_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { register(es, |callbacks| callbacks.on_redirect = callback) }
}

/// Sets the callback for the client's end. NULL removes it.
///
/// @param es the client
/// @param callback what to call; NULL for nothing
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_on_close(
    es: *mut eventsource_t,
    callback: eventsource_close_fn,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { register(es, |callbacks| callbacks.on_close = callback) }
}
