//! The heads of HTTP/1 messages: a request's is written here, a response's read by httparse (RFC 9112, sections 3 to 5).

use crate::http::connect::Proxy;
use crate::http::error::{Error, ErrorKind};
use crate::http::head::{Head, LARGEST};
use crate::http::request::{LAST_EVENT_ID, OWN_USER_AGENT, Request};
use hyper::http::header::{CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION, USER_AGENT};
use hyper::http::{HeaderMap, HeaderName, HeaderValue};
use std::mem::MaybeUninit;
use url::Position::{AfterPort, AfterQuery, BeforeHost, BeforePath, BeforeScheme};

/// The most fields of a head.
const MOST_FIELDS: usize = 100;

/// A request's head, in origin form; in absolute form for a proxy that makes the request in its own name. What follows it
/// on the wire is the request's body.
pub fn write(request: &Request, forwarder: Option<&Proxy>) -> Vec<u8> {
    let url = request.url();
    let mut head = Vec::with_capacity(512);
    let mut line = |parts: [&[u8]; 4]| write_line(&mut head, parts);
    let method = request.method.as_str();
    let target = match forwarder {
        None => url[BeforePath..AfterQuery].as_bytes(),
        Some(_) => url[BeforeScheme..AfterQuery].as_bytes(),
    };
    line([method.as_bytes(), b" ", target, b" HTTP/1.1"]);
    if let Some(value) = forwarder.and_then(Proxy::authorization) {
        let name = PROXY_AUTHORIZATION.as_str().as_bytes();
        line([name, b": ", value.as_bytes(), b""]);
    }
    if request.header(&HOST).is_none() {
        // No port that is the scheme's own: the URL has none then.
        let host = url[BeforeHost..AfterPort].as_bytes();
        line([b"host", b": ", host, b""]);
    }
    for (name, value) in &*request.headers {
        line([name.as_str().as_bytes(), b": ", value.as_bytes(), b""]);
    }
    if let Some(id) = &request.last_event_id {
        line([LAST_EVENT_ID.as_str().as_bytes(), b": ", id.as_bytes(), b""]);
    }
    if let Some(length) = request.content_length() {
        let length = length.to_string();
        let name = CONTENT_LENGTH.as_str().as_bytes();
        line([name, b": ", length.as_bytes(), b""]);
    }
    line([b""; 4]);
    head
}

/// The head that asks a proxy for a tunnel. Of the request that is to go through it, the proxy sees the host alone.
pub fn write_connect(target: &str, authorization: Option<&HeaderValue>) -> Vec<u8> {
    let mut head = Vec::with_capacity(256);
    let mut line = |parts: [&[u8]; 4]| write_line(&mut head, parts);
    line([b"CONNECT ", target.as_bytes(), b" HTTP/1.1", b""]);
    line([b"host", b": ", target.as_bytes(), b""]);
    let user_agent = USER_AGENT.as_str().as_bytes();
    line([user_agent, b": ", OWN_USER_AGENT.as_bytes(), b""]);
    if let Some(value) = authorization {
        let name = PROXY_AUTHORIZATION.as_str().as_bytes();
        line([name, b": ", value.as_bytes(), b""]);
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

/// Reads a response's head, and answers how many bytes it has; `None` while it is incomplete. Interim responses before it
/// (RFC 9110, section 15.2) are skipped.
pub fn read(bytes: &[u8]) -> Result<Option<(Head, usize)>, Error> {
    let mut start = 0;
    loop {
        let Some((head, len)) = read_one(&bytes[start..])? else {
            if bytes.len() >= LARGEST {
                return Err(broken("the response's head is too large"));
            }
            return Ok(None);
        };
        start += len;
        // 101 is no interim response, but the end of HTTP; nobody has asked for that.
        if !(100..200).contains(&head.status) || head.status == 101 {
            return Ok(Some((head, start)));
        }
    }
}

fn read_one(bytes: &[u8]) -> Result<Option<(Head, usize)>, Error> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut response, bytes, &mut fields)
        .map_err(|error| broken(&error.to_string()))?;
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
        let value = HeaderValue::from_bytes(field.value);
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
            head.starts_with("GET /a?b HTTP/1.1\r\nhost: example.com:8080\r\n"),
            "{head}"
        );
        assert!(head.contains("\r\naccept: text/event-stream\r\n"), "{head}");
        assert!(
            head.ends_with("\r\n\r\n") && !head.contains("content-length"),
            "{head}"
        );

        request.set_header("Host", "other").expect("a header");
        request.set_method("POST").expect("a method");
        let head = written(&request);
        assert!(head.starts_with("POST "), "{head}");
        assert!(
            head.contains("\r\nhost: other\r\n") && !head.contains("example"),
            "{head}"
        );
        assert!(head.contains("\r\ncontent-length: 0\r\n"), "{head}");

        for (name, value) in [("X-One", "a"), ("X-Two", "b"), ("x-one", "c")] {
            request.add_header(name, value).expect("a header");
        }
        request.set_header("User-Agent", "me").expect("a header");
        assert!(request.set_last_event_id("7"));
        let head = written(&request);
        let fields = "user-agent: me\r\nhost: other\r\nx-one: a\r\nx-one: c\r\nx-two: b\r\nlast-event-id: 7\r\n";
        assert!(head.contains(fields), "{head}");
        request.set_header("X-One", "d").expect("a header");
        let head = written(&request);
        assert!(head.contains("\r\nx-one: d\r\nx-two: b\r\n"), "{head}");

        request.set_body(b"12345");
        assert!(written(&request).contains("\r\ncontent-length: 5\r\n"));
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
    fn a_head_has_its_limits() {
        let field = "X: y\r\n";
        let with = |fields: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", field.repeat(fields));
        assert!(read(with(MOST_FIELDS).as_bytes()).expect("HTTP").is_some());
        assert!(read(with(MOST_FIELDS + 1).as_bytes()).is_err());
        let long = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(LARGEST));
        assert!(
            read(&long.as_bytes()[..LARGEST - 1])
                .expect("HTTP so far")
                .is_none()
        );
        assert!(read(&long.as_bytes()[..LARGEST]).is_err());
    }
}
