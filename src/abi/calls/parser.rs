//! The parser alone, for programs that have an HTTP client already.

use crate::abi::guard::arguments::{bytes, cut_text_out, text_out};
use crate::abi::guard::call::{call, contain, contained, log_refusal, make};
use crate::abi::guard::foreign::callback;
use crate::abi::guard::refusal::Refusal;
use crate::abi::guard::sized::{Filled, Growing, sized_read, sized_write};
use crate::abi::types::payload::{eventsource_comment_t, eventsource_event_t};
use crate::abi::types::status::{eventsource_status_t, *};
use crate::parser::{Item, Parser, Refused, Sink};
use crate::sync::lock;
use std::borrow::Cow;
use std::ffi::{c_char, c_void};
use std::ops::ControlFlow;
use std::ptr;
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
    /// Why it could not be made as it was to be, unless it was.
    refused: Option<Refusal>,
    /// Why a call was refused last.
    last_error: Mutex<Cow<'static, str>>,
}

/// Receives an event. Called inside `eventsource_parser_feed`, on its thread.
///
/// @param parser the parser
/// @param event the event; it lives until the callback returns
/// @param user `user` of `eventsource_parser_options_t`
pub type eventsource_parser_event_fn = Option<
    unsafe extern "C-unwind" fn(
        parser: *mut eventsource_parser_t,
        event: *const eventsource_event_t,
        user: *mut c_void,
    ),
>;

/// Receives a comment. Called inside `eventsource_parser_feed`, on its thread.
///
/// @param parser the parser
/// @param comment the comment; it lives until the callback returns
/// @param user `user` of `eventsource_parser_options_t`
pub type eventsource_parser_comment_fn = Option<
    unsafe extern "C-unwind" fn(
        parser: *mut eventsource_parser_t,
        comment: *const eventsource_comment_t,
        user: *mut c_void,
    ),
>;

/// Receives a `retry` field. Called inside `eventsource_parser_feed`, on its thread.
///
/// @param parser the parser
/// @param retry_ms milliseconds
/// @param user `user` of `eventsource_parser_options_t`
pub type eventsource_parser_retry_fn = Option<
    unsafe extern "C-unwind" fn(
        parser: *mut eventsource_parser_t,
        retry_ms: i64,
        user: *mut c_void,
    ),
>;

/// What a parser does with what it finds. Filled by `eventsource_parser_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct eventsource_parser_options_t {
    /// Bytes of this struct as the caller compiled it. The `_init` function sets it.
    pub size: usize,
    /// How much one event may hold, in bytes, at least 1. Default: 16777216 (16 MiB).
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

// SAFETY: as above: numbers, pointers and functions that may be NULL.
unsafe impl Filled for eventsource_parser_options_t {}

/// Fills options with the defaults. Change members, then give them to `eventsource_parser_new`.
///
/// @param options is written
/// @param size `sizeof *options`: no more than that is written, and members that only a newer library knows are zero
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_parser_options_init(
    options: *mut eventsource_parser_options_t,
    size: usize,
) -> eventsource_status_t {
    let defaults = eventsource_parser_options_t {
        size,
        max_event_size: crate::stream::DEFAULT_MAX_EVENT_SIZE,
        on_event: None,
        on_comment: None,
        on_retry: None,
        user: ptr::null_mut(),
    };
    // SAFETY: the header's rules for pointers.
    call(|| unsafe { sized_write(options, size, defaults, "the parser's options") })
}

/// Makes a parser.
///
/// If the options are refused, the handle is made all the same. `eventsource_parser_check` and all other calls on it return
/// why, and `eventsource_parser_get_last_error` has the text. It is freed like any other.
///
/// @param options copied; filled by `eventsource_parser_options_init`, and changed
/// @return the parser, which the caller owns and gives to `eventsource_parser_free`; NULL only if there is no memory for it
///
/// One thread at a time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn eventsource_parser_new(
    options: *const eventsource_parser_options_t,
) -> *mut eventsource_parser_t {
    make(|| {
        // SAFETY: the header's rules for pointers.
        let options = unsafe { sized_read(options, "the parser's options") }.and_then(checked);
        Box::into_raw(Box::new(eventsource_parser_t::new(options)))
    })
}

/// Tells whether the parser's options were accepted.
///
/// @param parser the parser
/// @return `EVENTSOURCE_OK`; if they were not, `ERR_NULL` or `ERR_VALUE`, and `eventsource_parser_get_last_error` has the text;
///         `ERR_NULL` for the parser
///
/// One thread at a time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn eventsource_parser_check(
    parser: *const eventsource_parser_t,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe { parser_call(parser, |_| Ok(())) }
}

/// Copies the text of why a call on the parser was refused last, or its options. Kept until another call is refused; empty
/// when none has been.
///
/// @param parser the parser
/// @param buffer receives the text and a NUL; may be NULL when `capacity` is 0
/// @param capacity bytes of `buffer`
/// @param len receives the text's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when the text and the NUL do not fit: it is cut at a character
///
/// One thread at a time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_parser_get_last_error(
    parser: *const eventsource_parser_t,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    call(|| unsafe {
        let text = lock(&this(parser)?.last_error).clone();
        cut_text_out(&text, buffer, capacity, len)
    })
}

