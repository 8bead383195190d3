//! The log of the process.

use crate::abi::guard::arguments::{bytes, cut_text_out, one_of};
use crate::abi::guard::call::call;
use crate::abi::guard::foreign::callback;
use crate::abi::guard::refusal::Refusal;
use crate::abi::guard::sized::{Filled, Growing, sized_read};
use crate::abi::guard::user_data::UserData;
use crate::abi::types::callback::eventsource_destroy_fn;
use crate::abi::types::enumeration::{Enumeration, enumeration, number};
use crate::abi::types::status::{eventsource_status_t, *};
use crate::log::{self, Kind, Level, Record};
use eventsource_log_kind_t::*;
use eventsource_log_level_t::*;
use std::ffi::{CString, c_char, c_void};
use std::fmt::Write;
use std::mem::MaybeUninit;

/// How much is logged; each level includes those before it.
///
/// | level   | kinds           | contains                                                                    |
/// |---------|-----------------|-----------------------------------------------------------------------------|
/// | ERROR   | FAULT           | bugs of the library                                                         |
/// | WARNING | ERROR           | errors that are final                                                       |
/// |         | HTTP, TLS       | what is left out of requests, responses and the trusted authorities         |
/// |         | THREAD          | threads that the system refuses; look-ups of names that wait for others     |
/// | INFO    | ERROR           | errors that another attempt follows: failed attempts and lost streams       |
/// |         | OPEN, CLOSE     | streams that have opened; clients that have closed, and why                 |
/// |         | WAIT            | how long a client waits for its next attempt                                |
/// |         | NETWORK         | changes of the network, and the end of a suspension                         |
/// | DEBUG   | REQUEST         | each request of each attempt                                                |
/// |         | REDIRECT        | each redirect                                                               |
/// |         | CALL            | each call that was refused, and why                                         |
/// |         | NETWORK         | that the network cannot be watched, and why                                 |
///
/// The kinds are those of `eventsource_log_kind_t`. No level has a record for each event or for each read.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_log_level_t {
    /// Nothing.
    EVENTSOURCE_LOG_OFF = 0,
    /// Bugs of the library.
    EVENTSOURCE_LOG_ERROR = 1,
    /// What will probably not work as meant.
    EVENTSOURCE_LOG_WARNING = 2,
    /// The life of the streams.
    EVENTSOURCE_LOG_INFO = 3,
    /// Each request, redirect and refused call.
    EVENTSOURCE_LOG_DEBUG = 4,
}

enumeration!(eventsource_log_level_t {
    EVENTSOURCE_LOG_OFF
    EVENTSOURCE_LOG_ERROR
    EVENTSOURCE_LOG_WARNING
    EVENTSOURCE_LOG_INFO
    EVENTSOURCE_LOG_DEBUG
});

/// What happened. A later version may have more kinds, so a `switch` over them needs a default branch.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_log_kind_t {
    /// The client makes a request: one for each attempt, and one more for each redirect. The text has the method, the origin
    /// if it is not the client's own, and the proxy.
    EVENTSOURCE_LOG_KIND_REQUEST = 1,
    /// The client follows a redirect. The text has the status and the new origin.
    EVENTSOURCE_LOG_KIND_REDIRECT = 2,
    /// A stream has opened.
    EVENTSOURCE_LOG_KIND_OPEN = 3,
    /// An attempt has failed, or an open stream was lost: what `on_error` is told, too. The level is `WARNING` if the error is
    /// final and `INFO` if not.
    EVENTSOURCE_LOG_KIND_ERROR = 4,
    /// The client waits for its next attempt. The text has the delay, as `on_error` has decided.
    EVENTSOURCE_LOG_KIND_WAIT = 5,
    /// The client has closed. The text has the reason.
    EVENTSOURCE_LOG_KIND_CLOSE = 6,
    /// A last event id that is not sent, or a content coding that is unknown.
    EVENTSOURCE_LOG_KIND_HTTP = 7,
    /// Certificate authorities that are left out or cannot be read anew.
    EVENTSOURCE_LOG_KIND_TLS = 8,
    /// A call was refused. The text has the reason.
    EVENTSOURCE_LOG_KIND_CALL = 9,
    /// The system refuses threads, or too many names are being looked up. Such a record is about the process: it has no client.
    EVENTSOURCE_LOG_KIND_THREAD = 10,
    /// A bug of the library, caught.
    EVENTSOURCE_LOG_KIND_FAULT = 11,
    /// An address or the default route has changed, or the system has been suspended. Such a record is about the process: it
    /// has no client.
    EVENTSOURCE_LOG_KIND_NETWORK = 12,
}

