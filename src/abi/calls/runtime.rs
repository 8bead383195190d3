//! Runtimes: the threads that clients run on, where the shared default is not what a program wants.

use crate::abi::guard::arguments::{cut_text_out, one_of, optional_text, out, switch, time_limit};
use crate::abi::guard::call::{call, contain, contained, make, may_wait};
use crate::abi::guard::foreign::foreign;
use crate::abi::guard::refusal::Refusal;
use crate::abi::guard::sized::{Filled, Growing, sized_read, sized_write};
use crate::abi::guard::user_data::UserData;
use crate::abi::objects::runtime::{RUNTIMES, RuntimeObject, entered, runtime_call, usable};
use crate::abi::types::callback::eventsource_destroy_fn;
use crate::abi::types::enumeration::enumeration;
use crate::abi::types::handles::{EVENTSOURCE_NO_LIMIT, eventsource_fd_t, eventsource_runtime_t};
use crate::abi::types::status::{eventsource_status_t, *};
use crate::runtime::{BUCKETS, Closed, Dispatch, Hook, Metrics, Options, Reason, Runtime};
use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::ptr;
use std::sync::Arc;

/// Where callbacks run.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_dispatch_t {
    /// On the library's threads; while a callback blocks, other threads serve the other clients. The default.
    EVENTSOURCE_DISPATCH_ISOLATED = 0,
    /// On the runtime's one thread. This costs least. It is for callbacks that never block: a callback that blocks delays
    /// every client of the runtime, and every `eventsource_free` of such a client.
    EVENTSOURCE_DISPATCH_INLINE = 1,
    /// On the program's threads: in `eventsource_runtime_dispatch`, and otherwise only in `eventsource_free` and
    /// `eventsource_runtime_free`. For event loops, and for callbacks that must stay on one thread.
    EVENTSOURCE_DISPATCH_MANUAL = 2,
}

use eventsource_dispatch_t::*;

enumeration!(eventsource_dispatch_t {
    EVENTSOURCE_DISPATCH_ISOLATED
    EVENTSOURCE_DISPATCH_INLINE
    EVENTSOURCE_DISPATCH_MANUAL
});

/// Called when a library thread starts or stops, on that thread.
///
/// @param user `user` of `eventsource_runtime_options_t`
pub type eventsource_thread_fn = Option<unsafe extern "C-unwind" fn(user: *mut c_void)>;

/// Options of a runtime. `eventsource_runtime_options_init` fills it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct eventsource_runtime_options_t {
    /// Bytes of this struct as the caller compiled it. The `_init` function sets it.
    pub size: usize,
    /// Where callbacks run. Default: `EVENTSOURCE_DISPATCH_ISOLATED`.
    pub dispatch: MaybeUninit<eventsource_dispatch_t>,
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
    /// threads have stopped and no client is on it any more; for one that could not be made, by `eventsource_runtime_free`. Not
    /// called if `eventsource_runtime_new` returns NULL, or refuses the options for their `size` or for members that it does
    /// not know: then `user` stays the caller's. May be NULL.
    pub destroy: eventsource_destroy_fn,
    /// 1: measure how long each event takes from the read to its callback, for `latency_counts` of `eventsource_metrics_t`. It
    /// costs a look at the clock for each event. 0, the default: do not.
    pub measure_latency: i32,
}

// SAFETY: the struct is C's, of numbers, pointers and functions that may be NULL.
unsafe impl Growing for eventsource_runtime_options_t {}

// SAFETY: as above: numbers, pointers and functions that may be NULL.
unsafe impl Filled for eventsource_runtime_options_t {}

/// Fills options with the defaults. Change members, then give them to `eventsource_runtime_new`.
///
/// @param options is written
/// @param size `sizeof *options`: no more than that is written, and members that only a newer library knows are zero
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_runtime_options_init(
    options: *mut eventsource_runtime_options_t,
    size: usize,
) -> eventsource_status_t {
    let defaults = eventsource_runtime_options_t {
        size,
        dispatch: MaybeUninit::new(eventsource_dispatch_t::EVENTSOURCE_DISPATCH_ISOLATED),
        threads: 0,
        thread_name: ptr::null(),
        on_thread_start: None,
        on_thread_stop: None,
        user: ptr::null_mut(),
        destroy: None,
        measure_latency: 0,
    };
    // SAFETY: the header's rules for pointers.
    call(|| unsafe { sized_write(options, size, defaults, "the runtime's options") })
}

