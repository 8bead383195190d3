//! The heads of HTTP/1 messages: a request's is written here, a response's read by httparse (RFC 9112, sections 3 to 5).

use crate::http::error::{Error, ErrorKind};
use crate::http::head::{Head, LARGEST, MOST_FIELDS, MOST_INTERIM};
use crate::http::request::Request;
use crate::http::way::proxy::Proxy;
use hyper::http::header::HOST;
use hyper::http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memchr;
use std::borrow::Cow;
use url::Position::{AfterPort, AfterQuery, BeforeHost, BeforePath, BeforeScheme};

/// A request's head, in origin form; in absolute form for a proxy that makes the request in its own name. What follows it
/// on the wire is the request's body.
pub fn write(request: &Request, forwarder: Option<&Proxy>) -> Vec<u8> {
    let url = request.url().url();
    let mut head = Vec::with_capacity(512);
    let mut line = |parts: [&[u8]; 4]| write_line(&mut head, parts);
    let method = request.method.as_str();
    let target = match forwarder {
        None => url[BeforePath..AfterQuery].as_bytes(),
        Some(_) => url[BeforeScheme..AfterQuery].as_bytes(),
    };
    line([method.as_bytes(), b" ", target, b" HTTP/1.1"]);
    if let Some(value) = forwarder.and_then(Proxy::authorization) {
        line([b"Proxy-Authorization: ", value.as_bytes(), b"", b""]);
    }
    if request.header(&HOST).is_none() {
        // No port that is the scheme's own: the URL has none then.
        let host = url[BeforeHost..AfterPort].as_bytes();
        line([b"Host: ", host, b"", b""]);
    }
    for field in request.fields() {
        line([field.spelling, b": ", field.value.as_bytes(), b""]);
    }
    if let Some(length) = request.content_length() {
        let length = length.to_string();
        line([b"Content-Length: ", length.as_bytes(), b"", b""]);
    }
    line([b""; 4]);
    head
}

fn write_line(head: &mut Vec<u8>, parts: [&[u8]; 4]) {
    for part in parts {
        head.extend_from_slice(part);
    }
    head.extend_from_slice(b"\r\n");
}

/// How much is read in one go while a head is incomplete. So much of what follows the head may come with it, and is kept
/// then until somebody wants it.
const READ: usize = 16 * 1024;

/// Reads a response's head as it comes. However few bytes come at a time, each of them costs the same.
#[derive(Default)]
pub struct Reader {
    bytes: Vec<u8>,
    /// Up to here there is no end of the head.
    searched: usize,
    /// Where the line begins that has not ended yet.
    line: usize,
    /// How many lines have ended, but for empty ones.
    lines: usize,
    /// How much there was when it was parsed last.
    parsed: usize,
    /// How many interim responses have come before.
    interim: usize,
}

impl Reader {
    /// How much may come next.
    pub fn room(&self) -> usize {
        READ.min(LARGEST - self.bytes.len())
    }

    /// Takes the next bytes. Returns the head when it is complete, and what came behind it. Interim responses before it
    /// (RFC 9110, section 15.2) are skipped.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Option<(Head, Vec<u8>)>, Error> {
        // Doubled, as by `extend_from_slice`; but that would end the process.
        let reserved = self.bytes.try_reserve(bytes.len());
        reserved.map_err(|_| Error::no_memory())?;
        self.bytes.extend_from_slice(bytes);
        while let Some((head, len)) = self.parse()? {
            let rest = self.bytes.split_off(len);
            // 101 is no interim response, but the end of HTTP, which was not asked for.
            if !(100..200).contains(&head.status) || head.status == 101 {
                return Ok(Some((head, rest)));
            }
            *self = Reader {
                bytes: rest,
                interim: self.interim + 1,
                ..Reader::default()
            };
            if self.interim > MOST_INTERIM {
                let message = format!("the server sent more than {MOST_INTERIM} interim responses");
                return Err(Error::new(ErrorKind::Protocol, message));
            }
        }
        if self.bytes.len() >= LARGEST {
            let message = format!("the response's head is over {} KiB", LARGEST / 1024);
            return Err(Error::new(ErrorKind::Protocol, message));
        }
        Ok(None)
    }

    /// The connection has ended before the head has.
    pub fn ended(&self) -> Error {
        // Rather because of what it is than because there is no more of it.
        parse(&self.bytes, self.lines).err().unwrap_or_else(|| {
            Error::new(
                ErrorKind::Disconnected,
                "the connection ended before the response's head was complete",
            )
        })
    }

    /// Parses what has come if its end has; and if it has doubled since the last time, so that what is no head is found out
    /// before it is as large as one may be.
    fn parse(&mut self) -> Result<Option<(Head, usize)>, Error> {
        if !self.has_ended() && self.bytes.len() / 2 < self.parsed {
            return Ok(None);
        }
        self.parsed = self.bytes.len();
        parse(&self.bytes, self.lines)
    }

    /// Whether there is an empty line behind one that is not.
    fn has_ended(&mut self) -> bool {
        while let Some(found) = memchr(b'\n', &self.bytes[self.searched..]) {
            self.searched += found + 1;
            let is_empty = matches!(&self.bytes[self.line..self.searched], b"\n" | b"\r\n");
            self.line = self.searched;
            if !is_empty {
                self.lines += 1;
            } else if self.lines > 0 {
                return true;
            }
        }
        self.searched = self.bytes.len();
        false
    }
}

