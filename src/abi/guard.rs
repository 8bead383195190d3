//! What every call from C goes through: panics stop here, pointers and strings are checked here, and a refusal becomes
//! a status and the client's last-error text here.

use super::client::{CLIENTS, EVENTSOURCE_FOREVER, Instance, eventsource_t};
use super::handle::Entered;
use super::status::{eventsource_status_t, *};
use crate::log::{self, Level};
use crate::panics;
use crate::place::callers_code;
use crate::process;
use crate::runtime;
pub use crate::runtime::in_callback;
use crate::stream::{Invalid, InvalidKind, Refused};
use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::time::Duration;

/// Why a call is refused: its status, and the text that `eventsource_get_last_error` then gives.
#[derive(Debug)]
pub struct Refusal {
    pub status: eventsource_status_t,
    pub message: Cow<'static, str>,
}

impl Refusal {
    pub fn new(status: eventsource_status_t, message: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal {
            status,
            message: message.into(),
        }
    }

    pub fn null(what: &str) -> Refusal {
        Refusal::new(EVENTSOURCE_ERR_NULL, format!("{what} is NULL"))
    }

    pub fn freed(what: &str) -> Refusal {
        Refusal::new(EVENTSOURCE_ERR_FREED, format!("{what} has been freed"))
    }

