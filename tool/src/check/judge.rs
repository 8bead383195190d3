//! What is wrong, by what the probes have seen. Each rule names what it looks at; a finding that is no fault of a server's would
//! be worse than none, so where it can be either way, it is not said.

use std::time::{Duration, Instant};

use super::probe::{Failed, Probe, Seen, code_name, find};
use super::report::{Report, counted, time};
use crate::sys;

/// What comes within this time has come together.
const TOGETHER: Duration = Duration::from_millis(20);
/// Slower than this is noticed by people.
const SLOW: Duration = Duration::from_secs(2);
/// Later than this beside another stream is later, on a busy machine, too.
const LATER: Duration = Duration::from_millis(1500);

// ---- no stream ----------------------------------------------------------------------------------------------------

pub fn refused(report: &mut Report, seen: &Seen, url: &str) {
    let Some(failed) = &seen.failed else {
        return report.fault(
            "answer.none",
            format!("no response to {url} in time"),
            "send the head of the response at once, before the first event",
        );
    };
    let message = failed.message.clone();
    match failed.code {
        sys::OK => report.fault(
            "status.204",
            "the server answered 204, by which it asks clients to go away for good",
            "answer 200 and text/event-stream, and keep the response open",
        ),
        sys::ERR_HTTP_STATUS => status(report, failed),
        sys::ERR_CONTENT_TYPE => report.fault(
            "content-type",
            message,
            "send Content-Type: text/event-stream; browsers and this library refuse any other",
        ),
        sys::ERR_CERTIFICATE => report.fault(
            "tls.certificate",
            message,
            "send the whole chain but the root, for the name in the URL, and renew it in time; --cacert trusts an authority of your own",
        ),
        sys::ERR_TLS => report.fault("tls", message, "offer TLS 1.2 or 1.3"),
        sys::ERR_REDIRECT if message.contains("from https to http") => report.fault(
            "redirect.downgrade",
            message,
            "redirect to https alone; browsers and this library refuse any other",
        ),
        sys::ERR_REDIRECT | sys::ERR_TOO_MANY_REDIRECTS => report.fault(
            "redirect",
            message,
            "redirect once, to an absolute http or https URL",
        ),
        sys::ERR_CONNECT | sys::ERR_CONNECT_TIMEOUT | sys::ERR_RESOLVE => {
            report.fault("connect", message, "");
        }
        sys::ERR_READ_TIMEOUT | sys::ERR_RESPONSE_TIMEOUT => report.fault(
            "answer.none",
            message,
            "send the head of the response at once, before the first event",
        ),
        sys::ERR_PROTOCOL | sys::ERR_HTTP2 => report.fault(
            "http",
            message,
            "what listens there does not speak HTTP as RFC 9112 has it",
        ),
        code => report.fault("request", format!("{message} ({})", code_name(code)), ""),
    }
}

fn status(report: &mut Report, failed: &Failed) {
    let message = failed.message.clone();
    let retry_after = find(&failed.headers, "Retry-After");
    let remedy = match failed.status {
        401 | 403 => "give credentials with -H or -u; clients do not retry this status",
        404 | 410 => "is the path right? Clients do not retry this status",
        405 => "is the method right? -X and -d change it",
        406 => "clients send Accept: text/event-stream; the server should take that",
        429 | 503 => "clients come again after Retry-After; without it, by their own back-off",
        500.. => "clients come again by their own back-off",
        _ => "answer 200 and text/event-stream",
    };
    report.fault("status", message, remedy);
    if matches!(failed.status, 429 | 503) {
        match retry_after {
            Some(time) => report.note("retry-after", format!("Retry-After: {time}"), ""),
            None => report.warning(
                "retry-after",
                format!("a {} without Retry-After", failed.status),
                "say with Retry-After when there is room again, so that clients do not come too soon",
            ),
        }
    }
}

// ---- the head -----------------------------------------------------------------------------------------------------

