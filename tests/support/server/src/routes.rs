//! What the program answers. Nothing is remembered between requests: where a stream continues depends
//! on the `Last-Event-ID` alone, so any number of clients can use any route at once.

mod chaos;
mod chat;
mod odd;

use std::fmt::Write;
use std::str::FromStr;
use std::time::Duration;

use crate::{Encoder, Exchange, Request};

/// What is wrong with a request; it becomes the body of a 400.
type Outcome = Result<(), String>;

struct Route {
    /// One that ends in `/` takes everything below too, except the root.
    path: &'static str,
    /// The path's placeholder and the query, for the list.
    parameters: &'static str,
    help: &'static str,
    answer: fn(&mut Exchange) -> Outcome,
}

const ROUTES: &[Route] = &[
    Route {
        path: "/events",
        parameters: "?count=N&first=F&per_connection=K&interval_ms=M&retry=R&comment=TEXT\
                     &cut=clean|abort|reset&then=hold|204&token=T&coding=CODINGS",
        help: "N events (default 10) with ids from F (default 1), continued after Last-Event-ID. With \
               T, a 401 to whom does not authorize as its bearer. At most K on one connection, which is then cut: with the last chunk, without it, or by \
               a reset. After the last event the stream stays open, or with then=204 is cut and \
               the next request gets a 204. The stream is encoded as `gzip, br` or the like says; \
               with `asked`, by the first coding of the request's Accept-Encoding, if it has any.",
        answer: events,
    },
    Route {
        path: "/chaos",
        parameters: "?seed=S&stream=T&connection=C&count=N&at=last|between|inside|head|in-head\
                     &cut=clean|abort|reset|hold|short-chunk|bad-chunk|endless",
        help: "N events (default 10) that tell whether they are whole, continued after Last-Event-ID, \
               in any form that the standard allows: all from S, T and C. The connection is cut \
               after the last event, between some, inside one, before the head or inside it: with \
               the last chunk, without it, by a reset, by silence, inside a chunk, by a broken \
               chunk size, or by an event without end. After the last event the next request gets \
               a 204.",
        answer: chaos::answer,
    },
    Route {
        path: "/v1/chat/completions",
        parameters: "",
        help: "A language model's endpoint in OpenAI's style, for a POST with the key `test-key`: the answer is \
               the prompt, and [DONE]. The prompts `busy` and `overloaded` are a 429, with what is left and how long to wait, and a 529. After `fail` comes \
               an error, after `error` an event of that type, after `break` the connection breaks, after `end` it ends.",
        answer: chat::answer,
    },
    Route {
        path: "/odd",
        parameters: "?as=stream|json",
        help: "Events without ids, without data, with NULs, with bytes that are not UTF-8, and a large one. With json, \
               what a client must make of them: an array of [type, data, last event id]. After the last event the \
               next request gets a 204.",
        answer: odd::answer,
    },
    Route {
        path: "/status/",
        parameters: "CODE?header=NAME:VALUE&body=TEXT",
        help: "This status. The header can be repeated.",
        answer: status,
    },
    Route {
        path: "/redirect",
        parameters: "?to=URL&code=302",
        help: "A redirect to URL, which may be relative.",
        answer: redirect,
    },
    Route {
        path: "/echo",
        parameters: "",
        help: "One event: the request's method, target, headers (names in lower case) and body as JSON. Then stays open.",
        answer: echo,
    },
    Route {
        path: "/type",
        parameters: "?value=TYPE",
        help: "One event under this Content-Type (default text/plain).",
        answer: content_type,
    },
    Route {
        path: "/garbage",
        parameters: "",
        help: "Bytes that are not HTTP.",
        answer: garbage,
    },
    Route {
        path: "/endless-headers",
        parameters: "",
        help: "A head that never ends, as fast as it is read.",
        answer: endless_headers,
    },
    Route {
        path: "/bad-chunk",
        parameters: "",
        help: "One event, then a broken chunk size.",
        answer: bad_chunk,
    },
    Route {
        path: "/big",
        parameters: "?bytes=N&then=hold|end",
        help: "One event with N bytes of data (default 1048576). Then stays open, or ends cleanly.",
        answer: big,
    },
    Route {
        path: "/blast",
        parameters: "?bytes=N&size=S&then=hold|end",
        help: "Events of S bytes of data (default 100) up to N bytes of data in all (default \
               1048576), as fast as they are read. Then stays open, or ends cleanly.",
        answer: blast,
    },
    Route {
        path: "/hang",
        parameters: "",
        help: "Reads the request and never answers.",
        answer: hang,
    },
    Route {
        path: "/hang-body",
        parameters: "",
        help: "One event, then silence.",
        answer: hang_body,
    },
    Route {
        path: "/",
        parameters: "",
        help: "This list.",
        answer: index,
    },
];

