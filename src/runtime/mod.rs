//! The owned runtime: threads that run clients and nothing else, made when the first client starts and gone with the last
//! reference.
//!
//! A run of a client is one future, callbacks included. The [`scheduler`] says which thread polls it and which one drives
//! tokio's reactor meanwhile; this module has the threads that do so. Three ways of dispatch are one mechanism:
//!
//! - isolated: a [`watchdog`] calls more threads in when callbacks block those that there are;
//! - inline: it does not;
//! - manual: nor is there a need to, because the callbacks are run by the program's threads ([`turns`]).
//!
//! Internal: public for the library's own tests and fuzzing, not an API.

pub mod lookups;
#[cfg(unix)]
mod masks;
mod metrics;
mod network;
mod scheduler;
mod signal;
mod threads;
mod turns;
mod watchdog;
#[cfg(windows)]
mod windows;

use crate::log::{self, Kind, Level};
use crate::place::{Place, with_place};
use crate::sync::{Condvar, Mutex, OneShot, PerProcess, lock, wait};
use crate::words;
use async_task::Runnable;
pub use metrics::{BUCKETS, Count, Counts, Doing, Latency, Metrics, Reason, Totals};
pub use network::Change;
use scheduler::{Limits, Next, NotStarted, Scheduler, Worker};
use signal::Descriptor;
use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::thread::{self, JoinHandle, available_parallelism};
use std::time::Duration;
use std::{io, iter, mem};
pub use threads::{callback, in_callback};
use tokio::runtime::Runtime as Tokio;
use tokio::task::{AbortHandle, unconstrained, yield_now};
pub use turns::{Closed, RunId};
use watchdog::Watchdog;

/// The most threads a runtime has; beyond that, a blocked callback delays others.
const MOST_THREADS: usize = 1024;

/// How long the end of the runtime waits for the threads that look names up for it: one whose resolver hangs cannot be
/// interrupted.
const RESOLVER_PATIENCE: Duration = Duration::from_millis(50);

/// Where callbacks run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dispatch {
    /// On the runtime's threads; one that blocks is replaced.
    #[default]
    Isolated,
    /// On the runtime's one thread.
    Inline,
    /// In [`Runtime::dispatch`].
    Manual,
}

/// Something to do on each thread that runs callbacks.
pub type Hook = Box<dyn Fn() + Send + Sync>;

/// What a runtime is told when it is made.
pub struct Options {
    /// Where callbacks run.
    pub dispatch: Dispatch,
    /// How many threads may poll runs at the same time, blocked ones not counted; `None` for one per processor. Only one
    /// does unless that is too much for it.
    pub threads: Option<usize>,
    /// What the names of threads begin with.
    pub thread_name: String,
    /// Before a thread's first callback.
    pub on_thread_start: Option<Hook>,
    /// After its last.
    pub on_thread_stop: Option<Hook>,
    /// Whether it is measured how long each event takes from the read to its callback.
    pub measure_latency: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            dispatch: Dispatch::default(),
            threads: None,
            thread_name: "eventsource".into(),
            on_thread_start: None,
            on_thread_stop: None,
            measure_latency: false,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("dispatch", &self.dispatch)
            .field("threads", &self.threads)
            .field("thread_name", &self.thread_name)
            .finish_non_exhaustive()
    }
}

/// Something that can be asked to end.
pub trait Stop: Send + Sync {
    /// Asks; does not wait.
    fn stop(&self);

    /// Tells of the network; does not wait either.
    fn network_changed(&self, change: Change);
}

/// A runtime that clients share. Dropping it ends its threads; outside callbacks, it waits until they have gone.
#[derive(Debug)]
pub struct Runtime(Arc<Core>);

type Turns = turns::Turns<Runnable, Descriptor>;

