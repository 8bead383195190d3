//! The C boundary: every `extern "C"` function, every type that C sees. cbindgen writes `include/eventsource.h` from
//! this folder and nothing else, so a doc comment here is the manual's text.
//!
//! Each function is a plain `extern "C" fn` whose body is one call of a function in [`guard`]: that checks pointers,
//! contains panics and turns an [`guard::Refusal`] into a status. The work itself is done in `stream` and `parser`,
//! which know nothing of C.

#![allow(non_camel_case_types)] // The names are C's.
#![allow(clippy::missing_safety_doc)] // The header says once, for all functions, what a caller owes a pointer.

mod batch;
mod callbacks;
mod client;
mod delivery;
mod guard;
mod handle;
mod library;
mod parser;
mod questions;
mod registry;
mod request;
mod runtime;
mod settings;
mod status;

pub use callbacks::*;
pub use client::*;
pub use library::*;
pub use parser::*;
pub use questions::*;
pub use request::*;
pub use runtime::*;
pub use settings::*;
pub use status::*;
