//! Few bytes that stand for many: whatever they are decoded to, they cost no memory and hold up nobody.
//!
//! A program of its own, as its memory is measured.

#[path = "../support/common/mod.rs"]
mod common;

use common::{Stopwatch, Subject, limit};
use eventsource::http::ErrorKind;
use eventsource::stream::Mode;
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use test_server::{Encoder, Exchange, Server};

/// The codings of which there is an engine each.
const ENGINES: [&str; 5] = ["gzip", "deflate", "raw-deflate", "br", "zstd"];

/// The process's memory and time are for one test after the other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn encoder(codings: &str) -> Encoder {
    Encoder::new(codings).expect("known codings")
}

/// Begins an event stream whose body is sent as it is.
fn send_head(exchange: &mut Exchange, codings: &str) {
    exchange.head(
        200,
        &[
            ("Content-Type", "text/event-stream"),
            ("Content-Encoding", &codings.replace("raw-", "")),
        ],
    );
}

/// Sends text of this line that decodes to much more than it is, until the peer goes.
fn bomb(exchange: &mut Exchange, codings: &str, line: &str) {
    const PIECE: usize = 256 * 1024;
    let text = line.repeat(PIECE / line.len());
    send_head(exchange, codings);
    let mut encoder = encoder(codings);
    exchange.send(encoder.encode(text.as_bytes()));
    // What refers back to the first piece can be said again and again: that is all a bomb is.
    let again = encoder.encode(text.as_bytes());
    assert!(
        again.len() < PIECE / 100,
        "{codings}: {} bytes",
        again.len()
    );
    let many = again.repeat(16);
    while exchange.send(&many) {}
}

/// The peak of this process's memory, and what it has now.
fn memory() -> (usize, usize) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let read = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse::<usize>().ok()
    };
    let kib = |name| read(name).unwrap_or(0) * 1024;
    (kib("VmHWM:"), kib("VmRSS:"))
}

fn assert_stops_at_the_limit(server: &Server, codings: &str) {
    let mut subject = Subject::with_defaults(&server.url("/"));
    subject.configure(|settings| {
        settings.set_max_event_size(4 << 20).expect("a size");
        settings.mode = Mode::Once;
    });
    subject.start();
    let lost = subject.error();
    let kind = ErrorKind::EventTooLarge;
    assert_eq!(lost.kind, kind, "{codings}: {}", lost.message);
    server.wait_for_no_connections();
}

#[test]
fn a_bomb_stops_at_the_event_limit() {
    let _alone = alone();
    for codings in ENGINES {
        let server = Server::start(move |exchange| {
            bomb(exchange, codings, "data: aaaaaaaaaaaaaaaaaaaaaa\n");
        });
        assert_stops_at_the_limit(&server, codings);
    }
}

#[test]
fn a_bomb_in_a_bomb_stops_at_the_event_limit() {
    let _alone = alone();
    let server = Server::start(|exchange| {
        let text = "data: aaaaaaaaaaaaaaaaaaaaaa\n".repeat(10_000);
        let mut inner = encoder("zstd");
        let mut text: Vec<_> = (0..100)
            .flat_map(|_| inner.encode(text.as_bytes()))
            .collect();
        text = encoder("zstd").encode(&text);
        assert!(text.len() < 2000, "{} bytes", text.len());
        send_head(exchange, "zstd, zstd");
        exchange.send(text);
        exchange.wait_for_disconnect();
    });
    assert_stops_at_the_limit(&server, "zstd, zstd");
}

/// A server that sends this under two codings, and then nothing more.
fn silent_after(codings: &'static str, body: Vec<u8>) -> Server {
    Server::start(move |exchange| {
        send_head(exchange, codings);
        exchange.send(&body);
        exchange.wait_for_disconnect();
    })
}

/// A client whose events hold 64 KiB at the most, and that tries once.
fn once(server: &Server) -> Subject {
    let mut subject = Subject::with_defaults(&server.url("/"));
    subject.configure(|settings| {
        settings.set_max_event_size(64 << 10).expect("a size");
        settings.mode = Mode::Once;
    });
    subject.start();
    subject
}