/// Parses a head of so many lines, and returns it with how many bytes it has; `None` while it is incomplete.
fn parse(bytes: &[u8], lines: usize) -> Result<Option<(Head, usize)>, Error> {
    let mut fields = Vec::new();
    let reserved = fields.try_reserve_exact(lines.min(MOST_FIELDS));
    reserved.map_err(|_| Error::no_memory())?;
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default()
        // Some servers fold fields still, and a client takes the fold for a space (RFC 9112, section 5.2). By default, an
        // error. All else stays strict: what else httparse could let pass is what requests are smuggled by.
        .allow_obsolete_multiline_headers_in_responses(true)
        .parse_response_with_uninit_headers(&mut response, bytes, fields.spare_capacity_mut())
        .map_err(|error| match error {
            httparse::Error::TooManyHeaders => Error::new(
                ErrorKind::Protocol,
                format!("the response's head has more than {MOST_FIELDS} fields"),
            ),
            error => broken(&error.to_string()),
        })?;
    let httparse::Status::Complete(len) = parsed else {
        return Ok(None);
    };
    let status = response.code.unwrap_or_default();
    if status < 100 {
        return Err(broken("no status is less than 100"));
    }
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    for field in response.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        let value = HeaderValue::from_bytes(&unfolded(field.value));
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(broken("a header is not legal"));
        };
        headers.append(name, value);
    }
    Ok(Some((
        Head {
            status,
            http_version: 10 + i32::from(response.version == Some(1)),
            headers,
        },
        len,
    )))
}

/// A field's value in one line: where it was folded, there is a space (RFC 9112, section 5.2).
fn unfolded(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'\n', value).is_none() {
        return value.into();
    }
    let lines = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    lines.join(&b' ').into()
}

