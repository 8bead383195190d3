//! HTTP/2: streams that share a connection, and what ends them.

use crate::common::frames::{END_HEADERS, Frames, HEADERS};
use crate::common::http2::{Http2Server, Setup, Stream};
use crate::common::{BEFORE_THE_DEFAULT, Stopwatch, Subject, Told, limit};
use eventsource::http::{ErrorKind, Version, read_roots};
use eventsource::runtime::{Dispatch, Options, Runtime};
use eventsource::stream::{Close, Decision, Mode, Settings};
use h2::Reason;
use hyper::http::{HeaderMap, Response};
use std::future::pending;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::num::NonZeroUsize;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};
use test_server::{Identity, Server};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;

/// A client that knows that its server speaks HTTP/2.
fn knowing(url: &str) -> Subject {
    let subject = Subject::new(url);
    subject.configure(|settings| settings.http.set_version(Version::Http2));
    subject
}

/// So many of them, which start together.
fn several(count: usize, url: &str) -> Vec<Subject> {
    let mut subjects: Vec<_> = (0..count).map(|_| knowing(url)).collect();
    subjects.iter_mut().for_each(Subject::start);
    subjects
}

/// A client with its stream, which has delivered something.
fn opened(server: &Http2Server) -> (Subject, Stream) {
    let mut subject = knowing(&server.url("/"));
    subject.start();
    let mut stream = server.open();
    stream.event("first");
    assert_eq!(subject.events(1), ["first"]);
    (subject, stream)
}

/// For so long one waits for another's connection, where nobody knows how a server speaks.
const PATIENCE: Duration = Duration::from_millis(250);

// ---- Sharing ------------------------------------------------------------------------------------------------------------

#[test]
fn streams_to_one_origin_share_a_connection_however_many_start_together() {
    const TRIES: u32 = 10;
    for number in 1..=TRIES {
        let server = Http2Server::start();
        let begun = Instant::now();
        let subjects = several(50, &server.url("/"));
        let mut streams = vec![server.open()];
        let took = begun.elapsed();
        streams.extend(subjects[1..].iter().map(|_| server.open()));
        let share = streams.iter().all(|stream| stream.connection.number == 0);
        // They have not waited for a machine that was too busy to connect.
        if !share && took >= PATIENCE / 2 && number < TRIES {
            continue;
        }
        assert!(share, "the first stream came after {took:?}");
        for stream in &mut streams {
            stream.event("hello");
        }
        for subject in &subjects {
            assert_eq!(subject.http_version(), 20);
            assert_eq!(subject.events(1), ["hello"]);
        }
        let (_late, stream) = opened(&server);
        assert_eq!(stream.connection.number, 0);
        return;
    }
}

#[test]
fn a_connection_ends_with_its_last_stream() {
    let server = Http2Server::start();
    let (one, stream) = opened(&server);
    let (other, mut remaining) = opened(&server);
    one.stop();
    assert_eq!(stream.was_reset(), Reason::CANCEL);
    remaining.event("still here");
    assert_eq!(other.events(1), ["still here"]);
    other.stop();
    assert_eq!(server.closed(), 0);
    let (_new, stream) = opened(&server);
    assert_eq!(stream.connection.number, 1);
}

#[test]
fn streams_that_are_more_than_the_server_allows_get_another_connection() {
    let server = Http2Server::with(Setup {
        most_streams: Some(3),
        ..Setup::default()
    });
    let all: Vec<_> = (0..8).map(|_| opened(&server)).collect();
    let numbers: Vec<_> = all
        .iter()
        .map(|(_, stream)| stream.connection.number)
        .collect();
    assert_eq!(numbers, [0, 0, 0, 1, 1, 1, 2, 2]);
}

#[test]
fn a_place_that_becomes_free_is_taken_again() {
    let server = Http2Server::with(Setup {
        most_streams: Some(2),
        ..Setup::default()
    });
    let (_stays, _stream) = opened(&server);
    for _ in 0..5 {
        let (goes, stream) = opened(&server);
        assert_eq!(stream.connection.number, 0);
        goes.stop();
        assert_eq!(stream.was_reset(), Reason::CANCEL);
    }
}

