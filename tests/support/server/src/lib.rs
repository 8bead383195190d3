//! A scripted HTTP server on loopback, for tests of Server-Sent Events clients.
//!
//! A test gives [`Server::start`] a script: a closure that gets each request as an [`Exchange`] and
//! answers it, right or wrong, fast or never. Every connection carries one request and closes when
//! the script returns. Threads and blocking I/O only, so that a script reads top to bottom and
//! shares nothing with the client under test.
//!
//! ```
//! use std::io::{Read, Write};
//!
//! let server = test_server::Server::start(|exchange| {
//!     exchange.event_stream();
//!     exchange.event_with_id("1", "hello");
//!     exchange.wait_for_disconnect();
//! });
//! let mut client = std::net::TcpStream::connect(("127.0.0.1", server.port())).unwrap();
//! client.write_all(b"GET /news?from=0 HTTP/1.1\r\n\r\n").unwrap();
//!
//! let request = &server.wait_for_requests(1)[0];
//! assert_eq!(request.path(), "/news");
//! assert_eq!(request.query("from"), Some("0"));
//!
//! drop(client);
//! server.wait_for_no_connections();
//! ```
//!
//! Nothing waits forever: the waiting functions of [`Server`] panic after [`LIMIT`], what a script
//! waits for ends at the latest when the [`Server`] is dropped, and a script that panicked makes
//! the test fail.

mod coding;
mod exchange;
pub mod program;
mod request;
pub mod routes;
pub mod script;
mod server;
mod tls;

pub use coding::Encoder;
pub use exchange::Exchange;
pub use request::Request;
pub use server::{LIMIT, Server, slowly};
pub use tls::Identity;
