//! From a host's name to its addresses.

use super::network::{host, port};
use crate::http::Options;
use crate::http::error::{Error, ErrorKind};
use hyper::Uri;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;
use tower_service::Service;

/// A host's addresses, as the program says.
pub type Addresses = Arc<[IpAddr]>;

/// Where a URL's host is: at least one address. The system's resolver is asked unless the URL or the program says it.
pub async fn resolve(uri: &Uri, options: &Options) -> Result<Vec<SocketAddr>, Error> {
    let (host, port) = (host(uri), port(uri));
    if let Ok(address) = host.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    if let Some(known) = options.network.addresses(host, port) {
        let known = known.iter();
        return Ok(known.map(|ip| SocketAddr::new(*ip, port)).collect());
    }
    let unresolved = |why: &(dyn std::error::Error + 'static)| {
        let what = format_args!("cannot resolve {host}");
        Error::caused(ErrorKind::Resolve, what, why)
    };
    let name: Name = host.parse().map_err(|error| unresolved(&error))?;
    let found = GaiResolver::new().call(name).await;
    let mut found: Vec<_> = found.map_err(|error| unresolved(&error))?.collect();
    if found.is_empty() {
        let what = format!("{host} has no address");
        return Err(Error::new(ErrorKind::Resolve, what));
    }
    for address in &mut found {
        address.set_port(port);
    }
    Ok(found)
}

/// A resolver for who expects one, when the addresses are known.
#[derive(Clone)]
pub struct Known(pub Vec<SocketAddr>);

impl Service<Name> for Known {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(Ok(self.0.clone().into_iter()))
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
