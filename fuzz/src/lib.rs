//! The parsers of the server, in the module tree that they stand in there, without the server: README.md says why.
//!
//! A module that one of them comes to need is named here too; one that drags in the engine or HTTP is no parser.

#![allow(dead_code, reason = "the server uses every function of its parsers, and the targets do not")]

/// What both rooms know of ML-DSA.
#[path = "../../src/ml_dsa.rs"]
pub mod ml_dsa;

/// Requests, keys and payloads of RFC 8555.
#[path = "../../src/acme"]
pub mod acme {
    pub mod algorithm;
    pub mod base64url;
    mod envelope;
    pub mod json;
    pub mod jwk;
    pub mod jws;
    pub mod payload;
    mod spki;
}

/// What DNS records say.
#[path = "../../src/validate"]
pub mod validate {
    pub mod issue_value;
}

/// Certification requests of RFC 2986.
#[path = "../../src/pki"]
pub mod pki {
    pub mod csr;
    pub mod public_key;
}
