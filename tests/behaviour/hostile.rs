//! What a hostile server sends leads to an error and a policy decision: never to a crash, a hang, growth or a wrong event.

use crate::common::{Subject, outcome};
use eventsource::http::ErrorKind;
use eventsource::stream::Mode;
use std::io::{Read, Write};
use std::time::Duration;
use test_server::Server;

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";

/// A server that reads a request's first bytes and answers with these.
fn raw(answer: impl Into<Vec<u8>>) -> Server {
    let answer = answer.into();
    Server::start_raw(move |mut socket| {
        let _ = socket.read(&mut [0; 4096]);
        let _ = socket.write_all(&answer);
    })
}

#[test]
fn bytes_that_are_not_http_are_a_protocol_error() {
    for garbage in [
        "SSH-2.0-OpenSSH\r\n",
        "\0\0\0\0",
        "HTTP/9.9 200 OK\r\n\r\n",
        "<html>",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
    ] {
        assert_eq!(
            outcome(&raw(garbage)).0.kind,
            ErrorKind::Protocol,
            "{garbage:?}"
        );
    }
}

#[test]
fn nothing_of_a_servers_reaches_a_message_raw_or_without_end() {
    // CSI, which is one character to a terminal and two bytes that HTTP allows in a header's value.
    let csi = "\u{9b}2J";
    let long = "x".repeat(16 * 1024);
    let answer = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
    let redirect = |to: &str| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\n\r\n");
    for said in [csi, &long] {
        for answer in [
            format!("HTTP/1.1 404 {said}\r\n\r\n"),
            format!("{said}\r\n\r\n"),
            answer(&format!("Content-Type: {said}")),
            answer(&format!("Content-Type: text/{said}")),
            answer(&format!(
                "Content-Type: text/event-stream\r\nContent-Encoding: {said}"
            )),
            answer(&format!("Transfer-Encoding: {said}")),
            answer(&format!("Content-Length: {said}")),
            redirect(said),
            redirect(&format!("{said}:x")),
            redirect(&format!("http://{said}/")),
            redirect(&format!("http://{said}:99999/")),
            redirect(&format!("https://127.0.0.1:1/{said}")),
        ] {
            let (lost, _) = outcome(&raw(answer.clone()));
            let beginning: String = answer.chars().take(60).collect();
            assert!(!lost.message.chars().any(char::is_control), "{beginning:?}");
            assert!(lost.message.len() <= 400, "{beginning:?}: {}", lost.message);
        }
    }
}

#[test]
fn a_connection_that_ends_before_the_answer_is_a_disconnection() {
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Ty"] {
        assert_eq!(
            outcome(&raw(answer)).0.kind,
            ErrorKind::Disconnected,
            "{answer:?}"
        );
    }
}

#[test]
fn broken_chunk_framing_is_a_protocol_error_and_what_came_before_counts() {
    for broken in [
        "zz\r\n",
        "-1\r\n",
        "fffffffffffffffffff\r\n",
        "5\r\nhelloX\r\n",
    ] {
        let stream =
            format!("{HEAD}Transfer-Encoding: chunked\r\n\r\ne\r\ndata: before\n\n\r\n{broken}");
        let (lost, events) = outcome(&raw(stream));
        assert_eq!(
            (lost.kind, events),
            (ErrorKind::Protocol, vec!["before".to_owned()]),
            "{broken:?}"
        );
    }
}

#[test]
fn transfer_codings_that_nobody_asked_for_are_a_protocol_error_and_no_events() {
    for coding in ["gzip, chunked", "gzip", "xchunked", "chunked, gzip"] {
        let stream = format!("{HEAD}Transfer-Encoding: {coding}\r\n\r\n9\r\ndata: a\n\n\r\n");
        let (lost, events) = outcome(&raw(stream));
        let message = lost.message;
        assert_eq!(
            (lost.kind, events.len()),
            (ErrorKind::Protocol, 0),
            "{coding}"
        );
        assert!(message.contains("transfer coding"), "{message}");
    }
}

#[test]
fn a_chunks_size_has_as_many_digits_as_a_number_needs() {
    let sized = |zeros: usize| {
        let size = "0".repeat(zeros);
        let chunks = format!("9\r\ndata: a\n\n\r\n{size}9\r\ndata: b\n\n\r\n");
        outcome(&raw(format!(
            "{HEAD}Transfer-Encoding: chunked\r\n\r\n{chunks}"
        )))
    };
    assert_eq!(sized(15).1, ["a", "b"]);
    let (lost, events) = sized(100_000);
    assert_eq!(
        (lost.kind, events),
        (ErrorKind::Protocol, vec!["a".to_owned()])
    );
}

