//! Proxies: what a proxy's URL says, and what the environment says of proxies.

use crate::features;
use crate::http::invalid::{Invalid, InvalidKind};
use crate::http::request::header::basic;
use crate::http::zone::Zone;
use crate::process;
use hyper::Uri;
use hyper::http::HeaderValue;
use percent_encoding::percent_decode_str;
use std::fmt;
use std::sync::Arc;
use url::{Host, Url};

/// A proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    protocol: Protocol,
    uri: Uri,
    /// The zone of its host.
    zone: Option<Zone>,
    user: Option<User>,
}

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// SOCKS5; it is given addresses.
    Socks5,
    /// SOCKS5; it is given names.
    Socks5h,
}

#[derive(Clone, PartialEq, Eq)]
enum User {
    /// `Proxy-Authorization`.
    Http(HeaderValue),
    Socks(String, String),
}

impl Protocol {
    fn of(scheme: &str) -> Option<Protocol> {
        Some(match &*scheme.to_ascii_lowercase() {
            "http" => Protocol::Http,
            "https" => Protocol::Https,
            "socks5" => Protocol::Socks5,
            "socks5h" => Protocol::Socks5h,
            _ => return None,
        })
    }

    /// Whether it is a SOCKS protocol.
    pub fn is_socks(self) -> bool {
        matches!(self, Protocol::Socks5 | Protocol::Socks5h)
    }

    /// The scheme that says whether TLS is spoken with it.
    fn transport(self) -> &'static str {
        match self {
            Protocol::Https => "https",
            Protocol::Http | Protocol::Socks5 | Protocol::Socks5h => "http",
        }
    }

    /// curl's.
    fn default_port(self) -> u16 {
        match self {
            Protocol::Https => 443,
            Protocol::Http | Protocol::Socks5 | Protocol::Socks5h => 1080,
        }
    }
}

impl Proxy {
    /// Reads a URL; without a scheme, of an HTTP proxy.
    pub fn parse(text: &str) -> Result<Proxy, Invalid> {
        // No message quotes what may be a password.
        let invalid = |why: &str| Invalid::new(InvalidKind::Url, format!("the proxy's URL: {why}"));
        let (scheme, rest) = text
            .trim()
            .split_once("://")
            .unwrap_or(("http", text.trim()));
        let protocol = Protocol::of(scheme)
            .ok_or_else(|| invalid("its scheme is not http, https, socks5 or socks5h"))?;
        if protocol == Protocol::Https && !features::TLS {
            return Err(Invalid::unsupported("TLS"));
        }
        // As of a scheme that the parser does not know, for which it drops no port.
        let text = format!("proxy://{rest}");
        let (text, zone) = Zone::cut(&text).map_err(|why| invalid(&format!("its zone: {why}")))?;
        let url = Url::parse(&text).map_err(|error| invalid(&error.to_string()))?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("there is something behind its host and port"));
        }
        let host = url.host_str().unwrap_or_default();
        let host = Host::parse(host).map_err(|error| invalid(&error.to_string()))?;
        let port = url.port().unwrap_or(protocol.default_port());
        if port == 0 {
            return Err(invalid("its port is 0, where no proxy can be"));
        }
        Ok(Proxy {
            protocol,
            uri: format!("{}://{host}:{port}", protocol.transport())
                .parse()
                .map_err(|_| invalid("its host is not one"))?,
            zone,
            user: User::of(&url, protocol)?,
        })
    }

    /// What it speaks.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Where it is.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// In which zone that is.
    pub fn zone(&self) -> Option<&Zone> {
        self.zone.as_ref()
    }

    /// The value of `Proxy-Authorization`.
    pub fn authorization(&self) -> Option<&HeaderValue> {
        match &self.user {
            Some(User::Http(value)) => Some(value),
            _ => None,
        }
    }

    /// User and password for SOCKS.
    pub fn socks_user(&self) -> Option<(&str, &str)> {
        match &self.user {
            Some(User::Socks(name, password)) => Some((name, password)),
            _ => None,
        }
    }
}

/// Host and port, never the credentials.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.uri.authority();
        let place = authority.map_or("", |authority| authority.as_str());
        match &self.zone {
            None => f.write_str(place),
            Some(zone) => f.write_str(&zone.put_into(place)),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({:?} {self})", self.protocol)
    }
}

