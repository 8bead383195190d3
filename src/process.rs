//! Which process this is, to tell a forked child from its parent. Every call on a handle asks that, so it costs no call of
//! the system where there is another way.

/// The process's number.
pub fn id() -> u32 {
    page::id().unwrap_or_else(std::process::id)
}

/// Whether this process has rights that whoever started it has not, as a set-user-id program: then its environment is a
/// stranger's, and nothing of that counts.
pub fn is_privileged() -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: no pointers.
    let is_privileged = unsafe { libc::getauxval(libc::AT_SECURE) != 0 };
    #[cfg(any(
        target_vendor = "apple",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd"
    ))]
    // SAFETY: no pointers.
    let is_privileged = unsafe { libc::issetugid() != 0 };
    // Elsewhere nothing tells.
    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_vendor = "apple",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd"
    )))]
    let is_privileged = false;
    is_privileged
}

/// A page that the system wipes in each new child (Linux 4.14): what a process has noted there is its own.
#[cfg(target_os = "linux")]
mod page {
    use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

    const SIZE: usize = 4096;
    const REST: usize = SIZE - size_of::<AtomicU32>();

    /// Part of the library's own memory, so that it goes with the library. Nothing else is in it.
    #[repr(C, align(4096))]
    struct Page {
        process: AtomicU32,
        _rest: [u8; REST],
    }

    static PAGE: Page = Page {
        process: AtomicU32::new(0),
        _rest: [0; REST],
    };

    /// This process's number; `None` where the page is not wiped.
    pub fn id() -> Option<u32> {
        match PAGE.process.load(Ordering::Relaxed) {
            0 => note(),
            id => Some(id),
        }
    }

    #[cold]
    fn note() -> Option<u32> {
        is_wiped().then(|| {
            let id = std::process::id();
            PAGE.process.store(id, Ordering::Relaxed);
            id
        })
    }

    /// Without a lock, which a fork might leave locked: threads that ask at the same time get the same answer.
    fn is_wiped() -> bool {
        const UNKNOWN: u8 = 0;
        const YES: u8 = 1;
        const NO: u8 = 2;
        static KNOWN: AtomicU8 = AtomicU8::new(UNKNOWN);
        if KNOWN.load(Ordering::Relaxed) == UNKNOWN {
            let answer = if ask_for_wiping() { YES } else { NO };
            KNOWN.store(answer, Ordering::Relaxed);
        }
        KNOWN.load(Ordering::Relaxed) == YES
    }

    fn ask_for_wiping() -> bool {
        /// No advice at all. An emulator that accepts it accepts everything, and does nothing.
        const NONSENSE: i32 = -1;
        let is_accepted = |advice| {
            let page = (&raw const PAGE).cast_mut().cast();
            // SAFETY: the page is whole, and nothing else is in it; in a child it then holds zeros, as it does in the
            // beginning.
            unsafe { libc::madvise(page, SIZE, advice) == 0 }
        };
        // SAFETY: no pointers.
        let is_whole = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } == SIZE as libc::c_long;
        is_whole && !is_accepted(NONSENSE) && is_accepted(libc::MADV_WIPEONFORK)
    }
}

#[cfg(not(target_os = "linux"))]
mod page {
    pub fn id() -> Option<u32> {
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_another_process() {
        assert_eq!(id(), std::process::id());
        // SAFETY: the child does nothing but to look, and ends without running what the parent has for its own end.
        let child = unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::_exit(i32::from(id() != std::process::id()));
            }
            child
        };
        let mut status = -1;
        // SAFETY: a child of ours; the status is written during the call.
        let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!((waited, status), (child, 0));
        assert_eq!(id(), std::process::id());
    }
}
