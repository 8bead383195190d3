//! A client, behind its handle.

use super::callbacks::Callbacks;
use super::refused::{RefusedSettings, Setting};
use crate::abi::guard::call::{call_about, contained, log_refusal, once, whose};
use crate::abi::guard::process::Process;
use crate::abi::guard::refusal::Refusal;
use crate::abi::guard::user_data::{UserData, UserDataCell};
use crate::abi::handle::{Entered, Handles};
use crate::abi::types::handles::eventsource_t;
use crate::abi::types::status::{
    EVENTSOURCE_ERR_FREED, EVENTSOURCE_ERR_STATE, eventsource_status_t,
};
use crate::log;
use crate::stream::{Client, End, Handler, Refused};
use crate::sync::lock;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The clients of the process.
pub static CLIENTS: Handles<eventsource_t, ClientObject> = Handles::new();

/// A client, as its handle, the calls that are under way and its run share it.
///
/// What is the caller's is given back by the last who has to do with it: not by the last reference, which may be that of a
/// call in any thread.
pub struct ClientObject {
    /// Shared with the run; a change makes a copy only while an old run still has them.
    callbacks: Mutex<Arc<Callbacks>>,
    user_data: UserDataCell,
    client: Client,
    process: Process,
    /// Settings that were refused.
    refused: RefusedSettings,
    /// Why the last start was refused, unless it was not.
    start_refused: Mutex<Option<Box<Refusal>>>,
    freed: AtomicBool,
    /// How many need the user data: the caller, until the free, and the run.
    keepers: AtomicUsize,
}

