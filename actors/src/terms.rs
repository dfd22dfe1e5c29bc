//! The words under which objects are found. They are part of the store's format.

use chancery_machine::id::{AccountId, AuthorityId};
use chancery_machine::identifier::Subject;
use chancery_machine::profile::Endpoint;

use sha2::{Digest, Sha256};

use crate::ports::Term;

/// The digest by which keys and certificates are looked for.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn term(parts: &[&[u8]]) -> Term {
    Term(parts.concat())
}

/// Unique: the account with this key at this endpoint (RFC 8555 section 7.3.1).
pub(crate) fn account_key(endpoint: &Endpoint, thumbprint: &[u8; 32]) -> Term {
    term(&[b"account-key/", thumbprint, endpoint.to_string().as_bytes()])
}

/// Accounts with this key anywhere (RFC 8555 section 11.1).
pub(crate) fn key(spki_sha256: &[u8; 32]) -> Term {
    term(&[b"key/", spki_sha256])
}

/// The orders in an account's list (RFC 8555 section 7.1.2.1).
pub(crate) fn orders_of(account: AccountId) -> Term {
    term(&[b"orders-of/", &account.0.bytes()])
}

/// An account's orders and authorizations that end with it.
pub(crate) fn open_of(account: AccountId) -> Term {
    term(&[b"open-of/", &account.0.bytes()])
}

/// An account's authorizations that were proven for this subject. A digest, since names are longer than terms may be.
pub(crate) fn proven(account: AccountId, subject: &Subject) -> Term {
    let name = format!("{}:{subject}", subject.identifier.kind());
    term(&[b"proven/", &account.0.bytes(), &sha256(name.as_bytes())])
}

/// Unique: the certificate with this serial number.
pub(crate) fn serial(authority: AuthorityId, serial: &[u8]) -> Term {
    term(&[b"serial/", &authority.0.bytes(), serial])
}

/// What an authority has revoked.
pub(crate) fn revoked(authority: AuthorityId) -> Term {
    term(&[b"revoked/", &authority.0.bytes()])
}

/// Unique: the certificate of exactly these bytes, by which a request to revoke it finds it without parsing it.
pub(crate) fn certificate(der: &[u8]) -> Term {
    term(&[b"certificate/", &sha256(der)])
}
