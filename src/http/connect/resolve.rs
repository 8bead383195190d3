//! From a host's name to its addresses.

use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiFuture, GaiResolver, Name};
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_service::Service;

/// A host's addresses.
pub type Addresses = Arc<[IpAddr]>;

/// The system's resolver, whose errors can be told from those of connecting; or what the program says in its stead.
#[derive(Clone)]
pub enum Resolver {
    System(GaiResolver),
    Program(Addresses),
}

impl Resolver {
    /// The system's, unless the program knows better.
    pub fn new(known: Option<Addresses>) -> Resolver {
        known.map_or_else(|| Resolver::System(GaiResolver::new()), Resolver::Program)
    }
}

/// A name that the resolver does not know.
#[derive(Debug)]
pub struct Unresolved(pub io::Error);

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Unresolved {}

impl Service<Name> for Resolver {
    type Response = Found;
    type Error = Unresolved;
    type Future = Resolving;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        match self {
            Resolver::System(resolver) => resolver.poll_ready(cx).map_err(Unresolved),
            Resolver::Program(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, name: Name) -> Resolving {
        match self {
            Resolver::System(resolver) => Resolving::System(resolver.call(name)),
            Resolver::Program(addresses) => Resolving::Program(addresses.clone()),
        }
    }
}

/// The resolver at work.
pub enum Resolving {
    System(GaiFuture),
    Program(Addresses),
}

impl Future for Resolving {
    type Output = Result<Found, Unresolved>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Resolving::System(future) => {
                let found = Pin::new(future).poll(cx);
                found.map_ok(Found::System).map_err(Unresolved)
            }
            Resolving::Program(addresses) => Poll::Ready(Ok(Found::Program(addresses.clone(), 0))),
        }
    }
}

/// The addresses, one after another. Their port means nothing.
pub enum Found {
    System(GaiAddrs),
    Program(Addresses, usize),
}

impl Iterator for Found {
    type Item = SocketAddr;

    fn next(&mut self) -> Option<SocketAddr> {
        match self {
            Found::System(addresses) => addresses.next(),
            Found::Program(addresses, index) => {
                let address = addresses.get(*index)?;
                *index += 1;
                Some(SocketAddr::new(*address, 0))
            }
        }
    }
}

/// Where a host is, as the program says.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// `None` for every host.
    host: Option<Box<str>>,
    port: u16,
    addresses: Addresses,
}

impl Override {
    /// Reads `host:port:address[,address]...`; the host may be `*`, an address of IPv6 be in brackets.
    pub fn parse(entry: &str) -> Result<Override, &'static str> {
        let mut parts = entry.splitn(3, ':');
        let mut part = || parts.next().unwrap_or_default();
        let (host, port, addresses) = (part(), part(), part());
        let host = match url::Host::parse(host) {
            _ if host == "*" => None,
            Ok(url::Host::Domain(name)) => Some(name.into()),
            Ok(_) => return Err("an address needs no resolver"),
            Err(_) => return Err("the host is not a name"),
        };
        let port = match port.parse() {
            Ok(port) if port != 0 => port,
            _ => return Err("the port is not a number from 1 to 65535"),
        };
        let address = |text: &str| {
            let bare = text
                .strip_prefix('[')
                .and_then(|text| text.strip_suffix(']'));
            bare.unwrap_or(text).parse::<IpAddr>()
        };
        let addresses: Result<_, _> = addresses.split(',').map(address).collect();
        Ok(Override {
            host,
            port,
            addresses: addresses.map_err(|_| "an address is not one of IPv4 or IPv6")?,
        })
    }

    /// Whether another says the same host's addresses.
    pub fn is_replaced_by(&self, other: &Override) -> bool {
        (&self.host, self.port) == (&other.host, other.port)
    }

    /// Whether this says the host's addresses.
    pub fn is_of(&self, host: &str, port: u16) -> bool {
        let is_named = self
            .host
            .as_ref()
            .is_none_or(|name| name.eq_ignore_ascii_case(host));
        is_named && self.port == port
    }

    /// Whether it is of one host, not of all.
    pub fn has_host(&self) -> bool {
        self.host.is_some()
    }

    /// What it says.
    pub fn addresses(&self) -> Addresses {
        self.addresses.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(entry: &str) -> Override {
        Override::parse(entry).expect(entry)
    }

    #[test]
    fn an_override_has_a_host_a_port_and_addresses() {
        let entry = parsed("Host.Example:443:127.0.0.1,[::1],::2");
        assert!(entry.is_of("host.example", 443));
        assert!(!entry.is_of("host.example", 80) && !entry.is_of("www.host.example", 443));
        let addresses: [IpAddr; 3] =
            ["127.0.0.1", "::1", "::2"].map(|text| text.parse().expect("an address"));
        assert_eq!(*entry.addresses(), addresses);
        assert!(parsed("bücher.example:80:::1").is_of("xn--bcher-kva.example", 80));
        let any = parsed("*:80:127.0.0.1");
        assert!(any.is_of("any.example", 80) && !any.is_of("any.example", 81));
    }

    #[test]
    fn what_is_no_override_is_refused() {
        for entry in [
            "host",
            "host:80",
            "host:80:",
            ":80:127.0.0.1",
            "host::127.0.0.1",
            "host:0:127.0.0.1",
            "host:65536:127.0.0.1",
            "host:port:127.0.0.1",
            "host:80:name",
            "host:80:127.0.0.1,",
            "host:80:127.0.0.1:81",
            "127.0.0.1:80:127.0.0.2",
            "a b:80:127.0.0.1",
        ] {
            assert!(Override::parse(entry).is_err(), "{entry}");
        }
    }
}
