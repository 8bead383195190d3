//! Manual dispatch: the runs whose callbacks are due wait here until a thread of the program's comes for them.
//!
//! A run moves between two places. Its I/O is done by the runtime's own thread. Where a callback is due it waits in this
//! queue, with at most one read's bytes in its hands, and is not read for meanwhile: so nothing piles up when nobody
//! comes, and the server is made to wait through TCP.

use crate::sync::{Condvar, Mutex, lock, wait, wait_for};
use std::collections::VecDeque;
use std::time::Duration;

/// Names a run of its runtime.
pub type RunId = u64;

/// The runtime has been closed.
#[derive(Debug, PartialEq, Eq)]
pub struct Closed;

/// Tells threads that wait elsewhere that a turn is due here. Called behind the queue's lock, the two alternately.
pub trait Signal {
    fn raise(&self);
    fn lower(&self);
}

/// The queue of turns `T`, which are async-task's.
#[derive(Debug)]
pub struct Turns<T, S> {
    due: Mutex<Due<T>>,
    /// A turn has become due, a run has ended, or the runtime has been closed.
    changed: Condvar,
    signal: S,
}

#[derive(Debug)]
struct Due<T> {
    turns: VecDeque<(RunId, T)>,
    /// Only the thread that ends the runs gets turns.
    closed: bool,
}

impl<T, S: Signal> Turns<T, S> {
    pub fn new(signal: S) -> Turns<T, S> {
        Turns {
            due: Mutex::new(Due {
                turns: VecDeque::new(),
                closed: false,
            }),
            changed: Condvar::new(),
            signal,
        }
    }

    /// A run has its turn. It is in the queue once.
    pub fn push(&self, run: RunId, task: T) {
        let mut due = lock(&self.due);
        due.turns.push_back((run, task));
        if due.turns.len() == 1 && !due.closed {
            self.signal.raise();
        }
        self.changed.notify_all();
    }

    /// How many turns are due.
    pub fn due(&self) -> usize {
        lock(&self.due).turns.len()
    }

    /// A run has ended: threads that wait for that look again.
    pub fn run_ended(&self) {
        drop(lock(&self.due));
        self.changed.notify_all();
    }

    /// From now on no thread waits for turns: those that wait return, and the signal stays raised.
    pub fn close(&self) {
        let mut due = lock(&self.due);
        if !due.closed && due.turns.is_empty() {
            self.signal.raise();
        }
        due.closed = true;
        self.changed.notify_all();
    }

    /// Takes the next turn, and tells how many others are due. Waits until one is, no longer than `limit`, or without end.
    pub fn wait(&self, limit: Option<Duration>) -> Result<Option<(T, usize)>, Closed> {
        let due = lock(&self.due);
        let over = |due: &Due<T>| due.closed || !due.turns.is_empty();
        let mut due = match limit {
            Some(limit) => wait_for(&self.changed, due, limit, over),
            None => wait(&self.changed, due, over),
        };
        if due.closed {
            return Err(Closed);
        }
        let first = self.next(&mut due);
        Ok(first.map(|first| (first, due.turns.len())))
    }

    /// Takes the next turn, if one is due.
    pub fn take(&self) -> Option<T> {
        self.next(&mut lock(&self.due))
    }

    fn next(&self, due: &mut Due<T>) -> Option<T> {
        let (_, task) = due.turns.pop_front()?;
        self.taken(due);
        Some(task)
    }

    /// The turns of one run, one after another, until it `has_ended`. Waits for them.
    pub fn until_ended(&self, run: RunId, has_ended: impl Fn() -> bool) -> Option<T> {
        self.next_where(|id| id == run, has_ended)
    }

    /// The turns of all runs, until all `have_ended`. Waits for them.
    pub fn until_all_ended(&self, have_ended: impl Fn() -> bool) -> Option<T> {
        self.next_where(|_| true, have_ended)
    }

    fn next_where(
        &self,
        is_wanted: impl Fn(RunId) -> bool,
        is_over: impl Fn() -> bool,
    ) -> Option<T> {
        let wanted = |due: &Due<T>| due.turns.iter().position(|(run, _)| is_wanted(*run));
        let mut due = wait(&self.changed, lock(&self.due), |due| {
            is_over() || wanted(due).is_some()
        });
        let index = wanted(&due)?;
        let (_, task) = due.turns.remove(index)?;
        self.taken(&due);
        Some(task)
    }

    fn taken(&self, due: &Due<T>) {
        if due.turns.is_empty() && !due.closed {
            self.signal.lower();
        }
    }

    /// What tells of turns.
    pub fn signal(&self) -> &S {
        &self.signal
    }
}
