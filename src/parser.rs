//! The event stream parser: bytes in, events out, no I/O.
//!
//! It follows the WHATWG HTML standard, sections 9.2.5 "Parsing an event stream" and 9.2.6 "Interpreting an event
//! stream", byte for byte and in the standard's terms, with one addition: the last event ID outlives the stream
//! ([`Parser::reset`]), so that the next one can go on where it ended.
//!
//! A line is never collected. Its field is known once its name is read, and from then on the bytes of its value go
//! straight to the buffer that they are meant for. So a value is held once, however long, and however it arrives.
//!
//! Internal: public for the library's own tests and fuzzing, not an API.

mod line_ends;

use crate::buffer::{Buffer, OutOfMemory};
use std::error::Error;
use std::fmt;
use std::mem;
use std::ops::ControlFlow;

use line_ends::LineEnds;
use memchr::memchr;

const BOM: &[u8] = "\u{FEFF}".as_bytes();
const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

/// What a buffer keeps when it gives memory back, so that a quiet stream does not allocate after every pause.
const KEPT_CAPACITY: usize = 1024;

/// Decoded text: valid UTF-8, followed in memory by a NUL that is not part of it, so that it can be lent to C.
///
/// The text may itself contain U+0000, unless it is a last event ID: the standard ignores an ID with one.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    terminated: &'a [u8],
}

impl<'a> Text<'a> {
    /// `terminated` is valid UTF-8 that ends in a NUL; every caller upholds this.
    fn new(terminated: &'a [u8]) -> Self {
        debug_assert_eq!(terminated.last(), Some(&0));
        Self { terminated }
    }

    /// The text, without its terminator.
    pub fn as_str(&self) -> &'a str {
        debug_assert!(str::from_utf8(self.terminated).is_ok());
        // SAFETY: `new` is private to this module and given valid UTF-8 only: text out of input that was validated, or
        // whose malformed bytes were replaced before anybody saw it. Cutting off the NUL leaves whole characters.
        unsafe { str::from_utf8_unchecked(&self.terminated[..self.len()]) }
    }

    /// Where the text begins; a NUL follows its last byte.
    pub fn as_ptr(&self) -> *const u8 {
        self.terminated.as_ptr()
    }

    /// How many bytes the text has, without its terminator.
    pub fn len(&self) -> usize {
        self.terminated.len() - 1
    }

    /// Whether the text has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy.
    pub fn keep(self) -> Result<KeptText, OutOfMemory> {
        let mut copy = Buffer::new();
        copy.try_reserve_exact(self.terminated.len())?;
        copy.extend_from_slice(self.terminated);
        Ok(KeptText(copy))
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// A text that outlives the parsing of its line.
pub struct KeptText(Buffer);

impl KeptText {
    /// The text.
    pub fn text(&self) -> Text<'_> {
        Text::new(&self.0)
    }
}

/// An event as the standard dispatches it.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Its type: "message" when the stream names none.
    pub event_type: Text<'a>,
    /// Its data: the values of its `data` fields, joined by LF.
    pub data: Text<'a>,
    /// The last event ID, from this event or an earlier one; empty when there is none.
    pub last_event_id: Text<'a>,
}

/// What a stream can hold, in stream order.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A blank line ended a block with data.
    Event(Event<'a>),
    /// A comment line: what follows its colon, without one leading space.
    Comment(Text<'a>),
    /// The server asks for this reconnection time, in milliseconds.
    Retry(u64),
    /// A blank line changed the last event ID. Comes before the event of the same block, if there is one.
    LastEventId(Text<'a>),
}

/// Why an event cannot be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The stream wants more memory than the parser's limit.
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// It wants more than the system has.
    NoMemory(OutOfMemory),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::TooLarge { limit } => {
                write!(f, "an event is larger than the limit of {limit} bytes")
            }
            Refused::NoMemory(error) => write!(f, "an event cannot be held: {error}"),
        }
    }
}

impl Error for Refused {}

