//! Which streams share connections: those that lead to the same origin in the same way.
//!
//! Whether a server speaks HTTP/2 is known only when it has been connected to. So of streams that start together one goes
//! ahead, and the others wait for what it finds: a connection that has place for them, or that each needs one of its own.
//! They wait for a moment only, so that one whose connection hangs holds up nobody.

use super::connection::{Connection, Place};
use crate::http::clock::Clock;
use crate::http::connect::{Network, Route, Stream, connect};
use crate::http::error::{Error, ErrorKind};
use crate::http::{Options, Tls, Version};
use crate::sync::{PerProcess, lock};
use hyper::Uri;
use hyper_util::rt::TokioIo;
use std::pin::pin;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::timeout;
use url::Url;

/// How long a stream leaves it at another's connection. Then it connects, too, and takes what is there first.
const PATIENCE: Duration = Duration::from_millis(250);

/// A way to the server.
pub enum Reached {
    /// A new connection.
    Http1(Stream),
    /// A place for a stream.
    Http2(Place),
}

/// All that can make a connection to another one. It belongs to a runtime, too: that of whoever opened it drives it.
#[derive(Debug, PartialEq)]
struct Way {
    runtime: tokio::runtime::Id,
    origin: url::Origin,
    version: Version,
    tls: Tls,
    network: Network,
}

impl Way {
    fn to(url: &Url, options: &Options) -> Way {
        // By name, so that each new option is asked whether it belongs here.
        let Options {
            connect_timeout: _,
            response_timeout: _,
            read_timeout: _,
            max_redirects: _,
            tls,
            network,
            version,
        } = options;
        Way {
            runtime: Handle::current().id(),
            origin: url.origin(),
            version: *version,
            tls: tls.clone(),
            network: network.clone(),
        }
    }
}

/// A server, as far as it is known while somebody has to do with it.
#[derive(Debug)]
pub struct Origin {
    way: Way,
    known: Mutex<Known>,
    turn: Arc<AsyncMutex<()>>,
}

/// Who has it goes ahead.
pub type Turn = OwnedMutexGuard<()>;

#[derive(Debug, Default)]
struct Known {
    speaks_http1: bool,
    connections: Vec<Weak<Connection>>,
}

static ORIGINS: PerProcess<Mutex<Vec<Weak<Origin>>>> = PerProcess::new();

/// Finds a place on a connection, or connects.
pub async fn reach(
    url: &Url,
    uri: Uri,
    route: &Route<'_>,
    options: &Options,
    clock: &Clock,
) -> Result<Reached, Error> {
    let origin = Origin::on(Way::to(url, options));
    if let Some(place) = origin.place() {
        return Ok(Reached::Http2(place));
    }
    // Which does nothing before it is asked.
    let mut own = pin!(connect(uri, route, options, clock));
    let (mut turn, mut found) = (None, None);
    if !origin.speaks_http1() {
        let mut ahead = pin!(origin.turn.clone().lock_owned());
        turn = timeout(PATIENCE, &mut ahead).await.ok();
        if turn.is_none() {
            tokio::select! {
                biased;
                ahead = &mut ahead => turn = Some(ahead),
                stream = &mut own => found = Some(stream?),
            }
        }
        if let Some(place) = origin.place() {
            return Ok(Reached::Http2(place));
        }
        turn = turn.filter(|_| !origin.speaks_http1());
    }
    let stream = match found {
        Some(stream) => stream,
        None => own.await?,
    };
    if stream.has_negotiated_http2() || url.scheme() == "http" {
        let place = Connection::open(TokioIo::new(stream), origin, turn).await?;
        return Ok(Reached::Http2(place));
    }
    if options.version == Version::Http2 {
        let message = "the server does not speak HTTP/2: it has not chosen it in the TLS handshake";
        return Err(Error::new(ErrorKind::Http2, message));
    }
    lock(&origin.known).speaks_http1 = true;
    Ok(Reached::Http1(stream))
}

impl Origin {
    fn on(way: Way) -> Arc<Origin> {
        let mut origins = lock(ORIGINS.get());
        origins.retain(|origin| origin.strong_count() > 0);
        let known = origins.iter().filter_map(Weak::upgrade);
        if let Some(origin) = known.into_iter().find(|origin| origin.way == way) {
            return origin;
        }
        let origin = Arc::new(Origin {
            way,
            known: Mutex::default(),
            turn: Arc::default(),
        });
        origins.push(Arc::downgrade(&origin));
        origin
    }

    fn speaks_http1(&self) -> bool {
        lock(&self.known).speaks_http1
    }

    fn place(&self) -> Option<Place> {
        let connections = &mut lock(&self.known).connections;
        connections.retain(|connection| connection.strong_count() > 0);
        // The latest first: those before it are mostly full, and to ask each of them would take longer and longer.
        let mut open = connections.iter().rev().filter_map(Weak::upgrade);
        open.find_map(|connection| connection.place())
    }

    /// There is a connection whose limits are known.
    pub fn add(&self, connection: &Arc<Connection>) {
        let mut known = lock(&self.known);
        known.speaks_http1 = false;
        known.connections.push(Arc::downgrade(connection));
    }
}
