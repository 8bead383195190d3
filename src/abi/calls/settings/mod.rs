//! Configuration, before a client starts.

mod cookies;
mod http;
mod limits;
mod name;
mod network;
mod reconnect;
mod request;
mod set;
mod tls;

pub use cookies::*;
pub use http::*;
pub use limits::*;
pub use name::*;
pub use network::*;
pub use reconnect::*;
pub use request::*;
pub use tls::*;
