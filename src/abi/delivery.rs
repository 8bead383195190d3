//! The one place where the library calls C: turns what a run tells its handler into callbacks.

use super::batch::Batch;
use super::callbacks::*;
use super::client::{Instance, eventsource_t};
use super::guard::{foreign, foreign_of_read};
use super::registry::Registered;
use super::request::eventsource_request_t;
use super::status::{eventsource_status_t, *};
use crate::http::{ErrorKind, HeaderMap};
use crate::parser::{Event, Text};
use crate::stream::{Attempt, Close, Decision, Failure, Handler, Opened};
use std::ffi::{c_char, c_void};
use std::ops::Range;
use std::ptr;
use std::sync::Arc;

/// One run's way to its callbacks. They cannot change while it runs, so it has a copy that needs no lock; its
/// reference keeps the client alive until the last of them has returned.
pub struct Delivery {
    client: Arc<Instance>,
    es: *mut eventsource_t,
    callbacks: Registered,
    user: *mut c_void,
    batch: Batch,
}

// SAFETY: `es` and `user` are only handed to the callbacks; see UserData.
unsafe impl Send for Delivery {}

impl Delivery {
    /// Keeps the user data; see [`Instance::keep`].
    pub fn new(
        client: Arc<Instance>,
        es: *mut eventsource_t,
        callbacks: Registered,
        user: *mut c_void,
    ) -> Delivery {
        client.keep();
        Delivery {
            client,
            es,
            callbacks,
            user,
            batch: Batch::default(),
        }
    }

    // Apart, as the look-up by type is: together with them, the way to on_event saves and restores all registers.
    #[inline(never)]
    fn batch_event(&mut self, event: &Event<'_>) {
        if Batch::is_too_large(event) {
            // In one call with what came before it: between two the program might have asked for a stop.
            self.hand_over_batch(Some(event));
        } else if self.batch.add(event) {
            self.hand_over_batch(None);
        }
    }

    fn hand_over_batch(&mut self, last: Option<&Event<'_>>) {
        let mut batch = std::mem::take(&mut self.batch);
        batch.hand_over(last, |events| self.on_events(events));
        self.batch = batch;
    }

    fn on_events(&self, events: &[*const eventsource_event_t]) {
        if let Some(on_events) = self.callbacks.on_events {
            // SAFETY: a callback of the registered type; the payloads live until it has returned.
            foreign(|| unsafe { on_events(self.es, events.as_ptr(), events.len(), self.user) });
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.client.let_go(self.es);
    }
}

impl Handler for Delivery {
    fn wants_comments(&self) -> bool {
        self.callbacks.on_comment.is_some()
    }

    fn wants_request(&self) -> bool {
        self.callbacks.on_request.is_some()
    }

    fn on_request(&mut self, attempt: &mut Attempt) {
        let Some(on_request) = self.callbacks.on_request else {
            return;
        };
        let mut request = eventsource_request_t::new(attempt, self.client.client());
        // SAFETY: a callback of the registered type; the request lives until it has returned.
        foreign(|| unsafe { on_request(self.es, &raw mut request, self.user) });
    }

    fn on_open(&mut self, opened: &Opened) {
        let Some(on_open) = self.callbacks.on_open else {
            return;
        };
        let url = Terminated::new(opened.url);
        let headers = Headers::new(opened.headers);
        let response = eventsource_response_t {
            size: size_of::<eventsource_response_t>(),
            status: opened.status.into(),
            http_version: opened.http_version,
            url: url.as_ptr(),
            url_len: url.len(),
            headers: headers.as_ptr(),
            header_count: headers.len(),
        };
        // SAFETY: a callback of the registered type; the payload lives until it has returned.
        foreign(|| unsafe { on_open(self.es, &raw const response, self.user) });
    }

    fn on_event(&mut self, event: &Event<'_>) {
        if self.callbacks.on_events.is_some() {
            return self.batch_event(event);
        }
        let Some(on_event) = self.callbacks.receiver(event) else {
            return;
        };
        let event = event_payload(event);
        // SAFETY: a callback of the registered type; the payload lives until it has returned.
        foreign_of_read(|| unsafe { on_event(self.es, &raw const event, self.user) });
    }

