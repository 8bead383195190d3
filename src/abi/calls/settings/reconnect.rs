//! Whether and when a client tries again.

use super::set::{duration, milliseconds, set};
use crate::abi::guard::arguments::{one_of, switch};
use crate::abi::guard::call::call;
use crate::abi::guard::refusal::Refusal;
use crate::abi::guard::sized::{Filled, Growing, sized_read, sized_write};
use crate::abi::objects::client::client_call;
use crate::abi::objects::refused::Setting;
use crate::abi::types::enumeration::enumeration;
use crate::abi::types::handles::{EVENTSOURCE_NO_LIMIT, eventsource_t};
use crate::abi::types::status::{EVENTSOURCE_ERR_VALUE, eventsource_status_t};
use crate::stream::{Mode, ReconnectPolicy};
use std::mem::MaybeUninit;
use std::num::NonZeroU32;

/// Which failures and ends a client follows with another attempt.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eventsource_mode_t {
    /// A GET is kept alive (`EVENTSOURCE_MODE_KEEP_ALIVE`). A request by any other method is made once
    /// (`EVENTSOURCE_MODE_ONCE`), because a repetition may cost money or act twice. What counts is the method that the attempt
    /// was made with, also when `on_request` has set it. With `eventsource_set_reconnect_with_get`, a stream that a POST opened
    /// is kept alive by GET. The default.
    EVENTSOURCE_MODE_AUTO = 0,
    /// The client makes another attempt after every failure that may pass by itself, and after every end of the stream.
    EVENTSOURCE_MODE_KEEP_ALIVE = 1,
    /// The client makes one request and follows its redirects. Every failure is final. When the server ends the stream without
    /// error, the client closes with `EVENTSOURCE_CLOSE_END_OF_STREAM`. For requests that must not be repeated, such as those
    /// to a language model.
    ///
    /// Only two things make another request: a program that asks for it (`EVENTSOURCE_DECISION_RETRY`,
    /// `eventsource_reconnect_now`), and a 401 when `on_request` is set, because the server has not acted on that request.
    EVENTSOURCE_MODE_ONCE = 2,
    /// As `EVENTSOURCE_MODE_KEEP_ALIVE`, until the server ends a stream without error: then the client closes with
    /// `EVENTSOURCE_CLOSE_END_OF_STREAM`. For streams that finish and can be continued after a loss, such as the log of a job.
    ///
    /// Only the framing tells an end from a loss. If a server sends over HTTP/1 without chunks, without a length and without
    /// TLS, every loss looks like an end.
    EVENTSOURCE_MODE_UNTIL_END = 3,
}

use eventsource_mode_t::*;

enumeration!(eventsource_mode_t {
    EVENTSOURCE_MODE_AUTO
    EVENTSOURCE_MODE_KEEP_ALIVE
    EVENTSOURCE_MODE_ONCE
    EVENTSOURCE_MODE_UNTIL_END
});

/// Sets which failures and ends the client follows with another attempt. Default: `EVENTSOURCE_MODE_AUTO`.
///
/// @param es the client
/// @param mode the mode
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a number that is no mode, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_mode(
    es: *mut eventsource_t,
    mode: MaybeUninit<eventsource_mode_t>,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("mode"), |settings| {
            settings.mode = match one_of(mode, "the mode")? {
                EVENTSOURCE_MODE_AUTO => Mode::Auto,
                EVENTSOURCE_MODE_KEEP_ALIVE => Mode::KeepAlive,
                EVENTSOURCE_MODE_ONCE => Mode::Once,
                EVENTSOURCE_MODE_UNTIL_END => Mode::UntilEnd,
            };
            Ok(())
        })
    }
}

/// When a client reconnects. Fill it with `eventsource_reconnect_init`, change members, give it to
/// `eventsource_set_reconnect`. Whether it reconnects at all is `eventsource_set_mode`.
///
/// The n-th delay in a row is `delay_ms` × `factor`ⁿ⁻¹, and jitter adds a random share of up to `jitter` of it. No delay is
/// longer than `max_delay_ms`: near the maximum, jitter is taken off instead of added.
///
/// The growth counts attempts that brought nothing. It starts over after a stream that brought something (an event, an id, a
/// `retry` or a comment) and then either was ended by the server without error or had been open for at least as long as the
/// client had waited for it. It starts over after `reset_after_ms` in any case.
///
/// The server can ask for a longer delay than these, by its `retry` field, which takes the place of `delay_ms` while the
/// client runs, and by `Retry-After`. The client does not come back sooner than the server asked, up to
/// `max_server_delay_ms`. If that is more than `max_delay_ms`, jitter adds up to a tenth.
///
/// No server makes the client come back sooner than `min_delay_ms`. Redirects count: after an attempt that took three
/// requests, the delay is at least three times `min_delay_ms`, even if that is more than `max_delay_ms`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct eventsource_reconnect_t {
    /// Bytes of this struct as the caller compiled it. The `_init` function sets it.
    pub size: usize,
    /// 1: retry even if the very first attempt after the start fails; 0: that failure is final (default).
    pub retry_initial: i32,
    /// Must be 0.
    pub reserved: i32,
    /// The base delay in milliseconds, ≥ 1. Default 1000. The server's `retry` field replaces it while the client runs.
    pub delay_ms: i64,
    /// The largest delay in milliseconds, jitter included, ≥ 1. Default 60000.
    pub max_delay_ms: i64,
    /// How the delay grows from one failure to the next, 1 to 100. Default 2.
    pub factor: f64,
    /// The largest random share of a delay, 0 to 1. Default 0.5.
    pub jitter: f64,
    /// A stream that stays open for this many milliseconds ends the growth, whatever it brought; ≥ 0. Default 60000.
    pub reset_after_ms: i64,
    /// Give up after this many failed attempts in a row, 1 to 4294967295. Default: `EVENTSOURCE_NO_LIMIT`.
    pub max_attempts: i64,
    /// The shortest delay in milliseconds that a server can cause, for each request of the attempt before it; ≥ 1. Default
    /// 100. If `delay_ms` or `max_delay_ms` is less, that is used instead.
    pub min_delay_ms: i64,
    /// The largest delay in milliseconds that a server can ask for, ≥ 1. Default 3600000, one hour.
    pub max_server_delay_ms: i64,
}

