//! What the client does with each answer a server can give: the table in docs/answers.md.

use crate::common::{Subject, Told, limit, outcome};
use eventsource::http::ErrorKind;
use eventsource::stream::{Close, Decision, Mode};
use std::io::{Read, Write};
use std::time::Duration;
use test_server::{Encoder, Exchange, Server};

/// The first answer comes from `first`; later requests get an event stream with one event.
fn first_then_stream(first: impl Fn(&mut Exchange) + Send + Sync + 'static) -> Server {
    Server::start(move |exchange| {
        if exchange.request.number == 0 {
            first(exchange);
        } else {
            exchange.event_stream();
            exchange.event("recovered");
            exchange.wait_for_disconnect();
        }
    })
}

#[test]
fn a_200_event_stream_opens_and_delivers() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        exchange.chunk(": hello\n\nevent: greeting\nid: 7\ndata: a\ndata: b\n\n");
        exchange.wait_for_disconnect();
    });
    let mut subject = Subject::new(&server.url("/stream?x=1"));
    subject.start();

    let (url, status, headers) = subject.open();
    assert_eq!((url, status), (server.url("/stream?x=1"), 200));
    assert_eq!(headers["content-type"], "text/event-stream");
    assert!(matches!(subject.next(), Told::Comment(text) if text == "hello"));
    let Told::Event {
        event_type,
        data,
        id,
    } = subject.next()
    else {
        panic!("an event comes next")
    };
    assert_eq!(
        (event_type, data, id),
        ("greeting".into(), "a\nb".into(), "7".into())
    );
    assert_eq!(subject.client.last_event_id(), "7");
}

#[test]
fn the_request_says_what_an_event_source_says() {
    let server = Server::start(|exchange| exchange.respond(204, &[], b""));
    let mut subject = Subject::new(&server.url("/a%20b?c=d#fragment"));
    subject.start();
    subject.close();

    let request = &server.wait_for_requests(1)[0];
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("GET", "/a%20b?c=d")
    );
    assert_eq!(request.header("accept"), Some("text/event-stream"));
    assert_eq!(request.header("cache-control"), Some("no-cache"));
    assert_eq!(
        request.header("host"),
        Some(format!("127.0.0.1:{}", server.port()).as_str())
    );
    assert_eq!(request.header("last-event-id"), None);
    assert_eq!(request.headers_named("content-length").len(), 0);
}

#[test]
fn method_body_and_repeated_headers_are_sent_with_every_attempt() {
    let server = first_then_stream(|exchange| exchange.respond(503, &[], b""));
    let mut subject = Subject::new(&server.url("/"));
    subject.configure(|settings| {
        settings.mode = Mode::KeepAlive;
        settings.request.set_method("REPORT").expect("a method");
        settings.request.set_body(b"{\"prompt\":1}");
        settings.request.set_header("X-One", "a").expect("a header");
        settings.request.add_header("X-One", "b").expect("a header");
        settings
            .request
            .set_header("X-Utf8", "käse")
            .expect("a header");
        settings
            .request
            .set_basic_auth("user", "pass:word")
            .expect("credentials");
    });
    subject.start();
    subject.events(1);

    for request in server.requests() {
        assert_eq!(
            (request.method.as_str(), request.body.as_slice()),
            ("REPORT", &b"{\"prompt\":1}"[..])
        );
        assert_eq!(request.headers_named("x-one"), ["a", "b"]);
        assert_eq!(request.header("x-utf8"), Some("käse"));
        assert_eq!(
            request.header("authorization"),
            Some("Basic dXNlcjpwYXNzOndvcmQ=")
        );
    }
    assert_eq!(server.requests().len(), 2);
}

/// The names of a request's headers, as they were written.
fn names(request: &test_server::Request) -> Vec<&str> {
    let names = request.headers.iter().map(|(name, _)| name.as_str());
    names.collect()
}

