//! Lib.

pub mod acme;
pub mod store;
