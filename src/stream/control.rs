//! How other threads interrupt a run, and make it pause.

use crate::runtime::{Change, Stop};
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::{Mutex, lock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// What a run is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// Close.
    Stop,
    /// Connect anew, now.
    Reconnect,
    /// Close, because the stream is complete.
    End,
}

const STOP: u8 = 1;
const RECONNECT: u8 = 2;
const PAUSE: u8 = 4;
const END: u8 = 8;

/// What has happened to the network.
const MOVED: u8 = 1;
const SLEPT: u8 = 2;

/// After a sleep this long nobody is sure that a connection is still there: what is on its way forgets those that are silent
/// for longer.
const SLEEP: Duration = Duration::from_secs(30);

/// What a run is to make of what has happened to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Connections may lead nowhere.
    Moved,
    /// The same, and the system has slept for long.
    Slept,
}

/// Carries interrupts to the run. A stop outranks an end, and that a reconnect; neither is ever taken back.
#[derive(Debug, Default)]
pub struct Control {
    asked: AtomicU8,
    /// What has happened to the network since the run last looked. Apart from what is asked: it holds no event.
    network: AtomicU8,
    /// The run's task, once it has looked: everything in it waits with the same one.
    run: Mutex<Option<Waker>>,
}

impl Control {
    /// For a run that begins paused, or not.
    pub fn new(paused: bool) -> Control {
        let control = Control::default();
        control.set_paused(paused);
        control
    }

    /// Asks; never blocks.
    pub fn interrupt(&self, interrupt: Interrupt) {
        let bit = match interrupt {
            Interrupt::Stop => STOP,
            Interrupt::Reconnect => RECONNECT,
            Interrupt::End => END,
        };
        self.asked.fetch_or(bit, Ordering::Release);
        self.wake();
    }

    /// Makes the run pause, or go on. It has to be woken for either: it may be waiting for bytes, with an eye on the clock,
    /// or for the end of a pause.
    pub fn set_paused(&self, paused: bool) {
        if paused {
            self.asked.fetch_or(PAUSE, Ordering::Release);
        } else {
            self.asked.fetch_and(!PAUSE, Ordering::Release);
        }
    }

    /// Whether something has been asked: then no further event is delivered, for now or for good. One load, for every
    /// event.
    pub fn holds_events(&self) -> bool {
        self.asked.load(Ordering::Relaxed) != 0
    }

    /// Whether the run has been asked to close or to connect anew.
    pub fn is_interrupted(&self) -> bool {
        self.asked.load(Ordering::Relaxed) & (STOP | RECONNECT | END) != 0
    }

    /// Waits for an interrupt and takes it.
    pub fn poll_interrupt(&self, cx: &mut Context<'_>) -> Poll<Interrupt> {
        self.poll(cx, |control| {
            if !control.is_interrupted() {
                return None;
            }
            // Of a reconnect only this bit is cleared, so that a stop that comes meanwhile is not lost.
            match control.asked.fetch_and(!RECONNECT, Ordering::Acquire) {
                asked if asked & STOP != 0 => Some(Interrupt::Stop),
                asked if asked & END != 0 => Some(Interrupt::End),
                asked if asked & RECONNECT != 0 => Some(Interrupt::Reconnect),
                _ => None,
            }
        })
    }

    /// Whether the run is to pause. A run that has polled for an interrupt, to no avail, is woken when that changes.
    pub fn is_paused(&self) -> bool {
        self.asked.load(Ordering::Acquire) & PAUSE != 0
    }

    /// What has happened to the network since this was last asked. A run that has polled for an interrupt, to no avail, is
    /// woken when something does.
    pub fn take_doubt(&self) -> Option<Doubt> {
        if !self.has_doubt() {
            return None;
        }
        match self.network.swap(0, Ordering::Acquire) {
            0 => None,
            changes if changes & SLEPT != 0 => Some(Doubt::Slept),
            _ => Some(Doubt::Moved),
        }
    }

    /// Whether something has. One load, for every look at the stream.
    pub fn has_doubt(&self) -> bool {
        self.network.load(Ordering::Relaxed) != 0
    }

    /// Waits until the run need not pause.
    pub fn poll_unpaused(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll(cx, |control| (!control.is_paused()).then_some(()))
    }

    fn poll<T>(&self, cx: &mut Context<'_>, look: impl Fn(&Control) -> Option<T>) -> Poll<T> {
        if let Some(found) = look(self) {
            return Poll::Ready(found);
        }
        let mut run = lock(&self.run);
        if run.as_ref().is_some_and(|run| run.will_wake(cx.waker())) {
            // It was there before the look, so whatever came after that has woken it.
            return Poll::Pending;
        }
        *run = Some(cx.waker().clone());
        drop(run);
        look(self).map_or(Poll::Pending, Poll::Ready)
    }

    /// Has the run look at what it is asked.
    pub fn wake(&self) {
        // Outside the lock: a thread that is woken may look at once.
        let run = lock(&self.run).clone();
        if let Some(run) = run {
            run.wake();
        }
    }
}

impl Stop for Control {
    fn stop(&self) {
        self.interrupt(Interrupt::Stop);
    }

    fn network_changed(&self, change: Change) {
        let change = match change {
            Change::Moved => MOVED,
            Change::Woken(slept) if slept >= SLEEP => SLEPT,
            Change::Woken(_) => MOVED,
        };
        self.network.fetch_or(change, Ordering::Release);
        self.wake();
    }
}
