//! What holds between calls on a handle and whoever frees what it stands for.

use crate::check;
use crate::handle::record::Record;
use crate::stream::gate::{Gate, WrongState};
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;
use std::sync::Arc;

/// What a handle stands for.
struct Object {
    number: usize,
    gate: Arc<Gate<u32>>,
    is_alive: AtomicBool,
    drops: Arc<AtomicUsize>,
}

impl Object {
    fn new(number: usize, drops: &Arc<AtomicUsize>) -> Arc<Object> {
        Arc::new(Object {
            number,
            gate: Arc::new(Gate::new()),
            is_alive: AtomicBool::new(true),
            drops: drops.clone(),
        })
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        assert!(self.is_alive.swap(false, Ordering::SeqCst));
        self.drops.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn what_is_freed_stays_until_the_last_call_has_left_and_goes_once() {
    check(3, || {
        let (record, drops) = (Arc::new(Record::free()), Arc::new(AtomicUsize::new(0)));
        let generation = record.put(Object::new(1, &drops)).ok().unwrap();
        let callers = [(); 2].map(|()| {
            let record = record.clone();
            thread::spawn(move || {
                if let Some(object) = record.enter(generation) {
                    assert!(object.is_alive.load(Ordering::SeqCst));
                }
            })
        });
        assert!(record.enter(generation).unwrap().close());
        for caller in callers {
            caller.join().unwrap();
        }
        assert_eq!(drops.load(Ordering::SeqCst), 1);
        assert!(record.enter(generation).is_none());
    });
}

#[test]
fn of_two_who_free_at_once_one_does() {
    check(3, || {
        let (record, drops) = (Arc::new(Record::free()), Arc::new(AtomicUsize::new(0)));
        let generation = record.put(Object::new(1, &drops)).ok().unwrap();
        let free = move |record: &Record<Object>| {
            let entered = record.enter(generation);
            usize::from(entered.is_some_and(|object| object.close()))
        };
        let other = {
            let record = record.clone();
            thread::spawn(move || free(&record))
        };
        let closed = free(&record) + other.join().unwrap();
        assert_eq!((closed, drops.load(Ordering::SeqCst)), (1, 1));
    });
}

#[test]
fn a_call_that_comes_too_late_does_not_find_what_came_after() {
    check(3, || {
        let (record, drops) = (Arc::new(Record::free()), Arc::new(AtomicUsize::new(0)));
        let generation = record.put(Object::new(1, &drops)).ok().unwrap();
        let late = {
            let record = record.clone();
            thread::spawn(move || {
                if let Some(object) = record.enter(generation) {
                    assert_eq!(object.number, 1);
                }
            })
        };
        let next = {
            let (record, drops) = (record.clone(), drops.clone());
            thread::spawn(move || record.put(Object::new(2, &drops)).ok())
        };
        assert!(record.enter(generation).unwrap().close());
        late.join().unwrap();
        match next.join().unwrap() {
            Some(next) => {
                let object = record.enter(next).unwrap();
                assert_eq!((object.number, drops.load(Ordering::SeqCst)), (2, 1));
                object.close();
            }
            // It found the place taken, and has dropped what it had.
            None => assert_eq!(drops.load(Ordering::SeqCst), 2),
        }
    });
}

#[test]
fn whoever_waits_returns_when_a_callback_frees_and_touches_nothing_afterwards() {
    check(2, || {
        let (record, drops) = (Arc::new(Record::free()), Arc::new(AtomicUsize::new(0)));
        let object = Object::new(1, &drops);
        let gate = object.gate.clone();
        gate.start(|_| Ok::<_, WrongState>((1, ()))).unwrap();
        let generation = record.put(object).ok().unwrap();
        let waiters = [(); 2].map(|()| {
            let record = record.clone();
            thread::spawn(move || {
                if let Some(object) = record.enter(generation) {
                    assert!(object.gate.wait(None));
                    assert!(object.is_alive.load(Ordering::SeqCst));
                }
            })
        });
        // The run, whose callback frees: it is the last to need the object.
        gate.free();
        record.enter(generation).unwrap().close();
        gate.ended();
        for waiter in waiters {
            waiter.join().unwrap();
        }
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn the_user_data_goes_once_and_with_the_last_who_needs_it() {
    /// As the boundary counts: the caller, until the free, and the run.
    #[derive(Default)]
    struct Keepers {
        count: AtomicUsize,
        gone: AtomicUsize,
    }
    impl Keepers {
        fn let_go(&self) {
            if self.count.fetch_sub(1, Ordering::SeqCst) == 1 {
                self.gone.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
    check(3, || {
        let (gate, keepers) = (Arc::new(Gate::new()), Arc::new(Keepers::default()));
        keepers.count.store(1, Ordering::SeqCst);
        let starter = {
            let (gate, keepers) = (gate.clone(), keepers.clone());
            thread::spawn(move || {
                let started = gate.start(|_| {
                    keepers.count.fetch_add(1, Ordering::SeqCst);
                    Ok::<_, WrongState>((1, ()))
                });
                if started.is_ok() {
                    assert_eq!(keepers.gone.load(Ordering::SeqCst), 0);
                    keepers.let_go();
                    gate.ended();
                }
            })
        };
        gate.free();
        keepers.let_go();
        starter.join().unwrap();
        assert_eq!(keepers.gone.load(Ordering::SeqCst), 1);
        assert_eq!(gate.may_start(), Err(WrongState::Freed));
    });
}
