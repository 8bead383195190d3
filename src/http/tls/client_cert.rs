//! The certificate that the client shows, with its key.

use super::failure::reason;
use super::file::{self, Snapshot};
use super::text::{bad_pem, certificates};
use crate::http::invalid::Invalid;
use memchr::memmem;
use rustls::client::ResolvesClientCert;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys};
use std::fmt;
use std::iter;
use std::path::Path;
use std::sync::Arc;

/// A certificate, those that lead to its authority, and its private key.
#[derive(Clone)]
pub struct ClientCert {
    certified: Arc<CertifiedKey>,
    files: Option<Arc<Files>>,
}

/// Where they are from, to read them anew.
#[derive(PartialEq)]
struct Files {
    chain: Snapshot,
    /// `None` where the key is beside the chain.
    key: Option<Snapshot>,
}

impl ClientCert {
    /// Reads both from files, the key from the chain's where there is no other.
    pub fn read(chain: &Path, key: Option<&Path>) -> Result<ClientCert, Invalid> {
        let read = |path: &Path| {
            file::read(path)
                .map_err(|error| bad_pem(format!("cannot read {}: {error}", path.display())))
        };
        let (chain_pem, chain) = read(chain)?;
        let (key_pem, key) = key.map(read).transpose()?.unzip();
        let parsed = ClientCert::from_pem(&chain_pem, &key_pem.unwrap_or_default());
        let files = Files { chain, key };
        match parsed {
            Ok(cert) => Ok(ClientCert {
                files: Some(Arc::new(files)),
                ..cert
            }),
            Err(invalid) => Err(bad_pem(format!("{files}: {}", invalid.message))),
        }
    }

    /// The same, read anew if it is from files.
    pub fn renewed(&self) -> Result<ClientCert, Invalid> {
        let Some(files) = &self.files else {
            return Ok(self.clone());
        };
        let key = files.key.as_ref().map(Snapshot::path);
        ClientCert::read(files.chain.path(), key)
    }

    /// The files that it is from.
    pub fn files(&self) -> impl Iterator<Item = &Snapshot> {
        let files = self.files.iter();
        files.flat_map(|files| iter::once(&files.chain).chain(&files.key))
    }

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
        Ok(ClientCert {
            certified: Arc::new(certified),
            files: None,
        })
    }

    /// Shows it to every server that asks for a certificate.
    pub fn resolver(&self) -> Arc<dyn ResolvesClientCert> {
        Arc::new(SingleCertAndKey::from(self.certified.clone()))
    }
}

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chain.path().display().fmt(f)?;
        match &self.key {
            Some(key) => write!(f, " with {}", key.path().display()),
            None => Ok(()),
        }
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
        self.certified.cert == other.certified.cert && self.files == other.files
    }
}

impl Eq for ClientCert {}

impl fmt::Debug for ClientCert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCert").finish_non_exhaustive()
    }
}
