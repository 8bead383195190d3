//! Changes of the network, and the time that the system has slept: both leave connections behind that look alive.
//!
//! One task of the reactor watches for all runs that want to be told, while there are any. It has no thread and no timer: it
//! sleeps until the system says something. What the system says comes from a [`Source`], one for each kind of system.
//!
//! By hand, because of the crates that do this none fits: netwatcher (0.8) does not see routes and opens its socket without
//! close-on-exec, if-watch (3.2) does not see routes either and brings rtnetlink, futures and a dozen more.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod netlink;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
mod route_socket;
mod source;
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd"
)))]
mod unwatched;

#[cfg(any(target_os = "linux", target_os = "android"))]
use linux::System;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
use route_socket::System;
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd"
)))]
use unwatched::System;

pub use source::Change;

use source::Source;
use std::future::poll_fn;
use std::io;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// How long what follows a first change is waited for: an address, its routes and the old one's end come one by one.
const GATHER: Duration = Duration::from_millis(100);

/// How long the next change is not told after one. A network that changes all the time makes nobody ask all the time.
const PACE: Duration = Duration::from_secs(1);

/// A shorter sleep is no more than what two clocks differ by, or a container that was frozen for a moment.
const NAP: Duration = Duration::from_secs(1);

/// Tells of changes until the source fails, which it may not do at all. Fails at once where there is nothing to watch.
pub async fn watch(tell: impl FnMut(Change)) -> io::Error {
    match System::new() {
        Ok(system) => follow(system, tell).await,
        Err(error) => error,
    }
}

async fn follow(mut source: impl Source, mut tell: impl FnMut(Change)) -> io::Error {
    let mut slept = source.slept();
    loop {
        let mut has_moved = match poll_fn(|cx| source.poll_changed(cx)).await {
            Ok(has_moved) => has_moved,
            Err(error) => return error,
        };
        // What the system says just after it has woken comes with the time that it has slept.
        let now = source.slept();
        let nap = now.saturating_sub(slept);
        slept = now;
        let told = Instant::now();
        if nap >= NAP {
            tell(Change::Woken(nap));
        } else if !has_moved {
            continue;
        }
        let mut gathered = std::pin::pin!(sleep(GATHER));
        loop {
            tokio::select! {
                biased;
                () = &mut gathered => break,
                changed = poll_fn(|cx| source.poll_changed(cx)) => match changed {
                    Ok(also_moved) => has_moved |= also_moved,
                    Err(error) => return error,
                },
            }
        }
        if has_moved {
            tell(Change::Moved);
        }
        sleep_until(told + PACE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll};
    use tokio::sync::mpsc;

    /// A source whose clock the test sets.
    struct Scripted {
        changes: mpsc::UnboundedReceiver<bool>,
        slept: Arc<Mutex<Duration>>,
    }

    impl Source for Scripted {
        fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
            let ended = || io::ErrorKind::UnexpectedEof.into();
            self.changes
                .poll_recv(cx)
                .map(|changed| changed.ok_or_else(ended))
        }

        fn slept(&mut self) -> Duration {
            *self.slept.lock().expect("the clock")
        }
    }

    /// What is told of, and after how long, when these things happen after so many milliseconds: a sleep of so many seconds,
    /// and whether the network has moved.
    async fn told(script: &[(u64, u64, bool)]) -> Vec<(Duration, Change)> {
        let (says, changes) = mpsc::unbounded_channel();
        let slept = Arc::new(Mutex::new(Duration::from_secs(1000)));
        let source = Scripted {
            changes,
            slept: slept.clone(),
        };
        let begun = Instant::now();
        let mut told = Vec::new();
        let playing = async move {
            for (after, sleeps, moved) in script {
                sleep_until(begun + Duration::from_millis(*after)).await;
                *slept.lock().expect("the clock") += Duration::from_secs(*sleeps);
                says.send(*moved).expect("a watcher");
            }
            // Until all has been told.
            sleep(10 * PACE).await;
        };
        let following = follow(source, |change| told.push((begun.elapsed(), change)));
        tokio::join!(playing, following);
        told
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_one_by_one_is_told_once() {
        let told = told(&[(0, 0, true), (50, 0, true), (90, 0, true)]).await;
        assert!(
            matches!(told[..], [(at, Change::Moved)] if at < ms(200)),
            "{told:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_that_moves_all_the_time_is_told_of_once_a_second() {
        let script: Vec<_> = (0..100).map(|step| (step * 50, 0, true)).collect();
        let told = told(&script).await;
        assert!((5..=7).contains(&told.len()), "{told:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_during_the_pause_is_told_of_after_it() {
        let told = told(&[(0, 0, true), (500, 0, true)]).await;
        let last = told.last().expect("a change").0;
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(ms(1000) <= last && last < ms(1300), "{told:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_is_told_of_at_once_and_only_if_it_was_one() {
        let told = told(&[(0, 0, false), (10, 3600, false)]).await;
        let hour = Duration::from_secs(3600);
        assert!(
            matches!(told[..], [(at, Change::Woken(slept))] if at < ms(20) && slept == hour),
            "{told:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_system_that_wakes_on_another_network_tells_of_both() {
        let told = told(&[(10, 40, true)]).await;
        let changes: Vec<_> = told.iter().map(|(_, change)| *change).collect();
        let woken = Change::Woken(Duration::from_secs(40));
        assert_eq!(changes, [woken, Change::Moved]);
    }
}
