//! Content codings: what a server compresses is decoded as it comes, and nothing that it sends does harm.

use crate::allocations::Allocations;
use crate::common::{Deadline, Subject, Told, limit, outcome};
use eventsource::abi::{
    any, eventsource_log_kind_t, eventsource_log_record_t, eventsource_log_set_callback,
    eventsource_status_t,
};
use eventsource::http::{Coding, Decoder, ErrorKind};
use eventsource::stream::{Close, Decision};
use std::ffi::{CStr, c_void};
use std::ptr::null_mut;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};
use test_server::{Encoder, Exchange, Server};

const CODINGS: [&str; 8] = [
    "gzip",
    "x-gzip",
    "deflate",
    "raw-deflate",
    "br",
    "zstd",
    "deflate, br",
    "zstd, gzip",
];

/// Those of which there is an engine each.
const ENGINES: [&str; 5] = ["gzip", "deflate", "raw-deflate", "br", "zstd"];

fn encoder(codings: &str) -> Encoder {
    Encoder::new(codings).expect("known codings")
}

/// These bytes in one piece, with what ends the coding.
fn encoded(codings: &str, bytes: &[u8]) -> Vec<u8> {
    let mut encoder = encoder(codings);
    let mut encoded = encoder.encode(bytes);
    encoded.extend(encoder.finish());
    encoded
}

/// Begins an event stream whose body is sent as it is, up to the connection's end.
fn head(exchange: &mut Exchange, codings: &str) {
    let codings = codings.replace("raw-", "");
    exchange.head(
        200,
        &[
            ("Content-Type", "text/event-stream"),
            ("Content-Encoding", &codings),
        ],
    );
}

/// A server that answers with this body under this coding, and closes.
fn serving(codings: &str, body: impl Into<Vec<u8>>) -> Server {
    let (codings, body) = (codings.to_owned(), body.into());
    Server::start(move |exchange| {
        head(exchange, &codings);
        exchange.send(&body);
    })
}

#[test]
fn each_flushed_event_is_delivered_before_the_next_is_sent() {
    for codings in CODINGS {
        let (received, next) = channel();
        let next = Mutex::new(next);
        let server = Server::start(move |exchange| {
            if exchange.request.number > 0 {
                return exchange.respond(204, &[], b"");
            }
            exchange.encode(encoder(codings));
            exchange.event_stream();
            for n in 0..5 {
                exchange.event(&format!("event {n}"));
                let came = next.lock().expect("one request").recv_timeout(limit());
                assert!(came.is_ok(), "{codings}: event {n} has not come");
            }
            exchange.end();
        });
        let mut subject = Subject::new(&server.url("/"));
        subject.start();
        let (_, _, headers) = subject.open();
        assert_eq!(headers["content-encoding"], codings.replace("raw-", ""));
        for n in 0..5 {
            assert_eq!(subject.events(1), [format!("event {n}")], "{codings}");
            received.send(()).expect("a server");
        }
        let lost = subject.error();
        assert_eq!(
            lost.kind,
            ErrorKind::EndOfStream,
            "{codings}: {}",
            lost.message
        );
    }
}

#[test]
fn bytes_that_come_one_by_one_are_decoded_too() {
    for codings in CODINGS {
        let body = encoded(codings, b"data: one\n\ndata: two\n\n");
        let server = Server::start(move |exchange| {
            exchange.head(
                200,
                &[
                    ("Content-Type", "text/event-stream"),
                    ("Content-Encoding", &codings.replace("raw-", "")),
                    ("Transfer-Encoding", "chunked"),
                ],
            );
            for byte in &body {
                exchange.chunk([*byte]);
            }
            exchange.end();
        });
        let (lost, events) = outcome(&server);
        assert_eq!(events, ["one", "two"], "{codings}");
        assert_eq!(
            lost.kind,
            ErrorKind::EndOfStream,
            "{codings}: {}",
            lost.message
        );
    }
}

