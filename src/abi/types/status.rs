//! What a call returns.

use super::enumeration::{enumeration, number};
use crate::http::ErrorKind;
use crate::stream::Close;
use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

/// What a call returns, and why an attempt or a stream failed.
///
/// 0 is success; everything else is an error. A number keeps its meaning: one that is no longer used stays reserved. Any
/// release may add statuses, so a `switch` over them needs a default branch.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_status_t {
    /// Success.
    EVENTSOURCE_OK = 0,

    /// A pointer that must not be NULL is NULL.
    EVENTSOURCE_ERR_NULL = 1,
    /// A string is not valid UTF-8.
    EVENTSOURCE_ERR_UTF8 = 2,
    /// No attempt could succeed with the URL, for example because it is not absolute or neither http nor https.
    EVENTSOURCE_ERR_URL = 3,
    /// A header's name or value is not legal, or the header is one that the library itself writes.
    EVENTSOURCE_ERR_HEADER = 4,
    /// The method is not an HTTP method token, or is CONNECT.
    EVENTSOURCE_ERR_METHOD = 5,
    /// A number, an option or an id is out of its documented range.
    EVENTSOURCE_ERR_VALUE = 6,
    /// The PEM text holds no usable certificate or key, or its file cannot be read.
    EVENTSOURCE_ERR_PEM = 7,
    /// The call is not allowed in this state, for example a setter while the client runs.
    EVENTSOURCE_ERR_STATE = 8,
    /// The call would wait for a callback, and was made inside one.
    EVENTSOURCE_ERR_IN_CALLBACK = 9,
    /// The time given to `eventsource_wait` ran out.
    EVENTSOURCE_ERR_TIMEOUT = 10,
    /// The text and its NUL do not fit into the caller's buffer; the length of the text has been written to `len`.
    EVENTSOURCE_ERR_BUFFER = 11,
    /// The operating system refused a thread or a descriptor that the runtime needs.
    EVENTSOURCE_ERR_RUNTIME = 12,
    /// The library has a bug: a panic was caught before it reached the caller. The client closes.
    EVENTSOURCE_ERR_PANIC = 13,
    /// The client or runtime was made by this process's parent, before `fork`.
    EVENTSOURCE_ERR_FORKED = 14,
    /// The client or runtime has been freed.
    EVENTSOURCE_ERR_FREED = 15,
    /// The call needs a part that was left out when the library was built: `eventsource_has_feature`.
    EVENTSOURCE_ERR_UNSUPPORTED = 16,

    /// The host's name could not be resolved.
    EVENTSOURCE_ERR_RESOLVE = 32,
    /// No TCP connection could be made.
    EVENTSOURCE_ERR_CONNECT = 33,
    /// Name resolution, TCP, the proxy and TLS together took longer than the connect timeout.
    EVENTSOURCE_ERR_CONNECT_TIMEOUT = 34,
    /// TLS failed, in the handshake or after it. With TLS 1.3, a server that does not accept the client's certificate says so
    /// after the handshake.
    EVENTSOURCE_ERR_TLS = 35,
    /// The connection broke before the response was complete.
    EVENTSOURCE_ERR_DISCONNECTED = 36,
    /// The server sent nothing for longer than the read timeout.
    EVENTSOURCE_ERR_READ_TIMEOUT = 37,
    /// The server's bytes are not HTTP, or break its framing, or the response's head has more than 256 KiB or
    /// 1,000 fields, or more than 100 interim responses come before it; or there is a transfer coding other than chunked.
    EVENTSOURCE_ERR_PROTOCOL = 38,
    /// The server ended the stream.
    EVENTSOURCE_ERR_END_OF_STREAM = 39,
    /// The response has a status that opens no event stream.
    EVENTSOURCE_ERR_HTTP_STATUS = 40,
    /// The response is not `text/event-stream`.
    EVENTSOURCE_ERR_CONTENT_TYPE = 41,
    /// The response has more than two content codings, or one in a build without codings.
    EVENTSOURCE_ERR_CONTENT_ENCODING = 42,
    /// A redirect has no usable `Location` or two different ones, or leads from https to http; or `on_redirect` refused it; or
    /// it would take the request's body to another origin, and `on_redirect` did not say so.
    EVENTSOURCE_ERR_REDIRECT = 43,
    /// More redirects than allowed.
    EVENTSOURCE_ERR_TOO_MANY_REDIRECTS = 44,
    /// An event is larger than the event size limit.
    EVENTSOURCE_ERR_EVENT_TOO_LARGE = 45,
    /// The proxy cannot be reached, or refuses, or does not speak its protocol.
    EVENTSOURCE_ERR_PROXY = 46,
    /// The server's certificate is not trusted. For example, it has expired, has another name, or comes from an unknown
    /// authority.
    EVENTSOURCE_ERR_CERTIFICATE = 47,
    /// The response's content does not follow its content coding, or decodes to far more bytes than it has.
    EVENTSOURCE_ERR_DECODING = 48,
    /// The server, or a proxy before it, broke off an HTTP/2 stream or connection, or broke the rules of HTTP/2.
    EVENTSOURCE_ERR_HTTP2 = 49,
    /// The system has no memory for what the server sends: an event, a head, the window of a decoder.
    EVENTSOURCE_ERR_MEMORY = 50,
    /// The head of the response was not complete within the response timeout.
    EVENTSOURCE_ERR_RESPONSE_TIMEOUT = 51,
    /// The program's `on_request` did not make the request: its return value said so, or a change that it made was refused.
    /// Nothing was sent.
    EVENTSOURCE_ERR_REQUEST = 52,
    /// No event came for longer than the event timeout, whatever else the server sent.
    EVENTSOURCE_ERR_EVENT_TIMEOUT = 53,
}

