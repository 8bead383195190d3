//! Reading one HTTP/1.1 request.

use std::io::{self, BufRead, BufReader, Read, Write};

/// More than any test sends on purpose; a client gone wild must not eat the machine's memory.
const HEAD_LIMIT: u64 = 1 << 20;
const BODY_LIMIT: u64 = 64 << 20;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query, undecoded; or whatever else was asked for.
    pub target: String,
    /// Names and values in order, names spelt as received.
    pub headers: Vec<(String, String)>,
    /// The body, without its chunked framing.
    pub body: Vec<u8>,
    /// Which connection of the server brought it, counted from 0.
    pub connection: u64,
    /// Which request of the server it is, counted from 0.
    pub number: usize,
    /// Decoded at once, so that lookups can lend.
    query: Vec<(String, String)>,
}

impl Request {
    /// The value of the first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers_named(name).first().copied()
    }

    /// The values of all headers of this name, in any case.
    pub fn headers_named(&self, name: &str) -> Vec<&str> {
        values(&self.headers, |key| key.eq_ignore_ascii_case(name))
    }

    /// The target up to the query, undecoded; of a target in absolute form, which a proxy gets, from the path on.
    pub fn path(&self) -> &str {
        let target = self.target.split('?').next().unwrap_or_default();
        match target.split_once("://") {
            Some((_, rest)) if !target.starts_with('/') => {
                rest.find('/').map_or("/", |slash| &rest[slash..])
            }
            _ => target,
        }
    }

    /// The percent-decoded value of the first query parameter of this name. A `+` stays a `+`.
    pub fn query(&self, key: &str) -> Option<&str> {
        self.query_all(key).first().copied()
    }

    /// The percent-decoded values of all query parameters of this name.
    pub fn query_all(&self, key: &str) -> Vec<&str> {
        values(&self.query, |name| name == key)
    }

    /// Reads a request; an error for anything that is not one. `connection` and `number` stay 0.
    pub(crate) fn read<S: Read + Write>(stream: &mut BufReader<S>) -> io::Result<Request> {
        let mut head = stream.by_ref().take(HEAD_LIMIT);
        let request_line = read_line(&mut head)?;
        let mut words = request_line.split(' ');
        let (method, target) = match (words.next(), words.next(), words.next(), words.next()) {
            (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None)
                if !method.is_empty() && !target.is_empty() =>
            {
                (method.to_owned(), target.to_owned())
            }
            _ => return Err(malformed("request line")),
        };

        let mut headers = Vec::new();
        loop {
            let line = read_line(&mut head)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| malformed("header"))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }

        let query = parse_query(target.split_once('?').map_or("", |(_, query)| query));
        let mut request = Request {
            method,
            target,
            headers,
            body: Vec::new(),
            connection: 0,
            number: 0,
            query,
        };
        request.body = request.read_body(stream)?;
        Ok(request)
    }

    fn read_body<S: Read + Write>(&self, stream: &mut BufReader<S>) -> io::Result<Vec<u8>> {
        // curl holds a large body back until it has been asked for.
        if self
            .header("Expect")
            .is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
        {
            stream
                .get_mut()
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            stream.get_mut().flush()?;
        }
        if self
            .header("Transfer-Encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
        {
            return read_chunked(stream);
        }
        let mut body = Vec::new();
        if let Some(length) = self.header("Content-Length") {
            let length = length.parse().map_err(|_| malformed("Content-Length"))?;
            read_exactly(stream, length, &mut body)?;
        }
        Ok(body)
    }
}

fn values(pairs: &[(String, String)], wanted: impl Fn(&str) -> bool) -> Vec<&str> {
    pairs
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(_, value)| value.as_str())
        .collect()
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed {what}"))
}

fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line)?;
    let line = line
        .strip_suffix(b"\r\n")
        .ok_or_else(|| malformed("line"))?;
    Ok(String::from_utf8_lossy(line).into_owned())
}

