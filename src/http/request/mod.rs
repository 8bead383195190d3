//! A request as it is configured, checked at the setter.

pub mod header;
mod urls;

use crate::http::codings;
use crate::http::cookies::Jar;
use crate::http::error::{Error, ErrorKind};
use crate::http::http_url::HttpUrl;
use crate::http::invalid::{Invalid, InvalidKind};
use bytes::Bytes;
use header::{DEFAULT_HEADERS, Field, LAST_EVENT_ID, Sent, authorization, basic, header_name};
use hyper::http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION,
    CONTENT_TYPE, COOKIE, HOST, HeaderName, HeaderValue,
};
use hyper::http::{HeaderMap, Method, Uri};
use std::borrow::Cow;
use url::Url;
use urls::{User, connectable, split_user};

/// The longest id that is sent, in bytes: many servers read no more of a whole head.
const LONGEST_ID: usize = 8 * 1024;

/// The most headers of a request: as many as of a response. HTTP/2's map of them has a limit, too.
const MOST_HEADERS: usize = 1000;

/// The most bytes of a request's headers, names and values together. No server known takes as many.
const MOST_HEADER_BYTES: usize = 256 * 1024;

/// What stands in place of a URL that is still to come. No client can be given it, because it is not http.
const NO_URL: &str = "about:blank";

#[expect(clippy::expect_used, reason = "a constant, which a test parses")]
fn no_url() -> HttpUrl {
    HttpUrl::new(Url::parse(NO_URL).expect("a URL"), None)
}

/// Whether another origin must not see it.
fn is_credential(field: &Field) -> bool {
    [AUTHORIZATION, COOKIE].contains(&field.name) || field.value.is_sensitive()
}

/// Method, URL, headers and body. `HeaderValue::is_sensitive` marks what another origin must not see.
#[derive(Clone, Debug)]
pub struct Request {
    url: HttpUrl,
    pub(super) method: Method,
    /// No map: they are few, are only ever written one after another, and cost a client nothing while they are the
    /// default.
    pub(super) headers: Cow<'static, [Field]>,
    /// `Authorization` by the URL's user and password: what there is while no other is set.
    by_default: Option<Box<Field>>,
    /// The value of `Last-Event-ID`, apart from the headers so that it is no reason to copy them.
    last_event_id: Option<Box<HeaderValue>>,
    /// What the jar has for the URL, unless the program has said what is sent. In a box: most clients have no jar.
    cookies: Option<Box<Cookies>>,
    /// Whether to ask for codings.
    asks_for_compression: bool,
    /// It leads to another origin than the one that its credentials were given for: none of them is left.
    is_elsewhere: bool,
    /// How many times it has been made.
    times_made: u32,
    pub(super) body: Bytes,
}

/// A jar, and what is sent of it.
#[derive(Clone, Debug)]
struct Cookies {
    jar: Jar,
    value: Option<HeaderValue>,
}

impl Request {
    /// A GET of an event stream.
    pub fn new(url: &str) -> Result<Request, Invalid> {
        let (url, user) = split_user(url)?;
        let mut request = Request::with(url);
        request.authorize(user.map(User::credentials).transpose()?)?;
        Ok(request)
    }

    /// A GET of an event stream that has to be given a URL before it is made.
    pub fn without_url() -> Request {
        Request::with(no_url())
    }

    fn with(url: HttpUrl) -> Request {
        Request {
            url,
            method: Method::GET,
            headers: Cow::Borrowed(&DEFAULT_HEADERS),
            by_default: None,
            last_event_id: None,
            cookies: None,
            asks_for_compression: false,
            is_elsewhere: false,
            times_made: 0,
            body: Bytes::new(),
        }
    }

    /// The URL, without user information and fragment.
    pub fn url(&self) -> &HttpUrl {
        &self.url
    }

    /// Sets the URL; user information in it becomes basic authentication. Another origin gets no credentials but those that
    /// are set after this.
    pub fn set_url(&mut self, url: &str) -> Result<(), Invalid> {
        let (url, user) = split_user(url)?;
        let credentials = user.map(User::credentials).transpose()?;
        if let Some(credentials) = &credentials {
            // Before anything is changed.
            self.check_room(credentials, |known| known.name != AUTHORIZATION)?;
        }
        self.lead_to(url);
        self.authorize(credentials)
    }

