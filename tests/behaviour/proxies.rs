//! Proxies: what goes to whom, and what is said of a proxy that does not do its work.

use crate::common::relay::relay;
use crate::common::{BEFORE_THE_DEFAULT, Stopwatch, Subject, Told, limit};
use eventsource::http::{ErrorKind, Facts, TlsVersion};
use eventsource::stream::Mode;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use test_server::{Exchange, Identity, Request, Server};

/// A client whose requests go through a proxy, whatever the environment says.
fn through(proxy: &str, url: &str) -> Subject {
    let subject = Subject::new(url);
    subject.configure(|settings| {
        let network = &mut settings.http.network;
        network.set_proxy(Some(proxy)).expect("a proxy");
        network.set_no_proxy(Some(""));
    });
    subject
}

fn stream(exchange: &mut Exchange) {
    exchange.event_stream();
    exchange.event("hello");
    exchange.wait_for_disconnect();
}

/// `http://127.0.0.1:PORT` with credentials in it.
fn with_user(url: &str, user: &str) -> String {
    url.replace("://", &format!("://{user}@"))
}

/// What was sent through a proxy's tunnels.
type Sniffed = Arc<Mutex<Vec<u8>>>;

/// A proxy that makes tunnels to any port of loopback, and notes what it can read; with an identity, one that itself speaks
/// TLS.
fn connect_proxy(identity: Option<&Identity>) -> (Server, Sniffed) {
    let sniffed = Sniffed::default();
    let notes = sniffed.clone();
    let script = move |exchange: &mut Exchange| {
        assert_eq!(exchange.request.method, "CONNECT");
        let (_, port) = exchange.request.target.rsplit_once(':').expect("a port");
        let port = port.parse().expect("a number");
        exchange.head(200, &[]);
        let sent = exchange.tunnel(port);
        notes.lock().expect("no panic").extend(sent);
    };
    let server = match identity {
        None => Server::start(script),
        Some(identity) => Server::start_tls(identity.clone(), script),
    };
    (server, sniffed)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// Whether anything of a request has a text.
fn mentions(request: &Request, text: &str) -> bool {
    format!("{request:?}").contains(text) || contains(&request.body, text)
}

#[test]
fn an_http_url_is_requested_from_the_proxy_in_absolute_form() {
    let proxy = Server::start(stream);
    let url = "http://user:pass@sse.example:81/a%20b?c=d#fragment";
    let mut subject = through(&with_user(&proxy.url(""), "us%20er:p%40ss"), url);
    subject.start();
    assert_eq!(subject.events(1), ["hello"]);
    let request = &proxy.requests()[0];
    assert_eq!(request.method, "GET");
    assert_eq!(request.target, "http://sse.example:81/a%20b?c=d");
    assert_eq!(request.headers_named("host"), ["sse.example:81"]);
    // us er:p@ss
    let credentials = request.headers_named("proxy-authorization");
    assert_eq!(credentials, ["Basic dXMgZXI6cEBzcw=="]);
    // user:pass, which are the server's
    assert_eq!(
        request.headers_named("authorization"),
        ["Basic dXNlcjpwYXNz"]
    );
}

/// What is known of a connection that leads through a proxy at `port`, which takes its time with a tunnel.
#[track_caller]
fn assert_facts(facts: &Facts, port: u16, tls: Option<TlsVersion>, tunnel: Duration) {
    assert_eq!(facts.peer.to_string(), format!("127.0.0.1:{port}"));
    assert_eq!(facts.tls_version, tls);
    assert_eq!(facts.took.tls.is_some(), tls.is_some(), "{:?}", facts.took);
    assert!(facts.took.connect >= Some(tunnel), "{:?}", facts.took);
    assert!(!facts.is_reused);
}

#[test]
fn the_peer_is_the_proxy_and_connecting_takes_all_that_leads_through_it() {
    const WAIT: Duration = Duration::from_millis(50);
    let identity = Identity::generate(&["localhost"]);
    let target = Server::start_tls(identity.clone(), stream);
    let facts_through = |proxy: &str, url: &str| {
        let mut subject = through(proxy, url);
        subject.trust(&identity);
        subject.start();
        subject.facts()
    };
    let forward = Server::start(stream);
    let facts = facts_through(&forward.url(""), "http://sse.example/");
    assert_facts(&facts, forward.port(), None, Duration::ZERO);
    assert_eq!(facts.took.resolve, None);

    // TLS with the proxy is not TLS with the server.
    let forward = Server::start_tls(identity.clone(), stream);
    let facts = facts_through(&forward.url(""), "http://sse.example/");
    assert_facts(&facts, forward.port(), None, Duration::ZERO);

    let slow = |exchange: &mut Exchange| {
        let (_, port) = exchange.request.target.rsplit_once(':').expect("a port");
        let port = port.parse().expect("a number");
        std::thread::sleep(WAIT);
        exchange.head(200, &[]);
        exchange.tunnel(port);
    };
    let tls13 = Some(TlsVersion::Tls13);
    for tunnel in [
        Server::start(slow),
        Server::start_tls(identity.clone(), slow),
    ] {
        let facts = facts_through(&tunnel.url(""), &target.url("/"));
        assert_facts(&facts, tunnel.port(), tls13, WAIT);
    }

    let socks = Socks::start(None);
    let proxy = socks.url("socks5h", "");
    let port = proxy.rsplit_once(':').expect("a port").1.parse();
    let facts = facts_through(&proxy, &target.url("/"));
    assert_facts(&facts, port.expect("a number"), tls13, Duration::ZERO);
}

#[test]
fn without_credentials_the_proxy_gets_none() {
    let proxy = Server::start(stream);
    let mut subject = through(&proxy.url(""), "http://sse.example/");
    subject.start();
    subject.events(1);
    assert_eq!(proxy.requests()[0].header("proxy-authorization"), None);
}

#[test]
fn of_an_https_stream_a_proxy_sees_nothing_but_host_and_port() {
    let identity = Identity::generate(&["localhost"]);
    for proxy_identity in [None, Some(&identity)] {
        let target = Server::start_tls(identity.clone(), |exchange| {
            exchange.event_stream();
            exchange.event("quiet");
            exchange.wait_for_disconnect();
        });
        let (proxy, sniffed) = connect_proxy(proxy_identity);
        let proxy_url = with_user(&proxy.url(""), "proxy-user:proxy-password");
        let mut subject = through(&proxy_url, &target.url("/hidden-path?hidden-query"));
        subject.trust(&identity);
        subject.configure(|settings| {
            let request = &mut settings.request;
            request.set_method("POST").expect("a method");
            request.set_body(b"hidden-body");
            request
                .set_basic_auth("target-user", "target-password")
                .expect("credentials");
            request
                .set_header("X-Hidden", "hidden-value")
                .expect("a header");
            request.set_last_event_id("hidden-id").expect("an id");
        });
        subject.start();
        assert_eq!(subject.events(1), ["quiet"]);

        // The proxy has its own credentials, and nobody else's.
        let connect = &proxy.requests()[0];
        assert_eq!(connect.method, "CONNECT");
        assert_eq!(connect.target, format!("localhost:{}", target.port()));
        let names: Vec<_> = connect
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["Host", "User-Agent", "Proxy-Authorization"]);
        // proxy-user:proxy-password
        let value = connect.header("proxy-authorization");
        assert_eq!(value, Some("Basic cHJveHktdXNlcjpwcm94eS1wYXNzd29yZA=="));
        assert!(!mentions(connect, "hidden"), "{connect:?}");

        // The server has its own, and not the proxy's.
        let request = &target.requests()[0];
        // target-user:target-password
        let value = request.header("authorization");
        assert_eq!(value, Some("Basic dGFyZ2V0LXVzZXI6dGFyZ2V0LXBhc3N3b3Jk"));
        assert_eq!(request.header("proxy-authorization"), None);
        assert!(!mentions(request, "cHJveHk"), "{request:?}");

        // What went through the tunnel is TLS from its first byte on.
        subject.stop();
        proxy.wait_for_no_connections();
        let sniffed = sniffed.lock().expect("no panic");
        assert_eq!(sniffed.first(), Some(&0x16), "a handshake record");
        assert!(sniffed.len() > 500, "the request went through it");
        for text in [
            "hidden",
            "POST",
            "Basic",
            "dGFyZ2V0",
            "cHJveHk",
            "event-stream",
        ] {
            assert!(!contains(&sniffed, text), "{text} in clear");
        }
    }
}

