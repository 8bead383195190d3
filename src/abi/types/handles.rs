//! What C holds on to: handles, whose insides it does not see.

use super::copies::Headers;
use super::payload::eventsource_header_t;
use crate::stream::{Attempt, Client};
use bytes::Bytes;
use std::cell::RefCell;

/// No limit, for times and counts whose description names it. Everywhere else it is refused.
pub const EVENTSOURCE_NO_LIMIT: i64 = -1;

/// What `poll` waits for: a file descriptor.
#[cfg(not(windows))]
pub type eventsource_fd_t = std::ffi::c_int;

/// What `WSAPoll` and `WSAEventSelect` wait for: a SOCKET. `INVALID_SOCKET` is none.
#[cfg(windows)]
pub type eventsource_fd_t = usize;

/// A client: one event stream, kept alive over reconnects.
///
/// Any thread may call any function on it at any time, also while another thread or a callback frees it. A call that has begun
/// before the free completes as usual. A call that comes after it touches no memory of the client: `eventsource_wait` and
/// `eventsource_stop` return `EVENTSOURCE_OK`, `eventsource_free` does nothing, and all others return `ERR_FREED`. This is for
/// calls that cross the free. Do not keep the pointer for long after it, because a later client may get the same pointer.
pub struct eventsource_t {
    _opaque: [u8; 0],
}

/// Threads that clients share. Programs need not make one: clients without one share a default runtime, which the first start
/// makes and the last free ends.
///
/// Any thread may call any function on it at any time, also while another thread or a callback frees it, as for a client: a
/// call that comes too late returns `ERR_FREED`.
pub struct eventsource_runtime_t {
    _opaque: [u8; 0],
}

/// The request of the attempt about to be made. It exists during `on_request` only and must not leave that callback's
/// thread. Changes hold for this attempt and its redirects; the next attempt starts from the client's settings.
pub struct eventsource_request_t {
    // Pointers rather than references: the type has no lifetime that C could see. Both outlive the callback.
    pub(in crate::abi) attempt: *mut Attempt,
    pub(in crate::abi) client: *const Client,
    lent: RefCell<Lent>,
}

/// What `on_request` has been lent of a request. It stays until the callback has returned, also if the request is changed
/// meanwhile.
#[derive(Default)]
struct Lent {
    headers: Vec<Headers>,
    /// The last of them are still the request's.
    are_current: bool,
    bodies: Vec<Bytes>,
}

impl eventsource_request_t {
    pub(in crate::abi) fn new(attempt: &mut Attempt, client: &Client) -> eventsource_request_t {
        eventsource_request_t {
            attempt,
            client,
            lent: RefCell::default(),
        }
    }

    /// The request has been changed.
    pub(in crate::abi) fn was_changed(&self) {
        self.lent.borrow_mut().are_current = false;
    }

    /// Lends the headers of the request, `attempt`'s.
    pub(in crate::abi) fn lend_headers(&self, attempt: &Attempt) -> *const [eventsource_header_t] {
        let lent = &mut *self.lent.borrow_mut();
        if !lent.are_current {
            lent.headers.push(Headers::of(attempt.request.headers()));
            lent.are_current = true;
        }
        // What it points at does not move with the list.
        let fields = lent.headers.last().map(Headers::fields);
        fields.unwrap_or_default()
    }

    /// Lends its body.
    pub(in crate::abi) fn lend_body(&self, attempt: &Attempt) -> *const [u8] {
        let body = attempt.request.body().clone();
        let bytes: *const [u8] = &*body;
        self.lent.borrow_mut().bodies.push(body);
        bytes
    }
}
