//! Frames of HTTP/2 that cost a server little: whatever it sends, the library holds no more than docs/limits.md says, and an
//! honest server is not taken for a hostile one.
//!
//! A program of its own, as its memory is measured, one attack at a time.

#[path = "../support/common/mod.rs"]
mod common;

use common::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, EVENT_STREAM, Frames, HEADERS,
    MAX_CONCURRENT_STREAMS, PADDED, PING, PRIORITY, Peer, RST_STREAM, SETTINGS, frame, setting,
};
use common::{Lost, Subject, Told};
use eventsource::http::{ErrorKind, Version};
use eventsource::stream::{Close, Mode};
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashSet;
use std::env;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What a connection may hold, and each of its streams beside that, as docs/limits.md has it.
const PER_CONNECTION: usize = 2 << 20;
const PER_STREAM: usize = 1 << 20;

/// What heads that nobody has looked at may hold for a stream.
const HEADS: usize = 4 << 20;

/// What is held by all threads, and the most of it.
static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn record(made: usize, released: usize) {
    let held = HELD.fetch_add(made, Relaxed) + made;
    PEAK.fetch_max(held, Relaxed);
    HELD.fetch_sub(released, Relaxed);
}

// SAFETY: it is the system's allocator, with counting that does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        record(layout.size(), 0);
        // SAFETY: the caller's promises are the system allocator's conditions; so below.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        record(0, layout.size());
        // SAFETY: see above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Tests run one after another.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A client that knows that its server speaks HTTP/2, and tries once.
fn client(server: &Frames) -> Subject {
    let mut subject = Subject::with_defaults(&server.url());
    subject.configure(|settings| {
        settings.http.set_version(Version::Http2);
        settings.mode = Mode::Once;
    });
    subject.start();
    subject
}

/// Several streams on one connection, which have been opened.
fn opened(count: u32) -> (Peer, Vec<Subject>) {
    let server = Frames::listen();
    let first = client(&server);
    let mut peer = server.accept(&[]);
    let mut subjects = vec![first];
    for number in 0..count {
        if number > 0 {
            subjects.push(client(&server));
        }
        let stream = peer.wait_for(HEADERS).stream;
        assert_eq!(stream, 2 * number + 1);
        peer.event_stream(stream);
        subjects[number as usize].open();
        // The others come when the limits are known.
        if number == 0 {
            peer.settle();
        }
    }
    (peer, subjects)
}

/// A client that waits for the head of its response, as stream 1.
fn asking() -> (Peer, Subject) {
    let server = Frames::listen();
    let subject = client(&server);
    let mut peer = server.accept(&[]);
    assert_eq!(peer.wait_for(HEADERS).stream, 1);
    (peer, subject)
}

const MIB: usize = 1 << 20;

/// How much a server sends at most.
const WIRE: usize = 6 * MIB;

/// An attack, from which on memory is measured.
struct Attack {
    name: String,
    before: usize,
    wire: usize,
}

impl Attack {
    fn begin(name: impl Into<String>) -> Attack {
        let before = HELD.load(Relaxed);
        PEAK.store(before, Relaxed);
        Attack {
            name: name.into(),
            before,
            wire: 0,
        }
    }

    /// Sends this again and again, until so much has been sent or the client takes no more.
    fn flood(mut self, peer: &mut Peer, frames: &[u8], wire: usize) -> Attack {
        const PIECE: usize = 64 * 1024;
        let block = frames.repeat(PIECE / frames.len() + 1);
        // That is the test's.
        self.before += block.len();
        let limited = peer.0.set_write_timeout(Some(Duration::from_millis(500)));
        limited.expect("an open socket");
        while self.wire < wire && block.chunks(PIECE).all(|piece| peer.write(piece)) {
            self.wire += block.len();
        }
        self
    }

    /// It is over, and has cost no more than this.
    fn has_cost(self, bound: usize) {
        let Attack { name, before, wire } = self;
        let cost = PEAK.load(Relaxed).saturating_sub(before);
        println!("| {name} | {wire} | {cost} |");
        let is_only_measured = env::var_os("FLOODS_ARE_ONLY_MEASURED").is_some();
        assert!(
            cost <= bound || is_only_measured,
            "{name}: {cost} bytes for {wire}, more than {bound}"
        );
    }
}

