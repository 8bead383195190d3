//! The parser's sink for a run: what is found in the body becomes calls of the handler.

use super::backoff::Backoff;
use super::control::Control;
use super::handler::Handler;
use super::shared::Shared;
use crate::parser::{Item, KeptText, Sink};
use std::ops::ControlFlow;

/// Receives the items of a stream, where callbacks may be called.
pub struct HandlerSink<'r> {
    pub handler: &'r mut dyn Handler,
    pub shared: &'r Shared,
    pub control: &'r Control,
    pub backoff: &'r mut Backoff,
    /// Becomes true with the first item.
    pub brought: &'r mut bool,
    /// Receives a comment that has to wait, because of what was asked in the callback before it.
    pub held_comment: &'r mut Option<KeptText>,
    /// Becomes true where there is no memory for what would have to be kept. The stream cannot go on then.
    pub out_of_memory: &'r mut bool,
}

impl Sink for HandlerSink<'_> {
    fn wants_comments(&self) -> bool {
        self.handler.wants_comments()
    }

    // Once for each event: where it is found, it need not be looked at which item it is.
    #[inline(always)]
    fn accept(&mut self, item: Item<'_>) -> ControlFlow<()> {
        *self.brought = true;
        match item {
            Item::Event(event) => {
                self.shared.counters.event();
                self.handler.on_event(&event);
            }
            Item::Comment(text) => {
                self.handler.deliver_collected();
                if self.control.holds_events() {
                    let kept = text.keep();
                    *self.out_of_memory |= kept.is_err();
                    *self.held_comment = kept.ok();
                } else {
                    self.handler.on_comment(text);
                }
            }
            Item::Retry(milliseconds) => self.backoff.set_base(milliseconds),
            Item::LastEventId(id) => {
                let set = self.shared.set_last_event_id(id.as_str());
                *self.out_of_memory |= set.is_err();
            }
        }
        if self.control.holds_events() || *self.out_of_memory {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
