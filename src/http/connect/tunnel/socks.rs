//! Through a SOCKS5 proxy (RFC 1928) to a host. By tokio-socks, as hyper-util's connector blocks its thread to resolve names,
//! and has no room for the longest.

use crate::http::clock::Clock;
use crate::http::connect::proxy_failure::no_way_to;
use crate::http::connect::resolve::resolve;
use crate::http::connect::tcp;
use crate::http::connect::transport::Transport;
use crate::http::error::{Error, ErrorKind};
use crate::http::options::Options;
use crate::http::patience::within;
use crate::http::way::host::{host, port};
use crate::http::way::proxy::{Protocol, Proxy};
use hyper::Uri;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio_socks::Error as SocksError;
use tokio_socks::tcp::Socks5Stream;

/// Longer than a proxy is waited for.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

/// Connects to a URL's host through a SOCKS proxy.
pub async fn open(
    proxy: &Proxy,
    uri: &Uri,
    options: &Options,
    clock: &Clock,
) -> Result<Transport, Error> {
    let to = async |host: &str| {
        let target = (host, port(uri));
        let socket = tcp::connect(proxy.uri().clone(), proxy.zone(), options, clock).await;
        let socket = socket.map_err(|error| no_way_to(proxy, error))?;
        let stream = TokioIo::new(Transport::Plain(socket));
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
        let what = format!("the SOCKS proxy {proxy} could not connect to the host");
        Error::caused(ErrorKind::Proxy, what, &error)
    };
    if proxy.protocol() != Protocol::Socks5 {
        return to(host(uri)).await?.map_err(refused);
    }
    // SOCKS has room for one address at a time. Each gets its share of the time.
    let mut addresses = resolve(uri, None, options, clock).await?;
    addresses.retain(|address| !has_zone(address));
    if addresses.is_empty() {
        let what = "a proxy cannot be told an address with a zone, which is one of this machine";
        return Err(Error::new(ErrorKind::Proxy, what).of_settings());
    }
    let share = options.connect_timeout.unwrap_or(FOREVER) / addresses.len() as u32;
    let mut addresses = addresses.into_iter().peekable();
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

fn has_zone(address: &SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(address) if address.scope_id() != 0)
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