/// The list of routes, an entry each.
pub fn list() -> String {
    ROUTES
        .iter()
        .map(|route| format!("{}{}\n    {}\n", route.path, route.parameters, route.help))
        .collect()
}

/// Answers one request.
pub fn answer(exchange: &mut Exchange) {
    let path = exchange.request.path();
    let below = |prefix: &str| prefix != "/" && prefix.ends_with('/') && path.starts_with(prefix);
    let Some(route) = ROUTES
        .iter()
        .find(|route| path == route.path || below(route.path))
    else {
        return respond_text(exchange, 404, "No such route; / lists them.\n");
    };
    if let Err(problem) = (route.answer)(exchange) {
        respond_text(exchange, 400, &format!("{problem}\n"));
    }
}

fn respond_text(exchange: &mut Exchange, status: u16, text: &str) {
    exchange.respond(
        status,
        &[("Content-Type", "text/plain; charset=utf-8")],
        text.as_bytes(),
    );
}

/// A number from the query.
fn number<T: FromStr>(request: &Request, key: &str) -> Result<Option<T>, String> {
    let parse = |value: &str| {
        value
            .parse()
            .map_err(|_| format!("{key}: not a number, or out of range: {value}"))
    };
    request.query(key).map(parse).transpose()
}

/// One of a few words from the query, the first if there is none.
fn choice<T: Copy>(request: &Request, key: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let wanted = request.query(key).unwrap_or(choices[0].0);
    match choices.iter().find(|(name, _)| *name == wanted) {
        Some((_, choice)) => Ok(*choice),
        None => Err(format!("{key}: unknown: {wanted}")),
    }
}

fn events(exchange: &mut Exchange) -> Outcome {
    #[derive(Clone, Copy)]
    enum Cut {
        Clean,
        Abort,
        Reset,
    }
    let request = &exchange.request;
    if let Some(token) = request.query("token")
        && request.header("Authorization") != Some(&format!("Bearer {token}"))
    {
        exchange.respond(401, &[("WWW-Authenticate", "Bearer")], b"");
        return Ok(());
    }
    let count: u64 = number(request, "count")?.unwrap_or(10);
    let first: u64 = number(request, "first")?.unwrap_or(1);
    let per_connection: u64 = number(request, "per_connection")?.unwrap_or(u64::MAX);
    let interval =
        Duration::from_millis(number::<u32>(request, "interval_ms")?.unwrap_or(0).into());
    let retry: Option<u64> = number(request, "retry")?;
    let comment = request.query("comment").map(str::to_owned);
    let cut = choice(
        request,
        "cut",
        &[
            ("clean", Cut::Clean),
            ("abort", Cut::Abort),
            ("reset", Cut::Reset),
        ],
    )?;
    let hold = choice(request, "then", &[("hold", true), ("204", false)])?;
    let codings = match request.query("coding") {
        Some("asked") => request
            .header("Accept-Encoding")
            .and_then(|list| list.split(',').next()),
        codings => codings,
    };
    let encoder = codings
        .map(|codings| Encoder::new(codings).ok_or(format!("coding: unknown: {codings}")))
        .transpose()?;

    let end = first.checked_add(count).ok_or("count: too many")?;
    let next = match request.header("Last-Event-ID") {
        None | Some("") => first,
        Some(id) => {
            let id: u64 = id
                .parse()
                .map_err(|_| format!("Last-Event-ID: not one of mine: {id}"))?;
            id.saturating_add(1).clamp(first, end)
        }
    };
    if next == end && !hold {
        exchange.respond(204, &[], b"");
        return Ok(());
    }

    if let Some(encoder) = encoder {
        exchange.encode(encoder);
    }
    exchange.event_stream();
    let mut preamble = String::new();
    for line in comment.iter().flat_map(|comment| comment.split('\n')) {
        preamble += &format!(": {line}\n");
    }
    if let Some(retry) = retry {
        preamble += &format!("retry: {retry}\n");
    }
    if !preamble.is_empty() {
        exchange.chunk(preamble + "\n");
    }

    let stop = end.min(next.saturating_add(per_connection));
    for id in next..stop {
        if id != next && !interval.is_zero() && !exchange.pause(interval) {
            return Ok(());
        }
        if !exchange.event_with_id(&id.to_string(), &format!("event {id}")) {
            return Ok(());
        }
    }
    if stop == end && hold {
        exchange.wait_for_disconnect();
        return Ok(());
    }
    match cut {
        Cut::Clean => exchange.end(),
        Cut::Abort => exchange.abort(),
        Cut::Reset => exchange.reset(),
    }
    Ok(())
}

