//! Certificates in PEM texts.

use crate::http::invalid::{Invalid, InvalidKind};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};

/// The certificates of a text.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Invalid> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| bad_pem(format!("the PEM text is damaged: {}", damage(&error))))
}

/// What is damaged. The text itself may be long, and is not quoted.
fn damage(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section has a BEGIN line and no END line",
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line is not whole",
        pem::Error::Base64Decode(_) => "what is between BEGIN and END is not base64",
        pem::Error::SectionTooLarge => "a section is too long",
        _ => "it cannot be read",
    }
}

/// A refusal.
pub fn bad_pem(message: impl Into<String>) -> Invalid {
    Invalid::new(InvalidKind::Pem, message)
}
