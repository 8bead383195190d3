//! Which servers a client trusts, and which certificate it shows.

use crate::abi::guard::arguments::{bytes, one_of, optional_text, switch};
use crate::abi::guard::refusal::Refusal;
use crate::abi::objects::client::setting_call;
use crate::abi::objects::refused::Setting;
use crate::abi::types::enumeration::enumeration;
use crate::abi::types::handles::eventsource_t;
use crate::abi::types::status::{EVENTSOURCE_ERR_VALUE, eventsource_status_t};
use crate::abi::types::tls_version::eventsource_tls_version_t;
use crate::features;
use crate::http::{KeyLog, MinVersion, Tls, read_client_cert, read_roots};
use crate::stream::Settings;
use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::path::Path;

use eventsource_tls_version_t::*;

enumeration!(eventsource_tls_version_t {
    EVENTSOURCE_TLS_NONE
    EVENTSOURCE_TLS_1_2
    EVENTSOURCE_TLS_1_3
});

/// Runs a setter's body on the TLS policy; as for [`set`](super::set::set).
///
/// # Safety
/// As for `client_call`.
unsafe fn set_tls(
    es: *mut eventsource_t,
    setting: Setting<'_>,
    change: impl FnOnce(&mut Tls) -> Result<(), Refusal>,
) -> eventsource_status_t {
    let set = |settings: &mut Settings| {
        Refusal::unless(features::TLS, "TLS")?;
        change(&mut settings.http.tls)
    };
    // SAFETY: the caller's promise.
    unsafe { super::set::set(es, setting, set) }
}

/// Trusts certificate authorities beside the operating system's, or in their place: `eventsource_set_ca_exclusive`.
///
/// The settings for TLS apply to every connection of the client to a server: also after redirects (to other hosts, too), after
/// reconnects, and through proxies. Only the authorities and the lowest version of TLS also apply to an https proxy. Pinned
/// keys, the server name, the client's certificate and `eventsource_set_insecure_skip_verification` apply to servers only.
///
/// A server's own certificate may be given here, too, even if it is self-signed, such as one by `openssl req -x509`. It is
/// trusted for its names and dates. It needs a subjectAltName.
///
/// Authorities are read as a whole or not at all. If the operating system's cannot be read, for example because no
/// descriptor is free, the attempt fails with `EVENTSOURCE_ERR_TLS`, also if the authorities given here would be enough; the
/// next attempt reads them again. An operating system that has none is no error if others are given. After
/// `EVENTSOURCE_ERR_CERTIFICATE` the next attempt reads them anew, at most once a minute for clients with equal settings, so
/// that renewed authorities need no restart. If that fails, what was read before stays trusted, and the log says so.
///
/// On systems that keep their authorities in files, the environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR` say where
/// these are; not in a program that has more rights than the user who started it (set-user-id), for which no variable counts.
///
/// @param es the client
/// @param pem one or more certificates in PEM form, copied; a later call, or one of `eventsource_set_ca_file`, replaces an
///        earlier one's
/// @param len bytes of `pem`; 0 to trust the operating system's alone
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_PEM`, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_ca_pem(
    es: *mut eventsource_t,
    pem: *const c_void,
    len: usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set_tls(es, Setting::new("certificate authorities"), |tls| {
            Ok(tls.set_extra_roots(bytes(pem, len, "the PEM text")?)?)
        })
    }
}

/// The same as `eventsource_set_ca_pem`, from a file. It is read now, and again by an attempt that finds another size, date or
/// inode; streams that are open go on. If it cannot be read then, or holds no certificate, what it held before stays trusted
/// for that attempt, and the log has a warning. No other call on the client waits while it is read now.
///
/// @param es the client
/// @param path of a regular file of at most 16 MiB, with one or more certificates in PEM form. NULL to trust the operating
///        system's authorities alone
/// @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_PEM`, also for a file that cannot be read, is larger,
///         or is a pipe or device, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_ca_file(
    es: *mut eventsource_t,
    path: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        setting_call(es, Setting::new("certificate authorities"), |es| {
            let path = optional_text(path, "the path")?;
            Refusal::unless(features::TLS, "TLS")?;
            // Not to read it for nothing.
            es.client().check_stopped()?;
            let roots = path.map(Path::new).map(read_roots).transpose()?;
            es.client().configure(|settings: &mut Settings| {
                let tls = &mut settings.http.tls;
                match roots {
                    Some(roots) => tls.set_extra_roots_file(roots),
                    None => tls.set_extra_roots(&[])?,
                }
                Ok(())
            })?
        })
    }
}