fn read_exactly(stream: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    if length > BODY_LIMIT.saturating_sub(body.len() as u64) {
        return Err(malformed("body: too long"));
    }
    // Not read_exact: that would allocate what the peer claims before it has sent it.
    if stream.take(length).read_to_end(body)? as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

fn read_chunked(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(&mut stream.by_ref().take(HEAD_LIMIT))?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(digits, 16).map_err(|_| malformed("chunk size"))?;
        if size == 0 {
            break;
        }
        read_exactly(stream, size, &mut body)?;
        if !read_line(&mut stream.by_ref().take(2))?.is_empty() {
            return Err(malformed("chunk end"));
        }
    }
    // Trailers, which nobody here looks at.
    let mut trailers = stream.take(HEAD_LIMIT);
    while !read_line(&mut trailers)?.is_empty() {}
    Ok(body)
}

fn parse_query(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decode(key), percent_decode(value))
        })
        .collect()
}

/// Decodes `%XX`; a `%` without two hexadecimal digits stays as it is.
fn percent_decode(text: &str) -> String {
    let hex = |byte: Option<&u8>| byte.and_then(|&byte| char::from(byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer that has said all it will say, one byte per read, and collects the answer.
    struct Peer<'a>(&'a [u8], Vec<u8>);

    impl Read for Peer<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(1);
            self.0.read(&mut buffer[..length])
        }
    }

    impl Write for Peer<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn read(text: &str) -> io::Result<Request> {
        Request::read(&mut BufReader::new(Peer(text.as_bytes(), Vec::new())))
    }

    #[test]
    fn reads_a_request_without_a_body() {
        let request = read(
            "GET /a/b?x=1&y=%C3%A9%20&x=2&z&+=%zz%4 HTTP/1.1\r\n\
             Host: h\r\nX-A:1\r\nx-a:  2 \r\n\r\n",
        )
        .expect("a request");
        assert_eq!(request.method, "GET");
        assert_eq!(request.path(), "/a/b");
        assert_eq!(request.query("x"), Some("1"));
        assert_eq!(request.query_all("x"), ["1", "2"]);
        assert_eq!(request.query("y"), Some("é "));
        assert_eq!(request.query("z"), Some(""));
        assert_eq!(request.query("+"), Some("%zz%4"));
        assert_eq!(request.query("none"), None);
        assert_eq!(request.header("HOST"), Some("h"));
        assert_eq!(request.headers_named("X-a"), ["1", "2"]);
        assert_eq!(request.headers[1].0, "X-A");
        assert!(request.body.is_empty());
    }

    #[test]
    fn reads_a_body_by_its_length() {
        let request =
            read("POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nhelloGET").expect("a request");
        assert_eq!(request.body, b"hello");
    }

    #[test]
    fn reads_a_chunked_body() {
        let request = read(
            "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
             3;x=y\r\nhel\r\nA\r\nlo, world!\r\n0\r\nT: t\r\n\r\n",
        )
        .expect("a request");
        assert_eq!(request.body, b"hello, world!");
    }

    #[test]
    fn asks_for_a_body_that_is_held_back() {
        let text = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi";
        let mut stream = BufReader::new(Peer(text, Vec::new()));
        assert_eq!(Request::read(&mut stream).expect("a request").body, b"hi");
        assert_eq!(stream.into_inner().1, b"HTTP/1.1 100 Continue\r\n\r\n");
    }

    #[test]
    fn refuses_what_is_no_request() {
        for text in [
            "",
            "\r\n\r\n",
            "GET / HTTP/1.1\r\n",
            "GET / HTTP/1.1\n\n",
            "GET  / HTTP/1.1\r\n\r\n",
            "GET / HTTP/2\r\n\r\n",
            "GET /\r\n\r\n",
            "\x16\x03\x01\x02",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nhi",
            "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
        let endless = format!("GET / HTTP/1.1\r\n{}", "X: y\r\n".repeat(1 << 20));
        assert!(read(&endless).is_err());
    }
}
