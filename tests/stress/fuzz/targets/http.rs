//! The whole client against a server that sends anything.
//!
//! An input is text. The letters of its first line are switches; see [`Options`]. What follows are the server's answers,
//! one for each connection, whatever is asked, each ended by one of ASCII's separators:
//!
//! - FS (0x1C) closes the connection, GS (0x1D) resets it;
//! - RS (0x1E) holds it, and has the client reconnect at once, or stop if it was the last answer;
//! - US (0x1F), inside an answer, cuts it into pieces that are written one after another.
//!
//! Between two SUBs (0x1A) is what comes many times: eight times the byte after the first. So heads and interim responses
//! get as far as their limits.
//!
//! Whoever comes after the last answer gets a 204. So every run ends by itself, or is stopped.

#![no_main]

use eventsource::abi::*;
use eventsource_fuzz::answer::{self, End};
use eventsource_fuzz::client::{has_ended, keep_runtime, new, ok};
use eventsource_fuzz::loopback::{self, CLOSE, CUT, HOLD, LIMIT, Next, RESET, Request, Server};
use eventsource_fuzz::naive::{Got, naive};
use eventsource_fuzz::promise;
use eventsource_fuzz::watch::{self, Counts, Told, Watch};
use libfuzzer_sys::fuzz_target;
use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex};

/// More answers than any behaviour needs.
const MOST_ANSWERS: usize = 8;
/// Begins and ends what comes many times.
const REPEAT: u8 = 0x1A;
/// The largest delay in milliseconds, without jitter.
const DELAY: i64 = 1;
/// What no other origin may see.
const SECRET: (&str, &str) = ("x-secret", "s");

fuzz_target!(
    init: {
        loopback::isolate();
        watch::log();
        keep_runtime();
    },
    |input: &[u8]| {
        let (options, answers) = match input.iter().position(|byte| *byte == b'\n') {
            Some(end) => (Options(&input[..end]), &input[end + 1..]),
            None => (Options(b""), input),
        };
        let answers = &repeat(answers)[..];
        let is_end = |byte: &u8| [CLOSE, RESET, HOLD].contains(byte);
        run(&options, answers.split_inclusive(is_end).take(MOST_ANSWERS));
    }
);

/// What an input stands for.
fn repeat(input: &[u8]) -> Vec<u8> {
    const ENOUGH: usize = 1 << 20;
    let mut all = Vec::new();
    for (number, part) in input.split(|byte| *byte == REPEAT).enumerate() {
        match part {
            [times, part @ ..] if number % 2 == 1 => {
                let times = 8 * usize::from(*times);
                all.extend(part.repeat(times.min(ENOUGH / part.len().max(1))));
            }
            part => all.extend_from_slice(part),
        }
    }
    all.truncate(ENOUGH);
    all
}

/// The switches, each a letter.
struct Options<'a>(&'a [u8]);

impl Options<'_> {
    fn has(&self, letter: u8) -> bool {
        self.0.contains(&letter)
    }
}

/// One life of one client.
fn run<'a>(options: &Options<'_>, answers: impl Iterator<Item = &'a [u8]>) {
    let mut answers = answers.peekable();
    let mut server = Server::default();
    let es = new("http://127.0.0.1/stream");
    // l: a small event limit.
    let limit = if options.has(b'l') { 64 } else { 1 << 20 };
    let judge = Arc::new(Mutex::new(Judge::default()));
    let watch = {
        let (waker, judge) = (server.waker(), judge.clone());
        // w: waits for the back-off; a, s: on_error answers "reconnect" or "stop".
        let (waits, again, stop) = (options.has(b'w'), options.has(b'a'), options.has(b's'));
        Watch::new(limit, move |watch, es, told| {
            judge.lock().expect("no panic").hear(es, told);
            match told {
                Told::Error(error) => {
                    // Longer by each request of the attempt: one, a redirect, and both once more after a 401.
                    promise!(
                        error.delay_ms <= 4 * DELAY,
                        "a delay of {} ms",
                        error.delay_ms
                    );
                    if stop {
                        return eventsource_decision_t::EVENTSOURCE_DECISION_CLOSE as i32;
                    }
                    if !waits && (again || error.will_retry != 0) {
                        watch.will_reconnect(true);
                        // SAFETY: in its callback.
                        ok(unsafe { eventsource_reconnect_now(es) });
                    }
                    if again {
                        return eventsource_decision_t::EVENTSOURCE_DECISION_RETRY as i32;
                    }
                }
                Told::Close(_) => waker.wake(),
                _ => {}
            }
            0
        })
    };
    // SAFETY: the client is valid until it is freed below; strings are NUL-terminated.
    unsafe {
        watch.attach(es);
        configure(es, options, limit);
        ok(watch.start(es));
    }
    loop {
        match server.next() {
            Next::Woken => break,
            Next::Nothing => promise!(false, "the client does something or closes"),
            Next::Request(request, socket) => {
                check(&request, es);
                let answer = answers.next().unwrap_or(b"HTTP/1.1 204 No Content\r\n\r\n");
                *judge.lock().expect("no panic") = Judge::of(answer);
                if server.answer(socket, answer) {
                    // SAFETY: the client is valid.
                    unsafe {
                        if answers.peek().is_some() {
                            watch.will_reconnect(false);
                            eventsource_reconnect_now(es);
                        } else {
                            watch.will_stop(false);
                            ok(eventsource_stop(es));
                        }
                    }
                }
            }
        }
    }
    // SAFETY: the client is valid until it is freed.
    unsafe {
        has_ended(eventsource_wait(es, LIMIT.as_millis() as i64));
        let mut stats: eventsource_stats_t = std::mem::zeroed();
        ok(eventsource_get_stats(
            es,
            &raw mut stats,
            size_of::<eventsource_stats_t>(),
        ));
        let told = Counts {
            events: stats.events,
            opens: stats.opens,
            errors: stats.errors,
        };
        promise!(
            told == watch.counts(),
            "{told:?} are not {:?}",
            watch.counts()
        );
        eventsource_free(es);
    }
    watch.ended(false);
}

