//! Time limits that are fair to a process that was stopped: by a signal, a debugger, or with its container.
//!
//! The clock goes on meanwhile, and what comes waits in the socket. When such a process goes on, its timers fire before the
//! reactor has looked at the sockets. So a limit is not believed when its timer fires: it gets a second one, before which the
//! reactor must have looked. That one lasts as long as the first was late, because what waits may be only the next step of
//! several, or come through a task that has not run yet.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// The shortest second timer: more than the timers' own precision.
const MOMENT: Duration = Duration::from_millis(10);

/// What stands for a limit that no clock can hold.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// A time limit for silence. The timer is not moved with every sign of life, only when it fires too early.
#[derive(Debug)]
pub struct Patience {
    limit: Duration,
    since: Instant,
    timer: Pin<Box<Sleep>>,
    /// What has been granted beyond the limit, and may not be more than that; `None` before it was exceeded.
    granted: Option<Duration>,
}

/// The limit is exceeded.
#[derive(Debug)]
pub struct Exceeded;

impl Patience {
    /// A limit, from now on.
    pub fn new(limit: Duration) -> Patience {
        let limit = limit.min(FAR);
        let since = Instant::now();
        Patience {
            limit,
            since,
            timer: Box::pin(sleep_until(since + limit)),
            granted: None,
        }
    }

    /// There was a sign of life: the limit counts from now on.
    pub fn begin(&mut self) {
        self.since = Instant::now();
    }

    /// So much of the time that has passed does not count.
    pub fn postpone(&mut self, by: Duration) {
        self.since += by;
    }

    /// The limit.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Waits until it is exceeded. To be polled after what it limits.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Exceeded> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let end = self.since + self.limit;
            let set_for = self.timer.deadline();
            if set_for < end {
                // It was set before the last sign of life.
                self.granted = None;
            }
            let next = match now < end {
                true => end,
                false => match self.grant(now - set_for.max(end)) {
                    Some(more) => now + more,
                    None => return Poll::Ready(Exceeded),
                },
            };
            self.timer.as_mut().reset(next);
        }
    }

    /// How much longer it is waited after a timer that fired this late; `None` when that is enough.
    fn grant(&mut self, late: Duration) -> Option<Duration> {
        let (granted, more) = match self.granted {
            None => (Duration::ZERO, late.max(MOMENT)),
            // Stopped once more meanwhile.
            Some(granted) if late > MOMENT => (granted, late),
            Some(_) => return None,
        };
        // Where every timer is late, the end must come all the same.
        let more = more.min(self.limit.max(MOMENT).saturating_sub(granted));
        self.granted = Some(granted + more);
        Some(more).filter(|more| !more.is_zero())
    }
}

/// Waits for a future for a limited time. Pinned elsewhere, it is not held here as well.
pub async fn within<T>(
    limit: Duration,
    mut future: Pin<&mut impl Future<Output = T>>,
) -> Result<T, Exceeded> {
    let mut patience = Patience::new(limit);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Ok(done)),
        Poll::Pending => patience.poll(cx).map(Err),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::pin::pin;
    use tokio::time::{advance, sleep, timeout};

    const LIMIT: Duration = Duration::from_millis(500);

    /// For how long a limit holds in a process that is stopped for so long when it begins, and again and again.
    async fn lasts(stops: &[Duration]) -> Duration {
        let begun = Instant::now();
        let stopping = async {
            for stop in stops {
                advance(*stop).await;
            }
            pending::<()>().await;
        };
        let limited = pin!(pending::<()>());
        tokio::select! {
            biased;
            Err(Exceeded) = within(LIMIT, limited) => {}
            () = stopping => {}
        }
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_holds_a_moment_longer_than_it_says() {
        let lasted = lasts(&[]).await;
        assert!(lasted >= LIMIT + MOMENT, "{lasted:?}");
        assert!(lasted < LIMIT + 2 * MOMENT, "{lasted:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_process_has_as_long_again_as_it_is_late_up_to_the_limit() {
        for (stopped, more) in [(LIMIT + 3 * MOMENT, 3 * MOMENT), (10 * LIMIT, LIMIT)] {
            let lasted = lasts(&[stopped]).await;
            assert!(lasted >= stopped + more, "{lasted:?}");
            assert!(lasted < stopped + more + 2 * MOMENT, "{lasted:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_has_an_end_also_where_every_timer_is_late() {
        let lasted = lasts(&[LIMIT + 3 * MOMENT; 100]).await;
        assert!(lasted <= 4 * LIMIT, "{lasted:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_with_the_reactors_next_turn_has_come_in_time() {
        let stopped = 10 * LIMIT;
        tokio::spawn(advance(stopped));
        // As a socket's bytes: there before the limit, seen after it.
        let seen = async {
            sleep(LIMIT / 2).await;
            sleep(MOMENT).await;
        };
        within(LIMIT, pin!(seen)).await.expect("no timeout");
    }

    #[tokio::test(start_paused = true)]
    async fn every_sign_of_life_begins_anew() {
        let mut patience = Patience::new(LIMIT);
        for _ in 0..3 {
            for part in [LIMIT / 2, LIMIT] {
                let exceeded = poll_fn(|cx| patience.poll(cx));
                // Up to the second timer, but not beyond.
                assert!(timeout(part + MOMENT / 2, exceeded).await.is_err());
                patience.begin();
            }
        }
        let begun = Instant::now();
        let Exceeded = poll_fn(|cx| patience.poll(cx)).await;
        assert!(begun.elapsed() >= LIMIT + MOMENT / 2);
    }
}
