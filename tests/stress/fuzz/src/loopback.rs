//! A network of this process alone, with a server on it. Whatever a fuzzed redirect names, nothing leaves the machine.

use crate::promise;
use libc::{addrinfo, c_char, c_int, c_short};
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::mem;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};
use std::time::Duration;

/// The longest wait for anything that must happen. Far more than a busy machine needs.
pub const LIMIT: Duration = Duration::from_secs(10);

/// Ends a piece of an answer: what follows is written separately.
pub const CUT: u8 = 0x1F;
/// Ends an answer: the connection is closed.
pub const CLOSE: u8 = 0x1C;
/// Ends an answer: the connection is reset.
pub const RESET: u8 = 0x1D;
/// Ends an answer: the connection stays open.
pub const HOLD: u8 = 0x1E;

/// Leaves every network for a new one that has loopback only. Before there is a second thread.
pub fn isolate() {
    let failed = |what: &str| -> ! {
        let error = io::Error::last_os_error();
        eprintln!("no network of its own (root or user namespaces are needed): {what}: {error}");
        std::process::exit(1)
    };
    // SAFETY: changes this process only, which has one thread.
    unsafe {
        if libc::unshare(libc::CLONE_NEWNET) != 0
            && libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) != 0
        {
            failed("unshare");
        }
    }
    let mut loopback = libc::ifreq {
        ifr_name: [0; libc::IFNAMSIZ],
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_flags: libc::IFF_UP as c_short,
        },
    };
    loopback.ifr_name[..2].copy_from_slice(&[b'l' as c_char, b'o' as c_char]);
    // SAFETY: the socket is made here and closed here; the request is a whole ifreq with a name that ends in a NUL.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        if socket < 0 || libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw const loopback) != 0 {
            failed("loopback");
        }
        libc::close(socket);
    }
}

type GetAddrInfo = unsafe extern "C" fn(
    *const c_char,
    *const c_char,
    *const addrinfo,
    *mut *mut addrinfo,
) -> c_int;

/// In place of the system's resolver, which could ask a service of the machine over a socket that no network namespace
/// holds back: every name is this host's, but for those in `.invalid`. So redirects to other origins reach the server.
///
/// # Safety
/// As the system's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    result: *mut *mut addrinfo,
) -> c_int {
    // SAFETY: the function has this type; names are NUL-terminated or NULL.
    unsafe {
        if !node.is_null() && CStr::from_ptr(node).to_bytes().ends_with(b".invalid") {
            return libc::EAI_NONAME;
        }
        let system: Option<GetAddrInfo> =
            mem::transmute(libc::dlsym(libc::RTLD_NEXT, c"getaddrinfo".as_ptr()));
        match system {
            Some(system) => system(c"127.0.0.1".as_ptr(), service, hints, result),
            None => libc::EAI_FAIL,
        }
    }
}

/// Ends [`Server::next`] from any thread.
pub struct Waker(File);

impl Waker {
    fn new() -> Waker {
        // SAFETY: the descriptor is new, and the file's alone.
        let file = unsafe {
            let descriptor = libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK);
            assert!(descriptor >= 0, "a descriptor");
            File::from_raw_fd(descriptor)
        };
        Waker(file)
    }

    /// Wakes.
    pub fn wake(&self) {
        let _ = (&self.0).write(&1u64.to_ne_bytes());
    }

    fn take(&self) -> bool {
        (&self.0).read(&mut [0; 8]).is_ok()
    }
}

/// A server that the fuzzing thread itself runs. A new one for each input: what the last one's clients have left in the
/// queue goes with it.
pub struct Server {
    listener: TcpListener,
    waker: std::sync::Arc<Waker>,
    held: Vec<TcpStream>,
}

/// What [`Server::next`] waited for.
pub enum Next {
    /// A client has sent this.
    Request(Request, TcpStream),
    /// [`Waker::wake`] was called.
    Woken,
    /// Neither, for [`LIMIT`].
    Nothing,
}

/// A request's head.
pub struct Request(pub Vec<u8>);

impl Default for Server {
    fn default() -> Server {
        Server {
            listener: TcpListener::bind(("0.0.0.0", 80)).expect("a network of its own"),
            waker: std::sync::Arc::new(Waker::new()),
            held: Vec::new(),
        }
    }
}