impl User {
    fn of(url: &Url, protocol: Protocol) -> Result<Option<User>, Invalid> {
        if url.username().is_empty() && url.password().is_none() {
            return Ok(None);
        }
        let invalid =
            |why: &str| Invalid::new(InvalidKind::Url, format!("the proxy's user: {why}"));
        let decoded = |text| {
            percent_decode_str(text)
                .decode_utf8()
                .map_err(|_| invalid("it is not UTF-8"))
        };
        let name = decoded(url.username())?;
        let password = decoded(url.password().unwrap_or_default())?;
        if !protocol.is_socks() {
            let value = basic(&name, &password).map_err(|error| invalid(&error.message))?;
            return Ok(Some(User::Http(value)));
        }
        let fits = |text: &str| (1..=255).contains(&text.len());
        if !fits(&name) || !fits(&password) {
            return Err(invalid(
                "for SOCKS5 both name and password have from 1 to 255 bytes",
            ));
        }
        Ok(Some(User::Socks(name.into_owned(), password.into_owned())))
    }
}

/// What the environment says of proxies, by curl's rules: lower case comes first, an empty variable is none. curl knows no
/// `HTTP_PROXY`, which in a CGI program is a header that anybody can send; here it counts in other programs. Of a URL that
/// is none: why.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Environment {
    http: Option<Result<Arc<Proxy>, String>>,
    https: Option<Result<Arc<Proxy>, String>>,
    pub no_proxy: Option<Box<str>>,
}

