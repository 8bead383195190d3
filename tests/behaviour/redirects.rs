//! Redirects are followed as browsers do, and give no secrets away.

use crate::common::{Lost, Subject, Told};
use eventsource::http::{ErrorKind, Following};
use eventsource::stream::{Close, Decision};
use std::sync::mpsc::channel;
use test_server::{Identity, Request, Server};

/// A server that ends every chain: it answers 204 and remembers the request.
fn goal() -> Server {
    Server::start(|exchange| exchange.respond(204, &[], b""))
}

/// A server that redirects everything.
fn redirecting(status: u16, location: impl Into<String>) -> Server {
    let location = location.into();
    Server::start(move |exchange| exchange.respond(status, &[("Location", &location)], b""))
}

/// What arrives at the goal when the client starts at a redirect there.
fn follow(status: u16, set_up: impl FnOnce(&mut Subject)) -> Request {
    let goal = goal();
    let start = redirecting(status, goal.url("/goal"));
    let mut subject = Subject::new(&start.url("/start"));
    // The goal is another origin.
    subject.on_redirect(|_, _| Following::WithBody);
    set_up(&mut subject);
    subject.start();
    assert_eq!(subject.close(), Close::Server, "{status}");
    goal.requests()[0].clone()
}

fn refused(server: &Server) -> Lost {
    let mut subject = Subject::new(&server.url("/"));
    subject.start();
    let lost = subject.error();
    assert_eq!(lost.retry_in, None);
    assert_eq!(subject.close(), Close::Failed(lost.kind));
    lost
}

#[test]
fn all_five_redirects_are_followed() {
    for status in [301, 302, 303, 307, 308] {
        let request = follow(status, |_| {});
        assert_eq!(
            (request.method.as_str(), request.target.as_str()),
            ("GET", "/goal")
        );
    }
}

#[test]
fn a_relative_location_is_resolved() {
    let server = Server::start(|exchange| match exchange.request.path() {
        "/a/b" => exchange.respond(302, &[("Location", "../c?x#y")], b""),
        _ => exchange.respond(204, &[], b""),
    });
    let mut subject = Subject::new(&server.url("/a/b"));
    subject.start();
    subject.close();
    assert_eq!(server.requests()[1].target, "/c?x");
}

#[test]
fn a_post_becomes_a_get_after_301_302_and_303_and_stays_after_307_and_308() {
    for (status, method, body) in [
        (301, "GET", ""),
        (302, "GET", ""),
        (303, "GET", ""),
        (307, "POST", "hi"),
        (308, "POST", "hi"),
    ] {
        let request = follow(status, |subject| {
            subject.configure(|settings| {
                settings.request.set_method("POST").expect("a method");
                settings.request.set_body(b"hi");
                settings
                    .request
                    .set_header("Content-Type", "text/plain")
                    .expect("a header");
            });
        });
        assert_eq!(
            (request.method.as_str(), request.body.as_slice()),
            (method, body.as_bytes()),
            "{status}"
        );
        assert_eq!(
            request.header("content-type").is_some(),
            method == "POST",
            "{status}"
        );
    }
}

#[test]
fn another_method_becomes_a_get_only_after_303() {
    for before in ["PUT", "REPORT"] {
        for (status, method, body) in [
            (301, before, "hi"),
            (302, before, "hi"),
            (303, "GET", ""),
            (307, before, "hi"),
        ] {
            let request = follow(status, |subject| {
                subject.configure(|settings| {
                    settings.request.set_method(before).expect("a method");
                    settings.request.set_body(b"hi");
                });
            });
            assert_eq!(
                (request.method.as_str(), request.body.as_slice()),
                (method, body.as_bytes()),
                "{status}"
            );
        }
    }
}

fn with_secrets(subject: &Subject) {
    subject.configure(|settings| {
        let request = &mut settings.request;
        request
            .set_header("Authorization", "Bearer secret")
            .expect("a header");
        request.set_header("Cookie", "secret").expect("a header");
        request
            .set_sensitive_header("X-Api-Key", "secret")
            .expect("a header");
        request.set_header("X-Public", "hello").expect("a header");
    });
}

#[test]
fn another_origin_never_sees_credentials() {
    let request = follow(307, |subject| with_secrets(subject));
    for (name, value) in &request.headers {
        assert!(!value.contains("secret"), "{name} leaked");
    }
    assert_eq!(request.header("x-public"), Some("hello"));
}