#[test]
fn who_trusts_others_or_is_on_another_runtime_has_another_connection() {
    let server = Http2Server::start();
    let (_one, _stream) = opened(&server);

    let mut insecure = knowing(&server.url("/"));
    insecure.configure(|settings| settings.http.tls.set_insecure(true));
    insecure.start();
    let second = server.open();
    assert_eq!(second.connection.number, 1);

    let mut elsewhere = knowing(&server.url("/"));
    let runtime = Runtime::new(Options::default()).expect("threads");
    let set = elsewhere.client.set_runtime(Some(Arc::new(runtime)));
    set.expect("not running");
    elsewhere.start();
    let third = server.open();
    assert_eq!(third.connection.number, 2);
}

/// The names that a server's certificate has.
const NAMES: [&str; 2] = ["localhost", "other.test"];

#[test]
fn who_goes_another_way_or_expects_another_name_has_another_connection() {
    let identity = Identity::generate(&NAMES);
    let server = Http2Server::with(Setup {
        identity: Some(identity.clone()),
        ..Setup::default()
    });
    let proxy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let proxy_port = proxy.local_addr().expect("its address").port();
    let folder = env::temp_dir().join(format!("eventsource-http2-{}", process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("socket");
    let socket = UnixListener::bind(&path).expect("a Unix socket");
    let differs = |change: &dyn Fn(&mut Settings)| {
        let mut subject = Subject::new(&server.url("/"));
        subject.trust(&identity);
        subject.configure(|settings| change(settings));
        subject.start();
        subject
    };
    let first = differs(&|_| ());
    let mut stream = server.open();
    stream.event("first");
    assert_eq!(first.events(1), ["first"]);

    // Each of these connects, where it is told to.
    let _proxied = differs(&|settings| {
        let url = format!("http://127.0.0.1:{proxy_port}");
        let network = &mut settings.http.network;
        network.set_proxy(Some(&url)).expect("a proxy");
        network.set_no_proxy(Some(""));
    });
    proxy.accept().expect("a connection to the proxy");
    let _local = differs(&|settings| {
        let path = path.to_str().expect("text");
        let network = &mut settings.http.network;
        network.set_unix_socket(Some(path)).expect("a path");
    });
    socket.accept().expect("a connection to the Unix socket");
    // To the same address: that it is said makes the difference.
    let _resolved = differs(&|settings| {
        let url = server.url("");
        let (_, port) = url.rsplit_once(':').expect("a port");
        let entry = format!("localhost:{port}:127.0.0.1");
        let network = &mut settings.http.network;
        network.set_resolve(&entry).expect("an entry");
    });
    let resolved = server.open();
    assert_eq!(resolved.connection.number, 1);
    let _named = differs(&|settings| {
        let named = settings.http.tls.set_server_name(Some(NAMES[1]));
        named.expect("a name");
    });
    let named = server.open();
    assert_eq!(named.connection.number, 2);
    // One that differs in nothing shares.
    let _same = differs(&|_| ());
    assert_eq!(server.open().connection.number, 0);
    let _ = fs::remove_dir_all(folder);
}

/// A server with which whoever goes ahead hangs in the TLS handshake.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    (listener, format!("https://127.0.0.1:{port}/"))
}

#[test]
fn when_the_one_that_goes_ahead_is_stopped_another_takes_its_turn() {
    let (listener, url) = silent();
    let mut ahead = Subject::new(&url);
    ahead.start();
    let _first = listener.accept().expect("a connection");
    let mut next = Subject::new(&url);
    next.start();
    ahead.stop();
    let _second = listener.accept().expect("another connection");
}

#[test]
fn one_whose_connection_hangs_keeps_nobody_from_a_server() {
    let identity = Identity::generate(&["localhost"]);
    for protocol in ["h2", "http/1.1"] {
        let config = identity.server_config_for(&[protocol]);
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = server.local_addr().expect("its address").port();
        let url = format!("https://localhost:{port}/");
        let client = || {
            let mut subject = Subject::new(&url);
            subject.trust(&identity);
            subject.configure(|settings| settings.http.connect_timeout = None);
            subject.start();
            subject
        };
        let mut hangs = vec![client()];
        let mut hung = vec![server.accept().expect("a connection")];
        // Nor does a second one, at whose connection they are, too.
        hangs.push(client());
        hung.push(server.accept().expect("a connection beside it"));
        let others: Vec<_> = (0..3).map(|_| client()).collect();
        // Whoever comes is answered, over whichever connection.
        server.set_nonblocking(true).expect("an open socket");
        let serve = async move {
            let server = tokio::net::TcpListener::from_std(server).expect("a listener");
            let acceptor = tokio_rustls::TlsAcceptor::from(config);
            while let Ok((socket, _)) = server.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(socket).await else {
                        return;
                    };
                    answer(stream, protocol).await;
                });
            }
        };
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        let (over, is_over) = oneshot::channel::<()>();
        let serving = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve => {}
                    _ = is_over => {}
                }
            });
        });
        for other in &others {
            other.open();
        }
        if protocol == "http/1.1" {
            // It is known now that each needs a connection of its own, so that nobody waits at all.
            let late = client();
            late.open();
        }
        drop((hung, over));
        serving.join().expect("no panic");
    }
}

