//! `eventsource tail`: prints the events of a stream as they come.
//!
//! Threads: the library calls the handler on its own threads, one call at a time. The main thread waits for the end, and redraws
//! the status line meanwhile. A third one waits for signals.

mod cookies;
mod exec;
mod file;
mod json;
mod output;
mod state;
mod summary;

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli;
use crate::client::{self, Client, Error, Event, Handler, Headers, Request, Response, Stream};
use crate::request::{BadOption, Checked, Given, OfOption, limit};
use crate::sys;
use crate::text::{MASK, is_secret, quoted, quoted_line, without_secrets};
use cookies::Cookies;
use output::{Output, Paint};
use summary::Summary;

/// How often the status line is redrawn.
const TICK: Duration = Duration::from_millis(500);

pub fn run(options: cli::Tail) -> Result<ExitCode, BadOption> {
    let given = Given::read(&options.request)?;
    let runtime = options.stats.then(client::Runtime::that_measures);
    let client = given.client()?;
    configure(&client, &options)?;
    if let Some(runtime) = &runtime {
        client.set_runtime(runtime).of("--stats")?;
    }
    let state = match &options.state {
        Some(path) => {
            let id = state::load(path).of("--state")?;
            client
                .set(sys::eventsource_set_last_event_id, &id)
                .of("--state")?;
            Some((path.clone(), id.into_bytes()))
        }
        None => None,
    };
    let cookies = match &options.cookies {
        Some(path) => Some(Cookies::load(path, &client)?),
        None => None,
    };

    let shared = Arc::new(Shared {
        output: Mutex::new(Output::new(&options)),
        failed: AtomicBool::new(false),
    });
    let told = shared.clone();
    let trace = options.trace.then(|| Trace::new(&given));
    if options.verbose > 0 || options.trace {
        let level = if options.trace || options.verbose > 1 {
            sys::LOG_DEBUG
        } else {
            sys::LOG_INFO
        };
        let trace = trace.clone();
        client::log(level, move |record| {
            let mut text = quoted(record.text.as_bytes());
            text = match &trace {
                Some(trace) => trace.line("*", &text),
                None => format!("log: {text}"),
            };
            told.output().note(Paint::Dim, &text);
        });
    }
    client.handle(Tail {
        shared: shared.clone(),
        json: options.json,
        trace,
        types: options
            .types
            .iter()
            .map(|name| name.clone().into_bytes())
            .collect(),
        left: if options.once {
            Some(1)
        } else {
            options.count.map(i64::unsigned_abs)
        },
        exec: options.exec.clone().map(exec::Command::new),
        state,
        cookies,
    });

    if options.trace {
        client.handle_requests();
    }
    let client = Arc::new(client);
    catch_signals(&client);
    if let Err(refusal) = client.start() {
        eprintln!("eventsource: cannot start: {}", refusal.0);
        return Ok(ExitCode::FAILURE);
    }
    let has_status = shared.output().has_status();
    while !client.wait(has_status.then_some(TICK)) {
        shared.output().tick();
    }
    shared.output().clear_status();
    if let Some(runtime) = &runtime {
        let summary = Summary {
            stats: client.stats(),
            metrics: runtime.metrics(),
        };
        let mut output = shared.output();
        if options.json {
            output.line(&json::stats(&summary));
        } else {
            output.note(Paint::None, &summary.to_string());
        }
    }

    let failure = shared.output().failure.take();
    if let Some(error) = failure.filter(|error| error.kind() != ErrorKind::BrokenPipe) {
        eprintln!("eventsource: cannot write: {error}");
        return Ok(ExitCode::FAILURE);
    }
    Ok(match shared.failed.load(Ordering::Relaxed) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

fn configure(client: &Client, options: &cli::Tail) -> Checked {
    let compressed = i32::from(options.compressed);
    client
        .set_number(sys::eventsource_set_compression, compressed)
        .of("--compressed")?;
    client
        .set_number(
            sys::eventsource_set_read_timeout,
            limit(options.read_timeout),
        )
        .of("--read-timeout")?;
    client
        .set_number(
            sys::eventsource_set_max_event_size,
            options.max_event_size as usize,
        )
        .of("--max-event-size")?;
    if let Some(id) = &options.last_event_id {
        client
            .set(sys::eventsource_set_last_event_id, id)
            .of("--last-event-id")?;
    }
    // A request that is no GET may cost or do something each time: by default it is made once.
    let mode = match (options.no_reconnect, options.reconnect) {
        (true, _) => sys::MODE_ONCE,
        (false, true) => sys::MODE_KEEP_ALIVE,
        (false, false) => sys::MODE_AUTO,
    };
    client
        .set_number(sys::eventsource_set_mode, mode)
        .of("--reconnect")?;
    let change = |policy: &mut sys::Reconnect| {
        policy.retry_initial = i32::from(options.retry_initial);
        policy.delay_ms = options.delay;
        policy.max_delay_ms = options.max_delay;
    };
    client.set_reconnect(change).of("--delay")
}

/// SIGINT and SIGTERM end the program in good order; the second one at once, should stdout or a command be stuck. SIGPIPE is
/// ignored, as in every program in Rust: a write fails instead.
fn catch_signals(client: &Arc<Client>) {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else {
        return; // then they end the program at once
    };
    let client = Arc::downgrade(client);
    // Not joined: it waits for a signal, which may never come.
    thread::spawn(move || {
        for (number, signal) in signals.forever().enumerate() {
            match client.upgrade() {
                Some(client) if number == 0 => client.stop(),
                _ => {
                    let _ = signal_hook::low_level::emulate_default_handler(signal);
                }
            }
        }
    });
}

struct Shared {
    output: Mutex<Output>,
    failed: AtomicBool,
}

impl Shared {
    fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Tail {
    shared: Arc<Shared>,
    json: bool,
    trace: Option<Trace>,
    /// None for all.
    types: HashSet<Vec<u8>>,
    left: Option<u64>,
    exec: Option<exec::Command>,
    /// The file, and the id that is in it.
    state: Option<(PathBuf, Vec<u8>)>,
    cookies: Option<Cookies>,
}

impl Tail {
    fn note_trace(&self, lines: impl FnOnce(&Trace) -> String) {
        if let Some(trace) = &self.trace {
            self.shared.output().note(Paint::Dim, &lines(trace));
        }
    }

    /// When nobody reads the output any more, the work is done.
    fn print(&self, stream: Stream, line: &str) {
        let mut output = self.shared.output();
        output.line(line);
        if output.failure.is_some() {
            stream.stop();
        }
    }

    fn fail(&self, stream: Stream, message: &str) {
        self.shared.output().note(Paint::Bad, message);
        self.shared.failed.store(true, Ordering::Relaxed);
        stream.stop();
    }

    /// Deals with an event; false when that has failed.
    fn deal_with(&mut self, stream: Stream, event: &Event) -> bool {
        if let Some(command) = &self.exec {
            let input = match self.json {
                true => json::event(event).into_bytes(),
                false => event.data.to_vec(),
            };
            self.shared.output().clear_status();
            if let Err(problem) = command.run(event, input) {
                self.fail(stream, &format!("--exec: {problem}"));
                return false;
            }
            self.shared.output().progress.events += 1;
            return true;
        }
        if self.json {
            self.print(stream, &json::event(event));
        } else {
            let mut output = self.shared.output();
            output.event(event);
            if output.failure.is_some() {
                stream.stop();
            }
        }
        let mut output = self.shared.output();
        output.progress.events += 1;
        output.failure.is_none()
    }

    /// An event counts as dealt with when its id is in the file.
    fn keep(&mut self, stream: Stream, id: &[u8]) {
        let Some((path, kept)) = &mut self.state else {
            return;
        };
        if kept == id {
            return;
        }
        *kept = id.to_vec();
        if let Err(problem) = state::save(path, id) {
            self.fail(stream, &format!("--state: {problem}"));
        }
    }

    /// After each attempt: a response may have set some, also one that is an error or a redirect.
    fn keep_cookies(&mut self, stream: Stream) {
        if let Some(cookies) = &mut self.cookies
            && let Err(problem) = cookies.save(stream)
        {
            // Once is enough: stopping ends in another call.
            self.cookies = None;
            self.fail(stream, &format!("--cookies: {problem}"));
        }
    }
}

impl Handler for Tail {
    fn request(&mut self, _: Stream, request: &Request) {
        self.note_trace(|trace| trace.request(request));
    }

    fn open(&mut self, stream: Stream, response: &Response) {
        self.shared.output().progress.what = "open";
        self.keep_cookies(stream);
        self.note_trace(|trace| trace.response(response));
        if self.json {
            self.print(stream, &json::open(response));
            return;
        }
        let url = quoted(without_secrets(&response.url).as_bytes());
        let line = format!("open: {} from {url}", response.status);
        self.shared.output().state_line(Paint::Good, &line);
    }

    fn event(&mut self, stream: Stream, event: &Event) {
        self.note_trace(|trace| trace.event(event));
        if self.types.is_empty() || self.types.contains(event.kind) {
            if !self.deal_with(stream, event) {
                return;
            }
            if let Some(left) = &mut self.left {
                *left -= 1;
                if *left == 0 {
                    stream.stop();
                }
            }
        }
        self.keep(stream, event.id);
    }

    fn comment(&mut self, stream: Stream, text: &[u8]) {
        self.note_trace(|trace| trace.line("<", &format!("comment, {} bytes", text.len())));
        if self.json {
            self.print(stream, &json::comment(text));
        } else {
            let line = format!("comment: {}", quoted(text));
            self.shared.output().state_line(Paint::Dim, &line);
        }
    }

    fn error(&mut self, stream: Stream, error: &Error) {
        self.shared.output().progress.what = if error.will_retry {
            "reconnecting"
        } else {
            "failed"
        };
        self.keep_cookies(stream);
        if error.http_status > 0 {
            let line = error.http_status.to_string();
            self.note_trace(|trace| trace.head("<", &line, &error.headers));
        }
        if self.json {
            self.print(stream, &json::error(error));
            return;
        }
        let mut line = format!("error: {}", quoted(error.message.as_bytes()));
        if error.will_retry {
            line += &format!("; next attempt in {:.1} s", error.delay_ms as f64 / 1000.0);
        }
        // Its first line often tells more than the status.
        let body = error
            .body
            .split(|byte| matches!(byte, b'\r' | b'\n' | 0))
            .next();
        if let Some(body) = body.filter(|_| !error.body.is_empty()) {
            line += &format!("\n    {}", quoted(body));
        }
        self.shared.output().note(Paint::Bad, &line);
    }

    fn close(&mut self, stream: Stream, reason: i32) {
        self.shared.output().progress.what = "closed";
        self.keep_cookies(stream);
        if reason != sys::CLOSE_STOPPED {
            self.shared.failed.store(true, Ordering::Relaxed);
        }
        if self.json {
            self.print(stream, &json::closed());
            return;
        }
        let by = if reason == sys::CLOSE_SERVER {
            " by the server"
        } else {
            ""
        };
        self.shared
            .output()
            .state_line(Paint::None, &format!("closed{by}"));
    }
}

/// What --trace shows: heads, events without their data, and when they went and came. `>` is what was sent, `<` what was received,
/// `*` what the library says of it.
#[derive(Clone)]
struct Trace {
    begun: Instant,
    secret: HashSet<String>,
}

impl Trace {
    fn new(given: &Given) -> Trace {
        Trace {
            begun: Instant::now(),
            secret: given.secret_headers(),
        }
    }

    fn request(&self, request: &Request) -> String {
        let url = without_secrets(&request.url);
        let line = format!(
            "{} {} (attempt {})",
            request.method,
            quoted_line(url.as_bytes()),
            request.attempt
        );
        self.head(">", &line, &request.headers)
    }

    fn response(&self, response: &Response) -> String {
        let version = f64::from(response.http_version) / 10.0;
        let mut line = format!(
            "HTTP/{version:.1} {} from {}",
            response.status,
            quoted_line(response.peer.as_bytes())
        );
        for (step, us) in [
            ("resolved", response.resolve_us),
            ("connected", response.connect_us),
            ("TLS", response.tls_us),
            ("head", response.head_us),
        ] {
            if us >= 0 {
                line += &format!(", {step} in {:.1} ms", us as f64 / 1000.0);
            }
        }
        self.head("<", &line, &response.headers)
    }

    fn event(&self, event: &Event) -> String {
        let mut line = format!("event {}", quoted_line(event.kind));
        if !event.id.is_empty() {
            line += &format!(", id {}", quoted_line(event.id));
        }
        line += &format!(", {} bytes", event.data.len());
        self.line("<", &line)
    }

    fn head(&self, mark: &str, line: &str, headers: &Headers) -> String {
        let mut text = self.line(mark, line);
        for (name, value) in headers {
            let name = String::from_utf8_lossy(name);
            let is_masked = is_secret(&name) || self.secret.contains(&name.to_ascii_lowercase());
            let value = match is_masked {
                true => MASK.to_owned(),
                // Those that hold a URL.
                false => quoted_line(without_secrets(&String::from_utf8_lossy(value)).as_bytes()),
            };
            let line = format!("{}: {value}", quoted_line(name.as_bytes()));
            text += &format!("\n{}", self.line(mark, &line));
        }
        text
    }

    fn line(&self, mark: &str, text: &str) -> String {
        format!("{:9.3} {mark} {text}", self.begun.elapsed().as_secs_f64())
    }
}
