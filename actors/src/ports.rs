//! What the engine needs of the world, as narrow as the engine uses it. The contract stands in the comments; the
//! adapters in `src/` keep it, and the memory doubles in the tests keep it too.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chancery_machine::challenge::{ChallengeType, Reliance, Token};
use chancery_machine::id::{AccountId, AuthorityId, Id};
use chancery_machine::identifier::{DnsName, Identifier, Subject};
use chancery_machine::network::NetworkRules;
pub use chancery_machine::order::Draft;
use chancery_machine::perspective::Perspectives;
use chancery_machine::problem::Problem;
use chancery_machine::profile::{Endpoint, RaProfile};
use chancery_machine::renewal::IssuerStanding;
use chancery_machine::time::Timestamp;
use chancery_machine::transcript::Transcript;
use thiserror::Error;

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

// ---------------------------------------------------------------------------------------------------------------------
// Store
// ---------------------------------------------------------------------------------------------------------------------

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

// ---------------------------------------------------------------------------------------------------------------------
// Validation
// ---------------------------------------------------------------------------------------------------------------------

/// What one validation attempt needs to know.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// How control is proven.
    pub kind: ChallengeType,
    /// Control of what: never a wildcard.
    pub identifier: Identifier,
    /// Whether it is for the wildcard below the identifier.
    pub wildcard: bool,
    /// Whether it is for everything below the identifier too (RFC 9444).
    pub subdomains: bool,
    /// The URL of the account that asks, as clients know it.
    pub account_url: String,
    /// The names by which DNS records may mean this authority (`caaIdentities` of the directory).
    pub issuers: Vec<String>,
    /// The challenge's token.
    pub token: Token,
    /// Token and thumbprint (RFC 8555 section 8.1).
    pub key_authorization: String,
    /// How a record of dns-persist-01 names the account.
    pub account_uri: AccountUri,
    /// What may be contacted, and how.
    pub network: Arc<NetworkRules>,
    /// From where else it is to be looked at, and how many must agree.
    pub perspectives: Arc<Perspectives>,
    /// Whether the profile has CAA records not asked for.
    pub ignores_caa: bool,
}

impl Attempt {
    /// What has to be asked of the CAA records before this attempt proves anything; nothing where the profile says so. Of all
    /// names below a name only those count that an order has, so then it is asked when the order is finalized.
    #[must_use]
    pub fn caa(&self) -> Option<CaaQuestion> {
        let Identifier::Dns(name) = &self.identifier else { return None };
        (!self.ignores_caa && !self.subdomains).then(|| CaaQuestion {
            name: name.clone(),
            wildcard: self.wildcard,
            account_url: self.account_url.clone(),
            issuers: self.issuers.clone(),
            method: Some(self.kind),
            network: Arc::clone(&self.network),
            perspectives: Arc::clone(&self.perspectives),
        })
    }
}

/// How a record that stays names the account (draft-ietf-acme-dns-persist).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountUri {
    /// By its URL: draft -01.
    Url,
    /// By a digest over name, key and URL: draft -02.
    Hashed {
        /// What stands before the digest's name: `accountHashPrefix` of the directory.
        prefix: String,
        /// The thumbprints of the keys that the account has had, base64url, the present one first.
        thumbprints: Vec<String>,
    },
}

/// Whether CAA records let this authority issue (RFC 8659). It is asked of every name unless the ACME Profile says that it is
/// not, and never of addresses.
#[derive(Clone, Debug)]
pub struct CaaQuestion {
    /// For which name: never a wildcard.
    pub name: DnsName,
    /// Whether the certificate is for the wildcard below the name.
    pub wildcard: bool,
    /// The URL of the account that asks, as clients know it: the `accounturi` of RFC 8657 section 3.
    pub account_url: String,
    /// The names by which the records may mean this authority; where there are none, no record can.
    pub issuers: Vec<String>,
    /// How control was proven (RFC 8657 section 4); `None` where nothing had to be.
    pub method: Option<ChallengeType>,
    /// Who is asked, and how.
    pub network: Arc<NetworkRules>,
    /// From where else it is to be asked, and how many must agree.
    pub perspectives: Arc<Perspectives>,
}

/// How an attempt, or a question about CAA records, ended.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Control was proven and CAA records allow it, or why not: a problem that the client may read (RFC 8555 section 8).
    pub outcome: Result<(), Problem>,
    /// How long the proof may be relied on.
    pub reliance: Reliance,
    /// What happened, for operators.
    pub transcript: Transcript,
}

/// Tries challenges. One attempt or question in, one verdict out, always within the validator's own time limits; never a
/// panic.
#[async_trait]
pub trait Validate: Send + Sync + 'static {
    /// Makes one attempt, and where control is proven asks for CAA records too, if [`Attempt::caa`] has a question.
    async fn attempt(&self, attempt: Attempt) -> Verdict;

    /// Asks for CAA records alone. The problem is `caa` where they forbid it, and `dns` where they cannot be had.
    async fn permits(&self, question: CaaQuestion) -> Verdict;
}

// ---------------------------------------------------------------------------------------------------------------------
// Issuing
// ---------------------------------------------------------------------------------------------------------------------

