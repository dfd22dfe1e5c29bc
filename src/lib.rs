//! Lib.

pub mod pki;