#[test]
fn much_in_few_bytes_comes_whole_and_in_order_also_over_pauses() {
    const EVENTS: usize = 20_000;
    let text: String = (0..EVENTS).map(|n| format!("data: {n}\n\n")).collect();
    for codings in CODINGS {
        let body = encoded(codings, text.as_bytes());
        let server = Server::start(move |exchange| {
            if exchange.request.number > 0 {
                return exchange.respond(204, &[], b"");
            }
            head(exchange, codings);
            exchange.send(&body);
        });
        let mut subject = Subject::new(&server.url("/"));
        let client = subject.client.clone();
        subject.on_told(move |told| {
            if matches!(told, Told::Event { data, .. } if data.ends_with("999")) {
                client.set_paused(true);
                client.set_paused(false);
            }
            Decision::Default
        });
        subject.start();
        let events = subject.events(EVENTS);
        let expected = (0..EVENTS).map(|n| n.to_string());
        assert!(events.into_iter().eq(expected), "{codings}");
        assert_eq!(subject.error().kind, ErrorKind::EndOfStream, "{codings}");
        assert_eq!(subject.close(), Close::Server, "{codings}");
    }
}

/// No block of DEFLATE, nor of zstd, nor a meta-block of brotli begins so.
const CORRUPT: [u8; 64] = [0xFF; 64];

#[test]
fn corrupt_content_is_an_error_that_names_the_coding_and_is_retried() {
    for codings in ENGINES {
        let (received, corrupt) = channel();
        let corrupt = Mutex::new(corrupt);
        let server = Server::start(move |exchange| {
            head(exchange, codings);
            exchange.send(encoder(codings).encode(b"data: before\n\n"));
            let came = corrupt.lock().expect("a request").recv_timeout(limit());
            assert!(came.is_ok(), "{codings}");
            exchange.send(CORRUPT);
            exchange.wait_for_disconnect();
        });
        let mut subject = Subject::new(&server.url("/"));
        subject.start();
        for _ in 0..2 {
            assert_eq!(subject.events(1), ["before"], "{codings}");
            received.send(()).expect("a server");
            let lost = subject.error();
            assert_eq!(
                lost.kind,
                ErrorKind::Decoding,
                "{codings}: {}",
                lost.message
            );
            assert!(lost.retry_in.is_some(), "{codings}");
            let name = codings.replace("raw-", "");
            assert!(lost.message.contains(&name), "{}", lost.message);
        }
        received.send(()).expect("a server");
    }
}

#[test]
fn what_comes_together_with_corrupt_content_and_before_it_counts() {
    // But for brotli's decoder, which keeps it to itself then.
    for codings in ENGINES.into_iter().filter(|name| *name != "br") {
        let before = encoder(codings).encode(b"data: before\n\n");
        let (lost, events) = outcome(&serving(codings, [&before[..], &CORRUPT].concat()));
        assert_eq!(
            lost.kind,
            ErrorKind::Decoding,
            "{codings}: {}",
            lost.message
        );
        assert_eq!(events, ["before"], "{codings}");
    }
}

#[test]
fn content_that_is_not_encoded_at_all_is_corrupt() {
    for codings in ENGINES {
        let (lost, events) = outcome(&serving(codings, "data: plain\n\n".repeat(10)));
        assert_eq!(events.len(), 0, "{codings}");
        assert_eq!(
            lost.kind,
            ErrorKind::Decoding,
            "{codings}: {}",
            lost.message
        );
    }
}

#[test]
fn a_wrong_checksum_is_corrupt() {
    for codings in ["gzip", "deflate"] {
        let mut body = encoded(codings, b"data: one\n\n");
        let checksum = body.len() - if codings == "gzip" { 8 } else { 4 };
        body[checksum] ^= 1;
        let (lost, events) = outcome(&serving(codings, body));
        assert_eq!(events, ["one"], "{codings}");
        assert_eq!(
            lost.kind,
            ErrorKind::Decoding,
            "{codings}: {}",
            lost.message
        );
    }
}

#[test]
fn content_that_ends_within_its_coding_was_cut_off() {
    for codings in CODINGS {
        let server = Server::start(move |exchange| {
            exchange.encode(encoder(codings));
            exchange.event_stream();
            exchange.event("before");
            exchange.encode_no_more();
            exchange.end();
        });
        let (lost, events) = outcome(&server);
        assert_eq!(events, ["before"], "{codings}");
        assert_eq!(
            lost.kind,
            ErrorKind::Disconnected,
            "{codings}: {}",
            lost.message
        );
    }
}

