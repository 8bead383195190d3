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

// One byte is in it while it is raised. The two calls alternate and cannot fail: there is room for a byte, and a byte
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

#[cfg(windows)]
pub use pair::Descriptor;

/// Windows has no socket pairs: a connection over the loopback interface is one. A socket rather than an event object,
/// because every kind of loop can wait for one: those of `select` and `WSAPoll` as it is, and those that wait for handles
/// through `WSAEventSelect`.
#[cfg(any(windows, test))]
#[cfg_attr(not(windows), allow(dead_code))]
mod pair {
    use super::{Signal, io};
    use std::io::{ErrorKind, Read, Write};
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::thread::yield_now;
    use std::time::{Duration, Instant};

    /// How long a byte may be on its way to the other socket. It takes no more than the system's own work.
    const ON_ITS_WAY: Duration = Duration::from_secs(1);

    #[derive(Debug)]
    pub struct Descriptor {
        raised: TcpStream,
        raise: TcpStream,
    }

    impl Descriptor {
        pub fn new() -> io::Result<Descriptor> {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let raise = TcpStream::connect(listener.local_addr()?)?;
            let own = raise.local_addr()?;
            // Another program may connect to it, too.
            let raised = loop {
                let (accepted, peer) = listener.accept()?;
                if peer == own {
                    break accepted;
                }
            };
            raise.set_nodelay(true)?;
            raised.set_nonblocking(true)?;
            raise.set_nonblocking(true)?;
            Ok(Descriptor { raised, raise })
        }

        #[cfg(windows)]
        pub fn fd(&self) -> usize {
            std::os::windows::io::AsRawSocket::as_raw_socket(&self.raised) as usize
        }
    }

    // As with a pair of Unix sockets, but that the byte may not have come yet when it is to be taken.
    impl Signal for Descriptor {
        fn raise(&self) {
            let _ = (&self.raise).write(&[1]);
        }

        fn lower(&self) {
            let begin = Instant::now();
            while let Err(error) = (&self.raised).read(&mut [0])
                && error.kind() == ErrorKind::WouldBlock
                && begin.elapsed() < ON_ITS_WAY
            {
                yield_now();
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn is_raised(descriptor: &Descriptor) -> bool {
            descriptor.raised.peek(&mut [0]).is_ok()
        }

        #[test]
        fn a_loopback_pair_is_readable_while_it_is_raised() {
            let descriptor = Descriptor::new().expect("a pair");
            assert!(!is_raised(&descriptor));
            for _ in 0..1000 {
                descriptor.raise();
                descriptor.lower();
            }
            assert!(!is_raised(&descriptor));
            descriptor.raise();
            let end = Instant::now() + Duration::from_secs(10);
            while !is_raised(&descriptor) {
                assert!(Instant::now() < end);
                yield_now();
            }
            descriptor.lower();
            assert!(!is_raised(&descriptor));
        }
    }
}
