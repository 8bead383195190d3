//! Scripts: what a server answers, request by request, as a text that is written without a program.
//!
//! A line has one step; what begins with `#` and empty lines are left out. `route PATH` begins what is answered at a path, and
//! `next` what the next request there gets; the last one's answer is repeated. `docs/testing.md` describes every step.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::{Encoder, Exchange, routes};

/// A script that has been read.
pub struct Script {
    routes: Vec<Route>,
    /// How many requests each route has had.
    counts: Mutex<HashMap<usize, usize>>,
}

struct Route {
    path: String,
    /// One for each request in turn.
    answers: Vec<Vec<Step>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Header(String, String),
    Respond(u16, String),
    Redirect(String, u16),
    Open,
    Encode(String),
    Event {
        id: Option<String>,
        kind: Option<String>,
        data: String,
    },
    Events {
        first: u64,
        last: u64,
        every: Duration,
        most: u64,
    },
    Comment(String),
    Retry(u64),
    Raw(Vec<u8>),
    Slow(Duration, Vec<u8>),
    Wait(Duration),
    Stall,
    End,
    Cut,
    Reset,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    ///
    /// What is wrong with which line.
    pub fn parse(text: &str) -> Result<Script, String> {
        let mut routes: Vec<Route> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (word, rest) = split(line);
            let outcome = match word {
                "route" if rest.starts_with('/') => {
                    routes.push(Route {
                        path: rest.to_owned(),
                        answers: vec![Vec::new()],
                    });
                    Ok(())
                }
                "route" => Err("a path is expected, such as /events".to_owned()),
                "next" => match routes.last_mut() {
                    Some(route) if rest.is_empty() => {
                        route.answers.push(Vec::new());
                        Ok(())
                    }
                    Some(_) => Err("next stands alone".to_owned()),
                    None => Err("there is no route yet".to_owned()),
                },
                _ => parse_step(word, rest).and_then(|step| {
                    let answer = routes.last_mut().and_then(|route| route.answers.last_mut());
                    let answer = answer.ok_or("there is no route yet")?;
                    answer.push(step);
                    Ok(())
                }),
            };
            outcome.map_err(|problem| format!("line {}: {problem}", number + 1))?;
        }
        if routes.is_empty() {
            return Err("there is no route".to_owned());
        }
        Ok(Script {
            routes,
            counts: Mutex::default(),
        })
    }

    /// The paths that it answers.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.routes.iter().map(|route| route.path.as_str())
    }

    /// Answers a request, or leaves it to [`routes::answer`] if the script does not have its path.
    pub fn answer(&self, exchange: &mut Exchange) {
        let path = exchange.request.path();
        let Some(number) = self.routes.iter().position(|route| route.path == path) else {
            return routes::answer(exchange);
        };
        let answers = &self.routes[number].answers;
        let turn = {
            let mut counts = self
                .counts
                .lock()
                .unwrap_or_else(|error| error.into_inner());
            let count = counts.entry(number).or_default();
            *count += 1;
            *count - 1
        };
        play(exchange, &answers[turn.min(answers.len() - 1)]);
    }
}

/// Plays the steps until one ends the answer. Where none does, the stream stays open.
fn play(exchange: &mut Exchange, steps: &[Step]) {
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut is_open = false;
    for step in steps {
        let needs_stream = matches!(
            step,
            Step::Open
                | Step::Event { .. }
                | Step::Events { .. }
                | Step::Comment(_)
                | Step::Retry(_)
                | Step::End
        );
        if needs_stream && !is_open {
            is_open = true;
            open(exchange, &headers);
        }
        let goes_on = match step {
            Step::Header(name, value) => {
                headers.push((name.clone(), value.clone()));
                true
            }
            Step::Respond(status, body) => {
                let headers: Vec<_> = borrowed(&headers).collect();
                return exchange.respond(*status, &headers, body.as_bytes());
            }
            Step::Redirect(to, status) => {
                let mut headers: Vec<_> = borrowed(&headers).collect();
                headers.push(("Location", to));
                return exchange.respond(*status, &headers, b"");
            }
            Step::Encode(coding) => {
                if let Some(encoder) = Encoder::new(coding) {
                    exchange.encode(encoder);
                }
                true
            }
            Step::Open => true,
            Step::Event { id, kind, data } => {
                exchange.chunk(event(id.as_deref(), kind.as_deref(), data))
            }
            Step::Events {
                first,
                last,
                every,
                most,
            } => events(exchange, *first, *last, *every, *most),
            Step::Comment(text) => exchange.chunk(format!(": {text}\n\n")),
            Step::Retry(ms) => exchange.chunk(format!("retry: {ms}\n\n")),
            Step::Raw(bytes) if is_open => exchange.chunk(bytes),
            Step::Raw(bytes) => exchange.send(bytes),
            Step::Slow(pause, bytes) => bytes.chunks(1).all(|byte| {
                let sent = if is_open {
                    exchange.chunk(byte)
                } else {
                    exchange.send(byte)
                };
                sent && exchange.pause(*pause)
            }),
            Step::Wait(time) => exchange.pause(*time),
            Step::Stall => return exchange.wait_for_disconnect(),
            Step::End => return exchange.end(),
            Step::Cut => return exchange.abort(),
            Step::Reset => return exchange.reset(),
        };
        if !goes_on {
            return;
        }
    }
    exchange.wait_for_disconnect();
}

