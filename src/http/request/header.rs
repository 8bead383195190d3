//! The header fields of a request.

use crate::http::invalid::{Invalid, InvalidKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName,
    HeaderValue, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use hyper::http::uri::Authority;

/// `Last-Event-ID`, of the HTML standard.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A header field of a request.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name, by which it is found.
    pub name: HeaderName,
    /// The name as it is written over HTTP/1: some servers know only the usual spelling. HTTP/2 has lower case alone.
    pub spelling: Bytes,
    /// Its value.
    pub value: HeaderValue,
}

impl Field {
    /// One of the library's own.
    const fn own(name: HeaderName, spelling: &'static str, value: HeaderValue) -> Field {
        Field {
            name,
            spelling: Bytes::from_static(spelling.as_bytes()),
            value,
        }
    }

    /// One of the caller's, spelled as the caller has it.
    pub fn of_caller(name: &str, value: &str) -> Result<Field, Invalid> {
        let known = header_name(name)?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            Invalid::new(
                InvalidKind::Header,
                format!("the value of {known} has control characters"),
            )
        })?;
        // Over HTTP/2 it stands where the URL's host does.
        if known == HOST && Authority::try_from(value.as_bytes()).is_err() {
            return Err(Invalid::new(
                InvalidKind::Header,
                "the value of host is not a host with or without a port",
            ));
        }
        Ok(Field {
            name: known,
            spelling: Bytes::copy_from_slice(name.as_bytes()),
            value,
        })
    }

    /// How much room it takes.
    pub fn size(&self) -> usize {
        self.spelling.len() + self.value.len()
    }

    /// The same, to be sent.
    pub fn to_send(&self) -> Sent<'_> {
        Sent {
            name: &self.name,
            spelling: &self.spelling,
            value: &self.value,
        }
    }
}

/// A header field that is sent.
pub struct Sent<'r> {
    /// See [`Field`].
    pub name: &'r HeaderName,
    /// See [`Field`].
    pub spelling: &'r [u8],
    /// See [`Field`].
    pub value: &'r HeaderValue,
}

/// `User-Agent` where nothing else is said.
pub const OWN_USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("libeventsource/", env!("CARGO_PKG_VERSION")));

/// The headers of every request that says nothing else.
pub static DEFAULT_HEADERS: [Field; 3] = [
    Field::own(
        ACCEPT,
        "Accept",
        HeaderValue::from_static("text/event-stream"),
    ),
    Field::own(
        CACHE_CONTROL,
        "Cache-Control",
        HeaderValue::from_static("no-cache"),
    ),
    Field::own(USER_AGENT, "User-Agent", OWN_USER_AGENT),
];

/// Credentials for basic authentication (RFC 7617).
pub fn basic(user: &str, password: &str) -> Result<HeaderValue, Invalid> {
    let invalid = || {
        Invalid::new(
            InvalidKind::Value,
            "basic authentication allows no colon in the user and no control characters",
        )
    };
    if user.contains(':') || user.chars().chain(password.chars()).any(char::is_control) {
        return Err(invalid());
    }
    let credentials = STANDARD.encode(format!("{user}:{password}"));
    let value = HeaderValue::try_from(format!("Basic {credentials}"));
    let mut value = value.map_err(|_| invalid())?;
    value.set_sensitive(true);
    Ok(value)
}

/// `Authorization` with these credentials.
pub fn authorization(value: HeaderValue) -> Field {
    Field::own(AUTHORIZATION, "Authorization", value)
}

/// A field's name, if it is one that the caller may say.
pub fn header_name(name: &str) -> Result<HeaderName, Invalid> {
    /// What the connection itself says: a caller's copy could only contradict it.
    const OWN: [HeaderName; 11] = [
        CONNECTION,
        CONTENT_LENGTH,
        EXPECT,
        HeaderName::from_static("keep-alive"),
        LAST_EVENT_ID,
        // It stands in the proxy's URL, from where it goes to the proxy alone.
        PROXY_AUTHORIZATION,
        HeaderName::from_static("proxy-connection"),
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ];
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        Invalid::new(
            InvalidKind::Header,
            "the header's name is not an HTTP field name",
        )
    })?;
    if OWN.contains(&name) {
        return Err(Invalid::new(
            InvalidKind::Header,
            format!("the library itself writes the header {name}"),
        ));
    }
    Ok(name)
}
