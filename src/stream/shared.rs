//! What a client and its run share: the gate between them, and what anybody may ask about it.

use super::gate::Gate;
use super::handler::End;
use crate::runtime::{Count, Counts, Doing, RunId};
use crate::sync::{Mutex, MutexGuard, lock};
use std::collections::TryReserveError;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a client is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Never started.
    Idle,
    /// An attempt is under way.
    Connecting,
    /// The stream is open.
    Open,
    /// Waiting for the next attempt.
    Waiting,
    /// Closed.
    Closed,
}

/// What a client has done since it was made.
#[derive(Clone, Copy, Debug)]
pub struct Stats {
    /// Events delivered.
    pub events: u64,
    /// Bytes of event streams read.
    pub bytes: u64,
    /// Attempts begun.
    pub attempts: u64,
    /// Streams opened.
    pub opens: u64,
    /// Failed attempts and lost streams.
    pub errors: u64,
    /// How long the stream has been open, if it is.
    pub open: Option<Duration>,
    /// How long ago the last byte came, if one ever did.
    pub idle: Option<Duration>,
}

/// What a client and its run share.
#[derive(Debug)]
pub struct Shared {
    /// Tells the client from all others of the process, in the log.
    pub number: u64,
    /// Whether there is a run.
    pub gate: Gate<RunId>,
    state: AtomicU8,
    last_event_id: Mutex<String>,
    /// Whether the program has set it since the run last looked. Written under its lock.
    id_is_programs: AtomicBool,
    last_error: Mutex<String>,
    /// How the last run that has ended did so.
    end: Mutex<Option<Box<End>>>,
    /// The delay that the program chooses in a call of its own.
    pub next_delay: NextDelay,
    /// What the run counts.
    pub counters: Counters,
}

impl Shared {
    /// For a client that has not started.
    pub fn new() -> Shared {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Shared {
            number: LAST.fetch_add(1, Ordering::Relaxed) + 1,
            gate: Gate::new(),
            state: AtomicU8::new(State::Idle as u8),
            last_event_id: Mutex::default(),
            id_is_programs: AtomicBool::new(false),
            last_error: Mutex::default(),
            end: Mutex::default(),
            next_delay: NextDelay::new(),
            counters: Counters::new(),
        }
    }

    /// What the client is doing.
    pub fn state(&self) -> State {
        let state = self.state.load(Ordering::Relaxed);
        [
            State::Connecting,
            State::Open,
            State::Waiting,
            State::Closed,
        ]
        .into_iter()
        .find(|known| *known as u8 == state)
        .unwrap_or(State::Idle)
    }

    /// What the client is doing from now on.
    pub fn set_state(&self, state: State) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// The last event id, which outlives connections, runs, and both of its writers.
    pub fn last_event_id(&self) -> MutexGuard<'_, String> {
        lock(&self.last_event_id)
    }

    /// The server sets the last event id.
    pub fn set_last_event_id(&self, id: &str) -> Result<(), TryReserveError> {
        let mut last = self.last_event_id();
        // A server says how long it is.
        let more = id.len().saturating_sub(last.len());
        last.try_reserve_exact(more)?;
        self.write_last_event_id(last, id, false);
        Ok(())
    }

    /// The program does, and the run has to hear of that.
    pub fn impose_last_event_id(&self, id: &str) {
        self.write_last_event_id(self.last_event_id(), id, true);
    }

    fn write_last_event_id(&self, mut last: MutexGuard<'_, String>, id: &str, is_programs: bool) {
        id.clone_into(&mut last);
        self.id_is_programs.store(is_programs, Ordering::Relaxed);
    }

    /// The last event id, if the program has set it since this was last asked. Mostly one load, for every read.
    pub fn imposed_last_event_id(&self) -> Option<MutexGuard<'_, String>> {
        if !self.id_is_programs.load(Ordering::Relaxed) {
            return None;
        }
        let last = self.last_event_id();
        // Not if the server's has taken its place meanwhile.
        let is_programs = self.id_is_programs.swap(false, Ordering::Relaxed);
        is_programs.then_some(last)
    }

    /// The text of what went wrong last.
    pub fn last_error(&self) -> String {
        lock(&self.last_error).clone()
    }

    /// Remembers what went wrong.
    pub fn set_last_error(&self, message: &str) {
        message.clone_into(&mut lock(&self.last_error));
    }

    /// How the last run that has ended did so; `None` before the first has.
    pub fn end(&self) -> Option<End> {
        lock(&self.end).as_deref().cloned()
    }

    /// A run ends so.
    pub fn set_end(&self, end: End) {
        *lock(&self.end) = Some(Box::new(end));
    }
}