/// One record of the log, alive during the callback.
///
/// No member holds a secret: no header values, bodies or event data, and of URLs only the origin. All texts are UTF-8 without
/// line ends or other control characters, NUL-terminated and never NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct eventsource_log_record_t {
    /// Bytes of this struct in the running library; a newer library may append members.
    pub size: usize,
    /// How important it is; never `EVENTSOURCE_LOG_OFF`.
    pub level: MaybeUninit<eventsource_log_level_t>,
    /// What happened.
    pub kind: MaybeUninit<eventsource_log_kind_t>,
    /// The number of the client that the record is about, as `eventsource_get_number` gives it. A refused call on something
    /// else is about the client in whose callback it was made. 0 if the record is about none.
    pub client: u64,
    /// The client's name, as `eventsource_set_name` gave it; empty if it has none.
    pub name: *const c_char,
    /// Bytes of `name`, without the NUL.
    pub name_len: usize,
    /// The client's attempt, counted from 1 since the client was made, as `eventsource_stats_t` counts them; 0 before the
    /// first.
    pub attempt: u64,
    /// The origin of the client's URL: scheme, host, and the port if it is not the scheme's own. Empty if there is no client,
    /// or if its URL was refused.
    pub origin: *const c_char,
    /// Bytes of `origin`, without the NUL.
    pub origin_len: usize,
    /// What happened, for people. It repeats none of the members above. Durations are rounded, such as `50 ms` and `1.1 s`.
    pub text: *const c_char,
    /// Bytes of `text`, without the NUL; at most 1024.
    pub text_len: usize,
}

/// Receives a record of the log.
///
/// @param record the record; it and what it points at live until the callback returns
/// @param user the pointer given to `eventsource_log_set_callback`
///
/// Runs on any thread that the library runs on, the program's own included, and on several at once. It may call the library;
/// what that would log is dropped. It holds back the stream that the record is about, or the call.
pub type eventsource_log_fn =
    Option<unsafe extern "C-unwind" fn(record: *const eventsource_log_record_t, user: *mut c_void)>;

/// Sets where the library logs, for the whole process. Default: nowhere. The library never writes to stdout or stderr.
///
/// When this returns, the callback set before is not running on any thread, will not be called again, and its `destroy` has
/// been called. Until then, records may still be passed to it in other threads, and this waits for them: never call it while
/// holding a lock that the callback before takes. The new callback may be called before this returns. No other call waits.
///
/// A child process after `fork` logs nowhere until it sets a callback; the parent's `destroy` is not called there.
///
/// @param level the most detailed level wanted
/// @param fn the callback; NULL to log nowhere
/// @param user passed to `fn` as it is; the library never reads what it points to
/// @param destroy called exactly once with `user`: when the callback is replaced; before this returns if `fn` is NULL or
///        `level` is `EVENTSOURCE_LOG_OFF`. It may call any function of the library. May be NULL. A callback that is never
///        replaced is never destroyed.
/// @return `EVENTSOURCE_OK`; `ERR_VALUE` for a level that does not exist; `ERR_IN_CALLBACK` inside a log callback. If it is
///         refused, nothing changes and `user` stays the caller's.
///
/// Any thread, also inside callbacks other than the log's own.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_log_set_callback(
    level: MaybeUninit<eventsource_log_level_t>,
    r#fn: eventsource_log_fn,
    user: *mut c_void,
    destroy: eventsource_destroy_fn,
) -> eventsource_status_t {
    call(|| {
        // SAFETY: C has passed it.
        let level = level_of(unsafe { one_of(level, "the level")? });
        let make = || {
            let user = UserData::new(user, destroy);
            let (level, log) = level.zip(r#fn)?;
            let receiver: log::Callback = Box::new(move |record| {
                pass(record, |record| {
                    // SAFETY: a callback of the registered type; the record lives until it has returned.
                    callback(|| unsafe { log(record, user.pointer()) });
                });
            });
            Some((level, receiver))
        };
        log::set(make).map_err(|log::InCallback| {
            Refusal::new(
                EVENTSOURCE_ERR_IN_CALLBACK,
                "the log callback cannot replace itself",
            )
        })
    })
}

/// Writes a record as one line of text, without a line end, such as
/// `info: client 3 (prices), attempt 2, https://example.com: next attempt in 1.1 s`. What a record does not have is left out:
/// `warning: no thread can be started`.
///
/// The form may change with any version. Programs that look for something use the members of the record.
///
/// @param record the record, from a log callback; or one that the program has filled, with its `size`
/// @param buffer receives the line and a NUL; may be NULL when `capacity` is 0
/// @param capacity bytes of `buffer`; 2048 are enough for any record of this version
/// @param len receives the whole line's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has, `ERR_BUFFER` when the line and the NUL
///         do not fit: it is cut at a character
///
/// Any thread, also inside the log callback.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_log_format(
    record: *const eventsource_log_record_t,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    call(|| unsafe {
        let record = sized_read(record, "the record")?;
        cut_text_out(&line(&record)?, buffer, capacity, len)
    })
}

