//! TLS over whatever leads to a host, by hyper-rustls' connector.

use super::secured::Secured;
use super::transport::{Transport, Underlay};
use crate::http::error::{Error, ErrorKind};
use crate::http::tls::{Tls, failure};
use crate::http::way::host::host;
use hyper::Uri;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector};
use std::sync::Arc;
use tower_service::Service;

/// Connects to a URL's host by `inner`, and makes the handshake over that.
pub async fn connect<I>(tls: &Tls, uri: Uri, inner: I) -> Result<Transport, Error>
where
    I: Service<Uri, Response = Underlay, Error = Error>,
    I::Future: Send + 'static,
{
    let host = host(&uri).to_owned();
    // First of all: what cannot be protected is not begun. And the first time takes a while, in which no connection would be
    // looked after.
    let ready = tls.ready_for(&host)?;
    let name = Arc::new(FixedServerNameResolver::new(ready.name.clone()));
    // Not by its builder, which takes no configuration that says what ALPN is.
    let mut connector = HttpsConnector::new(inner, ready.config.clone(), true, name);
    let error = match connector.call(uri).await {
        Ok(secured) => return Ok(Transport::Tls(Box::new(Secured::new(secured)))),
        Err(error) => error,
    };
    let error = match error.downcast::<Error>() {
        Ok(inner) => return Err(*inner),
        Err(error) => failure::handshake(&*error, &host),
    };
    if error.kind == ErrorKind::Certificate {
        ready.was_not_trusted();
    }
    Err(error)
}