#[test]
fn a_handshake_that_hangs_holds_up_nobody_to_a_server_that_is_known_to_speak_http1() {
    const OTHERS: u32 = 20;
    let identity = Identity::generate(&["localhost"]);
    let config = identity.server_config_for(&["http/1.1"]);
    let hangs = Arc::new(AtomicBool::new(false));
    let is_to_hang = hangs.clone();
    let server = Server::start_raw(move |mut socket| {
        if is_to_hang.swap(false, Ordering::Relaxed) {
            let _ = io::copy(&mut socket, &mut io::sink());
            return;
        }
        let tls = rustls::ServerConnection::new(config.clone()).expect("a configuration");
        let mut stream = rustls::StreamOwned::new(tls, socket);
        let _ = stream.read(&mut [0; 4096]);
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        let _ = stream.write_all(head).and_then(|()| stream.flush());
        let _ = io::copy(&mut stream, &mut io::sink());
    });
    let client = || {
        let mut subject = Subject::new(&format!("https://localhost:{}/", server.port()));
        subject.trust(&identity);
        subject.start();
        subject
    };
    let knows = client();
    knows.open();
    let connect_all = || {
        let watch = Stopwatch::start();
        for _ in 0..OTHERS {
            client().open();
        }
        watch.time()
    };
    let before = connect_all();
    hangs.store(true, Ordering::Relaxed);
    let _hung = client();
    server.wait_for_connections(u64::from(OTHERS) + 2);
    let took = connect_all();
    let most = 2 * before + OTHERS * PATIENCE / 2;
    assert!(took < most, "{took:?}, and {before:?} before");
}

/// Answers each request with an event stream that stays open.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, protocol: &str) {
    if protocol == "h2" {
        let Ok(mut connection) = h2::server::handshake(stream).await else {
            return;
        };
        let mut streams = Vec::new();
        while let Some(Ok((_, mut answer))) = connection.accept().await {
            let head = Response::builder().header("content-type", "text/event-stream");
            let head = head.body(()).expect("a head");
            streams.extend(answer.send_response(head, false));
        }
    } else {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        let _ = stream.write_all(head).await;
        pending::<()>().await;
    }
}

#[test]
fn the_time_to_connect_counts_for_who_waits_for_another() {
    let (listener, url) = silent();
    let mut ahead = Subject::new(&url);
    ahead.start();
    let _connection = listener.accept().expect("a connection");
    let mut waits = Subject::new(&url);
    waits.configure(|settings| settings.http.connect_timeout = Some(Duration::from_millis(50)));
    let watch = Stopwatch::start();
    waits.start();
    assert_eq!(waits.error().kind, ErrorKind::ConnectTimeout);
    assert!(watch.time() < BEFORE_THE_DEFAULT);
}

// ---- The one and the others ----------------------------------------------------------------------------------------------

