//! The dispatch threads: they take tasks that are ready from one queue and poll them, callbacks included.
//!
//! Invariants:
//! - A task is in the queue at most once and polled by one thread at a time (async-task sees to both).
//! - While tasks wait, an idle thread has been notified, or none is idle and the watch is on.
//! - One thread always stays; the others leave after a second without work.
//!
//! The watch runs on the I/O thread, which callbacks cannot block. It looks every few milliseconds, only while all
//! threads are busy and tasks wait. If not a single task was taken since its last look, callbacks have blocked every
//! thread, and it adds as many threads as there are already: two hundred callbacks that block one after another are
//! overtaken in eight looks, and a machine that is merely slow gains few.

use super::threads::{is_library_thread, spawn};
use crate::log::{self, Level};
use crate::sync::lock;
use async_task::Runnable;
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// How often the watch looks.
const LOOK: Duration = Duration::from_millis(5);
/// How long a surplus thread waits for work.
const SURPLUS: Duration = Duration::from_secs(1);
/// The most threads; beyond that, a blocked callback delays others.
const MOST_THREADS: usize = 1024;

#[derive(Debug)]
pub struct Pool {
    state: Mutex<State>,
    /// A task waits, or the pool shuts down.
    work: Condvar,
    /// Tasks wait and no thread is idle.
    all_busy: Notify,
    tokio: Handle,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Runnable>,
    threads: usize,
    idle: usize,
    /// How many tasks were ever taken: stands still when every thread is blocked.
    taken: u64,
    shut_down: bool,
    handles: Vec<JoinHandle<()>>,
}

impl Pool {
    /// A pool of one thread, whose tasks use this reactor.
    pub fn new(tokio: Handle) -> io::Result<Arc<Pool>> {
        let pool = Arc::new(Pool {
            state: Mutex::default(),
            work: Condvar::new(),
            all_busy: Notify::new(),
            tokio,
        });
        pool.add_thread(&mut lock(&pool.state))?;
        Ok(pool)
    }

    pub fn spawn(self: &Arc<Pool>, future: impl Future<Output = ()> + Send + 'static) {
        let pool = Arc::downgrade(self);
        // A task that is woken after the pool has gone is dropped here, and with it the future.
        let schedule = move |task| {
            if let Some(pool) = pool.upgrade() {
                pool.push(task);
            }
        };
        let (runnable, task) = async_task::spawn(future, schedule);
        task.detach();
        runnable.schedule();
    }

    fn push(&self, task: Runnable) {
        let mut state = lock(&self.state);
        if state.shut_down {
            // Outside the lock: a future may do anything when it is dropped.
            drop(state);
            drop(task);
            return;
        }
        state.queue.push_back(task);
        let idle = state.idle > 0;
        drop(state);
        if idle {
            self.work.notify_one();
        } else {
            self.all_busy.notify_one();
        }
    }

    /// Ends the threads; those that are in a callback end after it. Futures that have not ended are dropped.
    pub fn shut_down(&self) -> Vec<JoinHandle<()>> {
        let mut state = lock(&self.state);
        state.shut_down = true;
        let queue = std::mem::take(&mut state.queue);
        let handles = std::mem::take(&mut state.handles);
        drop(state);
        drop(queue);
        self.work.notify_all();
        handles
    }

    fn add_thread(self: &Arc<Pool>, state: &mut State) -> io::Result<()> {
        let pool = self.clone();
        let handle = spawn("eventsource", move || pool.work())?;
        state.threads += 1;
        // Those of threads that have left are only in the way.
        state.handles.retain(|handle| !handle.is_finished());
        state.handles.push(handle);
        Ok(())
    }

    /// A dispatch thread's life.
    fn work(&self) {
        debug_assert!(is_library_thread());
        let _reactor = self.tokio.enter();
        while let Some(task) = self.take() {
            task.run();
        }
    }

    /// Waits for a task; `None` when the thread is to end.
    fn take(&self) -> Option<Runnable> {
        let mut state = lock(&self.state);
        loop {
            if state.shut_down {
                break;
            }
            if let Some(task) = state.queue.pop_front() {
                state.taken += 1;
                if !state.queue.is_empty() && state.idle == 0 {
                    self.all_busy.notify_one();
                }
                return Some(task);
            }
            state.idle += 1;
            let surplus = state.threads > 1;
            let timed_out;
            (state, timed_out) = if surplus {
                let (state, wait) = self
                    .work
                    .wait_timeout(state, SURPLUS)
                    .unwrap_or_else(PoisonError::into_inner);
                (state, wait.timed_out())
            } else {
                (
                    self.work
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner),
                    false,
                )
            };
            state.idle -= 1;
            if timed_out && state.queue.is_empty() && state.threads > 1 {
                break;
            }
        }
        state.threads -= 1;
        None
    }

    /// Adds threads when callbacks block all of them. Never ends.
    pub async fn watch(self: &Arc<Pool>) {
        loop {
            self.all_busy.notified().await;
            let mut taken = None;
            loop {
                tokio::time::sleep(LOOK).await;
                let mut state = lock(&self.state);
                if state.queue.is_empty() || state.idle > 0 || state.shut_down {
                    break;
                }
                if taken.replace(state.taken) == Some(state.taken) {
                    self.grow(&mut state);
                }
            }
        }
    }

    fn grow(self: &Arc<Pool>, state: &mut State) {
        let more = state
            .threads
            .min(state.queue.len())
            .min(MOST_THREADS.saturating_sub(state.threads));
        for _ in 0..more {
            if let Err(error) = self.add_thread(state) {
                log::write(
                    Level::Warning,
                    format_args!("no thread beside {} blocked ones: {error}", state.threads),
                );
                return;
            }
        }
    }
}
