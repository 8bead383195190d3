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

/// A TLS policy. Clones share what it costs: the configuration with its roots is built once, at the first connection.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    extra_roots: Vec<CertificateDer<'static>>,
    insecure: bool,
    config: Arc<OnceLock<Arc<ClientConfig>>>,
}

/// The configuration of clients with the default policy, for as long as one of them lives.
static DEFAULT_CONFIG: PerProcess<Mutex<Weak<ClientConfig>>> = PerProcess::new();

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
        *self = Tls {
            extra_roots: roots,
            insecure: self.insecure,
            config: Arc::default(),
        };
        Ok(())
    }

    /// Trusts anybody.
    pub fn set_insecure(&mut self, insecure: bool) {
        *self = Tls {
            extra_roots: std::mem::take(&mut self.extra_roots),
            insecure,
            config: Arc::default(),
        };
    }

    /// The configuration for a connection.
    pub fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        if let Some(config) = self.config.get() {
            return Ok(config.clone());
        }
        let config = if self.insecure || !self.extra_roots.is_empty() {
            Arc::new(self.build()?)
        } else {
            let mut shared = lock(DEFAULT_CONFIG.get());
            match shared.upgrade() {
                Some(config) => config,
                None => {
                    let config = Arc::new(self.build()?);
                    *shared = Arc::downgrade(&config);
                    config
                }
            }
        };
        Ok(self.config.get_or_init(|| config).clone())
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
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
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
