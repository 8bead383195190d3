//! When the client tries again, and what it takes along.

use crate::common::{BEFORE_THE_DEFAULT, Stopwatch, Subject, Told};
use eventsource::http::ErrorKind;
use eventsource::stream::{Close, Decision, Mode, State};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};
use test_server::{Exchange, Server};

/// Each connection gets one event, whose id is its number, and a clean end.
fn one_event_each(exchange: &mut Exchange) {
    let number = exchange.request.number.to_string();
    exchange.event_stream();
    exchange.event_with_id(&number, &number);
    exchange.end();
}

/// A port on which nobody listens.
fn dead_url() -> String {
    Server::start(|_| {}).url("/")
}

#[test]
fn a_stream_that_ends_is_continued_with_the_last_event_id() {
    let server = Server::start(one_event_each);
    let mut subject = Subject::new(&server.url("/"));
    subject.start();
    assert_eq!(subject.events(3), ["0", "1", "2"]);
    let ids: Vec<_> = server.requests()[..3]
        .iter()
        .map(|request| request.header("last-event-id").map(str::to_owned))
        .collect();
    assert_eq!(ids, [None, Some("0".into()), Some("1".into())]);
}

#[test]
fn each_way_of_losing_a_stream_is_told_and_retried() {
    type Loss = fn(&mut Exchange);
    let losses: [(&str, Loss, ErrorKind); 3] = [
        ("a clean end", Exchange::end, ErrorKind::EndOfStream),
        (
            "an end without the last chunk",
            Exchange::close,
            ErrorKind::Disconnected,
        ),
        ("a reset", Exchange::reset, ErrorKind::Disconnected),
    ];
    for (name, lose, kind) in losses {
        let server = Server::start(move |exchange| {
            exchange.event_stream();
            exchange.event("whole");
            exchange.chunk("data: unfinished\n");
            lose(exchange);
        });
        let mut subject = Subject::new(&server.url("/"));
        subject.start();
        subject.open();
        assert_eq!(subject.events(1), ["whole"], "{name}");
        let lost = subject.error();
        assert_eq!((lost.kind, lost.attempt), (kind, 0), "{name}");
        assert!(lost.retry_in.is_some(), "{name}");
        assert_eq!(
            subject.events(1),
            ["whole"],
            "{name}: the unfinished event is never delivered"
        );
    }
}

#[test]
fn a_failed_first_attempt_is_final_by_default() {
    let mut subject = Subject::with_defaults(&dead_url());
    subject.start();
    let lost = subject.error();
    assert_eq!(
        (lost.kind, lost.attempt, lost.retry_in),
        (ErrorKind::Connect, 1, None)
    );
    assert_ne!(lost.os_error, 0);
    assert_eq!(subject.close(), Close::Failed(ErrorKind::Connect));
}

