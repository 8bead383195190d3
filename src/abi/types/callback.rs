//! What callbacks are: the types of the functions that the library calls.

use super::handles::{eventsource_request_t, eventsource_t};
use super::payload::*;
use std::ffi::c_void;
use std::mem::MaybeUninit;

/// Receives an event.
///
/// Runs on a thread of the client's runtime, or in `eventsource_runtime_dispatch`: see `eventsource_dispatch_t`.
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
/// Runs on a thread of the client's runtime, or in `eventsource_runtime_dispatch`: see `eventsource_dispatch_t`.
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
///
/// Runs on a thread of the client's runtime, or in `eventsource_runtime_dispatch`: see `eventsource_dispatch_t`.
///
/// @param es the client
/// @param comment the comment; it lives until the callback returns
/// @param user the pointer given to `eventsource_set_user_data`
pub type eventsource_comment_fn = Option<
    unsafe extern "C-unwind" fn(
        es: *mut eventsource_t,
        comment: *const eventsource_comment_t,
        user: *mut c_void,
    ),
>;

/// Called when a stream has opened.
///
/// Runs on a thread of the client's runtime, or in `eventsource_runtime_dispatch`: see `eventsource_dispatch_t`.
///
/// @param es the client
/// @param response the response; it lives until the callback returns
/// @param user the pointer given to `eventsource_set_user_data`
pub type eventsource_open_fn = Option<
    unsafe extern "C-unwind" fn(
        es: *mut eventsource_t,
        response: *const eventsource_response_t,
        user: *mut c_void,
    ),
>;

/// Receives a document: a whole response that is not an event stream.
///
/// Runs on a thread of the client's runtime, or in `eventsource_runtime_dispatch`: see `eventsource_dispatch_t`.
///
/// @param es the client
/// @param document the document; it lives until the callback returns
/// @param user the pointer given to `eventsource_set_user_data`
pub type eventsource_document_fn = Option<
    unsafe extern "C-unwind" fn(
        es: *mut eventsource_t,
        document: *const eventsource_document_t,
        user: *mut c_void,
    ),
>;

/// Called when an attempt has failed or a stream was lost.
///
/// Runs on a thread of the client's runtime, or in `eventsource_runtime_dispatch`: see `eventsource_dispatch_t`.
///
/// @param es the client
/// @param error the error; it lives until the callback returns
/// @param user the pointer given to `eventsource_set_user_data`
/// @return what to do; any other number means `EVENTSOURCE_DECISION_DEFAULT`
pub type eventsource_error_fn = Option<
    unsafe extern "C-unwind" fn(
        es: *mut eventsource_t,
        error: *const eventsource_error_t,
        user: *mut c_void,
    ) -> MaybeUninit<eventsource_decision_t>,
>;

/// Called before each attempt. It may change the request (`eventsource_request_*`) and may block.
///
/// Runs on a thread of the client's runtime, or in `eventsource_runtime_dispatch`: see `eventsource_dispatch_t`.
///
/// @param es the client
/// @param request the request; it lives until the callback returns
/// @param user the pointer given to `eventsource_set_user_data`
/// @return `EVENTSOURCE_DECISION_DEFAULT`: send the request, unless a change of it was refused. `EVENTSOURCE_DECISION_RETRY`:
///         send nothing. The attempt fails with `EVENTSOURCE_ERR_REQUEST`, and another one follows after the back-off, even if
///         it was the first, and in every mode. `EVENTSOURCE_DECISION_CLOSE`: send nothing. The attempt fails with the same
///         status, and that is final
pub type eventsource_request_fn = Option<
    unsafe extern "C-unwind" fn(
        es: *mut eventsource_t,
        request: *mut eventsource_request_t,
        user: *mut c_void,
    ) -> MaybeUninit<eventsource_decision_t>,
>;

/// Called for each redirect of an attempt, before it is followed. It may block.
///
/// Runs on a thread of the client's runtime, or in `eventsource_runtime_dispatch`: see `eventsource_dispatch_t`.
///
/// @param es the client
/// @param redirect the redirect; it lives until the callback returns
/// @param user the pointer given to `eventsource_set_user_data`
/// @return whether to follow it, and with what; any other number means `EVENTSOURCE_REDIRECT_FOLLOW`
pub type eventsource_redirect_fn = Option<
    unsafe extern "C-unwind" fn(
        es: *mut eventsource_t,
        redirect: *const eventsource_redirect_t,
        user: *mut c_void,
    ) -> MaybeUninit<eventsource_redirect_decision_t>,
>;

/// Called when the client has closed: the last callback after `eventsource_start`.
///
/// Runs on a thread of the client's runtime, or in `eventsource_runtime_dispatch`: see `eventsource_dispatch_t`.
///
/// @param es the client
/// @param close how it ended; it lives until the callback returns
/// @param user the pointer given to `eventsource_set_user_data`
pub type eventsource_close_fn = Option<
    unsafe extern "C-unwind" fn(
        es: *mut eventsource_t,
        close: *const eventsource_close_t,
        user: *mut c_void,
    ),
>;

/// Releases user data. Called exactly once, on the thread that holds it last: the library's or the caller's.
///
/// @param user the pointer that was given with this function
pub type eventsource_destroy_fn = Option<unsafe extern "C-unwind" fn(user: *mut c_void)>;
