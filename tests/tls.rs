//! TLS: whom the client trusts, and what it says when it does not.

mod common;

use common::{Lost, Subject};
use eventsource::http::ErrorKind;
use test_server::{Identity, Server};

fn server(identity: &Identity) -> Server {
    Server::start_tls(identity.clone(), |exchange| {
        exchange.event_stream();
        exchange.event("secret");
        exchange.wait_for_disconnect();
    })
}

/// The error of a client that trusts the system and the CA of `trusted`.
fn failure(url: &str, trusted: Option<&Identity>) -> Lost {
    let mut subject = Subject::with_defaults(url);
    if let Some(identity) = trusted {
        subject.trust(identity);
    }
    subject.start();
    subject.error()
}

#[test]
fn a_server_with_a_trusted_certificate_is_read() {
    let identity = Identity::generate(&["localhost"]);
    let server = server(&identity);
    let mut subject = Subject::new(&server.url("/"));
    subject.trust(&identity);
    subject.start();
    assert_eq!(subject.events(1), ["secret"]);
}

#[test]
fn an_unknown_authority_is_refused_before_anything_is_sent() {
    let server = server(&Identity::generate(&["localhost"]));
    let lost = failure(&server.url("/"), None);
    assert_eq!(lost.kind, ErrorKind::Tls);
    assert!(lost.message.contains("UnknownIssuer"), "{}", lost.message);
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_wrong_name_is_refused() {
    let identity = Identity::generate(&["example.org"]);
    let lost = failure(&server(&identity).url("/"), Some(&identity));
    assert_eq!(lost.kind, ErrorKind::Tls);
    assert!(
        lost.message.contains("not valid for name"),
        "{}",
        lost.message
    );
}

#[test]
fn an_expired_certificate_is_refused() {
    let identity = Identity::generate_expired(&["localhost"]);
    let lost = failure(&server(&identity).url("/"), Some(&identity));
    assert_eq!(lost.kind, ErrorKind::Tls);
    assert!(lost.message.contains("expired"), "{}", lost.message);
}

#[test]
fn the_insecure_switch_accepts_anybody_and_is_off_by_default() {
    let server = server(&Identity::generate_expired(&["example.org"]));
    let mut subject = Subject::new(&server.url("/"));
    subject.configure(|settings| settings.http.tls.set_insecure(true));
    subject.start();
    assert_eq!(subject.events(1), ["secret"]);
    subject.stop();
    subject.told_so_far();

    subject.configure(|settings| settings.http.tls.set_insecure(false));
    subject.start();
    assert_eq!(subject.error().kind, ErrorKind::Tls);
}

#[test]
fn a_server_that_does_not_speak_tls_is_an_error() {
    let plain = Server::start(|exchange| exchange.respond(204, &[], b""));
    let lost = failure(
        &plain
            .url("/")
            .replace("http://127.0.0.1", "https://localhost"),
        None,
    );
    assert_eq!(lost.kind, ErrorKind::Tls);
}

#[test]
fn an_abrupt_end_of_a_tls_stream_is_not_taken_for_its_end() {
    let identity = Identity::generate(&["localhost"]);
    let server = Server::start_tls(identity.clone(), |exchange| {
        // Without framing the body ends with the connection, and only close_notify says that nothing was cut off.
        exchange.head(200, &[("Content-Type", "text/event-stream")]);
        exchange.send("data: whole\n\ndata: cut");
        exchange.abort();
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.trust(&identity);
    subject.start();
    assert_eq!(subject.events(1), ["whole"]);
    assert_eq!(subject.error().kind, ErrorKind::Disconnected);
}

#[test]
fn bad_pem_is_refused_at_the_setter_and_changes_nothing() {
    let identity = Identity::generate(&["localhost"]);
    let server = server(&identity);
    let mut subject = Subject::new(&server.url("/"));
    subject.configure(|settings| {
        let tls = &mut settings.http.tls;
        tls.set_extra_roots(identity.ca_pem().as_bytes())
            .expect("a CA");
        for bad in [
            "no PEM at all",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\n",
        ] {
            assert!(tls.set_extra_roots(bad.as_bytes()).is_err(), "{bad:?}");
        }
    });
    subject.start();
    assert_eq!(subject.events(1), ["secret"]);
}
