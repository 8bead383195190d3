//! How the library calls functions of the caller's.

use crate::place::callers_code;
use crate::runtime;

/// Runs a C callback that may come on a thread of the caller's: a parser's, the log's, a `destroy`.
pub fn callback<T>(run: impl FnOnce() -> T) -> T {
    runtime::callback(|| foreign(run))
}

/// Calls a function of the caller's, and says meanwhile that this thread is in the caller's code.
pub fn foreign<T>(run: impl FnOnce() -> T) -> T {
    callers_code(|| foreign_of_read(run))
}

/// Calls a function of the caller's where the thread has said for a whole read that it does. An exception that leaves it, or a
/// thread that it ends, ends the process here, before anything else of the library or of the program runs.
///
/// That takes function types with the ABI "C-unwind", too: to a call by the ABI "C" the compiler gives no way to unwind,
/// and what unwinds nevertheless may skip every frame of the library, as if nothing had to be put in order there.
pub fn foreign_of_read<T>(run: impl FnOnce() -> T) -> T {
    struct Abort;
    impl Drop for Abort {
        fn drop(&mut self) {
            std::process::abort();
        }
    }
    let abort = Abort;
    let result = run();
    std::mem::forget(abort);
    result
}
