//! Chancery: an ACME (RFC 8555) certificate authority.
//!
//! The engine is in `chancery-actors`, its machines in `chancery-machine`; this crate is the world around them. `acme`
//! calls the engine; `pki`, `store` and `validate` implement its ports and know neither each other nor HTTP; `cli` wires.

pub mod acme;
pub mod admin;
pub mod cli;
pub mod config;
pub mod ml_dsa;
pub mod moment;
pub mod passphrase;
pub mod perspective;
pub mod pki;
pub mod span;
pub mod store;
pub mod system;
pub mod ui;
pub mod validate;
pub mod vault;
