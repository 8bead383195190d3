//! How the library writes numbers for people, in messages and log lines.

use std::fmt;
use std::time::Duration;

/// Writes a duration as `50 ms`, `1.1 s` or `2 min 30 s`: rounded to what a reader needs.
pub fn duration(duration: Duration) -> impl fmt::Display {
    Words(duration)
}

struct Words(Duration);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_nanos().div_ceil(1_000_000);
        let tenths = (ms + 50) / 100;
        let seconds = (ms + 500) / 1000;
        match seconds {
            _ if ms < 1000 => write!(f, "{ms} ms"),
            0..100 if tenths.is_multiple_of(10) => write!(f, "{} s", tenths / 10),
            0..100 => write!(f, "{}.{} s", tenths / 10, tenths % 10),
            _ if seconds.is_multiple_of(60) => write!(f, "{} min", seconds / 60),
            _ => write!(f, "{} min {} s", seconds / 60, seconds % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_rounded_and_has_its_unit() {
        for (duration, words) in [
            (Duration::ZERO, "0 ms"),
            (Duration::from_nanos(1), "1 ms"),
            (Duration::from_micros(49_500), "50 ms"),
            (Duration::from_millis(999), "999 ms"),
            (Duration::from_millis(1000), "1 s"),
            (Duration::from_nanos(1_080_938_480), "1.1 s"),
            (Duration::from_millis(9_960), "10 s"),
            (Duration::from_secs(60), "60 s"),
            (Duration::from_millis(99_960), "1 min 40 s"),
            (Duration::from_secs(300), "5 min"),
            (Duration::from_millis(301_400), "5 min 1 s"),
            (Duration::from_secs(u64::MAX), "307445734561825860 min 15 s"),
        ] {
            assert_eq!(super::duration(duration).to_string(), words);
        }
    }
}
