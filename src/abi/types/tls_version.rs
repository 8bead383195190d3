//! Versions of TLS: which are told, and which is asked for.

use crate::http::TlsVersion;

/// Versions of TLS, for `eventsource_set_min_tls_version` and in a response.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_tls_version_t {
    /// No TLS. Only in responses; it cannot be set.
    EVENTSOURCE_TLS_NONE = 0,
    /// TLS 1.2.
    EVENTSOURCE_TLS_1_2 = 12,
    /// TLS 1.3.
    EVENTSOURCE_TLS_1_3 = 13,
}

impl From<Option<TlsVersion>> for eventsource_tls_version_t {
    fn from(version: Option<TlsVersion>) -> eventsource_tls_version_t {
        match version {
            None => eventsource_tls_version_t::EVENTSOURCE_TLS_NONE,
            Some(TlsVersion::Tls12) => eventsource_tls_version_t::EVENTSOURCE_TLS_1_2,
            Some(TlsVersion::Tls13) => eventsource_tls_version_t::EVENTSOURCE_TLS_1_3,
        }
    }
}
