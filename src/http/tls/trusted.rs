//! The authorities that a policy trusts: read all or none, and read again after a certificate was not trusted.

use super::failure::{impossible, reason};
use super::file::{self, Snapshot};
use super::verifier::{Presented, fingerprint, only};
use super::{platform, text};
use crate::http::error::{Error, ErrorKind};
use rustls::RootCertStore;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use std::path::Path;
use std::sync::Arc;

/// Authorities beside the platform's, or in their place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtraRoots {
    /// As they were when they were set.
    pub certificates: Vec<CertificateDer<'static>>,
    /// The file that they are from, to read them anew.
    pub file: Option<Snapshot>,
}

impl ExtraRoots {
    /// From a file.
    pub fn read(path: &Path) -> Result<ExtraRoots, String> {
        let unreadable = |error| format!("cannot read {}: {error}", path.display());
        let (pem, file) = file::read(path).map_err(unreadable)?;
        let wrong = |why| format!("{}: {why}", path.display());
        let certificates = authorities(&pem).map_err(wrong)?;
        if certificates.is_empty() {
            return Err(wrong("it holds no certificate in PEM form".into()));
        }
        Ok(ExtraRoots {
            certificates,
            file: Some(file),
        })
    }

    /// The same, read anew if they are from a file.
    pub fn renewed(&self) -> Result<ExtraRoots, String> {
        match &self.file {
            Some(file) => ExtraRoots::read(file.path()),
            None => Ok(self.clone()),
        }
    }
}

/// The certificates of a PEM text, each of which can be an authority's.
pub fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = text::certificates(pem).map_err(|invalid| invalid.message)?;
    for certificate in &certificates {
        RootCertStore::empty()
            .add(certificate.clone())
            .map_err(|error| {
                let why = reason(&error);
                format!("a certificate in the PEM text cannot be used: {why}")
            })?;
    }
    Ok(certificates)
}

/// All authorities that a policy trusts.
pub struct Trusted {
    extra: Vec<CertificateDer<'static>>,
    /// `None` where they are excluded.
    platform: Option<platform::Authorities>,
}

/// The fingerprints of the authorities that a policy trusts.
pub type Fingerprints = Vec<[u8; 32]>;

impl Trusted {
    /// Reads the platform's authorities, unless the extra ones are `exclusive`.
    pub fn read(extra: Vec<CertificateDer<'static>>, exclusive: bool) -> Result<Trusted, Error> {
        let platform = match exclusive {
            true => None,
            false => Some(platform::read()?),
        };
        Ok(Trusted { extra, platform })
    }

    /// Of each certificate.
    pub fn fingerprints(&self) -> Fingerprints {
        let platform = self.platform.iter().flatten();
        self.extra.iter().chain(platform).map(fingerprint).collect()
    }

    /// Trusts them.
    pub fn verifier(
        self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        let given = self.fingerprints();
        let nobody = |why: &str| {
            let message = format!("no certificate is trusted: {why}, and no other is set");
            Err(Error::new(ErrorKind::Certificate, message))
        };
        let algorithms = provider.signature_verification_algorithms;
        let verifier = match self.platform {
            None if given.is_empty() => {
                return nobody("the platform's authorities are excluded");
            }
            None => only(self.extra, provider),
            Some(_) if given.is_empty() && platform::ARE_FILES => {
                return nobody(
                    "the system has no certificate authorities (often in a package ca-certificates)",
                );
            }
            Some(platform) => platform::verifier(platform, self.extra, provider),
        };
        let verifier = verifier.map_err(|error| impossible(&error))?;
        Ok(Arc::new(Presented::new(given, algorithms, verifier)))
    }
}
