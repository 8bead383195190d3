//! Content codings (RFC 9110, section 8.4): which there are, and how the content of a response is decoded as it comes.

mod codec;

use super::HeaderMap;
use super::content::Content;
use super::error::{Error, ErrorKind};
use crate::words;
use codec::Codec;
use hyper::http::HeaderValue;
use hyper::http::header::CONTENT_ENCODING;
use std::fmt;
use std::task::{Context, Poll, ready};

/// What `Accept-Encoding` says where codings are wanted: all that are decoded.
pub static ACCEPTED: HeaderValue = HeaderValue::from_static("gzip, deflate, br, zstd");

/// The most codings on top of each other. Nobody means more than one; each costs its memory.
const MOST: usize = 5;

/// How much is read in one go of what is to be decoded: so much of it may have to wait, where it is decoded to much more.
const READ: usize = 16 * 1024;

/// How much is decoded in one go, before anybody else can be heard: a few bytes can become any number.
const DECODED: usize = 128 * 1024;

/// How much is lent in one piece.
const PIECE: usize = 8 * 1024;

/// How much waits between two codings.
const BETWEEN: usize = 4 * 1024;

/// A content coding that is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// DEFLATE with gzip's head and checksum (RFC 1952).
    Gzip,
    /// DEFLATE with zlib's (RFC 1950), or with none (RFC 1951), as some servers have it.
    Deflate,
    /// Brotli (RFC 7932).
    Brotli,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Coding {
    fn named(name: &str) -> Option<Coding> {
        const NAMES: [(&str, Coding); 5] = [
            ("gzip", Coding::Gzip),
            ("x-gzip", Coding::Gzip),
            ("deflate", Coding::Deflate),
            ("br", Coding::Brotli),
            ("zstd", Coding::Zstd),
        ];
        let mut names = NAMES.into_iter();
        names.find_map(|(known, coding)| known.eq_ignore_ascii_case(name).then_some(coding))
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
        })
    }
}

/// The codings of a response's content, in the order in which they were applied.
pub fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, Error> {
    let refuse = |message| Err(Error::new(ErrorKind::ContentEncoding, message));
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        let value = String::from_utf8_lossy(value.as_bytes());
        for name in value.split(',').map(str::trim) {
            if name.is_empty() || name.eq_ignore_ascii_case("identity") {
                continue;
            }
            let Some(coding) = Coding::named(name) else {
                let name = words::quoted(name.as_bytes());
                return refuse(format!(
                    "the response has the unknown content coding {name}"
                ));
            };
            if codings.len() == MOST {
                return refuse(format!("the response has more than {MOST} codings"));
            }
            codings.push(coding);
        }
    }
    Ok(codings)
}

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
        }
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
        mut bytes: &[u8],
        room: &mut usize,
        take: &mut impl FnMut(&[u8]),
    ) -> Result<(), Error> {
        if !self.has_more {
            let mut piece = [0; PIECE];
            while *room > 0 {
                let piece = &mut piece[..PIECE.min(*room)];
                let len = pull(&mut self.layers, &mut bytes, piece)?;
                if len == 0 {
                    return Ok(());
                }
                take(&piece[..len]);
                *room -= len;
            }
            self.has_more = true;
        }
        self.rest.extend_from_slice(bytes);
        Ok(())
    }

    /// Whether [`go_on`](Self::go_on) comes next.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// Decodes what has come and was too much.
    pub fn go_on(&mut self, room: &mut usize, take: &mut impl FnMut(&[u8])) -> Result<(), Error> {
        self.has_more = false;
        let rest = std::mem::take(&mut self.rest);
        self.decode(&rest, room, take)
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

/// Decodes through all layers into `to`, and answers how many bytes; none when that needs more than `bytes`.
fn pull(layers: &mut [Layer], bytes: &mut &[u8], to: &mut [u8]) -> Result<usize, Error> {
    let [before @ .., last] = layers else {
        return Ok(0);
    };
    if before.is_empty() {
        return last.codec.decode(bytes, to);
    }
    loop {
        let mut input = &last.input[last.waiting.clone()];
        let len = last.codec.decode(&mut input, to)?;
        last.waiting.start = last.waiting.end - input.len();
        if len > 0 {
            return Ok(len);
        }
        last.waiting = 0..pull(before, bytes, &mut last.input)?;
        if last.waiting.is_empty() {
            return Ok(0);
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codings = self.layers.iter().map(|layer| layer.codec.coding());
        f.debug_list().entries(codings).finish()
    }
}
