//! A place for the object behind a handle: which calls are let in, and which call is the last to leave.

use crate::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::ops::Deref;
use std::ptr;
use std::sync::Arc;

// What a record's state is made of. A record that is free has only a generation.

/// Calls are let in.
const OPEN: usize = 1;
/// Something is here, or is being put here or taken away.
const TAKEN: usize = 2;
/// Counts what has been here. A handle knows its own number, so that it does not open what came after.
const GENERATION: usize = (GENERATIONS - 1) * ONE_GENERATION;
const ONE_GENERATION: usize = 4;
/// A call is under way; as often as there are calls.
const CALL: usize = GENERATIONS * ONE_GENERATION;

/// How many generations are told apart: as many as there are addresses inside a record, because that is where a handle keeps
/// the number.
pub const GENERATIONS: usize = 64;

/// The place. Its memory is never given back while anything may come with a handle for it: what is too late finds it closed,
/// or another generation.
#[derive(Debug)]
#[repr(align(64))]
pub struct Record<T> {
    pub(super) state: AtomicUsize,
    pub(super) object: AtomicPtr<T>,
}

impl<T> Record<T> {
    /// Puts something here and lets calls in. Returns the generation; gives it back where the place is taken.
    pub fn put(&self, object: Arc<T>) -> Result<usize, Arc<T>> {
        let free = self.state.load(Ordering::Relaxed);
        if free & !GENERATION != 0 {
            return Err(object);
        }
        let generation = (free + ONE_GENERATION) & GENERATION;
        let taken = self.state.compare_exchange(
            free,
            generation | TAKEN,
            Ordering::Acquire,
            Ordering::Relaxed,
        );
        if taken.is_err() {
            return Err(object);
        }
        self.object
            .store(Arc::into_raw(object).cast_mut(), Ordering::Relaxed);
        self.state
            .store(generation | TAKEN | OPEN, Ordering::Release);
        Ok(generation / ONE_GENERATION)
    }

    /// Begins a call, if it does not come too late.
    pub fn enter(&self, generation: usize) -> Option<Entered<'_, T>> {
        let expected = generation * ONE_GENERATION;
        let mut state = self.state.load(Ordering::Relaxed);
        while state & OPEN != 0 && state & GENERATION == expected {
            let entered = self.state.compare_exchange_weak(
                state,
                state + CALL,
                Ordering::Acquire,
                Ordering::Relaxed,
            );
            match entered {
                Ok(_) => return Some(Entered(self)),
                Err(now) => state = now,
            }
        }
        None
    }

    fn left(&self, state: usize) {
        if state & !GENERATION != TAKEN {
            return;
        }
        // Closed, and this was the last one: that happens once.
        let object = self.object.swap(ptr::null_mut(), Ordering::Relaxed);
        self.state.fetch_and(GENERATION, Ordering::Release);
        // SAFETY: from Arc::into_raw in `put`, and nothing else takes it away.
        drop(unsafe { Arc::from_raw(object) });
    }
}

/// A call that is under way: what it is about stays.
#[derive(Debug)]
pub struct Entered<'s, T>(&'s Record<T>);

impl<T> Entered<'_, T> {
    /// Lets no more calls in. Returns whether it was this that did so. The reference that was put here is dropped by whoever
    /// leaves last.
    pub fn close(&self) -> bool {
        self.0.state.fetch_and(!OPEN, Ordering::AcqRel) & OPEN != 0
    }

    /// A reference that outlives the call.
    pub fn share(&self) -> Arc<T> {
        let object = self.object();
        // SAFETY: from Arc::into_raw, and the record's own reference is there until this call has left.
        unsafe {
            Arc::increment_strong_count(object);
            Arc::from_raw(object)
        }
    }

    fn object(&self) -> *const T {
        self.0.object.load(Ordering::Relaxed)
    }
}

impl<T> Deref for Entered<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: as in `share`.
        unsafe { &*self.object() }
    }
}

impl<T> Drop for Entered<'_, T> {
    fn drop(&mut self) {
        let before = self.0.state.fetch_sub(CALL, Ordering::AcqRel);
        self.0.left(before - CALL);
    }
}
