//! The way to a host: which proxy, which addresses. No socket is touched here.

pub mod addresses;
pub mod host;
pub mod interface;
mod network;
mod no_proxy;
pub mod proxy;

pub use network::{Network, Route};
