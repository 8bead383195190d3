//! How requests are made.

use super::cookies::Jar;
use super::tls::Tls;
use super::versions::Alpn;
use super::way::Network;
use std::time::Duration;

/// How requests are made.
#[derive(Clone, Debug)]
pub struct Options {
    /// For name resolution, TCP, the proxy and TLS together; `None` for no limit.
    pub connect_timeout: Option<Duration>,
    /// For a request and the head of its response, once there is a connection; `None` for no limit.
    pub response_timeout: Option<Duration>,
    /// For silence, from the end of the request on; `None` for no limit.
    pub read_timeout: Option<Duration>,
    /// How many redirects one request follows.
    pub max_redirects: u32,
    /// How much of a body an error tells.
    pub max_error_body: usize,
    /// Which servers to trust.
    pub tls: Tls,
    /// The way to the host.
    pub network: Network,
    pub(super) version: Version,
    /// Where cookies are kept; `None` for nowhere.
    pub cookies: Option<Jar>,
}

/// The version of HTTP that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// Over TLS whichever the server chooses, HTTP/2 rather than HTTP/1.1; else HTTP/1.1.
    #[default]
    Negotiated,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, which the server is known to speak.
    Http2,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            connect_timeout: Some(Duration::from_secs(10)),
            response_timeout: Some(Duration::from_secs(300)),
            read_timeout: None,
            max_redirects: 16,
            max_error_body: 4096,
            tls: Tls::default(),
            network: Network::default(),
            version: Version::default(),
            cookies: None,
        }
    }
}

impl Options {
    /// Sets the version of HTTP.
    pub fn set_version(&mut self, version: Version) {
        self.version = version;
        self.tls.set_alpn(match version {
            Version::Negotiated => Alpn::Both,
            Version::Http1 => Alpn::Http1Only,
            Version::Http2 => Alpn::Http2Only,
        });
    }

    /// How long a request may wait for the head of its response, which is silence, too.
    pub(super) fn head_timeout(&self) -> Option<Duration> {
        let limits = [self.response_timeout, self.read_timeout];
        limits.into_iter().flatten().min()
    }

    /// The options for a request that leads to another origin than the one that they were set for: a client certificate is
    /// not that one's to see.
    pub(super) fn for_other_origin(&self) -> Options {
        Options {
            tls: self.tls.for_other_origin(),
            ..self.clone()
        }
    }
}
