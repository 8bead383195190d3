//! A request as it is configured, checked at the setter.

use super::error::{Error, ErrorKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, EXPECT, HeaderName,
    HeaderValue, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use hyper::http::{Method, Uri};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use url::Url;

/// `Last-Event-ID`, of the HTML standard.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Why a setting is refused.
#[derive(Debug)]
pub struct Invalid {
    /// Which sort of setting.
    pub kind: InvalidKind,
    /// For people; without the value where that may be a secret.
    pub message: String,
}

/// Which sort of setting is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidKind {
    /// A URL.
    Url,
    /// A header's name or value.
    Header,
    /// A method.
    Method,
    /// A number, an option or an id.
    Value,
    /// Certificates.
    Pem,
}

impl Invalid {
    /// A refusal with its reason.
    pub fn new(kind: InvalidKind, message: impl Into<String>) -> Invalid {
        Invalid {
            kind,
            message: message.into(),
        }
    }
}

/// A header field.
pub type Field = (HeaderName, HeaderValue);

/// `User-Agent` where nothing else is said.
pub const OWN_USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("libeventsource/", env!("CARGO_PKG_VERSION")));

/// The headers of every request that says nothing else.
static DEFAULT_HEADERS: [Field; 3] = [
    (ACCEPT, HeaderValue::from_static("text/event-stream")),
    (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    (USER_AGENT, OWN_USER_AGENT),
];

/// Method, URL, headers and body. `HeaderValue::is_sensitive` marks what another origin must not see.
#[derive(Clone, Debug)]
pub struct Request {
    url: Url,
    pub(super) method: Method,
    /// No map: they are few, are only ever written one after another, and cost a client nothing while they are the
    /// default.
    pub(super) headers: Cow<'static, [Field]>,
    /// The value of `Last-Event-ID`, apart from the headers so that it is no reason to copy them.
    pub(super) last_event_id: Option<HeaderValue>,
    pub(super) body: Bytes,
}

impl Request {
    /// A GET of an event stream.
    pub fn new(url: &str) -> Result<Request, Invalid> {
        let (url, user) = split_user(url)?;
        let mut request = Request {
            url,
            method: Method::GET,
            headers: Cow::Borrowed(&DEFAULT_HEADERS),
            last_event_id: None,
            body: Bytes::new(),
        };
        request.authorize(user)?;
        Ok(request)
    }

    /// The URL, without user information and fragment.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Sets the URL; user information in it becomes basic authentication.
    pub fn set_url(&mut self, url: &str) -> Result<(), Invalid> {
        let (url, user) = split_user(url)?;
        self.authorize(user)?;
        self.url = url;
        Ok(())
    }

    fn authorize(&mut self, user: Option<User>) -> Result<(), Invalid> {
        let Some(User { name, password }) = user else {
            return Ok(());
        };
        self.set_basic_auth(&name, &password).map_err(|invalid| {
            Invalid::new(
                InvalidKind::Url,
                format!("the URL's user: {}", invalid.message),
            )
        })
    }

    /// Where a redirect leads.
    pub(super) fn redirect_to(&mut self, url: Url) -> Result<(), Invalid> {
        self.url = connectable(url)?;
        Ok(())
    }

    /// Sets the method.
    pub fn set_method(&mut self, method: &str) -> Result<(), Invalid> {
        match Method::from_bytes(method.as_bytes()) {
            Ok(Method::CONNECT) => Err(Invalid::new(
                InvalidKind::Method,
                "CONNECT opens a tunnel, not an event stream",
            )),
            Ok(method) => {
                self.method = method;
                Ok(())
            }
            Err(_) => Err(Invalid::new(
                InvalidKind::Method,
                "the method is not an HTTP token",
            )),
        }
    }

    /// Sets the body; empty for none.
    pub fn set_body(&mut self, body: &[u8]) {
        self.body = Bytes::copy_from_slice(body);
    }

    /// Sets a header in place of any of its name.
    pub fn set_header(&mut self, name: &str, value: &str) -> Result<(), Invalid> {
        let (name, value) = header(name, value)?;
        self.put(name, value);
        Ok(())
    }

    /// Adds a header beside those of its name.
    pub fn add_header(&mut self, name: &str, value: &str) -> Result<(), Invalid> {
        let (name, value) = header(name, value)?;
        self.add(name, value);
        Ok(())
    }

    /// Sets a header that another origin must not see.
    pub fn set_sensitive_header(&mut self, name: &str, value: &str) -> Result<(), Invalid> {
        let (name, mut value) = header(name, value)?;
        value.set_sensitive(true);
        self.put(name, value);
        Ok(())
    }

    /// Sets `Authorization` to basic authentication (RFC 7617).
    pub fn set_basic_auth(&mut self, user: &str, password: &str) -> Result<(), Invalid> {
        self.put(AUTHORIZATION, basic(user, password)?);
        Ok(())
    }

    /// Sets `Last-Event-ID`, or removes it for an empty id. False when the id cannot stand in a header: some control
    /// characters can come in an event's id but not go out again.
    pub fn set_last_event_id(&mut self, id: &str) -> bool {
        let value = HeaderValue::from_bytes(id.as_bytes());
        let can_be_sent = value.is_ok();
        self.last_event_id = value.ok().filter(|value| !value.is_empty());
        can_be_sent
    }

    /// The value of `Content-Length`. Methods with a meaning for a body say also that there is none (RFC 9110, section 8.6).
    pub(super) fn content_length(&self) -> Option<usize> {
        let has_meaning = [Method::POST, Method::PUT, Method::PATCH].contains(&self.method);
        (has_meaning || !self.body.is_empty()).then_some(self.body.len())
    }

    /// The first header of that name.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&HeaderValue> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(known, _)| known == name)?;
        Some(value)
    }

    /// The URL as hyper and h2 take it.
    pub(super) fn uri(&self) -> Result<Uri, Error> {
        let what = "the URL cannot stand in a request";
        let uri = self.url.as_str().parse();
        uri.map_err(|error| Error::caused(ErrorKind::Protocol, what, &error))
    }

    /// Removes the headers that are as described.
    pub(super) fn remove(&mut self, is_described: impl Fn(&Field) -> bool) {
        if self.headers.iter().any(&is_described) {
            self.headers.to_mut().retain(|field| !is_described(field));
        }
    }

    /// Puts it where the first of its name is, in the place of all of them.
    fn put(&mut self, name: HeaderName, value: HeaderValue) {
        let first = self.headers.iter().position(|(known, _)| *known == name);
        self.remove(|(known, _)| *known == name);
        self.insert(first, (name, value));
    }

    /// Puts it behind the last of its name.
    fn add(&mut self, name: HeaderName, value: HeaderValue) {
        let last = self.headers.iter().rposition(|(known, _)| *known == name);
        self.insert(last.map(|last| last + 1), (name, value));
    }

    fn insert(&mut self, index: Option<usize>, field: Field) {
        let headers = self.headers.to_mut();
        // Not by doubling: they stay as long as the client.
        headers.reserve_exact(1);
        headers.insert(index.unwrap_or(headers.len()), field);
    }
}

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

/// A user and a password.
struct User {
    name: String,
    password: String,
}

/// A URL as it is used, and the user that was in it.
fn split_user(url: &str) -> Result<(Url, Option<User>), Invalid> {
    let url = Url::parse(url)
        .map_err(|error| Invalid::new(InvalidKind::Url, format!("invalid URL: {error}")))?;
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let is_there = !url.username().is_empty() || url.password().is_some();
    let user = is_there.then(|| User {
        name: decoded(url.username()),
        password: url.password().map(decoded).unwrap_or_default(),
    });
    Ok((connectable(url)?, user))
}

/// A URL as it is used: http or https, no user information, no fragment.
fn connectable(mut url: Url) -> Result<Url, Invalid> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Invalid::new(
            InvalidKind::Url,
            format!("the URL's scheme is {}, not http or https", url.scheme()),
        ));
    }
    url.set_fragment(None);
    // Both only fail for URLs without a host, which http and https have.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok(url)
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Invalid> {
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
    let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
        Invalid::new(
            InvalidKind::Header,
            format!("the value of {name} has control characters"),
        )
    })?;
    Ok((name, value))
}
