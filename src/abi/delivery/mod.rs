//! The one place where a client calls C: what a run tells its handler becomes callbacks.

mod batch;
pub mod callback_handler;