/// Compares what a client tells of a stream with what the server has sent.
#[derive(Default)]
struct Judge {
    answer: Vec<u8>,
    /// It ends with the end of the connection: nothing of it may get lost.
    is_whole: bool,
    /// What it stands for is not known here.
    is_encoded: bool,
    /// What is still to come of the stream, and how that ends.
    expected: VecDeque<Got>,
    end: Option<End>,
}

impl Judge {
    fn of(answer: &[u8]) -> Judge {
        let is_separator = |byte: &u8| [CLOSE, RESET, HOLD, CUT].contains(byte);
        Judge {
            answer: answer
                .iter()
                .copied()
                .filter(|byte| !is_separator(byte))
                .collect(),
            is_whole: !answer.ends_with(&[RESET]) && !answer.ends_with(&[HOLD]),
            ..Judge::default()
        }
    }

    fn hear(&mut self, es: *mut eventsource_t, told: &Told<'_>) {
        match told {
            Told::Open(_) => {
                // SAFETY: in its callback.
                let id = unsafe { watch::last_event_id(es) };
                let body = answer::read(&self.answer);
                promise!(body.refused.is_none(), "open: {:?}", body.refused);
                self.is_encoded = body.is_encoded;
                if self.is_encoded {
                    return;
                }
                let got = naive(&body.content, &String::from_utf8_lossy(&id)).into_iter();
                let is_told = |got: &Got| matches!(got, Got::Event { .. } | Got::Comment(_));
                self.expected = got.filter(is_told).collect();
                self.end = Some(body.end);
            }
            Told::Event(event) => {
                // SAFETY: in its callback.
                let id = unsafe { watch::last_event_id(es) };
                self.expect(Got::Event {
                    event_type: watch::text(event.r#type, event.type_len).into(),
                    data: watch::text(event.data, event.data_len).into(),
                    id: watch::text(event.last_event_id, event.last_event_id_len).into(),
                });
                promise!(
                    id.len() == event.last_event_id_len,
                    "the client has the event's id"
                );
            }
            Told::Comment(comment) => {
                self.expect(Got::Comment(
                    watch::text(comment.text, comment.text_len).into(),
                ));
            }
            Told::Error(error) => {
                use eventsource_status_t::*;
                let end = match error.code {
                    EVENTSOURCE_ERR_END_OF_STREAM => End::Complete,
                    EVENTSOURCE_ERR_DISCONNECTED => End::CutShort,
                    EVENTSOURCE_ERR_PROTOCOL => End::Broken,
                    // Over the limit; or there was no stream.
                    _ => return,
                };
                if let Some(expected) = self.end.take()
                    && self.is_whole
                {
                    promise!(end == expected, "the stream is {expected:?}, not {end:?}");
                    promise!(self.expected.is_empty(), "not told: {:?}", self.expected);
                }
            }
            Told::Events(_) | Told::Request(_) | Told::Document(_) | Told::Close(_) => {}
        }
    }

    fn expect(&mut self, got: Got) {
        if self.is_encoded {
            return;
        }
        let expected = self.expected.pop_front();
        promise!(
            expected.as_ref() == Some(&got),
            "{got:?} instead of {expected:?}"
        );
    }
}

/// # Safety
/// The client is valid.
unsafe fn configure(es: *mut eventsource_t, options: &Options<'_>, limit: usize) {
    // SAFETY: the caller's promise; strings are NUL-terminated, structs have their size.
    unsafe {
        let mut policy: eventsource_reconnect_t = std::mem::zeroed();
        ok(eventsource_get_reconnect(
            es,
            &raw mut policy,
            size_of::<eventsource_reconnect_t>(),
        ));
        // n: never reconnects; f: the first failure is final.
        let mode = match options.has(b'n') {
            true => eventsource_mode_t::EVENTSOURCE_MODE_ONCE,
            false => eventsource_mode_t::EVENTSOURCE_MODE_KEEP_ALIVE,
        };
        ok(eventsource_set_mode(es, MaybeUninit::new(mode)));
        policy.retry_initial = (!options.has(b'f')).into();
        policy.delay_ms = DELAY;
        policy.max_delay_ms = DELAY;
        policy.max_server_delay_ms = DELAY;
        policy.jitter = 0.0;
        policy.max_attempts = 4;
        ok(eventsource_set_reconnect(es, &raw const policy));
        ok(eventsource_set_max_event_size(es, limit));
        // TLS is not for this target; the platform's roots would cost it most of its time.
        ok(eventsource_set_insecure_skip_verification(es, 1));
        ok(eventsource_set_sensitive_header(
            es,
            c"X-Secret".as_ptr(),
            c"s".as_ptr(),
        ));
        ok(eventsource_set_basic_auth(
            es,
            c"user".as_ptr(),
            c"password".as_ptr(),
        ));
        // p: a POST with a body.
        if options.has(b'p') {
            ok(eventsource_set_method(es, c"POST".as_ptr()));
            ok(eventsource_set_body(es, c"body".as_ptr().cast(), 4));
            ok(eventsource_set_header(
                es,
                c"Content-Type".as_ptr(),
                c"text/plain".as_ptr(),
            ));
        }
        // q: can be asked for new credentials.
        if options.has(b'q') {
            ok(eventsource_on_request(es, Some(watch::on_request)));
        }
        // i: unpauses.
        if options.has(b'i') {
            ok(eventsource_set_last_event_id(es, c"before".as_ptr()));
        }
        // t: takes any type for a stream; r: one redirect.
        ok(eventsource_set_check_content_type(
            es,
            (!options.has(b't')).into(),
        ));
        if options.has(b'r') {
            ok(eventsource_set_max_redirects(es, 1));
        }
    }
}

/// What a client may send, whatever it was sent before.
fn check(request: &Request, es: *mut eventsource_t) {
    let show = request.0.escape_ascii();
    let line: Vec<_> = request.line().split(|byte| *byte == b' ').collect();
    promise!(
        matches!(line[..], [b"GET" | b"POST", target, b"HTTP/1.1"]
            if target.starts_with(b"/") && target.iter().all(u8::is_ascii_graphic)),
        "a request line: {show}"
    );
    let mut names: Vec<_> = request
        .headers()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    for name in &names {
        promise!(
            matches!(
                &name[..],
                b"accept"
                    | b"authorization"
                    | b"cache-control"
                    | b"content-length"
                    | b"content-type"
                    | b"host"
                    | b"last-event-id"
                    | b"user-agent"
                    | b"x-secret"
            ),
            "a header of the client's: {show}"
        );
    }
    let count = names.len();
    names.sort();
    names.dedup();
    promise!(names.len() == count, "each header once: {show}");

    let host = request.header("host");
    promise!(host.is_some(), "a Host: {show}");
    let is_first_origin = host == Some(b"127.0.0.1");
    let secret = request.header(SECRET.0) == Some(SECRET.1.as_bytes());
    let credentials = request.header("authorization").is_some();
    promise!(
        is_first_origin || !(secret || credentials),
        "no secrets elsewhere: {show}"
    );
    promise!(secret == credentials, "all secrets or none: {show}");

    // SAFETY: the client is freed after its last request.
    let id = unsafe { watch::last_event_id(es) };
    let can_be_sent = id.len() <= 8192
        && !id
            .iter()
            .any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7F);
    let expected = (!id.is_empty() && can_be_sent).then_some(&id[..]);
    promise!(
        request.header("last-event-id") == expected,
        "the last event id {}: {show}",
        id.escape_ascii()
    );
}
