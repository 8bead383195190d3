//! Where host names are looked up: on threads of their own, because the system's resolver blocks and cannot be interrupted.
//!
//! Look-ups of the same name are one, whichever client and runtime of the process asks. Its result goes to all that wait for
//! it and is not kept. One that nobody waits for any more goes on, and belongs to whoever asks for the name next, so that a
//! name never takes more than one thread.
//!
//! [`PARALLEL`] names are looked up at the same time. A look-up that takes longer than [`SLOW`] does not count: the names
//! behind it get more threads, up to [`MOST`]. Beyond that they wait, and that wait is told from the look-up itself. A
//! thread lives as long as there is something for it to do.

use super::threads;
use crate::log::{self, Kind, Level};
use crate::panics;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex, PerProcess, lock, wait_for};
use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, io, mem};
use tokio::sync::watch;

/// How many look-ups that are not slow run at the same time.
const PARALLEL: usize = 16;

/// From when on a look-up is slow.
const SLOW: Duration = Duration::from_millis(100);

/// The most threads that look names up.
const MOST: usize = 128;

/// What the threads are called. They are the process's, not those of one runtime.
const THREAD_NAME: &str = "eventsource-dns";

/// Where a name is, without ports; or why that is not known.
pub type Found = Result<Arc<[SocketAddr]>, Arc<io::Error>>;

type Resolver = Box<dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// Begins to look a name up, or joins a look-up of it that is under way.
pub fn look_up(name: &str) -> Lookup {
    process().join(name)
}

/// Waits until no thread is busy with a name for which no client waits any more, for `patience` at most.
pub fn settle(patience: Duration) {
    process().settle(patience);
}

fn process() -> &'static Lookups {
    static LOOKUPS: PerProcess<Lookups> = PerProcess::new();
    LOOKUPS.get()
}

/// A name's look-up, as one of the waiting clients sees it.
pub struct Lookup {
    lookups: &'static Lookups,
    flight: Arc<Flight>,
    progress: watch::Receiver<Progress>,
}

#[derive(Clone, Debug)]
enum Progress {
    /// Others come first.
    Waiting,
    /// It is being looked up, or waits for a thread that the system refuses.
    Begun,
    Done(Found),
}

impl Lookup {
    /// Waits while the look-ups of other names come first.
    pub async fn begun(&mut self) {
        let is_begun = |progress: &Progress| !matches!(progress, Progress::Waiting);
        // Fails only where it ended without a result, which `found` tells.
        let _ = self.progress.wait_for(is_begun).await;
    }

    /// Waits for the result.
    pub async fn found(&mut self) -> Found {
        let is_done = |progress: &Progress| matches!(progress, Progress::Done(_));
        match self.progress.wait_for(is_done).await.as_deref() {
            Ok(Progress::Done(found)) => found.clone(),
            _ => Err(Arc::new(io::Error::other("the look-up was given up"))),
        }
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        if !matches!(*self.progress.borrow(), Progress::Done(_)) {
            self.lookups.leave(&self.flight);
        }
    }
}

/// All look-ups of a process.
struct Lookups {
    resolver: Resolver,
    /// See [`SLOW`].
    slow: Duration,
    state: Mutex<State>,
    /// What a thread without a look-up and [`settle`](Lookups::settle) wait for may have come.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The names that are being looked up or are to be. A tree holds no memory when there are none.
    flights: BTreeMap<Arc<str>, Arc<Flight>>,
    /// Those that are to be, in the order in which they came.
    queue: VecDeque<Arc<Flight>>,
    /// Those that are being looked up.
    busy: Vec<Busy>,
    threads: usize,
    /// A thread is about to take the next name, or waits until it may.
    has_spare: bool,
    /// There are names that get no thread, because there are [`MOST`].
    is_full: bool,
}

/// One name, and the clients that wait for it.
struct Flight {
    name: Arc<str>,
    progress: watch::Sender<Progress>,
    /// How many they are. Changes only while the state is locked.
    wanted: AtomicUsize,
}

struct Busy {
    flight: Arc<Flight>,
    since: Instant,
}

