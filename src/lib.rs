//! Lib.

pub mod acme;
pub mod validate;
