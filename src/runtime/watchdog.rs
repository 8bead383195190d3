//! The alarm that rings if no thread has driven the reactor for a while.
//!
//! To set a timer and to clear it takes two calls of the system, for each event of a stream whose events come one by one.
//! So where alarms follow each other soon, the timer of the last is left to serve the next: it then rings earlier than it
//! would have, but not at once, and a first ring does no more than to begin an observation. If none follows, it rings in
//! vain, once.

use super::scheduler::{Alarm, HURRY};
use crate::sync::{Mutex, lock};
use std::io;
use std::time::{Duration, Instant};

/// How often it rings: a callback that takes no longer than this is never looked at.
const SLOW: Duration = Duration::from_millis(HURRY as u64);
/// How often it rings while blocked threads are being replaced.
const FAST: Duration = Duration::from_millis(1);

/// An alarm that is set within this time of the one before follows it soon. That one's timer serves it if it has at least as
/// long to go.
const SOON: Duration = Duration::from_micros(HURRY as u64 * 500);
/// After so many of them in a row another one is expected.
const EXPECTED_AFTER: u32 = 3;

/// An alarm that a thread can wait for; or none, for a runtime whose threads are not replaced.
#[derive(Debug)]
pub struct Watchdog(Option<Clockwork>);

#[derive(Debug)]
struct Clockwork {
    timer: Timer,
    pace: Mutex<Pace>,
}

/// How alarms follow each other.
#[derive(Debug, Default)]
struct Pace {
    last_set: Option<Instant>,
    /// How many were soon after the one before, in a row up to the last.
    soon: u32,
    /// When the timer rings first; `None` while it is off, or rings fast.
    rings: Option<Instant>,
}

impl Watchdog {
    /// One that rings.
    pub fn new() -> io::Result<Watchdog> {
        Ok(Watchdog(Some(Clockwork {
            timer: Timer::new()?,
            pace: Mutex::default(),
        })))
    }

    /// One that never rings.
    pub const fn none() -> Watchdog {
        Watchdog(None)
    }

    /// Waits until it rings.
    pub fn wait(&self) {
        if let Some(Clockwork { timer, .. }) = &self.0 {
            timer.wait();
        }
    }

    /// Rings now.
    pub fn ring(&self) {
        if let Some(Clockwork { timer, .. }) = &self.0 {
            timer.every(Duration::from_nanos(1));
        }
    }
}

impl Alarm for Watchdog {
    fn set(&self) {
        if let Some(clockwork) = &self.0 {
            clockwork.set(Instant::now());
        }
    }

    fn hurry(&self) {
        if let Some(clockwork) = &self.0 {
            clockwork.start(FAST, None);
        }
    }

    fn clear(&self) {
        if let Some(clockwork) = &self.0
            && !lock(&clockwork.pace).expects_another()
        {
            clockwork.stop();
        }
    }

    fn rang_in_vain(&self) {
        if let Some(clockwork) = &self.0 {
            clockwork.stop();
        }
    }
}

impl Clockwork {
    fn set(&self, now: Instant) {
        if !lock(&self.pace).is_served(now) {
            self.start(SLOW, Some(now + SLOW));
        }
    }

    fn start(&self, period: Duration, rings: Option<Instant>) {
        lock(&self.pace).rings = rings;
        self.timer.every(period);
    }

    fn stop(&self) {
        self.start(Duration::ZERO, None);
    }
}

impl Pace {
    /// An alarm is set. Returns whether the timer of one before will do.
    fn is_served(&mut self, now: Instant) -> bool {
        let last = self.last_set.replace(now);
        self.soon = match last {
            Some(last) if now < last + SOON => self.soon + 1,
            _ => 0,
        };
        self.rings.is_some_and(|rings| rings >= now + SOON)
    }

    /// An alarm is cleared. Returns whether the timer is better left for the next.
    fn expects_another(&self) -> bool {
        self.soon >= EXPECTED_AFTER && self.rings.is_some()
    }
}

#[cfg(target_os = "linux")]
use timerfd::Timer;

/// The kernel's timer: setting and clearing it wakes no thread.
#[cfg(target_os = "linux")]
mod timerfd {
    use std::fs::File;
    use std::io::{self, Read};
    use std::os::fd::{AsRawFd, FromRawFd};
    use std::ptr;
    use std::time::Duration;

    #[derive(Debug)]
    pub struct Timer(File);

    impl Timer {
        pub fn new() -> io::Result<Timer> {
            // SAFETY: no pointers.
            let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC) };
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: the descriptor is new, and only this has it.
            Ok(Timer(unsafe { File::from_raw_fd(fd) }))
        }

        /// Rings after a period and then in each; never if that is zero.
        pub fn every(&self, period: Duration) {
            let time = libc::timespec {
                tv_sec: 0,
                // Less than 10⁹, for which the 32 bits that some systems have are enough.
                tv_nsec: period.subsec_nanos() as libc::c_long,
            };
            let timer = libc::itimerspec {
                it_interval: time,
                it_value: time,
            };
            // SAFETY: the timer is read during the call. It cannot fail: the descriptor and the time are valid.
            unsafe {
                libc::timerfd_settime(self.0.as_raw_fd(), 0, &raw const timer, ptr::null_mut())
            };
        }

        pub fn wait(&self) {
            let mut rung = [0; 8];
            // An interrupted wait is one more look at nothing.
            let _ = (&self.0).read(&mut rung);
        }
    }
}

