//! Reads what rtnetlink (RFC 3549) says. Pure: bytes in, changes out.

use std::collections::HashSet;

/// A header's length (`struct nlmsghdr`), and that of what follows it for an address (`struct ifaddrmsg`) and for an attribute
/// (`struct rtattr`).
const HEADER: usize = 16;
const ADDRESS_HEADER: usize = 8;
const ATTRIBUTE_HEADER: usize = 4;

/// What a message is about.
const NEW_ADDRESS: u16 = 20;
const ADDRESS_GONE: u16 = 21;
const NEW_ROUTE: u16 = 24;
const ROUTE_GONE: u16 = 25;

/// The attribute that is an address (`IFA_ADDRESS`), and the one that is, too, where both ends have one (`IFA_LOCAL`).
const ADDRESS: u16 = 1;
const LOCAL: u16 = 2;

/// The scope from which on an address is of use on one link alone (`RT_SCOPE_LINK`).
const LINK_SCOPE: u8 = 253;

/// The routing table of the machine's own addresses (`RT_TABLE_LOCAL`), and the kind of a route that leads somewhere
/// (`RTN_UNICAST`).
const LOCAL_TABLE: u8 = 255;
const UNICAST: u8 = 1;

/// The longest prefix of a default route: some VPNs have two or, for IPv6, the half of all addresses that are in use.
const LONGEST_DEFAULT: u8 = 3;

/// How many addresses are remembered. A machine with more has others told of again.
const MOST_KNOWN: usize = 256;

/// What has been heard of addresses: IPv6 routers have them announced again and again.
#[derive(Debug, Default)]
pub struct Listener {
    known: HashSet<(u32, Box<[u8]>)>,
}

impl Listener {
    /// Whether an address or a default route has come or gone, by the messages of one datagram.
    pub fn has_moved(&mut self, mut datagram: &[u8]) -> bool {
        let mut has_moved = false;
        while let Some((kind, message, rest)) = first_message(datagram) {
            has_moved |= match kind {
                NEW_ADDRESS => self.is_new(message),
                ADDRESS_GONE => self.has_gone(message),
                NEW_ROUTE | ROUTE_GONE => is_default_route(message),
                _ => false,
            };
            datagram = rest;
        }
        has_moved
    }

    fn is_new(&mut self, message: &[u8]) -> bool {
        let Some(address) = address(message) else {
            return false;
        };
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        // Also remembered if it is of one link alone: that is for the next message of the same one.
        self.known.insert(address) && message[3] < LINK_SCOPE
    }

    /// Whatever its scope: a connection may be from it.
    fn has_gone(&mut self, message: &[u8]) -> bool {
        if let Some(address) = address(message) {
            self.known.remove(&address);
        }
        true
    }
}

/// The kind of the first message, what it says, and the messages behind it.
fn first_message(datagram: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = u32::from_ne_bytes(*datagram.first_chunk()?) as usize;
    let kind = u16::from_ne_bytes(*datagram.get(4..)?.first_chunk()?);
    let message = datagram.get(HEADER..length)?;
    let rest = datagram.get(length.next_multiple_of(4)..);
    Some((kind, message, rest.unwrap_or_default()))
}

/// The interface and the address that a message is about.
fn address(message: &[u8]) -> Option<(u32, Box<[u8]>)> {
    let interface = u32::from_ne_bytes(*message.get(4..)?.first_chunk()?);
    let mut attributes = message.get(ADDRESS_HEADER..)?;
    let mut found = None;
    while let Some((length, kind)) = attribute(attributes) {
        let value = attributes.get(ATTRIBUTE_HEADER..length)?;
        match kind {
            LOCAL => return Some((interface, value.into())),
            ADDRESS => found = Some((interface, value.into())),
            _ => {}
        }
        attributes = attributes
            .get(length.next_multiple_of(4)..)
            .unwrap_or_default();
    }
    found
}