/// Sets whether the authorities of `eventsource_set_ca_pem` or `eventsource_set_ca_file` are the only ones that are
/// trusted. Default: 0.
///
/// @param es the client
/// @param exclusive 1: trust only the authorities that are set here; without any, no server is trusted. 0: trust them in
///        addition to the operating system's
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while the client
///         runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_ca_exclusive(
    es: *mut eventsource_t,
    exclusive: i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set_tls(es, Setting::new("ca_exclusive"), |tls| {
            let exclusive = switch(exclusive, "exclusive")?;
            tls.set_exclusive_roots(exclusive);
            Ok(())
        })
    }
}

/// Sets the certificate that the client shows to servers that ask for one. It is not shown to proxies. Default: none.
///
/// A key that does not belong to the certificate, or is encrypted, is refused here. Whether the certificate is valid, and of a
/// trusted authority, the server decides. If it refuses the certificate, the error is `EVENTSOURCE_ERR_TLS`, and its message
/// has the server's reason.
///
/// A later call, or one of `eventsource_set_client_cert_file`, replaces an earlier one's.
///
/// @param es the client
/// @param cert PEM: the client's certificate, then those that lead to its authority, if any; copied
/// @param cert_len bytes of `cert`; 0, and 0 for `key_len`, for no certificate
/// @param key PEM: its private key (PKCS #8, PKCS #1 or SEC1), not encrypted; copied, and never logged or told
/// @param key_len bytes of `key`; 0 when `cert` holds the key, too
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_PEM`, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
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
        set_tls(es, Setting::new("client certificate"), |tls| {
            let cert = bytes(cert, cert_len, "the certificate's PEM text")?;
            let key = bytes(key, key_len, "the key's PEM text")?;
            Ok(tls.set_client_cert(cert, key)?)
        })
    }
}

/// The same as `eventsource_set_client_cert_pem`, from files. They are read now, and again by an attempt that finds another
/// size, date or inode, so that a renewed certificate needs no restart. Streams that are open go on; an attempt resumes no
/// session and joins no connection of an earlier certificate. If the files cannot be read then, or do not belong together, for
/// example while they are being replaced, that attempt uses the certificate of before, and the log has a warning. No other
/// call on the client waits while they are read now.
///
/// @param es the client
/// @param cert_path of a regular file of at most 16 MiB, in PEM form: the client's certificate, then those that lead to its
///        authority, if any. NULL, and NULL for `key_path`, for no certificate
/// @param key_path of such a file with the private key; NULL when the certificate's file holds the key, too
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_PEM`, also for a file that cannot be read, is larger, or is a pipe or
///         device, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_client_cert_file(
    es: *mut eventsource_t,
    cert_path: *const c_char,
    key_path: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        setting_call(es, Setting::new("client certificate"), |es| {
            let cert = optional_text(cert_path, "the certificate's path")?.map(Path::new);
            let key = optional_text(key_path, "the key's path")?.map(Path::new);
            Refusal::unless(features::TLS, "TLS")?;
            // Not to read them for nothing.
            es.client().check_stopped()?;
            let client_cert = match (cert, key) {
                (None, None) => None,
                (None, Some(_)) => return Err(Refusal::null("the certificate's path")),
                (Some(cert), key) => Some(read_client_cert(cert, key)?),
            };
            let set =
                |settings: &mut Settings| settings.http.tls.set_client_cert_files(client_cert);
            Ok(es.client().configure(set)?)
        })
    }
}

