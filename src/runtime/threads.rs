//! How the library's threads are made: named, and deaf to signals, which belong to the program's own threads. And how a
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
/// while the program runs on a stack inside an outer frame or has copied this one away (as Python's greenlets do), lies where
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

/// What the system calls this thread. By the call's number, because C libraries have a function for it only since glibc 2.30:
/// the library would not load with an older one.
#[cfg(target_os = "linux")]
pub fn id() -> ThreadId {
    // SAFETY: no arguments, and it cannot fail.
    unsafe { libc::syscall(libc::SYS_gettid) as ThreadId }
}

/// What the system calls this thread: the port by which it is asked about the thread.
#[cfg(target_vendor = "apple")]
pub fn id() -> ThreadId {
    // SAFETY: of the thread itself. The port is the thread's own, so there is nothing to give back.
    unsafe { libc::pthread_mach_thread_np(libc::pthread_self()) }
}

#[cfg(windows)]
pub use super::windows::id;

/// Where that cannot be told, threads have no names.
#[cfg(not(any(target_os = "linux", target_vendor = "apple", windows)))]
pub fn id() -> ThreadId {
    0
}

/// What the system tells of this process's threads. Made anew for each look at them.
#[derive(Default)]
pub struct System {
    /// As they were when the first was asked about: to ask for one costs as much as to ask for all.
    #[cfg(windows)]
    states: std::cell::OnceCell<super::windows::States>,
}

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

#[cfg(target_vendor = "apple")]
impl Watch for System {
    /// One that is not there does.
    fn waits(&self, thread: ThreadId) -> bool {
        basic_info(thread).is_none_or(|info| info.run_state != libc::TH_STATE_RUNNING)
    }

    fn computed(&self, thread: ThreadId) -> Option<u64> {
        let info = basic_info(thread)?;
        let ms =
            |time: libc::time_value_t| time.seconds as u64 * 1000 + time.microseconds as u64 / 1000;
        Some(ms(info.user_time) + ms(info.system_time))
    }
}

/// What Mach tells of a thread (`thread_info` in <mach/thread_act.h>, with THREAD_BASIC_INFO).
#[cfg(target_vendor = "apple")]
fn basic_info(thread: ThreadId) -> Option<libc::thread_basic_info> {
    let mut info = std::mem::MaybeUninit::<libc::thread_basic_info>::uninit();
    let mut count = libc::THREAD_BASIC_INFO_COUNT;
    let result = {
        let flavour = libc::THREAD_BASIC_INFO as libc::thread_flavor_t;
        // SAFETY: the struct is written during the call, no further than its size.
        unsafe { libc::thread_info(thread, flavour, info.as_mut_ptr().cast(), &raw mut count) }
    };
    let is_whole = result == libc::KERN_SUCCESS && count == libc::THREAD_BASIC_INFO_COUNT;
    // SAFETY: it has been written as a whole.
    is_whole.then(|| unsafe { info.assume_init() })
}

#[cfg(windows)]
impl Watch for System {
    /// One that is not there does, and one of which the system does not tell.
    fn waits(&self, thread: ThreadId) -> bool {
        use super::windows::{INITIALIZED, WAITING, states};
        let mut states = self.states.get_or_init(states).iter();
        let found = states.find(|(id, _)| *id == thread);
        found.is_none_or(|(_, state)| matches!(*state, WAITING | INITIALIZED))
    }

    fn computed(&self, thread: ThreadId) -> Option<u64> {
        super::windows::computed(thread)
    }
}

/// Where it cannot be told, one that does not come back waits.
#[cfg(not(any(target_os = "linux", target_vendor = "apple", windows)))]
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
    masks::blocked(|programs_mask| {
        start(name, move || {
            masks::remember(programs_mask);
            run();
        })
    })
}

/// Starts a thread.
#[cfg(windows)]
pub fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    super::windows::pin()?;
    start(name, run)
}

/// Starts a thread.
#[cfg(not(any(unix, windows)))]
pub fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    start(name, run)
}

/// Keeps the library's code in memory after dlclose, since threads may still be on their way out. Apple's linker has no flag
/// for that; elsewhere build.rs sets it.
#[cfg(target_vendor = "apple")]
fn stay() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let mut found = std::mem::MaybeUninit::<libc::Dl_info>::uninit();
        let place: *const libc::c_void = (&raw const ONCE).cast();
        // SAFETY: the struct is written during the call if that returns something; the name stays, as the library does.
        // The handle is never closed.
        unsafe {
            if libc::dladdr(place, found.as_mut_ptr()) != 0 {
                let flags = libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
                libc::dlopen(found.assume_init().dli_fname, flags);
            }
        }
    });
}

fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    #[cfg(target_vendor = "apple")]
    stay();
    let builder = Builder::new().name(name.into()).stack_size(STACK);
    builder.spawn(move || {
        OURS.set(true);
        run();
    })
}

#[cfg(test)]
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};
    use std::thread::yield_now;
    use std::time::{Duration, Instant};

    /// A thread that sleeps until it is woken.
    struct Sleeper {
        id: ThreadId,
        wake: Sender<()>,
        thread: std::thread::JoinHandle<()>,
    }

    impl Sleeper {
        fn start() -> Sleeper {
            let (say_id, ids) = channel();
            let (wake, woken) = channel();
            let thread = std::thread::spawn(move || {
                say_id.send(id()).expect("a listener");
                let _ = woken.recv();
            });
            let id = ids.recv().expect("its id");
            Sleeper { id, wake, thread }
        }

        fn end(self) {
            drop(self.wake);
            self.thread.join().expect("no panic");
        }
    }

    #[test]
    fn a_thread_that_computes_is_told_from_one_that_has_no_processor() {
        let sleeper = Sleeper::start();
        let computed = |id| System::default().computed(id).expect("the system tells");
        let before = computed(id());
        let end = Instant::now() + Duration::from_secs(10);
        while computed(id()) < before + 20 {
            assert!(Instant::now() < end);
        }
        assert!(computed(sleeper.id) < 20);
        sleeper.end();
    }

    #[test]
    fn a_thread_that_sleeps_waits_and_one_that_computes_does_not() {
        let sleeper = Sleeper::start();
        let sleeper_id = sleeper.id;
        let end = Instant::now() + Duration::from_secs(10);
        while !System::default().waits(sleeper_id) && Instant::now() < end {
            yield_now();
        }
        assert!(System::default().waits(sleeper_id));
        assert!(!System::default().waits(id()), "it looks at itself");
        sleeper.end();
        // The system may take a moment to forget it.
        #[cfg(target_os = "linux")]
        while std::path::Path::new(&format!("/proc/self/task/{sleeper_id}")).exists() {
            assert!(Instant::now() < end);
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(
            System::default().waits(sleeper_id),
            "nobody is there to come back"
        );
    }
}
