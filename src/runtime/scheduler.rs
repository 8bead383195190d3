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
//! Only callbacks of the caller's block for long. The library's own code waits, too, for a page or for a lock of the
//! system's, and thousands of clients that start at once make it wait often; more threads would only wait for the same.
//! So a thread says when it is in the caller's code ([`Place`]), and no other counts as blocked.
//!
//! Invariants, each checked by the model in `tests/stress/model`:
//! - A task that has been pushed is taken, by one thread, once.
//! - The reactor has at most one driver. A thread rests only while another one drives.
//! - While a task runs and nobody is parked, the alarm is set. While somebody is parked, it is not, and the queue is empty
//!   or the driver has been woken.
//! - All threads blocked in callbacks: the second tick after that calls others in, twice as many as have come to be
//!   blocked, so that two hundred that block at once are overtaken in about six steps.
//! - A thread that is not in a callback is not replaced, whatever it waits for.
//! - More to do than the threads can that are not blocked: there come to be as many of those as there are processors.
//! - Threads on their way (started or called, and not yet here) are not called again: on a machine that is merely slow,
//!   where nobody arrives, their number does not grow.
//! - Nor does it for threads that only want a processor: those that have none look blocked, and there would be more and
//!   more of them. It does for those that have had one for long in a callback, up to a few for each processor.
//! - Where no thread can be started, that is not tried again at every tick.

use crate::place::Place;
use crate::sync::{Condvar, Mutex, MutexGuard, lock, wait_for};
use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
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

/// How long a thread may compute in a callback before it counts as stuck all the same, in milliseconds of a processor: what
/// it computes from one tick to the next but one. One that only waits for a processor does not count, however long that
/// takes. Where nobody tells how long a thread has had one, it is the time in which it could have.
const MOST_COMPUTED: u64 = 8;

/// How long a thread in the library's own code may keep the reactor from being driven while a processor is free, in ticks
/// of a hurry.
const PATIENCE: u64 = 3 * HURRY as u64;

/// How long after a thread could not be started the next is tried, at first and at most, in ticks of a hurry.
const FIRST_PAUSE: u64 = 2 * HURRY as u64;
const LONGEST_PAUSE: u64 = 20 * HURRY as u64;

/// A shortage of threads is over when none has been refused for so long, in ticks of a hurry: about a second.
const RELIEF: u64 = 200 * HURRY as u64;

/// How many such threads count for each that may run tasks at the same time.
const MOST_COMPUTING: usize = 4;

/// Rings if no thread has been parked for a while. The scheduler sets it under its lock, so it must not call back.
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

/// What the system tells of threads.
pub trait Watch {
    /// Whether a thread waits for something else than a processor.
    fn waits(&self, thread: ThreadId) -> bool;

    /// For how long a thread has had a processor, in milliseconds; `None` where the system does not tell.
    fn computed(&self, thread: ThreadId) -> Option<u64>;
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
    shortage: Option<Shortage>,
    /// The queue has been empty since the last tick.
    was_empty: bool,
    shut_down: bool,
}

#[derive(Debug)]
enum Reactor {
    /// No thread drives it.
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
    /// The worker's, which has it back after the task.
    place: Option<Arc<Place>>,
    /// The tick at which it began, and the time.
    began: u64,
    began_at: u64,
    /// It has been in a callback at each tick since this one.
    inside: Option<Inside>,
    /// It has been seen to wait in a callback, for something else than a processor.
    waits: bool,
    /// It has computed in callbacks for long.
    computes: bool,
}

/// When a thread was first seen in a callback.
#[derive(Debug)]
struct Inside {
    since: u64,
    /// For how long it had had a processor before.
    computed: Option<u64>,
}

/// What has been seen of a thread in a callback. It may have got further since.
#[derive(Debug)]
struct Seen {
    thread: ThreadId,
    began: u64,
    waits: bool,
    computed: Option<u64>,
}

/// Threads are missing that could not be started.
#[derive(Debug)]
struct Shortage {
    /// When the last one was refused, and how long to wait until the next is tried.
    refused_at: u64,
    pause: u64,
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

/// What to do when the alarm has rung.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// So many threads are to be started.
    pub start: usize,
    /// A shortage of threads that [`Scheduler::not_started`] told of is over.
    pub is_relieved: bool,
}

/// What it means that threads could not be started.
#[derive(Debug, PartialEq, Eq)]
pub struct NotStarted {
    /// A shortage begins.
    pub is_news: bool,
    /// No thread is left.
    pub was_last: bool,
}

