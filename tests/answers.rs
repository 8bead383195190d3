//! What the client does with each answer a server can give: the table in the README.

mod common;

use common::{Subject, Told};
use eventsource::http::ErrorKind;
use eventsource::stream::Close;
use std::time::Duration;
use test_server::{Exchange, Server};

const STREAM: &[(&str, &str)] = &[("Content-Type", "text/event-stream")];

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
fn a_stream_in_an_unknown_coding_is_a_clear_error_and_not_silence() {
    let server = Server::start(|exchange| {
        exchange.respond(
            200,
            &[STREAM[0], ("Content-Encoding", "compress")],
            b"\x1f\x9d",
        );
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.start();
    assert_eq!(subject.close(), Close::Failed(ErrorKind::ContentEncoding));
}

#[test]
fn statuses_that_pass_by_themselves_are_retried() {
    for status in [408, 425, 429, 500, 502, 503, 504] {
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
    for status in [201, 205, 304, 400, 401, 403, 404, 410, 418] {
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
fn retry_after_is_honoured_up_to_the_largest_delay() {
    for (max_delay, expected) in [(60, 30), (20, 20)] {
        let server = Server::start(|exchange| {
            exchange.respond(503, &[("Retry-After", "30")], b"");
        });
        let mut subject = Subject::new(&server.url("/"));
        subject.configure(|settings| settings.reconnect.max_delay = Duration::from_secs(max_delay));
        subject.start();
        assert_eq!(
            subject.error().retry_in,
            Some(Duration::from_secs(expected))
        );
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
