//! What operators do: every write together with its entry in the audit log, or not at all.
//!
//! The end of the log is one object that every entry moves on, so operators' writes happen one after the other, on
//! however many nodes: whoever reads the end of the log first and commits against it has seen everything before. Those
//! of one node wait for their turn and get it in the order in which they came; only other nodes can be faster, and then
//! it is tried again.

use std::sync::{Arc, Mutex, PoisonError};

use chancery_machine::account::{Account, AccountEvent};
use chancery_machine::audit::{AuditEntry, AuditHead, EntryDigest};
use chancery_machine::authorization::{Authorization, AuthorizationEvent};
use chancery_machine::certificate::{Certificate, CertificateEvent};
use chancery_machine::eab::{EabCredential, EabEvent};
use chancery_machine::id::{AccountId, AuthorizationId, CertificateId, EabId, Id, OrderId};
use chancery_machine::order::{Order, OrderEvent};
use chancery_machine::snapshot::{self, Snapshot};
use chancery_machine::time::Timestamp;
use thiserror::Error;
use tracing::{info, warn};

use crate::engine::Engine;
use crate::error::TurnError;
use crate::ports::{Body, Commit, CommitError, Kind, ObjectId, Revision, Store, StoreError, Write};
use crate::resident::{Companions, Versioned, read};
use crate::terms::{self, sha256};
use crate::world::{Routed, World};

/// How often something is tried again because another node was faster.
const ATTEMPTS: usize = 32;

/// How many entries are removed at a time.
const PAGE: usize = 256;

/// The end of the log.
const HEAD: ObjectId = ObjectId { kind: Kind::AuditHead, id: Id::from_bytes([0; 16]) };

/// Something that was done, as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// What, as in `create` or `disable`.
    pub action: &'static str,
    /// To what, as in `acmeProfile/default`.
    pub object: String,
    /// How it was, JSON; never a secret.
    pub before: Option<String>,
    /// How it is since, JSON.
    pub after: Option<String>,
}

/// What an operator's request comes to: changes, what the log says of them, and what is answered.
#[derive(Clone, Debug)]
pub struct Act<T> {
    /// Objects that must have exactly these revisions, and stay as they are.
    pub guards: Vec<(ObjectId, Revision)>,
    /// The changes.
    pub writes: Vec<Write>,
    /// What the log says of them. Nothing is committed where there are neither changes nor deeds.
    pub deeds: Vec<Deed>,
    /// What is answered.
    pub outcome: T,
}

impl<T> Act<T> {
    /// Nothing is to be done.
    #[must_use]
    pub const fn nothing(outcome: T) -> Self {
        Self { guards: Vec::new(), writes: Vec::new(), deeds: Vec::new(), outcome }
    }
}

/// What is committed together with an operator's event, and what the log says of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Along {
    pub(crate) writes: Vec<Write>,
    pub(crate) deeds: Vec<Deed>,
}

/// Why an operator's request was not done. Nothing was changed, unless the store failed: then that is not known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ActError<E> {
    /// The plan refuses it.
    #[error("{0}")]
    Refused(E),
    /// The engine or the store is at fault.
    #[error(transparent)]
    Turn(#[from] TurnError),
}

/// What is wrong with the log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Broken {
    /// An entry is not there.
    #[error("entry {0} is missing")]
    Missing(u64),
    /// An entry names another digest than the one before it has: one of the two was changed.
    #[error("entry {0} does not follow from the one before it: one of the two was changed")]
    Link(u64),
    /// An entry cannot be read.
    #[error("entry {0} cannot be read: {1}")]
    Unreadable(u64, String),
    /// The log ends elsewhere than its head says.
    #[error("the last entry, {0}, is not what the head of the log says: it was changed")]
    Head(u64),
}

/// How far the log is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The number of the first entry that is kept.
    pub first: u64,
    /// The number of the last entry, 0 if there is none.
    pub last: u64,
    /// The digest of the last entry: noted elsewhere, it proves later that the log was not written anew.
    pub digest: EntryDigest,
    /// The first fault, if there is one.
    pub broken: Option<Broken>,
}