impl ClientObject {
    /// A client that has not started. If its URL is refused, it is the first setting that keeps it from starting.
    pub fn new(url: Result<&str, Refusal>) -> ClientObject {
        let made = url.and_then(|url| contained(|| Ok(Client::new(url)?)));
        let (client, outcome) = match made {
            Ok(client) => (client, Ok(())),
            Err(refusal) => {
                let client = Client::without_url();
                remember(&client, &refusal);
                log_refusal(&refusal, whose(&client).as_ref());
                (client, Err(refusal))
            }
        };
        let refused = RefusedSettings::default();
        refused.note(Setting::URL, &outcome);
        ClientObject {
            callbacks: Mutex::default(),
            user_data: UserDataCell::default(),
            client,
            process: Process::current(),
            refused,
            start_refused: Mutex::default(),
            freed: AtomicBool::new(false),
            keepers: AtomicUsize::new(1),
        }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn process(&self) -> Process {
        self.process
    }

    /// Refuses as a start would, for a setting that was refused.
    pub fn check(&self) -> Result<(), Refusal> {
        self.refused.first().map_or(Ok(()), Err)
    }

    /// Starts a run. If that is refused, threads that wait are told.
    pub fn start(&self, handler: impl FnOnce() -> Box<dyn Handler>) -> Result<(), Refusal> {
        // Threads that wait are told of the run that there is.
        self.client.check_stopped()?;
        let refused = match self.refused.first() {
            Some(refusal) => Some(refusal),
            None => match self.client.start(handler) {
                Ok(()) => None,
                Err(Refused::Running) => return Err(Refused::Running.into()),
                Err(refused) => Some(Refusal::from(refused)),
            },
        };
        *lock(&self.start_refused) = refused.clone().map(Box::new);
        refused.map_or(Ok(()), Err)
    }

    /// Why the last start was refused, unless it was not.
    pub fn start_refused(&self) -> Option<Refusal> {
        lock(&self.start_refused).as_deref().cloned()
    }

    /// How it has ended, for a thread that has waited for that.
    pub fn end(&self) -> Result<End, Refusal> {
        if let Some(refusal) = self.start_refused() {
            return Err(refusal);
        }
        let never = || Refusal::new(EVENTSOURCE_ERR_STATE, "the client has never been started");
        self.client.end().ok_or_else(never)
    }

    /// The callbacks as they are.
    pub fn callbacks(&self) -> Arc<Callbacks> {
        lock(&self.callbacks).clone()
    }

    /// Changes callbacks; refused while the client runs.
    pub fn configure_callbacks(&self, change: impl FnOnce(&mut Callbacks)) -> Result<(), Refusal> {
        Ok(self
            .client
            .while_stopped(|| change(Arc::make_mut(&mut lock(&self.callbacks))))?)
    }

    /// The caller's pointer.
    pub fn user(&self) -> *mut c_void {
        self.user_data.user()
    }

    /// The caller frees the client. Returns whether that is for the first time: a second call while the first still waits,
    /// or inside the same callback, would release it twice.
    pub fn mark_freed(&self) -> bool {
        !self.freed.swap(true, Ordering::AcqRel)
    }

    /// Whether the caller has freed the client.
    pub fn is_freed(&self) -> bool {
        self.freed.load(Ordering::Acquire)
    }

    /// Releases what can be released of a client of the parent process: the caller's part. The rest may be in use by threads
    /// that this process does not have, and its sockets are registered with a reactor that the parent shares; it stays.
    pub fn free_in_child(&self) {
        drop(self.user_data.take());
    }

    /// The run needs the user data, too. Called behind the client's lock, where nobody has freed it.
    pub fn keep(&self) {
        self.keepers.fetch_add(1, Ordering::Relaxed);
    }

    /// The caller or the run does not need the user data any more. The last of them gives back all that is the caller's, and
    /// lets no more calls in.
    pub fn let_go(&self, es: *const eventsource_t) {
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
    pub fn set_user_data(&self, user_data: impl FnOnce() -> UserData) -> Result<(), Refusal> {
        let old = self
            .client
            .while_stopped(|| self.user_data.replace(user_data()))?;
        drop(old);
        Ok(())
    }
}

/// Runs the body of a call on a client, which remembers why it was refused.
///
/// # Safety
/// `es` is NULL or a client, freed or not.
pub unsafe fn client_call(
    es: *const eventsource_t,
    body: impl FnOnce(&Entered<'static, ClientObject>) -> Result<(), Refusal>,
) -> eventsource_status_t {
    #[inline(never)]
    unsafe fn run(es: *const eventsource_t, body: Body<'_>) -> eventsource_status_t {
        // SAFETY: the caller's promise.
        unsafe { entered_call(es, |es| remembered(es, body)) }
    }
    // SAFETY: the caller's promise.
    unsafe { run(es, &mut once(body)) }
}

/// The body of a call on a client, lent.
type Body<'b> = &'b mut dyn FnMut(&Entered<'static, ClientObject>) -> Result<(), Refusal>;

/// Runs the body of a call on a client, which remembers nothing.
///
/// # Safety
/// As for [`client_call`].
pub unsafe fn entered_call(
    es: *const eventsource_t,
    body: impl FnOnce(&Entered<'static, ClientObject>) -> Result<(), Refusal>,
) -> eventsource_status_t {
    call_about(|about| {
        // SAFETY: the caller's promise.
        let es = unsafe { client(es)? };
        of_client(&es, about, body)
    })
}

/// Says whose the call was if it is refused.
fn of_client(
    es: &Entered<'static, ClientObject>,
    about: &mut Option<log::Client>,
    body: impl FnOnce(&Entered<'static, ClientObject>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    body(es).inspect_err(|_| *about = whose(es.client()))
}

/// Runs the body of a setter. If it is refused, the client does not start before the setting has been set well.
///
/// # Safety
/// As for [`client_call`].
pub unsafe fn setting_call(
    es: *const eventsource_t,
    setting: Setting<'_>,
    body: impl FnOnce(&Entered<'static, ClientObject>) -> Result<(), Refusal>,
) -> eventsource_status_t {
    #[inline(never)]
    unsafe fn run(
        es: *const eventsource_t,
        setting: Setting<'_>,
        body: Body<'_>,
    ) -> eventsource_status_t {
        let set = |es: &Entered<'static, ClientObject>| {
            let outcome = remembered(es, body);
            es.refused.note(setting, &outcome);
            outcome
        };
        // SAFETY: the caller's promise.
        unsafe { entered_call(es, set) }
    }
    // SAFETY: the caller's promise.
    unsafe { run(es, setting, &mut once(body)) }
}

/// Runs the body of a call that removes one of several values of a setting. If that one had been refused, it is taken back, and
/// there is nothing else to remove.
///
/// # Safety
/// As for [`client_call`].
pub unsafe fn removing_call(
    es: *const eventsource_t,
    setting: Setting<'_>,
    body: impl FnOnce(&Entered<'static, ClientObject>) -> Result<(), Refusal>,
) -> eventsource_status_t {
    let mut body = once(body);
    let remove = |es: &Entered<'static, ClientObject>| {
        es.client().check_stopped()?;
        if es.refused.take_back(setting) {
            // A value that was set well before it is removed as well; a name that is none has no value.
            let _ = contained(|| body(es));
            return Ok(());
        }
        remembered(es, &mut body)
    };
    // SAFETY: the caller's promise.
    unsafe { entered_call(es, remove) }
}

fn remembered(es: &Entered<'static, ClientObject>, body: Body<'_>) -> Result<(), Refusal> {
    contained(|| body(es)).inspect_err(|refusal| remember(es.client(), refusal))
}

/// Keeps the text of what went wrong.
pub fn remember(client: &Client, refusal: &Refusal) {
    if refusal.is_failure() {
        client.set_last_error(&refusal.message);
    }
}

/// The same, for a call that has nothing to do where the client is gone.
///
/// # Safety
/// As for [`client_call`].
pub unsafe fn late_client_call(
    es: *const eventsource_t,
    body: impl FnOnce(&Entered<'static, ClientObject>) -> Result<(), Refusal>,
) -> eventsource_status_t {
    // SAFETY: the caller's promise.
    call_about(|about| match unsafe { client(es) } {
        Err(refusal) if refusal.status == EVENTSOURCE_ERR_FREED => Ok(()),
        es => of_client(&es?, about, |es| remembered(es, &mut once(body))),
    })
}

/// A client that this process may use. It stays while the result does.
///
/// # Safety
/// As for [`client_call`].
pub unsafe fn client(es: *const eventsource_t) -> Result<Entered<'static, ClientObject>, Refusal> {
    if es.is_null() {
        return Err(Refusal::null("the client"));
    }
    // SAFETY: the caller's promise.
    let es = unsafe { CLIENTS.enter(es) }.ok_or_else(|| Refusal::freed("the client"))?;
    es.process().check()?;
    Ok(es)
}
