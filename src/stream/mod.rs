//! A client's life: what it is told to do, what it does, and when it tells of it.
//!
//! [`Client`] is the handle that any thread may hold. Each start makes a run: one task that goes through the loop in
//! `session` (attempt, stream, back-off) and tells a [`Handler`]. Nothing here knows of C.
//!
//! Internal: public for the library's own tests and fuzzing, not an API.

mod backoff;
mod client;
mod control;
mod gate;
mod handler;
mod handler_sink;
mod screened;
mod session;
mod settings;
mod shared;
mod subject;
mod verdict;

pub use crate::http::{Invalid, InvalidKind};
pub use client::{Client, Refused};
pub use handler::{Attempt, Cause, Close, Decision, Document, End, Failure, Handler, Opened};
pub use settings::{DEFAULT_MAX_EVENT_SIZE, Mode, ReconnectPolicy, Settings};
pub use shared::{State, Stats};
