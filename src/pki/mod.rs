//! Keys, CSRs, certificates and CRLs (RFC 5280, RFC 2986): what implements the engine's port
//! [`Issue`](chancery_actors::ports::Issue). It knows no store, no validation and no HTTP.
//!
//! ```text
//! csr --parse--> Csr --+
//!                      +--> Plan --tbs--> bytes --lint--> Linted --sign--> Signed
//! Authority --open--> Opened                ^
//!                                   stored drafts come back here
//! ```
//!
//! - [`key`], [`sealed`], [`public_key`]: what signs, how it rests, and what certificates are for.
//! - [`csr`], [`name`]: what a client asks for, and how names are written.
//! - [`contents`], [`certificate`], [`lint`]: what certificates say, how they are made, and what stands between a draft and a
//!   signature.
//! - [`authority`], [`hierarchy`], [`chain`], [`authorities`]: who signs; the record for the store, how it is made, other ways
//!   up to a root, and the opened ones for work.
//! - [`readable`], [`pkcs7`]: what certificates say in words, and several of them in one file.
//! - [`said`], [`sample`]: what a certificate says, for people, and keys for trying out what one would say.
//! - [`private`]: an authority beside them all, for machines of one's own that know each other by certificates.
//!
//! Signing is deterministic for every algorithm, so that a draft that is signed again after a crash gives the same
//! certificate. Whatever we sign is verified by another implementation before it leaves this room.

pub mod authorities;
pub mod authority;
pub mod certificate;
pub mod chain;
pub mod contents;
mod crl;
pub mod csr;
pub mod hierarchy;
pub mod key;
pub mod lint;
pub mod name;
pub mod pkcs7;
pub mod private;
pub mod public_key;
pub mod readable;
pub mod said;
pub mod sample;
pub mod sealed;

#[cfg(test)]
mod tests;
