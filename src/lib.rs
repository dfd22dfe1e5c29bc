//! Lib.

pub mod acme;
pub mod store;
pub mod validate;
pub mod pki;
