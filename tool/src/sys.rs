//! The part of `eventsource.h` that the program uses. The tests below compare the structs with the library's own.

#![allow(non_camel_case_types)]

use std::ffi::{c_char, c_void};

pub enum eventsource_t {}
pub enum eventsource_request_t {}
pub enum eventsource_runtime_t {}

pub type Status = i32;
pub const OK: Status = 0;
pub const ERR_TIMEOUT: Status = 10;
pub const ERR_BUFFER: Status = 11;
pub const ERR_RESOLVE: Status = 32;
pub const ERR_CONNECT: Status = 33;
pub const ERR_CONNECT_TIMEOUT: Status = 34;
pub const ERR_TLS: Status = 35;
pub const ERR_DISCONNECTED: Status = 36;
pub const ERR_READ_TIMEOUT: Status = 37;
pub const ERR_PROTOCOL: Status = 38;
pub const ERR_END_OF_STREAM: Status = 39;
pub const ERR_HTTP_STATUS: Status = 40;
pub const ERR_CONTENT_TYPE: Status = 41;
pub const ERR_CONTENT_ENCODING: Status = 42;
pub const ERR_REDIRECT: Status = 43;
pub const ERR_TOO_MANY_REDIRECTS: Status = 44;
pub const ERR_CERTIFICATE: Status = 47;
pub const ERR_DECODING: Status = 48;
pub const ERR_HTTP2: Status = 49;
pub const ERR_RESPONSE_TIMEOUT: Status = 51;

pub const NO_LIMIT: i64 = -1;

pub const TLS_1_2: i32 = 12;
pub const TLS_1_3: i32 = 13;

pub const MODE_AUTO: i32 = 0;
pub const MODE_KEEP_ALIVE: i32 = 1;
pub const MODE_ONCE: i32 = 2;

pub const HTTP_1_1: i32 = 1;
pub const HTTP_2_PRIOR_KNOWLEDGE: i32 = 2;

pub const DECISION_DEFAULT: i32 = 0;

pub const CLOSE_STOPPED: i32 = 0;
pub const CLOSE_SERVER: i32 = 1;

pub const LOG_INFO: i32 = 3;
pub const LOG_DEBUG: i32 = 4;
pub const LOG_KIND_REDIRECT: i32 = 2;

#[repr(C)]
pub struct RuntimeOptions {
    pub size: usize,
    pub dispatch: i32,
    pub threads: i32,
    pub thread_name: *const c_char,
    pub on_thread_start: Option<unsafe extern "C" fn(*mut c_void)>,
    pub on_thread_stop: Option<unsafe extern "C" fn(*mut c_void)>,
    pub user: *mut c_void,
    pub destroy: Destroy,
    pub measure_latency: i32,
}

pub const LATENCY_BUCKETS: usize = 14;

#[repr(C)]
#[derive(Default)]
pub struct Metrics {
    pub size: usize,
    pub connecting: u64,
    pub open: u64,
    pub waiting: u64,
    pub threads: u64,
    pub queued: u64,
    pub starts: u64,
    pub attempts: u64,
    pub opens: u64,
    pub errors: u64,
    pub events: u64,
    pub bytes: u64,
    pub reconnects_end: u64,
    pub reconnects_connection: u64,
    pub reconnects_timeout: u64,
    pub reconnects_response: u64,
    pub reconnects_program: u64,
    pub reconnects_other: u64,
    pub latency_sum_ns: u64,
    pub latency_counts: [u64; LATENCY_BUCKETS],
}

#[repr(C)]
pub struct Event {
    pub size: usize,
    pub kind: *const c_char,
    pub kind_len: usize,
    pub data: *const c_char,
    pub data_len: usize,
    pub last_event_id: *const c_char,
    pub last_event_id_len: usize,
    pub origin: *const c_char,
    pub origin_len: usize,
}

#[repr(C)]
pub struct Comment {
    pub size: usize,
    pub text: *const c_char,
    pub text_len: usize,
}

#[repr(C)]
pub struct Header {
    pub name: *const c_char,
    pub name_len: usize,
    pub value: *const c_char,
    pub value_len: usize,
}

#[repr(C)]
pub struct Response {
    pub size: usize,
    pub status: i32,
    pub http_version: i32,
    pub url: *const c_char,
    pub url_len: usize,
    pub headers: *const Header,
    pub header_count: usize,
    pub tls_version: i32,
    pub is_reused: i32,
    pub peer: *const c_char,
    pub peer_len: usize,
    pub resolve_us: i64,
    pub connect_us: i64,
    pub tls_us: i64,
    pub head_us: i64,
}

#[repr(C)]
pub struct Error {
    pub size: usize,
    pub code: Status,
    pub http_status: i32,
    pub os_error: i32,
    pub will_retry: i32,
    pub attempt: i64,
    pub delay_ms: i64,
    pub message: *const c_char,
    pub message_len: usize,
    pub headers: *const Header,
    pub header_count: usize,
    pub body: *const c_char,
    pub body_len: usize,
}