pub fn head(report: &mut Report, seen: &Seen, redirects: usize) {
    let Some(opened) = &seen.opened else { return };
    let header = |name: &str| find(&opened.headers, name);

    if opened.head > SLOW {
        report.warning(
            "head.late",
            format!("the head of the response came after {}", time(opened.head)),
            "flush the head before the first event; clients and proxies wait for it, and some give up",
        );
    }
    content_type(report, header("Content-Type").unwrap_or_default());
    if let Some(length) = header("Content-Length") {
        report.fault(
            "content-length",
            format!(
                "the response has a Content-Length, {length}: the stream ends after so many bytes"
            ),
            "leave it out, so that the stream goes on (HTTP/1.1: Transfer-Encoding: chunked)",
        );
    }
    if let Some(coding) =
        header("Content-Encoding").filter(|coding| !coding.eq_ignore_ascii_case("identity"))
    {
        report.warning(
            "compression.unasked",
            format!("the stream is compressed ({coding}), but nobody asked for it"),
            "compress only for clients whose Accept-Encoding has the coding",
        );
    }
    caching(report, &header);

    match opened.http_version {
        10 => report.warning(
            "http.1.0",
            "the server speaks HTTP/1.0: the end of a stream cannot be told from a cut",
            "speak HTTP/1.1 or HTTP/2; nginx as a proxy: proxy_http_version 1.1",
        ),
        11 => report.note(
            "http.1.1",
            "HTTP/1.1: a browser has at most six streams of this host at a time, in all its tabs",
            "offer HTTP/2 where browsers are clients",
        ),
        _ => report.good("http.2", "HTTP/2"),
    }
    match opened.tls_version {
        sys::TLS_1_3 => report.good("tls.version", "TLS 1.3"),
        sys::TLS_1_2 => report.note("tls.version", "TLS 1.2", "offer TLS 1.3, too"),
        _ => report.note(
            "tls.none",
            "no TLS: everybody on the way can read and change it",
            "",
        ),
    }
    if redirects > 0 {
        let told = format!(
            "{} to {}, on each attempt",
            counted(redirects, "redirect"),
            opened.url
        );
        if redirects > 2 {
            report.warning("redirect.chain", told, "give clients the last address");
        } else {
            report.note(
                "redirect",
                told,
                "give clients that address, and each reconnect is faster",
            );
        }
    }
}

fn content_type(report: &mut Report, value: &str) {
    let mut parts = value.split(';').map(str::trim);
    if !parts
        .next()
        .unwrap_or_default()
        .eq_ignore_ascii_case("text/event-stream")
    {
        return; // it is a fault that has been told
    }
    report.good("content-type", "text/event-stream");
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"'))
    });
    if let Some(charset) = charset.filter(|charset| !charset.eq_ignore_ascii_case("utf-8")) {
        report.warning(
            "content-type.charset",
            format!("the charset is {charset}; event streams are always UTF-8, and Chromium refuses any other"),
            "send text/event-stream without a charset, and UTF-8",
        );
    }
}

fn caching<'a>(report: &mut Report, header: &impl Fn(&str) -> Option<&'a str>) {
    let cached = header("Age")
        .and_then(|age| age.trim().parse::<u64>().ok())
        .filter(|age| *age > 0);
    let hit = header("X-Cache").or(header("CF-Cache-Status"));
    if cached.is_some() || hit.is_some_and(|hit| hit.to_ascii_uppercase().starts_with("HIT")) {
        report.fault(
            "cache.hit",
            "the response comes from a cache, not from the server",
            "send Cache-Control: no-store, and have caches leave this path alone",
        );
    }
    let Some(control) = header("Cache-Control") else {
        return report.warning(
            "cache.missing",
            "there is no Cache-Control: what is between may keep the stream, or wait for its end to do so",
            "send Cache-Control: no-store",
        );
    };
    let control = control.to_ascii_lowercase();
    let has = |directive: &str| control.split(',').any(|part| part.trim() == directive);
    let lives = control.split(',').any(|part| {
        let (name, age) = part.trim().split_once('=').unwrap_or_default();
        matches!(name, "max-age" | "s-maxage")
            && age
                .trim_matches('"')
                .parse::<u64>()
                .is_ok_and(|age| age > 0)
    });
    if has("no-store") || has("no-cache") || (has("private") && !lives) {
        report.good("cache", format!("Cache-Control: {control}"));
    } else if lives || has("public") {
        report.fault(
            "cache.allowed",
            format!("Cache-Control: {control}: a cache may keep the stream and give it to others"),
            "send Cache-Control: no-store",
        );
    }
}

