//! The functions that C calls, with the structs and numbers that belong to one of them alone.

#[cfg(target_os = "android")]
mod android;
mod callbacks;
mod client;
mod getters;
mod header;
mod library;
mod log;
mod parser;
mod request;
mod response;
mod runtime;
mod settings;

#[cfg(target_os = "android")]
pub use android::*;
pub use callbacks::*;
pub use client::*;
pub use getters::*;
pub use library::*;
pub use log::*;
pub use parser::*;
pub use request::*;
pub use response::*;
pub use runtime::*;
pub use settings::*;