impl Count for Shared {
    fn counts(&self) -> Counts {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        Counts {
            events: load(&counters.events),
            bytes: load(&counters.bytes),
            attempts: load(&counters.attempts),
            opens: load(&counters.opens),
            errors: load(&counters.errors),
        }
    }

    fn doing(&self) -> Option<Doing> {
        match self.state() {
            State::Connecting => Some(Doing::Connecting),
            State::Open => Some(Doing::Open),
            State::Waiting => Some(Doing::Waiting),
            State::Idle | State::Closed => None,
        }
    }
}

/// How long the client waits for its next attempt, as the program may choose while it is told of an error.
#[derive(Debug)]
pub struct NextDelay(AtomicI64);

/// The program is not being told of an error.
#[derive(Debug)]
pub struct NotAsked;

impl NextDelay {
    const NOT_ASKED: i64 = -2;
    const NONE: i64 = -1;

    fn new() -> NextDelay {
        NextDelay(AtomicI64::new(NextDelay::NOT_ASKED))
    }

    /// From now on the program may choose.
    pub fn ask(&self) {
        self.0.store(NextDelay::NONE, Ordering::Relaxed);
    }

    /// The program chooses.
    pub fn choose(&self, delay: Duration) -> Result<(), NotAsked> {
        let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        let chosen = |now| (now != NextDelay::NOT_ASKED).then_some(delay);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, chosen)
            .map_err(|_| NotAsked)?;
        Ok(())
    }

    /// What the program has chosen, if anything. It may no longer.
    pub fn take(&self) -> Option<Duration> {
        let chosen = self.0.swap(NextDelay::NOT_ASKED, Ordering::Relaxed);
        u64::try_from(chosen).ok().map(Duration::from_millis)
    }
}

/// Counters that one run at a time writes and anybody reads.
#[derive(Debug)]
pub struct Counters {
    since: Instant,
    events: AtomicU64,
    bytes: AtomicU64,
    attempts: AtomicU64,
    opens: AtomicU64,
    errors: AtomicU64,
    /// Nanoseconds from `since`; 0 for never.
    opened_at: AtomicU64,
    read_at: AtomicU64,
}

/// Adds to a counter with a single writer, which needs no locked instruction.
fn add(counter: &AtomicU64, n: u64) {
    counter.store(
        counter.load(Ordering::Relaxed).wrapping_add(n),
        Ordering::Relaxed,
    );
}

impl Counters {
    fn new() -> Counters {
        Counters {
            since: Instant::now(),
            events: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            attempts: AtomicU64::new(0),
            opens: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            opened_at: AtomicU64::new(0),
            read_at: AtomicU64::new(0),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_nanos())
            .unwrap_or(u64::MAX)
            .max(1)
    }

    /// An attempt begins.
    pub fn attempt(&self) {
        add(&self.attempts, 1);
    }

    /// How many attempts have begun.
    pub fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    /// A stream opens.
    pub fn open(&self) {
        self.opened_at.store(self.now(), Ordering::Relaxed);
        add(&self.opens, 1);
    }

    /// Bytes of the stream have come.
    pub fn read(&self) {
        self.read_at.store(self.now(), Ordering::Relaxed);
    }

    /// How long ago that was.
    pub fn since_read(&self) -> Duration {
        self.age(&self.read_at).unwrap_or_default()
    }

    /// So many.
    pub fn bytes(&self, bytes: usize) {
        add(&self.bytes, bytes as u64);
    }

    /// How many events have been delivered.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// An event is delivered.
    pub fn event(&self) {
        add(&self.events, 1);
    }

    /// What was counted as an event last is none for the program.
    pub fn no_event(&self) {
        let counted = self.events.load(Ordering::Relaxed);
        self.events
            .store(counted.saturating_sub(1), Ordering::Relaxed);
    }

    /// Something went wrong.
    pub fn error(&self) {
        add(&self.errors, 1);
    }

    /// How long ago the stream was opened.
    pub fn open_for(&self) -> Duration {
        self.age(&self.opened_at).unwrap_or_default()
    }

    fn age(&self, at: &AtomicU64) -> Option<Duration> {
        match at.load(Ordering::Relaxed) {
            0 => None,
            at => Some(Duration::from_nanos(self.now().saturating_sub(at))),
        }
    }

    /// All of it.
    pub fn stats(&self, is_open: bool) -> Stats {
        Stats {
            events: self.events.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            attempts: self.attempts.load(Ordering::Relaxed),
            opens: self.opens.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            open: self.age(&self.opened_at).filter(|_| is_open),
            idle: self.age(&self.read_at),
        }
    }
}