/// What the threads share.
struct Core {
    scheduler: Scheduler<Runnable, Watchdog>,
    turns: Option<Turns>,
    options: Options,
    totals: Arc<Totals>,
    tokio: Mutex<Option<Arc<Tokio>>>,
    runs: Mutex<Runs>,
    run_ended: Condvar,
    /// The watchdog's, and those of the other threads.
    watching: Mutex<Option<JoinHandle<()>>>,
    working: Mutex<Threads>,
}

#[derive(Default)]
struct Threads {
    here: Vec<JoinHandle<()>>,
    /// The one that left last. Each waits for the one before it, so that no more of them is left than this.
    left: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Runs {
    closed: bool,
    last_id: RunId,
    here: HashMap<RunId, Registered>,
    /// What those have counted that have ended, without what those that are here had counted before they began.
    ended: Counts,
    /// How many of them are told of the network, and the task that does it.
    watching: usize,
    watcher: Option<AbortHandle>,
}

/// A run that has not ended.
struct Registered {
    stop: Arc<dyn Stop>,
    /// `None` once what it has counted is among what ended runs have.
    count: Option<Arc<dyn Count>>,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

static SHARED: PerProcess<Mutex<Weak<Runtime>>> = PerProcess::new();

impl Runtime {
    /// The process's shared runtime, made if there is none.
    pub fn shared() -> io::Result<Arc<Runtime>> {
        let mut shared = lock(SHARED.get());
        if let Some(runtime) = shared.upgrade() {
            return Ok(runtime);
        }
        let runtime = Arc::new(Runtime::new(Options::default())?);
        *shared = Arc::downgrade(&runtime);
        Ok(runtime)
    }

    /// The process's shared runtime, if there is one.
    pub fn shared_if_made() -> Option<Arc<Runtime>> {
        lock(SHARED.get()).upgrade()
    }

    /// A runtime of one's own.
    pub fn new(options: Options) -> io::Result<Runtime> {
        let is_isolated = options.dispatch == Dispatch::Isolated;
        let parallel = options
            .threads
            .or_else(|| available_parallelism().map(Into::into).ok());
        let limits = Limits {
            parallel: parallel.unwrap_or(1),
            threads: if is_isolated { MOST_THREADS } else { 1 },
        };
        let watchdog = if is_isolated {
            Watchdog::new()?
        } else {
            Watchdog::none()
        };
        let turns = match options.dispatch {
            Dispatch::Manual => Some(Turns::new(Descriptor::new()?)),
            _ => None,
        };
        let core = Arc::new(Core {
            scheduler: Scheduler::new(limits, watchdog),
            turns,
            totals: Arc::new(Totals::new(options.measure_latency)),
            options,
            tokio: Mutex::default(),
            runs: Mutex::default(),
            run_ended: Condvar::new(),
            watching: Mutex::default(),
            working: Mutex::default(),
        });
        let (started, complete) = (Arc::new(OneShot::default()), Arc::new(OneShot::default()));
        {
            let (started, complete) = (started.clone(), complete.clone());
            core.start_thread(move |core| core.begin(&started, &complete))?;
        }
        // Where this fails, the thread has ended or is about to, with nothing in its hands.
        started.receive()?;
        let runtime = Runtime(core);
        let is_complete = Complete(&complete);
        if is_isolated {
            let core = runtime.0.clone();
            let name = format!("{}-wd", core.options.thread_name);
            let watching = threads::spawn(&name, move || core.watch())?;
            *lock(&runtime.0.watching) = Some(watching);
        }
        is_complete.say();
        Ok(runtime)
    }

    /// Enters a run: until its [`Entry`] is dropped the runtime waits for it when it is closed, after `stop` has asked it to
    /// end. `count` tells what it counts meanwhile. Does not block.
    pub fn register(&self, stop: Arc<dyn Stop>, count: Arc<dyn Count>) -> Result<Entry, Closed> {
        self.0.register(stop, count)
    }

