//! What callbacks receive.

use super::enumeration::enumeration;
use super::status::eventsource_status_t;
use super::tls_version::eventsource_tls_version_t;
use crate::parser::{Event, Text};
use crate::stream::Close;
use std::ffi::{CStr, c_char};

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
    /// The origin of the URL that the stream came from, after redirects, as browsers give it in `MessageEvent.origin`: for
    /// example `"https://example.com"`, with a port unless it is the scheme's own. Empty for an event of a parser, which
    /// knows no URL. NUL-terminated ASCII.
    pub origin: *const c_char,
    /// Bytes of `origin`, without the NUL.
    pub origin_len: usize,
}

impl eventsource_event_t {
    /// An event as C sees it; the pointers lend the parser's buffers, and the origin.
    pub(in crate::abi) fn new(event: &Event<'_>, origin: &CStr) -> eventsource_event_t {
        eventsource_event_t {
            size: size_of::<eventsource_event_t>(),
            r#type: event.event_type.as_ptr().cast(),
            type_len: event.event_type.len(),
            data: event.data.as_ptr().cast(),
            data_len: event.data.len(),
            last_event_id: event.last_event_id.as_ptr().cast(),
            last_event_id_len: event.last_event_id.len(),
            origin: origin.as_ptr(),
            origin_len: origin.count_bytes(),
        }
    }
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

impl eventsource_comment_t {
    /// A comment as C sees it; the pointer lends the parser's buffer.
    pub(in crate::abi) fn new(text: Text<'_>) -> eventsource_comment_t {
        eventsource_comment_t {
            size: size_of::<eventsource_comment_t>(),
            text: text.as_ptr().cast(),
            text_len: text.len(),
        }
    }
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

/// Versions of HTTP, in a response.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_http_version_t {
    /// HTTP/1.0.
    EVENTSOURCE_HTTP_VERSION_1_0 = 10,
    /// HTTP/1.1.
    EVENTSOURCE_HTTP_VERSION_1_1 = 11,
    /// HTTP/2.
    EVENTSOURCE_HTTP_VERSION_2 = 20,
}

impl eventsource_http_version_t {
    /// As `http` tells it.
    pub(in crate::abi) fn new(version: i32) -> eventsource_http_version_t {
        match version {
            10 => eventsource_http_version_t::EVENTSOURCE_HTTP_VERSION_1_0,
            20 => eventsource_http_version_t::EVENTSOURCE_HTTP_VERSION_2,
            _ => eventsource_http_version_t::EVENTSOURCE_HTTP_VERSION_1_1,
        }
    }
}

/// The response that opened the stream, alive during the callback.
///
/// The times are those of the attempt's last request, that is, of the one after all redirects. They are microseconds, and -1
/// for a step that was not made.
#[repr(C)]
pub struct eventsource_response_t {
    /// Bytes of this struct in the running library.
    pub size: usize,
    /// The HTTP status code.
    pub status: i32,
    /// The version of HTTP.
    pub http_version: eventsource_http_version_t,
    /// The URL of the response: after redirects, without user information and fragment. NUL-terminated.
    pub url: *const c_char,
    /// Bytes of `url`, without the NUL.
    pub url_len: usize,
    /// The response's headers, in the order of their first appearance; repeated ones each have an entry.
    pub headers: *const eventsource_header_t,
    /// Entries of `headers`.
    pub header_count: usize,
    /// The version of TLS with the server; `EVENTSOURCE_TLS_NONE` without TLS. TLS with a proxy does not count.
    pub tls_version: eventsource_tls_version_t,
    /// 1 if the stream shares an HTTP/2 connection that was there already; 0 if a connection was made for it.
    pub is_reused: i32,
    /// The peer of the socket: `"192.0.2.1:443"`, `"[2001:db8::1]:443"`, or the path of a Unix socket. With a proxy, it is the
    /// proxy. Empty if the system does not tell. NUL-terminated UTF-8.
    pub peer: *const c_char,
    /// Bytes of `peer`, without the NUL.
    pub peer_len: usize,
    /// How long names were looked up, other names' look-ups that came first included. -1 if none was: the URL has an address,
    /// `eventsource_set_resolve` says it, a proxy looks it up, or the connection is reused.
    pub resolve_us: i64,
    /// How long connecting took, without looking names up: TCP or the Unix socket, and with a proxy all that leads through it.
    /// -1 if the connection is reused.
    pub connect_us: i64,
    /// How long the TLS handshake with the server took. -1 without TLS, or if the connection is reused.
    pub tls_us: i64,
    /// How long it took from the request until the head of the response was complete.
    pub head_us: i64,
}

/// A failed attempt, or the loss of an open stream; alive during the callback.
#[repr(C)]
pub struct eventsource_error_t {
    /// Bytes of this struct in the running library.
    pub size: usize,
    /// What went wrong: a status ≥ 32, or `EVENTSOURCE_ERR_PANIC`.
    pub code: eventsource_status_t,
    /// The HTTP status of the error response; 0 if there was none, for example after the loss of an open stream.
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
    /// The headers of the error response; NULL if there was none.
    pub headers: *const eventsource_header_t,
    /// Entries of `headers`.
    pub header_count: usize,
    /// The first bytes of the error response's body, at most as many as `eventsource_set_max_error_body` says, decoded if their
    /// content coding is known; bytes that are not UTF-8 appear as U+FFFD. Never NULL, NUL-terminated.
    pub body: *const c_char,
    /// Bytes of `body`, without the NUL.
    pub body_len: usize,
}

/// Why a client closed.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_close_reason_t {
    /// The program asked: `eventsource_stop`, `eventsource_free`, or `EVENTSOURCE_DECISION_CLOSE` from `on_error`.
    EVENTSOURCE_CLOSE_STOPPED = 0,
    /// The server asked: it sent 204 No Content.
    EVENTSOURCE_CLOSE_SERVER = 1,
    /// An error was final. `on_error` has been called with it.
    EVENTSOURCE_CLOSE_FAILED = 2,
    /// The server ended the stream without error, and the client's mode (`eventsource_set_mode`) makes that the end. No
    /// `on_error` comes.
    EVENTSOURCE_CLOSE_END_OF_STREAM = 3,
}

