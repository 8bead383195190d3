//! Two clients on one connection of HTTP/2, against a server that sends any frames.
//!
//! An input is text. The letters of its first line are switches: `l` is a small event limit, `a` has the server acknowledge
//! nothing by itself. Each other line is a step of the server's, or of a client's. A frame is the letter of its kind, letters
//! for its flags (`e` END_STREAM, `h` END_HEADERS, `p` PADDED, `d` PRIORITY, `a` ACK), the digit of its stream, and its
//! payload. Streams: 0; 1 and 2, the last that this client has opened; 3, one that nobody has; 4, an even one; 5, the
//! connection's first.
//!
//! | letter | frame | payload |
//! |---|---|---|
//! | D | DATA | content, in which `|` is LF and `^` is CR |
//! | H, C | HEADERS, CONTINUATION | letters of fields (`frames::FIELD`); behind a `!`, HPACK as it is |
//! | P, R, S, G, Y, W | PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE | as they are; a `#` before a digit is a number of 4 bytes, see `NUMBERS`, before another letter that letter |
//! | U | any | the kind, and what follows |
//! | Z | | bytes that are no frame |
//!
//! `~` before a frame and a letter says a wrong length, `*` repeats what follows as often as the square of its letter says, `/`
//! cuts all that follows into pieces of so many bytes. With a padded frame, the payload's first byte, from `0` on, is the
//! length of its padding, which is then added.
//!
//! `+` starts the second client. `<1` pauses a client, `>1` unpauses it, `s1` stops it, `r1` has it reconnect. `y` waits until
//! all has been read that was sent. `w` has the server read no more. `.` closes the connection, `,` resets it: then the next
//! follows.

#![no_main]

use eventsource::abi::*;
use eventsource_fuzz::client::{has_ended, keep_runtime, new, ok};
use eventsource_fuzz::frames::*;
use eventsource_fuzz::loopback::{self, LIMIT, Server};
use eventsource_fuzz::naive::{Got, naive};
use eventsource_fuzz::promise;
use eventsource_fuzz::watch::{self, Told, Watch};
use libfuzzer_sys::fuzz_target;
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// More steps, bytes and connections than any behaviour needs.
const MOST_STEPS: usize = 200;
const MOST_BYTES: usize = 1 << 20;
const MOST_CONNECTIONS: usize = 4;
const CLIENTS: usize = 2;

/// The event limit.
const LIMIT_OF_EVENTS: usize = 64 * 1024;
/// What a connection may hold, and each of its streams beside that, as docs/limits.md has it: content, and heads that
/// nobody has looked at.
const PER_CONNECTION: usize = 2 << 20;
const PER_STREAM: usize = (1 << 20) + (4 << 20);
/// What is kept here of what was sent, in the same allocator.
const OWN: usize = 2 * MOST_BYTES;

/// How long what need not happen is waited for.
const MOMENT: Duration = Duration::from_millis(50);

/// What numbers stand for, by their digits.
const NUMBERS: [u32; 10] = [
    0,
    1,
    2,
    100,
    4096,
    1 << 14,
    1 << 24,
    (1 << 31) - 1,
    1 << 31,
    u32::MAX,
];

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: it is the system's allocator, with counting that does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's promises are the system allocator's conditions; so below.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: see above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fuzz_target!(
    init: {
        loopback::isolate();
        watch::log();
        keep_runtime();
    },
    |input: &[u8]| {
        let mut lines = input.split(|byte| *byte == b'\n');
        let switches = lines.next().unwrap_or_default();
        let before = HELD.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let mut run = Run::begin(switches);
        for line in lines.take(MOST_STEPS) {
            run.step(line);
        }
        run.settle();
        let peak = PEAK.load(Ordering::Relaxed) - before;
        let most = CLIENTS * (LIMIT_OF_EVENTS + PER_STREAM) + run.served.len() * PER_CONNECTION + OWN;
        promise!(peak <= most, "{peak} bytes, more than {most}");
        run.end();
    }
);

/// What a client has told of a stream.
struct Attempt {
    /// The connection, and the stream on it.
    at: Option<(usize, u32)>,
    /// The last event id before it.
    id: String,
    /// How much was told, and what.
    told: usize,
    hash: u64,
    end: Option<eventsource_status_t>,
}