#[test]
fn a_callback_that_blocks_makes_the_server_wait_and_does_not_disturb_the_others() {
    for dispatch in [Dispatch::Isolated, Dispatch::Manual] {
        let server = Http2Server::start();
        let options = Options {
            dispatch,
            ..Options::default()
        };
        let runtime = Arc::new(Runtime::new(options).expect("threads"));
        let (release, blocked) = sync_channel::<()>(0);
        let start = |subject: &mut Subject| {
            let set = subject.client.set_runtime(Some(runtime.clone()));
            set.expect("not running");
            subject.start();
        };
        let is_over = Arc::new(AtomicBool::new(false));
        // Where callbacks are the program's affair, a thread for each that may block.
        let dispatchers: Vec<_> = (0..2)
            .filter(|_| dispatch == Dispatch::Manual)
            .map(|_| {
                let (runtime, is_over) = (runtime.clone(), is_over.clone());
                thread::spawn(move || {
                    while !is_over.load(Ordering::Relaxed) {
                        let _ =
                            runtime.dispatch(Some(Duration::from_millis(20)), NonZeroUsize::MIN);
                    }
                })
            })
            .collect();

        let mut slow = knowing(&server.url("/slow"));
        slow.on_told(move |told| {
            if let Told::Event { .. } = told {
                let _ = blocked.recv();
            }
            Decision::Default
        });
        start(&mut slow);
        let mut stalled = server.open();
        let taken = stalled.fill(&"data: 01234567\n\n".repeat(64));
        assert!(taken < 1024 * 1024, "{taken} bytes");

        let mut quick = knowing(&server.url("/quick"));
        start(&mut quick);
        let mut stream = server.open();
        assert_eq!(stream.connection.number, stalled.connection.number);
        for count in 0..100 {
            stream.event(&count.to_string());
            assert_eq!(quick.events(1), [count.to_string()], "{dispatch:?}");
        }
        drop(release);
        slow.events(taken / 16);
        for subject in [&slow, &quick] {
            subject.stop();
        }
        is_over.store(true, Ordering::Relaxed);
        for dispatcher in dispatchers {
            dispatcher.join().expect("no panic");
        }
    }
}

#[test]
fn many_streams_that_nobody_reads_leave_one_that_is_read_its_share() {
    let server = Http2Server::start();
    let mut subjects = several(8, &server.url("/paused"));
    let mut streams: Vec<_> = subjects.iter().map(|_| server.open()).collect();
    for (subject, stream) in subjects.iter_mut().zip(&mut streams) {
        stream.event("first");
        subject.client.set_paused(true);
    }
    let event = format!("data: {}\n\n", "x".repeat(8000));
    for stream in &mut streams {
        // To the last byte.
        for piece in [&*event, ": padding\n", "\n"] {
            stream.fill(piece);
        }
    }
    let (subject, mut stream) = opened(&server);
    assert_eq!(stream.connection.number, 0);
    for _ in 0..200 {
        stream.send(&event);
    }
    assert!(subject.events(200).iter().all(|data| data.len() == 8000));
}

#[test]
fn a_stream_that_is_stopped_before_its_answer_is_reset() {
    let server = Http2Server::start();
    let (_other, _stream) = opened(&server);
    let mut subject = knowing(&server.url("/"));
    subject.start();
    let asked = server.asked();
    let started = Instant::now();
    subject.stop();
    assert_eq!(asked.was_reset(), Reason::CANCEL);
    assert!(started.elapsed() < limit());
}

#[test]
fn inline_dispatch_works_as_well() {
    let server = Http2Server::start();
    let options = Options {
        dispatch: Dispatch::Inline,
        ..Options::default()
    };
    let runtime = Arc::new(Runtime::new(options).expect("threads"));
    let mut subjects = [knowing(&server.url("/")), knowing(&server.url("/"))];
    for subject in &mut subjects {
        let set = subject.client.set_runtime(Some(runtime.clone()));
        set.expect("not running");
        subject.start();
    }
    let mut streams = [server.open(), server.open()];
    for stream in &mut streams {
        assert_eq!(stream.connection.number, 0);
        stream.event("hello");
    }
    for subject in &subjects {
        assert_eq!(subject.events(1), ["hello"]);
        subject.stop();
    }
}

// ---- What is said --------------------------------------------------------------------------------------------------------

#[test]
fn a_request_says_over_http2_what_it_says_over_http1() {
    let server = Http2Server::start();
    let mut subject = knowing(&server.url("/path?query"));
    subject.configure(|settings| {
        let request = &mut settings.request;
        request.set_method("POST").expect("a method");
        request.set_body(&[b'x'; 100_000]);
        request.set_header("X-Own", "value").expect("a header");
        request.set_header("Host", "example.org:1").expect("a host");
    });
    subject.client.set_last_event_id("7").expect("an id");
    subject.start();
    let mut asked = server.asked();
    assert_eq!(asked.body(), [b'x'; 100_000]);
    let head = &asked.head;
    assert_eq!(head.method, "POST");
    assert_eq!(head.uri, "http://example.org:1/path?query");
    let mut fields: Vec<_> = head
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
        .collect();
    fields.sort_unstable();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        fields,
        [
            "accept: text/event-stream",
            "cache-control: no-cache",
            "content-length: 100000",
            "last-event-id: 7",
            &format!("user-agent: libeventsource/{version}"),
            "x-own: value",
        ]
    );
}

