//! What C sees and the layers above share: statuses with their texts, handles, payloads, and the types of callbacks.

pub mod callback;
pub mod copies;
pub mod enumeration;
pub mod handles;
pub mod payload;
pub mod status;
pub mod tls_version;
