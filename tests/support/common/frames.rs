//! An HTTP/2 server frame by frame (RFC 9113, section 4.1): it can do what a library would not.

#![allow(dead_code)] // Each test program uses its own part.

use super::limit;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const ACK: u8 = 1;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;

/// `:status: 200` and `content-type: text/event-stream`, as HPACK (RFC 7541) has them.
pub const EVENT_STREAM: &[u8] = b"\x88\x0f\x10\x11text/event-stream";

/// A frame as it is on the wire.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("a short one");
    let head = [
        &len.to_be_bytes()[1..],
        &[kind, flags],
        &stream.to_be_bytes(),
    ];
    [&head.concat(), payload].concat()
}

/// A setting, and what it is set to.
pub fn setting(name: u16, value: u32) -> Vec<u8> {
    [&name.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

/// How many streams a client may have.
pub const MAX_CONCURRENT_STREAMS: u16 = 3;

/// A frame that a client has sent.
#[derive(Debug, PartialEq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// Where clients come, which know that HTTP/2 is spoken.
pub struct Frames(TcpListener);

impl Frames {
    pub fn listen() -> Frames {
        Frames(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"))
    }

    pub fn url(&self) -> String {
        let port = self.0.local_addr().expect("its address").port();
        format!("http://127.0.0.1:{port}/")
    }

    /// The next connection, greeted with these settings.
    pub fn accept(&self, settings: &[u8]) -> Peer {
        loop {
            let (mut socket, _) = self.0.accept().expect("a connection");
            socket.set_nodelay(true).expect("an open socket");
            let limited = socket.set_read_timeout(Some(limit()));
            limited.expect("an open socket");
            let mut preface = [0; 24];
            // Whoever is stopped meanwhile has not said anything.
            if socket.read_exact(&mut preface).is_ok() {
                assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
                let mut peer = Peer(socket);
                peer.send(SETTINGS, 0, 0, settings);
                return peer;
            }
        }
    }
}

/// A connection.
pub struct Peer(pub TcpStream);

impl Peer {
    /// Sends a frame, if the client still takes any.
    pub fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.write(&frame(kind, flags, stream, payload))
    }

    /// Sends bytes, if the client still takes any.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// Begins an event stream.
    pub fn event_stream(&mut self, stream: u32) -> bool {
        self.send(HEADERS, END_HEADERS, stream, EVENT_STREAM)
    }

    /// The next frame; none at the end.
    pub fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        match self.0.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("no frame in time"),
            Err(_) => return None,
        }
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        let read = self.0.read_exact(&mut payload);
        read.is_ok().then(|| Frame {
            kind,
            flags,
            stream: u32::from_be_bytes(stream),
            payload,
        })
    }

    /// The next frame of this kind, whatever comes before it. Settings and pings are acknowledged.
    pub fn wait_for(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.next().expect("a frame");
            self.acknowledge(&frame);
            if frame.kind == kind {
                return frame;
            }
        }
    }

    /// Answers the client's own ping, which tells it that the limits are known, and waits until it has read all that was sent.
    pub fn settle(&mut self) {
        const OURS: [u8; 8] = *b"settled?";
        self.send(PING, 0, 0, &OURS);
        while self.wait_for(PING).payload != OURS {}
    }

    /// Answers what must be answered.
    pub fn acknowledge(&mut self, frame: &Frame) {
        if frame.flags & ACK != 0 {
            return;
        }
        match frame.kind {
            SETTINGS => self.send(SETTINGS, ACK, 0, &[]),
            PING => self.send(PING, ACK, 0, &frame.payload),
            _ => return,
        };
    }

    /// Reads whatever comes, until the end.
    pub fn drain(&mut self) -> io::Result<u64> {
        io::copy(&mut self.0, &mut io::sink())
    }
}
