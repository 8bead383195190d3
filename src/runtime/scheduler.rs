//! Who does what: which thread takes the next task, who drives the reactor meanwhile, and when there must be more
//! threads.
//!
//! All tasks that are ready wait in one queue. One thread, the leader, drives the reactor: it parks there while nothing is
//! ready, and comes out to run what has become ready, callbacks included. While it runs a task nobody looks after the
//! reactor and the queue; so whenever a task is taken and nobody is parked, an alarm is set. As long as tasks take less
//! than a moment the alarm is cleared again before it rings, and a single thread does everything, at no more than the
//! price of the alarm. If it rings, [`Scheduler::tick`] looks whether callbacks have blocked all threads, and calls
//! others in.
//!
//! Invariants, each checked by the model in `tests/model`:
//! - A task that has been pushed is taken, by one thread, once.
//! - The reactor has at most one driver. A thread rests only while another one drives.
//! - While a task runs and nobody is parked, the alarm is set. While somebody is parked, it is not, and the queue is empty
//!   or the driver has been woken.
//! - All threads blocked in tasks: the second tick after that calls others in, twice as many as have come to be blocked,
//!   so that two hundred that block at once are overtaken in about six steps.
//! - More to do than the threads can that are not blocked: there come to be as many of those as there are processors.
//! - Threads on their way (started or called, and not yet here) are not called again: on a machine that is merely slow,
//!   where nobody arrives, their number does not grow.
//! - Nor does it, at first, for threads that only want a processor: those that have none look blocked, and there would be
//!   more and more of them.

use crate::sync::{Condvar, Mutex, MutexGuard, lock, wait_for};
use std::collections::VecDeque;
use std::mem;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How many tasks a thread runs before it looks after the reactor, in case tasks never end.
const TASKS_PER_LOOK: u32 = 32;

/// How long a thread without work stays.
const REST: Duration = Duration::from_secs(1);

/// For how many ticks after threads have been replaced the alarm rings often: where one callback blocks more may, and each
/// step by which they are overtaken takes two ticks.
const HURRIED_TICKS: u32 = 8;

/// How many times more often that is.
pub const HURRY: u32 = 5;

/// How long a thread in one task may want a processor before it counts as stuck all the same, in ticks of a hurry.
const PATIENCE: u64 = 3 * HURRY as u64;

/// How many such threads count for each that may run tasks at the same time.
const MOST_COMPUTING: usize = 4;

/// Rings when nobody has been parked for a while. The scheduler sets it under its lock, so it must not call back.
pub trait Alarm {
    /// Rings after a while, and then again and again.
    fn set(&self);

    /// Rings more often than [`set`](Self::set) does.
    fn hurry(&self);

    /// Rings no more, or once.
    fn clear(&self);

    /// It has rung while it was clear: it does so no more.
    fn rang_in_vain(&self);
}

/// How many threads there may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many may run tasks at the same time while more are ready, blocked ones not counted.
    pub parallel: usize,
    /// How many there may be in all; beyond that, a blocked callback delays others.
    pub threads: usize,
}

/// The tasks, and what every thread is doing.
#[derive(Debug)]
pub struct Scheduler<T, A> {
    state: Mutex<State<T>>,
    called: Condvar,
    alarm: A,
    limits: Limits,
}

#[derive(Debug)]
struct State<T> {
    queue: VecDeque<T>,
    reactor: Reactor,
    /// Threads, the ones on their way included.
    threads: usize,
    /// Threads that have been started and not yet arrived.
    starting: usize,
    /// Threads that wait to be called.
    resting: usize,
    /// Of these, how many have been called and not yet noticed.
    called: usize,
    running: Vec<Running>,
    /// How often the alarm has rung, and in ticks of a hurry how long it has been.
    tick: u64,
    time: u64,
    alarm_is_set: bool,
    /// For how many more ticks the alarm rings often.
    hurried: u32,
    /// How many threads were stuck at the last tick.
    were_stuck: usize,
    /// The queue has been empty since the last tick.
    was_empty: bool,
    shut_down: bool,
}

#[derive(Debug)]
enum Reactor {
    /// Nobody looks after it.
    Free,
    /// A thread is on its way into it or out of it, and looks at the queue on both.
    Driven,
    /// A thread waits in it, and is woken by this.
    Parked(Waker),
}

/// A thread in a task.
#[derive(Debug)]
struct Running {
    thread: ThreadId,
    /// The tick at which it began, and the time.
    began: u64,
    began_at: u64,
    /// It has been seen to wait for something else than a processor.
    waits: bool,
}

/// What the system calls a thread.
pub type ThreadId = u32;

/// What a thread is to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// Run a task.
    Run(T),
    /// Drive the reactor until [`Scheduler::poll_park`] is ready.
    Park,
    /// Let the reactor look once for what has become ready.
    Look,
    /// End.
    Leave,
}

