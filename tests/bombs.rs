//! Few bytes that stand for many: whatever they are decoded to, they cost no memory and hold up nobody.
//!
//! A program of its own, as its memory is measured.

mod common;

use common::{LIMIT, Subject};
use eventsource::http::ErrorKind;
use std::fs;
use std::time::{Duration, Instant};
use test_server::{Encoder, Exchange, Server};

/// The codings of which there is an engine each.
const ENGINES: [&str; 5] = ["gzip", "deflate", "raw-deflate", "br", "zstd"];

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
        settings.reconnect.enabled = false;
    });
    subject.start();
    let lost = subject.error();
    let kind = ErrorKind::EventTooLarge;
    assert_eq!(lost.kind, kind, "{codings}: {}", lost.message);
    server.wait_for_no_connections();
}

#[test]
fn a_bomb_stops_at_the_event_limit() {
    for codings in ENGINES {
        let server = Server::start(move |exchange| {
            bomb(exchange, codings, "data: aaaaaaaaaaaaaaaaaaaaaa\n");
        });
        assert_stops_at_the_limit(&server, codings);
    }
}

#[test]
fn a_bomb_in_a_bomb_stops_at_the_event_limit() {
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

#[test]
fn a_bomb_of_what_nobody_wants_neither_grows_nor_holds_up_others_nor_a_stop() {
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
                begun.elapsed() < 3 * LIMIT,
                "{codings}: {:?}",
                subject.client.stats()
            );
            let mut other = Subject::new(&calm.url("/"));
            let begun = Instant::now();
            other.start();
            other.events(1);
            let took = begun.elapsed();
            assert!(took < 4 * SOON, "{codings}: another's event took {took:?}");
        }
        let grown = memory().0.saturating_sub(before);
        // Most of it is the server's, whose encoders are in this process, too.
        assert!(grown < 32 << 20, "{codings}: {grown} bytes");
        let begun = Instant::now();
        subject.stop();
        let took = begun.elapsed();
        assert!(took < SOON, "{codings}: the stop took {took:?}");
    }
}