/// Parses the next bytes of the stream, however they are split, and calls the callbacks before it returns.
///
/// @param parser the parser
/// @param bytes may be NULL when `len` is 0
/// @param len bytes of `bytes`
/// @return `EVENTSOURCE_OK`; `ERR_NULL`; `ERR_EVENT_TOO_LARGE` when an event is over the limit, or `ERR_MEMORY` when there is
///         no memory for it: then the rest of `bytes` is not parsed, and the parser has begun a new stream; `ERR_IN_CALLBACK`
///         inside one of this parser's callbacks
///
/// One thread at a time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn eventsource_parser_feed(
    parser: *mut eventsource_parser_t,
    bytes: *const c_void,
    len: usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    let status = unsafe {
        parser_call(parser, |this| {
            let input = self::bytes(bytes, len, "bytes")?;
            let mut state = this.state()?;
            let fed = state.feed(input, &mut CallbackSink { parser, this });
            fed.map(drop).map_err(|refused| {
                let status = match refused {
                    Refused::TooLarge { .. } => EVENTSOURCE_ERR_EVENT_TOO_LARGE,
                    Refused::NoMemory(_) => EVENTSOURCE_ERR_MEMORY,
                };
                Refusal::new(status, refused.to_string())
            })
        })
    };
    contain(|| {
        // SAFETY: as above; the borrow has ended with that call.
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
///
/// One thread at a time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_parser_reset(
    parser: *mut eventsource_parser_t,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        parser_call(parser, |this| {
            this.state()?.reset();
            Ok(())
        })
    }
}

/// Copies the last event id: what a `Last-Event-ID` header should say on reconnecting.
///
/// @param parser the parser
/// @param buffer receives the id and a NUL; may be NULL when `capacity` is 0
/// @param capacity bytes of `buffer`
/// @param len receives the id's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when the id and the NUL do not fit: nothing is copied;
///         `ERR_IN_CALLBACK` inside one of this parser's callbacks, where the event has it
///
/// One thread at a time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_parser_get_last_event_id(
    parser: *const eventsource_parser_t,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        parser_call(parser, |this| {
            text_out(
                this.state()?.last_event_id().as_str(),
                buffer,
                capacity,
                len,
            )
        })
    }
}

/// Releases a parser. NULL is fine. Inside one of its callbacks it takes effect when the feeding call returns, and the
/// rest of the input is not parsed.
///
/// @param parser the parser
///
/// One thread at a time.
///
/// @since 0.9.0
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

/// Runs the body of a call on a parser, which remembers why it was refused.
///
/// # Safety
/// `parser` is NULL or a parser. Inside the body it is freed only as `eventsource_parser_free` does inside a callback.
unsafe fn parser_call(
    parser: *const eventsource_parser_t,
    body: impl FnOnce(&eventsource_parser_t) -> Result<(), Refusal>,
) -> eventsource_status_t {
    call(|| {
        // SAFETY: the caller's promise.
        let this = unsafe { this(parser)? };
        let outcome = contained(|| match &this.refused {
            Some(refusal) => Err(refusal.clone()),
            None => body(this),
        });
        outcome.inspect_err(|refusal| {
            if refusal.is_failure() {
                *lock(&this.last_error) = refusal.message.clone();
            }
        })
    })
}

/// # Safety
/// `parser` is NULL or a parser that is not freed while the result is used.
unsafe fn this<'a>(
    parser: *const eventsource_parser_t,
) -> Result<&'a eventsource_parser_t, Refusal> {
    // SAFETY: the caller's promise.
    unsafe { parser.as_ref() }.ok_or_else(|| Refusal::null("the parser"))
}

/// Options that a parser can have.
fn checked(options: eventsource_parser_options_t) -> Result<eventsource_parser_options_t, Refusal> {
    if options.max_event_size == 0 {
        let message = "max_event_size must be at least 1";
        return Err(Refusal::new(EVENTSOURCE_ERR_VALUE, message));
    }
    Ok(options)
}

impl eventsource_parser_t {
    /// A parser, or what tells why there is none.
    fn new(options: Result<eventsource_parser_options_t, Refusal>) -> eventsource_parser_t {
        let (options, refused) = match options {
            Ok(options) => (Some(options), None),
            Err(refusal) => {
                log_refusal(&refusal, None);
                (None, Some(refusal))
            }
        };
        let limit = options.map_or(1, |options| options.max_event_size);
        let message = refused.as_ref().map(|refusal| refusal.message.clone());
        eventsource_parser_t {
            parser: Mutex::new(Parser::new(limit)),
            on_event: options.and_then(|options| options.on_event),
            on_comment: options.and_then(|options| options.on_comment),
            on_retry: options.and_then(|options| options.on_retry),
            user: options.map_or(ptr::null_mut(), |options| options.user),
            freed: AtomicBool::new(false),
            refused,
            last_error: Mutex::new(message.unwrap_or_default()),
        }
    }

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
struct CallbackSink<'p> {
    parser: *mut eventsource_parser_t,
    this: &'p eventsource_parser_t,
}

impl Sink for CallbackSink<'_> {
    #[inline(always)]
    fn accept(&mut self, item: Item<'_>) -> ControlFlow<()> {
        let CallbackSink { parser, this } = *self;
        match item {
            Item::Event(event) => {
                if let Some(on_event) = this.on_event {
                    let event = eventsource_event_t::new(&event, c"");
                    // SAFETY: a callback of the registered type; the payload lives until it has returned.
                    callback(|| unsafe { on_event(parser, &raw const event, this.user) });
                }
            }
            Item::Comment(text) => {
                if let Some(on_comment) = this.on_comment {
                    let comment = eventsource_comment_t::new(text);
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
