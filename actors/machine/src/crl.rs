//! The last CRL of an authority, kept so that its number only ever grows (RFC 5280 section 5.2.3).

use minicbor::{Decode, Encode};

use crate::time::Timestamp;

/// A signed CRL.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Crl {
    /// Its number; the first is 1.
    #[n(0)]
    pub number: u64,
    /// When it was made.
    #[n(1)]
    pub this_update: Timestamp,
    /// By when the next one is there.
    #[n(2)]
    pub next_update: Timestamp,
    /// DER.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub der: Vec<u8>,
}

impl Crl {
    /// Whether half its time is over, so that a new one is wanted: there is as much time again to make good a failure.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> bool {
        now >= self.this_update.plus(self.next_update.since(self.this_update) / 2)
    }
}