    fn deliver_collected(&mut self) {
        // Not looked at where nothing is collected: it would have to be fetched for each read.
        if self.callbacks.on_events.is_some() {
            self.hand_over_batch(None);
        }
    }

    fn on_comment(&mut self, text: Text<'_>) {
        let Some(on_comment) = self.callbacks.on_comment else {
            return;
        };
        let comment = comment_payload(text);
        // SAFETY: a callback of the registered type; the payload lives until it has returned.
        foreign(|| unsafe { on_comment(self.es, &raw const comment, self.user) });
    }

    fn on_error(&mut self, failure: &Failure) -> Decision {
        let Some(on_error) = self.callbacks.on_error else {
            return Decision::Default;
        };
        let message = Terminated::new(&failure.message);
        let headers = failure.headers.as_ref().map(Headers::new);
        let body = Terminated::new(&String::from_utf8_lossy(&failure.body));
        let error = eventsource_error_t {
            size: size_of::<eventsource_error_t>(),
            code: failure.kind.into(),
            http_status: failure.http_status.into(),
            os_error: failure.os_error,
            will_retry: failure.retry_in.is_some().into(),
            attempt: failure.attempt.into(),
            delay_ms: failure.retry_in.map_or(0, |delay| {
                i64::try_from(delay.as_millis()).unwrap_or(i64::MAX)
            }),
            message: message.as_ptr(),
            message_len: message.len(),
            headers: headers.as_ref().map_or(ptr::null(), Headers::as_ptr),
            header_count: headers.as_ref().map_or(0, Headers::len),
            body: body.as_ptr(),
            body_len: body.len(),
        };
        // SAFETY: a callback of the registered type; the payload lives until it has returned.
        let decision = foreign(|| unsafe { on_error(self.es, &raw const error, self.user) });
        match decision {
            d if d == eventsource_decision_t::EVENTSOURCE_RECONNECT as i32 => Decision::Reconnect,
            d if d == eventsource_decision_t::EVENTSOURCE_STOP as i32 => Decision::Stop,
            _ => Decision::Default,
        }
    }