/// Lends a record to C. Texts that hold no NUL stay as they are; none of the library's does.
fn pass(record: &Record<'_>, to: impl FnOnce(*const eventsource_log_record_t)) {
    let text = |text: &str| CString::new(text).unwrap_or_default();
    let client = record.client;
    let name = client.and_then(|client| client.name.as_deref());
    let (name, origin) = (
        text(name.unwrap_or_default()),
        text(client.map_or("", |client| &client.origin)),
    );
    let text = text(record.text);
    to(&eventsource_log_record_t {
        size: size_of::<eventsource_log_record_t>(),
        level: MaybeUninit::new(record.level.into()),
        kind: MaybeUninit::new(record.kind.into()),
        client: client.map_or(0, |client| client.number),
        name: name.as_ptr(),
        name_len: name.count_bytes(),
        attempt: client.map_or(0, |client| client.attempt),
        origin: origin.as_ptr(),
        origin_len: origin.count_bytes(),
        text: text.as_ptr(),
        text_len: text.count_bytes(),
    });
}

// SAFETY: the struct is C's.
unsafe impl Growing for eventsource_log_record_t {}
// SAFETY: numbers and pointers, which are valid for any bytes.
unsafe impl Filled for eventsource_log_record_t {}

/// # Safety
/// Each text of the record is NULL or has as many bytes as the record says.
unsafe fn line(record: &eventsource_log_record_t) -> Result<String, Refusal> {
    // SAFETY: the caller's promise.
    let (name, origin, text) = unsafe {
        (
            bytes(record.name.cast(), record.name_len, "the name")?,
            bytes(record.origin.cast(), record.origin_len, "the origin")?,
            bytes(record.text.cast(), record.text_len, "the text")?,
        )
    };
    let [name, origin, text] = [name, origin, text].map(String::from_utf8_lossy);
    // SAFETY: a number, whichever it is: a later version may have more.
    let level = eventsource_log_level_t::from_number(unsafe { number(record.level) });
    let mut line = String::from(match level.and_then(level_of) {
        Some(Level::Error) => "error: ",
        Some(Level::Warning) => "warning: ",
        Some(Level::Info) => "info: ",
        Some(Level::Debug) => "debug: ",
        None => "",
    });
    let mut whose = Vec::new();
    if record.client > 0 {
        let mut client = format!("client {}", record.client);
        if !name.is_empty() {
            let _ = write!(client, " ({name})");
        }
        whose.push(client);
    }
    if record.attempt > 0 {
        whose.push(format!("attempt {}", record.attempt));
    }
    if !origin.is_empty() {
        whose.push(origin.into_owned());
    }
    if !whose.is_empty() {
        line.push_str(&whose.join(", "));
        line.push_str(": ");
    }
    line.push_str(&text);
    Ok(line)
}

/// `None` for nothing.
fn level_of(level: eventsource_log_level_t) -> Option<Level> {
    match level {
        EVENTSOURCE_LOG_OFF => None,
        EVENTSOURCE_LOG_ERROR => Some(Level::Error),
        EVENTSOURCE_LOG_WARNING => Some(Level::Warning),
        EVENTSOURCE_LOG_INFO => Some(Level::Info),
        EVENTSOURCE_LOG_DEBUG => Some(Level::Debug),
    }
}

impl From<Level> for eventsource_log_level_t {
    fn from(level: Level) -> eventsource_log_level_t {
        match level {
            Level::Error => EVENTSOURCE_LOG_ERROR,
            Level::Warning => EVENTSOURCE_LOG_WARNING,
            Level::Info => EVENTSOURCE_LOG_INFO,
            Level::Debug => EVENTSOURCE_LOG_DEBUG,
        }
    }
}

impl From<Kind> for eventsource_log_kind_t {
    fn from(kind: Kind) -> eventsource_log_kind_t {
        match kind {
            Kind::Request => EVENTSOURCE_LOG_KIND_REQUEST,
            Kind::Redirect => EVENTSOURCE_LOG_KIND_REDIRECT,
            Kind::Open => EVENTSOURCE_LOG_KIND_OPEN,
            Kind::Error => EVENTSOURCE_LOG_KIND_ERROR,
            Kind::Wait => EVENTSOURCE_LOG_KIND_WAIT,
            Kind::Close => EVENTSOURCE_LOG_KIND_CLOSE,
            Kind::Http => EVENTSOURCE_LOG_KIND_HTTP,
            Kind::Tls => EVENTSOURCE_LOG_KIND_TLS,
            Kind::Call => EVENTSOURCE_LOG_KIND_CALL,
            Kind::Thread => EVENTSOURCE_LOG_KIND_THREAD,
            Kind::Fault => EVENTSOURCE_LOG_KIND_FAULT,
            Kind::Network => EVENTSOURCE_LOG_KIND_NETWORK,
        }
    }
}