/// What a client tells, and where.
#[derive(Default)]
struct Judge {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Default)]
struct Seen {
    /// The last stream that the client is known to have opened.
    at: Option<(usize, u32)>,
    /// Those of which all must still be told.
    asked: Vec<(usize, u32)>,
    attempts: Vec<Attempt>,
    is_closed: bool,
}

impl Judge {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, es: *mut eventsource_t, told: &Told<'_>) {
        let mut seen = self.seen();
        match told {
            Told::Open(_) => {
                // SAFETY: in its callback.
                let id = unsafe { watch::last_event_id(es) };
                let at = seen.at;
                seen.attempts.push(Attempt {
                    at,
                    id: String::from_utf8_lossy(&id).into_owned(),
                    told: 0,
                    hash: 0,
                    end: None,
                });
            }
            Told::Event(event) => seen.tell((
                watch::text(event.r#type, event.type_len),
                watch::text(event.data, event.data_len),
                watch::text(event.last_event_id, event.last_event_id_len),
            )),
            Told::Comment(comment) => seen.tell(watch::text(comment.text, comment.text_len)),
            Told::Error(error) => {
                if let Some(attempt) = seen.attempts.last_mut() {
                    attempt.end.get_or_insert(error.code);
                }
            }
            Told::Close(_) => seen.is_closed = true,
            Told::Events(_) | Told::Request(_) | Told::Document(_) => {}
        }
        drop(seen);
        self.changed.notify_all();
    }

    /// Waits until all of this stream is told, and nothing else.
    fn check(&self, at: (usize, u32), content: &[u8], outcome: Outcome) {
        self.wait(at, "opens", |attempt| attempt.is_some());
        let attempt = self.seen().of(at).map(|attempt| attempt.id.clone());
        let expected = expected(content, &attempt.unwrap_or_default());
        self.wait(at, "is told", |attempt| {
            attempt.is_some_and(|attempt| attempt.told == expected.len())
        });
        let right = match outcome {
            Outcome::Open => None,
            Outcome::Ended => {
                self.wait(at, "ends", |attempt| {
                    attempt.is_some_and(|attempt| attempt.end.is_some())
                });
                Some(eventsource_status_t::EVENTSOURCE_ERR_END_OF_STREAM)
            }
        };
        let end = self.seen().of(at).and_then(|attempt| attempt.end);
        promise!(end == right, "the end is {right:?}, not {end:?}");
    }

    fn wait(&self, at: (usize, u32), what: &str, is_so: impl Fn(Option<&Attempt>) -> bool) {
        let goes_on = |seen: &mut Seen| !is_so(seen.of(at));
        let waited = self.changed.wait_timeout_while(self.seen(), LIMIT, goes_on);
        let (seen, result) = waited.unwrap_or_else(PoisonError::into_inner);
        let attempt = seen.of(at).map(|attempt| (attempt.told, attempt.end));
        promise!(!result.timed_out(), "{at:?} {what}; told: {attempt:?}");
    }
}

impl Seen {
    fn tell(&mut self, what: impl Hash) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.told += 1;
            attempt.hash = hash(attempt.hash, what);
        }
    }

    /// What was told of this stream.
    fn of(&self, at: (usize, u32)) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.at == Some(at))
    }
}

fn hash(before: u64, what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    (before, what).hash(&mut hasher);
    hasher.finish()
}

/// What is told of content behind this id.
fn expected(content: &[u8], id: &str) -> Vec<Got> {
    let mut got = naive(content, id);
    got.retain(|got| matches!(got, Got::Event { .. } | Got::Comment(_)));
    got
}

fn hash_of(got: &[Got]) -> u64 {
    got.iter().fold(0, |before, got| match got {
        Got::Event {
            event_type,
            data,
            id,
        } => hash(before, (event_type.as_str(), data.as_str(), id.as_str())),
        Got::Comment(text) => hash(before, text.as_str()),
        _ => before,
    })
}

struct Client {
    es: *mut eventsource_t,
    watch: Arc<Watch>,
    judge: Arc<Judge>,
    is_paused: bool,
}