impl From<Close> for eventsource_close_reason_t {
    fn from(close: Close) -> eventsource_close_reason_t {
        match close {
            Close::Stopped => eventsource_close_reason_t::EVENTSOURCE_CLOSE_STOPPED,
            Close::Server => eventsource_close_reason_t::EVENTSOURCE_CLOSE_SERVER,
            Close::Failed(_) => eventsource_close_reason_t::EVENTSOURCE_CLOSE_FAILED,
            Close::EndOfStream => eventsource_close_reason_t::EVENTSOURCE_CLOSE_END_OF_STREAM,
        }
    }
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

/// What an `on_error` or `on_request` callback can return.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_decision_t {
    /// Do what the error's `will_retry` and `delay_ms` say. Any number that is no decision means this, too.
    EVENTSOURCE_DECISION_DEFAULT = 0,
    /// Try again, even if the error would be final. The delay is `delay_ms`; for an error that would be final, it is that of
    /// the back-off.
    EVENTSOURCE_DECISION_RETRY = 1,
    /// Close.
    EVENTSOURCE_DECISION_CLOSE = 2,
}

enumeration!(eventsource_decision_t {
    EVENTSOURCE_DECISION_DEFAULT
    EVENTSOURCE_DECISION_RETRY
    EVENTSOURCE_DECISION_CLOSE
});

/// A redirect that can be followed, alive during the callback.
#[repr(C)]
pub struct eventsource_redirect_t {
    /// Bytes of this struct in the running library.
    pub size: usize,
    /// The HTTP status: 301, 302, 303, 307 or 308.
    pub status: i32,
    /// 1 if the redirect leads to another origin and the request has something that `EVENTSOURCE_REDIRECT_FOLLOW` does not send
    /// there: `Authorization`, `Cookie`, the URL's user and password, headers that hold secrets, a client certificate. Else 0.
    pub drops_credentials: i32,
    /// 1 if the redirect leads to another origin and keeps the request's body, which `EVENTSOURCE_REDIRECT_FOLLOW` does not
    /// send there. Else 0.
    pub drops_body: i32,
    /// The URL that was requested, without user information and fragment. NUL-terminated.
    pub from: *const c_char,
    /// Bytes of `from`, without the NUL.
    pub from_len: usize,
    /// The URL that the redirect leads to, absolute, without user information and fragment. NUL-terminated.
    pub to: *const c_char,
    /// Bytes of `to`, without the NUL.
    pub to_len: usize,
}

/// What an `on_redirect` callback can return. Within the same origin, all but the refusal are the same.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_redirect_decision_t {
    /// Follow. Another origin gets no credentials (`drops_credentials`). If it would get the request's body (`drops_body`), the
    /// redirect is refused instead. This is what happens without a callback, and for any number that is no decision.
    EVENTSOURCE_REDIRECT_FOLLOW = 0,
    /// Do not follow: the attempt fails with `EVENTSOURCE_ERR_REDIRECT`, which is final.
    EVENTSOURCE_REDIRECT_REFUSE = 1,
    /// Follow with the body, without credentials.
    EVENTSOURCE_REDIRECT_FOLLOW_WITH_BODY = 2,
    /// Follow with body, credentials and client certificate, for this redirect alone. Only for a host that you trust with them:
    /// `to` is the server's choice. A `Host` header that was set stays behind.
    EVENTSOURCE_REDIRECT_FOLLOW_WITH_CREDENTIALS = 3,
}

enumeration!(eventsource_redirect_decision_t {
    EVENTSOURCE_REDIRECT_FOLLOW
    EVENTSOURCE_REDIRECT_REFUSE
    EVENTSOURCE_REDIRECT_FOLLOW_WITH_BODY
    EVENTSOURCE_REDIRECT_FOLLOW_WITH_CREDENTIALS
});

/// A whole response that is not an event stream, alive during the callback.
#[repr(C)]
pub struct eventsource_document_t {
    /// Bytes of this struct in the running library.
    pub size: usize,
    /// The response, as `on_open` has it. `eventsource_response_get_header` finds its headers.
    pub response: *const eventsource_response_t,
    /// The body, decoded if its content coding is known, and otherwise as it came. NUL-terminated, may itself hold NULs; not
    /// checked to be UTF-8. Never NULL.
    pub body: *const c_char,
    /// Bytes of `body`, without the NUL.
    pub body_len: usize,
}