/// What a thread does next.
enum Next {
    LookUp(Arc<Flight>),
    Wait(Duration),
    Leave,
}

impl Default for Lookups {
    fn default() -> Lookups {
        Lookups::new(SLOW, |name| Ok((name, 0).to_socket_addrs()?.collect()))
    }
}

impl Lookups {
    fn new(
        slow: Duration,
        resolver: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Lookups {
        Lookups {
            resolver: Box::new(resolver),
            slow,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn join(&'static self, name: &str) -> Lookup {
        let mut state = lock(&self.state);
        let flight = match state.flights.get(name) {
            Some(flight) => flight.clone(),
            None => state.add(name),
        };
        flight.wanted.fetch_add(1, Ordering::Relaxed);
        let (needs_thread, became_full) = (state.needs_thread(), state.became_full());
        drop(state);
        if became_full {
            let message = "host names are being looked up, which takes long; others wait";
            let text = format_args!("{MOST} {message}");
            log::write_of_process(Level::Warning, Kind::Thread, text);
        }
        if needs_thread {
            self.start_thread();
        }
        Lookup {
            lookups: self,
            progress: flight.progress.subscribe(),
            flight,
        }
    }

    /// One of the waiting clients gives up. The look-up of a name that no client wants is not begun.
    fn leave(&self, flight: &Arc<Flight>) {
        let mut state = lock(&self.state);
        if flight.wanted.fetch_sub(1, Ordering::Relaxed) > 1 {
            return;
        }
        let waiting = state.queue.len();
        state.queue.retain(|queued| !Arc::ptr_eq(queued, flight));
        if state.queue.len() < waiting {
            state.flights.remove(&flight.name);
        }
        self.changed.notify_all();
    }

    /// For a thread that `state` counts already.
    fn start_thread(&'static self) {
        if let Err(error) = threads::spawn(THREAD_NAME, || self.work()) {
            self.refused(error);
        }
    }

    /// There is no thread for the names that wait. They wait for one that is there and may soon be done with another name,
    /// which then is a part of their own look-up; else it ends.
    fn refused(&self, error: io::Error) {
        let mut state = lock(&self.state);
        state.has_spare = false;
        state.threads -= 1;
        let has_idle = state.threads > state.busy.len();
        let may_be_served = has_idle || state.quick(self.slow).next().is_some();
        let waiting = match may_be_served {
            true => state.queue.clone(),
            false => mem::take(&mut state.queue),
        };
        if !may_be_served {
            for flight in &waiting {
                state.flights.remove(&flight.name);
            }
        }
        drop(state);
        let error = Arc::new(io::Error::other(NoThread(error)));
        for flight in waiting {
            match may_be_served {
                true => flight.begin(),
                false => flight.end(Err(error.clone())),
            }
        }
    }

    /// The life of a thread.
    fn work(&'static self) {
        let mut state = lock(&self.state);
        let mut is_spare = true;
        loop {
            if mem::take(&mut is_spare) {
                state.has_spare = false;
            }
            match state.next(self.slow) {
                Next::LookUp(flight) => {
                    let needs_thread = state.needs_thread();
                    drop(state);
                    if needs_thread {
                        self.start_thread();
                    }
                    flight.begin();
                    let found = self.resolve(&flight.name);
                    lock(&self.state).remove(&flight);
                    flight.end(found);
                    self.changed.notify_all();
                    state = lock(&self.state);
                }
                Next::Wait(limit) => {
                    (state.has_spare, is_spare) = (true, true);
                    let nothing_left = |state: &State| state.queue.is_empty();
                    state = wait_for(&self.changed, state, limit, nothing_left);
                }
                Next::Leave => {
                    state.threads -= 1;
                    return self.changed.notify_all();
                }
            }
        }
    }

    fn resolve(&self, name: &str) -> Found {
        match panics::contain(|| (self.resolver)(name)) {
            Ok(found) => found.map(Arc::from).map_err(Arc::new),
            Err(panic) => Err(Arc::new(io::Error::other(panic))),
        }
    }

    fn settle(&self, patience: Duration) {
        let state = lock(&self.state);
        drop(wait_for(&self.changed, state, patience, |state| {
            let is_wanted = |busy: &Busy| busy.flight.is_wanted();
            state.busy.iter().all(is_wanted) && (state.threads == state.busy.len())
        }));
    }
}

impl State {
    fn add(&mut self, name: &str) -> Arc<Flight> {
        let flight = Arc::new(Flight {
            name: name.into(),
            progress: watch::Sender::new(Progress::Waiting),
            wanted: AtomicUsize::new(0),
        });
        self.flights.insert(flight.name.clone(), flight.clone());
        self.queue.push_back(flight.clone());
        flight
    }

    fn next(&mut self, slow: Duration) -> Next {
        let Some(flight) = self.queue.front().cloned() else {
            self.is_full = false;
            return Next::Leave;
        };
        let quick = self.quick(slow);
        let (count, longest) = quick.fold((0, Duration::ZERO), |(count, longest), time| {
            (count + 1, longest.max(time))
        });
        if count < PARALLEL {
            self.queue.pop_front();
            self.busy.push(Busy {
                flight: flight.clone(),
                since: Instant::now(),
            });
            return Next::LookUp(flight);
        }
        match self.has_spare {
            true => Next::Leave,
            false => Next::Wait(slow - longest),
        }
    }

    /// How long each look-up has taken that is not slow.
    fn quick(&self, slow: Duration) -> impl Iterator<Item = Duration> {
        let times = self.busy.iter().map(|busy| busy.since.elapsed());
        times.filter(move |time| *time < slow)
    }

    /// Whether another thread is to be started. It is counted from here on.
    fn needs_thread(&mut self) -> bool {
        let needs = !self.queue.is_empty() && !self.has_spare && self.threads < MOST;
        if needs {
            self.has_spare = true;
            self.threads += 1;
        }
        needs
    }

    /// Whether names wait now for which there is no thread, and none did before.
    fn became_full(&mut self) -> bool {
        let is_full = self.threads == MOST && !self.has_spare;
        is_full && !mem::replace(&mut self.is_full, true)
    }

    fn remove(&mut self, flight: &Arc<Flight>) {
        self.flights.remove(&flight.name);
        self.busy.retain(|busy| !Arc::ptr_eq(&busy.flight, flight));
    }
}

impl Flight {
    fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) > 0
    }

    fn begin(&self) {
        self.progress.send_if_modified(|progress| {
            let waits = matches!(progress, Progress::Waiting);
            if waits {
                *progress = Progress::Begun;
            }
            waits
        });
    }

    fn end(&self, found: Found) {
        self.progress.send_replace(Progress::Done(found));
    }
}

/// The system refuses a thread.
#[derive(Debug)]
struct NoThread(io::Error);

impl fmt::Display for NoThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no thread to look it up")
    }
}

