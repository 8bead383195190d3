//! The verifiers of a server's certificate, beside those of rustls and the platform.

use super::pins::{Pin, Pins};
use ring::digest::{SHA256, digest};
use rustls::RootCertStore;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use std::fmt;
use std::sync::Arc;
use webpki::{EndEntityCert, KeyUsage};

/// The SHA-256 of a certificate.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest(&SHA256, certificate).as_ref());
    fingerprint
}

/// Trusts a certificate that was given as an authority, and that a server shows as its own, for its names and dates; whether
/// it says that it is an authority's, as those do that OpenSSL's shortest command makes, or not. Of others another verifier
/// says whether they are trusted.
#[derive(Debug)]
pub struct Presented {
    given: Vec<[u8; 32]>,
    algorithms: WebPkiSupportedAlgorithms,
    verifier: Arc<dyn ServerCertVerifier>,
}

impl Presented {
    pub fn new(
        given: Vec<[u8; 32]>,
        algorithms: WebPkiSupportedAlgorithms,
        verifier: Arc<dyn ServerCertVerifier>,
    ) -> Presented {
        Presented {
            given,
            algorithms,
            verifier,
        }
    }

    /// Checks everything except the issuer.
    fn is_in_order(
        &self,
        certificate: &CertificateDer<'_>,
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        let certificate = EndEntityCert::try_from(certificate).map_err(unusable)?;
        let (algorithms, usage) = (self.algorithms.all, KeyUsage::server_auth());
        // No issuer is given here, and the issuer is checked last.
        match certificate.verify_for_usage(algorithms, &[], &[], now, usage, None, None) {
            Ok(_) | Err(webpki::Error::UnknownIssuer | webpki::Error::CaUsedAsEndEntity) => Ok(()),
            Err(error) => Err(unusable(error)),
        }
    }
}

fn unusable(error: webpki::Error) -> CertificateError {
    match error {
        webpki::Error::CertExpired { time, not_after } => {
            CertificateError::ExpiredContext { time, not_after }
        }
        webpki::Error::CertNotValidYet { time, not_before } => {
            CertificateError::NotValidYetContext { time, not_before }
        }
        error => CertificateError::Other(OtherError(Arc::new(error))),
    }
}

impl ServerCertVerifier for Presented {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.given.contains(&fingerprint(end_entity)) {
            self.is_in_order(end_entity, now)?;
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.verifier
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Trusts whom one of two verifiers trusts, of which the second is asked if the first does not: for a platform whose verifier
/// takes no authorities beside its own, or takes them in ways of its own.
#[cfg(any(target_os = "android", windows, test))]
#[derive(Debug)]
pub struct Either {
    first: Arc<dyn ServerCertVerifier>,
    second: Arc<dyn ServerCertVerifier>,
}

#[cfg(any(target_os = "android", windows, test))]
impl Either {
    pub fn new(first: Arc<dyn ServerCertVerifier>, second: Arc<dyn ServerCertVerifier>) -> Either {
        Either { first, second }
    }
}

#[cfg(any(target_os = "android", windows, test))]
impl ServerCertVerifier for Either {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let ask = |verifier: &dyn ServerCertVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        ask(&*self.first).or_else(|of_first| {
            ask(&*self.second).map_err(|of_second| match of_second {
                // The second does not know it: the reason is of the one that may.
                rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => of_first,
                of_second => of_second,
            })
        })
    }

    // By the certificate alone: both verifiers do the same.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.second.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.second.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.second.supported_verify_schemes()
    }
}

/// Trusts a server if another verifier does and the server has one of the pinned keys.
#[derive(Debug)]
pub struct Pinned {
    pins: Pins,
    verifier: Arc<dyn ServerCertVerifier>,
}

impl Pinned {
    pub fn new(pins: Pins, verifier: Arc<dyn ServerCertVerifier>) -> Pinned {
        Pinned { pins, verifier }
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let trusted = self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let pin = Pin::of(&certificate.subject_public_key_info());
        if self.pins.contain(pin) {
            return Ok(trusted);
        }
        let reason = OtherError(Arc::new(NotPinned(pin)));
        Err(CertificateError::Other(reason).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier
            .verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// A key that is none of the pinned.
#[derive(Debug)]
struct NotPinned(Pin);

impl fmt::Display for NotPinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its public key, {}, is not pinned", self.0)
    }
}

impl std::error::Error for NotPinned {}

/// The insecure switch: any certificate will do, though its key must still be the one that signed the handshake.
#[derive(Debug)]
pub struct AcceptAnybody(pub Arc<CryptoProvider>);

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

/// A verifier that trusts these alone.
pub fn only(
    authorities: impl IntoIterator<Item = CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build();
    Ok(verifier.map_err(|error| rustls::Error::General(error.to_string()))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::tls::text;
    use rustls::crypto::ring;
    use test_server::Identity;

    /// What the two verifiers together say of a server's certificate for a name.
    fn ask(either: &Either, server: &Identity, name: &str) -> Result<(), rustls::Error> {
        let chain = text::certificates(server.chain_pem().as_bytes()).expect("a chain");
        let (leaf, others) = chain.split_first().expect("a certificate");
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let said = either.verify_server_cert(leaf, others, &name, &[], UnixTime::now());
        said.map(|_| ())
    }

    #[test]
    fn either_trusts_whom_one_of_two_verifiers_trusts_and_gives_the_reason_of_the_one_that_knows() {
        let provider = Arc::new(ring::default_provider());
        let [system, extra, stranger] = [(); 3].map(|()| Identity::generate(&["localhost"]));
        let [of_system, of_extra] = [&system, &extra].map(|identity| {
            let authorities = text::certificates(identity.ca_pem().as_bytes()).expect("one");
            only(authorities, provider.clone()).expect("a verifier")
        });
        let either = Either::new(of_system, of_extra);
        assert_eq!(ask(&either, &system, "localhost"), Ok(()));
        assert_eq!(ask(&either, &extra, "localhost"), Ok(()));
        let unknown = ask(&either, &stranger, "localhost");
        assert_eq!(unknown, Err(CertificateError::UnknownIssuer.into()));
        for known in [&system, &extra] {
            let other_name = ask(&either, known, "example.com");
            let is_about_name = matches!(
                other_name,
                Err(rustls::Error::InvalidCertificate(
                    CertificateError::NotValidForNameContext { .. }
                ))
            );
            assert!(is_about_name, "{other_name:?}");
        }
    }
}