#[repr(C)]
pub struct Close {
    pub size: usize,
    pub reason: i32,
    pub code: Status,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Reconnect {
    pub size: usize,
    pub retry_initial: i32,
    pub reserved: i32,
    pub delay_ms: i64,
    pub max_delay_ms: i64,
    pub factor: f64,
    pub jitter: f64,
    pub reset_after_ms: i64,
    pub max_attempts: i64,
    pub min_delay_ms: i64,
    pub max_server_delay_ms: i64,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Stats {
    pub size: usize,
    pub events: u64,
    pub bytes: u64,
    pub attempts: u64,
    pub opens: u64,
    pub errors: u64,
    pub open_ms: i64,
    pub idle_ms: i64,
}

#[repr(C)]
pub struct LogRecord {
    pub size: usize,
    pub level: i32,
    pub kind: i32,
    pub client: u64,
    pub name: *const c_char,
    pub name_len: usize,
    pub attempt: u64,
    pub origin: *const c_char,
    pub origin_len: usize,
    pub text: *const c_char,
    pub text_len: usize,
}

type Es = *mut eventsource_t;
type Destroy = Option<unsafe extern "C" fn(*mut c_void)>;

unsafe extern "C" {
    pub fn eventsource_status_name(status: Status) -> *const c_char;
    pub fn eventsource_version() -> *const c_char;
    pub fn eventsource_new(url: *const c_char) -> Es;
    pub fn eventsource_check(es: Es) -> Status;
    pub fn eventsource_start(es: Es) -> Status;
    pub fn eventsource_stop(es: Es) -> Status;
    pub fn eventsource_wait(es: Es, timeout_ms: i64) -> Status;
    pub fn eventsource_free(es: Es);
    pub fn eventsource_set_user_data(es: Es, user: *mut c_void, destroy: Destroy) -> Status;
    pub fn eventsource_on_event(
        es: Es,
        callback: Option<unsafe extern "C" fn(Es, *const Event, *mut c_void)>,
    ) -> Status;
    pub fn eventsource_on_comment(
        es: Es,
        callback: Option<unsafe extern "C" fn(Es, *const Comment, *mut c_void)>,
    ) -> Status;
    pub fn eventsource_on_open(
        es: Es,
        callback: Option<unsafe extern "C" fn(Es, *const Response, *mut c_void)>,
    ) -> Status;
    pub fn eventsource_on_error(
        es: Es,
        callback: Option<unsafe extern "C" fn(Es, *const Error, *mut c_void) -> i32>,
    ) -> Status;
    pub fn eventsource_on_request(
        es: Es,
        callback: Option<unsafe extern "C" fn(Es, *mut eventsource_request_t, *mut c_void) -> i32>,
    ) -> Status;
    pub fn eventsource_on_close(
        es: Es,
        callback: Option<unsafe extern "C" fn(Es, *const Close, *mut c_void)>,
    ) -> Status;
    pub fn eventsource_set_method(es: Es, method: *const c_char) -> Status;
    pub fn eventsource_set_body(es: Es, body: *const c_void, len: usize) -> Status;
    pub fn eventsource_set_header(es: Es, name: *const c_char, value: *const c_char) -> Status;
    pub fn eventsource_add_header(es: Es, name: *const c_char, value: *const c_char) -> Status;
    pub fn eventsource_set_sensitive_header(
        es: Es,
        name: *const c_char,
        value: *const c_char,
    ) -> Status;
    pub fn eventsource_set_basic_auth(
        es: Es,
        user: *const c_char,
        password: *const c_char,
    ) -> Status;
    pub fn eventsource_set_cookies(es: Es, on: i32) -> Status;
    pub fn eventsource_add_cookies(es: Es, cookies: *const c_char) -> Status;
    pub fn eventsource_get_cookies(
        es: Es,
        buffer: *mut c_char,
        capacity: usize,
        len: *mut usize,
    ) -> Status;
    pub fn eventsource_set_compression(es: Es, compress: i32) -> Status;
    pub fn eventsource_set_last_event_id(es: Es, id: *const c_char) -> Status;
    pub fn eventsource_set_mode(es: Es, mode: i32) -> Status;
    pub fn eventsource_get_reconnect(es: Es, policy: *mut Reconnect, size: usize) -> Status;
    pub fn eventsource_set_reconnect(es: Es, policy: *const Reconnect) -> Status;
    pub fn eventsource_set_connect_timeout(es: Es, ms: i64) -> Status;
    pub fn eventsource_set_response_timeout(es: Es, ms: i64) -> Status;
    pub fn eventsource_set_read_timeout(es: Es, ms: i64) -> Status;
    pub fn eventsource_set_max_redirects(es: Es, count: i32) -> Status;
    pub fn eventsource_set_max_event_size(es: Es, bytes: usize) -> Status;
    pub fn eventsource_set_check_content_type(es: Es, check: i32) -> Status;
    pub fn eventsource_set_proxy(es: Es, url: *const c_char) -> Status;
    pub fn eventsource_set_no_proxy(es: Es, hosts: *const c_char) -> Status;
    pub fn eventsource_set_unix_socket(es: Es, path: *const c_char) -> Status;
    pub fn eventsource_set_resolve(es: Es, entry: *const c_char) -> Status;
    pub fn eventsource_set_http_version(es: Es, version: i32) -> Status;
    pub fn eventsource_set_ca_file(es: Es, path: *const c_char) -> Status;
    pub fn eventsource_set_client_cert_file(
        es: Es,
        cert: *const c_char,
        key: *const c_char,
    ) -> Status;
    pub fn eventsource_set_key_log_file(es: Es, path: *const c_char) -> Status;
    pub fn eventsource_set_pinned_keys(es: Es, pins: *const c_char) -> Status;
    pub fn eventsource_set_min_tls_version(es: Es, version: i32) -> Status;
    pub fn eventsource_set_insecure_skip_verification(es: Es, skip: i32) -> Status;
    pub fn eventsource_get_last_error(
        es: Es,
        buffer: *mut c_char,
        capacity: usize,
        len: *mut usize,
    ) -> Status;
    pub fn eventsource_runtime_options_init(options: *mut RuntimeOptions, size: usize) -> Status;
    pub fn eventsource_runtime_new(options: *const RuntimeOptions) -> *mut eventsource_runtime_t;
    pub fn eventsource_runtime_free(runtime: *mut eventsource_runtime_t);
    pub fn eventsource_runtime_get_metrics(
        runtime: *const eventsource_runtime_t,
        metrics: *mut Metrics,
        size: usize,
    ) -> Status;
    pub fn eventsource_set_runtime(es: Es, runtime: *mut eventsource_runtime_t) -> Status;
    pub fn eventsource_get_number(es: Es, number: *mut u64) -> Status;
    pub fn eventsource_get_stats(es: Es, stats: *mut Stats, size: usize) -> Status;
    pub fn eventsource_request_get_attempt(
        request: *const eventsource_request_t,
        number: *mut i64,
    ) -> Status;
    pub fn eventsource_request_get_url(
        request: *const eventsource_request_t,
        buffer: *mut c_char,
        capacity: usize,
        len: *mut usize,
    ) -> Status;
    pub fn eventsource_request_get_method(
        request: *const eventsource_request_t,
        buffer: *mut c_char,
        capacity: usize,
        len: *mut usize,
    ) -> Status;
    pub fn eventsource_request_get_headers(
        request: *const eventsource_request_t,
        headers: *mut *const Header,
        count: *mut usize,
    ) -> Status;
    pub fn eventsource_log_set_callback(
        level: i32,
        callback: Option<unsafe extern "C" fn(*const LogRecord, *mut c_void)>,
        user: *mut c_void,
        destroy: Destroy,
    ) -> Status;
}

#[cfg(all(test, feature = "bundled"))]
mod tests {
    use std::mem::offset_of;

    use eventsource::abi;

    /// The struct here has the library's members where the library has them. It may have fewer: structs grow at their end.
    macro_rules! same {
        ($ours:ident, $theirs:ident, $last:ident = $their_last:ident) => {
            assert_eq!(
                offset_of!(super::$ours, $last),
                offset_of!(abi::$theirs, $their_last),
                stringify!($ours)
            );
            assert!(size_of::<super::$ours>() <= size_of::<abi::$theirs>());
        };
        ($ours:ident, $theirs:ident) => {
            assert_eq!(
                size_of::<super::$ours>(),
                size_of::<abi::$theirs>(),
                stringify!($ours)
            );
        };
    }

    #[test]
    fn the_structs_are_the_headers() {
        same!(Event, eventsource_event_t, kind = r#type);
        same!(Event, eventsource_event_t, data = data);
        same!(
            Event,
            eventsource_event_t,
            last_event_id_len = last_event_id_len
        );
        same!(Comment, eventsource_comment_t, text_len = text_len);
        same!(Header, eventsource_header_t);
        same!(Header, eventsource_header_t, value_len = value_len);
        same!(
            Response,
            eventsource_response_t,
            http_version = http_version
        );
        same!(
            Response,
            eventsource_response_t,
            header_count = header_count
        );
        same!(Response, eventsource_response_t, peer_len = peer_len);
        same!(Response, eventsource_response_t, head_us = head_us);
        same!(Error, eventsource_error_t, will_retry = will_retry);
        same!(Error, eventsource_error_t, message_len = message_len);
        same!(Error, eventsource_error_t, body_len = body_len);
        same!(Close, eventsource_close_t, reason = reason);
        same!(Reconnect, eventsource_reconnect_t, factor = factor);
        same!(
            Reconnect,
            eventsource_reconnect_t,
            max_server_delay_ms = max_server_delay_ms
        );
        same!(Stats, eventsource_stats_t, bytes = bytes);
        same!(Stats, eventsource_stats_t, idle_ms = idle_ms);
        same!(RuntimeOptions, eventsource_runtime_options_t);
        same!(
            RuntimeOptions,
            eventsource_runtime_options_t,
            measure_latency = measure_latency
        );
        same!(Metrics, eventsource_metrics_t);
        same!(
            Metrics,
            eventsource_metrics_t,
            latency_sum_ns = latency_sum_ns
        );
        same!(LogRecord, eventsource_log_record_t, client = client);
        same!(LogRecord, eventsource_log_record_t, text_len = text_len);
    }
}
