//! Lib.

pub mod store;
