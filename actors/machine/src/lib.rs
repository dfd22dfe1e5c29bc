//! The pure state machines of RFC 8555.
//!
//! No actix, no tokio, no clock, no randomness: time, tokens, serial numbers and parsed requests come in with the
//! event, and the same state with the same event always gives the same step. [`machine::Machine`] is the whole idea.

pub mod account;
pub mod audit;
pub mod authorization;
pub mod auto_renewal;
pub mod certificate;
pub mod challenge;
pub mod crl;
pub mod diagram;
pub mod dnssec;
pub mod eab;
pub mod id;
pub mod identifier;
pub mod machine;
pub mod network;
pub mod order;
pub mod perspective;
pub mod problem;
pub mod profile;
pub mod rejection;
pub mod renewal;
pub mod snapshot;
pub mod time;
pub mod transcript;
