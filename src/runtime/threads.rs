//! How the library's threads are made: named, and deaf to signals, which belong to the host's own threads. And how a
//! thread knows that it is inside a callback.

#[cfg(unix)]
use super::masks;
use super::scheduler::{ThreadId, Watch};
use std::cell::Cell;
use std::io;
use std::thread::{Builder, JoinHandle};

/// Callbacks run user code on these stacks.
const STACK: usize = 2 * 1024 * 1024;

thread_local! {
    static OURS: Cell<bool> = const { Cell::new(false) };
    static CALLBACKS: Cell<u32> = const { Cell::new(0) };
}

/// Whether this thread is one of the library's.
pub fn is_library_thread() -> bool {
    OURS.get()
}

/// Whether this thread is inside a callback of the library, of whichever client: there nothing may wait. The library's
/// own threads run the caller's code in callbacks only.
pub fn in_callback() -> bool {
    is_library_thread() || CALLBACKS.get() > 0
}

/// Runs callbacks on a thread that may be the caller's.
///
/// If one is left by longjmp, nothing here runs, and the thread is in a callback for ever. That is as it should be: no lock
/// is held that a callback could not hold up anyway, and nothing that others may reach lies on the stack that is gone. To
/// abort instead, by comparing addresses when the next call comes, is no choice: the frame of a callback that is suspended,
/// while the host runs on a stack inside an outer frame or has copied this one away (as Python's greenlets do), lies where
/// one that is gone would.
pub fn callback<T>(run: impl FnOnce() -> T) -> T {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            CALLBACKS.set(CALLBACKS.get() - 1);
        }
    }
    CALLBACKS.set(CALLBACKS.get() + 1);
    let _leave = Leave;
    run()
}

/// What the system calls this thread.
#[cfg(target_os = "linux")]
pub fn id() -> ThreadId {
    // SAFETY: no arguments, and it cannot fail.
    unsafe { libc::gettid() as ThreadId }
}

/// Where that cannot be told, threads have no names.
#[cfg(not(target_os = "linux"))]
pub fn id() -> ThreadId {
    0
}

/// What the system tells of this process's threads.
pub struct System;

#[cfg(target_os = "linux")]
impl Watch for System {
    /// One that is not there does.
    fn waits(&self, thread: ThreadId) -> bool {
        let status = std::fs::read(format!("/proc/self/task/{thread}/stat")).unwrap_or_default();
        // The state follows the name, which is in parentheses and may have some of its own.
        let after_name = status.rsplit(|byte| *byte == b')').next();
        after_name.is_none_or(|rest| rest.trim_ascii_start().first() != Some(&b'R'))
    }

    fn computed(&self, thread: ThreadId) -> Option<u64> {
        /// As the kernel names a thread's clock of its processor's time: by the number's complement, and by the kind.
        const OF_THREAD: libc::clockid_t = 0b110;
        let clock = !(thread as libc::clockid_t) << 3 | OF_THREAD;
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the time is written during the call.
        let is_known = unsafe { libc::clock_gettime(clock, &raw mut time) } == 0;
        is_known.then(|| time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000)
    }
}

/// Where it cannot be told, one that does not come back waits.
#[cfg(not(target_os = "linux"))]
impl Watch for System {
    fn waits(&self, _thread: ThreadId) -> bool {
        true
    }

    fn computed(&self, _thread: ThreadId) -> Option<u64> {
        None
    }
}

/// Starts a thread.
#[cfg(unix)]
pub fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    masks::blocked(|hosts| {
        start(name, move || {
            masks::remember(hosts);
            run();
        })
    })
}

/// Starts a thread.
#[cfg(not(unix))]
pub fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    start(name, run)
}

fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let builder = Builder::new().name(name.into()).stack_size(STACK);
    builder.spawn(move || {
        OURS.set(true);
        run();
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::thread::{sleep, yield_now};
    use std::time::{Duration, Instant};

    #[test]
    fn a_thread_that_computes_is_told_from_one_that_has_no_processor() {
        let (say_id, ids) = channel();
        let (wake, sleeper) = channel::<()>();
        let sleeping = std::thread::spawn(move || {
            say_id.send(id()).expect("a listener");
            let _ = sleeper.recv();
        });
        let sleeping_id = ids.recv().expect("its id");
        let computed = |id| System.computed(id).expect("Linux");
        let before = computed(id());
        let end = Instant::now() + Duration::from_secs(10);
        while computed(id()) < before + 20 {
            assert!(Instant::now() < end);
        }
        assert!(computed(sleeping_id) < 20);
        drop(wake);
        sleeping.join().expect("no panic");
    }

    #[test]
    fn a_thread_that_sleeps_waits_and_one_that_computes_does_not() {
        let (say_id, ids) = channel();
        let (wake, sleeper) = channel::<()>();
        let sleeping = std::thread::spawn(move || {
            say_id.send(id()).expect("a listener");
            let _ = sleeper.recv();
        });
        let sleeping_id = ids.recv().expect("its id");
        let end = Instant::now() + Duration::from_secs(10);
        while !System.waits(sleeping_id) && Instant::now() < end {
            yield_now();
        }
        assert!(System.waits(sleeping_id));
        assert!(!System.waits(id()), "it looks at itself");
        drop(wake);
        sleeping.join().expect("no panic");
        // The system may take a moment to forget it.
        while std::path::Path::new(&format!("/proc/self/task/{sleeping_id}")).exists() {
            assert!(Instant::now() < end);
            sleep(Duration::from_millis(1));
        }
        assert!(System.waits(sleeping_id), "nobody is there to come back");
    }
}
