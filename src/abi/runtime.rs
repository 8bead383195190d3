//! Runtimes: the threads that clients run on, where the shared default is not what a program wants.

use super::callbacks::eventsource_destroy_fn;
use super::guard::{
    Growing, Process, Refusal, User, call, contain, foreign, may_wait, optional_text, out,
    sized_read, time_limit,
};
use super::handle::{Entered, Handles};
use super::registry::UserData;
use super::status::{eventsource_status_t, *};
use crate::runtime::{Closed, Dispatch, Hook, Options, Runtime};
use std::ffi::{c_char, c_void};
use std::mem::offset_of;
use std::num::NonZeroUsize;
use std::ptr;
use std::sync::{Arc, OnceLock};

/// Where callbacks run.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_dispatch_t {
    /// On the library's threads; while a callback blocks, other threads serve the other clients. The default.
    EVENTSOURCE_DISPATCH_ISOLATED = 0,
    /// On the runtime's one thread. It costs least, and is for callbacks that never block: one that does holds up every
    /// client of the runtime, the end of a client in `eventsource_free` included.
    EVENTSOURCE_DISPATCH_INLINE = 1,
    /// On threads of the program's, in `eventsource_runtime_dispatch`, and nowhere else but in `eventsource_free` and
    /// `eventsource_runtime_free`. For event loops, and for what must stay on one thread.
    EVENTSOURCE_DISPATCH_MANUAL = 2,
}

/// Told of a thread. @param user the pointer given with it
pub type eventsource_thread_fn = Option<unsafe extern "C-unwind" fn(user: *mut c_void)>;

/// What a runtime is told when it is made. All but `size` may be zero.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct eventsource_runtime_options_t {
    /// Bytes of this struct as the caller compiled it: `sizeof(eventsource_runtime_options_t)`.
    pub size: usize,
    /// Where callbacks run: an `eventsource_dispatch_t`. 0: isolated.
    pub dispatch: i32,
    /// How many threads may run streams at the same time, blocked ones not counted: 1 to 1024; with inline and manual
    /// dispatch, 1. 0: one for each processor. A single thread does everything until that is too much for it.
    pub threads: i32,
    /// What the threads' names begin with; the system may cut it (Linux after 15 bytes). NULL: `"eventsource"`. Copied.
    pub thread_name: *const c_char,
    /// Called on each thread that runs callbacks, before the first, for example to attach it to a virtual machine or to set
    /// its signal mask (pthread_sigmask), which the thread then keeps. Until it returns, the thread does nothing else. May be
    /// NULL; not called with manual dispatch.
    pub on_thread_start: eventsource_thread_fn,
    /// Called on each such thread after its last callback. May be NULL.
    pub on_thread_stop: eventsource_thread_fn,
    /// Handed to these functions as it is.
    pub user: *mut c_void,
    /// Called exactly once with `user`, by whichever thread is the last to hold the runtime: when it has been freed, its
    /// threads have stopped and no client is on it any more. Not called where `eventsource_runtime_new` refuses: then `user`
    /// stays the caller's. May be NULL.
    pub destroy: eventsource_destroy_fn,
}

// SAFETY: the struct is C's, of numbers, pointers and functions that may be NULL.
unsafe impl Growing for eventsource_runtime_options_t {
    const FIRST: usize = offset_of!(eventsource_runtime_options_t, destroy);
}

/// Threads that clients share. Programs that are content with the default need none: it is made at the first start and
/// gone after the last free.
///
/// Any thread may call any function on it at any time, also while another thread or a callback frees it, as for a client: a
/// call that comes too late answers `ERR_FREED`.
pub struct eventsource_runtime_t {
    _opaque: [u8; 0],
}

/// The runtimes of the process, but for the shared one.
static RUNTIMES: Handles<eventsource_runtime_t, Instance> = Handles::new();

/// What a handle stands for.
struct Instance {
    runtime: Arc<Runtime>,
    /// Held here, too, for the case that there are no hooks.
    _user: Arc<HookUser>,
    process: Process,
}

