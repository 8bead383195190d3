//! Which process a handle is of.

use super::refusal::Refusal;
use crate::abi::types::status::EVENTSOURCE_ERR_FORKED;
use crate::process;

/// The process that made a handle. In a child of it the handle's locks may be held for ever, by threads that the child
/// does not have.
#[derive(Clone, Copy, Debug)]
pub struct Process(u32);

impl Process {
    pub fn current() -> Process {
        Process(process::id())
    }

    pub fn is_current(self) -> bool {
        self.0 == process::id()
    }

    pub fn check(self) -> Result<(), Refusal> {
        if self.is_current() {
            return Ok(());
        }
        Err(Refusal::new(
            EVENTSOURCE_ERR_FORKED,
            "the handle is of the parent process",
        ))
    }
}
