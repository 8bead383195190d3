//! No TLS over whatever leads to a host.

use crate::features::left_out;
use crate::http::connect::transport::Transport;
use crate::http::error::{Error, ErrorKind};
use crate::http::tls::Tls;
use hyper::Uri;

/// Refuses. URLs of servers have been refused before; the environment may still name an https proxy.
pub async fn connect<I>(_: &Tls, _: Uri, _: I) -> Result<Transport, Error> {
    Err(Error::new(ErrorKind::Tls, left_out("TLS")).of_settings())
}
