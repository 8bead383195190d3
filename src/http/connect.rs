//! From a URL to a connection: name, TCP, TLS.

use super::Options;
use super::error::{Error, ErrorKind};
use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiResolver, Name};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

/// A connection, with or without TLS. In a box, what TLS takes is not taken of those that have none.
#[derive(Debug)]
pub enum Stream {
    Plain(Socket),
    Tls(Box<MaybeHttpsStream<Socket>>),
}

/// How long a silent peer is left alone, how often it is then asked for a sign of life, and how many times it may miss
/// that: a dead one is noticed within a minute, without heartbeats from the server.
const KEEP_ALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(10), 3);

/// How long a host's addresses of one family are tried before those of the other are, too.
const HEAD_START: Duration = Duration::from_millis(300);

/// Connects to a URL's host.
pub async fn connect(uri: Uri, options: &Options) -> Result<Stream, Error> {
    if uri.scheme_str() != Some("https") {
        return connect_tcp(&uri).await.map(Stream::Plain);
    }
    let mut tls = HttpsConnector::from((Tcp, options.tls.config()?));
    match tls.call(uri).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
        Err(error) => Err(match error.downcast::<Error>() {
            Ok(before_tls) => *before_tls,
            Err(error) => Error::caused(ErrorKind::Tls, "the TLS handshake failed", &*error),
        }),
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// TCP beneath TLS.
struct Tcp;

impl Service<Uri> for Tcp {
    type Response = Socket;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Socket, Error>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(async move { connect_tcp(&uri).await })
    }
}

/// Connects to one of a host's addresses. hyper-util's connector does the same, but what it is made of takes 3.5 KB of
/// each stream that connects, and more computing than the rest of the request.
async fn connect_tcp(uri: &Uri) -> Result<Socket, Error> {
    let default_port = match uri.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    let port = uri.port_u16().unwrap_or(default_port);
    let host = uri.host().unwrap_or_default();
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let connected = match host.parse::<IpAddr>() {
        Ok(address) => TcpStream::connect((address, port)).await,
        Err(_) => {
            let addresses = resolve(host).await.map_err(|error| {
                Error::caused(
                    ErrorKind::Resolve,
                    format_args!("cannot resolve {}", authority(uri)),
                    &error,
                )
            })?;
            let with_port = |address: SocketAddr| SocketAddr::new(address.ip(), port);
            Box::pin(connect_any(addresses.map(with_port).collect())).await
        }
    };
    let stream = connected.map_err(|error| {
        Error::caused(
            ErrorKind::Connect,
            format_args!("cannot connect to {}", authority(uri)),
            &error,
        )
    })?;
    keep_alive(&stream);
    Ok(Socket(TokioIo::new(stream)))
}

fn authority(uri: &Uri) -> &str {
    uri.authority().map_or("", |authority| authority.as_str())
}

/// Asks the system's resolver, on a thread that may block.
async fn resolve(host: &str) -> io::Result<GaiAddrs> {
    let name: Name = host.parse().map_err(io::Error::other)?;
    GaiResolver::new().call(name).await
}

/// Tries the addresses of the family that the system prefers, and after a while those of the other as well (RFC 8305).
async fn connect_any(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let prefers_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (preferred, others): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == prefers_v6);
    // Several at once are tried one after another.
    let mut preferred = pin!(TcpStream::connect(&*preferred));
    if others.is_empty() {
        return preferred.await;
    }
    let mut others = pin!(TcpStream::connect(&*others));
    match timeout(HEAD_START, &mut preferred).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(_)) => others.await,
        Err(_) => tokio::select! {
            first = &mut preferred => match first {
                Ok(stream) => Ok(stream),
                Err(_) => others.await,
            },
            first = &mut others => match first {
                Ok(stream) => Ok(stream),
                Err(_) => preferred.await,
            },
        },
    }
}

/// Has the system look after the connection. Where it cannot, the connection is as good as any other.
fn keep_alive(stream: &TcpStream) {
    let (time, interval, retries) = KEEP_ALIVE;
    let keep_alive = TcpKeepalive::new()
        .with_time(time)
        .with_interval(interval)
        .with_retries(retries);
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(stream).set_tcp_keepalive(&keep_alive);
}

