//! Where a host is: addresses, names, Unix sockets.

use crate::common::relay::relay_all;
use crate::common::{BEFORE_THE_DEFAULT, Subject, Told};
use eventsource::http::ErrorKind;
use socket2::{Domain, Socket, Type};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, fs, process};
use test_server::{Exchange, Identity, Server};

fn stream(exchange: &mut Exchange) {
    exchange.event_stream();
    exchange.event("hello");
    exchange.wait_for_disconnect();
}

/// A client without a proxy, that is told where hosts are.
fn told(url: &str, places: &[String]) -> Subject {
    let subject = Subject::new(url);
    subject.configure(|settings| {
        let network = &mut settings.http.network;
        network.set_proxy(Some("")).expect("no proxy");
        for place in places {
            network.set_resolve(place).expect("a place");
        }
    });
    subject
}

// ---- Addresses ----

/// A listener that never lets connect, nor refuses: the system drops what comes once its queue is full.
struct BlackHole {
    _listener: Socket,
    _queue: Vec<Socket>,
}

impl BlackHole {
    fn open(address: impl Into<IpAddr>, port: u16) -> BlackHole {
        let address = SocketAddr::new(address.into(), port);
        let domain = Domain::for_address(address);
        let address = address.into();
        let listener = Socket::new(domain, Type::STREAM, None).expect("a socket");
        listener.bind(&address).expect("a free port");
        listener.listen(0).expect("a queue");
        let mut queue = Vec::new();
        loop {
            let caller = Socket::new(domain, Type::STREAM, None).expect("a socket");
            let is_full = caller
                .connect_timeout(&address, Duration::from_millis(200))
                .is_err();
            queue.push(caller);
            if is_full {
                return BlackHole {
                    _listener: listener,
                    _queue: queue,
                };
            }
        }
    }
}