pub(crate) use eventsource_status_t::*;

enumeration!(eventsource_status_t {
    EVENTSOURCE_OK
    EVENTSOURCE_ERR_NULL
    EVENTSOURCE_ERR_UTF8
    EVENTSOURCE_ERR_URL
    EVENTSOURCE_ERR_HEADER
    EVENTSOURCE_ERR_METHOD
    EVENTSOURCE_ERR_VALUE
    EVENTSOURCE_ERR_PEM
    EVENTSOURCE_ERR_STATE
    EVENTSOURCE_ERR_IN_CALLBACK
    EVENTSOURCE_ERR_TIMEOUT
    EVENTSOURCE_ERR_BUFFER
    EVENTSOURCE_ERR_RUNTIME
    EVENTSOURCE_ERR_PANIC
    EVENTSOURCE_ERR_FORKED
    EVENTSOURCE_ERR_FREED
    EVENTSOURCE_ERR_UNSUPPORTED
    EVENTSOURCE_ERR_RESOLVE
    EVENTSOURCE_ERR_CONNECT
    EVENTSOURCE_ERR_CONNECT_TIMEOUT
    EVENTSOURCE_ERR_TLS
    EVENTSOURCE_ERR_DISCONNECTED
    EVENTSOURCE_ERR_READ_TIMEOUT
    EVENTSOURCE_ERR_PROTOCOL
    EVENTSOURCE_ERR_END_OF_STREAM
    EVENTSOURCE_ERR_HTTP_STATUS
    EVENTSOURCE_ERR_CONTENT_TYPE
    EVENTSOURCE_ERR_CONTENT_ENCODING
    EVENTSOURCE_ERR_REDIRECT
    EVENTSOURCE_ERR_TOO_MANY_REDIRECTS
    EVENTSOURCE_ERR_EVENT_TOO_LARGE
    EVENTSOURCE_ERR_PROXY
    EVENTSOURCE_ERR_CERTIFICATE
    EVENTSOURCE_ERR_DECODING
    EVENTSOURCE_ERR_HTTP2
    EVENTSOURCE_ERR_MEMORY
    EVENTSOURCE_ERR_RESPONSE_TIMEOUT
    EVENTSOURCE_ERR_REQUEST
    EVENTSOURCE_ERR_EVENT_TIMEOUT
});

