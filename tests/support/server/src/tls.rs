//! Certificates for the https server, and for its clients.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, date_time_ymd,
};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

static AUTHORITIES: AtomicU64 = AtomicU64::new(1);

const DAY: u64 = 24 * 60 * 60;

/// A certificate with a certificate authority of its own, both made for one test, and how a server
/// with it is to be. A client can show it, too.
#[derive(Clone)]
pub struct Identity {
    ca: CertificateDer<'static>,
    ca_pem: String,
    chain: Vec<CertificateDer<'static>>,
    chain_pem: String,
    key: Arc<PrivateKeyDer<'static>>,
    key_pem: String,
    public_key: Vec<u8>,
    issuer_public_key: Vec<u8>,
    /// The authority of the clients, where they must have a certificate.
    client_ca: Option<CertificateDer<'static>>,
    versions: Vec<&'static SupportedProtocolVersion>,
    /// What it says that it speaks (ALPN), the first rather than the next.
    protocols: &'static [&'static str],
}

/// Who vouches for a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Issuance {
    /// The authority.
    Direct,
    /// Another authority, for which that one vouches.
    Indirect,
    /// Nobody else; it is an authority's.
    Itself,
    /// Nobody else; it is a server's.
    ItselfAsServer,
}

impl Identity {
    /// A certificate for these DNS names and IP addresses, valid now.
    pub fn generate(names: &[&str]) -> Identity {
        Identity::valid(names, -1, 90, Issuance::Direct)
    }

    /// A certificate for these names that was valid until yesterday; its authority is still valid.
    pub fn generate_expired(names: &[&str]) -> Identity {
        Identity::valid(names, -30, -1, Issuance::Direct)
    }

    /// A certificate for these names that will be valid from the day after tomorrow on.
    pub fn generate_for_later(names: &[&str]) -> Identity {
        Identity::valid(names, 2, 90, Issuance::Direct)
    }

    /// A certificate for these names of an authority that another one vouches for; that one is to
    /// be trusted.
    pub fn generate_with_intermediate(names: &[&str]) -> Identity {
        Identity::valid(names, -1, 90, Issuance::Indirect)
    }

    /// A certificate for these names that is an authority's own, as the shortest OpenSSL command
    /// makes it.
    pub fn generate_as_authority(names: &[&str]) -> Identity {
        Identity::valid(names, -1, 90, Issuance::Itself)
    }

    /// The same, but it says nothing of an authority.
    pub fn generate_self_signed(names: &[&str]) -> Identity {
        Identity::valid(names, -1, 90, Issuance::ItselfAsServer)
    }

    /// A certificate that is an authority's own and was valid until yesterday.
    pub fn generate_expired_authority(names: &[&str]) -> Identity {
        Identity::valid(names, -30, -1, Issuance::Itself)
    }

    /// The same, but a server with it has another's private key.
    pub fn signing_as(self, other: &Identity) -> Identity {
        Identity {
            key: other.key.clone(),
            ..self
        }
    }

    /// The same, but a server with it wants certificates of the authority of `clients`.
    pub fn requiring(self, clients: &Identity) -> Identity {
        Identity {
            client_ca: Some(clients.ca.clone()),
            ..self
        }
    }

    /// The same, but a server with it speaks TLS 1.2 only.
    pub fn only_tls12(self) -> Identity {
        Identity {
            versions: vec![&TLS12],
            ..self
        }
    }

    /// The same, but a server with it says that it would rather speak HTTP/2.
    pub fn preferring_http2(self) -> Identity {
        Identity {
            protocols: &["h2", "http/1.1"],
            ..self
        }
    }

    /// The same, but a server with it shows no certificate but its own.
    pub fn without_intermediate(mut self) -> Identity {
        self.chain.truncate(1);
        self
    }

    /// The certificate of the authority, for the client to trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The certificate, then that of the authority between, if there is one.
    pub fn chain_pem(&self) -> &str {
        &self.chain_pem
    }

