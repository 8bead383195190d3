//! A host's addresses: what the program says of them, and which of many are tried.

use crate::http::zone::Zone;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

/// A host's addresses, as the program says.
pub type Addresses = Arc<[Address]>;

/// An address of a host.
#[derive(Clone, Debug, PartialEq)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// The zone that a link-local one is in, if it is said.
    pub zone: Option<Zone>,
}

impl Address {
    /// Reads an address. A zone stands behind `%` (RFC 4007, section 11); one of IPv6 may be in brackets.
    fn parse(text: &str) -> Result<Address, &'static str> {
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        let (ip, zone) = match bare.unwrap_or(text).split_once('%') {
            Some((ip, zone)) => (ip, Some(zone)),
            None => (bare.unwrap_or(text), None),
        };
        let ip = ip
            .parse()
            .map_err(|_| "an address is not one of IPv4 or IPv6")?;
        let zone = zone.map(|zone| Zone::of(ip, zone)).transpose()?;
        Ok(Address { ip, zone })
    }

    /// Where that port of it is, as things are now.
    pub fn at(&self, port: u16) -> io::Result<SocketAddr> {
        Ok(match (self.ip, &self.zone) {
            (IpAddr::V6(ip), Some(zone)) => SocketAddrV6::new(ip, port, 0, zone.number()?).into(),
            (ip, _) => SocketAddr::new(ip, port),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip.fmt(f)?;
        match &self.zone {
            Some(zone) => write!(f, "%{zone}"),
            None => Ok(()),
        }
    }
}

/// How many addresses of a name are tried in one attempt.
pub const MOST: usize = 16;

/// The first `most` addresses in their order, where those of one family do not keep out those of the other.
pub fn interleaved(addresses: &[SocketAddr], most: usize) -> Vec<SocketAddr> {
    let prefers_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let is_preferred = |address: &&SocketAddr| address.is_ipv6() == prefers_ipv6;
    let (preferred, others): (Vec<&SocketAddr>, Vec<&SocketAddr>) =
        addresses.iter().partition(is_preferred);
    let rounds = (0..addresses.len())
        .flat_map(|round| preferred.get(round).into_iter().chain(others.get(round)));
    rounds.take(most).map(|address| **address).collect()
}

/// Of which host, at which port, the program says where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// `None` for every host.
    host: Option<Box<str>>,
    port: u16,
}

impl Place {
    /// Reads `host:port`; the host may be `*`.
    pub fn parse(text: &str) -> Result<Place, &'static str> {
        let (host, port) = text.split_once(':').unwrap_or((text, ""));
        let host = match url::Host::parse(host) {
            _ if host == "*" => None,
            Ok(url::Host::Domain(name)) => Some(name.into()),
            Ok(_) => return Err("an address needs no resolver"),
            Err(_) => return Err("the host is not a name"),
        };
        match port.parse() {
            Ok(port) if port != 0 => Ok(Place { host, port }),
            _ => Err("the port is not a number from 1 to 65535"),
        }
    }
}

/// Where a host is, as the program says.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    place: Place,
    addresses: Addresses,
}

impl Override {
    /// Reads `host:port:address[,address]...`; the host may be `*`, an address of IPv6 be in brackets.
    pub fn parse(entry: &str) -> Result<Override, &'static str> {
        let mut colons = entry.match_indices(':');
        let (place, addresses) = match colons.nth(1) {
            Some((second, _)) => (&entry[..second], &entry[second + 1..]),
            None => (entry, ""),
        };
        let place = Place::parse(place)?;
        let addresses: Result<Addresses, _> = addresses.split(',').map(Address::parse).collect();
        Override::new(place, addresses?)
    }

    fn new(place: Place, addresses: Addresses) -> Result<Override, &'static str> {
        match addresses.len() {
            ..=MOST => Ok(Override { place, addresses }),
            _ => Err("there are more than 16 addresses"),
        }
    }

    /// This, with what another says behind it.
    pub fn and(&self, other: &Override) -> Result<Override, &'static str> {
        let both = self.addresses.iter().chain(other.addresses.iter());
        Override::new(self.place.clone(), both.cloned().collect())
    }

    /// Whether another is of the same host.
    pub fn is_of_same(&self, other: &Override) -> bool {
        self.is_of_place(&other.place)
    }

    /// Whether it is of that host.
    pub fn is_of_place(&self, place: &Place) -> bool {
        self.place == *place
    }

    /// Whether this says the host's addresses.
    pub fn is_of(&self, host: &str, port: u16) -> bool {
        let is_named = self
            .place
            .host
            .as_ref()
            .is_none_or(|name| name.eq_ignore_ascii_case(host));
        is_named && self.place.port == port
    }

    /// Whether it is of one host, not of all.
    pub fn has_host(&self) -> bool {
        self.place.host.is_some()
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
        let addresses: [Address; 3] =
            ["127.0.0.1", "::1", "::2"].map(|text| Address::parse(text).expect("an address"));
        assert_eq!(*entry.addresses(), addresses);
        assert!(parsed("bücher.example:80:::1").is_of("xn--bcher-kva.example", 80));
        let any = parsed("*:80:127.0.0.1");
        assert!(any.is_of("any.example", 80) && !any.is_of("any.example", 81));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_address_may_have_a_zone() {
        for text in ["fe80::1%lo", "[fe80::1%lo]"] {
            let entry = parsed(&format!("host:80:{text},::1"));
            let addresses = entry.addresses();
            let (zoned, other) = (&addresses[0], &addresses[1]);
            assert_eq!(zoned.to_string(), "fe80::1%lo");
            let expected = SocketAddrV6::new("fe80::1".parse().expect("one"), 80, 0, 1);
            assert_eq!(zoned.at(80).expect("loopback"), expected.into());
            assert_eq!(other.at(80).expect("one").to_string(), "[::1]:80");
        }
        for text in [
            "::1%lo",
            "10.0.0.1%lo",
            "fe80::1%",
            "fe80::1%a b",
            "fe80::1%0",
        ] {
            let entry = format!("host:80:{text}");
            assert!(Override::parse(&entry).is_err(), "{entry}");
        }
    }

    #[test]
    fn of_many_addresses_both_families_have_a_part_and_the_first_comes_first() {
        let v4 = |number: u16| SocketAddr::from(([127, 0, 0, 1], number));
        let v6 = |number: u16| SocketAddr::from(([0_u16; 8], number));
        let many: Vec<_> = (0..3000).map(v6).chain([v4(0)]).collect();
        let expected: Vec<_> = [v6(0), v4(0)].into_iter().chain((1..15).map(v6)).collect();
        assert_eq!(interleaved(&many, 16), expected);
        let both = [v4(1), v4(2), v6(1), v4(3), v6(2)];
        assert_eq!(interleaved(&both, 16), [v4(1), v6(1), v4(2), v6(2), v4(3)]);
        assert_eq!(interleaved(&both, 3), [v4(1), v6(1), v4(2)]);
        assert_eq!(interleaved(&[], 16), []);
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
