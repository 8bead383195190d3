//! Locks that outlive a panic, globals that outlive a fork, and a hand-over between threads.
//!
//! What is model-checked (`tests/stress/model`) uses the locks and atomics of this module, for which the model has its own.

use crate::process;
use std::ptr;
use std::sync::PoisonError;
pub use std::sync::atomic;
use std::sync::atomic::{AtomicPtr, Ordering};
pub use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Locks; a panic elsewhere does not make the data unusable. Whoever holds one of the library's locks leaves valid data
/// behind at every point, so that one client's bug does not spread to the others.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `condition` holds.
pub fn wait<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    condition: impl Fn(&T) -> bool,
) -> MutexGuard<'a, T> {
    condvar
        .wait_while(guard, |value| !condition(value))
        .unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `condition` holds, but no longer than `limit`.
pub fn wait_for<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    limit: Duration,
    condition: impl Fn(&T) -> bool,
) -> MutexGuard<'a, T> {
    condvar
        .wait_timeout_while(guard, limit, |value| !condition(value))
        .unwrap_or_else(PoisonError::into_inner)
        .0
}

/// A global that a forked child has anew: what another thread of the parent held locked at the fork stays locked in the
/// child for ever. A child leaves its parent's value where it is.
#[derive(Debug)]
pub struct PerProcess<T: 'static>(AtomicPtr<Owned<T>>);

#[derive(Debug)]
struct Owned<T> {
    process: u32,
    value: T,
}

impl<T: Default + Sync> PerProcess<T> {
    /// The value is made where it is first asked for.
    pub const fn new() -> PerProcess<T> {
        PerProcess(AtomicPtr::new(ptr::null_mut()))
    }

    /// This process's value.
    pub fn get(&self) -> &'static T {
        loop {
            let current = self.0.load(Ordering::Acquire);
            // SAFETY: null, or from the Box::into_raw below and never freed.
            match unsafe { current.as_ref() } {
                Some(owned) if owned.process == process::id() => return &owned.value,
                _ => self.replace(current),
            }
        }
    }

    fn replace(&self, current: *mut Owned<T>) {
        let own = Box::into_raw(Box::new(Owned {
            process: process::id(),
            value: T::default(),
        }));
        let replaced = self
            .0
            .compare_exchange(current, own, Ordering::AcqRel, Ordering::Acquire);
        if replaced.is_err() {
            // SAFETY: from Box::into_raw above, and no other thread has seen it.
            drop(unsafe { Box::from_raw(own) });
        }
    }
}

/// A one-shot channel: hands one value from one thread to another. The standard library's channels do this, too, but register
/// the waiting thread, which may be the program's, for the rest of its life.
#[derive(Debug)]
pub struct OneShot<T> {
    value: Mutex<Option<T>>,
    sent: Condvar,
}

impl<T> Default for OneShot<T> {
    fn default() -> OneShot<T> {
        OneShot {
            value: Mutex::new(None),
            sent: Condvar::new(),
        }
    }
}

impl<T> OneShot<T> {
    /// Sends the value.
    pub fn send(&self, value: T) {
        *lock(&self.value) = Some(value);
        self.sent.notify_one();
    }

    /// Waits for the value.
    pub fn receive(&self) -> T {
        let mut value = lock(&self.value);
        loop {
            match value.take() {
                Some(value) => return value,
                None => value = wait(&self.sent, value, Option::is_some),
            }
        }
    }
}
