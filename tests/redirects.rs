//! Redirects are followed as browsers do, and give no secrets away.

mod common;

use common::{Lost, Subject};
use eventsource::http::ErrorKind;
use eventsource::stream::Close;
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
fn follow(status: u16, set_up: impl FnOnce(&Subject)) -> Request {
    let goal = goal();
    let start = redirecting(status, goal.url("/goal"));
    let mut subject = Subject::new(&start.url("/start"));
    set_up(&subject);
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
    for (status, method) in [
        (301, "REPORT"),
        (302, "REPORT"),
        (303, "GET"),
        (307, "REPORT"),
    ] {
        let request = follow(status, |subject| {
            subject.configure(|settings| settings.request.set_method("REPORT").expect("a method"));
        });
        assert_eq!(request.method, method, "{status}");
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
    let request = follow(307, with_secrets);
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
