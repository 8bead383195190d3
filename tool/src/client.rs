//! A client of the library: handles and pointers stay in here.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char, c_void};
use std::mem::MaybeUninit;
use std::slice;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::sys;

/// What happens to a stream. The library calls these one at a time, in stream order, on its own threads.
pub trait Handler: Send {
    fn request(&mut self, _stream: Stream, _request: &Request) {}
    fn open(&mut self, _stream: Stream, _response: &Response) {}
    fn event(&mut self, _stream: Stream, _event: &Event) {}
    fn comment(&mut self, _stream: Stream, _text: &[u8]) {}
    fn error(&mut self, _stream: Stream, _error: &Error) {}
    fn close(&mut self, _stream: Stream, _reason: i32) {}
}

pub struct Event<'a> {
    pub kind: &'a [u8],
    pub data: &'a [u8],
    pub id: &'a [u8],
}

pub type Headers<'a> = Vec<(&'a [u8], &'a [u8])>;

pub struct Request<'a> {
    pub attempt: i64,
    pub method: String,
    pub url: String,
    pub headers: Headers<'a>,
}

pub struct Response<'a> {
    pub status: i32,
    pub http_version: i32,
    pub tls_version: i32,
    pub url: Cow<'a, str>,
    pub headers: Headers<'a>,
    pub is_reused: bool,
    pub peer: Cow<'a, str>,
    pub resolve_us: i64,
    pub connect_us: i64,
    pub tls_us: i64,
    pub head_us: i64,
}

pub struct Error<'a> {
    pub code: sys::Status,
    pub http_status: i32,
    pub will_retry: bool,
    pub delay_ms: i64,
    pub message: Cow<'a, str>,
    pub headers: Headers<'a>,
    pub body: &'a [u8],
}

/// A stream, inside its callbacks.
#[derive(Clone, Copy)]
pub struct Stream(*mut sys::eventsource_t);

impl Stream {
    /// Inside a callback it takes effect at once: not one event more comes.
    pub fn stop(self) {
        // SAFETY: the handle lives as long as its callbacks.
        unsafe { sys::eventsource_stop(self.0) };
    }

    /// All that the client keeps; nothing if it keeps none.
    pub fn cookies(self) -> String {
        // SAFETY: likewise, and the library writes no more than the buffer has.
        copied(|buffer, capacity, length| unsafe {
            sys::eventsource_get_cookies(self.0, buffer, capacity, length)
        })
    }
}

/// Owns a handle of the library.
pub struct Client(*mut sys::eventsource_t);

// SAFETY: every function that is called on the handle may be called on any thread.
unsafe impl Send for Client {}
// SAFETY: likewise.
unsafe impl Sync for Client {}

/// Owns a runtime that measures latencies.
pub struct Runtime(*mut sys::eventsource_runtime_t);

impl Runtime {
    /// One that could not be made says so when a client is put on it.
    pub fn that_measures() -> Runtime {
        let mut options = MaybeUninit::<sys::RuntimeOptions>::uninit();
        // SAFETY: filled as a whole, whose size is given, and then read.
        Runtime(unsafe {
            let size = size_of::<sys::RuntimeOptions>();
            sys::eventsource_runtime_options_init(options.as_mut_ptr(), size);
            (*options.as_mut_ptr()).measure_latency = 1;
            sys::eventsource_runtime_new(options.as_ptr())
        })
    }

    pub fn metrics(&self) -> sys::Metrics {
        let mut metrics = sys::Metrics::default();
        let size = size_of::<sys::Metrics>();
        // SAFETY: the handle is valid, and the size is that of the struct.
        let _ = unsafe { sys::eventsource_runtime_get_metrics(self.0, &raw mut metrics, size) };
        metrics
    }
}

impl Drop for Runtime {
    /// Ends the clients that are on it.
    fn drop(&mut self) {
        // SAFETY: the handle is valid, and nobody has it from here on.
        unsafe { sys::eventsource_runtime_free(self.0) }
    }
}

/// What the library says of a call that it refused.
pub struct Refusal(pub String);

type Shared = Mutex<Box<dyn Handler>>;

impl Client {
    pub fn new(url: &str) -> Result<Client, Refusal> {
        let url = text(url)?;
        // SAFETY: a string that ends in NUL.
        let client = Client(unsafe { sys::eventsource_new(url.as_ptr()) });
        client.checked(|es| {
            // SAFETY: the handle is valid.
            unsafe { sys::eventsource_check(es) }
        })?;
        Ok(client)
    }

