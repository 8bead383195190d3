//! Passing bytes on between two sockets of any kind.

#![allow(dead_code)] // Each test program uses its own part.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;

/// A stream socket.
pub trait Socket: Read + Write + Send + Sized + 'static {
    fn twin(&self) -> io::Result<Self>;
    fn end(&self);
}

impl Socket for TcpStream {
    fn twin(&self) -> io::Result<TcpStream> {
        self.try_clone()
    }

    fn end(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Socket for UnixStream {
    fn twin(&self) -> io::Result<UnixStream> {
        self.try_clone()
    }

    fn end(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

/// Passes bytes on both ways until both ends have closed.
pub fn relay(near: impl Socket, far: impl Socket) -> io::Result<()> {
    let (from_far, to_near) = (far.twin()?, near.twin()?);
    let back = thread::spawn(move || pass_on(from_far, to_near));
    let there = pass_on(near, far);
    let _ = back.join();
    there
}

fn pass_on(mut from: impl Socket, mut to: impl Socket) -> io::Result<()> {
    let copied = io::copy(&mut from, &mut to);
    to.end();
    copied.map(drop)
}

/// Relays each connection that comes to this port of loopback. Its thread lives as long as the test program.
pub fn relay_all<S: Socket>(accept: impl Fn() -> io::Result<S> + Send + 'static, port: u16) {
    relay_to(accept, move || port);
}

/// The same, where each connection may have a port of its own.
pub fn relay_to<S: Socket>(
    accept: impl Fn() -> io::Result<S> + Send + 'static,
    next_port: impl Fn() -> u16 + Send + 'static,
) {
    thread::spawn(move || {
        while let Ok(near) = accept() {
            let far = TcpStream::connect((Ipv4Addr::LOCALHOST, next_port()));
            thread::spawn(move || far.and_then(|far| relay(near, far)));
        }
    });
}