/// Where items go; any suitable closure is one.
pub trait Sink {
    /// Receives an item. `Break` asks the parser to stop behind it.
    fn accept(&mut self, item: Item<'_>) -> ControlFlow<()>;

    /// Whether comments are wanted. Else nothing of them is kept, so that none is too large.
    fn wants_comments(&self) -> bool {
        true
    }
}

impl<F: FnMut(Item<'_>) -> ControlFlow<()>> Sink for F {
    #[inline]
    fn accept(&mut self, item: Item<'_>) -> ControlFlow<()> {
        self(item)
    }
}

/// Why reading stopped before the end of the input.
enum Stop {
    Asked,
    Refused(Refused),
}

fn accepted(accepted: ControlFlow<()>) -> Result<(), Stop> {
    match accepted {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Stop::Asked),
    }
}

/// Hands over what is not an event; out of line, so that the sink's own code for events can be where they are found.
#[inline(never)]
fn give(sink: &mut impl Sink, item: Item<'_>) -> Result<(), Stop> {
    accepted(sink.accept(item))
}

/// What a line is about.
#[derive(Clone, Copy)]
enum Field {
    Data,
    Event,
    Id,
    /// With the digits so far.
    Retry(Option<u64>),
    /// In the grammar a line of its own kind; here a field without a name.
    Comment,
    /// Unknown, or invalid in a way that makes the standard ignore it.
    Ignored,
}

impl Field {
    const NAMES: [(&[u8], Self); 5] = [
        (b"data:", Self::Data),
        (b"event:", Self::Event),
        (b"id:", Self::Id),
        (b"retry:", Self::Retry(None)),
        (b":", Self::Comment),
    ];
    const LONGEST_NAME: usize = "event:".len();

    /// The known field that `line` begins with, and what follows its colon.
    fn split(line: &[u8]) -> Option<(Self, &[u8])> {
        Self::NAMES
            .iter()
            .find_map(|(name, field)| Some((*field, line.strip_prefix(*name)?)))
    }
}

/// A field's value while it is read.
struct Value {
    field: Field,
    /// Where it begins in the field's buffer.
    start: usize,
    /// Nothing of it has come: its first byte may be the space to remove.
    is_fresh: bool,
    /// It has bytes of an input that was not valid UTF-8 on its own.
    is_suspect: bool,
}

/// A parser of one event stream after another.
pub struct Parser {
    limit: usize,

    // The event so far.
    data: Buffer,
    event_type: Buffer,
    /// The last event ID buffer, if `id_is_set`; else that buffer equals the last event ID.
    id: Buffer,
    id_is_set: bool,
    /// The last event ID, and a NUL.
    last_event_id: Buffer,

    // The line so far.
    /// The value being read, once the field is known.
    value: Option<Value>,
    /// Before the field is known, the start of a line that comes in pieces. Then a value that counts for nothing before
    /// its line has ended: a comment, an ID.
    scratch: Buffer,

    // The input so far.
    bom_bytes_seen: usize,
    after_cr: bool,
    input_is_utf8: bool,
    keeps_comments: bool,
    /// Something has come that is no item: a comment that is not wanted, or the last event ID once more.
    has_passed_over: bool,

    /// All buffers have, together, no more capacity than the limit: what fits into one need not be counted.
    fits: bool,
}

impl Parser {
    /// A parser that holds at most `limit` bytes of what is unfinished, and a small constant more: type, data and ID of an
    /// event, the comment or value being read. The last event ID does not count: it did in the event that brought it, and a
    /// large one is no reason to refuse all events that follow.
    pub fn new(limit: usize) -> Self {
        let mut last_event_id = Buffer::new();
        last_event_id.push(0);
        Self {
            limit,
            data: Buffer::new(),
            event_type: Buffer::new(),
            id: Buffer::new(),
            id_is_set: false,
            last_event_id,
            value: None,
            scratch: Buffer::new(),
            bom_bytes_seen: 0,
            after_cr: false,
            input_is_utf8: true,
            keeps_comments: true,
            has_passed_over: false,
            fits: true,
        }
    }

