//! TLS: which servers a connection trusts, and which certificate it shows. The handshake is made in `connect`.

#[cfg(target_os = "android")]
mod android;
mod client_cert;
pub mod failure;
mod file;
mod key_log;
mod pins;
mod platform;
mod policy;
mod text;
mod trusted;
mod verifier;

#[cfg(target_os = "android")]
pub use android::init as init_android;

use super::error::{Error, ErrorKind};
use super::invalid::{Invalid, InvalidKind};
use super::versions::{Alpn, MinVersion};
use crate::sync::{PerProcess, lock};
use client_cert::ClientCert;
pub use key_log::KeyLog;
use pins::Pins;
use policy::{Configured, Policy};
use rustls::ClientConfig;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use text::bad_pem;
use trusted::ExtraRoots;

/// A TLS policy. All that say the same share what it costs: the configuration with its roots, and the sessions that can be
/// resumed, is made once, at the first connection.
#[derive(Clone, Debug)]
pub struct Tls(Arc<Shared>);

/// The policy of clients that say nothing of TLS, while there is one.
static DEFAULT: PerProcess<Mutex<Weak<Shared>>> = PerProcess::new();

impl Default for Tls {
    fn default() -> Tls {
        let mut default = lock(DEFAULT.get());
        Tls(default.upgrade().unwrap_or_else(|| {
            let shared = Arc::default();
            *default = Arc::downgrade(&shared);
            shared
        }))
    }
}

#[derive(Debug, Default)]
struct Shared {
    policy: Policy,
    /// The name that a server must have, instead of the URL's host.
    server_name: Option<ServerName<'static>>,
    configured: OnceLock<Arc<Configured>>,
    for_proxy: OnceLock<Tls>,
    for_other_origin: OnceLock<Tls>,
}

/// Equal are those that say the same.
impl PartialEq for Tls {
    fn eq(&self, other: &Tls) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.policy == other.0.policy && self.0.server_name == other.0.server_name)
    }
}

impl Tls {
    /// Trusts certificates beside the platform's, or alone where those are exclusive.
    pub fn set_extra_roots(&mut self, pem: &[u8]) -> Result<(), Invalid> {
        let certificates = trusted::authorities(pem).map_err(bad_pem)?;
        if certificates.is_empty() && !pem.is_empty() {
            return Err(bad_pem("the PEM text holds no certificate"));
        }
        let roots = ExtraRoots {
            certificates,
            file: None,
        };
        self.change(|policy| policy.extra_roots = roots);
        Ok(())
    }

    /// Likewise, from a file that has been read, and is read anew when it has changed.
    pub fn set_extra_roots_file(&mut self, roots: ExtraRoots) {
        self.change(|policy| policy.extra_roots = roots);
    }

    /// Trusts the extra roots alone.
    pub fn set_exclusive_roots(&mut self, exclusive: bool) {
        self.change(|policy| policy.exclusive_roots = exclusive);
    }

    /// Shows a certificate to servers that ask for one; `chain` may hold its key, too, and then `key` may be empty. None for
    /// two empty texts.
    pub fn set_client_cert(&mut self, chain: &[u8], key: &[u8]) -> Result<(), Invalid> {
        let is_none = chain.is_empty() && key.is_empty();
        let client_cert = match is_none {
            true => None,
            false => Some(ClientCert::from_pem(chain, key)?),
        };
        self.change(|policy| policy.client_cert = client_cert);
        Ok(())
    }

    /// Shows a certificate that has been read from files, and is read anew when they have changed; none for `None`.
    pub fn set_client_cert_files(&mut self, client_cert: Option<ClientCert>) {
        self.change(|policy| policy.client_cert = client_cert);
    }

    /// Accepts only servers with one of these public keys, as curl writes them; `None` for any.
    pub fn set_pinned_keys(&mut self, pins: Option<&str>) -> Result<(), Invalid> {
        let pins = pins.map(Pins::parse).transpose()?;
        self.change(|policy| policy.pins = pins);
        Ok(())
    }

