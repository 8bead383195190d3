//! The certificate that the client shows, with its key.

use super::failure::reason;
use super::{bad_pem, certificates};
use crate::http::request::Invalid;
use memchr::memmem;
use rustls::client::ResolvesClientCert;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys};
use std::fmt;
use std::sync::Arc;

/// A certificate, those that lead to its authority, and its private key.
#[derive(Clone)]
pub struct ClientCert(Arc<CertifiedKey>);

impl ClientCert {
    /// Reads both, the key from the chain's text where `key` is empty, and checks that they belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<ClientCert, Invalid> {
        let key = private_key(if key.is_empty() { chain } else { key })?;
        let chain = certificates(chain)?;
        if chain.is_empty() {
            return Err(bad_pem(
                "the client certificate's PEM text holds no certificate",
            ));
        }
        for certificate in &chain {
            ParsedCertificate::try_from(certificate).map_err(|error| {
                bad_pem(format!(
                    "the client certificate cannot be used: {}",
                    reason(&error)
                ))
            })?;
        }
        let certified =
            CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| {
                match error {
                    Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                        bad_pem("the private key does not belong to the client certificate")
                    }
                    error => bad_pem(format!(
                        "the private key cannot be used: {}",
                        reason(&error)
                    )),
                }
            })?;
        Ok(ClientCert(Arc::new(certified)))
    }

    /// Shows it to every server that asks for a certificate.
    pub fn resolver(&self) -> Arc<dyn ResolvesClientCert> {
        Arc::new(SingleCertAndKey::from(self.0.clone()))
    }
}

/// The first private key of a PEM text.
fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, Invalid> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
        // In the label, or in a header line that older tools write.
        if memmem::find(pem, b"ENCRYPTED").is_some() {
            return bad_pem("the private key is encrypted: decrypt it first");
        }
        match error {
            pem::Error::NoItemsFound => bad_pem("the PEM text holds no private key"),
            // What it tells of a damaged text may be a part of the key.
            _ => bad_pem("the private key's PEM text is damaged"),
        }
    })
}

impl PartialEq for ClientCert {
    /// Those with the same certificates have the same key, or it would not belong to them.
    fn eq(&self, other: &ClientCert) -> bool {
        self.0.cert == other.0.cert
    }
}

impl Eq for ClientCert {}

impl fmt::Debug for ClientCert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCert").finish_non_exhaustive()
    }
}
