//! The rules of back-off, each in a run: what a server does over several streams, and which delays the client tells.

use crate::common::{Subject, Told, limit};
use eventsource::http::ErrorKind;
use eventsource::stream::{Close, Decision};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};
use test_server::{Exchange, Server};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// A client with a base delay, and no jitter.
fn with_base(server: &Server, base: Duration) -> Subject {
    let subject = Subject::new(&server.url("/"));
    subject.configure(|settings| settings.reconnect.delay = base);
    subject
}

/// The next delays that the client tells.
fn delays(subject: &Subject, n: usize) -> Vec<Duration> {
    let delay = |_| subject.error().retry_in.expect("it is retried");
    (0..n).map(delay).collect()
}

/// A server whose streams each hold these bytes and end without error.
fn ending_cleanly(stream: &'static str) -> Server {
    Server::start(move |exchange| {
        exchange.event_stream();
        exchange.chunk(stream);
        exchange.end();
    })
}

/// A server whose streams hold these bytes and are broken off, a while after the client has been told that they are open.
fn breaking_off_later(stream: &'static str) -> (Server, Sender<()>) {
    let (told, opened) = channel();
    let opened = Mutex::new(opened);
    let server = Server::start(move |exchange| {
        exchange.event_stream();
        exchange.chunk(stream);
        let is_open = opened.lock().expect("one at a time").recv_timeout(limit());
        if is_open.is_ok() {
            exchange.pause(60 * MS);
        }
        exchange.close();
    });
    (server, told)
}

/// Tells such a server when a stream is open.
fn tell_when_open(subject: &mut Subject, opened: Sender<()>) {
    subject.on_told(move |told| {
        if let Told::Open { .. } = told {
            let _ = opened.send(());
        }
        Decision::Default
    });
}

#[test]
fn growth_starts_over_after_a_lost_stream_that_was_worth_its_wait() {
    let (server, opened) = breaking_off_later("data: worth it\n\n");
    let mut subject = with_base(&server, 2 * MS);
    tell_when_open(&mut subject, opened);
    subject.start();
    assert_eq!(delays(&subject, 4), [2 * MS; 4]);
}

#[test]
fn growth_starts_over_after_a_stream_that_brought_anything_and_ended_cleanly() {
    for stream in [
        "data: an event\n\n",
        "id: always the same\n\n",
        "retry: 2\n",
        ": a comment\n",
    ] {
        let server = ending_cleanly(stream);
        for subject in [
            with_base(&server, 2 * MS),
            with_base(&server, 2 * MS).without_comments(),
        ] {
            let mut subject = subject;
            subject.start();
            assert_eq!(delays(&subject, 4), [2 * MS; 4], "{stream:?}");
        }
    }
}

#[test]
fn a_comment_that_is_not_wanted_is_something_however_it_is_cut() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        for byte in ": a comment\n".bytes() {
            exchange.chunk([byte]);
            exchange.pause(MS);
        }
        exchange.end();
    });
    let mut subject = with_base(&server, 2 * MS).without_comments();
    subject.start();
    assert_eq!(delays(&subject, 3), [2 * MS; 3]);
}

#[test]
fn the_delay_grows_after_streams_that_brought_nothing() {
    for stream in [
        "",
        "\n\n",
        "data: no blank line follows\n",
        "unknown: field\n\n",
    ] {
        let server = ending_cleanly(stream);
        let mut subject = with_base(&server, 2 * MS);
        subject.start();
        assert_eq!(delays(&subject, 3), [2 * MS, 4 * MS, 8 * MS], "{stream:?}");
    }
}

#[test]
fn a_server_that_accepts_and_dies_is_not_hammered() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        exchange.event("and gone");
        exchange.close();
    });
    let mut subject = with_base(&server, 300 * MS);
    subject.start();
    assert_eq!(delays(&subject, 3), [300 * MS, 600 * MS, 1200 * MS]);
}

#[test]
fn growth_starts_over_after_the_time_of_health_whatever_the_stream_brought() {
    let (server, opened) = breaking_off_later("");
    let mut subject = with_base(&server, 2 * MS);
    subject.configure(|settings| settings.reconnect.reset_after = 20 * MS);
    tell_when_open(&mut subject, opened);
    subject.start();
    assert_eq!(delays(&subject, 3), [2 * MS; 3]);
}

#[test]
fn growth_starts_over_after_a_healthy_stream_that_the_program_gives_up() {
    let server = Server::start(|exchange| match exchange.request.number {
        0 | 1 | 3 => exchange.respond(503, &[], b""),
        _ => {
            exchange.event_stream();
            exchange.event("healthy");
            exchange.wait_for_disconnect();
        }
    });
    let mut subject = with_base(&server, 2 * MS);
    subject.configure(|settings| settings.reconnect.reset_after = Duration::ZERO);
    subject.start();
    assert_eq!(delays(&subject, 2), [2 * MS, 4 * MS]);
    subject.events(1);
    subject.client.reconnect_now().expect("it runs");
    assert_eq!(delays(&subject, 1), [2 * MS]);
}

