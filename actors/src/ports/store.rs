//! What keeps objects.

use std::cmp::Ordering;
use std::fmt;

use async_trait::async_trait;
use chancery_machine::id::Id;
use chancery_machine::time::Timestamp;
use thiserror::Error;

/// The kinds of object that stores keep. The number is part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "each is the machine or record of that name")]
pub enum Kind {
    Account = 1,
    Order = 2,
    Authorization = 3,
    Certificate = 4,
    Authority = 5,
    Crl = 6,
    AcmeProfile = 7,
    RaProfile = 8,
    /// What an ACME Profile was before its last change, for orders that were placed under it.
    AcmeProfileRevision = 9,
    /// The same of an RA Profile.
    RaProfileRevision = 10,
    EabCredential = 11,
    /// What lets an operator in.
    Token = 12,
    AuditEntry = 13,
    /// The end of the audit log: one object.
    AuditHead = 14,
    /// What a create was answered with, so that it can be repeated.
    Idempotency = 15,
    /// When an account was seen last.
    Sighting = 16,
    /// The key under which other secrets are sealed: one object.
    Vault = 17,
    /// What the orders of one account pass one after the other where there is a limit to them.
    Quota = 18,
    /// With which terms everything is stored: one object.
    Terms = 19,
    /// An operator who has signed in with a browser.
    Session = 20,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Account,
        Self::Order,
        Self::Authorization,
        Self::Certificate,
        Self::Authority,
        Self::Crl,
        Self::AcmeProfile,
        Self::RaProfile,
        Self::AcmeProfileRevision,
        Self::RaProfileRevision,
        Self::EabCredential,
        Self::Token,
        Self::AuditEntry,
        Self::AuditHead,
        Self::Idempotency,
        Self::Sighting,
        Self::Vault,
        Self::Quota,
        Self::Terms,
        Self::Session,
    ];

    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| *kind as u8 == number)
    }
}

/// Names an object of any kind. Sorted by kind, then by id, which begins with the time of birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// What it is.
    pub kind: Kind,
    /// Which one.
    pub id: Id,
}

impl ObjectId {
    /// The seventeen bytes under which stores keep it: the kind's number, then the id.
    #[must_use]
    pub fn bytes(&self) -> [u8; 17] {
        let mut bytes = [self.kind as u8; 17];
        bytes[1..].copy_from_slice(&self.id.bytes());
        bytes
    }

    /// Takes back what [`ObjectId::bytes`] gave.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&number, id) = bytes.split_first()?;
        Some(Self { kind: Kind::from_number(number)?, id: Id::from_bytes(id.try_into().ok()?) })
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.id)
    }
}

/// Counts the commits of one object: the first makes revision 1. `Revision::ABSENT` says that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// The object does not exist.
    pub const ABSENT: Self = Self(0);

    /// The revision after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A word under which objects are found: at most 128 bytes, compared byte by byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(pub Vec<u8>);

impl Term {
    /// The most bytes that a term has. Stores refuse commits with longer ones.
    pub const LIMIT: usize = 128;

    /// Makes a term, or `None` if it would be too long: such a word is hashed first.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        let bytes = bytes.into();
        (bytes.len() <= Self::LIMIT).then_some(Self(bytes))
    }
}

/// What is kept of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The snapshot.
    pub bytes: Vec<u8>,
    /// Whether the state owes effects: the sweep at the start wakes the object.
    pub owes: bool,
    /// Words under which [`Store::list`] finds the object; replaces those of the revision before.
    pub terms: Vec<Term>,
    /// Words that no other object may have at the same time; [`Store::find`] finds it by them.
    pub unique: Vec<Term>,
    /// From when on nobody needs the object any more.
    pub forget_at: Option<Timestamp>,
}

impl Body {
    /// What owes nothing, has no terms and is never forgotten.
    #[must_use]
    pub const fn plain(bytes: Vec<u8>) -> Self {
        Self { bytes, owes: false, terms: Vec::new(), unique: Vec::new(), forget_at: None }
    }
}

/// One object's change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The object.
    pub object: ObjectId,
    /// The revision that it must have for this to be done.
    pub expected: Revision,
    /// What it becomes, at revision `expected.next()`; `None` removes it with all its terms.
    pub body: Option<Body>,
}

/// Changes that are done together or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Objects that must have exactly these revisions, and stay as they are.
    pub guards: Vec<(ObjectId, Revision)>,
    /// The changes. No object stands in it twice.
    pub writes: Vec<Write>,
}

