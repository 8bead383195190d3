//! From a host's name to its addresses.

use crate::http::clock::Clock;
use crate::http::error::{Error, ErrorKind};
use crate::http::options::Options;
use crate::http::way::addresses::{Address, MOST, interleaved};
use crate::http::way::host::{host, port};
use crate::http::zone::Zone;
use crate::runtime::lookups;
use hyper::Uri;
use hyper_util::client::legacy::connect::dns::Name;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Instant;
use std::vec;
use tower_service::Service;

/// Where a URL's host is: at least one address, and no more than [`MOST`]. The system's resolver is asked unless the URL or
/// the program says it.
pub async fn resolve(
    uri: &Uri,
    zone: Option<&Zone>,
    options: &Options,
    clock: &Clock,
) -> Result<Vec<SocketAddr>, Error> {
    let (host, port) = (host(uri), port(uri));
    if let Ok(ip) = host.parse() {
        let address = Address {
            ip,
            zone: zone.cloned(),
        };
        return Ok(vec![at(&address, port)?]);
    }
    if let Some(known) = options.network.addresses(host, port) {
        // An interface may be missing, and the other addresses be reached.
        let (found, missing): (Vec<_>, Vec<_>) = known
            .iter()
            .map(|address| at(address, port))
            .partition(Result::is_ok);
        let found: Vec<_> = found.into_iter().flatten().collect();
        return match missing.into_iter().find_map(Result::err) {
            Some(error) if found.is_empty() => Err(error),
            _ => Ok(interleaved(&found, MOST)),
        };
    }
    let found = look_up(host, clock).await.map_err(|error| {
        let what = format_args!("cannot resolve {host}");
        Error::caused(ErrorKind::Resolve, what, &*error)
    })?;
    let mut found = interleaved(&found, MOST);
    if found.is_empty() {
        let what = format!("{host} has no address");
        return Err(Error::new(ErrorKind::Resolve, what));
    }
    for address in &mut found {
        address.set_port(port);
    }
    Ok(found)
}

fn at(address: &Address, port: u16) -> Result<SocketAddr, Error> {
    address.at(port).map_err(|error| {
        let what = format_args!("cannot connect to {address}");
        Error::caused(ErrorKind::Connect, what, &error)
    })
}

async fn look_up(host: &str, clock: &Clock) -> lookups::Found {
    let begun = Instant::now();
    let mut lookup = lookups::look_up(host);
    let waits = clock.pause();
    lookup.begun().await;
    drop(waits);
    let looking_up = clock.looking_up(host);
    let found = lookup.found().await;
    drop(looking_up);
    clock.has_looked_up(begun.elapsed());
    found
}

/// The resolver that hyper-util wants, for addresses that are known.
#[derive(Clone)]
pub struct Known(pub Vec<SocketAddr>);

impl Service<Name> for Known {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(Ok(self.0.clone().into_iter()))
    }
}