    /// Sets the lowest version that is spoken.
    pub fn set_min_version(&mut self, version: MinVersion) {
        self.change(|policy| policy.min_version = version);
    }

    /// Sets the name that servers are asked for and must have; `None` for the URL's host.
    pub fn set_server_name(&mut self, name: Option<&str>) -> Result<(), Invalid> {
        let name = name.map(server_name).transpose().map_err(|_| {
            let message = "the server name is neither a DNS name nor an IP address";
            Invalid::new(InvalidKind::Value, message)
        })?;
        *self = Tls::with(self.0.policy.clone(), name);
        Ok(())
    }

    /// Trusts any server; a proxy is still verified.
    pub fn set_insecure(&mut self, insecure: bool) {
        self.change(|policy| policy.insecure = insecure);
    }

    /// Sets which protocols are offered.
    pub fn set_alpn(&mut self, alpn: Alpn) {
        self.change(|policy| policy.alpn = alpn);
    }

    /// Writes the secrets of connections to a file; `None` for none. They share nothing with those of others.
    pub fn set_key_log(&mut self, key_log: Option<KeyLog>) {
        let key_log = key_log.map(Arc::new);
        self.change(|policy| policy.key_log = key_log);
    }

    fn change(&mut self, change: impl FnOnce(&mut Policy)) {
        let mut policy = self.0.policy.clone();
        change(&mut policy);
        *self = Tls::with(policy, self.0.server_name.clone());
    }

    fn with(policy: Policy, server_name: Option<ServerName<'static>>) -> Tls {
        Tls(Arc::new(Shared {
            policy,
            server_name,
            ..Shared::default()
        }))
    }

    /// The policy for an https proxy. It is always verified, by the same authorities, because it gets credentials of its own
    /// and sees where the client goes; but is shown nothing and has keys and a name of its own.
    pub fn for_proxy(&self) -> Tls {
        let for_proxy = || {
            let policy = Policy {
                client_cert: None,
                pins: None,
                insecure: false,
                alpn: Alpn::Http1Only,
                ..self.0.policy.clone()
            };
            Tls::with(policy, None)
        };
        self.0.for_proxy.get_or_init(for_proxy).clone()
    }

    /// Whether there is a client certificate to show.
    pub fn has_client_cert(&self) -> bool {
        self.0.policy.client_cert.is_some()
    }

    /// The policy for another origin than the one that it was made for: the same, but a client certificate is not shown to it.
    pub fn for_other_origin(&self) -> Tls {
        if self.0.policy.client_cert.is_none() {
            return self.clone();
        }
        let for_other_origin = || {
            let mut tls = self.clone();
            tls.change(|policy| policy.client_cert = None);
            tls
        };
        let cell = &self.0.for_other_origin;
        cell.get_or_init(for_other_origin).clone()
    }

    /// Gets ready for a host, a name or an address. The first time takes a while, because all that is trusted is read: so
    /// that comes before the connection, which would not be looked after meanwhile.
    pub fn ready_for(&self, host: &str) -> Result<Ready, Error> {
        let name = match &self.0.server_name {
            Some(name) => name.clone(),
            None => server_name(host).map_err(|error| {
                let what = format_args!("{host} is no name for TLS");
                Error::caused(ErrorKind::Tls, what, &error).of_settings()
            })?,
        };
        let configured = self.configured()?;
        Ok(Ready {
            name,
            config: configured.config(),
            configured: configured.clone(),
        })
    }

    /// Tells what a connection that is made now is made with from what earlier ones were: files may have changed.
    pub fn generation(&self) -> Result<u64, Error> {
        Ok(self.configured()?.generation())
    }

    fn configured(&self) -> Result<&Arc<Configured>, Error> {
        if let Some(configured) = self.0.configured.get() {
            return Ok(configured);
        }
        let configured = self.0.policy.configured()?;
        Ok(self.0.configured.get_or_init(|| configured))
    }
}

/// What a handshake takes.
pub struct Ready {
    /// The name to ask for and to verify.
    pub name: ServerName<'static>,
    /// Which servers to trust, and which certificate to show.
    pub config: Arc<ClientConfig>,
    configured: Arc<Configured>,
}

