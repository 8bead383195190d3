//! A stream of numbered events that tell whether they are whole, in every form that the standard
//! allows, and cut where and how the request says. All of it follows from the request: the same one
//! gets the same bytes.

use std::time::Duration;

use crate::{Exchange, Request};

use super::{Outcome, choice, number};

/// The most events on a connection that is cut before the last one.
const MOST_EVENTS: u64 = 12;
/// Up to here an event may be sent byte by byte, which takes a while.
const FEW_BYTES: usize = 256;
/// Enough for the peer to read what has come before more does.
const MOMENT: Duration = Duration::from_millis(1);

/// Where a connection is cut.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Last,
    Between,
    Inside,
    Head,
    InHead,
}

/// How it is cut.
#[derive(Clone, Copy, PartialEq)]
enum Cut {
    Clean,
    Abort,
    Reset,
    Hold,
    ShortChunk,
    BadChunk,
    Endless,
}

pub fn answer(exchange: &mut Exchange) -> Outcome {
    let request = &exchange.request;
    let seed = number(request, "seed")?.unwrap_or(0);
    let stream = number(request, "stream")?.unwrap_or(0);
    let connection = number(request, "connection")?.unwrap_or(0);
    let count: u64 = number(request, "count")?.unwrap_or(10);
    let at = choice(
        request,
        "at",
        &[
            ("last", At::Last),
            ("between", At::Between),
            ("inside", At::Inside),
            ("head", At::Head),
            ("in-head", At::InHead),
        ],
    )?;
    let cut = choice(
        request,
        "cut",
        &[
            ("clean", Cut::Clean),
            ("abort", Cut::Abort),
            ("reset", Cut::Reset),
            ("hold", Cut::Hold),
            ("short-chunk", Cut::ShortChunk),
            ("bad-chunk", Cut::BadChunk),
            ("endless", Cut::Endless),
        ],
    )?;
    let next = confirmed(request)? + 1;
    if next > count + 1 {
        return Err(format!("Last-Event-ID: there is no event {}", next - 1));
    }

    match at {
        At::Head => {
            end(exchange, cut, b"");
            return Ok(());
        }
        At::InHead => {
            exchange.send("HTTP/1.1 200 OK\r\nContent-Type: text/ev");
            end(exchange, cut, b"");
            return Ok(());
        }
        At::Last | At::Between | At::Inside => {}
    }
    if next > count {
        exchange.respond(204, &[], b"");
        return Ok(());
    }

    exchange.event_stream();
    let mut random = Random::new(&[seed, stream, connection]);
    let here = match at {
        At::Last => u64::MAX,
        _ => random.below(MOST_EVENTS + 1),
    };
    let last = count.min(next.saturating_add(here) - 1);
    let mut delivery = Delivery::new(random);
    delivery.begin();
    for id in next..=last {
        delivery.noise(id - 1);
        delivery.event(seed, stream, id);
        if !delivery.send(exchange) {
            return Ok(());
        }
    }
    delivery.flush(exchange);
    // Of the event after the last one, too, whoever takes half of it for whole has one too many.
    let unfinished = match at {
        At::Inside => delivery.unfinished(seed, stream, last + 1),
        _ => Vec::new(),
    };
    end(exchange, cut, &unfinished);
    Ok(())
}

/// The number in the last event id: 0 before the first event. After it may stand the sign of an id
/// that came without an event.
fn confirmed(request: &Request) -> Result<u64, String> {
    match request.header("Last-Event-ID") {
        None | Some("") => Ok(0),
        Some(id) => id
            .strip_suffix(BARE)
            .unwrap_or(id)
            .parse::<u32>()
            .map(u64::from)
            .map_err(|_| format!("Last-Event-ID: not one of mine: {id}")),
    }
}

/// Marks an id that comes in a block without data, after the event of that number.
const BARE: char = '+';

/// Sends a beginning that never becomes whole, and cuts the connection.
fn end(exchange: &mut Exchange, cut: Cut, unfinished: &[u8]) {
    if cut == Cut::ShortChunk {
        exchange.send(format!("{:x}\r\n", unfinished.len() + 100));
        exchange.send(unfinished);
    } else {
        exchange.chunk(unfinished);
    }
    match cut {
        Cut::Clean => exchange.end(),
        Cut::Abort | Cut::ShortChunk => exchange.abort(),
        Cut::Reset => exchange.reset(),
        Cut::Hold => exchange.wait_for_disconnect(),
        Cut::BadChunk => {
            exchange.send("not a size\r\ndata: never\n\n\r\n");
        }
        Cut::Endless => {
            exchange.chunk("data: ");
            while exchange.chunk(super::FILLER) {}
        }
    }
}

/// Writes a stream in one of its many forms.
struct Delivery {
    random: Random,
    line_end: &'static str,
    pieces: Pieces,
    /// Whole blocks that have not been sent.
    pending: Vec<u8>,
}

/// How a stream is divided into chunks.
#[derive(Clone, Copy)]
enum Pieces {
    /// A chunk for each event.
    Event,
    /// A chunk for several events.
    Events,
    /// Chunks that end anywhere.
    Torn,
    /// A chunk for each byte, slowly.
    Byte,
}

