//! Lib.

pub mod validate;
