//! Where the body of an HTTP/1 response ends, and which of the bytes on the wire are its content (RFC 9112, sections 6
//! and 7). Pure: bytes in, slices of them out.

use crate::http::error::{Error, ErrorKind};
use crate::words::quoted;
use hyper::http::HeaderMap;
use hyper::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use std::ops::Range;

/// The longest line that is skipped: a chunk's extensions, all trailers.
const LONGEST_SKIPPED: u32 = 16 * 1024;

const CRLF: &[u8] = b"\r\n";

/// The most digits of a chunk's size. Some servers write leading zeros; 16 digits are as much as there can be of others.
const MOST_DIGITS: u32 = 32;

/// The data of chunks up to this size is moved together, because most servers send each event in a chunk of its own, and
/// many pieces cost more than the move.
const SMALL: usize = 4 * 1024;

/// How the end of a body is found, and how far that has come.
#[derive(Debug, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes are still to come.
    Length(u64),
    /// In chunks that say how long they are.
    Chunked(Chunked),
    /// The connection's end is the body's.
    UntilClose,
}

/// Within a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunked {
    /// The digits of a chunk's size, of which so many have come.
    Size {
        size: u64,
        digits: u32,
    },
    /// What may follow the size on its line, of which so many bytes have been skipped.
    Extension {
        size: u64,
        skipped: u32,
    },
    /// The LF of the size's line.
    SizeLf(u64),
    /// So many bytes of the chunk are still to come.
    Data(u64),
    /// The CR and the LF after a chunk's data.
    DataCr,
    DataLf,
    /// A trailer's line, of which some has come, after so many bytes of trailers.
    Trailer {
        is_empty: bool,
        skipped: u32,
    },
    /// The LF of a trailer's line; that of an empty one ends the body.
    TrailerLf {
        is_empty: bool,
        skipped: u32,
    },
    /// The body is complete.
    End,
}

impl Framing {
    /// The framing of a response (RFC 9112, section 6.3).
    pub fn of(status: u16, is_head: bool, headers: &HeaderMap) -> Result<Framing, Error> {
        if is_head || status < 200 || status == 204 || status == 304 {
            return Ok(Framing::Length(0));
        }
        if is_chunked(headers)? {
            // A Content-Length beside it does not count.
            return Ok(Framing::Chunked(Chunked::BEGIN));
        }
        let mut length = None;
        // Several are fine if they all say the same.
        for value in headers.get_all(CONTENT_LENGTH) {
            for value in value.as_bytes().split(|byte| *byte == b',') {
                let value = decimal(value.trim_ascii())
                    .ok_or_else(|| broken("the Content-Length is not a number"))?;
                if *length.get_or_insert(value) != value {
                    return Err(broken("there are two different Content-Lengths"));
                }
            }
        }
        Ok(length.map_or(Framing::UntilClose, Framing::Length))
    }

    /// Whether the body is complete.
    pub fn is_complete(&self) -> bool {
        matches!(self, Framing::Length(0) | Framing::Chunked(Chunked::End))
    }

    /// Whether the body is complete if the connection ends here.
    pub fn may_close(&self) -> bool {
        self.is_complete() || *self == Framing::UntilClose
    }

    /// Hands what of the next bytes is content to `take`, in few pieces: it is moved within `bytes` for that. Bytes behind
    /// the body's end do not count.
    pub fn decode(&mut self, bytes: &mut [u8], mut take: impl FnMut(&[u8])) -> Result<(), Error> {
        match self {
            Framing::UntilClose => take(bytes),
            Framing::Length(left) => take(up_to(bytes, left)),
            Framing::Chunked(state) => return state.decode(bytes, take),
        }
        Ok(())
    }
}

/// Whether there is the transfer coding chunked. Others were not asked for (RFC 9110, section 10.1.4), and none is decoded:
/// what they make of an event stream is none. `identity` was one once, and says nothing; a second `chunked` comes from a
/// proxy that added the field to the server's, and stands for the same chunks.
fn is_chunked(headers: &HeaderMap) -> Result<bool, Error> {
    let mut is_chunked = false;
    for value in headers.get_all(TRANSFER_ENCODING) {
        for coding in value.as_bytes().split(|byte| *byte == b',') {
            match coding.trim_ascii() {
                coding if coding.eq_ignore_ascii_case(b"chunked") => is_chunked = true,
                coding if coding.is_empty() || coding.eq_ignore_ascii_case(b"identity") => {}
                coding => {
                    return Err(broken(&format!(
                        "the transfer coding {} was not asked for and is not decoded",
                        quoted(coding)
                    )));
                }
            }
        }
    }
    Ok(is_chunked)
}