/// Some servers look for `Host` or `Authorization` in that spelling alone.
#[test]
fn header_names_are_written_as_browsers_or_as_the_caller_spell_them() {
    let proxy = Server::start(|exchange| exchange.respond(503, &[], b""));
    let server = Server::start(|exchange| exchange.respond(503, &[], b""));
    for is_forwarded in [false, true] {
        let mut subject = Subject::with_defaults(&server.url("/"));
        subject.configure(|settings| {
            let request = &mut settings.request;
            request.set_method("POST").expect("a method");
            request.set_body(b"{}");
            request.set_compression(true);
            request.set_basic_auth("user", "secret").expect("a user");
            for (name, value) in [("x-lower", "a"), ("X-MiXeD", "b"), ("ACCEPT", "*/*")] {
                request.set_header(name, value).expect("a header");
            }
            request.add_header("X-Mixed", "c").expect("a header");
            request
                .set_sensitive_header("API-key", "d")
                .expect("a header");
            if is_forwarded {
                let url = proxy.url("").replace("http://", "http://user:secret@");
                settings
                    .http
                    .network
                    .set_proxy(Some(&url))
                    .expect("a proxy");
            }
        });
        subject.client.set_last_event_id("7").expect("an id");
        subject.on_request(|attempt| {
            let request = &mut attempt.request;
            request.set_header("content-TYPE", "x").expect("a header");
            request.set_header("User-agent", "me").expect("a header");
        });
        subject.start();
        subject.close();
        let first = if is_forwarded { &proxy } else { &server };
        let request = &first.requests()[0];
        let expected = [
            "Host",
            "ACCEPT",
            "Cache-Control",
            "User-agent",
            "Authorization",
            "x-lower",
            "X-MiXeD",
            "X-Mixed",
            "API-key",
            "content-TYPE",
            "Accept-Encoding",
            "Last-Event-ID",
            "Content-Length",
        ];
        let proxys = is_forwarded.then_some("Proxy-Authorization");
        let expected = Vec::from_iter(proxys.into_iter().chain(expected));
        assert_eq!(names(request), expected);
    }
}

/// A stream whose head is written as it is given here, with one event.
fn stream_with_head(head: impl Into<String>) -> Server {
    let head = head.into();
    Server::start_raw(move |mut socket| {
        let _ = socket.read(&mut [0; 4096]);
        let _ = socket.write_all(format!("{head}\r\ndata: one\n\n").as_bytes());
    })
}

/// RFC 9112, section 5.2: a recipient replaces each obs-fold by a space.
#[test]
fn a_folded_field_of_a_response_is_one_line_with_a_space() {
    for (fields, name, value) in [
        (
            "X: a,\r\n\t b\r\nContent-Type: text/event-stream",
            "x",
            "a, b",
        ),
        (
            "Content-Type:\r\n text/event-stream",
            "content-type",
            "text/event-stream",
        ),
        (
            "Content-Type: text/event-stream;\r\n charset=utf-8",
            "content-type",
            "text/event-stream; charset=utf-8",
        ),
        (
            "Content-Type: text/event-stream\r\nX: a\r\n Content-Type: text/html\r\n Content-Length: 3",
            "x",
            "a Content-Type: text/html Content-Length: 3",
        ),
    ] {
        let server = stream_with_head(format!("HTTP/1.1 200 OK\r\n{fields}\r\n"));
        let mut subject = Subject::new(&server.url("/"));
        subject.start();
        let (_, _, headers) = subject.open();
        assert_eq!(headers[name], value);
        assert_eq!(subject.events(1), ["one"]);
    }
}

