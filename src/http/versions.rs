//! Which versions of TLS and of HTTP a program allows in a handshake.

/// The lowest version of TLS that is spoken. What is older than 1.2 is not spoken at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2 (RFC 5246).
    #[default]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// The protocols that a server is offered (ALPN, RFC 7301).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/1.1.
    Http1Only,
    /// HTTP/2 rather than HTTP/1.1.
    #[default]
    Both,
    /// HTTP/2.
    Http2Only,
}