impl Engine {
    /// Plans and commits an operator's request: the plan sees a state that nobody else changes before the commit, or is
    /// asked again.
    ///
    /// # Errors
    /// [`ActError`].
    pub async fn administer<T, E>(
        &self,
        who: &str,
        plan: impl AsyncFn() -> Result<Act<T>, E>,
    ) -> Result<T, ActError<E>> {
        let turn = self.world.operators.lock().await;
        for _ in 0..ATTEMPTS {
            let head = head(&self.world).await.map_err(TurnError::from)?;
            let Act { guards, mut writes, deeds, outcome } = plan().await.map_err(ActError::Refused)?;
            if writes.is_empty() && deeds.is_empty() {
                return Ok(outcome);
            }
            let (appended, end) = entries(&head, who, deeds, self.now());
            writes.extend(appended);
            match self.world.journal.commit(Commit { guards, writes }).await {
                Ok(()) => {
                    drop(turn);
                    tell(who, &end);
                    // It is done. If requests do not see it at once, they do within a second, when it is looked for.
                    if let Err(error) = self.refresh_profiles().await {
                        warn!(%error, "a change of profiles is stored, and not yet in force");
                    }
                    return Ok(outcome);
                }
                Err(CommitError::Conflict(_) | CommitError::Taken { .. }) => {}
                Err(CommitError::Store(error)) => return Err(TurnError::from(error).into()),
            }
        }
        Err(TurnError::Conflict.into())
    }

    async fn administer_event<M: Routed>(
        &self,
        who: &str,
        id: Id,
        event: M::Event,
        seen: Option<Revision>,
        describe: impl Fn(&M, &M) -> Deed + Clone + Send + 'static,
    ) -> Result<Versioned<M>, TurnError> {
        self.administer_along(who, id, event, seen, describe, async || Ok(Along::default())).await
    }

    /// Sends an operator's event to an object, and commits the step with the entry that `describe` makes of the states
    /// before and after it, and with what goes along. With `seen`, only if the object still has that revision. Nothing is
    /// done or logged where the event changes nothing.
    pub(crate) async fn administer_along<M: Routed>(
        &self,
        who: &str,
        id: Id,
        event: M::Event,
        seen: Option<Revision>,
        describe: impl Fn(&M, &M) -> Deed + Clone + Send + 'static,
        along: impl AsyncFn() -> Result<Along, TurnError>,
    ) -> Result<Versioned<M>, TurnError> {
        let guards: Vec<_> = seen.map(|seen| (ObjectId { kind: M::KIND, id }, seen)).into_iter().collect();
        let _turn = self.world.operators.lock().await;
        for _ in 0..ATTEMPTS {
            let head = head(&self.world).await?;
            let along = along().await?;
            let now = self.now();
            let appended: Arc<Mutex<Option<AuditHead>>> = Arc::default();
            let companions = || -> Companions<M> {
                let (describe, head, who) = (describe.clone(), head.clone(), who.to_owned());
                let (appended, Along { writes: others, deeds }) = (Arc::clone(&appended), along.clone());
                Box::new(move |before, after| {
                    let deeds = std::iter::once(describe(before, after)).chain(deeds).collect();
                    let (mut writes, end) = entries(&head, &who, deeds, now);
                    writes.extend(others);
                    *appended.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
                    writes
                })
            };
            match self.world.send_with(id, event.clone(), &guards, companions).await {
                // Another entry came first: the store may name it, or the end of the log.
                Err(TurnError::GuardChanged(object)) if matches!(object.kind, Kind::AuditHead | Kind::AuditEntry) => {}
                // So did somebody who changed what goes along.
                Err(TurnError::GuardChanged(object)) if along.writes.iter().any(|write| write.object == object) => {}
                Err(error) => return Err(error),
                Ok(changed) => {
                    // Nothing was appended where the event changed nothing.
                    if let Some(end) = &*appended.lock().unwrap_or_else(PoisonError::into_inner) {
                        tell(who, end);
                    }
                    return Ok(changed);
                }
            }
        }
        Err(TurnError::Conflict)
    }

