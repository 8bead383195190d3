//! A request as it is configured, checked at the setter.

use super::coding;
use super::error::{Error, ErrorKind};
use crate::words;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING,
    CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE, COOKIE, EXPECT, HOST,
    HeaderName, HeaderValue, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    USER_AGENT,
};
use hyper::http::uri::Authority;
use hyper::http::{Method, Uri};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use url::Url;

/// `Last-Event-ID`, of the HTML standard.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The longest id that is sent, in bytes: many servers read no more of a whole head.
const LONGEST_ID: usize = 8 * 1024;

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

/// The most headers of a request: as many as of a response. HTTP/2's map of them has a limit, too.
const MOST_HEADERS: usize = 1000;

/// The most bytes of a request's headers, names and values together. No server known takes as many.
const MOST_HEADER_BYTES: usize = 256 * 1024;

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
    fn of_caller(name: &str, value: &str) -> Result<Field, Invalid> {
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

    fn size(&self) -> usize {
        self.spelling.len() + self.value.len()
    }

    fn to_send(&self) -> Sent<'_> {
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
static DEFAULT_HEADERS: [Field; 3] = [
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

/// Method, URL, headers and body. `HeaderValue::is_sensitive` marks what another origin must not see.
#[derive(Clone, Debug)]
pub struct Request {
    url: Url,
    pub(super) method: Method,
    /// No map: they are few, are only ever written one after another, and cost a client nothing while they are the
    /// default.
    pub(super) headers: Cow<'static, [Field]>,
    /// The value of `Last-Event-ID`, apart from the headers so that it is no reason to copy them.
    last_event_id: Option<HeaderValue>,
    /// Whether to ask for codings.
    asks_for_compression: bool,
    /// It leads to another origin than the one that its credentials were given for: none of them is left.
    is_elsewhere: bool,
    /// How many times it has been made.
    times_made: u32,
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
            asks_for_compression: false,
            is_elsewhere: false,
            times_made: 0,
            body: Bytes::new(),
        };
        if let Some(user) = user {
            request.put(user.credentials()?)?;
        }
        Ok(request)
    }

    /// The URL, without user information and fragment.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Sets the URL; user information in it becomes basic authentication. Another origin gets no credentials but those that
    /// are set after this.
    pub fn set_url(&mut self, url: &str) -> Result<(), Invalid> {
        let (url, user) = split_user(url)?;
        let Some(user) = user else {
            self.lead_to(url);
            return Ok(());
        };
        let credentials = user.credentials()?;
        // Before anything is changed.
        self.check_room(&credentials, |known| known.name != AUTHORIZATION)?;
        self.lead_to(url);
        self.put(credentials)
    }

    /// Where a redirect leads.
    pub(super) fn redirect_to(&mut self, url: Url) -> Result<(), Invalid> {
        let url = connectable(url)?;
        self.lead_to(url);
        Ok(())
    }

    /// Turns to another URL. If that is of another origin, it leaves behind what was given for the first: credentials, and the
    /// name of the host.
    fn lead_to(&mut self, url: Url) {
        if url.origin() != self.url.origin() {
            self.is_elsewhere = true;
            self.remove(|field| {
                let is_of_origin = [AUTHORIZATION, COOKIE, HOST].contains(&field.name);
                is_of_origin || field.value.is_sensitive()
            });
        }
        self.url = url;
    }

    /// Whether it leads to another origin than it did at first.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.is_elsewhere
    }

    /// It is made now.
    pub(super) fn is_made(&mut self) {
        self.times_made = self.times_made.saturating_add(1);
    }

    /// How many times it has been made: redirects and repetitions each count.
    pub fn times_made(&self) -> u32 {
        self.times_made
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Whether it gets something, and does nothing else.
    pub fn is_get(&self) -> bool {
        self.method == Method::GET
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

    /// Makes it a GET of the same, with nothing left of a body.
    pub fn become_get(&mut self) {
        const OF_BODY: [HeaderName; 4] = [
            CONTENT_ENCODING,
            CONTENT_LANGUAGE,
            CONTENT_LOCATION,
            CONTENT_TYPE,
        ];
        self.method = Method::GET;
        self.body.clear();
        self.remove(|field| OF_BODY.contains(&field.name));
    }

    /// Sets whether to ask for content codings, where no header says which.
    pub fn set_compression(&mut self, on: bool) {
        self.asks_for_compression = on;
    }

    /// Sets a header in place of any of its name.
    pub fn set_header(&mut self, name: &str, value: &str) -> Result<(), Invalid> {
        self.put(Field::of_caller(name, value)?)
    }

    /// Adds a header beside those of its name.
    pub fn add_header(&mut self, name: &str, value: &str) -> Result<(), Invalid> {
        self.add(Field::of_caller(name, value)?)
    }

    /// Removes the headers of a name.
    pub fn remove_header(&mut self, name: &str) -> Result<(), Invalid> {
        let name = header_name(name)?;
        self.remove(|field| field.name == name);
        Ok(())
    }

    /// Sets a header that another origin must not see.
    pub fn set_sensitive_header(&mut self, name: &str, value: &str) -> Result<(), Invalid> {
        let mut field = Field::of_caller(name, value)?;
        field.value.set_sensitive(true);
        self.put(field)
    }

    /// Sets `Authorization` to basic authentication (RFC 7617).
    pub fn set_basic_auth(&mut self, user: &str, password: &str) -> Result<(), Invalid> {
        self.put(authorization(basic(user, password)?))
    }

    /// Sets `Last-Event-ID`, or removes it for an empty id. An id that is refused is not sent, and none other in its place: more
    /// can come in an event's id than can go out again.
    pub fn set_last_event_id(&mut self, id: &str) -> Result<(), Invalid> {
        self.last_event_id = None;
        let refuse = |message| Err(Invalid::new(InvalidKind::Value, message));
        if id.len() > LONGEST_ID {
            return refuse(format!(
                "it has {} bytes, and servers refuse heads that large; up to {LONGEST_ID} are sent",
                id.len()
            ));
        }
        match HeaderValue::from_bytes(id.as_bytes()) {
            Ok(value) => {
                self.last_event_id = Some(value).filter(|value| !value.is_empty());
                Ok(())
            }
            Err(_) => refuse("HTTP has no way to send its control characters".into()),
        }
    }

    /// The value of `Content-Length`. Methods with a meaning for a body say also that there is none (RFC 9110, section 8.6).
    pub(super) fn content_length(&self) -> Option<usize> {
        let has_meaning = [Method::POST, Method::PUT, Method::PATCH].contains(&self.method);
        (has_meaning || !self.body.is_empty()).then_some(self.body.len())
    }

    /// The first header of that name.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&HeaderValue> {
        let mut headers = self.headers.iter();
        Some(&headers.find(|field| field.name == *name)?.value)
    }

    /// The URL as hyper and h2 take it.
    pub(super) fn uri(&self) -> Result<Uri, Error> {
        let what = "the URL cannot stand in a request";
        let uri = self.url.as_str().parse();
        uri.map_err(|error| Error::caused(ErrorKind::Protocol, what, &error).of_settings())
    }

    /// All headers that are sent but for what the connection itself says.
    pub(super) fn fields(&self) -> impl Iterator<Item = Sent<'_>> {
        // Constants, which cannot be lent.
        static OWN: [HeaderName; 2] = [ACCEPT_ENCODING, LAST_EVENT_ID];
        let [accept_encoding, last_event_id] = &OWN;
        let asks = self.asks_for_compression && self.header(accept_encoding).is_none();
        let codings = asks.then_some(Sent {
            name: accept_encoding,
            spelling: b"Accept-Encoding",
            value: &coding::ACCEPTED,
        });
        let last_event_id = self.last_event_id.as_ref().map(|id| Sent {
            name: last_event_id,
            spelling: b"Last-Event-ID",
            value: id,
        });
        let headers = self.headers.iter().map(Field::to_send);
        headers.chain(codings).chain(last_event_id)
    }

    /// Removes the headers that are as described.
    pub(super) fn remove(&mut self, is_described: impl Fn(&Field) -> bool) {
        if self.headers.iter().any(&is_described) {
            self.headers.to_mut().retain(|field| !is_described(field));
        }
    }

    /// Puts it where the first of its name is, in the place of all of them.
    fn put(&mut self, field: Field) -> Result<(), Invalid> {
        self.check_room(&field, |known| known.name != field.name)?;
        let mut headers = self.headers.iter();
        let first = headers.position(|known| known.name == field.name);
        self.remove(|known| known.name == field.name);
        self.insert(first, field);
        Ok(())
    }

    /// Puts it behind the last of its name.
    fn add(&mut self, field: Field) -> Result<(), Invalid> {
        self.check_room(&field, |_| true)?;
        let mut headers = self.headers.iter();
        let last = headers.rposition(|known| known.name == field.name);
        self.insert(last.map(|last| last + 1), field);
        Ok(())
    }

    /// Whether there is room for one more header beside those that stay.
    fn check_room(&self, field: &Field, stays: impl Fn(&Field) -> bool) -> Result<(), Invalid> {
        let staying = self.headers.iter().filter(|field| stays(field));
        let (count, bytes) = staying.fold((1, field.size()), |(count, bytes), field| {
            (count + 1, bytes + field.size())
        });
        if count > MOST_HEADERS || bytes > MOST_HEADER_BYTES {
            let name = &field.name;
            return Err(Invalid::new(
                InvalidKind::Header,
                format!(
                    "with {name} the request would have {count} headers of {bytes} bytes; it has room for \
                     {MOST_HEADERS} of {MOST_HEADER_BYTES} bytes in all"
                ),
            ));
        }
        Ok(())
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

fn authorization(value: HeaderValue) -> Field {
    Field::own(AUTHORIZATION, "Authorization", value)
}

/// A user and a password.
struct User {
    name: String,
    password: String,
}

impl User {
    /// Its basic authentication.
    fn credentials(self) -> Result<Field, Invalid> {
        let value = basic(&self.name, &self.password);
        value.map(authorization).map_err(|invalid| {
            Invalid::new(
                InvalidKind::Url,
                format!("the URL's user: {}", invalid.message),
            )
        })
    }
}

/// A URL as it is used, and the user that was in it.
fn split_user(url: &str) -> Result<(Url, Option<User>), Invalid> {
    let url =
        Url::parse(url).map_err(|error| Invalid::new(InvalidKind::Url, misread(url, error)))?;
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let is_there = !url.username().is_empty() || url.password().is_some();
    let user = is_there.then(|| User {
        name: decoded(url.username()),
        password: url.password().map(decoded).unwrap_or_default(),
    });
    Ok((connectable(url)?, user))
}

/// The longest URL that hyper and h2 take.
const LONGEST_URL: usize = u16::MAX as usize - 1;

/// The longest name that a host can have (RFC 1035, section 2.3.4), written with dots.
const LONGEST_HOST: usize = 253;

/// A URL as it is used: http or https, no user information, no fragment, and nothing with which no attempt could succeed.
fn connectable(mut url: Url) -> Result<Url, Invalid> {
    let refuse = |why: String| Err(Invalid::new(InvalidKind::Url, why));
    if !matches!(url.scheme(), "http" | "https") {
        return refuse(wrong_scheme(&url));
    }
    url.set_fragment(None);
    // Both only fail for URLs without a host, which http and https have.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let len = url.as_str().len();
    if len > LONGEST_URL {
        return refuse(format!(
            "the URL has {len} bytes, more than the {LONGEST_URL} that fit into a request"
        ));
    }
    let host = url.host_str().unwrap_or_default();
    if host.trim_end_matches('.').len() > LONGEST_HOST {
        return refuse(format!(
            "the URL's host has {} bytes, more than the {LONGEST_HOST} of the longest name",
            host.len()
        ));
    }
    if url.port() == Some(0) {
        return refuse("the URL's port is 0, where no server can be; 1 to 65535 can be".into());
    }
    match url.as_str().parse::<Uri>() {
        Ok(_) => Ok(url),
        // The URL standard allows some characters in hosts that HTTP does not.
        Err(error) => refuse(format!("the URL cannot stand in a request: {error}")),
    }
}

/// Why a text is no URL, and what would be one. Nothing of it is quoted that may be a secret: only what stands where a host
/// and a port do, and where no user is before them.
fn misread(text: &str, error: url::ParseError) -> String {
    let text = text.trim();
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text.trim_start_matches('/')),
    };
    let authority = authority(rest);
    match (scheme, authority.rsplit_once(':')) {
        _ if text.is_empty() => "the URL is empty".into(),
        (None, _) => no_scheme(text),
        (Some(_), _) if authority.matches(':').count() > 1 && !authority.contains(['[', '@']) => {
            let address = words::quoted(authority.as_bytes());
            format!("an IPv6 address stands in brackets in a URL: [::1], not {address}")
        }
        (Some(_), Some((_, port))) if error == url::ParseError::InvalidPort => format!(
            "the URL's port is {}, not a number from 1 to 65535",
            words::quoted(port.as_bytes())
        ),
        _ => format!("invalid URL: {error}"),
    }
}

