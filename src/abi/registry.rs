//! The callbacks of one client, and the user data that goes with them.

use super::callbacks::*;
use super::guard::callback;
use crate::parser::Event;
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The callbacks that a client has registered.
#[derive(Clone, Default)]
pub struct Registered {
    pub on_event: eventsource_event_fn,
    on_event_type: HashMap<Box<str>, eventsource_event_fn>,
    pub on_events: eventsource_events_fn,
    pub on_comment: eventsource_comment_fn,
    pub on_open: eventsource_open_fn,
    pub on_error: eventsource_error_fn,
    pub on_request: eventsource_request_fn,
    pub on_close: eventsource_close_fn,
}

impl Registered {
    pub fn set_on_event_type(&mut self, event_type: &str, callback: eventsource_event_fn) {
        match callback {
            Some(_) => self.on_event_type.insert(event_type.into(), callback),
            None => self.on_event_type.remove(event_type),
        };
    }

    /// Who receives an event.
    pub fn receiver(&self, event: &Event<'_>) -> eventsource_event_fn {
        // Most clients have none of these; they need no hash.
        if self.on_event_type.is_empty() {
            return self.on_event;
        }
        self.receiver_of_type(event.event_type.as_str())
    }

    // Apart, so that events without a type of their own do not pay for it.
    #[inline(never)]
    fn receiver_of_type(&self, event_type: &str) -> eventsource_event_fn {
        let own = self.on_event_type.get(event_type);
        *own.unwrap_or(&self.on_event)
    }
}

/// The caller's pointer; its `destroy` is called when this is dropped.
pub struct UserData {
    pub user: *mut c_void,
    destroy: eventsource_destroy_fn,
}

impl UserData {
    pub fn new(user: *mut c_void, destroy: eventsource_destroy_fn) -> UserData {
        UserData { user, destroy }
    }
}

impl Default for UserData {
    fn default() -> UserData {
        UserData::new(ptr::null_mut(), None)
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: the function that came with the pointer, called this once.
            callback(|| unsafe { destroy(self.user) });
        }
    }
}

/// A client's user data, behind no lock: in a forked child, which has it destroyed, one might be held by a thread that the
/// child does not have.
#[derive(Default)]
pub struct UserDataCell(AtomicPtr<UserData>);

impl UserDataCell {
    /// Puts other user data there and answers what was there before.
    pub fn replace(&self, user_data: UserData) -> UserData {
        self.swap(Box::into_raw(Box::new(user_data)))
    }

    /// Takes the user data out; there is none any more.
    pub fn take(&self) -> UserData {
        self.swap(ptr::null_mut())
    }

    fn swap(&self, new: *mut UserData) -> UserData {
        let old = self.0.swap(new, Ordering::AcqRel);
        if old.is_null() {
            return UserData::default();
        }
        // SAFETY: from Box::into_raw in `replace`, and nobody else has taken it.
        *unsafe { Box::from_raw(old) }
    }

    /// The caller's pointer.
    ///
    /// # Safety
    /// Nobody replaces or takes the user data meanwhile.
    pub unsafe fn user(&self) -> *mut c_void {
        // SAFETY: null, or from Box::into_raw in `replace`, and by the caller's promise it stays.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
            .map_or(ptr::null_mut(), |user_data| user_data.user)
    }
}

impl Drop for UserDataCell {
    fn drop(&mut self) {
        drop(self.take());
    }
}

// SAFETY: the header tells callers that callbacks and destroy run on the library's threads; the library itself never
// looks behind the pointer.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}