    /// The certificate's private key (PKCS #8).
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// The certificate's public key (SubjectPublicKeyInfo, DER).
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// The public key of the authority that vouches for the certificate (likewise).
    pub fn issuer_public_key(&self) -> &[u8] {
        &self.issuer_public_key
    }

    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        self.server_config_for(self.protocols)
    }

    /// The configuration of a server that speaks these protocols (ALPN), the first rather than the
    /// next.
    pub fn server_config_for(&self, protocols: &[&str]) -> Arc<ServerConfig> {
        let mut config = self.try_server_config().expect("a usable configuration");
        let protocols = protocols.iter().map(|name| name.as_bytes().to_vec());
        config.alpn_protocols = protocols.collect();
        Arc::new(config)
    }

    fn try_server_config(&self) -> Result<ServerConfig, Box<dyn Error>> {
        // The provider is named because a process-wide default may or may not be installed by the
        // code under test.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&self.versions)?;
        let builder = match &self.client_ca {
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                roots.add(ca.clone())?;
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build()?;
                builder.with_client_cert_verifier(verifier)
            }
            None => builder.with_no_client_auth(),
        };
        // Not checked whether they belong together: that is for clients to find out.
        let key = any_supported_type(&self.key)?;
        let certified = CertifiedKey::new(self.chain.clone(), key);
        Ok(builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified))))
    }

    /// Validity in days from now. It is kept short because Apple's verifier takes no leaf of more
    /// than 825 days.
    fn valid(names: &[&str], from: i64, until: i64, issuance: Issuance) -> Identity {
        Identity::try_valid(names, from, until, issuance)
            .expect("names that fit into a certificate")
    }

    fn try_valid(
        names: &[&str],
        from: i64,
        until: i64,
        issuance: Issuance,
    ) -> Result<Identity, Box<dyn Error>> {
        let root = authority();
        let root_key = KeyPair::generate()?;
        let mut root_certificate = root.self_signed(&root_key)?;
        let mut issuer = Issuer::new(root, root_key);
        let mut intermediates = Vec::new();
        if issuance == Issuance::Indirect {
            let intermediate = authority();
            let key = KeyPair::generate()?;
            intermediates.push(intermediate.signed_by(&key, &issuer)?);
            issuer = Issuer::new(intermediate, key);
        }

        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut leaf = CertificateParams::new(names)?;
        leaf.distinguished_name
            .push(DnType::CommonName, "libeventsource test server");
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        leaf.use_authority_key_identifier_extension = true;
        set_validity(&mut leaf, from, until);
        let key = KeyPair::generate()?;
        let certificate = match issuance {
            Issuance::Itself | Issuance::ItselfAsServer => {
                if issuance == Issuance::Itself {
                    leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                }
                root_certificate = leaf.self_signed(&key)?;
                root_certificate.clone()
            }
            _ => leaf.signed_by(&key, &issuer)?,
        };
        let mut chain = vec![certificate];
        chain.append(&mut intermediates);

        Ok(Identity {
            ca: root_certificate.der().clone(),
            ca_pem: root_certificate.pem(),
            chain_pem: chain.iter().map(|certificate| certificate.pem()).collect(),
            chain: chain.into_iter().map(Into::into).collect(),
            key: Arc::new(PrivateKeyDer::try_from(key.serialize_der())?),
            key_pem: key.serialize_pem(),
            public_key: key.subject_public_key_info(),
            issuer_public_key: issuer.key().subject_public_key_info(),
            client_ca: None,
            versions: vec![&TLS13, &TLS12],
            protocols: &["http/1.1"],
        })
    }
}

/// What a certificate authority's certificate says.
fn authority() -> CertificateParams {
    let mut ca = CertificateParams::default();
    // Each its own name, or a client would take a stranger's certificate for a forged one.
    let name = format!(
        "libeventsource test authority {}",
        AUTHORITIES.fetch_add(1, Relaxed)
    );
    ca.distinguished_name.push(DnType::CommonName, name);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut ca, -60, 90);
    ca
}

/// Sets the validity, in days from today's beginning (UTC).
fn set_validity(certificate: &mut CertificateParams, from: i64, until: i64) {
    let day = |offset: i64| {
        let today = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs()
            / DAY;
        date_time_ymd(1970, 1, 1) + Duration::from_secs(today.saturating_add_signed(offset) * DAY)
    };
    (certificate.not_before, certificate.not_after) = (day(from), day(until));
}
