//! A process that was stopped, by a signal, a debugger or a frozen container: what came meanwhile is read before any timeout
//! is believed.
#![cfg(unix)]

#[path = "../support/common/mod.rs"]
mod common;

use common::http2::{Http2Server, Setup};
use common::{Subject, Told};
use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;
use test_server::{Exchange, Identity, Server};

/// The timeouts of the client, and for how long it is stopped.
const LIMIT: Duration = Duration::from_secs(1);
const STOPPED: Duration = Duration::from_millis(1500);

/// The client, in a process of its own, where it says what it is told. A role that the other tests start, with a URL; without,
/// it does nothing.
#[test]
fn the_client() {
    let Ok(url) = env::var("CLIENT_URL") else {
        return;
    };
    let mut subject = Subject::new(&url);
    subject.configure(|settings| {
        settings.http.connect_timeout = Some(LIMIT);
        settings.http.read_timeout = Some(LIMIT);
        let ca = env::var("CLIENT_CA").unwrap_or_default();
        let trusted = settings.http.tls.set_extra_roots(ca.as_bytes());
        trusted.expect("an authority, or none");
    });
    subject.start();
    loop {
        match subject.next() {
            Told::Open { .. } => println!("> open"),
            Told::Event { data, .. } => println!("> event {data}"),
            Told::Error(lost) => println!("> error {}", lost.message),
            _ => {}
        }
    }
}

/// That process.
struct Client {
    process: Child,
    lines: Receiver<String>,
}

impl Client {
    fn start(url: &str, identity: Option<&Identity>) -> Client {
        let mut process = Command::new(env::current_exe().expect("this program"))
            .args(["--exact", "the_client", "--nocapture"])
            .env("CLIENT_URL", url)
            .env("CLIENT_CA", identity.map_or("", Identity::ca_pem))
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let output = BufReader::new(process.stdout.take().expect("its output"));
        let (teller, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Some((_, told)) = line.split_once("> ") {
                    let _ = teller.send(told.to_owned());
                }
            }
        });
        Client { process, lines }
    }

    /// The next that it is told is this.
    #[track_caller]
    fn is_told(&self, expected: &str) {
        let told = self.lines.recv_timeout(common::limit());
        assert_eq!(told.expect("a line"), expected);
    }

    /// Stops it for longer than its timeouts. Meanwhile, something is done.
    fn stopped(&self, act: impl FnOnce()) {
        let id = libc::pid_t::try_from(self.process.id()).expect("an id");
        let mut status = 0;
        // SAFETY: a child of ours; the status is written during the call.
        unsafe {
            assert_eq!(libc::kill(id, libc::SIGSTOP), 0);
            assert_eq!(libc::waitpid(id, &raw mut status, libc::WUNTRACED), id);
        }
        assert!(libc::WIFSTOPPED(status));
        act();
        thread::sleep(STOPPED);
        // SAFETY: no pointers.
        assert_eq!(unsafe { libc::kill(id, libc::SIGCONT) }, 0);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A server that answers, and sends a second event, when it is told to.
fn server(identity: Option<&Identity>) -> (Server, Sender<()>) {
    let (go, gone) = channel();
    let gone = Mutex::new(gone);
    let answer = move |exchange: &mut Exchange| {
        let wait = || gone.lock().expect("a lock").recv().is_ok();
        if wait() {
            exchange.event_stream();
            exchange.event("first");
        }
        if wait() {
            exchange.event("second");
        }
        exchange.wait_for_disconnect();
    };
    let server = match identity {
        Some(identity) => Server::start_tls(identity.clone(), answer),
        None => Server::start(answer),
    };
    (server, go)
}

fn over_http1(identity: Option<&Identity>) {
    let (server, go) = server(identity);
    let proceed = || go.send(()).expect("it listens");
    let client = Client::start(&server.url("/"), identity);
    server.wait_for_requests(1);
    client.stopped(proceed);
    client.is_told("open");
    client.is_told("event first");
    client.stopped(proceed);
    client.is_told("event second");
}

fn over_http2(identity: Option<&Identity>) {
    let server = Http2Server::with(Setup {
        identity: identity.cloned(),
        ..Setup::default()
    });
    let client = Client::start(&server.url("/"), identity);
    let asked = server.asked();
    let mut stream = None;
    client.stopped(|| {
        let opened = stream.insert(asked.event_stream());
        opened.event("first");
    });
    client.is_told("open");
    client.is_told("event first");
    let mut stream = stream.expect("a stream");
    client.stopped(|| stream.event("second"));
    client.is_told("event second");
}

#[test]
fn a_response_and_an_event_that_are_waiting_are_read_over_http1() {
    over_http1(None);
}

#[test]
fn likewise_over_tls() {
    over_http1(Some(&Identity::generate(&["localhost"])));
}

#[test]
fn likewise_over_http2() {
    over_http2(Some(&Identity::generate(&["localhost"])));
}

/// Passes a connection on, but what the server says only when it is time.
fn relay(near: &TcpStream, port: u16, heard: &Sender<()>, time: &Receiver<()>) -> io::Result<()> {
    let far = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut first = [0; 1024];
            let (mut from, mut to) = (near, &far);
            let length = from.read(&mut first)?;
            to.write_all(&first[..length])?;
            let _ = heard.send(());
            io::copy(&mut from, &mut to)
        });
        let _ = time.recv();
        io::copy(&mut &far, &mut &*near)?;
        near.shutdown(Shutdown::Both)
    })
}

#[test]
fn a_handshake_goes_on_where_it_was() {
    let identity = Identity::generate(&["localhost"]);
    let server = Server::start_tls(identity.clone(), |exchange| {
        exchange.event_stream();
        exchange.wait_for_disconnect();
    });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let place = listener.local_addr().expect("its address");
    let (heard, hears) = channel();
    let (answer, is_time) = channel();
    let port = server.port();
    thread::spawn(move || {
        while let Ok((near, _)) = listener.accept() {
            let _ = relay(&near, port, &heard, &is_time);
        }
    });
    let url = format!("https://localhost:{}/", place.port());
    let client = Client::start(&url, Some(&identity));
    hears.recv_timeout(common::limit()).expect("a handshake");
    client.stopped(|| answer.send(()).expect("it listens"));
    client.is_told("open");
}
