//! A client's life: made, started, stopped, waited for, freed.

use crate::abi::delivery::callback_handler::CallbackHandler;
use crate::abi::guard::arguments::{text, time_limit};
use crate::abi::guard::call::{contain, in_callback, make, may_wait};
use crate::abi::guard::refusal::Refusal;
use crate::abi::handle::Entered;
use crate::abi::objects::client::{
    CLIENTS, ClientObject, client_call, late_client_call, setting_call,
};
use crate::abi::objects::refused::Setting;
use crate::abi::objects::runtime::shared_runtime;
use crate::abi::types::handles::{eventsource_runtime_t, eventsource_t};
use crate::abi::types::status::{eventsource_status_t, *};
use std::ffi::c_char;
use std::sync::Arc;
use std::time::Duration;

/// Makes a client for a URL. Nothing is connected until `eventsource_start`.
///
/// A URL that is refused is a refused setting, like any other: the client is made, but does not start until
/// `eventsource_set_url` sets a URL that is accepted. `eventsource_check` and `eventsource_start` return why it was refused,
/// and `eventsource_get_last_error` has the text. So a program need not look at what this function returns: if it is NULL, all
/// calls on it are refused with `ERR_NULL`.
///
/// @param url as for `eventsource_set_url`
/// @return the client, which the caller owns and gives to `eventsource_free`; NULL only if there is no memory for it
///
/// Any thread, also inside callbacks.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn eventsource_new(url: *const c_char) -> *mut eventsource_t {
    make(|| {
        // SAFETY: the header's rules for pointers.
        let url = unsafe { text(url, "the URL") };
        CLIENTS.give(Arc::new(ClientObject::new(url)))
    })
}

/// Tells whether a setting was refused: returns what `eventsource_start` would return for that, without starting.
///
/// For programs that want to know at once, for example when they read their configuration.
///
/// @param es the client
/// @return `EVENTSOURCE_OK`; the status of the first setting that was refused and has not been set well since, with the text
///         in `eventsource_get_last_error`; `ERR_NULL`, `ERR_FORKED`, `ERR_FREED`
///
/// Any thread, any time, inside any callback.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn eventsource_check(es: *const eventsource_t) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { client_call(es, |object| object.check()) }
}

/// Starts the client: it connects, delivers events, and reconnects until it is stopped or an error is final.
///
/// Returns at once. Everything that happens afterwards is reported through callbacks. May be called again once the client has
/// closed: after `eventsource_wait`, not yet inside `on_close`. The last event id and the statistics are kept.
///
/// If a setting was refused and has not been set well since, the client does not start: this returns the status of the first
/// such setting, and `eventsource_get_last_error` has its text. So a program that looks at no status but this one is safe.
///
/// @param es the client
/// @return `EVENTSOURCE_OK`; the status of a setting that was refused; `ERR_NULL`, `ERR_STATE` when it runs already or its
///         runtime has been freed, `ERR_RUNTIME`
///
/// Any thread, also inside callbacks.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn eventsource_start(es: *mut eventsource_t) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { client_call(es, |object| start(object, es)) }
}

/// `es` is the handle of `object`.
fn start(object: &Entered<'_, ClientObject>, es: *mut eventsource_t) -> Result<(), Refusal> {
    // The user data is neither replaced nor taken while the client runs.
    object.start(|| Box::new(CallbackHandler::new(object.share(), es, object.user())))
}

/// Starts the client and waits until it has closed: `eventsource_start`, then `eventsource_wait` without a limit.
///
/// @param es the client
/// @return as `eventsource_wait`: `EVENTSOURCE_OK` when the client ended as the program or the server asked; what
///         `eventsource_start` returns if it refuses; `ERR_IN_CALLBACK` inside any callback of the library, `ERR_STATE` with
///         manual dispatch: then it has not started
///
/// Any thread but the library's.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn eventsource_run(es: *mut eventsource_t) -> eventsource_status_t {
    let mut end = EVENTSOURCE_OK;
    // SAFETY: the header's rules for pointers.
    let status = unsafe {
        client_call(es, |object| {
            may_wait_for(object, None)?;
            start(object, es)?;
            end = wait(object, None)?;
            Ok(())
        })
    };
    ended(status, end)
}