fn borrowed(headers: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
}

/// The head of a stream: what the script says, and of the usual headers those that it does not name. A value of `-` leaves one
/// out.
fn open(exchange: &mut Exchange, given: &[(String, String)]) {
    if given.is_empty() {
        return exchange.event_stream();
    }
    let coding = exchange.coding();
    let mut headers: Vec<(&str, &str)> = borrowed(given).collect();
    let usual = [
        ("Content-Type", "text/event-stream"),
        ("Cache-Control", "no-store"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
    ];
    for (name, value) in usual
        .into_iter()
        .chain(coding.as_deref().map(|coding| ("Content-Encoding", coding)))
    {
        if !given
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
        {
            headers.push((name, value));
        }
    }
    headers.retain(|(_, value)| *value != "-");
    exchange.head(200, &headers);
}

/// Numbered events, continued after `Last-Event-ID`; false when no more of this connection follow.
fn events(exchange: &mut Exchange, first: u64, last: u64, every: Duration, most: u64) -> bool {
    let seen = exchange
        .request
        .header("Last-Event-ID")
        .and_then(|id| id.parse::<u64>().ok());
    let next = seen.map_or(first, |seen| seen.saturating_add(1).max(first));
    for (count, id) in (next..=last).enumerate() {
        if count as u64 == most {
            break;
        }
        if count > 0 && !every.is_zero() && !exchange.pause(every) {
            return false;
        }
        if !exchange.chunk(event(Some(&id.to_string()), None, &format!("event {id}"))) {
            return false;
        }
    }
    true
}

fn event(id: Option<&str>, kind: Option<&str>, data: &str) -> String {
    let mut text = String::new();
    for (field, value) in [("id", id), ("event", kind)] {
        if let Some(value) = value {
            text += &format!("{field}: {value}\n");
        }
    }
    for line in data.split('\n') {
        text += &format!("data: {line}\n");
    }
    text + "\n"
}

// ---- reading ------------------------------------------------------------------------------------------------------

/// The first word, and what follows it.
fn split(text: &str) -> (&str, &str) {
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim_start()),
        None => (text, ""),
    }
}

fn parse_step(word: &str, rest: &str) -> Result<Step, String> {
    let alone = |step| match rest {
        "" => Ok(step),
        _ => Err(format!("{word} stands alone")),
    };
    match word {
        "header" => {
            let (name, value) = rest.split_once(':').ok_or("NAME: VALUE is expected")?;
            Ok(Step::Header(name.to_owned(), value.trim().to_owned()))
        }
        "respond" => {
            let (status, body) = split(rest);
            Ok(Step::Respond(parse_status(status)?, text(body)?))
        }
        "redirect" => {
            let (to, status) = split(rest);
            if to.is_empty() {
                return Err("a URL is expected".to_owned());
            }
            let status = if status.is_empty() {
                302
            } else {
                parse_status(status)?
            };
            Ok(Step::Redirect(to.to_owned(), status))
        }
        "open" => alone(Step::Open),
        "encode" => match Encoder::new(rest) {
            Some(_) => Ok(Step::Encode(rest.to_owned())),
            None => Err(format!("there is no coding {rest}")),
        },
        "event" => parse_event(rest),
        "events" => parse_events(rest),
        "comment" => Ok(Step::Comment(rest.to_owned())),
        "retry" => Ok(Step::Retry(number(rest)?)),
        "raw" => Ok(Step::Raw(unescaped(rest)?)),
        "slow" => {
            let (time, bytes) = split(rest);
            Ok(Step::Slow(duration(time)?, unescaped(bytes)?))
        }
        "wait" => Ok(Step::Wait(duration(rest)?)),
        "stall" => alone(Step::Stall),
        "end" => alone(Step::End),
        "cut" => alone(Step::Cut),
        "reset" => alone(Step::Reset),
        _ => Err(format!("there is no step {word}")),
    }
}

