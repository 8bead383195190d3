//! The lines of --json: an object for each thing that happens. Members may come; none goes or changes.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::summary::{self, Summary};
use crate::client::{self, Error, Event, Headers, Response};
use crate::sys;

#[derive(Serialize)]
struct Open<'a> {
    kind: &'static str,
    status: i32,
    #[serde(serialize_with = "headers")]
    headers: &'a Headers<'a>,
    peer: &'a str,
    http_version: String,
    tls_version: Option<&'static str>,
    is_reused: bool,
    resolve_us: Option<i64>,
    connect_us: Option<i64>,
    tls_us: Option<i64>,
    head_us: Option<i64>,
}

pub fn open(response: &Response) -> String {
    /// A step that was not made has no time.
    fn step(us: i64) -> Option<i64> {
        (us >= 0).then_some(us)
    }
    let version = response.http_version;
    line(&Open {
        kind: "open",
        status: response.status,
        headers: &response.headers,
        peer: &response.peer,
        http_version: format!("{}.{}", version / 10, version % 10),
        tls_version: match response.tls_version {
            sys::TLS_1_2 => Some("1.2"),
            sys::TLS_1_3 => Some("1.3"),
            _ => None,
        },
        is_reused: response.is_reused,
        resolve_us: step(response.resolve_us),
        connect_us: step(response.connect_us),
        tls_us: step(response.tls_us),
        head_us: step(response.head_us),
    })
}

#[derive(Serialize)]
struct EventLine<'a> {
    kind: &'static str,
    r#type: &'a str,
    data: &'a str,
    id: &'a str,
}

pub fn event(event: &Event) -> String {
    line(&EventLine {
        kind: "event",
        r#type: &String::from_utf8_lossy(event.kind),
        data: &String::from_utf8_lossy(event.data),
        id: &String::from_utf8_lossy(event.id),
    })
}

#[derive(Serialize)]
struct CommentLine<'a> {
    kind: &'static str,
    comment: &'a str,
}

pub fn comment(text: &[u8]) -> String {
    line(&CommentLine {
        kind: "comment",
        comment: &String::from_utf8_lossy(text),
    })
}

#[derive(Serialize)]
struct ErrorLine<'a> {
    kind: &'static str,
    code: &'static str,
    status: i32,
    message: &'a str,
    will_retry: bool,
    delay_ms: i64,
    /// Of the response that was the error, if there was one.
    #[serde(serialize_with = "headers", skip_serializing_if = "Vec::is_empty")]
    headers: &'a Headers<'a>,
    #[serde(skip_serializing_if = "str::is_empty")]
    body: &'a str,
}

pub fn error(error: &Error) -> String {
    line(&ErrorLine {
        kind: "error",
        code: client::status_name(error.code),
        status: error.http_status,
        message: &error.message,
        will_retry: error.will_retry,
        delay_ms: error.delay_ms,
        headers: &error.headers,
        body: &String::from_utf8_lossy(error.body),
    })
}

#[derive(Serialize)]
struct Closed {
    kind: &'static str,
}

pub fn closed() -> String {
    line(&Closed { kind: "closed" })
}

#[derive(Serialize)]
struct StatsLine {
    kind: &'static str,
    events: u64,
    bytes: u64,
    attempts: u64,
    opens: u64,
    errors: u64,
    open_ms: i64,
    idle_ms: i64,
    reconnects: BTreeMap<&'static str, u64>,
    latency: Latency,
}

/// From read to callback.
#[derive(Serialize)]
struct Latency {
    /// The last bucket has none.
    bounds_us: Vec<u64>,
    counts: [u64; sys::LATENCY_BUCKETS],
    sum_ns: u64,
}

pub fn stats(summary: &Summary) -> String {
    let Summary { stats, metrics } = summary;
    line(&StatsLine {
        kind: "stats",
        events: stats.events,
        bytes: stats.bytes,
        attempts: stats.attempts,
        opens: stats.opens,
        errors: stats.errors,
        open_ms: stats.open_ms,
        idle_ms: stats.idle_ms,
        reconnects: summary.reconnects().collect(),
        latency: Latency {
            bounds_us: summary::bounds_us().collect(),
            counts: metrics.latency_counts,
            sum_ns: metrics.latency_sum_ns,
        },
    })
}

fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// {"name":["value"]} of all headers, as curl's %{header_json}. The values of a repeated name stay apart: not all of them can
/// be joined, as RFC 9110 (section 5.3) says of Set-Cookie.
fn headers<S: Serializer>(headers: &Headers, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for (place, (name, _)) in headers.iter().enumerate() {
        if headers[..place].iter().any(|(before, _)| before == name) {
            continue; // it is with the first of its name
        }
        let values: Vec<_> = headers
            .iter()
            .filter(|(other, _)| other == name)
            .map(|(_, value)| String::from_utf8_lossy(value))
            .collect();
        map.serialize_entry(&String::from_utf8_lossy(name), &values)?;
    }
    map.end()
}
