//! The promises of `docs/threads.md`, as far as they can be seen from Rust. The C tests check them through the ABI.

use crate::common::{Stopwatch, Subject, Told, limit};
use eventsource::http::ErrorKind;
use eventsource::parser::Event;
use eventsource::runtime::{Dispatch, Options, Runtime};
use eventsource::stream::{Client, Close, Decision, Handler, Refused, State};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use test_server::{Exchange, Server};

/// How soon a stop must have ended a run.
const SOON: Duration = Duration::from_millis(100);

fn held_open(exchange: &mut Exchange) {
    exchange.event_stream();
    exchange.chunk(": hi\n\ndata: one\n\n");
    exchange.wait_for_disconnect();
}

/// Stops the client and says how long it took to end.
fn time_to_stop(subject: &Subject) -> Duration {
    let watch = Stopwatch::start();
    subject.stop();
    watch.time()
}

#[test]
fn callbacks_come_one_at_a_time_and_in_stream_order() {
    const EVENTS: usize = 20_000;
    let server = Server::start(|exchange| {
        exchange.event_stream();
        for n in 0..EVENTS {
            exchange.event(&n.to_string());
        }
        exchange.wait_for_disconnect();
    });
    let subjects: Vec<_> = (0..4)
        .map(|_| {
            let inside = AtomicBool::new(false);
            let mut subject = Subject::new(&server.url("/"));
            subject.on_told(move |_| {
                assert!(
                    !inside.swap(true, Ordering::SeqCst),
                    "two callbacks at once"
                );
                thread::yield_now();
                inside.store(false, Ordering::SeqCst);
                Decision::Default
            });
            subject.start();
            subject
        })
        .collect();
    for subject in subjects {
        for (n, data) in subject.events(EVENTS).iter().enumerate() {
            assert_eq!(*data, n.to_string());
        }
    }
}

#[test]
fn on_close_comes_exactly_once_and_last_and_then_the_handler_is_dropped() {
    let server = Server::start(held_open);
    for _ in 0..20 {
        let mut subject = Subject::new(&server.url("/"));
        subject.start();
        subject.events(1);
        subject.stop();
        // All of it has happened when whoever waits for the end goes on.
        let told = subject.told_so_far();
        assert!(
            matches!(told[..], [Told::Close(Close::Stopped), Told::Dropped]),
            "{told:?}"
        );
    }
}

#[test]
fn stop_cuts_short_whatever_the_client_is_doing() {
    type Reached = fn(&Subject, &Server);
    let connected: Reached = |_, server| server.wait_for_connections(1);
    let mute = || {
        Server::start_raw(|mut socket| {
            let _ = std::io::copy(&mut socket, &mut std::io::sink());
        })
    };
    let cases: [(&str, Server, &str, Reached); 8] = [
        ("a TLS handshake", mute(), "https", connected),
        ("a proxy's tunnel", mute(), "http proxy", connected),
        ("a proxy's TLS handshake", mute(), "https proxy", connected),
        ("a SOCKS handshake", mute(), "socks5 proxy", connected),
        ("the wait for the head", mute(), "http", connected),
        (
            "an open stream",
            Server::start(held_open),
            "http",
            |subject, _| {
                subject.events(1);
            },
        ),
        (
            "the back-off",
            Server::start(|exchange| exchange.respond(503, &[], b"")),
            "http",
            |subject, _| {
                subject.error();
            },
        ),
        (
            "the body of an error",
            Server::start(|exchange| {
                exchange.head(404, &[("Content-Length", "10")]);
                exchange.wait_for_disconnect();
            }),
            "http",
            |_, server| {
                server.wait_for_requests(1);
            },
        ),
    ];
    for (doing, server, scheme, reached) in cases {
        let url = |scheme| server.url("/").replace("http://", &format!("{scheme}://"));
        let (url, proxy) = match scheme.strip_suffix(" proxy") {
            Some(scheme) => ("https://127.0.0.1/".into(), url(scheme)),
            None => (url(scheme), String::new()),
        };
        let mut subject = Subject::new(&url);
        subject.configure(|settings| {
            settings.reconnect.delay = Duration::from_secs(60);
            let network = &mut settings.http.network;
            network.set_proxy(Some(&proxy)).expect("a proxy");
            network.set_no_proxy(Some(""));
        });
        subject.start();
        reached(&subject, &server);
        let took = time_to_stop(&subject);
        assert!(took < SOON, "{doing}: {took:?}");
        assert_eq!(subject.close(), Close::Stopped, "{doing}");
        server.wait_for_no_connections();
    }
}

