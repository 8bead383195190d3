//! Configuration, before a client starts.

mod http;
mod limits;
mod network;
mod reconnect;
mod request;
mod tls;

pub use http::*;
pub use limits::*;
pub use network::*;
pub use reconnect::*;
pub use request::*;
pub use tls::*;

use super::client::eventsource_t;
use super::guard::{Refusal, client_call};
use super::status::{EVENTSOURCE_ERR_VALUE, eventsource_status_t};
use crate::stream::Settings;
use std::time::Duration;

/// Runs a setter's body on the settings; refused while the client runs, and nothing is changed when it fails.
///
/// # Safety
/// As for `client_call`.
pub(super) unsafe fn set(
    es: *mut eventsource_t,
    change: impl FnOnce(&mut Settings) -> Result<(), Refusal>,
) -> eventsource_status_t {
    // SAFETY: the caller's promise.
    unsafe { client_call(es, |es| es.client().configure(change)?) }
}

fn duration(ms: i64, what: &str) -> Result<Duration, Refusal> {
    u64::try_from(ms)
        .map(Duration::from_millis)
        .map_err(|_| Refusal::new(EVENTSOURCE_ERR_VALUE, format!("{what} is negative")))
}

fn milliseconds(duration: Duration) -> i64 {
    duration.as_millis().try_into().unwrap_or(i64::MAX)
}
