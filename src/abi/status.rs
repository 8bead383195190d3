//! What a call answers.

use std::ffi::{CStr, c_char};

/// What a call answers, and why an attempt or a stream failed.
///
/// 0 is success; everything else is an error. A number keeps its meaning for ever: one that is no longer used stays
/// reserved. New ones may come with any release, so a `switch` over statuses needs a default branch.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_status_t {
    /// Success.
    EVENTSOURCE_OK = 0,

    /// A pointer that must not be NULL is NULL.
    EVENTSOURCE_ERR_NULL = 1,
    /// A string is not valid UTF-8.
    EVENTSOURCE_ERR_UTF8 = 2,
    /// The URL cannot be parsed, is not absolute, or is neither http nor https.
    EVENTSOURCE_ERR_URL = 3,
    /// A header's name or value is not legal, or the header is one that the library itself writes.
    EVENTSOURCE_ERR_HEADER = 4,
    /// The method is not an HTTP method token, or is CONNECT.
    EVENTSOURCE_ERR_METHOD = 5,
    /// A number, an option or an id is out of its documented range.
    EVENTSOURCE_ERR_VALUE = 6,
    /// The PEM text holds no usable certificate or key, or its file cannot be read.
    EVENTSOURCE_ERR_PEM = 7,
    /// The call does not fit the client's state, as a setter while it runs.
    EVENTSOURCE_ERR_STATE = 8,
    /// The call would wait for a callback, and was made inside one.
    EVENTSOURCE_ERR_IN_CALLBACK = 9,
    /// The time given to `eventsource_wait` ran out.
    EVENTSOURCE_ERR_TIMEOUT = 10,
    /// The buffer is too small; the needed size has been reported.
    EVENTSOURCE_ERR_BUFFER = 11,
    /// The operating system refused a thread or a descriptor that the runtime needs.
    EVENTSOURCE_ERR_RUNTIME = 12,
    /// The library has a bug: a panic was caught before it reached the caller. The client closes.
    EVENTSOURCE_ERR_PANIC = 13,
    /// The client or runtime was made by this process's parent, before `fork`.
    EVENTSOURCE_ERR_FORKED = 14,
    /// The client or runtime has been freed.
    EVENTSOURCE_ERR_FREED = 15,

    /// The host's name could not be resolved.
    EVENTSOURCE_ERR_RESOLVE = 32,
    /// No TCP connection could be made.
    EVENTSOURCE_ERR_CONNECT = 33,
    /// Name resolution, TCP, the proxy and TLS together took longer than the connect timeout.
    EVENTSOURCE_ERR_CONNECT_TIMEOUT = 34,
    /// TLS failed: in the handshake, or in what came after it. With TLS 1.3 that is where a server says that it does not
    /// accept the client's certificate.
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
    /// The server answered with a status that is no event stream.
    EVENTSOURCE_ERR_HTTP_STATUS = 40,
    /// The response is not `text/event-stream`.
    EVENTSOURCE_ERR_CONTENT_TYPE = 41,
    /// The response has more than two content codings.
    EVENTSOURCE_ERR_CONTENT_ENCODING = 42,
    /// A redirect has no usable `Location` or two different ones, or leads from https to http.
    EVENTSOURCE_ERR_REDIRECT = 43,
    /// More redirects than allowed.
    EVENTSOURCE_ERR_TOO_MANY_REDIRECTS = 44,
    /// An event is larger than the event size limit.
    EVENTSOURCE_ERR_EVENT_TOO_LARGE = 45,
    /// The proxy cannot be reached, or refuses, or does not speak its protocol.
    EVENTSOURCE_ERR_PROXY = 46,
    /// The server's certificate is not to be trusted: it has expired, has another name, comes from an unknown authority, …
    EVENTSOURCE_ERR_CERTIFICATE = 47,
    /// The response's content does not follow its content coding, or is decoded to far more than it is.
    EVENTSOURCE_ERR_DECODING = 48,
    /// The server, or what is between, broke off an HTTP/2 stream or connection, or broke the rules of HTTP/2.
    EVENTSOURCE_ERR_HTTP2 = 49,
    /// The system has no memory for what the server sends: an event, a head, the window of a decoder.
    EVENTSOURCE_ERR_MEMORY = 50,
    /// The head of the response was not complete within the response timeout.
    EVENTSOURCE_ERR_RESPONSE_TIMEOUT = 51,
}

pub(crate) use eventsource_status_t::*;

/// The name of a status, as `"EVENTSOURCE_ERR_TIMEOUT"`.
///
/// @param status any number
/// @return a static string; `"EVENTSOURCE_ERR_UNKNOWN"` for a number that is no status of this version. Never NULL,
///         never to be freed.
///
/// Any thread, any time.
#[unsafe(no_mangle)]
pub extern "C" fn eventsource_status_name(status: i32) -> *const c_char {
    describe(status).0.as_ptr()
}

/// What a status means, as a phrase for people. `eventsource_get_last_error` says more where there is a client.
///
/// @param status any number
/// @return a static string; `"unknown status"` for a number that is no status of this version. Never NULL, never to be
///         freed.
///
/// Any thread, any time.
#[unsafe(no_mangle)]
pub extern "C" fn eventsource_status_text(status: i32) -> *const c_char {
    describe(status).1.as_ptr()
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
        EVENTSOURCE_ERR_STATE "the call does not fit the client's state"
        EVENTSOURCE_ERR_IN_CALLBACK "the call would wait inside a callback"
        EVENTSOURCE_ERR_TIMEOUT "the time ran out"
        EVENTSOURCE_ERR_BUFFER "the buffer is too small"
        EVENTSOURCE_ERR_RUNTIME "the system refused threads or descriptors"
        EVENTSOURCE_ERR_PANIC "internal error"
        EVENTSOURCE_ERR_FORKED "the handle is of the parent process"
        EVENTSOURCE_ERR_FREED "the client or runtime has been freed"
        EVENTSOURCE_ERR_RESOLVE "the host's name could not be resolved"
        EVENTSOURCE_ERR_CONNECT "no connection could be made"
        EVENTSOURCE_ERR_CONNECT_TIMEOUT "connecting took too long"
        EVENTSOURCE_ERR_TLS "TLS failed"
        EVENTSOURCE_ERR_DISCONNECTED "the connection broke"
        EVENTSOURCE_ERR_READ_TIMEOUT "the server was silent for too long"
        EVENTSOURCE_ERR_PROTOCOL "the server does not speak HTTP correctly"
        EVENTSOURCE_ERR_END_OF_STREAM "the server ended the stream"
        EVENTSOURCE_ERR_HTTP_STATUS "the server's status is no event stream's"
        EVENTSOURCE_ERR_CONTENT_TYPE "the response is not text/event-stream"
        EVENTSOURCE_ERR_CONTENT_ENCODING "the response has too many content codings"
        EVENTSOURCE_ERR_REDIRECT "the redirect cannot be followed"
        EVENTSOURCE_ERR_TOO_MANY_REDIRECTS "too many redirects"
        EVENTSOURCE_ERR_EVENT_TOO_LARGE "an event is over the size limit"
        EVENTSOURCE_ERR_PROXY "the proxy failed or refused"
        EVENTSOURCE_ERR_CERTIFICATE "the server's certificate is not to be trusted"
        EVENTSOURCE_ERR_DECODING "the content does not follow its coding"
        EVENTSOURCE_ERR_HTTP2 "HTTP/2 was broken off or its rules broken"
        EVENTSOURCE_ERR_MEMORY "there is no memory for what the server has sent"
        EVENTSOURCE_ERR_RESPONSE_TIMEOUT "the response did not come in time"
    }
}
