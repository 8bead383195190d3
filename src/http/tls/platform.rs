//! The platform's authorities. Where they are files, they are read as a whole or not at all; elsewhere the system decides.

pub use store::{ARE_FILES, Authorities, read, verifier};

#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
mod store {
    use crate::http::error::{Error, ErrorKind};
    use crate::http::tls::file;
    use crate::http::tls::verifier::only;
    use crate::log::{self, Kind, Level};
    use crate::process;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::crypto::CryptoProvider;
    use rustls::pki_types::CertificateDer;
    use rustls_native_certs::{ErrorKind as Cause, load_certs_from_paths};
    use std::env;
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    /// Whether the authorities are files, so that it is known how many there are.
    pub const ARE_FILES: bool = true;

    /// Their certificates.
    pub type Authorities = Vec<CertificateDer<'static>>;

    /// Where they are.
    struct Places {
        bundle: Option<PathBuf>,
        directories: Vec<PathBuf>,
    }

    impl Places {
        /// As OpenSSL finds them: where the environment says, or where systems have them.
        fn find() -> Places {
            const VARIABLE: &str = openssl_probe::ENV_CERT_FILE;
            let known = || openssl_probe::candidate_cert_dirs().map(Path::to_owned);
            if process::is_privileged() {
                // The bundle that is found may be what the environment says; directories never are.
                let is_said = env::var_os(VARIABLE).is_some();
                let bundle = openssl_probe::probe().cert_file;
                return Places {
                    bundle: bundle.filter(|_| !is_said),
                    directories: known().collect(),
                };
            }
            let bundle = env::var_os(VARIABLE).map(PathBuf::from);
            let directories = env::var_os(openssl_probe::ENV_CERT_DIR);
            let said = directories.as_ref().into_iter().flat_map(env::split_paths);
            let said: Vec<_> = said.filter(|path| !path.as_os_str().is_empty()).collect();
            match bundle.is_some() || !said.is_empty() {
                true => Places {
                    bundle,
                    directories: said,
                },
                false => Places {
                    bundle: openssl_probe::probe().cert_file,
                    directories: known().collect(),
                },
            }
        }
    }

    /// Reads them all.
    pub fn read() -> Result<Authorities, Error> {
        let Places {
            bundle,
            directories,
        } = Places::find();
        let mut bundle = bundle.as_deref();
        if let Some(path) = bundle {
            // The environment may have named what never ends.
            file::check(path).map_err(|error| unreadable(path, &error))?;
        }
        let mut directories = directories.iter().map(PathBuf::as_path);
        let mut all = Vec::new();
        loop {
            let directory = directories.next();
            if bundle.is_none() && directory.is_none() {
                break;
            }
            // The bundle goes with the first directory, in which it often is.
            let mut found = load_certs_from_paths(bundle, directory);
            for error in &found.errors {
                look_at(error, bundle, directory)?;
            }
            all.append(&mut found.certs);
            bundle = None;
        }
        all.sort_unstable_by(|one, other| one.as_ref().cmp(other));
        all.dedup();
        Ok(all)
    }

    /// What could not be read is an error. No error is a directory that is not there, nor a file in one that this process may
    /// not read or that is damaged: it will not be another one soon.
    fn look_at(
        error: &rustls_native_certs::Error,
        bundle: Option<&Path>,
        directory: Option<&Path>,
    ) -> Result<(), Error> {
        match &error.kind {
            Cause::Io { inner, path } => match inner.kind() {
                io::ErrorKind::NotFound if directory == Some(path) => Ok(()),
                io::ErrorKind::PermissionDenied if bundle != Some(path) => {
                    skip(error);
                    Ok(())
                }
                _ => Err(unreadable(path, inner)),
            },
            Cause::Pem(_) => {
                skip(error);
                Ok(())
            }
            _ => Err(unreadable(
                bundle.or(directory).unwrap_or(Path::new("/")),
                error,
            )),
        }
    }

    fn unreadable(path: &Path, cause: &(dyn std::error::Error + 'static)) -> Error {
        let what = format_args!(
            "the system's certificate authorities cannot be read: {}",
            path.display()
        );
        Error::caused(ErrorKind::Tls, what, cause)
    }

    fn skip(error: &rustls_native_certs::Error) {
        let line = format_args!("of the system's certificate authorities one is left out: {error}");
        log::write(Level::Warning, Kind::Tls, line);
    }

    /// Trusts these.
    pub fn verifier(
        authorities: Authorities,
        extra: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
        only(extra.into_iter().chain(authorities), provider)
    }
}

#[cfg(target_os = "android")]
mod store {
    use crate::http::error::{Error, ErrorKind};
    use crate::http::tls::android;
    use crate::http::tls::verifier::{Either, only};
    use rustls::client::danger::ServerCertVerifier;
    use rustls::crypto::CryptoProvider;
    use rustls::pki_types::CertificateDer;
    use std::sync::Arc;

    /// Whether the authorities are files, so that it is known how many there are.
    pub const ARE_FILES: bool = false;

    /// None: they are known to the system alone.
    pub type Authorities = Vec<CertificateDer<'static>>;

    /// The system reads them itself, whenever it is asked; but it can be asked through Java alone.
    pub fn read() -> Result<Authorities, Error> {
        match android::is_ready() {
            true => Ok(Vec::new()),
            false => Err(Error::new(
                ErrorKind::Tls,
                "Android's certificate authorities cannot be asked: call eventsource_android_init first",
            )),
        }
    }

    /// Trusts the servers that the system trusts, and these authorities. The system takes no further ones.
    pub fn verifier(
        _authorities: Authorities,
        extra: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
        let system = android::verifier(provider.clone())?;
        match extra.is_empty() {
            true => Ok(system),
            false => Ok(Arc::new(Either::new(only(extra, provider)?, system))),
        }
    }
}

#[cfg(any(target_vendor = "apple", not(unix)))]
mod store {
    use crate::http::error::Error;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::crypto::CryptoProvider;
    use rustls::pki_types::CertificateDer;
    use rustls_platform_verifier::Verifier;
    use std::sync::Arc;

    /// Whether the authorities are files, so that it is known how many there are.
    pub const ARE_FILES: bool = false;

    /// None: they are known to the system alone.
    pub type Authorities = Vec<CertificateDer<'static>>;

    /// The system reads them itself, whenever it is asked.
    pub fn read() -> Result<Authorities, Error> {
        Ok(Vec::new())
    }

    /// Trusts the servers that the system trusts, and these authorities.
    #[cfg(not(windows))]
    pub fn verifier(
        _authorities: Authorities,
        extra: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
        Ok(Arc::new(Verifier::new_with_extra_roots(extra, provider)?))
    }
    /// Trusts whom the system trusts, and these; of these the library asks nobody but itself. Windows would, too: it takes no
    /// certificate for an authority that another has issued, and looks in the network, for up to ten seconds of each first
    /// connection, whether the server's has been revoked, which a private authority seldom tells there.
    #[cfg(windows)]
    pub fn verifier(
        _authorities: Authorities,
        extra: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
        use crate::http::tls::verifier::{Either, only};
        let system = Arc::new(Verifier::new(provider.clone())?);
        match extra.is_empty() {
            true => Ok(system),
            false => Ok(Arc::new(Either::new(only(extra, provider)?, system))),
        }
    }
}
