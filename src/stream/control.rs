//! How other threads interrupt a run.

use std::sync::atomic::{AtomicU8, Ordering};
use tokio::sync::Notify;

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

/// Carries interrupts to the run. A stop outranks a reconnect and is never taken back.
#[derive(Debug, Default)]
pub struct Control {
    asked: AtomicU8,
    changed: Notify,
}

impl Control {
    /// Asks; never blocks.
    pub fn interrupt(&self, interrupt: Interrupt) {
        let bit = match interrupt {
            Interrupt::Stop => STOP,
            Interrupt::Reconnect => RECONNECT,
        };
        self.asked.fetch_or(bit, Ordering::Release);
        self.changed.notify_one();
    }

    /// Whether something has been asked: then nothing more is delivered. One load, for every event.
    pub fn is_interrupted(&self) -> bool {
        self.asked.load(Ordering::Relaxed) != 0
    }

    /// Waits for an interrupt and takes it.
    pub async fn interrupted(&self) -> Interrupt {
        loop {
            // Of a reconnect only this bit is cleared, so that a stop that comes meanwhile is not lost.
            let asked = self.asked.fetch_and(!RECONNECT, Ordering::Acquire);
            if asked & STOP != 0 {
                return Interrupt::Stop;
            }
            if asked & RECONNECT != 0 {
                return Interrupt::Reconnect;
            }
            self.changed.notified().await;
        }
    }
}