impl Server {
    /// For other threads.
    pub fn waker(&self) -> std::sync::Arc<Waker> {
        self.waker.clone()
    }

    /// Waits for the next request.
    pub fn next(&self) -> Next {
        loop {
            let ready = |descriptor: c_int| libc::pollfd {
                fd: descriptor,
                events: libc::POLLIN,
                revents: 0,
            };
            let mut both = [
                ready(self.listener.as_raw_fd()),
                ready(self.waker.0.as_raw_fd()),
            ];
            // SAFETY: two valid entries.
            let count = unsafe { libc::poll(both.as_mut_ptr(), 2, LIMIT.as_millis() as c_int) };
            if count == 0 {
                return Next::Nothing;
            }
            if both[1].revents != 0 && self.waker.take() {
                return Next::Woken;
            }
            if both[0].revents != 0
                && let Ok((mut socket, _)) = self.listener.accept()
                && let Some(request) = Request::read(&mut socket)
            {
                return Next::Request(request, socket);
            }
        }
    }

    /// The next connection, which never blocks, if one comes in time.
    pub fn accept(&self, patience: Duration) -> Option<TcpStream> {
        let mut ready = libc::pollfd {
            fd: self.listener.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one valid entry.
        let count = unsafe { libc::poll(&raw mut ready, 1, patience.as_millis() as c_int) };
        if count < 1 {
            return None;
        }
        let (socket, _) = self.listener.accept().ok()?;
        let _ = socket.set_nodelay(true);
        socket.set_nonblocking(true).ok()?;
        Some(socket)
    }

    /// Writes an answer, and ends the connection as its last byte says. True when it is held open.
    pub fn answer(&mut self, mut socket: TcpStream, answer: &[u8]) -> bool {
        let (answer, ending) = match answer {
            [answer @ .., ending @ (CLOSE | RESET | HOLD)] => (answer, *ending),
            answer => (answer, CLOSE),
        };
        let _ = socket.set_nodelay(true);
        for piece in answer.split(|byte| *byte == CUT) {
            // The client may have gone.
            let _ = socket.write_all(piece);
            std::thread::yield_now();
        }
        match ending {
            HOLD => self.held.push(socket),
            RESET => reset(&socket),
            _ => {
                let _ = socket.shutdown(Shutdown::Write);
            }
        }
        ending == HOLD
    }
}

/// Has a connection be reset when it is closed.
pub fn reset(socket: &TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // SAFETY: an open socket, and an option of its size.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        );
    }
}

impl Request {
    /// Reads a request with its body, which a close would otherwise turn into a reset. None if the client goes before it
    /// has sent all.
    fn read(socket: &mut TcpStream) -> Option<Request> {
        let _ = socket.set_read_timeout(Some(LIMIT));
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            if let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
                let body = bytes.len() - end - 4;
                bytes.truncate(end);
                let request = Request(bytes);
                let length = request.header("content-length").map_or(0, |length| {
                    let length = str::from_utf8(length)
                        .ok()
                        .and_then(|text| text.parse().ok());
                    promise!(length.is_some(), "a Content-Length is a number");
                    length.unwrap_or(0)
                });
                promise!(
                    body <= length,
                    "no more is sent than the Content-Length says"
                );
                let mut rest = vec![0; length - body];
                return socket.read_exact(&mut rest).is_ok().then_some(request);
            }
            match socket.read(&mut buffer) {
                Ok(n) if n > 0 => bytes.extend_from_slice(&buffer[..n]),
                _ => return None,
            }
        }
    }

    /// Method, target and version.
    pub fn line(&self) -> &[u8] {
        self.0
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default()
            .trim_ascii_end()
    }

    /// Names and values.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let lines = self.0.split(|byte| *byte == b'\n').skip(1);
        lines.map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let colon = line.windows(2).position(|two| two == b": ");
            promise!(colon.is_some(), "each line of a request is a field");
            let colon = colon.unwrap_or_default();
            (&line[..colon], &line[colon + 2..])
        })
    }

    /// The first header of a name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers()
            .find(|(is, _)| is.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }
}
