//! No TLS: its settings are refused where C calls them, and URLs that need it are, too.

// As what they stand in for.
#![allow(missing_docs)]

use crate::http::error::Error;
use crate::http::invalid::Invalid;
use crate::http::versions::{Alpn, MinVersion};
use std::convert::Infallible;
use std::path::Path;

pub mod failure {
    //! Why TLS failed: it cannot.

    use crate::http::error::Error;
    use std::io;

    pub fn broken(_: &io::Error) -> Option<Error> {
        None
    }
}

/// A TLS policy, which says nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tls;

/// A file of secrets: there is none.
pub enum KeyLog {}

impl KeyLog {
    pub fn open(_: &Path) -> Result<KeyLog, Invalid> {
        Err(refused())
    }
}

/// What would be read from files: there is none.
type Contents = Infallible;

impl Tls {
    pub fn set_extra_roots(&mut self, _: &[u8]) -> Result<(), Invalid> {
        Err(refused())
    }

    pub fn set_extra_roots_file(&mut self, roots: Contents) {
        match roots {}
    }

    pub fn set_exclusive_roots(&mut self, _: bool) {}

    pub fn set_client_cert(&mut self, _: &[u8], _: &[u8]) -> Result<(), Invalid> {
        Err(refused())
    }

    pub fn set_client_cert_files(&mut self, _: Option<Contents>) {}

    pub fn set_pinned_keys(&mut self, _: Option<&str>) -> Result<(), Invalid> {
        Err(refused())
    }

    pub fn set_min_version(&mut self, _: MinVersion) {}

    pub fn set_server_name(&mut self, _: Option<&str>) -> Result<(), Invalid> {
        Err(refused())
    }

    pub fn set_insecure(&mut self, _: bool) {}

    pub fn set_alpn(&mut self, _: Alpn) {}

    pub fn set_key_log(&mut self, _: Option<KeyLog>) {}

    pub fn for_proxy(&self) -> Tls {
        Tls
    }

    pub fn has_client_cert(&self) -> bool {
        false
    }

    pub fn for_other_origin(&self) -> Tls {
        Tls
    }

    pub fn generation(&self) -> Result<u64, Error> {
        Ok(0)
    }
}

pub fn read_roots(_: &Path) -> Result<Contents, Invalid> {
    Err(refused())
}

pub fn read_client_cert(_: &Path, _: Option<&Path>) -> Result<Contents, Invalid> {
    Err(refused())
}

/// # Safety
/// Any pointers will do: none is followed.
#[cfg(target_os = "android")]
pub unsafe fn init_android(
    _: *mut std::ffi::c_void,
    _: *mut std::ffi::c_void,
) -> Result<(), String> {
    Err(refused().message)
}

fn refused() -> Invalid {
    Invalid::unsupported("TLS")
}
