//! Model checks: the parts of the library in which threads meet, compiled with loom's locks and atomics instead of the
//! standard library's. Each test runs in every order in which the steps of its threads can come, and fails where one order
//! loses a wake-up (all threads then wait for ever), lets two do what only one may, or breaks a promise.
//!
//! The tasks themselves (queued once, polled by one thread at a time) are the crate async-task's, which has tests of its
//! own.

#![cfg(test)]
#![allow(dead_code)] // Of what is checked, not everything is used here.

#[path = "../../../../src/place.rs"]
mod place;

#[path = "../../../../src/runtime/scheduler.rs"]
mod scheduler;

#[path = "../../../../src/abi/handle"]
mod handle {
    pub mod record;

    use crate::sync::atomic::{AtomicPtr, AtomicUsize};
    use std::ptr;

    impl<T> record::Record<T> {
        /// Its atomics cannot be made at compile time here.
        pub fn free() -> record::Record<T> {
            record::Record {
                state: AtomicUsize::new(0),
                object: AtomicPtr::new(ptr::null_mut()),
            }
        }
    }
}

#[path = "../../../../src/stream"]
mod stream {
    pub mod control;
    pub mod gate;
}

#[path = "../../../../src/runtime/turns.rs"]
mod turns;

/// What `control` uses of the library's runtime.
mod runtime {
    pub enum Change {
        Moved,
        Woken(std::time::Duration),
    }

    pub trait Stop: Send + Sync {
        fn stop(&self);
        fn network_changed(&self, change: Change);
    }
}

mod sync;

mod close;
mod dispatch;
mod free;
mod interrupts;
mod schedule;

/// Something that one thread waits for in the model.
struct Parked(loom::sync::Notify);

impl Parked {
    fn new() -> std::sync::Arc<Parked> {
        std::sync::Arc::new(Parked(loom::sync::Notify::new()))
    }

    /// Polls until it is ready, and waits to be woken in between.
    fn until_ready<T>(
        self: &std::sync::Arc<Parked>,
        mut poll: impl FnMut(&mut std::task::Context<'_>) -> std::task::Poll<T>,
    ) -> T {
        let waker = self.clone().into();
        let mut cx = std::task::Context::from_waker(&waker);
        loop {
            match poll(&mut cx) {
                std::task::Poll::Ready(value) => return value,
                std::task::Poll::Pending => self.0.wait(),
            }
        }
    }
}

impl std::task::Wake for Parked {
    fn wake(self: std::sync::Arc<Parked>) {
        self.0.notify();
    }
}

/// Checks every order, with as many changes of threads at arbitrary points as `preemptions` allows.
fn check(preemptions: usize, test: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(test);
}

/// Checks what one thread does in many steps.
fn check_steps(test: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 1_000_000;
    builder.check(test);
}
