//! What the setters have in common.

use crate::abi::guard::call::once_mut;
use crate::abi::guard::refusal::Refusal;
use crate::abi::objects::client::{removing_call, setting_call};
use crate::abi::objects::refused::Setting;
use crate::abi::types::handles::eventsource_t;
use crate::abi::types::status::{EVENTSOURCE_ERR_VALUE, eventsource_status_t};
use crate::stream::Settings;
use std::time::Duration;

/// A setter's body, lent.
type Change<'c> = &'c mut dyn FnMut(&mut Settings) -> Result<(), Refusal>;

/// Runs a setter's body on the settings; refused while the client runs, and nothing is changed when it fails.
///
/// # Safety
/// As for `client_call`.
pub unsafe fn set(
    es: *mut eventsource_t,
    setting: Setting<'_>,
    change: impl FnOnce(&mut Settings) -> Result<(), Refusal>,
) -> eventsource_status_t {
    #[inline(never)]
    unsafe fn run(
        es: *mut eventsource_t,
        setting: Setting<'_>,
        change: Change<'_>,
    ) -> eventsource_status_t {
        // SAFETY: the caller's promise.
        unsafe { setting_call(es, setting, |es| es.client().configure(change)?) }
    }
    // SAFETY: the caller's promise.
    unsafe { run(es, setting, &mut once_mut(change)) }
}

/// The same for a call that removes one of several values.
///
/// # Safety
/// As for `client_call`.
pub unsafe fn remove(
    es: *mut eventsource_t,
    setting: Setting<'_>,
    change: impl FnOnce(&mut Settings) -> Result<(), Refusal>,
) -> eventsource_status_t {
    #[inline(never)]
    unsafe fn run(
        es: *mut eventsource_t,
        setting: Setting<'_>,
        change: Change<'_>,
    ) -> eventsource_status_t {
        // SAFETY: the caller's promise.
        unsafe { removing_call(es, setting, |es| es.client().configure(change)?) }
    }
    // SAFETY: the caller's promise.
    unsafe { run(es, setting, &mut once_mut(change)) }
}

pub fn duration(ms: i64, what: &str) -> Result<Duration, Refusal> {
    u64::try_from(ms)
        .map(Duration::from_millis)
        .map_err(|_| Refusal::new(EVENTSOURCE_ERR_VALUE, format!("{what} is negative")))
}

pub fn milliseconds(duration: Duration) -> i64 {
    duration.as_millis().try_into().unwrap_or(i64::MAX)
}