#[test]
fn no_content_at_all_needs_no_coding() {
    for codings in CODINGS {
        let lost = outcome(&serving(codings, "")).0;
        assert_eq!(
            lost.kind,
            ErrorKind::EndOfStream,
            "{codings}: {}",
            lost.message
        );
    }
}

#[test]
fn gzip_and_zstd_may_begin_again_after_their_end_and_nothing_else_may_follow() {
    for codings in ENGINES {
        let [one, two] = [b"data: one\n\n", b"data: two\n\n"].map(|text| encoded(codings, text));
        let again = ["gzip", "zstd"].contains(&codings);
        for (rest, is_fine) in [(&two[..], again), (b"\0\0\0\0\0\0\0\0\0\0\0\0", false)] {
            let (lost, events) = outcome(&serving(codings, [&one, rest].concat()));
            let expected: &[_] = if is_fine { &["one", "two"] } else { &["one"] };
            assert_eq!(events, expected, "{codings}");
            let kind = if is_fine {
                ErrorKind::EndOfStream
            } else {
                ErrorKind::Decoding
            };
            assert_eq!(lost.kind, kind, "{codings}: {}", lost.message);
        }
    }
}

#[test]
fn windows_larger_than_http_allows_are_refused() {
    // A frame's head: no checksum, no size; a window of 16 MiB, then of 8 MiB, which is fine.
    for (window, kind) in [
        (14 << 3, ErrorKind::Decoding),
        (13 << 3, ErrorKind::Disconnected),
    ] {
        let head = [0x28, 0xB5, 0x2F, 0xFD, 0, window, 0, 0];
        let lost = outcome(&serving("zstd", head)).0;
        assert_eq!(lost.kind, kind, "zstd: {}", lost.message);
    }
    // brotli's mark for a large window, and one of 30 bits.
    let lost = outcome(&serving("br", [0x11, 30, 0, 0, 0, 0])).0;
    assert_eq!(lost.kind, ErrorKind::Decoding, "br: {}", lost.message);
}

static WARNINGS: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C-unwind" fn count_warnings(
    record: *const eventsource_log_record_t,
    _: *mut c_void,
) {
    // SAFETY: it is alive, and its texts are strings.
    let (record, text) = unsafe { (&*record, CStr::from_ptr((*record).text)) };
    let is_of_coding = text.to_string_lossy().contains("Content-Encoding");
    // SAFETY: the library has set it.
    let kind = unsafe { record.kind.assume_init() };
    let is_of_http = kind == eventsource_log_kind_t::EVENTSOURCE_LOG_KIND_HTTP;
    WARNINGS.fetch_add((is_of_coding && is_of_http).into(), Relaxed);
}

/// As the Fetch standard has it: codings that are not supported leave the bytes as they are. The log warns of each.
#[test]
fn under_a_coding_that_is_not_known_the_bytes_are_read_as_they_are() {
    // SAFETY: the callback is there for ever.
    let set =
        unsafe { eventsource_log_set_callback(any(2), Some(count_warnings), null_mut(), None) };
    assert_eq!(set, eventsource_status_t::EVENTSOURCE_OK);
    let unknown = [
        "none",
        "utf-8",
        "binary",
        "8bit",
        "aws-chunked",
        "compress",
        "gzip, none",
        "none, gzip",
        "none, gzip, gzip, gzip",
        "\"gzip\"",
        "gzip;q=1",
    ];
    for codings in unknown {
        let (lost, events) = outcome(&serving(codings, "data: one\n\n"));
        assert_eq!(events, ["one"], "{codings}");
        assert_eq!(lost.kind, ErrorKind::EndOfStream, "{codings}");
    }
    // A client that comes again is warned again.
    assert!(WARNINGS.load(Relaxed) >= unknown.len());
}

#[test]
fn more_than_two_codings_are_a_final_error() {
    for codings in ["gzip, br, gzip", "gzip,gzip,gzip,gzip,gzip"] {
        let server = serving(codings, "data: one\n\n");
        let mut subject = Subject::new(&server.url("/"));
        subject.start();
        let lost = subject.error();
        assert_eq!(lost.kind, ErrorKind::ContentEncoding, "{codings}");
        assert_eq!((lost.http_status, lost.retry_in), (200, None), "{codings}");
        assert!(lost.message.contains("content codings"), "{}", lost.message);
        let close = subject.close();
        assert_eq!(close, Close::Failed(ErrorKind::ContentEncoding));
    }
}