#[test]
fn after_the_stream_has_been_open_a_failed_attempt_is_retried() {
    let server = Server::start(|exchange| match exchange.request.number {
        0 => one_event_each(exchange),
        1 => exchange.respond(500, &[], b""),
        _ => exchange.respond(204, &[], b""),
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.configure(|settings| settings.reconnect.retry_initial = false);
    subject.start();
    assert_eq!(subject.close(), Close::Server);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_request_that_is_made_once_makes_every_failure_final() {
    let failures: [fn(&mut Exchange); 2] = [Exchange::reset, |exchange| {
        exchange.respond(503, &[("Retry-After", "0")], b"");
    }];
    for fail in failures {
        let server = Server::start(fail);
        let mut subject = Subject::new(&server.url("/"));
        subject.configure(|settings| settings.mode = Mode::Once);
        subject.start();
        let lost = subject.error();
        assert_eq!(lost.retry_in, None);
        assert_eq!(subject.close(), Close::Failed(lost.kind));
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn attempts_are_counted_and_limited() {
    let mut subject = Subject::new(&dead_url());
    subject.configure(|settings| settings.reconnect.max_attempts = NonZeroU32::new(3));
    subject.on_request(|_| {});
    subject.start();
    let mut told = Vec::new();
    subject.first(|next| {
        match next {
            Told::Request { number, cause } => told.push((number, cause.map(|cause| cause.kind))),
            Told::Error(lost) => assert_eq!(lost.attempt as usize, told.len()),
            Told::Close(_) => return Some(()),
            _ => {}
        }
        None
    });
    let failed = Some(ErrorKind::Connect);
    assert_eq!(told, [(1, None), (2, failed), (3, failed)]);
}

#[test]
fn the_count_of_attempts_starts_over_when_the_stream_opens() {
    let server = Server::start(|exchange| match exchange.request.number {
        0 | 1 | 3 => exchange.respond(503, &[], b""),
        _ => one_event_each(exchange),
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.start();
    let attempts: Vec<_> = (0..4).map(|_| subject.error().attempt).collect();
    assert_eq!(attempts, [1, 2, 0, 1]);
}

#[test]
fn the_delay_grows_while_attempts_fail() {
    let mut subject = Subject::new(&dead_url());
    subject.start();
    let delays: Vec<_> = (0..4)
        .map(|_| subject.error().retry_in.expect("a delay").as_millis())
        .collect();
    assert_eq!(delays, [1, 2, 4, 8]);
}

#[test]
fn the_servers_retry_field_sets_the_delay_even_without_an_event() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        exchange.chunk("retry: 7\n");
        exchange.end();
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.start();
    assert_eq!(subject.error().retry_in, Some(Duration::from_millis(7)));
}

#[test]
fn on_error_can_make_a_final_error_be_retried() {
    let server = Server::start(|exchange| match exchange.request.number {
        0 => exchange.respond(404, &[], b""),
        _ => exchange.respond(204, &[], b""),
    });
    let mut subject = Subject::with_defaults(&server.url("/"));
    subject.configure(|settings| settings.reconnect.delay = Duration::from_millis(1));
    subject.on_told(|told| match told {
        Told::Error(_) => Decision::Reconnect,
        _ => Decision::Default,
    });
    subject.start();
    assert_eq!(subject.error().retry_in, None);
    assert_eq!(subject.close(), Close::Server);
}

#[test]
fn on_error_can_stop() {
    let mut subject = Subject::new(&dead_url());
    subject.on_told(|told| match told {
        Told::Error(_) => Decision::Stop,
        _ => Decision::Default,
    });
    subject.start();
    assert!(subject.error().retry_in.is_some());
    assert_eq!(subject.close(), Close::Stopped);
}

#[test]
fn what_on_error_stops_is_not_reconnected_by_others() {
    let mut subject = Subject::new(&dead_url());
    let others = subject.client.clone();
    subject.on_told(move |told| match told {
        Told::Error(_) => {
            // As another thread might, just before the answer.
            others.reconnect_now().expect("it runs");
            Decision::Stop
        }
        _ => Decision::Default,
    });
    subject.start();
    subject.error();
    let next = subject.next();
    assert!(matches!(next, Told::Close(Close::Stopped)), "{next:?}");
}

#[test]
fn on_request_changes_one_attempt_only() {
    let other = Server::start(|exchange| exchange.respond(503, &[], b""));
    let server = Server::start(|exchange| match exchange.request.number {
        0 => exchange.respond(503, &[], b""),
        _ => exchange.respond(204, &[], b""),
    });
    let elsewhere = other.url("/elsewhere");
    let mut subject = Subject::new(&server.url("/home"));
    subject.configure(|settings| {
        settings.request.set_method("POST").expect("a method");
        settings.mode = Mode::KeepAlive;
    });
    subject.on_request(move |attempt| {
        if attempt.number == 2 {
            attempt.request.set_url(&elsewhere).expect("a URL");
            attempt.request.set_header("X-Try", "2").expect("a header");
            attempt.request.set_body(b"second");
        }
    });
    subject.start();
    subject.close();
    let second = &other.requests()[0];
    assert_eq!(
        (
            second.path(),
            second.header("x-try"),
            second.body.as_slice()
        ),
        ("/elsewhere", Some("2"), &b"second"[..])
    );
    for request in server.requests() {
        assert_eq!(
            (request.path(), request.header("x-try"), request.body.len()),
            ("/home", None, 0)
        );
    }
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn reconnect_now_skips_the_wait() {
    let server = Server::start(|exchange| match exchange.request.number {
        0 => exchange.respond(503, &[], b""),
        _ => exchange.respond(204, &[], b""),
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.configure(|settings| settings.reconnect.delay = Duration::from_secs(3600));
    subject.configure(|settings| settings.reconnect.max_delay = Duration::from_secs(3600));
    subject.start();
    subject.error();
    subject.client.reconnect_now().expect("running");
    assert_eq!(subject.close(), Close::Server);
}

#[test]
fn reconnect_now_replaces_an_open_stream_and_continues() {
    let server = Server::start(|exchange| {
        let number = exchange.request.number.to_string();
        exchange.event_stream();
        exchange.event_with_id(&number, &number);
        exchange.wait_for_disconnect();
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.start();
    assert_eq!(subject.events(1), ["0"]);
    subject.client.reconnect_now().expect("running");
    assert_eq!(subject.events(1), ["1"]);
    assert_eq!(server.requests()[1].header("last-event-id"), Some("0"));
    assert!(
        !subject
            .told_so_far()
            .iter()
            .any(|told| matches!(told, Told::Error(_)))
    );
}

#[test]
fn reconnect_now_drops_an_unfinished_event() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        match exchange.request.number {
            // The comment is told as soon as what stands before it has been parsed.
            0 => exchange.chunk("data: one\n\nid: 9\ndata: unfinished\n: parsed\n"),
            _ => exchange.chunk("data: two\n\n"),
        };
        exchange.wait_for_disconnect();
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.start();
    assert_eq!(subject.events(1), ["one"]);
    assert!(matches!(subject.next(), Told::Comment(text) if text == "parsed"));
    subject.client.reconnect_now().expect("running");
    assert_eq!(subject.events(1), ["two"]);
    assert_eq!(server.requests()[1].header("last-event-id"), None);
}

#[test]
fn the_id_can_be_set_before_and_while_it_runs_and_outlives_a_restart() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        exchange.event("no id of its own");
        exchange.wait_for_disconnect();
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.client.set_last_event_id("before").expect("an id");
    subject.start();
    subject.events(1);
    subject.client.set_last_event_id("während").expect("an id");
    subject.client.reconnect_now().expect("running");
    subject.events(1);
    subject.stop();
    subject.start();
    subject.events(1);
    subject.client.set_last_event_id("").expect("an id");
    subject.client.reconnect_now().expect("running");
    subject.events(1);
    let sent: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("last-event-id").map(str::to_owned))
        .collect();
    assert_eq!(
        sent,
        [
            Some("before".into()),
            Some("während".into()),
            Some("während".into()),
            None
        ]
    );
}

#[test]
fn an_id_that_is_set_counts_until_the_server_sends_another() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        exchange.chunk("data: a\n\nid: theirs\ndata: b\n\ndata: c\n\n");
        exchange.wait_for_disconnect();
    });
    let mut subject = Subject::new(&server.url("/"));
    let client = subject.client.clone();
    subject.on_told(move |told| {
        if matches!(told, Told::Open { .. }) {
            client.set_last_event_id("mine").expect("an id");
        }
        Decision::Default
    });
    subject.start();
    subject.open();
    let ids: Vec<_> = (0..3)
        .map(|_| match subject.next() {
            Told::Event { id, .. } => id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids, ["mine", "theirs", "theirs"]);
}

#[test]
fn an_id_that_cannot_be_sent_does_not_end_the_stream() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        exchange.chunk("id: a\u{1}b\ndata: x\n\n");
        exchange.end();
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.start();
    assert_eq!(subject.events(2), ["x", "x"]);
    assert_eq!(server.requests()[1].header("last-event-id"), None);
}

#[test]
fn a_silent_stream_ends_at_the_read_timeout_and_is_retried() {
    for silent_head in [true, false] {
        let server = Server::start(move |exchange| {
            if !silent_head {
                exchange.event_stream();
                exchange.event("then silence");
            }
            exchange.wait_for_disconnect();
        });
        let mut subject = Subject::new(&server.url("/"));
        subject.configure(|settings| settings.http.read_timeout = Some(Duration::from_millis(50)));
        subject.start();
        let lost = subject.error();
        assert_eq!(lost.kind, ErrorKind::ReadTimeout);
        assert!(lost.retry_in.is_some());
        server.wait_for_requests(2);
    }
}

#[test]
fn only_events_end_a_silence_between_events() {
    for heartbeat in [
        ":\n",
        "data: is not an event yet\n",
        "id: 7\n\n",
        "event: x\n\n",
    ] {
        let server = Server::start(move |exchange| {
            exchange.event_stream();
            exchange.event("the last one");
            while exchange.chunk(heartbeat) {
                exchange.pause(Duration::from_millis(20));
            }
        });
        let mut subject = Subject::new(&server.url("/"));
        subject.configure(|settings| settings.event_timeout = Some(Duration::from_millis(300)));
        let begun = Instant::now();
        subject.start();
        let lost = subject.error();
        assert_eq!(lost.kind, ErrorKind::EventTimeout, "{heartbeat:?}");
        assert_eq!(lost.message, "no event within 300 ms");
        assert!(lost.retry_in.is_some());
        assert!(begun.elapsed() >= Duration::from_millis(300));
        server.wait_for_requests(2);
    }
}

/// There is always something to read, so that no read waits.
#[test]
fn a_flood_of_comments_does_not_hide_a_silence_between_events() {
    let flood = ":\n".repeat(100_000);
    let server = Server::start(move |exchange| {
        exchange.event_stream();
        while exchange.chunk(&flood) {}
    });
    let mut subject = Subject::new(&server.url("/")).without_comments();
    subject.configure(|settings| settings.event_timeout = Some(Duration::from_millis(300)));
    subject.start();
    assert_eq!(subject.error().kind, ErrorKind::EventTimeout);
}

#[test]
fn every_event_begins_the_silence_between_events_anew() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        // Three times as long as the timeout, but never without an event for half of it.
        for _ in 0..30 {
            exchange.event("alive");
            exchange.pause(Duration::from_millis(20));
        }
        exchange.wait_for_disconnect();
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.configure(|settings| settings.event_timeout = Some(Duration::from_millis(200)));
    subject.start();
    assert_eq!(subject.events(30).len(), 30);
    assert_eq!(subject.error().kind, ErrorKind::EventTimeout);
}

#[test]
fn any_byte_breaks_the_silence() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        // Three times as long as the timeout, but never silent for half of it.
        for _ in 0..30 {
            exchange.chunk(":\n");
            exchange.pause(Duration::from_millis(20));
        }
        exchange.event("alive");
        exchange.wait_for_disconnect();
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.configure(|settings| settings.http.read_timeout = Some(Duration::from_millis(200)));
    subject.start();
    subject.open();
    subject.first(|told| match told {
        Told::Comment(_) => None,
        Told::Event { .. } => Some(()),
        other => panic!("{other:?}"),
    });
}

#[test]
fn the_connect_timeout_covers_the_tls_handshake() {
    let mute = Server::start_raw(|mut socket| {
        let _ = std::io::copy(&mut socket, &mut std::io::sink());
    });
    let url = mute.url("/").replace("http://", "https://");
    let mut subject = Subject::with_defaults(&url);
    subject.configure(|settings| settings.http.connect_timeout = Some(Duration::from_millis(50)));
    let watch = Stopwatch::start();
    subject.start();
    assert_eq!(subject.error().kind, ErrorKind::ConnectTimeout);
    assert!(watch.time() < BEFORE_THE_DEFAULT);
}

#[test]
fn the_state_and_the_statistics_follow() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        exchange.chunk("data: one\n\ndata: two\n\n");
        match exchange.request.number {
            0 => exchange.end(),
            _ => exchange.wait_for_disconnect(),
        }
    });
    let mut subject = Subject::new(&server.url("/"));
    assert_eq!(subject.client.state(), State::Idle);
    subject.start();
    subject.events(4);
    assert_eq!(subject.client.state(), State::Open);
    let stats = subject.client.stats();
    assert_eq!((stats.events, stats.bytes), (4, 44));
    assert_eq!((stats.attempts, stats.opens, stats.errors), (2, 2, 1));
    assert!(stats.open.is_some() && stats.idle.is_some());
    subject.stop();
    assert_eq!(subject.client.state(), State::Closed);
    assert!(subject.client.stats().open.is_none());
}

