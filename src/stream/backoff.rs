//! How long to wait before the next attempt. Pure: time and chance are passed in.

use super::settings::SharedPolicy;
use std::time::Duration;

/// The largest share that jitter adds to a delay that is longer than the program's maximum because the server asked for it:
/// clients come back apart, and still about when they were asked to.
const JITTER_OF_SERVERS: f64 = 0.1;

/// The delays of one run.
#[derive(Debug)]
pub struct Backoff {
    policy: SharedPolicy,
    /// The delay that growth starts from, if the server has asked for one: its `retry`.
    asked: Option<Duration>,
    /// Delays handed out since growth last started.
    steps: i32,
    /// How long the client has waited for the attempt under way.
    waited: Duration,
}

/// How a stream ended, as far as growth is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    /// How long it was open.
    pub open_for: Duration,
    /// Whether it brought anything: an event, an id, a retry or a comment.
    pub brought: bool,
    /// Whether the server ended it without error.
    pub ended_cleanly: bool,
}

impl Backoff {
    /// The delays of a run that begins.
    pub fn new(policy: impl Into<SharedPolicy>) -> Backoff {
        Backoff {
            policy: policy.into(),
            asked: None,
            steps: 0,
            waited: Duration::ZERO,
        }
    }

    /// The server's `retry` field: growth starts from it, from the next delay on.
    pub fn set_base(&mut self, milliseconds: u64) {
        self.asked = Some(Duration::from_millis(milliseconds));
    }

    /// The client has waited so long, and the next attempt begins.
    pub fn waited(&mut self, delay: Duration) {
        self.waited = delay;
    }

    /// A stream has ended. One that was healthy starts the growth over: it brought something, and ended as it should or
    /// lived at least as long as the client had waited for it. A server that accepts and dies is no healthy one.
    pub fn stream_ended(&mut self, health: Health) {
        let lived = health.ended_cleanly || health.open_for >= self.waited;
        if health.open_for >= self.policy.reset_after || (health.brought && lived) {
            self.steps = 0;
        }
    }

    /// The next delay.
    ///
    /// `retry_after` is what the server asked for; `requests` is how many have been made since the last delay; `chance`,
    /// from 0 to 1, places the delay within the jitter.
    pub fn next_delay(
        &mut self,
        retry_after: Option<Duration>,
        requests: u32,
        chance: f64,
    ) -> Duration {
        let policy = &self.policy;
        let floor = self.floor();
        let base = self.asked.map_or(policy.delay, |asked| {
            asked.min(policy.max_server_delay).max(floor)
        });
        let grown = base.as_secs_f64() * policy.factor.powi(self.steps);
        let grown = Duration::try_from_secs_f64(grown).unwrap_or(Duration::MAX);
        self.steps = self.steps.saturating_add(1);
        // Until a delay has been waited for, the client has not waited.
        self.waited = Duration::ZERO;

        let asked = self.asked.max(retry_after).unwrap_or_default();
        let granted = asked.min(policy.max_server_delay);
        let (jitter, latest) = if granted > policy.max_delay {
            let jitter = policy.jitter.min(JITTER_OF_SERVERS);
            (jitter, policy.max_server_delay)
        } else {
            (policy.jitter, policy.max_delay)
        };
        let wish = grown.min(policy.max_delay).max(granted);
        let (mut first, mut last) = (wish, wish.mul_f64(1.0 + jitter));
        if last > latest {
            (first, last) = (latest.div_f64(1.0 + jitter), latest);
            // What the server asked for is not undercut for that, unless it is more than anybody waits for.
            if asked == granted {
                first = first.max(granted);
            }
        }
        let delay = first + (last - first).mul_f64(chance.clamp(0.0, 1.0));
        // Redirects, and a request that is repeated at once, do not multiply what a server makes a client send.
        delay.max(floor.saturating_mul(requests))
    }

    /// The shortest delay where the network has changed, and with it the reason to wait for long: what the server asked for,
    /// and what its requests need. Again without a stream, the base delay.
    pub fn shortest(
        &self,
        retry_after: Option<Duration>,
        requests: u32,
        is_again: bool,
    ) -> Duration {
        let asked = self.asked.max(retry_after).unwrap_or_default();
        let own = match is_again {
            true => self.policy.delay.min(self.policy.max_delay),
            false => Duration::ZERO,
        };
        asked
            .min(self.policy.max_server_delay)
            .max(own)
            .max(self.floor().saturating_mul(requests))
    }

