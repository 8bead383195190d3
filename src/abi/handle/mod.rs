//! What a handle of C's stands for, and how long it lives.
//!
//! A handle is freed in a callback while other threads are in calls on it, or about to make one: to a C program these are
//! the same, because no thread can say that another has entered a function. So a handle is checked and not just believed.
//! It is the address of a [`Record`], whose memory stays, with a number in its lowest bits that tells it from those that had
//! the record before. A call that comes in time holds what the handle stands for until it returns; one that comes too late is
//! told so. Nothing here has a lock: in a forked child a handle of the parent's can be looked at, whatever the parent's other
//! threads were doing.

mod record;

pub use record::Entered;
use record::{GENERATIONS, Record};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::{ptr, slice};

/// How many records there are in the beginning, and without allocation.
const FIRST: usize = 512;

/// How many records are looked at for one that is free. Each search begins where the last one ended, so a record is used again
/// after `FIRST / SEARCHED` others at the earliest, and a handle's number after `GENERATIONS` times as many.
const SEARCHED: usize = 8;

/// Enough for all that memory has room for, each as large as all before it.
const CHUNKS: usize = usize::BITS as usize / 2;

/// The handles of one kind: `H` is what C takes them for, `T` what they stand for.
pub struct Handles<H, T: 'static> {
    first: [Record<T>; FIRST],
    /// `FIRST << n` records each, made when they are needed and kept. The first is the array.
    more: [AtomicPtr<Record<T>>; CHUNKS],
    /// Where the next search begins, in each.
    next: [AtomicUsize; CHUNKS],
    handle: PhantomData<fn(H)>,
}

impl<T> Record<T> {
    const fn free() -> Record<T> {
        Record {
            state: AtomicUsize::new(0),
            object: AtomicPtr::new(ptr::null_mut()),
        }
    }
}

impl<H, T: Send + Sync> Handles<H, T> {
    pub const fn new() -> Handles<H, T> {
        Handles {
            first: [const { Record::free() }; FIRST],
            more: [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS],
            next: [const { AtomicUsize::new(0) }; CHUNKS],
            handle: PhantomData,
        }
    }

    /// A handle for something. It holds a reference until [`Entered::close`].
    pub fn give(&'static self, mut object: Arc<T>) -> *mut H {
        loop {
            for (index, next) in self.next.iter().enumerate() {
                let records = self.chunk(index);
                let begin = next.fetch_add(SEARCHED, Ordering::Relaxed) % records.len();
                for record in &records[begin..begin + SEARCHED] {
                    match record.put(object) {
                        Ok(generation) => return handle(record, generation),
                        Err(back) => object = back,
                    }
                }
            }
        }
    }

    /// Begins a call on a handle; `None` when it comes too late.
    ///
    /// # Safety
    /// The handle came from [`Handles::give`].
    pub unsafe fn enter(&'static self, handle: *const H) -> Option<Entered<'static, T>> {
        let record = handle.map_addr(|address| address & !(GENERATIONS - 1));
        // SAFETY: the address of a record, by the caller's promise, and records stay where they are.
        let record = unsafe { &*record.cast::<Record<T>>() };
        record.enter(handle.addr() % GENERATIONS)
    }

    fn chunk(&'static self, index: usize) -> &'static [Record<T>] {
        if index == 0 {
            return &self.first;
        }
        let len = FIRST << index;
        let place = &self.more[index];
        let mut records = place.load(Ordering::Acquire);
        if records.is_null() {
            records = make(place, len);
        }
        // SAFETY: so many, from `make`, which are kept.
        unsafe { slice::from_raw_parts(records, len) }
    }
}

#[cold]
fn make<T>(place: &AtomicPtr<Record<T>>, len: usize) -> *mut Record<T> {
    let made: Box<[Record<T>]> = (0..len).map(|_| Record::free()).collect();
    let made = Box::into_raw(made);
    let first = made.cast::<Record<T>>();
    let put = place.compare_exchange(ptr::null_mut(), first, Ordering::AcqRel, Ordering::Acquire);
    match put {
        Ok(_) => first,
        Err(others) => {
            // SAFETY: from Box::into_raw above, and no other thread has seen them.
            drop(unsafe { Box::from_raw(made) });
            others
        }
    }
}

fn handle<H, T>(record: &Record<T>, generation: usize) -> *mut H {
    let record = ptr::from_ref(record).cast::<H>().cast_mut();
    record.map_addr(|address| address | generation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_opens_what_it_was_given_for_and_nothing_afterwards() {
        static HANDLES: Handles<u8, usize> = Handles::new();
        let mut before: Vec<*mut u8> = Vec::new();
        // More than have room at first, and all of them several times.
        for round in 0..3 {
            let handles: Vec<_> = (0..3 * FIRST)
                .map(|n| (n, HANDLES.give(Arc::new(n))))
                .collect();
            for handle in &before {
                // SAFETY: a handle that was given.
                assert!(unsafe { HANDLES.enter(*handle) }.is_none(), "{round}");
            }
            for (n, handle) in &handles {
                // SAFETY: as above.
                let entered = unsafe { HANDLES.enter(*handle) }.expect("it has not been freed");
                assert_eq!(*entered, *n);
                assert!(entered.close() && !entered.close());
            }
            before.extend(handles.iter().map(|(_, handle)| *handle));
        }
    }

    #[test]
    fn a_handle_is_not_given_again_before_long() {
        static HANDLES: Handles<u8, ()> = Handles::new();
        let mut given = std::collections::HashSet::new();
        for _ in 0..FIRST / SEARCHED * GENERATIONS {
            let handle = HANDLES.give(Arc::new(()));
            assert!(given.insert(handle));
            // SAFETY: a handle that was given.
            unsafe { HANDLES.enter(handle) }
                .expect("it has not been freed")
                .close();
        }
    }

    #[test]
    fn what_a_handle_stands_for_goes_when_the_last_call_has_left() {
        static HANDLES: Handles<u8, Arc<()>> = Handles::new();
        let inside = Arc::new(());
        let handle = HANDLES.give(Arc::new(inside.clone()));
        let [one, other] = std::array::from_fn(|_| {
            // SAFETY: a handle that was given.
            unsafe { HANDLES.enter(handle) }.expect("it has not been freed")
        });
        let shared = other.share();
        one.close();
        drop(one);
        assert_eq!(Arc::strong_count(&inside), 2);
        drop(other);
        assert_eq!(Arc::strong_count(&inside), 2);
        drop(shared);
        assert_eq!(Arc::strong_count(&inside), 1);
    }
}
