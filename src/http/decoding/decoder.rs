//! How the content of a response is decoded as it comes.

use super::codec::Codec;
use crate::http::codings::{Coding, codings};
use crate::http::content::Content;
use crate::http::error::{Error, ErrorKind};
use hyper::http::HeaderMap;
use std::fmt;
use std::task::{Context, Poll, ready};

/// How much a byte on the wire may become, on average, while no event comes of it: as much as DEFLATE can make of one.
const BARREN: u64 = 1032;

/// How much it may become with events: a large event that says the same as the last one is a few bytes for zstd and br.
const FERTILE: u64 = 64 * 1024;

/// How much may come of few bytes before that counts, for each byte that an event may hold: a `data` line with nothing in it
/// is one byte of its event.
const LINE: u64 = b"data: \r\n".len() as u64;

/// How large an event may be, unless [`Decoder::allow`] says otherwise.
const EVENT: usize = 16 * 1024 * 1024;

/// How much is read in one go of what is to be decoded: so much of it may have to wait, where it is decoded to much more.
const READ: usize = 16 * 1024;

/// How much is decoded in one go, before anybody else can be heard: a few bytes can become any number.
const DECODED: usize = 128 * 1024;

/// How much is lent in one piece.
const PIECE: usize = 8 * 1024;

/// How much waits between two codings.
const BETWEEN: usize = 4 * 1024;

/// Decodes the content of one response.
pub struct Decoder {
    /// First the one that was applied last.
    layers: Box<[Layer]>,
    /// What has come and is to be decoded before more is read, because it has become much already.
    rest: Vec<u8>,
    /// More can be decoded from what has come.
    has_more: bool,
    /// What comes after that.
    error: Option<Error>,
    /// What has come and what has been made of it: at all, and since the last event.
    all: Yield,
    since_event: Yield,
    /// How much may be made of nothing.
    allowance: u64,
}

/// How much has come, and how much all layers together have made of it: few bytes that stand for many can keep a client as
/// busy within as without.
#[derive(Default)]
struct Yield {
    came: u64,
    made: u64,
}

impl Yield {
    fn is_over(&self, allowance: u64, per_byte: u64) -> bool {
        self.made > allowance.saturating_add(self.came.saturating_mul(per_byte))
    }
}

struct Layer {
    codec: Codec,
    /// What the layer before has decoded: room for it, and which part of that is still to be decoded here. Without, this is
    /// the first.
    input: Box<[u8]>,
    waiting: std::ops::Range<usize>,
}

impl Decoder {
    /// A decoder for the response with these headers, if it needs one that there is.
    pub fn of(headers: &HeaderMap) -> Option<Box<Decoder>> {
        let codings = codings(headers).ok().filter(|list| !list.is_empty())?;
        Some(Box::new(Decoder::new(&codings)))
    }

    /// A decoder for what these codings were applied to, one after another.
    pub fn new(codings: &[Coding]) -> Decoder {
        let layers = codings.iter().rev().enumerate();
        let layers = layers.map(|(index, coding)| Layer {
            codec: Codec::new(*coding),
            input: vec![0; if index > 0 { BETWEEN } else { 0 }].into(),
            waiting: 0..0,
        });
        Decoder {
            layers: layers.collect(),
            rest: Vec::new(),
            has_more: false,
            error: None,
            all: Yield::default(),
            since_event: Yield::default(),
            allowance: EVENT as u64 * LINE,
        }
    }

    /// Sets how large an event may be: so much may come of few bytes.
    pub fn allow(&mut self, event_size: usize) {
        self.allowance = (event_size as u64).saturating_mul(LINE);
    }

    /// An event has come of what was decoded.
    pub fn brought_event(&mut self) {
        self.since_event = Yield::default();
    }

    /// As [`Content::poll_read`], with `limit` for what is decoded, too: what has come beyond that waits for the next time.
    pub fn poll_read(
        &mut self,
        content: &mut Content,
        cx: &mut Context<'_>,
        limit: usize,
        take: &mut impl FnMut(&[u8]),
    ) -> Poll<Result<bool, Error>> {
        let mut room = limit.min(DECODED);
        if self.has_more {
            return Poll::Ready(self.go_on(&mut room, take).map(|()| true));
        }
        if let Some(error) = self.error.take() {
            return Poll::Ready(Err(error));
        }
        let mut decoded = Ok(());
        let read = content.poll_read(cx, limit.min(READ), &mut |bytes: &[u8]| {
            if decoded.is_ok() {
                decoded = self.decode(bytes, &mut room, take);
            }
        });
        let read = ready!(read);
        decoded?;
        Poll::Ready(match read {
            Ok(true) => Ok(true),
            Ok(false) => self.finish().map(|()| false),
            Err(error) if self.has_more => {
                self.error = Some(error);
                Ok(true)
            }
            Err(error) => Err(error),
        })
    }

