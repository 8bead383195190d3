//! Through a proxy to a host: CONNECT (RFC 9110, section 9.3.6) and SOCKS5 (RFC 1928).

use super::network::{host, port};
use super::proxy::{Protocol, Proxy};
use super::resolve::resolve;
use super::{Stream, tcp};
use crate::http::Options;
use crate::http::clock::Clock;
use crate::http::error::{Answer, Error, ErrorKind};
use crate::http::head::Head;
use crate::http::http1::{self, HeadReader};
use crate::http::patience::within;
use hyper::Uri;
use hyper::http::StatusCode;
use hyper_util::rt::TokioIo;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_socks::Error as SocksError;
use tokio_socks::tcp::Socks5Stream;

/// Longer than a proxy is waited for.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

/// Connects to a proxy.
pub async fn reach(proxy: &Proxy, options: &Options, clock: &Clock) -> Result<Stream, Error> {
    let unreachable = |error: Error| Error {
        kind: ErrorKind::Proxy,
        message: format!("the proxy {proxy} cannot be reached: {}", error.message),
        ..error
    };
    let tls = match proxy.protocol() {
        Protocol::Https => {
            let policy = options.tls.for_proxy();
            Some(policy.connector(host(proxy.uri())).map_err(unreachable)?)
        }
        _ => None,
    };
    let socket = tcp::connect(proxy.uri().clone(), options, clock).await;
    let stream = Stream::Plain(socket.map_err(unreachable)?);
    match tls {
        None => Ok(stream),
        Some(tls) => tls
            .handshake(stream)
            .await
            .map(Stream::Tls)
            .map_err(unreachable),
    }
}

/// Connects to a URL's host through a proxy.
pub async fn open(
    proxy: &Proxy,
    uri: &Uri,
    options: &Options,
    clock: &Clock,
) -> Result<Stream, Error> {
    if proxy.protocol().is_socks() {
        return socks(proxy, uri, options, clock).await;
    }
    let mut stream = TokioIo::new(reach(proxy, options, clock).await?);
    let broken = |error| {
        let what = format!("the connection to the proxy {proxy} broke");
        Error::caused(ErrorKind::Proxy, what, &error)
    };
    let target = format!("{}:{}", uri.host().unwrap_or_default(), port(uri));
    let request = http1::connect_head(&target, proxy.authorization());
    stream.write_all(&request).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let refuse = |message: String| Error::new(ErrorKind::Proxy, message);
    let (mut reader, mut bytes) = (HeadReader::default(), Vec::new());
    loop {
        bytes.clear();
        let mut reading = (&mut stream).take(reader.room() as u64);
        if reading.read_buf(&mut bytes).await.map_err(broken)? == 0 {
            return Err(refuse(format!(
                "the proxy {proxy} hung up without an answer"
            )));
        }
        let read = reader
            .take(&bytes)
            .map_err(|error| refuse(format!("the proxy {proxy}: {}", error.message)))?;
        let Some((head, rest)) = read else {
            continue;
        };
        if !(200..300).contains(&head.status) {
            return Err(refused(proxy, head));
        }
        // Nobody is behind it yet who would speak unasked.
        if !rest.is_empty() {
            return Err(refuse(format!(
                "the proxy {proxy} sent more than its answer"
            )));
        }
        return Ok(stream.into_inner());
    }
}

/// A proxy's answer that is no success. Of its content nothing is read: it is not the server's.
pub fn refused(proxy: &Proxy, head: Head) -> Error {
    let reason = StatusCode::from_u16(head.status)
        .ok()
        .and_then(|status| status.canonical_reason());
    let message = format!("the proxy {proxy} answered {}", head.status);
    Error::new(
        ErrorKind::Proxy,
        match reason {
            Some(reason) => format!("{message} {reason}"),
            None => message,
        },
    )
    .with_answer(Answer {
        status: head.status,
        headers: head.headers,
        body: Vec::new(),
    })
}

/// By tokio-socks, as hyper-util's connector blocks its thread to resolve names, and has no room for the longest.
async fn socks(
    proxy: &Proxy,
    uri: &Uri,
    options: &Options,
    clock: &Clock,
) -> Result<Stream, Error> {
    let to = async |host: &str| {
        let target = (host, port(uri));
        let stream = TokioIo::new(reach(proxy, options, clock).await?);
        let opened = match proxy.socks_user() {
            None => Socks5Stream::connect_with_socket(stream, target).await,
            Some((user, password)) => {
                Socks5Stream::connect_with_password_and_socket(stream, target, user, password).await
            }
        };
        let opened = opened.map(|opened| opened.into_inner().into_inner());
        Ok::<_, Error>(opened)
    };
    let refused = |error: SocksError| {
        let what = format!("the SOCKS proxy {proxy} gave no way to the host");
        Error::caused(ErrorKind::Proxy, what, &error)
    };
    if proxy.protocol() != Protocol::Socks5 {
        return to(host(uri)).await?.map_err(refused);
    }
    // SOCKS has room for one address at a time. Each gets its share of the time.
    let mut addresses = resolve(uri, options, clock).await?.into_iter().peekable();
    let share = options.connect_timeout.unwrap_or(FOREVER) / addresses.len() as u32;
    while let Some(address) = addresses.next() {
        let host = address.ip().to_string();
        if addresses.peek().is_none() {
            return to(&host).await?.map_err(refused);
        }
        match within(share, pin!(to(&host))).await {
            Ok(Ok(Err(error))) if !is_of_address(&error) => return Err(refused(error)),
            Ok(Ok(Ok(stream))) => return Ok(stream),
            Ok(Err(error)) => return Err(error),
            Ok(Ok(Err(_))) | Err(_) => {}
        }
    }
    Err(Error::new(ErrorKind::Resolve, "the host has no address"))
}

/// Whether another address may be reached where this one was not.
fn is_of_address(error: &SocksError) -> bool {
    matches!(
        error,
        SocksError::GeneralSocksServerFailure
            | SocksError::ConnectionNotAllowedByRuleset
            | SocksError::NetworkUnreachable
            | SocksError::HostUnreachable
            | SocksError::ConnectionRefused
            | SocksError::TtlExpired
            | SocksError::AddressTypeNotSupported
    )
}
