//! The callbacks of one client.

use crate::abi::types::callback::*;
use crate::parser::Event;
use std::collections::HashMap;

/// The callbacks that a client has registered.
#[derive(Clone, Default)]
pub struct Callbacks {
    pub on_event: eventsource_event_fn,
    #[expect(clippy::box_collection, reason = "most clients have none of these")]
    on_event_type: Option<Box<HashMap<Box<str>, eventsource_event_fn>>>,
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
        let own = self.on_event_type.get_or_insert_default();
        match callback {
            Some(_) => own.insert(event_type.into(), callback),
            None => own.remove(event_type),
        };
    }

    /// Which callback receives an event.
    pub fn receiver(&self, event: &Event<'_>) -> eventsource_event_fn {
        match &self.on_event_type {
            None => self.on_event,
            Some(own) => self.receiver_of_type(own, event.event_type.as_str()),
        }
    }

    // Apart, so that events without a type of their own do not pay for it.
    #[inline(never)]
    fn receiver_of_type(
        &self,
        own: &HashMap<Box<str>, eventsource_event_fn>,
        event_type: &str,
    ) -> eventsource_event_fn {
        *own.get(event_type).unwrap_or(&self.on_event)
    }
}
