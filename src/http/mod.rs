//! One request → one body: connecting, proxies, TLS, redirects, and the response with its body.
//!
//! The seam to `stream` is [`open`], which returns a [`Response`], and [`Body::read`], which lends the next bytes of the body
//! from the reading thread's buffer. How those bytes are framed on the wire does not matter outside this folder.
//!
//! Internal: public for the library's own tests and fuzzing, not an API.
//!
//! The modules stand in layers, the lowest first. A layer uses those before it in this list and none behind it, and no module
//! uses one that uses it, inside the folders neither. For that each names what it uses where that is defined, not here.

// What is said.
mod codings;
#[cfg(feature = "cookies")]
mod cookies;
#[cfg(not(feature = "cookies"))]
#[path = "without/cookies.rs"]
mod cookies;
mod error;
mod facts;
mod head;
mod http_url;
mod invalid;
mod origin;
mod request;
mod versions;
mod zone;

// How long may be waited.
mod clock;
mod patience;

// The way to a host, and which certificates to trust on it.
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "without/tls.rs"]
mod tls;
mod way;

// All that is said of requests together.
mod options;

// Connecting.
mod connect;

// The versions of HTTP, and how they frame content.
mod http1;
#[cfg(feature = "http2")]
mod http2;
#[cfg(not(feature = "http2"))]
#[path = "without/http2.rs"]
mod http2;

// Content, decoded: the body.
mod body;
mod content;
#[cfg(feature = "codings")]
mod decoding;
#[cfg(not(feature = "codings"))]
#[path = "without/decoding.rs"]
mod decoding;
mod response;

// The exchange, and redirects.
mod exchange;
mod open;
mod redirect;

pub use body::Body;
pub use codings::{Coding, codings, has_unknown_coding};
pub use cookies::Jar;
pub use decoding::Decoder;
pub use error::{Error, ErrorKind, ErrorResponse};
pub use facts::{Facts, Peer, TlsVersion, Took};
pub use http_url::HttpUrl;
pub use hyper::http::{HeaderMap, Method};
pub use invalid::{Invalid, InvalidKind};
pub use open::{Answer, Redirected, open};
pub use options::{Options, Version};
pub use origin::origin;
pub use redirect::{Following, Redirect};
pub use request::Request;
pub use response::Response;
#[cfg(target_os = "android")]
pub use tls::init_android;
pub use tls::{KeyLog, Tls, read_client_cert, read_roots};
pub use versions::{Alpn, MinVersion};
pub use way::Network;