/// Windows of brotli are what of a stream's decoders is largest. What has no window that large is measured by this, too.
#[test]
fn what_a_streams_decoders_hold_is_bounded() {
    let _deadline = Deadline::new();
    const WINDOW: usize = 16 << 20;
    // A window of 24 bits, and a meta-block of 16 MiB that is not compressed.
    let stored = |bytes: &[u8]| [&[0xCF, 0xFF, 0xFF, 0xFF], bytes].concat();
    let bytes = stored(&stored(&vec![b'\n'; WINDOW - 4]));
    let mut made = 0;
    let all = Allocations::during(|| {
        let mut decoder = Decoder::new(&[Coding::Brotli; 2]);
        for piece in bytes.chunks(1024) {
            let mut room = usize::MAX;
            let mut take = |data: &[u8]| made += data.len();
            decoder.decode(piece, &mut room, &mut take).expect("brotli");
            while decoder.has_more() {
                decoder.go_on(&mut room, &mut take).expect("brotli");
            }
        }
    });
    assert!(made > WINDOW - 1024, "{made}");
    assert!(all.peak > 2 * WINDOW, "{}", all.peak);
    assert!(all.peak < 2 * WINDOW + (2 << 20), "{}", all.peak);
    assert_eq!(Allocations::held_now(), 0, "it is given back");
}

#[test]
fn names_of_codings_may_be_written_in_any_way() {
    let body = encoded("gzip", b"data: one\n\n");
    for codings in ["GZip", " gzip ,", "identity, gzip", ", , X-GZIP"] {
        assert_eq!(outcome(&serving(codings, &*body)).1, ["one"], "{codings}");
    }
    for codings in ["identity", "", " , Identity"] {
        let server = serving(codings, "data: one\n\n");
        assert_eq!(outcome(&server).1, ["one"], "{codings}");
    }
    let server = Server::start(|exchange| {
        let mut coded = encoder("deflate, gzip");
        let fields = [
            ("Content-Type", "text/event-stream"),
            ("Content-Encoding", "deflate"),
            ("Content-Encoding", "gzip"),
        ];
        exchange.head(200, &fields);
        exchange.send(coded.encode(b"data: one\n\n"));
    });
    assert_eq!(outcome(&server).1, ["one"], "two fields are one list");
}

#[test]
fn the_body_of_an_error_is_decoded() {
    let text = "not today. ".repeat(1000);
    for codings in CODINGS {
        let body = encoded(codings, text.as_bytes());
        let server = Server::start(move |exchange| {
            let codings = codings.replace("raw-", "");
            exchange.respond(503, &[("Content-Encoding", &codings)], &body);
        });
        let lost = outcome(&server).0;
        assert_eq!(lost.kind, ErrorKind::Status, "{codings}");
        assert_eq!(lost.body, text.as_bytes()[..4096], "{codings}");
    }
}

#[test]
fn codings_are_asked_for_when_that_is_switched_on_unless_a_header_says_otherwise() {
    const ALL: &str = "gzip, deflate, br, zstd";
    let other = Server::start(|exchange| {
        exchange.event_stream();
        exchange.wait_for_disconnect();
    });
    let goal = other.url("/");
    let server = Server::start(move |exchange| {
        exchange.respond(307, &[("Location", &goal)], b"");
    });
    type SetUp = fn(&mut eventsource::http::Request);
    let cases: [(SetUp, Option<&str>); 5] = [
        (|_| {}, None),
        (|request| request.set_compression(true), Some(ALL)),
        (
            |request| {
                request.set_compression(true);
                request.set_compression(false);
            },
            None,
        ),
        (
            |request| {
                request.set_compression(true);
                request
                    .set_header("Accept-Encoding", "br")
                    .expect("a header");
            },
            Some("br"),
        ),
        (
            |request| {
                request
                    .set_header("Accept-Encoding", "br")
                    .expect("a header");
                request.set_compression(true);
            },
            Some("br"),
        ),
    ];
    for (number, (set_up, expected)) in cases.into_iter().enumerate() {
        let mut subject = Subject::new(&server.url("/"));
        subject.configure(|settings| set_up(&mut settings.request));
        subject.start();
        subject.open();
        // Another origin may know.
        for server in [&server, &other] {
            let request = &server.wait_for_requests(number + 1)[number];
            let said = request.headers_named("accept-encoding");
            assert_eq!(said, Vec::from_iter(expected), "case {number}");
        }
    }
}