/// A runtime that this process may use, for a client or a call to hold.
///
/// # Safety
/// `runtime` is NULL or a runtime, freed or not.
pub(super) unsafe fn shared_runtime(
    runtime: *const eventsource_runtime_t,
) -> Result<Arc<Runtime>, Refusal> {
    // SAFETY: the caller's promise.
    let this = unsafe { entered(runtime)? }.ok_or_else(|| Refusal::freed("the runtime"))?;
    this.process.check()?;
    Ok(this.runtime.clone())
}

/// # Safety
/// As for [`shared_runtime`].
unsafe fn entered(
    runtime: *const eventsource_runtime_t,
) -> Result<Option<Entered<'static, Instance>>, Refusal> {
    if runtime.is_null() {
        return Err(Refusal::null("the runtime"));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { RUNTIMES.enter(runtime) })
}

/// Makes a runtime and its threads. `eventsource_set_runtime` puts a client on it.
///
/// @param options copied; its `size` must be set. NULL for the defaults
/// @param out receives the runtime, which the caller owns and gives to `eventsource_runtime_free`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_RUNTIME`
///
/// Any thread, also inside callbacks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_runtime_new(
    options: *const eventsource_runtime_options_t,
    out: *mut *mut eventsource_runtime_t,
) -> eventsource_status_t {
    call(|| {
        // SAFETY: the header's rules for pointers.
        let (out, options) = unsafe {
            let out = self::out(out, "out")?;
            match options.is_null() {
                true => (out, None),
                false => (out, Some(sized_read(options, "the options")?)),
            }
        };
        let user = Arc::new(HookUser::new(&options));
        let options = match &options {
            // SAFETY: as above.
            Some(options) => unsafe { read_options(options, &user)? },
            None => Options::default(),
        };
        let runtime = Runtime::new(options).map_err(|error| Refusal::runtime(&error))?;
        user.own();
        out.write(RUNTIMES.give(Arc::new(Instance {
            runtime: Arc::new(runtime),
            _user: user,
            process: Process::current(),
        })));
        Ok(())
    })
}

/// The pointer that the hooks receive. It becomes the runtime's to destroy once there is a runtime.
struct HookUser {
    user: User,
    destroy: eventsource_destroy_fn,
    owned: OnceLock<UserData>,
}

impl HookUser {
    fn new(options: &Option<eventsource_runtime_options_t>) -> HookUser {
        let (user, destroy) = options.map_or((ptr::null_mut(), None), |options| {
            (options.user, options.destroy)
        });
        HookUser {
            user: User(user),
            destroy,
            owned: OnceLock::new(),
        }
    }

    fn own(&self) {
        self.owned
            .get_or_init(|| UserData::new(self.user.0, self.destroy));
    }
}

/// # Safety
/// `thread_name` is NULL or a string.
unsafe fn read_options(
    from: &eventsource_runtime_options_t,
    user: &Arc<HookUser>,
) -> Result<Options, Refusal> {
    let refuse = |message: &'static str| Err(Refusal::new(EVENTSOURCE_ERR_VALUE, message));
    let dispatch = match from.dispatch {
        0 => Dispatch::Isolated,
        1 => Dispatch::Inline,
        2 => Dispatch::Manual,
        _ => return refuse("no such dispatch"),
    };
    let threads = match from.threads {
        0 => None,
        1 => Some(1),
        2..=1024 if dispatch == Dispatch::Isolated => usize::try_from(from.threads).ok(),
        _ => return refuse("the number of threads is out of range"),
    };
    // SAFETY: the caller's promise.
    let name = unsafe { optional_text(from.thread_name, "the threads' name")? };
    let hook = |hook: eventsource_thread_fn| {
        hook.map(|hook| -> Hook {
            let user = user.clone();
            Box::new(move || {
                // SAFETY: a callback of the registered type, with the pointer that came with it.
                foreign(|| unsafe { hook(user.user.0) });
            })
        })
    };
    let defaults = Options::default();
    Ok(Options {
        dispatch,
        threads,
        thread_name: name.map_or(defaults.thread_name, Into::into),
        on_thread_start: hook(from.on_thread_start),
        on_thread_stop: hook(from.on_thread_stop),
    })
}

