//! Clients whose callbacks check what is promised of all of them.

#![allow(clippy::missing_safety_doc)] // What the callbacks may rely on is said once, before the first of them.

use crate::loopback::LIMIT;
use crate::promise;
use eventsource::abi::*;
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// What a callback was called with.
pub enum Told<'a> {
    Request(*mut eventsource_request_t),
    Open(&'a eventsource_response_t),
    Event(&'a eventsource_event_t),
    Events(&'a [*const eventsource_event_t]),
    Comment(&'a eventsource_comment_t),
    Error(&'a eventsource_error_t),
    Document(&'a eventsource_document_t),
    Close(&'a eventsource_close_t),
}

impl Told<'_> {
    /// The callback's name.
    fn callback(&self) -> &'static str {
        match self {
            Told::Request(_) => "on_request",
            Told::Open(_) => "on_open",
            Told::Event(_) => "on_event",
            Told::Events(_) => "on_events",
            Told::Comment(_) => "on_comment",
            Told::Error(_) => "on_error",
            Told::Document(_) => "on_document",
            Told::Close(_) => "on_close",
        }
    }
}

/// What a target does in every callback; the answer is that of `on_error`.
type Act = Box<dyn Fn(&Arc<Watch>, *mut eventsource_t, &Told<'_>) -> i32 + Send + Sync>;

/// What one client's callbacks have seen. Each user data that the client is given holds a reference.
pub struct Watch {
    act: Act,
    /// The event limit that the client was given.
    limit: usize,
    /// Whether all callbacks are set: then each can be judged by those before it.
    all_set: AtomicBool,
    /// Whether callbacks must be dispatched by the program.
    is_manual: AtomicBool,
    /// Held while the client starts, or is put where its callbacks are dispatched otherwise.
    place: Mutex<()>,
    /// Held while the client is paused or unpaused.
    pause: Mutex<()>,
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Default)]
struct Seen {
    /// User data that has not been destroyed.
    data: usize,
    /// Starts that were answered with OK, and those that have not been answered.
    starts: u32,
    started: u32,
    closes: u32,
    /// A callback is running.
    inside: bool,
    /// A run is under way.
    running: bool,
    /// The stream is open, as far as callbacks have told.
    open: bool,
    /// How often a stream may be dropped without a word: others have asked to reconnect.
    drops: u32,
    /// Somebody has asked for the end of this run or, before it started, of one.
    stop_asked: bool,
    /// Its own callback has: nothing but `on_close` may come.
    stopped: bool,
    /// Its own callback has paused it, and nobody has unpaused it: no event may come.
    paused: bool,
    failed_attempts: i64,
    final_error: Option<eventsource_status_t>,
    /// A document has come: nothing but `on_close` may follow.
    has_document: bool,
    pub counts: Counts,
}

impl Seen {
    /// Whether there is no open stream, or it may have been dropped.
    fn lost(&mut self) -> bool {
        if self.open && self.drops > 0 {
            self.drops -= 1;
            self.open = false;
        }
        !self.open
    }
}

/// How many callbacks there were.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    pub events: u64,
    pub opens: u64,
    pub errors: u64,
}

impl Watch {
    /// A watch that does `act` in every callback.
    pub fn new(
        limit: usize,
        act: impl Fn(&Arc<Watch>, *mut eventsource_t, &Told<'_>) -> i32 + Send + Sync + 'static,
    ) -> Arc<Watch> {
        Arc::new(Watch {
            act: Box::new(act),
            limit,
            all_set: AtomicBool::new(true),
            is_manual: AtomicBool::new(false),
            place: Mutex::default(),
            pause: Mutex::default(),
            seen: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets user data and all callbacks but `on_request`, which changes what happens.
    ///
    /// # Safety
    /// The client is valid and does not run.
    pub unsafe fn attach(self: &Arc<Watch>, es: *mut eventsource_t) {
        // SAFETY: the caller's promise.
        unsafe {
            for status in [
                self.set_user_data(es),
                eventsource_on_open(es, Some(on_open)),
                eventsource_on_event(es, Some(on_event)),
                eventsource_on_comment(es, Some(on_comment)),
                eventsource_on_error(es, Some(on_error)),
                eventsource_on_close(es, Some(on_close)),
            ] {
                promise!(status == eventsource_status_t::EVENTSOURCE_OK, "{status:?}");
            }
        }
    }

    /// Gives the client new user data, whose `destroy` must be called once.
    ///
    /// # Safety
    /// The client is valid.
    pub unsafe fn set_user_data(self: &Arc<Watch>, es: *mut eventsource_t) -> eventsource_status_t {
        self.seen().data += 1;
        let data: *mut Arc<Watch> = Box::into_raw(Box::new(self.clone()));
        // SAFETY: the caller's promise.
        let status = unsafe { eventsource_set_user_data(es, data.cast(), Some(on_destroy)) };
        if status != eventsource_status_t::EVENTSOURCE_OK {
            self.seen().data -= 1;
            // SAFETY: made above; the library has not taken it.
            drop(unsafe { Box::from_raw(data) });
        }
        status
    }

    /// Starts the client.
    ///
    /// # Safety
    /// The client is valid.
    pub unsafe fn start(&self, es: *mut eventsource_t) -> eventsource_status_t {
        let _place = self.place.lock();
        // Before the call: the first callback may come before its answer.
        self.seen().starts += 1;
        // SAFETY: the caller's promise.
        let status = unsafe { eventsource_start(es) };
        let mut seen = self.seen();
        if status == eventsource_status_t::EVENTSOURCE_OK {
            seen.started += 1;
        } else {
            seen.starts -= 1;
        }
        status
    }

    /// Puts the client on a runtime.
    ///
    /// # Safety
    /// The client is valid, and the runtime is or is NULL.
    pub unsafe fn set_runtime(
        &self,
        es: *mut eventsource_t,
        runtime: *mut eventsource_runtime_t,
        is_manual: bool,
    ) -> eventsource_status_t {
        let _place = self.place.lock();
        // SAFETY: the caller's promise.
        let status = unsafe { eventsource_set_runtime(es, runtime) };
        if status == eventsource_status_t::EVENTSOURCE_OK {
            self.is_manual.store(is_manual, Ordering::Relaxed);
        }
        status
    }

    /// Pauses the client, in one of its own callbacks or not, or unpauses it.
    ///
    /// # Safety
    /// The client is valid.
    pub unsafe fn set_paused(
        &self,
        es: *mut eventsource_t,
        paused: bool,
        in_own_callback: bool,
    ) -> eventsource_status_t {
        let _pause = self.pause.lock();
        // Before the call, which events may overtake when it unpauses. When another thread pauses, one more may come.
        let was_paused = self.seen().paused;
        self.seen().paused = paused && (was_paused || in_own_callback);
        // SAFETY: the caller's promise.
        unsafe {
            match paused {
                true => eventsource_pause(es),
                false => eventsource_unpause(es),
            }
        }
    }

    /// How many starts have been answered with OK.
    pub fn started(&self) -> u32 {
        self.seen().started
    }

    /// How many runs have closed.
    pub fn closes(&self) -> u32 {
        self.seen().closes
    }

    /// How many callbacks there were.
    pub fn counts(&self) -> Counts {
        self.seen().counts
    }

    /// `eventsource_stop` or `eventsource_free` is about to be called, by one of the client's own callbacks or not.
    pub fn will_stop(&self, in_own_callback: bool) {
        let mut seen = self.seen();
        seen.stop_asked = true;
        seen.stopped |= in_own_callback;
    }

    /// `eventsource_reconnect_now` is about to be called, by one of the client's own callbacks or not.
    pub fn will_reconnect(&self, in_own_callback: bool) {
        let mut seen = self.seen();
        if in_own_callback {
            seen.open = false;
        } else {
            seen.drops += 1;
        }
    }

    /// Not all callbacks are set any more.
    pub fn unset(&self) {
        self.all_set.store(false, Ordering::Relaxed);
    }

    /// The client has been freed: waits for its end, which has come when it was freed outside callbacks.
    pub fn ended(&self, freed_in_callback: bool) {
        let mut seen = self.seen();
        if freed_in_callback {
            let waited = self
                .changed
                .wait_timeout_while(seen, LIMIT, |seen| seen.data > 0);
            seen = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        promise!(
            seen.data == 0,
            "destroy is called, once, before a client is gone"
        );
        promise!(
            seen.closes == seen.started,
            "on_close comes once for each start"
        );
    }

    fn check_event(&self, event: &eventsource_event_t) {
        let event_type = text(event.r#type, event.type_len);
        let id = text(event.last_event_id, event.last_event_id_len);
        let data = text(event.data, event.data_len);
        promise!(!event_type.is_empty(), "an event has a type");
        promise!(!id.contains('\0'), "an id has no NUL");
        let held = match event_type {
            // Where the stream names no type, the parser need not hold this one.
            "message" => 0,
            event_type => event_type.len(),
        };
        promise!(
            held + data.len() + id.len() <= self.limit,
            "an event is within the limit"
        );
    }

    fn callback(self: &Arc<Watch>, es: *mut eventsource_t, told: Told<'_>) -> i32 {
        use eventsource_state_t::*;
        let is_dispatching = DISPATCHES.get() > 0;
        let is_manual = self.is_manual.load(Ordering::Relaxed);
        promise!(
            is_manual || !IS_OURS.get(),
            "a callback is on a thread of the library's"
        );
        promise!(
            !is_manual || is_dispatching,
            "a callback is dispatched by the program"
        );
        let mut state = EVENTSOURCE_STATE_IDLE;
        // SAFETY: in a callback of the client, it is valid.
        let _ = unsafe { eventsource_get_state(es, &raw mut state) };
        {
            let mut seen = self.seen();
            promise!(!seen.inside, "callbacks come one at a time");
            promise!(
                seen.closes < seen.starts,
                "no callback comes after on_close"
            );
            seen.inside = true;
            if !seen.running {
                seen.running = true;
                seen.failed_attempts = 0;
                seen.open = false;
                seen.final_error = None;
                seen.has_document = false;
            }
            let is_close = matches!(told, Told::Close(_));
            promise!(
                !seen.stopped || is_close,
                "{} comes after a stop in a callback",
                told.callback()
            );
            promise!(
                !seen.has_document || is_close,
                "{} comes after a document",
                told.callback()
            );
            let all_set = self.all_set.load(Ordering::Relaxed);
            match &told {
                Told::Request(request) => {
                    promise!(
                        state == EVENTSOURCE_STATE_CONNECTING,
                        "{state:?} in on_request"
                    );
                    promise!(
                        seen.lost() || !all_set,
                        "a stream is lost before the next attempt"
                    );
                    seen.open = false;
                    let mut number = 0;
                    // SAFETY: the request is valid in its callback.
                    unsafe { eventsource_request_get_attempt(*request, &raw mut number) };
                    promise!(
                        !all_set || number == seen.failed_attempts + 1,
                        "attempt {number}"
                    );
                }
                Told::Open(_) => {
                    promise!(state == EVENTSOURCE_STATE_OPEN, "{state:?} in on_open");
                    promise!(
                        seen.lost() || !all_set,
                        "a stream is lost before the next attempt"
                    );
                    seen.open = true;
                    seen.failed_attempts = 0;
                    seen.counts.opens += 1;
                }
                Told::Event(event) => {
                    promise!(state == EVENTSOURCE_STATE_OPEN, "{state:?} in on_event");
                    promise!(!all_set || seen.open, "an event comes from an open stream");
                    promise!(!seen.paused, "no event comes in a pause");
                    seen.counts.events += 1;
                    self.check_event(event);
                }
                Told::Events(events) => {
                    promise!(state == EVENTSOURCE_STATE_OPEN, "{state:?} in on_events");
                    promise!(!all_set || seen.open, "events come from an open stream");
                    promise!(!seen.paused, "no batch comes in a pause");
                    promise!(!events.is_empty(), "a batch has an event");
                    seen.counts.events += events.len() as u64;
                    for event in *events {
                        // SAFETY: valid until the callback returns.
                        self.check_event(unsafe { &**event });
                    }
                }
                Told::Comment(comment) => {
                    promise!(state == EVENTSOURCE_STATE_OPEN, "{state:?} in on_comment");
                    promise!(!all_set || seen.open, "a comment comes from an open stream");
                    promise!(!seen.paused, "no comment comes in a pause");
                    promise!(
                        comment.text_len <= self.limit,
                        "a comment is within the limit"
                    );
                }
                Told::Error(error) => {
                    let expected = match error.will_retry {
                        0 => EVENTSOURCE_STATE_CLOSED,
                        _ => EVENTSOURCE_STATE_WAITING,
                    };
                    promise!(state == expected, "{state:?} in on_error");
                    promise!(
                        error.code as i32 >= 32,
                        "{:?} is no error of an attempt or a stream",
                        error.code
                    );
                    let lost = seen.open && error.attempt == 0;
                    let number = seen.failed_attempts;
                    promise!(
                        lost || (seen.lost() && error.attempt == number + 1) || !all_set,
                        "error of attempt {} after {number}",
                        error.attempt
                    );
                    seen.failed_attempts = error.attempt;
                    seen.open = false;
                    seen.final_error = (error.will_retry == 0).then_some(error.code);
                    seen.counts.errors += 1;
                }
                Told::Document(document) => {
                    promise!(
                        seen.lost() || !all_set,
                        "a stream is lost before the next attempt"
                    );
                    promise!(
                        document.body_len <= self.limit,
                        "a document is within the limit"
                    );
                    seen.open = false;
                    seen.failed_attempts = 0;
                    seen.has_document = true;
                }
                Told::Close(close) => {
                    use eventsource_close_reason_t::*;
                    promise!(state == EVENTSOURCE_STATE_CLOSED, "{state:?} in on_close");
                    promise!(
                        close.reason != EVENTSOURCE_CLOSE_STOPPED || seen.stop_asked,
                        "nobody has asked to stop"
                    );
                    let failed = (close.reason == EVENTSOURCE_CLOSE_FAILED).then_some(close.code);
                    promise!(
                        !all_set || failed.is_none() || failed == seen.final_error,
                        "closed for {failed:?} after {:?}",
                        seen.final_error
                    );
                    promise!(
                        !seen.has_document || failed.is_none(),
                        "a document is no failure"
                    );
                    promise!(
                        failed.is_some() || close.code == eventsource_status_t::EVENTSOURCE_OK,
                        "no code without failure"
                    );
                }
            }
        }
        let answer = (self.act)(self, es, &told);
        let mut seen = self.seen();
        seen.inside = false;
        match told {
            Told::Error(_)
                if answer == eventsource_decision_t::EVENTSOURCE_DECISION_CLOSE as i32 =>
            {
                seen.stop_asked = true;
                seen.stopped = true;
            }
            Told::Close(_) => {
                seen.closes += 1;
                seen.running = false;
                seen.stopped = false;
            }
            _ => {}
        }
        answer
    }
}

thread_local! {
    /// How deep this thread is in calls that may run callbacks of clients with manual dispatch.
    static DISPATCHES: Cell<u32> = const { Cell::new(0) };
    /// Whether this thread is one of the target's.
    static IS_OURS: Cell<bool> = const { Cell::new(false) };
}

/// Marks this thread as one of the target's: only with manual dispatch may callbacks come on it.
pub fn on_own_thread() {
    IS_OURS.set(true);
}

/// Does something in which callbacks of clients with manual dispatch may run here.
pub fn dispatching<T>(act: impl FnOnce() -> T) -> T {
    DISPATCHES.set(DISPATCHES.get() + 1);
    let result = act();
    DISPATCHES.set(DISPATCHES.get() - 1);
    result
}

/// A text of a payload.
pub fn text<'a>(text: *const c_char, len: usize) -> &'a str {
    promise!(!text.is_null(), "a text is not NULL");
    // SAFETY: a payload's text has `len` bytes and a NUL.
    let bytes = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), len + 1) };
    promise!(bytes[len] == 0, "a text ends in a NUL");
    let text = str::from_utf8(&bytes[..len]);
    promise!(text.is_ok(), "a text is UTF-8");
    text.unwrap_or_default()
}

fn headers(headers: *const eventsource_header_t, count: usize) {
    for at in 0..count {
        // SAFETY: a payload's array has as many entries as it says.
        let header = unsafe { &*headers.add(at) };
        let name = text(header.name, header.name_len);
        promise!(
            !name.bytes().any(|byte| byte.is_ascii_uppercase()),
            "a header's name is in lower case"
        );
        text(header.value, header.value_len);
    }
}

/// The last event id, as the client itself tells it.
///
/// # Safety
/// The client is valid.
pub unsafe fn last_event_id(es: *mut eventsource_t) -> Vec<u8> {
    let mut buffer = vec![0; 128];
    loop {
        let mut len = 0;
        // SAFETY: the caller's promise, and a buffer of that size.
        let status = unsafe {
            eventsource_get_last_event_id(
                es,
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                &raw mut len,
            )
        };
        if status == eventsource_status_t::EVENTSOURCE_OK {
            buffer.truncate(len);
            return buffer;
        }
        promise!(
            status == eventsource_status_t::EVENTSOURCE_ERR_BUFFER,
            "{status:?}"
        );
        buffer.resize(len + 1, 0);
    }
}

/// # Safety
/// `user` is what [`Watch::set_user_data`] gave, and not destroyed.
unsafe fn watch<'a>(user: *mut c_void) -> &'a Arc<Watch> {
    // SAFETY: the caller's promise.
    unsafe { &*user.cast::<Arc<Watch>>() }
}

// SAFETY, for all callbacks: the library promises that client, payload and user data are valid until they return. That
// it keeps this promise is for the address sanitizer to see.

pub unsafe extern "C-unwind" fn on_request(
    es: *mut eventsource_t,
    request: *mut eventsource_request_t,
    user: *mut c_void,
) -> MaybeUninit<eventsource_decision_t> {
    // SAFETY: see above.
    unsafe { watch(user) }.callback(es, Told::Request(request));
    any(0)
}

pub unsafe extern "C-unwind" fn on_redirect(
    _es: *mut eventsource_t,
    redirect: *const eventsource_redirect_t,
    _user: *mut c_void,
) -> MaybeUninit<eventsource_redirect_decision_t> {
    // SAFETY: see above.
    let redirect = unsafe { &*redirect };
    text(redirect.from, redirect.from_len);
    text(redirect.to, redirect.to_len);
    any(redirect.to_len as i32 % 5)
}

pub unsafe extern "C-unwind" fn on_open(
    es: *mut eventsource_t,
    response: *const eventsource_response_t,
    user: *mut c_void,
) {
    // SAFETY: see above.
    let (watch, response) = unsafe { (watch(user), &*response) };
    text(response.url, response.url_len);
    text(response.peer, response.peer_len);
    headers(response.headers, response.header_count);
    promise!(
        matches!(response.http_version as i32, 10 | 11 | 20),
        "{:?}",
        response.http_version
    );
    promise!(
        response.status == 200,
        "a stream opens with 200, not {}",
        response.status
    );
    watch.callback(es, Told::Open(response));
}

pub unsafe extern "C-unwind" fn on_document(
    es: *mut eventsource_t,
    document: *const eventsource_document_t,
    user: *mut c_void,
) {
    // SAFETY: see above.
    let (watch, document) = unsafe { (watch(user), &*document) };
    // SAFETY: the header promises so many bytes, and a NUL behind them.
    let end = unsafe { *document.body.add(document.body_len) };
    promise!(end == 0, "a document ends in a NUL");
    // SAFETY: as above.
    let response = unsafe { &*document.response };
    text(response.url, response.url_len);
    headers(response.headers, response.header_count);
    watch.callback(es, Told::Document(document));
}

pub unsafe extern "C-unwind" fn on_event(
    es: *mut eventsource_t,
    event: *const eventsource_event_t,
    user: *mut c_void,
) {
    // SAFETY: see above.
    let (watch, event) = unsafe { (watch(user), &*event) };
    watch.callback(es, Told::Event(event));
}

pub unsafe extern "C-unwind" fn on_events(
    es: *mut eventsource_t,
    events: *const *const eventsource_event_t,
    count: usize,
    user: *mut c_void,
) {
    // SAFETY: see above.
    let (watch, events) = unsafe { (watch(user), std::slice::from_raw_parts(events, count)) };
    watch.callback(es, Told::Events(events));
}

pub unsafe extern "C-unwind" fn on_comment(
    es: *mut eventsource_t,
    comment: *const eventsource_comment_t,
    user: *mut c_void,
) {
    // SAFETY: see above.
    let (watch, comment) = unsafe { (watch(user), &*comment) };
    text(comment.text, comment.text_len);
    watch.callback(es, Told::Comment(comment));
}

pub unsafe extern "C-unwind" fn on_error(
    es: *mut eventsource_t,
    error: *const eventsource_error_t,
    user: *mut c_void,
) -> MaybeUninit<eventsource_decision_t> {
    // SAFETY: see above.
    let (watch, error) = unsafe { (watch(user), &*error) };
    promise!(
        !text(error.message, error.message_len).is_empty(),
        "an error has a message"
    );
    let body = text(error.body, error.body_len);
    promise!(body.len() <= 3 * 4096, "an excerpt has at most 4096 bytes");
    headers(error.headers, error.header_count);
    let answered = error.http_status != 0;
    promise!(
        answered != error.headers.is_null(),
        "headers come with a status"
    );
    promise!(answered || body.is_empty(), "a body comes with a status");
    promise!(error.delay_ms >= 0, "a delay of {} ms", error.delay_ms);
    promise!(
        error.will_retry != 0 || error.delay_ms == 0,
        "no delay before nothing"
    );
    any(watch.callback(es, Told::Error(error)))
}

pub unsafe extern "C-unwind" fn on_close(
    es: *mut eventsource_t,
    close: *const eventsource_close_t,
    user: *mut c_void,
) {
    // SAFETY: see above.
    let (watch, close) = unsafe { (watch(user), &*close) };
    watch.callback(es, Told::Close(close));
}

/// Frees the user data: a callback that came later, or another destroy, would be a use after free.
unsafe extern "C-unwind" fn on_destroy(user: *mut c_void) {
    // SAFETY: made by `set_user_data`; the library gives it back once.
    let watch = unsafe { Box::from_raw(user.cast::<Arc<Watch>>()) };
    let mut seen = watch.seen();
    promise!(
        !seen.inside,
        "no callback runs while user data is destroyed"
    );
    seen.data -= 1;
    watch.changed.notify_all();
}

/// Has the library log all it can; a line about a fault of its own is a broken promise. That is how a panic shows which
/// the library has contained.
pub fn log() {
    unsafe extern "C-unwind" fn write(record: *const eventsource_log_record_t, _: *mut c_void) {
        // SAFETY: alive during the call, and NUL-terminated.
        let (record, text) = unsafe { (&*record, CStr::from_ptr((*record).text)) };
        // SAFETY: the library has set it.
        let level = unsafe { record.level.assume_init() };
        let is_fault = level == eventsource_log_level_t::EVENTSOURCE_LOG_ERROR;
        promise!(!is_fault, "no fault of the library: {text:?}");
        promise!(text.to_str().is_ok(), "the text of a record is UTF-8");
    }
    let level = MaybeUninit::new(eventsource_log_level_t::EVENTSOURCE_LOG_DEBUG);
    // SAFETY: a function that stays.
    unsafe { eventsource_log_set_callback(level, Some(write), ptr::null_mut(), None) };
}