    pub fn runtime(error: &std::io::Error) -> Refusal {
        Refusal::new(
            EVENTSOURCE_ERR_RUNTIME,
            format!("the runtime could not be started: {error}"),
        )
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Refusal {
        let status = match invalid.kind {
            InvalidKind::Url => EVENTSOURCE_ERR_URL,
            InvalidKind::Header => EVENTSOURCE_ERR_HEADER,
            InvalidKind::Method => EVENTSOURCE_ERR_METHOD,
            InvalidKind::Value => EVENTSOURCE_ERR_VALUE,
            InvalidKind::Pem => EVENTSOURCE_ERR_PEM,
        };
        Refusal::new(status, invalid.message)
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Refusal {
        match refused {
            Refused::Invalid(invalid) => invalid.into(),
            Refused::State(message) => Refusal::new(EVENTSOURCE_ERR_STATE, message),
            Refused::Freed => Refusal::freed("the client"),
            Refused::Runtime(error) => Refusal::runtime(&error),
        }
    }
}

/// Runs the body of a call that has no client to remember the text.
pub fn call(body: impl FnOnce() -> Result<(), Refusal>) -> eventsource_status_t {
    logged_call(Level::Debug, body)
}

/// The same, where the log is the only place in which the text can be found.
pub fn logged_call(
    level: Level,
    body: impl FnOnce() -> Result<(), Refusal>,
) -> eventsource_status_t {
    match contained(body) {
        Ok(()) => EVENTSOURCE_OK,
        Err(refusal) => {
            log::write(level, format_args!("call refused: {}", refusal.message));
            refusal.status
        }
    }
}

/// Runs the body of a call on a client, which remembers why it was refused.
///
/// # Safety
/// `es` is NULL or a client, freed or not.
pub unsafe fn client_call(
    es: *const eventsource_t,
    body: impl FnOnce(&Entered<'_, Instance>) -> Result<(), Refusal>,
) -> eventsource_status_t {
    // SAFETY: the caller's promise.
    call(|| remembered(&unsafe { client(es)? }, body))
}

fn remembered(
    es: &Entered<'_, Instance>,
    body: impl FnOnce(&Entered<'_, Instance>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    contained(|| body(es)).inspect_err(|refusal| es.client().set_last_error(&refusal.message))
}

/// The same, for a call that has nothing to do where the client is gone.
///
/// # Safety
/// As for [`client_call`].
pub unsafe fn late_client_call(
    es: *const eventsource_t,
    body: impl FnOnce(&Entered<'_, Instance>) -> Result<(), Refusal>,
) -> eventsource_status_t {
    // SAFETY: the caller's promise.
    call(|| match unsafe { client(es) } {
        Err(refusal) if refusal.status == EVENTSOURCE_ERR_FREED => Ok(()),
        es => remembered(&es?, body),
    })
}

/// A client that this process may use. It stays while the result does.
///
/// # Safety
/// As for [`client_call`].
pub unsafe fn client(es: *const eventsource_t) -> Result<Entered<'static, Instance>, Refusal> {
    if es.is_null() {
        return Err(Refusal::null("the client"));
    }
    // SAFETY: the caller's promise.
    let es = unsafe { CLIENTS.enter(es) }.ok_or_else(|| Refusal::freed("the client"))?;
    es.process().check()?;
    Ok(es)
}

/// The process that made a handle. In a child of it the handle's locks may be held for ever, by threads that the child
/// does not have.
#[derive(Clone, Copy, Debug)]
pub struct Process(u32);

impl Process {
    pub fn current() -> Process {
        Process(process::id())
    }

    pub fn is_current(self) -> bool {
        self.0 == process::id()
    }

    pub fn check(self) -> Result<(), Refusal> {
        if self.is_current() {
            return Ok(());
        }
        Err(Refusal::new(
            EVENTSOURCE_ERR_FORKED,
            "the handle is of the parent process",
        ))
    }
}

/// A panic becomes a refusal: nothing unwinds into C.
fn contained<T>(body: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    panics::contain(body).unwrap_or_else(|panic| {
        Err(Refusal::new(
            EVENTSOURCE_ERR_PANIC,
            format!("internal error: {panic}"),
        ))
    })
}

/// Runs something that has no status to answer with.
pub fn contain(body: impl FnOnce()) {
    call(|| {
        body();
        Ok(())
    });
}

/// A string argument.
///
/// # Safety
/// `text` is NULL or a NUL-terminated string that lives as long as the result is used.
pub unsafe fn text<'a>(text: *const c_char, what: &str) -> Result<&'a str, Refusal> {
    // SAFETY: the caller's promise.
    unsafe { optional_text(text, what) }?.ok_or_else(|| Refusal::null(what))
}

/// A string argument for which NULL has a meaning.
///
/// # Safety
/// As for [`text`].
pub unsafe fn optional_text<'a>(
    text: *const c_char,
    what: &str,
) -> Result<Option<&'a str>, Refusal> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so NUL-terminated by the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str()
        .map(Some)
        .map_err(|_| Refusal::new(EVENTSOURCE_ERR_UTF8, format!("{what} is not valid UTF-8")))
}

/// A pointer and a length; NULL is fine for no bytes.
///
/// # Safety
/// `bytes` is NULL or points at `len` bytes that live as long as the result is used.
pub unsafe fn bytes<'a>(bytes: *const c_void, len: usize, what: &str) -> Result<&'a [u8], Refusal> {
    match (bytes.is_null(), len) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Refusal::null(what)),
        // The language's limit for a slice; no real buffer is larger.
        (false, len) if len > isize::MAX as usize => Err(Refusal::new(
            EVENTSOURCE_ERR_VALUE,
            format!("{what} is larger than any buffer can be"),
        )),
        // SAFETY: not NULL, and readable for `len` bytes by the caller's promise.
        (false, len) => Ok(unsafe { std::slice::from_raw_parts(bytes.cast(), len) }),
    }
}

/// A pointer that a result is written to.
///
/// # Safety
/// `out` is NULL or valid for a write.
pub unsafe fn out<'a, T>(
    out: *mut T,
    what: &str,
) -> Result<&'a mut std::mem::MaybeUninit<T>, Refusal> {
    // SAFETY: the caller's promise; MaybeUninit asks nothing of what is there now.
    unsafe { out.cast::<std::mem::MaybeUninit<T>>().as_mut() }.ok_or_else(|| Refusal::null(what))
}

