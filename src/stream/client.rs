//! The handle on a client.

use super::control::{Control, Interrupt};
use super::handler::Handler;
use super::session;
use super::settings::Settings;
use super::shared::{Shared, State, Stats};
use crate::http::{Invalid, InvalidKind};
use crate::runtime::Runtime;
use crate::sync::lock;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One event stream, kept alive. Any thread may call any method at any time; none blocks but [`Client::wait`].
#[derive(Debug)]
pub struct Client {
    settings: Mutex<Settings>,
    shared: Arc<Shared>,
    /// From the first start on, so that a restart needs no new threads.
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

impl Client {
    /// A client that has not started.
    pub fn new(url: &str) -> Result<Client, Invalid> {
        Ok(Client {
            settings: Mutex::new(Settings::new(url)?),
            shared: Arc::new(Shared::new()),
            runtime: Mutex::default(),
        })
    }

    /// The settings as they are.
    pub fn settings(&self) -> Settings {
        lock(&self.settings).clone()
    }

    /// Changes settings; refused while the client runs. A change that fails must leave them as they were.
    pub fn configure<T>(&self, change: impl FnOnce(&mut Settings) -> T) -> Result<T, Refused> {
        self.while_stopped(|| change(&mut lock(&self.settings)))
    }

    /// Does something that must not happen while the client runs; it cannot be started meanwhile.
    pub fn while_stopped<T>(&self, act: impl FnOnce() -> T) -> Result<T, Refused> {
        let running = lock(&self.shared.run);
        match &*running {
            None => Ok(act()),
            Some(_) => Err(Refused::State("the client is running")),
        }
    }

    /// Starts a run.
    pub fn start(&self, handler: impl FnOnce() -> Box<dyn Handler>) -> Result<(), Refused> {
        let mut run = lock(&self.shared.run);
        if run.is_some() {
            return Err(Refused::State("the client is running already"));
        }
        let runtime = {
            let mut runtime = lock(&self.runtime);
            match &*runtime {
                Some(runtime) => runtime.clone(),
                None => runtime
                    .insert(Runtime::shared().map_err(Refused::Runtime)?)
                    .clone(),
            }
        };
        let control = Arc::new(Control::default());
        *run = Some(control.clone());
        self.shared.set_state(State::Connecting);
        runtime.spawn(session::run(
            self.shared.clone(),
            control,
            self.settings(),
            handler(),
        ));
        Ok(())
    }

    /// Asks the run to close, if there is one.
    pub fn stop(&self) {
        if let Some(control) = &*lock(&self.shared.run) {
            control.interrupt(Interrupt::Stop);
        }
    }

    /// Asks the run to connect anew.
    pub fn reconnect_now(&self) -> Result<(), Refused> {
        match &*lock(&self.shared.run) {
            Some(control) => {
                control.interrupt(Interrupt::Reconnect);
                Ok(())
            }
            None => Err(Refused::State("the client is not running")),
        }
    }

    /// Waits until no run is left; false when the time runs out first. Must not be called by a handler.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        let run = lock(&self.shared.run);
        let running = |run: &mut Option<Arc<Control>>| run.is_some();
        match timeout {
            None => {
                drop(
                    self.shared
                        .closed
                        .wait_while(run, running)
                        .unwrap_or_else(PoisonError::into_inner),
                );
                true
            }
            Some(timeout) => {
                let waited = self.shared.closed.wait_timeout_while(run, timeout, running);
                !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
            }
        }
    }

    /// What the client is doing.
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// The last event id.
    pub fn last_event_id(&self) -> String {
        self.shared.last_event_id().value.clone()
    }

    /// Sets the last event id for the next attempt, and for events until the server sends one.
    pub fn set_last_event_id(&self, id: &str) -> Result<(), Invalid> {
        if id.chars().any(char::is_control) {
            return Err(Invalid::new(
                InvalidKind::Value,
                "a last event id has no control characters",
            ));
        }
        let mut last = self.shared.last_event_id();
        id.clone_into(&mut last.value);
        last.set_by_program = true;
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