impl Chunked {
    const BEGIN: Chunked = Chunked::Size { size: 0, digits: 0 };

    fn decode(&mut self, bytes: &mut [u8], mut take: impl FnMut(&[u8])) -> Result<(), Error> {
        let mut content = 0..0;
        let decoded = self.gather(bytes, |bytes, data| {
            if content.is_empty() || data.len() > SMALL {
                lend(&bytes[std::mem::replace(&mut content, data)], &mut take);
            } else {
                let end = content.end + data.len();
                bytes.copy_within(data, content.end);
                content.end = end;
            }
        });
        lend(&bytes[content], take);
        decoded
    }

    /// Hands over where in `bytes` data is, piece by piece.
    fn gather(
        &mut self,
        bytes: &mut [u8],
        mut found: impl FnMut(&mut [u8], Range<usize>),
    ) -> Result<(), Error> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if let Chunked::Data(left) = self {
                let data = at..at + up_to(&bytes[at..], left).len();
                at = data.end;
                if *left == 0 {
                    *self = Chunked::DataCr;
                }
                found(bytes, data);
                continue;
            }
            if let Some((state, len)) = self.after_plain(&bytes[at..]) {
                *self = state;
                at += len;
                continue;
            }
            *self = match *self {
                Chunked::End => return Ok(()),
                state => state.after(byte)?,
            };
            at += 1;
        }
        Ok(())
    }

    /// What mostly lies between the data of two chunks, more than a byte at a time: the state after it, and how long it is.
    #[inline]
    fn after_plain(&self, bytes: &[u8]) -> Option<(Chunked, usize)> {
        match self {
            Chunked::DataCr if bytes.starts_with(CRLF) => Some((Chunked::BEGIN, CRLF.len())),
            Chunked::Size { digits: 0, .. } => {
                let (size, digits) = plain_size(bytes)?;
                let is_plain = size > 0 && bytes[digits..].starts_with(CRLF);
                is_plain.then_some((Chunked::Data(size), digits + CRLF.len()))
            }
            _ => None,
        }
    }

    /// The state after a byte that is not data.
    fn after(self, byte: u8) -> Result<Chunked, Error> {
        use Chunked::*;
        Ok(match (self, byte) {
            (Size { size, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = (byte as char).to_digit(16).map_or(0, u64::from);
                if size >> 60 != 0 || digits == MOST_DIGITS {
                    return Err(broken("a chunk's size is too large"));
                }
                Size {
                    size: size << 4 | digit,
                    digits: digits + 1,
                }
            }
            (Size { digits: 0, .. }, _) => return Err(broken("a chunk's size is not a number")),
            (Size { size, .. }, b'\r') => SizeLf(size),
            (Size { size, .. }, b' ' | b'\t' | b';') => Extension { size, skipped: 1 },
            (Size { .. }, _) => return Err(broken("a chunk's size is not a number")),

            (Extension { size, .. }, b'\r') => SizeLf(size),
            (Extension { .. }, b'\n') => return Err(broken("a chunk's line has no CR")),
            (Extension { size, skipped }, _) => Extension {
                size,
                skipped: skip(skipped)?,
            },

            (SizeLf(0), b'\n') => Trailer {
                is_empty: true,
                skipped: 0,
            },
            (SizeLf(size), b'\n') => Data(size),
            (SizeLf(_), _) => return Err(broken("a chunk's line has no LF")),

            (DataCr, b'\r') => DataLf,
            (DataLf, b'\n') => Chunked::BEGIN,
            (DataCr | DataLf, _) => return Err(broken("a chunk's data is longer than its size")),

            (Trailer { is_empty, skipped }, b'\r') => TrailerLf { is_empty, skipped },
            (Trailer { .. }, b'\n') => return Err(broken("a trailer's line has no CR")),
            (Trailer { skipped, .. }, _) => Trailer {
                is_empty: false,
                skipped: skip(skipped)?,
            },
            (TrailerLf { is_empty: true, .. }, b'\n') => End,
            (TrailerLf { skipped, .. }, b'\n') => Trailer {
                is_empty: true,
                skipped,
            },
            (TrailerLf { .. }, _) => return Err(broken("a trailer's line has no LF")),

            (Data(_) | End, _) => self,
        })
    }
}