/// Accepts only servers whose certificate has one of these public keys. This is checked in addition to the certificate's
/// verification, and even if `eventsource_set_insecure_skip_verification` switches that off. It is checked for the server's
/// own certificate, not for its authorities', and not for a proxy's. Default: any key.
///
/// @param es the client
/// @param pins as curl has them: `sha256//` and the SHA-256 of the key (its SubjectPublicKeyInfo in DER) in base64; several
///        are separated by `;`. NULL for any key
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while
///         the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_pinned_keys(
    es: *mut eventsource_t,
    pins: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set_tls(es, Setting::new("pinned_keys"), |tls| {
            let pins = optional_text(pins, "the pins")?;
            Ok(tls.set_pinned_keys(pins)?)
        })
    }
}

/// Sets the lowest version of TLS that is spoken. Default: TLS 1.2. The library speaks no older version.
///
/// @param es the client
/// @param version the version
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while the client
///         runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_min_tls_version(
    es: *mut eventsource_t,
    version: MaybeUninit<eventsource_tls_version_t>,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set_tls(es, Setting::new("min_tls_version"), |tls| {
            let version = match one_of(version, "the version of TLS")? {
                EVENTSOURCE_TLS_1_2 => MinVersion::Tls12,
                EVENTSOURCE_TLS_1_3 => MinVersion::Tls13,
                EVENTSOURCE_TLS_NONE => {
                    let message = "the lowest version of TLS cannot be none; use an http URL";
                    return Err(Refusal::new(EVENTSOURCE_ERR_VALUE, message));
                }
            };
            tls.set_min_version(version);
            Ok(())
        })
    }
}

/// Sets the name that the client sends in the handshake (SNI), and that servers' certificates must have, in place of the URL's
/// host. The connection is still made to that host, and `Host` still names it. Default: the URL's host.
///
/// @param es the client
/// @param name a DNS name or an IP address; NULL for the URL's host
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while
///         the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_server_name(
    es: *mut eventsource_t,
    name: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set_tls(es, Setting::new("server_name"), |tls| {
            let name = optional_text(name, "the server name")?;
            Ok(tls.set_server_name(name)?)
        })
    }
}

/// INSECURE: accepts any certificate of a server, so an attacker on the network path can read and forge the
/// stream and the credentials. For tests only. Pinned keys still count, and an https proxy is still verified.
///
/// @param es the client
/// @param skip 1: verify nothing; 0: verify (default)
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while the client
///         runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_insecure_skip_verification(
    es: *mut eventsource_t,
    skip: i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set_tls(es, Setting::new("insecure_skip_verification"), |tls| {
            tls.set_insecure(switch(skip, "skip")?);
            Ok(())
        })
    }
}

/// Writes the secrets of the client's TLS connections to a file, so that a tool such as Wireshark can decrypt what it has
/// captured of them: one line for each secret, in the format of NSS. Whoever reads the file can read these connections,
/// credentials included: for debugging only. Default: none. The library does not look at the environment variable
/// `SSLKEYLOGFILE`; a program that wants to heed it passes its value.
///
/// Connections to servers and to https proxies write. They are shared only among clients with the same file. The file is opened
/// now, to append to it, and stays open until no client has it. A line that cannot be written is missing; the log has a
/// warning.
///
/// @param es the client
/// @param path the file, which is made with the mode 0600 if there is none. It must be a regular file that belongs to the user
///        whom the process runs as, and nobody else may read or write it (not checked on Windows). NULL for none
/// @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_VALUE` if the file cannot be opened or others may use
///         it, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_key_log_file(
    es: *mut eventsource_t,
    path: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        setting_call(es, Setting::new("key_log_file"), |es| {
            let path = optional_text(path, "the path")?;
            Refusal::unless(features::TLS, "TLS")?;
            // Not to make it for nothing.
            es.client().check_stopped()?;
            let key_log = path.map(Path::new).map(KeyLog::open).transpose()?;
            es.client().configure(|settings: &mut Settings| {
                settings.http.tls.set_key_log(key_log);
                Ok(())
            })?
        })
    }
}
