//! Linux: rtnetlink tells of addresses and routes, and a timer that is never due tells that the system has woken.

use super::netlink::Listener;
use super::source::Source;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// More than any message of the kinds that are asked for.
const BUFFER: usize = 8 * 1024;

/// The kinds of messages that are asked for.
const GROUPS: libc::c_int = libc::RTMGRP_IPV4_IFADDR
    | libc::RTMGRP_IPV6_IFADDR
    | libc::RTMGRP_IPV4_ROUTE
    | libc::RTMGRP_IPV6_ROUTE;

/// What the kernel tells.
pub struct System {
    netlink: AsyncFd<OwnedFd>,
    /// `None` where the system has no such timer: then the clock is looked at when the network changes.
    alarm: Option<AsyncFd<OwnedFd>>,
    listener: Listener,
}

impl System {
    /// Begins to listen.
    pub fn new() -> io::Result<System> {
        Ok(System {
            netlink: registered(netlink()?)?,
            alarm: alarm().and_then(registered).ok(),
            listener: Listener::default(),
        })
    }

    /// Whether the alarm has rung.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(alarm) = &self.alarm else {
            return Poll::Pending;
        };
        let Ok(mut readable) = ready!(alarm.poll_read_ready(cx)) else {
            self.alarm = None;
            return Poll::Pending;
        };
        let rung = readable.try_io(|alarm| {
            let mut times = [0; size_of::<u64>()];
            match receive(alarm.get_ref(), &mut times) {
                // The clock was set, as it is when the system wakes: that is what it is for.
                Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => Ok(()),
                read => read.map(|_| ()),
            }
        });
        match rung {
            Ok(Ok(())) if set(alarm.get_ref()).is_ok() => Poll::Ready(()),
            // It was a mistake: look again, or for ever without it.
            Err(_) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Ok(_) => {
                self.alarm = None;
                Poll::Ready(())
            }
        }
    }

    /// What netlink says next.
    fn poll_netlink(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut buffer = [0; BUFFER];
        loop {
            let mut readable = ready!(self.netlink.poll_read_ready(cx))?;
            let Ok(read) = readable.try_io(|socket| receive(socket.get_ref(), &mut buffer)) else {
                continue;
            };
            return Poll::Ready(match read {
                Ok(read) => Ok(self.listener.has_moved(&buffer[..read])),
                // There was more than the socket can hold: nobody knows what.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
                Err(error) => Err(error),
            });
        }
    }
}

impl Source for System {
    fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.poll_alarm(cx).is_ready() {
            return Poll::Ready(Ok(false));
        }
        self.poll_netlink(cx)
    }

    fn slept(&mut self) -> Duration {
        // Monotonic time first: what passes between the two looks is no sleep.
        let awake = now(libc::CLOCK_MONOTONIC);
        now(libc::CLOCK_BOOTTIME).saturating_sub(awake)
    }
}

/// Registers a descriptor with the reactor.
fn registered(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: it is open, and the same, for as long as what owns it.
    let registered = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) };
    registered.map_err(|error| error.into_parts().1)
}

/// A socket that the kernel sends messages to.
fn netlink() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no pointers.
    let socket = owned(unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE) })?;
    // SAFETY: plain numbers, for which zero is a value.
    let mut address: libc::sockaddr_nl = unsafe { mem::zeroed() };
    address.nl_family = libc::AF_NETLINK as _;
    address.nl_groups = GROUPS as u32;
    let length = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
    // SAFETY: an address of that length.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    match bound {
        0 => Ok(socket),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A timer that becomes readable when the clock is set, and so when the system wakes (timerfd_create(2); the kernel's
/// `timerfd_resume`).
fn alarm() -> io::Result<OwnedFd> {
    let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
    // SAFETY: no pointers.
    let alarm = owned(unsafe { libc::timerfd_create(libc::CLOCK_REALTIME, flags) })?;
    set(&alarm)?;
    Ok(alarm)
}

/// Sets the alarm: to a time that does not come.
fn set(alarm: &OwnedFd) -> io::Result<()> {
    let flags = libc::TFD_TIMER_ABSTIME | libc::TFD_TIMER_CANCEL_ON_SET;
    // SAFETY: plain numbers, for which zero is a value.
    let mut time: libc::itimerspec = unsafe { mem::zeroed() };
    time.it_value.tv_sec = libc::time_t::MAX;
    // SAFETY: a time to set; nobody asks for the one that was set before.
    let is_set = unsafe { libc::timerfd_settime(alarm.as_raw_fd(), flags, &time, ptr::null_mut()) };
    match is_set {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn owned(fd: libc::c_int) -> io::Result<OwnedFd> {
    match fd {
        ..0 => Err(io::Error::last_os_error()),
        // SAFETY: it is new, and nobody else's.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
    }
}

fn receive(from: &OwnedFd, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the buffer is written to during the call, and so long.
    let read = unsafe { libc::read(from.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(read).map_err(|_| io::Error::last_os_error())
}

fn now(clock: libc::clockid_t) -> Duration {
    // SAFETY: plain numbers, for which zero is a value.
    let mut time: libc::timespec = unsafe { mem::zeroed() };
    // SAFETY: the time is written during the call. A clock that the system has not leaves zero.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    let (seconds, nanoseconds) = (time.tv_sec.try_into(), time.tv_nsec.try_into());
    Duration::new(seconds.unwrap_or(0), nanoseconds.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::time::timeout;

    fn reactor() -> tokio::runtime::Runtime {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().expect("a runtime")
    }

    #[test]
    fn a_quiet_system_says_nothing_and_both_descriptors_are_closed_on_exec() {
        reactor().block_on(async {
            let mut system = System::new().expect("netlink");
            for fd in [Some(&system.netlink), system.alarm.as_ref()] {
                let fd = fd.expect("a descriptor").as_raw_fd();
                // SAFETY: a descriptor of ours.
                let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
                assert_ne!(flags & libc::FD_CLOEXEC, 0);
            }
            // It may be that something changes just now; then it is said, and that is all.
            let changed = poll_fn(|cx| system.poll_changed(cx));
            if let Ok(changed) = timeout(Duration::from_millis(50), changed).await {
                changed.expect("no error");
            }
        });
    }

    #[test]
    fn a_machine_has_slept_as_long_as_its_clocks_say() {
        let slept = || reactor().block_on(async { System::new().expect("netlink").slept() });
        let first = slept();
        assert!(slept().abs_diff(first) < Duration::from_secs(1));
    }
}
