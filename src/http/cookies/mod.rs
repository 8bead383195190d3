//! Cookies (RFC 6265), in memory: what servers have set, and what is sent back.

mod jar;
mod text;

pub use jar::Jar;
