//! Totals of a runtime, for monitoring.
//!
//! What happens for each event or each read is counted by the run that it happens to, which does so anyhow; a snapshot adds up
//! the runs that there are and those that have ended. So totals cost a run nothing. Only what is rare, or is measured because
//! the program has asked for it, is counted here by all runs together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Why an attempt is made that is not the first of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Reason {
    /// The server has ended the stream.
    End,
    /// There was no connection, or it is lost.
    Connection,
    /// Something has taken too long.
    Timeout,
    /// The response opens no stream.
    Response,
    /// The program wants it.
    Program,
    /// Anything else.
    Other,
}

/// How many reasons there are.
const REASONS: usize = Reason::Other as usize + 1;

/// How many buckets a histogram of latencies has. The first counts what took at most 1 µs, each further one what took at most
/// four times as long as the one before, and the last everything above.
pub const BUCKETS: usize = 14;

/// What a run does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// An attempt is under way.
    Connecting,
    /// Its stream is open.
    Open,
    /// It waits for its next attempt.
    Waiting,
}

/// What has been counted; of a run, of all its client's runs, or of all runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events delivered.
    pub events: u64,
    /// Bytes of event streams read.
    pub bytes: u64,
    /// Attempts begun.
    pub attempts: u64,
    /// Streams opened.
    pub opens: u64,
    /// Failed attempts and lost streams.
    pub errors: u64,
}

impl Counts {
    /// What a run counts from here on is to be a part of these; before, it has counted so much.
    pub(super) fn begin_at(&mut self, before: &Counts) {
        self.each(before, u64::wrapping_sub);
    }

    /// Adds what a run has counted by now, for good or for a snapshot.
    pub(super) fn add(&mut self, now: &Counts) {
        self.each(now, u64::wrapping_add);
    }

    /// Below 0 in between, which wraps around and back.
    fn each(&mut self, other: &Counts, combine: fn(u64, u64) -> u64) {
        self.events = combine(self.events, other.events);
        self.bytes = combine(self.bytes, other.bytes);
        self.attempts = combine(self.attempts, other.attempts);
        self.opens = combine(self.opens, other.opens);
        self.errors = combine(self.errors, other.errors);
    }
}

/// Counts for a run.
pub trait Count: Send + Sync {
    /// What it has counted, since before the run.
    fn counts(&self) -> Counts;

    /// What the run does; `None` once it has closed.
    fn doing(&self) -> Option<Doing>;
}

/// What all runs of a runtime count together.
#[derive(Debug)]
pub struct Totals {
    reconnects: [AtomicU64; REASONS],
    latency: Option<Latency>,
}

impl Totals {
    pub(super) fn new(measures_latency: bool) -> Totals {
        Totals {
            reconnects: Default::default(),
            latency: measures_latency.then(Latency::default),
        }
    }

    /// A run makes another attempt.
    pub fn reconnect(&self, reason: Reason) {
        self.reconnects[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Where latencies are counted, if they are measured.
    pub fn latency(&self) -> Option<&Latency> {
        self.latency.as_ref()
    }
}

/// How long events take from the read that completes them to the callback.
#[derive(Debug, Default)]
pub struct Latency {
    buckets: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
}

impl Latency {
    /// An event took so long.
    pub fn count(&self, latency: Duration) {
        let ns = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(ns)].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }
}

/// The first bucket whose bound, a power of four in microseconds, is not exceeded.
fn bucket(ns: u64) -> usize {
    let us = ns.div_ceil(1000);
    let bits = u64::BITS - us.saturating_sub(1).leading_zeros();
    (bits.div_ceil(2) as usize).min(BUCKETS - 1)
}

/// A runtime at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Metrics {
    /// Runs in an attempt, with an open stream, and between attempts.
    pub connecting: u64,
    /// See above.
    pub open: u64,
    /// See above.
    pub waiting: u64,
    /// Threads that run callbacks, or could.
    pub threads: u64,
    /// Runs that are ready and wait for a thread.
    pub queued: u64,
    /// Runs begun.
    pub starts: u64,
    /// What they have counted.
    pub counts: Counts,
    /// Attempts that were not the first of their runs, by [`Reason`].
    pub reconnects: [u64; REASONS],
    /// Latencies; zeros if they are not measured.
    pub latency: [u64; BUCKETS],
    /// Their sum, in nanoseconds.
    pub latency_sum_ns: u64,
}

impl Metrics {
    pub(super) fn add_run(&mut self, doing: Option<Doing>) {
        match doing {
            Some(Doing::Connecting) => self.connecting += 1,
            Some(Doing::Open) => self.open += 1,
            Some(Doing::Waiting) => self.waiting += 1,
            None => {}
        }
    }

    pub(super) fn add_totals(&mut self, totals: &Totals) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        self.reconnects = totals.reconnects.each_ref().map(load);
        if let Some(latency) = totals.latency() {
            self.latency = latency.buckets.each_ref().map(load);
            self.latency_sum_ns = load(&latency.sum_ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_its_bound_does_not_exceed() {
        for (ns, expected) in [
            (0, 0),
            (1_000, 0),
            (1_001, 1),
            (4_000, 1),
            (4_001, 2),
            (16_000, 2),
            (16_001, 3),
            (4_u64.pow(12) * 1000, 12),
            (4_u64.pow(12) * 1000 + 1, 13),
            (u64::MAX, 13),
        ] {
            assert_eq!(bucket(ns), expected, "{ns} ns");
        }
    }
}
