//! What a server's frames mean, read off RFC 9113 without any regard to how they arrive: the judge of the library's own
//! reading of HTTP/2. Only what is well-formed beyond doubt is sound; of everything else nothing is said.

use std::collections::BTreeMap;
use std::mem;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// Of SETTINGS and PING.
pub const ACK: u8 = 1;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;
pub const HAS_PRIORITY: u8 = 32;

/// The largest payload, as no other size is agreed on.
const LARGEST: usize = 16 * 1024;
/// How much may come for a stream that is not read.
const WINDOW: usize = 128 * 1024;
/// Fewer heads, bytes of them, fields, continuations and padded frames than the library has limits for.
const HEADS: u32 = 32;
const HEAD: usize = 16 * 1024;
const FIELDS: usize = 900;
const CONTINUATIONS: u32 = 4;
const PADDED_FRAMES: u32 = 256;

/// A field of a head: its letter in an input, and itself in HPACK (RFC 7541), without any table that changes.
pub const FIELD: [(u8, &[u8]); 14] = [
    (b'o', b"\x88"),
    (b'n', b"\x89"),
    (b'f', b"\x8d"),
    (b'u', b"\x08\x03503"),
    (b'i', b"\x08\x03103"),
    (b's', b"\x08\x03101"),
    (b'r', b"\x08\x03307"),
    (b't', b"\x0f\x10\x11text/event-stream"),
    (b'l', b"\x0f\x1f\x01/"),
    (b'x', b"\0\x01x\x01y"),
    (b'c', b"\x0f\x0d\x0218"),
    (b'g', b"\x0f\x0b\x04gzip"),
    (b'k', b"\0\x0aconnection\x05close"),
    (b'U', b"\0\x01X\x01y"),
];

/// A frame as it is on the wire, whose length is said to be so much more than it is.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8], more: i32) -> Vec<u8> {
    let len = (payload.len() as u32).wrapping_add_signed(more);
    let head = [
        &len.to_be_bytes()[1..],
        &[kind, flags],
        &stream.to_be_bytes(),
    ];
    [&head.concat(), payload].concat()
}

/// A connection, as far as the server has written it.
pub struct Connection {
    /// What is no whole frame yet.
    rest: Vec<u8>,
    head: Option<Head>,
    streams: BTreeMap<u32, Stream>,
    /// Nothing has come that a client may end the connection for.
    is_sound: bool,
    /// Settings of the client's that have not been acknowledged.
    settings: u32,
}

/// A head that is not complete.
struct Head {
    stream: u32,
    block: Vec<u8>,
    is_end: bool,
    continuations: u32,
}

/// What has come of a response.
#[derive(Default)]
pub struct Stream {
    /// Of all DATA frames.
    pub content: Vec<u8>,
    state: State,
    /// Nothing has come that a client may end the stream for, and the client has not.
    is_sound: bool,
    window: usize,
    padded: u32,
    heads: u32,
    head_bytes: usize,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    #[default]
    Asked,
    Open,
    Ended,
}

/// What must be told of a stream.
pub enum Outcome {
    /// All of its content so far.
    Open,
    /// All of it, and its end.
    Ended,
}

impl Default for Connection {
    fn default() -> Connection {
        Connection {
            rest: Vec::new(),
            head: None,
            streams: BTreeMap::new(),
            is_sound: true,
            settings: 0,
        }
    }
}

impl Connection {
    /// The client has opened a stream.
    pub fn asked(&mut self, stream: u32) {
        let sound = Stream {
            is_sound: true,
            ..Stream::default()
        };
        self.streams.insert(stream, sound);
    }

    /// The client has sent settings, which may be acknowledged.
    pub fn has_settings(&mut self) {
        self.settings += 1;
    }

    /// The client gives up a stream, or is about to.
    pub fn gives_up(&mut self, stream: u32) {
        if let Some(stream) = self.streams.get_mut(&stream) {
            stream.is_sound = false;
        }
    }

    /// Not all of it arrives.
    pub fn is_cut(&mut self) {
        self.is_sound = false;
    }

    /// Another frame may come here.
    pub fn is_between(&self) -> bool {
        self.rest.is_empty() && self.head.is_none()
    }

    /// What is known of a stream.
    pub fn stream(&self, stream: u32) -> Option<&Stream> {
        self.streams.get(&stream)
    }

    /// The first and the last stream that the client has opened.
    pub fn first(&self) -> Option<u32> {
        self.streams.keys().next().copied()
    }

    /// What must be told of a stream, if that is certain.
    pub fn outcome(&self, stream: u32) -> Option<Outcome> {
        let stream = self.streams.get(&stream)?;
        let is_certain = self.is_sound && stream.is_sound && self.is_between();
        match stream.state {
            State::Open if is_certain => Some(Outcome::Open),
            State::Ended if is_certain => Some(Outcome::Ended),
            _ => None,
        }
    }

    /// The server writes this.
    pub fn write(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let all = mem::take(&mut self.rest);
        let mut rest = &all[..];
        while let [a, b, c, kind, flags, d, e, f, g, behind @ ..] = rest {
            let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            let Some((payload, next)) = behind.split_at_checked(len) else {
                // Whatever it will be, it is not for long.
                self.is_sound &= len <= LARGEST;
                break;
            };
            self.is_sound &= len <= LARGEST;
            let stream = u32::from_be_bytes([d & 0x7F, *e, *f, *g]);
            self.read(*kind, *flags, stream, payload);
            rest = next;
        }
        self.rest = rest.to_vec();
    }