/// Asks the client to close. Never blocks: what the client is doing is cut short (name resolution, connecting, TLS,
/// waiting), no further event is delivered, and `on_close` comes soon, on the library's thread.
///
/// It does not wait for callbacks. When it returns in another thread than theirs, a callback may still be running, and one
/// more may begin that the library was just about to call; after that only `on_close` comes.
///
/// @param es the client
/// @return `EVENTSOURCE_OK`, also when the client does not run, has been asked before or has been freed; `ERR_NULL`
///
/// Any thread, any time, inside any callback.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_stop(es: *mut eventsource_t) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        late_client_call(es, |es| {
            es.client().stop();
            Ok(())
        })
    }
}

/// Waits until the client has closed and `on_close` has returned, and tells how it ended. Does not stop it.
///
/// `EVENTSOURCE_OK` means that it ended as it should: the program stopped it, the server asked for the end (204), or the
/// stream ended in a mode in which that is the end. Any other status is the reason why it did not, with the text in
/// `eventsource_get_last_error`. `eventsource_get_result` has more.
///
/// @param es the client
/// @param timeout_ms the longest wait in milliseconds; `EVENTSOURCE_NO_LIMIT` for no limit, 0 to ask only
/// @return `EVENTSOURCE_OK` when the client ended as it should or has been freed; the final error's status (32 or more, or
///         `ERR_PANIC`) when it failed; what `eventsource_start` returned when it refused; `ERR_STATE` when the client has
///         never been started, and for `EVENTSOURCE_NO_LIMIT` with manual dispatch, because nothing dispatches meanwhile;
///         `ERR_NULL`, `ERR_VALUE`; `ERR_TIMEOUT` while the client runs: the text stays as it is; `ERR_IN_CALLBACK` inside
///         any callback of the library
///
/// Any thread but the library's.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn eventsource_wait(
    es: *mut eventsource_t,
    timeout_ms: i64,
) -> eventsource_status_t {
    let mut end = EVENTSOURCE_OK;
    // SAFETY: the header's rules for pointers.
    let status = unsafe {
        late_client_call(es, |object| {
            let timeout = time_limit(timeout_ms)?;
            may_wait_for(object, timeout)?;
            end = wait(object, timeout)?;
            Ok(())
        })
    };
    ended(status, end)
}

/// Refuses a wait that would not end.
fn may_wait_for(object: &ClientObject, timeout: Option<Duration>) -> Result<(), Refusal> {
    may_wait()?;
    if timeout.is_none() && object.client().is_dispatched_manually() {
        return Err(Refusal::new(
            EVENTSOURCE_ERR_STATE,
            "would deadlock: nothing dispatches while waiting",
        ));
    }
    Ok(())
}

/// Waits, and returns how the client has ended, or that it has not. That is no refusal of the wait: the log has told of an end,
/// and a thread that looks whether there is one must not overwrite the text of what another thread is about to read.
fn wait(object: &ClientObject, timeout: Option<Duration>) -> Result<eventsource_status_t, Refusal> {
    if !object.client().wait(timeout) {
        return Ok(EVENTSOURCE_ERR_TIMEOUT);
    }
    if object.is_freed() {
        return Ok(EVENTSOURCE_OK);
    }
    let end = object.end()?;
    if !end.message.is_empty() {
        // Other calls may have been refused meanwhile.
        object.client().set_last_error(&end.message);
    }
    Ok(end.close.into())
}

/// What a wait returns: its refusal, else how the client has ended.
fn ended(status: eventsource_status_t, end: eventsource_status_t) -> eventsource_status_t {
    match status {
        EVENTSOURCE_OK => end,
        refused => refused,
    }
}