impl From<ErrorKind> for eventsource_status_t {
    fn from(kind: ErrorKind) -> eventsource_status_t {
        match kind {
            ErrorKind::Resolve => EVENTSOURCE_ERR_RESOLVE,
            ErrorKind::Connect => EVENTSOURCE_ERR_CONNECT,
            ErrorKind::ConnectTimeout => EVENTSOURCE_ERR_CONNECT_TIMEOUT,
            ErrorKind::Proxy => EVENTSOURCE_ERR_PROXY,
            ErrorKind::Tls => EVENTSOURCE_ERR_TLS,
            ErrorKind::Certificate => EVENTSOURCE_ERR_CERTIFICATE,
            ErrorKind::Disconnected => EVENTSOURCE_ERR_DISCONNECTED,
            ErrorKind::ResponseTimeout => EVENTSOURCE_ERR_RESPONSE_TIMEOUT,
            ErrorKind::ReadTimeout => EVENTSOURCE_ERR_READ_TIMEOUT,
            ErrorKind::EventTimeout => EVENTSOURCE_ERR_EVENT_TIMEOUT,
            ErrorKind::Protocol => EVENTSOURCE_ERR_PROTOCOL,
            ErrorKind::Http2 => EVENTSOURCE_ERR_HTTP2,
            ErrorKind::Memory => EVENTSOURCE_ERR_MEMORY,
            ErrorKind::EndOfStream => EVENTSOURCE_ERR_END_OF_STREAM,
            ErrorKind::Status => EVENTSOURCE_ERR_HTTP_STATUS,
            ErrorKind::ContentType => EVENTSOURCE_ERR_CONTENT_TYPE,
            ErrorKind::ContentEncoding => EVENTSOURCE_ERR_CONTENT_ENCODING,
            ErrorKind::Decoding => EVENTSOURCE_ERR_DECODING,
            ErrorKind::Redirect => EVENTSOURCE_ERR_REDIRECT,
            ErrorKind::TooManyRedirects => EVENTSOURCE_ERR_TOO_MANY_REDIRECTS,
            ErrorKind::EventTooLarge => EVENTSOURCE_ERR_EVENT_TOO_LARGE,
            ErrorKind::Request => EVENTSOURCE_ERR_REQUEST,
            ErrorKind::Panic => EVENTSOURCE_ERR_PANIC,
        }
    }
}

impl From<Close> for eventsource_status_t {
    fn from(close: Close) -> eventsource_status_t {
        match close {
            Close::Stopped | Close::Server | Close::EndOfStream => EVENTSOURCE_OK,
            Close::Failed(kind) => kind.into(),
        }
    }
}

/// Returns the name of a status, for example `"EVENTSOURCE_ERR_TIMEOUT"`.
///
/// @param status any number
/// @return a static string; `"EVENTSOURCE_ERR_UNKNOWN"` for a number that is no status of this version. Never NULL,
///         never to be freed.
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub extern "C" fn eventsource_status_name(
    status: MaybeUninit<eventsource_status_t>,
) -> *const c_char {
    // SAFETY: C has passed it.
    describe(unsafe { number(status) }).0.as_ptr()
}

/// Returns what a status means, as a phrase for people. For a client, `eventsource_get_last_error` says more.
///
/// @param status any number
/// @return a static string; `"unknown status"` for a number that is no status of this version. Never NULL, never to be
///         freed.
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub extern "C" fn eventsource_status_text(
    status: MaybeUninit<eventsource_status_t>,
) -> *const c_char {
    // SAFETY: C has passed it.
    describe(unsafe { number(status) }).1.as_ptr()
}