    /// Runs a future to its end. It must contain its own panics, and drop its [`Entry`] last.
    pub fn spawn<F: Future<Output = ()> + Send + 'static>(
        &self,
        entry: Entry,
        future: impl FnOnce(Stage, Entry) -> F,
    ) {
        let id = entry.run;
        let stage = Stage::new(self.0.turns.is_some());
        let place = stage.clone();
        let core = self.0.clone();
        let schedule = move |task| core.schedule(id, &place, task);
        // The future as it is: a wrapper would hold it twice, once before and once after its first poll.
        let (task, detached) = async_task::spawn(future(stage, entry), schedule);
        detached.detach();
        task.schedule();
    }

    /// Where callbacks run.
    pub fn dispatch_mode(&self) -> Dispatch {
        self.0.options.dispatch
    }

    /// The runtime as it is now.
    pub fn metrics(&self) -> Metrics {
        self.0.metrics()
    }

    /// Runs what is due on this thread, `max` turns at most, after a wait of `limit` at most for the first. What becomes
    /// due meanwhile waits for the next call, so that a busy client does not keep the caller for ever. Returns how many
    /// turns have been run: none unless dispatch is manual. Refused once the runtime has been closed, also to who waits then;
    /// not to who runs the callback that closes it.
    pub fn dispatch(&self, limit: Option<Duration>, max: NonZeroUsize) -> Result<usize, Closed> {
        let Some(turns) = &self.0.turns else {
            return Ok(0);
        };
        let Some((first, others)) = turns.wait(limit)? else {
            return Ok(0);
        };
        let others = iter::from_fn(|| turns.take()).take(others.min(max.get() - 1));
        let taken = iter::once(first).chain(others);
        let ran = taken.fold(0, |ran, task| {
            callback(|| task.run());
            ran + 1
        });
        if lock(&self.0.runs).closed {
            // By one of the callbacks, in which it could not wait for what needs turns; and nobody will dispatch again.
            self.close();
        }
        Ok(ran)
    }

    /// A descriptor that is readable while callbacks are due; `None` unless dispatch is manual.
    #[cfg(unix)]
    pub fn fd(&self) -> Option<std::os::fd::RawFd> {
        self.0.turns.as_ref().map(|turns| turns.signal().fd())
    }

    /// A socket that is readable while callbacks are due; `None` unless dispatch is manual.
    #[cfg(windows)]
    pub fn fd(&self) -> Option<usize> {
        self.0.turns.as_ref().map(|turns| turns.signal().fd())
    }

    /// Gives a run that has been asked to end the turns it needs for that, if dispatch is manual; returns when it has
    /// ended. Must not be called inside a callback.
    pub fn finish(&self, run: RunId) {
        let has_ended = || !lock(&self.0.runs).here.contains_key(&run);
        if let Some(turns) = &self.0.turns {
            while let Some(task) = turns.until_ended(run, has_ended) {
                callback(|| task.run());
            }
        }
    }

    /// Tells all runs of the network, as the system does; for tests.
    pub fn network_changed(&self, change: Change) {
        self.0.network_changed(change);
    }

    /// Asks all runs to end, and the threads after them; there can be no new ones. Outside callbacks, returns when all that
    /// has happened.
    pub fn close(&self) {
        let core = &*self.0;
        let stops = {
            let mut runs = lock(&core.runs);
            runs.closed = true;
            runs.stops()
        };
        if let Some(turns) = &core.turns {
            turns.close();
        }
        for stop in stops {
            stop.stop();
        }
        if !in_callback() {
            let have_ended = |runs: &Runs| runs.here.is_empty();
            if let Some(turns) = &core.turns {
                while let Some(task) = turns.until_all_ended(|| have_ended(&lock(&core.runs))) {
                    callback(|| task.run());
                }
            }
            drop(wait(&core.run_ended, lock(&core.runs), have_ended));
        }
        core.shut_down_if_over();
        core.join();
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.0.shut_down();
        self.0.join();
    }
}

/// Runs, and what a thread does.
impl Core {
    fn register(
        self: &Arc<Core>,
        stop: Arc<dyn Stop>,
        count: Arc<dyn Count>,
    ) -> Result<Entry, Closed> {
        let mut runs = lock(&self.runs);
        if runs.closed {
            return Err(Closed);
        }
        runs.last_id += 1;
        let id = runs.last_id;
        runs.ended.begin_at(&count.counts());
        let count = Some(count);
        let run = Registered { stop, count };
        runs.here.insert(id, run);
        drop(runs);
        Ok(Entry {
            run: id,
            core: self.clone(),
            watches: false,
        })
    }

