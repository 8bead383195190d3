//! A client's life: made, started, stopped, waited for, freed.

use super::delivery::Delivery;
use super::guard::{
    Process, Refusal, client_call, contain, in_callback, late_client_call, logged_call, may_wait,
    out, text, time_limit,
};
use super::handle::Handles;
use super::registry::{Registered, UserData, UserDataCell};
use super::runtime::{eventsource_runtime_t, shared_runtime};
use super::status::{eventsource_status_t, *};
use crate::log::Level;
use crate::stream::Client;
use crate::sync::lock;
use std::ffi::c_char;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// For `eventsource_wait`: wait without a limit.
pub const EVENTSOURCE_FOREVER: i64 = -1;

/// A client: one event stream, kept alive over reconnects.
///
/// Any thread may call any function on it at any time, also while another thread or a callback frees it. A call that is under
/// way then works on what is there until it returns. A call that comes when the client is gone touches nothing of it:
/// `eventsource_wait`, `eventsource_stop` and `eventsource_free` have nothing to do, all others answer `ERR_FREED`. That is for
/// calls that cross the free; no program should keep the pointer for long, because it is given to another client one day.
pub struct eventsource_t {
    _opaque: [u8; 0],
}

/// The clients of the process.
pub(super) static CLIENTS: Handles<eventsource_t, Instance> = Handles::new();

/// A client, as its handle, the calls that are under way and its run share it.
///
/// What is the caller's is given back by the last who has to do with it: not by the last reference, which may be that of a
/// call in any thread.
pub struct Instance {
    callbacks: Mutex<Registered>,
    user_data: UserDataCell,
    client: Client,
    process: Process,
    freed: AtomicBool,
    /// How many need the user data: the caller, until the free, and the run.
    keepers: AtomicUsize,
}

impl Instance {
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn process(&self) -> Process {
        self.process
    }

    /// Changes what may change only while the client does not run.
    pub(super) fn configure_callbacks(
        &self,
        change: impl FnOnce(&mut Registered),
    ) -> Result<(), Refusal> {
        Ok(self
            .client
            .while_stopped(|| change(&mut lock(&self.callbacks)))?)
    }

    /// The run needs the user data, too. Called behind the client's lock, where nobody has freed it.
    pub(super) fn keep(&self) {
        self.keepers.fetch_add(1, Ordering::Relaxed);
    }

    /// The caller or the run does not need the user data any more. The last of them gives back all that is the caller's, and
    /// lets no more calls in.
    pub(super) fn let_go(&self, es: *const eventsource_t) {
        if self.keepers.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        drop(self.user_data.take());
        self.client.release();
        // SAFETY: the handle of this client.
        if let Some(es) = unsafe { CLIENTS.enter(es) } {
            es.close();
        }
    }

    /// Changes the user data. What it was is released outside the locks: its destroy may call the library.
    pub(super) fn set_user_data(
        &self,
        user_data: impl FnOnce() -> UserData,
    ) -> Result<(), Refusal> {
        let old = self
            .client
            .while_stopped(|| self.user_data.replace(user_data()))?;
        drop(old);
        Ok(())
    }
}

/// Makes a client for a URL. Nothing is connected until `eventsource_start`.
///
/// A URL with which no attempt could succeed is refused: one of more than 65,534 bytes, a host of more than 253, the port 0.
/// The log says at the level WARNING why a URL is refused, and what would be right.
///
/// @param url an absolute http or https URL; a user and password in it become basic authentication, a fragment is
///        dropped
/// @param out receives the client, which the caller owns and gives to `eventsource_free`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_URL`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_new(
    url: *const c_char,
    out: *mut *mut eventsource_t,
) -> eventsource_status_t {
    logged_call(Level::Warning, || {
        // SAFETY: the header's rules for pointers.
        let (out, url) = unsafe { (self::out(out, "out")?, text(url, "the URL")?) };
        out.write(CLIENTS.give(Arc::new(Instance {
            callbacks: Mutex::default(),
            user_data: UserDataCell::default(),
            client: Client::new(url)?,
            process: Process::current(),
            freed: AtomicBool::new(false),
            keepers: AtomicUsize::new(1),
        })));
        Ok(())
    })
}

