//! What a response means, as pure functions: the table of `docs/answers.md`.

use crate::http::{self, Error, ErrorKind, HeaderMap, Method};
use crate::runtime::Reason;
use crate::words;
use hyper::http::header::{CONTENT_TYPE, RETRY_AFTER};
use std::time::{Duration, SystemTime};

/// What a response, after redirects, means.
#[derive(Debug)]
pub enum Verdict {
    /// An event stream.
    Stream,
    /// The server wants no more requests.
    Close,
    /// An error.
    Error(Error),
}

/// Judges a response to a request of that method.
pub fn judge(
    method: &Method,
    status: u16,
    headers: &HeaderMap,
    check_content_type: bool,
) -> Verdict {
    match status {
        204 => Verdict::Close,
        status if opens(method, status) => match unreadable(headers, check_content_type) {
            Some(error) => Verdict::Error(error),
            None => Verdict::Stream,
        },
        status => Verdict::Error(Error::new(
            ErrorKind::Status,
            format!("the server answered {status}"),
        )),
    }
}

/// Whether a status is one of an event stream: the HTML standard's 200, and for a method that may do more than get one any
/// success that has content.
fn opens(method: &Method, status: u16) -> bool {
    match status {
        200 => true,
        204..=206 => false,
        201..=299 => method != Method::GET && method != Method::HEAD,
        _ => false,
    }
}

/// Why a response is no event stream, if it is none.
fn unreadable(headers: &HeaderMap, check_content_type: bool) -> Option<Error> {
    if check_content_type {
        let mime_type = mime_type(headers);
        let said = mime_type.as_deref().unwrap_or_default();
        if !said.eq_ignore_ascii_case("text/event-stream") {
            let said = match said {
                "" => "the response has no content type".into(),
                said => format!(
                    "the response's content type is {}",
                    words::quoted(said.as_bytes())
                ),
            };
            return Some(Error::new(
                ErrorKind::ContentType,
                format!("{said}, not text/event-stream"),
            ));
        }
    }
    http::codings(headers).err()
}

/// The MIME type without its parameters, as the Fetch standard extracts it: of several, the last that is one.
fn mime_type(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(CONTENT_TYPE).iter();
    let list: Vec<_> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    let list = list.join(",");
    let mut quoted = false;
    list.split(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .map(|entry| entry.split(';').next().unwrap_or_default().trim())
    .filter(|essence| is_mime_type(essence))
    // Not from the back: what is quoted is known only from the front.
    .fold(None, |_, essence| Some(essence.to_owned()))
}

/// Whether this is a type and a subtype, each an HTTP token.
fn is_mime_type(essence: &str) -> bool {
    let is_token = |text: &str| {
        let is_tchar =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !text.is_empty() && text.bytes().all(is_tchar)
    };
    let parts = essence.split_once('/');
    essence != "*/*" && parts.is_some_and(|(main, sub)| is_token(main) && is_token(sub))
}

/// Whether what went wrong may pass by itself.
pub fn is_transient(kind: ErrorKind, http_status: u16) -> bool {
    match kind {
        ErrorKind::Status => may_pass(http_status),
        ErrorKind::Proxy => http_status == 0 || may_pass(http_status),
        ErrorKind::Resolve
        | ErrorKind::Connect
        | ErrorKind::ConnectTimeout
        | ErrorKind::Tls
        | ErrorKind::Certificate
        | ErrorKind::Disconnected
        | ErrorKind::ResponseTimeout
        | ErrorKind::ReadTimeout
        | ErrorKind::EventTimeout
        | ErrorKind::Protocol
        | ErrorKind::Http2
        | ErrorKind::Decoding
        | ErrorKind::EndOfStream
        | ErrorKind::EventTooLarge
        | ErrorKind::Memory
        | ErrorKind::Request => true,
        ErrorKind::ContentType
        | ErrorKind::ContentEncoding
        | ErrorKind::Redirect
        | ErrorKind::TooManyRedirects
        | ErrorKind::Panic => false,
    }
}

/// What kind of reason that is for another attempt.
pub fn reason(kind: ErrorKind) -> Reason {
    match kind {
        ErrorKind::EndOfStream => Reason::End,
        ErrorKind::Resolve
        | ErrorKind::Connect
        | ErrorKind::Proxy
        | ErrorKind::Tls
        | ErrorKind::Certificate
        | ErrorKind::Disconnected
        | ErrorKind::Protocol
        | ErrorKind::Http2 => Reason::Connection,
        ErrorKind::ConnectTimeout
        | ErrorKind::ResponseTimeout
        | ErrorKind::ReadTimeout
        | ErrorKind::EventTimeout => Reason::Timeout,
        ErrorKind::Status
        | ErrorKind::ContentType
        | ErrorKind::ContentEncoding
        | ErrorKind::Redirect
        | ErrorKind::TooManyRedirects => Reason::Response,
        ErrorKind::Request => Reason::Program,
        ErrorKind::Decoding | ErrorKind::EventTooLarge | ErrorKind::Memory | ErrorKind::Panic => {
            Reason::Other
        }
    }
}

fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

/// How long the server asks to wait: `retry-after-ms`, as language models' endpoints send it beside the other, else
/// `Retry-After` (RFC 9110, section 10.2.3), as seconds or as a date.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    if let Some(exact) = milliseconds(headers) {
        return Some(exact);
    }
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Too large for a number is as good as for ever; the back-off has its own limit.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    httpdate::parse_http_date(value)
        .ok()
        .map(|date| date.duration_since(now).unwrap_or_default())
}