/// A thread, as the scheduler knows it.
#[derive(Debug, Default)]
pub struct Worker {
    thread: ThreadId,
    /// Not here while the thread is in a task.
    place: Option<Arc<Place>>,
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
    /// For the thread that calls this, and that will say at this place when it is in a callback.
    pub fn new(thread: ThreadId, place: Arc<Place>) -> Worker {
        Worker {
            thread,
            place: Some(place),
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
                shortage: None,
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

    /// How many threads there are, those on their way included, and how many tasks wait for one.
    pub fn load(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.threads, state.queue.len())
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

    /// Waits to be called; false if that has not happened for a while.
    fn rest<'a>(&'a self, mut state: MutexGuard<'a, State<T>>) -> (MutexGuard<'a, State<T>>, bool) {
        state.resting += 1;
        state = wait_for(&self.called, state, REST, |state| {
            state.called > 0 || state.shut_down
        });
        state.resting -= 1;
        // A thread that was called stays, even if its time ran out at the same moment.
        let is_called = state.called > 0;
        state.called -= usize::from(is_called);
        let stays = is_called || state.shut_down;
        (state, stays)
    }

    /// A thread that has been told to leave is gone. Returns whether it was the last.
    pub fn left(&self) -> bool {
        let mut state = lock(&self.state);
        state.threads -= 1;
        state.threads == 0
    }

    /// For the thread that drives the reactor: ready when it has to come out.
    pub fn poll_park(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        if state.shut_down || !state.queue.is_empty() {
            state.reactor = Reactor::Driven;
            return Poll::Ready(());
        }
        state.was_empty = true;
        // In a shortage it rings on, so that the watchdog sees when that is over.
        if state.shortage.is_none() && mem::take(&mut state.alarm_is_set) {
            state.hurried = 0;
            self.alarm.clear();
        }
        state.reactor = Reactor::Parked(cx.waker().clone());
        Poll::Pending
    }

    /// The alarm has rung. Each thread that is to be started and cannot be has to be reported by
    /// [`not_started`](Self::not_started).
    pub fn tick(&self, threads: &impl Watch) -> Orders {
        let suspects = lock(&self.state).suspects();
        let seen = suspects.into_iter().map(|(thread, began, is_first)| Seen {
            thread,
            began,
            waits: !is_first && threads.waits(thread),
            computed: threads.computed(thread),
        });
        let seen: Vec<_> = seen.collect();
        let mut state = lock(&self.state);
        if state.shut_down {
            return Orders::default();
        }
        if !state.alarm_is_set {
            self.alarm.rang_in_vain();
            return Orders::default();
        }
        state.observe(&seen);
        let newly_stuck = state.newly_stuck(self.limits);
        let missing = state.missing(newly_stuck, self.limits);
        let called = missing.min(state.resting - state.called);
        let started = match state.may_start() {
            true => (missing - called).min(self.limits.threads - state.threads),
            false => 0,
        };
        state.called += called;
        state.starting += started;
        state.threads += started;
        self.set_pace(&mut state, newly_stuck > 0 && called + started > 0);
        let is_relieved = started == 0 && self.relieve(&mut state);
        drop(state);
        for _ in 0..called {
            self.called.notify_one();
        }
        Orders {
            start: started,
            is_relieved,
        }
    }

    /// How often the alarm rings from here on.
    fn set_pace(&self, state: &mut State<T>, is_urgent: bool) {
        let hurried = match is_urgent {
            true => HURRIED_TICKS,
            false => state.hurried.saturating_sub(1),
        };
        match (mem::replace(&mut state.hurried, hurried), hurried) {
            (0, 1..) => self.alarm.hurry(),
            (1.., 0) => self.alarm.set(),
            _ => {}
        }
    }

    /// Returns whether a shortage of threads has come to its end.
    fn relieve(&self, state: &mut State<T>) -> bool {
        let is_over = |shortage: &mut Shortage| shortage.refused_at + RELIEF <= state.time;
        let is_relieved = state.shortage.take_if(is_over).is_some();
        if is_relieved && let Reactor::Parked(_) = state.reactor {
            state.alarm_is_set = false;
            state.hurried = 0;
            self.alarm.clear();
        }
        is_relieved
    }

    /// So many of the threads that [`tick`](Self::tick) asked for could not be started.
    pub fn not_started(&self, count: usize) -> NotStarted {
        let mut state = lock(&self.state);
        state.starting -= count;
        state.threads -= count;
        let pause = match &state.shortage {
            None => FIRST_PAUSE,
            Some(shortage) => (2 * shortage.pause).min(LONGEST_PAUSE),
        };
        let refused_at = state.time;
        let before = state.shortage.replace(Shortage { refused_at, pause });
        if !mem::replace(&mut state.alarm_is_set, true) {
            self.alarm.set();
        }
        NotStarted {
            is_news: before.is_none(),
            was_last: state.threads == 0,
        }
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
                    worker.place = self.running.swap_remove(index).place;
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
            place: worker.place.take(),
            began: self.tick,
            began_at: self.time,
            inside: None,
            waits: false,
            computes: false,
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

    /// The threads that are in a callback, and nobody knows yet whether they are stuck there; and whether one is seen there
    /// for the first time in this task.
    fn suspects(&self) -> Vec<(ThreadId, u64, bool)> {
        let running = self.running.iter();
        running
            .filter(|running| !running.waits && running.is_inside())
            .map(|running| (running.thread, running.began, running.inside.is_none()))
            .collect()
    }

    /// A tick: notes what each thread is doing. Between two ticks they come and go, so what counts is who is in a callback
    /// of the same task at both.
    fn observe(&mut self, seen: &[Seen]) {
        let time = self.time;
        for running in &mut self.running {
            if !running.is_inside() {
                running.inside = None;
                continue;
            }
            let is_it = |seen: &&Seen| (seen.thread, seen.began) == (running.thread, running.began);
            if let Some(seen) = seen.iter().find(is_it) {
                running.note(seen, time);
            }
        }
        self.tick += 1;
        self.time += u64::from(if self.hurried > 0 { 1 } else { HURRY });
    }

    /// How many threads have come to be stuck since the last tick.
    fn newly_stuck(&mut self, limits: Limits) -> usize {
        let stuck = self.stuck(MOST_COMPUTING * limits.parallel);
        stuck.saturating_sub(mem::replace(&mut self.were_stuck, stuck))
    }

    /// How many threads there are too few, those on their way not counted.
    fn missing(&mut self, newly_stuck: usize, limits: Limits) -> usize {
        let has_waited = !mem::take(&mut self.was_empty) && !self.queue.is_empty();
        let is_overloaded = has_waited || self.leaves_reactor_alone();
        let mut live = self.running.len() - self.were_stuck;
        if let Reactor::Driven = self.reactor {
            live += 1;
        }
        let wanted = if let Reactor::Parked(_) = self.reactor {
            0 // That thread takes what comes.
        } else if live == 0 || has_waited && newly_stuck > 0 {
            // Where callbacks block, more of them will: twice as many; and one for the reactor.
            (2 * newly_stuck + 1).min(self.queue.len() + 1)
        } else {
            usize::from(is_overloaded && live < limits.parallel)
        };
        wanted.saturating_sub(self.starting + self.called)
    }

    /// Whether no thread can have driven the reactor for long, because each is busy with one task.
    fn leaves_reactor_alone(&self) -> bool {
        let is_long = |running: &Running| running.began_at + PATIENCE <= self.time;
        matches!(self.reactor, Reactor::Free) && self.running.iter().all(is_long)
    }

    fn may_start(&self) -> bool {
        let shortage = self.shortage.as_ref();
        shortage.is_none_or(|shortage| shortage.refused_at + shortage.pause <= self.time)
    }

    /// How many threads do not come back from a callback. Of those that compute, only so many count: more threads would
    /// make each of them wait longer for a processor.
    fn stuck(&self, most_computing: usize) -> usize {
        let waiting = self.running.iter().filter(|running| running.waits);
        let computing = self
            .running
            .iter()
            .filter(|running| running.computes && !running.waits);
        waiting.count() + computing.count().min(most_computing)
    }
}

impl Running {
    /// It has been seen in a callback, in the tick that follows `time`.
    fn note(&mut self, seen: &Seen, time: u64) {
        let Some(inside) = &self.inside else {
            self.inside = Some(Inside {
                since: time,
                computed: seen.computed,
            });
            return;
        };
        self.waits |= seen.waits;
        self.computes = match (inside.computed, seen.computed) {
            (Some(before), Some(now)) => before + MOST_COMPUTED <= now,
            _ => inside.since + MOST_COMPUTED <= time,
        };
    }

    fn is_inside(&self) -> bool {
        self.place.as_ref().is_some_and(|place| place.is_inside())
    }
}