impl Ready {
    /// The certificate was not trusted: it may be that what is trusted is to be read anew.
    pub fn was_not_trusted(&self) {
        self.configured.failed();
    }
}

/// A name to ask for and to verify.
fn server_name(host: &str) -> Result<ServerName<'static>, InvalidDnsNameError> {
    ServerName::try_from(host.to_owned())
}

/// Reads a file for [`Tls::set_extra_roots_file`]. It may take a while, and is not to be done behind a lock.
pub fn read_roots(path: &Path) -> Result<ExtraRoots, Invalid> {
    ExtraRoots::read(path).map_err(bad_pem)
}

/// Reads files for [`Tls::set_client_cert_files`], the key from the chain's where there is no other. Likewise.
pub fn read_client_cert(chain: &Path, key: Option<&Path>) -> Result<ClientCert, Invalid> {
    ClientCert::read(chain, key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::pem::PemObject;
    use std::thread;
    use std::time::Instant;
    use test_server::{Identity, LIMIT, slowly};

    impl Tls {
        fn config(&self) -> Result<Arc<ClientConfig>, Error> {
            Ok(self.configured()?.config())
        }
    }

    fn trusting(identity: &Identity) -> Tls {
        let mut tls = Tls::default();
        tls.set_extra_roots(identity.ca_pem().as_bytes())
            .expect("a certificate");
        tls
    }

    fn with_client_cert(trusted: &Identity, client: &Identity) -> Tls {
        let mut tls = trusting(trusted);
        let (chain, key) = (client.chain_pem(), client.key_pem());
        tls.set_client_cert(chain.as_bytes(), key.as_bytes())
            .expect("a certificate and its key");
        tls
    }

    const PIN: &str = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn key_log() -> std::path::PathBuf {
        std::env::temp_dir().join(format!("eventsource-{}-shared", std::process::id()))
    }

    #[test]
    fn only_who_trusts_the_same_shares_what_that_takes() {
        let [identity, client] = [(); 2].map(|()| Identity::generate(&["localhost"]));
        let but = |change: fn(&mut Tls)| {
            let mut tls = trusting(&identity);
            change(&mut tls);
            tls
        };
        let all = [
            Tls::default(),
            trusting(&identity),
            trusting(&client),
            with_client_cert(&identity, &client),
            with_client_cert(&identity, &identity),
            but(|tls| tls.set_exclusive_roots(true)),
            but(|tls| tls.set_insecure(true)),
            but(|tls| tls.set_pinned_keys(Some(PIN)).expect("a pin")),
            but(|tls| tls.set_min_version(MinVersion::Tls13)),
            but(|tls| tls.set_alpn(Alpn::Http2Only)),
            but(|tls| tls.set_key_log(Some(KeyLog::open(&key_log()).expect("a file")))),
        ];
        let configs = all.each_ref().map(|tls| tls.config().expect("one"));
        for (index, config) in configs.iter().enumerate() {
            let others = &configs[index + 1..];
            assert!(!others.iter().any(|other| Arc::ptr_eq(config, other)));
        }
        for (again, index) in [
            (trusting(&identity), 1),
            (with_client_cert(&identity, &client), 3),
            (but(|tls| tls.set_pinned_keys(Some(PIN)).expect("a pin")), 7),
            (
                but(|tls| tls.set_key_log(Some(KeyLog::open(&key_log()).expect("a file")))),
                10,
            ),
            // The name is no matter of the configuration.
            (
                but(|tls| tls.set_server_name(Some("a")).expect("a name")),
                1,
            ),
        ] {
            let config = again.config().expect("the same");
            assert!(Arc::ptr_eq(&config, &configs[index]), "{index}");
        }
        std::fs::remove_file(key_log()).expect("it is there");
    }

    #[test]
    fn a_proxy_is_trusted_as_a_server_and_learns_nothing_of_the_client() {
        let [identity, client] = [(); 2].map(|()| Identity::generate(&["localhost"]));
        let mut tls = with_client_cert(&identity, &client);
        tls.set_alpn(Alpn::Both);
        tls.set_pinned_keys(Some(PIN)).expect("a pin");
        tls.set_server_name(Some("a")).expect("a name");
        let config = tls.config().expect("one");
        assert_eq!(config.alpn_protocols, [&b"h2"[..], b"http/1.1"]);
        let for_proxy = tls.for_proxy();
        assert!(for_proxy.0.server_name.is_none());
        let for_proxy = for_proxy.config().expect("one");
        assert_eq!(for_proxy.alpn_protocols, [b"http/1.1"]);
        let mut http1 = trusting(&identity);
        http1.set_alpn(Alpn::Http1Only);
        let http1 = http1.config().expect("one");
        assert!(Arc::ptr_eq(&for_proxy, &http1));
    }

    #[test]
    fn what_trust_takes_goes_with_the_last_who_trusts() {
        let [identity, client] = [(); 2].map(|()| Identity::generate(&["localhost"]));
        let [one, other] = [(); 2].map(|()| with_client_cert(&identity, &client));
        let config = Arc::downgrade(&one.config().expect("one"));
        other.config().expect("the same");
        drop(one);
        assert!(config.strong_count() > 0);
        drop(other);
        // A test beside this that looks for a policy of its own holds each for a moment.
        let begun = Instant::now();
        while config.strong_count() > 0 {
            assert!(begun.elapsed() < slowly(LIMIT), "it is kept");
            thread::yield_now();
        }
    }

    /// A file with authorities, which goes with this.
    struct AuthorityFile(std::path::PathBuf);

    impl AuthorityFile {
        fn of(identity: &Identity) -> AuthorityFile {
            let name = format!("authority-{}.pem", std::process::id());
            let file = AuthorityFile(std::env::temp_dir().join(name));
            file.write(identity.ca_pem());
            file
        }

        fn write(&self, text: &str) {
            std::fs::write(&self.0, text).expect("a file");
        }
    }

    impl Drop for AuthorityFile {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn a_file_that_has_changed_is_read_anew_and_as_a_whole() {
        let [one, other] = [(); 2].map(|()| Identity::generate(&["localhost"]));
        let file = AuthorityFile::of(&one);
        let mut tls = Tls::default();
        tls.set_extra_roots_file(read_roots(&file.0).expect("an authority"));
        let config = || tls.config().expect("one");
        let generation = || tls.generation().expect("one");
        let same = |a: &Arc<ClientConfig>, b: &Arc<ClientConfig>| Arc::ptr_eq(a, b);
        let first = config();

        file.write(one.ca_pem());
        assert!(same(&config(), &first), "what is the same is kept");
        assert_eq!(generation(), 0);

        file.write(other.ca_pem());
        let second = config();
        assert!(!same(&second, &first), "what has changed is not");
        assert_eq!(generation(), 1);
        assert!(same(&tls.clone().config().expect("one"), &second));

        for damaged in ["", "-----BEGIN CERTIFICATE-----\n"] {
            file.write(damaged);
            assert!(same(&config(), &second), "what is damaged is not taken");
        }
        std::fs::remove_file(&file.0).expect("it is there");
        assert!(same(&config(), &second), "nor is nothing");
        file.write(one.ca_pem());
        assert!(!same(&config(), &second), "what was damaged is read again");
        assert_eq!(generation(), 2);
    }

    #[test]
    fn no_debug_output_holds_a_key() {
        let identity = Identity::generate(&["localhost"]);
        let tls = with_client_cert(&identity, &identity);
        tls.config().expect("one");
        let text = format!("{tls:?}");
        assert!(text.contains("ClientCert"), "{text}");
        // A key would be there as PEM, in hexadecimal digits or as a list of numbers.
        let der = rustls::pki_types::PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes());
        let der = der.expect("a key");
        let numbers = format!("{:?}", &der.secret_der()[..8]);
        let digits: String = der.secret_der()[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let base64 = identity.key_pem().lines().nth(1).expect("a line");
        for secret in [numbers.trim_matches(['[', ']']), &digits, base64] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
