//! No tunnels through proxies. What would need one is refused before: by `way::Network`.

use crate::features::left_out;
use crate::http::clock::Clock;
use crate::http::connect::transport::Transport;
use crate::http::error::{Error, ErrorKind};
use crate::http::options::Options;
use crate::http::way::proxy::Proxy;
use hyper::Uri;

pub async fn by_connect(_: &Proxy, _: &Uri, _: Transport) -> Result<Transport, Error> {
    Err(refused())
}

pub async fn by_socks(_: &Proxy, _: &Uri, _: &Options, _: &Clock) -> Result<Transport, Error> {
    Err(refused())
}

fn refused() -> Error {
    Error::new(ErrorKind::Proxy, left_out("proxies")).of_settings()
}