    fn on_close(&mut self, close: Close) {
        let Some(on_close) = self.callbacks.on_close else {
            return;
        };
        let (reason, code) = match close {
            Close::Stopped => (
                eventsource_close_reason_t::EVENTSOURCE_CLOSE_STOPPED,
                EVENTSOURCE_OK,
            ),
            Close::Server => (
                eventsource_close_reason_t::EVENTSOURCE_CLOSE_SERVER,
                EVENTSOURCE_OK,
            ),
            Close::EndOfStream => (
                eventsource_close_reason_t::EVENTSOURCE_CLOSE_END_OF_STREAM,
                EVENTSOURCE_OK,
            ),
            Close::Failed(kind) => (
                eventsource_close_reason_t::EVENTSOURCE_CLOSE_FAILED,
                kind.into(),
            ),
        };
        let close = eventsource_close_t {
            size: size_of::<eventsource_close_t>(),
            reason,
            code,
        };
        // SAFETY: a callback of the registered type; the payload lives until it has returned.
        foreign(|| unsafe { on_close(self.es, &raw const close, self.user) });
    }
}

impl From<ErrorKind> for eventsource_status_t {
    fn from(kind: ErrorKind) -> eventsource_status_t {
        match kind {
            ErrorKind::Resolve => EVENTSOURCE_ERR_RESOLVE,
            ErrorKind::Connect => EVENTSOURCE_ERR_CONNECT,
            ErrorKind::ConnectTimeout => EVENTSOURCE_ERR_CONNECT_TIMEOUT,
            ErrorKind::Proxy => EVENTSOURCE_ERR_PROXY,
            ErrorKind::Tls => EVENTSOURCE_ERR_TLS,
            ErrorKind::Certificate => EVENTSOURCE_ERR_CERTIFICATE,
            ErrorKind::Disconnected => EVENTSOURCE_ERR_DISCONNECTED,
            ErrorKind::ResponseTimeout => EVENTSOURCE_ERR_RESPONSE_TIMEOUT,
            ErrorKind::ReadTimeout => EVENTSOURCE_ERR_READ_TIMEOUT,
            ErrorKind::Protocol => EVENTSOURCE_ERR_PROTOCOL,
            ErrorKind::Http2 => EVENTSOURCE_ERR_HTTP2,
            ErrorKind::Memory => EVENTSOURCE_ERR_MEMORY,
            ErrorKind::EndOfStream => EVENTSOURCE_ERR_END_OF_STREAM,
            ErrorKind::Status => EVENTSOURCE_ERR_HTTP_STATUS,
            ErrorKind::ContentType => EVENTSOURCE_ERR_CONTENT_TYPE,
            ErrorKind::ContentEncoding => EVENTSOURCE_ERR_CONTENT_ENCODING,
            ErrorKind::Decoding => EVENTSOURCE_ERR_DECODING,
            ErrorKind::Redirect => EVENTSOURCE_ERR_REDIRECT,
            ErrorKind::TooManyRedirects => EVENTSOURCE_ERR_TOO_MANY_REDIRECTS,
            ErrorKind::EventTooLarge => EVENTSOURCE_ERR_EVENT_TOO_LARGE,
            ErrorKind::Panic => EVENTSOURCE_ERR_PANIC,
        }
    }
}

/// An event as C sees it; the pointers lend the parser's buffers.
pub fn event_payload(event: &Event<'_>) -> eventsource_event_t {
    eventsource_event_t {
        size: size_of::<eventsource_event_t>(),
        r#type: event.event_type.as_ptr().cast(),
        type_len: event.event_type.len(),
        data: event.data.as_ptr().cast(),
        data_len: event.data.len(),
        last_event_id: event.last_event_id.as_ptr().cast(),
        last_event_id_len: event.last_event_id.len(),
    }
}

/// A comment as C sees it; the pointer lends the parser's buffer.
pub fn comment_payload(text: Text<'_>) -> eventsource_comment_t {
    eventsource_comment_t {
        size: size_of::<eventsource_comment_t>(),
        text: text.as_ptr().cast(),
        text_len: text.len(),
    }
}

/// A copy of a text with the NUL that C expects.
struct Terminated(Vec<u8>);

impl Terminated {
    fn new(text: &str) -> Terminated {
        let mut bytes = Vec::with_capacity(text.len() + 1);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
        Terminated(bytes)
    }

    fn as_ptr(&self) -> *const c_char {
        self.0.as_ptr().cast()
    }

    fn len(&self) -> usize {
        self.0.len() - 1
    }
}

/// A response's headers as an array for C, together with the text that the array points at: all in one piece, since every
/// stream that opens tells of its own.
struct Headers {
    fields: Vec<eventsource_header_t>,
    _text: Vec<u8>,
}

impl Headers {
    fn new(headers: &HeaderMap) -> Headers {
        /// As much as most have.
        const TEXT: usize = 1024;
        let mut text = Vec::with_capacity(TEXT);
        let mut put = |part: &str| {
            let start = text.len();
            text.extend_from_slice(part.as_bytes());
            text.push(0);
            start..start + part.len()
        };
        let places: Vec<_> = headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                (put(name.as_str()), put(&value))
            })
            .collect();
        // Nothing moves it any more.
        let at = |place: &Range<usize>| text[place.start..].as_ptr().cast();
        let fields = places
            .iter()
            .map(|(name, value)| eventsource_header_t {
                name: at(name),
                name_len: name.len(),
                value: at(value),
                value_len: value.len(),
            })
            .collect();
        Headers {
            fields,
            _text: text,
        }
    }

    fn as_ptr(&self) -> *const eventsource_header_t {
        self.fields.as_ptr()
    }

    fn len(&self) -> usize {
        self.fields.len()
    }
}