/// Starts the client: it connects, delivers events, and reconnects until it is stopped or an error is final.
///
/// Returns at once; everything that happens is told through callbacks. May be called again once the client has
/// closed: after `eventsource_wait`, not yet inside `on_close`. The last event id and the statistics are kept.
///
/// @param es the client
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` when it runs already or its runtime has been freed, `ERR_RUNTIME`
///
/// Any thread, also inside callbacks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_start(es: *mut eventsource_t) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |client| {
            client.client.start(|| {
                let callbacks = lock(&client.callbacks).clone();
                // Neither replaced nor taken while the client runs.
                let user = client.user_data.user();
                Box::new(Delivery::new(client.share(), es, callbacks, user))
            })?;
            Ok(())
        })
    }
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
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_stop(es: *mut eventsource_t) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        late_client_call(es, |es| {
            es.client.stop();
            Ok(())
        })
    }
}

/// Waits until the client has closed and `on_close` has returned. Does not stop it.
///
/// @param es the client
/// @param timeout_ms the longest wait in milliseconds; `EVENTSOURCE_FOREVER` for no limit, 0 to ask only
/// @return `EVENTSOURCE_OK` when the client does not run (any more) or has been freed; `ERR_NULL`, `ERR_VALUE`, `ERR_TIMEOUT`,
///         `ERR_IN_CALLBACK` inside any callback of the library, `ERR_STATE` for `EVENTSOURCE_FOREVER` with manual dispatch:
///         its end needs somebody who dispatches
///
/// Any thread but the library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_wait(
    es: *mut eventsource_t,
    timeout_ms: i64,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        late_client_call(es, |es| {
            let timeout = time_limit(timeout_ms)?;
            may_wait()?;
            if timeout.is_none() && es.client.is_dispatched_manually() {
                return Err(Refusal::new(
                    EVENTSOURCE_ERR_STATE,
                    "nobody may be there to dispatch meanwhile",
                ));
            }
            if es.client.wait(timeout) {
                Ok(())
            } else {
                Err(Refusal::new(
                    EVENTSOURCE_ERR_TIMEOUT,
                    "the client is still running",
                ))
            }
        })
    }
}

/// Stops the client and releases it. NULL is fine.
///
/// Outside callbacks it returns when no callback of this client runs or will run, `on_close` included, and the user
/// data's `destroy` has been called. Inside a callback it returns at once: `on_close` comes after that callback or, if the
/// client is another one, on its own time, and then `destroy`; for a client that does not run, `destroy` comes before this
/// returns. The client stays valid until its `on_close` has returned.
///
/// Other threads may be in any call on the client meanwhile; all of them that are in `eventsource_wait` return
/// `EVENTSOURCE_OK` when `on_close` has returned.
///
/// With manual dispatch and outside callbacks, `on_close` is called here, on this thread. In a child process after `fork`
/// there is no `on_close`: `destroy` is called, and what else the parent's client had stays allocated.
///
/// A client that is never freed is not lost for tools that look for leaks, because the library can still find it.
///
/// @param es the client
///
/// Any thread, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_free(es: *mut eventsource_t) {
    contain(|| {
        if es.is_null() {
            return;
        }
        // SAFETY: the header's rules for pointers.
        let Some(client) = (unsafe { CLIENTS.enter(es) }) else {
            return;
        };
        // A second call while the first still waits, or inside the same callback, would release it twice.
        if client.freed.swap(true, Ordering::AcqRel) {
            return;
        }
        if !client.process.is_current() {
            return free_in_child(&client);
        }
        client.client.free();
        if in_callback() {
            client.client.stop();
        } else {
            client.client.finish();
        }
        client.let_go(es);
    });
}

/// What can be released of a client of the parent process: the caller's part. The rest may be in use by threads that
/// this process does not have, and its sockets are registered with a reactor that the parent shares; it stays.
fn free_in_child(client: &Instance) {
    drop(client.user_data.take());
}

/// Makes the client read no more of its stream, so that the server has to wait, through TCP. Never blocks. Until
/// `eventsource_resume`, no event and no comment comes, apart from a callback that is running and, if that is
/// `on_events`, its batch. All else goes on: a paused client connects, is told of `on_open`, waits for its next attempt, can
/// be stopped; but an open stream that ends meanwhile is noticed only afterwards, and the read timeout does not count.
///
/// It does not wait for callbacks. When it returns in another thread than theirs, a callback may still be running, and one
/// more may begin that the library was just about to call: `on_error`, too, for a stream that had been lost before.
///
/// @param es the client
/// @return `EVENTSOURCE_OK`, also when the client is paused already or does not run: then it starts paused; `ERR_NULL`
///
/// Any thread, any time, inside any callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_pause(es: *mut eventsource_t) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            es.client.set_paused(true);
            Ok(())
        })
    }
}

/// Ends a pause: the stream goes on where it was held. Never blocks.
///
/// @param es the client
/// @return `EVENTSOURCE_OK`, also when the client is not paused; `ERR_NULL`
///
/// Any thread, any time, inside any callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_resume(es: *mut eventsource_t) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            es.client.set_paused(false);
            Ok(())
        })
    }
}

/// Sets whose threads the client runs on.
///
/// @param es the client
/// @param runtime may be shared by any number of clients, and freed before them: that stops them. NULL, the default, for
///        the threads that all such clients of the process share
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs, `ERR_FREED` also when the runtime has been freed
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_runtime(
    es: *mut eventsource_t,
    runtime: *mut eventsource_runtime_t,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            let runtime = match runtime.is_null() {
                true => None,
                false => Some(shared_runtime(runtime)?),
            };
            Ok(es.client.set_runtime(runtime)?)
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
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_reconnect_now(es: *mut eventsource_t) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { client_call(es, |es| Ok(es.client.reconnect_now()?)) }
}
