//! A request as it is configured, checked at the setter.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, EXPECT, HeaderName,
    HeaderValue, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use hyper::http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
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

/// Method, URL, headers and body. `HeaderValue::is_sensitive` marks what another origin must not see.
#[derive(Clone, Debug)]
pub struct Request {
    url: Url,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Request {
    /// A GET of an event stream.
    pub fn new(url: &str) -> Result<Request, Invalid> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("libeventsource/", env!("CARGO_PKG_VERSION"))),
        );
        let mut request = Request {
            url: Url::parse(url)
                .map_err(|error| Invalid::new(InvalidKind::Url, format!("invalid URL: {error}")))?,
            method: Method::GET,
            headers,
            body: Bytes::new(),
        };
        request.set_url(url)?;
        Ok(request)
    }

    /// The URL, without user information and fragment.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Sets the URL; user information in it becomes basic authentication.
    pub fn set_url(&mut self, url: &str) -> Result<(), Invalid> {
        let url = Url::parse(url)
            .map_err(|error| Invalid::new(InvalidKind::Url, format!("invalid URL: {error}")))?;
        let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (user, password) = (decoded(url.username()), url.password().map(decoded));
        let url = connectable(url)?;
        if !user.is_empty() || password.is_some() {
            self.set_basic_auth(&user, password.as_deref().unwrap_or_default())
                .map_err(|invalid| {
                    Invalid::new(
                        InvalidKind::Url,
                        format!("the URL's user: {}", invalid.message),
                    )
                })?;
        }
        self.url = url;
        Ok(())
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
        self.headers.insert(name, value);
        Ok(())
    }

    /// Adds a header beside those of its name.
    pub fn add_header(&mut self, name: &str, value: &str) -> Result<(), Invalid> {
        let (name, value) = header(name, value)?;
        self.headers.append(name, value);
        Ok(())
    }

    /// Sets a header that another origin must not see.
    pub fn set_sensitive_header(&mut self, name: &str, value: &str) -> Result<(), Invalid> {
        let (name, mut value) = header(name, value)?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(())
    }

    /// Sets `Authorization` to basic authentication (RFC 7617).
    pub fn set_basic_auth(&mut self, user: &str, password: &str) -> Result<(), Invalid> {
        if user.contains(':') || user.chars().chain(password.chars()).any(char::is_control) {
            return Err(Invalid::new(
                InvalidKind::Value,
                "basic authentication allows no colon in the user and no control characters",
            ));
        }
        let credentials = STANDARD.encode(format!("{user}:{password}"));
        self.set_sensitive_header(AUTHORIZATION.as_str(), &format!("Basic {credentials}"))
    }

    /// Sets `Last-Event-ID`, or removes it for an empty id. False when the id cannot stand in a header: some control
    /// characters can come in an event's id but not go out again.
    pub fn set_last_event_id(&mut self, id: &str) -> bool {
        self.headers.remove(LAST_EVENT_ID);
        match HeaderValue::from_str(id).or_else(|_| HeaderValue::from_bytes(id.as_bytes())) {
            Ok(_) if id.is_empty() => true,
            Ok(value) => {
                self.headers.insert(LAST_EVENT_ID, value);
                true
            }
            Err(_) => false,
        }
    }
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
    const OWN: [HeaderName; 10] = [
        CONNECTION,
        CONTENT_LENGTH,
        EXPECT,
        HeaderName::from_static("keep-alive"),
        LAST_EVENT_ID,
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
