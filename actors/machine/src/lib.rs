//! The pure state machines of RFC 8555.
//!
//! No actix, no tokio, no clock, no randomness: time, tokens, serial numbers and parsed requests come in with the
//! event, and the same state with the same event always gives the same step.

pub mod challenge;
pub mod id;
pub mod identifier;
pub mod network;
pub mod problem;
pub mod profile;
pub mod time;
pub mod transcript;
