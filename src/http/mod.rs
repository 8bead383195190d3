//! One request → one byte stream: connecting, proxies, TLS, redirects, and the response with its body.
//!
//! The seam to `stream` is [`open`], which answers with a [`Response`], and [`Body::read`], which lends the next bytes of
//! the body from the reading thread's buffer. How the body's bytes are framed on the wire is nobody's business outside this
//! folder.

mod body;
mod clock;
mod coding;
mod connect;
mod content;
mod error;
mod exchange;
mod file;
mod head;
mod http1;
mod http2;
mod patience;
mod redirect;
mod request;
mod tls;

pub use body::Body;
pub use coding::{Coding, Decoder, codings, has_unknown_coding};
pub use connect::Network;
pub use error::{Answer, Error, ErrorKind};
pub use hyper::http::{HeaderMap, Method};
pub use request::{Invalid, InvalidKind, Request};
pub use tls::{Alpn, MinVersion, Tls, read_roots};

use crate::log::{self, Level};
use hyper::http::header::LOCATION;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;
use url::Url;

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
    /// Whom to trust.
    pub tls: Tls,
    /// The way to the host.
    pub network: Network,
    version: Version,
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
            tls: Tls::default(),
            network: Network::default(),
            version: Version::default(),
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
    fn head_timeout(&self) -> Option<Duration> {
        let limits = [self.response_timeout, self.read_timeout];
        limits.into_iter().flatten().min()
    }

    /// The options for a request that leads to another origin than the one that they were set for: a client certificate is
    /// not that one's to see.
    fn for_other_origin(&self) -> Options {
        Options {
            tls: self.tls.for_other_origin(),
            ..self.clone()
        }
    }
}

/// A response whose head has arrived.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// 10 for HTTP/1.0, 11 for HTTP/1.1, 20 for HTTP/2.
    pub http_version: i32,
    /// The headers.
    pub headers: HeaderMap,
    /// The rest. In a box, because each future that it is handed on through would have room for it.
    pub body: Box<Body>,
}

/// Makes a request and follows redirects; then it is the one that was answered. Dropping the future ends whatever it is
/// doing at once.
pub async fn open(request: &mut Request, options: &Options) -> Result<Response, Error> {
    let mut redirects = 0;
    loop {
        let response = match request.is_elsewhere() {
            false => exchange::exchange(request, options).await?,
            true => exchange_elsewhere(request, options).await?,
        };
        if !redirect::is_redirect(response.status) {
            return Ok(response);
        }
        let followed = if redirects == options.max_redirects {
            Err(Error::new(
                ErrorKind::TooManyRedirects,
                format!("more redirects than the limit of {}", options.max_redirects),
            ))
        } else {
            redirect::follow(request, response.status, response.headers.get_all(LOCATION))
        };
        if let Err(error) = followed {
            // In a box: this future waits for most of its time, for a head.
            return Err(error.with_answer(Box::pin(response.into_answer()).await));
        }
        redirects += 1;
        log::write(
            Level::Debug,
            format_args!(
                "{}: redirected to {}",
                response.status,
                origin(request.url())
            ),
        );
    }
}

/// In a box: it is rare, and what waits for it would have room for its options.
fn exchange_elsewhere<'r>(
    request: &'r mut Request,
    options: &'r Options,
) -> Pin<Box<impl Future<Output = Result<Response, Error>> + 'r>> {
    Box::pin(async move {
        let options = options.for_other_origin();
        exchange::exchange(request, &options).await
    })
}

impl Response {
    /// What an error may tell of this response, the first bytes of its body included.
    pub async fn into_answer(mut self) -> Answer {
        let body = self.body.excerpt().await;
        Answer {
            status: self.status,
            headers: self.headers,
            body,
        }
    }
}

/// The part of a URL that may appear in logs and messages: neither path nor query, which can hold secrets. Costs nothing
/// where nobody wants the line that it is for.
pub fn origin(url: &Url) -> Origin<'_> {
    Origin(url)
}

/// See [`origin`].
#[derive(Debug)]
pub struct Origin<'u>(&'u Url);

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.origin().ascii_serialization())
    }
}
