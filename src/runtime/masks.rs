//! Which signals the library's threads block: all that belong to the program's own threads, which are those that come from
//! outside. A fault is caused by the thread itself and handled on it, in a callback by the program's handler.
//!
//! A program that is started inherits the mask of the thread that starts it, which may be one of these, in a callback. A
//! child of `fork` gets back what the program has; to change the mask for each callback instead would cost two calls of the
//! system, more than most events do.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Signals that a thread itself causes.
const FAULTS: [libc::c_int; 7] = [
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGSEGV,
    libc::SIGSYS,
];

/// What a thread blocks.
#[derive(Clone, Copy)]
pub struct Mask(libc::sigset_t);

thread_local! {
    /// On a thread of the library's: what the thread of the program's blocked that made the runtime.
    static PROGRAMS_MASK: Cell<Option<Mask>> = const { Cell::new(None) };
}

/// Makes a thread, which inherits what this one blocks meanwhile: so there is no moment in which it could take a signal.
/// It has to remember the mask that `make` is given.
pub fn blocked<T>(make: impl FnOnce(Mask) -> T) -> T {
    restore_in_children();
    let before = Mask::ours().swap();
    let result = make(PROGRAMS_MASK.get().unwrap_or(before));
    before.swap();
    result
}

/// What the program's thread blocks that this thread of the library's descends from.
pub fn remember(mask: Mask) {
    PROGRAMS_MASK.set(Some(mask));
}

impl Mask {
    fn ours() -> Mask {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: the set is ours to write; the first call initialises it, and none can fail with these arguments.
        unsafe {
            libc::sigfillset(set.as_mut_ptr());
            for never in FAULTS.into_iter().chain([libc::SIGKILL, libc::SIGSTOP]) {
                libc::sigdelset(set.as_mut_ptr(), never);
            }
            Mask(set.assume_init())
        }
    }

    fn current() -> Mask {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: it changes nothing, writes the set, and cannot fail.
        unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), set.as_mut_ptr());
            Mask(set.assume_init())
        }
    }

    /// Makes this the calling thread's mask; returns what was.
    fn swap(&self) -> Mask {
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: it reads one set, writes the other, and cannot fail with these arguments.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, before.as_mut_ptr());
            Mask(before.assume_init())
        }
    }

    /// Whether both block the same, as far as the signals go that every system has.
    fn equals(&self, other: &Mask) -> bool {
        const MOST: libc::c_int = 31;
        // SAFETY: it reads a set.
        let has = |mask: &Mask, number| unsafe { libc::sigismember(&raw const mask.0, number) };
        (1..=MOST).all(|number| has(self, number) == has(other, number))
    }
}

/// Has each child of this process begin with the program's mask, if one of the library's threads makes it.
fn restore_in_children() {
    static IS_KNOWN: AtomicBool = AtomicBool::new(false);
    // Not behind a lock, which a fork might leave locked.
    if !IS_KNOWN.swap(true, Ordering::Relaxed) {
        // SAFETY: the function may run in any child: the library is not unloaded, and what it does is allowed there.
        // Without memory for it, children inherit what they are not asked about.
        unsafe { libc::pthread_atfork(None, None, Some(restore_in_child)) };
    }
}

/// In a child, on the thread that made it. If the program has a mask of its own on that thread, that one stays.
unsafe extern "C" fn restore_in_child() {
    // First what needs no thread-local: another thread's may have to be allocated, for which a child is no place.
    if Mask::current().equals(&Mask::ours())
        && let Some(mask) = PROGRAMS_MASK.get()
    {
        mask.swap();
    }
}
