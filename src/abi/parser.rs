//! The parser alone, for programs that have an HTTP client already.

use super::callbacks::{eventsource_comment_t, eventsource_event_t};
use super::delivery::{comment_payload, event_payload};
use super::guard::{Growing, Refusal, bytes, call, callback, contain, out, sized_read, text_out};
use super::status::{eventsource_status_t, *};
use crate::parser::{Item, Parser, Refused, Sink};
use std::ffi::{c_char, c_void};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};

/// A parser of event streams, without any network. It belongs to one thread at a time.
pub struct eventsource_parser_t {
    parser: Mutex<Parser>,
    on_event: eventsource_parser_event_fn,
    on_comment: eventsource_parser_comment_fn,
    on_retry: eventsource_parser_retry_fn,
    user: *mut c_void,
    freed: AtomicBool,
}

/// Receives an event, inside `eventsource_parser_feed`.
pub type eventsource_parser_event_fn = Option<
    unsafe extern "C-unwind" fn(
        parser: *mut eventsource_parser_t,
        event: *const eventsource_event_t,
        user: *mut c_void,
    ),
>;

/// Receives a comment, inside `eventsource_parser_feed`.
pub type eventsource_parser_comment_fn = Option<
    unsafe extern "C-unwind" fn(
        parser: *mut eventsource_parser_t,
        comment: *const eventsource_comment_t,
        user: *mut c_void,
    ),
>;

/// Receives a `retry` field, in milliseconds, inside `eventsource_parser_feed`.
pub type eventsource_parser_retry_fn = Option<
    unsafe extern "C-unwind" fn(
        parser: *mut eventsource_parser_t,
        retry_ms: i64,
        user: *mut c_void,
    ),
>;

/// What a parser does with what it finds. Zero all of it, set `size` and the members that matter.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct eventsource_parser_options_t {
    /// Bytes of this struct as the caller compiled it: `sizeof(eventsource_parser_options_t)`.
    pub size: usize,
    /// How much one event may hold, in bytes; 0 for the default of 16777216 (16 MiB).
    pub max_event_size: usize,
    /// Receives events; may be NULL.
    pub on_event: eventsource_parser_event_fn,
    /// Receives comments; may be NULL.
    pub on_comment: eventsource_parser_comment_fn,
    /// Receives `retry` fields; may be NULL.
    pub on_retry: eventsource_parser_retry_fn,
    /// Handed to the callbacks as it is.
    pub user: *mut c_void,
}

// SAFETY: the struct is C's, of numbers, pointers and functions that may be NULL.
unsafe impl Growing for eventsource_parser_options_t {}

/// Makes a parser.
///
/// @param options copied; its `size` must be set
/// @param out receives the parser, which the caller owns and gives to `eventsource_parser_free`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a bad `size`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_parser_new(
    options: *const eventsource_parser_options_t,
    out: *mut *mut eventsource_parser_t,
) -> eventsource_status_t {
    call(|| {
        // SAFETY: the header's rules for pointers.
        let out = unsafe { self::out(out, "out")? };
        // SAFETY: as above.
        let options = unsafe { sized_read(options, "the options")? };
        let limit = match options.max_event_size {
            0 => crate::stream::DEFAULT_MAX_EVENT_SIZE,
            limit => limit,
        };
        out.write(Box::into_raw(Box::new(eventsource_parser_t {
            parser: Mutex::new(Parser::new(limit)),
            on_event: options.on_event,
            on_comment: options.on_comment,
            on_retry: options.on_retry,
            user: options.user,
            freed: AtomicBool::new(false),
        })));
        Ok(())
    })
}

/// Parses the next bytes of the stream, however they are split, and calls the callbacks before it returns.
///
/// @param parser the parser
/// @param bytes may be NULL when `len` is 0
/// @param len bytes of `bytes`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`; `ERR_EVENT_TOO_LARGE` when an event is over the limit, `ERR_MEMORY` when there
///         is no memory for it: the rest is not parsed, and the parser has begun a new stream; `ERR_IN_CALLBACK` inside one of this parser's callbacks
///
/// One thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_parser_feed(
    parser: *mut eventsource_parser_t,
    bytes: *const c_void,
    len: usize,
) -> eventsource_status_t {
    let status = call(|| {
        // SAFETY: the header's rules for pointers.
        let (this, input) = unsafe { (this(parser)?, self::bytes(bytes, len, "bytes")?) };
        let mut state = this.state()?;
        let fed = state.feed(input, &mut Callbacks { parser, this });
        fed.map(drop).map_err(|refused| {
            let status = match refused {
                Refused::TooLarge { .. } => EVENTSOURCE_ERR_EVENT_TOO_LARGE,
                Refused::NoMemory(_) => EVENTSOURCE_ERR_MEMORY,
            };
            Refusal::new(status, refused.to_string())
        })
    });
    contain(|| {
        // SAFETY: as above; the borrow has ended with `call`.
        if unsafe { parser.as_ref() }
            .is_some_and(|this| this.freed.load(Ordering::Relaxed) && this.state().is_ok())
        {
            // SAFETY: made by eventsource_parser_new; its eventsource_parser_free came inside a callback of this call.
            drop(unsafe { Box::from_raw(parser) });
        }
    });
    status
}

