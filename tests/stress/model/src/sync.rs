//! The library's `sync`, as far as it is used here, with the model's locks.

pub use loom::sync::atomic;
use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

thread_local! {
    /// Whether waits for a limited time end at once; else they never do. What time it is, is no part of the model: these
    /// are the two extremes, and between them there is but the order of steps.
    pub static TIME_RUNS_OUT: Cell<bool> = const { Cell::new(false) };
}

#[derive(Debug, Default)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

/// loom's guard, which does not say of which lock it is.
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    guard: loom::sync::MutexGuard<'a, T>,
}

#[derive(Debug, Default)]
pub struct Condvar(loom::sync::Condvar);

impl<T> Mutex<T> {
    pub fn new(value: T) -> Mutex<T> {
        Mutex(loom::sync::Mutex::new(value))
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl Condvar {
    pub fn new() -> Condvar {
        Condvar(loom::sync::Condvar::new())
    }

    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    MutexGuard {
        mutex,
        guard: mutex.0.lock().unwrap(),
    }
}

pub fn wait<'a, T>(
    condvar: &Condvar,
    mut guard: MutexGuard<'a, T>,
    condition: impl Fn(&T) -> bool,
) -> MutexGuard<'a, T> {
    while !condition(&guard) {
        guard.guard = condvar.0.wait(guard.guard).unwrap();
    }
    guard
}

pub fn wait_for<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    _limit: Duration,
    condition: impl Fn(&T) -> bool,
) -> MutexGuard<'a, T> {
    if !TIME_RUNS_OUT.get() {
        return wait(condvar, guard, condition);
    }
    let mutex = guard.mutex;
    if condition(&guard) {
        return guard;
    }
    drop(guard);
    lock(mutex)
}
