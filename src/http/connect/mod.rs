//! From a URL to a transport: a connection to the host, or to the proxy that is to make the request.

mod patient;
mod proxy_failure;
mod resolve;
#[cfg(feature = "tls")]
mod secure;
#[cfg(not(feature = "tls"))]
#[path = "../without/secure.rs"]
mod secure;
#[cfg(feature = "tls")]
mod secured;
#[cfg(not(feature = "tls"))]
#[path = "../without/secured.rs"]
mod secured;
pub mod tcp;
pub mod transport;
#[cfg(feature = "proxies")]
mod tunnel;
#[cfg(not(feature = "proxies"))]
#[path = "../without/tunnel.rs"]
mod tunnel;
mod unix;

pub use proxy_failure::refused;

use super::clock::Clock;
use super::error::Error;
use super::facts::{Facts, Peer, Took};
use super::options::Options;
use super::way::Route;
use super::way::proxy::{Protocol, Proxy};
use hyper::Uri;
use patient::Patient;
use proxy_failure::no_way_to;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;
use tower_service::Service;
use transport::{Transport, Underlay};

/// Connects to a URL's host; or to the proxy that is to make the request.
pub async fn connect(
    uri: Uri,
    route: &Route,
    options: &Options,
    clock: &Clock,
) -> Result<(Transport, Box<Facts>), Error> {
    let begun = Instant::now();
    let is_secure = uri.scheme_str() == Some("https");
    let transport = match is_secure {
        true => {
            let inner = InnerConnector::new(route.clone(), options, clock);
            Box::pin(secure::connect(&options.tls, uri, inner)).await?
        }
        false => lead(uri, route, options, clock).await?,
    };
    let (took, marks) = (begun.elapsed(), clock.marks());
    let lead = if is_secure { marks.lead } else { took };
    let facts = Facts {
        peer: match route {
            Route::Unix(path) => Peer::Unix(path.clone()),
            _ => transport.peer(),
        },
        // To a proxy that makes the request there may be another, which is not the server's.
        tls_version: transport.tls_version().filter(|_| is_secure),
        is_reused: false,
        took: Took {
            resolve: marks.resolve,
            connect: Some(lead.saturating_sub(marks.resolve.unwrap_or_default())),
            tls: is_secure.then(|| took.saturating_sub(lead)),
            head: None,
        },
    };
    Ok((transport, Box::new(facts)))
}

/// What leads to a host, on which TLS is laid: the inner service of hyper-rustls' connector.
#[derive(Clone)]
struct InnerConnector {
    route: Route,
    options: Options,
    clock: Clock,
}

impl InnerConnector {
    fn new(route: Route, options: &Options, clock: &Clock) -> InnerConnector {
        InnerConnector {
            route,
            options: options.clone(),
            clock: clock.clone(),
        }
    }
}

impl Service<Uri> for InnerConnector {
    type Response = Underlay;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Underlay, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let InnerConnector {
            route,
            options,
            clock,
        } = self.clone();
        Box::pin(async move {
            let begun = Instant::now();
            let transport = lead(uri, &route, &options, &clock).await?;
            clock.has_led(begun.elapsed());
            Ok(Patient::over(transport))
        })
    }
}

async fn lead(
    uri: Uri,
    route: &Route,
    options: &Options,
    clock: &Clock,
) -> Result<Transport, Error> {
    match route {
        Route::Direct(zone) => {
            let socket = tcp::connect(uri, zone.as_ref(), options, clock).await?;
            Ok(Transport::Plain(socket))
        }
        Route::Unix(path) => Ok(Transport::Unix(unix::connect(path).await?)),
        // In boxes: most connections need neither.
        Route::Forward(proxy) => Box::pin(reach(proxy, options, clock)).await,
        Route::Tunnel(proxy) if proxy.protocol().is_socks() => {
            Box::pin(tunnel::by_socks(proxy, &uri, options, clock)).await
        }
        Route::Tunnel(proxy) => {
            Box::pin(async move {
                let transport = reach(proxy, options, clock).await?;
                tunnel::by_connect(proxy, &uri, transport).await
            })
            .await
        }
    }
}

/// Connects to an HTTP proxy.
async fn reach(proxy: &Proxy, options: &Options, clock: &Clock) -> Result<Transport, Error> {
    let (uri, zone) = (proxy.uri().clone(), proxy.zone());
    let reached = match proxy.protocol() {
        Protocol::Https => {
            let inner = InnerConnector::new(Route::Direct(zone.cloned()), options, clock);
            secure::connect(&options.tls.for_proxy(), uri, inner).await
        }
        _ => tcp::connect(uri, zone, options, clock)
            .await
            .map(Transport::Plain),
    };
    reached.map_err(|error| no_way_to(proxy, error))
}
