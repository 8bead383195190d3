//! The event stream parser: bytes in, events out, no I/O.
//!
//! It follows the WHATWG HTML standard, sections 9.2.5 "Parsing an event stream" and 9.2.6 "Interpreting an event
//! stream", byte for byte and in the standard's terms, with one addition: the last event ID outlives the stream
//! ([`Parser::reset`]), so that the next one can be resumed.
//!
//! A line is never collected. Its field is known once its name is read, and from then on the bytes of its value go
//! straight to the buffer that they are meant for. So a value is held once, however long, and however it arrives.

use std::error::Error;
use std::fmt;
use std::mem;
use std::ops::ControlFlow;

use memchr::{memchr, memchr2};

const BOM: &[u8] = "\u{FEFF}".as_bytes();
const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

/// Capacity that a buffer keeps when it gives memory back: enough that a quiet stream of small events does not allocate
/// anew after every pause.
const KEPT_CAPACITY: usize = 1024;

/// Decoded text: valid UTF-8, followed in memory by a NUL that is not part of it, so that it can be lent to C.
///
/// The text itself may contain U+0000 as well, except in a last event ID.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    terminated: &'a [u8],
}

impl<'a> Text<'a> {
    /// `terminated` is valid UTF-8 that ends in a NUL; every caller upholds this.
    fn new(terminated: &'a [u8]) -> Self {
        debug_assert_eq!(terminated.last(), Some(&0));
        debug_assert!(str::from_utf8(terminated).is_ok());
        Self { terminated }
    }

    /// The text, without its terminator.
    pub fn as_str(&self) -> &'a str {
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
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
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

/// The stream wants more memory than the parser's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// The limit, in bytes.
    pub limit: usize,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "an event is larger than the limit of {} bytes",
            self.limit
        )
    }
}

impl Error for TooLarge {}

/// Why reading stopped before the end of the input.
enum Stop {
    Asked,
    TooLarge,
}

/// What a line sets, by its field name. A comment is a line whose name is empty.
#[derive(Clone, Copy, PartialEq)]
enum Field {
    Comment,
    Data,
    Event,
    Id,
    Retry,
    Ignored,
}

impl Field {
    fn named(name: &[u8]) -> Self {
        match name {
            b"" => Self::Comment,
            b"data" => Self::Data,
            b"event" => Self::Event,
            b"id" => Self::Id,
            b"retry" => Self::Retry,
            _ => Self::Ignored,
        }
    }
}

/// The field name of a line that came in pieces. It holds one byte more than the longest known name has, which is enough
/// to tell that a name is unknown.
#[derive(Default)]
struct Name {
    bytes: [u8; Name::CAPACITY],
    len: usize,
}

impl Name {
    const CAPACITY: usize = "event".len() + 1;

    fn push(&mut self, piece: &[u8]) {
        let taken = piece.len().min(Self::CAPACITY - self.len);
        self.bytes[self.len..][..taken].copy_from_slice(&piece[..taken]);
        self.len += taken;
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A parser of one event stream after another.
pub struct Parser {
    limit: usize,

    // The event so far.
    data: Vec<u8>,
    event_type: Vec<u8>,
    /// The last event ID buffer, if `id_is_set`; else that buffer equals the last event ID.
    id: Vec<u8>,
    id_is_set: bool,
    /// The last event ID, and a NUL.
    last_event_id: Vec<u8>,

    // The line so far.
    name: Name,
    /// The field whose value is being read; none while the name is.
    field: Option<Field>,
    /// The value of a field that is not final before the line has ended: a comment, an ID.
    value: Vec<u8>,
    /// Where the value begins in its buffer.
    value_start: usize,
    /// Nothing of the value has come: its first byte may be the space to remove.
    value_is_fresh: bool,
    /// The value has bytes of an input that was not valid UTF-8 on its own.
    value_is_suspect: bool,
    retry: Option<u64>,

    // The input so far.
    bom_bytes_seen: usize,
    after_cr: bool,
    input_is_utf8: bool,
}

impl Parser {
    /// A parser that holds at most `limit` bytes: those of an unfinished event, comment or value, and the last event
    /// ID. Memory beyond that is a small constant.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            data: Vec::new(),
            event_type: Vec::new(),
            id: Vec::new(),
            id_is_set: false,
            last_event_id: vec![0],
            name: Name::default(),
            field: None,
            value: Vec::new(),
            value_start: 0,
            value_is_fresh: true,
            value_is_suspect: false,
            retry: None,
            bom_bytes_seen: 0,
            after_cr: false,
            input_is_utf8: true,
        }
    }

