//! What tests rely on: that the server does what a script says, and leaves nothing behind.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use test_server::{Identity, LIMIT, Server};

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", server.port())).expect("a connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
    stream
}

fn request(server: &Server, target: &str) -> TcpStream {
    let mut stream = connect(server);
    write!(stream, "GET {target} HTTP/1.1\r\nHost: here\r\n\r\n").expect("a sent request");
    stream
}

fn read(stream: &mut impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an orderly end");
    text
}

/// The message of the panic.
fn panic_of(action: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(action)).expect_err("a panic");
    payload
        .downcast_ref::<String>()
        .expect("a formatted message")
        .clone()
}

#[test]
fn an_event_stream_is_sent_in_chunks() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        assert!(exchange.event("one\ntwo"));
        assert!(exchange.event_with_id("7", "three"));
        assert!(exchange.chunk(""));
        exchange.end();
    });
    let answer = read(&mut request(&server, "/"));
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"),
        "{head}"
    );
    assert!(
        head.contains("\r\nTransfer-Encoding: chunked\r\n"),
        "{head}"
    );
    assert_eq!(
        body,
        "15\r\ndata: one\ndata: two\n\n\r\n13\r\nid: 7\ndata: three\n\n\r\n0\r\n\r\n"
    );
}

#[test]
fn an_answer_frames_itself_unless_the_script_does() {
    let server = Server::start(|exchange| match exchange.request.path() {
        "/lie" => exchange.respond(200, &[("content-length", "9")], b"short"),
        _ => exchange.respond(299, &[("X", "y")], b"body"),
    });
    assert_eq!(
        read(&mut request(&server, "/")),
        "HTTP/1.1 299 Scripted\r\nX: y\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"
    );
    assert_eq!(
        read(&mut request(&server, "/lie")),
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nConnection: close\r\n\r\nshort"
    );
}

#[test]
fn requests_are_kept_in_order() {
    let server = Server::start(|exchange| exchange.respond(204, &[], b""));
    for target in ["/a", "/b?x=1"] {
        read(&mut request(&server, target));
    }
    let requests = server.wait_for_requests(2);
    let seen: Vec<_> = requests
        .iter()
        .map(|r| (r.number, r.connection, r.target.as_str()))
        .collect();
    assert_eq!(seen, [(0, 0, "/a"), (1, 1, "/b?x=1")]);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_path_is_what_it_is_also_in_a_request_to_a_proxy() {
    let server = Server::start(|exchange| exchange.respond(204, &[], b""));
    for (target, path) in [
        ("/a?b", "/a"),
        ("/a?to=http://host/b", "/a"),
        ("http://host:1/a?b", "/a"),
        ("http://host", "/"),
    ] {
        read(&mut request(&server, target));
        let requests = server.requests();
        assert_eq!(requests.last().expect("one").path(), path);
    }
}

#[test]
fn a_tunnel_passes_bytes_on_both_ways_until_an_end_closes() {
    let far = Server::start(|exchange| exchange.respond(200, &[], b"from afar"));
    let (notes, sent) = mpsc::channel();
    let port = far.port();
    let near = Server::start(move |exchange| {
        exchange.send("ready");
        notes.send(exchange.tunnel(port)).expect("a waiting test");
    });
    let mut stream = request(&near, "/tunnel");
    stream.read_exact(&mut [0; 5]).expect("an answer");
    write!(stream, "GET /through HTTP/1.1\r\n\r\n").expect("a sent request");
    assert!(read(&mut stream).ends_with("from afar"));
    assert_eq!(far.requests()[0].target, "/through");
    let sent = sent.recv_timeout(LIMIT).expect("the tunnel's end");
    assert_eq!(sent, b"GET /through HTTP/1.1\r\n\r\n");
}

#[test]
fn a_server_can_forget_requests() {
    let server = Server::start(|exchange| {
        let number = exchange.request.number.to_string();
        exchange.respond(200, &[], number.as_bytes());
    })
    .forget_requests();
    for number in ["0", "1"] {
        assert!(read(&mut request(&server, "/")).ends_with(&format!("\r\n\r\n{number}")));
    }
    assert!(server.requests().is_empty());
}

#[test]
fn a_connection_without_a_request_is_closed() {
    let server = Server::start(|_| panic!("no request came"));
    let mut stream = connect(&server);
    stream.write_all(b"\x16\x03\x01\r\n").expect("sent garbage");
    // Closed with some of the garbage unread, that is, reset.
    let _ = stream.read_to_end(&mut Vec::new());
    server.wait_for_no_connections();
    assert_eq!((server.connections(), server.requests().len()), (1, 0));
}

#[test]
fn the_script_sees_the_peer_leave() {
    let (left, leaves) = mpsc::channel();
    let server = Server::start(move |exchange| {
        exchange.event_stream();
        exchange.wait_for_disconnect();
        assert!(!exchange.send("x") && !exchange.chunk("x") && !exchange.chunk(""));
        assert!(!exchange.pause(Duration::ZERO));
        left.send(()).expect("a waiting test");
    });
    let stream = request(&server, "/");
    server.wait_for_requests(1);
    assert_eq!(server.open_connections(), 1);
    drop(stream);
    leaves.recv_timeout(LIMIT).expect("the script to go on");
    server.wait_for_no_connections();
}

#[test]
fn a_pause_lasts_as_long_as_the_peer_stays() {
    let (paused, pauses) = mpsc::channel();
    let server = Server::start(move |exchange| {
        let start = Instant::now();
        let stayed = exchange.pause(Duration::from_millis(30));
        paused
            .send((stayed, start.elapsed()))
            .expect("a waiting test");
        paused
            .send((exchange.pause(LIMIT), start.elapsed()))
            .expect("a waiting test");
    });
    let mut stream = request(&server, "/");
    stream.write_all(b"more").expect("sent bytes");
    let (stayed, time) = pauses.recv_timeout(LIMIT).expect("a first pause");
    assert!(stayed && time >= Duration::from_millis(30), "{time:?}");
    drop(stream);
    let (stayed, time) = pauses.recv_timeout(LIMIT).expect("a second pause");
    assert!(!stayed && time < LIMIT, "{time:?}");
}

#[test]
fn a_reset_is_a_reset() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        exchange.reset();
        assert!(!exchange.send("x"));
    });
    let error = request(&server, "/")
        .read_to_end(&mut Vec::new())
        .expect_err("no orderly end");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    server.wait_for_no_connections();
}

