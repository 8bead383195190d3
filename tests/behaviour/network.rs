//! Networks that change: waits are cut short, and streams are verified. By what the system tells, in network namespaces of the
//! test's own; and by what the test tells in its place, where that is a long sleep.
#![cfg(target_os = "linux")]

#[path = "../support/common/mod.rs"]
mod common;

use common::http2::Http2Server;
use common::relay::relay_all;
use common::{Subject, Told, limit};
use eventsource::http::Version;
use eventsource::runtime::{Change, Options, Runtime};
use eventsource::stream::Settings;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use std::{env, fs, thread};
use test_server::{Exchange, Server};

const S: Duration = Duration::from_secs(1);
/// Longer than any test waits.
const FOR_EVER: Duration = Duration::from_secs(10_000);
const LONG_SLEEP: Change = Change::Woken(Duration::from_secs(3600));

/// A client that would wait for ever, and the runtime that tells it of the network.
fn waiting_for_ever(url: &str) -> (Subject, Arc<Runtime>) {
    let subject = Subject::new(url);
    subject.configure(|settings| {
        settings.reconnect.delay = FOR_EVER;
        settings.reconnect.max_delay = FOR_EVER;
        settings.reconnect.max_server_delay = FOR_EVER;
    });
    let runtime = Arc::new(Runtime::new(Options::default()).expect("a runtime"));
    let set = subject.client.set_runtime(Some(runtime.clone()));
    set.expect("it is not running");
    (subject, runtime)
}

/// One event, and then nothing.
fn one_event(exchange: &mut Exchange) {
    exchange.event_stream();
    exchange.event("here");
    exchange.wait_for_disconnect();
}

fn refused(exchange: &mut Exchange) {
    exchange.respond(503, &[], b"");
}

#[test]
fn a_change_ends_the_wait_for_the_next_attempt() {
    for change in [Change::Moved, LONG_SLEEP, Change::Woken(S)] {
        let server = Server::start(refused);
        let (mut subject, runtime) = waiting_for_ever(&server.url("/"));
        subject.start();
        assert_eq!(subject.error().retry_in, Some(FOR_EVER));
        runtime.network_changed(change);
        assert_eq!(subject.error().attempt, 2);
    }
}

#[test]
fn without_the_watch_the_wait_goes_on() {
    let server = Server::start(refused);
    let (mut subject, runtime) = waiting_for_ever(&server.url("/"));
    subject.configure(|settings| settings.watch_network = false);
    subject.start();
    subject.error();
    runtime.network_changed(Change::Moved);
    thread::sleep(S);
    assert!(subject.told_so_far().is_empty());
}

#[test]
fn without_a_stream_in_between_the_second_wait_that_is_cut_has_the_base_delay() {
    let server = Server::start(refused);
    let (mut subject, runtime) = waiting_for_ever(&server.url("/"));
    subject.configure(|settings| {
        settings.reconnect.delay = S;
        settings.reconnect.factor = 100.0;
    });
    subject.start();
    subject.error();
    runtime.network_changed(Change::Moved);
    let second = subject.error();
    let begun = Instant::now();
    runtime.network_changed(Change::Moved);
    assert_eq!(subject.error().attempt, 3);
    assert!(begun.elapsed() >= S * 9 / 10, "{:?}", begun.elapsed());
    assert_eq!(second.retry_in, Some(100 * S));
}

#[test]
fn what_the_server_asked_for_is_waited_for() {
    let server = Server::start(|exchange| exchange.respond(503, &[("Retry-After", "9")], b""));
    let (mut subject, runtime) = waiting_for_ever(&server.url("/"));
    subject.start();
    subject.error();
    runtime.network_changed(Change::Moved);
    thread::sleep(S);
    assert!(subject.told_so_far().is_empty());
}

#[test]
fn after_a_long_sleep_a_silent_stream_over_http1_is_asked_for_again_at_once() {
    let server = Server::start(one_event);
    let (mut subject, runtime) = waiting_for_ever(&server.url("/"));
    subject.start();
    subject.events(1);
    runtime.network_changed(LONG_SLEEP);
    let lost = subject.error();
    assert!(
        lost.message.contains("since the system woke up"),
        "{lost:?}"
    );
    assert!(lost.retry_in.expect("a retry") < S, "{lost:?}");
    assert_eq!(subject.events(1), ["here"]);
}