/// A thread, as the scheduler knows it.
#[derive(Debug, Default)]
pub struct Worker {
    thread: ThreadId,
    doing: Doing,
    tasks_since_look: u32,
}

#[derive(Debug, Default)]
enum Doing {
    #[default]
    Arriving,
    Nothing,
    /// A task, since this tick.
    Task(u64),
    Driving,
}

impl Worker {
    /// For the thread that calls this.
    pub fn new(thread: ThreadId) -> Worker {
        Worker {
            thread,
            ..Worker::default()
        }
    }
}

impl<T, A: Alarm> Scheduler<T, A> {
    /// Expects one thread, which the caller starts.
    pub fn new(limits: Limits, alarm: A) -> Scheduler<T, A> {
        Scheduler {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                reactor: Reactor::Free,
                threads: 1,
                starting: 1,
                resting: 0,
                called: 0,
                running: Vec::new(),
                tick: 0,
                time: 0,
                alarm_is_set: false,
                hurried: 0,
                were_stuck: 0,
                was_empty: false,
                shut_down: false,
            }),
            called: Condvar::new(),
            alarm,
            limits,
        }
    }

    /// The alarm.
    pub fn alarm(&self) -> &A {
        &self.alarm
    }

    /// Whether there is never more than one thread.
    pub fn has_one_thread(&self) -> bool {
        self.limits.threads == 1
    }

    /// A task is ready. Gives it back when the scheduler has been shut down.
    pub fn push(&self, task: T) -> Result<(), T> {
        let mut state = lock(&self.state);
        if state.shut_down {
            return Err(task);
        }
        state.queue.push_back(task);
        let parked = state.unpark();
        drop(state);
        if let Some(parked) = parked {
            parked.wake();
        }
        Ok(())
    }

    /// What `worker` is to do next, now that it has done what it was to do before. Waits if there is nothing.
    pub fn next(&self, worker: &mut Worker) -> Next<T> {
        let mut state = lock(&self.state);
        state.done(worker);
        loop {
            if state.shut_down {
                return Next::Leave;
            }
            let reactor_is_free = matches!(state.reactor, Reactor::Free);
            if reactor_is_free && worker.tasks_since_look >= TASKS_PER_LOOK {
                return state.drive(worker, Next::Look);
            }
            if let Some(task) = state.queue.pop_front() {
                state.begin_task(worker);
                if !state.alarm_is_set && !matches!(state.reactor, Reactor::Parked(_)) {
                    state.alarm_is_set = true;
                    self.alarm.set();
                }
                return Next::Run(task);
            }
            state.was_empty = true;
            if reactor_is_free {
                return state.drive(worker, Next::Park);
            }
            let is_called;
            (state, is_called) = self.rest(state);
            if !is_called {
                return Next::Leave;
            }
        }
    }

    /// Waits to be called; false when nobody has, for a while.
    fn rest<'a>(&'a self, mut state: MutexGuard<'a, State<T>>) -> (MutexGuard<'a, State<T>>, bool) {
        state.resting += 1;
        state = wait_for(&self.called, state, REST, |state| {
            state.called > 0 || state.shut_down
        });
        state.resting -= 1;
        // Who was called stays, even if its time ran out at the same moment.
        let is_called = state.called > 0;
        state.called -= usize::from(is_called);
        let stays = is_called || state.shut_down;
        (state, stays)
    }

    /// A thread that has been told to leave is gone. Answers whether it was the last.
    pub fn left(&self) -> bool {
        let mut state = lock(&self.state);
        state.threads -= 1;
        state.threads == 0
    }

    /// For who drives the reactor: ready when it has to come out.
    pub fn poll_park(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        if state.shut_down || !state.queue.is_empty() {
            state.reactor = Reactor::Driven;
            return Poll::Ready(());
        }
        state.was_empty = true;
        if mem::take(&mut state.alarm_is_set) {
            state.hurried = 0;
            self.alarm.clear();
        }
        state.reactor = Reactor::Parked(cx.waker().clone());
        Poll::Pending
    }

    /// The alarm has rung. `waits` tells of a thread whether it waits for something else than a processor. Answers how many
    /// threads to start; each that cannot be has to be reported by [`not_started`](Self::not_started).
    pub fn tick(&self, waits: impl Fn(ThreadId) -> bool) -> usize {
        let mut suspects = lock(&self.state).suspects();
        suspects.retain(|(thread, _)| waits(*thread));
        let mut state = lock(&self.state);
        if state.shut_down {
            return 0;
        }
        if !state.alarm_is_set {
            self.alarm.rang_in_vain();
            return 0;
        }
        for running in &mut state.running {
            running.waits |= suspects.contains(&(running.thread, running.began));
        }
        state.tick += 1;
        state.time += u64::from(if state.hurried > 0 { 1 } else { HURRY });
        let is_overloaded = !mem::take(&mut state.was_empty) && !state.queue.is_empty();
        let stuck = state.stuck(MOST_COMPUTING * self.limits.parallel);
        let mut live = state.running.len() - stuck;
        if let Reactor::Driven = state.reactor {
            live += 1;
        }
        let newly_stuck = stuck.saturating_sub(mem::replace(&mut state.were_stuck, stuck));
        let wanted = if live == 0 || is_overloaded && newly_stuck > 0 {
            // Where callbacks block, more of them will: twice as many; and one for the reactor.
            (2 * newly_stuck + 1).min(state.queue.len() + 1)
        } else {
            usize::from(is_overloaded && live < self.limits.parallel)
        };
        let missing = wanted.saturating_sub(state.starting + state.called);
        let called = missing.min(state.resting - state.called);
        let started = (missing - called).min(self.limits.threads - state.threads);
        state.called += called;
        state.starting += started;
        state.threads += started;

        let hurried = if newly_stuck > 0 && called + started > 0 {
            HURRIED_TICKS
        } else {
            state.hurried.saturating_sub(1)
        };
        match (mem::replace(&mut state.hurried, hurried), hurried) {
            (0, 1..) => self.alarm.hurry(),
            (1.., 0) => self.alarm.set(),
            _ => {}
        }
        drop(state);
        for _ in 0..called {
            self.called.notify_one();
        }
        started
    }

    /// A thread that [`tick`](Self::tick) asked for could not be started. Answers whether it would have been the last.
    pub fn not_started(&self) -> bool {
        let mut state = lock(&self.state);
        state.starting -= 1;
        state.threads -= 1;
        state.threads == 0
    }

    /// Ends all threads; those in a task, after it. What waits in the queue is given back.
    pub fn shut_down(&self) -> VecDeque<T> {
        let mut state = lock(&self.state);
        state.shut_down = true;
        let queue = mem::take(&mut state.queue);
        let parked = state.unpark();
        drop(state);
        if let Some(parked) = parked {
            parked.wake();
        }
        self.called.notify_all();
        queue
    }

    /// Whether [`shut_down`](Self::shut_down) has been called.
    pub fn is_shut_down(&self) -> bool {
        lock(&self.state).shut_down
    }
}