/// An object as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its revision.
    pub revision: Revision,
    /// Its snapshot.
    pub bytes: Vec<u8>,
}

/// Why a store could not answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// It cannot be reached, or its disk is full: try again later. After a commit, whether it landed is not known.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What it holds cannot be read. Trying again does not help.
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
}

/// Why a commit was not done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommitError {
    /// An object has another revision than expected. Nothing was changed.
    #[error("{0} was changed by somebody else meanwhile")]
    Conflict(ObjectId),
    /// A unique term belongs to another object already. Nothing was changed.
    #[error("{holder} already has that unique term")]
    Taken {
        /// The term.
        term: Term,
        /// The object that has it.
        holder: ObjectId,
    },
    /// The store failed; whether the commit landed is not known.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Through what a walk goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    /// Every object of a kind, by id.
    Kind(Kind),
    /// The objects under the terms from `low` to `high`, both counted, by term and then by object. Only terms as long as
    /// `low` are among them, and `high` has to be as long: else there is nothing.
    Terms {
        /// The first term.
        low: Term,
        /// The last term.
        high: Term,
    },
}

impl Range {
    /// The objects under one term.
    #[must_use]
    pub fn of(term: Term) -> Self {
        Self::Terms { low: term.clone(), high: term }
    }
}

/// Which way a walk goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the least to the greatest.
    #[default]
    Ascending,
    /// From the greatest to the least.
    Descending,
}

/// A place on a walk. Sorted by the length of the term, then by the term, then by the object: so terms of one length, as
/// they are on one walk, are neighbours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The term under which it was found; empty on a walk through a kind.
    pub term: Vec<u8>,
    /// The object.
    pub object: ObjectId,
}

impl Ord for Found {
    fn cmp(&self, other: &Self) -> Ordering {
        fn key(found: &Found) -> (usize, &[u8], ObjectId) {
            (found.term.len(), &found.term, found.object)
        }
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Keeps objects, and finds them again.
///
/// Every method may be called from any thread at any time. What a commit has answered `Ok` for survives a crash of the
/// process and of the machine, and every later call sees it.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The object with its revision, or `None` if there is none.
    async fn load(&self, object: ObjectId) -> Result<Option<Stored>, StoreError>;

    /// Does the commits in order, each by itself done or refused, and answers for each in the same order, once all
    /// that were done are durable. A later commit of the batch sees what an earlier one did.
    async fn commit(&self, batch: Vec<Commit>) -> Vec<Result<(), CommitError>>;

    /// The one object that has this unique term.
    async fn find(&self, unique: &Term) -> Result<Option<ObjectId>, StoreError>;

    /// The next objects of a walk, those past `after` in its direction, at most `limit`. `after` need not exist any more,
    /// nor lie within the range; on a walk through a kind only its object counts.
    async fn walk(
        &self,
        range: &Range,
        direction: Direction,
        after: Option<&Found>,
        limit: usize,
    ) -> Result<Vec<Found>, StoreError>;

    /// The objects that have this term, sorted, those after `after`, at most `limit`.
    async fn list(&self, term: &Term, after: Option<ObjectId>, limit: usize) -> Result<Vec<ObjectId>, StoreError> {
        let after = after.map(|object| Found { term: term.0.clone(), object });
        let found = self.walk(&Range::of(term.clone()), Direction::Ascending, after.as_ref(), limit).await?;
        Ok(found.into_iter().map(|found| found.object).collect())
    }

    /// The objects of this kind, sorted by id, those after `after`, at most `limit`.
    async fn scan(&self, kind: Kind, after: Option<ObjectId>, limit: usize) -> Result<Vec<ObjectId>, StoreError> {
        let after = after.map(|object| Found { term: Vec::new(), object });
        let found = self.walk(&Range::Kind(kind), Direction::Ascending, after.as_ref(), limit).await?;
        Ok(found.into_iter().map(|found| found.object).collect())
    }

    /// The objects that owe effects, sorted, those after `after`, at most `limit`.
    async fn owing(&self, after: Option<ObjectId>, limit: usize) -> Result<Vec<ObjectId>, StoreError>;

    /// Objects whose `forget_at` is at or before `now`, earliest first, at most `limit`, with their revisions.
    async fn forgettable(&self, now: Timestamp, limit: usize) -> Result<Vec<(ObjectId, Revision)>, StoreError>;
}