#[test]
fn a_clean_end_can_be_the_end_without_an_error_while_a_loss_is_retried() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        exchange.event(&exchange.request.number.to_string());
        match exchange.request.number {
            0 => exchange.close(),
            _ => exchange.end(),
        }
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.configure(|settings| settings.mode = Mode::UntilEnd);
    subject.start();
    assert_eq!(subject.events(1), ["0"]);
    assert_eq!(subject.error().kind, ErrorKind::Disconnected);
    assert_eq!(subject.events(1), ["1"]);
    // The next that is told: no error comes before it.
    assert!(matches!(subject.next(), Told::Close(Close::EndOfStream)));
    subject.stop();
    assert_eq!(server.requests().len(), 2);
    assert_eq!(subject.client.stats().errors, 1);
}

#[test]
fn a_request_by_another_method_than_get_is_made_once_by_default() {
    for (lose, close) in [
        (Exchange::end as fn(&mut Exchange), Close::EndOfStream),
        (Exchange::close, Close::Failed(ErrorKind::Disconnected)),
        (Exchange::reset, Close::Failed(ErrorKind::Disconnected)),
    ] {
        let server = Server::start(move |exchange| {
            exchange.event_stream();
            exchange.event("one");
            lose(exchange);
        });
        let mut subject = Subject::new(&server.url("/"));
        subject.configure(|settings| {
            settings.request.set_method("POST").expect("a method");
        });
        subject.start();
        assert_eq!(subject.close(), close);
        subject.stop();
        assert_eq!(server.requests().len(), 1, "{close:?}");
    }
}

