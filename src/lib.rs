//! A Server-Sent Events client with a C ABI.

pub mod parser;
