//! How the library's threads are made: named, and deaf to signals, which belong to the host's own threads. And how a
//! thread knows that it is inside a callback.

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

/// Starts a thread.
pub fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    with_signals_blocked(|| {
        Builder::new()
            .name(name.into())
            .stack_size(STACK)
            .spawn(move || {
                OURS.set(true);
                run();
            })
    })
}

/// A new thread inherits the mask of the one that makes it, so there is no moment in which it could take a signal.
#[cfg(unix)]
fn with_signals_blocked<T>(run: impl FnOnce() -> T) -> T {
    use std::mem::MaybeUninit;
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are ours to write; sigfillset initialises the one, pthread_sigmask the other, and neither can
    // fail with these arguments.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
    }
    let result = run();
    // SAFETY: `before` was written above.
    unsafe {
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut());
    }
    result
}

#[cfg(not(unix))]
fn with_signals_blocked<T>(run: impl FnOnce() -> T) -> T {
    run()
}
