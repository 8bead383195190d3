//! The way to the server: proxies, Unix sockets, names.

use super::set;
use crate::abi::client::eventsource_t;
use crate::abi::guard::{optional_text, text};
use crate::abi::status::eventsource_status_t;
use std::ffi::c_char;

/// Sets the proxy, for every request of the client, redirects included. Default: what the environment says.
///
/// An `http` URL is requested from an HTTP proxy in the proxy's name; an `https` URL is reached through CONNECT, and
/// TLS with the server is then what it is without a proxy: the proxy sees no more than host and port. So it is with SOCKS, for
/// both. User and password in the proxy's URL are percent-decoded and sent to the proxy alone.
///
/// The environment is read by `eventsource_start`, in its thread: `http_proxy` or `https_proxy`, by the scheme of the URL that is
/// requested, else `all_proxy`, each also in upper case, which counts less; `HTTP_PROXY` does not count where
/// `REQUEST_METHOD` is set, as in a CGI program. An empty variable is none. A URL in it that is none makes attempts fail with
/// `ERR_PROXY`. A program whose other threads call `setenv` meanwhile may set the proxy and the exceptions: then nothing is read.
///
/// @param url `http://`, `https://`, `socks5://` or `socks5h://`, as `"http://user:password@proxy.example:3128"`; `http`
///        without a scheme. The port is 1080 unless given, 443 for `https`. Names are resolved by this machine
///        for `socks5`, by the proxy for all others. Whom TLS with an `https` proxy trusts are the same authorities as for the
///        server. Empty for no proxy, whatever the environment says; NULL for what it says.
/// @return `EVENTSOURCE_OK`; `ERR_UTF8`, `ERR_URL`, also for a user or password that the protocol has no room for,
///         `ERR_STATE` while the client runs; `ERR_NULL` for the client
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_proxy(
    es: *mut eventsource_t,
    url: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            let url = optional_text(url, "the proxy's URL")?;
            Ok(settings.http.network.set_proxy(url)?)
        })
    }
}

/// Sets which hosts are reached without the proxy, by curl's rules. Default: what `no_proxy` in the environment says, else
/// `NO_PROXY`, read as for `eventsource_set_proxy`; also for a proxy that the program has set.
///
/// @param hosts copied; separated by commas or spaces. A name stands for itself and all below it, with or without
///        a leading dot; an address for itself; a network, as `10.0.0.0/8`, for all its addresses. `"*"` alone stands for all
///        hosts. Ports have no place in it, and no name is resolved for it. Empty for no exceptions, whatever the environment
///        says; NULL for what it says.
/// @return `EVENTSOURCE_OK`; `ERR_UTF8`, `ERR_STATE` while the client runs; `ERR_NULL` for the client
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_no_proxy(
    es: *mut eventsource_t,
    hosts: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            let hosts = optional_text(hosts, "the list of hosts")?;
            settings.http.network.set_no_proxy(hosts);
            Ok(())
        })
    }
}

/// Connects to a Unix domain socket, whatever host and port the URL has, redirects included; TLS, for `https`, is with the URL's
/// host still. There is no proxy then. Default: none.
///
/// @param path of the socket, which need not exist yet; empty for none
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE` for a path that is too long for the system, or on Windows,
///         `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_unix_socket(
    es: *mut eventsource_t,
    path: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            let path = text(path, "the path")?;
            Ok(settings.http.network.set_unix_socket(path)?)
        })
    }
}

/// Says where a host is, instead of the system's resolver; TLS and `Host` keep the name. It counts for a
/// proxy's name, too, but not for names that a proxy resolves. May be called for several hosts.
///
/// @param entry `"host:port:address"`, as curl's `--resolve`; more addresses follow after commas, those of IPv6 may be in
///        brackets; the host may be `*`, for all. It replaces an earlier entry for the same host and port. Empty to forget all.
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_STATE` while the client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_resolve(
    es: *mut eventsource_t,
    entry: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            let entry = text(entry, "the entry")?;
            Ok(settings.http.network.set_resolve(entry)?)
        })
    }
}