/// Begins a new stream: drops an unfinished event, expects a byte order mark again, keeps the last event id.
///
/// @param parser the parser
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_IN_CALLBACK` inside one of this parser's callbacks
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_parser_reset(
    parser: *mut eventsource_parser_t,
) -> eventsource_status_t {
    call(|| {
        // SAFETY: the header's rules for pointers.
        unsafe { this(parser)? }.state()?.reset();
        Ok(())
    })
}

/// Copies the last event id: what a `Last-Event-ID` header should say on reconnecting.
///
/// @param parser the parser
/// @param buffer receives the text and a NUL; may be NULL when `capacity` is 0
/// @param capacity bytes of `buffer`
/// @param len receives the text's length without the NUL, whatever is answered but `ERR_NULL`; may be NULL
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when `capacity` ≤ the text's length: nothing is copied;
///         `ERR_IN_CALLBACK` inside one of this parser's callbacks, where the event has it
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_parser_get_last_event_id(
    parser: *mut eventsource_parser_t,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    call(|| unsafe {
        text_out(
            this(parser)?.state()?.last_event_id().as_str(),
            buffer,
            capacity,
            len,
        )
    })
}

/// Releases a parser. NULL is fine. Inside one of its callbacks it takes effect when the feeding call returns, and the
/// rest of the input is not parsed.
///
/// @param parser the parser
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_parser_free(parser: *mut eventsource_parser_t) {
    contain(|| {
        // SAFETY: the header's rules for pointers.
        let Some(this) = (unsafe { parser.as_ref() }) else {
            return;
        };
        let already = this.freed.swap(true, Ordering::Relaxed);
        let idle = this.state().is_ok();
        if idle && !already {
            // SAFETY: made by eventsource_parser_new, freed once, and no feed is under way that would free it.
            drop(unsafe { Box::from_raw(parser) });
        }
    });
}

/// # Safety
/// `parser` is NULL or a parser that is not freed while the result is used.
unsafe fn this<'a>(parser: *mut eventsource_parser_t) -> Result<&'a eventsource_parser_t, Refusal> {
    // SAFETY: the caller's promise.
    unsafe { parser.as_ref() }.ok_or_else(|| Refusal::null("the parser"))
}

impl eventsource_parser_t {
    /// The parser itself, unless a call on it is under way: then this is a call from its callback.
    fn state(&self) -> Result<MutexGuard<'_, Parser>, Refusal> {
        match self.parser.try_lock() {
            Ok(parser) => Ok(parser),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(Refusal::new(
                EVENTSOURCE_ERR_IN_CALLBACK,
                "the parser is being fed",
            )),
        }
    }
}

/// The callbacks of a parser that is being fed.
struct Callbacks<'p> {
    parser: *mut eventsource_parser_t,
    this: &'p eventsource_parser_t,
}

impl Sink for Callbacks<'_> {
    #[inline(always)]
    fn accept(&mut self, item: Item<'_>) -> ControlFlow<()> {
        let Callbacks { parser, this } = *self;
        match item {
            Item::Event(event) => {
                if let Some(on_event) = this.on_event {
                    let event = event_payload(&event);
                    // SAFETY: a callback of the registered type; the payload lives until it has returned.
                    callback(|| unsafe { on_event(parser, &raw const event, this.user) });
                }
            }
            Item::Comment(text) => {
                if let Some(on_comment) = this.on_comment {
                    let comment = comment_payload(text);
                    // SAFETY: as above.
                    callback(|| unsafe { on_comment(parser, &raw const comment, this.user) });
                }
            }
            Item::Retry(ms) => {
                if let Some(on_retry) = this.on_retry {
                    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
                    // SAFETY: as above.
                    callback(|| unsafe { on_retry(parser, ms, this.user) });
                }
            }
            Item::LastEventId(_) => {} // Every event carries it.
        }
        match this.freed.load(Ordering::Relaxed) {
            false => ControlFlow::Continue(()),
            true => ControlFlow::Break(()),
        }
    }

    fn wants_comments(&self) -> bool {
        self.this.on_comment.is_some()
    }
}
