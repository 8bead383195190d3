//! Manual dispatch: the runs whose callbacks are due wait here until a thread of the host's comes for them.
//!
//! A run moves between two places. Its I/O is done by the runtime's own thread. Where a callback is due it waits in this
//! queue, with at most one read's bytes in its hands, and is not read for meanwhile: so nothing piles up when nobody
//! comes, and the server is made to wait through TCP.

use crate::sync::{Condvar, Mutex, lock, wait, wait_for};
use async_task::Runnable;
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

/// Names a run of its runtime.
pub type RunId = u64;

type Due = VecDeque<(RunId, Runnable)>;

/// The queue.
#[derive(Debug)]
pub struct Turns {
    due: Mutex<Due>,
    /// A turn has become due, or a run has ended.
    changed: Condvar,
    signal: Signal,
}

impl Turns {
    pub fn new() -> io::Result<Turns> {
        Ok(Turns {
            due: Mutex::default(),
            changed: Condvar::new(),
            signal: Signal::new()?,
        })
    }

    /// A run has its turn. It is in the queue once.
    pub fn push(&self, run: RunId, task: Runnable) {
        let mut due = lock(&self.due);
        due.push_back((run, task));
        if due.len() == 1 {
            self.signal.raise();
        }
        self.changed.notify_all();
    }

    /// A run has ended: whoever waits for that looks again.
    pub fn run_ended(&self) {
        drop(lock(&self.due));
        self.changed.notify_all();
    }

    /// Takes the next turn, and tells how many others are due. Waits until one is, no longer than `limit`, or without end.
    pub fn wait(&self, limit: Option<Duration>) -> Option<(Runnable, usize)> {
        let due = lock(&self.due);
        let mut due = match limit {
            Some(limit) => wait_for(&self.changed, due, limit, |due| !due.is_empty()),
            None => wait(&self.changed, due, |due| !due.is_empty()),
        };
        let first = self.next(&mut due)?;
        Some((first, due.len()))
    }

    /// Takes the next turn, if one is due.
    pub fn take(&self) -> Option<Runnable> {
        self.next(&mut lock(&self.due))
    }

    fn next(&self, due: &mut Due) -> Option<Runnable> {
        let (_, task) = due.pop_front()?;
        self.taken(due);
        Some(task)
    }

    /// The turns of one run, one after another, until it `has_ended`. Waits for them.
    pub fn until_ended(&self, run: RunId, has_ended: impl Fn() -> bool) -> Option<Runnable> {
        self.next_where(|id| id == run, has_ended)
    }

    /// The turns of all runs, until all `have_ended`. Waits for them.
    pub fn until_all_ended(&self, have_ended: impl Fn() -> bool) -> Option<Runnable> {
        self.next_where(|_| true, have_ended)
    }

    fn next_where(
        &self,
        is_wanted: impl Fn(RunId) -> bool,
        is_over: impl Fn() -> bool,
    ) -> Option<Runnable> {
        let wanted = |due: &Due| due.iter().position(|(run, _)| is_wanted(*run));
        let mut due = wait(&self.changed, lock(&self.due), |due| {
            is_over() || wanted(due).is_some()
        });
        let index = wanted(&due)?;
        let (_, task) = due.remove(index)?;
        self.taken(&due);
        Some(task)
    }

    fn taken(&self, due: &Due) {
        if due.is_empty() {
            self.signal.lower();
        }
    }

    /// A descriptor that is readable while turns are due.
    #[cfg(unix)]
    pub fn fd(&self) -> std::os::fd::RawFd {
        self.signal.fd()
    }
}

/// A descriptor that others can wait for.
#[cfg(unix)]
#[derive(Debug)]
struct Signal {
    raised: std::os::unix::net::UnixStream,
    raise: std::os::unix::net::UnixStream,
}

#[cfg(unix)]
impl Signal {
    fn new() -> io::Result<Signal> {
        let (raised, raise) = std::os::unix::net::UnixStream::pair()?;
        raised.set_nonblocking(true)?;
        raise.set_nonblocking(true)?;
        Ok(Signal { raised, raise })
    }

    // One byte is in it while it is raised. Both calls are made under the queue's lock, in turns, and cannot fail: there is
    // room for a byte, and a byte to read.

    fn raise(&self) {
        let _ = io::Write::write(&mut &self.raise, &[1]);
    }

    fn lower(&self) {
        let _ = io::Read::read(&mut &self.raised, &mut [0]);
    }

    fn fd(&self) -> std::os::fd::RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&self.raised)
    }
}

/// Elsewhere there is nothing to wait for but a time.
#[cfg(not(unix))]
#[derive(Debug)]
struct Signal;

#[cfg(not(unix))]
impl Signal {
    fn new() -> io::Result<Signal> {
        Ok(Signal)
    }

    fn raise(&self) {}

    fn lower(&self) {}
}
