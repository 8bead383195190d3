//! From a host's name to its addresses.

use super::network::{host, port};
use crate::http::Options;
use crate::http::clock::Clock;
use crate::http::error::{Error, ErrorKind};
use crate::runtime::lookups;
use hyper::Uri;
use hyper_util::client::legacy::connect::dns::Name;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;
use tower_service::Service;

/// A host's addresses, as the program says.
pub type Addresses = Arc<[IpAddr]>;

/// How many addresses of a name are tried in one attempt.
const MOST: usize = 16;

/// Where a URL's host is: at least one address, and no more than [`MOST`]. The system's resolver is asked unless the URL or
/// the program says it.
pub async fn resolve(
    uri: &Uri,
    options: &Options,
    clock: &Clock,
) -> Result<Vec<SocketAddr>, Error> {
    let (host, port) = (host(uri), port(uri));
    if let Ok(address) = host.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    if let Some(known) = options.network.addresses(host, port) {
        let known: Vec<_> = known.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        return Ok(by_turns(&known, MOST));
    }
    let found = look_up(host, clock).await.map_err(|error| {
        let what = format_args!("cannot resolve {host}");
        Error::caused(ErrorKind::Resolve, what, &*error)
    })?;
    let mut found = by_turns(&found, MOST);
    if found.is_empty() {
        let what = format!("{host} has no address");
        return Err(Error::new(ErrorKind::Resolve, what));
    }
    for address in &mut found {
        address.set_port(port);
    }
    Ok(found)
}

async fn look_up(host: &str, clock: &Clock) -> lookups::Found {
    let mut lookup = lookups::look_up(host);
    let waits = clock.pause();
    lookup.begun().await;
    drop(waits);
    let _looking_up = clock.looking_up(host);
    lookup.found().await
}

/// The first `most` addresses in their order, where those of one family do not keep out those of the other.
fn by_turns(addresses: &[SocketAddr], most: usize) -> Vec<SocketAddr> {
    let prefers_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let is_preferred = |address: &&SocketAddr| address.is_ipv6() == prefers_ipv6;
    let (preferred, others): (Vec<&SocketAddr>, Vec<&SocketAddr>) =
        addresses.iter().partition(is_preferred);
    let turns = (0..addresses.len())
        .flat_map(|turn| preferred.get(turn).into_iter().chain(others.get(turn)));
    turns.take(most).map(|address| **address).collect()
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
        let addresses: Result<Addresses, _> = addresses.split(',').map(address).collect();
        let addresses = addresses.map_err(|_| "an address is not one of IPv4 or IPv6")?;
        if addresses.len() > MOST {
            return Err("there are more than 16 addresses");
        }
        Ok(Override {
            host,
            port,
            addresses,
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
    fn of_many_addresses_both_families_have_a_part_and_the_first_comes_first() {
        let v4 = |number: u16| SocketAddr::from(([127, 0, 0, 1], number));
        let v6 = |number: u16| SocketAddr::from(([0_u16; 8], number));
        let many: Vec<_> = (0..3000).map(v6).chain([v4(0)]).collect();
        let expected: Vec<_> = [v6(0), v4(0)].into_iter().chain((1..15).map(v6)).collect();
        assert_eq!(by_turns(&many, 16), expected);
        let both = [v4(1), v4(2), v6(1), v4(3), v6(2)];
        assert_eq!(by_turns(&both, 16), [v4(1), v6(1), v4(2), v6(2), v4(3)]);
        assert_eq!(by_turns(&both, 3), [v4(1), v6(1), v4(2)]);
        assert_eq!(by_turns(&[], 16), []);
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
            &format!("host:80:{}", ["::1"; MOST + 1].join(",")),
        ] {
            assert!(Override::parse(entry).is_err(), "{entry}");
        }
    }
}
