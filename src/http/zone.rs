//! IPv6 zones (RFC 4007): on which of this machine's links a link-local address is. In a URL one stands as RFC 6874 says; the
//! URL standard has no room for it, so it is cut out before the URL is parsed. No request ever holds one.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

/// The longest name of an interface (`IFNAMSIZ`, less the end of the text).
const LONGEST_NAME: usize = 15;

/// What stands for `%` in a URL, where that begins an encoded byte.
const SEPARATOR: &str = "%25";

/// What is encoded in a zone in a URL: all that RFC 3986 does not call unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A zone: an interface by its name or its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(Arc<str>);

impl Zone {
    /// Reads a zone as RFC 4007 writes it behind `%`. The interface need not exist yet.
    pub fn parse(text: &str) -> Result<Zone, &'static str> {
        match text.parse::<u32>() {
            Ok(0) => return Err("a zone's number is at least 1"),
            Ok(_) => {}
            Err(_) if cfg!(not(unix)) => return Err("this system knows zones by number only"),
            Err(_) => check_name(text)?,
        }
        Ok(Zone(text.into()))
    }

    /// Reads the zone of an address, which must be one that needs it: elsewhere the system would ignore it.
    pub fn of(address: IpAddr, text: &str) -> Result<Zone, &'static str> {
        match address {
            IpAddr::V6(address) if address.is_unicast_link_local() => Zone::parse(text),
            _ => Err("only a link-local IPv6 address has a zone"),
        }
    }

    /// Cuts the zone out of a URL's text. What is no URL stays as it is.
    pub fn cut(text: &str) -> Result<(Cow<'_, str>, Option<Zone>), &'static str> {
        let Some(Range { start, end }) = address(text) else {
            return Ok((Cow::Borrowed(text), None));
        };
        let Some((address, encoded)) = text[start..end].split_once(SEPARATOR) else {
            return Ok((Cow::Borrowed(text), None));
        };
        let Ok(parsed) = address.parse() else {
            return Ok((Cow::Borrowed(text), None));
        };
        let zone = percent_decode_str(encoded).decode_utf8();
        let zone = Zone::of(IpAddr::V6(parsed), &zone.map_err(|_| "it is not UTF-8")?)?;
        let rest = [&text[..start], address, &text[end..]].concat();
        Ok((Cow::Owned(rest), Some(zone)))
    }

    /// Puts the zone into a URL's text, or that of a host in brackets with or without a port.
    pub fn put_into(&self, text: &str) -> String {
        let at = text.find(']').unwrap_or(text.len());
        let zone = utf8_percent_encode(&self.0, ENCODED);
        format!("{}{SEPARATOR}{zone}{}", &text[..at], &text[at..])
    }

    /// The number by which the system knows it now (`sin6_scope_id`): interfaces come and go.
    pub fn number(&self) -> io::Result<u32> {
        #[cfg(unix)]
        {
            let name = std::ffi::CString::new(&*self.0)?;
            // SAFETY: a string that ends with NUL, and is there until the call returns.
            let number = unsafe { libc::if_nametoindex(name.as_ptr()) };
            if number != 0 {
                return Ok(number);
            }
        }
        let why = io::Error::last_os_error();
        self.0.parse().map_err(|_| why)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a text can be the name of an interface.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "/:!%".contains(c);
    match name {
        "" | "." | ".." => Err("it is empty, or only dots"),
        _ if name.len() > LONGEST_NAME => Err("the name has more than 15 bytes"),
        _ if name.contains(is_odd) => Err("it is neither an interface's name nor an address"),
        _ => Ok(()),
    }
}

/// Where the address is that stands in brackets as a URL's host.
fn address(text: &str) -> Option<Range<usize>> {
    let authority = text.find("://")? + "://".len();
    let end = text[authority..].find(['/', '?', '#', '\\']);
    let end = end.map_or(text.len(), |end| authority + end);
    let host = text[authority..end].rfind('@');
    let host = host.map_or(authority, |user| authority + user + 1);
    let inside = text[host..end].strip_prefix('[')?;
    let start = host + 1;
    Some(start..start + inside.find(']')?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_zone_is_cut_out_of_a_url_and_put_back() {
        for (text, rest, name) in [
            (
                "http://[fe80::1%25eth0]/a%25b",
                "http://[fe80::1]/a%25b",
                "eth0",
            ),
            ("http://[fe80::1%25a%20%2525]:8", "http://[fe80::1]:8", ""),
            (
                "https://me:p[@[FE80::1%25en-0.1]:80?]",
                "https://me:p[@[FE80::1]:80?]",
                "en-0.1",
            ),
            ("http://[fe80::1%257]/", "http://[fe80::1]/", "7"),
            ("http://[fe80::1%25%C3%BC]/", "http://[fe80::1]/", "ü"),
        ] {
            match Zone::cut(text) {
                Ok((cut, zone)) => {
                    assert_eq!(cut, rest);
                    let zone = zone.expect(text);
                    assert_eq!(zone.to_string(), name);
                    if !text.contains('@') {
                        assert_eq!(zone.put_into(rest), text);
                    }
                }
                Err(why) => assert!(name.is_empty(), "{text}: {why}"),
            }
        }
    }

    #[test]
    fn what_has_no_zone_stays_as_it_is() {
        for text in [
            "",
            "http://",
            "http://[::1]/",
            "http://host/[fe80::1%25eth0]",
            "http://[fe80::1/%25eth0]",
            "http://[host%25eth0]/",
            "http://[fe80::1%eth0]/",
            "[fe80::1%25eth0]",
        ] {
            assert_eq!(Zone::cut(text), Ok((Cow::Borrowed(text), None)));
        }
    }

    #[test]
    fn a_zone_that_no_connection_could_heed_is_refused() {
        for zone in [
            "",
            "0",
            ".",
            "a%2Fb",
            "a%20b",
            "a%00",
            "%FF",
            "0123456789abcdef",
        ] {
            let text = format!("http://[fe80::1%25{zone}]/");
            assert!(Zone::cut(&text).is_err(), "{text}");
        }
        for address in ["::1", "2001:db8::1", "ff02::1", "::ffff:127.0.0.1"] {
            let text = format!("http://[{address}%251]/");
            assert!(Zone::cut(&text).is_err(), "{text}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_zone_is_an_interface_or_a_number() {
        let number = |text| Zone::parse(text).expect(text).number();
        assert_eq!(number("lo").expect("the loopback interface"), 1);
        assert_eq!(number("4294967295").expect("a number"), u32::MAX);
        let error = number("none0").expect_err("no interface");
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
    }
}
