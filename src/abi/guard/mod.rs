//! What everything passes that crosses the boundary, in either direction: arguments, panics and refusals on the way in;
//! exceptions and the caller's own pointer on the way out.

pub mod arguments;
pub mod call;
pub mod foreign;
pub mod process;
pub mod refusal;
pub mod sized;
pub mod user_data;