/// Stops the client and releases it. NULL is fine.
///
/// Outside callbacks it returns when no callback of this client runs or will run, `on_close` included, and the user
/// data's `destroy` has been called. Inside a callback it returns at once: `on_close` comes after that callback or, if the
/// client is another one, on its own time, and then `destroy`; for a client that does not run, `destroy` comes before this
/// returns. The client stays valid until its `on_close` has returned.
///
/// So never call it, outside callbacks, while holding a lock that one of the client's callbacks or `destroy` takes: the two
/// would wait for each other for ever. Take the client out of the data that the lock protects, release the lock, then free.
///
/// Other threads may be in any call on the client meanwhile; all of them that are in `eventsource_wait` return when
/// `on_close` has returned, with `EVENTSOURCE_OK`.
///
/// With manual dispatch and outside callbacks, `on_close` is called here, on this thread. In a child process after `fork`
/// there is no `on_close`: `destroy` is called, and the client's other resources are leaked in the child.
///
/// Leak checkers do not report a client that is never freed, because the library still has a pointer to it.
///
/// @param es the client
///
/// Any thread, once.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_free(es: *mut eventsource_t) {
    contain(|| {
        if es.is_null() {
            return;
        }
        // SAFETY: the header's rules for pointers.
        let Some(object) = (unsafe { CLIENTS.enter(es) }) else {
            return;
        };
        if !object.mark_freed() {
            return;
        }
        if !object.process().is_current() {
            return object.free_in_child();
        }
        let client = object.client();
        client.free();
        if in_callback() {
            client.stop();
        } else {
            client.finish();
        }
        object.let_go(es);
    });
}

/// Makes the client read no more of its stream, so that the server has to wait, through TCP. Never blocks. Until
/// `eventsource_unpause`, no event and no comment comes, apart from a callback that is running and, if that is `on_events`,
/// its batch. All else goes on: a paused client connects, calls `on_open`, waits for its next attempt, and can be stopped. But
/// if an open stream ends meanwhile, the client notices that only after the pause. The read timeout does not run during a
/// pause.
///
/// It does not wait for callbacks. When it returns in another thread than theirs, a callback may still be running, and one
/// more may begin that the library was just about to call: `on_error`, too, for a stream that had been lost before.
///
/// @param es the client
/// @return `EVENTSOURCE_OK`, also when the client is paused already or does not run: then it starts paused; `ERR_NULL`
///
/// Any thread, any time, inside any callback.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_pause(es: *mut eventsource_t) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            es.client().set_paused(true);
            Ok(())
        })
    }
}

/// Ends a pause: the client reads its stream again, from where it stopped. Never blocks.
///
/// @param es the client
/// @return `EVENTSOURCE_OK`, also when the client is not paused; `ERR_NULL`
///
/// Any thread, any time, inside any callback.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_unpause(es: *mut eventsource_t) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            es.client().set_paused(false);
            Ok(())
        })
    }
}

/// Sets whose threads the client runs on.
///
/// @param es the client
/// @param runtime may be shared by any number of clients, and freed before them: that stops them. NULL, the default, for
///        the threads that all such clients of the process share
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs, `ERR_FREED` also when the runtime has been freed;
///         why `eventsource_runtime_new` could not make the runtime
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_runtime(
    es: *mut eventsource_t,
    runtime: *mut eventsource_runtime_t,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        setting_call(es, Setting::new("runtime"), |es| {
            let runtime = match runtime.is_null() {
                true => None,
                false => Some(shared_runtime(runtime)?),
            };
            Ok(es.client().set_runtime(runtime)?)
        })
    }
}

/// Drops the connection, or the wait for the next attempt, and connects anew at once. The back-off keeps its growth. No
/// `on_error` tells of a connection that is dropped so.
///
/// @param es the client
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` when the client does not run
///
/// Any thread, inside any callback.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_reconnect_now(es: *mut eventsource_t) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { client_call(es, |es| Ok(es.client().reconnect_now()?)) }
}