    /// Sets who is told what happens, before the start.
    pub fn handle(&self, handler: impl Handler + 'static) {
        let shared: Box<Shared> = Box::new(Mutex::new(Box::new(handler)));
        let user = Box::into_raw(shared).cast::<c_void>();
        // SAFETY: the handle is valid; `user` is released by `destroy`, after the last callback.
        unsafe {
            sys::eventsource_set_user_data(self.0, user, Some(destroy));
            sys::eventsource_on_open(self.0, Some(on_open));
            sys::eventsource_on_event(self.0, Some(on_event));
            sys::eventsource_on_comment(self.0, Some(on_comment));
            sys::eventsource_on_error(self.0, Some(on_error));
            sys::eventsource_on_close(self.0, Some(on_close));
        }
    }

    /// Has the handler told of requests, too. That is more than to look on: the library takes it for a sign that there may be
    /// new credentials after a 401, and asks once more.
    pub fn handle_requests(&self) {
        // SAFETY: the handle is valid, and its user data what `handle` has set.
        unsafe { sys::eventsource_on_request(self.0, Some(on_request)) };
    }

    /// A setter. Each checks its input and says what is wrong with it.
    pub fn checked(
        &self,
        call: impl FnOnce(*mut sys::eventsource_t) -> sys::Status,
    ) -> Result<(), Refusal> {
        match call(self.0) {
            sys::OK => Ok(()),
            status => Err(Refusal(self.reason(status))),
        }
    }

    /// The same, of one that takes a string.
    pub fn set(
        &self,
        setter: unsafe extern "C" fn(*mut sys::eventsource_t, *const c_char) -> sys::Status,
        value: &str,
    ) -> Result<(), Refusal> {
        let value = text(value)?;
        // SAFETY: the handle is valid, and the string ends in NUL.
        self.checked(|es| unsafe { setter(es, value.as_ptr()) })
    }

    /// The same, of one that takes two.
    pub fn set_pair(
        &self,
        setter: unsafe extern "C" fn(
            *mut sys::eventsource_t,
            *const c_char,
            *const c_char,
        ) -> sys::Status,
        first: &str,
        second: &str,
    ) -> Result<(), Refusal> {
        let (first, second) = (text(first)?, text(second)?);
        // SAFETY: the handle is valid, and the strings end in NUL.
        self.checked(|es| unsafe { setter(es, first.as_ptr(), second.as_ptr()) })
    }

    pub fn set_number<N>(
        &self,
        setter: unsafe extern "C" fn(*mut sys::eventsource_t, N) -> sys::Status,
        value: N,
    ) -> Result<(), Refusal> {
        // SAFETY: the handle is valid.
        self.checked(|es| unsafe { setter(es, value) })
    }

    pub fn set_body(&self, body: &[u8]) -> Result<(), Refusal> {
        // SAFETY: the handle is valid; the library copies the bytes.
        self.checked(|es| unsafe {
            sys::eventsource_set_body(es, body.as_ptr().cast(), body.len())
        })
    }

    pub fn set_client_cert(&self, cert: &str, key: Option<&str>) -> Result<(), Refusal> {
        let cert = text(cert)?;
        let key = key.map(text).transpose()?;
        let key = key.as_ref().map_or(std::ptr::null(), |key| key.as_ptr());
        // SAFETY: the handle is valid; the strings end in NUL, or there is none.
        self.checked(|es| unsafe { sys::eventsource_set_client_cert_file(es, cert.as_ptr(), key) })
    }

    pub fn set_reconnect(&self, change: impl FnOnce(&mut sys::Reconnect)) -> Result<(), Refusal> {
        let mut policy = sys::Reconnect::default();
        let size = size_of::<sys::Reconnect>();
        // SAFETY: the handle is valid, and `size` is that of the struct.
        self.checked(|es| unsafe { sys::eventsource_get_reconnect(es, &raw mut policy, size) })?;
        change(&mut policy);
        // SAFETY: likewise.
        self.checked(|es| unsafe { sys::eventsource_set_reconnect(es, &raw const policy) })
    }

    /// Puts the client on a runtime of its own.
    pub fn set_runtime(&self, runtime: &Runtime) -> Result<(), Refusal> {
        // SAFETY: both handles are valid.
        self.checked(|es| unsafe { sys::eventsource_set_runtime(es, runtime.0) })
    }

