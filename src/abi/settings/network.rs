//! The way to the server: proxies, Unix sockets, names.

use super::set;
use crate::abi::client::eventsource_t;
use crate::abi::guard::{optional_text, text};
use crate::abi::status::eventsource_status_t;
use std::ffi::c_char;

/// Sets the proxy, for every request of the client, redirects included. Default: what the environment says.
///
/// An `http` URL is requested from an HTTP proxy, which reads all of it. To the host of an `https` URL the proxy makes a
/// tunnel (CONNECT), in which TLS with the server is what it is without a proxy: the proxy learns host and port. A SOCKS
/// proxy makes tunnels for both. User and password in the proxy's URL are percent-decoded and sent to the proxy alone.
///
/// The environment is read by `eventsource_start`, in its thread: `http_proxy` or `https_proxy`, by the scheme of the
/// requested URL, else `all_proxy`; each also in upper case, which counts less, and for `HTTP_PROXY` not at all where
/// `REQUEST_METHOD` is set, as in a CGI program. An empty variable is none. One that holds no proxy's URL makes the first
/// attempt fail with `ERR_PROXY`, which is final. It is not read when the program has set both the proxy and the
/// exceptions, or no proxy: for programs in which another thread may call `setenv` meanwhile. Nor is it read in a program
/// that has more rights than whoever started it (set-user-id).
///
/// @param es the client
/// @param url `"http://user:password@proxy.example:3128"`, or with `https`, `socks5` or `socks5h`; `http` without a
///        scheme. The port is 443 for `https`, else 1080, unless given. For `socks5` this machine resolves the server's
///        name, else the proxy does. TLS with an `https` proxy trusts the authorities that are set for the server, in the
///        same versions; nothing else that is set for the server holds for it, and it is verified also when the server
///        is not. Empty for no proxy, whatever the environment says; NULL for what it says.
/// @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_URL`, also for a user or password that the
///         protocol has no room for, `ERR_STATE` while the client runs
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

/// Sets which hosts are reached without the proxy, by curl's rules. Default: what the environment says in `no_proxy`, else
/// in `NO_PROXY`, read as for `eventsource_set_proxy`; this holds for a proxy that the program has set, too.
///
/// @param es the client
/// @param hosts copied; separated by commas or spaces. A name stands for itself and all below it, with or without a leading
///        dot; an address for itself; a network, as `10.0.0.0/8`, for all its addresses; `"*"` alone for all hosts. It has
///        no ports, and no name is resolved for it. Empty for no exceptions, whatever the environment says; NULL for what
///        it says.
/// @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_STATE` while the client runs
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

/// Connects to a Unix domain socket, whatever host and port the URL has, redirects included; TLS, for `https`, is with the
/// URL's host still. No proxy is used then. Default: none.
///
/// @param es the client
/// @param path of the socket, copied; it need not exist yet. Empty for none
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE` for a path that is too long for the system, and on
///         Windows, `ERR_STATE` while the client runs
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

/// Says where a host is, instead of the system's resolver; the name stays what it is for TLS and `Host`. It counts for the
/// proxy's name, too, but not for names that a proxy resolves. May be called for several hosts.
///
/// @param es the client
/// @param entry `"host:port:address"`, as curl's `--resolve`, copied; more addresses follow after commas, those of IPv6 may
///        be in brackets; no more than 16. The host may be `*`, for all that have no entry. It replaces an entry for the same
///        host and port. Empty to forget all
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
