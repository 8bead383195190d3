//! What handles stand for, and the calls on them.

pub mod callbacks;
pub mod client;
pub mod refused;
pub mod runtime;