    /// Takes the URL's credentials for what there is while no others are set.
    fn authorize(&mut self, credentials: Option<Field>) -> Result<(), Invalid> {
        self.by_default = credentials.map(Box::new);
        match self.by_default.as_deref() {
            Some(credentials) => self.put(credentials.clone()),
            None => Ok(()),
        }
    }

    /// Sets the URL from which all attempts start: what is set after this is for its origin. The user and password of the URL
    /// before it are gone with that.
    pub fn start_from(&mut self, url: &str) -> Result<(), Invalid> {
        let earlier = self.by_default.clone();
        self.set_url(url)?;
        if let (None, Some(earlier)) = (&self.by_default, earlier) {
            self.remove(|field| field.name == AUTHORIZATION && field.value == earlier.value);
        }
        self.is_elsewhere = false;
        Ok(())
    }

    /// Whether it has a URL, not what stands in place of one.
    pub fn has_url(&self) -> bool {
        self.url.url().as_str() != NO_URL
    }

    /// Where a redirect leads, if it may.
    pub(super) fn destination(&self, url: Url) -> Result<HttpUrl, Invalid> {
        Ok(self.url.on_same_link(connectable(url)?))
    }

    /// Turns to where a redirect leads, also to another origin with all that this one was given but the name of its host.
    pub(super) fn redirect_to(&mut self, url: HttpUrl, with_credentials: bool) {
        if with_credentials && url.origin() != self.url.origin() {
            self.remove(|field| field.name == HOST);
            self.url = url;
            self.take_cookies();
        } else {
            self.lead_to(url);
        }
    }

    /// Turns to another URL. If that is of another origin, it leaves behind what was given for the first: credentials, and the
    /// name of the host.
    fn lead_to(&mut self, url: HttpUrl) {
        if self.has_url() && url.origin() != self.url.origin() {
            self.is_elsewhere = true;
            self.by_default = None;
            self.remove(|field| field.name == HOST || is_credential(field));
        }
        self.url = url;
        self.take_cookies();
    }

    /// Sends cookies of a jar, and keeps those that responses set in it. `Cookie` among the headers takes their place.
    pub fn set_jar(&mut self, jar: Jar) {
        self.cookies = Some(Box::new(Cookies { jar, value: None }));
        self.take_cookies();
    }

    /// Takes what there is for the URL.
    fn take_cookies(&mut self) {
        if let Some(cookies) = &mut self.cookies {
            cookies.value = cookies.jar.header(&self.url);
        }
    }

    /// Keeps what a response to this request sets.
    pub(super) fn keep_cookies(&self, headers: &HeaderMap) {
        if let Some(cookies) = &self.cookies {
            cookies.jar.store(&self.url, headers);
        }
    }

    /// Whether it has headers that another origin must not see.
    pub(super) fn has_credentials(&self) -> bool {
        self.headers.iter().any(is_credential)
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

    /// The body; empty for none.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The names, in lower case, and values of all headers but for what the connection itself says.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let fields = self.fields();
        fields.map(|field| (field.name.as_str(), field.value.as_bytes()))
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
        if let (COOKIE, Some(cookies)) = (name, &mut self.cookies) {
            cookies.value = None;
        }
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

    /// Sets `Authorization` to what the URL's user and password make of it; removes it if the URL has none.
    pub fn unset_basic_auth(&mut self) -> Result<(), Invalid> {
        if let Some(credentials) = self.by_default.as_deref() {
            return self.put(credentials.clone());
        }
        self.remove(|field| field.name == AUTHORIZATION);
        Ok(())
    }

    /// Sets `Last-Event-ID`, or removes it for an empty id. An id that is refused is not sent, and none other in its place:
    /// more can come in an event's id than can go out again.
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
                self.last_event_id = Some(value).filter(|value| !value.is_empty()).map(Box::new);
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
        let uri = self.url.url().as_str().parse();
        uri.map_err(|error| Error::caused(ErrorKind::Protocol, what, &error).of_settings())
    }