/// Silence is counted on the wire: bytes that are decoded to nothing are a sign of life, and when they stop, the read
/// timeout is over as it would be otherwise.
#[test]
fn bytes_that_are_decoded_to_nothing_break_the_silence_for_as_long_as_they_come() {
    const TIMEOUT: Duration = Duration::from_millis(400);
    for codings in ["gzip", "zstd"] {
        let nothing = encoded(codings, b"");
        let (done, sent) = channel();
        let server = Server::start(move |exchange| {
            head(exchange, codings);
            exchange.send(encoded(codings, b"data: before\n\n"));
            // Three times as long as the timeout, but never silent for half of it.
            for _ in 0..60 {
                exchange.send(&nothing);
                exchange.pause(TIMEOUT / 20);
            }
            let _ = done.send(Instant::now());
            exchange.wait_for_disconnect();
        });
        let mut subject = Subject::new(&server.url("/"));
        subject.configure(|settings| settings.http.read_timeout = Some(TIMEOUT));
        subject.start();
        assert_eq!(subject.events(1), ["before"]);
        let lost = subject.error();
        assert_eq!(lost.kind, ErrorKind::ReadTimeout, "{codings}");
        // With less: a sign of life came one pause before.
        let sent = sent.try_recv().expect("it ended behind the last of them");
        assert!(sent.elapsed() >= TIMEOUT * 18 / 20, "{codings}");
    }
}

/// What is still being decoded is no sign of life of a server that sends nothing any more. It is told all the same, and the
/// timeout that has passed meanwhile is not counted anew behind it.
#[test]
fn a_server_is_silent_while_what_it_sent_is_still_decoded() {
    for codings in ["gzip", "zstd"] {
        // Behind a timer that was late, the socket is looked at for as long as that, up to the timeout. A machine that makes
        // the callbacks take twice as long shows nothing.
        let told = (0..5).any(|_| silence_behind_slow_callbacks(codings));
        assert!(told, "{codings}: the machine is too slow for this test");
    }
}

/// Callbacks take a quarter longer than the read timeout. Whether they took no more than half of it longer; if so, the error
/// came before the timeout had passed once more.
fn silence_behind_slow_callbacks(codings: &'static str) -> bool {
    const TIMEOUT: Duration = Duration::from_secs(2);
    const EVENTS: usize = 60;
    let event = format!("data: {}\n\n", "a".repeat(60_000));
    let server = serving_until_the_client_goes(codings, event.repeat(EVENTS));
    let (told, times) = channel();
    let mut subject = Subject::new(&server.url("/"));
    subject.configure(|settings| settings.http.read_timeout = Some(TIMEOUT));
    subject.on_told(move |what| {
        if let Told::Event { .. } = what {
            thread::sleep(TIMEOUT * 5 / 4 / EVENTS as u32);
        }
        let _ = told.send((matches!(what, Told::Error(_)), Instant::now()));
        Decision::Default
    });
    subject.start();
    assert_eq!(subject.events(EVENTS).len(), EVENTS, "{codings}");
    assert_eq!(subject.error().kind, ErrorKind::ReadTimeout, "{codings}");
    let times: Vec<_> = times.try_iter().collect();
    let error = times
        .iter()
        .position(|(is_error, _)| *is_error)
        .expect("an error");
    let (opened, last, lost) = (times[0].1, times[error - 1].1, times[error].1);
    if last - opened > TIMEOUT * 3 / 2 {
        return false;
    }
    let took = lost - last;
    assert!(took < TIMEOUT, "{codings}: {took:?} behind the last event");
    true
}

/// A server that sends this body at once, and then nothing more.
fn serving_until_the_client_goes(codings: &'static str, body: String) -> Server {
    Server::start(move |exchange| {
        head(exchange, codings);
        exchange.send(encoder(codings).encode(body.as_bytes()));
        exchange.wait_for_disconnect();
    })
}