    /// One entry of the log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit_entry(&self, number: u64) -> Result<Option<AuditEntry>, StoreError> {
        Ok(read(&*self.world.ports.store, entry_id(number)).await?.map(|entry| entry.state))
    }

    /// The end of the log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        Ok(head(&self.world).await?.state)
    }

    /// Follows the chain from its first entry to its end, and says where it is broken first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn verify_audit(&self) -> Result<Verified, StoreError> {
        loop {
            let verified = self.verify_from(head(&self.world).await?.state).await?;
            // What is missing may have been removed after its retention while it was looked for.
            match verified.broken {
                Some(Broken::Missing(number)) if head(&self.world).await?.state.base >= number => {}
                Some(_) | None => return Ok(verified),
            }
        }
    }

    async fn verify_from(&self, head: AuditHead) -> Result<Verified, StoreError> {
        let mut verified = Verified { first: head.base + 1, last: head.number, digest: head.digest, broken: None };
        let mut previous = head.base_digest;
        for number in head.base + 1..=head.number {
            let Some(stored) = self.world.ports.store.load(entry_id(number)).await? else {
                verified.broken = Some(Broken::Missing(number));
                return Ok(verified);
            };
            let fault = match snapshot::decode::<AuditEntry>(&stored.bytes) {
                Err(bad) => Some(Broken::Unreadable(number, bad.to_string())),
                Ok(entry) if entry.number != number || entry.previous != previous => Some(Broken::Link(number)),
                Ok(_) => None,
            };
            if fault.is_some() {
                verified.broken = fault;
                return Ok(verified);
            }
            previous = sha256(&stored.bytes);
            if number % 256 == 0 {
                // A long log holds up nobody else.
                tokio::task::yield_now().await;
            }
        }
        if previous != head.digest {
            verified.broken = Some(Broken::Head(head.number));
        }
        Ok(verified)
    }
}

/// Commits what was done while no engine runs, with its entries in the log.
///
/// # Errors
/// [`CommitError::Conflict`] if somebody else writes the log at the same moment.
pub async fn record_offline(
    store: &dyn Store,
    who: &str,
    mut writes: Vec<Write>,
    deeds: Vec<Deed>,
    now: Timestamp,
) -> Result<(), CommitError> {
    writes.extend(entries(&head_of(store).await?, who, deeds, now).0);
    let outcomes = store.commit(vec![Commit { guards: Vec::new(), writes }]).await;
    let silent = || Err(StoreError::Unavailable("it did not answer".into()).into());
    outcomes.into_iter().next().unwrap_or_else(silent)
}

macro_rules! administered {
    ($($method:ident: $machine:ident by $id:ident, $event:ident);* $(;)?) => {
        impl Engine {$(
            /// Sends an operator's event to this kind of object, and commits the step with the entry that `describe` makes
            /// of the states before and after it; with `seen`, only if the object still has that revision. Where the
            /// event changes nothing, nothing is logged.
            ///
            /// # Errors
            /// [`TurnError`]; [`TurnError::GuardChanged`] if it has another revision than was seen.
            pub async fn $method(
                &self,
                who: &str,
                id: $id,
                event: $event,
                seen: Option<Revision>,
                describe: impl Fn(&$machine, &$machine) -> Deed + Clone + Send + 'static,
            ) -> Result<Versioned<$machine>, TurnError> {
                self.administer_event(who, id.0, event, seen, describe).await
            }
        )*}
    };
}

administered! {
    administer_account: Account by AccountId, AccountEvent;
    administer_order: Order by OrderId, OrderEvent;
    administer_authorization: Authorization by AuthorizationId, AuthorizationEvent;
    administer_certificate: Certificate by CertificateId, CertificateEvent;
    administer_eab_credential: EabCredential by EabId, EabEvent;
}