fn status(exchange: &mut Exchange) -> Outcome {
    let request = &exchange.request;
    let code = request.path().rsplit('/').next().unwrap_or_default();
    let code = code
        .parse()
        .ok()
        .filter(|code| (100..=999).contains(code))
        .ok_or(format!("not a status: {code}"))?;
    let mut headers = Vec::new();
    for header in request.query_all("header") {
        let (name, value) = header
            .split_once(':')
            .ok_or(format!("header: no colon: {header}"))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let body = request.query("body").unwrap_or_default().to_owned();
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    exchange.respond(code, &headers, body.as_bytes());
    Ok(())
}

fn redirect(exchange: &mut Exchange) -> Outcome {
    let code = number(&exchange.request, "code")?.unwrap_or(302);
    let to = exchange
        .request
        .query("to")
        .ok_or("to: missing")?
        .to_owned();
    exchange.respond(code, &[("Location", &to)], b"");
    Ok(())
}

fn echo(exchange: &mut Exchange) -> Outcome {
    let json = request_json(&exchange.request);
    exchange.event_stream();
    exchange.event(&json);
    exchange.wait_for_disconnect();
    Ok(())
}

fn content_type(exchange: &mut Exchange) -> Outcome {
    let value = exchange
        .request
        .query("value")
        .unwrap_or("text/plain")
        .to_owned();
    exchange.respond(200, &[("Content-Type", &value)], b"data: event\n\n");
    Ok(())
}

fn garbage(exchange: &mut Exchange) -> Outcome {
    exchange.send(b"\x00\xff\x80 this is not HTTP \x01\x02\r\n\r\n");
    Ok(())
}

fn endless_headers(exchange: &mut Exchange) -> Outcome {
    exchange.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n");
    let filler = "X-Filler: on and on and on and on and on and on and on and on\r\n".repeat(256);
    while exchange.send(&filler) {}
    Ok(())
}

fn bad_chunk(exchange: &mut Exchange) -> Outcome {
    exchange.event_stream();
    exchange.event("before the broken chunk");
    exchange.send("not a size\r\ndata: never\n\n\r\n");
    Ok(())
}

fn big(exchange: &mut Exchange) -> Outcome {
    let mut left: u64 = number(&exchange.request, "bytes")?.unwrap_or(1 << 20);
    let hold = then_hold(&exchange.request)?;
    exchange.event_stream();
    exchange.chunk("data: ");
    while left > 0 {
        let length = left.min(CHUNK as u64);
        if !exchange.chunk(&FILLER[..length as usize]) {
            return Ok(());
        }
        left -= length;
    }
    exchange.chunk("\n\n");
    finish(exchange, hold)
}

fn blast(exchange: &mut Exchange) -> Outcome {
    let mut left: u64 = number(&exchange.request, "bytes")?.unwrap_or(1 << 20);
    let size: usize = number(&exchange.request, "size")?.unwrap_or(100);
    if !(1..=MAX_SIZE).contains(&size) {
        return Err(format!("size: not from 1 to {MAX_SIZE}"));
    }
    let hold = then_hold(&exchange.request)?;
    // Several events in a chunk, or the server would be slower than the client it is to strain.
    let event = format!("data: {}\n\n", "x".repeat(size));
    let events = (CHUNK / event.len()).max(1);
    let chunk = event.repeat(events);
    let chunk_size = (events * size) as u64;
    exchange.event_stream();
    while left >= chunk_size {
        if !exchange.chunk(&chunk) {
            return Ok(());
        }
        left -= chunk_size;
    }
    let mut rest = String::new();
    while left > 0 {
        let size = left.min(size as u64);
        rest += &format!("data: {}\n\n", "x".repeat(size as usize));
        left -= size;
    }
    exchange.chunk(rest);
    finish(exchange, hold)
}

const CHUNK: usize = 64 * 1024;
static FILLER: [u8; CHUNK] = [b'x'; CHUNK];
/// One event is built in memory.
const MAX_SIZE: usize = 64 << 20;

fn then_hold(request: &Request) -> Result<bool, String> {
    choice(request, "then", &[("hold", true), ("end", false)])
}

fn finish(exchange: &mut Exchange, hold: bool) -> Outcome {
    if hold {
        exchange.wait_for_disconnect();
    } else {
        exchange.end();
    }
    Ok(())
}

fn hang(exchange: &mut Exchange) -> Outcome {
    exchange.wait_for_disconnect();
    Ok(())
}

fn hang_body(exchange: &mut Exchange) -> Outcome {
    exchange.event_stream();
    exchange.event("before the silence");
    exchange.wait_for_disconnect();
    Ok(())
}

fn index(exchange: &mut Exchange) -> Outcome {
    respond_text(exchange, 200, &list());
    Ok(())
}

fn request_json(request: &Request) -> String {
    let headers: Vec<_> = request
        .headers
        .iter()
        // Names are the same in either case (RFC 9110, section 5.1); HTTP/2 has no other.
        .map(|(name, value)| {
            let name = name.to_ascii_lowercase();
            format!("[{},{}]", quoted(&name), quoted(value))
        })
        .collect();
    format!(
        r#"{{"method":{},"target":{},"headers":[{}],"body":{}}}"#,
        quoted(&request.method),
        quoted(&request.target),
        headers.join(","),
        quoted(&String::from_utf8_lossy(&request.body)),
    )
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut json = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            '\0'..='\x1f' | '\x7f' => {
                let _ = write!(json, "\\u{:04x}", u32::from(character));
            }
            _ => json.push(character),
        }
    }
    json + "\""
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::TcpStream;

    use crate::Server;

    use super::*;

    /// Sends a request to a server with all routes.
    fn open(server: &Server, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("a connection");
        stream
            .set_read_timeout(Some(crate::slowly(crate::LIMIT)))
            .expect("a timeout");
        stream
            .write_all(request.as_bytes())
            .expect("a sent request");
        stream
    }

    /// The whole answer to a request that gets a finite one.
    pub(super) fn get(target: &str, headers: &str) -> String {
        let (answer, reset) = receive(target, headers, usize::MAX);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(!reset, "{answer}");
        answer
    }

    /// An answer up to a limit, and whether a reset ended it.
    pub(super) fn receive(target: &str, headers: &str, limit: usize) -> (Vec<u8>, bool) {
        let server = Server::start(answer);
        let stream = open(
            &server,
            &format!("GET {target} HTTP/1.1\r\nHost: here\r\n{headers}\r\n"),
        );
        let mut answer = Vec::new();
        let reset = match stream.take(limit as u64).read_to_end(&mut answer) {
            Ok(_) => false,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                true
            }
        };
        (answer, reset)
    }

    /// Asserts that the answer goes up to this and then neither on nor to an end.
    pub(super) fn assert_then_held(target: &str, expected_body: &str) {
        let server = Server::start(answer);
        let mut stream = open(
            &server,
            &format!("GET {target} HTTP/1.1\r\nHost: here\r\n\r\n"),
        );
        let mut body = Vec::new();
        while !body.ends_with(expected_body.as_bytes()) {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("more of the answer");
            body.extend(byte);
        }
        server.wait_for_requests(1);
        stream
            .set_read_timeout(Some(Duration::from_millis(20)))
            .expect("a timeout");
        assert_eq!(
            stream.read(&mut [0]).expect_err("silence").kind(),
            ErrorKind::WouldBlock
        );
        drop(stream);
        server.wait_for_no_connections();
    }

    /// An answer's body without its chunks; panics unless it ends cleanly.
    fn unchunk(answer: &str) -> String {
        let (_, mut chunks) = answer.split_once("\r\n\r\n").expect("a head");
        let mut body = String::new();
        loop {
            let (size, rest) = chunks.split_once("\r\n").expect("a chunk size");
            let size = usize::from_str_radix(size, 16).expect("a chunk size");
            if size == 0 {
                assert_eq!(rest, "\r\n");
                return body;
            }
            body += &rest[..size];
            chunks = rest[size..].strip_prefix("\r\n").expect("a chunk end");
        }
    }

    #[test]
    fn events_continue_after_the_last_event_id() {
        let target = "/events?count=5&first=3&per_connection=2&retry=50&comment=hi%20you&then=204";
        let answer = get(target, "");
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"),
            "{answer}"
        );
        let preamble = ": hi you\nretry: 50\n\n";
        assert_eq!(
            unchunk(&answer),
            format!("{preamble}id: 3\ndata: event 3\n\nid: 4\ndata: event 4\n\n")
        );
        assert_eq!(
            unchunk(&get(target, "Last-Event-ID: 6\r\n")),
            format!("{preamble}id: 7\ndata: event 7\n\n")
        );
        assert!(get(target, "Last-Event-ID: 7\r\n").starts_with("HTTP/1.1 204 "));
        assert!(get(target, "Last-Event-ID: x\r\n").starts_with("HTTP/1.1 400 "));
    }

    #[test]
    fn events_hold_the_connection_after_the_last() {
        assert_then_held("/events?count=2&interval_ms=1", "data: event 2\n\n\r\n");
    }

    #[test]
    fn events_are_cut_in_three_ways() {
        let target = "/events?per_connection=1&cut";
        assert_eq!(
            unchunk(&get(&format!("{target}=clean"), "")),
            "id: 1\ndata: event 1\n\n"
        );
        assert!(get(&format!("{target}=abort"), "").ends_with("data: event 1\n\n\r\n"));

        assert!(receive(&format!("{target}=reset"), "", usize::MAX).1);
    }

    #[test]
    fn status_has_headers_and_a_body() {
        let answer = get(
            "/status/503?header=Retry-After:1&header=X-Two%3A%202&body=not%20now",
            "",
        );
        assert_eq!(
            answer,
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nX-Two: 2\r\n\
             Content-Length: 7\r\nConnection: close\r\n\r\nnot now"
        );
        assert!(!get("/status/204", "").contains("Content-Length"));
        assert!(get("/status/1000", "").starts_with("HTTP/1.1 400 "));
        assert!(get("/status/", "").starts_with("HTTP/1.1 400 "));
    }

    #[test]
    fn redirect_names_the_location() {
        let answer = get("/redirect?to=/echo%3Fa%3Db&code=308", "");
        assert!(
            answer.starts_with("HTTP/1.1 308 Permanent Redirect\r\nLocation: /echo?a=b\r\n"),
            "{answer}"
        );
        assert!(get("/redirect", "").starts_with("HTTP/1.1 400 "));
    }

    #[test]
    fn odd_events_are_what_the_standard_makes_of_them() {
        // Not by get(), which makes the bytes that are not UTF-8 other ones.
        let (stream, _) = receive("/odd", "", usize::MAX);
        let has = |bytes: &[u8]| stream.windows(bytes.len()).any(|window| window == bytes);
        assert!(has(b"data: a\0b\0\n\n") && has(b"data: \xff, \xc3(, "));
        let json = get("/odd?as=json", "");
        assert!(json.contains(r#"[["message","no id",""],["message","",""]"#));
        assert!(json.ends_with(r#"["message","last","end"]]"#));
        assert!(get("/odd", "Last-Event-ID: end\r\n").starts_with("HTTP/1.1 204 "));
    }

    #[test]
    fn echo_tells_the_request() {
        assert_then_held(
            "/echo?a=\"b\\",
            concat!(
                r#"data: {"method":"GET","target":"/echo?a=\"b\\","#,
                r#""headers":[["host","here"]],"body":""}"#,
                "\n\n\r\n"
            ),
        );
    }

    #[test]
    fn broken_answers_are_broken() {
        assert!(get("/type?value=text/html", "").contains("\r\nContent-Type: text/html\r\n"));
        assert!(!get("/garbage", "").starts_with("HTTP"));
        assert!(
            get("/bad-chunk", "").contains("data: before the broken chunk\n\n\r\nnot a size\r\n")
        );
        assert_then_held("/hang-body", "data: before the silence\n\n\r\n");
        assert_then_held("/hang", "");
        assert!(get("/nowhere", "").starts_with("HTTP/1.1 404 "));
        assert!(get("/eventsource", "").starts_with("HTTP/1.1 404 "));
        assert!(get("/big?bytes=-1", "").starts_with("HTTP/1.1 400 "));

        let (head, _) = receive("/endless-headers", "", 1 << 20);
        assert_eq!(head.len(), 1 << 20);
        assert!(!head.windows(4).any(|window| window == b"\r\n\r\n"));
    }

    #[test]
    fn big_and_blast_send_as_much_as_asked() {
        let body = unchunk(&get("/big?bytes=200001&then=end", ""));
        assert_eq!(body, format!("data: {}\n\n", "x".repeat(200_001)));
        assert_then_held("/big?bytes=3", "data: \r\n3\r\nxxx\r\n2\r\n\n\n\r\n");

        let body = unchunk(&get("/blast?bytes=1000003&size=10&then=end", ""));
        assert_eq!(
            body,
            format!("{}data: xxx\n\n", "data: xxxxxxxxxx\n\n".repeat(100_000))
        );
        assert_eq!(
            unchunk(&get("/blast?bytes=2&size=100000&then=end", "")),
            "data: xx\n\n"
        );
        assert!(get("/blast?size=0", "").starts_with("HTTP/1.1 400 "));
    }

    #[test]
    fn the_list_names_every_route() {
        let answer = get("/", "");
        assert!(
            ROUTES.iter().all(|route| answer.contains(route.path)),
            "{answer}"
        );
    }
}
