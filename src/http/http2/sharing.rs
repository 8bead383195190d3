//! Which streams share connections: those that lead to the same origin in the same way.
//!
//! Whether a server speaks HTTP/2 is known only when it has been connected to. So of streams that start together one goes
//! ahead, and the others wait for what it finds: a connection that has slots for them, or that each needs one of its own.
//! They wait for a moment only, so that a connection that hangs does not delay the others.

use super::connection::{Connection, Slot};
use crate::http::clock::Clock;
use crate::http::connect::connect;
use crate::http::connect::tcp::Socket;
use crate::http::connect::transport::Transport;
use crate::http::error::{Error, ErrorKind};
use crate::http::facts::{Facts, Took};
use crate::http::http_url::{self, HttpUrl};
use crate::http::options::{Options, Version};
use crate::http::tls::Tls;
use crate::http::way::{Network, Route};
use crate::sync::{PerProcess, lock};
use hyper::Uri;
use hyper_util::rt::TokioIo;
use std::pin::pin;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::timeout;

/// How long a stream leaves it at another's connection. Then it connects, too, and takes what is there first.
const PATIENCE: Duration = Duration::from_millis(250);

/// What a request can be sent on.
pub enum Reached {
    /// A new connection.
    Http1(Transport, Box<Facts>),
    /// A slot for a stream.
    Http2(Slot, Box<Facts>),
}

impl Reached {
    /// A slot on a connection that was there.
    fn shared(slot: Slot) -> Reached {
        let facts = Facts {
            is_reused: true,
            took: Took::default(),
            ..slot.facts().clone()
        };
        Reached::Http2(slot, Box::new(facts))
    }
}

/// What a connection is known by: all that can make it another one. It belongs to a runtime, too: that of whoever opened it
/// drives it.
#[derive(Debug, PartialEq)]
struct Key {
    runtime: tokio::runtime::Id,
    origin: http_url::Origin,
    version: Version,
    tls: Tls,
    /// A connection that was made with an earlier certificate is not one with the current.
    tls_generation: u64,
    network: Network,
}

impl Key {
    fn to(url: &HttpUrl, options: &Options) -> Result<Key, Error> {
        // By name, so that each new option is asked whether it belongs here.
        let Options {
            connect_timeout: _,
            response_timeout: _,
            read_timeout: _,
            max_error_body: _,
            max_redirects: _,
            cookies: _,
            tls,
            network,
            version,
        } = options;
        let tls_generation = match url.scheme() {
            "https" => tls.generation()?,
            _ => 0,
        };
        Ok(Key {
            runtime: Handle::current().id(),
            origin: url.origin(),
            version: *version,
            tls: tls.clone(),
            tls_generation,
            network: network.clone(),
        })
    }
}

/// What is known of a server while a client uses it.
#[derive(Debug)]
struct Origin {
    key: Key,
    known: Mutex<Known>,
    lead: Arc<AsyncMutex<()>>,
}

/// The stream that has it goes ahead.
type Lead = OwnedMutexGuard<()>;

#[derive(Debug, Default)]
struct Known {
    speaks_http1: bool,
    connections: Vec<Weak<Connection>>,
}

static ORIGINS: PerProcess<Mutex<Vec<Weak<Origin>>>> = PerProcess::new();

/// Finds a slot on a connection, or connects.
pub async fn reach(
    url: &HttpUrl,
    uri: Uri,
    route: &Route,
    options: &Options,
    clock: &Clock,
) -> Result<Reached, Error> {
    let origin = Origin::on(Key::to(url, options)?);
    if let Some(slot) = origin.slot() {
        return Ok(Reached::shared(slot));
    }
    // Which does nothing before it is asked.
    let mut own = pin!(connect(uri, route, options, clock));
    let (mut lead, mut found): (Option<Lead>, _) = (None, None);
    if !origin.speaks_http1() {
        let mut ahead = pin!(origin.lead.clone().lock_owned());
        lead = timeout(PATIENCE, &mut ahead).await.ok();
        if lead.is_none() {
            tokio::select! {
                biased;
                ahead = &mut ahead => lead = Some(ahead),
                connected = &mut own => found = Some(connected?),
            }
        }
        if let Some(slot) = origin.slot() {
            return Ok(Reached::shared(slot));
        }
        lead = lead.filter(|_| !origin.speaks_http1());
    }
    let (transport, facts) = match found {
        Some(connected) => connected,
        None => own.await?,
    };
    if transport.has_negotiated_http2() || url.scheme() == "http" {
        let known = origin.clone();
        let greeted = move |connection: &Arc<Connection>| {
            known.add(connection);
            drop(lead);
        };
        let local = transport.socket().and_then(Socket::local);
        let io = TokioIo::new(transport);
        let slot = Connection::open(io, local, facts.clone(), origin, greeted).await?;
        return Ok(Reached::Http2(slot, facts));
    }
    if options.version == Version::Http2 {
        let message = "the server does not speak HTTP/2: it has not chosen it in the TLS handshake";
        return Err(Error::new(ErrorKind::Http2, message));
    }
    lock(&origin.known).speaks_http1 = true;
    Ok(Reached::Http1(transport, facts))
}

impl Origin {
    fn on(key: Key) -> Arc<Origin> {
        let mut origins = lock(ORIGINS.get());
        origins.retain(|origin| origin.strong_count() > 0);
        let known = origins.iter().filter_map(Weak::upgrade);
        if let Some(origin) = known.into_iter().find(|origin| origin.key == key) {
            return origin;
        }
        let origin = Arc::new(Origin {
            key,
            known: Mutex::default(),
            lead: Arc::default(),
        });
        origins.push(Arc::downgrade(&origin));
        origin
    }

    fn speaks_http1(&self) -> bool {
        lock(&self.known).speaks_http1
    }

    fn slot(&self) -> Option<Slot> {
        let connections = &mut lock(&self.known).connections;
        connections.retain(|connection| connection.strong_count() > 0);
        // The latest first: those before it are mostly full, and to ask each of them would take longer and longer.
        let mut open = connections.iter().rev().filter_map(Weak::upgrade);
        open.find_map(|connection| connection.slot())
    }

    /// There is a connection whose limits are known.
    fn add(&self, connection: &Arc<Connection>) {
        let mut known = lock(&self.known);
        known.speaks_http1 = false;
        known.connections.push(Arc::downgrade(connection));
    }
}
