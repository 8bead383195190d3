//! Whether a client runs: at most one run at a time, which others can reach and wait for.

use super::control::{Control, Interrupt};
use crate::sync::{Condvar, Mutex, MutexGuard, lock, wait, wait_for};
use std::sync::Arc;
use std::time::Duration;

/// What a client and its run share of the run's beginning and end. `R` names the run.
#[derive(Debug)]
pub struct Gate<R> {
    state: Mutex<State<R>>,
    closed: Condvar,
}

#[derive(Debug)]
struct State<R> {
    run: Option<Running<R>>,
    /// What the program wants of the run, and of the next.
    paused: bool,
    /// There is to be no further run.
    freed: bool,
}

/// A run, as others may reach it.
#[derive(Debug)]
struct Running<R> {
    control: Arc<Control>,
    name: R,
}

/// What the client's state does not allow for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongState {
    /// It runs.
    Running,
    /// It does not run.
    Stopped,
    /// It has been freed.
    Freed,
}

/// Nothing is done behind the lock that may take a while, or that calls what is the program's: whoever stops the client
/// must not have to wait.
impl<R: Copy> Gate<R> {
    /// For a client that has not started.
    pub fn new() -> Gate<R> {
        Gate {
            state: Mutex::new(State {
                run: None,
                paused: false,
                freed: false,
            }),
            closed: Condvar::new(),
        }
    }

    /// Begins a run with `start`, which names it. The run may end before this returns: that waits for it.
    pub fn start<T, E: From<WrongState>>(
        &self,
        start: impl FnOnce(Arc<Control>) -> Result<(R, T), E>,
    ) -> Result<T, E> {
        let mut state = lock(&self.state);
        state.may_start()?;
        let control = Arc::new(Control::new(state.paused));
        let (name, started) = start(control.clone())?;
        state.run = Some(Running { control, name });
        Ok(started)
    }

    /// Whether there could be a start now.
    pub fn may_start(&self) -> Result<(), WrongState> {
        lock(&self.state).may_start()
    }

    /// There is no further start. A run that is under way goes on.
    pub fn free(&self) {
        lock(&self.state).freed = true;
    }

    /// Asks something of the run, if there is one.
    pub fn interrupt(&self, interrupt: Interrupt) -> Result<(), WrongState> {
        let run = lock(&self.state).control();
        run.ok_or(WrongState::Stopped)?.interrupt(interrupt);
        Ok(())
    }

    /// Makes the run pause or go on, and those to come begin so.
    pub fn set_paused(&self, paused: bool) {
        let run = {
            let mut state = lock(&self.state);
            state.paused = paused;
            let run = state.control();
            if let Some(run) = &run {
                run.set_paused(paused);
            }
            run
        };
        if let Some(run) = run {
            run.wake();
        }
    }

    /// The run's name, while there is one.
    pub fn run(&self) -> Option<R> {
        lock(&self.state).run.as_ref().map(|run| run.name)
    }

    /// The run has ended: nothing of it is left but the call of this.
    pub fn ended(&self) {
        lock(&self.state).run = None;
        self.closed.notify_all();
    }

    /// Waits until no run is left; false when the time runs out first.
    pub fn wait(&self, limit: Option<Duration>) -> bool {
        let state = lock(&self.state);
        let closed = |state: &State<R>| state.run.is_none();
        let state: MutexGuard<'_, _> = match limit {
            None => wait(&self.closed, state, closed),
            Some(limit) => wait_for(&self.closed, state, limit, closed),
        };
        closed(&state)
    }
}

impl<R> State<R> {
    fn may_start(&self) -> Result<(), WrongState> {
        match (&self.run, self.freed) {
            (Some(_), _) => Err(WrongState::Running),
            (None, true) => Err(WrongState::Freed),
            (None, false) => Ok(()),
        }
    }

    fn control(&self) -> Option<Arc<Control>> {
        self.run.as_ref().map(|run| run.control.clone())
    }
}
