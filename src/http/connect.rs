//! From a URL to a connection: name, TCP, TLS.

use super::Options;
use super::error::{Error, ErrorKind, causes};
use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiFuture, GaiResolver, Name};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::TcpStream;
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

/// Connects to a URL's host.
pub async fn connect(uri: Uri, options: &Options) -> Result<Stream, Error> {
    let mut tcp = Tcp::new();
    if uri.scheme_str() != Some("https") {
        return tcp.call(uri).await.map(Stream::Plain);
    }
    let mut tls = HttpsConnector::from((tcp, options.tls.config()?));
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

/// hyper-util's TCP connector with our errors and our sockets.
struct Tcp(HttpConnector<Resolver>);

impl Tcp {
    fn new() -> Tcp {
        let mut connector = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        let (time, interval, retries) = KEEP_ALIVE;
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_keepalive(Some(time));
        connector.set_keepalive_interval(Some(interval));
        connector.set_keepalive_retries(Some(retries));
        Tcp(connector)
    }
}

impl Service<Uri> for Tcp {
    type Response = Socket;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Socket, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0
            .poll_ready(cx)
            .map_err(|error| Error::caused(ErrorKind::Connect, "cannot connect", &error))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri.clone());
        Box::pin(async move {
            connecting.await.map(Socket).map_err(|error| {
                let unresolved =
                    causes(&error).find_map(|cause| cause.downcast_ref::<Unresolved>());
                let host = uri.authority().map_or("", |authority| authority.as_str());
                match unresolved {
                    Some(Unresolved(error)) => Error::caused(
                        ErrorKind::Resolve,
                        format_args!("cannot resolve {host}"),
                        error,
                    ),
                    None => Error::caused(
                        ErrorKind::Connect,
                        format_args!("cannot connect to {host}"),
                        &error,
                    ),
                }
            })
        })
    }
}

/// The system's resolver; its errors can be told from those of connecting.
#[derive(Clone)]
struct Resolver(GaiResolver);

/// A name that the resolver does not know.
#[derive(Debug)]
struct Unresolved(io::Error);

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Unresolved {}

impl Service<Name> for Resolver {
    type Response = GaiAddrs;
    type Error = Unresolved;
    type Future = Resolving;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        self.0.poll_ready(cx).map_err(Unresolved)
    }

    fn call(&mut self, name: Name) -> Resolving {
        Resolving(self.0.call(name))
    }
}

/// The resolver at work.
struct Resolving(GaiFuture);

impl Future for Resolving {
    type Output = Result<GaiAddrs, Unresolved>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(Unresolved)
    }
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
    use socket2::SockRef;
    use std::net::{Ipv4Addr, TcpListener};

    #[test]
    fn a_dead_peer_is_noticed_within_a_minute() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
        let port = listener.local_addr().expect("its address").port();
        for host in ["127.0.0.1", "localhost"] {
            let uri = format!("http://{host}:{port}/").parse().expect("a URI");
            let connected = runtime.block_on(async { Tcp::new().call(uri).await });
            let Socket(stream) = connected.expect("a connection");
            let stream = SockRef::from(stream.inner());
            assert!(stream.keepalive().expect("an answer"));
            let time = stream.tcp_keepalive_time().expect("an answer");
            let interval = stream.tcp_keepalive_interval().expect("an answer");
            let retries = stream.tcp_keepalive_retries().expect("an answer");
            assert!(time + interval * retries <= Duration::from_secs(60));
        }
    }
}
