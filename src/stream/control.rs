//! How other threads interrupt a run, and make it pause.

use crate::runtime::Stop;
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::{Mutex, lock};
use std::task::{Context, Poll, Waker};

/// What a run is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// Close.
    Stop,
    /// Connect anew, now.
    Reconnect,
}

const STOP: u8 = 1;
const RECONNECT: u8 = 2;
const PAUSE: u8 = 4;

/// Carries interrupts to the run. A stop outranks a reconnect and is never taken back.
#[derive(Debug, Default)]
pub struct Control {
    asked: AtomicU8,
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
        self.asked.load(Ordering::Relaxed) & (STOP | RECONNECT) != 0
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
                asked if asked & RECONNECT != 0 => Some(Interrupt::Reconnect),
                _ => None,
            }
        })
    }

    /// Whether the run is to pause. A run that has polled for an interrupt, to no avail, is woken when that changes.
    pub fn is_paused(&self) -> bool {
        self.asked.load(Ordering::Acquire) & PAUSE != 0
    }

    /// Waits until the run need not pause.
    pub fn poll_resumed(&self, cx: &mut Context<'_>) -> Poll<()> {
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
        // Outside the lock: whoever is woken may look at once.
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
}
