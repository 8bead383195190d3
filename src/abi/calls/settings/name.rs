//! What the log calls a client.

use super::set::set;
use crate::abi::guard::arguments::optional_text;
use crate::abi::objects::refused::Setting;
use crate::abi::types::handles::eventsource_t;
use crate::abi::types::status::eventsource_status_t;
use std::ffi::c_char;

/// Sets the client's name in the log: `name` of its `eventsource_log_record_t`. Default: none. The library uses it for nothing
/// else, and several clients may have the same one.
///
/// @param es the client
/// @param name at most 128 bytes without control characters, not empty; NULL for none. It is no secret: it is logged
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_name(
    es: *mut eventsource_t,
    name: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("name"), |settings| {
            Ok(settings.set_name(optional_text(name, "the name")?)?)
        })
    }
}
