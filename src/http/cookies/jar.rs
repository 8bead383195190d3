//! A jar by the crate `cookie_store`, with limits, and with the rules of RFC 6265bis that it does not have.
//!
//! It knows no public suffixes: the list of them is larger than all else here, and out of date in a library that is. A domain
//! of one label, such as `com`, is refused; `co.uk` is not.

use super::text;
use crate::http::http_url::HttpUrl;
use crate::http::invalid::{Invalid, InvalidKind};
use crate::log::{self, Kind, Level};
use crate::sync::lock;
use cookie_store::{Cookie, CookieDomain, CookieStore};
use hyper::http::header::SET_COOKIE;
use hyper::http::{HeaderMap, HeaderValue};
use std::cmp::Reverse;
use std::fmt;
use std::sync::{Arc, Mutex};
use url::Url;

/// The longest `Set-Cookie`: 4096 bytes of name and value, as RFC 6265 asks for at least, and its attributes. Also the longest
/// cookie with the domain and the path that it gets from the URL: a redirect can lead to a URL of any length.
const LONGEST: usize = 4096 + 1024;

/// How many cookies of one domain are kept, as RFC 6265 asks for at least.
const MOST_OF_DOMAIN: usize = 50;

/// How many cookies are kept in all.
const MOST: usize = 1000;

/// The longest `Cookie` that is sent: no server known takes longer ones.
const LONGEST_SENT: usize = 64 * 1024;

/// A jar. Clients share it.
#[derive(Clone)]
pub struct Jar(Arc<Mutex<CookieStore>>);

/// Without the cookies, which are secrets.
impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jar").finish_non_exhaustive()
    }
}

impl Jar {
    /// An empty jar.
    pub fn new() -> Result<Jar, Invalid> {
        Ok(Jar(Arc::default()))
    }

    /// Keeps what a response from this URL sets. The log says why one is not kept.
    pub fn store(&self, url: &HttpUrl, headers: &HeaderMap) {
        let mut lines = headers.get_all(SET_COOKIE).iter().peekable();
        if lines.peek().is_none() || url.zone().is_some() {
            return;
        }
        for line in lines.take(MOST_OF_DOMAIN) {
            // The lock is free again when the log is told: its callback may ask for the cookies.
            if let Err(why) = self.keep(line.as_bytes(), url.url()) {
                log::write(
                    Level::Debug,
                    Kind::Http,
                    format_args!("a cookie is not kept: {why}"),
                );
            }
        }
    }

    fn keep(&self, line: &[u8], url: &Url) -> Result<(), &'static str> {
        let cookie = read(line, url)?;
        let mut store = lock(&self.0);
        spare_secure(&store, &cookie, url)?;
        put(&mut store, cookie, url)
    }

    /// `Cookie` for a request to this URL. A host in a zone gets none: to the rules of cookies it would be the same host as one
    /// of its address in another.
    pub fn header(&self, url: &HttpUrl) -> Option<HeaderValue> {
        if url.zone().is_some() {
            return None;
        }
        let store = lock(&self.0);
        let mut cookies = store.matches(url.url());
        // Those of longer paths first (RFC 6265, section 5.4), else in the order in which they came.
        cookies.sort_by_key(|cookie| Reverse(cookie.path.len()));
        let mut value = String::new();
        for cookie in cookies {
            let (name, content) = cookie.name_value();
            if value.len() + name.len() + content.len() + "; =".len() > LONGEST_SENT {
                break;
            }
            if !value.is_empty() {
                value.push_str("; ");
            }
            value.extend([name, "=", content]);
        }
        let mut value = HeaderValue::try_from(value).ok()?;
        value.set_sensitive(true);
        Some(value).filter(|value| !value.is_empty())
    }

    /// All cookies, as curl and others keep them in files.
    pub fn text(&self) -> String {
        text::write(lock(&self.0).iter_unexpired())
    }

    /// Adds the cookies of such a text: all, or none if one cannot be.
    pub fn add(&self, text: &str) -> Result<(), Invalid> {
        let mut store = lock(&self.0);
        let mut changed = store.clone();
        for (number, line) in (1..).zip(text.lines()) {
            let added = text::read(line).and_then(|read| match read {
                Some((cookie, url)) => put(&mut changed, cookie, &url),
                None => Ok(()),
            });
            added.map_err(|why| {
                let message = format!("line {number} of the cookies: {why}");
                Invalid::new(InvalidKind::Value, message)
            })?;
        }
        *store = changed;
        Ok(())
    }
}

