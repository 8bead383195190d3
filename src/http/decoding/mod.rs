//! Decodes content codings.

mod codec;
mod decoder;

pub use decoder::Decoder;
