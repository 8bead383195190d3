//! A URL with the zone of its host.

use super::zone::Zone;
use std::borrow::Cow;
use std::fmt;
use url::{Position, Url};

/// A URL of a request. The zone is a part of its origin: the same address in another zone is another host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl {
    url: Url,
    zone: Option<Zone>,
}

/// An origin, to be compared.
#[derive(Debug, PartialEq, Eq)]
pub struct Origin(url::Origin, Option<Zone>);

impl HttpUrl {
    /// A URL and the zone that was cut out of it.
    pub fn new(url: Url, zone: Option<Zone>) -> HttpUrl {
        HttpUrl { url, zone }
    }

    /// The URL as it is sent, without the zone (RFC 6874, section 4).
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The zone of its host.
    pub fn zone(&self) -> Option<&Zone> {
        self.zone.as_ref()
    }

    /// The scheme.
    pub fn scheme(&self) -> &str {
        self.url.scheme()
    }

    /// The URL as a program reads and writes it, with the zone.
    pub fn text(&self) -> Cow<'_, str> {
        self.with_zone(self.url.as_str())
    }

    /// The origin.
    pub fn origin(&self) -> Origin {
        Origin(self.url.origin(), self.zone.clone())
    }

    /// The origin of an http or https URL without user information, serialised as the URL standard says: what comes before the
    /// path. A port that is the scheme's own is not there.
    pub fn origin_text(&self) -> Cow<'_, str> {
        self.with_zone(&self.url[..Position::BeforePath])
    }

    /// A link-local address that a server names is on the link on which the server is (RFC 4007, section 6: the default zone).
    pub(super) fn on_same_link(&self, url: Url) -> HttpUrl {
        let is_link_local = match url.host() {
            Some(url::Host::Ipv6(address)) => address.is_unicast_link_local(),
            _ => false,
        };
        let zone = self.zone.clone().filter(|_| is_link_local);
        HttpUrl { url, zone }
    }

    fn with_zone<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match &self.zone {
            None => Cow::Borrowed(text),
            Some(zone) => Cow::Owned(zone.put_into(text)),
        }
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}
