//! Systems on which nothing is watched.

use super::source::Source;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

/// No value of it can be made.
pub enum System {}

impl System {
    pub fn new() -> io::Result<System> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Source for System {
    fn poll_changed(&mut self, _: &mut Context<'_>) -> Poll<io::Result<bool>> {
        match *self {}
    }

    fn slept(&mut self) -> Duration {
        match *self {}
    }
}
