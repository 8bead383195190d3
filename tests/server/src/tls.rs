//! Certificates for the https server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

static AUTHORITIES: AtomicU64 = AtomicU64::new(1);

const DAY: u64 = 24 * 60 * 60;

/// A server certificate with a certificate authority of its own, both made for one test.
#[derive(Clone)]
pub struct Identity {
    ca_pem: String,
    config: Arc<ServerConfig>,
}

impl Identity {
    /// A certificate for these DNS names and IP addresses, valid now.
    pub fn generate(names: &[&str]) -> Identity {
        Identity::valid(names, -1, 90)
    }

    /// A certificate for these names that was valid until yesterday; its authority is still valid.
    pub fn generate_expired(names: &[&str]) -> Identity {
        Identity::valid(names, -30, -1)
    }

    /// The certificate of the authority, for the client to trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// The configuration of a server that speaks these protocols (ALPN), the first rather than the next.
    pub fn server_config_for(&self, protocols: &[&str]) -> Arc<ServerConfig> {
        let mut config = ServerConfig::clone(&self.config);
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        Arc::new(config)
    }

    /// Validity in days from now. It is kept short because Apple's verifier takes no leaf of more
    /// than 825 days.
    fn valid(names: &[&str], from: i64, until: i64) -> Identity {
        Identity::try_valid(names, from, until).expect("names that fit into a certificate")
    }

    fn try_valid(
        names: &[&str],
        from: i64,
        until: i64,
    ) -> Result<Identity, Box<dyn std::error::Error>> {
        let day = |offset: i64| {
            let today = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs()
                / DAY;
            date_time_ymd(1970, 1, 1)
                + Duration::from_secs(today.saturating_add_signed(offset) * DAY)
        };

        let mut ca = CertificateParams::default();
        // Each its own name, or a client would take a stranger's certificate for a forged one.
        let name = format!(
            "libeventsource test authority {}",
            AUTHORITIES.fetch_add(1, Relaxed)
        );
        ca.distinguished_name.push(DnType::CommonName, name);
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (ca.not_before, ca.not_after) = (day(-60), day(90));
        let ca_key = KeyPair::generate()?;
        let ca_pem = ca.self_signed(&ca_key)?.pem();
        let issuer = Issuer::new(ca, ca_key);

        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut leaf = CertificateParams::new(names)?;
        leaf.distinguished_name
            .push(DnType::CommonName, "libeventsource test server");
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        (leaf.not_before, leaf.not_after) = (day(from), day(until));
        let leaf_key = KeyPair::generate()?;
        let certificate: CertificateDer<'static> = leaf.signed_by(&leaf_key, &issuer)?.into();
        let private_key = PrivateKeyDer::try_from(leaf_key.serialize_der())?;

        // The provider is named because a process-wide default may or may not be installed by the
        // code under test.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], private_key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Identity {
            ca_pem,
            config: Arc::new(config),
        })
    }
}
