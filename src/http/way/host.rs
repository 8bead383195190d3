//! Where a URL leads to.

use hyper::Uri;

/// A URL's host, an IPv6 address without its brackets.
pub fn host(uri: &Uri) -> &str {
    let host = uri.host().unwrap_or_default();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host)
}

/// A URL's port, or its scheme's.
pub fn port(uri: &Uri) -> u16 {
    let default = match uri.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    uri.port_u16().unwrap_or(default)
}