#[test]
fn an_answer_that_is_no_stream_is_told_with_its_body() {
    let server = Http2Server::start();
    let mut subject = knowing(&server.url("/"));
    subject.start();
    let head = Response::builder().status(404).header("x-why", "gone");
    let mut stream = server.asked().respond(head.body(()).expect("a head"));
    stream.send("no such stream");
    stream.end();
    let lost = subject.error();
    assert_eq!((lost.kind, lost.http_status), (ErrorKind::Status, 404));
    assert_eq!(lost.body, b"no such stream");
    assert_eq!(lost.headers.expect("headers")["x-why"], "gone");
}

#[test]
fn answers_that_are_no_streams_do_not_disturb_the_others_however_many_come() {
    let server = Http2Server::start();
    let (stays, mut stream) = opened(&server);
    let bad = [
        (404, ("content-type", "text/plain"), ErrorKind::Status),
        (503, ("retry-after", "1"), ErrorKind::Status),
        (200, ("content-type", "text/html"), ErrorKind::ContentType),
        (302, ("x-why", "it leads nowhere"), ErrorKind::Redirect),
        (307, ("location", "ftp://a"), ErrorKind::Redirect),
    ];
    for (status, (name, value), kind) in bad.repeat(3) {
        let mut subject = knowing(&server.url("/"));
        subject.configure(|settings| settings.mode = Mode::Once);
        subject.start();
        let asked = server.asked();
        assert_eq!(asked.connection.number, stream.connection.number);
        let head = Response::builder().status(status).header(name, value);
        asked.respond(head.body(()).expect("a head")).end_if_open();
        let lost = subject.error();
        assert_eq!(lost.kind, kind, "{status}: {}", lost.message);
        assert_eq!(lost.http_status, status);
    }
    stream.event("still here");
    assert_eq!(stays.events(1), ["still here"]);
}

#[test]
fn the_end_of_a_stream_is_its_end_with_trailers_and_without() {
    let server = Http2Server::start();
    let (subject, stream) = opened(&server);
    stream.end();
    assert_eq!(subject.error().kind, ErrorKind::EndOfStream);
    let mut stream = server.open();
    stream.event("again");
    let mut trailers = HeaderMap::new();
    trailers.insert("x-trailer", "value".parse().expect("a value"));
    stream.end_with_trailers(trailers);
    assert_eq!(subject.events(1), ["again"]);
    assert_eq!(subject.error().kind, ErrorKind::EndOfStream);
}

#[test]
fn redirects_lead_from_one_version_to_the_other() {
    let identity = Identity::generate(&["localhost"]);
    let http2 = Http2Server::with(Setup {
        identity: Some(identity.clone()),
        ..Setup::default()
    });
    let target = http2.url("/target");
    let http1 = Server::start_tls(identity.clone(), move |exchange| {
        if exchange.request.path() == "/back" {
            exchange.event_stream();
            exchange.event("by HTTP/1.1");
            exchange.wait_for_disconnect();
        } else {
            exchange.respond(307, &[("Location", &target)], b"");
        }
    });
    let mut subject = Subject::new(&http1.url("/"));
    subject.trust(&identity);
    subject.start();
    let mut stream = http2.open();
    assert_eq!(stream.connection.number, 0);
    stream.event("by HTTP/2");
    assert_eq!(subject.http_version(), 20);
    assert_eq!(subject.events(1), ["by HTTP/2"]);
    subject.stop();

    let mut subject = Subject::new(&http2.url("/"));
    subject.trust(&identity);
    subject.start();
    let head = Response::builder()
        .status(302)
        .header("location", http1.url("/back"));
    http2.asked().respond(head.body(()).expect("a head")).end();
    assert_eq!(subject.http_version(), 11);
    assert_eq!(subject.events(1), ["by HTTP/1.1"]);
}

// ---- Which version -------------------------------------------------------------------------------------------------------