#[test]
fn an_address_that_answers_is_not_held_up_by_one_of_the_other_family() {
    let server = Server::start(stream);
    let port = server.port();
    let _black_hole = BlackHole::open(Ipv6Addr::LOCALHOST, port);
    let url = format!("http://sse.example:{port}/");
    let mut subject = told(&url, &[format!("sse.example:{port}:[::1],127.0.0.1")]);
    let begun = Instant::now();
    subject.start();
    assert_eq!(subject.events(1), ["hello"]);
    // 300 ms are the head start of the first family; the connect timeout is 10 s.
    assert!(
        begun.elapsed() < BEFORE_THE_DEFAULT,
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_silent_address_takes_its_share_of_the_connect_timeout_and_no_more() {
    let server = Server::start(stream);
    let port = server.port();
    let silent = [Ipv4Addr::new(127, 0, 0, 8), Ipv4Addr::new(127, 0, 0, 9)];
    let _black_holes = silent.map(|address| BlackHole::open(address, port));
    let url = format!("http://sse.example:{port}/");
    let connect_timeout = Duration::from_secs(1);
    for (addresses, is_there) in [
        ("127.0.0.8,127.0.0.1", true),
        ("127.0.0.8,127.0.0.9", false),
    ] {
        let mut subject = told(&url, &[format!("sse.example:{port}:{addresses}")]);
        subject.configure(|settings| settings.http.connect_timeout = Some(connect_timeout));
        subject.start();
        match subject.next() {
            Told::Open { .. } => assert!(is_there, "{addresses}"),
            Told::Error(lost) => {
                assert!(!is_there, "{addresses}: {}", lost.message);
                assert_eq!(lost.kind, ErrorKind::ConnectTimeout);
            }
            told => panic!("{told:?}"),
        }
    }
}

#[test]
fn an_address_that_refuses_is_followed_by_the_next() {
    let server = Server::start(stream);
    let port = server.port();
    let url = format!("http://sse.example:{port}/");
    for addresses in ["::1,127.0.0.1", "127.0.0.9,127.0.0.1", "127.0.0.1,::1"] {
        let mut subject = told(&url, &[format!("sse.example:{port}:{addresses}")]);
        subject.start();
        assert_eq!(subject.events(1), ["hello"], "{addresses}");
    }
}

#[test]
fn an_ipv6_address_is_a_host() {
    let server = Server::start(stream);
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    relay_all::<TcpStream>(
        move || listener.accept().map(|(near, _)| near),
        server.port(),
    );
    let mut subject = told(&format!("http://[0:0::1]:{port}/"), &[]);
    subject.start();
    assert_eq!(subject.events(1), ["hello"]);
    let host = format!("[::1]:{port}");
    assert_eq!(server.requests()[0].header("host"), Some(&*host));
}

// ---- Names ----

#[test]
fn a_host_is_where_the_program_says_and_keeps_its_name() {
    let identity = Identity::generate(&["sse.example"]);
    let plain = Server::start(stream);
    let tls = Server::start_tls(identity.clone(), stream);
    for (server, scheme) in [(&plain, "http"), (&tls, "https")] {
        let port = server.port();
        let places = [
            format!("sse.example:{port}:127.0.0.9"),
            format!("*:{port}:127.0.0.9"),
            // It replaces the first, and comes before the one for all.
            format!("SSE.example:{port}:127.0.0.1"),
            format!("sse.example:{}:127.0.0.9", port ^ 1),
        ];
        let mut subject = told(&format!("{scheme}://sse.example:{port}/"), &places);
        subject.trust(&identity);
        subject.start();
        assert_eq!(subject.events(1), ["hello"], "{scheme}");
        let host = format!("sse.example:{port}");
        assert_eq!(server.requests()[0].header("host"), Some(&*host));
    }
}

#[test]
fn what_the_program_said_of_a_host_can_be_forgotten() {
    let url = "http://name.invalid:1/";
    let mut subject = told(url, &["name.invalid:1:127.0.0.1".into()]);
    subject.configure(|settings| {
        let network = &mut settings.http.network;
        network.remove_resolve("name.invalid:1").expect("a place");
    });
    subject.start();
    assert_eq!(subject.error().kind, ErrorKind::Resolve);
}

#[test]
fn a_name_in_unicode_is_resolved_verified_and_sent_in_ascii() {
    let identity = Identity::generate(&["xn--bcher-kva.example"]);
    let server = Server::start_tls(identity.clone(), stream);
    let port = server.port();
    let place = format!("xn--bcher-kva.example:{port}:127.0.0.1");
    let mut subject = told(&format!("https://B\u{fc}cher.example:{port}/"), &[place]);
    subject.trust(&identity);
    subject.start();
    assert_eq!(subject.events(1), ["hello"]);
    let host = format!("xn--bcher-kva.example:{port}");
    assert_eq!(server.requests()[0].header("host"), Some(&*host));
}

// ---- Unix sockets ----

/// A path for a socket, which goes with this value.
struct SocketPath(PathBuf);

impl SocketPath {
    fn new(name: &str) -> SocketPath {
        SocketPath(env::temp_dir().join(format!("eventsource-{}-{name}", process::id())))
    }

    /// Makes a socket there that leads to a server.
    fn lead_to(&self, server: &Server) {
        let listener = UnixListener::bind(&self.0).expect("a socket");
        relay_all(
            move || listener.accept().map(|(near, _)| near),
            server.port(),
        );
    }

    /// A client that uses it; a proxy makes no difference to it.
    fn client(&self, url: &str) -> Subject {
        let subject = Subject::new(url);
        subject.configure(|settings| {
            let network = &mut settings.http.network;
            network
                .set_proxy(Some("http://127.0.0.1:1"))
                .expect("a proxy");
            network.set_no_proxy(Some(""));
            let path = self.0.to_str().expect("UTF-8");
            network.set_unix_socket(Some(path)).expect("a path");
        });
        subject
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn http_and_https_go_over_a_unix_socket() {
    let identity = Identity::generate(&["sse.example"]);
    for (server, url) in [
        (Server::start(stream), "http://sse.example/a?b"),
        (
            Server::start_tls(identity.clone(), stream),
            "https://sse.example/a?b",
        ),
    ] {
        let path = SocketPath::new(&url[..5]);
        path.lead_to(&server);
        let mut subject = path.client(url);
        subject.trust(&identity);
        subject.start();
        assert_eq!(subject.events(1), ["hello"], "{url}");
        let request = &server.requests()[0];
        assert_eq!(request.target, "/a?b");
        assert_eq!(request.header("host"), Some("sse.example"));
    }
}

#[test]
fn a_unix_socket_that_is_not_there_is_waited_for() {
    let server = Server::start(stream);
    let path = SocketPath::new("late");
    let mut subject = path.client("http://sse.example/");
    subject.start();
    let lost = subject.error();
    assert_eq!(lost.kind, ErrorKind::Connect);
    assert_eq!(lost.os_error, libc::ENOENT);
    let name = path.0.display().to_string();
    assert!(lost.message.contains(&name), "{}", lost.message);
    path.lead_to(&server);
    assert_eq!(subject.events(1), ["hello"]);
}

#[test]
fn a_body_that_is_larger_than_a_unix_sockets_buffer_arrives_whole() {
    let server = Server::start(stream);
    let path = SocketPath::new("body");
    path.lead_to(&server);
    let mut subject = path.client("http://sse.example/");
    let body: Vec<u8> = (0..8_000_000_u32).map(|n| (n % 251) as u8).collect();
    subject.configure(|settings| {
        settings.request.set_method("POST").expect("a method");
        settings.request.set_body(&body);
    });
    subject.start();
    subject.events(1);
    assert!(server.requests()[0].body == body);
}
