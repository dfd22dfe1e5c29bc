//! Lib.

pub mod acme;
