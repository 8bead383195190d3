//! How long connecting may take.

use super::error::Error;
use super::patience::Patience;
use crate::sync::{Mutex, lock};
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;

/// The time that a connection has to be made. It does not pass while the connection waits for those of others. A clone is
/// the same clock. There is no state, which costs an allocation, before there is something in it or somebody to share it:
/// most connections without TLS need none.
#[derive(Debug, Default)]
pub struct Clock(OnceLock<Arc<Mutex<State>>>);

#[derive(Debug, Default)]
struct State {
    /// Since when it is stopped, if it is.
    paused: Option<Instant>,
    /// For how long it was stopped, as far as that has yet to be heeded.
    waited: Duration,
    /// The name that is being looked up.
    name: Option<Box<str>>,
    marks: Marks,
}

/// How long parts of connecting have taken, as far as whoever makes the connection cannot see that.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks {
    /// Looking names up; `None` if there were none.
    pub resolve: Option<Duration>,
    /// What TLS was laid on.
    pub lead: Duration,
}

impl Clone for Clock {
    fn clone(&self) -> Clock {
        Clock(self.state().clone().into())
    }
}

impl Clock {
    fn state(&self) -> &Arc<Mutex<State>> {
        self.0.get_or_init(Arc::default)
    }

    /// Waits for a future, for a limited time while the clock runs; when that is over, with what `late` makes of the limit
    /// and the name that was being looked up, if one was. Pinned elsewhere, the future is not held here as well.
    pub async fn within<T>(
        &self,
        limit: Option<Duration>,
        mut future: Pin<&mut impl Future<Output = T>>,
        late: impl FnOnce(Duration, Option<&str>) -> Error,
    ) -> Result<T, Error> {
        let Some(limit) = limit else {
            return Ok(future.await);
        };
        let mut patience = Patience::new(limit);
        let in_time = poll_fn(|cx| {
            if let Poll::Ready(done) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(done));
            }
            if let Some(state) = self.0.get() {
                let mut state = lock(state);
                if state.paused.is_some() {
                    return Poll::Pending;
                }
                patience.postpone(mem::take(&mut state.waited));
            }
            patience.poll(cx).map(Err)
        });
        in_time
            .await
            .map_err(|_| late(limit, lock(self.state()).name.as_deref()))
    }

    /// What has been marked.
    pub fn marks(&self) -> Marks {
        self.0
            .get()
            .map_or(Marks::default(), |state| lock(state).marks)
    }

    /// Names were looked up for so long.
    pub fn has_looked_up(&self, took: Duration) {
        let marks = &mut lock(self.state()).marks;
        marks.resolve = Some(marks.resolve.unwrap_or_default() + took);
    }

    /// It took so long until there was something to lay TLS on. The last time counts: TLS with a proxy is a part of it.
    pub fn has_led(&self, took: Duration) {
        lock(self.state()).marks.lead = took;
    }

    /// Stops it until what this returns is dropped.
    pub fn pause(&self) -> Paused<'_> {
        lock(self.state()).paused = Some(Instant::now());
        Paused(self)
    }

    /// A name is being looked up, until what this returns is dropped.
    pub fn looking_up(&self, name: &str) -> LookingUp<'_> {
        lock(self.state()).name = Some(name.into());
        LookingUp(self)
    }
}

/// See [`Clock::pause`].
#[derive(Debug)]
pub struct Paused<'c>(&'c Clock);

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        let mut state = lock(self.0.state());
        let paused = state.paused.take();
        state.waited += paused.map_or(Duration::ZERO, |since| since.elapsed());
    }
}

/// See [`Clock::looking_up`].
#[derive(Debug)]
pub struct LookingUp<'c>(&'c Clock);

impl Drop for LookingUp<'_> {
    fn drop(&mut self) {
        lock(self.0.state()).name = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::error::ErrorKind;
    use std::pin::pin;
    use tokio::time::sleep;

    const LIMIT: Duration = Duration::from_secs(10);

    /// How many seconds pass, and what comes of it, where time passes at once.
    fn run<T>(connect: impl AsyncFnOnce(&Clock) -> T) -> (u64, Result<T, String>) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(async {
            let (begun, clock) = (Instant::now(), Clock::default());
            let late = |limit: Duration, name: Option<&str>| {
                let message = format!("{} {}", limit.as_secs(), name.unwrap_or("nobody"));
                Error::new(ErrorKind::ConnectTimeout, message)
            };
            let result = clock.within(Some(LIMIT), pin!(connect(&clock)), late).await;
            let result = result.map_err(|error| error.message);
            (begun.elapsed().as_secs(), result)
        })
    }

    async fn seconds(count: u64) {
        sleep(Duration::from_secs(count)).await;
    }

    #[test]
    fn what_is_done_in_time_is_done() {
        assert_eq!(run(async |_| seconds(9).await), (9, Ok(())));
    }

    #[test]
    fn what_takes_longer_is_over_and_says_whose_name_was_being_looked_up() {
        let took_longer = run(async |clock| {
            let _looking_up = clock.looking_up("name.example");
            seconds(11).await;
        });
        assert_eq!(took_longer, (10, Err("10 name.example".into())));
        let took_longer = run(async |clock| {
            drop(clock.looking_up("name.example"));
            seconds(11).await;
        });
        assert_eq!(took_longer, (10, Err("10 nobody".into())));
    }

    #[test]
    fn a_pause_does_not_count_and_what_comes_before_and_after_it_does() {
        let run = |before, after| {
            run(async move |clock| {
                seconds(before).await;
                let pause = clock.pause();
                seconds(1000).await;
                drop(pause);
                seconds(after).await;
            })
        };
        assert_eq!(run(5, 4), (1009, Ok(())));
        assert_eq!(run(5, 6), (1010, Err("10 nobody".into())));
        assert_eq!(run(0, 9), (1009, Ok(())));
    }
}