#[test]
fn an_https_proxy_that_is_not_trusted_gets_no_word() {
    let (proxy, sniffed) = connect_proxy(Some(&Identity::generate(&["localhost"])));
    let proxy_url = with_user(&proxy.url(""), "user:secret");
    let urls = ["http://sse.example/", "https://sse.example/"];
    // Whether the server is verified says nothing of the proxy.
    for (url, is_insecure) in urls.into_iter().flat_map(|url| [(url, false), (url, true)]) {
        let mut subject = through(&proxy_url, url);
        subject.configure(|settings| settings.http.tls.set_insecure(is_insecure));
        subject.start();
        let lost = subject.error();
        assert_eq!(lost.kind, ErrorKind::Proxy, "{}", lost.message);
        let reason =
            "the certificate of localhost is not trusted: no trusted authority vouches for it";
        assert!(lost.message.contains(reason), "{}", lost.message);
        assert!(!lost.message.contains("secret"), "{}", lost.message);
    }
    proxy.wait_for_no_connections();
    assert_eq!(proxy.requests().len(), 0);
    assert!(sniffed.lock().expect("no panic").is_empty());
}

#[test]
fn a_server_need_not_be_trusted_behind_a_proxy_that_is() {
    let trusted = Identity::generate(&["localhost"]);
    let target = Server::start_tls(Identity::generate(&["localhost"]), stream);
    let (proxy, _) = connect_proxy(Some(&trusted));
    let mut subject = through(&proxy.url(""), &target.url("/"));
    subject.trust(&trusted);
    subject.configure(|settings| settings.http.tls.set_insecure(true));
    subject.start();
    subject.open();
}