/// What a certificate is wanted for.
#[derive(Clone, Debug)]
pub struct DraftRequest {
    /// The rules.
    pub profile: Arc<RaProfile>,
    /// Which key it is for.
    pub key: KeySource,
    /// The order's identifiers: what the certificate will carry, whatever else the CSR asks for.
    pub subjects: Vec<Subject>,
    /// Sixteen random bytes for the serial number.
    pub serial_entropy: [u8; 16],
    /// The `notBefore` of the order, if it states one; with automatic renewal, that of its period.
    pub not_before: Option<Timestamp>,
    /// The `notAfter` of the order, if it states one; with automatic renewal, that of its period.
    pub not_after: Option<Timestamp>,
    /// The present moment.
    pub now: Timestamp,
}

/// What says which key a certificate is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The client's CSR, DER (RFC 2986).
    Csr(Vec<u8>),
    /// A SubjectPublicKeyInfo, DER, that the order had in a CSR before: its certificate is renewed (RFC 8739 section 2.2).
    Renewed(Vec<u8>),
}

/// Why a CSR gets no certificate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DraftError {
    /// The client's fault (RFC 8555 section 7.4: badCSR); the sentence says what is wrong and what was expected.
    #[error("{0}")]
    BadCsr(String),
    /// The profile or the authority does not allow a sound certificate; the sentence is for operators.
    #[error("{0}")]
    Refused(String),
}

/// Why something was not signed. The caller tries again later.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignError {
    /// The key cannot be used now, or ever.
    #[error("the authority cannot sign: {0}")]
    Unavailable(String),
    /// What is to be signed does not pass the lint.
    #[error("the lint refuses it: {0}")]
    Refused(String),
}

/// Another chain above what an authority signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlternateChain {
    /// Names it, and no other chain, for ever: part of a URL.
    pub name: String,
    /// As in [`Issue::chain`].
    pub certificates: Vec<Vec<u8>>,
    /// When the first of them ends.
    pub not_after: Timestamp,
}

/// One entry of a CRL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlEntry {
    /// The certificate's serial number, big-endian.
    pub serial: Vec<u8>,
    /// When it was revoked.
    pub revoked_at: Timestamp,
    /// CRLReason (RFC 5280 section 5.3.1), if one was given.
    pub reason: Option<u8>,
}

/// What a CRL says.
#[derive(Clone, Debug)]
pub struct CrlRequest {
    /// Whose certificates it lists, and who signs it.
    pub authority: AuthorityId,
    /// Grows with every CRL of this authority (RFC 5280 section 5.2.3).
    pub number: u64,
    /// When it is made.
    pub this_update: Timestamp,
    /// By when the next one is there.
    pub next_update: Timestamp,
    /// What is revoked.
    pub entries: Vec<CrlEntry>,
}

/// Makes certificates and CRLs. These calls use the processor and may wait for a device: callers run them off the
/// actors' threads.
pub trait Issue: Send + Sync + 'static {
    /// Checks the CSR against order and profile, drafts the certificate and lints it. Signs nothing.
    ///
    /// # Errors
    /// [`DraftError`] says whether the client or the server is at fault.
    fn draft(&self, request: &DraftRequest) -> Result<Draft, DraftError>;

    /// Signs a draft that passes the lint, and answers the DER of the certificate. The same draft gives the same bytes
    /// every time.
    ///
    /// # Errors
    /// [`SignError`]; the order goes on waiting.
    fn sign(&self, draft: &Draft) -> Result<Vec<u8>, SignError>;

    /// Whether an operator lets this authority issue. One that does not exist is another matter, of
    /// [`Issue::lifetime`].
    fn issues(&self, authority: AuthorityId) -> bool {
        let _ = authority;
        true
    }

    /// The authorities that certificates name by this keyIdentifier in their authorityKeyIdentifier (RFC 5280 section
    /// 4.2.1.1); two may have the same key. Read from memory.
    fn with_key_identifier(&self, key_identifier: &[u8]) -> Vec<AuthorityId>;

    /// What is known of an authority whose certificates are to be renewed some day; `None` if there is none. Read from
    /// memory.
    fn standing(&self, authority: AuthorityId) -> Option<IssuerStanding>;

    /// Every authority that can sign: the publisher keeps a CRL of each.
    fn authorities(&self) -> Vec<AuthorityId>;

    /// When the authority's own life begins and ends: nothing that it signs goes beyond.
    ///
    /// # Errors
    /// [`SignError::Unavailable`] if there is no such authority, or if it may not issue now: no orders are placed then.
    fn lifetime(&self, authority: AuthorityId) -> Result<(Timestamp, Timestamp), SignError>;

    /// The DER certificates above an end entity of this authority, the issuing one first, without the root.
    ///
    /// # Errors
    /// [`SignError::Unavailable`] if there is no such authority.
    fn chain(&self, authority: AuthorityId) -> Result<Vec<Vec<u8>>, SignError>;

    /// Other chains above an end entity of this authority (RFC 8555 section 7.4.2), as operators have added them.
    ///
    /// # Errors
    /// [`SignError::Unavailable`] if there is no such authority.
    fn alternates(&self, authority: AuthorityId) -> Result<Vec<AlternateChain>, SignError> {
        let _ = authority;
        Ok(Vec::new())
    }

    /// Makes and signs a CRL, and answers its DER.
    ///
    /// # Errors
    /// [`SignError`]; the caller tries again later.
    fn crl(&self, request: &CrlRequest) -> Result<Vec<u8>, SignError>;
}