/// `[id=ID] [type=TYPE] DATA`
fn parse_event(mut rest: &str) -> Result<Step, String> {
    let (mut id, mut kind) = (None, None);
    loop {
        let (word, after) = split(rest);
        if let Some(value) = word.strip_prefix("id=") {
            id = Some(value.to_owned());
        } else if let Some(value) = word.strip_prefix("type=") {
            kind = Some(value.to_owned());
        } else {
            break;
        }
        rest = after;
    }
    Ok(Step::Event {
        id,
        kind,
        data: text(rest)?,
    })
}

/// `FIRST..LAST [every TIME] [most N]`
fn parse_events(rest: &str) -> Result<Step, String> {
    let (range, mut rest) = split(rest);
    let (first, last) = range.split_once("..").ok_or("FIRST..LAST is expected")?;
    let (first, last) = (number(first)?, number(last)?);
    let (mut every, mut most) = (Duration::ZERO, u64::MAX);
    while !rest.is_empty() {
        let (word, after) = split(rest);
        let (value, after) = split(after);
        match word {
            "every" => every = duration(value)?,
            "most" => most = number(value)?,
            _ => return Err(format!("every TIME or most N is expected, not {word}")),
        }
        rest = after;
    }
    Ok(Step::Events {
        first,
        last,
        every,
        most,
    })
}

fn parse_status(text: &str) -> Result<u16, String> {
    let status = number(text)?;
    match u16::try_from(status) {
        Ok(status @ 100..=999) => Ok(status),
        _ => Err(format!("{text} is no status")),
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("a number is expected, not {text:?}"))
}

/// `200ms`, `2s`
fn duration(text: &str) -> Result<Duration, String> {
    let problem = || format!("a time is expected, such as 200ms or 2s, not {text:?}");
    let (digits, unit) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 1),
        None => (text.strip_suffix('s').ok_or_else(problem)?, 1000),
    };
    let count: u32 = digits.parse().map_err(|_| problem())?;
    Ok(Duration::from_millis(u64::from(count) * unit))
}

fn text(escaped: &str) -> Result<String, String> {
    String::from_utf8(unescaped(escaped)?)
        .map_err(|_| "it is not UTF-8; raw sends any bytes".to_owned())
}

/// `\n`, `\r`, `\t`, `\0`, `\\` and `\xHH`.
fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next() {
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'0') => 0,
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
                match (digit(), digit()) {
                    (Some(high), Some(low)) => (high * 16 + low) as u8,
                    _ => return Err("two hexadecimal digits are expected after \\x".to_owned()),
                }
            }
            _ => return Err("after \\ comes one of n r t 0 \\ x".to_owned()),
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, problem) in [
            ("", "there is no route"),
            ("event x", "line 1: there is no route yet"),
            (
                "route events",
                "line 1: a path is expected, such as /events",
            ),
            ("route /a\n\n# nothing\nfly", "line 4: there is no step fly"),
            (
                "route /a\nwait 3",
                "line 2: a time is expected, such as 200ms or 2s, not \"3\"",
            ),
            ("route /a\nrespond 99", "line 2: 99 is no status"),
            ("route /a\nevents 1-9", "line 2: FIRST..LAST is expected"),
            (
                "route /a\nraw \\q",
                "line 2: after \\ comes one of n r t 0 \\ x",
            ),
            ("route /a\nend now", "line 2: end stands alone"),
            ("route /a\nencode lzma", "line 2: there is no coding lzma"),
        ] {
            assert_eq!(
                Script::parse(text).err().as_deref(),
                Some(problem),
                "{text}"
            );
        }
    }

    #[test]
    fn steps_are_read() {
        let script = Script::parse(
            "route /a\n  event id=1 type=price {\"a\": 1}\n  events 2..9 every 20ms most 3\n raw a\\x41\\r\\n\nnext\nrespond 503 no\\nway",
        );
        let script = script.unwrap_or_else(|problem| panic!("{problem}"));
        assert_eq!(script.paths().collect::<Vec<_>>(), ["/a"]);
        let answers = &script.routes[0].answers;
        assert_eq!(
            answers[0],
            [
                Step::Event {
                    id: Some("1".into()),
                    kind: Some("price".into()),
                    data: "{\"a\": 1}".into()
                },
                Step::Events {
                    first: 2,
                    last: 9,
                    every: Duration::from_millis(20),
                    most: 3
                },
                Step::Raw(b"aA\r\n".to_vec()),
            ]
        );
        assert_eq!(answers[1], [Step::Respond(503, "no\nway".into())]);
    }
}