/// What became of the stream.
fn error(subject: &Subject) -> Lost {
    let lost = subject.error();
    assert_eq!(lost.kind, ErrorKind::Http2, "{lost:?}");
    lost
}

#[test]
fn what_makes_the_client_answer_costs_nothing_while_the_answers_are_not_read() {
    let _alone = alone();
    let depends_on_itself = |stream: u32| {
        let payload = [&stream.to_be_bytes()[..], &[0]].concat();
        frame(PRIORITY, 0, stream, &payload)
    };
    // Each of another stream, because a stream is told of its fault once.
    let priority: Vec<u8> = (1..WIRE as u32 / 14)
        .flat_map(|n| depends_on_itself(2 * n + 1))
        .collect();
    for (name, frames) in [
        ("PRIORITY that depends on itself", priority),
        ("PING", frame(PING, 0, 0, &[7; 8])),
        ("SETTINGS", frame(SETTINGS, 0, 0, &setting(4, 65535))),
        ("SETTINGS, empty", frame(SETTINGS, 0, 0, &[])),
        ("RST_STREAM", frame(RST_STREAM, 0, 1, &[0; 4])),
        ("unknown frames", frame(0xab, 0, 0, &[0; 100])),
    ] {
        let (mut peer, _subject) = asking();
        let attack = Attack::begin(name).flood(&mut peer, &frames, WIRE);
        attack.has_cost(PER_CONNECTION);
    }
}

#[test]
fn faults_without_end_end_the_connection() {
    let _alone = alone();
    let (mut peer, subjects) = opened(1);
    // HEADERS that depend on themselves are faults of their streams, each of which is told of.
    let faults: Vec<u8> = (1..1000_u32)
        .flat_map(|n| {
            const PRIORITY_FLAG: u8 = 0x20;
            let block = [&(2 * n).to_be_bytes()[..], &[0], EVENT_STREAM].concat();
            frame(HEADERS, END_HEADERS | PRIORITY_FLAG, 2 * n, &block)
        })
        .collect();
    let name = "HEADERS that depend on themselves";
    let attack = Attack::begin(name).flood(&mut peer, &faults, WIRE);
    let lost = error(&subjects[0]);
    assert!(lost.message.contains("ENHANCE_YOUR_CALM"), "{lost:?}");
    attack.has_cost(PER_CONNECTION);
}

#[test]
fn interim_responses_without_end_end_the_connection() {
    let _alone = alone();
    // Many fields in few bytes: one that the table remembers, and it, by its number.
    let large = [&b"\x08\x03103\x40\x01a\x01b"[..], &[0xbe; 7000]].concat();
    for (name, head) in [("103", &b"\x08\x03103"[..]), ("103, many fields", &large)] {
        let (mut peer, subject) = asking();
        let frames = frame(HEADERS, END_HEADERS, 1, head);
        let attack = Attack::begin(name).flood(&mut peer, &frames, WIRE);
        let lost = error(&subject);
        let says = "interim responses without end";
        assert!(lost.message.contains(says), "{lost:?}");
        attack.has_cost(PER_CONNECTION + HEADS);
    }
    let (mut peer, subject) = asking();
    peer.send(HEADERS, END_HEADERS, 1, b"\x08\x03101");
    let lost = error(&subject);
    assert!(lost.message.contains("101"), "{lost:?}");
}

#[test]
fn a_few_interim_responses_are_no_fault_however_long_each_is() {
    let _alone = alone();
    let (mut peer, subject) = asking();
    let link = [&b"\x08\x03103\x0f\x1e\x7f\x81\x2e"[..], &[b'x'; 6016]].concat();
    for _ in 0..5 {
        peer.send(HEADERS, END_HEADERS, 1, &link);
    }
    peer.event_stream(1);
    subject.open();
}

