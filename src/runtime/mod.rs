//! The owned runtime: threads that run streams and nothing else, made when the first stream starts and gone with the
//! last reference.
//!
//! One I/O thread drives tokio's reactor and timers and never runs a stream. The streams, callbacks included, are
//! polled by the dispatch threads of a [`Pool`], which grows when callbacks block all of them: so a blocked callback
//! delays neither the reactor nor, for long, anybody else.

mod pool;
mod threads;

use crate::sync::{Slot, lock};
use pool::Pool;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::Duration;
pub use threads::is_library_thread;
use threads::spawn;
use tokio::sync::oneshot;

/// How many threads may look names up at once: one that waits for a dead resolver cannot be interrupted.
const RESOLVER_THREADS: usize = 16;

/// How long the end of the runtime waits for those threads: they are gone at once unless the resolver hangs.
const RESOLVER_PATIENCE: Duration = Duration::from_millis(50);

/// The runtime that streams share. Dropping it ends its threads; outside of them, it waits until they have gone.
#[derive(Debug)]
pub struct Runtime {
    pool: Arc<Pool>,
    io_thread: Option<JoinHandle<()>>,
    /// Dropped to end the I/O thread.
    stop_io: Option<oneshot::Sender<()>>,
}

static SHARED: Mutex<Weak<Runtime>> = Mutex::new(Weak::new());

impl Runtime {
    /// The process's shared runtime, made if there is none.
    pub fn shared() -> io::Result<Arc<Runtime>> {
        let mut shared = lock(&SHARED);
        if let Some(runtime) = shared.upgrade() {
            return Ok(runtime);
        }
        let runtime = Arc::new(Runtime::new()?);
        *shared = Arc::downgrade(&runtime);
        Ok(runtime)
    }

    fn new() -> io::Result<Runtime> {
        let (stop_io, stopped) = oneshot::channel::<()>();
        let started = Arc::new(Slot::default());
        let io_thread = {
            let started = started.clone();
            spawn("eventsource-io", move || drive(&started, stopped))?
        };
        // Where this fails, the I/O thread has ended or is about to, with nothing in its hands.
        let pool = started.take()?;
        Ok(Runtime {
            pool,
            io_thread: Some(io_thread),
            stop_io: Some(stop_io),
        })
    }

    /// Runs a future to its end on the dispatch threads. It must contain its own panics.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.pool.spawn(future);
    }
}

/// The I/O thread's life. It makes the reactor itself, because tokio would leave a trace of the making on the thread that
/// does it, and that is not ours.
fn drive(started: &Slot<io::Result<Arc<Pool>>>, stopped: oneshot::Receiver<()>) {
    let made = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_name("eventsource-dns")
        .max_blocking_threads(RESOLVER_THREADS)
        .build()
        .and_then(|tokio| Ok((Pool::new(tokio.handle().clone())?, tokio)));
    let (pool, tokio) = match made {
        Ok(made) => made,
        Err(error) => return started.put(Err(error)),
    };
    started.put(Ok(pool.clone()));
    tokio.block_on(async {
        tokio::select! {
            _ = stopped => {}
            () = pool.watch() => {}
        }
    });
    // Not just dropped: that would wait for a resolver that hangs.
    tokio.shutdown_timeout(RESOLVER_PATIENCE);
}

impl Drop for Runtime {
    fn drop(&mut self) {
        drop(self.stop_io.take());
        let mut threads = self.pool.shut_down();
        threads.extend(self.io_thread.take());
        // The last client can be freed inside its own callback: a thread cannot wait for itself, and they all end soon.
        if !is_library_thread() {
            for thread in threads {
                let _ = thread.join();
            }
        }
    }
}
