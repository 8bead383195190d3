//! TCP connections, and their sockets.

use super::resolve::{Known, resolve};
use crate::http::clock::Clock;
use crate::http::error::{Error, ErrorKind, causes};
use crate::http::options::Options;
use crate::http::way::interface::Interface;
use crate::http::zone::Zone;
use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use std::borrow::Cow;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tower_service::Service;

/// How long a silent peer is left alone, how often it is then asked for a sign of life, and how many times it may miss
/// that: a dead one is noticed within a minute, without heartbeats from the server.
const KEEP_ALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(10), 3);

/// The same while it is doubted that the peer can be reached: the first question is asked at once.
const PROBE: (Duration, Duration, u32) = (Duration::from_secs(1), Duration::from_secs(1), 3);

/// How long a probe takes at most, with a little for its last answer.
pub const PROBED_WITHIN: Duration = Duration::from_secs(6);

/// Connects to a URL's host.
pub async fn connect(
    uri: Uri,
    zone: Option<&Zone>,
    options: &Options,
    clock: &Clock,
) -> Result<Socket, Error> {
    let mut addresses = resolve(&uri, zone, options, clock).await?;
    let interface = options.network.interface();
    if let Some(interface) = interface {
        addresses.retain(|address| interface.reaches(address));
    }
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let host = match zone {
        None => Cow::Borrowed(host),
        Some(zone) => Cow::Owned(zone.put_into(host)),
    };
    let failed = |why: &(dyn std::error::Error + 'static)| {
        let what = format_args!("cannot connect to {host}");
        Error::caused(ErrorKind::Connect, what, why)
    };
    let stream = match *addresses {
        [] => {
            let what = format!("{host} has no address that the local address can reach");
            return Err(Error::new(ErrorKind::Connect, what));
        }
        [address] => connect_to(address, interface)
            .await
            .map_err(|error| failed(&error))?,
        _ => race(uri.clone(), addresses, options)
            .await
            .map_err(|error| failed(&*error))?,
    };
    Ok(Socket(TokioIo::new(stream)))
}

/// Connects to the only address there is.
async fn connect_to(address: SocketAddr, interface: Option<&Interface>) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    keep_alive(&SockRef::from(&socket), KEEP_ALIVE);
    let _ = socket.set_nodelay(true);
    match interface {
        None => {}
        Some(Interface::Address(own)) => socket.bind(SocketAddr::new(*own, 0))?,
        #[cfg(any(target_os = "linux", target_os = "android"))]
        Some(Interface::Name(name)) => socket.bind_device(Some(name.as_bytes()))?,
        // Refused when it was set.
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        Some(Interface::Name(_)) => return Err(io::ErrorKind::Unsupported.into()),
    }
    socket.connect(address).await
}

fn keep_alive(socket: &SockRef<'_>, (time, interval, retries): (Duration, Duration, u32)) {
    let keep_alive = TcpKeepalive::new().with_time(time).with_interval(interval);
    // A system that has not all of these can be lived with.
    let _ = socket.set_tcp_keepalive(&keep_alive.with_retries(retries));
}

/// Connects to whichever address answers, by RFC 8305. hyper-util's connector does what [`connect_to`] does for each, but
/// at a price that all streams to one address would pay for nothing.
async fn race(
    uri: Uri,
    addresses: Vec<SocketAddr>,
    options: &Options,
) -> Result<TcpStream, Box<dyn std::error::Error>> {
    let mut connector = HttpConnector::new_with_resolver(Known(addresses));
    let (time, interval, retries) = KEEP_ALIVE;
    // By default, it refuses https. TLS comes on top of this.
    connector.enforce_http(false);
    // Each address gets its share, so that one that is silent leaves time for the next.
    connector.set_connect_timeout(options.connect_timeout);
    // As in `connect_to`. By default, neither.
    connector.set_nodelay(true);
    connector.set_keepalive(Some(time));
    connector.set_keepalive_interval(Some(interval));
    connector.set_keepalive_retries(Some(retries));
    match options.network.interface() {
        None => {}
        Some(Interface::Address(own)) => connector.set_local_address(Some(*own)),
        #[cfg(any(target_os = "linux", target_os = "android"))]
        Some(Interface::Name(name)) => {
            connector.set_interface(&**name);
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        Some(Interface::Name(_)) => {
            return Err(Box::new(io::Error::from(io::ErrorKind::Unsupported)));
        }
    }
    loop {
        match connector.call(uri.clone()).await {
            // The whole will be, too, and that is told; unless the process was stopped meanwhile, and has time once more.
            Err(error) if is_out_of_time(&error) => {}
            connected => return Ok(connected?.into_inner()),
        }
    }
}

/// Whether the last address has had its time; not the system's time for it.
fn is_out_of_time(error: &(dyn std::error::Error + 'static)) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref())
        .any(|error: &io::Error| {
            error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none()
        })
}

/// A TCP socket that writes with plain `send`, which the standard library calls with MSG_NOSIGNAL: a vectored write to
/// a peer that has gone would raise SIGPIPE in the program.
#[derive(Debug)]
pub struct Socket(TokioIo<TcpStream>);

impl Socket {
    /// The address that it is connected to.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.0.inner().peer_addr().ok()
    }

    /// From which address.
    pub fn local(&self) -> Option<SocketAddr> {
        self.0.inner().local_addr().ok()
    }

    /// Has the system ask the peer at once, and soon again, whether it is there; or no more than it always does. A peer that
    /// is not is an error of the next read.
    pub fn probe(&self, is_doubted: bool) {
        let how = if is_doubted { PROBE } else { KEEP_ALIVE };
        keep_alive(&SockRef::from(self.0.inner()), how);
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A peer that is gone already is as good as one that was told.
        let _ = ready!(Pin::new(&mut self.0).poll_shutdown(cx));
        Poll::Ready(Ok(()))
    }
}

/// Whether the machine has this address no more. Nothing else tells of all that it is reachable under, such as all of
/// 127.0.0.0/8.
pub fn has_gone(mut local: SocketAddr) -> bool {
    local.set_port(0);
    UdpSocket::bind(local).is_err_and(|error| error.kind() == io::ErrorKind::AddrNotAvailable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};

    #[test]
    fn an_address_has_gone_that_the_machine_has_not() {
        for (address, gone) in [
            ("127.0.0.1:80", false),
            ("127.7.7.7:80", false),
            ("192.0.2.1:80", true),
            ("[2001:db8::1]:80", true),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(has_gone(address), gone, "{address}");
        }
    }

    #[test]
    fn a_dead_peer_is_noticed_within_a_minute_and_nothing_waits_to_be_sent() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
        let port = listener.local_addr().expect("its address").port();
        let mut options = Options::default();
        let two = format!("two.example:{port}:127.0.0.1,127.0.0.1");
        options.network.set_resolve(&two).expect("addresses");
        for host in ["127.0.0.1", "localhost", "two.example"] {
            let uri = format!("http://{host}:{port}/").parse().expect("a URI");
            let connected = runtime.block_on(connect(uri, None, &options, &Clock::default()));
            let Socket(stream) = connected.expect("a connection");
            let stream = SockRef::from(stream.inner());
            assert!(stream.tcp_nodelay().expect("an answer"));
            assert!(stream.keepalive().expect("an answer"));
            let time = stream.tcp_keepalive_time().expect("an answer");
            let interval = stream.tcp_keepalive_interval().expect("an answer");
            let retries = stream.tcp_keepalive_retries().expect("an answer");
            assert!(time + interval * retries <= Duration::from_secs(60));
        }
    }
}