impl Client {
    /// The first asks by GET, the second by POST: so their streams are told apart.
    fn new(number: usize, limit: usize) -> Client {
        let es = new("http://127.0.0.1/stream");
        let judge = Arc::new(Judge::default());
        let watch = Watch::new(limit, {
            let judge = judge.clone();
            move |watch, es, told| {
                judge.hear(es, told);
                if let Told::Error(error) = told
                    && error.will_retry != 0
                {
                    watch.will_reconnect(true);
                    // SAFETY: in its callback.
                    ok(unsafe { eventsource_reconnect_now(es) });
                }
                0
            }
        });
        // SAFETY: the client is valid until it is freed at the end; strings are NUL-terminated, structs have their size.
        unsafe {
            watch.attach(es);
            let version = eventsource_http_t::EVENTSOURCE_HTTP_2_PRIOR_KNOWLEDGE;
            ok(eventsource_set_http_version(es, MaybeUninit::new(version)));
            let mode = eventsource_mode_t::EVENTSOURCE_MODE_KEEP_ALIVE;
            ok(eventsource_set_mode(es, MaybeUninit::new(mode)));
            let mut policy: eventsource_reconnect_t = std::mem::zeroed();
            ok(eventsource_get_reconnect(
                es,
                &raw mut policy,
                size_of::<eventsource_reconnect_t>(),
            ));
            policy.retry_initial = 1;
            policy.delay_ms = 1;
            policy.max_delay_ms = 1;
            policy.max_server_delay_ms = 1;
            policy.jitter = 0.0;
            policy.max_attempts = 4;
            ok(eventsource_set_reconnect(es, &raw const policy));
            ok(eventsource_set_max_event_size(es, limit));
            if number > 0 {
                ok(eventsource_set_method(es, c"POST".as_ptr()));
                ok(eventsource_set_body(es, c"body".as_ptr().cast(), 4));
            }
        }
        Client {
            es,
            watch,
            judge,
            is_paused: false,
        }
    }
}

/// A connection while it is open.
struct Socket {
    socket: TcpStream,
    incoming: Vec<u8>,
    has_preface: bool,
    /// The server reads.
    reads: bool,
    /// What must be acknowledged, when that is possible.
    due: Vec<u8>,
    pongs: usize,
}

/// One life of two clients.
struct Run {
    server: Server,
    clients: Vec<Client>,
    limit: usize,
    acknowledges: bool,
    /// All connections, as far as they have been written.
    served: Vec<Connection>,
    open: Option<Socket>,
    /// No client has come for the next, and nothing has been done to them since.
    is_left: bool,
    /// The last stream of each client on the connection that is open.
    streams: BTreeMap<usize, u32>,
    written: usize,
    piece: usize,
}

impl Run {
    fn begin(switches: &[u8]) -> Run {
        let limit = if switches.contains(&b'l') {
            64
        } else {
            LIMIT_OF_EVENTS
        };
        let mut run = Run {
            server: Server::default(),
            clients: vec![Client::new(0, limit)],
            limit,
            acknowledges: !switches.contains(&b'a'),
            served: Vec::new(),
            open: None,
            is_left: false,
            streams: BTreeMap::new(),
            written: 0,
            piece: usize::MAX,
        };
        run.start(0);
        run
    }

    fn start(&mut self, number: usize) {
        let client = &self.clients[number];
        // SAFETY: the client is valid.
        ok(unsafe { client.watch.start(client.es) });
    }

    fn step(&mut self, line: &[u8]) {
        match line {
            [b'+'] => self.start_second(),
            [op @ (b'<' | b'>' | b's' | b'r'), client @ (b'1' | b'2')] => {
                let number = usize::from(client - b'1');
                if number < self.clients.len() {
                    self.steer(*op, number);
                }
            }
            [b'y'] => self.settle(),
            [b'/', size] => self.piece = usize::from(*size).max(1),
            [b'w'] => {
                if let Some(open) = &mut self.open {
                    open.reads = false;
                }
            }
            [b'.'] => self.close(false),
            [b','] => self.close(true),
            _ => self.send(line),
        }
    }

    fn start_second(&mut self) {
        if self.clients.len() == CLIENTS {
            return;
        }
        self.settle();
        self.is_left = false;
        self.clients.push(Client::new(1, self.limit));
        self.start(1);
        let end = Instant::now() + MOMENT;
        while self.open.is_some() && !self.streams.contains_key(&1) && Instant::now() < end {
            self.pump(MOMENT);
        }
    }