const TOO_LONG: &str = "it is longer than 5120 bytes";

/// Reads a `Set-Cookie`.
fn read(line: &[u8], url: &Url) -> Result<Cookie<'static>, &'static str> {
    if line.len() > LONGEST {
        return Err(TOO_LONG);
    }
    let line = str::from_utf8(line).map_err(|_| "it is not UTF-8")?;
    let cookie = Cookie::parse(line.to_owned(), url);
    cookie.map_err(|_| "it is damaged, or its domain is not one of the server's")
}

/// Puts a cookie into a store, if the rules allow it.
fn put(
    store: &mut CookieStore,
    mut cookie: Cookie<'static>,
    url: &Url,
) -> Result<(), &'static str> {
    check(&mut cookie, url)?;
    make_room(store, &cookie)?;
    match store.insert(cookie, url) {
        // The server has asked to forget one that is not there.
        Ok(_) | Err(cookie_store::CookieError::Expired) => Ok(()),
        Err(_) => Err("its domain is not one of the server's"),
    }
}

/// Leaves secure cookies alone, as RFC 6265bis says: without TLS, whoever is on the way could put others in their place.
fn spare_secure(store: &CookieStore, cookie: &Cookie<'_>, url: &Url) -> Result<(), &'static str> {
    let is_in_its_place = |known: &Cookie<'_>| {
        known.secure() == Some(true)
            && known.name() == cookie.name()
            && known.domain.matches(url)
            && !known.is_expired()
    };
    match url.scheme() != "https" && store.iter_any().any(is_in_its_place) {
        true => Err("a secure one has its name, and the connection is not secure"),
        false => Ok(()),
    }
}