    fn metrics(&self) -> Metrics {
        let (threads, tasks) = self.scheduler.load();
        let turns = self.turns.as_ref().map_or(0, Turns::due);
        let mut metrics = Metrics {
            threads: threads as u64,
            queued: (tasks + turns) as u64,
            ..Metrics::default()
        };
        metrics.add_totals(&self.totals);
        // Behind the lock as a whole, so that a run that ends meanwhile is counted once.
        let runs = lock(&self.runs);
        metrics.starts = runs.last_id;
        metrics.counts = runs.ended;
        for run in runs.here.values() {
            run.add_to(&mut metrics.counts);
            metrics.add_run(run.count.as_ref().and_then(|count| count.doing()));
        }
        metrics
    }

    fn schedule(&self, run: RunId, stage: &Stage, task: Runnable) {
        match &self.turns {
            Some(turns) if stage.is_due() => turns.push(run, task),
            // A task that is woken after the end is dropped here, and with it the future.
            _ => drop(self.scheduler.push(task)),
        }
    }

    fn start_thread(self: &Arc<Core>, life: impl FnOnce(&Core) + Send + 'static) -> io::Result<()> {
        let core = self.clone();
        let handle = threads::spawn(&self.options.thread_name, move || life(&core))?;
        lock(&self.working).here.push(handle);
        Ok(())
    }

    /// The first thread's life. It makes the reactor itself, because tokio would leave a trace of the making on the thread
    /// that does it, and that is not ours.
    fn begin(&self, started: &OneShot<io::Result<()>>, complete: &OneShot<bool>) {
        let made = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let tokio = match made {
            Ok(tokio) => Arc::new(tokio),
            Err(error) => return started.send(Err(error)),
        };
        *lock(&self.tokio) = Some(tokio.clone());
        started.send(Ok(()));
        // Not before it is sure that there is a runtime: the hooks are the caller's.
        if complete.receive() {
            self.work(tokio);
        } else {
            drop(tokio);
            self.end();
        }
    }

    /// The life of every other thread.
    fn join_in(&self) {
        let tokio = lock(&self.tokio).clone();
        if let Some(tokio) = tokio {
            self.work(tokio);
        }
    }

    fn work(&self, tokio: Arc<Tokio>) {
        let hook = |hook: &Option<Hook>| {
            if let Some(hook) = hook
                && self.turns.is_none()
            {
                hook();
            }
        };
        hook(&self.options.on_thread_start);
        let place = Arc::new(Place::default());
        let mut worker = Worker::new(threads::id(), place.clone());
        with_place(&place, || {
            if self.scheduler.has_one_thread() {
                // The scheduler sees to it that no task keeps the others waiting: tokio need not.
                tokio.block_on(unconstrained(self.work_alone(&mut worker)));
            } else {
                self.work_among_others(&mut worker, &tokio);
            }
        });
        hook(&self.options.on_thread_stop);
        drop(tokio);
        self.join_last_left();
        if self.scheduler.left() {
            self.end();
        }
    }

    /// Between tasks this thread drives the reactor, or leaves that to others. While it runs a task they must be able to.
    fn work_among_others(&self, worker: &mut Worker, tokio: &Tokio) {
        let _reactor = tokio.enter();
        loop {
            match self.scheduler.next(worker) {
                Next::Run(task) => drop(task.run()),
                Next::Park => tokio.block_on(poll_fn(|cx| self.scheduler.poll_park(cx))),
                Next::Look => tokio.block_on(yield_now()),
                Next::Leave => break,
            }
        }
    }