#[test]
fn a_host_name_that_the_caller_gave_is_not_told_to_another_origin() {
    let request = follow(302, |subject| {
        subject.configure(|settings| {
            settings
                .request
                .set_header("Host", "virtual.example")
                .expect("a header");
        });
    });
    assert!(
        request
            .header("host")
            .is_some_and(|host| host.starts_with("127.0.0.1:"))
    );
}

#[test]
fn the_same_origin_keeps_credentials() {
    let server = Server::start(|exchange| match exchange.request.path() {
        "/" => exchange.respond(302, &[("Location", "/next")], b""),
        _ => exchange.respond(204, &[], b""),
    });
    let mut subject = Subject::new(&server.url("/"));
    with_secrets(&subject);
    subject.start();
    subject.close();
    let request = &server.requests()[1];
    assert_eq!(request.header("authorization"), Some("Bearer secret"));
    assert_eq!(request.header("x-api-key"), Some("secret"));
}

#[test]
fn credentials_dropped_on_the_way_do_not_come_back() {
    let home = Server::start(|exchange| match exchange.request.query("to") {
        Some(to) => {
            let to = to.to_owned();
            exchange.respond(302, &[("Location", &to)], b"");
        }
        None => exchange.respond(204, &[], b""),
    });
    let elsewhere = redirecting(302, home.url("/back"));
    let mut subject = Subject::new(&home.url(&format!("/?to={}", elsewhere.url("/"))));
    with_secrets(&subject);
    subject.start();
    subject.close();
    assert_eq!(home.requests()[1].header("authorization"), None);
}

#[test]
fn each_reconnect_starts_from_the_original_url() {
    let goal = Server::start(|exchange| {
        exchange.event_stream();
        exchange.event_with_id("1", "one");
        exchange.end();
    });
    let start = redirecting(302, goal.url("/goal"));
    let mut subject = Subject::new(&start.url("/start"));
    subject.start();
    subject.events(2);
    assert!(start.requests().len() >= 2);
    assert_eq!(goal.requests()[1].header("last-event-id"), Some("1"));
}