#[test]
fn interim_responses_without_end_are_a_protocol_error() {
    for head in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 x\r\nLink: y\r\n\r\n",
    ] {
        let server =
            Server::start_raw(move |mut socket| while socket.write_all(head.as_bytes()).is_ok() {});
        let lost = outcome(&server).0;
        assert_eq!(lost.kind, ErrorKind::Protocol, "{}", lost.message);
        assert!(lost.message.contains("100 interim"), "{}", lost.message);
    }
}

#[test]
fn a_body_that_is_shorter_than_it_says_is_a_disconnection() {
    for framing in [
        "Content-Length: 100\r\n\r\ndata: a\n\n",
        "Transfer-Encoding: chunked\r\n\r\n64\r\ndata: a\n\n",
    ] {
        let (lost, events) = outcome(&raw(format!("{HEAD}{framing}")));
        assert_eq!(
            (lost.kind, events),
            (ErrorKind::Disconnected, vec!["a".to_owned()]),
            "{framing:?}"
        );
    }
}

#[test]
fn a_body_ends_where_its_content_length_says() {
    let (lost, events) = outcome(&raw(format!(
        "{HEAD}Content-Length: 9\r\n\r\ndata: a\n\ndata: smuggled\n\n"
    )));
    assert_eq!(
        (lost.kind, events),
        (ErrorKind::EndOfStream, vec!["a".to_owned()])
    );
}

#[test]
fn chunk_extensions_and_trailers_are_not_events() {
    let stream = format!(
        "{HEAD}Transfer-Encoding: chunked\r\n\r\n9;ext=\"data: x\"\r\ndata: a\n\n\r\n0\r\nX: data: y\r\n\r\n"
    );
    let (lost, events) = outcome(&raw(stream));
    assert_eq!(
        (lost.kind, events),
        (ErrorKind::EndOfStream, vec!["a".to_owned()])
    );
}

#[test]
fn endless_headers_are_a_protocol_error() {
    let server = Server::start_raw(|mut socket| {
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\n");
        // Far more than any client should read; ends when the client hangs up.
        for n in 0..1_000_000 {
            if socket
                .write_all(format!("X-{n}: {n}\r\n").as_bytes())
                .is_err()
            {
                return;
            }
        }
    });
    let lost = outcome(&server).0;
    assert_eq!(lost.kind, ErrorKind::Protocol, "{}", lost.message);
}

#[test]
fn an_event_over_the_limit_is_an_error_and_is_retried() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        exchange.event("small");
        exchange.event(&"x".repeat(2000));
        exchange.wait_for_disconnect();
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.configure(|settings| settings.set_max_event_size(1000).expect("a size"));
    subject.start();
    for _ in 0..2 {
        assert_eq!(subject.events(1), ["small"]);
        let lost = subject.error();
        assert_eq!(lost.kind, ErrorKind::EventTooLarge);
        assert!(lost.retry_in.is_some());
    }
}

#[test]
fn an_endless_line_is_cut_off_at_the_limit() {
    for line in ["data: ", ": ", "id: ", "event: "] {
        let server = Server::start(move |exchange| {
            exchange.event_stream();
            exchange.chunk(line);
            while exchange.chunk("x".repeat(64 * 1024)) {}
        });
        let mut subject = Subject::with_defaults(&server.url("/"));
        subject.configure(|settings| {
            settings.set_max_event_size(1 << 20).expect("a size");
            settings.mode = Mode::Once;
        });
        subject.start();
        assert_eq!(subject.error().kind, ErrorKind::EventTooLarge, "{line}");
        server.wait_for_no_connections();
    }
}

#[test]
fn a_server_that_never_answers_can_be_stopped() {
    let server = Server::start_raw(|mut socket| {
        let _ = socket.read_to_end(&mut Vec::new());
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.start();
    server.wait_for_connections(1);
    subject.stop();
    server.wait_for_no_connections();
}

#[test]
fn a_flood_of_reconnects_is_held_back_by_the_floor() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        exchange.chunk("retry: 0\n\n");
        exchange.end();
    });
    let mut subject = Subject::with_defaults(&server.url("/"));
    subject.start();
    for _ in 0..3 {
        let wait = subject.error().retry_in.expect("a wait");
        assert!(wait >= Duration::from_millis(100), "{wait:?}");
    }
}
