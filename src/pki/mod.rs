//! Keys, CSRs, certificates and CRLs.

pub mod key;
pub mod public_key;
