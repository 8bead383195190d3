//! Manual dispatch: turns, those who wait for them, and the end of the runtime.

use crate::check;
use crate::turns::{Closed, Signal, Turns};
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;
use std::sync::Arc;

/// What others wait with: raised exactly while turns are due, and at the end.
#[derive(Default)]
struct Flag(AtomicBool);

impl Signal for Flag {
    fn raise(&self) {
        assert!(!self.0.swap(true, Ordering::SeqCst), "it is raised");
    }

    fn lower(&self) {
        assert!(self.0.swap(false, Ordering::SeqCst), "it is not raised");
    }
}

struct World {
    turns: Turns<u32, Flag>,
    ended: AtomicUsize,
}

impl World {
    fn new() -> Arc<World> {
        Arc::new(World {
            turns: Turns::new(Flag::default()),
            ended: AtomicUsize::new(0),
        })
    }

    /// A run's last turn.
    fn run(&self, _turn: u32) {
        self.ended.fetch_add(1, Ordering::SeqCst);
        self.turns.run_ended();
    }

    /// Dispatches until that is refused.
    fn dispatch(&self) {
        loop {
            match self.turns.wait(None) {
                Ok(Some((turn, _))) => self.run(turn),
                Ok(None) => panic!("it waits without a limit"),
                Err(Closed) => return,
            }
        }
    }

    /// Closes the runtime once so many runs have ended.
    fn close(&self, runs: usize) {
        self.turns.close();
        let have_ended = || self.ended.load(Ordering::SeqCst) == runs;
        while let Some(turn) = self.turns.until_all_ended(have_ended) {
            self.run(turn);
        }
        assert_eq!(self.ended.load(Ordering::SeqCst), runs);
        assert!(self.turns.signal().0.load(Ordering::SeqCst));
    }
}

#[test]
fn all_who_wait_for_a_turn_return_when_the_runtime_is_closed() {
    check(3, || {
        let world = World::new();
        let dispatchers = [(); 2].map(|()| {
            let world = world.clone();
            thread::spawn(move || world.dispatch())
        });
        world.close(0);
        for dispatcher in dispatchers {
            dispatcher.join().unwrap();
        }
    });
}

#[test]
fn a_turn_is_taken_once_by_a_dispatcher_or_by_whoever_closes() {
    check(2, || {
        let world = World::new();
        let dispatcher = {
            let world = world.clone();
            thread::spawn(move || world.dispatch())
        };
        let pusher = {
            let world = world.clone();
            thread::spawn(move || world.turns.push(1, 7))
        };
        world.close(1);
        dispatcher.join().unwrap();
        pusher.join().unwrap();
    });
}
