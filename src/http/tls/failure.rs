//! Why TLS failed, in words for people.

use crate::http::error::{Error, ErrorKind, causes};
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};
use std::fmt;
use std::io;
use std::time::{Duration, SystemTime};

/// A handshake that failed.
pub fn handshake(error: &(dyn std::error::Error + 'static), host: &str) -> Error {
    let failed = |reason: &dyn fmt::Display| {
        let message = format!("the TLS handshake with {host} failed: {reason}");
        Error::new(ErrorKind::Tls, message)
    };
    match find(error) {
        Some(rustls::Error::InvalidCertificate(error)) => {
            let reason = distrust(error);
            let message = format!("the certificate of {host} is not trusted: {reason}");
            Error::new(ErrorKind::Certificate, message)
        }
        Some(error) => failed(&reason(error)),
        None if is_end(error) => failed(&"the server ended the connection"),
        None => {
            let what = format_args!("the TLS handshake with {host} failed");
            Error::caused(ErrorKind::Tls, what, error)
        }
    }
}

/// What broke a connection after its handshake, if it was TLS that did. With TLS 1.3 that is when a server says that it
/// does not accept the client's certificate.
pub fn broken(error: &io::Error) -> Option<Error> {
    let reason = reason(find(error)?);
    Some(Error::new(ErrorKind::Tls, format!("TLS failed: {reason}")))
}

fn find<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// Whether the connection ended. hyper-rustls wraps what it is told of that.
fn is_end(error: &(dyn std::error::Error + 'static)) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref())
        .any(|error: &io::Error| error.kind() == io::ErrorKind::UnexpectedEof)
}

/// Why TLS failed.
pub fn reason(error: &rustls::Error) -> String {
    match error {
        rustls::Error::AlertReceived(alert) => format!("the server refused: {}", describe(*alert)),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the server does not speak TLS".into()
        }
        rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => "the server speaks no version of TLS that is allowed".into(),
        rustls::Error::PeerMisbehaved(why) => {
            format!("the server broke the rules of TLS: {}", spoken(why))
        }
        rustls::Error::PeerIncompatible(why) => {
            format!(
                "the server and the library have too little in common: {}",
                spoken(why)
            )
        }
        rustls::Error::InvalidMessage(why) => {
            format!("the server's message cannot be read: {}", spoken(why))
        }
        rustls::Error::InappropriateMessage { .. }
        | rustls::Error::InappropriateHandshakeMessage { .. } => {
            "the server sent a message when another was due".into()
        }
        rustls::Error::InvalidCertificate(error) => {
            format!("the certificate is not trusted: {}", distrust(error))
        }
        rustls::Error::InconsistentKeys(_) => {
            "the private key does not belong to the certificate".into()
        }
        rustls::Error::General(why) => why.clone(),
        rustls::Error::Other(why) => why.to_string(),
        _ => error.to_string(),
    }
}

/// TLS itself will not do.
pub fn impossible(error: &rustls::Error) -> Error {
    let why = reason(error);
    Error::new(ErrorKind::Tls, format!("TLS cannot be set up: {why}"))
}

/// What a library calls one of its reasons, in words: those of the name, without what is in it.
fn spoken(reason: &impl fmt::Debug) -> String {
    let name = format!("{reason:?}");
    let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next();
    let mut words = String::new();
    let mut is_after_small = false;
    for c in name.unwrap_or_default().chars() {
        if is_after_small && c.is_ascii_uppercase() {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
        is_after_small = !c.is_ascii_uppercase();
    }
    words
}

/// An alert by its name in RFC 8446, section 6, with what it usually means.
fn describe(alert: AlertDescription) -> String {
    const CLIENT_CERT: &str = "it does not accept the client certificate, or wants one";
    let (name, meaning) = match alert {
        AlertDescription::HandshakeFailure => (
            "handshake_failure",
            "it has no cipher in common with the client, or wants a client certificate",
        ),
        AlertDescription::BadCertificate => ("bad_certificate", CLIENT_CERT),
        AlertDescription::UnsupportedCertificate => ("unsupported_certificate", CLIENT_CERT),
        AlertDescription::CertificateRevoked => ("certificate_revoked", CLIENT_CERT),
        AlertDescription::CertificateExpired => ("certificate_expired", CLIENT_CERT),
        AlertDescription::CertificateUnknown => ("certificate_unknown", CLIENT_CERT),
        AlertDescription::UnknownCA => ("unknown_ca", CLIENT_CERT),
        AlertDescription::AccessDenied => ("access_denied", CLIENT_CERT),
        AlertDescription::CertificateRequired => {
            ("certificate_required", "it wants a client certificate")
        }
        AlertDescription::ProtocolVersion => (
            "protocol_version",
            "it speaks no version of TLS that is allowed",
        ),
        AlertDescription::UnrecognisedName => {
            ("unrecognized_name", "it does not know the server name")
        }
        AlertDescription::NoApplicationProtocol => (
            "no_application_protocol",
            "it speaks none of the protocols that it was offered",
        ),
        AlertDescription::InternalError => ("internal_error", "it has troubles of its own"),
        _ => return format!("alert {}", u8::from(alert)),
    };
    format!("alert {name}: {meaning}")
}

/// Why a certificate, "it", is not trusted.
fn distrust(error: &CertificateError) -> String {
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!(
                "it, or one that vouches for it, expired on {}",
                Date(not_after)
            )
        }
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "it, or one that vouches for it, is not valid before {}",
            Date(not_before)
        ),
        // Without the details, systems' own verifiers say so.
        CertificateError::Expired => {
            "it, or one that vouches for it, has expired or is not valid yet".into()
        }
        CertificateError::NotValidForName => "it is not for the host's name".into(),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let (expected, presented) = (expected.to_str(), names(presented));
            match presented {
                Some(presented) => format!("it is for {presented}, not for {expected}"),
                None => format!(
                    "it is for no name, not for {expected}. Names count in its subjectAltName alone, not in its \
                     common name: make it with one (openssl req -addext subjectAltName=DNS:{expected})"
                ),
            }
        }
        CertificateError::UnknownIssuer => {
            "no trusted authority vouches for it; eventsource_set_ca_file can trust its own"
                .into()
        }
        CertificateError::Revoked => "it has been revoked".into(),
        CertificateError::BadSignature => "a signature is wrong".into(),
        CertificateError::BadEncoding => "it cannot be read".into(),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it, or one that vouches for it, has a key or a signature of a kind that is not supported. \
             Supported are RSA of 2048 bits and more, and ECDSA on P-256 and P-384, with SHA-256 and more; and Ed25519"
                .into()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not for servers: its extended key usage lacks serverAuth".into()
        }
        CertificateError::Other(reason) => match reason.0.downcast_ref() {
            Some(error) => broken_rule(error),
            None => systems_rule(&reason.to_string()),
        },
        _ => format!("it breaks a rule: {}", spoken(error)),
    }
}

