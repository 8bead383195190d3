//! What a policy says, and the configurations made of it.

use super::client_cert::ClientCert;
use super::failure::impossible;
use super::file::Snapshot;
use super::key_log::KeyLog;
use super::pins::Pins;
use super::trusted::{ExtraRoots, Fingerprints, Trusted};
use super::verifier::{AcceptAnybody, Pinned};
use crate::features;
use crate::http::error::{Error, ErrorKind};
use crate::http::versions::{Alpn, MinVersion};
use crate::log::{self, Kind, Level};
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
    pub key_log: Option<Arc<KeyLog>>,
}

/// How often what is trusted is read anew for one policy because it was not enough: a server that is not to be trusted may be
/// asked every second.
const READ_ANEW: Duration = Duration::from_secs(60);

/// A policy with its configuration. They go together, the client's key with them, when the last client does that has the
/// policy.
pub struct Configured {
    policy: Policy,
    current: Mutex<Current>,
    /// A server's certificate was not trusted since they were read.
    has_failed: AtomicBool,
}

struct Current {
    config: Arc<ClientConfig>,
    /// How many there were before it.
    generation: u64,
    made_of: Contents,
    /// The files that the program has named, as they were.
    files: Vec<Snapshot>,
    read_anew: Option<Instant>,
}

/// What a configuration is made of that files hold.
struct Materials {
    /// `None` if anybody is trusted.
    trusted: Option<Trusted>,
    client_cert: Option<ClientCert>,
    files: Vec<Snapshot>,
}

/// What is other in other materials.
#[derive(PartialEq)]
struct Contents {
    trusted: Option<Fingerprints>,
    client_cert: Option<ClientCert>,
}

impl Materials {
    fn contents(&self) -> Contents {
        Contents {
            trusted: self.trusted.as_ref().map(Trusted::fingerprints),
            client_cert: self.client_cert.clone(),
        }
    }
}

impl fmt::Debug for Configured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configured").finish_non_exhaustive()
    }
}

impl Configured {
    /// The configuration, with the certificates as they are now, if they may be other than they were.
    pub fn config(&self) -> Arc<ClientConfig> {
        self.current(|current| current.config.clone())
    }

    /// Tells the configuration as it is now from those that were before.
    pub fn generation(&self) -> u64 {
        self.current(|current| current.generation)
    }

    fn current<T>(&self, part: impl FnOnce(&Current) -> T) -> T {
        let mut current = lock(&self.current);
        let mut files = current.files.iter();
        let is_due = files.any(Snapshot::may_have_changed)
            || self.has_failed.load(Ordering::Relaxed) && current.may_be_read_again();
        let renewed = is_due.then(|| self.renew(&mut current));
        let part = part(&current);
        // The log's callback may block, which must not hold up others that connect.
        drop(current);
        match renewed {
            Some(Ok(true)) => {
                let line =
                    format_args!("the certificates have changed, and are used as they are now");
                log::write(Level::Info, Kind::Tls, line);
            }
            Some(Err(error)) => log::write(
                Level::Warning,
                Kind::Tls,
                format_args!("the certificates stay as they were: {error}"),
            ),
            Some(Ok(false)) | None => {}
        }
        part
    }

    /// A server's certificate was not trusted. It may be that its authority has come since.
    pub fn failed(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }

    /// Reads anew. Returns whether something has changed. If this fails, what was read before, which was whole, stays, and the
    /// next attempt tries again.
    fn renew(&self, current: &mut Current) -> Result<bool, Error> {
        current.read_anew = Some(Instant::now());
        let materials = self.policy.materials(true)?;
        let (made_of, files) = (materials.contents(), materials.files.clone());
        let has_changed = made_of != current.made_of;
        // That all is as it was keeps the sessions.
        if has_changed {
            current.config = Arc::new(self.policy.build(materials)?);
            current.generation += 1;
        }
        (current.made_of, current.files) = (made_of, files);
        self.has_failed.store(false, Ordering::Relaxed);
        Ok(has_changed)
    }
}