#[test]
fn over_tls_the_server_chooses_unless_the_program_has() {
    let identity = Identity::generate(&["localhost"]);
    let only_http2 = Http2Server::with(Setup {
        identity: Some(identity.clone()),
        ..Setup::default()
    });
    let only_http1 = Server::start_tls(identity.clone(), |exchange| {
        exchange.event_stream();
        exchange.wait_for_disconnect();
    });
    let with = |url: String, version| {
        let mut subject = Subject::with_defaults(&url);
        subject.configure(|settings| settings.http.set_version(version));
        subject.trust(&identity);
        subject.start();
        subject
    };
    for version in [Version::Negotiated, Version::Http2] {
        let subject = with(only_http2.url("/"), version);
        let _stream = only_http2.open();
        assert_eq!(subject.http_version(), 20, "{version:?}");
    }
    for version in [Version::Negotiated, Version::Http1] {
        let subject = with(only_http1.url("/"), version);
        assert_eq!(subject.http_version(), 11, "{version:?}");
    }
    for (url, version) in [
        (only_http2.url("/"), Version::Http1),
        (only_http1.url("/"), Version::Http2),
    ] {
        let lost = with(url, version).error();
        assert_eq!(lost.kind, ErrorKind::Tls, "{version:?}");
    }
}

#[test]
fn many_streams_that_find_out_together_that_a_server_speaks_http1_each_connect() {
    let identity = Identity::generate(&["localhost"]);
    let server = Server::start_tls(identity.clone(), |exchange| {
        exchange.event_stream();
        exchange.event("hello");
        exchange.wait_for_disconnect();
    });
    let mut subjects: Vec<_> = (0..20).map(|_| Subject::new(&server.url("/"))).collect();
    for subject in &mut subjects {
        subject.trust(&identity);
        subject.start();
    }
    for subject in &subjects {
        assert_eq!(subject.http_version(), 11);
        assert_eq!(subject.events(1), ["hello"]);
    }
    assert_eq!(server.connections(), 20);
}

#[test]
fn many_streams_over_tls_share_the_connection_that_the_first_one_has_made() {
    let identity = Identity::generate(&["localhost"]);
    let server = Http2Server::with(Setup {
        identity: Some(identity.clone()),
        ..Setup::default()
    });
    let mut subjects: Vec<_> = (0..20).map(|_| Subject::new(&server.url("/"))).collect();
    let mut streams = Vec::new();
    for subject in &mut subjects {
        subject.trust(&identity);
        subject.start();
        if streams.is_empty() {
            // Whoever does not know yet waits for a moment only, which a slow handshake exceeds.
            streams.push(server.open());
        }
    }
    while streams.len() < subjects.len() {
        streams.push(server.open());
    }
    for stream in &mut streams {
        assert_eq!(stream.connection.number, 0);
        stream.event("hello");
    }
    for subject in &subjects {
        assert_eq!(subject.events(1), ["hello"]);
    }
}

#[test]
fn a_stream_joins_no_connection_that_was_made_with_certificates_that_have_changed() {
    let [identity, other] = [(); 2].map(|()| Identity::generate(&["localhost"]));
    let server = Http2Server::with(Setup {
        identity: Some(identity.clone()),
        ..Setup::default()
    });
    let name = format!("joined-{}.pem", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, identity.ca_pem()).expect("a file");
    let roots = read_roots(&path).expect("an authority");
    let opened = || {
        let mut subject = Subject::new(&server.url("/"));
        subject.configure(|settings| settings.http.tls.set_extra_roots_file(roots.clone()));
        subject.start();
        let stream = server.open();
        (stream.connection.number, subject, stream)
    };
    let first = opened();
    let both = format!("{}{}", identity.ca_pem(), other.ca_pem());
    std::fs::write(&path, both).expect("a file");
    let after = [opened(), opened()];
    std::fs::remove_file(&path).expect("the file");
    assert_eq!((first.0, after[0].0, after[1].0), (0, 1, 1));
}

#[test]
fn a_server_that_speaks_http1_against_all_knowledge_is_a_clear_error() {
    let answers = raw(vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()]);
    let closes = Server::start_raw(drop);
    for (url, kind) in [
        (answers, ErrorKind::Http2),
        (closes.url("/"), ErrorKind::Disconnected),
    ] {
        let mut subject = knowing(&url);
        subject.start();
        let lost = subject.error();
        assert_eq!(lost.kind, kind, "{lost:?}");
        assert!(lost.message.contains("does not speak HTTP/2"), "{lost:?}");
        assert!(lost.retry_in.is_some());
    }
}

#[test]
fn http_is_http1_unless_the_program_knows_better() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        exchange.wait_for_disconnect();
    });
    let mut subject = Subject::new(&server.url("/"));
    subject.start();
    assert_eq!(subject.http_version(), 11);
}

// ---- What goes wrong -----------------------------------------------------------------------------------------------------

