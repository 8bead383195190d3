//! The handle on a client.

use super::control::Interrupt;
use super::gate::WrongState;
use super::handler::{End, Handler};
use super::session;
use super::settings::Settings;
use super::shared::{NotAsked, Shared, State, Stats};
use super::subject;
use crate::http::{Invalid, InvalidKind};
use crate::log;
use crate::runtime::{Closed, Dispatch, Runtime};
use crate::sync::lock;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{io, mem};

/// A client: one event stream after another. Any thread may call any method at any time. None blocks but [`Client::wait`] and
/// [`Client::finish`]; a change of the settings or a start waits for another one that is under way, a stop for nothing.
#[derive(Debug)]
pub struct Client {
    /// Held by a call that changes what a run is given, or starts one.
    setup: Mutex<()>,
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
    /// Nor is it while the client runs.
    Running,
    /// The client has been freed.
    Freed,
    /// The operating system refused threads.
    Runtime(io::Error),
}

impl From<Invalid> for Refused {
    fn from(invalid: Invalid) -> Refused {
        Refused::Invalid(invalid)
    }
}

impl From<WrongState> for Refused {
    fn from(wrong: WrongState) -> Refused {
        match wrong {
            WrongState::Running => Refused::Running,
            WrongState::Stopped => Refused::State("the client is not running"),
            WrongState::Freed => Refused::Freed,
        }
    }
}

impl Client {
    /// A client that has not started.
    pub fn new(url: &str) -> Result<Client, Invalid> {
        Ok(Client::with(Settings::new(url)?))
    }

    /// A client that can be set up, and has to be given a URL before it starts.
    pub fn without_url() -> Client {
        Client::with(Settings::without_url())
    }

    fn with(settings: Settings) -> Client {
        Client {
            setup: Mutex::default(),
            settings: Mutex::new(Arc::new(settings)),
            shared: Arc::new(Shared::new()),
            runtime: Mutex::default(),
        }
    }

    /// The settings as they are.
    pub fn settings(&self) -> Arc<Settings> {
        lock(&self.settings).clone()
    }

    /// Changes settings; refused while the client runs. A change that fails must leave them as they were.
    pub fn configure<T>(&self, change: impl FnOnce(&mut Settings) -> T) -> Result<T, Refused> {
        self.while_stopped(|| {
            // In a copy, so that no call that asks for the settings has to wait.
            let mut settings = self.settings();
            let changed = change(Arc::make_mut(&mut settings));
            *lock(&self.settings) = settings;
            changed
        })
    }

    /// Does something that must not happen while the client runs; it cannot be started meanwhile. `act` reads no file and
    /// calls nothing of the program's.
    pub fn while_stopped<T>(&self, act: impl FnOnce() -> T) -> Result<T, Refused> {
        let _setup = lock(&self.setup);
        self.check_stopped()?;
        Ok(act())
    }

    /// Refuses what must not happen while the client runs.
    pub fn check_stopped(&self) -> Result<(), Refused> {
        Ok(self.shared.gate.may_start()?)
    }

    /// Sets whose threads its runs are on; `None` for those that all clients share.
    pub fn set_runtime(&self, runtime: Option<Arc<Runtime>>) -> Result<(), Refused> {
        // What it replaces may be a runtime's last reference, which is not to be dropped under a lock.
        let replaced = self.while_stopped(|| mem::replace(&mut *lock(&self.runtime), runtime))?;
        drop(replaced);
        Ok(())
    }

    /// Starts a run. `handler` is asked for once nothing can be refused any more, behind a lock: it only makes one.
    pub fn start(&self, handler: impl FnOnce() -> Box<dyn Handler>) -> Result<(), Refused> {
        let _setup = lock(&self.setup);
        self.check_stopped()?;
        let runtime = self.running_runtime().map_err(Refused::Runtime)?;
        let settings = self.settings_of_run();
        let (control, entry, handler) = self.shared.gate.start(|control| {
            let entry = runtime.register(control.clone(), self.shared.clone());
            let entry =
                entry.map_err(|Closed| Refused::State("the client's runtime has been freed"))?;
            self.shared.set_state(State::Connecting);
            Ok::<_, Refused>((entry.run(), (control, entry, handler())))
        })?;
        let shared = self.shared.clone();
        runtime.spawn(entry, |stage, entry| {
            session::run(shared, control, stage, entry, settings, handler)
        });
        Ok(())
    }

    /// The settings, with what the environment says now.
    fn settings_of_run(&self) -> Arc<Settings> {
        let mut settings = self.settings();
        if let Some(network) = settings.http.network.renewed() {
            Arc::make_mut(&mut settings).http.network = network;
            lock(&self.settings).clone_from(&settings);
        }
        settings
    }

    fn running_runtime(&self) -> io::Result<Arc<Runtime>> {
        let runtime = lock(&self.runtime).clone();
        if let Some(runtime) = runtime {
            return Ok(runtime);
        }
        // Not behind the lock: there may be threads to make.
        let shared = Runtime::shared()?;
        *lock(&self.runtime) = Some(shared.clone());
        Ok(shared)
    }

    /// Asks the run to close, if there is one.
    pub fn stop(&self) {
        let _ = self.shared.gate.interrupt(Interrupt::Stop);
    }

    /// Asks the run to connect anew.
    pub fn reconnect_now(&self) -> Result<(), Refused> {
        Ok(self.shared.gate.interrupt(Interrupt::Reconnect)?)
    }

    /// Sets whether the client reads its stream, in this run and those to come.
    pub fn set_paused(&self, paused: bool) {
        self.shared.gate.set_paused(paused);
    }

    /// Waits until no run is left; false when the time runs out first. Must not be called by a handler.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        self.shared.gate.wait(timeout)
    }

    /// How the last run that has ended did so; `None` before the first has.
    pub fn end(&self) -> Option<End> {
        self.shared.end()
    }

    /// Whether the program has to dispatch for callbacks to run.
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

    /// There is no further start; calls that are under way go on.
    pub fn free(&self) {
        self.shared.gate.free();
    }

    /// Lets go of the runtime, which may end it, when there is no run and will be none.
    pub fn release(&self) {
        let runtime = lock(&self.runtime).take();
        drop(runtime);
    }

    /// What the client is doing.
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// The last event id.
    pub fn last_event_id(&self) -> String {
        self.shared.last_event_id().clone()
    }

    /// Chooses how long the client waits before its next attempt; only while its handler is told of an error.
    pub fn set_next_delay(&self, delay: Duration) -> Result<(), Refused> {
        let chosen = self.shared.next_delay.choose(delay);
        chosen.map_err(|NotAsked| Refused::State("the client's on_error is not running"))
    }

    /// Sets the last event id for the next attempt, and for events until the server sends one.
    pub fn set_last_event_id(&self, id: &str) -> Result<(), Invalid> {
        if id.contains(['\r', '\n']) {
            return Err(Invalid::new(
                InvalidKind::Value,
                "the last event id holds a line break, as no event's id can: remove it",
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

    /// Tells the client from all others of the process.
    pub fn number(&self) -> u64 {
        self.shared.number
    }

    /// What the client has done.
    pub fn stats(&self) -> Stats {
        self.shared.counters.stats(self.state() == State::Open)
    }
}

impl log::Subject for Client {
    fn log_client(&self) -> log::Client {
        subject::describe(&self.shared, &self.settings())
    }
}