/// The rules of RFC 6265bis, section 5.7, that the crate leaves to its callers.
fn check(cookie: &mut Cookie<'_>, url: &Url) -> Result<(), &'static str> {
    let domain = cookie.domain.as_cow().unwrap_or_default();
    let texts = [cookie.name(), cookie.value(), &domain, &cookie.path];
    if texts.iter().map(|text| text.len()).sum::<usize>() > LONGEST {
        return Err(TOO_LONG);
    }
    // TABs, too, as in curl: they could not be told from those between the fields of a text.
    if texts.iter().any(|text| text.contains(char::is_control)) {
        return Err("it has control characters");
    }
    let is_secure = cookie.secure() == Some(true);
    if let CookieDomain::Suffix(domain) = &cookie.domain
        && !domain.contains('.')
    {
        // As of a public suffix.
        if url.host_str() != Some(domain) {
            return Err("its domain is a top level one");
        }
        cookie.domain = CookieDomain::HostOnly(domain.clone());
    }
    if is_secure && url.scheme() != "https" {
        return Err("it is a secure one, and the connection is not");
    }
    let has_prefix = |prefix: &str| {
        let name = cookie.name().as_bytes().get(..prefix.len());
        name.is_some_and(|name| name.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    let is_of_host = matches!(cookie.domain, CookieDomain::HostOnly(_)) && *cookie.path == *"/";
    if has_prefix("__Secure-") && !is_secure || has_prefix("__Host-") && !(is_secure && is_of_host)
    {
        return Err("its name promises what its attributes do not");
    }
    Ok(())
}

fn make_room(store: &mut CookieStore, cookie: &Cookie<'_>) -> Result<(), &'static str> {
    let domain = cookie.domain.as_cow().unwrap_or_default();
    if store.contains_any(&domain, &cookie.path, cookie.name()) {
        return Ok(());
    }
    let is_full = |store: &CookieStore| {
        let of_domain = store
            .iter_any()
            .filter(|known| known.domain.as_cow().as_ref() == Some(&domain));
        of_domain.count() >= MOST_OF_DOMAIN || store.iter_any().count() >= MOST
    };
    if is_full(store) {
        let expired = store.iter_any().filter(|known| known.is_expired());
        let expired: Vec<_> = expired.cloned().collect();
        for cookie in expired {
            store.remove(&String::from(&cookie.domain), &cookie.path, cookie.name());
        }
    }
    match is_full(store) {
        true => Err("there are too many"),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::Request;

    fn url(text: &str) -> HttpUrl {
        Request::new(text).expect(text).url().clone()
    }

    /// A jar with what responses from these URLs have set.
    fn jar(set: &[(&str, &str)]) -> Jar {
        let jar = Jar::new().expect("a jar");
        for (from, line) in set {
            let mut headers = HeaderMap::new();
            headers.append(SET_COOKIE, HeaderValue::try_from(*line).expect(line));
            jar.store(&url(from), &headers);
        }
        jar
    }

    fn sent(jar: &Jar, to: &str) -> String {
        let value = jar.header(&url(to));
        value.map_or_else(String::new, |value| {
            value.to_str().expect("text").to_owned()
        })
    }

    #[test]
    fn a_cookie_goes_where_the_rules_say_and_nowhere_else() {
        for (from, line, to, goes) in [
            ("http://a.example/", "n=v", "http://a.example/x", true),
            ("http://a.example/", "n=v", "http://a.example:81/", true),
            ("http://a.example/", "n=v", "https://a.example/", true),
            ("http://a.example/", "n=v", "http://b.a.example/", false),
            (
                "http://a.example/",
                "n=v; Domain=a.example",
                "http://b.a.example/",
                true,
            ),
            (
                "http://b.a.example/",
                "n=v; Domain=.a.example",
                "http://a.example/",
                true,
            ),
            (
                "http://a.example/",
                "n=v; Domain=a.example",
                "http://ba.example/",
                false,
            ),
            (
                "http://a.example/",
                "n=v; Domain=b.example",
                "http://b.example/",
                false,
            ),
            (
                "http://a.example/",
                "n=v; Domain=example",
                "http://b.example/",
                false,
            ),
            (
                "http://localhost/",
                "n=v; Domain=localhost",
                "http://localhost/",
                true,
            ),
            (
                "http://localhost/",
                "n=v; Domain=localhost",
                "http://a.localhost/",
                false,
            ),
            (
                "http://10.0.0.1/",
                "n=v; Domain=0.0.1",
                "http://10.0.0.1/",
                false,
            ),
            ("http://a.example/x/y", "n=v", "http://a.example/x/z", true),
            ("http://a.example/x/y", "n=v", "http://a.example/xz", false),
            (
                "http://a.example/",
                "n=v; Path=/x",
                "http://a.example/x/y",
                true,
            ),
            (
                "http://a.example/",
                "n=v; Path=/x",
                "http://a.example/xy",
                false,
            ),
            (
                "https://a.example/",
                "n=v; Secure",
                "https://a.example/",
                true,
            ),
            (
                "https://a.example/",
                "n=v; Secure",
                "http://a.example/",
                false,
            ),
            (
                "http://a.example/",
                "n=v; Secure",
                "https://a.example/",
                false,
            ),
            (
                "http://a.example/",
                "n=v; Max-Age=0",
                "http://a.example/",
                false,
            ),
            (
                "http://a.example/",
                "n=v; Max-Age=9",
                "http://a.example/",
                true,
            ),
            (
                "http://a.example/",
                "n=v; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
                "http://a.example/",
                false,
            ),
            (
                "https://a.example/",
                "__Host-n=v; Secure; Path=/",
                "https://a.example/",
                true,
            ),
            (
                "https://a.example/",
                "__Host-n=v; Secure; Path=/; Domain=a.example",
                "https://a.example/",
                false,
            ),
            (
                "https://a.example/",
                "__secure-n=v",
                "https://a.example/",
                false,
            ),
            ("http://a.example/", "=v", "http://a.example/", false),
            ("http://a.example/", "n=v\tw", "http://a.example/", false),
            (
                "http://a.example/",
                "n=v\u{85}w",
                "http://a.example/",
                false,
            ),
            (
                "http://a.example/x",
                "n=v; Path=/\tx",
                "http://a.example/x",
                false,
            ),
            (
                "http://[fe80::1%257]/",
                "n=v",
                "http://[fe80::1%257]/",
                false,
            ),
            ("http://[fe80::1]/", "n=v", "http://[fe80::1%257]/", false),
        ] {
            let is_sent = !sent(&jar(&[(from, line)]), to).is_empty();
            assert_eq!(is_sent, goes, "{from} {line} {to}");
        }
    }

    #[test]
    fn the_latest_of_a_name_counts_and_longer_paths_come_first() {
        let from = "http://a.example/";
        let jar = jar(&[
            (from, "a=1"),
            (from, "b=2"),
            (from, "c=3; Path=/x"),
            (from, "a=4"),
        ]);
        assert_eq!(sent(&jar, "http://a.example/x"), "c=3; a=4; b=2");
        assert!(jar.header(&url(from)).expect("one").is_sensitive());
        assert!(!format!("{jar:?}").contains('4'));
    }

    #[test]
    fn there_is_a_limit_for_one_domain_and_for_all_and_expired_ones_make_room() {
        let one = Jar::new().expect("a jar");
        let set = |jar: &Jar, host: &str, line: &str| {
            let mut headers = HeaderMap::new();
            headers.append(SET_COOKIE, HeaderValue::try_from(line).expect("a value"));
            jar.store(&url(&format!("http://{host}/")), &headers);
        };
        for number in 0..60 {
            set(&one, "a.example", &format!("{number}=v"));
        }
        assert_eq!(sent(&one, "http://a.example/").split("; ").count(), 50);
        set(&one, "a.example", "0=v; Max-Age=0");
        set(&one, "a.example", "60=v");
        assert!(sent(&one, "http://a.example/").ends_with("; 60=v"));
        set(&one, "a.example", &format!("1={}", "v".repeat(LONGEST)));
        assert!(sent(&one, "http://a.example/").starts_with("1=v; "));
        for number in 0..1100 {
            set(&one, &format!("{number}.example"), "n=v");
        }
        assert_eq!(
            one.text()
                .lines()
                .filter(|line| !line.starts_with('#'))
                .count(),
            1000
        );
    }

    #[test]
    fn no_redirect_makes_a_cookie_longer_than_the_limit() {
        for (len, is_kept) in [(LONGEST / 2, true), (LONGEST, false)] {
            let far = format!("http://a.example/{}/", "x".repeat(len));
            assert_eq!(!sent(&jar(&[(&far, "n=v")]), &far).is_empty(), is_kept);
        }
        let long = "v".repeat(LONGEST);
        let line = format!("a.example\tFALSE\t/\tFALSE\t0\tn\t{long}");
        assert!(Jar::new().expect("a jar").add(&line).is_err());
    }

    #[test]
    fn without_tls_no_secure_cookie_gets_another_value() {
        let secure = ("https://a.example/", "n=v; Secure; Domain=a.example");
        for from in ["http://a.example/", "http://b.a.example/"] {
            for line in ["n=w", "n=w; Domain=a.example", "n=w; Max-Age=0"] {
                let jar = jar(&[secure, (from, line)]);
                assert_eq!(sent(&jar, &from.replace("http:", "https:")), "n=v");
            }
        }
        let jar = jar(&[secure, ("http://a.example/", "m=w")]);
        assert_eq!(sent(&jar, "http://a.example/"), "m=w");
    }

    #[test]
    fn the_log_is_told_when_the_jar_can_be_read_again() {
        let jar = Jar::new().expect("a jar");
        let (of_log, (told, tells)) = (jar.clone(), std::sync::mpsc::channel());
        let this_thread = std::thread::current().id();
        let callback = move |_: &log::Record<'_>| {
            // Other tests write records, too.
            if std::thread::current().id() == this_thread {
                let _ = told.send(of_log.0.try_lock().is_ok());
            }
        };
        log::set(|| Some((Level::Debug, Box::new(callback)))).expect("no callback");
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, HeaderValue::from_static("n=v; Secure"));
        jar.store(&url("http://a.example/"), &headers);
        log::set(|| None).expect("no callback");
        assert_eq!(tells.iter().collect::<Vec<_>>(), [true]);
    }

    #[test]
    fn what_is_read_can_be_added_again() {
        let jar = jar(&[
            (
                "https://a.example/x/y;z/",
                "a=1; Secure; HttpOnly; Max-Age=1000",
            ),
            (
                "http://b.a.example/",
                "b=\"2 3\"; Domain=a.example; Path=/p",
            ),
            ("http://[::1]/", "c="),
            ("http://10.0.0.1/", "d=%41=é"),
        ]);
        let text = jar.text();
        let again = Jar::new().expect("a jar");
        again.add(&text).expect("what was written");
        let until = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
        assert_eq!(until(&again.text()), until(&text));
        for to in [
            "https://a.example/x/y;z/",
            "http://a.example/x/y;z/",
            "http://c.a.example/p",
            "http://[::1]/",
            "http://10.0.0.1/",
        ] {
            assert_eq!(jar.header(&url(to)), again.header(&url(to)), "{to}");
        }
        // Such a file by curl.
        again
            .add(concat!(
                "# Netscape HTTP Cookie File\n\n",
                "#HttpOnly_.c.example\tTRUE\t/\tFALSE\t0\tn\tv\n",
                "d.example\tFALSE\t/\tTRUE\t1\told\tv\n",
            ))
            .expect("cookies");
        assert_eq!(sent(&again, "http://www.c.example/"), "n=v");
        assert_eq!(sent(&again, "https://d.example/"), "");
    }

    #[test]
    fn a_text_that_is_none_is_refused_with_its_line_and_adds_nothing() {
        let jar = Jar::new().expect("a jar");
        let good = "a.example\tFALSE\t/\tFALSE\t0\tn\tv\n";
        for bad in [
            "n=SECRET",
            "a.example\tFALSE\t/\tFALSE\t0\tn",
            "a.example\tperhaps\t/\tFALSE\t0\tn\tSECRET",
            "a.example\tFALSE\t/\tFALSE\tsoon\tn\tSECRET",
            "a.example\tFALSE\tx\tFALSE\t0\tn\tSECRET",
            "a/b\tFALSE\t/\tFALSE\t0\tn\tSECRET",
            "com\tTRUE\t/\tFALSE\t0\tn\tSECRET",
            "a.example\tFALSE\t/\tFALSE\t0\t\tSECRET",
            "a.example\tFALSE\t/\tFALSE\t0\tn\tSECRET;x",
            "a.example\tFALSE\t/\tFALSE\t0\tn\tSECRET\u{1}",
        ] {
            let invalid = jar.add(&format!("{good}{bad}")).expect_err(bad);
            assert!(
                invalid.message.starts_with("line 2 "),
                "{}",
                invalid.message
            );
            assert!(!invalid.message.contains("SECRET"), "{}", invalid.message);
            assert_eq!(sent(&jar, "http://a.example/"), "");
        }
    }
}
