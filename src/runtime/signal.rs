//! A descriptor by which others wait for turns.

use super::turns::Signal;
use std::io;

/// A descriptor that is readable while it is raised.
#[cfg(unix)]
#[derive(Debug)]
pub struct Descriptor {
    raised: std::os::unix::net::UnixStream,
    raise: std::os::unix::net::UnixStream,
}

#[cfg(unix)]
impl Descriptor {
    pub fn new() -> io::Result<Descriptor> {
        let (raised, raise) = std::os::unix::net::UnixStream::pair()?;
        raised.set_nonblocking(true)?;
        raise.set_nonblocking(true)?;
        Ok(Descriptor { raised, raise })
    }

    pub fn fd(&self) -> std::os::fd::RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&self.raised)
    }
}

// One byte is in it while it is raised. Both calls are made by turns and cannot fail: there is room for a byte, and a byte
// to read.
#[cfg(unix)]
impl Signal for Descriptor {
    fn raise(&self) {
        let _ = io::Write::write(&mut &self.raise, &[1]);
    }

    fn lower(&self) {
        let _ = io::Read::read(&mut &self.raised, &mut [0]);
    }
}

/// Elsewhere there is nothing to wait for but a time.
#[cfg(not(unix))]
#[derive(Debug)]
pub struct Descriptor;

#[cfg(not(unix))]
impl Descriptor {
    pub fn new() -> io::Result<Descriptor> {
        Ok(Descriptor)
    }
}

#[cfg(not(unix))]
impl Signal for Descriptor {
    fn raise(&self) {}

    fn lower(&self) {}
}