#[test]
fn heads_without_end_end_the_stream_or_the_connection() {
    let _alone = alone();
    let fields = b"\x00\x01a\x01b".repeat(3000);
    // An entry of 4,000 bytes for the dynamic table, and then it, by its number, again and again.
    let entry = [&b"\x88\x40\x01a\x7f\xa1\x1e"[..], &[b'x'; 4000]].concat();
    let refers = [entry, vec![0xbe; 12_000]].concat();
    let one = [&b"\x88\x00\x01a\x7f\x81\xff\xff\x7f"[..], &[b'x'; 16_000]].concat();
    for (name, begin, again) in [
        ("CONTINUATION, empty", EVENT_STREAM, &[][..]),
        ("CONTINUATION, fields", EVENT_STREAM, &fields),
        ("CONTINUATION, one field", &one, &[b'x'; 16_000]),
        ("CONTINUATION, one field often", &refers, &[0xbe; 16_000]),
    ] {
        let (mut peer, subject) = asking();
        let attack = Attack::begin(name);
        peer.send(HEADERS, 0, 1, begin);
        let more = frame(CONTINUATION, 0, 1, again);
        let attack = attack.flood(&mut peer, &more, WIRE);
        error(&subject);
        attack.has_cost(PER_CONNECTION);
    }
}

#[test]
fn small_frames_that_are_not_read_cost_no_more_than_a_stream_may_hold() {
    let _alone = alone();
    for count in [1, 10_u32] {
        let (mut peer, subjects) = opened(count);
        for subject in &subjects {
            subject.client.set_paused(true);
        }
        // As much as the windows take, a byte at a time, in turns.
        let round: Vec<u8> = (0..count)
            .flat_map(|n| frame(DATA, 0, 2 * n + 1, b":"))
            .collect();
        let attack = Attack::begin(format!("DATA of a byte, unread, {count}"));
        let attack = attack.flood(&mut peer, &round, round.len() * (120 * 1024));
        peer.settle();
        for (n, subject) in subjects.iter().enumerate() {
            let stream = 2 * n as u32 + 1;
            peer.send(DATA, 0, stream, b"\n\ndata: still here\n\n");
            subject.client.set_paused(false);
            assert_eq!(subject.events(1), ["still here"]);
        }
        attack.has_cost(PER_CONNECTION + count as usize * PER_STREAM);
    }
}

#[test]
fn small_frames_that_are_not_read_keep_no_large_buffers() {
    let _alone = alone();
    let (mut peer, subjects) = opened(2);
    subjects[0].client.set_paused(true);
    peer.settle();
    let small = frame(DATA, 0, 1, b":");
    let comment = [&b":"[..], &[b'x'; 16_000], b"\n"].concat();
    let large = frame(DATA, 0, 3, &comment);
    let mut attack = Attack::begin("DATA of a byte, unread, between others");
    for _ in 0..400 {
        peer.write(&small);
        peer.write(&large);
        attack.wire += small.len() + large.len();
        while !matches!(subjects[1].next(), Told::Comment(_)) {}
    }
    attack.has_cost(PER_CONNECTION + 2 * PER_STREAM);
}

#[test]
fn padding_that_is_not_read_ends_the_connection() {
    let _alone = alone();
    let (mut peer, subjects) = opened(1);
    subjects[0].client.set_paused(true);
    peer.settle();
    let padded = frame(DATA, PADDED, 1, &[&[9][..], b":", &[0; 9]].concat());
    let attack = Attack::begin("DATA of a byte, padded, unread").flood(&mut peer, &padded, 2 * MIB);
    subjects[0].client.set_paused(false);
    let lost = error(&subjects[0]);
    assert!(lost.message.contains("padded"), "{lost:?}");
    attack.has_cost(PER_CONNECTION + PER_STREAM);
}

#[test]
fn a_server_that_flushes_empty_frames_is_not_cut_off() {
    let _alone = alone();
    let (mut peer, subjects) = opened(1);
    let empty = frame(DATA, 0, 1, b"");
    let attack = Attack::begin("DATA, empty").flood(&mut peer, &empty, 4 * MIB);
    peer.send(DATA, 0, 1, b"data: still here\n\n");
    assert_eq!(subjects[0].events(1), ["still here"]);
    peer.send(DATA, END_STREAM, 1, b"");
    assert_eq!(subjects[0].close(), Close::EndOfStream);
    attack.has_cost(PER_CONNECTION);
}