/// Makes a runtime and its threads. `eventsource_set_runtime` puts a client on it.
///
/// If the options are refused, or the system refuses threads, the handle is made all the same. `eventsource_runtime_check`, all
/// other calls on it and `eventsource_set_runtime` return why, and `eventsource_runtime_get_last_error` has the text. It is
/// freed like any other.
///
/// @param options copied; filled by `eventsource_runtime_options_init`, and changed. NULL for the defaults
/// @return the runtime, which the caller owns and gives to `eventsource_runtime_free`; NULL only if there is no memory for it
///
/// Any thread, also inside callbacks.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn eventsource_runtime_new(
    options: *const eventsource_runtime_options_t,
) -> *mut eventsource_runtime_t {
    make(|| {
        let read = match options.is_null() {
            true => None,
            // SAFETY: the header's rules for pointers.
            false => Some(unsafe { sized_read(options, "the runtime's options") }),
        };
        let user = match &read {
            Some(Ok(options)) => UserData::new(options.user, options.destroy),
            _ => UserData::default(),
        };
        let user = Arc::new(user);
        let made = contained(|| {
            let options = match read.transpose()? {
                // SAFETY: as above.
                Some(options) => unsafe { read_options(&options, &user)? },
                None => Options::default(),
            };
            Runtime::new(options).map_err(|error| Refusal::runtime(&error))
        });
        RUNTIMES.give(Arc::new(RuntimeObject::new(made, user)))
    })
}

/// Tells whether the runtime could be made.
///
/// @param runtime the runtime
/// @return `EVENTSOURCE_OK`; if it could not, `ERR_VALUE` or `ERR_UTF8` because of the options, or `ERR_RUNTIME` because of
///         the system, with the text in `eventsource_runtime_get_last_error`; `ERR_NULL`, `ERR_FORKED`, `ERR_FREED`
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn eventsource_runtime_check(
    runtime: *const eventsource_runtime_t,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { runtime_call(runtime, |_| Ok(())) }
}

/// Copies the text of why a call on the runtime was refused last, or why the runtime could not be made. Kept until another
/// call is refused; empty when none has been.
///
/// @param runtime the runtime
/// @param buffer receives the text and a NUL; may be NULL when `capacity` is 0
/// @param capacity bytes of `buffer`
/// @param len receives the text's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
/// @return `EVENTSOURCE_OK`; `ERR_BUFFER` when the text and the NUL do not fit: it is cut at a character;
///         `ERR_NULL`, `ERR_FORKED`, `ERR_FREED`
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_runtime_get_last_error(
    runtime: *const eventsource_runtime_t,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    call(|| unsafe { cut_text_out(&usable(runtime)?.last_error(), buffer, capacity, len) })
}

/// # Safety
/// `thread_name` is NULL or a string.
unsafe fn read_options(
    from: &eventsource_runtime_options_t,
    user: &Arc<UserData>,
) -> Result<Options, Refusal> {
    let refuse = |message: String| Err(Refusal::new(EVENTSOURCE_ERR_VALUE, message));
    // SAFETY: C has passed it.
    let dispatch = match unsafe { one_of(from.dispatch, "the dispatch")? } {
        EVENTSOURCE_DISPATCH_ISOLATED => Dispatch::Isolated,
        EVENTSOURCE_DISPATCH_INLINE => Dispatch::Inline,
        EVENTSOURCE_DISPATCH_MANUAL => Dispatch::Manual,
    };
    let threads = match from.threads {
        0 => None,
        1 => Some(1),
        2..=1024 if dispatch == Dispatch::Isolated => usize::try_from(from.threads).ok(),
        many @ 2..=1024 => {
            return refuse(format!(
                "a runtime with inline or manual dispatch has 1 thread, not {many}"
            ));
        }
        other => {
            return refuse(format!(
                "the runtime's threads must be from 0 to 1024, not {other}"
            ));
        }
    };
    let measure_latency = switch(from.measure_latency, "measure_latency")?;
    // SAFETY: the caller's promise.
    let name = unsafe { optional_text(from.thread_name, "the threads' name")? };
    let hook = |hook: eventsource_thread_fn| {
        hook.map(|hook| -> Hook {
            let user = user.clone();
            Box::new(move || {
                // SAFETY: a callback of the registered type, with the pointer that came with it.
                foreign(|| unsafe { hook(user.pointer()) });
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
        measure_latency,
    })
}

/// Stops all clients of the runtime, ends its threads and releases it. NULL is fine.
///
/// Outside callbacks it waits until each client's `on_close` has returned (with manual dispatch it calls them) and the
/// runtime's threads have ended, `on_thread_stop` included. So never call it, outside callbacks, while holding a lock that a
/// callback of any client of the runtime, a thread hook or a `destroy` takes: the two would wait for each other for ever.
///
/// Inside a callback it returns at once, and the same happens later. With manual dispatch that is before the
/// `eventsource_runtime_dispatch` that called the callback returns or, if the callback is another runtime's, in each client's
/// `eventsource_free`.
///
/// The clients are not freed: the caller frees them, before or afterwards. Until another runtime is set, `eventsource_start`
/// returns `ERR_STATE` for them.
///
/// Other threads may be in `eventsource_runtime_dispatch` meanwhile. Those that run a callback return after it; those that wait
/// return at once, with `ERR_FREED`. The file descriptor of `eventsource_runtime_get_fd` is readable from now on, until it is
/// closed with the runtime.
///
/// @param runtime the runtime
///
/// Any thread, once. In a child process after `fork` it does nothing.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_runtime_free(runtime: *mut eventsource_runtime_t) {
    contain(|| {
        // SAFETY: the header's rules for pointers.
        if let Ok(Some(this)) = unsafe { entered(runtime) }
            && this.process().is_current()
            && this.close()
            && let Ok(runtime) = this.runtime()
        {
            runtime.close();
        }
    });
}

/// Runs callbacks that are due, on this thread, in turns: one turn is all events and comments of one read of one client,
/// or one other callback. Turns that become due meanwhile are left to the next call. Only for manual dispatch.
///
/// Several threads may dispatch at the same time; the callbacks of one client still come one at a time.
///
/// @param runtime the runtime
/// @param timeout_ms how long to wait, in milliseconds, for a callback to become due if none is; `EVENTSOURCE_NO_LIMIT` for
///        no limit, 0 not to wait
/// @param max the most turns, at least 1; `EVENTSOURCE_NO_LIMIT` for as many as are due
/// @param ran receives how many turns have been run, 0 after the time has run out; may be NULL. A turn need not contain a
///        callback: a read can end in the middle of an event.
/// @return `EVENTSOURCE_OK`, also when one of these callbacks has freed the runtime; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE`
///         unless dispatch is manual, `ERR_IN_CALLBACK` inside any callback of the library, `ERR_FORKED`, `ERR_FREED` when the
///         runtime has been freed, also during the wait
///
/// Any thread but the library's, several at the same time, outside callbacks.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn eventsource_runtime_dispatch(
    runtime: *mut eventsource_runtime_t,
    timeout_ms: i64,
    max: i64,
    ran: *mut usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        runtime_call(runtime, |runtime| {
            manual(runtime)?;
            let timeout = time_limit(timeout_ms)?;
            may_wait()?;
            let max = most_turns(max)?;
            let dispatched = runtime.dispatch(timeout, max);
            let turns = dispatched.map_err(|Closed| Refusal::freed("the runtime"))?;
            if let Some(ran) = ran.as_mut() {
                *ran = turns;
            }
            Ok(())
        })
    }
}