#[test]
fn heads_may_be_as_large_as_browsers_take_them_and_interim_ones_do_not_count() {
    let open = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
    let hint = format!(
        "HTTP/1.1 103 Early Hints\r\nLink: {}\r\n\r\n",
        "x".repeat(6000)
    );
    let many: String = (0..150)
        .map(|n| format!("X-{n}: {}\r\n", "y".repeat(130)))
        .collect();
    let most = "X: y\r\n".repeat(999);
    let large = format!("X: {}\r\n", "y".repeat(250 * 1024));
    for head in [
        hint.repeat(3) + open,
        hint.repeat(100) + open,
        format!("{open}{many}"),
        format!("{open}{most}"),
        format!("{open}{large}"),
    ] {
        let server = stream_with_head(head.clone());
        let (lost, events) = outcome(&server);
        assert_eq!(events, ["one"], "{} bytes: {}", head.len(), lost.message);
    }
    for (fields, what) in [
        (most + "X: y\r\n", "1000 fields"),
        (large.repeat(2), "256 KiB"),
    ] {
        let lost = outcome(&stream_with_head(format!("{open}{fields}"))).0;
        assert_eq!(lost.kind, ErrorKind::Protocol);
        assert!(lost.message.contains(what), "{}", lost.message);
    }
}

#[test]
fn a_switch_of_protocols_that_nobody_asked_for_is_an_error() {
    let head = "HTTP/1.1 101 Switching Protocols\r\nContent-Type: text/event-stream\r\n";
    let (lost, events) = outcome(&stream_with_head(head));
    assert_eq!((lost.kind, lost.http_status), (ErrorKind::Status, 101));
    assert_eq!(events.len(), 0);
}

#[test]
fn a_user_and_password_in_the_url_become_basic_authentication() {
    let server = Server::start(|exchange| exchange.respond(204, &[], b""));
    let url = server.url("/").replace("http://", "http://us%65r:p%40ss@");
    let mut subject = Subject::new(&url);
    subject.start();
    subject.close();
    let request = &server.requests()[0];
    assert_eq!(request.header("authorization"), Some("Basic dXNlcjpwQHNz"));
}

