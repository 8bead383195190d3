//! Whom a client trusts.

use super::set;
use crate::abi::client::eventsource_t;
use crate::abi::guard::{bytes, switch};
use crate::abi::status::eventsource_status_t;
use std::ffi::c_void;

/// Trusts certificate authorities beside the operating system's.
///
/// @param pem one or more certificates in PEM form, copied; a later call replaces an earlier one's
/// @param len bytes of `pem`; 0 to trust the operating system's alone
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_PEM`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_ca_pem(
    es: *mut eventsource_t,
    pem: *const c_void,
    len: usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            Ok(settings
                .http
                .tls
                .set_extra_roots(bytes(pem, len, "the PEM text")?)?)
        })
    }
}

/// INSECURE: accepts any certificate from anybody, so that whoever sits on the network path can read and forge the
/// stream and the credentials. For tests only.
///
/// @param skip 1: verify nothing; 0: verify (default)
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_insecure_skip_verification(
    es: *mut eventsource_t,
    skip: i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            settings.http.tls.set_insecure(switch(skip, "skip")?);
            Ok(())
        })
    }
}
