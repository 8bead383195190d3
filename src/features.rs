//! What this build has, of what a build can leave out. Each has the name of cargo's feature.
//!
//! Where a part is left out, a module of the same name from `src/http/without` stands in for it: it has the same items, and no
//! value of them can be made. So nothing outside of the two has to ask.

/// The content codings gzip, deflate, br and zstd.
pub const CODINGS: bool = cfg!(feature = "codings");
/// Cookies.
pub const COOKIES: bool = cfg!(feature = "cookies");
/// HTTP/2.
pub const HTTP2: bool = cfg!(feature = "http2");
/// Proxies, HTTP's and SOCKS'.
pub const PROXIES: bool = cfg!(feature = "proxies");
/// TLS, which https needs.
pub const TLS: bool = cfg!(feature = "tls");

/// Whether the build has what has this name; not, if nothing has it.
pub fn has(name: &str) -> bool {
    match name {
        "codings" => CODINGS,
        "cookies" => COOKIES,
        "http2" => HTTP2,
        "proxies" => PROXIES,
        "tls" => TLS,
        _ => false,
    }
}

/// Why what needs a part is refused, for people.
pub fn left_out(part: &str) -> String {
    format!("this library was built without {part}")
}