fn most_turns(max: i64) -> Result<NonZeroUsize, Refusal> {
    match max {
        EVENTSOURCE_NO_LIMIT => Ok(NonZeroUsize::MAX),
        1.. => Ok(usize::try_from(max)
            .ok()
            .and_then(NonZeroUsize::new)
            .unwrap_or(NonZeroUsize::MAX)),
        _ => Err(Refusal::new(
            EVENTSOURCE_ERR_VALUE,
            format!("max must be at least 1, or EVENTSOURCE_NO_LIMIT, not {max}"),
        )),
    }
}

/// Tells which file descriptor is readable while callbacks are due, for `poll` and event loops. Only for manual dispatch.
///
/// On Windows it is a SOCKET. `WSAPoll` and `select` wait for it as `poll` does. A loop that waits for handles, as with
/// `WaitForMultipleObjects` or `MsgWaitForMultipleObjects`, ties it to an event object once:
/// `WSAEventSelect(fd, event, FD_READ)`. When the event is signalled, reset it with `WSAEnumNetworkEvents` and then call
/// `eventsource_runtime_dispatch` until it has run nothing: Windows signals the event anew only when callbacks become due
/// after none was.
///
/// @param runtime the runtime
/// @param fd receives the descriptor. It stays the runtime's: wait for it, but neither read from it nor close it.
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` unless dispatch is manual, `ERR_FORKED`, `ERR_FREED`
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn eventsource_runtime_get_fd(
    runtime: *const eventsource_runtime_t,
    fd: *mut eventsource_fd_t,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        runtime_call(runtime, |runtime| {
            manual(runtime)?;
            let number = runtime.fd().ok_or_else(not_manual)?;
            out(fd, "fd")?.write(number);
            Ok(())
        })
    }
}

/// Refuses what only makes sense for callbacks that wait for the caller.
fn manual(runtime: &Runtime) -> Result<(), Refusal> {
    match runtime.dispatch_mode() {
        Dispatch::Manual => Ok(()),
        _ => Err(not_manual()),
    }
}

fn not_manual() -> Refusal {
    Refusal::new(
        EVENTSOURCE_ERR_STATE,
        "the runtime runs callbacks on its own threads",
    )
}

/// How many buckets `eventsource_metrics_t` has for latencies.
pub const EVENTSOURCE_LATENCY_BUCKETS: usize = 14;

const _: () = assert!(EVENTSOURCE_LATENCY_BUCKETS == BUCKETS);

/// A runtime at one moment: what it is doing, and what its clients have done since it was made, those included that have been
/// freed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct eventsource_metrics_t {
    /// Bytes of this struct as the caller compiled it.
    pub size: usize,
    /// Clients with an attempt under way.
    pub connecting: u64,
    /// Clients with an open stream.
    pub open: u64,
    /// Clients that wait for their next attempt.
    pub waiting: u64,
    /// Threads that run callbacks, idle ones included; with manual dispatch 1, which runs none.
    pub threads: u64,
    /// Clients that have something to do and wait for a thread; with manual dispatch, also the turns that are due.
    pub queued: u64,
    /// Times that a client was started.
    pub starts: u64,
    /// Attempts begun: the first after each start, and reconnects.
    pub attempts: u64,
    /// Streams opened.
    pub opens: u64,
    /// Errors: failed attempts and lost streams.
    pub errors: u64,
    /// Events delivered.
    pub events: u64,
    /// Bytes of event streams read: decoded, and without HTTP's own.
    pub bytes: u64,
    /// Reconnects because the server ended the stream.
    pub reconnects_end: u64,
    /// Reconnects because there was no connection, or it was lost: names, TCP, proxies, TLS, errors of HTTP's protocol.
    pub reconnects_connection: u64,
    /// Reconnects because of a timeout.
    pub reconnects_timeout: u64,
    /// Reconnects because a response opened no stream, such as one with status 503.
    pub reconnects_response: u64,
    /// Reconnects that the program asked for: by `eventsource_reconnect_now`, or by `on_request`.
    pub reconnects_program: u64,
    /// Reconnects for other reasons, such as an event over the limit.
    pub reconnects_other: u64,
    /// The sum of all latencies, in nanoseconds; 0 unless the runtime's options have `measure_latency`.
    pub latency_sum_ns: u64,
    /// How many events had which latency: the time from the read that completed the event until the library handed it to the
    /// client's callback. Callbacks that take long, pauses, and turns that wait to be dispatched make it long.
    /// `latency_counts[i]` counts those of at most 4 to the power of i microseconds that no bucket before has; the last bucket
    /// counts all others. With `on_events`, the time ends when the event is added to its batch. Zeros unless the runtime's
    /// options have `measure_latency`.
    pub latency_counts: [u64; EVENTSOURCE_LATENCY_BUCKETS],
}

// SAFETY: the struct is C's, of numbers.
unsafe impl Growing for eventsource_metrics_t {}

impl From<Metrics> for eventsource_metrics_t {
    fn from(now: Metrics) -> eventsource_metrics_t {
        let reconnects = |reason| now.reconnects[reason as usize];
        eventsource_metrics_t {
            size: 0,
            connecting: now.connecting,
            open: now.open,
            waiting: now.waiting,
            threads: now.threads,
            queued: now.queued,
            starts: now.starts,
            attempts: now.counts.attempts,
            opens: now.counts.opens,
            errors: now.counts.errors,
            events: now.counts.events,
            bytes: now.counts.bytes,
            reconnects_end: reconnects(Reason::End),
            reconnects_connection: reconnects(Reason::Connection),
            reconnects_timeout: reconnects(Reason::Timeout),
            reconnects_response: reconnects(Reason::Response),
            reconnects_program: reconnects(Reason::Program),
            reconnects_other: reconnects(Reason::Other),
            latency_sum_ns: now.latency_sum_ns,
            latency_counts: now.latency,
        }
    }
}

/// Tells what a runtime is doing, and what its clients have done, for monitoring: `examples-c/metrics.c` writes it as
/// OpenMetrics text. Each number is exact, but they are read one after another, so they may be of slightly different moments.
///
/// @param runtime the runtime; NULL for the one that the clients of the process share. That is made when a client starts, and
///        goes with the last one: all numbers are 0 while there is none, and begin at 0 with the next
/// @param metrics is written
/// @param size `sizeof *metrics`: no more than that is written, and members that only a newer library knows are zero
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has, `ERR_FORKED`, `ERR_FREED`
///
/// Any thread, any time. It looks at each of the runtime's clients.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn eventsource_runtime_get_metrics(
    runtime: *const eventsource_runtime_t,
    metrics: *mut eventsource_metrics_t,
    size: usize,
) -> eventsource_status_t {
    let write = |now: Metrics| {
        // SAFETY: the header's rules for pointers.
        unsafe { sized_write(metrics, size, now.into(), "the metrics") }
    };
    if runtime.is_null() {
        let shared = || Runtime::shared_if_made().map(|shared| shared.metrics());
        return call(|| write(shared().unwrap_or_default()));
    }
    // SAFETY: the header's rules for pointers.
    unsafe { runtime_call(runtime, |runtime| write(runtime.metrics())) }
}
