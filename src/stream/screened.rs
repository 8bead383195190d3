//! A handler whose events are looked at before they come to it.

use super::handler::{Attempt, Close, Decision, Document, Failure, Handler, Opened};
use crate::http::{Following, HttpUrl, Redirect};
use crate::parser::{Event, Text};

/// Only where there is something to look for: without, no event pays for it.
pub struct Screened {
    pub handler: Box<dyn Handler>,
    /// Looks at an event, and tells whether the handler is to have it.
    pub screen: Box<dyn FnMut(&Event<'_>) -> bool + Send>,
}

impl Handler for Screened {
    fn wants_comments(&self) -> bool {
        self.handler.wants_comments()
    }

    fn wants_request(&self) -> bool {
        self.handler.wants_request()
    }

    fn on_request(&mut self, attempt: &mut Attempt) -> Decision {
        self.handler.on_request(attempt)
    }

    fn wants_redirect(&self) -> bool {
        self.handler.wants_redirect()
    }

    fn on_redirect(&mut self, from: &HttpUrl, redirect: &Redirect) -> Following {
        self.handler.on_redirect(from, redirect)
    }

    fn on_open(&mut self, opened: &Opened<'_>) {
        self.handler.on_open(opened);
    }

    fn on_event(&mut self, event: &Event<'_>) {
        if (self.screen)(event) {
            self.handler.on_event(event);
        }
    }

    fn deliver_collected(&mut self) {
        self.handler.deliver_collected();
    }

    fn on_comment(&mut self, text: Text<'_>) {
        self.handler.on_comment(text);
    }

    fn wants_document(&self) -> bool {
        self.handler.wants_document()
    }

    fn on_document(&mut self, document: Document<'_>) {
        self.handler.on_document(document);
    }

    fn on_error(&mut self, failure: &Failure) -> Decision {
        self.handler.on_error(failure)
    }

    fn on_close(&mut self, close: Close) {
        self.handler.on_close(close);
    }
}