impl Delivery {
    fn new(mut random: Random) -> Delivery {
        Delivery {
            line_end: random.pick(&["\n", "\r", "\r\n"]),
            pieces: random.pick(&[
                Pieces::Event,
                Pieces::Events,
                Pieces::Events,
                Pieces::Torn,
                Pieces::Byte,
            ]),
            random,
            pending: Vec::new(),
        }
    }

    fn line(&mut self, line: &str) {
        self.pending.extend_from_slice(line.as_bytes());
        self.pending.extend_from_slice(self.line_end.as_bytes());
    }

    /// What can stand before everything else.
    fn begin(&mut self) {
        if self.random.chance(25) {
            self.pending.extend_from_slice("\u{feff}".as_bytes());
        }
        if self.random.chance(50) {
            let retry = 1 + self.random.below(30);
            self.line(&format!("retry: {retry}"));
        }
    }

    /// What can stand after event `id` and makes no event, except for a note.
    fn noise(&mut self, id: u64) {
        if self.random.chance(10) {
            self.line(": noise");
        }
        if self.random.chance(5) {
            self.line("noise: yes");
            self.line("");
            self.line("");
        }
        if self.random.chance(5) {
            // A block with nothing but an id counts, and a later event without one inherits it.
            self.line(&format!("id: {id}{BARE}"));
            self.line("");
            self.line("event: note");
            self.line("data");
            self.line("");
        }
    }

    /// An event: the same whenever it is sent, but for its line ends and the place of its id.
    fn event(&mut self, seed: u64, stream: u64, id: u64) {
        let text = text(seed, stream, id);
        let id_first = self.random.chance(50);
        if id_first {
            self.line(&format!("id: {id}"));
        }
        for line in text.split('\n') {
            self.line(&format!("data: {line}"));
        }
        if !id_first {
            self.line(&format!("id:{id}"));
        }
        self.line("");
    }

    /// The beginning of an event, without the empty line that would complete it.
    fn unfinished(&mut self, seed: u64, stream: u64, id: u64) -> Vec<u8> {
        self.event(seed, stream, id);
        let most = self.pending.len() - self.line_end.len();
        let length = 1 + self.random.below(most as u64) as usize;
        self.pending.truncate(length);
        std::mem::take(&mut self.pending)
    }

    /// Sends what is pending, or keeps it to be sent with more.
    fn send(&mut self, exchange: &mut Exchange) -> bool {
        let keep = matches!(self.pieces, Pieces::Events)
            && self.pending.len() < super::CHUNK
            && self.random.chance(70);
        keep || self.flush(exchange)
    }

    fn flush(&mut self, exchange: &mut Exchange) -> bool {
        let pending = std::mem::take(&mut self.pending);
        let mut rest = &pending[..];
        while !rest.is_empty() {
            let length = match self.pieces {
                Pieces::Event | Pieces::Events => rest.len(),
                Pieces::Torn => 1 + self.random.below(rest.len().div_ceil(4) as u64) as usize,
                Pieces::Byte if pending.len() - rest.len() < FEW_BYTES => 1,
                Pieces::Byte => rest.len(),
            };
            let (piece, others) = rest.split_at(length);
            let slowly = length == 1 && rest.len().is_multiple_of(64);
            if !exchange.chunk(piece) || (slowly && !exchange.pause(MOMENT)) {
                return false;
            }
            rest = others;
        }
        true
    }
}

/// What an event says: `<checksum> <stream> <id>`, then any number of lines. The checksum, 64 bits of
/// FNV-1a in hexadecimal, is of all that follows it and its space.
fn text(seed: u64, stream: u64, id: u64) -> String {
    let mut random = Random::new(&[seed, stream, id]);
    let size = match random.below(1000) {
        0..500 => random.below(100),
        500..900 => random.below(1000),
        900..996 => random.below(8 << 10),
        _ => random.below(MOST_BYTES),
    } as usize;
    let mut told = format!("{stream} {id}");
    if size > 0 {
        // What would be something else if it were not data; characters of every length.
        let words = [
            "data: x",
            "id: 0",
            "event:y",
            ":",
            "",
            " ",
            "\n",
            "\n",
            "é€😀",
            "\t\u{feff}",
            "\0",
            "a word",
            "another",
        ];
        let mut some = String::from("\n");
        while some.len() < size.min(super::CHUNK / 32) {
            some += random.pick(&words);
        }
        while told.len() < size {
            told += &some;
        }
    }
    let checksum = told.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3_u64)
    });
    format!("{checksum:016x} {told}")
}

/// The largest event, roughly.
const MOST_BYTES: u64 = 200 << 10;

/// SplitMix64: numbers that look random and follow from the seeds.
struct Random(u64);

