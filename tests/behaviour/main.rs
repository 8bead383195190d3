//! The behaviour of a client: one program of many files, because to link each by itself with the whole library takes longer than
//! to run it. `cargo test --workspace --test behaviour answers::` runs one file.
//!
//! A file that changes or measures its whole process is a program of its own, and has an entry in `Cargo.toml`: `bombs`,
//! `floods`, `network`, `platform_roots`, `privileged`, `stopped`.

#[path = "../support/common/allocations.rs"]
mod allocations;
#[path = "../support/common/mod.rs"]
mod common;
#[path = "../support/common/naive.rs"]
mod naive;

mod answers;
mod back_off;
mod coding;
mod cookies;
mod credentials;
mod facts;
mod hostile;
mod http2;
mod names;
mod parser;
mod promises;
mod proxies;
mod reconnecting;
mod redirects;
mod sharing;
mod tls;
