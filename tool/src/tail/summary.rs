//! What --stats tells at the end.

use std::fmt;

use crate::sys;

pub struct Summary {
    pub stats: sys::Stats,
    /// Of a runtime with this stream alone.
    pub metrics: sys::Metrics,
}

impl Summary {
    /// How often it was reconnected, by reason; reasons that there were none of are left out.
    pub fn reconnects(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let metrics = &self.metrics;
        [
            ("end", metrics.reconnects_end),
            ("connection", metrics.reconnects_connection),
            ("timeout", metrics.reconnects_timeout),
            ("response", metrics.reconnects_response),
            ("program", metrics.reconnects_program),
            ("other", metrics.reconnects_other),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
    }

    /// What the latency of so many percent of the events does not exceed; `None` if there are no events.
    fn percentile(&self, percent: u64) -> Option<Bound> {
        let counts = &self.metrics.latency_counts;
        let wanted = (counts.iter().sum::<u64>() * percent).div_ceil(100);
        let mut seen = 0;
        let bucket = counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        bucket.filter(|_| wanted > 0).map(Bound)
    }
}

/// Upper bounds of a histogram's buckets, in microseconds; the last bucket has none.
pub fn bounds_us() -> impl Iterator<Item = u64> {
    (0..sys::LATENCY_BUCKETS - 1).map(bound_us)
}

fn bound_us(bucket: usize) -> u64 {
    1 << (2 * bucket)
}

/// A bucket's upper bound.
struct Bound(usize);

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match bound_us(self.0) {
            _ if self.0 == sys::LATENCY_BUCKETS - 1 => {
                write!(f, "more than {} s", bound_us(self.0 - 1) / 1_000_000)
            }
            us @ ..1000 => write!(f, "{us} µs"),
            us @ ..1_000_000 => write!(f, "{} ms", us / 1000),
            us => write!(f, "{} s", us / 1_000_000),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let stats = &self.stats;
        write!(
            f,
            "stats: {} events, {} bytes, {} attempts, {} opened, {} errors; open for {:.1} s",
            stats.events,
            stats.bytes,
            stats.attempts,
            stats.opens,
            stats.errors,
            stats.open_ms.max(0) as f64 / 1000.0
        )?;
        for (number, (reason, count)) in self.reconnects().enumerate() {
            let before = if number == 0 {
                "\nstats: reconnects:"
            } else {
                ","
            };
            write!(f, "{before} {count} {reason}")?;
        }
        if let (Some(half), Some(most), Some(all)) = (
            self.percentile(50),
            self.percentile(99),
            self.percentile(100),
        ) {
            write!(
                f,
                "\nstats: from read to callback: half of the events within {half}, 99 % {most}, all {all}"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_tells_reasons_that_there_were_and_percentiles() {
        let mut summary = Summary {
            stats: sys::Stats::default(),
            metrics: sys::Metrics::default(),
        };
        assert_eq!(summary.to_string().lines().count(), 1);
        summary.metrics.reconnects_end = 2;
        summary.metrics.reconnects_other = 1;
        summary.metrics.latency_counts[1] = 98;
        summary.metrics.latency_counts[6] = 1;
        summary.metrics.latency_counts[13] = 1;
        let text = summary.to_string();
        let lines: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "stats: reconnects: 2 end, 1 other",
                "stats: from read to callback: half of the events within 4 µs, 99 % 4 ms, all more than 16 s",
            ]
        );
    }
}
