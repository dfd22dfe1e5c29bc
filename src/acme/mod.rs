//! RFC 8555 on the wire.
//!
//! A request comes in as a [`jws`] in flattened JSON, names its key by a [`jwk`] or an account URL, spends a
//! [`nonce`], and says what it wants in its [`payload`]. What is wrong with it leaves as a [`problem`].

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
