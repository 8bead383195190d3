//! What a policy says, and the configurations made of it.

use super::client_cert::ClientCert;
use super::failure::reason;
use super::pins::Pins;
use super::trusted::{ExtraRoots, Fingerprints, Trusted};
use super::verifier::{AcceptAnybody, Pinned};
use crate::http::error::{Error, ErrorKind};
use crate::log::{self, Level};
use crate::sync::{PerProcess, lock};
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// What a policy says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub extra_roots: ExtraRoots,
    /// Only the extra roots are trusted.
    pub exclusive_roots: bool,
    pub client_cert: Option<ClientCert>,
    pub pins: Option<Pins>,
    pub min_version: MinVersion,
    /// Anybody is trusted.
    pub insecure: bool,
    pub alpn: Alpn,
}

/// The lowest version of TLS that is spoken. What is older than 1.2 is not spoken at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2 (RFC 5246).
    #[default]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// The protocols that a server is offered (ALPN, RFC 7301).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/1.1.
    Http1Only,
    /// HTTP/2 rather than HTTP/1.1.
    #[default]
    Both,
    /// HTTP/2.
    Http2Only,
}

/// How often what is trusted is read anew for one policy: a server that is not to be trusted may be asked every second.
const READ_ANEW: Duration = Duration::from_secs(60);

/// A policy with its configuration. They go together, the client's key with them, when the last client does that has the
/// policy.
pub struct Configured {
    policy: Policy,
    current: Mutex<Current>,
    /// A certificate was not trusted since what is trusted was read.
    has_failed: AtomicBool,
}

struct Current {
    config: Arc<ClientConfig>,
    trusted: Fingerprints,
    read_anew: Option<Instant>,
}

impl fmt::Debug for Configured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configured").finish_non_exhaustive()
    }
}

impl Configured {
    /// The configuration, with what is trusted as it is now, if it may be other than it was.
    pub fn config(&self) -> Arc<ClientConfig> {
        let mut current = lock(&self.current);
        if self.has_failed.load(Ordering::Relaxed) {
            self.renew(&mut current);
        }
        current.config.clone()
    }

    /// A certificate was not trusted. It may be that its authority has come since.
    pub fn failed(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }

    fn renew(&self, current: &mut Current) {
        let now = Instant::now();
        if current.read_anew.is_some_and(|then| now - then < READ_ANEW) {
            return;
        }
        current.read_anew = Some(now);
        let renewed = Trusted::read(&self.policy, true).and_then(|trusted| {
            let fingerprints = trusted.fingerprints();
            if fingerprints == current.trusted {
                return Ok(None);
            }
            let config = self.policy.build(Some(trusted))?;
            Ok(Some((Arc::new(config), fingerprints)))
        });
        match renewed {
            // That all is as it was keeps the sessions.
            Ok(None) => self.has_failed.store(false, Ordering::Relaxed),
            Ok(Some((config, trusted))) => {
                self.has_failed.store(false, Ordering::Relaxed);
                (current.config, current.trusted) = (config, trusted);
            }
            // What was read before was whole. This is tried again.
            Err(error) => log::write(
                Level::Warning,
                format_args!("what is trusted stays as it was: {error}"),
            ),
        }
    }
}

/// Every policy of a client that lives and has connected.
static CONFIGURED: PerProcess<Mutex<Vec<Weak<Configured>>>> = PerProcess::new();

impl Policy {
    /// The configuration that is shared by all who say the same. Where it cannot be made as a whole, nothing is kept.
    pub fn configured(&self) -> Result<Arc<Configured>, Error> {
        let mut all = lock(CONFIGURED.get());
        all.retain(|configured| configured.strong_count() > 0);
        let mut living = all.iter().filter_map(Weak::upgrade);
        if let Some(known) = living.find(|configured| configured.policy == *self) {
            return Ok(known);
        }
        let trusted = match self.insecure {
            true => None,
            false => Some(Trusted::read(self, false)?),
        };
        let fingerprints = trusted.as_ref().map(Trusted::fingerprints);
        let configured = Arc::new(Configured {
            policy: self.clone(),
            current: Mutex::new(Current {
                config: Arc::new(self.build(trusted)?),
                trusted: fingerprints.unwrap_or_default(),
                read_anew: None,
            }),
            has_failed: AtomicBool::new(false),
        });
        all.push(Arc::downgrade(&configured));
        Ok(configured)
    }

    /// The configuration that trusts these; anybody, if there is nobody to trust.
    fn build(&self, trusted: Option<Trusted>) -> Result<ClientConfig, Error> {
        // Named, not installed as the process's default: that belongs to the host.
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match trusted {
            Some(trusted) => trusted.verifier(provider.clone())?,
            None => Arc::new(AcceptAnybody(provider.clone())),
        };
        let verifier = match &self.pins {
            Some(pins) => Arc::new(Pinned::new(pins.clone(), verifier)),
            None => verifier,
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.min_version.and_above())
            .map_err(|error| impossible(&error))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.client_cert {
            Some(client_cert) => builder.with_client_cert_resolver(client_cert.resolver()),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn.protocols();
        Ok(config)
    }
}

/// TLS itself will not do.
pub fn impossible(error: &rustls::Error) -> Error {
    let why = reason(error);
    Error::new(ErrorKind::Tls, format!("TLS cannot be set up: {why}"))
}

impl MinVersion {
    fn and_above(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match self {
            MinVersion::Tls12 => &BOTH,
            MinVersion::Tls13 => &BOTH[..1],
        }
    }
}

impl Alpn {
    fn protocols(self) -> Vec<Vec<u8>> {
        let names: &[&str] = match self {
            Alpn::Http1Only => &["http/1.1"],
            Alpn::Both => &["h2", "http/1.1"],
            Alpn::Http2Only => &["h2"],
        };
        names.iter().map(|name| name.as_bytes().to_vec()).collect()
    }
}
