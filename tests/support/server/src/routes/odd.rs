//! What the standard allows, and what a binding may have taken for granted: events without ids and without data, NULs, bytes
//! that are not UTF-8, and one event that is large. What a client must make of it is served, too, so that the tests of all
//! bindings compare with one list.

use crate::Exchange;

use super::{Outcome, quoted};

/// Bytes of the stream, and the events that they end: type, data and last event id.
type Step = (
    &'static [u8],
    &'static [(&'static str, &'static str, &'static str)],
);

const STEPS: &[Step] = &[
    (b": a comment\n\n", &[]),
    (b"data: no id\n\n", &[("message", "no id", "")]),
    (b"data\n\n", &[("message", "", "")]),
    (b"event: without data\n\n", &[]),
    (b"event: empty\ndata:\n\n", &[("empty", "", "")]),
    (b"id: only an id\n\n", &[]),
    (
        "event: ünïcode\nid: é\ndata: \u{1f600}\n\n".as_bytes(),
        &[("ünïcode", "\u{1f600}", "é")],
    ),
    (
        b"event:\ndata: a\ndata:\ndata: b\r\n\r\n",
        &[("message", "a\n\nb", "é")],
    ),
    (b"data: a\0b\0\n\n", &[("message", "a\0b\0", "é")]),
    (b"event: \0\ndata: x\n\n", &[("\0", "x", "é")]),
    (b"id: not\0taken\ndata: y\n\n", &[("message", "y", "é")]),
    (
        b"data: \xff, \xc3(, \xe2\x82, \xed\xa0\x80, \xf0\x9f\x98\n\n",
        &[(
            "message",
            "\u{fffd}, \u{fffd}(, \u{fffd}, \u{fffd}\u{fffd}\u{fffd}, \u{fffd}",
            "é",
        )],
    ),
    (
        b"event: \xfe\nid: \xc0\xaf\ndata: z\n\n",
        &[("\u{fffd}", "z", "\u{fffd}\u{fffd}")],
    ),
    (
        b"id\ndata: the id is cleared\n\n",
        &[("message", "the id is cleared", "")],
    ),
];

/// The last but one event's data: so many times this.
const LARGE: (&str, usize) = ("large\0", 512 * 1024);
/// The last event's id. Who sends it has them all.
const END: &str = "end";

pub fn answer(exchange: &mut Exchange) -> Outcome {
    if exchange.request.query("as") == Some("json") {
        let json = expected();
        exchange.respond(
            200,
            &[("Content-Type", "application/json")],
            json.as_bytes(),
        );
        return Ok(());
    }
    if exchange.request.header("Last-Event-ID") == Some(END) {
        exchange.respond(204, &[], b"");
        return Ok(());
    }
    exchange.event_stream();
    for (bytes, _) in STEPS {
        exchange.chunk(bytes);
    }
    exchange.chunk(format!("data: {}\n\n", LARGE.0.repeat(LARGE.1)));
    exchange.chunk(format!(
        "id: {END}\nretry: 1\ndata: last\n\ndata: never ended"
    ));
    exchange.end();
    Ok(())
}

/// The events as a JSON array of [type, data, last event id].
fn expected() -> String {
    let large = LARGE.0.repeat(LARGE.1);
    let rest = [("message", large.as_str(), ""), ("message", "last", END)];
    let events: Vec<_> = STEPS
        .iter()
        .flat_map(|(_, events)| events.iter().copied())
        .chain(rest)
        .map(|(kind, data, id)| format!("[{},{},{}]", quoted(kind), quoted(data), quoted(id)))
        .collect();
    format!("[{}]", events.join(","))
}
