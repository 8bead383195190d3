//! Whom a TLS connection trusts.

use super::error::{Error, ErrorKind};
use super::request::{Invalid, InvalidKind};
use crate::sync::{PerProcess, lock};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;
use std::sync::{Arc, Mutex, OnceLock, Weak};

/// A TLS policy. All that say the same share what it costs: the configuration with its roots, and the sessions that can be
/// resumed, is made once, at the first connection.
#[derive(Clone, Debug, Default)]
pub struct Tls(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    policy: Policy,
    config: OnceLock<Arc<ClientConfig>>,
    for_proxy: OnceLock<Tls>,
}

/// Equal are those that say the same.
impl PartialEq for Tls {
    fn eq(&self, other: &Tls) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.policy == other.0.policy
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Policy {
    extra_roots: Vec<CertificateDer<'static>>,
    insecure: bool,
    alpn: Alpn,
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

/// Each policy's configuration, for as long as a client with that policy lives.
static CONFIGS: PerProcess<Mutex<Configs>> = PerProcess::new();
type Configs = Vec<(Policy, Weak<ClientConfig>)>;

impl Tls {
    /// Trusts certificates beside the platform's.
    pub fn set_extra_roots(&mut self, pem: &[u8]) -> Result<(), Invalid> {
        let invalid = |message: String| Invalid::new(InvalidKind::Pem, message);
        let roots: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|error| invalid(format!("the PEM text is damaged: {error}")))?;
        if roots.is_empty() && !pem.is_empty() {
            return Err(invalid("the PEM text holds no certificate".into()));
        }
        for root in &roots {
            RootCertStore::empty().add(root.clone()).map_err(|error| {
                invalid(format!(
                    "a certificate in the PEM text cannot be used: {error}"
                ))
            })?;
        }
        self.change(|policy| policy.extra_roots = roots);
        Ok(())
    }

    /// Trusts anybody.
    pub fn set_insecure(&mut self, insecure: bool) {
        self.change(|policy| policy.insecure = insecure);
    }

    /// Sets which protocols are offered.
    pub fn set_alpn(&mut self, alpn: Alpn) {
        self.change(|policy| policy.alpn = alpn);
    }

    fn change(&mut self, change: impl FnOnce(&mut Policy)) {
        let mut policy = self.0.policy.clone();
        change(&mut policy);
        *self = Tls::with(policy);
    }

    fn with(policy: Policy) -> Tls {
        Tls(Arc::new(Shared {
            policy,
            ..Shared::default()
        }))
    }

    /// The policy for an https proxy: as much trust as in servers, and HTTP/1.1.
    pub fn for_proxy(&self) -> Tls {
        let for_proxy = || {
            Tls::with(Policy {
                alpn: Alpn::Http1Only,
                ..self.0.policy.clone()
            })
        };
        self.0.for_proxy.get_or_init(for_proxy).clone()
    }

    /// The configuration for a connection to a proxy: who is trusted is the same, and nothing goes there that is meant for
    /// the host.
    pub fn proxy_config(&self) -> Result<Arc<ClientConfig>, Error> {
        self.config()
    }

    /// The configuration for a connection.
    pub fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        if let Some(config) = self.0.config.get() {
            return Ok(config.clone());
        }
        let config = self.0.policy.config()?;
        Ok(self.0.config.get_or_init(|| config).clone())
    }
}

impl Policy {
    fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        let mut configs = lock(CONFIGS.get());
        configs.retain(|(_, config)| config.strong_count() > 0);
        let known = configs.iter().find(|(policy, _)| policy == self);
        if let Some(config) = known.and_then(|(_, config)| config.upgrade()) {
            return Ok(config);
        }
        let config = Arc::new(self.build()?);
        configs.push((self.clone(), Arc::downgrade(&config)));
        Ok(config)
    }

    fn build(&self) -> Result<ClientConfig, Error> {
        let failed =
            |error: rustls::Error| Error::caused(ErrorKind::Tls, "TLS cannot be set up", &error);
        // Named, not installed as the process's default: that belongs to the host.
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(failed)?;
        let verifier: Arc<dyn ServerCertVerifier> = if self.insecure {
            Arc::new(AcceptAnybody(provider))
        } else {
            Arc::new(
                Verifier::new_with_extra_roots(self.extra_roots.iter().cloned(), provider)
                    .map_err(failed)?,
            )
        };
        let mut config = builder
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = self.alpn.protocols();
        Ok(config)
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

/// The insecure switch: any certificate will do, though its key must still be the one that signed the handshake.
#[derive(Debug)]
struct AcceptAnybody(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_server::Identity;

    fn trusting(identity: &Identity) -> Tls {
        let mut tls = Tls::default();
        tls.set_extra_roots(identity.ca_pem().as_bytes())
            .expect("a certificate");
        tls
    }

    #[test]
    fn only_who_trusts_the_same_shares_what_that_takes() {
        let identity = Identity::generate(&["localhost"]);
        let mut insecure = trusting(&identity);
        insecure.set_insecure(true);
        let mut http2 = trusting(&identity);
        http2.set_alpn(Alpn::Http2Only);
        let all = [
            Tls::default(),
            trusting(&identity),
            trusting(&Identity::generate(&["localhost"])),
            insecure,
            http2,
        ];
        let configs = all.each_ref().map(|tls| tls.config().expect("one"));
        let same = trusting(&identity).config().expect("one");
        for (index, config) in configs.iter().enumerate() {
            assert_eq!(Arc::ptr_eq(config, &same), index == 1, "{index}");
        }
        for (index, config) in configs.iter().enumerate() {
            let others = &configs[index + 1..];
            assert!(!others.iter().any(|other| Arc::ptr_eq(config, other)));
        }
    }

    #[test]
    fn a_proxy_is_trusted_as_a_server_and_offered_http1() {
        let identity = Identity::generate(&["localhost"]);
        let mut tls = trusting(&identity);
        tls.set_alpn(Alpn::Both);
        let config = tls.config().expect("one");
        assert_eq!(config.alpn_protocols, [&b"h2"[..], b"http/1.1"]);
        let for_proxy = tls.for_proxy().config().expect("one");
        assert_eq!(for_proxy.alpn_protocols, [b"http/1.1"]);
        let mut http1 = trusting(&identity);
        http1.set_alpn(Alpn::Http1Only);
        let http1 = http1.config().expect("one");
        assert!(Arc::ptr_eq(&for_proxy, &http1));
    }

    #[test]
    fn what_trust_takes_goes_with_the_last_who_trusts() {
        let identity = Identity::generate(&["localhost"]);
        let (one, other) = (trusting(&identity), trusting(&identity));
        let config = Arc::downgrade(&one.config().expect("one"));
        other.config().expect("the same");
        drop(one);
        assert!(config.strong_count() > 0);
        drop(other);
        assert_eq!(config.strong_count(), 0);
    }
}