    fn read(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let continued = self.head.as_ref().map(|head| head.stream);
        if continued.is_some() && (kind != CONTINUATION || continued != Some(stream)) {
            self.is_sound = false;
        }
        let is_known = self.streams.contains_key(&stream);
        let is_sound = match kind {
            DATA => self.data(flags, stream, payload),
            HEADERS => self.headers(flags, stream, payload),
            CONTINUATION => self.continuation(flags, stream, payload),
            PRIORITY => stream > 0 && payload.len() == 5,
            RST_STREAM => {
                self.gives_up(stream);
                is_known && payload.len() == 4
            }
            SETTINGS => stream == 0 && self.settings(flags, payload),
            PING => stream == 0 && payload.len() == 8,
            WINDOW_UPDATE => {
                let increment = payload.try_into().map(u32::from_be_bytes);
                (stream == 0 || is_known) && matches!(increment, Ok(1..=1000))
            }
            // No push was asked for, and behind GOAWAY all is open.
            5 | GOAWAY => false,
            _ => true,
        };
        self.is_sound &= is_sound;
    }

    fn data(&mut self, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let Some(stream) = self.streams.get_mut(&stream) else {
            return false;
        };
        let Some(content) = unpadded(flags, payload) else {
            return false;
        };
        stream.content.extend_from_slice(content);
        stream.window += payload.len();
        stream.padded += u32::from(flags & PADDED != 0);
        let is_open = stream.state == State::Open;
        if flags & END_STREAM != 0 {
            stream.state = State::Ended;
        }
        is_open && stream.window <= WINDOW && stream.padded <= PADDED_FRAMES
    }

    fn headers(&mut self, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let Some(mut block) = unpadded(flags, payload) else {
            return false;
        };
        if flags & HAS_PRIORITY != 0 {
            let Some(([a, b, c, d, _], behind)) = block.split_first_chunk() else {
                return false;
            };
            if u32::from_be_bytes([a & 0x7F, *b, *c, *d]) == stream {
                return false;
            }
            block = behind;
        }
        self.head = Some(Head {
            stream,
            block: block.to_vec(),
            is_end: flags & END_STREAM != 0,
            continuations: 0,
        });
        flags & END_HEADERS == 0 || self.head_is_complete()
    }

    fn continuation(&mut self, flags: u8, _: u32, payload: &[u8]) -> bool {
        let Some(head) = &mut self.head else {
            return false;
        };
        head.block.extend_from_slice(payload);
        head.continuations += 1;
        let is_sound = head.continuations <= CONTINUATIONS;
        is_sound && (flags & END_HEADERS == 0 || self.head_is_complete())
    }

    fn head_is_complete(&mut self) -> bool {
        let Some(head) = self.head.take() else {
            return false;
        };
        let Some(stream) = self.streams.get_mut(&head.stream) else {
            return false;
        };
        stream.heads += 1;
        stream.head_bytes += head.block.len();
        let is_sound = stream.heads <= HEADS && stream.head_bytes <= HEAD;
        // What is wrong with it may be the stream's fault or the connection's.
        let Some(fields) = fields(&head.block).filter(|_| is_sound && stream.is_sound) else {
            return false;
        };
        let is_plain = |fields: &[u8]| fields.iter().all(|field| b"tx".contains(field));
        match (stream.state, &fields[..]) {
            (State::Asked, [b'i', fields @ ..]) => !head.is_end && is_plain(fields),
            (State::Asked, [b'o', fields @ ..]) => {
                stream.state = if head.is_end {
                    State::Ended
                } else {
                    State::Open
                };
                let types = fields.iter().filter(|field| **field == b't').count();
                stream.is_sound = types == 1;
                is_plain(fields)
            }
            (State::Open, fields) => {
                stream.state = State::Ended;
                head.is_end && is_plain(fields)
            }
            _ => {
                stream.is_sound = false;
                false
            }
        }
    }

    fn settings(&mut self, flags: u8, payload: &[u8]) -> bool {
        if flags & ACK != 0 {
            let is_due = self.settings > 0;
            self.settings = self.settings.saturating_sub(1);
            return is_due && payload.is_empty();
        }
        let (settings, rest) = payload.as_chunks::<6>();
        let are_sound = settings.iter().all(|[a, b, c, d, e, f]| {
            let value = u32::from_be_bytes([*c, *d, *e, *f]);
            match u16::from_be_bytes([*a, *b]) {
                1 => true,
                3 => value > 1,
                5 => (1 << 14..1 << 24).contains(&value),
                name => name > 16,
            }
        });
        rest.is_empty() && are_sound
    }
}

/// The letters of a head's fields, if it has those alone.
fn fields(mut block: &[u8]) -> Option<Vec<u8>> {
    let mut letters = Vec::new();
    while !block.is_empty() {
        let known = FIELD.iter().find(|(_, field)| block.starts_with(field));
        let (letter, field) = known?;
        block = &block[field.len()..];
        letters.push(*letter);
    }
    (letters.len() <= FIELDS).then_some(letters)
}

fn unpadded(flags: u8, payload: &[u8]) -> Option<&[u8]> {
    if flags & PADDED == 0 {
        return Some(payload);
    }
    let (padding, rest) = payload.split_first()?;
    let content = rest.len().checked_sub(usize::from(*padding))?;
    Some(&rest[..content])
}