impl Random {
    fn new(seeds: &[u64]) -> Random {
        let mut random = Random(0);
        for seed in seeds {
            random.0 ^= seed;
            random.0 = random.next();
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `limit` - 1.
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_then_held, get, receive};
    use super::*;

    /// The ids and data of the events in a stream, notes left out; by the letter of the standard, but
    /// for the fields that this stream does not have.
    fn events(stream: &str) -> Vec<(String, String)> {
        let stream = stream.replace("\r\n", "\n").replace('\r', "\n");
        let mut lines: Vec<_> = stream
            .strip_prefix('\u{feff}')
            .unwrap_or(&stream)
            .split('\n')
            .collect();
        // What comes after the last line end is no line.
        lines.pop();
        let (mut events, mut id, mut data) = (Vec::new(), String::new(), String::new());
        for line in lines {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => id = value.to_owned(),
                "data" => data = data + value + "\n",
                "" if line.is_empty() => {
                    if data.len() > 1 {
                        events.push((id.clone(), data[..data.len() - 1].to_owned()));
                    }
                    data.clear();
                }
                _ => {}
            }
        }
        events
    }

    fn assert_whole(event: &(String, String), stream: u64, id: u64) {
        assert_eq!(event.0, id.to_string());
        assert_eq!(event.1, text(1, stream, id));
    }

    /// The body of an answer, and whether its last chunk came. A chunk may end inside a character.
    fn body(target: &str, headers: &str) -> (String, bool) {
        let (answer, _) = receive(target, headers, usize::MAX);
        let head = answer
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("a head");
        let mut chunks = &answer[head + 4..];
        let mut body = Vec::new();
        let mut complete = false;
        while let Some(line) = chunks.iter().position(|byte| *byte == b'\n') {
            let size = String::from_utf8_lossy(&chunks[..line]);
            let Ok(size) = usize::from_str_radix(size.trim_end(), 16) else {
                break;
            };
            complete = size == 0;
            chunks = &chunks[line + 1..];
            body.extend(&chunks[..size.min(chunks.len())]);
            chunks = chunks.get(size + 2..).unwrap_or_default();
        }
        (String::from_utf8_lossy(&body).into_owned(), complete)
    }

    #[test]
    fn all_events_come_once_and_in_order_however_the_connections_are_cut() {
        for (stream, cut) in ["clean", "abort", "short-chunk", "bad-chunk"]
            .into_iter()
            .enumerate()
        {
            for at in ["between", "inside", "last"] {
                let mut id = 0;
                for connection in 0.. {
                    let (body, complete) = body(
                        &format!(
                            "/chaos?seed=1&stream={stream}&connection={connection}&count=30\
                             &at={at}&cut={cut}"
                        ),
                        &format!("Last-Event-ID: {id}\r\n"),
                    );
                    if body.is_empty() && id == 30 {
                        break;
                    }
                    assert_eq!(complete, cut == "clean", "{cut} {at}");
                    for event in events(&body) {
                        id += 1;
                        assert_whole(&event, stream as u64, id);
                    }
                    assert!(at != "last" || id == 30);
                }
                assert_eq!(id, 30, "{cut} {at}");
            }
        }
    }

    #[test]
    fn the_same_request_gets_the_same_answer() {
        let answer = |seed: u32, stream: u32, connection: u32| {
            body(
                &format!(
                    "/chaos?seed={seed}&stream={stream}&connection={connection}&count=20&at=inside"
                ),
                "",
            )
        };
        let one = answer(3, 4, 5);
        assert!(events(&one.0).len() < 20);
        assert_eq!(one, answer(3, 4, 5));
        assert_ne!(one, answer(2, 4, 5));
        assert_ne!(one, answer(3, 2, 5));
        assert_ne!(one, answer(3, 4, 2));
    }

    #[test]
    fn an_id_without_an_event_is_one_to_continue_after() {
        let (body, _) = body("/chaos?seed=1&count=9", "Last-Event-ID: 8+\r\n");
        let events = events(&body);
        assert_eq!(events.len(), 1);
        assert_whole(&events[0], 0, 9);
        for id in ["x", "-1", "+", "8++", "10", "99999999999"] {
            let answer = get("/chaos?count=9", &format!("Last-Event-ID: {id}\r\n"));
            assert!(answer.starts_with("HTTP/1.1 400 "), "{id}: {answer}");
        }
    }

    #[test]
    fn a_head_can_be_missing_or_broken_off() {
        assert_eq!(get("/chaos?at=head&cut=abort", ""), "");
        assert_eq!(
            get("/chaos?at=in-head&cut=abort", ""),
            "HTTP/1.1 200 OK\r\nContent-Type: text/ev"
        );
        assert_then_held("/chaos?at=head&cut=hold", "");
    }

    #[test]
    fn a_cut_can_be_a_reset_or_silence_or_no_end() {
        let (answer, reset) = receive("/chaos?at=inside&cut=reset", "", usize::MAX);
        assert!(answer.starts_with(b"HTTP/1.1 200 "));
        assert!(reset);
        let (answer, _) = receive("/chaos?at=inside&cut=endless", "", 1 << 20);
        assert_eq!(answer.len(), 1 << 20);
        let whole = get("/chaos?seed=1&count=1", "");
        let held = whole.strip_suffix("0\r\n\r\n").expect("a clean end");
        assert_then_held("/chaos?seed=1&count=1&cut=hold", held);
    }
}