/// What a URL without a scheme lacks. What stands before a colon reads as one: `localhost:8080` is no host and port by the
/// standard.
fn no_scheme(text: &str) -> String {
    let text = text.trim_start_matches('/');
    let authority = authority(text);
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    match !authority.is_empty() && authority.len() <= LONGEST_HOST && authority.chars().all(is_host)
    {
        true => {
            // The path may hold a secret.
            let more = match text.len() > authority.len() + 1 {
                true => "/...",
                false => "",
            };
            format!("the URL has no scheme; did you mean http://{authority}{more}?")
        }
        false => "the URL has no scheme; it begins with http:// or https://".into(),
    }
}

fn wrong_scheme(url: &Url) -> String {
    // With slashes, it is a scheme.
    if url.cannot_be_a_base() {
        let behind = url.path().bytes().next();
        if behind.is_some_and(|byte| byte.is_ascii_digit()) && !url.path().contains('@') {
            let (scheme, path) = (url.scheme(), url.path());
            return no_scheme(&format!("{scheme}:{path}"));
        }
    }
    format!(
        "the URL's scheme is {}, not http or https",
        words::quoted(url.scheme().as_bytes())
    )
}

/// Where host and port are in what follows a scheme.
fn authority(text: &str) -> &str {
    let end = text.find(['/', '?', '#', '\\']).unwrap_or(text.len());
    &text[..end]
}