pub fn cors(report: &mut Report, probe: Option<&Probe>, origin: &str) {
    let Some(probe) = probe else { return };
    let seen = probe.seen();
    let Some(opened) = &seen.opened else { return };
    let allowed: Vec<_> = opened
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("Access-Control-Allow-Origin"))
        .map(|(_, value)| value.trim())
        .collect();
    let credentials = find(&opened.headers, "Access-Control-Allow-Credentials");
    match allowed[..] {
        [] => report.note(
            "cors.none",
            "no Access-Control-Allow-Origin: pages of other origins cannot read the stream",
            "",
        ),
        ["*"] if credentials.is_some_and(|value| value.trim() == "true") => report.fault(
            "cors.credentials",
            "Access-Control-Allow-Origin: * together with Access-Control-Allow-Credentials: true, which browsers refuse",
            "name the page's origin instead of *, with Vary: Origin",
        ),
        [one] if one == "*" || one == origin => report.good("cors", format!("Access-Control-Allow-Origin: {one}")),
        [one] if !one.contains(',') => report.note(
            "cors.other",
            format!("Access-Control-Allow-Origin: {one}: pages of {origin} cannot read the stream"),
            "",
        ),
        _ => report.fault(
            "cors.several",
            "Access-Control-Allow-Origin has several values, which browsers refuse",
            "send one origin, that of the request, with Vary: Origin",
        ),
    }
}

// ---- beside each other --------------------------------------------------------------------------------------------

pub fn http1(report: &mut Report, probe: Option<&Probe>) {
    let Some(probe) = probe else { return };
    let seen = probe.seen();
    match (&seen.opened, &seen.failed) {
        (Some(_), _) => report.good("http.both", "HTTP/1.1 works, too"),
        (None, failed) => report.warning(
            "http.1.1-refused",
            format!(
                "HTTP/2 works, but HTTP/1.1 does not: {}",
                failed
                    .as_ref()
                    .map_or("no response in time", |failed| &failed.message)
            ),
            "answer by HTTP/1.1, too, for clients and proxies that speak nothing else",
        ),
    }
}

/// Where the compressed one alone gets no response, that is another fault.
pub fn connections(
    report: &mut Report,
    others: &[&Probe],
    compressed: Option<&Probe>,
    until: Instant,
) {
    if others.is_empty() {
        return;
    }
    let mut missing = 0;
    let mut reason = String::from("no response in time");
    for other in others {
        let seen = other.seen();
        let is_compressed = compressed.is_some_and(|compressed| std::ptr::eq(compressed, *other));
        if is_compressed && seen.failed.is_none() {
            continue;
        }
        // One that was begun a moment ago has not been refused, and one that waits no longer than a second may be early.
        let is_early = match &seen.failed {
            Some(failed) => failed.code == sys::ERR_READ_TIMEOUT,
            None => until.saturating_duration_since(other.begun) <= SLOW,
        };
        if seen.opened.is_none() && !is_early {
            missing += 1;
            if let Some(failed) = &seen.failed {
                reason.clone_from(&failed.message);
            }
        }
    }
    let all = others.len() + 1;
    match missing {
        0 => report.good("connections", format!("{all} streams at a time")),
        _ => report.warning(
            "connections.limit",
            format!("of {all} streams at a time only {} opened: {reason}", all - missing),
            "raise the limit of connections for each client, of the server and of what is before it",
        ),
    }
}

pub fn retry<'a>(report: &mut Report, probes: impl Iterator<Item = &'a Probe>) {
    for probe in probes {
        let seen = probe.seen();
        let Some(failed) = seen
            .failed
            .as_ref()
            .filter(|failed| seen.opened.is_some() && failed.status == 0)
        else {
            continue;
        };
        if !matches!(
            failed.code,
            sys::ERR_END_OF_STREAM | sys::ERR_DISCONNECTED | sys::ERR_READ_TIMEOUT
        ) {
            continue;
        }
        let told = format!("retry: {}", failed.delay.as_millis());
        match failed.delay.as_millis() {
            0..=1 => report.note(
                "retry.none",
                "the server says nothing of when to come again (retry)",
                "send a retry field, so that the server decides how soon its clients reconnect",
            ),
            2..=499 => report.warning(
                "retry.short",
                format!(
                    "{told}: clients reconnect {} after a cut, all at the same time",
                    time(failed.delay)
                ),
                "ask for a second or more",
            ),
            300_001.. => report.warning(
                "retry.long",
                format!(
                    "{told}: clients are away for {} after each cut",
                    time(failed.delay)
                ),
                "ask for some seconds",
            ),
            _ => report.good("retry", told),
        }
        return;
    }
}