#[test]
fn the_targets_certificate_is_judged_as_without_a_proxy() {
    let trusted = Identity::generate(&["localhost"]);
    let target = Server::start_tls(Identity::generate(&["localhost"]), stream);
    let (http, _) = connect_proxy(None);
    let (https, _) = connect_proxy(Some(&trusted));
    let socks = Socks::start(None);
    for proxy in [http.url(""), https.url(""), socks.url("socks5h", "")] {
        let mut subject = through(&proxy, &target.url("/"));
        subject.trust(&trusted);
        subject.start();
        let lost = subject.error();
        assert_eq!(lost.kind, ErrorKind::Certificate, "{}", lost.message);
    }
    assert_eq!(target.requests().len(), 0);
}

#[test]
fn a_proxy_that_refuses_is_an_error_that_says_so() {
    for (status, text, is_final) in [
        (407, "407 Proxy Authentication Required", true),
        (403, "403 Forbidden", true),
        (502, "502 Bad Gateway", false),
        (503, "503 Service Unavailable", false),
    ] {
        let proxy = Server::start(move |exchange| {
            exchange.respond(status, &[("X-Why", "because")], b"no");
        });
        let mut subject = through(
            &with_user(&proxy.url(""), "user:secret"),
            "https://localhost:1",
        );
        subject.start();
        let lost = subject.error();
        assert_eq!(lost.kind, ErrorKind::Proxy);
        let place = format!("127.0.0.1:{}", proxy.port());
        assert_eq!(lost.message, format!("the proxy {place} answered {text}"));
        assert_eq!(lost.http_status, status);
        assert!(
            lost.headers
                .is_some_and(|headers| headers.contains_key("x-why"))
        );
        assert_eq!(lost.body, b"", "it is not the server's");
        assert_eq!(lost.retry_in.is_none(), is_final, "{status}");
    }
}

#[test]
fn the_program_is_not_asked_for_credentials_that_a_proxy_lacks() {
    // So does tinyproxy.
    let proxy = Server::start(|exchange| exchange.respond(401, &[], b""));
    let mut subject = through(&proxy.url(""), "https://localhost:1");
    subject.on_request(|_| {});
    subject.start();
    let lost = subject.error();
    assert_eq!((lost.kind, lost.http_status), (ErrorKind::Proxy, 401));
    assert_eq!(lost.retry_in, None);
}

#[test]
fn a_proxy_that_wants_credentials_for_an_http_url_is_no_server_that_refuses() {
    let proxy = Server::start(|exchange| exchange.respond(407, &[], b""));
    let mut subject = through(&proxy.url(""), "http://sse.example/");
    subject.start();
    let lost = subject.error();
    assert_eq!((lost.kind, lost.http_status), (ErrorKind::Proxy, 407));
    assert_eq!(lost.retry_in, None);
}