#[test]
fn a_stream_that_goes_on_after_a_long_sleep_is_kept() {
    let server = Server::start(|exchange| {
        exchange.event_stream();
        while exchange.event("here") && exchange.pause(S) {}
    });
    let (mut subject, runtime) = waiting_for_ever(&server.url("/"));
    subject.start();
    subject.events(1);
    runtime.network_changed(LONG_SLEEP);
    let begun = Instant::now();
    while begun.elapsed() < 7 * S {
        match subject.next() {
            Told::Event { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_short_nap_or_a_change_elsewhere_ends_no_stream() {
    let server = Server::start(one_event);
    let (mut subject, runtime) = waiting_for_ever(&server.url("/"));
    subject.start();
    subject.events(1);
    runtime.network_changed(Change::Woken(20 * S));
    runtime.network_changed(Change::Moved);
    thread::sleep(7 * S);
    assert!(subject.told_so_far().is_empty());
}

#[test]
fn a_server_over_http2_that_answers_is_kept_whatever_happens() {
    let server = Http2Server::start();
    let (mut subject, runtime) = waiting_for_ever(&server.url("/"));
    subject.configure(|settings| {
        settings.http.set_version(Version::Http2);
    });
    subject.start();
    let mut stream = server.asked().event_stream();
    stream.event("here");
    subject.events(1);
    runtime.network_changed(LONG_SLEEP);
    runtime.network_changed(Change::Moved);
    thread::sleep(7 * S);
    stream.event("still");
    let told = subject.next();
    assert!(matches!(told, Told::Event { .. }), "{told:?}");
}

/// The client, in a process and a network of its own, where it says what it is told. A role that the next test starts; without
/// a URL, it does nothing.
#[test]
fn the_client() {
    let Ok(url) = env::var("CLIENT_URL") else {
        return;
    };
    // When there is a network.
    let _ = std::io::stdin().read(&mut [0]);
    let mut subject = Subject::new(&url);
    subject.configure(|settings| {
        settings.reconnect.delay = S;
        settings.reconnect.factor = 100.0;
        settings.reconnect.max_delay = FOR_EVER;
    });
    subject.start();
    loop {
        match subject.next() {
            Told::Event { data, .. } => println!("> event {data}"),
            Told::Error(lost) => println!("> error {} {:?}", lost.message, lost.retry_in),
            _ => {}
        }
    }
}

/// Clients in a network with two links, on both of which there is fe80::1. They say what they are told. A role as well.
#[test]
fn the_clients_on_two_links() {
    let Ok(ports) = env::var("CLIENT_PORTS") else {
        return;
    };
    let (http1, http2) = ports.split_once(' ').expect("two ports");
    let _ = std::io::stdin().read(&mut [0]);
    let told = |url: &str, change: &dyn Fn(&mut Settings)| {
        let mut subject = Subject::with_defaults(url);
        subject.configure(change);
        subject.start();
        match subject.next() {
            Told::Open { url, .. } => println!("> {} {url}", subject.events(1)[0]),
            Told::Error(lost) => println!("> error {}", lost.message),
            other => println!("> {other:?}"),
        }
    };
    for zone in [
        "%25in1",
        "%25in2",
        &format!("%25{}", number_of("in2")),
        "%25in3",
        "",
    ] {
        told(&format!("http://[fe80::1{zone}]:{http1}/"), &|_| {});
    }
    told(&format!("http://[fe80::1%25in2]:{http1}/redirect"), &|_| {});
    for addresses in ["fe80::1%in2", "fe80::1%in3,[fe80::1%in1]"] {
        let entry = format!("host.example:{http1}:{addresses}");
        told(&format!("http://host.example:{http1}/"), &|settings| {
            settings.http.network.set_resolve(&entry).expect("an entry");
        });
    }
    let proxy = format!("http://[fe80::1%25in2]:{http1}");
    let through = |settings: &mut Settings| {
        settings
            .http
            .network
            .set_proxy(Some(&proxy))
            .expect("a proxy");
    };
    told("http://host.example/", &through);
    told(&format!("http://[fe80::1%25in1]:{http1}/"), &through);

    let mut open = Vec::new();
    for zone in ["in1", "in2", "in1"] {
        let mut subject = Subject::with_defaults(&format!("http://[fe80::1%25{zone}]:{http2}/"));
        subject.configure(|settings| settings.http.set_version(Version::Http2));
        subject.start();
        let is_reused = subject.facts().is_reused;
        println!("> {} {is_reused}", subject.events(1)[0]);
        open.push(subject);
    }
}

/// The number of an interface of this network that has an address of IPv6.
fn number_of(interface: &str) -> u32 {
    let addresses = fs::read_to_string("/proc/self/net/if_inet6").expect("IPv6");
    let mut lines = addresses.lines();
    let line = lines.find(|line| line.ends_with(interface));
    let number = line.and_then(|line| line.split(' ').nth(1));
    u32::from_str_radix(number.expect("the interface"), 16).expect("a number")
}

/// Says to whom it was connected on which link, and what for.
fn answer_on_link(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let read = stream.read(&mut request)?;
    let request = String::from_utf8_lossy(&request[..read]);
    assert!(!request.contains('%'), "{request}");
    let line = request.lines().next().unwrap_or_default();
    let host = request.lines().find(|line| line.starts_with("Host: "));
    let SocketAddr::V6(own) = stream.local_addr()? else {
        panic!("an address of IPv4");
    };
    if line.starts_with("GET /redirect ") {
        let to = format!("http://[fe80::1]:{}/redirected", own.port());
        let head = format!("HTTP/1.1 307 Elsewhere\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
        return stream.write_all(head.as_bytes());
    }
    let link = own.scope_id();
    let event = format!("data: {link} {line} {}\n\n", host.unwrap_or_default());
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    stream.write_all(format!("{head}{event}").as_bytes())?;
    let _ = stream.read(&mut [0]);
    Ok(())
}

/// The servers, and the two links that lead to them. A role as well.
#[test]
fn the_two_links() {
    if env::var("NETWORK_TEST").is_err() {
        return;
    }
    sh("ip link set lo up");
    let listen = || TcpListener::bind("[::]:0").expect("a listener");
    let port = |listener: &TcpListener| listener.local_addr().expect("its address").port();
    let (http1, over_http2) = (listen(), listen());
    let ports = (port(&http1), port(&over_http2));
    thread::spawn(move || {
        for stream in http1.incoming().flatten() {
            thread::spawn(|| answer_on_link(stream));
        }
    });
    let http2 = Http2Server::start();
    let loopback = http2.url("").rsplit_once(':').expect("a port").1.to_owned();
    let accept = move || over_http2.accept().map(|(stream, _)| stream);
    relay_all(accept, loopback.parse().expect("a port"));

    let ports = format!("{} {}", ports.0, ports.1);
    let mut client = Client::start("the_clients_on_two_links", "CLIENT_PORTS", &ports);
    let (http1, _) = ports.split_once(' ').expect("two ports");
    let process = client.process.id();
    client.waits_in_its_network();
    for link in ["1", "2"] {
        sh(&format!(
            "ip link add in{link} type veth peer name out{link}"
        ));
        sh(&format!("ip link set in{link} netns {process}"));
        // At once, not when it is sure that nobody else has it.
        sh(&format!("ip address add fe80::1/64 dev out{link} nodad"));
        sh(&format!("ip link set out{link} up"));
        sh(&format!(
            "nsenter -t {process} -n ip address add fe80::2/64 dev in{link} nodad"
        ));
        sh(&format!("nsenter -t {process} -n ip link set in{link} up"));
    }
    let (one, two) = (number_of("out1"), number_of("out2"));
    client
        .process
        .stdin
        .take()
        .expect("its input")
        .write_all(b"\n")
        .expect("it goes on");

    let host = format!("GET / HTTP/1.1 Host: [fe80::1]:{http1}");
    let reached =
        |link: u32, zone: &str| format!("{link} {host} http://[fe80::1%25{zone}]:{http1}/");
    assert_eq!(client.next(), reached(one, "in1"));
    assert_eq!(client.next(), reached(two, "in2"));
    assert!(
        client.next().starts_with(&format!("{two} {host}")),
        "by number"
    );
    let next = client.next();
    assert!(
        next.starts_with("error cannot connect to fe80::1%in3: "),
        "{next}"
    );
    assert!(
        client.next().starts_with("error "),
        "there is no link without a zone"
    );
    let redirected = format!("{two} GET /redirected HTTP/1.1 Host: [fe80::1]:{http1}");
    assert_eq!(
        client.next(),
        format!("{redirected} http://[fe80::1%25in2]:{http1}/redirected")
    );

    let host = format!("GET / HTTP/1.1 Host: host.example:{http1} http://host.example:{http1}/");
    assert_eq!(client.next(), format!("{two} {host}"), "by set_resolve");
    assert_eq!(
        client.next(),
        format!("{one} {host}"),
        "where one interface is missing"
    );
    let asked = "GET http://host.example/ HTTP/1.1 Host: host.example http://host.example/";
    assert_eq!(client.next(), format!("{two} {asked}"), "a proxy");
    let next = client.next();
    assert!(
        next.starts_with("error a proxy cannot be told of a zone"),
        "{next}"
    );

    let mut open = Vec::new();
    for (connection, is_reused) in [(0, false), (1, false), (0, true)] {
        let asked = http2.asked();
        assert_eq!(asked.connection.number, connection);
        assert_eq!(asked.head.uri.host(), Some("[fe80::1]"));
        let mut stream = asked.event_stream();
        stream.event("here");
        assert_eq!(client.next(), format!("here {is_reused}"));
        open.push(stream);
    }
}

#[test]
fn a_zone_says_on_which_link_a_link_local_address_is() {
    in_a_network_of_its_own("the_two_links");
}

/// The server and what moves the network, in a network of its own. A role as well.
#[test]
fn the_network() {
    if env::var("NETWORK_TEST").is_err() {
        return;
    }
    let listener = TcpListener::bind("0.0.0.0:0").expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client");
            let _ = stream.read(&mut [0; 4096]);
            let peer = stream.peer_addr().expect("its address").ip();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
            let _ = stream.write_all(format!("{head}data: {peer}\n\n").as_bytes());
            open.push(stream);
        }
    });
    // Reached by the default route alone.
    let url = format!("http://192.0.2.1:{port}/");
    let mut client = Client::start("the_client", "CLIENT_URL", &url);
    let process = client.process.id();
    let mut go = client.process.stdin.take().expect("its input");
    let client_ip = |arguments: &str| {
        sh(&format!("nsenter -t {process} -n ip {arguments}"));
    };
    sh("ip link set lo up");
    sh("ip address add 192.0.2.1/32 dev lo");
    sh("ip link add inner type veth peer name outer");
    client.waits_in_its_network();
    sh(&format!("ip link set inner netns {process}"));
    sh("ip address add 10.9.0.1/24 dev outer");
    sh("ip link set outer up");
    client_ip("address add 10.9.0.2/24 dev inner");
    client_ip("link set inner up");

    go.write_all(b"\n").expect("it goes on");
    assert!(client.next().starts_with("error "), "there is no route");
    assert!(client.next().ends_with("Some(100s)"), "nor a second later");
    client_ip("route add default via 10.9.0.1");
    assert_eq!(client.next(), "event 10.9.0.2", "the wait is cut short");

    let begun = Instant::now();
    client_ip("address del 10.9.0.2/24 dev inner");
    assert!(client.next().contains("no longer has the address"));
    assert!(begun.elapsed() < limit(), "{:?}", begun.elapsed());
    assert!(client.next().starts_with("error "), "it is tried at once");
    client_ip("address add 10.9.0.3/24 dev inner");
    client_ip("route add default via 10.9.0.1");
    // Between the two, an attempt may fail.
    let mut next = client.next();
    while next.starts_with("error ") {
        next = client.next();
    }
    assert_eq!(next, "event 10.9.0.3");
}

#[test]
fn a_machine_that_moves_to_another_network_is_back_at_once() {
    in_a_network_of_its_own("the_network");
}

/// Runs a role, which may say what it is to do to the network that it is in.
fn in_a_network_of_its_own(role: &str) {
    let can = Command::new("unshare").args(["-n", "true"]).status();
    let has_ip = Command::new("ip").arg("-V").stdout(Stdio::null()).status();
    if !can.is_ok_and(|status| status.success()) || has_ip.is_err() {
        eprintln!("skipped: no network namespaces here (unshare -n, iproute2)");
        return;
    }
    let output = Command::new("unshare")
        .arg("-n")
        .arg(env::current_exe().expect("this program"))
        .args(["--exact", role, "--nocapture"])
        .env("NETWORK_TEST", "1")
        .output()
        .expect("a process");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

#[track_caller]
fn sh(command: &str) {
    let status = Command::new("sh").args(["-c", command]).status();
    assert!(status.is_ok_and(|status| status.success()), "{command}");
}

/// The client's process.
struct Client {
    process: Child,
    lines: Receiver<String>,
}

impl Client {
    fn start(role: &str, variable: &str, value: &str) -> Client {
        let mut process = Command::new("unshare")
            .arg("-n")
            .arg(env::current_exe().expect("this program"))
            .args(["--exact", role, "--nocapture"])
            .env(variable, value)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let output = BufReader::new(process.stdout.take().expect("its output"));
        let (teller, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = teller.send(line);
            }
        });
        Client { process, lines }
    }

    /// Its network is another one once the program runs that unshare has started.
    fn waits_in_its_network(&self) {
        while !self.line().starts_with("running") {}
    }

    fn line(&self) -> String {
        let line = self.lines.recv_timeout(limit());
        line.expect("the client says something")
    }

    /// The next that it is told.
    fn next(&self) -> String {
        loop {
            if let Some((_, told)) = self.line().split_once("> ") {
                return told.to_owned();
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