/// How the stream came; whether in bursts.
pub fn arrivals(report: &mut Report, probe: &Probe, until: Instant, longest: Duration) -> bool {
    let seen = probe.seen();
    let Some(opened) = &seen.opened else {
        return false;
    };
    let end = seen
        .failed
        .as_ref()
        .map_or(until, |failed| failed.at.min(until));
    ended(report, &seen, opened.at);
    if seen.events.iter().any(|event| event.is_garbled) {
        report.warning(
            "utf-8",
            "an event has U+FFFD, which stands for bytes that are not UTF-8",
            "send UTF-8",
        );
    }

    let arrivals: Vec<_> = seen
        .arrivals()
        .into_iter()
        .filter(|at| *at <= until)
        .collect();
    let moments = [opened.at]
        .into_iter()
        .chain(arrivals.iter().copied())
        .chain([end]);
    let silence = moments
        .clone()
        .zip(moments.skip(1))
        .map(|(before, after)| after.saturating_duration_since(before))
        .max()
        .unwrap_or_default();
    if silence > longest {
        report.warning(
            "silence",
            format!(
                "nothing came for {}; proxies cut what is silent, often after 60 s",
                time(silence)
            ),
            "send a comment (a line with a colon) every 15 s or so",
        );
    } else if arrivals.is_empty() && seen.failed.is_none() {
        report.note(
            "events.none",
            format!("nothing came within {}", time(end.saturating_duration_since(opened.at))),
            "if the server did send something, what is between holds it back; --for looks for longer",
        );
    } else if !seen.comments.is_empty() {
        report.good(
            "heartbeat",
            format!("comments; the longest silence was {}", time(silence)),
        );
    }

    match bursts(&arrivals) {
        Some((size, pause)) => {
            report.fault(
                "buffering",
                format!("events come in bursts, about {size} at once every {}: something holds them back", time(pause)),
                "flush after each event, and switch buffering off between: X-Accel-Buffering: no (nginx: proxy_buffering off)",
            );
            true
        }
        None => false,
    }
}

fn ended(report: &mut Report, seen: &Seen, opened: Instant) {
    let Some(failed) = &seen.failed else { return };
    let lasted = time(failed.at.saturating_duration_since(opened));
    match failed.code {
        sys::ERR_END_OF_STREAM if seen.header("Content-Length").is_some() => {}
        sys::ERR_END_OF_STREAM => report.warning(
            "stream.ends",
            format!("the server ended the stream after {lasted}; clients reconnect each time"),
            "keep the response open; raise the limit of time of the server or of what is before it",
        ),
        _ => report.fault(
            "stream.broken",
            format!("after {lasted}: {}", failed.message),
            "something cuts or damages the stream: a limit of time, a restart, or a server that breaks HTTP",
        ),
    }
}

/// Whether what came has come in bursts, three times or more: how many at once, and how far apart. The first burst does not
/// count: it may be what was missed.
fn bursts(arrivals: &[Instant]) -> Option<(usize, Duration)> {
    let mut bursts: Vec<(Instant, usize)> = Vec::new();
    let mut last: Option<Instant> = None;
    for at in arrivals {
        match bursts.last_mut() {
            Some((_, size)) if last.is_some_and(|last| *at - last <= TOGETHER) => *size += 1,
            _ => bursts.push((*at, 1)),
        }
        last = Some(*at);
    }
    let later = bursts.get(1..)?;
    if later.len() < 3 || later.iter().any(|(_, size)| *size < 3) {
        return None;
    }
    let pause = (later.last()?.0 - later.first()?.0) / (later.len() as u32 - 1);
    let size = later.iter().map(|(_, size)| size).sum::<usize>() / later.len();
    (pause >= Duration::from_millis(400)).then_some((size, pause))
}