/// `retry-after-ms`: a decimal number. A fraction counts as a whole millisecond.
fn milliseconds(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("retry-after-ms")?.to_str().ok()?.trim();
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let more = u64::from(fraction.bytes().any(|byte| byte != b'0'));
    let whole: u64 = whole.parse().unwrap_or(u64::MAX);
    Some(Duration::from_millis(whole.saturating_add(more)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::http::HeaderValue;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn judge(status: u16, headers: &HeaderMap, check_content_type: bool) -> Verdict {
        super::judge(&Method::GET, status, headers, check_content_type)
    }

    fn kind(status: u16, fields: &[(&'static str, &'static str)]) -> Option<ErrorKind> {
        match judge(status, &headers(fields), true) {
            Verdict::Error(error) => Some(error.kind),
            _ => None,
        }
    }

    #[test]
    fn a_200_with_the_right_type_is_a_stream_in_any_case_and_with_any_parameters() {
        for value in [
            "text/event-stream",
            "Text/Event-Stream",
            "text/event-stream; charset=utf-8",
            " text/event-stream ;x",
        ] {
            assert!(
                matches!(
                    judge(200, &headers(&[("content-type", value)]), true),
                    Verdict::Stream
                ),
                "{value}"
            );
        }
    }

    #[test]
    fn a_200_with_another_type_is_an_error_unless_the_check_is_off() {
        for fields in [
            &[("content-type", "text/html")][..],
            &[("content-type", "text/event-streams")],
            &[],
        ] {
            assert_eq!(kind(200, fields), Some(ErrorKind::ContentType));
            assert!(matches!(
                judge(200, &headers(fields), false),
                Verdict::Stream
            ));
        }
    }

    #[test]
    fn of_several_types_the_last_valid_one_counts() {
        for (fields, is_stream) in [
            (&["text/html", "text/event-stream"][..], true),
            (&["text/event-stream", "text/html"], false),
            (&["text/html, text/event-stream"], true),
            (
                &["text/event-stream, */*", "nonsense", "text /html", "/html"],
                true,
            ),
            (&["text/event-stream; x=\"a, text/html\""], true),
            (&["text/html; x=\"a\", text/event-stream"], true),
        ] {
            let fields: Vec<_> = fields
                .iter()
                .map(|value| ("content-type", *value))
                .collect();
            let expected = (!is_stream).then_some(ErrorKind::ContentType);
            assert_eq!(kind(200, &fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn more_codings_than_are_decoded_are_an_error_and_others_are_not() {
        let stream = ("content-type", "text/event-stream");
        assert_eq!(
            kind(200, &[stream, ("content-encoding", "gzip, br, gzip")]),
            Some(ErrorKind::ContentEncoding)
        );
        for coding in ["gzip", "gzip, br", "none", "compress"] {
            assert_eq!(kind(200, &[stream, ("content-encoding", coding)]), None);
        }
    }

    #[test]
    fn every_success_with_content_opens_for_a_method_other_than_get_and_head() {
        let stream = headers(&[("content-type", "text/event-stream")]);
        for method in [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::OPTIONS,
        ] {
            let is_get = method == Method::GET || method == Method::HEAD;
            for status in 200..300 {
                let opens = match status {
                    200 => true,
                    204..=206 => false,
                    _ => !is_get,
                };
                let judged = super::judge(&method, status, &stream, true);
                let is_stream = matches!(judged, Verdict::Stream);
                assert_eq!(is_stream, opens, "{method} {status}");
            }
        }
    }

    #[test]
    fn a_204_closes() {
        assert!(matches!(judge(204, &headers(&[]), true), Verdict::Close));
    }

    #[test]
    fn other_statuses_are_errors_and_only_some_pass_by_themselves() {
        for status in [
            201, 205, 206, 304, 400, 401, 403, 404, 408, 410, 425, 429, 500, 503, 599, 600,
        ] {
            assert_eq!(kind(status, &[]), Some(ErrorKind::Status), "{status}");
            let transient = [408, 425, 429, 500, 503, 599].contains(&status);
            assert_eq!(
                is_transient(ErrorKind::Status, status),
                transient,
                "{status}"
            );
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 90);
        let read = |value| retry_after(&headers(&[("retry-after", value)]), now);
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(
            read("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::from_secs(90))
        );
        assert_eq!(read("Sun, 06 Nov 1904 08:49:37 GMT"), None);
        assert_eq!(
            read("99999999999999999999"),
            Some(Duration::from_secs(u64::MAX))
        );
        for bad in ["", "-1", "+1", "1.5", "soon"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn retry_after_ms_counts_before_retry_after_unless_it_is_no_number() {
        let now = SystemTime::UNIX_EPOCH;
        let read = |value| {
            let both = headers(&[("retry-after", "2"), ("retry-after-ms", value)]);
            retry_after(&both, now)
        };
        for (value, ms) in [
            ("0", 0),
            ("1250", 1250),
            ("7.0", 7),
            ("7.25", 8),
            (" 3 ", 3),
        ] {
            assert_eq!(read(value), Some(Duration::from_millis(ms)), "{value:?}");
        }
        assert_eq!(
            read("99999999999999999999"),
            Some(Duration::from_millis(u64::MAX))
        );
        for bad in ["", "-1", "1e3", ".5", "5.", "soon"] {
            assert_eq!(read(bad), Some(Duration::from_secs(2)), "{bad:?}");
        }
    }
}
