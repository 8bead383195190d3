//! Where a thread is: in the caller's code, or in the library's. It says so itself, at a place that others look at.

use crate::sync::atomic::{AtomicBool, Ordering};
use std::cell::Cell;
use std::ptr;

thread_local! {
    /// NULL on a thread whose place is not looked at.
    static PLACE: Cell<*const Place> = const { Cell::new(ptr::null()) };
}

/// Whether one thread is in the caller's code. Nothing is handed over by it, so plain loads and stores will do.
#[derive(Debug, Default)]
pub struct Place {
    is_inside: AtomicBool,
}

/// A thread is in the caller's code until this is dropped.
#[derive(Debug)]
pub struct Inside<'a> {
    place: &'a Place,
    was_inside: bool,
}

impl Place {
    /// This place's thread goes into the caller's code; it may be there already.
    pub fn enter(&self) -> Inside<'_> {
        let was_inside = self.is_inside();
        self.is_inside.store(true, Ordering::Relaxed);
        Inside {
            place: self,
            was_inside,
        }
    }

    /// Whether the thread is in the caller's code.
    pub fn is_inside(&self) -> bool {
        self.is_inside.load(Ordering::Relaxed)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let is_inside = &self.place.is_inside;
        is_inside.store(self.was_inside, Ordering::Relaxed);
    }
}

/// Runs what may call code of the caller's, which may block: a thread that is blocked there is replaced meanwhile, and
/// only such a one. To say so for each event would cost too much; for each read it costs next to nothing.
pub fn callers_code<T>(run: impl FnOnce() -> T) -> T {
    // SAFETY: what is not NULL is the place of a `with_place` that this thread is still in.
    let place = unsafe { PLACE.get().as_ref() };
    let _inside = place.map(Place::enter);
    run()
}

/// Runs a thread's life, in which it says at `place` when it is in the caller's code.
pub fn with_place<T>(place: &Place, run: impl FnOnce() -> T) -> T {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            PLACE.set(ptr::null());
        }
    }
    PLACE.set(place);
    let _leave = Leave;
    run()
}
