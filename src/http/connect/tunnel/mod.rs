//! Through a proxy to a host: what passes bytes on.

mod connect_method;
mod socks;

pub use connect_method::open as by_connect;
pub use socks::open as by_socks;