#[test]
fn what_still_comes_for_a_stream_that_was_stopped_is_no_fault() {
    let _alone = alone();
    let (mut peer, subjects) = opened(2);
    subjects[0].stop();
    assert_eq!(peer.wait_for(RST_STREAM).stream, 1);
    // Longer than h2 remembers a stream by itself.
    for _ in 0..3 {
        for _ in 0..500 {
            peer.send(DATA, 0, 1, b"data: late\n\n");
        }
        peer.send(DATA, 0, 3, b"data: still here\n\n");
        assert_eq!(subjects[1].events(1), ["still here"]);
        thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn what_still_comes_for_many_streams_that_were_stopped_is_no_fault() {
    let _alone = alone();
    /// More than h2 remembers by itself, which is 50.
    const STOPPED: u32 = 60;
    /// Of those beyond that, more than the 1,024 faults that end a connection.
    const LATE: u32 = 200;
    let (mut peer, mut subjects) = opened(STOPPED + 1);
    let stays = subjects.pop().expect("the last");
    for subject in &subjects {
        subject.stop();
        peer.wait_for(RST_STREAM);
    }
    for _ in 0..LATE {
        for number in 0..STOPPED {
            peer.send(DATA, 0, 2 * number + 1, b"data: late\n\n");
        }
        // What comes before an answer has been sent is the same fault.
        peer.settle();
    }
    peer.send(DATA, 0, 2 * STOPPED + 1, b"data: still here\n\n");
    assert_eq!(stays.events(1), ["still here"]);
}

#[test]
fn bad_heads_of_some_streams_do_not_disturb_the_others() {
    let _alone = alone();
    let server = Frames::listen();
    let stays = client(&server);
    let mut peer = server.accept(&[]);
    peer.wait_for(HEADERS);
    peer.event_stream(1);
    stays.open();
    peer.settle();
    for _ in 0..20 {
        let subject = client(&server);
        let stream = peer.wait_for(HEADERS).stream;
        // A field that HTTP/2 does not have.
        let head = b"\x88\x00\x0aconnection\x01x";
        peer.send(HEADERS, END_HEADERS, stream, head);
        error(&subject);
    }
    peer.send(DATA, 0, 1, b"data: still here\n\n");
    assert_eq!(stays.events(1), ["still here"]);
}

#[test]
fn no_more_streams_are_open_than_the_server_allows_however_often_they_are_replaced() {
    let _alone = alone();
    const MOST: usize = 2;
    let server = Frames::listen();
    let url = server.url();
    let exceeded = Arc::new(AtomicUsize::new(0));
    let count = exceeded.clone();
    thread::spawn(move || {
        loop {
            let mut peer = server.accept(&setting(MAX_CONCURRENT_STREAMS, MOST as u32));
            let count = count.clone();
            thread::spawn(move || {
                let mut open = HashSet::new();
                while let Some(frame) = peer.next() {
                    peer.acknowledge(&frame);
                    if frame.kind == HEADERS {
                        open.insert(frame.stream);
                        count.fetch_add(usize::from(open.len() > MOST), Relaxed);
                        peer.event_stream(frame.stream);
                        peer.send(DATA, 0, frame.stream, b"data: x\n\n");
                    } else if frame.kind == RST_STREAM {
                        open.remove(&frame.stream);
                    }
                }
            });
        }
    });
    let new = || {
        let mut subject = Subject::new(&url);
        subject.configure(|settings| settings.http.set_version(Version::Http2));
        subject.start();
        subject
    };
    let stays = new();
    stays.events(1);
    let mut goes = new();
    goes.events(1);
    for round in 0..200 {
        match round % 3 {
            0 => goes.stop(),
            1 => goes.client.stop(),
            _ => {
                goes.client.reconnect_now().expect("a running client");
                goes.events(1);
                continue;
            }
        }
        goes = new();
        goes.events(1);
    }
    assert_eq!(exceeded.load(Relaxed), 0);
    assert!(
        stays
            .told_so_far()
            .iter()
            .all(|told| !matches!(told, Told::Error(_)))
    );
}