/// A time limit in milliseconds; `None` for `EVENTSOURCE_FOREVER`.
pub fn time_limit(timeout_ms: i64) -> Result<Option<Duration>, Refusal> {
    if timeout_ms == EVENTSOURCE_FOREVER {
        return Ok(None);
    }
    let ms = u64::try_from(timeout_ms).map_err(|_| {
        Refusal::new(
            EVENTSOURCE_ERR_VALUE,
            "the timeout is neither EVENTSOURCE_FOREVER nor ≥ 0",
        )
    })?;
    Ok(Some(Duration::from_millis(ms)))
}

/// For what waits: inside a callback it would wait for ever.
pub fn may_wait() -> Result<(), Refusal> {
    if in_callback() {
        return Err(Refusal::new(
            EVENTSOURCE_ERR_IN_CALLBACK,
            "waiting inside a callback would deadlock",
        ));
    }
    Ok(())
}

/// The caller's pointer, which the header says is used on the library's threads.
#[derive(Clone, Copy)]
pub struct User(pub *mut c_void);

// SAFETY: the library never looks behind the pointer.
unsafe impl Send for User {}
// SAFETY: as above.
unsafe impl Sync for User {}

/// A switch: 0 or 1, nothing else, so that later versions can give other numbers a meaning.
pub fn switch(value: i32, what: &str) -> Result<bool, Refusal> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Refusal::new(
            EVENTSOURCE_ERR_VALUE,
            format!("{what} must be 0 or 1, not {value}"),
        )),
    }
}

/// A struct that begins with its own size and grows at its end from one version to the next, so that programs go on
/// running with a library that has more members than they know. What a new member does by zero is what was done before
/// it was there.
///
/// # Safety
/// It is `repr(C)`, begins with its size in a `usize`, and is valid for any bytes.
pub unsafe trait Growing: Copy {
    /// Its bytes in the first version that had it: no caller's is smaller.
    const FIRST: usize = size_of::<Self>();
}

/// Reads a struct as its caller compiled it.
///
/// What an older caller's has not got is zero. A caller that was compiled against a newer header passes a larger one: what
/// this version does not know must be zero, so that nothing the caller asks for is silently ignored.
///
/// # Safety
/// `from` is NULL or points at as many readable bytes as the size says.
pub unsafe fn sized_read<T: Growing>(from: *const T, what: &str) -> Result<T, Refusal> {
    // SAFETY: the caller's promise, and the trait's.
    unsafe {
        let size = checked_size(from, what)?;
        let known = size.min(size_of::<T>());
        let unknown = std::slice::from_raw_parts(from.cast::<u8>().add(known), size - known);
        if unknown.iter().any(|byte| *byte != 0) {
            return Err(Refusal::new(
                EVENTSOURCE_ERR_VALUE,
                format!("{what} has members that this version of the library does not know"),
            ));
        }
        let mut value = MaybeUninit::<T>::zeroed();
        value
            .as_mut_ptr()
            .cast::<u8>()
            .copy_from_nonoverlapping(from.cast(), known);
        Ok(value.assume_init())
    }
}

/// Writes a struct whose size the caller has set: as much as the caller has room for. What a newer caller's has beyond
/// this version's becomes zero.
///
/// # Safety
/// As for [`sized_read`], with the bytes writable.
pub unsafe fn sized_write<T: Growing>(to: *mut T, value: T, what: &str) -> Result<(), Refusal> {
    // SAFETY: the caller's promise, and the trait's.
    unsafe {
        let size = checked_size(to, what)?;
        let known = size.min(size_of::<T>());
        let bytes = to.cast::<u8>();
        bytes.copy_from_nonoverlapping((&raw const value).cast(), known);
        to.cast::<usize>().write(size);
        bytes.add(known).write_bytes(0, size - known);
    }
    Ok(())
}

unsafe fn checked_size<T: Growing>(of: *const T, what: &str) -> Result<usize, Refusal> {
    /// No struct of this library will ever be larger: a larger size was never set.
    const ABSURD: usize = 4096;
    // SAFETY: NULL, or the size is there by the caller's promise.
    let size = *unsafe { of.cast::<usize>().as_ref() }.ok_or_else(|| Refusal::null(what))?;
    if (T::FIRST..=ABSURD).contains(&size) {
        Ok(size)
    } else {
        Err(Refusal::new(
            EVENTSOURCE_ERR_VALUE,
            format!("{what} has no valid size: set it to sizeof first"),
        ))
    }
}