impl Environment {
    /// Reads the process's environment; `None` when it says nothing, or does not count.
    pub fn read() -> Option<Arc<Environment>> {
        if process::is_privileged() {
            return None;
        }
        let environment = Environment::of(|name| {
            let value = std::env::var_os(name)?;
            Some(value.to_string_lossy().into_owned())
        });
        (environment != Environment::default()).then(|| Arc::new(environment))
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Environment {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = variable(name).filter(|value| !value.is_empty())?;
                Some((*name, value))
            })
        };
        let proxy = |(name, value): (&str, String)| {
            Proxy::parse(&value)
                .map(Arc::new)
                .map_err(|invalid| format!("environment variable {name}: {}", invalid.message))
        };
        // Each is looked up once at most: every start of a client does that.
        let all = first(&["all_proxy", "ALL_PROXY"]);
        let http = first(&["http_proxy"]).or_else(|| {
            let anybodys = first(&["HTTP_PROXY"])?;
            variable("REQUEST_METHOD").is_none().then_some(anybodys)
        });
        let https = first(&["https_proxy", "HTTPS_PROXY"]);
        Environment {
            http: http.or_else(|| all.clone()).map(proxy),
            https: https.or(all).map(proxy),
            no_proxy: first(&["no_proxy", "NO_PROXY"]).map(|(_, value)| value.into()),
        }
    }

    /// The proxy for a URL's scheme.
    pub fn proxy_for(&self, scheme: &str) -> Option<&Result<Arc<Proxy>, String>> {
        match scheme {
            "https" => self.https.as_ref(),
            _ => self.http.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Proxy {
        Proxy::parse(text).expect(text)
    }

    #[test]
    fn a_url_says_where_a_proxy_is_and_what_it_speaks() {
        for (text, protocol, place) in [
            ("http://proxy:3128", Protocol::Http, "proxy:3128"),
            ("http://proxy:80/", Protocol::Http, "proxy:80"),
            ("proxy:3128", Protocol::Http, "proxy:3128"),
            ("user:secret@proxy:3128", Protocol::Http, "proxy:3128"),
            ("10.0.0.1", Protocol::Http, "10.0.0.1:1080"),
            (
                "HTTPS://Proxy.Example",
                Protocol::Https,
                "proxy.example:443",
            ),
            ("socks5://[::1]", Protocol::Socks5, "[::1]:1080"),
            (
                "socks5h://bücher.example:1",
                Protocol::Socks5h,
                "xn--bcher-kva.example:1",
            ),
        ] {
            let proxy = parsed(text);
            assert_eq!(proxy.protocol(), protocol, "{text}");
            assert_eq!(proxy.to_string(), place, "{text}");
        }
    }

    #[test]
    fn a_proxy_may_be_in_a_zone() {
        for (text, place) in [
            ("http://me:secret@[fe80::1%257]:3128", "[fe80::1%257]:3128"),
            ("[fe80::1%257]", "[fe80::1%257]:1080"),
        ] {
            let proxy = parsed(text);
            assert_eq!(proxy.to_string(), place);
            assert_eq!(proxy.zone(), Some(&Zone::parse("7").expect("a zone")));
            assert_eq!(proxy.uri().host(), Some("[fe80::1]"));
        }
        for text in ["http://[::1%257]", "http://[fe80::1%250]"] {
            assert!(Proxy::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn user_and_password_are_percent_decoded_and_never_shown() {
        let proxy = parsed("http://us%20er:p%40ss%3A%2F@proxy");
        let value = proxy.authorization().expect("credentials");
        assert_eq!(value, "Basic dXMgZXI6cEBzczov");
        assert!(value.is_sensitive());
        let socks = parsed("socks5://us%20er:p%40ss@proxy");
        assert_eq!(socks.socks_user(), Some(("us er", "p@ss")));
        for proxy in [proxy, socks] {
            let shown = format!("{proxy} {proxy:?}");
            assert!(!shown.contains("us") && !shown.contains("ss@"), "{shown}");
        }
        assert_eq!(parsed("http://proxy").authorization(), None);
    }

    #[test]
    fn a_bad_url_is_refused_without_quoting_it() {
        let long = format!("socks5://secret:{}@proxy", "x".repeat(256));
        for text in [
            "",
            "http://",
            "http://secret@",
            "ftp://secret@proxy",
            "socks4://secret@proxy",
            "http://secret@proxy:99999",
            "http://secret@proxy:port",
            "http://secret@pro xy",
            "http://secret@proxy/path",
            "http://secret@proxy?query",
            "http://secret@proxy#fragment",
            "http://secret%3A:secret@proxy",
            "http://secret%0A@proxy",
            "http://secret%FF@proxy",
            "socks5://secret@proxy",
            "socks5://:secret@proxy",
            &long,
        ] {
            let invalid = Proxy::parse(text).expect_err(text);
            assert_eq!(invalid.kind, InvalidKind::Url, "{text}");
            assert!(!invalid.message.contains("secret"), "{}", invalid.message);
        }
    }

    /// What the environment has for http and for https, and its exceptions.
    fn environment(variables: &[(&str, &str)]) -> [String; 3] {
        let environment = Environment::of(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        let shown = |scheme: &str| match environment.proxy_for(scheme) {
            None => String::new(),
            Some(Ok(proxy)) => proxy.to_string(),
            Some(Err(why)) => why.clone(),
        };
        let no_proxy = environment.no_proxy.as_deref().unwrap_or_default();
        [shown("http"), shown("https"), no_proxy.to_owned()]
    }

    #[test]
    fn the_environment_is_read_by_curls_rules() {
        for (variables, said) in [
            (&[][..], ["", "", ""]),
            (&[("http_proxy", "a:1")], ["a:1", "", ""]),
            (&[("HTTP_PROXY", "a:1")], ["a:1", "", ""]),
            (
                &[("HTTP_PROXY", "a:1"), ("REQUEST_METHOD", "GET")],
                ["", "", ""],
            ),
            (
                &[("http_proxy", "a:1"), ("REQUEST_METHOD", "GET")],
                ["a:1", "", ""],
            ),
            (&[("HTTPS_PROXY", "a:1")], ["", "a:1", ""]),
            (
                &[("https_proxy", "a:1"), ("HTTPS_PROXY", "b:2")],
                ["", "a:1", ""],
            ),
            (
                &[("all_proxy", "a:1"), ("ALL_PROXY", "b:2")],
                ["a:1", "a:1", ""],
            ),
            (
                &[("ALL_PROXY", "a:1"), ("https_proxy", "b:2")],
                ["a:1", "b:2", ""],
            ),
            (
                &[("http_proxy", ""), ("all_proxy", "a:1")],
                ["a:1", "a:1", ""],
            ),
            (&[("no_proxy", "c"), ("NO_PROXY", "d")], ["", "", "c"]),
            (&[("no_proxy", ""), ("NO_PROXY", "d")], ["", "", "d"]),
        ] {
            assert_eq!(environment(variables), said, "{variables:?}");
        }
    }

    #[test]
    fn a_bad_url_in_the_environment_is_not_taken_for_none() {
        let [http, https, _] = environment(&[("ALL_PROXY", "ftp://secret@proxy")]);
        assert_eq!(http, https);
        assert!(
            http.contains("ALL_PROXY") && !http.contains("secret"),
            "{http}"
        );
    }
}