#[test]
fn a_redirect_loop_ends_at_the_limit() {
    let server = Server::start(|exchange| exchange.respond(302, &[("Location", "/again")], b""));
    let mut subject = Subject::new(&server.url("/"));
    subject.configure(|settings| settings.http.max_redirects = 3);
    subject.start();
    assert_eq!(subject.error().kind, ErrorKind::TooManyRedirects);
    subject.close();
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_redirect_without_a_usable_location_is_a_final_error() {
    let missing = Server::start(|exchange| exchange.respond(302, &[], b"where to?"));
    let lost = refused(&missing);
    assert_eq!(
        (lost.kind, lost.http_status, lost.body.as_slice()),
        (ErrorKind::Redirect, 302, &b"where to?"[..])
    );
    for location in [
        "http://",
        "ftp://127.0.0.1/",
        "http://[::1",
        "javascript:alert(1)",
    ] {
        assert_eq!(
            refused(&redirecting(302, location)).kind,
            ErrorKind::Redirect,
            "{location}"
        );
    }
}

/// The Fetch standard's "location URL" fails for several values; browsers let the same one be said twice.
#[test]
fn two_different_locations_are_a_final_error_and_the_same_one_twice_is_one() {
    let goal = goal();
    let (one, other) = (goal.url("/one"), goal.url("/other"));
    for status in [301, 302, 303, 307, 308] {
        let (one, other) = (one.clone(), other.clone());
        let server = Server::start(move |exchange| {
            exchange.respond(status, &[("Location", &one), ("Location", &other)], b"");
        });
        let lost = refused(&server);
        assert_eq!(lost.kind, ErrorKind::Redirect, "{status}");
        assert!(lost.message.contains("different"), "{}", lost.message);
    }
    assert_eq!(goal.requests().len(), 0);
    let server = Server::start(move |exchange| {
        exchange.respond(302, &[("Location", &one), ("Location", &one)], b"");
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.start();
    subject.close();
    assert_eq!(goal.requests()[0].target, "/one");
}

#[test]
fn https_never_falls_back_to_http() {
    let plain = goal();
    let location = plain.url("/");
    let identity = Identity::generate(&["localhost"]);
    let pem = identity.ca_pem().to_owned();
    let secure = Server::start_tls(identity, move |exchange| {
        exchange.respond(302, &[("Location", &location)], b"");
    });
    let mut subject = Subject::new(&secure.url("/"));
    subject.configure(|settings| {
        settings
            .http
            .tls
            .set_extra_roots(pem.as_bytes())
            .expect("a CA")
    });
    subject.start();
    let lost = subject.error();
    assert_eq!((lost.kind, lost.retry_in), (ErrorKind::Redirect, None));
    subject.close();
    assert_eq!(plain.connections(), 0);
}

#[test]
fn a_body_is_not_sent_to_another_origin_unless_that_is_asked_for() {
    for (status, following) in [
        (307, None),
        (308, None),
        (307, Some(Following::Plain)),
        (308, Some(Following::Refused)),
    ] {
        let goal = goal();
        let start = redirecting(status, goal.url("/goal"));
        let mut subject = Subject::new(&start.url("/start"));
        subject.configure(|settings| {
            settings.request.set_method("POST").expect("a method");
            settings.request.set_body(b"hi");
        });
        if let Some(following) = following {
            subject.on_redirect(move |_, redirect| {
                assert!(redirect.drops_body && !redirect.drops_credentials);
                following
            });
        }
        subject.start();
        let lost = subject.error();
        assert_eq!((lost.kind, lost.http_status), (ErrorKind::Redirect, status));
        assert_eq!(lost.retry_in, None);
        assert!(lost.message.contains("on_redirect"), "{}", lost.message);
        assert_eq!(goal.requests().len(), 0);
    }
    // One that becomes a GET has none left.
    let request = {
        let goal = goal();
        let start = redirecting(303, goal.url("/goal"));
        let mut subject = Subject::new(&start.url("/start"));
        subject.configure(|settings| {
            settings.request.set_method("POST").expect("a method");
            settings.request.set_body(b"hi");
        });
        subject.start();
        assert_eq!(subject.close(), Close::Server);
        goal.requests()[0].clone()
    };
    assert_eq!((request.method.as_str(), request.body.len()), ("GET", 0));
}

#[test]
fn on_redirect_is_asked_for_each_redirect_of_each_attempt_and_for_none_that_is_never_followed() {
    let server = Server::start(|exchange| match exchange.request.path() {
        "/1" => exchange.respond(301, &[("Location", "/2#x")], b""),
        "/2" => exchange.respond(
            308,
            &[("Location", "//user:secret@LOCALHOST:1/%41")],
            b"why",
        ),
        _ => exchange.respond(302, &[], b""),
    });
    let mut subject = Subject::new(&server.url("/1"));
    let (sender, asked) = channel();
    subject.on_redirect(move |from, redirect| {
        let _ = sender.send((
            from.url().path().to_owned(),
            redirect.status,
            redirect.to.to_string(),
        ));
        match redirect.status {
            301 => Following::Plain,
            _ => Following::Refused,
        }
    });
    subject.on_told(|told| match told {
        Told::Error(_) => Decision::Reconnect,
        _ => Decision::Default,
    });
    subject.start();
    for _ in 0..2 {
        let lost = subject.error();
        assert_eq!(lost.kind, ErrorKind::Redirect);
        assert_eq!(lost.message, "redirect 308: on_redirect refused it");
        assert_eq!(lost.body, b"why");
    }
    subject.stop();
    let asked: Vec<_> = asked.try_iter().take(4).collect();
    for asked in asked.chunks(2) {
        assert_eq!(asked[0], ("/1".into(), 301, server.url("/2")));
        assert_eq!(
            asked[1],
            ("/2".into(), 308, "http://localhost:1/%41".into())
        );
    }
    let mut subject = Subject::new(&server.url("/none"));
    subject.on_redirect(|_, redirect| panic!("asked about {redirect:?}"));
    subject.start();
    assert_eq!(subject.error().kind, ErrorKind::Redirect);
}

#[test]
fn a_stop_in_on_redirect_ends_the_attempt() {
    let goal = goal();
    let start = redirecting(302, goal.url("/goal"));
    let mut subject = Subject::new(&start.url("/"));
    let client = subject.client.clone();
    subject.on_redirect(move |_, _| {
        client.stop();
        Following::Plain
    });
    subject.start();
    assert_eq!(subject.close(), Close::Stopped);
    assert_eq!(goal.requests().len(), 0);
}