#[test]
fn after_a_stop_in_a_callback_only_on_close_comes() {
    let server = Server::start(|exchange| {
        if exchange.request.number == 0 {
            exchange.respond(503, &[], b"");
        } else {
            exchange.event_stream();
            exchange.chunk(": c\ndata: 1\n\ndata: 2\n\n: d\n");
            exchange.wait_for_disconnect();
        }
    });
    for stop_at in ["Error", "Request", "Open", "Comment", "Event"] {
        let mut subject = Subject::new(&server.url("/"));
        let client = subject.client.clone();
        let after = Arc::new(AtomicUsize::new(0));
        let calls = after.clone();
        subject.on_request(|_| {});
        subject.on_told(move |told| {
            let stopped = calls.load(Ordering::SeqCst) > 0;
            if stopped || format!("{told:?}").starts_with(stop_at) {
                calls.fetch_add(1, Ordering::SeqCst);
                client.stop();
            }
            Decision::Default
        });
        subject.start();
        assert!(subject.client.wait(Some(limit())));
        assert_eq!(
            after.load(Ordering::SeqCst),
            2,
            "{stop_at}: the callback that stopped, and on_close"
        );
    }
}

#[test]
fn stop_and_wait_from_many_threads_at_once() {
    let server = Server::start(held_open);
    for _ in 0..20 {
        let mut subject = Subject::new(&server.url("/"));
        subject.start();
        subject.events(1);
        let client = &subject.client;
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    client.stop();
                    assert!(client.wait(Some(limit())));
                });
            }
        });
        assert_eq!(subject.close(), Close::Stopped);
    }
}

#[test]
fn a_stopped_client_can_start_again_and_a_running_one_cannot() {
    let server = Server::start(held_open);
    let mut subject = Subject::new(&server.url("/"));
    subject.client.stop(); // Nothing to stop; must not count for the start that follows.
    for _ in 0..3 {
        subject.start();
        subject.events(1);
        assert!(matches!(
            subject.client.start(|| unreachable!("it runs already")),
            Err(Refused::Running)
        ));
        assert!(matches!(
            subject.client.configure(|_| ()),
            Err(Refused::Running)
        ));
        subject.stop();
        assert_eq!(subject.client.state(), State::Closed);
        assert!(matches!(
            subject.client.reconnect_now(),
            Err(Refused::State(_))
        ));
    }
}

/// A handler that does nothing with events but count them.
struct Counting(Arc<AtomicUsize>);

impl Handler for Counting {
    fn on_event(&mut self, _event: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A client that is stopped whatever becomes of the test.
struct Stopped(Client);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.stop();
        self.0.wait(Some(limit()));
    }
}

/// A server that floods `/flood`, faster than any client reads, and sends an event elsewhere when it is asked to.
fn flooding(ask: Receiver<()>) -> Server {
    let ask = Mutex::new(ask);
    let flood = format!("data: {}\n\n", "x".repeat(100)).repeat(1024);
    Server::start(move |exchange| {
        exchange.event_stream();
        if exchange.request.path() == "/flood" {
            while exchange.chunk(&flood) {}
        } else {
            for () in ask.lock().expect("one asks").iter() {
                exchange.event("quiet");
            }
        }
    })
}

