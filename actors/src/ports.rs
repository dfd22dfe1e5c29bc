//! What the engine needs of the world, as narrow as the engine uses it. The contract stands in the comments; the
//! adapters in `src/` keep it, and the memory doubles in the tests keep it too.

mod issue;
mod store;
mod validate;

use chancery_machine::id::AccountId;
pub use chancery_machine::order::Draft;
use chancery_machine::profile::Endpoint;
use chancery_machine::time::Timestamp;

pub use self::issue::{AlternateChain, CrlEntry, CrlRequest, DraftError, DraftRequest, Issue, KeySource, SignError};
pub use self::store::{
    Body, Commit, CommitError, Direction, Found, Kind, ObjectId, Range, Revision, Store, StoreError, Stored, Term,
    Write,
};
pub use self::validate::{AccountUri, Attempt, CaaQuestion, Validate, Verdict};

/// Tells the time. Real time outside of tests.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// Makes ids, tokens and serial numbers. A cryptographic generator outside of tests.
pub trait Entropy: Send + Sync + 'static {
    /// Fills the buffer with unpredictable bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// Knows the URLs under which clients know what the engine keeps. Some proofs are made for the URL of an account.
pub trait Urls: Send + Sync + 'static {
    /// The URL of an account: the `kid` of its requests (RFC 8555 section 6.2).
    fn account(&self, endpoint: &Endpoint, account: AccountId) -> String;

    /// What stands before the digests that name accounts in records of dns-persist-01: `accountHashPrefix` of the directory.
    fn account_hash_prefix(&self, endpoint: &Endpoint) -> String;
}