    /// Reads the next bytes of the stream and hands what they complete to `sink`.
    ///
    /// When `sink` answers `Break`, the rest of the input is dropped. After that, and after an error, the parser must be
    /// [`reset`](Self::reset) before it is fed again.
    pub fn feed(
        &mut self,
        input: &[u8],
        sink: &mut impl FnMut(Item<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TooLarge> {
        match self.read(input, sink) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(Stop::Asked) => Ok(ControlFlow::Break(())),
            Err(Stop::TooLarge) => Err(TooLarge { limit: self.limit }),
        }
    }

    /// Ends the stream and expects another: an unfinished event is dropped, with an ID it may have set; the last event
    /// ID stays.
    pub fn reset(&mut self) {
        self.data.clear();
        self.event_type.clear();
        self.id.clear();
        self.id_is_set = false;
        self.value.clear();
        self.name.len = 0;
        self.field = None;
        self.bom_bytes_seen = 0;
        self.after_cr = false;
    }

    /// The last event ID: what a request to resume the stream would send.
    pub fn last_event_id(&self) -> Text<'_> {
        Text::new(&self.last_event_id)
    }

    /// Replaces the last event ID, also one that the unfinished event has set.
    pub fn set_last_event_id(&mut self, id: &str) {
        self.last_event_id.clear();
        self.last_event_id.extend_from_slice(id.as_bytes());
        self.last_event_id.push(0);
        self.id.clear();
        self.id_is_set = false;
    }

    /// Gives back memory that neither the unfinished event nor the last event ID occupies, but for a few KiB that keep
    /// small events free of allocations. For a stream that goes idle: doing it after each event would cost more than
    /// parsing.
    pub fn shrink(&mut self) {
        for buffer in self.buffers_mut() {
            buffer.shrink_to(KEPT_CAPACITY);
        }
    }