/// A TCP socket that writes with plain `send`, which the standard library calls with MSG_NOSIGNAL: a vectored write to
/// a peer that has gone would raise SIGPIPE in the host.
#[derive(Debug)]
pub struct Socket(TokioIo<TcpStream>);

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

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use tokio::net::{TcpListener, TcpSocket};
    use tokio::time::Instant;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().expect("a runtime");
        let limit = Duration::from_secs(30);
        let ended = runtime.block_on(async { timeout(limit, future).await });
        ended.expect("an end")
    }

    async fn listener(host: impl Into<IpAddr>) -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind((host.into(), 0)).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    async fn refusing() -> SocketAddr {
        let (_dropped, address) = listener(Ipv4Addr::LOCALHOST).await.expect("a listener");
        address
    }

    /// One that answers nobody: its queue is full. What is answered beside it keeps it so.
    async fn silent() -> (SocketAddr, impl Sized) {
        let socket = TcpSocket::new_v4().expect("a socket");
        let any = (Ipv4Addr::LOCALHOST, 0).into();
        socket.bind(any).expect("an address");
        let listener = socket.listen(1).expect("a listener");
        let address = listener.local_addr().expect("its address");
        let mut queue = Vec::new();
        while let Ok(connected) =
            timeout(Duration::from_millis(50), TcpStream::connect(address)).await
        {
            queue.push(connected);
        }
        (address, (listener, queue))
    }

    #[test]
    fn addresses_are_tried_one_after_another() {
        block_on(async {
            let (_listener, good) = listener(Ipv4Addr::LOCALHOST).await.expect("a listener");
            let stream = connect_any(vec![refusing().await, good]).await;
            let peer = stream.and_then(|stream| stream.peer_addr());
            assert_eq!(peer.expect("a connection"), good);

            let failed = connect_any(vec![refusing().await, refusing().await]).await;
            let error = failed.expect_err("no connection");
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            connect_any(Vec::new()).await.expect_err("no address");
        });
    }

    #[test]
    fn a_family_that_fails_or_is_silent_leaves_it_to_the_other() {
        block_on(async {
            let Ok((_listener, good)) = listener(Ipv6Addr::LOCALHOST).await else {
                return; // a machine without IPv6
            };
            let (silent, _queue) = silent().await;
            let begun = Instant::now();
            for preferred in [refusing().await, silent] {
                let stream = connect_any(vec![preferred, good]).await;
                let peer = stream.and_then(|stream| stream.peer_addr());
                assert_eq!(peer.expect("a connection"), good);
            }
            assert!(begun.elapsed() >= HEAD_START);

            // Which of the two comes first makes no difference then.
            let (_listener, good) = listener(Ipv4Addr::LOCALHOST).await.expect("a listener");
            let others = [refusing().await, good];
            let dead = SocketAddr::from((Ipv6Addr::LOCALHOST, refusing().await.port()));
            let stream = connect_any([&[dead][..], &others].concat()).await;
            let peer = stream.and_then(|stream| stream.peer_addr());
            assert_eq!(peer.expect("a connection"), good);
        });
    }

    #[test]
    fn a_dead_peer_is_noticed_within_a_minute() {
        block_on(async {
            for host in ["127.0.0.1", "localhost"] {
                let (_listener, address) = listener(Ipv4Addr::LOCALHOST).await.expect("a listener");
                let uri = format!("http://{host}:{}/", address.port());
                let socket = connect_tcp(&uri.parse().expect("a URI")).await;
                let stream = socket.expect("a connection").0.into_inner();
                assert!(stream.nodelay().expect("an answer"));
                let stream = SockRef::from(&stream);
                assert!(stream.keepalive().expect("an answer"));
                let time = stream.tcp_keepalive_time().expect("an answer");
                let interval = stream.tcp_keepalive_interval().expect("an answer");
                let retries = stream.tcp_keepalive_retries().expect("an answer");
                assert!(time + interval * retries <= Duration::from_secs(60));
            }
        });
    }
}
