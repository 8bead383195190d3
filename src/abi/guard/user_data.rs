//! The caller's pointer that callbacks receive, and how it is released.

use super::foreign::callback;
use crate::abi::types::callback::eventsource_destroy_fn;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The caller's pointer; its `destroy` is called when this is dropped.
pub struct UserData {
    user: *mut c_void,
    destroy: eventsource_destroy_fn,
}

impl UserData {
    pub fn new(user: *mut c_void, destroy: eventsource_destroy_fn) -> UserData {
        UserData { user, destroy }
    }

    pub fn pointer(&self) -> *mut c_void {
        self.user
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
pub struct UserDataCell {
    owned: AtomicPtr<UserData>,
    /// A copy of the caller's pointer: a call that only asks for it must not read memory that another thread may release.
    user: AtomicPtr<c_void>,
}

impl UserDataCell {
    /// Puts other user data there and returns what was there before.
    pub fn replace(&self, user_data: UserData) -> UserData {
        let user = user_data.user;
        self.swap(Box::into_raw(Box::new(user_data)), user)
    }

    /// Takes the user data out; there is none any more.
    pub fn take(&self) -> UserData {
        self.swap(ptr::null_mut(), ptr::null_mut())
    }

    fn swap(&self, new: *mut UserData, user: *mut c_void) -> UserData {
        self.user.store(user, Ordering::Release);
        let old = self.owned.swap(new, Ordering::AcqRel);
        if old.is_null() {
            return UserData::default();
        }
        // SAFETY: from Box::into_raw in `replace`, and nothing else has taken it.
        *unsafe { Box::from_raw(old) }
    }

    /// The caller's pointer.
    pub fn user(&self) -> *mut c_void {
        self.user.load(Ordering::Acquire)
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