    pub fn start(&self) -> Result<(), Refusal> {
        // SAFETY: the handle is valid.
        self.checked(|es| unsafe { sys::eventsource_start(es) })
    }

    pub fn stop(&self) {
        Stream(self.0).stop();
    }

    /// Waits for the end; false when it has not come yet.
    pub fn wait(&self, limit: Option<Duration>) -> bool {
        let limit = limit.map_or(sys::NO_LIMIT, |limit| limit.as_millis() as i64);
        // SAFETY: the handle is valid.
        unsafe { sys::eventsource_wait(self.0, limit) != sys::ERR_TIMEOUT }
    }

    pub fn stats(&self) -> sys::Stats {
        let mut stats = sys::Stats::default();
        // SAFETY: the handle is valid, and the size is that of the struct.
        let _ =
            unsafe { sys::eventsource_get_stats(self.0, &raw mut stats, size_of::<sys::Stats>()) };
        stats
    }

    /// By which the log tells it from others.
    pub fn number(&self) -> u64 {
        let mut number = 0;
        // SAFETY: the handle is valid.
        unsafe { sys::eventsource_get_number(self.0, &raw mut number) };
        number
    }

    fn reason(&self, status: sys::Status) -> String {
        let mut buffer = [0_u8; 2048];
        let mut length = 0;
        // SAFETY: the handle is valid, and the library writes no more than the buffer has.
        unsafe {
            sys::eventsource_get_last_error(
                self.0,
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                &raw mut length,
            );
        }
        match CStr::from_bytes_until_nul(&buffer) {
            Ok(text) if !text.is_empty() => text.to_string_lossy().into_owned(),
            _ => status_name(status).to_owned(),
        }
    }
}

impl Drop for Client {
    /// Returns when no callback runs or will run.
    fn drop(&mut self) {
        // SAFETY: the handle is valid, and nobody has it from here on.
        unsafe { sys::eventsource_free(self.0) }
    }
}

fn text(text: &str) -> Result<CString, Refusal> {
    CString::new(text).map_err(|_| Refusal("it has a NUL in it".to_owned()))
}

pub fn status_name(status: sys::Status) -> &'static str {
    // SAFETY: the library answers a static string for any number.
    let name = unsafe { CStr::from_ptr(sys::eventsource_status_name(status)) };
    name.to_str().unwrap_or_default()
}

/// The version of the library that is running.
pub fn library_version() -> &'static str {
    // SAFETY: the library answers a static string.
    let version = unsafe { CStr::from_ptr(sys::eventsource_version()) };
    version.to_str().unwrap_or_default()
}

// ---- callbacks ----------------------------------------------------------------------------------------------------

/// Bytes of the library's, for as long as the callback runs.
unsafe fn bytes<'a>(start: *const c_char, length: usize) -> &'a [u8] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: the library says how many there are.
    unsafe { slice::from_raw_parts(start.cast(), length) }
}

unsafe fn headers<'a>(start: *const sys::Header, count: usize) -> Headers<'a> {
    if start.is_null() {
        return Vec::new();
    }
    // SAFETY: the library says how many there are.
    let headers = unsafe { slice::from_raw_parts(start, count) };
    let pair = |header: &sys::Header| {
        // SAFETY: likewise.
        unsafe {
            (
                bytes(header.name, header.name_len),
                bytes(header.value, header.value_len),
            )
        }
    };
    headers.iter().map(pair).collect()
}

/// Who is told. The library calls one callback of a client at a time, so nobody waits for the lock.
unsafe fn tell(user: *mut c_void, call: impl FnOnce(&mut dyn Handler)) {
    // SAFETY: `handle` made it, and `destroy` comes after the last callback.
    let shared = unsafe { &*user.cast::<Shared>() };
    let mut handler = shared.lock().unwrap_or_else(PoisonError::into_inner);
    call(&mut **handler);
}

unsafe extern "C" fn destroy(user: *mut c_void) {
    // SAFETY: once, after the last callback.
    drop(unsafe { Box::from_raw(user.cast::<Shared>()) });
}

type Es = *mut sys::eventsource_t;

unsafe extern "C" fn on_event(es: Es, event: *const sys::Event, user: *mut c_void) {
    // SAFETY: valid for the callback.
    unsafe {
        let event = &*event;
        let event = Event {
            kind: bytes(event.kind, event.kind_len),
            data: bytes(event.data, event.data_len),
            id: bytes(event.last_event_id, event.last_event_id_len),
        };
        tell(user, |handler| handler.event(Stream(es), &event));
    }
}