#[cfg(not(target_os = "linux"))]
use portable::Timer;

/// What every system has. To set it and to clear it wakes the thread that waits.
#[cfg(any(test, not(target_os = "linux")))]
#[cfg_attr(target_os = "linux", allow(dead_code))]
mod portable {
    use crate::sync::{Condvar, Mutex, lock, wait};
    use std::io;
    use std::sync::PoisonError;
    use std::time::Duration;

    #[derive(Debug)]
    pub struct Timer {
        setting: Mutex<Setting>,
        changed: Condvar,
    }

    #[derive(Clone, Copy, Debug)]
    struct Setting {
        period: Duration,
        number: u64,
    }

    impl Timer {
        pub fn new() -> io::Result<Timer> {
            Ok(Timer {
                setting: Mutex::new(Setting {
                    period: Duration::ZERO,
                    number: 0,
                }),
                changed: Condvar::new(),
            })
        }

        /// Rings after a period and then in each; never if that is zero.
        pub fn every(&self, period: Duration) {
            let mut setting = lock(&self.setting);
            setting.period = period;
            setting.number += 1;
            self.changed.notify_one();
        }

        pub fn wait(&self) {
            let mut setting = lock(&self.setting);
            loop {
                let before = *setting;
                let unchanged = |now: &mut Setting| now.number == before.number;
                if before.period.is_zero() {
                    setting = wait(&self.changed, setting, |now| now.number != before.number);
                    continue;
                }
                let (now, wait) = self
                    .changed
                    .wait_timeout_while(setting, before.period, unchanged)
                    .unwrap_or_else(PoisonError::into_inner);
                if wait.timed_out() {
                    return;
                }
                setting = now;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Instant;

    macro_rules! timer_tests {
        ($module:ident, $timer:ty) => {
            mod $module {
                use super::*;

                #[test]
                fn it_rings_after_its_period_and_again() {
                    let timer = <$timer>::new().expect("a timer");
                    let begin = Instant::now();
                    timer.every(SLOW);
                    timer.wait();
                    timer.wait();
                    assert!(begin.elapsed() >= SLOW);
                }

                #[test]
                fn it_does_not_ring_when_it_is_off_until_it_is_set() {
                    let timer = std::sync::Arc::new(<$timer>::new().expect("a timer"));
                    timer.every(SLOW);
                    timer.every(Duration::ZERO);
                    let (rung, rings) = channel();
                    let waiting = {
                        let timer = timer.clone();
                        thread::spawn(move || {
                            timer.wait();
                            let _ = rung.send(());
                        })
                    };
                    assert!(rings.recv_timeout(10 * SLOW).is_err(), "it rang");
                    timer.every(Duration::from_nanos(1));
                    rings.recv().expect("it rings");
                    waiting.join().expect("no panic");
                }
            }
        };
    }

    const MS: Duration = Duration::from_millis(1);

    /// Alarms that are set at these times, in milliseconds, and cleared at once. Returns which of them start the timer, and
    /// which leave it on.
    fn timers(times: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let begin = Instant::now();
        let mut pace = Pace::default();
        let (mut started, mut left) = (Vec::new(), Vec::new());
        for time in times {
            let now = begin + MS * *time;
            if !pace.is_served(now) {
                started.push(*time);
                pace.rings = Some(now + SLOW);
            }
            if pace.expects_another() {
                left.push(*time);
            } else {
                pace.rings = None;
            }
        }
        (started, left)
    }

    #[test]
    fn alarms_that_follow_each_other_soon_share_timers_and_none_rings_late() {
        let times: Vec<_> = (0..20).step_by(2).collect();
        let (started, left) = timers(&times);
        // One that serves another has half its time to go.
        assert_eq!(started, [0, 2, 4, 6, 10, 14, 18]);
        assert_eq!(left, [6, 8, 10, 12, 14, 16, 18]);
    }

    #[test]
    fn alarms_that_are_few_leave_nothing_on() {
        let times: Vec<_> = (0..60).step_by(3).collect();
        assert_eq!(timers(&times), (times, vec![]));
        assert_eq!(timers(&[0, 1, 2, 9, 10, 11]).1, []);
    }

    #[test]
    fn a_timer_that_was_left_on_rings_for_the_next_alarm_and_then_stops_in_vain() {
        let watchdog = std::sync::Arc::new(Watchdog::new().expect("a timer"));
        let is_on = || {
            let clockwork = watchdog.0.as_ref().expect("one that rings");
            lock(&clockwork.pace).rings.is_some()
        };
        // More often than it would take if this thread always had a processor.
        while !is_on() {
            watchdog.set();
            watchdog.clear();
        }
        watchdog.wait();

        watchdog.rang_in_vain();
        let (rung, rings) = channel();
        let waiting = {
            let watchdog = watchdog.clone();
            thread::spawn(move || {
                watchdog.wait();
                let _ = rung.send(());
            })
        };
        assert!(rings.recv_timeout(10 * SLOW).is_err(), "it rang");
        watchdog.set();
        rings.recv().expect("it rings");
        waiting.join().expect("no panic");
    }

    #[cfg(target_os = "linux")]
    timer_tests!(linux, super::super::timerfd::Timer);
    timer_tests!(anywhere, super::super::portable::Timer);
}
