//! Whom a client trusts, and what it shows of itself.

use super::set;
use crate::abi::client::eventsource_t;
use crate::abi::guard::{Refusal, bytes, client_call, optional_text, switch, text};
use crate::abi::status::{EVENTSOURCE_ERR_VALUE, eventsource_status_t};
use crate::http::{MinVersion, read_roots};
use crate::stream::Settings;
use std::ffi::{c_char, c_void};
use std::path::Path;

/// Versions of TLS, for `eventsource_set_min_tls_version`.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_tls_version_t {
    /// TLS 1.2.
    EVENTSOURCE_TLS_1_2 = 12,
    /// TLS 1.3.
    EVENTSOURCE_TLS_1_3 = 13,
}

use eventsource_tls_version_t::*;

/// Trusts certificate authorities beside the operating system's, or in their place: `eventsource_set_ca_exclusive`.
///
/// What the settings for TLS say holds for every connection of the client to a server: also after redirects, to other
/// hosts, too, when it reconnects, and through proxies. For an https proxy hold the authorities and the lowest version of
/// TLS. Pinned keys, the server name, the client's certificate and `eventsource_set_insecure_skip_verification` are for
/// servers alone.
///
/// A certificate that is given here and that a server shows as its own is trusted for its names and dates, also when it is
/// self-signed, as `openssl req -x509` makes it. It needs a subjectAltName.
///
/// Authorities are read as a whole or not at all. If the operating system's cannot be read, for example because no
/// descriptor is free, the attempt fails with `EVENTSOURCE_ERR_TLS`, also if the authorities given here would be enough; the
/// next attempt reads them again. An operating system that has none is no error if others are given. After
/// `EVENTSOURCE_ERR_CERTIFICATE` the next attempt reads them anew, at most once a minute for clients with equal settings, so
/// that renewed authorities need no restart. If that fails, what was read before stays trusted, and the log says so.
///
/// On systems that keep their authorities in files, the environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR` say where
/// these are; not in a program that has more rights than whoever started it (set-user-id), for which no variable counts.
///
/// @param es the client
/// @param pem one or more certificates in PEM form, copied; a later call, or one of `eventsource_set_ca_file`, replaces an
///        earlier one's
/// @param len bytes of `pem`; 0 to trust the operating system's alone
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_PEM`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_ca_pem(
    es: *mut eventsource_t,
    pem: *const c_void,
    len: usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            Ok(settings
                .http
                .tls
                .set_extra_roots(bytes(pem, len, "the PEM text")?)?)
        })
    }
}

/// The same as `eventsource_set_ca_pem`, from a file. It is read now, and again when the authorities are read anew; if it
/// cannot be read then, or holds no certificate, what it held before stays trusted. No other call on the client waits while
/// it is read.
///
/// @param es the client
/// @param path of a regular file of at most 16 MiB, with one or more certificates in PEM form
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_PEM`, also for a file that cannot be read, is larger, or is a pipe or
///         device, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_ca_file(
    es: *mut eventsource_t,
    path: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            let path = Path::new(text(path, "the path")?);
            // Not to read it for nothing.
            es.client().check_stopped()?;
            let roots = read_roots(path)?;
            let set = |settings: &mut Settings| settings.http.tls.set_extra_roots_file(roots);
            Ok(es.client().configure(set)?)
        })
    }
}

/// Sets whether the authorities of `eventsource_set_ca_pem` or `eventsource_set_ca_file` are the only ones that are
/// trusted. Default: 0.
///
/// @param es the client
/// @param exclusive 1: the operating system's are not trusted, and without others no server is; 0: they are, too
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_ca_exclusive(
    es: *mut eventsource_t,
    exclusive: i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            let exclusive = switch(exclusive, "exclusive")?;
            settings.http.tls.set_exclusive_roots(exclusive);
            Ok(())
        })
    }
}

/// Sets the certificate that the client shows to servers that ask for one. A proxy does not get to see it. Default: none.
///
/// A key that does not belong to the certificate, or is encrypted, is refused here. Whether the certificate is valid, and
/// of an authority that the server trusts, is for the server to say: `EVENTSOURCE_ERR_TLS`, with what it said.
///
/// @param es the client
/// @param cert PEM: the client's certificate, then those that lead to its authority, if any; copied
/// @param cert_len bytes of `cert`; 0, and 0 for `key_len`, for no certificate
/// @param key PEM: its private key (PKCS #8, PKCS #1 or SEC1), not encrypted; copied, and never logged or told
/// @param key_len bytes of `key`; 0 when `cert` holds the key, too
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_PEM`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_client_cert_pem(
    es: *mut eventsource_t,
    cert: *const c_void,
    cert_len: usize,
    key: *const c_void,
    key_len: usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            let cert = bytes(cert, cert_len, "the certificate's PEM text")?;
            let key = bytes(key, key_len, "the key's PEM text")?;
            Ok(settings.http.tls.set_client_cert(cert, key)?)
        })
    }
}

/// Accepts only servers whose certificate has one of these public keys. That comes on top of the certificate's
/// verification, and is still checked where that is switched off by `eventsource_set_insecure_skip_verification`. It counts
/// for the server's own certificate, not for its authorities', and not for a proxy's. Default: any key.
///
/// @param es the client
/// @param pins as curl has them: `sha256//` and the SHA-256 of the key (its SubjectPublicKeyInfo in DER) in base64; several
///        are separated by `;`. NULL for any key
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_pinned_keys(
    es: *mut eventsource_t,
    pins: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            let pins = optional_text(pins, "the pins")?;
            Ok(settings.http.tls.set_pinned_keys(pins)?)
        })
    }
}

/// Sets the lowest version of TLS that is spoken. Default: TLS 1.2; what is older is not spoken at all.
///
/// @param es the client
/// @param version an `eventsource_tls_version_t`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_min_tls_version(
    es: *mut eventsource_t,
    version: i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            let version = match version {
                n if n == EVENTSOURCE_TLS_1_2 as i32 => MinVersion::Tls12,
                n if n == EVENTSOURCE_TLS_1_3 as i32 => MinVersion::Tls13,
                n => {
                    let message = format!("{n} is no eventsource_tls_version_t");
                    return Err(Refusal::new(EVENTSOURCE_ERR_VALUE, message));
                }
            };
            settings.http.tls.set_min_version(version);
            Ok(())
        })
    }
}

/// Sets the name that servers are asked for in the handshake (SNI) and that their certificates must have, in place of the
/// URL's host. The connection is still made to that host, and `Host` still names it. Default: the URL's host.
///
/// @param es the client
/// @param name a DNS name or an IP address; NULL for the URL's host
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_server_name(
    es: *mut eventsource_t,
    name: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            let name = optional_text(name, "the server name")?;
            Ok(settings.http.tls.set_server_name(name)?)
        })
    }
}

/// INSECURE: accepts any certificate of a server, so that whoever sits on the network path can read and forge the
/// stream and the credentials. For tests only. Pinned keys still count, and an https proxy is still verified.
///
/// @param es the client
/// @param skip 1: verify nothing; 0: verify (default)
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_insecure_skip_verification(
    es: *mut eventsource_t,
    skip: i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            settings.http.tls.set_insecure(switch(skip, "skip")?);
            Ok(())
        })
    }
}
