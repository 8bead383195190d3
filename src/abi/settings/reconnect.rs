//! When a client tries again.

use super::{duration, milliseconds, set};
use crate::abi::client::eventsource_t;
use crate::abi::guard::{Growing, Refusal, client_call, sized_read, sized_write, switch};
use crate::abi::status::{EVENTSOURCE_ERR_VALUE, eventsource_status_t};
use crate::stream::ReconnectPolicy;

/// How a client reconnects. Fill it with `eventsource_get_reconnect`, change members, give it to
/// `eventsource_set_reconnect`.
///
/// The n-th delay in a row is `delay_ms` × `factor`ⁿ⁻¹, at most `max_delay_ms`, and at least what `Retry-After` asked
/// (up to `max_delay_ms`); jitter comes on top: a random share of up to `jitter` of the delay.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct eventsource_reconnect_t {
    /// Bytes of this struct as the caller compiled it: `sizeof(eventsource_reconnect_t)`.
    pub size: usize,
    /// 1: reconnect after a failure (default); 0: every failure is final.
    pub enabled: i32,
    /// 1: retry even if the very first attempt after the start fails; 0: that failure is final (default).
    pub retry_initial: i32,
    /// The base delay in milliseconds, ≥ 1. Default 1000. The server's `retry` field replaces it while the client runs.
    pub delay_ms: i64,
    /// The largest delay in milliseconds before jitter, ≥ 1. Default 60000.
    pub max_delay_ms: i64,
    /// How the delay grows from one failure to the next, 1 to 100. Default 2.
    pub factor: f64,
    /// The largest random share added to a delay, 0 to 1. Default 0.5.
    pub jitter: f64,
    /// A stream that stays open for this many milliseconds ends the growth; ≥ 0. Default 60000. So does one that
    /// delivered an event and was ended by the server without error.
    pub reset_after_ms: i64,
    /// Give up after this many failed attempts in a row, at most 4294967295; 0 for no limit (default).
    pub max_attempts: i64,
    /// 1: when the server ends the stream without error, the client closes (`EVENTSOURCE_CLOSE_END_OF_STREAM`); 0: it
    /// reconnects (default). For answers that are complete at some time, as a language model's.
    ///
    /// What else ends a stream, as the loss of the connection, stays with the other members. Where to ask twice would cost
    /// twice, set `enabled` to 0 as well: then every request is made once. Only framing tells an end from a loss: where a
    /// server sends neither chunks nor a length nor TLS, each is an end.
    pub close_at_end: i32,
    /// Must be 0.
    pub reserved: i32,
}

// SAFETY: the struct is C's, of numbers.
unsafe impl Growing for eventsource_reconnect_t {
    const FIRST: usize = std::mem::offset_of!(eventsource_reconnect_t, close_at_end);
}

/// Tells how the client reconnects.
///
/// @param es the client
/// @param policy its `size` must be set; the other members are written
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_get_reconnect(
    es: *mut eventsource_t,
    policy: *mut eventsource_reconnect_t,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            let now = es.client().settings().reconnect;
            sized_write(
                policy,
                eventsource_reconnect_t {
                    size: 0,
                    enabled: now.enabled.into(),
                    retry_initial: now.retry_initial.into(),
                    delay_ms: milliseconds(now.delay),
                    max_delay_ms: milliseconds(now.max_delay),
                    factor: now.factor,
                    jitter: now.jitter,
                    reset_after_ms: milliseconds(now.reset_after),
                    max_attempts: now.max_attempts.into(),
                    close_at_end: now.close_at_end.into(),
                    reserved: 0,
                },
                "the policy",
            )
        })
    }
}

/// Sets how the client reconnects.
///
/// @param es the client
/// @param policy copied; its `size` must be set
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a member out of its range, `ERR_STATE` while the
///         client runs
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_reconnect(
    es: *mut eventsource_t,
    policy: *const eventsource_reconnect_t,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, |settings| {
            let policy = sized_read(policy, "the policy")?;
            if policy.reserved != 0 {
                return Err(Refusal::new(EVENTSOURCE_ERR_VALUE, "reserved must be 0"));
            }
            settings.set_reconnect(ReconnectPolicy {
                enabled: switch(policy.enabled, "enabled")?,
                retry_initial: switch(policy.retry_initial, "retry_initial")?,
                delay: duration(policy.delay_ms, "delay_ms")?,
                max_delay: duration(policy.max_delay_ms, "max_delay_ms")?,
                factor: policy.factor,
                jitter: policy.jitter,
                reset_after: duration(policy.reset_after_ms, "reset_after_ms")?,
                max_attempts: policy.max_attempts.try_into().map_err(|_| {
                    Refusal::new(
                        EVENTSOURCE_ERR_VALUE,
                        "max_attempts must be from 0 to 4294967295",
                    )
                })?,
                close_at_end: switch(policy.close_at_end, "close_at_end")?,
            })?;
            Ok(())
        })
    }
}