impl<T> State<T> {
    /// `worker` has finished what it was doing.
    fn done(&mut self, worker: &mut Worker) {
        match mem::replace(&mut worker.doing, Doing::Nothing) {
            Doing::Arriving => self.starting -= 1,
            Doing::Nothing => {}
            Doing::Task(began) => {
                // From the end, where the latest are: those in front may be blocked for long.
                let is_it =
                    |running: &Running| (running.thread, running.began) == (worker.thread, began);
                if let Some(index) = self.running.iter().rposition(is_it) {
                    self.running.swap_remove(index);
                }
            }
            Doing::Driving => self.reactor = Reactor::Free,
        }
    }

    fn begin_task(&mut self, worker: &mut Worker) {
        worker.doing = Doing::Task(self.tick);
        worker.tasks_since_look += 1;
        self.running.push(Running {
            thread: worker.thread,
            began: self.tick,
            began_at: self.time,
            waits: false,
        });
    }

    fn drive(&mut self, worker: &mut Worker, how: Next<T>) -> Next<T> {
        worker.doing = Doing::Driving;
        worker.tasks_since_look = 0;
        self.reactor = Reactor::Driven;
        how
    }

    /// Makes the driver come out, if it is parked: by this waker.
    fn unpark(&mut self) -> Option<Waker> {
        match mem::replace(&mut self.reactor, Reactor::Driven) {
            Reactor::Parked(waker) => Some(waker),
            other => {
                self.reactor = other;
                None
            }
        }
    }

    /// The threads that have been in one and the same task from one tick to the next, and nobody knows yet why.
    fn suspects(&self) -> Vec<(ThreadId, u64)> {
        let running = self.running.iter();
        running
            .filter(|running| !running.waits && running.began < self.tick)
            .map(|running| (running.thread, running.began))
            .collect()
    }

    /// How many threads do not come back from their task. One that only waits for a processor does come back, and more
    /// threads would make it wait longer; so of those that have wanted one for long, only so many count.
    fn stuck(&self, most_computing: usize) -> usize {
        let waiting = self.running.iter().filter(|running| running.waits);
        let has_long_computed =
            |running: &&Running| !running.waits && running.began_at + PATIENCE <= self.time;
        let computing = self.running.iter().filter(has_long_computed);
        waiting.count() + computing.count().min(most_computing)
    }
}
