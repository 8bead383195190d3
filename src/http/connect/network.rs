//! The way to a host, as it is configured, checked at the setter.

use super::no_proxy;
use super::proxy::{Environment, Proxy};
use super::resolve::{Addresses, Override};
use super::unix;
use crate::http::error::{Error, ErrorKind};
use crate::http::request::{Invalid, InvalidKind};
use hyper::Uri;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The way to a host. In a box: most clients say nothing of it, and an open stream is to be small.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network(Option<Box<Ways>>);

/// What is said of it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Ways {
    proxy: Choice,
    /// `None` for what the environment says.
    no_proxy: Option<Box<str>>,
    environment: Option<Arc<Environment>>,
    unix_socket: Option<Box<Path>>,
    overrides: Vec<Override>,
}

/// What is said where nothing is.
static NOTHING: Ways = Ways {
    proxy: Choice::Environment,
    no_proxy: None,
    environment: None,
    unix_socket: None,
    overrides: Vec::new(),
};

/// Which proxy is used.
#[derive(Clone, Debug, Default, PartialEq)]
enum Choice {
    /// What the environment says.
    #[default]
    Environment,
    /// None, whatever the environment says.
    Off,
    This(Arc<Proxy>),
}

/// The way to a URL's host.
#[derive(Debug)]
pub enum Route<'n> {
    /// TCP.
    Direct,
    /// A Unix socket, whatever the host is.
    Unix(&'n Path),
    /// An HTTP proxy that makes the request in its own name.
    Forward(&'n Proxy),
    /// A proxy that passes bytes on.
    Tunnel(&'n Proxy),
}

impl Network {
    fn ways(&self) -> &Ways {
        self.0.as_deref().unwrap_or(&NOTHING)
    }

    fn ways_mut(&mut self) -> &mut Ways {
        self.0.get_or_insert_default()
    }

    /// Sets the proxy for all hosts; none for an empty text, what the environment says for `None`.
    pub fn set_proxy(&mut self, url: Option<&str>) -> Result<(), Invalid> {
        self.ways_mut().proxy = match url {
            None => Choice::Environment,
            Some("") => Choice::Off,
            Some(url) => Choice::This(Arc::new(Proxy::parse(url)?)),
        };
        Ok(())
    }

    /// Sets which hosts are reached without the proxy; `None` for what the environment says.
    pub fn set_no_proxy(&mut self, list: Option<&str>) {
        self.ways_mut().no_proxy = list.map(Box::from);
    }

    /// Sets the Unix socket at which all hosts are; empty for none.
    pub fn set_unix_socket(&mut self, path: &str) -> Result<(), Invalid> {
        self.ways_mut().unix_socket = match path {
            "" => None,
            path => Some(unix::check(path)?.into()),
        };
        Ok(())
    }

    /// Adds where a host is, as `host:port:address[,address]...`, or says it anew; empty to forget all.
    pub fn set_resolve(&mut self, entry: &str) -> Result<(), Invalid> {
        let overrides = &mut self.ways_mut().overrides;
        if entry.is_empty() {
            *overrides = Vec::new();
            return Ok(());
        }
        let entry = Override::parse(entry).map_err(|why| {
            Invalid::new(
                InvalidKind::Value,
                format!("not host:port:address[,address]...: {why}"),
            )
        })?;
        overrides.retain(|known| !known.is_replaced_by(&entry));
        overrides.push(entry);
        Ok(())
    }

    /// The same with what the environment says now, if that counts and is other than what is known of it.
    pub fn renewed(&self) -> Option<Network> {
        let ways = self.ways();
        let environment = ways.heeds_environment().then(Environment::read)?;
        (environment != ways.environment).then(|| {
            let mut renewed = self.clone();
            renewed.ways_mut().environment = environment;
            renewed
        })
    }

    /// The way to a URL's host.
    pub fn route(&self, uri: &Uri) -> Result<Route<'_>, Error> {
        let ways = self.ways();
        if let Some(path) = &ways.unix_socket {
            return Ok(Route::Unix(path));
        }
        let scheme = uri.scheme_str().unwrap_or_default();
        let environment = ways.environment.as_deref();
        let proxy = match &ways.proxy {
            Choice::Off => None,
            Choice::This(proxy) => Some(Ok(&**proxy)),
            Choice::Environment => environment
                .and_then(|environment| environment.proxy_for(scheme))
                .map(Result::as_ref),
        };
        let no_proxy = ways.no_proxy.as_deref();
        let no_proxy = no_proxy.or(environment.and_then(|e| e.no_proxy.as_deref()));
        let Some(proxy) = proxy else {
            return Ok(Route::Direct);
        };
        if no_proxy.is_some_and(|list| no_proxy::excepts(list, host(uri))) {
            return Ok(Route::Direct);
        }
        // Never without a proxy that was meant to be used.
        let proxy = proxy.map_err(|why| Error::new(ErrorKind::Proxy, why.clone()).of_settings())?;
        Ok(match scheme {
            "http" if !proxy.protocol().is_socks() => Route::Forward(proxy),
            _ => Route::Tunnel(proxy),
        })
    }

    /// Where a host is said to be.
    pub fn addresses(&self, host: &str, port: u16) -> Option<Addresses> {
        let known = self.ways().overrides.iter();
        let known = known.filter(|entry| entry.is_of(host, port));
        // What is said of this host comes before what is said of all.
        known
            .max_by_key(|entry| entry.has_host())
            .map(Override::addresses)
    }
}

impl Ways {
    fn heeds_environment(&self) -> bool {
        let proxy_may_be_used = self.unix_socket.is_none() && !matches!(self.proxy, Choice::Off);
        proxy_may_be_used && (matches!(self.proxy, Choice::Environment) || self.no_proxy.is_none())
    }
}

impl<'n> Route<'n> {
    /// The proxy that is sent the request, rather than bytes for somebody else.
    pub fn forwarder(&self) -> Option<&'n Proxy> {
        match self {
            Route::Forward(proxy) => Some(proxy),
            _ => None,
        }
    }
}

/// What follows "to such a host" in a message.
impl fmt::Display for Route<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Route::Direct => Ok(()),
            Route::Unix(path) => write!(f, " at {}", path.display()),
            Route::Forward(proxy) | Route::Tunnel(proxy) => write!(f, " through the proxy {proxy}"),
        }
    }
}

/// A URL's host, an IPv6 address without its brackets.
pub fn host(uri: &Uri) -> &str {
    let host = uri.host().unwrap_or_default();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host)
}

/// A URL's port, or its scheme's.
pub fn port(uri: &Uri) -> u16 {
    let default = match uri.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    uri.port_u16().unwrap_or(default)
}