    /// Parses what has come of the body, hands what that completes to `sink`, and returns how many bytes it has parsed: all,
    /// unless `sink` returns `Break`. Then the rest is what comes next, unless the parser is [reset](Self::reset). The
    /// event of a block at whose id `sink` returns that is handed over all the same.
    ///
    /// An error resets the parser. A caller that survives a panic of `sink` has to reset it.
    pub fn feed(&mut self, input: &[u8], sink: &mut impl Sink) -> Result<usize, Refused> {
        let mut rest = input;
        match self.read(&mut rest, sink) {
            Ok(()) => Ok(input.len()),
            Err(Stop::Asked) => Ok(input.len() - rest.len()),
            Err(Stop::Refused(refused)) => {
                // Also because a value that was cut off may hold bytes that have yet to be decoded.
                self.reset();
                Err(refused)
            }
        }
    }

    /// Ends the stream and expects another: an unfinished event is dropped, and with it an ID that no blank line has
    /// committed. The last event ID stays.
    pub fn reset(&mut self) {
        self.data.clear();
        self.event_type.clear();
        self.id.clear();
        self.id_is_set = false;
        self.value = None;
        self.scratch.clear();
        self.bom_bytes_seen = 0;
        self.after_cr = false;
    }

    /// The last event ID: what a request that goes on with the stream sends.
    pub fn last_event_id(&self) -> Text<'_> {
        Text::new(&self.last_event_id)
    }

    /// Whether, since this was last asked, something has come that was no item: a comment that was not wanted, or an ID that is
    /// the last event ID already.
    pub fn has_passed_over(&mut self) -> bool {
        mem::take(&mut self.has_passed_over)
    }

    /// Replaces the last event ID. One that the unfinished event has set still comes after it, wherever the input was
    /// split.
    pub fn set_last_event_id(&mut self, id: &str) {
        self.last_event_id.clear();
        self.last_event_id.extend_from_slice(id.as_bytes());
        terminate(&mut self.last_event_id);
        self.capacity_changed();
    }

    /// Gives back memory that holds nothing, but for 1 KiB per buffer that keeps small events free of allocations. For
    /// a stream that goes idle: after every event it would cost more than the parsing.
    pub fn shrink(&mut self) {
        for buffer in self.buffers() {
            buffer.shrink_to(KEPT_CAPACITY);
        }
        self.capacity_changed();
    }

    /// Whether [`shrink`](Self::shrink) is worth its while.
    pub fn has_much_to_spare(&mut self) -> bool {
        let spare = |buffer: &mut Buffer| buffer.capacity() - buffer.len();
        self.buffers().into_iter().map(spare).max() > Some(4 * KEPT_CAPACITY)
    }

    // Below, `inline(always)` is for the fields: the optimiser, left to itself, asks at every step of every line which
    // one it is, at a third more instructions per event.

    /// Reads `input`, and leaves in it what follows the line at which the sink stopped it.
    fn read(&mut self, input: &mut &[u8], sink: &mut impl Sink) -> Result<(), Stop> {
        let rest = self.skip_bom(input);
        self.input_is_utf8 = is_utf8(rest);
        self.keeps_comments = sink.wants_comments();
        let mut next = 0;
        let read = self.read_lines(rest, &mut next, sink);
        if read.is_ok() {
            next = rest.len();
        }
        if let Some(last) = rest[..next].last() {
            self.after_cr = *last == b'\r';
        }
        *input = &rest[next..];
        read
    }

    /// Reads lines, and in the end the beginning of one. When it stops early, `next` is where the next line begins.
    fn read_lines(
        &mut self,
        input: &[u8],
        next: &mut usize,
        sink: &mut impl Sink,
    ) -> Result<(), Stop> {
        let mut ends = LineEnds::new(input);
        if self.is_within_line()
            && let Some(end) = ends.next()
        {
            *next = end + 1;
            self.end_line(&input[..end], sink)?;
        }
        for end in ends {
            let start = mem::replace(next, end + 1);
            if start < end {
                self.read_line(&input[start..end], sink)?;
                continue;
            }
            let is_after_cr = match end {
                0 => self.after_cr,
                _ => input[end - 1] == b'\r',
            };
            let is_lf_of_crlf = is_after_cr && input[end] == b'\n';
            if !is_lf_of_crlf {
                self.dispatch(sink)?;
            }
        }
        let rest = &input[*next..];
        if !rest.is_empty()
            && let Some((mut value, bytes)) = self.value_in(rest)
        {
            self.read_value(&mut value, bytes)?;
            self.value = Some(value);
        }
        Ok(())
    }

    /// Removes what `input` has of one leading BOM.
    fn skip_bom<'i>(&mut self, mut input: &'i [u8]) -> &'i [u8] {
        while let (Some(expected), Some((byte, rest))) =
            (BOM.get(self.bom_bytes_seen), input.split_first())
        {
            if byte != expected {
                // What looked like a BOM begins the first line.
                self.scratch.extend_from_slice(&BOM[..self.bom_bytes_seen]);
                self.capacity_changed();
                self.bom_bytes_seen = BOM.len();
                break;
            }
            self.bom_bytes_seen += 1;
            input = rest;
        }
        input
    }

    fn is_within_line(&self) -> bool {
        self.value.is_some() || !self.scratch.is_empty()
    }

    /// Processes a line that has been read in part and goes on with `rest`.
    fn end_line(&mut self, rest: &[u8], sink: &mut impl Sink) -> Result<(), Stop> {
        // A line without a colon means the same as with one at its end.
        match self.value_in(rest).or_else(|| self.value_in(b":")) {
            Some((value, bytes)) => self.end_value(value, bytes, sink),
            None => Ok(()),
        }
    }

    /// Processes a whole line that is not blank.
    #[inline(always)]
    fn read_line(&mut self, line: &[u8], sink: &mut impl Sink) -> Result<(), Stop> {
        // Most lines are of data, and with the field a constant they take a third less.
        if let Some(bytes) = line.strip_prefix(b"data:") {
            let value = self.begin_value(Field::Data);
            return self.end_value(value, bytes, sink);
        }
        // A flood of heartbeats is to cost next to nothing.
        if line.starts_with(b":") && !self.keeps_comments {
            self.has_passed_over = true;
            return Ok(());
        }
        self.end_line(line, sink)
    }

    /// The value that `piece` of a line belongs to, and what of the piece does. None while the name is incomplete.
    #[inline(always)]
    fn value_in<'i>(&mut self, piece: &'i [u8]) -> Option<(Value, &'i [u8])> {
        if let Some(value) = self.value.take() {
            return Some((value, piece));
        }
        let (field, bytes) = match Field::split(piece) {
            Some(found) if self.scratch.is_empty() => found,
            _ => self.read_name(piece)?,
        };
        let field = match field {
            Field::Comment if !self.keeps_comments => {
                self.has_passed_over = true;
                Field::Ignored
            }
            field => field,
        };
        Some((self.begin_value(field), bytes))
    }

    /// Reads on in a field name that comes in pieces or is unknown; no more of it than tells which.
    #[cold]
    fn read_name<'i>(&mut self, piece: &'i [u8]) -> Option<(Field, &'i [u8])> {
        let head = &piece[..piece.len().min(Field::LONGEST_NAME)];
        let end = memchr(b':', head).map_or(head.len(), |colon| colon + 1);
        self.scratch.extend_from_slice(&head[..end]);
        self.capacity_changed();
        if !self.scratch.ends_with(b":") && self.scratch.len() < Field::LONGEST_NAME {
            return None;
        }
        let field = Field::split(&self.scratch).map_or(Field::Ignored, |(field, _)| field);
        self.scratch.clear();
        Some((field, &piece[end..]))
    }

    #[inline(always)]
    fn begin_value(&mut self, field: Field) -> Value {
        if let Field::Event = field {
            self.event_type.clear();
        }
        Value {
            field,
            start: self.buffer(field).len(),
            is_fresh: true,
            is_suspect: false,
        }
    }

    #[inline(always)]
    fn read_value(&mut self, value: &mut Value, mut bytes: &[u8]) -> Result<(), Stop> {
        if value.is_fresh && !bytes.is_empty() {
            value.is_fresh = false;
            bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
        }
        match value.field {
            Field::Data | Field::Event | Field::Id | Field::Comment => {
                value.is_suspect |= !self.input_is_utf8;
                self.reserve(value.field, bytes.len())?;
                self.buffer(value.field).extend_from_slice(bytes);
            }
            Field::Retry(time) => value.field = read_digits(time, bytes),
            Field::Ignored => {}
        }
        Ok(())
    }

    /// Processes a field, of whose value `bytes` had yet to be read.
    #[inline(always)]
    fn end_value(
        &mut self,
        mut value: Value,
        bytes: &[u8],
        sink: &mut impl Sink,
    ) -> Result<(), Stop> {
        self.read_value(&mut value, bytes)?;
        if value.is_suspect {
            self.decode(value.field, value.start)?;
        }
        match value.field {
            Field::Data => self.data.push(b'\n'),
            Field::Id => {
                if memchr(0, &self.scratch).is_none() {
                    mem::swap(&mut self.id, &mut self.scratch);
                    self.id_is_set = true;
                }
                self.scratch.clear();
            }
            Field::Retry(Some(time)) => give(sink, Item::Retry(time))?,
            Field::Comment => {
                let accepted = give(sink, Item::Comment(terminate(&mut self.scratch)));
                self.scratch.clear();
                accepted?;
            }
            Field::Event | Field::Retry(None) | Field::Ignored => {}
        }
        Ok(())
    }

    /// A blank line: the standard's "dispatch the event".
    #[inline(always)]
    fn dispatch(&mut self, sink: &mut impl Sink) -> Result<(), Stop> {
        if !self.id_is_set {
            return self.dispatch_data(sink);
        }
        let accepted = self.commit_id(sink);
        // Also if the sink has had enough with its id, which says that it has been delivered.
        self.dispatch_data(sink).and(accepted)
    }

    #[inline(always)]
    fn dispatch_data(&mut self, sink: &mut impl Sink) -> Result<(), Stop> {
        let mut flow = ControlFlow::Continue(());
        if let Some(last_line_feed) = self.data.last_mut() {
            *last_line_feed = 0;
            let event_type = if self.event_type.is_empty() {
                Text::new(b"message\0")
            } else {
                terminate(&mut self.event_type)
            };
            let (data, last_event_id) = (Text::new(&self.data), Text::new(&self.last_event_id));
            flow = sink.accept(Item::Event(Event {
                event_type,
                data,
                last_event_id,
            }));
            self.data.clear();
        }
        self.event_type.clear();
        accepted(flow)
    }

    fn commit_id(&mut self, sink: &mut impl Sink) -> Result<(), Stop> {
        self.id_is_set = false;
        terminate(&mut self.id);
        mem::swap(&mut self.id, &mut self.last_event_id);
        let changed = *self.id != *self.last_event_id;
        self.id.clear();
        if changed {
            give(sink, Item::LastEventId(Text::new(&self.last_event_id)))
        } else {
            self.has_passed_over = true;
            Ok(())
        }
    }

    /// The standard's UTF-8 decoding: puts U+FFFD for what is malformed in the value that begins at `start`. Doing it value
    /// by value is no different: a value lies between ASCII bytes, and those end a malformed sequence. It is done in place
    /// because a second copy could break the limit.
    #[cold]
    fn decode(&mut self, field: Field, start: usize) -> Result<(), Stop> {
        if simdutf8::basic::from_utf8(&self.buffer(field)[start..]).is_ok() {
            return Ok(());
        }
        let growth = self.buffer(field)[start..]
            .utf8_chunks()
            .filter(|chunk| !chunk.invalid().is_empty())
            .map(|chunk| REPLACEMENT.len() - chunk.invalid().len())
            .sum();
        self.reserve(field, growth)?;

        let buffer = self.buffer(field);
        let end = buffer.len();
        buffer.extend_with_zeros(growth);
        buffer.copy_within(start..end, start + growth);
        // The gap between the two is the growth still to come, so writing never overtakes reading.
        let (mut written, mut read) = (start, start + growth);
        while let Some(chunk) = buffer[read..].utf8_chunks().next() {
            let (valid, invalid) = (chunk.valid().len(), chunk.invalid().len());
            buffer.copy_within(read..read + valid, written);
            written += valid;
            read += valid + invalid;
            if invalid > 0 {
                buffer[written..][..REPLACEMENT.len()].copy_from_slice(REPLACEMENT);
                written += REPLACEMENT.len();
            }
        }
        Ok(())
    }

    /// The buffer that the field's value goes to.
    fn buffer(&mut self, field: Field) -> &mut Buffer {
        match field {
            Field::Data => &mut self.data,
            Field::Event => &mut self.event_type,
            _ => &mut self.scratch,
        }
    }

    fn buffers(&mut self) -> [&mut Buffer; 5] {
        [
            &mut self.data,
            &mut self.event_type,
            &mut self.id,
            &mut self.last_event_id,
            &mut self.scratch,
        ]
    }

    /// What counts towards the limit while a value of `field` is read.
    fn held(&self, field: Field) -> usize {
        let data = match field {
            Field::Data => self.data.len(),
            // Without the last line feed: it is in the event only if more data follows.
            _ => self.data.len().saturating_sub(1),
        };
        data + self.event_type.len() + self.id.len() + self.scratch.len()
    }

    /// Makes room for `more` bytes of the field's value and for what ends it, a line feed or NUL.
    #[inline(always)]
    fn reserve(&mut self, field: Field, more: usize) -> Result<(), Stop> {
        let has_room = |buffer: &mut Buffer| buffer.capacity() - buffer.len() > more;
        if self.fits && has_room(self.buffer(field)) {
            return Ok(());
        }
        let held = self.held(field);
        if held + more > self.limit {
            return Err(Stop::Refused(Refused::TooLarge { limit: self.limit }));
        }
        if !has_room(self.buffer(field)) {
            let grown = self.grow(field, more, self.limit - held);
            grown.map_err(|error| Stop::Refused(Refused::NoMemory(error)))?;
        }
        Ok(())
    }

    fn capacity_changed(&mut self) {
        self.fits = self.capacity() <= self.limit;
    }

    fn capacity(&mut self) -> usize {
        self.buffers().iter().map(|buffer| buffer.capacity()).sum()
    }

    /// Doubles the field's buffer, or adds all that the limit leaves room for, if that is less. If the capacity of all
    /// buffers would exceed the limit, what the others do not use is given back first.
    #[cold]
    fn grow(&mut self, field: Field, more: usize, room: usize) -> Result<(), OutOfMemory> {
        let buffer = self.buffer(field);
        let doubling = 2 * buffer.capacity() - buffer.len();
        let growth = more.max(doubling).min(room) + 1;
        if self.capacity() + growth > self.limit {
            self.shrink();
        }
        // Where there is too little for that, the rest is left to those who cannot do without.
        let grown = self.buffer(field).try_reserve_exact(growth);
        self.capacity_changed();
        grown
    }
}

/// Whether the input is valid UTF-8 on its own.
fn is_utf8(input: &[u8]) -> bool {
    /// With less, looking for what is not ASCII is quicker.
    const WORTH_VECTORS: usize = 64;
    input.len() < WORTH_VECTORS && input.is_ascii() || simdutf8::basic::from_utf8(input).is_ok()
}

/// The `retry` field whose value goes on with `bytes`; an ignored one if they are not all ASCII digits.
fn read_digits(mut time: Option<u64>, bytes: &[u8]) -> Field {
    for byte in bytes {
        if !byte.is_ascii_digit() {
            return Field::Ignored;
        }
        let tens = time.unwrap_or(0).saturating_mul(10);
        time = Some(tens.saturating_add(u64::from(byte - b'0')));
    }
    Field::Retry(time)
}

/// Lends the buffer as text, with the NUL put after it. Not by a mere push: that could double a large buffer.
fn terminate(buffer: &mut Buffer) -> Text<'_> {
    buffer.reserve_exact(1);
    buffer.push(0);
    Text::new(buffer)
}
