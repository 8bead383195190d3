//! How long to wait before the next attempt. Pure: time and chance are passed in.

use super::settings::ReconnectPolicy;
use std::time::Duration;

/// The delays of one run.
#[derive(Debug)]
pub struct Backoff {
    policy: ReconnectPolicy,
    /// The delay that growth starts from: the policy's, or the server's `retry`.
    base: Duration,
    /// Delays handed out since growth last started.
    steps: i32,
}

/// How a stream ended, as far as growth is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    /// How long it was open.
    pub open_for: Duration,
    /// Whether it delivered an event.
    pub delivered: bool,
    /// Whether the server ended it without error.
    pub ended_cleanly: bool,
}

impl Backoff {
    /// The delays of a run that begins.
    pub fn new(policy: ReconnectPolicy) -> Backoff {
        Backoff {
            policy,
            base: policy.delay.min(policy.max_delay),
            steps: 0,
        }
    }

    /// The server's `retry` field: the new base, from the next delay on. Neither sooner than 1 ms nor later than the
    /// maximum, whatever the server says.
    pub fn set_base(&mut self, milliseconds: u64) {
        self.base = Duration::from_millis(milliseconds.max(1)).min(self.policy.max_delay);
    }

    /// A stream has ended. One that was healthy starts the growth over.
    pub fn stream_ended(&mut self, health: Health) {
        if health.open_for >= self.policy.reset_after || (health.delivered && health.ended_cleanly)
        {
            self.steps = 0;
        }
    }

    /// The next delay.
    ///
    /// `retry_after` is what the server asked for; `chance`, from 0 to 1, places the delay within the jitter, which only
    /// ever adds: nobody comes sooner than asked, and clients that lost the same server come back apart.
    pub fn next_delay(&mut self, retry_after: Option<Duration>, chance: f64) -> Duration {
        let max = self.policy.max_delay;
        let grown = self.base.as_secs_f64() * self.policy.factor.powi(self.steps);
        self.steps = self.steps.saturating_add(1);
        let delay = Duration::try_from_secs_f64(grown).unwrap_or(max).min(max);
        let delay = delay.max(retry_after.unwrap_or_default().min(max));
        delay.saturating_add(delay.mul_f64(self.policy.jitter * chance.clamp(0.0, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn no_jitter() -> ReconnectPolicy {
        ReconnectPolicy {
            jitter: 0.0,
            ..ReconnectPolicy::default()
        }
    }

    fn delays(backoff: &mut Backoff, n: usize) -> Vec<f64> {
        (0..n)
            .map(|_| backoff.next_delay(None, 0.0).as_secs_f64())
            .collect()
    }

    #[test]
    fn the_delay_doubles_up_to_the_maximum() {
        let mut backoff = Backoff::new(no_jitter());
        assert_eq!(
            delays(&mut backoff, 8),
            [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
        );
    }

    #[test]
    fn growth_without_end_stays_at_the_maximum() {
        let mut backoff = Backoff::new(ReconnectPolicy {
            factor: 100.0,
            ..no_jitter()
        });
        assert_eq!(delays(&mut backoff, 2000).last(), Some(&60.0));
    }

    #[test]
    fn jitter_is_added_on_top_and_never_makes_a_delay_shorter() {
        for chance in [0.0, 0.25, 1.0] {
            let mut backoff = Backoff::new(ReconnectPolicy::default());
            assert_eq!(
                backoff.next_delay(None, chance),
                S.mul_f64(1.0 + 0.5 * chance)
            );
        }
    }

    #[test]
    fn retry_sets_the_base_at_once_and_keeps_the_growth() {
        let mut backoff = Backoff::new(no_jitter());
        delays(&mut backoff, 2);
        backoff.set_base(100);
        assert_eq!(delays(&mut backoff, 2), [0.4, 0.8]);
    }

    #[test]
    fn retry_is_held_between_1_ms_and_the_maximum() {
        let mut backoff = Backoff::new(no_jitter());
        backoff.set_base(0);
        assert_eq!(delays(&mut backoff, 1), [0.001]);
        let mut backoff = Backoff::new(no_jitter());
        backoff.set_base(u64::MAX);
        assert_eq!(delays(&mut backoff, 1), [60.0]);
    }

    #[test]
    fn retry_after_is_honoured_up_to_the_maximum() {
        let mut backoff = Backoff::new(no_jitter());
        assert_eq!(backoff.next_delay(Some(30 * S), 0.0), 30 * S);
        assert_eq!(backoff.next_delay(Some(3600 * S), 0.0), 60 * S);
    }

    #[test]
    fn a_retry_after_sooner_than_the_back_off_does_not_shorten_it() {
        let mut backoff = Backoff::new(no_jitter());
        delays(&mut backoff, 3);
        assert_eq!(backoff.next_delay(Some(S), 0.0), 8 * S);
    }

    fn after(health: Health) -> f64 {
        let mut backoff = Backoff::new(no_jitter());
        delays(&mut backoff, 3);
        backoff.stream_ended(health);
        backoff.next_delay(None, 0.0).as_secs_f64()
    }

    #[test]
    fn growth_starts_over_after_a_minute_of_health() {
        assert_eq!(
            after(Health {
                open_for: 60 * S,
                delivered: false,
                ended_cleanly: false
            }),
            1.0
        );
        assert_eq!(
            after(Health {
                open_for: 59 * S,
                delivered: true,
                ended_cleanly: false
            }),
            8.0
        );
    }

    #[test]
    fn growth_starts_over_after_a_stream_that_delivered_and_ended_cleanly() {
        assert_eq!(
            after(Health {
                open_for: S,
                delivered: true,
                ended_cleanly: true
            }),
            1.0
        );
        assert_eq!(
            after(Health {
                open_for: S,
                delivered: false,
                ended_cleanly: true
            }),
            8.0
        );
    }
}
