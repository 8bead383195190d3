//! The C boundary: every `extern "C"` function, every type that C sees. cbindgen writes `include/eventsource.h` from
//! this folder and nothing else, so a doc comment here is the manual's text.
//!
//! Internal: public for the library's own tests and fuzzing, not an API. C programs use the header.
//!
//! Layers, from the top down; each uses those below it alone:
//!
//! - [`calls`]: the functions. The body of each is one call of a function that checks pointers, contains panics and turns
//!   a [`guard::refusal::Refusal`] into a status;
//! - [`delivery`]: the way back, from a run to the caller's callbacks;
//! - [`objects`]: what a handle stands for;
//! - [`guard`]: what everything passes that crosses the boundary;
//! - [`handle`]: how a handle is checked, and how long what it stands for lives;
//! - [`types`]: what C sees.
//!
//! The work itself is done in `stream` and `parser`, which know nothing of C.

#![allow(non_camel_case_types)] // The names are C's.
#![allow(clippy::missing_safety_doc)] // The header says once, for all functions, what a caller owes a pointer.

mod calls;
mod delivery;
mod guard;
mod handle;
mod objects;
mod types;

pub use calls::*;
pub use types::callback::*;
pub use types::enumeration::any;
pub use types::handles::*;
pub use types::payload::*;
pub use types::status::*;
