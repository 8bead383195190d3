//! Whom a client trusts by itself: the platform's authorities. A program of its own, because it changes the environment,
//! in which that store's place can be set.
#![cfg(target_os = "linux")]

#[path = "../support/common/mod.rs"]
mod common;

use common::{Subject, Told};
use eventsource::http::{ErrorKind, MinVersion, Tls};
use eventsource::stream::Decision;
use std::fs;
use std::path::Path;
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
    const UNKNOWN: &str = "the certificate of localhost is not trusted: \
         no trusted authority vouches for it; eventsource_set_ca_file can trust its own";
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

    // A store that cannot be read, for want of a descriptor or of the file itself, is an error that is tried again, and never
    // makes others trust less.
    let _keeps_the_runtime = {
        let mut subject = Subject::with_defaults(&by_default.url("/"));
        subject.start();
        subject.open();
        subject
    };
    for (spoil, mend) in [
        (
            (&|| limit_descriptors(0)) as &dyn Fn(),
            (&|| limit_descriptors(1024)) as &(dyn Fn() + Sync),
        ),
        (&|| hide(&store), &|| show(&store)),
    ] {
        // A policy that nobody has yet.
        let mut subject = Subject::new(&by_default.url("/"));
        subject.configure(|settings| {
            set(&mut settings.http.tls);
            settings.http.tls.set_min_version(MinVersion::Tls13);
        });
        spoil();
        subject.start();
        let lost = subject.error();
        mend();
        assert_eq!(lost.kind, ErrorKind::Tls, "{}", lost.message);
        let words = "the system's certificate authorities cannot be read: ";
        assert!(lost.message.starts_with(words), "{}", lost.message);
        assert_ne!(lost.os_error, 0);
        assert_eq!(subject.events(1), ["secret"]);
    }

    // A store that is renewed needs no restart.
    let renewed = Identity::generate(&["localhost"]);
    let by_renewed = server(&renewed);
    let mut subject = Subject::new(&by_renewed.url("/"));
    let renewed_store = store.clone();
    subject.on_told(move |told| {
        if let Told::Error(lost) = told {
            assert_eq!(lost.message, UNKNOWN);
            fs::write(&renewed_store, renewed.ca_pem()).expect("a file");
        }
        Decision::Default
    });
    subject.start();
    assert_eq!(subject.events(1), ["secret"]);
    fs::remove_file(&store).expect("the file");
}

/// The system gives no new descriptor beyond this number.
fn limit_descriptors(number: libc::rlim_t) {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the limit is written and read during the calls.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        limit.rlim_cur = number;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
    }
}

fn hide(file: &Path) {
    fs::rename(file, file.with_extension("hidden")).expect("a file");
}

fn show(file: &Path) {
    fs::rename(file.with_extension("hidden"), file).expect("a hidden file");
}