fn header_name(name: &str) -> Result<HeaderName, Invalid> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        match Request::new(url) {
            Ok(_) => format!("{url} is taken"),
            Err(invalid) => invalid.message,
        }
    }

    #[test]
    fn a_url_that_is_none_is_told_what_is_wrong_and_what_would_be_right() {
        for (url, said) in [
            ("", "is empty"),
            (
                "localhost:18080/x",
                "no scheme; did you mean http://localhost:18080/...?",
            ),
            (
                "localhost:18080",
                "no scheme; did you mean http://localhost:18080?",
            ),
            (
                "127.0.0.1:80/",
                "no scheme; did you mean http://127.0.0.1:80?",
            ),
            (
                "example.com/x",
                "no scheme; did you mean http://example.com/...?",
            ),
            (
                "//example.com/x",
                "no scheme; did you mean http://example.com/...?",
            ),
            ("[::1]:80/", "no scheme; did you mean http://[::1]:80?"),
            ("/path", "did you mean http://path?"),
            ("?query", "it begins with http:// or https://"),
            (
                "http://host:99999/",
                "port is \"99999\", not a number from 1 to 65535",
            ),
            ("http://host:8o/", "port is \"8o\", not a number"),
            ("http://host:0/", "port is 0"),
            (
                "http://::1/",
                "stands in brackets in a URL: [::1], not \"::1\"",
            ),
            ("ftp://host/", "scheme is \"ftp\", not http or https"),
            ("mailto:me@host", "scheme is \"mailto\", not http or https"),
            ("http://ho{st/", "cannot stand in a request"),
        ] {
            let message = refusal(url);
            assert!(message.contains(said), "{url}: {message}");
        }
    }

    #[test]
    fn no_refusal_of_a_url_tells_what_may_be_a_secret() {
        for url in [
            "SECRET@host",
            "user:SECRET@host/",
            "user:1SECRET@host",
            "localhost:80/SECRET",
            "localhost?SECRET",
            "http://user:SECRET@ho st/?SECRET",
            "http://user:SECRET@host:99999/SECRET",
            "http://SECRET:SECRET@::1/",
            "http://::1/SECRET",
            "http://user:SECRET@host:0/SECRET",
        ] {
            let message = refusal(url);
            assert!(!message.contains("SECRET"), "{url}: {message}");
            assert!(!message.contains("is taken"), "{message}");
        }
    }

    #[test]
    fn what_could_only_fail_at_every_attempt_is_refused_at_the_call() {
        let long = format!("http://host/{}", "x".repeat(70_000));
        assert!(refusal(&long).contains("70012 bytes, more than the 65534"));
        let longest = format!(
            "http://host/{}",
            "x".repeat(LONGEST_URL - "http://host/".len())
        );
        assert!(Request::new(&longest).is_ok_and(|request| request.uri().is_ok()));
        let name = vec!["x".repeat(49); 6].join(".");
        assert!(refusal(&format!("http://{name}/")).contains("299 bytes, more than the 253"));
        assert!(Request::new("http://user:password@host/?{}|^`'").is_ok());

        let mut request = Request::new("http://host/").expect("a URL");
        let refused = |result: Result<(), Invalid>| result.expect_err("refused").message;
        let large = "x".repeat(MOST_HEADER_BYTES);
        assert!(refused(request.set_header("a", &large)).contains("262144 bytes in all"));
        assert!(refused(request.set_basic_auth("a", &large)).contains("262144 bytes in all"));
        assert!(refused(request.set_header("Host", "a b")).contains("not a host"));
        for _ in request.headers.len()..MOST_HEADERS {
            request.add_header("a", "b").expect("room");
        }
        assert!(refused(request.add_header("a", "b")).contains("1001 headers"));
        request
            .set_header("a", "b")
            .expect("in place of all others");
    }
}
