//! The alarm that tells when nobody has looked after the reactor for a while.

use super::scheduler::{Alarm, HURRY};
use std::io;
use std::time::Duration;

/// How often it rings: a callback that takes no longer than this is nobody's business.
const SLOW: Duration = Duration::from_millis(HURRY as u64);
/// How often it rings while blocked threads are being replaced.
const FAST: Duration = Duration::from_millis(1);

/// An alarm that a thread can wait for; or none, for a runtime whose threads are not replaced.
#[derive(Debug)]
pub struct Watchdog(Option<Timer>);

impl Watchdog {
    /// One that rings.
    pub fn new() -> io::Result<Watchdog> {
        Ok(Watchdog(Some(Timer::new()?)))
    }

    /// One that never rings.
    pub const fn none() -> Watchdog {
        Watchdog(None)
    }

    /// Waits until it rings.
    pub fn wait(&self) {
        if let Some(timer) = &self.0 {
            timer.wait();
        }
    }

    /// Rings now.
    pub fn ring(&self) {
        self.every(Duration::from_nanos(1));
    }

    fn every(&self, period: Duration) {
        if let Some(timer) = &self.0 {
            timer.every(period);
        }
    }
}

impl Alarm for Watchdog {
    fn set(&self) {
        self.every(SLOW);
    }

    fn hurry(&self) {
        self.every(FAST);
    }

    fn clear(&self) {
        self.every(Duration::ZERO);
    }
}

#[cfg(target_os = "linux")]
use timerfd::Timer;

/// The kernel's timer: to set and to clear it wakes nobody.
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
            // SAFETY: the descriptor is new and nobody else's.
            Ok(Timer(unsafe { File::from_raw_fd(fd) }))
        }

        /// Rings after a period and then in each; never if that is zero.
        pub fn every(&self, period: Duration) {
            let time = libc::timespec {
                tv_sec: 0,
                tv_nsec: period.subsec_nanos().into(),
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

    #[cfg(target_os = "linux")]
    timer_tests!(linux, super::super::timerfd::Timer);
    timer_tests!(anywhere, super::super::portable::Timer);
}
