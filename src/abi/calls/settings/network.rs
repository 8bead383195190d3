//! The way to the server: proxies, Unix sockets, names.

use super::set::{remove, set};
use crate::abi::guard::arguments::{optional_text, switch, text};
use crate::abi::objects::refused::Setting;
use crate::abi::types::handles::eventsource_t;
use crate::abi::types::status::eventsource_status_t;
use crate::http::{Invalid, Network};
use std::ffi::c_char;

/// Sets the proxy, for every request of the client, redirects included. Default: what the environment says.
///
/// An HTTP proxy is sent the request for an `http` URL, and can read all of it. For an `https` URL the proxy makes a tunnel to
/// the server (CONNECT). TLS in the tunnel is the same as without a proxy: the proxy learns only host and port. A SOCKS proxy
/// makes tunnels for both. User and password in the proxy's URL are percent-decoded and sent to the proxy alone.
///
/// The environment is read by `eventsource_start`, in its thread: `http_proxy` or `https_proxy`, by the scheme of the
/// requested URL, else `all_proxy`; each also in upper case, which counts less, and for `HTTP_PROXY` not at all where
/// `REQUEST_METHOD` is set, as in a CGI program. Empty variables are ignored. If a variable holds an invalid proxy URL, the
/// first attempt fails with `ERR_PROXY`, which is final. The environment is not read in a program that has more rights than
/// the user who started it (set-user-id), nor if the program has set both the proxy and the exceptions, or has set that there
/// is no proxy. A program in which another thread may call `setenv` meanwhile should set them.
///
/// @param es the client
/// @param url `"http://user:password@proxy.example:3128"`, or with `https`, `socks5` or `socks5h`; `http` without a scheme.
///        The port is 443 for `https`, else 1080, unless given. The host may have a zone, as for `eventsource_set_url`. For
///        `socks5` this machine resolves the server's name, else the proxy does. TLS with an `https` proxy trusts the
///        authorities that are set for the server, in the same versions; no other TLS setting applies to it, and it is verified
///        even if the server is not. Empty for no proxy, whatever the environment says; NULL for what it says.
/// @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_URL`, also for a user or password that the
///         protocol has no room for, `ERR_UNSUPPORTED` in a build without proxies, and for an https proxy in one without TLS,
///         `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_proxy(
    es: *mut eventsource_t,
    url: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("proxy"), |settings| {
            let url = optional_text(url, "the proxy's URL")?;
            Ok(settings.http.network.set_proxy(url)?)
        })
    }
}

/// Sets which hosts are reached without the proxy, by curl's rules. Default: what the environment says in `no_proxy`, else
/// in `NO_PROXY`, read as for `eventsource_set_proxy`; this holds for a proxy that the program has set, too.
///
/// @param es the client
/// @param hosts copied; separated by commas or spaces. A name, with or without a leading dot, stands for itself and all names
///        below it; an address for itself; a network such as `10.0.0.0/8` for all its addresses; `"*"` alone for all hosts.
///        Entries have no port, and names are not resolved. Empty for no exceptions, whatever the environment says; NULL for
///        what it says.
/// @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_no_proxy(
    es: *mut eventsource_t,
    hosts: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("no_proxy"), |settings| {
            let hosts = optional_text(hosts, "the list of hosts")?;
            settings.http.network.set_no_proxy(hosts);
            Ok(())
        })
    }
}

/// Connects to a Unix domain socket, whatever host and port the URL has, redirects included. For `https`, TLS still uses the
/// URL's host. No proxy is used then. Default: none.
///
/// @param es the client
/// @param path of the socket, copied; it need not exist yet. NULL for none
/// @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_VALUE` for a path that is empty or too long for the
///         system, and always on Windows, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_unix_socket(
    es: *mut eventsource_t,
    path: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("unix_socket"), |settings| {
            let path = optional_text(path, "the path")?;
            Ok(settings.http.network.set_unix_socket(path)?)
        })
    }
}