    fn steer(&mut self, op: u8, number: usize) {
        if op == b'<' {
            // Where it is known what the client has read.
            self.settle();
        }
        self.is_left = false;
        let client = &mut self.clients[number];
        let at = client.judge.seen().at;
        if matches!(op, b's' | b'r')
            && let Some((connection, stream)) = at
        {
            self.served[connection].gives_up(stream);
        }
        let es = client.es;
        // SAFETY: the client is valid.
        let status = unsafe {
            match op {
                b's' => {
                    client.watch.will_stop(false);
                    eventsource_stop(es)
                }
                b'r' => {
                    client.watch.will_reconnect(false);
                    eventsource_reconnect_now(es)
                }
                _ => {
                    client.is_paused = op == b'<';
                    client.watch.set_paused(es, client.is_paused, false)
                }
            }
        };
        let is_closed = status == eventsource_status_t::EVENTSOURCE_ERR_STATE;
        promise!(
            is_closed || status == eventsource_status_t::EVENTSOURCE_OK,
            "{status:?}"
        );
    }

    /// The bytes of a line's frame.
    fn frame(&self, line: &[u8]) -> Vec<u8> {
        let (mut more, mut line) = (0, line);
        if let [b'~', by, rest @ ..] = line {
            (more, line) = (i32::from(*by) - i32::from(b'0'), rest);
        }
        let [kind, rest @ ..] = line else {
            return Vec::new();
        };
        if *kind == b'Z' {
            return rest.to_vec();
        }
        let Some(at) = rest.iter().position(u8::is_ascii_digit) else {
            return Vec::new();
        };
        let flag = |letter: &u8| match letter {
            b'e' | b'a' => END_STREAM,
            b'h' => END_HEADERS,
            b'p' => PADDED,
            b'd' => HAS_PRIORITY,
            _ => 0,
        };
        let flags = rest[..at].iter().map(flag).fold(0, |all, flag| all | flag);
        let stream = self.stream(rest[at]);
        let text = &rest[at + 1..];
        let (kind, mut payload) = match kind {
            b'D' => (DATA, content(text)),
            b'H' => (HEADERS, block(text)),
            b'C' => (CONTINUATION, block(text)),
            b'P' => (PRIORITY, numbers(text)),
            b'R' => (RST_STREAM, numbers(text)),
            b'S' => (SETTINGS, numbers(text)),
            b'G' => (PING, numbers(text)),
            b'Y' => (GOAWAY, numbers(text)),
            b'W' => (WINDOW_UPDATE, numbers(text)),
            b'U' => (text.first().copied().unwrap_or(99), text.to_vec()),
            _ => return Vec::new(),
        };
        let is_padded = flags & PADDED != 0 && matches!(kind, DATA | HEADERS);
        if is_padded && let Some(padding) = payload.first_mut() {
            *padding = padding.wrapping_sub(b'0');
            let padding = usize::from(*padding);
            payload.resize(payload.len() + padding, 0);
        }
        frame(kind, flags, stream, &payload, more)
    }

    fn stream(&self, digit: u8) -> u32 {
        const NOBODYS: u32 = 1001;
        match digit {
            b'0' => 0,
            b'1' | b'2' => {
                let stream = self.streams.get(&usize::from(digit - b'1'));
                stream.copied().unwrap_or(NOBODYS)
            }
            b'4' => 2,
            b'5' => {
                let first = self.served.last().and_then(Connection::first);
                first.unwrap_or(NOBODYS)
            }
            _ => NOBODYS,
        }
    }

    fn send(&mut self, line: &[u8]) {
        let (mut times, mut line) = (1, line);
        if let [b'*', by, rest @ ..] = line {
            (times, line) = (usize::from(*by) * usize::from(*by), rest);
        }
        if line.is_empty() || !self.connected() {
            return;
        }
        let frame = self.frame(line);
        let times = times.min((MOST_BYTES - self.written) / frame.len().max(1));
        self.written += times * frame.len();
        // Many at once, as a server would that means it.
        let bytes = frame.repeat(times);
        let piece = self.piece.min(64 * 1024);
        let piece = piece.max(bytes.len() / 200 + 1);
        for piece in bytes.chunks(piece) {
            self.write(piece);
            self.pump(Duration::ZERO);
        }
    }

    /// Whether there is a connection; the next is taken, if one comes.
    fn connected(&mut self) -> bool {
        if self.open.is_some() {
            return true;
        }
        let is_over = |client: &Client| client.judge.seen().is_closed;
        if self.is_left || self.served.len() == MOST_CONNECTIONS || self.clients.iter().all(is_over)
        {
            return false;
        }
        let Some(socket) = self.server.accept(4 * MOMENT) else {
            self.is_left = true;
            return false;
        };
        self.streams.clear();
        self.served.push(Connection::default());
        self.open = Some(Socket {
            socket,
            incoming: Vec::new(),
            has_preface: false,
            reads: true,
            due: Vec::new(),
            pongs: 0,
        });
        let end = Instant::now() + 4 * MOMENT;
        self.write(&frame(SETTINGS, 0, 0, b"", 0));
        while self.open.is_some() && self.streams.is_empty() && Instant::now() < end {
            self.pump(MOMENT);
        }
        self.open.is_some()
    }