/// So many times this text under zstd, in few bytes.
fn repeated(text: &[u8], times: usize) -> Vec<u8> {
    let mut encoder = encoder("zstd");
    let first = encoder.encode(text);
    [first, encoder.encode(text).repeat(times - 1)].concat()
}

/// No server makes a client busy for ever, whatever it has made of few bytes: nothing, blank lines, unknown fields,
/// comments, or events.
#[test]
fn what_few_bytes_are_decoded_to_has_an_end() {
    let _alone = alone();
    let comments = b": nothing\n".repeat(10_000);
    let event = [&b"data: "[..], &[b'a'; 60_000], b"\n\n"].concat();
    let member = encoder("gzip").finish();
    let nothing = member.repeat((1 << 20) / member.len());
    let twice = |text: &[u8], times| encoder("zstd").encode(&repeated(text, times));
    for (codings, body, what) in [
        (
            "zstd, zstd",
            twice(&[b'\n'; 1 << 20], 64),
            "without an event",
        ),
        ("zstd, zstd", twice(&comments, 640), "without an event"),
        ("gzip, zstd", repeated(&nothing, 64), "without an event"),
        ("zstd, zstd", twice(&event, 4000), "in all"),
    ] {
        let len = body.len();
        assert!(len < 8000, "{codings}: {len} bytes");
        let server = silent_after(codings, body);
        let lost = once(&server).error();
        assert_eq!(lost.kind, ErrorKind::Decoding, "{}", lost.message);
        assert!(lost.message.contains(what), "{}", lost.message);
        assert!(
            lost.message.contains(&len.to_string()),
            "{len}: {}",
            lost.message
        );
        server.wait_for_no_connections();
    }
}

/// A dashboard that sends the same large snapshot again and again: a few bytes each for zstd and br.
#[test]
fn events_that_say_the_same_again_are_no_bomb() {
    let _alone = alone();
    const EVENTS: usize = 1000;
    let event = [&b"data: "[..], &[b'a'; 60_000], b"\n\n"].concat();
    for codings in ["br", "zstd"] {
        let event = event.clone();
        let server = Server::start(move |exchange| {
            let mut encoder = encoder(codings);
            send_head(exchange, codings);
            for _ in 0..EVENTS {
                exchange.send(encoder.encode(&event));
            }
            exchange.wait_for_disconnect();
        });
        assert_eq!(once(&server).events(EVENTS).len(), EVENTS, "{codings}");
    }
}

#[test]
fn a_bomb_of_what_nobody_wants_neither_grows_nor_holds_up_others_nor_a_stop() {
    let _alone = alone();
    const SOON: Duration = Duration::from_millis(100);
    let calm = Server::start(|exchange| {
        exchange.event_stream();
        exchange.event("one");
        exchange.wait_for_disconnect();
    });
    for codings in ENGINES {
        let server = Server::start(move |exchange| {
            bomb(exchange, codings, "nothing: aaaaaaaaaaaaaaaaaaaaaa\n")
        });
        let mut subject = Subject::with_defaults(&server.url("/"));
        subject.start();
        subject.open();
        let before = memory().1;
        let begun = Instant::now();
        while subject.client.stats().bytes < 8 << 20 {
            assert!(
                begun.elapsed() < 3 * limit(),
                "{codings}: {:?}",
                subject.client.stats()
            );
            let mut other = Subject::new(&calm.url("/"));
            let watch = Stopwatch::start();
            other.start();
            other.events(1);
            let took = watch.time();
            // It would be as long as the bomb is decoded, which is many seconds.
            assert!(took < 20 * SOON, "{codings}: another's event took {took:?}");
        }
        let grown = memory().0.saturating_sub(before);
        // Most of it is the server's, whose encoders are in this process, too, and the more, the longer it takes. Of what this
        // is decoded to, it would be some gigabytes.
        assert!(grown < 128 << 20, "{codings}: {grown} bytes");
        let watch = Stopwatch::start();
        subject.stop();
        let took = watch.time();
        assert!(took < SOON, "{codings}: the stop took {took:?}");
    }
}
