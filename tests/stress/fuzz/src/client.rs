//! Making clients and waiting for them, where nothing but success will do.

use crate::loopback::LIMIT;
use crate::promise;
use eventsource::abi::*;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A client for a URL.
pub fn new(url: &str) -> *mut eventsource_t {
    let url = format!("{url}\0");
    // SAFETY: NUL-terminated.
    let es = unsafe { eventsource_new(url.as_ptr().cast()) };
    // SAFETY: the client is new.
    ok(unsafe { eventsource_check(es) });
    es
}

/// The threads stay while one client that has run lives; to make them anew for each input would cost more than the rest.
pub fn keep_runtime() {
    static KEPT: AtomicPtr<eventsource_t> = AtomicPtr::new(ptr::null_mut());

    let es = new("http://name.invalid/");
    // SAFETY: the client is valid, and never freed.
    unsafe {
        ok(eventsource_start(es));
        has_ended(eventsource_wait(es, LIMIT.as_millis() as i64));
    }
    // Kept in fact, and not only in a variable that nobody reads: else it would count as a leak.
    std::hint::black_box(&KEPT).store(es, Ordering::Relaxed);
}

/// A wait has come to an end, whatever it tells of the stream.
pub fn has_ended(status: eventsource_status_t) {
    promise!(
        status != eventsource_status_t::EVENTSOURCE_ERR_TIMEOUT,
        "{status:?}"
    );
}

/// What must succeed has succeeded.
pub fn ok(status: eventsource_status_t) {
    promise!(status == eventsource_status_t::EVENTSOURCE_OK, "{status:?}");
}
