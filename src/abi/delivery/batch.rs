//! The events of one read, collected for `on_events`.

use crate::abi::types::payload::eventsource_event_t;
use crate::parser::{Event, Text};
use std::ffi::CStr;
use std::ops::Range;

/// An event with more text than this is not copied but handed over at once, from where it is.
const LARGE: usize = 16 * 1024;
/// How much text a batch has before it is handed over.
const FULL: usize = 4 * LARGE;
/// How many events it has at most: each takes 128 bytes beside its text, of which it may have none.
const MOST: usize = 1024;
/// What is kept for the next read, in bytes; a stream that is silent has to be small.
const KEPT: usize = 1024;

/// Copies of events. The parser's text does not outlive the parsing of the next line.
#[derive(Default)]
pub struct Batch {
    text: Vec<u8>,
    events: Vec<Copied>,
}

/// Where an event's text is, each with a NUL behind it.
#[derive(Clone)]
struct Copied {
    event_type: Range<usize>,
    data: Range<usize>,
    last_event_id: Range<usize>,
}

impl Batch {
    /// Whether the event is better handed over as it is, behind what has been collected.
    pub fn is_too_large(event: &Event<'_>) -> bool {
        event.event_type.len() + event.data.len() + event.last_event_id.len() > LARGE
    }

    /// Copies an event. Returns whether the batch is now full.
    pub fn add(&mut self, event: &Event<'_>) -> bool {
        // Types and ids mostly repeat.
        let last = self.events.last().cloned();
        let event = Copied {
            event_type: self.copy(event.event_type, last.as_ref().map(|last| &last.event_type)),
            data: self.copy(event.data, None),
            last_event_id: self.copy(
                event.last_event_id,
                last.as_ref().map(|last| &last.last_event_id),
            ),
        };
        self.events.push(event);
        self.text.len() > FULL || self.events.len() >= MOST
    }

    fn copy(&mut self, text: Text<'_>, last: Option<&Range<usize>>) -> Range<usize> {
        let bytes = text.as_str().as_bytes();
        if let Some(last) = last
            && self.text[last.clone()] == *bytes
        {
            return last.clone();
        }
        let start = self.text.len();
        self.text.extend_from_slice(bytes);
        let end = self.text.len();
        self.text.push(0);
        start..end
    }

    /// Hands over what has been collected, and one event that has not, if there is anything.
    pub fn hand_over(
        &mut self,
        last: Option<&Event<'_>>,
        origin: &CStr,
        to: impl FnOnce(&[*const eventsource_event_t]),
    ) {
        if self.events.is_empty() && last.is_none() {
            return;
        }
        let at = |range: &Range<usize>| self.text[range.start..].as_ptr().cast();
        let payloads: Vec<_> = self
            .events
            .iter()
            .map(|event| eventsource_event_t {
                size: size_of::<eventsource_event_t>(),
                r#type: at(&event.event_type),
                type_len: event.event_type.len(),
                data: at(&event.data),
                data_len: event.data.len(),
                last_event_id: at(&event.last_event_id),
                last_event_id_len: event.last_event_id.len(),
                origin: origin.as_ptr(),
                origin_len: origin.count_bytes(),
            })
            .chain(last.map(|last| eventsource_event_t::new(last, origin)))
            .collect();
        let pointers: Vec<_> = payloads.iter().map(std::ptr::from_ref).collect();
        to(&pointers);
        self.text.clear();
        self.events.clear();
        self.text.shrink_to(KEPT);
        self.events.shrink_to(KEPT / size_of::<Copied>());
    }
}