/// A rule that the system's verifier alone knows. Windows' has numbers for them, which the platform verifier hands on as
/// errors of the system: "What the system calls it. (os error -2146762482)".
fn systems_rule(text: &str) -> String {
    let number = text
        .rsplit_once("(os error ")
        .and_then(|(_, end)| end.strip_suffix(')')?.parse().ok())
        .map(|number: i32| number as u32);
    let words = match number {
        // CERT_E_CHAINING
        Some(0x800B_010A) => "its chain of certificates does not lead to an authority",
        // CERT_E_UNTRUSTEDCA, CERT_E_UNTRUSTEDTESTROOT
        Some(0x800B_0112 | 0x800B_010D) => {
            "the system does not trust the authority that vouches for it"
        }
        // TRUST_E_EXPLICIT_DISTRUST
        Some(0x800B_0111) => {
            "it, or one that vouches for it, is among those that this system distrusts"
        }
        // CERT_E_REVOCATION_FAILURE, CRYPT_E_REVOCATION_OFFLINE
        Some(0x800B_010E | 0x8009_2013) => {
            "the system could not find out whether it has been revoked"
        }
        // CRYPT_E_NO_REVOCATION_CHECK, CRYPT_E_NO_REVOCATION_DLL
        Some(0x8009_2012 | 0x8009_2011) => "the system cannot check whether it has been revoked",
        // CERT_E_REVOKED
        Some(0x800B_010C) => "it, or one that vouches for it, has been revoked",
        // CERT_E_VALIDITYPERIODNESTING
        Some(0x800B_0102) => "it is valid at times at which one that vouches for it is not",
        // CERT_E_PURPOSE, CERT_E_ROLE, TRUST_E_BASIC_CONSTRAINTS, CERT_E_PATHLENCONST
        Some(0x800B_0106 | 0x800B_0103 | 0x8009_6019 | 0x800B_0104) => {
            "one that vouches for it is not allowed to: it is no authority's, or one with limits"
        }
        // CERT_E_INVALID_POLICY
        Some(0x800B_0113) => "it, or one that vouches for it, breaks a policy of the system's",
        // CERT_E_CRITICAL, CERT_E_MALFORMED
        Some(0x800B_0105 | 0x800B_0108) => {
            "it has something in it that the system does not understand"
        }
        // TRUST_E_CERT_SIGNATURE
        Some(0x8009_6004) => "a signature is wrong",
        _ => return text.to_owned(),
    };
    words.to_owned()
}

/// A rule that the verifier alone knows.
fn broken_rule(error: &webpki::Error) -> String {
    match error {
        webpki::Error::CaUsedAsEndEntity => {
            "it is an authority's own, and was not given as one. If the server is the right one, trust this \
             certificate with eventsource_set_ca_file, or give the server one that an authority has issued"
                .into()
        }
        webpki::Error::UnsupportedCertVersion => {
            "it is of an old version, which has no names. Make it of version 3, with a subjectAltName".into()
        }
        _ => format!("it breaks a rule: {}", spoken(error)),
    }
}