/// Copies a text and a NUL into the caller's buffer.
///
/// # Safety
/// `buffer` is NULL or writable for `capacity` bytes; `len` is NULL or valid for a write.
pub unsafe fn text_out(
    text: &str,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
) -> Result<(), Refusal> {
    if buffer.is_null() && capacity > 0 {
        return Err(Refusal::null("the buffer"));
    }
    // SAFETY: the caller's promise.
    unsafe {
        if let Some(len) = len.as_mut() {
            *len = text.len();
        }
        if text.len() >= capacity {
            return Err(Refusal::new(
                EVENTSOURCE_ERR_BUFFER,
                format!("the buffer needs {} bytes", text.len() + 1),
            ));
        }
        buffer
            .cast::<u8>()
            .copy_from_nonoverlapping(text.as_ptr(), text.len());
        buffer.add(text.len()).write(0);
    }
    Ok(())
}

/// Runs a C callback that may come on a thread of the caller's: a parser's, the log's, a `destroy`.
pub fn callback<T>(run: impl FnOnce() -> T) -> T {
    runtime::callback(|| foreign(run))
}

/// Calls a function of the caller's, and says meanwhile that this thread is in the caller's code.
pub fn foreign<T>(run: impl FnOnce() -> T) -> T {
    callers_code(|| foreign_of_read(run))
}

/// Calls a function of the caller's where the thread has said for a whole read that it does. An exception that leaves it, or a thread that it ends, ends the process here, before
/// anything else of the library or of the program runs.
///
/// That takes function types with the ABI "C-unwind", too: to a call by the ABI "C" the compiler gives no way to unwind,
/// and what unwinds nevertheless may skip every frame of the library, as if nothing had to be put in order there.
pub fn foreign_of_read<T>(run: impl FnOnce() -> T) -> T {
    struct Abort;
    impl Drop for Abort {
        fn drop(&mut self) {
            std::process::abort();
        }
    }
    let abort = Abort;
    let result = run();
    std::mem::forget(abort);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As an older program has it.
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Older {
        size: usize,
        first: u64,
        /// The program's own memory, behind its struct.
        guard: u64,
    }

    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Grown {
        size: usize,
        first: u64,
        later: u64,
    }

    // SAFETY: numbers.
    unsafe impl Growing for Grown {
        const FIRST: usize = std::mem::offset_of!(Grown, later);
    }

    const OLDER: Older = Older {
        size: Grown::FIRST,
        first: 1,
        guard: 2,
    };

    #[test]
    fn what_an_older_callers_struct_has_not_got_is_zero() {
        let older = OLDER;
        // SAFETY: as many bytes as its size says.
        let read = unsafe { sized_read((&raw const older).cast::<Grown>(), "it") };
        let read = read.expect("a size that a version had");
        assert_eq!((read.size, read.first, read.later), (Grown::FIRST, 1, 0));
    }

    #[test]
    fn no_more_is_written_than_an_older_callers_struct_has() {
        let mut older = OLDER;
        let value = Grown {
            size: size_of::<Grown>(),
            first: 3,
            later: 4,
        };
        // SAFETY: as above.
        let written = unsafe { sized_write((&raw mut older).cast::<Grown>(), value, "it") };
        assert!(written.is_ok());
        assert_eq!((older.size, older.first, older.guard), (Grown::FIRST, 3, 2));
    }

    #[test]
    fn a_struct_smaller_than_the_first_is_refused() {
        let smaller = Older {
            size: Grown::FIRST - 1,
            ..OLDER
        };
        // SAFETY: as above.
        assert!(unsafe { sized_read((&raw const smaller).cast::<Grown>(), "it") }.is_err());
    }
}
