//! What a run tells its handler becomes callbacks.

use super::batch::Batch;
use crate::abi::guard::foreign::{foreign, foreign_of_read};
use crate::abi::objects::callbacks::Callbacks;
use crate::abi::objects::client::ClientObject;
use crate::abi::types::copies::{Headers, Terminated};
use crate::abi::types::enumeration::{Enumeration, number};
use crate::abi::types::handles::{eventsource_request_t, eventsource_t};
use crate::abi::types::payload::eventsource_decision_t::*;
use crate::abi::types::payload::eventsource_redirect_decision_t::*;
use crate::abi::types::payload::*;
use crate::buffer::has_memory_for;
use crate::http::{Following, HttpUrl, Redirect};
use crate::parser::{Event, Text};
use crate::stream::{Attempt, Close, Decision, Document, Failure, Handler, Opened};
use std::ffi::{CString, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

/// How many bytes the copies of one byte of an error's body take at most: a byte that is no UTF-8 becomes three, in a text that
/// may double its room as it grows, and in the copy with a NUL.
const COPIES: usize = 9;

/// One run's way to its callbacks. They cannot change while it runs, so they are shared without a lock; its
/// reference keeps the client alive until the last of them has returned.
pub struct CallbackHandler {
    object: Arc<ClientObject>,
    es: *mut eventsource_t,
    callbacks: Arc<Callbacks>,
    user: *mut c_void,
    batch: Batch,
    /// Where the stream comes from, for each of its events.
    origin: CString,
}

// SAFETY: `es` and `user` are only handed to the callbacks; see UserData.
unsafe impl Send for CallbackHandler {}

impl CallbackHandler {
    /// Keeps the user data; see [`ClientObject::keep`].
    pub fn new(
        object: Arc<ClientObject>,
        es: *mut eventsource_t,
        user: *mut c_void,
    ) -> CallbackHandler {
        object.keep();
        CallbackHandler {
            callbacks: object.callbacks(),
            object,
            es,
            user,
            batch: Batch::default(),
            origin: CString::default(),
        }
    }

    /// What comes now comes from this origin.
    fn is_from(&mut self, origin: &str) {
        if self.origin.to_bytes() != origin.as_bytes() {
            // An origin has no NUL.
            self.origin = CString::new(origin).unwrap_or_default();
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
        batch.hand_over(last, &self.origin, |events| self.on_events(events));
        self.batch = batch;
    }

    fn on_events(&self, events: &[*const eventsource_event_t]) {
        if let Some(on_events) = self.callbacks.on_events {
            // SAFETY: a callback of the registered type; the payloads live until it has returned.
            foreign(|| unsafe { on_events(self.es, events.as_ptr(), events.len(), self.user) });
        }
    }
}

impl Drop for CallbackHandler {
    fn drop(&mut self) {
        self.object.let_go(self.es);
    }
}

/// How long a step took, as C is told; -1 for one that was not made.
fn microseconds(took: Option<Duration>) -> i64 {
    took.map_or(-1, |took| took.as_micros().try_into().unwrap_or(i64::MAX))
}

/// Shows a response as C sees it.
fn lend_response(opened: &Opened<'_>, to: impl FnOnce(*const eventsource_response_t)) {
    let url = Terminated::new(&opened.url.text());
    let facts = opened.facts;
    let peer = Terminated::of(&facts.peer);
    let headers = Headers::new(opened.headers);
    let response = eventsource_response_t {
        size: size_of::<eventsource_response_t>(),
        status: opened.status.into(),
        http_version: eventsource_http_version_t::new(opened.http_version),
        url: url.as_ptr(),
        url_len: url.len(),
        headers: headers.as_ptr(),
        header_count: headers.len(),
        tls_version: facts.tls_version.into(),
        is_reused: facts.is_reused.into(),
        peer: peer.as_ptr(),
        peer_len: peer.len(),
        resolve_us: microseconds(facts.took.resolve),
        connect_us: microseconds(facts.took.connect),
        tls_us: microseconds(facts.took.tls),
        head_us: microseconds(facts.took.head),
    };
    to(&raw const response);
}

/// What a callback has decided; any number that is no decision is the default.
///
/// # Safety
/// C has returned it.
unsafe fn decision(returned: MaybeUninit<eventsource_decision_t>) -> Decision {
    // SAFETY: the caller's promise.
    match eventsource_decision_t::from_number(unsafe { number(returned) }) {
        Some(EVENTSOURCE_DECISION_RETRY) => Decision::Reconnect,
        Some(EVENTSOURCE_DECISION_CLOSE) => Decision::Stop,
        Some(EVENTSOURCE_DECISION_DEFAULT) | None => Decision::Default,
    }
}

impl Handler for CallbackHandler {
    fn wants_comments(&self) -> bool {
        self.callbacks.on_comment.is_some()
    }

    fn wants_request(&self) -> bool {
        self.callbacks.on_request.is_some()
    }

    fn on_request(&mut self, attempt: &mut Attempt) -> Decision {
        let Some(on_request) = self.callbacks.on_request else {
            return Decision::Default;
        };
        let mut request = eventsource_request_t::new(attempt, self.object.client());
        // SAFETY: a callback of the registered type; the request lives until it has returned.
        unsafe { decision(foreign(|| on_request(self.es, &raw mut request, self.user))) }
    }

    fn wants_redirect(&self) -> bool {
        self.callbacks.on_redirect.is_some()
    }

    fn on_redirect(&mut self, from: &HttpUrl, redirect: &Redirect) -> Following {
        let Some(on_redirect) = self.callbacks.on_redirect else {
            return Following::default();
        };
        let (from, to) = (
            Terminated::new(&from.text()),
            Terminated::new(&redirect.to.text()),
        );
        let redirect = eventsource_redirect_t {
            size: size_of::<eventsource_redirect_t>(),
            status: redirect.status.into(),
            drops_credentials: redirect.drops_credentials.into(),
            drops_body: redirect.drops_body.into(),
            from: from.as_ptr(),
            from_len: from.len(),
            to: to.as_ptr(),
            to_len: to.len(),
        };
        // SAFETY: a callback of the registered type; the payload lives until it has returned.
        let returned = foreign(|| unsafe { on_redirect(self.es, &raw const redirect, self.user) });
        // SAFETY: C has returned it.
        match eventsource_redirect_decision_t::from_number(unsafe { number(returned) }) {
            Some(EVENTSOURCE_REDIRECT_REFUSE) => Following::Refused,
            Some(EVENTSOURCE_REDIRECT_FOLLOW_WITH_BODY) => Following::WithBody,
            Some(EVENTSOURCE_REDIRECT_FOLLOW_WITH_CREDENTIALS) => Following::WithCredentials,
            Some(EVENTSOURCE_REDIRECT_FOLLOW) | None => Following::Plain,
        }
    }

    fn on_open(&mut self, opened: &Opened) {
        self.is_from(&opened.url.origin_text());
        let Some(on_open) = self.callbacks.on_open else {
            return;
        };
        lend_response(opened, |response| {
            // SAFETY: a callback of the registered type; the payload lives until it has returned.
            foreign(|| unsafe { on_open(self.es, response, self.user) });
        });
    }

    fn on_event(&mut self, event: &Event<'_>) {
        if self.callbacks.on_events.is_some() {
            return self.batch_event(event);
        }
        let Some(on_event) = self.callbacks.receiver(event) else {
            return;
        };
        let event = eventsource_event_t::new(event, &self.origin);
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
        let comment = eventsource_comment_t::new(text);
        // SAFETY: a callback of the registered type; the payload lives until it has returned.
        foreign(|| unsafe { on_comment(self.es, &raw const comment, self.user) });
    }

    fn wants_document(&self) -> bool {
        self.callbacks.on_document.is_some()
    }

    fn on_document(&mut self, document: Document<'_>) {
        let Some(on_document) = self.callbacks.on_document else {
            return;
        };
        let (len, mut body) = (document.body.len(), document.body);
        body.push(0);
        lend_response(&document.opened, |response| {
            let document = eventsource_document_t {
                size: size_of::<eventsource_document_t>(),
                response,
                body: body.as_ptr().cast(),
                body_len: len,
            };
            // SAFETY: a callback of the registered type; the payload lives until it has returned.
            foreign(|| unsafe { on_document(self.es, &raw const document, self.user) });
        });
    }

    fn on_error(&mut self, failure: &Failure) -> Decision {
        let Some(on_error) = self.callbacks.on_error else {
            return Decision::Default;
        };
        let message = Terminated::new(&failure.message);
        let headers = failure.headers.as_ref().map(Headers::new);
        let body = match has_memory_for::<u8>(failure.body.len().saturating_mul(COPIES)) {
            true => Terminated::new(&String::from_utf8_lossy(&failure.body)),
            false => Terminated::new(""),
        };
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
        unsafe { decision(foreign(|| on_error(self.es, &raw const error, self.user))) }
    }

    fn on_close(&mut self, close: Close) {
        let Some(on_close) = self.callbacks.on_close else {
            return;
        };
        let close = eventsource_close_t {
            size: size_of::<eventsource_close_t>(),
            reason: close.into(),
            code: close.into(),
        };
        // SAFETY: a callback of the registered type; the payload lives until it has returned.
        foreign(|| unsafe { on_close(self.es, &raw const close, self.user) });
    }
}