#[test]
fn a_run_has_jitter() {
    let server = ending_cleanly("data: x\n\n");
    let mut subject = with_base(&server, 10 * MS);
    subject.configure(|settings| settings.reconnect.jitter = 0.5);
    subject.start();
    let delays = delays(&subject, 8);
    let in_range = |delay: &Duration| (10 * MS..=15 * MS).contains(delay);
    assert!(delays.iter().all(in_range), "{delays:?}");
    assert!(delays.iter().any(|delay| *delay != delays[0]), "{delays:?}");
}

#[test]
fn no_delay_is_longer_than_the_maximum() {
    let server = ending_cleanly("");
    let mut subject = with_base(&server, 3 * MS);
    subject.configure(|settings| {
        settings.reconnect.max_delay = 4 * MS;
        settings.reconnect.jitter = 0.5;
    });
    subject.start();
    let delays = delays(&subject, 20);
    assert!(delays.iter().all(|delay| *delay <= 4 * MS), "{delays:?}");
    assert!(delays.iter().any(|delay| *delay < 4 * MS), "{delays:?}");
}

#[test]
fn what_the_server_asks_for_is_not_undercut() {
    type Ask = fn(&mut Exchange);
    let asks: [(Ask, u32); 2] = [
        (
            |exchange| {
                exchange.event_stream();
                exchange.chunk("retry: 300000\n");
                exchange.end();
            },
            300,
        ),
        (
            |exchange| exchange.respond(503, &[("Retry-After", "120")], b""),
            120,
        ),
    ];
    for (ask, seconds) in asks {
        let server = Server::start(ask);
        let mut subject = Subject::with_defaults(&server.url("/"));
        subject.configure(|settings| settings.reconnect.retry_initial = true);
        subject.start();
        let delay = subject.error().retry_in.expect("it is retried");
        let asked = seconds * S;
        assert!(asked <= delay && delay <= asked.mul_f64(1.1), "{delay:?}");
    }
}

#[test]
fn no_server_makes_a_client_come_back_sooner_than_the_floor() {
    let server = ending_cleanly("retry: 0\ndata: x\n\n");
    for (own, floor) in [(1000, 100), (5, 5)] {
        let mut subject = with_base(&server, own * MS);
        subject.start();
        assert_eq!(delays(&subject, 1), [floor * MS]);
    }
}

#[test]
fn redirects_and_repetitions_do_not_multiply_what_a_server_makes_a_client_send() {
    let server = Server::start(|exchange| match exchange.request.path() {
        "/" => exchange.respond(302, &[("Location", "/1")], b""),
        "/1" => exchange.respond(307, &[("Location", "/2")], b""),
        _ if exchange.request.number < 3 => exchange.respond(401, &[], b""),
        _ => {
            exchange.event_stream();
            exchange.chunk("retry: 0\ndata: x\n\n");
            exchange.end();
        }
    });
    let mut subject = with_base(&server, 10 * MS);
    subject.on_request(|_| {});
    subject.start();
    // Three requests until the 401, three more at once; then three for each stream.
    let expected = [Duration::ZERO, 60 * MS, 30 * MS, 30 * MS];
    assert_eq!(delays(&subject, 4), expected);
}

#[test]
fn a_final_error_that_on_error_has_retried_is_waited_for() {
    let server = Server::start(|exchange| match exchange.request.number {
        0 => exchange.respond(404, &[], b""),
        _ => exchange.respond(204, &[], b""),
    });
    let mut subject = with_base(&server, 50 * MS);
    subject.on_told(|_| Decision::Reconnect);
    let begun = Instant::now();
    subject.start();
    assert_eq!(subject.error().retry_in, None);
    assert_eq!(subject.close(), Close::Server);
    assert!(begun.elapsed() >= 50 * MS);
}

#[test]
fn on_error_chooses_the_next_delay() {
    for (status, decision) in [(503, Decision::Default), (404, Decision::Reconnect)] {
        for (policys, chosen) in [(3600 * S, 40 * MS), (MS, 40 * MS)] {
            let server = Server::start(move |exchange| match exchange.request.number {
                0 => exchange.respond(status, &[], b""),
                _ => exchange.respond(204, &[], b""),
            });
            let mut subject = with_base(&server, policys);
            subject.configure(|settings| settings.reconnect.max_delay = 3600 * S);
            let client = subject.client.clone();
            subject.on_told(move |told| {
                let choice = client.set_next_delay(chosen);
                assert_eq!(choice.is_ok(), matches!(told, Told::Error(_)), "{told:?}");
                decision
            });
            let begun = Instant::now();
            subject.start();
            assert_eq!(subject.error().kind, ErrorKind::Status);
            assert_eq!(subject.close(), Close::Server);
            assert!(begun.elapsed() >= chosen);
        }
    }
}

#[test]
fn a_chosen_delay_holds_once() {
    let server = Server::start(|exchange| exchange.respond(503, &[], b""));
    let mut subject = with_base(&server, 2 * MS);
    let client = subject.client.clone();
    let mut is_first = true;
    subject.on_told(move |told| {
        if matches!(told, Told::Error(_)) && std::mem::take(&mut is_first) {
            client
                .set_next_delay(Duration::ZERO)
                .expect("it is told of an error");
        }
        Decision::Default
    });
    subject.start();
    assert_eq!(delays(&subject, 3), [2 * MS, 4 * MS, 8 * MS]);
}
