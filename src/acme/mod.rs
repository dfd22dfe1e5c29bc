//! RFC 8555 on the wire.

pub mod algorithm;
pub mod base64url;
mod envelope;
pub mod json;
pub mod jwk;
pub mod jws;
pub mod nonce;
pub mod payload;
pub mod problem;
mod spki;

#[cfg(test)]
#[path = "../../tests/support/jws.rs"]
pub(crate) mod signer;
