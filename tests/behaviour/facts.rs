//! What is told of a stream's connection: whom it leads to, which versions it speaks, whether it was there already, and how
//! long each step took. Proxies have theirs in proxies.rs.

use crate::common::http2::Http2Server;
use crate::common::{Subject, limit};
use eventsource::http::{Facts, MinVersion, Peer, TlsVersion, Version};
use std::net::SocketAddr;
use std::time::Duration;
use test_server::{Exchange, Identity, Server};

fn stream(exchange: &mut Exchange) {
    exchange.event_stream();
    exchange.event("hello");
    exchange.wait_for_disconnect();
}

/// What is told of the next stream that opens.
fn facts_of(subject: &mut Subject) -> Facts {
    subject.start();
    subject.facts()
}

/// Which of the steps were made: looking up, connecting, TLS.
fn steps(facts: &Facts) -> [bool; 3] {
    let took = facts.took;
    assert!(took.head.is_some_and(|head| head <= limit()));
    [took.resolve, took.connect, took.tls].map(|step| {
        assert!(step.is_none_or(|step| step <= limit()), "{took:?}");
        step.is_some()
    })
}

fn loopback(port: u16) -> Peer {
    Peer::Tcp(SocketAddr::from(([127, 0, 0, 1], port)))
}

#[test]
fn a_stream_from_an_address_without_tls_has_connected_and_nothing_else() {
    let server = Server::start(stream);
    let facts = facts_of(&mut Subject::new(&server.url("/")));
    assert_eq!(facts.peer, loopback(server.port()));
    assert_eq!(facts.tls_version, None);
    assert!(!facts.is_reused);
    assert_eq!(steps(&facts), [false, true, false]);
}

#[test]
fn a_name_is_looked_up_unless_the_program_says_where_it_is() {
    let server = Server::start(stream);
    let url = format!("http://localhost:{}/", server.port());
    let facts = facts_of(&mut Subject::new(&url));
    assert_eq!(steps(&facts), [true, true, false]);
    assert_eq!(facts.peer, loopback(server.port()));

    let mut told = Subject::new(&url);
    told.configure(|settings| {
        let entry = format!("localhost:{}:127.0.0.1", server.port());
        settings.http.network.set_resolve(&entry).expect("an entry");
    });
    assert_eq!(steps(&facts_of(&mut told)), [false, true, false]);
}

#[test]
fn the_version_of_tls_is_told_and_that_it_took_a_handshake() {
    let identity = Identity::generate(&["localhost"]);
    let tls12 = identity.clone().only_tls12();
    for (served, min_version, told) in [
        (&identity, MinVersion::Tls13, TlsVersion::Tls13),
        (&tls12, MinVersion::Tls12, TlsVersion::Tls12),
    ] {
        let server = Server::start_tls(served.clone(), stream);
        let mut subject = Subject::new(&server.url("/"));
        subject.trust(&identity);
        subject.configure(|settings| settings.http.tls.set_min_version(min_version));
        let facts = facts_of(&mut subject);
        assert_eq!(facts.tls_version, Some(told));
        assert_eq!(steps(&facts), [true, true, true]);
        assert_eq!(facts.peer, loopback(server.port()));
    }
}

#[test]
fn the_head_takes_as_long_as_the_server_waits_with_it() {
    const WAIT: Duration = Duration::from_millis(50);
    let server = Server::start(|exchange| {
        std::thread::sleep(WAIT);
        stream(exchange);
    });
    let facts = facts_of(&mut Subject::new(&server.url("/")));
    assert!(facts.took.head >= Some(WAIT), "{:?}", facts.took);
}

#[test]
fn a_stream_on_a_shared_connection_tells_of_that_one_and_of_no_steps() {
    let server = Http2Server::start();
    let subject = || {
        let subject = Subject::new(&server.url("/"));
        subject.configure(|settings| settings.http.set_version(Version::Http2));
        subject
    };
    let (mut first, mut second) = (subject(), subject());
    first.start();
    let _stream = server.open();
    let first = (first.facts(), first);
    assert!(!first.0.is_reused);
    assert_eq!(steps(&first.0), [false, true, false]);

    second.start();
    let _other = server.open();
    let facts = second.facts();
    assert!(facts.is_reused);
    assert_eq!(steps(&facts), [false, false, false]);
    assert_eq!(facts.peer, first.0.peer);
    assert!(matches!(facts.peer, Peer::Tcp(_)), "{:?}", facts.peer);
}

#[cfg(unix)]
#[test]
fn the_peer_of_a_unix_socket_is_its_path() {
    use std::io::{Read, Write};
    let path = std::env::temp_dir().join(format!("facts-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    let mut subject = Subject::new("http://localhost/");
    subject.configure(|settings| {
        let path = path.to_str().expect("a text");
        settings
            .http
            .network
            .set_unix_socket(Some(path))
            .expect("a path");
    });
    subject.start();
    let (mut peer, _) = listener.accept().expect("the client");
    assert!(peer.read(&mut [0; 1024]).expect("a request") > 0);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    peer.write_all(head.as_bytes()).expect("a reader");
    let facts = subject.facts();
    std::fs::remove_file(&path).expect("the socket");
    assert_eq!(facts.peer.to_string(), path.to_str().expect("a text"));
    assert_eq!(steps(&facts), [false, true, false]);
}

#[test]
fn after_a_redirect_the_facts_are_those_of_the_server_that_was_led_to() {
    let identity = Identity::generate(&["localhost"]);
    let target = Server::start_tls(identity.clone(), stream);
    let location = target.url("/");
    let first = Server::start(move |exchange| {
        exchange.head(302, &[("Location", &location)]);
    });
    let mut subject = Subject::new(&first.url("/"));
    subject.trust(&identity);
    let facts = facts_of(&mut subject);
    assert_eq!(facts.peer, loopback(target.port()));
    assert_eq!(facts.tls_version, Some(TlsVersion::Tls13));
    assert_eq!(steps(&facts), [true, true, true]);
}