unsafe extern "C" fn on_comment(es: Es, comment: *const sys::Comment, user: *mut c_void) {
    // SAFETY: valid for the callback.
    unsafe {
        let text = bytes((*comment).text, (*comment).text_len);
        tell(user, |handler| handler.comment(Stream(es), text));
    }
}

unsafe extern "C" fn on_open(es: Es, response: *const sys::Response, user: *mut c_void) {
    // SAFETY: valid for the callback.
    unsafe {
        let response = &*response;
        let response = Response {
            status: response.status,
            http_version: response.http_version,
            tls_version: response.tls_version,
            url: String::from_utf8_lossy(bytes(response.url, response.url_len)),
            headers: headers(response.headers, response.header_count),
            is_reused: response.is_reused != 0,
            peer: String::from_utf8_lossy(bytes(response.peer, response.peer_len)),
            resolve_us: response.resolve_us,
            connect_us: response.connect_us,
            tls_us: response.tls_us,
            head_us: response.head_us,
        };
        tell(user, |handler| handler.open(Stream(es), &response));
    }
}

unsafe extern "C" fn on_error(es: Es, error: *const sys::Error, user: *mut c_void) -> i32 {
    // SAFETY: valid for the callback.
    unsafe {
        let error = &*error;
        let error = Error {
            code: error.code,
            http_status: error.http_status,
            will_retry: error.will_retry != 0,
            delay_ms: error.delay_ms,
            message: String::from_utf8_lossy(bytes(error.message, error.message_len)),
            headers: headers(error.headers, error.header_count),
            body: bytes(error.body, error.body_len),
        };
        tell(user, |handler| handler.error(Stream(es), &error));
    }
    sys::DECISION_DEFAULT
}

unsafe extern "C" fn on_request(
    es: Es,
    request: *mut sys::eventsource_request_t,
    user: *mut c_void,
) -> i32 {
    let (mut attempt, mut list, mut count) = (0, std::ptr::null(), 0);
    // SAFETY: valid for the callback.
    unsafe {
        sys::eventsource_request_get_attempt(request, &raw mut attempt);
        sys::eventsource_request_get_headers(request, &raw mut list, &raw mut count);
        let request = Request {
            attempt,
            method: copied(|buffer, capacity, length| {
                sys::eventsource_request_get_method(request, buffer, capacity, length)
            }),
            url: copied(|buffer, capacity, length| {
                sys::eventsource_request_get_url(request, buffer, capacity, length)
            }),
            headers: headers(list, count),
        };
        tell(user, |handler| handler.request(Stream(es), &request));
    }
    sys::DECISION_DEFAULT
}

/// A text that the library copies, of any length.
fn copied(get: impl Fn(*mut c_char, usize, *mut usize) -> sys::Status) -> String {
    let mut buffer = vec![0_u8; 1024];
    let mut length = 0;
    while get(buffer.as_mut_ptr().cast(), buffer.len(), &raw mut length) == sys::ERR_BUFFER {
        buffer.resize(length + 1, 0);
    }
    buffer.truncate(length);
    String::from_utf8_lossy(&buffer).into_owned()
}

unsafe extern "C" fn on_close(es: Es, close: *const sys::Close, user: *mut c_void) {
    // SAFETY: valid for the callback.
    unsafe { tell(user, |handler| handler.close(Stream(es), (*close).reason)) }
}

// ---- the log ------------------------------------------------------------------------------------------------------

/// A record of the library's log.
pub struct Record<'a> {
    pub kind: i32,
    pub client: u64,
    pub text: Cow<'a, str>,
}

type LogFn = Box<dyn Fn(&Record) + Send + Sync>;

/// Has the library's log told to `told`, up to this level, for the rest of the program.
pub fn log(level: i32, told: impl Fn(&Record) + Send + Sync + 'static) {
    let told: Box<LogFn> = Box::new(Box::new(told));
    let user = Box::into_raw(told).cast();
    // SAFETY: it is never released, so that the callback finds it whenever it comes.
    unsafe { sys::eventsource_log_set_callback(level, Some(on_log), user, None) };
}

unsafe extern "C" fn on_log(record: *const sys::LogRecord, user: *mut c_void) {
    // SAFETY: valid for the callback.
    unsafe {
        let told = &*user.cast::<LogFn>();
        let record = &*record;
        told(&Record {
            kind: record.kind,
            client: record.client,
            text: String::from_utf8_lossy(bytes(record.text, record.text_len)),
        });
    }
}