impl Error for NoThread {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::future::Future;
    use std::net::Ipv4Addr;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::thread::sleep;

    /// The longest that a test waits for anything.
    const LIMIT: Duration = Duration::from_secs(10);

    /// Look-ups of a test's own. Threads know them for as long as they like, so they stay.
    fn kept(lookups: Lookups) -> &'static Lookups {
        static KEPT: std::sync::Mutex<Vec<&Lookups>> = std::sync::Mutex::new(Vec::new());
        let lookups: &Lookups = Box::leak(Box::new(lookups));
        lock(&KEPT).push(lookups);
        lookups
    }

    /// A resolver whose look-ups hang until the test answers them.
    #[derive(Default)]
    struct Hanging {
        state: Mutex<Calls>,
        changed: Condvar,
    }

    #[derive(Default)]
    struct Calls {
        begun: Vec<String>,
        answered: HashSet<String>,
    }

    impl Hanging {
        /// It, and look-ups that ask it. They are slow at once, or never.
        fn new(is_slow: bool) -> (Arc<Hanging>, &'static Lookups) {
            let hanging = Arc::new(Hanging::default());
            let resolver = hanging.clone();
            let slow = if is_slow { Duration::ZERO } else { LIMIT };
            let lookups = Lookups::new(slow, move |name| resolver.call(name));
            (hanging, kept(lookups))
        }

        fn call(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
            let mut calls = lock(&self.state);
            calls.begun.push(name.into());
            self.changed.notify_all();
            let answered = |calls: &Calls| calls.answered.contains(name);
            let calls = wait_for(&self.changed, calls, LIMIT, answered);
            assert!(answered(&calls), "{name} is answered");
            Ok(vec![(Ipv4Addr::LOCALHOST, 0).into()])
        }

        fn answer(&self, name: &str) {
            lock(&self.state).answered.insert(name.into());
            self.changed.notify_all();
        }

        /// Waits until so many look-ups have begun, ever.
        fn wait(&self, count: usize) -> Vec<String> {
            let begun = |calls: &Calls| calls.begun.len() >= count;
            let calls = wait_for(&self.changed, lock(&self.state), LIMIT, begun);
            assert!(begun(&calls), "{count} begin: {:?}", calls.begun);
            calls.begun.clone()
        }
    }

    fn names(count: usize) -> impl Iterator<Item = String> {
        (0..count).map(|number| format!("{number}.example"))
    }

    /// Waits for a future without a runtime.
    fn wait<T>(future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let end = Instant::now() + LIMIT;
        loop {
            let poll = future
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(result) = poll {
                return result;
            }
            assert!(Instant::now() < end, "it is ready");
            sleep(Duration::from_millis(1));
        }
    }

    fn is_waiting(lookup: &Lookup) -> bool {
        matches!(*lookup.progress.borrow(), Progress::Waiting)
    }

    fn check_no_threads(lookups: &Lookups) {
        let state = wait_for(&lookups.changed, lock(&lookups.state), LIMIT, |state| {
            state.threads == 0
        });
        assert_eq!(state.threads, 0);
        assert!(state.flights.is_empty() && state.queue.is_empty() && state.busy.is_empty());
    }

    #[test]
    fn no_more_names_are_looked_up_at_once_than_are_allowed_until_they_are_slow() {
        let (hanging, lookups) = Hanging::new(false);
        let mut quick: Vec<_> = names(PARALLEL).map(|name| lookups.join(&name)).collect();
        hanging.wait(PARALLEL);
        let mut next = lookups.join("next.example");
        // The one that comes next is there.
        let state = wait_for(&lookups.changed, lock(&lookups.state), LIMIT, |state| {
            state.threads == PARALLEL + 1
        });
        drop(state);
        hanging.answer("next.example");
        assert!(is_waiting(&next));
        hanging.answer("0.example");
        wait(quick[0].found()).expect("an address");
        wait(next.found()).expect("an address");
        names(PARALLEL).for_each(|name| hanging.answer(&name));
        check_no_threads(lookups);
    }

    #[test]
    fn look_ups_of_one_name_are_one_and_have_one_result() {
        let (hanging, lookups) = Hanging::new(false);
        let mut all: Vec<_> = (0..100).map(|_| lookups.join("name.example")).collect();
        hanging.wait(1);
        all.extend((0..100).map(|_| lookups.join("name.example")));
        hanging.answer("name.example");
        for lookup in &mut all {
            let found = wait(lookup.found()).expect("an address");
            assert_eq!(*found, [(Ipv4Addr::LOCALHOST, 0).into()]);
        }
        check_no_threads(lookups);
        assert_eq!(hanging.wait(1), ["name.example"]);
    }

    #[test]
    fn a_result_is_not_kept() {
        let (hanging, lookups) = Hanging::new(false);
        hanging.answer("name.example");
        for _ in 0..3 {
            wait(lookups.join("name.example").found()).expect("an address");
        }
        assert_eq!(hanging.wait(3).len(), 3);
    }

    #[test]
    fn one_that_was_abandoned_belongs_to_who_asks_next() {
        let (hanging, lookups) = Hanging::new(false);
        for _ in 0..3 {
            let lookup = lookups.join("name.example");
            hanging.wait(1);
            drop(lookup);
        }
        let mut lookup = lookups.join("name.example");
        hanging.answer("name.example");
        wait(lookup.found()).expect("an address");
        assert_eq!(hanging.wait(1).len(), 1);
    }

    #[test]
    fn names_that_hang_do_not_keep_others_out() {
        let (hanging, lookups) = Hanging::new(true);
        let hang: Vec<_> = names(MOST - 1).map(|name| lookups.join(&name)).collect();
        hanging.wait(MOST - 1);
        hanging.answer("quick.example");
        wait(lookups.join("quick.example").found()).expect("an address");
        drop(hang);
        names(MOST - 1).for_each(|name| hanging.answer(&name));
        check_no_threads(lookups);
    }

    #[test]
    fn beyond_the_most_threads_names_wait_and_those_that_nobody_wants_are_forgotten() {
        let (hanging, lookups) = Hanging::new(true);
        let hang: Vec<_> = names(MOST).map(|name| lookups.join(&name)).collect();
        hanging.wait(MOST);
        let mut waits = lookups.join("waits.example");
        let forgotten = lookups.join("forgotten.example");
        assert!(is_waiting(&waits) && is_waiting(&forgotten));
        assert_eq!(lock(&lookups.state).threads, MOST);
        drop(forgotten);
        hanging.answer("waits.example");
        hanging.answer("0.example");
        wait(waits.begun());
        wait(waits.found()).expect("an address");
        drop(hang);
        names(MOST).for_each(|name| hanging.answer(&name));
        check_no_threads(lookups);
        assert!(!hanging.wait(MOST).contains(&"forgotten.example".into()));
    }

    #[test]
    fn the_end_waits_for_what_nobody_wants_and_for_nothing_else() {
        let (hanging, lookups) = Hanging::new(false);
        let wanted = lookups.join("wanted.example");
        hanging.wait(1);
        lookups.settle(LIMIT);
        let unwanted = lookups.join("unwanted.example");
        hanging.wait(2);
        drop(unwanted);
        lookups.settle(Duration::from_millis(1));
        hanging.answer("unwanted.example");
        let begun = Instant::now();
        lookups.settle(LIMIT);
        assert!(begun.elapsed() < LIMIT);
        hanging.answer("wanted.example");
        drop(wanted);
        check_no_threads(lookups);
    }

    #[test]
    fn a_resolver_that_panics_is_an_error() {
        let lookups = Lookups::new(SLOW, |name| {
            assert!(name.is_empty(), "a bug");
            Ok(Vec::new())
        });
        let lookups = kept(lookups);
        let error = wait(lookups.join("name.example").found()).expect_err("no address");
        assert_eq!(error.to_string(), "a bug");
        check_no_threads(lookups);
    }

    #[test]
    fn without_a_thread_a_look_up_fails_unless_another_may_soon_have_one_to_spare() {
        let (hanging, lookups) = Hanging::new(false);
        let refuse = || {
            let mut state = lock(&lookups.state);
            let mut lookup = {
                let flight = state.add("refused.example");
                flight.wanted.fetch_add(1, Ordering::Relaxed);
                assert!(state.needs_thread());
                Lookup {
                    lookups,
                    progress: flight.progress.subscribe(),
                    flight,
                }
            };
            drop(state);
            lookups.refused(io::Error::from_raw_os_error(libc::EAGAIN));
            wait(lookup.begun());
            lookup
        };
        let error = wait(refuse().found()).expect_err("no address");
        let cause = error.get_ref().and_then(|error| error.source());
        let cause = cause.and_then(|cause| cause.downcast_ref::<io::Error>());
        let number = cause.and_then(io::Error::raw_os_error);
        assert_eq!(number, Some(libc::EAGAIN));

        let mut other = lookups.join("other.example");
        hanging.wait(1);
        let mut served = refuse();
        hanging.answer("refused.example");
        hanging.answer("other.example");
        wait(other.found()).expect("an address");
        wait(served.found()).expect("an address");
        check_no_threads(lookups);
    }
}
