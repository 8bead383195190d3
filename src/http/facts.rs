//! Facts about a connection, for the people who operate streams.

use std::fmt;
use std::net::{SocketAddr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What is known of the connection that brought a response.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The address that its socket is connected to: the proxy, if there is one.
    pub peer: Peer,
    /// The version of TLS with the server; `None` without TLS.
    pub tls_version: Option<TlsVersion>,
    /// It was there already, for another stream.
    pub is_reused: bool,
    /// How long it took.
    pub took: Took,
}

/// How long each step of a request took; `None` for one that was not made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Took {
    /// Looking names up.
    pub resolve: Option<Duration>,
    /// Connecting, to the server or to a proxy and through it.
    pub connect: Option<Duration>,
    /// The TLS handshake with the server.
    pub tls: Option<Duration>,
    /// From the request to the head of its response.
    pub head: Option<Duration>,
}

/// The address that a socket is connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Peer {
    /// The system does not say.
    #[default]
    Unknown,
    /// An address and a port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(Arc<Path>),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Unknown => Ok(()),
            Peer::Tcp(SocketAddr::V4(address)) => write_v4(*address, f),
            Peer::Tcp(address) => address.fmt(f),
            Peer::Unix(path) => path.display().fmt(f),
        }
    }
}

/// Writes an address as its own formatter does, which formats each number by itself: it is written whenever a stream opens.
fn write_v4(address: SocketAddrV4, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const LONGEST: usize = "255.255.255.255:65535".len();
    let mut text = [0; LONGEST];
    let mut begin = LONGEST;
    let mut put = |byte| {
        begin -= 1;
        text[begin] = byte;
    };
    // From the end, because a number's last digit is known first.
    let [first, second, third, fourth] = address.ip().octets().map(u16::from);
    let parts = [
        (address.port(), Some(b':')),
        (fourth, Some(b'.')),
        (third, Some(b'.')),
        (second, Some(b'.')),
        (first, None),
    ];
    for (mut number, separator) in parts {
        loop {
            let [digit, _] = (number % 10).to_le_bytes();
            put(b'0' + digit);
            number /= 10;
            if number == 0 {
                break;
            }
        }
        if let Some(separator) = separator {
            put(separator);
        }
    }
    f.write_str(str::from_utf8(&text[begin..]).map_err(|_| fmt::Error)?)
}

/// A version of TLS that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_written_as_its_address_is() {
        for address in [
            "0.0.0.0:0",
            "127.0.0.1:80",
            "10.20.100.9:8080",
            "255.255.255.255:65535",
            "[::1]:443",
        ] {
            let peer = Peer::Tcp(address.parse().expect("an address"));
            assert_eq!(peer.to_string(), address);
        }
    }
}