#[test]
fn a_stream_that_the_server_resets_is_an_error_with_its_reason_and_nothing_to_the_others() {
    let server = Http2Server::start();
    let (subject, stream) = opened(&server);
    let (other, mut others) = opened(&server);
    stream.reset(Reason::ENHANCE_YOUR_CALM);
    let lost = subject.error();
    assert_eq!(lost.kind, ErrorKind::Http2);
    assert!(lost.message.contains("ENHANCE_YOUR_CALM"), "{lost:?}");
    assert!(lost.retry_in.is_some());
    others.event("undisturbed");
    assert_eq!(other.events(1), ["undisturbed"]);
    let again = server.open();
    assert_eq!(again.connection.number, 0);
}

#[test]
fn a_stream_that_is_refused_is_tried_once_more_at_once_on_another_connection() {
    let server = Http2Server::start();
    let (_other, _stream) = opened(&server);
    let mut subject = knowing(&server.url("/"));
    subject.start();
    let asked = server.asked();
    assert_eq!(asked.connection.number, 0);
    asked.reset(Reason::REFUSED_STREAM);
    let asked = server.asked();
    assert_eq!(asked.connection.number, 1);
    assert!(subject.told_so_far().is_empty());
    asked.reset(Reason::REFUSED_STREAM);
    let lost = subject.error();
    assert_eq!((lost.kind, lost.attempt), (ErrorKind::Http2, 1));
    assert!(lost.message.contains("REFUSED_STREAM"), "{lost:?}");
}

#[test]
fn after_a_goaway_streams_go_on_and_new_ones_go_elsewhere() {
    let server = Http2Server::start();
    let (subject, mut stream) = opened(&server);
    stream.connection.go_away();
    // The client has heard of it when it has heard what came after it.
    stream.event("after");
    assert_eq!(subject.events(1), ["after"]);
    let (_new, other) = opened(&server);
    assert_eq!(other.connection.number, 1);
    stream.event("still here");
    assert_eq!(subject.events(1), ["still here"]);
    stream.end();
    assert_eq!(subject.error().kind, ErrorKind::EndOfStream);
    let again = server.open();
    assert_eq!(again.connection.number, 1);
}

#[test]
fn a_goaway_with_an_error_ends_the_streams_with_its_reason() {
    let server = Http2Server::start();
    let (one, stream) = opened(&server);
    let (other, _others) = opened(&server);
    stream.connection.go_away_because(Reason::ENHANCE_YOUR_CALM);
    for subject in [&one, &other] {
        let lost = subject.error();
        assert_eq!(lost.kind, ErrorKind::Http2);
        assert!(lost.message.contains("ENHANCE_YOUR_CALM"), "{lost:?}");
        assert!(lost.retry_in.is_some());
    }
    let again = [server.open(), server.open()];
    assert_eq!(
        again.each_ref().map(|stream| stream.connection.number),
        [1, 1]
    );
}

#[test]
fn a_lost_connection_ends_its_streams_and_all_come_back_on_one() {
    let server = Http2Server::start();
    let (one, stream) = opened(&server);
    let (other, _others) = opened(&server);
    stream.connection.break_off();
    for subject in [&one, &other] {
        let lost = subject.error();
        assert_eq!(lost.kind, ErrorKind::Disconnected, "{lost:?}");
        assert!(lost.retry_in.is_some());
    }
    let again = [server.open(), server.open()];
    assert_eq!(
        again.each_ref().map(|stream| stream.connection.number),
        [1, 1]
    );
}

#[test]
fn a_head_that_is_too_large_is_an_error_and_nothing_to_the_others() {
    let server = Http2Server::start();
    let (other, mut others) = opened(&server);
    // One that came again would get the answer that is meant for the next.
    let once = || {
        let subject = knowing(&server.url("/"));
        subject.configure(|settings| settings.mode = Mode::Once);
        subject
    };
    let mut subject = once();
    subject.start();
    let large = "x".repeat(1000);
    let head = (0..300).fold(Response::builder(), |head, _| {
        head.header("x-large", &large)
    });
    let _stream = server.asked().respond(head.body(()).expect("a head"));
    let lost = subject.error();
    assert_eq!(lost.kind, ErrorKind::Http2);
    assert!(lost.message.contains("head is too large"), "{lost:?}");
    let mut subject = once();
    subject.start();
    let head = (0..1001).fold(Response::builder(), |head, _| head.header("x", "y"));
    let _stream = server.asked().respond(head.body(()).expect("a head"));
    let lost = subject.error();
    assert_eq!(lost.kind, ErrorKind::Http2);
    assert!(lost.message.contains("more than 1000 fields"), "{lost:?}");
    others.event("undisturbed");
    assert_eq!(other.events(1), ["undisturbed"]);
}

