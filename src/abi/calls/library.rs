//! The library's version.

use std::ffi::c_char;

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