    /// The same for the only thread there will be. It does not leave the reactor for a task: to come back costs more than
    /// most events do.
    async fn work_alone(&self, worker: &mut Worker) {
        loop {
            match self.scheduler.next(worker) {
                Next::Run(task) => drop(task.run()),
                Next::Park => poll_fn(|cx| self.scheduler.poll_park(cx)).await,
                Next::Look => yield_now().await,
                Next::Leave => break,
            }
        }
    }

    /// The watchdog's life.
    fn watch(self: &Arc<Core>) {
        while !self.scheduler.is_shut_down() {
            self.scheduler.alarm().wait();
            let orders = self.scheduler.tick(&threads::System::default());
            if orders.is_relieved {
                log::write_of_process(
                    Level::Warning,
                    Kind::Thread,
                    format_args!("threads can be started again, or are no longer needed"),
                );
            }
            for started in 0..orders.start {
                if let Err(error) = self.start_thread(Core::join_in) {
                    self.not_started(orders.start - started, &error);
                    break;
                }
            }
        }
    }

    /// Callbacks that block are not replaced for now. It is said once, not at each attempt.
    fn not_started(&self, count: usize, error: &io::Error) {
        let NotStarted { is_news, was_last } = self.scheduler.not_started(count);
        if was_last {
            self.end();
        }
        if is_news {
            log::write_of_process(
                Level::Warning,
                Kind::Thread,
                format_args!(
                    "no thread can be started in place of those that callbacks block, so other streams have to wait: {error}"
                ),
            );
        }
    }

    /// The last thread has left.
    fn end(&self) {
        let tokio = lock(&self.tokio).take();
        drop(tokio);
        lookups::settle(RESOLVER_PATIENCE);
    }

    fn network_changed(&self, change: Change) {
        let stops = lock(&self.runs).stops();
        match change {
            Change::Moved => log::write_of_process(
                Level::Info,
                Kind::Network,
                format_args!("an address or the default route has changed"),
            ),
            Change::Woken(slept) => log::write_of_process(
                Level::Info,
                Kind::Network,
                format_args!("the system has slept for {}", words::duration(slept)),
            ),
        }
        for stop in stops {
            stop.network_changed(change);
        }
    }

    fn shut_down_if_over(&self) {
        let runs = lock(&self.runs);
        if runs.closed && runs.here.is_empty() {
            drop(runs);
            self.shut_down();
        }
    }

    fn shut_down(&self) {
        let queue = self.scheduler.shut_down();
        // Outside the lock: a future may do anything when it is dropped.
        drop(queue);
        self.scheduler.alarm().ring();
    }

    /// This thread leaves. The system keeps a thread's stack until another thread joins it: here the next one that leaves does.
    fn join_last_left(&self) {
        let before = {
            let mut threads = lock(&self.working);
            let id = thread::current().id();
            let mut here = threads.here.iter();
            let this = here.position(|thread| thread.thread().id() == id);
            this.and_then(|this| {
                let this = threads.here.swap_remove(this);
                threads.left.replace(this)
            })
        };
        if let Some(before) = before {
            let _ = before.join();
        }
    }

    /// Waits for the threads, which all end soon; but a callback may be what they wait for.
    fn join(&self) {
        if in_callback() || !self.scheduler.is_shut_down() {
            return;
        }
        // First the watchdog, which starts the others.
        let watching = lock(&self.watching).take();
        if let Some(watching) = watching {
            let _ = watching.join();
        }
        let Threads { here, left } = mem::take(&mut *lock(&self.working));
        for thread in here.into_iter().chain(left) {
            let _ = thread.join();
        }
    }
}

impl Runs {
    fn stops(&self) -> Vec<Arc<dyn Stop>> {
        self.here.values().map(|run| run.stop.clone()).collect()
    }

