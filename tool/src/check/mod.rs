//! `eventsource check`: looks at a server as a client sees it.
//!
//! First one request, plainly. If that opens a stream, the same once more in other ways beside it (compressed, by HTTP/1.1, from
//! another origin, several at once), to compare; then one that resumes; then three in a row. Each stage has its share of the
//! time that is given.

mod judge;
mod probe;
mod report;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::cli;
use crate::client;
use crate::request::{BadOption, Checked, Given};
use crate::sys;
use probe::{Ask, Probe};
use report::{Level, Report};

/// Streams beside the others, to see whether there may be so many: with those that compare, more than a browser's six.
const MORE_STREAMS: usize = 4;

pub fn run(options: cli::Check) -> Result<ExitCode, BadOption> {
    let given = Given::read(&options.request)?;
    let mut report = Report::new(options.ignore.clone());
    let begun = Instant::now();
    look(&options, &given, &mut report)?;
    let failed =
        report.count(Level::Fault) > 0 || (options.strict && report.count(Level::Warning) > 0);
    if let Err(error) = report.print(given.url(), begun.elapsed(), options.json) {
        eprintln!("eventsource: cannot write: {error}");
        return Ok(ExitCode::FAILURE);
    }
    Ok(match failed {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

fn look(options: &cli::Check, given: &Given, report: &mut Report) -> Checked {
    let limit = Duration::from_millis(options.limit.unsigned_abs());
    let begun = Instant::now();
    let at = |share: f64| begun + limit.mul_f64(share);
    let redirects = count_redirects();

    // ---- One request ----
    let mut given = given.clone();
    let mut ask = Ask::default();
    let mut probe = Probe::start(&given, &ask)?;
    redirects.watch(probe.number());
    loop {
        let code = {
            let seen = probe.wait(at(0.3), |seen| seen.opened.is_some());
            if seen.opened.is_some() {
                break;
            }
            judge::refused(report, &seen, given.url());
            seen.failed.as_ref().map(|failed| failed.code)
        };
        // What else there is can be seen all the same.
        match code {
            Some(sys::ERR_CERTIFICATE) if given.url_is_https() && !ask.any_type => {
                given = given.with(|options| options.insecure = true);
            }
            Some(sys::ERR_CONTENT_TYPE) if !ask.any_type => ask.any_type = true,
            _ => return Ok(()),
        }
        probe = Probe::start(&given, &ask)?;
        redirects.watch(probe.number());
    }
    let plain = probe;

    // ---- The same in other ways, beside it ----
    let mut others = Others::default();
    if given.is_get() {
        let compressed = Ask {
            compressed: true,
            ..ask.clone()
        };
        others.compressed = Some(Probe::start(&given, &compressed)?);
        let from_elsewhere = Ask {
            origin: Some(options.origin.clone()),
            ..ask.clone()
        };
        others.from_elsewhere = Some(Probe::start(&given, &from_elsewhere)?);
        let brief = Ask {
            silence: Some(Duration::from_secs(1)),
            ..ask.clone()
        };
        others.brief = Some(Probe::start(&given, &brief)?);
        let speaks_http2 = plain
            .seen()
            .opened
            .as_ref()
            .is_some_and(|opened| opened.http_version >= 20);
        if speaks_http2 && !given.speaks_http1_only() {
            let http1 = given.with(|options| {
                options.http1 = true;
                options.http2_prior_knowledge = false;
            });
            others.http1 = Some(Probe::start(&http1, &ask)?);
        }
        for _ in 0..MORE_STREAMS {
            others.more.push(Probe::start(&given, &ask)?);
        }
    }
    // Until the time has come, or nothing more is to be seen.
    drop(plain.wait(at(0.6), |seen| seen.has_closed));
    if let Some(compressed) = &others.compressed {
        drop(compressed.wait(at(0.6), |seen| seen.has_closed));
    }
    let until = Instant::now();

    judge::head(report, &plain.seen(), redirects.count());
    judge::cors(report, others.from_elsewhere.as_ref(), &options.origin);
    judge::http1(report, others.http1.as_ref());
    judge::connections(report, &others.all(), others.compressed.as_ref(), until);
    judge::retry(
        report,
        [Some(&plain), others.brief.as_ref()].into_iter().flatten(),
    );
    let is_bursty = judge::arrivals(
        report,
        &plain,
        until,
        Duration::from_millis(options.silence.unsigned_abs()),
    );
    if let Some(compressed) = &others.compressed {
        judge::compression(report, &plain, compressed, until, is_bursty);
    }
    for other in others.all() {
        other.stop();
    }
    drop(others);

    // ---- Once more, to resume ----
    if !given.is_get() {
        plain.stop();
        report.note(
            "method",
            "only one request was made, because it is no GET",
            "",
        );
        judge::ids(report, &plain.seen());
        return Ok(());
    }
    let place = judge::ids(report, &plain.seen());
    if let Some(place) = place {
        let resume = Ask {
            last_event_id: Some(place.id.clone()),
            ..ask.clone()
        };
        let resumed = Probe::start(&given, &resume)?;
        drop(resumed.wait(at(0.8), |seen| !seen.events.is_empty()));
        judge::resumed(report, &place, &plain.seen(), &resumed);
    }
    plain.stop();

    // ---- Three in a row ----
    let first = plain
        .seen()
        .opened
        .as_ref()
        .map_or(Duration::ZERO, |opened| opened.at - plain.begun);
    for turn in 1..=3 {
        let share = at(1.0).saturating_duration_since(Instant::now()) / (4 - turn);
        if share < first * 2 {
            break; // there is not the time to judge it
        }
        let again = Probe::start(&given, &ask)?;
        let until = Instant::now() + share;
        let seen = again.wait(until, |seen| seen.opened.is_some());
        if !judge::again(report, turn, &seen, again.begun, first) {
            break;
        }
    }
    Ok(())
}

#[derive(Default)]
struct Others {
    compressed: Option<Probe>,
    from_elsewhere: Option<Probe>,
    /// It ends when nothing has come for a second, so that the server's `retry` is seen.
    brief: Option<Probe>,
    http1: Option<Probe>,
    more: Vec<Probe>,
}

impl Others {
    fn all(&self) -> Vec<&Probe> {
        let some = [
            &self.compressed,
            &self.from_elsewhere,
            &self.brief,
            &self.http1,
        ];
        some.into_iter().flatten().chain(&self.more).collect()
    }
}

/// The log tells of redirects, with the client's number.
struct Redirects {
    client: AtomicU64,
    /// Of all clients; they may be told before the number is known.
    told: Mutex<Vec<u64>>,
}

impl Redirects {
    fn watch(&self, client: u64) {
        self.client.store(client, Ordering::Relaxed);
    }

    fn count(&self) -> usize {
        let client = self.client.load(Ordering::Relaxed);
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().filter(|number| **number == client).count()
    }
}

fn count_redirects() -> Arc<Redirects> {
    let redirects = Arc::new(Redirects {
        client: AtomicU64::new(0),
        told: Mutex::default(),
    });
    let shared = redirects.clone();
    client::log(sys::LOG_DEBUG, move |record| {
        if record.kind == sys::LOG_KIND_REDIRECT {
            let mut told = shared.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.push(record.client);
        }
    });
    redirects
}
