//! A Server-Sent Events client with a C ABI.
//!
//! The C ABI is the only API. What is public in this crate is internal: it is there for the library's own tests and
//! fuzzing, and changes with any version.
//!
//! C programs include `eventsource.h`, which is written from [`abi`]. Uses run downwards only:
//! `abi` (the boundary) → `stream` (a client's life) → `http` (one request → one body), `parser` (a body → events),
//! `runtime` (the threads). `tests/packaging/checks/layers` holds that, and `docs/ARCHITECTURE.md` says what each word means.

// What only a part that is left out would use.
#![cfg_attr(
    not(all(
        feature = "codings",
        feature = "http2",
        feature = "proxies",
        feature = "tls"
    )),
    allow(dead_code)
)]
// Nothing that a server or a caller controls may end in a panic.
#![warn(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

pub mod abi;
mod buffer;
mod features;
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
