//! How operators find things: lists of objects, filtered and in pages.
//!
//! A list walks through the most selective index that its query names, loads each candidate, and keeps those that pass
//! the other filters. Nothing but the page itself is held in memory. One request looks at no more than [`EXAMINED`]
//! candidates: where few of many pass, its page is short or even empty, and [`Page::next`] says where to go on. So only a
//! page without `next` is the last one.
//!
//! Statuses are those of the moment: an order that is stored as pending and has lapsed is found as invalid. Beyond that,
//! objects are listed as they are stored; no object is woken or told news for being listed.
//!
//! A list is no snapshot: each page is as the store is when it is asked for. What is there all the time and passes all the
//! time is listed exactly once, since every walk is in an order that no change touches: by id, that is by birth, or by
//! what never changes in a certificate or an entry of the audit log.
//!
//! Objects are found by the terms that were stored with them. What an older build has written without some term is written
//! again when the server starts ([`Engine::renew_terms`](crate::Engine::renew_terms)).
//!
//! Reads of the embedded store happen inline, microseconds each; a list yields to others now and then, so that no request
//! keeps an event loop to itself.

mod account;
mod audit;
mod authorization;
mod certificate;
mod cursor;
mod eab;
mod merge;
mod order;
mod period;

use std::hash::Hash;

use chancery_machine::account::Account;
use chancery_machine::audit::AuditEntry;
use chancery_machine::authorization::Authorization;
use chancery_machine::certificate::Certificate;
use chancery_machine::eab::EabCredential;
use chancery_machine::order::Order;
use chancery_machine::snapshot::Snapshot;
use chancery_machine::time::Timestamp;
use thiserror::Error;

pub use self::account::AccountQuery;
pub use self::audit::AuditQuery;
pub use self::authorization::AuthorizationQuery;
pub use self::certificate::{CertificateQuery, CertificateSort};
pub use self::cursor::{Cursor, CursorError};
pub use self::eab::EabQuery;
pub use self::order::{OrderCounts, OrderQuery};
pub use crate::ports::Direction;

use self::cursor::Fingerprint;
use self::merge::{Candidates, Course, Merge};
use self::period::Period;
use crate::engine::Engine;
use crate::ports::{Found, Kind, ObjectId, StoreError};
use crate::resident::{Versioned, read};
use crate::world::World;

/// How many candidates one request looks at.
pub const EXAMINED: usize = 5_000;

/// How many items a page has at most.
pub const LIMIT: usize = 1_000;

/// After how many candidates others get their turn.
const BREATH: usize = 256;

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// What was found, in the query's order.
    pub items: Vec<T>,
    /// Where the list goes on; `None` at its end.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// The same page of something else.
    #[must_use]
    pub fn map<U>(self, make: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(make).collect(), next: self.next }
    }
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// As many as were counted.
    pub number: usize,
    /// Whether it was counted no further, and there may be more.
    pub capped: bool,
}

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ListError {
    /// The client's doing.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

macro_rules! lists {
    ($($(#[$doc:meta])* $method:ident: $query:ident => $item:ty, $as_item:expr);* $(;)?) => {
        impl Engine {$(
            $(#[$doc])*
            ///
            /// The page has at most `limit` items, which counts as 1 at least and as [`LIMIT`] at most; see [`crate::listing`].
            ///
            /// # Errors
            /// [`ListError`].
            pub async fn $method(
                &self,
                query: &$query,
                after: Option<&Cursor>,
                limit: usize,
            ) -> Result<Page<$item>, ListError> {
                Ok(list(&self.world, query, after, limit).await?.map($as_item))
            }
        )*}
    };
}

lists! {
    /// Accounts, by birth.
    list_accounts: AccountQuery => Versioned<Account>, |account| account;
    /// Orders, by birth.
    list_orders: OrderQuery => Versioned<Order>, |order| order;
    /// Authorizations with their challenges, by birth.
    list_authorizations: AuthorizationQuery => Versioned<Authorization>, |authorization| authorization;
    /// Certificates, by birth or by the end of their life.
    list_certificates: CertificateQuery => Versioned<Certificate>, |certificate| certificate;
    /// Credentials of external accounts, by birth.
    list_eab_credentials: EabQuery => Versioned<EabCredential>, |credential| credential;
    /// Entries of the audit log, by number.
    list_audit: AuditQuery => AuditEntry, |entry| entry.state;
}

/// What the lists of all kinds differ in.
pub(crate) trait Query: Hash {
    /// What is listed.
    const KIND: Kind;

    /// As what it is stored.
    type State: Snapshot;

    /// Which way.
    fn direction(&self) -> Direction;

    /// Born when.
    fn created(&self) -> Period {
        Period::default()
    }

    /// Where to look: at everything that [`Query::accepts`] accepts, and at little else.
    async fn candidates(&self, world: &World) -> Result<Candidates, StoreError>;

    /// Whether this one passes every filter, at this moment.
    fn accepts(&self, found: &Versioned<Self::State>, now: Timestamp) -> bool;
}

/// Whether a filter is not there, or wants just this.
fn wants<T: PartialEq>(filter: Option<&T>, found: &T) -> bool {
    filter.is_none_or(|wanted| wanted == found)
}

async fn list<Q: Query>(
    world: &World,
    query: &Q,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Page<Versioned<Q::State>>, ListError> {
    let fingerprint = Fingerprint::of(Q::KIND, query);
    let after = after.map(|cursor| cursor.place(&fingerprint)).transpose()?;
    let mut items = Vec::new();
    let next = search(world, query, after, limit.clamp(1, LIMIT), |item| items.push(item)).await?;
    Ok(Page { items, next: next.map(|place| Cursor::new(fingerprint, place)) })
}

async fn count<Q: Query>(world: &World, query: &Q, cap: usize) -> Result<Count, StoreError> {
    let mut number = 0;
    let next = search(world, query, None, cap.max(1), |_| number += 1).await?;
    Ok(Count { number, capped: next.is_some() })
}

/// Takes the next candidates that pass, at most `limit`, and answers where to go on, unless that was the end.
async fn search<Q: Query>(
    world: &World,
    query: &Q,
    after: Option<Found>,
    limit: usize,
    mut take: impl FnMut(Versioned<Q::State>),
) -> Result<Option<Found>, StoreError> {
    let store = &*world.ports.store;
    let (now, period) = (world.ports.clock.now(), query.created());
    let candidates = query.candidates(world).await?;
    let course = Course { kind: Q::KIND, direction: query.direction(), period };
    let mut walk = Merge::new(store, candidates, course, after, limit);
    let (mut taken, mut examined) = (0, 0);
    while let Some(place) = walk.next().await? {
        examined += 1;
        if examined % BREATH == 0 {
            tokio::task::yield_now().await;
        }
        if let Some(found) = candidate::<Q>(world, place.object, period).await?
            && query.accepts(&found, now)
        {
            take(found);
            taken += 1;
        }
        if taken == limit || examined == EXAMINED {
            return Ok(walk.next().await?.map(|_| place));
        }
    }
    Ok(None)
}

/// The object, unless it is not of this list at all, or was forgotten since the walk came by.
async fn candidate<Q: Query>(
    world: &World,
    object: ObjectId,
    period: Period,
) -> Result<Option<Versioned<Q::State>>, StoreError> {
    if object.kind != Q::KIND || !period.contains(object.id) {
        return Ok(None);
    }
    read(&*world.ports.store, object).await
}