#[test]
fn an_answer_arrives_even_if_the_peer_sent_too_much() {
    let server = Server::start(|exchange| exchange.respond(200, &[], &[b'x'; 100_000]));
    let mut stream = connect(&server);
    let excess = "y".repeat(100_000);
    write!(stream, "GET / HTTP/1.1\r\n\r\n{excess}").expect("a sent request");
    stream.shutdown(Shutdown::Write).expect("an end");
    assert!(read(&mut stream).ends_with(&"x".repeat(100_000)));
}

#[test]
fn a_raw_script_need_not_read() {
    let server = Server::start_raw(|mut socket| {
        let _ = socket.write_all(b"hello");
    });
    assert_eq!(read(&mut connect(&server)), "hello");
    server.wait_for_connections(1);
    server.wait_for_no_connections();
    assert_eq!((server.connections(), server.requests().len()), (1, 0));
}

#[test]
fn dropping_ends_scripts_that_are_waiting() {
    let held = Arc::new(());
    let (first, second, third) = (held.clone(), held.clone(), held.clone());
    let waiting = Server::start(move |exchange| {
        let _ = &first;
        exchange.wait_for_disconnect();
    });
    let sending = Server::start(move |exchange| {
        let _ = &second;
        while exchange.send([0; 65536]) {}
    });
    let raw = Server::start_raw(move |mut socket| {
        let _ = (&third, socket.read(&mut [0]));
    });
    let mut clients = Vec::new();
    for server in [&waiting, &sending] {
        clients.extend((0..10).map(|_| request(server, "/")));
        server.wait_for_requests(10);
    }
    clients.extend([&waiting, &raw].map(connect));
    raw.wait_for_connections(1);
    waiting.wait_for_connections(11);
    let start = Instant::now();
    drop((waiting, sending, raw));
    assert!(start.elapsed() < LIMIT / 2, "{:?}", start.elapsed());
    // Every thread had a share in its script, so no thread is left.
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn hundreds_of_connections_at_once() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        exchange.event(exchange.request.path().to_owned().as_str());
        exchange.wait_for_disconnect();
    });
    let clients: Vec<_> = (0..400)
        .map(|n| request(&server, &format!("/{n}")))
        .collect();
    assert_eq!(server.wait_for_requests(400).len(), 400);
    assert_eq!(server.open_connections(), 400);
    for (n, stream) in clients.into_iter().enumerate() {
        let expected = format!("data: /{n}\n\n\r\n");
        let (mut answer, mut byte) = (Vec::new(), [0]);
        while !answer.ends_with(expected.as_bytes()) {
            (&stream).read_exact(&mut byte).expect("an event");
            answer.extend(byte);
        }
    }
    server.wait_for_no_connections();
}

#[test]
fn a_panic_in_a_script_fails_the_test() {
    let server = Server::start(|_| panic!("the script's own words"));
    assert_eq!(read(&mut request(&server, "/")), "");
    let waited = panic_of(|| drop(server.wait_for_requests(2)));
    assert!(
        waited.contains("the script's own words") && waited.contains("GET /"),
        "{waited}"
    );
    let dropped = panic_of(|| drop(server));
    assert!(dropped.contains("the script's own words"), "{dropped}");
}

/// A GET over TLS by a client that trusts this authority and wants a certificate for this name.
fn get_tls(server: &Server, ca_pem: &str, name: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).expect("a certificate"))
        .expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a configuration");
    let mut stream = StreamOwned::new(connection, connect(server));
    stream.write_all(b"GET /tls HTTP/1.1\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn https_has_the_certificate_that_was_asked_for() {
    let serve = |identity| {
        Server::start_tls(identity, |exchange| {
            exchange.respond(200, &[], b"secret");
            if exchange.request.number > 1 {
                exchange.abort();
            }
        })
    };
    let identity = Identity::generate(&["localhost", "127.0.0.1"]);
    let server = serve(identity.clone());
    assert_eq!(
        server.url("/x"),
        format!("https://localhost:{}/x", server.port())
    );
    for name in ["localhost", "127.0.0.1"] {
        assert!(
            get_tls(&server, identity.ca_pem(), name)
                .expect("an answer")
                .ends_with("secret")
        );
    }
    assert_eq!(server.requests()[1].path(), "/tls");

    let error = |server: &Server, ca: &Identity, name| {
        get_tls(server, ca.ca_pem(), name)
            .expect_err("no answer")
            .to_string()
    };
    assert!(error(&server, &identity, "localhost").contains("close_notify"));
    assert!(error(&server, &identity, "example.com").contains("not valid for name"));
    let other = Identity::generate(&["localhost"]);
    assert!(error(&server, &other, "localhost").contains("UnknownIssuer"));
    let expired = Identity::generate_expired(&["localhost"]);
    assert!(error(&serve(expired.clone()), &expired, "localhost").contains("expired"));
}
