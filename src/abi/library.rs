//! The library as a whole: its version and its log.

use super::guard::{Refusal, User, call, callback};
use super::status::{eventsource_status_t, *};
use crate::log::{self, Level};
use std::ffi::{c_char, c_void};

/// The major version of this header.
pub const EVENTSOURCE_VERSION_MAJOR: i32 = 0;
/// The minor version of this header.
pub const EVENTSOURCE_VERSION_MINOR: i32 = 1;
/// The patch version of this header.
pub const EVENTSOURCE_VERSION_PATCH: i32 = 0;

/// The version of the library that is running, which may be newer than the header.
///
/// @return a static string, as `"0.1.0"`; never to be freed
#[unsafe(no_mangle)]
pub extern "C" fn eventsource_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of the library that is running, as a number to compare.
///
/// @return major × 1000000 + minor × 1000 + patch
#[unsafe(no_mangle)]
pub extern "C" fn eventsource_version_number() -> i32 {
    EVENTSOURCE_VERSION_MAJOR * 1_000_000
        + EVENTSOURCE_VERSION_MINOR * 1_000
        + EVENTSOURCE_VERSION_PATCH
}

/// How much is logged; each level includes those before it.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_log_level_t {
    /// Nothing.
    EVENTSOURCE_LOG_OFF = 0,
    /// Faults of the library or the system.
    EVENTSOURCE_LOG_ERROR = 1,
    /// What will probably not work as meant.
    EVENTSOURCE_LOG_WARNING = 2,
    /// The life of the streams: opened, lost, closed.
    EVENTSOURCE_LOG_INFO = 3,
    /// Each attempt, redirect and refused call.
    EVENTSOURCE_LOG_DEBUG = 4,
}

/// Receives a line for the log. @param level an `eventsource_log_level_t` @param message NUL-terminated UTF-8 without a
/// line end, alive during the call @param user the pointer given with the callback
pub type eventsource_log_fn =
    Option<unsafe extern "C-unwind" fn(level: i32, message: *const c_char, user: *mut c_void)>;

/// Sets where the library logs, for the whole process. Default: nowhere; the library never writes to stdout or stderr.
/// Header values, bodies, event data, user information and queries of URLs are never logged.
///
/// @param fn called on any thread, by several at once; NULL to log nowhere
/// @param level the most detailed `eventsource_log_level_t` wanted
/// @param user handed to `fn` as it is. When this function returns, the callback set before is not running and will
///        not be called again. A child process after `fork` has no log callback until it sets one.
/// @return `EVENTSOURCE_OK`; `ERR_VALUE` for a level that does not exist; `ERR_IN_CALLBACK` inside a log callback
///
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_log_callback(
    r#fn: eventsource_log_fn,
    level: i32,
    user: *mut c_void,
) -> eventsource_status_t {
    call(|| {
        let level = match level {
            0 => None,
            1 => Some(Level::Error),
            2 => Some(Level::Warning),
            3 => Some(Level::Info),
            4 => Some(Level::Debug),
            _ => return Err(Refusal::new(EVENTSOURCE_ERR_VALUE, "no such log level")),
        };
        let sink = r#fn.zip(level).map(|(log, level)| {
            let user = User(user);
            let sink: log::Sink = Box::new(move |level, message| {
                let user = &user;
                // SAFETY: a callback of the registered type; the message lives until it has returned.
                callback(|| unsafe { log(level as i32, message.as_ptr(), user.0) });
            });
            (level, sink)
        });
        log::set(sink).map_err(|log::InSink| {
            Refusal::new(
                EVENTSOURCE_ERR_IN_CALLBACK,
                "the log callback cannot replace itself",
            )
        })
    })
}