#[test]
fn a_200_of_another_type_is_a_final_error_unless_the_check_is_off() {
    let server = Server::start(|exchange| {
        exchange.respond(200, &[("Content-Type", "text/html")], b"data: x\n\n");
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.start();
    let lost = subject.error();
    assert_eq!((lost.kind, lost.retry_in), (ErrorKind::ContentType, None));
    assert_eq!(
        (lost.http_status, lost.body.as_slice()),
        (200, &b"data: x\n\n"[..])
    );
    assert_eq!(subject.close(), Close::Failed(ErrorKind::ContentType));

    let mut subject = Subject::new(&server.url("/"));
    subject.configure(|settings| settings.check_content_type = false);
    subject.start();
    assert_eq!(subject.events(1), ["x"]);
}

#[test]
fn a_204_closes_without_an_error() {
    let server = Server::start(|exchange| exchange.respond(204, &[], b""));
    let mut subject = Subject::new(&server.url("/"));
    subject.start();
    assert!(matches!(subject.next(), Told::Close(Close::Server)));
    subject.stop();
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn statuses_that_pass_by_themselves_are_retried() {
    for status in [408, 425, 429, 500, 502, 503, 504, 599] {
        let server = first_then_stream(move |exchange| exchange.respond(status, &[], b"later"));
        let mut subject = Subject::new(&server.url("/"));
        subject.start();
        let lost = subject.error();
        assert_eq!((lost.kind, lost.http_status), (ErrorKind::Status, status));
        assert!(lost.retry_in.is_some(), "{status}");
        assert_eq!(subject.events(1), ["recovered"]);
    }
}

#[test]
fn other_statuses_are_final_and_tell_headers_and_body() {
    for status in [201, 202, 205, 206, 304, 400, 401, 403, 404, 410, 418] {
        let server = first_then_stream(move |exchange| {
            exchange.respond(status, &[("X-Reason", "why")], b"because");
        });
        let mut subject = Subject::new(&server.url("/"));
        subject.start();
        let lost = subject.error();
        assert_eq!((lost.http_status, lost.retry_in), (status, None));
        assert_eq!(lost.headers.expect("headers")["x-reason"], "why");
        if status != 205 && status != 304 {
            assert_eq!(lost.body, b"because", "{status}");
        }
        assert_eq!(subject.close(), Close::Failed(ErrorKind::Status));
    }
}

#[test]
fn the_body_of_an_error_is_told_up_to_a_limit_and_not_waited_for_long() {
    let server = Server::start(|exchange| match exchange.request.path() {
        "/long" => exchange.respond(400, &[], &[b'x'; 100_000]),
        _ => {
            exchange.head(400, &[("Content-Length", "1000")]);
            exchange.send("only this");
            exchange.wait_for_disconnect();
        }
    });
    let mut long = Subject::new(&server.url("/long"));
    long.start();
    assert_eq!(long.error().body, [b'x'; 4096]);

    let mut slow = Subject::new(&server.url("/slow"));
    slow.start();
    assert_eq!(slow.error().body, b"only this");
}

#[test]
fn retry_after_is_honoured_up_to_a_maximum_of_its_own() {
    let far = "Fri, 31 Dec 9999 23:59:59 GMT";
    let past = "Mon, 01 Jan 2001 00:00:00 GMT";
    for (status, asked, max_server_delay, expected) in [
        (503, "30", 60_000, 30_000),
        (429, "30", 20_000, 20_000),
        (503, far, 20_000, 20_000),
        (503, past, 20_000, 7),
        (503, "soon", 20_000, 7),
    ] {
        let server = Server::start(move |exchange| {
            exchange.respond(status, &[("Retry-After", asked)], b"");
        });
        let mut subject = Subject::new(&server.url("/"));
        subject.configure(|settings| {
            settings.reconnect.delay = Duration::from_millis(7);
            settings.reconnect.max_delay = Duration::from_secs(10);
            settings.reconnect.max_server_delay = Duration::from_millis(max_server_delay);
        });
        subject.start();
        assert_eq!(
            subject.error().retry_in,
            Some(Duration::from_millis(expected)),
            "{asked}"
        );
    }
}

#[test]
fn every_success_with_content_opens_the_stream_of_a_post() {
    for status in [200, 201, 202, 203, 226] {
        let server = Server::start(move |exchange| {
            exchange.respond(
                status,
                &[("Content-Type", "text/event-stream")],
                b"data: made\n\n",
            );
        });
        let mut subject = Subject::new(&server.url("/"));
        subject.configure(|settings| settings.request.set_method("POST").expect("a method"));
        subject.start();
        assert_eq!(subject.open().1, status);
        assert_eq!(subject.events(1), ["made"]);
        assert_eq!(subject.close(), Close::EndOfStream);
    }
    for status in [205, 206] {
        let server = Server::start(move |exchange| {
            exchange.respond(
                status,
                &[("Content-Type", "text/event-stream")],
                b"data: no stream\n\n",
            );
        });
        let mut subject = Subject::new(&server.url("/"));
        subject.configure(|settings| settings.request.set_method("POST").expect("a method"));
        subject.start();
        assert_eq!(subject.error().http_status, status);
    }
}

#[test]
fn new_credentials_are_asked_for_again_after_the_stream_has_been_open() {
    let server = Server::start(|exchange| match exchange.request.number {
        0 | 2 => exchange.respond(401, &[], b""),
        _ => {
            exchange.event_stream();
            exchange.event("welcome");
            exchange.close();
        }
    });
    let mut subject = Subject::with_defaults(&server.url("/"));
    subject.configure(|settings| settings.reconnect.delay = Duration::from_millis(1));
    subject.on_request(|_| {});
    subject.start();
    for _ in 0..2 {
        let refused = subject.error();
        assert_eq!(
            (refused.http_status, refused.retry_in),
            (401, Some(Duration::ZERO))
        );
        assert_eq!(subject.events(1), ["welcome"]);
        assert_eq!(subject.error().kind, ErrorKind::Disconnected);
    }
}

#[test]
fn a_401_is_final_but_on_request_is_asked_once_more() {
    let server = Server::start(|exchange| {
        if exchange.request.header("authorization") == Some("Bearer fresh") {
            exchange.event_stream();
            exchange.event("welcome");
            exchange.wait_for_disconnect();
        } else {
            exchange.respond(401, &[], b"");
        }
    });
    let mut subject = Subject::with_defaults(&server.url("/"));
    subject.on_request(|attempt| {
        let fresh = attempt.cause.is_some_and(|cause| cause.http_status == 401);
        let token = if fresh {
            "Bearer fresh"
        } else {
            "Bearer stale"
        };
        attempt
            .request
            .set_header("Authorization", token)
            .expect("a header");
    });
    subject.start();
    let lost = subject.error();
    assert_eq!(
        (lost.http_status, lost.retry_in),
        (401, Some(Duration::ZERO))
    );
    assert_eq!(subject.events(1), ["welcome"]);

    let mut subject = Subject::new(&server.url("/"));
    subject.on_request(|_| {});
    subject.start();
    assert_eq!(subject.error().retry_in, Some(Duration::ZERO));
    assert_eq!(subject.error().retry_in, None);
    assert_eq!(subject.close(), Close::Failed(ErrorKind::Status));
}

/// What is told of an answer until the end, where documents are wanted.
fn with_documents(mode: Mode, answer: impl Fn(&mut Exchange) + Send + Sync + 'static) -> Vec<Told> {
    let server = Server::start(answer);
    let mut subject = Subject::with_defaults(&server.url("/")).with_documents();
    subject.configure(|settings| {
        settings.mode = mode;
        settings.set_max_event_size(1000).expect("a limit");
    });
    subject.on_told(|told| match told {
        Told::Error(_) => Decision::Stop,
        _ => Decision::Default,
    });
    subject.start();
    assert!(subject.client.wait(Some(limit())));
    assert_eq!(server.requests().len(), 1);
    subject.told_so_far()
}

#[test]
fn a_whole_answer_of_another_type_is_a_document_and_the_end_in_every_mode() {
    let json = [("Content-Type", "application/json"), ("X-A", "b")];
    for mode in [Mode::Auto, Mode::KeepAlive, Mode::Once, Mode::UntilEnd] {
        for size in [0, 7, 1000] {
            let told = with_documents(mode, move |exchange| {
                exchange.respond(200, &json, &vec![b'x'; size]);
            });
            let [
                Told::Document {
                    status: 200,
                    headers,
                    body,
                },
                Told::Close(Close::EndOfStream),
                Told::Dropped,
            ] = &told[..]
            else {
                panic!("{mode:?}: {told:?}");
            };
            assert_eq!((headers["x-a"].as_bytes(), body.len()), (&b"b"[..], size));
        }
    }
}

#[test]
fn a_document_is_decoded_and_may_have_no_type() {
    let told = with_documents(Mode::Auto, |exchange| {
        let mut encoder = Encoder::new("gzip").expect("a coding");
        let mut body = encoder.encode(b"{}");
        body.extend(encoder.finish());
        exchange.respond(200, &[("Content-Encoding", "gzip")], &body);
    });
    assert!(
        matches!(&told[0], Told::Document { body, .. } if body == b"{}"),
        "{told:?}"
    );
}

#[test]
fn what_is_cut_short_or_too_large_is_no_document() {
    type Answer = fn(&mut Exchange);
    let answers: [(&str, Answer, ErrorKind); 3] = [
        (
            "cut short",
            |exchange| {
                exchange.head(
                    200,
                    &[("Content-Type", "text/plain"), ("Content-Length", "9")],
                );
                exchange.send("{}");
                exchange.close();
            },
            ErrorKind::Disconnected,
        ),
        (
            "too large",
            |exchange| exchange.respond(200, &[], &[b'x'; 1001]),
            ErrorKind::EventTooLarge,
        ),
        (
            "an error's",
            |exchange| exchange.respond(404, &[("Content-Type", "text/plain")], b"no"),
            ErrorKind::Status,
        ),
    ];
    for (name, answer, kind) in answers {
        let told = with_documents(Mode::Auto, answer);
        assert!(
            matches!(&told[0], Told::Error(lost) if lost.kind == kind),
            "{name}: {told:?}"
        );
    }
}

#[test]
fn an_event_stream_is_one_also_where_documents_are_wanted() {
    let told = with_documents(Mode::Once, |exchange| {
        exchange.event_stream();
        exchange.event("x");
        exchange.end();
    });
    assert!(
        matches!(
            &told[..],
            [
                Told::Open { .. },
                Told::Event { .. },
                Told::Close(Close::EndOfStream),
                Told::Dropped
            ]
        ),
        "{told:?}"
    );
}

#[test]
fn a_stop_ends_the_wait_for_the_rest_of_a_document() {
    let server = Server::start(|exchange| {
        exchange.head(
            200,
            &[("Content-Type", "text/plain"), ("Content-Length", "9")],
        );
        exchange.send("{}");
        exchange.wait_for_disconnect();
    });
    let mut subject = Subject::with_defaults(&server.url("/")).with_documents();
    subject.start();
    server.wait_for_requests(1);
    subject.stop();
    assert_eq!(subject.close(), Close::Stopped);
}

/// How a run ends that reads two events and then what the server does, with an end marker.
fn marked(mode: Mode, last: impl Fn(&mut Exchange) + Send + Sync + 'static) -> Vec<Told> {
    let server = Server::start(move |exchange| {
        exchange.event_stream();
        exchange.event("1");
        exchange.event(" [DONE]");
        last(exchange);
    });
    let mut subject = Subject::with_defaults(&server.url("/"));
    subject.configure(|settings| {
        settings.mode = mode;
        settings.set_end_marker(Some("[DONE]")).expect("a marker");
        settings.request.set_method("POST").expect("a method");
    });
    subject.on_told(|told| match told {
        Told::Error(_) => Decision::Stop,
        _ => Decision::Default,
    });
    subject.start();
    assert!(subject.client.wait(Some(limit())));
    assert_eq!(server.requests().len(), 1);
    assert_eq!(subject.client.stats().events, 2);
    let mut told = subject.told_so_far();
    told.drain(..3);
    told
}

#[test]
fn an_end_marker_ends_the_stream_cleanly_whatever_comes_behind_it() {
    type Last = fn(&mut Exchange);
    let lasts: [Last; 3] = [
        |exchange| {
            exchange.event("[DONE]");
            exchange.wait_for_disconnect();
        },
        |exchange| {
            exchange.chunk("data: [DONE]\n\ndata: more\n\n: and more\n");
            exchange.reset();
        },
        |exchange| {
            exchange.event("[DONE]");
            exchange.end();
        },
    ];
    for mode in [Mode::Auto, Mode::KeepAlive, Mode::Once, Mode::UntilEnd] {
        for last in lasts {
            let told = marked(mode, last);
            assert!(
                matches!(told[..], [Told::Close(Close::EndOfStream), Told::Dropped]),
                "{mode:?}: {told:?}"
            );
        }
    }
}

#[test]
fn an_end_without_the_marker_is_a_loss() {
    for mode in [Mode::Auto, Mode::KeepAlive, Mode::Once, Mode::UntilEnd] {
        let told = marked(mode, |exchange| exchange.end());
        let Told::Error(lost) = &told[0] else {
            panic!("{mode:?}: {told:?}");
        };
        assert_eq!(lost.kind, ErrorKind::EndOfStream, "{mode:?}");
        assert_eq!(
            lost.message,
            "the server ended the stream without its end marker"
        );
        let is_retried = matches!(mode, Mode::KeepAlive | Mode::UntilEnd);
        assert_eq!(lost.retry_in.is_some(), is_retried, "{mode:?}");
    }
}