    /// Adds what a run has counted to what ended runs have.
    fn count_no_more(&mut self, run: RunId) {
        if let Some(run) = self.here.get_mut(&run) {
            run.add_to(&mut self.ended);
            run.count = None;
        }
    }
}

impl Registered {
    fn add_to(&self, total: &mut Counts) {
        if let Some(count) = &self.count {
            total.add(&count.counts());
        }
    }
}

/// Tells the first thread whether there is a runtime; that there is none, unless something else is said.
struct Complete<'s>(&'s OneShot<bool>);

impl Complete<'_> {
    fn say(self) {
        self.0.send(true);
        mem::forget(self);
    }
}

impl Drop for Complete<'_> {
    fn drop(&mut self) {
        self.0.send(false);
    }
}

/// A run's entry in its runtime.
#[derive(Debug)]
pub struct Entry {
    run: RunId,
    core: Arc<Core>,
    /// It is told of the network.
    watches: bool,
}

impl Entry {
    /// The run's name.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// What all runs of the runtime count.
    pub fn totals(&self) -> &Arc<Totals> {
        &self.core.totals
    }

    /// The run counts no more. To be called before its client may begin another one, which counts in the same place.
    pub fn count_no_more(&self) {
        lock(&self.core.runs).count_no_more(self.run);
    }

    /// From now on the run is told of the network, if the system lets that be watched. To be called in the run, whose thread
    /// has the reactor.
    pub fn watch_network(&mut self) {
        if mem::replace(&mut self.watches, true) {
            return;
        }
        let mut runs = lock(&self.core.runs);
        runs.watching += 1;
        if runs.watcher.is_none() {
            let core = Arc::downgrade(&self.core);
            let watching = tokio::spawn(async move {
                let tell = |change| {
                    if let Some(core) = core.upgrade() {
                        core.network_changed(change);
                    }
                };
                let error = network::watch(tell).await;
                log::write_of_process(
                    Level::Debug,
                    Kind::Network,
                    format_args!("changes of the network are not seen: {error}"),
                );
            });
            runs.watcher = Some(watching.abort_handle());
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let core = &*self.core;
        let watcher = {
            let mut runs = lock(&core.runs);
            runs.count_no_more(self.run);
            runs.here.remove(&self.run);
            runs.watching -= usize::from(self.watches);
            match runs.watching {
                0 => runs.watcher.take(),
                _ => None,
            }
        };
        if let Some(watcher) = watcher {
            watcher.abort();
        }
        core.run_ended.notify_all();
        if let Some(turns) = &core.turns {
            turns.run_ended();
        }
        core.shut_down_if_over();
    }
}

/// Where a run is: with its I/O, or where its callbacks may be called. Both are the same place unless dispatch is manual.
#[derive(Clone, Debug)]
pub struct Stage(Option<Arc<AtomicBool>>);

impl Stage {
    fn new(is_manual: bool) -> Stage {
        Stage(is_manual.then(Arc::default))
    }

    /// Whether callbacks run elsewhere than the I/O.
    pub fn is_elsewhere(&self) -> bool {
        self.0.is_some()
    }

    /// Goes where callbacks may be called.
    pub async fn enter(&self) {
        if let Some(due) = &self.0 {
            due.store(true, Ordering::Relaxed);
            reschedule().await;
        }
    }

    /// Goes back to the I/O, if it has left.
    pub async fn leave(&self) {
        if let Some(due) = &self.0
            && due.swap(false, Ordering::Relaxed)
        {
            reschedule().await;
        }
    }

    fn is_due(&self) -> bool {
        let due = self.0.as_ref();
        due.is_some_and(|due| due.load(Ordering::Relaxed))
    }
}

/// Goes to the end of the queue that is now the right one.
pub async fn reschedule() {
    let mut is_back = false;
    poll_fn(|cx| {
        if mem::replace(&mut is_back, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