/// A proxy that says this, whatever it is asked, and hangs up.
fn babbler(answer: impl Into<Vec<u8>>) -> Server {
    let answer = answer.into();
    Server::start_raw(move |mut socket| {
        let _ = socket.read(&mut [0; 4096]);
        let _ = socket.write_all(&answer);
        let _ = socket.shutdown(Shutdown::Write);
        let _ = io::copy(&mut socket, &mut io::sink());
    })
}

#[test]
fn a_proxy_is_asked_for_a_tunnel_with_names_as_browsers_spell_them() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = asked.clone();
    let proxy = Server::start_raw(move |mut socket| {
        let mut head = [0; 4096];
        let len = socket.read(&mut head).unwrap_or_default();
        notes
            .lock()
            .expect("no panic")
            .extend_from_slice(&head[..len]);
    });
    let mut subject = through(&with_user(&proxy.url(""), "user:pass"), "https://[::1]:1/");
    subject.start();
    assert_eq!(subject.error().kind, ErrorKind::Proxy);
    let asked = asked.lock().expect("no panic");
    let expected = concat!(
        "CONNECT [::1]:1 HTTP/1.1\r\nHost: [::1]:1\r\nUser-Agent: libeventsource/",
        env!("CARGO_PKG_VERSION"),
        "\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n"
    );
    assert!(
        asked.starts_with(expected.as_bytes()),
        "{}",
        asked.escape_ascii()
    );
}

#[test]
fn interim_responses_before_a_proxys_answer_are_skipped_however_they_come() {
    let identity = Identity::generate(&["localhost"]);
    let target = Server::start_tls(identity.clone(), stream);
    let port = target.port();
    let proxy = Server::start_raw(move |mut socket| {
        let _ = socket.read(&mut [0; 4096]);
        let _ = socket.set_nodelay(true);
        let answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\nHTTP/1.0 200 OK\r\n\r\n";
        for byte in answer {
            let _ = socket.write_all(&[*byte]);
        }
        let target = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the target");
        let _ = relay(socket, target);
    });
    let mut subject = through(&proxy.url(""), &target.url("/"));
    subject.trust(&identity);
    subject.start();
    assert_eq!(subject.events(1), ["hello"]);
}

#[test]
fn a_proxys_answer_has_bounds_and_each_is_told() {
    let many = b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(101);
    let fields = [b"HTTP/1.1 200 OK\r\n", &*b"a: b\r\n".repeat(1001), b"\r\n"].concat();
    let long = [b"HTTP/1.1 200 OK\r\na: ", &*vec![b'x'; 300 * 1024]].concat();
    for (answer, text) in [
        (many, "more than 100 interim responses"),
        (fields, "limits: message head is too large"),
        (long, "limits: message head is too large"),
    ] {
        let proxy = babbler(answer);
        let mut subject = through(&proxy.url(""), "https://localhost:1");
        subject.start();
        let lost = subject.error();
        assert_eq!(lost.kind, ErrorKind::Proxy, "{}", lost.message);
        assert!(lost.message.contains(text), "{}", lost.message);
    }
}

#[test]
fn a_proxy_that_floods_with_interim_responses_holds_up_neither_a_stop_nor_others() {
    let flood = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(64 * 1024);
    let proxy = Server::start_raw(move |mut socket| {
        let _ = socket.read(&mut [0; 4096]);
        while socket.write_all(&flood).is_ok() {}
    });
    let mut subject = through(&proxy.url(""), "https://localhost:1");
    subject.start();
    let lost = subject.error();
    assert!(lost.message.contains("more than 100"), "{}", lost.message);
}

