//! The handle on a client.

use super::control::Interrupt;
use super::gate::WrongState;
use super::handler::Handler;
use super::session;
use super::settings::Settings;
use super::shared::{Shared, State, Stats};
use crate::http::{Invalid, InvalidKind};
use crate::runtime::{Closed, Dispatch, Runtime};
use crate::sync::lock;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{io, mem};

/// One event stream, kept alive. Any thread may call any method at any time; none blocks but [`Client::wait`].
#[derive(Debug)]
pub struct Client {
    /// Shared with the run; a change makes a copy only while an old run still has it.
    settings: Mutex<Arc<Settings>>,
    shared: Arc<Shared>,
    /// The one that was set; else the shared one from the first start on, so that a restart needs no new threads.
    runtime: Mutex<Option<Arc<Runtime>>>,
}

/// Why a call is refused.
#[derive(Debug)]
pub enum Refused {
    /// A value is bad.
    Invalid(Invalid),
    /// It is not the time for that call.
    State(&'static str),
    /// The operating system refused threads.
    Runtime(io::Error),
}

impl From<Invalid> for Refused {
    fn from(invalid: Invalid) -> Refused {
        Refused::Invalid(invalid)
    }
}

impl From<WrongState> for Refused {
    fn from(_: WrongState) -> Refused {
        Refused::State("the client is running already")
    }
}

impl Client {
    /// A client that has not started.
    pub fn new(url: &str) -> Result<Client, Invalid> {
        Ok(Client {
            settings: Mutex::new(Arc::new(Settings::new(url)?)),
            shared: Arc::new(Shared::new()),
            runtime: Mutex::default(),
        })
    }

    /// The settings as they are.
    pub fn settings(&self) -> Arc<Settings> {
        lock(&self.settings).clone()
    }

    /// Changes settings; refused while the client runs. A change that fails must leave them as they were.
    pub fn configure<T>(&self, change: impl FnOnce(&mut Settings) -> T) -> Result<T, Refused> {
        self.while_stopped(|| change(Arc::make_mut(&mut lock(&self.settings))))
    }

    /// Does something that must not happen while the client runs; it cannot be started meanwhile.
    pub fn while_stopped<T>(&self, act: impl FnOnce() -> T) -> Result<T, Refused> {
        let done = self.shared.gate.while_stopped(act);
        done.map_err(|WrongState| Refused::State("the client is running"))
    }

    /// Sets whose threads its runs are on; `None` for those that all clients share.
    pub fn set_runtime(&self, runtime: Option<Arc<Runtime>>) -> Result<(), Refused> {
        // What it replaces may be a runtime's last reference, which is not to be dropped under a lock.
        let replaced = self.while_stopped(|| mem::replace(&mut *lock(&self.runtime), runtime))?;
        drop(replaced);
        Ok(())
    }

    /// Starts a run.
    pub fn start(&self, handler: impl FnOnce() -> Box<dyn Handler>) -> Result<(), Refused> {
        self.shared.gate.start(|control| {
            let runtime = self.running_runtime().map_err(Refused::Runtime)?;
            let spawned = runtime.spawn(control.clone(), |stage, entry| {
                self.shared.set_state(State::Connecting);
                let shared = self.shared.clone();
                session::run(
                    shared,
                    control,
                    stage,
                    entry,
                    self.settings_of_run(),
                    handler(),
                )
            });
            spawned.map_err(|Closed| Refused::State("the client's runtime has been freed"))
        })
    }

    /// The settings, with what the environment says now.
    fn settings_of_run(&self) -> Arc<Settings> {
        let mut settings = lock(&self.settings);
        if let Some(network) = settings.http.network.renewed() {
            Arc::make_mut(&mut settings).http.network = network;
        }
        settings.clone()
    }

    fn running_runtime(&self) -> io::Result<Arc<Runtime>> {
        let mut runtime = lock(&self.runtime);
        Ok(match &*runtime {
            Some(runtime) => runtime.clone(),
            None => runtime.insert(Runtime::shared()?).clone(),
        })
    }

    /// Asks the run to close, if there is one.
    pub fn stop(&self) {
        let _ = self.shared.gate.interrupt(Interrupt::Stop);
    }

    /// Asks the run to connect anew.
    pub fn reconnect_now(&self) -> Result<(), Refused> {
        let asked = self.shared.gate.interrupt(Interrupt::Reconnect);
        asked.map_err(|WrongState| Refused::State("the client is not running"))
    }

    /// Sets whether the client reads its stream, in this run and those to come.
    pub fn set_paused(&self, paused: bool) {
        self.shared.gate.set_paused(paused);
    }

    /// Waits until no run is left; false when the time runs out first. Must not be called by a handler.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        self.shared.gate.wait(timeout)
    }

    /// Whether somebody else has to see to it that callbacks run.
    pub fn is_dispatched_manually(&self) -> bool {
        let runtime = lock(&self.runtime);
        let mode = runtime.as_ref().map(|runtime| runtime.dispatch_mode());
        mode == Some(Dispatch::Manual)
    }

    /// Ends the run and waits for that. Where dispatch is manual, its last callbacks run here. Must not be called by a
    /// handler.
    pub fn finish(&self) {
        self.stop();
        let runtime = lock(&self.runtime).clone();
        if let (Some(run), Some(runtime)) = (self.shared.gate.run(), runtime) {
            runtime.finish(run);
        }
        self.wait(None);
    }

    /// What the client is doing.
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// The last event id.
    pub fn last_event_id(&self) -> String {
        self.shared.last_event_id().clone()
    }

    /// Sets the last event id for the next attempt, and for events until the server sends one.
    pub fn set_last_event_id(&self, id: &str) -> Result<(), Invalid> {
        if id.chars().any(char::is_control) {
            return Err(Invalid::new(
                InvalidKind::Value,
                "a last event id has no control characters",
            ));
        }
        self.shared.impose_last_event_id(id);
        Ok(())
    }

    /// The text of what went wrong last.
    pub fn last_error(&self) -> String {
        self.shared.last_error()
    }

    /// Remembers what went wrong.
    pub fn set_last_error(&self, message: &str) {
        self.shared.set_last_error(message);
    }

    /// What the client has done.
    pub fn stats(&self) -> Stats {
        self.shared.counters.stats(self.state() == State::Open)
    }
}
