//! RFC 8555 on the wire.
//!
//! A request comes in as a [`jws`] in flattened JSON, names its key by a [`jwk`] or an account URL, spends a
//! [`nonce`], and says what it wants in its [`payload`]. What is wrong with it leaves as a [`problem`].

mod account;
pub mod algorithm;
mod authorization;
mod auto_renewal;
pub mod base64url;
mod binding;
mod certificate;
mod contact;
mod directory;
mod envelope;
mod identifier;
pub mod json;
pub mod jwk;
pub mod jws;
pub mod nonce;
mod order;
pub mod payload;
pub mod problem;
mod refusal;
pub mod registrations;
mod renewal;
mod reply;
mod request;
mod routes;
mod spki;
mod urls;
mod wire;

pub(crate) use identifier::read_one as read_identifier;
pub use routes::configure;
pub use urls::AccountUrls;
pub use wire::Acme;

#[cfg(test)]
#[path = "../../tests/support/jws.rs"]
pub(crate) mod signer;
