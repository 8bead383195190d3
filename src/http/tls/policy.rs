//! What a policy says, and the configurations made of it.

use super::client_cert::ClientCert;
use super::pins::Pins;
use super::verifier::{AcceptAnybody, Pinned};
use crate::http::error::{Error, ErrorKind};
use crate::sync::{PerProcess, lock};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_platform_verifier::Verifier;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};

/// What a policy says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Only the extra roots are trusted.
    pub exclusive_roots: bool,
    pub client_cert: Option<ClientCert>,
    pub pins: Option<Pins>,
    pub min_version: MinVersion,
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

/// A policy with its configuration. They go together, the client's key with them, when the last client does that has the
/// policy.
pub struct Configured {
    policy: Policy,
    pub config: Arc<ClientConfig>,
}

impl fmt::Debug for Configured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configured").finish_non_exhaustive()
    }
}

/// Every policy of a client that lives and has connected.
static CONFIGURED: PerProcess<Mutex<Vec<Weak<Configured>>>> = PerProcess::new();

impl Policy {
    /// The configuration that is shared by all who say the same.
    pub fn configured(&self) -> Result<Arc<Configured>, Error> {
        let mut all = lock(CONFIGURED.get());
        all.retain(|configured| configured.strong_count() > 0);
        let mut living = all.iter().filter_map(Weak::upgrade);
        if let Some(known) = living.find(|configured| configured.policy == *self) {
            return Ok(known);
        }
        let configured = Arc::new(Configured {
            policy: self.clone(),
            config: Arc::new(self.build()?),
        });
        all.push(Arc::downgrade(&configured));
        Ok(configured)
    }

    fn build(&self) -> Result<ClientConfig, Error> {
        // Named, not installed as the process's default: that belongs to the host.
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(self.min_version.and_above())
            .map_err(|error| impossible(&error))?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier(provider)?);
        let mut config = match &self.client_cert {
            Some(client_cert) => builder.with_client_cert_resolver(client_cert.resolver()),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn.protocols();
        Ok(config)
    }

    fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        let verifier = self.chain_verifier(provider)?;
        Ok(match &self.pins {
            Some(pins) => Arc::new(Pinned::new(pins.clone(), verifier)),
            None => verifier,
        })
    }

    /// The verifier of all but the pins.
    fn chain_verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        if self.insecure {
            return Ok(Arc::new(AcceptAnybody(provider)));
        }
        let extra_roots = self.extra_roots.iter().cloned();
        if !self.exclusive_roots {
            let verifier = Verifier::new_with_extra_roots(extra_roots, provider);
            return Ok(Arc::new(verifier.map_err(|error| impossible(&error))?));
        }
        if self.extra_roots.is_empty() {
            let message = "no certificate is trusted: the platform's authorities are excluded, and no other is set";
            return Err(Error::new(ErrorKind::Certificate, message));
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(extra_roots);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build();
        Ok(verifier.map_err(|error| impossible(&error))?)
    }
}

fn impossible(error: &(dyn std::error::Error + 'static)) -> Error {
    Error::caused(ErrorKind::Tls, "TLS cannot be set up", error)
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
