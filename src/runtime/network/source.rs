//! What is told of the network, and by whom.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// An address or the default route has come or gone.
    Moved,
    /// The system has slept for so long.
    Woken(Duration),
}

/// What tells of changes.
pub trait Source {
    /// Waits until something may have changed. True if an address or the default route has; false if there is only reason
    /// to look at the clock.
    fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>>;

    /// For how long the system has slept since it started.
    fn slept(&mut self) -> Duration;
}