/// The number that begins here, and how many digits it has; `None` if it does not end soon.
fn plain_size(bytes: &[u8]) -> Option<(u64, usize)> {
    const PLAIN: usize = 6;
    let mut size = 0;
    for (digits, byte) in bytes.iter().take(PLAIN + 1).enumerate() {
        match (*byte as char).to_digit(16) {
            Some(digit) => size = size << 4 | u64::from(digit),
            None => return Some((size, digits)),
        }
    }
    None
}

fn lend(content: &[u8], mut to: impl FnMut(&[u8])) {
    if !content.is_empty() {
        to(content);
    }
}

/// What of the bytes belongs to the `left` that are still to come.
fn up_to<'b>(bytes: &'b [u8], left: &mut u64) -> &'b [u8] {
    let len = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
    *left -= len as u64;
    &bytes[..len]
}

fn skip(skipped: u32) -> Result<u32, Error> {
    if skipped >= LONGEST_SKIPPED {
        return Err(broken("a chunk's extensions or trailers are too long"));
    }
    Ok(skipped + 1)
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}

fn broken(message: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("broken framing: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::http::{HeaderName, HeaderValue};

    fn framing(headers: &[(&str, &str)]) -> Result<Framing, String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        Framing::of(200, false, &map).map_err(|error| error.message)
    }

    const CHUNKED: Framing = Framing::Chunked(Chunked::BEGIN);

    #[test]
    fn the_framing_is_that_of_rfc_9112() {
        for (headers, expected) in [
            (&[][..], Framing::UntilClose),
            (&[("content-length", "7")], Framing::Length(7)),
            (&[("content-length", "7, 7")], Framing::Length(7)),
            (
                &[("content-length", "7"), ("content-length", "7")],
                Framing::Length(7),
            ),
            (&[("transfer-encoding", "chunked")], CHUNKED),
            (&[("transfer-encoding", "identity, Chunked ,")], CHUNKED),
            (
                &[
                    ("transfer-encoding", "chunked"),
                    ("transfer-encoding", "chunked"),
                ],
                CHUNKED,
            ),
            (&[("transfer-encoding", "identity")], Framing::UntilClose),
            (
                &[("transfer-encoding", "identity"), ("content-length", "7")],
                Framing::Length(7),
            ),
            (
                &[("transfer-encoding", "chunked"), ("content-length", "7")],
                CHUNKED,
            ),
        ] {
            assert_eq!(framing(headers), Ok(expected), "{headers:?}");
        }
        for headers in [
            &[("transfer-encoding", "gzip")][..],
            &[("transfer-encoding", "gzip, chunked")],
            &[("transfer-encoding", "chunked, gzip")],
            &[("transfer-encoding", "xchunked")],
            &[
                ("transfer-encoding", "deflate"),
                ("transfer-encoding", "chunked"),
            ],
            &[("transfer-encoding", "\"chunked\"")],
            &[("content-length", "x")],
            &[("content-length", "")],
            &[("content-length", "+7")],
            &[("content-length", "-7")],
            &[("content-length", "7, 8")],
            &[("content-length", "7"), ("content-length", "8")],
            &[("content-length", "99999999999999999999")],
        ] {
            assert!(framing(headers).is_err(), "{headers:?}");
        }
    }

    #[test]
    fn answers_that_have_no_body_end_with_their_head() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("7"));
        for (status, is_head) in [(204, false), (304, false), (200, true)] {
            let framing = Framing::of(status, is_head, &headers).expect("a framing");
            assert!(framing.is_complete(), "{status}");
        }
    }

    /// The content, whether the body is complete, and the error; the same however the bytes are split.
    fn decoded(bytes: &[u8]) -> (Vec<u8>, bool, bool) {
        let feed = |size: usize| {
            let mut framing = CHUNKED;
            let mut content = Vec::new();
            let fed = bytes.to_vec().chunks_mut(size).try_for_each(|piece| {
                framing.decode(piece, |data| content.extend_from_slice(data))
            });
            (content, framing.is_complete(), fed.is_err())
        };
        let whole = feed(bytes.len().max(1));
        for size in 1..bytes.len() {
            assert_eq!(feed(size), whole, "{size} at a time");
        }
        whole
    }

    #[test]
    fn chunks_become_their_data() {
        for (bytes, content, is_complete) in [
            (&b""[..], &b""[..], false),
            (b"5\r\nhello\r\n", b"hello", false),
            (b"5\r\nhel", b"hel", false),
            (b"5\r\nhello\r\n0\r\n\r\n", b"hello", true),
            (b"5\r\nhello\r\n0\r\n\r\nbehind", b"hello", true),
            (b"0005\r\nhello\r\n1\r\n!\r\n", b"hello!", false),
            (
                b"00000000000000000000000000000005\r\nhello\r\n",
                b"hello",
                false,
            ),
            (
                b"a\r\n0123456789\r\nA\r\n0123456789\r\n",
                b"01234567890123456789",
                false,
            ),
            (
                b"5;a=\"b\"\r\nhello\r\n0;c\r\nX: y\r\nZ:\r\n\r\n",
                b"hello",
                true,
            ),
            (b"5 \t\r\nhello\r\n", b"hello", false),
            (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n", true),
            (b"0\r\n\r", b"", false),
            (b"0\r\nX: y\r\n", b"", false),
        ] {
            let expected = (content.to_vec(), is_complete, false);
            assert_eq!(decoded(bytes), expected, "{:?}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_chunk_is_an_error_after_the_data_before_it() {
        for broken in [
            "\r\n",
            "\n",
            "g\r\n",
            "-1\r\n",
            "0x5\r\nhello",
            "5\nhello",
            "5\r5",
            ";a\r\n",
            "5;a\nhello",
            "10000000000000000\r\n",
            "000000000000000000000000000000000\r\n",
            "000000000000000000000000000000005\r\nhello\r\n",
            "1\r\nab",
            "1\r\na\n",
            "1\r\na\rb",
            "0\r\nX: y\n",
            "0\r\n\rX",
        ] {
            let bytes = format!("2\r\nok\r\n{broken}");
            let (content, is_complete, is_error) = decoded(bytes.as_bytes());
            assert!(is_error && !is_complete, "{broken:?}");
            assert!(content.starts_with(b"ok"), "{broken:?}");
        }
    }

    #[test]
    fn endless_extensions_and_trailers_are_an_error() {
        for begin in ["5;", "0\r\n"] {
            let mut framing = CHUNKED;
            let mut feed = |bytes: &[u8]| {
                framing.decode(&mut bytes.to_vec(), |data| assert!(data.is_empty(), "data"))
            };
            feed(begin.as_bytes()).expect("a beginning");
            let error = (0..LONGEST_SKIPPED)
                .map(|_| feed(b"xyz"))
                .find_map(Result::err)
                .expect("an error");
            assert_eq!(error.kind, ErrorKind::Protocol);
        }
        let mut framing = CHUNKED;
        let mut feed = |bytes: &[u8]| framing.decode(&mut bytes.to_vec(), |_| {});
        feed(b"0\r\n").expect("a beginning");
        let line = b"X: 0123456789\r\n";
        let end = (0..LONGEST_SKIPPED).find_map(|_| feed(line).err());
        assert!(
            end.is_some(),
            "many short trailers are as bad as a long one"
        );
    }

    #[test]
    fn the_data_of_small_chunks_comes_in_one_piece_and_that_of_large_ones_is_not_moved() {
        let chunk = |size: usize| format!("{size:x}\r\n{}\r\n", "x".repeat(size));
        let sizes = |chunks: &[usize]| {
            let mut pieces = Vec::new();
            let bytes: String = chunks.iter().map(|size| chunk(*size)).collect();
            let mut framing = CHUNKED;
            let fed = framing.decode(&mut bytes.into_bytes(), |data| pieces.push(data.len()));
            fed.expect("chunks");
            pieces
        };
        assert_eq!(sizes(&[1, 20, SMALL, 300, 5]), [1 + 20 + SMALL + 300 + 5]);
        assert_eq!(
            sizes(&[20, SMALL + 1, 7, 0x100000]),
            [20, SMALL + 1 + 7, 0x100000]
        );
    }

    #[test]
    fn a_length_is_counted_and_what_follows_is_left() {
        let mut framing = Framing::Length(5);
        let mut content = Vec::new();
        for piece in [&b"hel"[..], b"loXX", b"YY"] {
            framing
                .decode(&mut piece.to_vec(), |data| content.extend_from_slice(data))
                .expect("no error");
        }
        assert_eq!(content, b"hello");
        assert!(framing.is_complete());
        assert!(!Framing::Length(5).may_close());
        assert!(Framing::UntilClose.may_close() && !Framing::UntilClose.is_complete());
    }
}
