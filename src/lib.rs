//! A Server-Sent Events client with a C ABI.
//!
//! C programs include `eventsource.h`, which is written from [`abi`]. Uses run downwards only:
//! `abi` (the boundary) → `stream` (a client's life) → `http` (one request → one byte stream), `parser` (bytes →
//! events), `runtime` (the threads).

// Nothing that a server or a caller controls may end in a panic.
#![warn(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

pub mod abi;
mod buffer;
pub mod http;
mod log;
mod panics;
pub mod parser;
mod place;
mod process;
pub mod runtime;
pub mod stream;
mod sync;
mod words;