#[test]
fn pings_and_other_streams_do_not_count_as_a_sign_of_life_of_a_silent_stream() {
    let server = Http2Server::with(Setup {
        pings: true,
        ..Setup::default()
    });
    let (busy, mut stream) = opened(&server);
    let mut silent = knowing(&server.url("/"));
    silent.configure(|settings| settings.http.read_timeout = Some(Duration::from_millis(300)));
    silent.start();
    let _silence = server.open();
    let lost = loop {
        stream.event("noise");
        assert_eq!(busy.events(1), ["noise"]);
        let told = silent.told_so_far().into_iter();
        let lost = told.filter_map(|told| match told {
            Told::Error(lost) => Some(lost),
            _ => None,
        });
        if let Some(lost) = lost.last() {
            break lost;
        }
    };
    assert_eq!(lost.kind, ErrorKind::ReadTimeout);
}

/// A frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("a short one");
    let head = [
        &len.to_be_bytes()[1..],
        &[kind, flags],
        &stream.to_be_bytes(),
    ];
    [&head.concat(), payload].concat()
}

/// A server that reads what comes and says this, once for each connection, in the order in which they come.
fn raw(answers: Vec<Vec<u8>>) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("a connection");
            let _ = stream.write_all(&answer);
            thread::spawn(move || std::io::copy(&mut stream, &mut std::io::sink()));
        }
    });
    format!("http://localhost:{port}/")
}

#[test]
fn what_is_not_http2_is_an_error_that_says_what_is_wrong() {
    const SETTINGS: u8 = 4;
    let settings = frame(SETTINGS, 0, 0, &[]);
    for (name, answer, reason) in [
        (
            "no HTTP/2",
            b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(),
            "FRAME_SIZE_ERROR",
        ),
        (
            "settings of a wrong length",
            frame(SETTINGS, 0, 0, &[0; 5]),
            "PROTOCOL_ERROR",
        ),
        (
            "data of no stream",
            [settings, frame(0, 0, 0, b"x")].concat(),
            "PROTOCOL_ERROR",
        ),
    ] {
        let mut subject = knowing(&raw(vec![answer]));
        subject.start();
        let lost = subject.error();
        assert_eq!(lost.kind, ErrorKind::Http2, "{name}");
        assert!(lost.message.contains(reason), "{name}: {lost:?}");
        assert!(lost.retry_in.is_some(), "{name}");
    }
}

#[test]
fn a_head_that_cannot_be_decoded_is_an_error() {
    let server = Frames::listen();
    let mut subject = knowing(&server.url());
    subject.start();
    let mut peer = server.accept(&[]);
    let stream = peer.wait_for(HEADERS).stream;
    peer.send(HEADERS, END_HEADERS, stream, &[0xff; 20]);
    let lost = subject.error();
    assert_eq!(lost.kind, ErrorKind::Http2);
    let message = lost.message;
    // So h2 calls it.
    assert!(message.contains("PROTOCOL_ERROR"), "{message}");
}

#[test]
fn a_request_that_a_goaway_leaves_out_is_made_again_at_once() {
    const GOAWAY: u8 = 7;
    let goaway = [frame(4, 0, 0, &[]), frame(GOAWAY, 0, 0, &[0; 8])].concat();
    let nonsense = b"nonsense, and more of it".to_vec();
    let mut subject = knowing(&raw(vec![goaway, nonsense]));
    subject.configure(|settings| settings.mode = Mode::Once);
    subject.start();
    // What is told of is what went wrong with the second.
    let lost = subject.error();
    assert!(lost.message.contains("FRAME_SIZE_ERROR"), "{lost:?}");
    assert_eq!(subject.close(), Close::Failed(ErrorKind::Http2));
}

#[test]
fn a_server_that_allows_no_streams_is_an_error() {
    let server = Http2Server::with(Setup {
        most_streams: Some(0),
        ..Setup::default()
    });
    let mut subject = knowing(&server.url("/"));
    subject.start();
    let lost = subject.error();
    assert_eq!(lost.kind, ErrorKind::Http2, "{lost:?}");
}