    /// Decodes the next bytes until `room` is used up, and lends what they become to `take`. What is left then is kept until
    /// [`go_on`](Self::go_on).
    pub fn decode(
        &mut self,
        bytes: &[u8],
        room: &mut usize,
        take: &mut impl FnMut(&[u8]),
    ) -> Result<(), Error> {
        for count in [&mut self.all, &mut self.since_event] {
            count.came += bytes.len() as u64;
        }
        if self.has_more {
            self.rest.extend_from_slice(bytes);
            return Ok(());
        }
        self.make(bytes, room, take)
    }

    fn make(
        &mut self,
        mut bytes: &[u8],
        room: &mut usize,
        take: &mut impl FnMut(&[u8]),
    ) -> Result<(), Error> {
        // What a layer makes for the next one, which may make nothing of it.
        let mut within = DECODED;
        let mut piece = [0; PIECE];
        while *room > 0 && within > 0 {
            let piece = &mut piece[..PIECE.min(*room)];
            let before = within;
            let len = pull(&mut self.layers, &mut bytes, piece, &mut within)?;
            for count in [&mut self.all, &mut self.since_event] {
                // Between two layers a byte can be more work than any later: 20 are a whole gzip member.
                count.made += (before - within) as u64 * LINE + len as u64;
            }
            if len > 0 {
                take(&piece[..len]);
                *room -= len;
            } else if within > 0 {
                return self.check();
            }
        }
        self.has_more = true;
        self.rest.extend_from_slice(bytes);
        self.check()
    }

    /// Ends what would go on for ever, or as good as that.
    fn check(&self) -> Result<(), Error> {
        let (count, events) = if self.since_event.is_over(self.allowance, BARREN) {
            (&self.since_event, "without an event")
        } else if self.all.is_over(self.allowance, FERTILE) {
            (&self.all, "in all")
        } else {
            return Ok(());
        };
        let Yield { came, made } = count;
        Err(Error::new(
            ErrorKind::Decoding,
            format!("{came} bytes of the response are decoded to {made} and more, {events}"),
        ))
    }

    /// Whether [`go_on`](Self::go_on) comes next.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// Decodes what has come and was too much.
    pub fn go_on(&mut self, room: &mut usize, take: &mut impl FnMut(&[u8])) -> Result<(), Error> {
        self.has_more = false;
        let rest = std::mem::take(&mut self.rest);
        self.make(&rest, room, take)
    }

    /// The content is complete; so must be what was decoded.
    pub fn finish(&self) -> Result<(), Error> {
        match self.layers.iter().find(|layer| layer.codec.is_within()) {
            None => Ok(()),
            // Nothing is corrupt; there is less than there should be, as where a connection breaks.
            Some(layer) => Err(Error::new(
                ErrorKind::Disconnected,
                format!("the response ended before its {} did", layer.codec.coding()),
            )),
        }
    }
}

/// Decodes through all layers into `to`, and returns how many bytes; none when that needs more than `bytes`, or when what
/// layers may make for each other, which is `within`, is used up.
fn pull(
    layers: &mut [Layer],
    bytes: &mut &[u8],
    to: &mut [u8],
    within: &mut usize,
) -> Result<usize, Error> {
    let [before @ .., last] = layers else {
        return Ok(0);
    };
    if before.is_empty() {
        return last.codec.decode(bytes, to);
    }
    while *within > 0 {
        let mut input = &last.input[last.waiting.clone()];
        let len = last.codec.decode(&mut input, to)?;
        last.waiting.start = last.waiting.end - input.len();
        if len > 0 {
            return Ok(len);
        }
        last.waiting = 0..pull(before, bytes, &mut last.input, within)?;
        if last.waiting.is_empty() {
            return Ok(0);
        }
        *within = within.saturating_sub(last.waiting.len());
    }
    Ok(0)
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codings = self.layers.iter().map(|layer| layer.codec.coding());
        f.debug_list().entries(codings).finish()
    }
}