#[test]
fn a_proxy_that_talks_nonsense_is_an_error_of_the_proxys() {
    let refusal = b"\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00";
    for (scheme, answer, text) in [
        ("http", &b""[..], "hung up"),
        ("http", b"HTTP/1.1 200 OK\r\nX: ", "hung up"),
        ("http", b"SSH-2.0-x\r\n\r\n", "not HTTP"),
        (
            "http",
            b"HTTP/1.1 200 OK\r\n\r\nsurplus",
            "more than its answer",
        ),
        ("http", b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "101"),
        (
            "https",
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "TLS handshake",
        ),
        ("socks5h", b"", "end of file"),
        ("socks5h", b"HTTP/1.1 400 Bad Request\r\n\r\n", "version"),
        ("socks5h", b"\x05\xFF", "auth"),
        ("socks5h", b"\x05\x02", "uthorization"),
        ("socks5h", b"\x05\x77", "auth"),
        ("socks5h", refusal, "refused"),
    ] {
        let proxy = babbler(answer);
        let url = proxy.url("").replace("http://", &format!("{scheme}://"));
        let mut subject = through(&url, "https://localhost:1");
        subject.start();
        let lost = subject.error();
        assert_eq!(
            lost.kind,
            ErrorKind::Proxy,
            "{scheme} {answer:?}: {}",
            lost.message
        );
        let place = format!("127.0.0.1:{}", proxy.port());
        assert!(lost.message.contains(&place), "{}", lost.message);
        assert!(
            lost.message.contains(text),
            "{scheme} {answer:?}: {}",
            lost.message
        );
        // An answer that refuses is final.
        assert_eq!(lost.retry_in.is_some(), lost.http_status == 0);
    }
}

#[test]
fn a_proxy_that_cannot_be_reached_is_named_without_its_credentials() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    for (host, os_error) in [("127.0.0.1", libc::ECONNREFUSED), ("name.invalid", 0)] {
        for (scheme, url) in [
            ("http", "http://sse.example/"),
            ("http", "https://sse.example/"),
            ("https", "https://sse.example/"),
            ("socks5h", "http://sse.example/"),
        ] {
            let mut subject = through(&format!("{scheme}://user:secret@{host}:{port}"), url);
            subject.start();
            let lost = subject.error();
            assert_eq!(lost.kind, ErrorKind::Proxy, "{}", lost.message);
            assert!(
                lost.message.contains(&format!("{host}:{port}")),
                "{}",
                lost.message
            );
            assert!(!lost.message.contains("secret"), "{}", lost.message);
            assert_eq!(lost.os_error, os_error, "{}", lost.message);
        }
    }
}

#[test]
fn a_proxy_that_hangs_ends_at_the_connect_timeout() {
    let mute = Server::start_raw(|mut socket| {
        let _ = io::copy(&mut socket, &mut io::sink());
    });
    for scheme in ["http", "https", "socks5", "socks5h"] {
        let url = mute.url("").replace("http://", &format!("{scheme}://"));
        let mut subject = through(&url, "https://127.0.0.1:1/");
        subject.configure(|settings| {
            settings.http.connect_timeout = Some(Duration::from_millis(50));
        });
        let watch = Stopwatch::start();
        subject.start();
        let lost = subject.error();
        assert!(watch.time() < BEFORE_THE_DEFAULT, "{scheme}");
        assert_eq!(lost.kind, ErrorKind::ConnectTimeout, "{scheme}");
        let place = format!("through the proxy 127.0.0.1:{}", mute.port());
        assert!(lost.message.contains(&place), "{}", lost.message);
    }
}

#[test]
fn an_empty_url_switches_proxies_off() {
    let target = Server::start(stream);
    let mut subject = through("", &target.url("/"));
    subject.start();
    subject.events(1);
    assert_eq!(target.requests()[0].target, "/");
}

#[test]
fn after_a_redirect_the_proxy_is_chosen_anew() {
    let target = Server::start(stream);
    let direct = target.url("/direct");
    let proxy = Server::start(move |exchange| {
        exchange.respond(307, &[("Location", &direct)], b"");
    });
    let proxy_url = with_user(&proxy.url(""), "user:secret");
    let mut subject = through(&proxy_url, "http://sse.example/first");
    subject.configure(|settings| settings.http.network.set_no_proxy(Some("127.0.0.0/8")));
    subject.start();
    assert_eq!(subject.events(1), ["hello"]);
    assert_eq!(proxy.requests()[0].target, "http://sse.example/first");
    let request = &target.requests()[0];
    assert_eq!(request.target, "/direct");
    assert_eq!(request.header("proxy-authorization"), None);
}

#[test]
fn a_redirect_to_https_goes_through_a_tunnel_of_the_same_proxy() {
    let identity = Identity::generate(&["localhost"]);
    let target = Server::start_tls(identity.clone(), stream);
    let (location, port) = (target.url("/"), target.port());
    let proxy = Server::start(move |exchange| {
        if exchange.request.method == "CONNECT" {
            exchange.head(200, &[]);
            exchange.tunnel(port);
        } else {
            exchange.respond(302, &[("Location", &location)], b"");
        }
    });
    let mut subject = through(&proxy.url(""), "http://sse.example/");
    subject.trust(&identity);
    subject.start();
    assert_eq!(subject.events(1), ["hello"]);
    let requests = proxy.requests();
    let methods: Vec<_> = requests.iter().map(|request| &*request.method).collect();
    assert_eq!(methods, ["GET", "CONNECT"]);
}