    fn read(
        &mut self,
        input: &[u8],
        sink: &mut impl FnMut(Item<'_>) -> ControlFlow<()>,
    ) -> Result<(), Stop> {
        let mut rest = self.skip_bom(input);
        self.input_is_utf8 = simdutf8::basic::from_utf8(rest).is_ok();
        while let Some(&first) = rest.first() {
            if mem::take(&mut self.after_cr) && first == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let Some(end) = memchr2(b'\n', b'\r', rest) else {
                return self.read_piece(rest);
            };
            let (line, after) = rest.split_at(end);
            self.after_cr = after[0] == b'\r';
            rest = &after[1..];
            self.read_piece(line)?;
            self.end_line(sink)?;
        }
        Ok(())
    }

    /// Removes what `input` has of one leading BOM.
    fn skip_bom<'i>(&mut self, mut input: &'i [u8]) -> &'i [u8] {
        while let (Some(expected), Some((byte, rest))) =
            (BOM.get(self.bom_bytes_seen), input.split_first())
        {
            if byte != expected {
                // What looked like a BOM begins a field name.
                self.name.push(&BOM[..self.bom_bytes_seen]);
                self.bom_bytes_seen = BOM.len();
                break;
            }
            self.bom_bytes_seen += 1;
            input = rest;
        }
        input
    }

    /// Reads on in a line: `piece` has no line ending.
    fn read_piece(&mut self, piece: &[u8]) -> Result<(), Stop> {
        if let Some(field) = self.field {
            return self.read_value(field, piece);
        }
        let Some(colon) = piece
            .iter()
            .take(Name::CAPACITY)
            .position(|&byte| byte == b':')
        else {
            self.name.push(piece);
            return Ok(());
        };
        let (name, value) = (&piece[..colon], &piece[colon + 1..]);
        let field = if self.name.len == 0 {
            Field::named(name)
        } else {
            self.name.push(name);
            Field::named(self.name.as_bytes())
        };
        self.begin_value(field);
        self.read_value(field, value)
    }

    fn end_line(&mut self, sink: &mut impl FnMut(Item<'_>) -> ControlFlow<()>) -> Result<(), Stop> {
        let field = match self.field.take() {
            Some(field) => field,
            None if self.name.len == 0 => return self.dispatch(sink),
            None => {
                let field = Field::named(self.name.as_bytes());
                self.begin_value(field);
                self.read_value(field, b"")?;
                self.field = None;
                field
            }
        };
        self.name.len = 0;
        self.end_value(field, sink)
    }

    fn begin_value(&mut self, field: Field) {
        self.field = Some(field);
        self.value_is_fresh = true;
        self.value_is_suspect = false;
        self.retry = None;
        if field == Field::Event {
            self.event_type.clear();
        }
        self.value_start = self.buffer(field).len();
    }

    fn read_value(&mut self, field: Field, mut bytes: &[u8]) -> Result<(), Stop> {
        if self.value_is_fresh && !bytes.is_empty() {
            self.value_is_fresh = false;
            bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
        }
        match field {
            Field::Ignored => {}
            Field::Retry => self.read_retry(bytes),
            Field::Comment | Field::Data | Field::Event | Field::Id => {
                self.value_is_suspect |= !self.input_is_utf8;
                self.reserve(field, bytes.len())?;
                self.buffer(field).extend_from_slice(bytes);
            }
        }
        Ok(())
    }

    fn read_retry(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if !byte.is_ascii_digit() {
                self.field = Some(Field::Ignored);
                return;
            }
            let time = self.retry.unwrap_or(0).saturating_mul(10);
            self.retry = Some(time.saturating_add(u64::from(byte - b'0')));
        }
    }

    fn end_value(
        &mut self,
        field: Field,
        sink: &mut impl FnMut(Item<'_>) -> ControlFlow<()>,
    ) -> Result<(), Stop> {
        if self.value_is_suspect {
            self.replace_malformed(field)?;
        }
        match field {
            Field::Event | Field::Ignored => Ok(()),
            Field::Data => {
                self.data.push(b'\n');
                Ok(())
            }
            Field::Id => {
                if memchr(0, &self.value).is_none() {
                    mem::swap(&mut self.id, &mut self.value);
                    self.id_is_set = true;
                }
                self.value.clear();
                Ok(())
            }
            Field::Comment => {
                self.value.push(0);
                let answer = sink(Item::Comment(Text::new(&self.value)));
                self.value.clear();
                proceed(answer)
            }
            Field::Retry => match self.retry {
                Some(time) => proceed(sink(Item::Retry(time))),
                None => Ok(()),
            },
        }
    }

    /// A blank line: "dispatch the event".
    fn dispatch(&mut self, sink: &mut impl FnMut(Item<'_>) -> ControlFlow<()>) -> Result<(), Stop> {
        if mem::take(&mut self.id_is_set) {
            self.commit_id(sink)?;
        }
        let Some(last_line_feed) = self.data.last_mut() else {
            self.event_type.clear();
            return Ok(());
        };
        *last_line_feed = 0;
        let event_type = if self.event_type.is_empty() {
            Text::new(b"message\0")
        } else {
            self.event_type.push(0);
            Text::new(&self.event_type)
        };
        let answer = sink(Item::Event(Event {
            event_type,
            data: Text::new(&self.data),
            last_event_id: Text::new(&self.last_event_id),
        }));
        self.data.clear();
        self.event_type.clear();
        proceed(answer)
    }

    fn commit_id(
        &mut self,
        sink: &mut impl FnMut(Item<'_>) -> ControlFlow<()>,
    ) -> Result<(), Stop> {
        self.id.push(0);
        let changed = self.id != self.last_event_id;
        mem::swap(&mut self.id, &mut self.last_event_id);
        self.id.clear();
        if changed {
            proceed(sink(Item::LastEventId(Text::new(&self.last_event_id))))?;
        }
        Ok(())
    }

    /// Puts U+FFFD for what is malformed in the value, as the standard's UTF-8 decoding does. In place, for a copy could
    /// exceed the limit. That it is done to single values makes no difference: they lie between ASCII bytes, which no
    /// malformed sequence includes.
    #[cold]
    fn replace_malformed(&mut self, field: Field) -> Result<(), Stop> {
        let start = self.value_start;
        let growth = self.buffer(field)[start..]
            .utf8_chunks()
            .filter(|chunk| !chunk.invalid().is_empty())
            .map(|chunk| REPLACEMENT.len() - chunk.invalid().len())
            .sum();
        self.reserve(field, growth)?;
        let buffer = self.buffer(field);
        let end = buffer.len();
        buffer.resize(end + growth, 0);
        buffer.copy_within(start..end, start + growth);
        // The gap between the two is what is still to grow, so writing never overtakes reading.
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
    fn buffer(&mut self, field: Field) -> &mut Vec<u8> {
        match field {
            Field::Data => &mut self.data,
            Field::Event => &mut self.event_type,
            _ => &mut self.value,
        }
    }

    fn buffers_mut(&mut self) -> [&mut Vec<u8>; 5] {
        [
            &mut self.data,
            &mut self.event_type,
            &mut self.id,
            &mut self.last_event_id,
            &mut self.value,
        ]
    }

    fn held(&self) -> usize {
        self.data.len()
            + self.event_type.len()
            + self.id.len()
            + self.value.len()
            + self.last_event_id().len()
    }

    /// Makes room for `more` bytes of the field's value and a terminator, within the limit.
    fn reserve(&mut self, field: Field, more: usize) -> Result<(), Stop> {
        let held = self.held();
        if held + more > self.limit {
            return Err(Stop::TooLarge);
        }
        let buffer = self.buffer(field);
        if buffer.capacity() - buffer.len() <= more {
            self.grow(field, more, self.limit - held);
        }
        Ok(())
    }

    #[cold]
    fn grow(&mut self, field: Field, more: usize, room: usize) {
        let buffer = self.buffer(field);
        let doubled = 2 * buffer.capacity() - buffer.len();
        let growth = more.max(doubled).min(room) + 1;
        let capacity: usize = self
            .buffers_mut()
            .iter()
            .map(|buffer| buffer.capacity())
            .sum();
        if capacity.saturating_add(growth) > self.limit {
            self.shrink();
        }
        self.buffer(field).reserve_exact(growth);
    }
}

impl fmt::Debug for Parser {
    /// Without the buffers: what a stream carries may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parser")
            .field("limit", &self.limit)
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}

fn proceed(answer: ControlFlow<()>) -> Result<(), Stop> {
    match answer {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Stop::Asked),
    }
}
