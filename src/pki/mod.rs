//! Keys, CSRs, certificates and CRLs.

pub mod authorities;
pub mod authority;
pub mod certificate;
mod crl;
pub mod csr;
pub mod key;
pub mod lint;
pub mod name;
pub mod public_key;
pub mod sealed;

#[cfg(test)]
mod tests;