impl Current {
    fn may_be_read_again(&self) -> bool {
        self.read_anew
            .is_none_or(|then| then.elapsed() >= READ_ANEW)
    }
}

/// Every policy of a client that lives and has connected.
static CONFIGURED: PerProcess<Mutex<Vec<Weak<Configured>>>> = PerProcess::new();

impl Policy {
    /// The configuration, which equal policies share. Where it cannot be made as a whole, nothing is kept.
    pub fn configured(&self) -> Result<Arc<Configured>, Error> {
        let mut all = lock(CONFIGURED.get());
        all.retain(|configured| configured.strong_count() > 0);
        let mut living = all.iter().filter_map(Weak::upgrade);
        if let Some(known) = living.find(|configured| configured.policy == *self) {
            return Ok(known);
        }
        let materials = self.materials(false)?;
        let configured = Arc::new(Configured {
            policy: self.clone(),
            current: Mutex::new(Current {
                made_of: materials.contents(),
                files: materials.files.clone(),
                generation: 0,
                config: Arc::new(self.build(materials)?),
                read_anew: None,
            }),
            has_failed: AtomicBool::new(false),
        });
        all.push(Arc::downgrade(&configured));
        Ok(configured)
    }

    /// Reads the platform's authorities; and before them, if it is `anew`, the files that the program has named.
    fn materials(&self, anew: bool) -> Result<Materials, Error> {
        let unreadable = |why: String| Error::new(ErrorKind::Tls, why);
        let client_cert = self.client_cert.as_ref().map(|cert| match anew {
            true => cert.renewed(),
            false => Ok(cert.clone()),
        });
        let client_cert = client_cert.transpose();
        let client_cert = client_cert.map_err(|invalid| unreadable(invalid.message))?;
        let mut files: Vec<_> = client_cert
            .iter()
            .flat_map(ClientCert::files)
            .cloned()
            .collect();
        if self.insecure {
            return Ok(Materials {
                trusted: None,
                client_cert,
                files,
            });
        }
        let extra = match anew {
            true => self.extra_roots.renewed().map_err(unreadable)?,
            false => self.extra_roots.clone(),
        };
        files.extend(extra.file);
        Ok(Materials {
            trusted: Some(Trusted::read(extra.certificates, self.exclusive_roots)?),
            client_cert,
            files,
        })
    }

    /// The configuration that is made of these.
    fn build(&self, materials: Materials) -> Result<ClientConfig, Error> {
        // Named, not installed as the process's default: that belongs to the program.
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match materials.trusted {
            Some(trusted) => trusted.verifier(provider.clone())?,
            None => Arc::new(AcceptAnybody(provider.clone())),
        };
        let verifier = match &self.pins {
            Some(pins) => Arc::new(Pinned::new(pins.clone(), verifier)),
            None => verifier,
        };
        // What is not said here is rustls' default, above all: sessions are resumed from memory, the server is told its name
        // (SNI), there is no early data (which can be replayed), and no extraction of secrets.
        let builder = ClientConfig::builder_with_provider(provider)
            // By default both 1.2 and 1.3. A program may rule 1.2 out.
            .with_protocol_versions(self.min_version.and_above())
            .map_err(|error| impossible(&error))?
            // By default roots alone. Here there are also pins, whoever is trusted for being presented, and the platform's
            // own verifier.
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &materials.client_cert {
            // By a resolver, which shares the key with all who have this policy. By default it would be copied.
            Some(client_cert) => builder.with_client_cert_resolver(client_cert.resolver()),
            None => builder.with_no_client_auth(),
        };
        // By default none is offered, and no server would choose HTTP/2.
        config.alpn_protocols = self.alpn.protocols();
        if let Some(key_log) = &self.key_log {
            config.key_log = key_log.clone();
        }
        Ok(config)
    }
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
            Alpn::Both if !features::HTTP2 => &["http/1.1"],
            Alpn::Both => &["h2", "http/1.1"],
            Alpn::Http2Only => &["h2"],
        };
        names.iter().map(|name| name.as_bytes().to_vec()).collect()
    }
}