/// The entry's place in the store: sorted by number.
fn entry_id(number: u64) -> ObjectId {
    ObjectId { kind: Kind::AuditEntry, id: Id::from_bytes(u128::from(number).to_be_bytes()) }
}

pub(crate) async fn head(world: &World) -> Result<Versioned<AuditHead>, StoreError> {
    head_of(&*world.ports.store).await
}

async fn head_of(store: &dyn Store) -> Result<Versioned<AuditHead>, StoreError> {
    let none = || Versioned { id: HEAD.id, revision: Revision::ABSENT, state: AuditHead::default() };
    Ok(read(store, HEAD).await?.unwrap_or_else(none))
}

/// Says in the server's log where the audit log ends now: kept elsewhere, that shows later whether it was written anew.
fn tell(who: &str, end: &AuditHead) {
    let digest: String = end.digest.iter().map(|byte| format!("{byte:02x}")).collect();
    info!(who, number = end.number, digest, "audit log");
}

/// The writes that append to the log, and its end with them.
fn entries(head: &Versioned<AuditHead>, who: &str, deeds: Vec<Deed>, now: Timestamp) -> (Vec<Write>, AuditHead) {
    let mut end = head.state.clone();
    let mut writes = Vec::with_capacity(deeds.len() + 1);
    for Deed { action, object, before, after } in deeds {
        let terms = vec![terms::audit_object(&object), terms::audit_who(who), terms::audit_at(now)];
        let entry = AuditEntry {
            number: end.number + 1,
            at: now,
            who: who.to_owned(),
            action: action.to_owned(),
            object,
            before,
            after,
            previous: end.digest,
        };
        let bytes = snapshot::encode(&entry);
        (end.number, end.digest) = (entry.number, sha256(&bytes));
        let body = Body { terms, ..Body::plain(bytes) };
        writes.push(Write { object: entry_id(entry.number), expected: Revision::ABSENT, body: Some(body) });
    }
    writes.push(head.write(Kind::AuditHead, Some(Body::plain(snapshot::encode(&end)))));
    (writes, end)
}

/// Removes the entries from the front that are older than the retention, and moves the log's beginning behind them in the
/// same commit: the chain still holds from there. A log that is broken in front is left as it is, for whoever looks into
/// that.
pub(crate) async fn forget(world: &World) -> Result<usize, StoreError> {
    let mut forgotten = 0;
    loop {
        let head = head(world).await?;
        let (mut end, mut writes) = (head.state.clone(), Vec::new());
        let oldest = world.ports.clock.now().minus(world.settings.audit_retention);
        for number in end.base + 1..=end.number {
            let object = entry_id(number);
            let Some(stored) = world.ports.store.load(object).await? else {
                warn!(number, "an entry of the audit log is missing; older ones are kept until it is verified");
                break;
            };
            let entry: AuditEntry = decode(&stored.bytes)?;
            if entry.at > oldest || writes.len() == PAGE {
                break;
            }
            (end.base, end.base_digest) = (number, sha256(&stored.bytes));
            writes.push(Write { object, expected: stored.revision, body: None });
        }
        let removed = writes.len();
        if removed == 0 {
            return Ok(forgotten);
        }
        writes.push(head.write(Kind::AuditHead, Some(Body::plain(snapshot::encode(&end)))));
        match world.journal.commit(Commit { guards: Vec::new(), writes }).await {
            Ok(()) => forgotten += removed,
            // An operator did something meanwhile: what was looked at is looked at again.
            Err(CommitError::Conflict(_) | CommitError::Taken { .. }) => {}
            Err(CommitError::Store(error)) => return Err(error),
        }
    }
}

fn decode<T: Snapshot>(bytes: &[u8]) -> Result<T, StoreError> {
    snapshot::decode(bytes).map_err(|bad| StoreError::Corrupt(format!("the audit log: {bad}")))
}
