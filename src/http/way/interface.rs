//! From where connections are made, if the program says so: as curl's `--interface`.

use crate::http::zone::check_name;
use std::net::{IpAddr, SocketAddr};

/// From where connections are made.
#[derive(Clone, Debug, PartialEq)]
pub enum Interface {
    /// Through this interface, whatever the routes say.
    Name(Box<str>),
    /// From this address.
    Address(IpAddr),
}

impl Interface {
    /// Reads the name of an interface or an address of this machine, which may say which they are: `if!eth0`,
    /// `host!10.0.0.2`.
    pub fn parse(text: &str) -> Result<Interface, &'static str> {
        if let Some(name) = text.strip_prefix("if!") {
            return Interface::named(name);
        }
        if let Some(address) = text.strip_prefix("host!") {
            let address = address.parse().map(Interface::Address);
            return address.map_err(|_| "what follows host! is not an address");
        }
        match text.parse() {
            Ok(address) => Ok(Interface::Address(address)),
            Err(_) => Interface::named(text),
        }
    }

    fn named(name: &str) -> Result<Interface, &'static str> {
        check_name(name)?;
        if cfg!(not(any(target_os = "linux", target_os = "android"))) {
            return Err("this system binds to addresses only");
        }
        Ok(Interface::Name(name.into()))
    }

    /// Whether a connection to that address can be made from here.
    pub fn reaches(&self, address: &SocketAddr) -> bool {
        match self {
            Interface::Name(_) => true,
            Interface::Address(own) => own.is_ipv4() == address.is_ipv4(),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_name_or_an_address_is_read() {
        let name = |name: &str| Ok(Interface::Name(name.into()));
        let address = |text: &str| Ok(Interface::Address(text.parse().expect("an address")));
        assert_eq!(Interface::parse("eth0"), name("eth0"));
        assert_eq!(Interface::parse("if!eth0.1"), name("eth0.1"));
        assert_eq!(Interface::parse("10.0.0.2"), address("10.0.0.2"));
        assert_eq!(Interface::parse("host!::1"), address("::1"));
    }

    #[test]
    fn what_can_be_neither_is_refused() {
        for text in [
            "",
            "a b",
            "a/b",
            "eth0:1",
            "..",
            "host!eth0",
            "if!",
            "0123456789abcdef",
        ] {
            assert!(Interface::parse(text).is_err(), "{text}");
        }
    }
}
