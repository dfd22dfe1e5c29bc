//! The audit log: what operators did, each entry bound to the one before by its digest.

use minicbor::{Decode, Encode};

use crate::time::Timestamp;

/// A SHA-256 digest of an entry's snapshot.
pub type EntryDigest = [u8; 32];

/// One thing that somebody did.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AuditEntry {
    /// Its number: 1 for the first, and no gaps.
    #[n(0)]
    pub number: u64,
    /// When.
    #[n(1)]
    pub at: Timestamp,
    /// Who, as in `token:…`, `certificate:…` or `system`.
    #[n(2)]
    pub who: String,
    /// What, as in `create` or `disable`.
    #[n(3)]
    pub action: String,
    /// To what, as in `acmeProfile/default`.
    #[n(4)]
    pub object: String,
    /// How it was, as the API shows it, JSON; never a secret.
    #[n(5)]
    pub before: Option<String>,
    /// How it is since, JSON.
    #[n(6)]
    pub after: Option<String>,
    /// The digest of the entry before; zeros for the first.
    #[cbor(n(7), with = "minicbor::bytes")]
    pub previous: EntryDigest,
}

/// The end of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct AuditHead {
    /// The number of the last entry; 0 if there is none.
    #[n(0)]
    pub number: u64,
    /// Its digest.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub digest: EntryDigest,
    /// The number of the last entry that was removed after its retention; 0 if none was.
    #[n(2)]
    pub base: u64,
    /// Its digest, which the first entry that is kept names.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub base_digest: EntryDigest,
}
