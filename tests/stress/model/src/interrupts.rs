//! How a run is interrupted and paused.

use crate::stream::control::{Control, Interrupt};
use crate::{Parked, check};
use loom::thread;
use std::sync::Arc;

#[test]
fn an_interrupt_is_never_lost_and_a_stop_outranks_a_reconnect() {
    check(3, || {
        let control = Arc::new(Control::new(false));
        let askers = [Interrupt::Reconnect, Interrupt::Stop].map(|interrupt| {
            let control = control.clone();
            thread::spawn(move || control.interrupt(interrupt))
        });
        let parked = Parked::new();
        let mut reconnects = 0;
        while parked.until_ready(|cx| control.poll_interrupt(cx)) == Interrupt::Reconnect {
            reconnects += 1;
        }
        assert!(reconnects <= 1);
        assert!(control.is_interrupted(), "a stop is not taken back");
        for asker in askers {
            asker.join().unwrap();
        }
    });
}

#[test]
fn a_paused_run_goes_on_once_it_is_unpaused() {
    check(3, || {
        let control = Arc::new(Control::new(true));
        let unpauser = {
            let control = control.clone();
            thread::spawn(move || {
                control.set_paused(false);
                control.wake();
            })
        };
        Parked::new().until_ready(|cx| control.poll_unpaused(cx));
        assert!(!control.holds_events());
        unpauser.join().unwrap();
    });
}

#[test]
fn a_paused_run_can_be_stopped() {
    check(3, || {
        let control = Arc::new(Control::new(true));
        let stopper = {
            let control = control.clone();
            thread::spawn(move || {
                control.interrupt(Interrupt::Stop);
                control.set_paused(false);
                control.wake();
            })
        };
        let parked = Parked::new();
        // As a run does: whichever of the two comes first, with one waker for both.
        let interrupted = parked.until_ready(|cx| {
            if let std::task::Poll::Ready(interrupt) = control.poll_interrupt(cx) {
                return std::task::Poll::Ready(Some(interrupt));
            }
            control.poll_unpaused(cx).map(|()| None)
        });
        if interrupted.is_none() {
            // It was unpaused after the look for a stop, which had come before.
            assert!(control.is_interrupted());
        }
        stopper.join().unwrap();
    });
}

#[test]
fn a_run_that_waits_for_bytes_is_woken_by_a_pause() {
    check(3, || {
        let control = Arc::new(Control::new(false));
        let pauser = {
            let control = control.clone();
            thread::spawn(move || {
                control.set_paused(true);
                control.wake();
            })
        };
        // As a run does: it looks for interrupts first.
        Parked::new().until_ready(|cx| {
            assert!(control.poll_interrupt(cx).is_pending());
            match control.is_paused() {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        });
        pauser.join().unwrap();
    });
}
