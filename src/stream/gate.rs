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
}

/// A run, as others may reach it.
#[derive(Debug)]
struct Running<R> {
    control: Arc<Control>,
    name: R,
}

/// The client runs, or, where it must, does not.
#[derive(Debug)]
pub struct WrongState;

impl<R: Copy> Gate<R> {
    /// For a client that has not started.
    pub fn new() -> Gate<R> {
        Gate {
            state: Mutex::new(State {
                run: None,
                paused: false,
            }),
            closed: Condvar::new(),
        }
    }

    /// Begins a run with `start`, which names it. The run may end before this returns: that waits for it.
    pub fn start<E: From<WrongState>>(
        &self,
        start: impl FnOnce(Arc<Control>) -> Result<R, E>,
    ) -> Result<(), E> {
        let mut state = lock(&self.state);
        if state.run.is_some() {
            return Err(WrongState.into());
        }
        let control = Arc::new(Control::new(state.paused));
        let name = start(control.clone())?;
        state.run = Some(Running { control, name });
        Ok(())
    }

    /// Does something that must not happen while the client runs; it cannot be started meanwhile.
    pub fn while_stopped<T>(&self, act: impl FnOnce() -> T) -> Result<T, WrongState> {
        let state = lock(&self.state);
        match state.run {
            None => Ok(act()),
            Some(_) => Err(WrongState),
        }
    }

    /// Asks something of the run, if there is one.
    pub fn interrupt(&self, interrupt: Interrupt) -> Result<(), WrongState> {
        let state = lock(&self.state);
        let run = state.run.as_ref().ok_or(WrongState)?;
        run.control.interrupt(interrupt);
        Ok(())
    }

    /// Makes the run pause or go on, and those to come begin so.
    pub fn set_paused(&self, paused: bool) {
        let mut state = lock(&self.state);
        state.paused = paused;
        if let Some(run) = &state.run {
            run.control.set_paused(paused);
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