#[test]
fn a_stream_of_a_post_can_be_reconnected_with_get_once_it_has_been_open() {
    let server = Server::start(|exchange| match exchange.request.number {
        0 | 2 => exchange.respond(503, &[], b""),
        _ => one_event_each(exchange),
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.configure(|settings| {
        let request = &mut settings.request;
        request.set_method("POST").expect("a method");
        request.set_body(b"{}");
        for (name, value) in [
            ("Content-Type", "application/json"),
            ("Content-Language", "en"),
            ("X-Session", "7"),
        ] {
            request.set_header(name, value).expect("a header");
        }
        settings.reconnect_with_get = true;
        settings.mode = Mode::KeepAlive;
    });
    for run in 0..2 {
        subject.start();
        subject.events(2);
        subject.stop();
        if run == 0 {
            let seen = server.requests();
            let seen: Vec<_> = seen[..4]
                .iter()
                .map(|request| {
                    let header = |name| request.header(name).unwrap_or("none");
                    assert_eq!(header("x-session"), "7");
                    let body = String::from_utf8_lossy(&request.body);
                    let (kind, id) = (header("content-type"), header("last-event-id"));
                    assert_eq!(header("content-language") == "en", !body.is_empty());
                    format!("{} {body} {kind} {id}", request.method)
                })
                .collect();
            assert_eq!(
                seen,
                [
                    "POST {} application/json none",
                    "POST {} application/json none",
                    "GET  none 1",
                    "GET  none 1"
                ]
            );
        }
    }
    let posts = |request: &&test_server::Request| request.method == "POST";
    let posts = server.requests().iter().filter(posts).count();
    assert_eq!(posts, 3, "another start begins with the request itself");
}

#[test]
fn on_request_sees_the_get_that_reconnects_and_may_change_it() {
    let server = Server::start(one_event_each);
    let mut subject = Subject::new(&server.url("/"));
    subject.configure(|settings| {
        settings.request.set_method("POST").expect("a method");
        settings.reconnect_with_get = true;
    });
    subject.on_request(|attempt| {
        if attempt.cause.is_some() {
            attempt.request.set_method("PUT").expect("a method");
            attempt.request.set_body(b"again");
        }
    });
    subject.start();
    subject.events(2);
    let request = &server.requests()[1];
    assert_eq!((&*request.method, &*request.body), ("PUT", &b"again"[..]));
}

#[test]
fn a_post_that_is_reconnected_with_get_is_kept_alive_once_it_has_been_open() {
    for (first, attempts) in [(503, 1), (200, 3)] {
        let server = Server::start(move |exchange| match exchange.request.number {
            0 if first == 503 => exchange.respond(503, &[], b""),
            0 => one_event_each(exchange),
            1 => exchange.respond(503, &[], b""),
            _ => exchange.respond(204, &[], b""),
        });
        let mut subject = Subject::new(&server.url("/"));
        subject.configure(|settings| {
            settings.request.set_method("POST").expect("a method");
            settings.reconnect_with_get = true;
        });
        subject.start();
        subject.close();
        assert_eq!(server.requests().len(), attempts);
    }
}

#[test]
fn a_request_by_any_method_can_be_repeated_and_a_get_be_made_once() {
    for (method, mode, requests) in [
        ("GET", Mode::Auto, 2),
        ("GET", Mode::Once, 1),
        ("POST", Mode::KeepAlive, 2),
        ("PUT", Mode::KeepAlive, 2),
        ("PUT", Mode::Auto, 1),
        ("HEAD", Mode::Auto, 1),
        ("get", Mode::Auto, 1),
    ] {
        let server = Server::start(|exchange| match exchange.request.number {
            0 => exchange.respond(503, &[], b""),
            _ => exchange.respond(204, &[], b""),
        });
        let mut subject = Subject::new(&server.url("/"));
        subject.configure(|settings| {
            settings.request.set_method(method).expect("a method");
            settings.mode = mode;
        });
        subject.start();
        subject.close();
        assert_eq!(server.requests().len(), requests, "{method}, {mode:?}");
    }
}

#[test]
fn a_method_that_on_request_sets_is_the_one_that_is_not_repeated() {
    let server = Server::start(|exchange| exchange.respond(503, &[], b""));
    let mut subject = Subject::new(&server.url("/"));
    subject.on_request(|attempt| attempt.request.set_method("POST").expect("a method"));
    subject.start();
    assert_eq!(subject.close(), Close::Failed(ErrorKind::Status));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_head_that_does_not_come_in_time_is_given_up_and_asked_for_again() {
    type Delay = fn(&mut Exchange);
    let delays: [(&str, Delay); 2] = [
        ("nothing comes", Exchange::wait_for_disconnect),
        ("it never ends", |exchange| {
            exchange.send("HTTP/1.1 200 OK\r\nX: ");
            while exchange.send("x") && exchange.pause(Duration::from_millis(5)) {}
        }),
    ];
    for (what, delay) in delays {
        let server = Server::start(delay);
        let mut subject = Subject::new(&server.url("/"));
        subject.configure(|settings| {
            settings.http.response_timeout = Some(Duration::from_millis(100));
        });
        subject.start();
        let lost = subject.error();
        assert_eq!(lost.kind, ErrorKind::ResponseTimeout, "{what}");
        let from = server.url("/");
        let expected = format!(
            "no response from {} within 100 ms",
            from.trim_end_matches('/')
        );
        assert_eq!(lost.message, expected);
        assert!(lost.retry_in.is_some(), "{what}");
        server.wait_for_requests(2);
    }
}

#[test]
fn the_response_timeout_is_five_minutes_and_is_over_with_the_head() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        exchange.event("before");
        exchange.pause(Duration::from_millis(400));
        exchange.event("after");
        exchange.wait_for_disconnect();
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.configure(|settings| {
        let timeout = &mut settings.http.response_timeout;
        assert_eq!(*timeout, Some(Duration::from_secs(300)));
        *timeout = Some(Duration::from_millis(200));
    });
    subject.start();
    assert_eq!(subject.events(2), ["before", "after"]);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn an_id_of_any_size_is_kept_and_only_one_that_servers_take_is_sent() {
    for (length, is_sent) in [(8192, true), (8193, false), (16 << 20, false)] {
        let id = "x".repeat(length);
        let stream = format!("id: {id}\n\ndata: {}\n\n", "y".repeat(8192));
        let server = Server::start(move |exchange| {
            exchange.event_stream();
            exchange.chunk(&stream);
            exchange.end();
        });
        let mut subject = Subject::new(&server.url("/"));
        subject.configure(|settings| {
            settings
                .set_max_event_size(length.max(8192))
                .expect("a size");
        });
        subject.start();
        // Each time: an id that is kept does not make the next event too large.
        for _ in 0..2 {
            let Told::Event { data, id: kept, .. } = next_event(&subject) else {
                unreachable!("it is an event")
            };
            assert_eq!((data.len(), kept.len()), (8192, length));
        }
        assert_eq!(subject.client.last_event_id(), id);
        let second = &server.requests()[1];
        let sent = second.header("last-event-id").map(str::len);
        assert_eq!(sent, is_sent.then_some(length));
    }
}

/// The next event, whatever comes before it, but for errors other than the end of a stream.
fn next_event(subject: &Subject) -> Told {
    subject.first(|told| match told {
        Told::Event { .. } => Some(told),
        Told::Error(lost) => {
            assert_eq!(lost.kind, ErrorKind::EndOfStream);
            None
        }
        _ => None,
    })
}

#[test]
fn whatever_id_an_event_gave_is_taken_back_and_sent_if_http_can_carry_it() {
    let characters = ('\u{1}'..='\u{FF}').filter(|c| !['\n', '\r'].contains(c));
    for character in characters {
        let id = format!("a{character}b");
        let stream = format!("id: {id}\ndata: x\n\n");
        let server = Server::start(move |exchange| {
            exchange.event_stream();
            match exchange.request.number {
                0 => exchange.chunk(&stream),
                _ => exchange.chunk("data: no id of its own\n\n"),
            };
            exchange.wait_for_disconnect();
        });
        let first = {
            let mut first = Subject::new(&server.url("/"));
            first.start();
            first.events(1);
            first.client.last_event_id()
        };
        assert_eq!(first, id);
        let mut second = Subject::new(&server.url("/"));
        second
            .client
            .set_last_event_id(&first)
            .expect("an event gave it");
        second.start();
        let Told::Event { id: kept, .. } = next_event(&second) else {
            unreachable!("it is an event")
        };
        assert_eq!(kept, id, "it is kept for the program");
        let can_be_sent = character == '\t' || character >= ' ' && character != '\u{7F}';
        let sent = server.requests()[1]
            .header("last-event-id")
            .map(str::to_owned);
        assert_eq!(sent, can_be_sent.then_some(id), "{character:?}");
    }
}

#[test]
fn an_id_with_a_line_break_comes_from_no_event_and_is_refused() {
    let subject = Subject::new(&dead_url());
    for id in ["7\n", "7\r", "a\r\nb"] {
        let refused = subject.client.set_last_event_id(id).expect_err(id);
        assert!(
            refused.message.contains("line break"),
            "{}",
            refused.message
        );
    }
}
