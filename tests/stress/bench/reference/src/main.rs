//! The benchmark's client on eventsource-client; `client.h` has its command line, and says what it prints.
//!
//! All on one thread, as one task for each stream, and one transport for all of them.

mod prior;

use std::cell::Cell;
use std::env;
use std::fmt::Display;
use std::process::exit;
use std::rc::Rc;
use std::str::FromStr;

use eventsource_client::{Client, ClientBuilder, Error, ReconnectOptions, SSE};
use futures_util::StreamExt;
use launchdarkly_sdk_transport::{HttpTransport, HyperTransport};
use prior::PriorKnowledge;
use tokio::runtime::Builder;
use tokio::sync::Notify;
use tokio::task::LocalSet;

fn fail(what: impl Display) -> ! {
    eprintln!("{what}");
    exit(1);
}

#[derive(Default)]
struct Options {
    http2: bool,
    stay: bool,
    stamped: bool,
    reconnect: bool,
    streams: u64,
    events: u64,
    /// How many connections may be under way.
    step: u64,
    addresses: u64,
    url: String,
}

impl Options {
    /// The URL of a stream.
    fn url_of(&self, stream: u64) -> String {
        let address = format!("://127.0.0.{}:", 1 + stream % self.addresses);
        self.url.replacen("://127.0.0.1:", &address, 1)
    }
}

fn parse_options() -> Options {
    fn value<T: FromStr>(arguments: &mut impl Iterator<Item = String>) -> T {
        let parsed = arguments.next().and_then(|text| text.parse().ok());
        parsed.unwrap_or_else(|| fail("an option has no value"))
    }
    let mut options = Options {
        streams: 1,
        step: 250,
        addresses: 1,
        ..Options::default()
    };
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--inline" => {}
            // Over TLS it is agreed on.
            "--http2" => options.http2 = true,
            "--stay" => options.stay = true,
            "--stamped" => options.stamped = true,
            "--reconnect" => options.reconnect = true,
            "--step" => options.step = value(&mut arguments),
            "--addresses" => options.addresses = value(&mut arguments),
            "--streams" => options.streams = value(&mut arguments),
            "--events" => options.events = value(&mut arguments),
            // SSL_CERT_FILE in the environment says it to rustls.
            "--ca" => drop(value::<String>(&mut arguments)),
            _ => options.url = argument,
        }
    }
    options
}

/// Of the process, so far.
#[derive(Clone, Copy, Default)]
struct Usage {
    at_ns: i64,
    user_us: i64,
    sys_us: i64,
}

fn now_ns() -> i64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

fn usage() -> Usage {
    // SAFETY: a rusage is integers only.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a rusage.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut used) };
    let microseconds = |time: libc::timeval| time.tv_sec * 1_000_000 + time.tv_usec;
    Usage {
        at_ns: now_ns(),
        user_us: microseconds(used.ru_utime),
        sys_us: microseconds(used.ru_stime),
    }
}

fn report(what: &str, used: Usage, more: &str) {
    let Usage {
        at_ns,
        user_us,
        sys_us,
    } = used;
    println!(
        r#"{{"what": "{what}", "at_ns": {at_ns}, "user_us": {user_us}, "sys_us": {sys_us}{more}}}"#
    );
}

/// How many streams have got there, and who waits for how many.
#[derive(Default)]
struct Progress {
    count: Cell<u64>,
    wanted: Cell<u64>,
    /// When the last of them did.
    used: Cell<Usage>,
    reached: Notify,
}

impl Progress {
    fn advance(&self) {
        self.count.set(self.count.get() + 1);
        if self.count == self.wanted {
            self.used.set(usage());
            self.reached.notify_one();
        }
    }
}

#[derive(Default)]
struct Run {
    options: Options,
    opened: Progress,
    finished: Progress,
    bytes: Cell<u64>,
    delays: Cell<Vec<i64>>,
}

async fn receive<T: HttpTransport>(run: Rc<Run>, stream: u64, transport: T) {
    let builder = ClientBuilder::for_url(&run.options.url_of(stream)).unwrap_or_else(|error| fail(error));
    let client = builder
        .reconnect(ReconnectOptions::reconnect(run.options.reconnect).build())
        .build_with_transport(transport);
    let mut stream = client.stream();
    let (mut events, mut bytes) = (0, 0);
    let mut delays = Vec::new();
    let done = loop {
        match stream.next().await {
            Some(Ok(SSE::Event(event))) => {
                events += 1;
                bytes += event.data.len() as u64;
                if run.options.stamped {
                    delays.push(now_ns() - event.data.parse().unwrap_or(0));
                }
                if events == run.options.events && run.options.stay {
                    break true;
                }
            }
            Some(Ok(SSE::Connected(_))) => run.opened.advance(),
            Some(Ok(SSE::Comment(_))) => {}
            Some(Err(_)) if run.options.reconnect => {}
            Some(Err(Error::Eof)) if !run.options.stay => break events == run.options.events,
            Some(Err(error)) => fail(error),
            None => break false,
        }
    };
    if !done {
        fail("the number of events is not the one expected");
    }
    run.bytes.set(run.bytes.get() + bytes);
    let mut all = run.delays.take();
    all.append(&mut delays);
    run.delays.set(all);
    run.finished.advance();
    if run.options.stay && stream.next().await.is_some() {
        fail("more events than expected");
    }
}

async fn run_all<T: HttpTransport + Clone>(options: Options, transport: T) {
    let run = Rc::new(Run {
        options,
        ..Run::default()
    });
    let Options {
        streams,
        events,
        stay,
        stamped,
        reconnect,
        step,
        ..
    } = run.options;
    run.finished.wanted.set(streams);
    for first in (0..streams).step_by(step as usize) {
        let end = streams.min(first + step);
        run.opened.wanted.set(end);
        for stream in first..end {
            tokio::task::spawn_local(receive(run.clone(), stream, transport.clone()));
        }
        run.opened.reached.notified().await;
    }
    let opened = run.opened.used.get();
    run.opened.wanted.set(2 * streams);
    report("open", opened, "");
    if reconnect {
        run.opened.reached.notified().await;
        report("reopened", run.opened.used.get(), "");
    }

    run.finished.reached.notified().await;
    let count = streams * events;
    let mut more = format!(r#", "events": {count}, "bytes": {}"#, run.bytes.get());
    if stamped {
        let mut delays = run.delays.take();
        delays.sort_unstable();
        let at = |hundredth| delays[delays.len() * hundredth / 100];
        more += &format!(r#", "p50_ns": {}, "p99_ns": {}"#, at(50), at(99));
    }
    report("done", run.finished.used.get(), &more);
    if stay {
        std::future::pending::<()>().await;
    }
}

fn main() {
    let options = parse_options();
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| fail(error));
    let secure = options.url.starts_with("https:");
    let transport = HyperTransport::builder().disable_proxy();
    LocalSet::new().block_on(&runtime, async {
        if secure {
            let transport = transport.build_https();
            run_all(options, transport.unwrap_or_else(|error| fail(error))).await;
        } else if options.http2 {
            let transport = transport.build_with_connector(PriorKnowledge::new());
            run_all(options, transport.unwrap_or_else(|error| fail(error))).await;
        } else {
            let transport = transport.build_http();
            run_all(options, transport.unwrap_or_else(|error| fail(error))).await;
        }
    });
}
