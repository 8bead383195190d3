//! The parser: what it makes of streams must not depend on how they are cut, and must be what the standard says.
//!
//! An input is text, cut up by ASCII's separators:
//!
//! - its first byte is the event limit; `*` for none;
//! - FS (0x1C) ends a stream; the parser is reset, and the next begins;
//! - GS (0x1D), the first in a stream: what stands before it is set as the last event id;
//! - RS (0x1E) and US (0x1F) cut a stream into pieces; before one that ends in RS, the parser gives back memory.
//!
//! In the parser that is fed in pieces, an item whose text ends in `!` makes the sink ask to stop; the rest is fed then.

#![no_main]

use eventsource::parser::{Item, Parser, Refused};
use eventsource_fuzz::naive::{Got, naive};
use libfuzzer_sys::fuzz_target;
use std::ops::ControlFlow;

const FS: u8 = 0x1C;
const GS: u8 = 0x1D;
const RS: u8 = 0x1E;
const US: u8 = 0x1F;

fuzz_target!(|input: &[u8]| {
    let Some((limit, streams)) = input.split_first() else {
        return;
    };
    let limit = match limit {
        b'*' => usize::MAX,
        limit => usize::from(*limit),
    };
    let (mut whole, mut cut) = (Parser::new(limit), Parser::new(limit));
    for stream in streams.split(|byte| *byte == FS) {
        let stream = match stream.iter().position(|byte| *byte == GS) {
            Some(at) => {
                let id = String::from_utf8_lossy(&stream[..at]).replace('\0', "");
                whole.set_last_event_id(&id);
                cut.set_last_event_id(&id);
                &stream[at + 1..]
            }
            None => stream,
        };
        check(stream, &mut whole, &mut cut);
        whole.reset();
        cut.reset();
    }
});

/// One stream: in one piece, in pieces, and by the naive reading, which knows no limit.
fn check(stream: &[u8], whole: &mut Parser, cut: &mut Parser) {
    let before = whole.last_event_id().as_str().to_owned();
    let mut bytes = stream.to_vec();
    bytes.retain(|byte| !matches!(*byte, RS | US));

    let mut of_whole = Vec::new();
    let end_of_whole = whole.feed(&bytes, &mut |item: Item<'_>| {
        of_whole.push(Got::from(item));
        ControlFlow::Continue(())
    });
    assert!(end_of_whole.is_err() || end_of_whole == Ok(bytes.len()));

    let mut of_cut = Vec::new();
    let end_of_cut = stream
        .split_inclusive(|byte| matches!(*byte, RS | US))
        .try_for_each(|piece| {
            let (separator, bytes) = match piece {
                [bytes @ .., separator @ (RS | US)] => (*separator, bytes),
                bytes => (US, bytes),
            };
            if separator == RS {
                cut.shrink();
            }
            feed_in_parts(cut, bytes, &mut of_cut)
        });
    assert_eq!(of_cut, of_whole);
    assert_eq!(end_of_cut.err(), end_of_whole.err());
    assert_eq!(cut.last_event_id().as_str(), whole.last_event_id().as_str());

    let mut expected = naive(&bytes, &before);
    if end_of_whole.is_err() {
        expected.truncate(of_whole.len());
    }
    assert_eq!(of_whole, expected);
    let id = of_whole.iter().rev().find_map(|got| match got {
        Got::LastEventId(id) => Some(id),
        _ => None,
    });
    assert_eq!(whole.last_event_id().as_str(), id.unwrap_or(&before));
}

/// Feeds bytes with a sink that asks to stop now and then.
fn feed_in_parts(parser: &mut Parser, mut bytes: &[u8], got: &mut Vec<Got>) -> Result<(), Refused> {
    loop {
        let fed = parser.feed(bytes, &mut |item: Item<'_>| {
            let item = Got::from(item);
            let stop = match &item {
                Got::Event { data: text, .. } | Got::Comment(text) | Got::LastEventId(text) => {
                    text.ends_with('!')
                }
                Got::Retry(_) => false,
            };
            got.push(item);
            if stop {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        assert!(fed > 0 || bytes.is_empty(), "it gets on");
        bytes = &bytes[fed..];
        if bytes.is_empty() {
            return Ok(());
        }
    }
}