/// Sets whether the client watches the network. Default: 1.
///
/// While it does, it is told when an address of this machine or the default route comes or goes, and when the system has been
/// suspended. Then:
/// - A wait for the next attempt ends at once. It is not shorter than the server asked for (`retry`, `Retry-After`) or than
///   `on_error` chose, and from the second time on without an open stream not shorter than `delay_ms`.
/// - An open stream is verified. If this machine no longer has the address that its connection was made from, the stream is
///   lost at once. Over HTTP/2 the server is asked for a ping and has 5 seconds to reply. Over HTTP/1 the system asks the peer
///   for a sign of life (TCP keep-alive) and gives it up after about 4 seconds; after a suspension of more than 30 seconds
///   the stream is lost if nothing arrives within 5 seconds.
/// - A stream that was lost that way is asked for again at once, with the same exceptions.
///
/// No thread and no timer does this: each runtime whose clients watch has one netlink socket and one timer descriptor. Linux
/// reports all of this; macOS, iOS and FreeBSD report addresses, macOS and iOS also a suspension, once the network changes
/// after it; other systems report nothing. If the system refuses the socket, the client does without, and the log says so at
/// level `DEBUG`.
///
/// @param es the client
/// @param watch 1: watch; 0: do not
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for another number, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_watch_network(
    es: *mut eventsource_t,
    watch: i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("watch_network"), |settings| {
            settings.watch_network = switch(watch, "watch")?;
            Ok(())
        })
    }
}

/// Makes every connection through one network interface or from one local address, as curl's `--interface`; those to a proxy,
/// too. Default: what the system's routes say. It does not apply to Unix sockets. With an interface, a URL may have a
/// link-local IPv6 address without a zone, `http://[fe80::1]/`; `eventsource_set_url` says how a URL has one.
///
/// If there is no such interface or address when the client connects, or the server has no address of the local address's
/// family, the attempt fails with `ERR_CONNECT` and is retried as others are.
///
/// @param es the client
/// @param interface the name of an interface, such as `"eth0"` (Linux and Android; Linux before 5.7 wants the capability
///        `CAP_NET_RAW`), or an address of this machine, copied. `"if!eth0"` and `"host!10.0.0.2"` say which of the two is
///        meant. NULL for none
/// @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_VALUE` for a text that can be neither, and for a
///         name on other systems, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_interface(
    es: *mut eventsource_t,
    interface: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("interface"), |settings| {
            let interface = optional_text(interface, "the interface")?;
            Ok(settings.http.network.set_interface(interface)?)
        })
    }
}

/// The host and port that an entry is for.
fn host_of(entry: &str) -> &str {
    let mut colons = entry.match_indices(':');
    let end = colons.nth(1).map_or(entry.len(), |(at, _)| at);
    &entry[..end]
}

/// The setters for addresses, which differ only in what they do with an entry.
///
/// # Safety
/// As for `client_call` and `text`.
unsafe fn resolve(
    es: *mut eventsource_t,
    entry: *const c_char,
    put: fn(&mut Network, &str) -> Result<(), Invalid>,
) -> eventsource_status_t {
    // SAFETY: the caller's promise.
    unsafe {
        let of = optional_text(entry, "the entry").ok().flatten();
        set(es, Setting::of("resolve", of.map(host_of)), |settings| {
            let entry = text(entry, "the entry")?;
            Ok(put(&mut settings.http.network, entry)?)
        })
    }
}

/// Sets the addresses of a host and port, in place of those set for the same host and port before. The system's resolver is
/// not asked for this host then. TLS and `Host` still use the name. The entry also applies to a proxy's name, but not to names
/// that a proxy resolves. For several hosts, call this once for each.
///
/// @param es the client
/// @param entry `"host:port:address"`, as curl's `--resolve`, copied; more addresses follow after commas, those of IPv6 may
///        be in brackets, and a link-local one have a zone, as RFC 4007 writes it: `fe80::1%eth0`; no more than 16. The host
///        may be `*`, for all that have no entry
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_resolve(
    es: *mut eventsource_t,
    entry: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { resolve(es, entry, Network::set_resolve) }
}

/// Adds addresses after those that were set for the same host and port. Otherwise as `eventsource_set_resolve`.
///
/// @param es the client
/// @param entry as for `eventsource_set_resolve`; no more than 16 addresses in all
/// @return as `eventsource_set_resolve`
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_add_resolve(
    es: *mut eventsource_t,
    entry: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { resolve(es, entry, Network::add_resolve) }
}

/// Removes the addresses that were set for a host and port. There need not be any. It also takes back an
/// `eventsource_set_resolve` of that host and port that was refused. A refusal of this call itself is not kept.
///
/// @param es the client
/// @param host `"host:port"`, as in the entry
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_remove_resolve(
    es: *mut eventsource_t,
    host: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        let of = optional_text(host, "the host").ok().flatten();
        remove(es, Setting::of("resolve", of.map(host_of)), |settings| {
            let host = text(host, "the host")?;
            Ok(settings.http.network.remove_resolve(host)?)
        })
    }
}