/// The length and the kind of the first attribute.
fn attribute(attributes: &[u8]) -> Option<(usize, u16)> {
    let length = u16::from_ne_bytes(*attributes.first_chunk()?);
    let kind = u16::from_ne_bytes(*attributes.get(2..)?.first_chunk()?);
    let length = usize::from(length);
    (length >= ATTRIBUTE_HEADER).then_some((length, kind))
}

fn is_default_route(message: &[u8]) -> bool {
    // `struct rtmsg`: family, two lengths, type of service, table, protocol, scope, type.
    matches!(
        message,
        [_, ..=LONGEST_DEFAULT, _, _, table, _, _, UNICAST, ..] if *table != LOCAL_TABLE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let length = (HEADER + body.len()) as u32;
        let mut message = length.to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.resize(HEADER, 0);
        message.extend(body);
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }

    fn of_address(kind: u16, scope: u8, address: [u8; 4]) -> Vec<u8> {
        let mut body = vec![2, 24, 0, scope];
        body.extend(7_u32.to_ne_bytes());
        // A label (IFA_LABEL), whose length is no multiple of 4, in front of the address.
        for (kind, value) in [(3_u16, &b"eth0\0"[..]), (ADDRESS, &address)] {
            body.extend(((ATTRIBUTE_HEADER + value.len()) as u16).to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        message(kind, &body)
    }

    fn of_route(length: u8, table: u8, kind: u8) -> Vec<u8> {
        message(NEW_ROUTE, &[2, length, 0, 0, table, 0, 0, kind, 0, 0, 0, 0])
    }

    const GLOBAL: u8 = 0;

    #[test]
    fn an_address_that_comes_is_a_change_once_until_it_has_gone() {
        let mut listener = Listener::default();
        let comes = of_address(NEW_ADDRESS, GLOBAL, [10, 0, 0, 1]);
        let goes = of_address(ADDRESS_GONE, GLOBAL, [10, 0, 0, 1]);
        for (datagram, is_change) in [
            (&comes, true),
            (&comes, false),
            (&goes, true),
            (&comes, true),
        ] {
            assert_eq!(listener.has_moved(datagram), is_change);
        }
        let other = of_address(NEW_ADDRESS, GLOBAL, [10, 0, 0, 2]);
        assert!(listener.has_moved(&other));
    }

    #[test]
    fn an_address_of_one_link_alone_is_a_change_when_it_goes() {
        let mut listener = Listener::default();
        assert!(!listener.has_moved(&of_address(NEW_ADDRESS, LINK_SCOPE, [169, 254, 0, 1])));
        assert!(listener.has_moved(&of_address(ADDRESS_GONE, LINK_SCOPE, [169, 254, 0, 1])));
    }

    #[test]
    fn of_routes_the_default_ones_count() {
        let mut listener = Listener::default();
        for (length, table, kind, is_change) in [
            (0, 254, UNICAST, true),
            // A VPN's, in a table of its own.
            (1, 52, UNICAST, true),
            (24, 254, UNICAST, false),
            (0, LOCAL_TABLE, UNICAST, false),
            // Unreachable.
            (0, 254, 7, false),
        ] {
            let route = of_route(length, table, kind);
            assert_eq!(listener.has_moved(&route), is_change, "{length} {table}");
        }
    }

    #[test]
    fn each_message_of_a_datagram_counts() {
        let mut listener = Listener::default();
        let datagram = [of_route(24, 254, UNICAST), of_route(0, 254, UNICAST)].concat();
        assert!(listener.has_moved(&datagram));
    }

    #[test]
    fn what_is_cut_short_is_no_change_and_no_panic() {
        let whole = of_address(NEW_ADDRESS, GLOBAL, [10, 0, 0, 1]);
        for end in 0..whole.len() {
            assert!(!Listener::default().has_moved(&whole[..end]), "{end}");
        }
        let mut listener = Listener::default();
        assert!(!listener.has_moved(&[0; 64]));
        assert!(!listener.has_moved(&message(NEW_ROUTE, &[])));
        assert!(!listener.has_moved(&message(NEW_ADDRESS, &[0; 9])));
    }
}
