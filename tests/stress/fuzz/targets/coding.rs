//! The decoder of content codings.
//!
//! An input is bytes. Of the first, each pair of bits is a coding, up to the last that is not zero: 0 gzip, 1 deflate, 2 br,
//! 3 zstd; the second says into how large pieces the rest is cut, and how much may be decoded in one go.
//!
//! As no event ever comes, there are limits to what few bytes become, and to the work that the layers have for nothing.

#![no_main]

use eventsource::http::{Coding, Decoder, ErrorKind};
use eventsource_fuzz::promise;
use libfuzzer_sys::fuzz_target;

/// More of a bomb is not decoded.
const ENOUGH: usize = 1 << 17;

fuzz_target!(|input: &[u8]| {
    let [codings, cut, bytes @ ..] = input else {
        return;
    };
    let codings = self::codings(*codings);
    let whole = decoded(&codings, bytes, bytes.len().max(1), ENOUGH);
    let size = usize::from(*cut) + 1;
    let cut = decoded(&codings, bytes, size, size);
    // With an error, the libraries keep what they have decoded since they were called: then it may be less, not another.
    let (shorter, longer) = match whole.0.len() < cut.0.len() {
        true => (&whole.0, &cut.0),
        false => (&cut.0, &whole.0),
    };
    let is_corrupt = whole.1 == Some(ErrorKind::Decoding);
    promise!(
        longer.starts_with(shorter),
        "pieces are decoded to something else"
    );
    promise!(
        is_corrupt || longer.len() == shorter.len(),
        "{} bytes are not {}",
        cut.0.len(),
        whole.0.len()
    );
    promise!(cut.1 == whole.1, "{:?} is not {:?}", cut.1, whole.1);
    check_limits(&codings, bytes, size);
});

/// Decodes pieces of that size, where events may hold little.
fn check_limits(codings: &[Coding], bytes: &[u8], size: usize) {
    const EVENT: usize = 64;
    const ROOM: usize = 4096;
    let mut decoder = Decoder::new(codings);
    decoder.allow(EVENT);
    let (mut came, mut made) = (0, 0);
    for piece in bytes.chunks(size) {
        came += piece.len();
        let limit = 8 * EVENT + 1032 * came;
        let mut goes = 0;
        let mut piece = Some(piece);
        while piece.is_some() || decoder.has_more() {
            let mut room = ROOM;
            let mut take = |data: &[u8]| made += data.len();
            let done = match piece.take() {
                Some(piece) => decoder.decode(piece, &mut room, &mut take),
                None => decoder.go_on(&mut room, &mut take),
            };
            goes += 1;
            promise!(made <= limit + ROOM, "{came} bytes become {made}");
            promise!(goes <= limit / ROOM + 2, "{came} bytes take {goes} goes");
            if done.is_err() {
                return;
            }
        }
    }
}

fn codings(mut bits: u8) -> Vec<Coding> {
    let mut codings = Vec::new();
    while codings.is_empty() || bits > 0 {
        codings.push(match bits & 3 {
            0 => Coding::Gzip,
            1 => Coding::Deflate,
            2 => Coding::Brotli,
            _ => Coding::Zstd,
        });
        bits >>= 2;
    }
    codings
}

/// What pieces of that size become, so much at a time, and how it ends.
fn decoded(
    codings: &[Coding],
    bytes: &[u8],
    size: usize,
    at_a_time: usize,
) -> (Vec<u8>, Option<ErrorKind>) {
    let mut decoder = Decoder::new(codings);
    // Not to be at work for long, where nothing comes of it.
    decoder.allow(ENOUGH);
    let mut all = Vec::new();
    for piece in bytes.chunks(size) {
        let mut piece = Some(piece);
        while piece.is_some() || decoder.has_more() {
            let mut room = at_a_time;
            let mut came = 0;
            let mut take = |data: &[u8]| {
                promise!(!data.is_empty(), "something is lent");
                came += data.len();
                all.extend_from_slice(data);
            };
            let done = match piece.take() {
                Some(piece) => decoder.decode(piece, &mut room, &mut take),
                None => decoder.go_on(&mut room, &mut take),
            };
            promise!(
                came + room == at_a_time,
                "{came} of {at_a_time} bytes, and {room}"
            );
            if all.len() >= ENOUGH {
                all.truncate(ENOUGH);
                return (all, None);
            }
            if let Err(error) = done {
                promise!(error.kind == ErrorKind::Decoding, "{:?}", error.kind);
                return (all, Some(error.kind));
            }
        }
    }
    (all, decoder.finish().err().map(|error| error.kind))
}