// SAFETY: the struct is C's, of numbers.
unsafe impl Growing for eventsource_reconnect_t {}

// SAFETY: as above: numbers, pointers and functions that may be NULL.
unsafe impl Filled for eventsource_reconnect_t {}

impl From<ReconnectPolicy> for eventsource_reconnect_t {
    fn from(policy: ReconnectPolicy) -> eventsource_reconnect_t {
        eventsource_reconnect_t {
            size: 0,
            retry_initial: policy.retry_initial.into(),
            reserved: 0,
            delay_ms: milliseconds(policy.delay),
            max_delay_ms: milliseconds(policy.max_delay),
            factor: policy.factor,
            jitter: policy.jitter,
            reset_after_ms: milliseconds(policy.reset_after),
            max_attempts: policy
                .max_attempts
                .map_or(EVENTSOURCE_NO_LIMIT, |most| most.get().into()),
            min_delay_ms: milliseconds(policy.min_delay),
            max_server_delay_ms: milliseconds(policy.max_server_delay),
        }
    }
}

/// Fills a policy with the defaults. Change members, then give it to `eventsource_set_reconnect`.
///
/// @param policy is written
/// @param size `sizeof *policy`: no more than that is written, and members that only a newer library knows are zero
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_reconnect_init(
    policy: *mut eventsource_reconnect_t,
    size: usize,
) -> eventsource_status_t {
    let defaults = eventsource_reconnect_t::from(ReconnectPolicy::default());
    // SAFETY: the header's rules for pointers.
    call(|| unsafe { sized_write(policy, size, defaults, "the policy") })
}

/// Tells how the client reconnects.
///
/// @param es the client
/// @param policy is written
/// @param size `sizeof *policy`: no more than that is written, and members that only a newer library knows are zero
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_get_reconnect(
    es: *const eventsource_t,
    policy: *mut eventsource_reconnect_t,
    size: usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            sized_write(
                policy,
                size,
                (*es.client().settings().reconnect).into(),
                "the policy",
            )
        })
    }
}

/// Sets how the client reconnects.
///
/// @param es the client
/// @param policy copied; filled by `eventsource_reconnect_init` or `eventsource_get_reconnect`, and changed
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a member out of its range, `ERR_STATE` while the
///         client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_reconnect(
    es: *mut eventsource_t,
    policy: *const eventsource_reconnect_t,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("reconnect"), |settings| {
            let policy = sized_read(policy, "the policy")?;
            if policy.reserved != 0 {
                return Err(Refusal::new(EVENTSOURCE_ERR_VALUE, "reserved must be 0"));
            }
            settings.set_reconnect(ReconnectPolicy {
                retry_initial: switch(policy.retry_initial, "retry_initial")?,
                delay: duration(policy.delay_ms, "delay_ms")?,
                max_delay: duration(policy.max_delay_ms, "max_delay_ms")?,
                factor: policy.factor,
                jitter: policy.jitter,
                reset_after: duration(policy.reset_after_ms, "reset_after_ms")?,
                max_attempts: max_attempts(policy.max_attempts)?,
                min_delay: duration(policy.min_delay_ms, "min_delay_ms")?,
                max_server_delay: duration(policy.max_server_delay_ms, "max_server_delay_ms")?,
            })?;
            Ok(())
        })
    }
}

fn max_attempts(number: i64) -> Result<Option<NonZeroU32>, Refusal> {
    if number == EVENTSOURCE_NO_LIMIT {
        return Ok(None);
    }
    let most = u32::try_from(number).ok().and_then(NonZeroU32::new);
    most.map(Some).ok_or_else(|| {
        let range = "max_attempts must be from 1 to 4294967295, or EVENTSOURCE_NO_LIMIT";
        Refusal::new(EVENTSOURCE_ERR_VALUE, range)
    })
}

/// Chooses how long the client waits before its next attempt, in place of the delay that `on_error` was told.
///
/// The choice holds for this one delay, whatever the policy says and the server asked for. It does not make a final failure
/// one that is retried: for that, `on_error` returns `EVENTSOURCE_DECISION_RETRY` as well. The next delays follow the policy
/// again. The last call counts.
///
/// @param es the client
/// @param delay_ms milliseconds; 0 for at once
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` when negative, `ERR_STATE` unless the client's `on_error` is running
///
/// The thread of `on_error`, until that callback returns.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_next_delay(
    es: *mut eventsource_t,
    delay_ms: i64,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            let delay = duration(delay_ms, "the delay")?;
            Ok(es.client().set_next_delay(delay)?)
        })
    }
}
