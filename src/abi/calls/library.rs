//! The library's version, and what this build of it has.

use crate::features;
use std::ffi::{CStr, c_char};

/// The major version of this header.
pub const EVENTSOURCE_VERSION_MAJOR: i32 = 0;
/// The minor version of this header.
pub const EVENTSOURCE_VERSION_MINOR: i32 = 9;
/// The patch version of this header.
pub const EVENTSOURCE_VERSION_PATCH: i32 = 0;

/// The version of this header as a number to compare, also in `#if`: major × 1000000 + minor × 1000 + patch.
pub const EVENTSOURCE_VERSION_NUMBER: i32 = EVENTSOURCE_VERSION_MAJOR * 1000000
    + EVENTSOURCE_VERSION_MINOR * 1000
    + EVENTSOURCE_VERSION_PATCH;

/// The version of the library that is running, which may be newer than the header.
///
/// @return a static string such as `"0.9.0"`; never to be freed
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub extern "C" fn eventsource_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of the library that is running, as a number to compare.
///
/// @return major × 1000000 + minor × 1000 + patch
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub extern "C" fn eventsource_version_number() -> i32 {
    EVENTSOURCE_VERSION_NUMBER
}

/// Returns whether the library that is running has a part that a build can leave out. The header is the same for all builds. A
/// call that needs a part that is not there returns `EVENTSOURCE_ERR_UNSUPPORTED`.
///
/// | name | what |
/// |---|---|
/// | `"codings"` | the content codings gzip, deflate, br and zstd: `eventsource_set_compression` |
/// | `"cookies"` | cookies: `eventsource_set_cookies` |
/// | `"http2"` | HTTP/2. Without, https is HTTP/1.1 |
/// | `"proxies"` | HTTP and SOCKS proxies: `eventsource_set_proxy`. Without, attempts for which the environment names a proxy fail |
/// | `"tls"` | https URLs, and all settings for TLS |
///
/// @param name the name of the part
/// @return 1 if it is there, else 0, also for NULL and for a name that this version does not know
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_has_feature(name: *const c_char) -> i32 {
    if name.is_null() {
        return 0;
    }
    // SAFETY: the header's rules for pointers.
    let name = unsafe { CStr::from_ptr(name) };
    name.to_str().is_ok_and(features::has).into()
}