#[test]
fn a_stream_that_floods_holds_up_no_other_on_its_one_thread() {
    const ROUNDS: usize = 3;
    for dispatch in [Dispatch::Inline, Dispatch::Isolated] {
        let options = Options {
            dispatch,
            threads: Some(1),
            ..Options::default()
        };
        let runtime = Arc::new(Runtime::new(options).expect("threads"));
        let (ask, asked) = channel();
        let server = flooding(asked);
        let ask = ask; // So that it goes before the server, which waits for it.
        let mut quiet = Subject::new(&server.url("/quiet"));
        let set = quiet.client.set_runtime(Some(runtime.clone()));
        set.expect("not running");
        quiet.start();
        quiet.open();

        let came = Arc::new(AtomicUsize::new(0));
        let flooded = Stopped(Client::new(&server.url("/flood")).expect("a valid URL"));
        let set = flooded.0.set_runtime(Some(runtime.clone()));
        set.expect("not running");
        let started = flooded.0.start(|| Box::new(Counting(came.clone())));
        started.expect("it starts");
        let begun = Instant::now();
        while came.load(Ordering::Relaxed) == 0 {
            assert!(begun.elapsed() < limit(), "the flood does not come");
            thread::yield_now();
        }
        for _ in 0..ROUNDS {
            ask.send(()).expect("a server");
            assert_eq!(quiet.events(1), ["quiet"], "{dispatch:?}");
        }
    }
}

#[test]
fn blocked_callbacks_do_not_hold_up_other_clients() {
    let server = Server::start(held_open);
    let release = Arc::new(Mutex::new(()));
    let blocked = Arc::new(AtomicUsize::new(0));
    let mut stuck = Vec::new();
    // After `stuck`, so that it is let go first if this test fails.
    let held = release.lock().expect("a lock");
    for _ in 0..32 {
        let mut subject = Subject::new(&server.url("/"));
        let (release, blocked) = (release.clone(), blocked.clone());
        subject.on_told(move |told| {
            if matches!(told, Told::Event { .. }) {
                blocked.fetch_add(1, Ordering::SeqCst);
                drop(release.lock());
            }
            Decision::Default
        });
        subject.start();
        stuck.push(subject);
    }
    let begun = Instant::now();
    while blocked.load(Ordering::SeqCst) < stuck.len() {
        let so_far = blocked.load(Ordering::SeqCst);
        assert!(
            begun.elapsed() < limit(),
            "only {so_far} callbacks could block"
        );
        thread::yield_now();
    }
    let mut free = Subject::new(&server.url("/"));
    let watch = Stopwatch::start();
    free.start();
    free.events(1);
    let took = watch.time();
    assert!(took < 4 * SOON, "the first event took {took:?}");
    assert!(time_to_stop(&free) < SOON);
    drop(held);
    stuck.drain(..).for_each(drop);
}

#[test]
fn a_slow_callback_makes_the_server_wait() {
    let sent = Arc::new(AtomicUsize::new(0));
    let server = {
        let sent = sent.clone();
        Server::start(move |exchange| {
            exchange.event_stream();
            let event = format!("data: {}\n\n", "x".repeat(10_000));
            while exchange.chunk(&event) {
                sent.fetch_add(event.len(), Ordering::SeqCst);
            }
        })
    };
    let release = Arc::new(Mutex::new(()));
    let held = release.lock().expect("a lock");
    let mut subject = Subject::new(&server.url("/"));
    {
        let release = release.clone();
        subject.on_told(move |_| {
            drop(release.lock());
            Decision::Default
        });
    }
    subject.start();
    // The server gets stuck: twice in a row, with a good while between, it has sent the same.
    let mut before = usize::MAX;
    let begun = Instant::now();
    while sent.load(Ordering::SeqCst) != before {
        assert!(begun.elapsed() < limit(), "the server never has to wait");
        before = sent.load(Ordering::SeqCst);
        thread::sleep(Duration::from_millis(200));
    }
    // What is on the way is in the kernel's socket buffers, which are bounded by the system.
    assert!(
        before < 32 << 20,
        "{before} bytes were taken while nothing was read"
    );
    drop(held);
    subject.stop();
}

