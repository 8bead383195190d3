//! Whom a client trusts by itself: the platform's authorities. A program of its own, because it changes the environment,
//! in which that store's place can be set.
#![cfg(target_os = "linux")]

mod common;

use common::Subject;
use eventsource::http::{ErrorKind, Tls};
use std::fs;
use test_server::{Identity, Server};

fn server(identity: &Identity) -> Server {
    Server::start_tls(identity.clone(), |exchange| {
        exchange.event_stream();
        exchange.event("secret");
        exchange.wait_for_disconnect();
    })
}

/// What becomes of a client whose policy is `change`d: an event's data, or an error's message.
fn outcome(server: &Server, change: impl FnOnce(&mut Tls)) -> String {
    let mut subject = Subject::with_defaults(&server.url("/"));
    subject.configure(|settings| change(&mut settings.http.tls));
    subject.start();
    match subject.next() {
        common::Told::Open { .. } => subject.events(1).concat(),
        common::Told::Error(lost) => {
            assert_eq!(lost.kind, ErrorKind::Certificate, "{}", lost.message);
            lost.message
        }
        told => panic!("{told:?}"),
    }
}

#[test]
fn the_platforms_authorities_are_trusted_beside_those_set_or_not_at_all() {
    const UNKNOWN: &str =
        "the certificate of localhost is not trusted: no trusted authority vouches for it";
    let [platforms, other] = [(); 2].map(|()| Identity::generate(&["localhost"]));
    let store = std::env::temp_dir().join(format!("platform-roots-{}.pem", std::process::id()));
    fs::write(&store, platforms.ca_pem()).expect("a file");
    // SAFETY: this program has no other test, and no thread that reads the environment yet.
    unsafe { std::env::set_var("SSL_CERT_FILE", &store) };
    let by_default = server(&platforms);
    let by_setting = server(&other);
    let set = |tls: &mut Tls| {
        tls.set_extra_roots(other.ca_pem().as_bytes())
            .expect("an authority");
    };
    let exclude = |tls: &mut Tls| tls.set_exclusive_roots(true);

    assert_eq!(outcome(&by_default, |_| ()), "secret");
    assert_eq!(outcome(&by_setting, |_| ()), UNKNOWN);

    assert_eq!(outcome(&by_default, set), "secret");
    assert_eq!(outcome(&by_setting, set), "secret");

    let both = |tls: &mut Tls| {
        exclude(tls);
        set(tls);
    };
    assert_eq!(outcome(&by_default, both), UNKNOWN);
    assert_eq!(outcome(&by_setting, both), "secret");

    assert_eq!(
        outcome(&by_default, exclude),
        "no certificate is trusted: the platform's authorities are excluded, and no other is set"
    );
    fs::remove_file(&store).expect("the file");
}