const FLUSH: &str = "flush the compressor after each event, or do not compress event streams (nginx: proxy_buffering off, or gzip off)";

pub fn compression(
    report: &mut Report,
    plain: &Probe,
    compressed: &Probe,
    until: Instant,
    plain_is_bursty: bool,
) {
    let of = |probe: &Probe| {
        let arrivals: Vec<_> = probe
            .seen()
            .arrivals()
            .into_iter()
            .filter(|at| *at <= until)
            .collect();
        let first = arrivals
            .first()
            .map(|first| first.saturating_duration_since(probe.begun));
        (arrivals, first)
    };
    let (here, first_here) = of(plain);
    let (there, first_there) = of(compressed);
    let seen = compressed.seen();
    let Some(opened) = &seen.opened else {
        let waited = until.saturating_duration_since(compressed.begun);
        match &seen.failed {
            Some(failed) if failed.code == sys::ERR_CONTENT_ENCODING => report.fault(
                "compression.unknown",
                failed.message.clone(),
                "send gzip, deflate, br or zstd, as asked for",
            ),
            // Whether there may be so many streams is another question.
            Some(_) => {}
            None if waited > SLOW => report.fault(
                "compression.unflushed",
                format!(
                    "asked for a compressed stream, the server sends nothing for {}, not even the head; uncompressed it does",
                    time(waited)
                ),
                FLUSH,
            ),
            None => {}
        }
        return;
    };
    let coding = find(&opened.headers, "Content-Encoding").unwrap_or_default();
    if coding.is_empty() || coding.eq_ignore_ascii_case("identity") {
        return report.note(
            "compression.none",
            "the stream is not compressed, though asked for",
            "",
        );
    }
    if let Some(failed) = seen
        .failed
        .as_ref()
        .filter(|failed| failed.code == sys::ERR_DECODING)
    {
        return report.fault(
            "compression.broken",
            failed.message.clone(),
            "something between has changed the stream, or the server ends the coding too early",
        );
    }
    let late = match (first_here, first_there) {
        (Some(here), Some(there)) => there > here + LATER,
        (Some(_), None) => true,
        (None, _) => false,
    };
    let fewer = here.len() >= 4 && there.len() * 2 < here.len();
    let bursty = !plain_is_bursty && bursts(&there).is_some();
    if late || fewer || bursty {
        let how = match first_there {
            None => "none has come at all".to_owned(),
            Some(first) if late => format!("the first came after {}", time(first)),
            _ => "they come in bursts, or later".to_owned(),
        };
        report.fault(
            "compression.unflushed",
            format!(
                "compressed ({coding}), events are held back: {how}; uncompressed they are not"
            ),
            FLUSH,
        );
    } else {
        report.good("compression", format!("{coding}, flushed after each event"));
    }
}

// ---- ids and resuming ---------------------------------------------------------------------------------------------

/// An event after which to resume, and its place among those that were seen.
pub struct Place {
    pub id: String,
    index: usize,
}

pub fn ids(report: &mut Report, seen: &Seen) -> Option<Place> {
    let ids: Vec<_> = seen.events.iter().map(|event| event.id.as_str()).collect();
    let last = *ids.last()?;
    if ids.iter().all(|id| id.is_empty()) {
        report.warning(
            "ids.none",
            "events have no id: what is sent while a client reconnects is lost to it",
            "send an id with each event, and continue after Last-Event-ID",
        );
        return None;
    }
    if ids.len() >= 3 && ids.iter().all(|id| *id == last) {
        report.warning(
            "ids.same",
            format!("all {} events have the id {last}", ids.len()),
            "send an id of its own with each event",
        );
        return None;
    }
    let mut distinct: Vec<_> = ids
        .iter()
        .enumerate()
        .filter(|(_, id)| !id.is_empty())
        .collect();
    distinct.dedup_by_key(|(_, id)| **id);
    let middle = match distinct.len() {
        0 => return None,
        1 | 2 => 0,
        count => (count / 2).min(count - 2),
    };
    // The last one of that id.
    let (_, id) = distinct[middle];
    let index = ids.iter().rposition(|other| other == id)?;
    Some(Place {
        id: (*id).to_owned(),
        index,
    })
}