/// Gives the client's handler a bug in one of its callbacks.
fn panic_in(subject: &mut Subject, callback: &'static str) {
    subject.on_told(move |told| {
        let here = format!("{told:?}").starts_with(callback);
        assert!(!here, "a bug in {callback}");
        Decision::Default
    });
}

#[test]
fn a_panic_closes_that_client_and_no_other() {
    let server = Server::start(held_open);
    let mut bystander = Subject::new(&server.url("/"));
    bystander.start();
    bystander.events(1);
    for panic_at in ["Request", "Open", "Comment", "Event"] {
        let mut subject = Subject::new(&server.url("/"));
        subject.on_request(|_| {});
        panic_in(&mut subject, panic_at);
        subject.start();
        let lost = subject.error();
        assert_eq!((lost.kind, lost.retry_in), (ErrorKind::Panic, None));
        assert!(
            lost.message.contains(&format!("a bug in {panic_at}")),
            "{}",
            lost.message
        );
        assert_eq!(subject.close(), Close::Failed(ErrorKind::Panic));
        assert!(matches!(subject.next(), Told::Dropped));
        assert!(subject.client.wait(Some(limit())));
    }
    assert_eq!(bystander.client.state(), State::Open);
}

#[test]
fn a_panic_in_the_last_callbacks_still_ends_the_run() {
    let server = Server::start(|exchange| exchange.respond(404, &[], b""));
    for panic_at in ["Error", "Close"] {
        let mut subject = Subject::new(&server.url("/"));
        panic_in(&mut subject, panic_at);
        subject.start();
        assert!(subject.client.wait(Some(limit())), "{panic_at}");
    }
}

/// The names of the library's threads, each of which must block all signals but faults.
#[cfg(target_os = "linux")]
fn names_of_threads() -> Vec<String> {
    use std::fs;
    let mut names = Vec::new();
    for task in fs::read_dir("/proc/self/task").expect("Linux").flatten() {
        // A thread may end while this looks.
        let Ok(status) = fs::read_to_string(task.path().join("status")) else {
            continue;
        };
        let field = |name: &str| {
            let line = status
                .lines()
                .find(|line| line.starts_with(name))
                .unwrap_or_default();
            line[name.len()..].trim().to_owned()
        };
        let name = field("Name:");
        if name.starts_with("eventsource") {
            // None of those that a thread itself causes, and of the others all but SIGKILL, SIGSTOP and the two that the C
            // library keeps for itself.
            let blocked = u64::from_str_radix(&field("SigBlk:"), 16).expect("a mask");
            let faults = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10 | 1 << 30;
            let any = 1 << 8 | 1 << 18 | 1 << 31 | 1 << 32;
            assert_eq!(blocked | any, !faults, "{name}: {blocked:x}");
            names.push(name);
        }
    }
    names
}

#[cfg(target_os = "linux")]
#[test]
fn the_librarys_threads_are_named_and_block_all_signals_but_faults() {
    let server = Server::start(held_open);
    let mut subject = Subject::new(&server.url("/"));
    subject.start();
    subject.events(1);
    // Those that look names up are there for no longer than that takes; tests/boundary/c/lookups.c sees them.
    let expected = ["eventsource", "eventsource-wd"];
    let begun = Instant::now();
    loop {
        let names = names_of_threads();
        if expected
            .iter()
            .all(|name| names.iter().any(|is| is == name))
        {
            break;
        }
        // A thread takes its name a moment after it has begun.
        assert!(begun.elapsed() < limit(), "{expected:?} in {names:?}");
        thread::yield_now();
    }
}
