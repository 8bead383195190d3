//! Cookies: what servers set comes back, where the rules of RFC 6265 say, and nothing does without a jar. The rules themselves
//! have their tests beside the jar.

use crate::common::Subject;
use eventsource::http::{Following, Jar};
use std::sync::mpsc::{Receiver, channel};
use test_server::{Exchange, Server};

/// A server that tells which cookies each request has, with its path, and answers by the path.
fn server() -> (Server, Receiver<String>) {
    let (sender, cookies) = channel();
    let server = Server::start(move |exchange| {
        let cookie = exchange.request.header("Cookie").unwrap_or("none");
        let path = exchange.request.path().to_owned();
        let _ = sender.send(format!("{path} {cookie}"));
        answer(exchange, &path);
    });
    (server, cookies)
}

fn answer(exchange: &mut Exchange, path: &str) {
    match path {
        "/login" => {
            let headers = [("Location", "/busy"), ("Set-Cookie", "session=1; HttpOnly")];
            exchange.respond(302, &headers, b"");
        }
        "/busy" => exchange.respond(503, &[("Set-Cookie", "node=2")], b""),
        "/elsewhere" => {
            let to = exchange.request.query("to").expect("a URL").to_owned();
            let headers = [("Location", &*to), ("Set-Cookie", "session=1")];
            exchange.respond(307, &headers, b"");
        }
        _ => {
            let headers = [
                ("Content-Type", "text/event-stream"),
                ("Set-Cookie", "stream=3; Path=/s"),
            ];
            exchange.respond(200, &headers, b"data: here\n\n");
        }
    }
}

fn with_jar(url: &str, jar: &Jar) -> Subject {
    let subject = Subject::new(url);
    subject.configure(|settings| settings.http.cookies = Some(jar.clone()));
    subject
}

fn jar() -> Jar {
    Jar::new().expect("a build with cookies")
}

#[test]
fn those_of_redirects_errors_and_streams_come_back() {
    let (server, cookies) = server();
    let mut subject = with_jar(&server.url("/login"), &jar());
    subject.start();
    let next = || cookies.recv().expect("a request");
    assert_eq!(next(), "/login none");
    assert_eq!(next(), "/busy session=1");
    assert_eq!(next(), "/login session=1; node=2");
    let other = with_jar(&server.url("/s"), &jar());
    drop(subject);
    let mut subject = other;
    subject.start();
    while next() != "/s none" {}
    assert_eq!(next(), "/s stream=3");
}

#[test]
fn without_a_jar_none_comes_back() {
    let (server, cookies) = server();
    let mut subject = Subject::new(&server.url("/login"));
    subject.start();
    for request in ["/login none", "/busy none", "/login none"] {
        assert_eq!(cookies.recv().expect("a request"), request);
    }
}

#[test]
fn clients_can_share_a_jar_and_it_can_be_filled_and_read() {
    let (server, cookies) = server();
    let jar = jar();
    jar.add("127.0.0.1\tFALSE\t/\tFALSE\t0\tkept\tbefore\n")
        .expect("a cookie");
    let mut one = with_jar(&server.url("/login"), &jar);
    one.start();
    assert_eq!(cookies.recv().expect("a request"), "/login kept=before");
    assert!(one.error().retry_in.is_some());
    one.stop();
    let mut other = with_jar(&server.url("/"), &jar);
    other.start();
    let sent = cookies.iter().find(|sent| sent.starts_with("/ "));
    assert_eq!(sent.as_deref(), Some("/ kept=before; session=1; node=2"));
    assert!(
        jar.text()
            .contains("#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\t1\n")
    );
}

#[test]
fn on_request_sees_them_and_can_send_others_or_none() {
    let (server, cookies) = server();
    let jar = jar();
    jar.add("127.0.0.1\tFALSE\t/\tFALSE\t0\ta\tb\n")
        .expect("a cookie");
    let mut subject = with_jar(&server.url("/"), &jar);
    let mut number = 0;
    subject.on_request(move |attempt| {
        let sent = attempt
            .request
            .headers()
            .find(|(name, _)| *name == "cookie");
        let sent = sent.map(|(_, value)| value.to_vec());
        assert_eq!(sent.as_deref(), Some(&b"a=b"[..]));
        number += 1;
        match number {
            1 => attempt
                .request
                .set_header("Cookie", "mine=1")
                .expect("a header"),
            2 => attempt.request.remove_header("Cookie").expect("a header"),
            _ => {}
        }
    });
    subject.start();
    for request in ["/ mine=1", "/ none", "/ a=b"] {
        assert_eq!(cookies.recv().expect("a request"), request);
    }
}

#[test]
fn none_goes_to_another_host_whatever_leads_there() {
    for following in [Following::Plain, Following::WithCredentials] {
        let (server, cookies) = server();
        let to = server.url("/").replace("127.0.0.1", "localhost");
        let jar = jar();
        jar.add("127.0.0.1\tFALSE\t/\tFALSE\t0\ta\tb\n")
            .expect("a cookie");
        let mut subject = with_jar(&server.url(&format!("/elsewhere?to={to}")), &jar);
        subject.on_redirect(move |_, _| following);
        subject.start();
        assert_eq!(cookies.recv().expect("a request"), "/elsewhere a=b");
        assert_eq!(cookies.recv().expect("a request"), "/ none");
    }
    let (server, cookies) = server();
    let elsewhere = server.url("/").replace("127.0.0.1", "localhost");
    let jar = jar();
    jar.add("127.0.0.1\tFALSE\t/\tFALSE\t0\ta\tb\n")
        .expect("a cookie");
    let mut subject = with_jar(&server.url("/"), &jar);
    subject.on_request(move |attempt| attempt.request.set_url(&elsewhere).expect("a URL"));
    subject.start();
    assert_eq!(cookies.recv().expect("a request"), "/ none");
}
