//! macOS, iOS and FreeBSD: the routing socket (route(4)) tells that something has changed, and no more of that is looked at
//! than its kind. Nothing tells that the system has woken; but a system that wakes has something to say of its interfaces.

use super::source::Source;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// More than any message.
const BUFFER: usize = 2 * 1024;

/// What the kernel tells.
pub struct System(AsyncFd<OwnedFd>);

impl System {
    /// Begins to listen.
    pub fn new() -> io::Result<System> {
        // SAFETY: no pointers.
        let socket = unsafe { libc::socket(libc::PF_ROUTE, libc::SOCK_RAW, libc::AF_UNSPEC) };
        if socket < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it is new, and nobody else's.
        let socket = unsafe { OwnedFd::from_raw_fd(socket) };
        for (set, flag) in [
            (libc::F_SETFD, libc::FD_CLOEXEC),
            (libc::F_SETFL, libc::O_NONBLOCK),
        ] {
            // SAFETY: no pointers.
            if unsafe { libc::fcntl(socket.as_raw_fd(), set, flag) } < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        // SAFETY: it is open, and the same, for as long as what owns it.
        let registered = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) };
        Ok(System(registered.map_err(|error| error.into_parts().1)?))
    }
}

impl Source for System {
    fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut buffer = [0_u8; BUFFER];
        loop {
            let mut readable = ready!(self.0.poll_read_ready(cx))?;
            let read = readable.try_io(|socket| {
                let socket = socket.as_raw_fd();
                // SAFETY: the buffer is written to during the call, and so long.
                let read = unsafe { libc::read(socket, buffer.as_mut_ptr().cast(), BUFFER) };
                usize::try_from(read).map_err(|_| io::Error::last_os_error())
            });
            let Ok(read) = read else {
                continue;
            };
            return Poll::Ready(match read {
                // Length, version, type (`struct rt_msghdr`).
                Ok(read) => Ok(read < 4 || is_address(i32::from(buffer[3]))),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
                Err(error) => Err(error),
            });
        }
    }

    #[cfg(target_vendor = "apple")]
    fn slept(&mut self) -> Duration {
        // Time awake first: what passes between the two looks is no sleep.
        let awake = now(libc::CLOCK_UPTIME_RAW);
        now(libc::CLOCK_MONOTONIC_RAW).saturating_sub(awake)
    }

    /// Here both clocks go on.
    #[cfg(not(target_vendor = "apple"))]
    fn slept(&mut self) -> Duration {
        Duration::ZERO
    }
}

/// Routes come and go all the time, those of neighbours among them; addresses do not.
fn is_address(kind: libc::c_int) -> bool {
    kind == libc::RTM_NEWADDR || kind == libc::RTM_DELADDR
}

#[cfg(target_vendor = "apple")]
fn now(clock: libc::clockid_t) -> Duration {
    // SAFETY: plain numbers, for which zero is a value.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: the time is written during the call. A clock that the system has not leaves zero.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    let (seconds, nanoseconds) = (time.tv_sec.try_into(), time.tv_nsec.try_into());
    Duration::new(seconds.unwrap_or(0), nanoseconds.unwrap_or(0))
}
