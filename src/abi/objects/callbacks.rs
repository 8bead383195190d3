//! The callbacks of one client.

use crate::abi::types::callback::*;
use crate::parser::Event;
use std::collections::HashMap;

/// The callbacks that a client has registered.
#[derive(Clone, Default)]
pub struct Callbacks {
    pub on_event: eventsource_event_fn,
    on_event_type: HashMap<Box<str>, eventsource_event_fn>,
    pub on_events: eventsource_events_fn,
    pub on_comment: eventsource_comment_fn,
    pub on_open: eventsource_open_fn,
    pub on_document: eventsource_document_fn,
    pub on_error: eventsource_error_fn,
    pub on_request: eventsource_request_fn,
    pub on_redirect: eventsource_redirect_fn,
    pub on_close: eventsource_close_fn,
}

impl Callbacks {
    pub fn set_on_event_type(&mut self, event_type: &str, callback: eventsource_event_fn) {
        match callback {
            Some(_) => self.on_event_type.insert(event_type.into(), callback),
            None => self.on_event_type.remove(event_type),
        };
    }

    /// Which callback receives an event.
    pub fn receiver(&self, event: &Event<'_>) -> eventsource_event_fn {
        // Most clients have none of these; they need no hash.
        if self.on_event_type.is_empty() {
            return self.on_event;
        }
        self.receiver_of_type(event.event_type.as_str())
    }

    // Apart, so that events without a type of their own do not pay for it.
    #[inline(never)]
    fn receiver_of_type(&self, event_type: &str) -> eventsource_event_fn {
        let own = self.on_event_type.get(event_type);
        *own.unwrap_or(&self.on_event)
    }
}
