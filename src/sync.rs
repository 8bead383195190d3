//! Locks that outlive a panic, and a hand-over between threads.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Locks; a panic elsewhere does not make the data unusable. Whoever holds one of the library's locks leaves valid data
/// behind at every point, so that one client's bug does not spread to the others.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hands one value from one thread to another. The standard library's channels do this, too, but register the waiting
/// thread, which may be the host's, for the rest of its life.
#[derive(Debug)]
pub struct Slot<T> {
    value: Mutex<Option<T>>,
    filled: Condvar,
}

impl<T> Default for Slot<T> {
    fn default() -> Slot<T> {
        Slot {
            value: Mutex::new(None),
            filled: Condvar::new(),
        }
    }
}

impl<T> Slot<T> {
    /// Gives the value.
    pub fn put(&self, value: T) {
        *lock(&self.value) = Some(value);
        self.filled.notify_one();
    }

    /// Waits for the value.
    pub fn take(&self) -> T {
        let mut slot = lock(&self.value);
        loop {
            match slot.take() {
                Some(value) => return value,
                None => {
                    slot = self
                        .filled
                        .wait(slot)
                        .unwrap_or_else(PoisonError::into_inner)
                }
            }
        }
    }
}
