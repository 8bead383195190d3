//! The way to a host, as it is configured, checked at the setter.

use super::addresses::{Addresses, Override, Place};
use super::host::host;
use super::interface::Interface;
use super::no_proxy;
use super::proxy::{Environment, Proxy};
use crate::features::{self, left_out};
use crate::http::error::{Error, ErrorKind};
use crate::http::invalid::{Invalid, InvalidKind};
use crate::http::zone::Zone;
use hyper::Uri;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The way to a host. Apart: most clients say nothing of it, and an open stream is to be small. Shared: each connection takes
/// it along.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network(Option<Arc<Ways>>);

/// What is said of it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Ways {
    proxy: Choice,
    /// `None` for what the environment says.
    no_proxy: Option<Box<str>>,
    environment: Option<Arc<Environment>>,
    unix_socket: Option<Arc<Path>>,
    overrides: Vec<Override>,
    interface: Option<Interface>,
}

/// What is said where nothing is.
static NOTHING: Ways = Ways {
    proxy: Choice::Environment,
    no_proxy: None,
    environment: None,
    unix_socket: None,
    overrides: Vec::new(),
    interface: None,
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
#[derive(Clone, Debug)]
pub enum Route {
    /// TCP, to an address in this zone.
    Direct(Option<Zone>),
    /// A Unix socket, whatever the host is.
    Unix(Arc<Path>),
    /// An HTTP proxy that makes the request in its own name.
    Forward(Arc<Proxy>),
    /// A proxy that passes bytes on.
    Tunnel(Arc<Proxy>),
}

impl Network {
    fn ways(&self) -> &Ways {
        self.0.as_deref().unwrap_or(&NOTHING)
    }

    fn ways_mut(&mut self) -> &mut Ways {
        Arc::make_mut(self.0.get_or_insert_default())
    }

    /// Sets the proxy for all hosts; none for an empty text, what the environment says for `None`.
    pub fn set_proxy(&mut self, url: Option<&str>) -> Result<(), Invalid> {
        self.ways_mut().proxy = match url {
            None => Choice::Environment,
            Some("") => Choice::Off,
            Some(_) if !features::PROXIES => return Err(Invalid::unsupported("proxies")),
            Some(url) => Choice::This(Arc::new(Proxy::parse(url)?)),
        };
        Ok(())
    }

    /// Sets which hosts are reached without the proxy; `None` for what the environment says.
    pub fn set_no_proxy(&mut self, list: Option<&str>) {
        self.ways_mut().no_proxy = list.map(Box::from);
    }

    /// Sets the Unix socket at which all hosts are; `None` for none.
    pub fn set_unix_socket(&mut self, path: Option<&str>) -> Result<(), Invalid> {
        self.ways_mut().unix_socket = match path {
            None => None,
            Some("") => {
                let message = "the path of the Unix socket is empty";
                return Err(Invalid::new(InvalidKind::Value, message));
            }
            Some(path) => Some(socket_path(path)?.into()),
        };
        Ok(())
    }

    /// Sets from where connections are made; `None` for what the routes say.
    pub fn set_interface(&mut self, interface: Option<&str>) -> Result<(), Invalid> {
        let no_interface = |why: &str| {
            let message = format!("not an interface or a local address: {why}");
            Invalid::new(InvalidKind::Value, message)
        };
        self.ways_mut().interface = match interface {
            None => None,
            Some(text) => Some(Interface::parse(text).map_err(no_interface)?),
        };
        Ok(())
    }

    /// From where connections are made.
    pub fn interface(&self) -> Option<&Interface> {
        self.ways().interface.as_ref()
    }

    /// Says where a host is, as `host:port:address[,address]...`, in place of what was said of it.
    pub fn set_resolve(&mut self, entry: &str) -> Result<(), Invalid> {
        self.put_override(Override::parse(entry).map_err(no_entry)?);
        Ok(())
    }

    /// The same, beside what was said of it.
    pub fn add_resolve(&mut self, entry: &str) -> Result<(), Invalid> {
        let mut entry = Override::parse(entry).map_err(no_entry)?;
        let mut known = self.ways().overrides.iter();
        if let Some(known) = known.find(|known| known.is_of_same(&entry)) {
            entry = known.and(&entry).map_err(no_entry)?;
        }
        self.put_override(entry);
        Ok(())
    }

    fn put_override(&mut self, entry: Override) {
        let overrides = &mut self.ways_mut().overrides;
        overrides.retain(|known| !known.is_of_same(&entry));
        overrides.push(entry);
    }

    /// Forgets what was said of a host, `host:port`.
    pub fn remove_resolve(&mut self, host: &str) -> Result<(), Invalid> {
        let of = Place::parse(host)
            .map_err(|why| Invalid::new(InvalidKind::Value, format!("not host:port: {why}")))?;
        if self
            .ways()
            .overrides
            .iter()
            .any(|known| known.is_of_place(&of))
        {
            let overrides = &mut self.ways_mut().overrides;
            overrides.retain(|known| !known.is_of_place(&of));
        }
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

    /// The way to a URL's host, which is in this zone.
    pub fn route(&self, uri: &Uri, zone: Option<&Zone>) -> Result<Route, Error> {
        let ways = self.ways();
        if let Some(path) = &ways.unix_socket {
            return Ok(Route::Unix(path.clone()));
        }
        let scheme = uri.scheme_str().unwrap_or_default();
        let environment = ways.environment.as_deref();
        let proxy = match &ways.proxy {
            Choice::Off => None,
            Choice::This(proxy) => Some(Ok(proxy)),
            Choice::Environment => environment
                .and_then(|environment| environment.proxy_for(scheme))
                .map(Result::as_ref),
        };
        let no_proxy = ways.no_proxy.as_deref();
        let no_proxy = no_proxy.or(environment.and_then(|e| e.no_proxy.as_deref()));
        let Some(proxy) = proxy else {
            return Ok(Route::Direct(zone.cloned()));
        };
        if no_proxy.is_some_and(|list| no_proxy::excepts(list, host(uri))) {
            return Ok(Route::Direct(zone.cloned()));
        }
        // Never without a proxy that was meant to be used.
        let proxy = proxy.map_err(|why| Error::new(ErrorKind::Proxy, why.clone()).of_settings())?;
        if !features::PROXIES {
            let what = format!(
                "the environment names the proxy {proxy}, but {}",
                left_out("proxies")
            );
            return Err(Error::new(ErrorKind::Proxy, what).of_settings());
        }
        if zone.is_some() {
            let message = "a proxy cannot be told of a zone, which is one of this machine: except the host from the proxy";
            return Err(Error::new(ErrorKind::Proxy, message).of_settings());
        }
        let proxy = proxy.clone();
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

impl Route {
    /// The proxy that is sent the request, rather than bytes for somebody else.
    pub fn forwarder(&self) -> Option<&Proxy> {
        match self {
            Route::Forward(proxy) => Some(proxy),
            _ => None,
        }
    }
}

fn no_entry(why: &str) -> Invalid {
    Invalid::new(
        InvalidKind::Value,
        format!("not host:port:address[,address]...: {why}"),
    )
}

/// What follows "to such a host" in a message.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Route::Direct(_) => Ok(()),
            Route::Unix(path) => write!(f, " at {}", path.display()),
            Route::Forward(proxy) | Route::Tunnel(proxy) => write!(f, " through the proxy {proxy}"),
        }
    }
}

/// A path at which a socket can be.
fn socket_path(path: &str) -> Result<&Path, Invalid> {
    let invalid = |why: String| Invalid::new(InvalidKind::Value, why);
    #[cfg(unix)]
    std::os::unix::net::SocketAddr::from_pathname(path)
        .map_err(|error| invalid(format!("the path is not one of a Unix socket: {error}")))?;
    if cfg!(not(unix)) {
        return Err(invalid("this system has no Unix sockets".into()));
    }
    Ok(Path::new(path))
}
