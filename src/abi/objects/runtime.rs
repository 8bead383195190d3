//! A runtime, behind its handle.

use crate::abi::guard::call::{call, contained, log_refusal};
use crate::abi::guard::process::Process;
use crate::abi::guard::refusal::Refusal;
use crate::abi::guard::user_data::UserData;
use crate::abi::handle::{Entered, Handles};
use crate::abi::types::handles::eventsource_runtime_t;
use crate::abi::types::status::eventsource_status_t;
use crate::runtime::Runtime;
use crate::sync::lock;
use std::borrow::Cow;
use std::sync::{Arc, Mutex};

/// The runtimes of the process, but for the shared one.
pub static RUNTIMES: Handles<eventsource_runtime_t, RuntimeObject> = Handles::new();

/// A runtime, as its handle and the calls that are under way share it.
pub struct RuntimeObject {
    /// Or why there is none.
    runtime: Result<Arc<Runtime>, Refusal>,
    /// Why a call was refused last.
    last_error: Mutex<Cow<'static, str>>,
    /// The caller's pointer. Held here, too, for the case that there are no hooks.
    _user: Arc<UserData>,
    process: Process,
}

impl RuntimeObject {
    /// For a runtime that was to be made.
    pub fn new(made: Result<Runtime, Refusal>, user: Arc<UserData>) -> RuntimeObject {
        let refusal = made.as_ref().err();
        if let Some(refusal) = refusal {
            log_refusal(refusal, None);
        }
        RuntimeObject {
            last_error: Mutex::new(
                refusal.map_or_else(Cow::default, |refusal| refusal.message.clone()),
            ),
            runtime: made.map(Arc::new),
            _user: user,
            process: Process::current(),
        }
    }

    /// Why it could not be made, unless it was.
    pub fn runtime(&self) -> Result<&Arc<Runtime>, Refusal> {
        self.runtime.as_ref().map_err(Refusal::clone)
    }

    pub fn process(&self) -> Process {
        self.process
    }

    /// Why a call was refused last.
    pub fn last_error(&self) -> Cow<'static, str> {
        lock(&self.last_error).clone()
    }
}

/// Runs the body of a call on a runtime, which remembers why it was refused. The runtime stays until the body has returned; its
/// handle need not.
///
/// # Safety
/// `runtime` is NULL or a runtime, freed or not.
pub unsafe fn runtime_call(
    runtime: *const eventsource_runtime_t,
    body: impl FnOnce(&Runtime) -> Result<(), Refusal>,
) -> eventsource_status_t {
    call(|| {
        // SAFETY: the caller's promise.
        let outcome = contained(|| body(&*unsafe { shared_runtime(runtime)? }));
        outcome.inspect_err(|refusal| {
            // SAFETY: as above.
            if let Ok(this) = unsafe { usable(runtime) } {
                *lock(&this.last_error) = refusal.message.clone();
            }
        })
    })
}

/// A runtime that this process may use, for a client or a call to hold.
///
/// # Safety
/// As for [`runtime_call`].
pub unsafe fn shared_runtime(
    runtime: *const eventsource_runtime_t,
) -> Result<Arc<Runtime>, Refusal> {
    // SAFETY: the caller's promise.
    unsafe { usable(runtime)? }.runtime().cloned()
}

/// A runtime's handle that this process may use, whether or not the runtime could be made.
///
/// # Safety
/// As for [`runtime_call`].
pub unsafe fn usable(
    runtime: *const eventsource_runtime_t,
) -> Result<Entered<'static, RuntimeObject>, Refusal> {
    // SAFETY: the caller's promise.
    let this = unsafe { entered(runtime)? }.ok_or_else(|| Refusal::freed("the runtime"))?;
    this.process.check()?;
    Ok(this)
}

/// A runtime's handle; `None` when it has been freed.
///
/// # Safety
/// As for [`runtime_call`].
pub unsafe fn entered(
    runtime: *const eventsource_runtime_t,
) -> Result<Option<Entered<'static, RuntimeObject>>, Refusal> {
    if runtime.is_null() {
        return Err(Refusal::null("the runtime"));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { RUNTIMES.enter(runtime) })
}