/// A SOCKS5 proxy that connects to loopback, whatever host it is given.
struct Socks {
    server: Server,
    /// Each request's host, as `name:...` or `address:...`.
    hosts: Arc<Mutex<Vec<String>>>,
}

/// What is answered instead of a connection: a code of RFC 1928, section 6, or nothing.
const REFUSALS: [(&str, u8); 3] = [
    ("address:127.0.0.8", SILENCE),
    ("address:127.0.0.9", 5),
    ("address:::9", 4),
];
const SILENCE: u8 = 0;

impl Socks {
    fn start(user: Option<(&'static str, &'static str)>) -> Socks {
        let hosts = Arc::<Mutex<Vec<String>>>::default();
        let notes = hosts.clone();
        let server = Server::start_raw(move |socket| {
            // What goes wrong is seen at the client's end.
            let _ = Socks::serve(socket, user, &notes);
        });
        Socks { server, hosts }
    }

    fn url(&self, scheme: &str, user: &str) -> String {
        format!("{scheme}://{user}127.0.0.1:{}", self.server.port())
    }

    fn serve(
        mut socket: TcpStream,
        user: Option<(&str, &str)>,
        hosts: &Mutex<Vec<String>>,
    ) -> io::Result<()> {
        let [version, count] = read_bytes(&mut socket)?;
        assert_eq!(version, 5);
        let methods = read_counted(&mut socket, count)?;
        match user {
            None => socket.write_all(&[5, 0])?,
            Some((name, password)) => {
                assert!(methods.contains(&2), "{methods:?}");
                socket.write_all(&[5, 2])?;
                let [1, length] = read_bytes(&mut socket)? else {
                    panic!("not RFC 1929");
                };
                let said = read_counted(&mut socket, length)?;
                let [length] = read_bytes(&mut socket)?;
                let secret = read_counted(&mut socket, length)?;
                let is_right = said == name.as_bytes() && secret == password.as_bytes();
                socket.write_all(&[1, u8::from(!is_right)])?;
            }
        }
        let [5, 1, 0, kind] = read_bytes(&mut socket)? else {
            panic!("not a CONNECT of RFC 1928");
        };
        let host = match kind {
            1 => format!("address:{}", Ipv4Addr::from(read_bytes::<4>(&mut socket)?)),
            3 => {
                let [length] = read_bytes(&mut socket)?;
                let name = read_counted(&mut socket, length)?;
                format!("name:{}", String::from_utf8_lossy(&name))
            }
            4 => format!("address:{}", Ipv6Addr::from(read_bytes::<16>(&mut socket)?)),
            kind => panic!("an address of kind {kind}"),
        };
        let refusal = REFUSALS.iter().find(|(refused, _)| *refused == host);
        hosts.lock().expect("no panic").push(host);
        let port = u16::from_be_bytes(read_bytes(&mut socket)?);
        match refusal {
            None => {}
            Some((_, SILENCE)) => return socket.read_to_end(&mut Vec::new()).map(drop),
            Some((_, reply)) => return socket.write_all(&[5, *reply, 0, 1, 0, 0, 0, 0, 0, 0]),
        }
        let far = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        socket.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 1])?;
        relay(socket, far)
    }
}

fn read_bytes<const COUNT: usize>(socket: &mut TcpStream) -> io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    socket.read_exact(&mut bytes).map(|()| bytes)
}

fn read_counted(socket: &mut TcpStream, count: u8) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count.into()];
    socket.read_exact(&mut bytes).map(|()| bytes)
}