/// The names in a certificate; only so much, and only if they are names, since a stranger wrote them.
fn names(presented: &[String]) -> Option<String> {
    const MOST: usize = 8;
    let is_name = |name: &&str| {
        (1..=255).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
    };
    // They come as `DnsName("localhost")` and `IpAddress(127.0.0.1)`.
    let mut names = presented
        .iter()
        .filter_map(|name| name.split_once('(')?.1.strip_suffix(')'))
        .map(|name| name.trim_matches('"'))
        .filter(is_name);
    let first: Vec<_> = names.by_ref().take(MOST).collect();
    match (first.as_slice(), names.count()) {
        ([], _) => None,
        (first, 0) => Some(first.join(", ")),
        (first, more) => Some(format!("{} and {more} more", first.join(", "))),
    }
}

/// A date in a certificate, as HTTP writes them.
struct Date<'d>(&'d UnixTime);

impl fmt::Display for Date<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The end of the year 9999, after which there are no dates in certificates and in HTTP.
        const END: u64 = 253_402_300_799;
        let since_epoch = Duration::from_secs(self.0.as_secs().min(END));
        f.write_str(&httpdate::fmt_http_date(
            SystemTime::UNIX_EPOCH + since_epoch,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{ContentType, HandshakeType, InconsistentKeys, OtherError, PeerMisbehaved};
    use std::sync::Arc;

    /// What Rust's debug text has, and no sentence.
    fn assert_words(text: &str) {
        for mark in ["{", "}", "::", "Some(", "None", "\"", "[", "Context", " ns"] {
            assert!(!text.contains(mark), "{mark} in {text}");
        }
        let is_camel = |pair: &[u8]| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
        let known = text.replace("serverAuth", "").replace("subjectAltName", "");
        assert!(!known.as_bytes().windows(2).any(is_camel), "{text}");
    }

    #[test]
    fn every_reason_is_in_words() {
        let context = CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: vec![1, 2],
            public_key_algorithm_id: vec![3],
        };
        let time = UnixTime::since_unix_epoch(Duration::from_secs(1));
        let webpki = |error: webpki::Error| CertificateError::Other(OtherError(Arc::new(error)));
        for error in [
            context,
            CertificateError::UnknownIssuer,
            CertificateError::Revoked,
            CertificateError::BadSignature,
            CertificateError::BadEncoding,
            CertificateError::Expired,
            CertificateError::NotValidForName,
            CertificateError::InvalidPurpose,
            CertificateError::UnhandledCriticalExtension,
            CertificateError::UnknownRevocationStatus,
            CertificateError::ApplicationVerificationFailure,
            CertificateError::ExpiredContext {
                time,
                not_after: time,
            },
            CertificateError::InvalidPurposeContext {
                required: rustls::ExtendedKeyPurpose::ServerAuth,
                presented: Vec::new(),
            },
            webpki(webpki::Error::CaUsedAsEndEntity),
            webpki(webpki::Error::UnsupportedCertVersion),
            webpki(webpki::Error::EndEntityUsedAsCa),
            webpki(webpki::Error::NameConstraintViolation),
        ] {
            assert_words(&distrust(&error));
            assert_words(&reason(&error.into()));
        }
        for error in [
            rustls::Error::from(PeerMisbehaved::MissingKeyShare),
            PeerIncompatible::NoCipherSuitesInCommon.into(),
            InvalidMessage::MissingData("a message").into(),
            InconsistentKeys::KeyMismatch.into(),
            rustls::Error::InappropriateMessage {
                expect_types: vec![ContentType::Handshake],
                got_type: ContentType::Alert,
            },
            rustls::Error::InappropriateHandshakeMessage {
                expect_types: vec![HandshakeType::Finished],
                got_type: HandshakeType::ClientHello,
            },
            rustls::Error::DecryptError,
            rustls::Error::PeerSentOversizedRecord,
            rustls::Error::NoCertificatesPresented,
            rustls::Error::AlertReceived(AlertDescription::DecodeError),
            rustls::Error::AlertReceived(AlertDescription::Unknown(99)),
        ] {
            assert_words(&reason(&error));
        }
        let example = reason(&PeerMisbehaved::MissingKeyShare.into());
        assert_eq!(
            example,
            "the server broke the rules of TLS: missing key share"
        );
    }
    #[test]
    fn the_numbers_of_windows_verifier_are_in_words() {
        // CERT_E_REVOCATION_FAILURE, as std and the platform verifier write it.
        let text = "The revocation process could not continue. (os error -2146762482)";
        let words = "the system could not find out whether it has been revoked";
        assert_eq!(systems_rule(text), words);
        let others = [
            "the system says no",
            "No such (os error 2)",
            "(os error",
            "(os error x)",
        ];
        for other in others {
            assert_eq!(systems_rule(other), other);
        }
    }
}