    /// No server makes the client come back sooner.
    fn floor(&self) -> Duration {
        let own = self.policy.delay.min(self.policy.max_delay);
        self.policy.min_delay.min(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::settings::ReconnectPolicy;

    const S: Duration = Duration::from_secs(1);
    const MS: Duration = Duration::from_millis(1);

    fn no_jitter() -> ReconnectPolicy {
        ReconnectPolicy {
            jitter: 0.0,
            ..ReconnectPolicy::default()
        }
    }

    /// The next delay after an attempt of one request.
    fn next(backoff: &mut Backoff, chance: f64) -> Duration {
        backoff.next_delay(None, 1, chance)
    }

    fn delays(backoff: &mut Backoff, n: usize) -> Vec<f64> {
        (0..n).map(|_| next(backoff, 0.0).as_secs_f64()).collect()
    }

    /// The shortest and the longest that a delay can be.
    fn range(
        policy: ReconnectPolicy,
        next: impl Fn(&mut Backoff, f64) -> Duration,
    ) -> [Duration; 2] {
        [0.0, 1.0].map(|chance| next(&mut Backoff::new(policy), chance))
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
    fn jitter_is_added_on_top() {
        for chance in [0.0, 0.25, 1.0] {
            let mut backoff = Backoff::new(ReconnectPolicy::default());
            assert_eq!(next(&mut backoff, chance), S.mul_f64(1.0 + 0.5 * chance));
        }
    }

    #[test]
    fn near_the_maximum_jitter_is_taken_off_and_no_delay_is_longer() {
        for (delay, shortest) in [(120, 80), (100, 80), (90, 80), (80, 80), (70, 70)] {
            let policy = ReconnectPolicy {
                delay: delay * MS,
                max_delay: 120 * MS,
                min_delay: MS,
                ..ReconnectPolicy::default()
            };
            let [first, last] = range(policy, next);
            assert_eq!(
                (first, last),
                (shortest * MS, (delay * MS * 3 / 2).min(120 * MS)),
                "{delay}"
            );
        }
    }

    #[test]
    fn a_base_over_the_maximum_is_held_to_it() {
        let policy = ReconnectPolicy {
            max_delay: 120 * MS,
            ..ReconnectPolicy::default()
        };
        assert_eq!(
            range(policy, next),
            [80 * MS, 120 * MS].map(|held| held.max(100 * MS))
        );
    }

    #[test]
    fn retry_sets_the_base_at_once_and_keeps_the_growth() {
        let mut backoff = Backoff::new(no_jitter());
        delays(&mut backoff, 2);
        backoff.set_base(100);
        assert_eq!(delays(&mut backoff, 2), [0.4, 0.8]);
    }

    #[test]
    fn no_server_makes_a_client_come_back_sooner_than_the_floor() {
        for (own, floor) in [(1000, 100), (30, 30)] {
            let mut backoff = Backoff::new(ReconnectPolicy {
                delay: own * MS,
                ..no_jitter()
            });
            backoff.set_base(0);
            assert_eq!(next(&mut backoff, 0.0), floor * MS);
        }
    }

    #[test]
    fn requests_of_one_attempt_do_not_come_more_often_than_the_floor() {
        let mut backoff = Backoff::new(no_jitter());
        backoff.set_base(0);
        assert_eq!(backoff.next_delay(None, 17, 0.0), 1700 * MS);
        let mut backoff = Backoff::new(no_jitter());
        assert_eq!(
            backoff.next_delay(None, 3, 0.0),
            S,
            "a longer delay is long enough"
        );
    }

    #[test]
    fn what_the_server_asks_for_is_not_undercut_even_over_the_maximum() {
        for seconds in [61, 120, 300, 3500] {
            let asked = seconds * S;
            let retry = |backoff: &mut Backoff, chance: f64| {
                backoff.set_base(u64::from(seconds) * 1000);
                next(backoff, chance)
            };
            let retry_after =
                |backoff: &mut Backoff, chance: f64| backoff.next_delay(Some(asked), 1, chance);
            for [first, last] in [
                range(ReconnectPolicy::default(), retry),
                range(ReconnectPolicy::default(), retry_after),
            ] {
                assert_eq!(first, asked);
                assert!(asked < last && last <= asked.mul_f64(1.1), "{last:?}");
            }
        }
    }

    #[test]
    fn what_the_server_asks_for_has_a_maximum_of_its_own() {
        let hour = 3600 * S;
        for asked in [3601 * S, Duration::from_secs(u64::MAX)] {
            let [first, last] = range(ReconnectPolicy::default(), |backoff, chance| {
                backoff.next_delay(Some(asked), 1, chance)
            });
            assert!(hour.mul_f64(0.9) < first && first < last, "{first:?}");
            assert_eq!(last, hour);
        }
        let mut backoff = Backoff::new(no_jitter());
        backoff.set_base(u64::MAX);
        assert_eq!(next(&mut backoff, 0.0), hour);
    }

    #[test]
    fn a_maximum_for_servers_below_the_programs_own_holds_for_them_alone() {
        let mut backoff = Backoff::new(ReconnectPolicy {
            max_server_delay: 5 * S,
            ..no_jitter()
        });
        backoff.set_base(30_000);
        assert_eq!(delays(&mut backoff, 2), [5.0, 10.0]);
    }

    #[test]
    fn what_the_server_asks_for_below_the_maximum_stays_below_it_with_jitter() {
        let [first, last] = range(ReconnectPolicy::default(), |backoff, chance| {
            backoff.next_delay(Some(50 * S), 1, chance)
        });
        assert_eq!([first, last], [50 * S, 60 * S]);
        // Nor is the maximum itself exceeded.
        let at_maximum = range(ReconnectPolicy::default(), |backoff, chance| {
            backoff.next_delay(Some(60 * S), 1, chance)
        });
        assert_eq!(at_maximum, [60 * S; 2]);
    }

    #[test]
    fn a_retry_after_sooner_than_the_back_off_does_not_shorten_it() {
        let mut backoff = Backoff::new(no_jitter());
        delays(&mut backoff, 3);
        assert_eq!(backoff.next_delay(Some(S), 1, 0.0), 8 * S);
    }

    #[test]
    fn a_wait_that_the_network_cuts_short_is_never_shorter_than_the_server_asked_for() {
        let mut backoff = Backoff::new(no_jitter());
        delays(&mut backoff, 6);
        assert_eq!(backoff.shortest(None, 1, false), 100 * MS);
        assert_eq!(backoff.shortest(None, 3, false), 300 * MS);
        assert_eq!(backoff.shortest(None, 1, true), S);
        assert_eq!(backoff.shortest(Some(120 * S), 1, false), 120 * S);
        backoff.set_base(5000);
        assert_eq!(backoff.shortest(None, 1, false), 5 * S);
        assert_eq!(backoff.shortest(Some(9999 * S), 1, false), 3600 * S);
    }

    /// The delay after three failures and a stream for which the client has waited 4 s.
    fn after(health: Health) -> f64 {
        let mut backoff = Backoff::new(no_jitter());
        delays(&mut backoff, 3);
        backoff.waited(4 * S);
        backoff.stream_ended(health);
        next(&mut backoff, 0.0).as_secs_f64()
    }

    #[test]
    fn growth_starts_over_after_a_stream_that_brought_something_and_lived_or_ended_cleanly() {
        for (seconds, brought, ended_cleanly, delay) in [
            // It ended as it should.
            (0, true, true, 1.0),
            // It was worth the wait.
            (4, true, false, 1.0),
            (3, true, false, 8.0),
            // Nothing came of it, however it ended.
            (0, false, true, 8.0),
            (59, false, true, 8.0),
            (59, false, false, 8.0),
            // It was healthy for a minute, whatever it brought.
            (60, false, false, 1.0),
        ] {
            let health = Health {
                open_for: seconds * S,
                brought,
                ended_cleanly,
            };
            assert_eq!(after(health), delay, "{health:?}");
        }
    }

    #[test]
    fn a_stream_that_the_client_did_not_wait_for_was_worth_it() {
        let mut backoff = Backoff::new(no_jitter());
        delays(&mut backoff, 3);
        let health = Health {
            open_for: MS,
            brought: true,
            ended_cleanly: false,
        };
        backoff.stream_ended(health);
        assert_eq!(next(&mut backoff, 0.0), S);
    }

    #[test]
    fn a_stream_that_is_cut_every_three_seconds_is_met_after_the_base_delay_each_time() {
        let mut backoff = Backoff::new(ReconnectPolicy::default());
        for round in 0..20 {
            backoff.stream_ended(Health {
                open_for: 3 * S,
                brought: true,
                ended_cleanly: false,
            });
            let delay = next(&mut backoff, f64::from(round % 2));
            assert!(S <= delay && delay <= S * 3 / 2, "{delay:?}");
            backoff.waited(delay);
        }
    }

    #[test]
    fn a_server_that_is_polled_is_met_after_its_retry_each_time() {
        let mut backoff = Backoff::new(ReconnectPolicy::default());
        for _ in 0..20 {
            backoff.set_base(100);
            backoff.stream_ended(Health {
                open_for: MS,
                brought: true,
                ended_cleanly: true,
            });
            let delay = next(&mut backoff, 1.0);
            assert_eq!(delay, 150 * MS);
            backoff.waited(delay);
        }
    }

    #[test]
    fn a_server_that_accepts_and_dies_is_not_hammered() {
        let mut backoff = Backoff::new(no_jitter());
        for (brought, delays) in [(false, [1, 2, 4]), (true, [8, 16, 32])] {
            for expected in delays {
                backoff.stream_ended(Health {
                    open_for: MS,
                    brought,
                    ended_cleanly: false,
                });
                let delay = next(&mut backoff, 0.0);
                assert_eq!(delay, expected * S);
                backoff.waited(delay);
            }
        }
    }
}