    fn served(&mut self) -> &mut Connection {
        self.served.last_mut().expect("one that is open")
    }

    /// Writes all of it; if the client does not take it and the server does not read, the connection is cut.
    fn write(&mut self, mut bytes: &[u8]) {
        if self.open.is_none() {
            return;
        }
        self.served().write(bytes);
        while let Some(open) = &mut self.open
            && !bytes.is_empty()
        {
            let reads = open.reads;
            match open.socket.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let patience = if reads { LIMIT } else { MOMENT };
                    let ready = self.poll(patience, true);
                    promise!(ready || !reads, "the client reads on");
                    if !ready {
                        self.served().is_cut();
                        self.open = None;
                    }
                }
                Err(_) => {
                    self.served().is_cut();
                    self.open = None;
                }
            }
        }
    }

    /// Waits until something has come, or can be written if that is asked for; reads what has come.
    fn poll(&mut self, patience: Duration, writes: bool) -> bool {
        let Some(open) = &self.open else {
            return false;
        };
        let read = if open.reads { libc::POLLIN } else { 0 };
        let mut ready = libc::pollfd {
            fd: open.socket.as_raw_fd(),
            events: read | if writes { libc::POLLOUT } else { 0 },
            revents: 0,
        };
        // SAFETY: one valid entry.
        let count = unsafe { libc::poll(&raw mut ready, 1, patience.as_millis() as i32) };
        if ready.revents & !libc::POLLOUT != 0 && read != 0 {
            self.read();
        }
        count > 0
    }

    /// Reads what has come, or comes in time, and acknowledges what can be.
    fn pump(&mut self, patience: Duration) {
        self.poll(patience, false);
        let can = self.served.last().is_some_and(Connection::is_between);
        if let Some(open) = &mut self.open
            && can
            && self.acknowledges
        {
            let due = std::mem::take(&mut open.due);
            self.write(&due);
        }
    }

    fn read(&mut self) {
        let mut buffer = [0; 16 * 1024];
        while let Some(open) = &mut self.open {
            match open.socket.read(&mut buffer) {
                Ok(count) if count > 0 => open.incoming.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // What of it the client has not read is lost.
                _ => {
                    self.understand();
                    self.open = None;
                }
            }
        }
        self.understand();
    }

    /// What the client has sent.
    fn understand(&mut self) {
        const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let Some(open) = &mut self.open else { return };
        let served = self.served.last_mut().expect("one that is open");
        if !open.has_preface {
            if open.incoming.len() < PREFACE.len() {
                return;
            }
            promise!(open.incoming.starts_with(PREFACE), "the preface is first");
            open.has_preface = true;
            open.incoming.drain(..PREFACE.len());
        }
        let incoming = std::mem::take(&mut open.incoming);
        let mut rest = &incoming[..];
        while let [a, b, c, kind, flags, stream @ ..] = rest
            && let Some((stream, behind)) = stream.split_first_chunk()
        {
            let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            promise!(len <= 16 * 1024, "a frame of the client's of {len} bytes");
            let Some((payload, next)) = behind.split_at_checked(len) else {
                break;
            };
            let stream = u32::from_be_bytes(*stream);
            match (*kind, flags & ACK != 0) {
                // Each stream's head; END_STREAM has the same bit.
                (HEADERS, is_get) => {
                    let number = usize::from(!is_get);
                    promise!(number < self.clients.len(), "only the first asks by GET");
                    served.asked(stream);
                    self.streams.insert(number, stream);
                    let at = (self.served.len() - 1, stream);
                    let mut seen = self.clients[number].judge.seen();
                    seen.at = Some(at);
                    seen.asked.push(at);
                    drop(seen);
                    return self.go_on(next);
                }
                (SETTINGS, false) => {
                    served.has_settings();
                    open.due.extend(frame(SETTINGS, ACK, 0, b"", 0));
                }
                (PING, false) => open.due.extend(frame(PING, ACK, 0, payload, 0)),
                (PING, true) => open.pongs += 1,
                (RST_STREAM, _) => served.gives_up(stream),
                _ => {}
            }
            rest = next;
        }
        open.incoming = rest.to_vec();
    }

    fn go_on(&mut self, rest: &[u8]) {
        if let Some(open) = &mut self.open {
            open.incoming = rest.to_vec();
        }
        self.understand();
    }

    /// Waits until the client has read all that was sent, and tells all that must be told.
    fn settle(&mut self) {
        let can = self.served.last().is_some_and(Connection::is_between);
        let Some(open) = self.open.as_mut().filter(|open| open.reads && can) else {
            return;
        };
        let before = open.pongs;
        let deadline = Instant::now() + LIMIT;
        self.write(&frame(PING, 0, 0, b"settled?", 0));
        while let Some(open) = &self.open
            && open.pongs == before
        {
            promise!(Instant::now() < deadline, "a ping is answered");
            self.pump(LIMIT);
        }
        self.check_told();
    }

    /// All is told of what is sound.
    fn check_told(&mut self) {
        for client in &self.clients {
            let seen = client.judge.seen();
            if client.is_paused || seen.is_closed {
                continue;
            }
            let asked = seen.asked.clone();
            drop(seen);
            for at in asked {
                let served = &self.served[at.0];
                let content = served.stream(at.1).map(|stream| &stream.content[..]);
                let content = content.unwrap_or_default();
                if let Some(outcome) = served.outcome(at.1)
                    && content.len() <= self.limit
                {
                    client.judge.check(at, content, outcome);
                }
            }
        }
    }

    fn close(&mut self, resets: bool) {
        self.settle();
        let Some(open) = self.open.take() else { return };
        if resets {
            loopback::reset(&open.socket);
        }
        self.served().is_cut();
    }

    /// Ends both clients, and judges what they have told.
    fn end(mut self) {
        for client in &mut self.clients {
            // SAFETY: the client is valid until it is freed here.
            unsafe {
                client.watch.set_paused(client.es, false, false);
            }
            client.is_paused = false;
        }
        self.settle();
        for client in &self.clients {
            // SAFETY: as above.
            unsafe {
                client.watch.will_stop(false);
                let status = eventsource_stop(client.es);
                promise!(
                    matches!(
                        status,
                        eventsource_status_t::EVENTSOURCE_OK
                            | eventsource_status_t::EVENTSOURCE_ERR_STATE
                    ),
                    "{status:?}"
                );
                has_ended(eventsource_wait(client.es, LIMIT.as_millis() as i64));
                eventsource_free(client.es);
            }
            client.watch.ended(false);
            for attempt in &client.judge.seen().attempts {
                self.judge(attempt);
            }
        }
    }

    /// Nothing was told but what has come, and in its order.
    fn judge(&self, attempt: &Attempt) {
        let Some((connection, stream)) = attempt.at else {
            return;
        };
        let content = self.served[connection].stream(stream);
        let content = content.map_or(&[][..], |stream| &stream.content);
        let expected = expected(content, &attempt.id);
        let is_prefix =
            attempt.told <= expected.len() && hash_of(&expected[..attempt.told]) == attempt.hash;
        promise!(
            is_prefix,
            "{} told, which is not what {expected:?} begins with",
            attempt.told
        );
    }
}

/// Text of DATA.
fn content(text: &[u8]) -> Vec<u8> {
    let bytes = text.iter().map(|byte| match byte {
        b'|' => b'\n',
        b'^' => b'\r',
        byte => *byte,
    });
    bytes.collect()
}

/// Fields, and HPACK as it is.
fn block(text: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    for (at, letter) in text.iter().enumerate() {
        if *letter == b'!' {
            block.extend_from_slice(&text[at + 1..]);
            break;
        }
        match FIELD.iter().find(|(known, _)| known == letter) {
            Some((_, field)) => block.extend_from_slice(field),
            None => block.push(*letter),
        }
    }
    block
}

/// Bytes, and numbers of 4.
fn numbers(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match (byte, behind.split_first()) {
            (b'#', Some((digit, behind))) => {
                rest = behind;
                match NUMBERS.get(usize::from(digit.wrapping_sub(b'0'))) {
                    Some(number) => bytes.extend(number.to_be_bytes()),
                    None => bytes.push(*digit),
                }
            }
            _ => bytes.push(*byte),
        }
    }
    bytes
}