    /// All headers that are sent but for what the connection itself says.
    pub(super) fn fields(&self) -> impl Iterator<Item = Sent<'_>> {
        // Constants, which cannot be lent.
        static OWN: [HeaderName; 3] = [ACCEPT_ENCODING, COOKIE, LAST_EVENT_ID];
        let [accept_encoding, cookie, last_event_id] = &OWN;
        let asks = self.asks_for_compression && self.header(accept_encoding).is_none();
        let codings = asks.then_some(Sent {
            name: accept_encoding,
            spelling: b"Accept-Encoding",
            value: &codings::ACCEPTED,
        });
        let last_event_id = self.last_event_id.as_ref().map(|id| Sent {
            name: last_event_id,
            spelling: b"Last-Event-ID",
            value: id,
        });
        let cookies = self.cookies.as_deref();
        let cookies = cookies.and_then(|cookies| cookies.value.as_ref());
        let cookies = cookies.filter(|_| self.header(cookie).is_none());
        let cookies = cookies.map(|value| Sent {
            name: cookie,
            spelling: b"Cookie",
            value,
        });
        let headers = self.headers.iter().map(Field::to_send);
        headers.chain(cookies).chain(codings).chain(last_event_id)
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

#[cfg(test)]
mod tests {
    use super::urls::LONGEST_URL;
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
    fn the_user_of_a_url_goes_with_it() {
        let authorization = |request: &Request| request.header(&AUTHORIZATION).cloned();
        let with_user = || Request::new("http://me:secret@host/").expect("a URL");

        let mut request = with_user();
        request.start_from("http://host/other").expect("a URL");
        assert_eq!(authorization(&request), None);

        let mut request = with_user();
        request
            .set_header("Authorization", "Bearer token")
            .expect("a header");
        request.start_from("http://host/other").expect("a URL");
        assert_eq!(
            authorization(&request),
            Some(HeaderValue::from_static("Bearer token"))
        );

        let mut request = with_user();
        let elsewhere = Request::new("http://elsewhere/").expect("a URL");
        request.redirect_to(elsewhere.url, false);
        request.unset_basic_auth().expect("nothing to put");
        assert_eq!(authorization(&request), None);
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

    #[test]
    fn the_origin_is_the_standards() {
        for url in [
            "http://host",
            "HTTP://HOST:80/a?b#c",
            "https://host:443/",
            "https://host:80/",
            "http://user:password@host:8080/a@b:81/",
            "http://[::1]:81?a",
            "http://[2001:DB8::1]/",
            "http://b\u{fc}cher.example:82/",
            "http://0x7f.1/",
        ] {
            let request = Request::new(url).expect(url);
            let origin = request.url().url().origin().ascii_serialization();
            assert_eq!(request.url().origin_text(), origin, "{url}");
        }
    }

    #[test]
    fn a_zone_is_shown_to_the_program_is_part_of_the_origin_and_is_never_sent() {
        let request = |url: &str| Request::new(url).expect(url);
        let zoned = request("http://me:secret@[fe80::1%257]:80/a#b");
        assert_eq!(zoned.url().text(), "http://[fe80::1%257]/a");
        assert_eq!(zoned.url().origin_text(), "http://[fe80::1%257]");
        assert_eq!(zoned.uri().expect("a URI"), "http://[fe80::1]/a");

        let in_zone = |zone| request(&format!("http://[fe80::1{zone}]/b"));
        assert_eq!(in_zone("%257").url().origin(), zoned.url().origin());
        for zone in ["", "%258"] {
            let other = in_zone(zone);
            assert!(other.url().origin() != zoned.url().origin(), "{zone}");
            let mut moved = zoned.clone();
            moved.set_url(&other.url().text()).expect("a URL");
            assert!(moved.is_elsewhere() && !moved.has_credentials(), "{zone}");
        }
    }

    #[test]
    fn a_redirect_to_a_link_local_address_stays_on_its_link() {
        let from = Request::new("http://[fe80::1%257]/a").expect("a URL");
        for (location, to) in [
            ("b", "http://[fe80::1%257]/b"),
            ("http://[fe80::2]/", "http://[fe80::2%257]/"),
            ("http://[2001:db8::1]/", "http://[2001:db8::1]/"),
            ("http://host/", "http://host/"),
        ] {
            let url = from.url().url().join(location).expect("a URL");
            assert_eq!(from.destination(url).expect("a URL").text(), to);
        }
        // And no server says which interface of this machine is used.
        assert!(from.url().url().join("http://[fe80::1%258]/").is_err());
        assert!(from.url().url().join("http://[fe80::1%25eth0]/").is_err());
    }
}