#[test]
fn socks5h_gives_the_proxy_the_name_and_socks5_an_address() {
    let identity = Identity::generate(&["sse.example"]);
    let plain = Server::start(stream);
    let tls = Server::start_tls(identity.clone(), stream);
    let socks = Socks::start(None);
    for (scheme, host) in [
        ("socks5h", "name:sse.example"),
        ("socks5", "address:127.0.0.7"),
    ] {
        for (server, url) in [
            (&plain, format!("http://sse.example:{}/", plain.port())),
            (&tls, format!("https://sse.example:{}/", tls.port())),
        ] {
            let mut subject = through(&socks.url(scheme, ""), &url);
            subject.trust(&identity);
            subject.configure(|settings| {
                let entry = format!("sse.example:{}:127.0.0.7", server.port());
                settings.http.network.set_resolve(&entry).expect("a place");
            });
            subject.start();
            assert_eq!(subject.events(1), ["hello"]);
            let hosts = std::mem::take(&mut *socks.hosts.lock().expect("no panic"));
            assert_eq!(hosts, [host]);
        }
    }
    assert_eq!(plain.requests()[0].target, "/");
}

#[test]
fn socks5_is_asked_for_one_address_after_another_by_turns_of_their_families() {
    let target = Server::start(stream);
    let port = target.port();
    let url = format!("http://sse.example:{port}/");
    for (addresses, asked, opens) in [
        ("127.0.0.9,127.0.0.8,::9,127.0.0.7", "9 ::9 8 7", true),
        ("127.0.0.9,::9,::9", "9 ::9 ::9", false),
    ] {
        let socks = Socks::start(None);
        let mut subject = through(&socks.url("socks5", ""), &url);
        subject.configure(|settings| {
            let entry = format!("sse.example:{port}:{addresses}");
            settings.http.network.set_resolve(&entry).expect("places");
            settings.http.connect_timeout = Some(Duration::from_secs(2));
            settings.mode = Mode::Once;
        });
        subject.start();
        match opens {
            true => assert_eq!(subject.events(1), ["hello"]),
            false => {
                let lost = subject.error();
                assert_eq!(lost.kind, ErrorKind::Proxy);
                assert!(lost.message.contains("unreachable"), "{}", lost.message);
            }
        }
        let hosts = socks.hosts.lock().expect("no panic").join(" ");
        let hosts = hosts.replace("address:", "").replace("127.0.0.", "");
        assert_eq!(hosts, asked);
    }
}

#[test]
fn socks5_sends_user_and_password_to_the_proxy_alone() {
    let target = Server::start(stream);
    let socks = Socks::start(Some(("us er", "p@ss:word")));
    let proxy = socks.url("socks5h", "us%20er:p%40ss%3Aword@");
    let mut subject = through(&proxy, &target.url("/"));
    subject.start();
    assert_eq!(subject.events(1), ["hello"]);
    let request = &target.requests()[0];
    assert!(!mentions(request, "uthorization"), "{request:?}");

    let mut subject = through(&socks.url("socks5h", "us%20er:wrong@"), &target.url("/"));
    subject.start();
    let lost = subject.error();
    assert_eq!(lost.kind, ErrorKind::Proxy);
    assert!(lost.message.contains("auth"), "{}", lost.message);
    assert!(!lost.message.contains("wrong"), "{}", lost.message);
}

#[test]
fn socks5_says_when_it_is_this_machine_that_cannot_resolve_a_name() {
    let socks = Socks::start(None);
    let mut subject = through(&socks.url("socks5", ""), "http://name.invalid/");
    subject.start();
    let lost = subject.error();
    assert_eq!(lost.kind, ErrorKind::Resolve);
    assert!(lost.message.contains("name.invalid"), "{}", lost.message);
    assert_eq!(socks.server.connections(), 0);
}

#[test]
fn a_stream_through_a_proxy_reconnects_through_it() {
    let identity = Identity::generate(&["localhost"]);
    let target = Server::start_tls(identity.clone(), |exchange| {
        exchange.event_stream();
        exchange.event_with_id(&exchange.request.number.to_string(), "hello");
        exchange.end();
    });
    let (proxy, _) = connect_proxy(None);
    let mut subject = through(&proxy.url(""), &target.url("/"));
    subject.trust(&identity);
    subject.on_told(|told| match told {
        Told::Error(lost) => {
            assert_eq!(lost.kind, ErrorKind::EndOfStream, "{}", lost.message);
            eventsource::stream::Decision::Default
        }
        _ => eventsource::stream::Decision::Default,
    });
    subject.start();
    subject.events(3);
    assert!(proxy.requests().len() >= 3);
    assert_eq!(target.requests()[2].header("last-event-id"), Some("1"));
    subject.client.stop();
    assert!(subject.client.wait(Some(limit())));
}