pub fn resumed(report: &mut Report, place: &Place, before: &Seen, probe: &Probe) {
    let seen = probe.seen();
    let id = &place.id;
    if seen.opened.is_none() {
        let reason = seen
            .failed
            .as_ref()
            .map_or("no response in time", |failed| &failed.message);
        return report.fault(
            "resume.refused",
            format!("a request with Last-Event-ID: {id} is refused: {reason}"),
            "take any id that was sent, and continue after it, or with what there is",
        );
    }
    let next = before.events.get(place.index + 1);
    let Some(first) = seen.events.first() else {
        if let Some(next) = next {
            report.fault(
                "resume.lost",
                format!("after a reconnect with Last-Event-ID: {id}, the event {} that followed it did not come again", next.id),
                "keep events for a while, and send those after Last-Event-ID",
            );
        }
        return;
    };
    let Some(next) = next else {
        if first.id == *id {
            report.warning(
                "resume.repeated",
                format!("Last-Event-ID: {id} brings the event {id} once more"),
                "continue after Last-Event-ID, not with it",
            );
        }
        return;
    };
    if first.id == next.id {
        if first.digest != next.digest {
            return report.fault(
                "resume.other",
                format!("the event {} is another one after a reconnect", first.id),
                "an id stands for one event, on each connection",
            );
        }
        report.good("resume", format!("continues after Last-Event-ID ({id})"));
    } else if first.id == *id {
        report.warning(
            "resume.repeated",
            format!("Last-Event-ID: {id} brings the event {id} once more"),
            "continue after Last-Event-ID, not with it",
        );
    } else if before.events[..place.index]
        .iter()
        .any(|event| event.id == first.id)
    {
        report.fault(
            "resume.ignored",
            format!(
                "Last-Event-ID: {id} is ignored: the stream begins with the event {} again",
                first.id
            ),
            "continue after Last-Event-ID",
        );
    } else {
        report.fault(
            "resume.lost",
            format!(
                "after a reconnect with Last-Event-ID: {id} came the event {}, and {} is lost",
                first.id, next.id
            ),
            "keep events for a while, and send those after Last-Event-ID",
        );
    }
}

/// One of three quick reconnects; whether to go on.
pub fn again(report: &mut Report, turn: u32, seen: &Seen, begun: Instant, first: Duration) -> bool {
    const REMEDY: &str = "let clients come again at once; what limits them should be more than one request in a second";
    match (&seen.opened, &seen.failed) {
        (Some(opened), _) => {
            let took = opened.at.saturating_duration_since(begun);
            if took > SLOW && took > first * 5 {
                report.warning(
                    "reconnect.slow",
                    format!(
                        "reconnect {turn} of 3 took {}, the first connection {}",
                        time(took),
                        time(first)
                    ),
                    REMEDY,
                );
                return false;
            }
            if turn == 3 {
                report.good("reconnect", "three quick reconnects work");
            }
            true
        }
        (None, failed) => {
            let reason = failed
                .as_ref()
                .map_or("no response in time", |failed| &failed.message);
            report.fault(
                "reconnect.refused",
                format!("reconnect {turn} of 3: {reason}"),
                REMEDY,
            );
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(ms: &[u64]) -> Vec<Instant> {
        let begin = Instant::now();
        ms.iter()
            .map(|ms| begin + Duration::from_millis(*ms))
            .collect()
    }

    #[test]
    fn bursts_are_told_from_events_that_come_when_they_come() {
        // One by one; a backlog, then one by one; two bursts alone; pairs.
        for ms in [
            &[0, 300, 600, 900, 1200, 1500][..],
            &[0, 0, 0, 0, 0, 300, 600, 900, 1200],
            &[0, 1000, 1001, 1002, 2000, 2001, 2002],
            &[0, 500, 501, 1000, 1001, 1500, 1501, 2000, 2001],
            &[],
        ] {
            assert_eq!(bursts(&arrivals(ms)), None, "{ms:?}");
        }
        let held = arrivals(&[
            0, 1, 2, 1000, 1001, 1002, 2000, 2001, 2002, 3000, 3001, 3002,
        ]);
        assert_eq!(bursts(&held), Some((3, Duration::from_secs(1))));
    }
}
