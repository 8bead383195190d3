//! What holds between a run and those who start, stop and wait for it.

use crate::stream::control::Interrupt;
use crate::stream::gate::{Gate, WrongState};
use crate::{Parked, check};
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;
use std::sync::Arc;

/// A client whose run delivers events until it is stopped, then closes.
struct Client {
    gate: Gate<u32>,
    inside: AtomicBool,
    closes: AtomicUsize,
}

impl Client {
    fn new() -> Arc<Client> {
        Arc::new(Client {
            gate: Gate::new(),
            inside: AtomicBool::new(false),
            closes: AtomicUsize::new(0),
        })
    }

    fn callback(&self) {
        assert!(
            !self.inside.swap(true, Ordering::SeqCst),
            "two callbacks at once"
        );
        self.inside.store(false, Ordering::SeqCst);
    }

    fn start(self: &Arc<Client>) -> Result<(), WrongState> {
        let client = self.clone();
        self.gate.start(|control| {
            thread::spawn(move || {
                if !control.holds_events() {
                    client.callback();
                }
                Parked::new().until_ready(|cx| control.poll_interrupt(cx));
                client.callback();
                client.closes.fetch_add(1, Ordering::SeqCst);
                client.gate.ended();
            });
            Ok((1, ()))
        })
    }

    fn has_closed(&self, times: usize) {
        assert_eq!(self.closes.load(Ordering::SeqCst), times);
        assert!(!self.inside.load(Ordering::SeqCst), "a callback runs");
    }
}

#[test]
fn whoever_stops_and_waits_returns_when_no_callback_runs_or_will_run() {
    check(3, || {
        let client = Client::new();
        client.start().unwrap();
        let stop_and_wait = |client: &Client| {
            let _ = client.gate.interrupt(Interrupt::Stop);
            assert!(client.gate.wait(None));
            client.has_closed(1);
        };
        let other = {
            let client = client.clone();
            thread::spawn(move || stop_and_wait(&client))
        };
        stop_and_wait(&client);
        other.join().unwrap();
    });
}

#[test]
fn of_two_starts_at_once_one_is_refused_until_the_run_has_ended() {
    check(2, || {
        let client = Client::new();
        let other = {
            let client = client.clone();
            thread::spawn(move || usize::from(client.start().is_ok()))
        };
        let mut starts = usize::from(client.start().is_ok());
        let _ = client.gate.interrupt(Interrupt::Stop);
        starts += other.join().unwrap();
        let _ = client.gate.interrupt(Interrupt::Stop);
        assert!(client.gate.wait(None));
        assert!(starts >= 1);
        client.has_closed(starts);
        assert!(client.gate.may_start().is_ok());
    });
}