/// Stops all clients of the runtime, ends its threads and releases it. NULL is fine.
///
/// Outside callbacks it returns when each client's `on_close` has returned (with manual dispatch it calls them) and no
/// thread is left. Inside a callback it returns at once, and all that happens on its own time: with manual dispatch, before
/// the `eventsource_runtime_dispatch` that called the callback returns, or, if the callback is another runtime's, for each
/// client in its `eventsource_free`. The clients remain the caller's to free; until another runtime is set,
/// `eventsource_start` answers `ERR_STATE` for them.
///
/// Other threads may be in `eventsource_runtime_dispatch` meanwhile: those that run a callback return after it, and those that
/// wait return at once, with `ERR_FREED`. The file descriptor of `eventsource_runtime_fd` is readable from now on, until it is
/// closed with the runtime.
///
/// @param runtime the runtime
///
/// Any thread, once. In a child process after `fork` it does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_runtime_free(runtime: *mut eventsource_runtime_t) {
    contain(|| {
        // SAFETY: the header's rules for pointers.
        if let Ok(Some(this)) = unsafe { entered(runtime) }
            && this.process.is_current()
            && this.close()
        {
            this.runtime.close();
        }
    });
}

/// Runs callbacks that are due, on this thread, in turns: one turn is all events and comments of one read of one client,
/// or one other callback. Turns that become due meanwhile are left to the next call. Only for manual dispatch.
///
/// Several threads may dispatch at the same time; the callbacks of one client still come one at a time.
///
/// @param runtime the runtime
/// @param timeout_ms how long to wait, in milliseconds, for a callback to become due if none is; `EVENTSOURCE_FOREVER` for
///        no limit, 0 not to wait
/// @param max the most turns; 0 for as many as are due
/// @param ran receives how many turns have been run, 0 after the time has run out; may be NULL. A turn need not contain a
///        callback: a read can end in the middle of an event.
/// @return `EVENTSOURCE_OK`, also when one of these callbacks has freed the runtime; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE`
///         unless dispatch is manual, `ERR_IN_CALLBACK` inside any callback of the library, `ERR_FORKED`, `ERR_FREED` when the
///         runtime has been freed, also during the wait
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_runtime_dispatch(
    runtime: *mut eventsource_runtime_t,
    timeout_ms: i64,
    max: usize,
    ran: *mut usize,
) -> eventsource_status_t {
    call(|| {
        // SAFETY: the header's rules for pointers.
        let runtime = unsafe { manual(runtime)? };
        let timeout = time_limit(timeout_ms)?;
        may_wait()?;
        let max = NonZeroUsize::new(max).unwrap_or(NonZeroUsize::MAX);
        let dispatched = runtime.dispatch(timeout, max);
        let turns = dispatched.map_err(|Closed| Refusal::freed("the runtime"))?;
        // SAFETY: as above.
        if let Some(ran) = unsafe { ran.as_mut() } {
            *ran = turns;
        }
        Ok(())
    })
}

/// Tells which file descriptor is readable while callbacks are due, for `poll` and whatever is built on it. Only for manual
/// dispatch, and not on Windows.
///
/// @param runtime the runtime
/// @param fd receives the descriptor. It stays the runtime's: wait for it, but neither read from it nor close it.
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` unless dispatch is manual, `ERR_FORKED`, `ERR_FREED`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_runtime_fd(
    runtime: *mut eventsource_runtime_t,
    fd: *mut i32,
) -> eventsource_status_t {
    call(|| {
        // SAFETY: the header's rules for pointers.
        let (runtime, fd) = unsafe { (manual(runtime)?, out(fd, "fd")?) };
        match runtime.fd() {
            Some(number) => {
                fd.write(number);
                Ok(())
            }
            None => Err(not_manual()),
        }
    })
}

/// A runtime whose callbacks wait for the caller.
///
/// # Safety
/// As for [`shared_runtime`].
unsafe fn manual(runtime: *const eventsource_runtime_t) -> Result<Arc<Runtime>, Refusal> {
    // SAFETY: the caller's promise.
    let runtime = unsafe { shared_runtime(runtime)? };
    match runtime.dispatch_mode() {
        Dispatch::Manual => Ok(runtime),
        _ => Err(not_manual()),
    }
}

fn not_manual() -> Refusal {
    Refusal::new(
        EVENTSOURCE_ERR_STATE,
        "the runtime runs callbacks on its own threads",
    )
}