/// A status's name and meaning.
fn describe(status: i32) -> (&'static CStr, &'static CStr) {
    const fn terminated(text: &'static str) -> &'static CStr {
        match CStr::from_bytes_with_nul(text.as_bytes()) {
            Ok(text) => text,
            // Only for a text with a NUL of its own; there is none below.
            Err(_) => c"",
        }
    }
    macro_rules! statuses {
        ($($status:ident $text:literal)*) => {
            match status {
                $(n if n == $status as i32 => const {
                    (terminated(concat!(stringify!($status), "\0")), terminated(concat!($text, "\0")))
                },)*
                _ => (c"EVENTSOURCE_ERR_UNKNOWN", c"unknown status"),
            }
        };
    }
    statuses! {
        EVENTSOURCE_OK "success"
        EVENTSOURCE_ERR_NULL "a pointer is NULL"
        EVENTSOURCE_ERR_UTF8 "a string is not valid UTF-8"
        EVENTSOURCE_ERR_URL "the URL is not a valid, absolute http or https URL"
        EVENTSOURCE_ERR_HEADER "the header is not legal or not the caller's to set"
        EVENTSOURCE_ERR_METHOD "the method is not legal"
        EVENTSOURCE_ERR_VALUE "a value is out of its range"
        EVENTSOURCE_ERR_PEM "the PEM text holds no usable certificate or key"
        EVENTSOURCE_ERR_STATE "the call is not allowed in this state"
        EVENTSOURCE_ERR_IN_CALLBACK "the call would wait, and was made inside a callback"
        EVENTSOURCE_ERR_TIMEOUT "the time ran out"
        EVENTSOURCE_ERR_BUFFER "the buffer is too small"
        EVENTSOURCE_ERR_RUNTIME "the system refused threads or descriptors"
        EVENTSOURCE_ERR_PANIC "internal error"
        EVENTSOURCE_ERR_FORKED "the handle belongs to the parent process"
        EVENTSOURCE_ERR_FREED "the client or runtime has been freed"
        EVENTSOURCE_ERR_UNSUPPORTED "this build of the library cannot do that"
        EVENTSOURCE_ERR_RESOLVE "the host's name could not be resolved"
        EVENTSOURCE_ERR_CONNECT "no connection could be made"
        EVENTSOURCE_ERR_CONNECT_TIMEOUT "connecting took too long"
        EVENTSOURCE_ERR_TLS "TLS failed"
        EVENTSOURCE_ERR_DISCONNECTED "the connection broke"
        EVENTSOURCE_ERR_READ_TIMEOUT "the server was silent for too long"
        EVENTSOURCE_ERR_PROTOCOL "the server does not speak HTTP correctly"
        EVENTSOURCE_ERR_END_OF_STREAM "the server ended the stream"
        EVENTSOURCE_ERR_HTTP_STATUS "unexpected HTTP status"
        EVENTSOURCE_ERR_CONTENT_TYPE "the response is not text/event-stream"
        EVENTSOURCE_ERR_CONTENT_ENCODING "the response has too many content codings"
        EVENTSOURCE_ERR_REDIRECT "the redirect cannot be followed"
        EVENTSOURCE_ERR_TOO_MANY_REDIRECTS "too many redirects"
        EVENTSOURCE_ERR_EVENT_TOO_LARGE "an event is over the size limit"
        EVENTSOURCE_ERR_PROXY "the proxy failed or refused"
        EVENTSOURCE_ERR_CERTIFICATE "the server's certificate is not trusted"
        EVENTSOURCE_ERR_DECODING "the content does not follow its coding"
        EVENTSOURCE_ERR_HTTP2 "the HTTP/2 stream was broken off, or broke the rules"
        EVENTSOURCE_ERR_MEMORY "there is no memory for what the server has sent"
        EVENTSOURCE_ERR_RESPONSE_TIMEOUT "the response did not come in time"
        EVENTSOURCE_ERR_REQUEST "on_request did not make the request"
        EVENTSOURCE_ERR_EVENT_TIMEOUT "no event came for too long"
    }
}