fn broken(message: &str) -> Error {
    Error::new(
        ErrorKind::Protocol,
        format!("the response is not HTTP: {message}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(request: &Request) -> String {
        String::from_utf8(write(request, None)).expect("ASCII")
    }

    #[test]
    fn a_request_has_its_line_its_host_and_its_headers() {
        let mut request = Request::new("http://example.com:8080/a?b#c").expect("a URL");
        let head = written(&request);
        assert!(
            head.starts_with("GET /a?b HTTP/1.1\r\nHost: example.com:8080\r\n"),
            "{head}"
        );
        assert!(head.contains("\r\nAccept: text/event-stream\r\n"), "{head}");
        assert!(
            head.ends_with("\r\n\r\n") && !head.contains("Content-Length"),
            "{head}"
        );

        request.set_header("Host", "other").expect("a header");
        request.set_method("POST").expect("a method");
        let head = written(&request);
        assert!(head.starts_with("POST "), "{head}");
        assert!(
            head.contains("\r\nHost: other\r\n") && !head.contains("example"),
            "{head}"
        );
        assert!(head.contains("\r\nContent-Length: 0\r\n"), "{head}");

        for (name, value) in [("X-One", "a"), ("X-Two", "b"), ("x-one", "c")] {
            request.add_header(name, value).expect("a header");
        }
        request.set_header("User-Agent", "me").expect("a header");
        request.set_last_event_id("7").expect("an id");
        let head = written(&request);
        let fields = "User-Agent: me\r\nHost: other\r\nX-One: a\r\nx-one: c\r\nX-Two: b\r\nLast-Event-ID: 7\r\n";
        assert!(head.contains(fields), "{head}");
        request.set_header("X-One", "d").expect("a header");
        let head = written(&request);
        assert!(head.contains("\r\nX-One: d\r\nX-Two: b\r\n"), "{head}");

        request.set_body(b"12345");
        assert!(written(&request).contains("\r\nContent-Length: 5\r\n"));
    }

    /// The head, and how many bytes it has; the same however they are split. Or the error's words.
    fn read(bytes: &[u8]) -> Result<Option<(Head, usize)>, String> {
        let feed = |size: usize| {
            let (mut reader, mut fed) = (Reader::default(), 0);
            while fed < bytes.len() {
                let more = size.min(reader.room()).min(bytes.len() - fed);
                let read = reader.take(&bytes[fed..fed + more]);
                fed += more;
                if let Some((head, rest)) = read.map_err(|error| error.message)? {
                    return Ok(Some((head, fed - rest.len())));
                }
            }
            Ok(None)
        };
        let whole = feed(READ);
        let few = bytes.len() / 4096 + 1;
        for size in [few, 2 * few, 3 * few] {
            assert!(feed(size) == whole, "{size} at a time");
        }
        whole
    }

    #[test]
    fn interim_responses_are_skipped() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n\
                      HTTP/1.0 200 OK\r\nA: 1\r\nA: 2\r\n\r\nbody";
        let (head, len) = read(bytes).expect("HTTP").expect("complete");
        assert_eq!((head.status, head.http_version), (200, 10));
        assert_eq!(head.headers.get_all("a").iter().count(), 2);
        assert_eq!(&bytes[len..], b"body");
        for cut in 0..len {
            assert!(read(&bytes[..cut]).expect("HTTP so far").is_none(), "{cut}");
        }
    }

    #[test]
    fn a_switch_of_protocols_is_no_interim_response() {
        let (head, _) = read(b"HTTP/1.1 101 x\r\n\r\n")
            .expect("HTTP")
            .expect("complete");
        assert_eq!(head.status, 101);
    }

    #[test]
    fn a_fold_is_a_space_wherever_it_is() {
        for (folded, value) in [
            ("a\r\n b", "a b"),
            ("a \t\r\n\t  b", "a b"),
            ("a\n b", "a b"),
            ("\r\n a", "a"),
            ("a\r\n \r\n b\r\n\t", "a b"),
            ("\r\n ", ""),
            ("a\r\n Content-Type: b", "a Content-Type: b"),
        ] {
            let bytes = format!("HTTP/1.1 200 OK\r\nX: {folded}\r\nY: z\r\n\r\nbody");
            let (head, len) = read(bytes.as_bytes()).expect(folded).expect("complete");
            assert_eq!(head.headers["x"], value, "{folded:?}");
            assert_eq!(head.headers.len(), 2, "{folded:?}");
            assert_eq!(&bytes[len..], "body", "{folded:?}");
        }
        // There is no field yet that it could belong to.
        assert!(read(b"HTTP/1.1 200 OK\r\n X: y\r\n\r\n").is_err());
    }

    #[test]
    fn a_head_has_its_limits_and_interim_heads_have_them_for_themselves() {
        let field = "X: y\r\n";
        let with = |fields: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", field.repeat(fields));
        assert!(read(with(MOST_FIELDS).as_bytes()).expect("HTTP").is_some());
        let error = read(with(MOST_FIELDS + 1).as_bytes()).expect_err("too many");
        assert!(error.ends_with("more than 1000 fields"), "{error}");

        let sized = |status: u16, size: usize| {
            let (start, end) = (format!("HTTP/1.1 {status} x\r\nX: "), "\r\n\r\n");
            let filling = "y".repeat(size - start.len() - end.len());
            start + &filling + end
        };
        let final_head = sized(200, LARGEST);
        assert!(read(final_head.as_bytes()).expect("HTTP").is_some());
        let with_interim = sized(103, LARGEST) + &sized(102, LARGEST) + &final_head;
        assert!(read(with_interim.as_bytes()).expect("HTTP").is_some());
        let error = read(sized(200, LARGEST + 1).as_bytes()).expect_err("too large");
        assert!(error.ends_with("over 256 KiB"), "{error}");

        let many = |interim: usize| "HTTP/1.1 103 x\r\n\r\n".repeat(interim) + &with(0);
        assert!(read(many(MOST_INTERIM).as_bytes()).expect("HTTP").is_some());
        let error = read(many(MOST_INTERIM + 1).as_bytes()).expect_err("too many");
        assert!(error.ends_with("interim responses"), "{error}");
    }

    /// By the processor's time, of which a busy machine takes no more: eight times as much may cost eight times as much.
    #[test]
    fn a_head_that_drips_costs_no_more_than_linear_time() {
        let now = || {
            let mut now = libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            // SAFETY: it writes to this timespec.
            unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut now) };
            now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
        };
        let drip = |size: usize, line: &str| {
            let begun = now();
            let mut reader = Reader::default();
            for byte in "HTTP/1.1 200 OK\r\n"
                .bytes()
                .chain(line.bytes().cycle())
                .take(size)
            {
                assert!(reader.take(&[byte]).expect("HTTP so far").is_none());
            }
            now() - begun
        };
        let lines = format!("X: {}\r\n", "y".repeat(300));
        let folds = format!("X: y{}\r\n", "\r\n z".repeat(100));
        for line in [&*lines, &folds, "endless"] {
            let times = |size| (0..3).map(|_| drip(size, line)).fold(f64::MAX, f64::min);
            let ratio = times(LARGEST - 1) / times(LARGEST / 8);
            assert!(ratio < 24.0, "{line:?}: {ratio}");
        }
    }

    #[test]
    fn what_is_no_head_is_found_out_before_it_ends() {
        for bytes in ["SSH-2.0-OpenSSH_9", "HTTP/1.1 200 OK\r\nno field"] {
            let endless = bytes.bytes().chain(std::iter::repeat(b'x'));
            let mut reader = Reader::default();
            let found = endless
                .take(2 * bytes.len() + 2)
                .any(|byte| reader.take(&[byte]).is_err());
            assert!(
                found || reader.ended().kind == ErrorKind::Protocol,
                "{bytes}"
            );
        }
    }
}
