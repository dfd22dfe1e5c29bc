//! How many orders an account may have. What it wants to prove before it orders counts as an order.
//!
//! They are counted in the store, so that every node comes to the same number, and nothing is kept in memory. So that
//! two orders cannot both take the last place, each order of an account that is limited also writes one small object of
//! the account, whose revision was read before the orders were counted: of two that counted the same, one is refused
//! by the store and counts anew. Within one node they queue up before that, which spares them the trouble.

use std::collections::BTreeSet;
use std::time::Duration;

use chancery_machine::id::AccountId;
use chancery_machine::order::OrderStatus;
use chancery_machine::profile::Limits;
use chancery_machine::time::Timestamp;
use tokio::sync::{Mutex, MutexGuard};

use super::PlaceError;
use crate::engine::Engine;
use crate::error::TurnError;
use crate::ports::{Body, Direction, Found, Kind, ObjectId, Range, Revision, StoreError, Write};
use crate::terms;

const HOUR: Duration = Duration::from_secs(3600);

/// How long the object is kept whose revision guards the count: longer than any count takes.
const KEPT: Duration = Duration::from_secs(86_400);

/// What it consists of; only its revision says something.
const MARK: &[u8] = &[1];

/// How many orders are looked up at a time.
const PAGE: usize = 128;

/// Lets the orders of an account that is limited be placed one after the other.
pub(crate) struct Turns(Vec<Mutex<()>>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..256).map(|_| Mutex::default()).collect())
    }
}

impl Turns {
    /// The account's turn; at once where it has no limit. A few accounts share one queue with it.
    pub(super) async fn take(&self, account: AccountId, limits: &Limits) -> Option<MutexGuard<'_, ()>> {
        let turn = self.0.get(usize::from(account.0.bytes()[15]))?;
        if limited(limits) { Some(turn.lock().await) } else { None }
    }
}

/// Limits that were kept at one moment, and the write by which they still are at the commit; none where there are none.
pub(super) struct Quota<'a> {
    pub(super) limits: &'a Limits,
    pub(super) write: Option<Write>,
}

impl Engine {
    /// What an order of this account has to be stored with, so that the limits hold.
    pub(super) async fn quota<'a>(&self, account: AccountId, limits: &'a Limits) -> Result<Quota<'a>, PlaceError> {
        if !limited(limits) {
            return Ok(Quota { limits, write: None });
        }
        let object = ObjectId { kind: Kind::Quota, id: account.0 };
        // Before anything is counted.
        let before = self.world.ports.store.load(object).await.map_err(TurnError::from)?;
        let expected = before.map_or(Revision::ABSENT, |before| before.revision);
        let now = self.now();
        if let Some(most) = limits.orders_per_hour {
            self.count_placed(account, most, now).await?;
        }
        if let Some(most) = limits.open_orders_per_account {
            self.count_open(account, most, now).await?;
        }
        if let Some(most) = limits.renewing_orders_per_account {
            self.count_renewing(account, most, now).await?;
        }
        let body = Body { forget_at: Some(now.plus(KEPT)), ..Body::plain(MARK.to_vec()) };
        Ok(Quota { limits, write: Some(Write { object, expected, body: Some(body) }) })
    }

    /// Counts what was placed within the last hour: ids begin with the time of birth, so those are the last ones.
    async fn count_placed(&self, account: AccountId, most: u32, now: Timestamp) -> Result<(), PlaceError> {
        let enough = usize::try_from(most).unwrap_or(usize::MAX);
        let hour_ago = now.minus(HOUR);
        let mut placed = BTreeSet::new();
        // In the order in which orders go through them: one that moves on meanwhile is met twice, and not missed.
        let orders = OrderStatus::ALL.iter().map(|state| terms::account_orders(account, *state));
        for term in orders.chain([terms::pre_authorized(account)]) {
            let mut walk = Walk::through(Range::of(term), Direction::Descending);
            let mut of_this_term = 0;
            'walk: while of_this_term < enough
                && let Some(page) = walk.next(self).await.map_err(TurnError::from)?
            {
                for id in page.into_iter().map(|found| found.object.id) {
                    if id.born() <= hour_ago {
                        break 'walk;
                    }
                    placed.insert(id);
                    of_this_term += 1;
                }
            }
        }
        if placed.len() < enough {
            return Ok(());
        }
        // When that one is an hour old, there are fewer than `most`.
        let oldest = enough.checked_sub(1).and_then(|nth| placed.iter().rev().nth(nth));
        Err(PlaceError::RateLimited {
            detail: format!("an account may place {most} orders within an hour here, and this one has"),
            retry_after: oldest.map_or(HOUR, |oldest| oldest.born().plus(HOUR).since(now)),
        })
    }

    /// Counts what can still be proven or finalized. Nobody has to have told it that it has run out.
    async fn count_open(&self, account: AccountId, most: u32, now: Timestamp) -> Result<(), PlaceError> {
        let full = self.full(terms::open_past(account, now), most, now).await?;
        // The next one that runs out makes room; one that is finalized does so earlier.
        full.map_or(Ok(()), |retry_after| {
            let detail = format!(
                "an account may have {most} open orders and pre-authorizations here, and this one has; complete some of them"
            );
            Err(PlaceError::RateLimited { detail, retry_after })
        })
    }

    /// Counts the orders for which certificates of automatic renewal are to come, or are once they are finalized.
    async fn count_renewing(&self, account: AccountId, most: u32, now: Timestamp) -> Result<(), PlaceError> {
        let full = self.full(terms::renewing_past(account, now), most, now).await?;
        full.map_or(Ok(()), |retry_after| {
            let detail = format!(
                "an account may have {most} orders with automatic renewal at a time here, open ones counted, and this one \
                 has; cancel some of them"
            );
            Err(PlaceError::RateLimited { detail, retry_after })
        })
    }

    /// When another try may be worth it, if there are as many as may be; their terms state until when each counts.
    async fn full(&self, range: Range, most: u32, now: Timestamp) -> Result<Option<Duration>, PlaceError> {
        let enough = usize::try_from(most).unwrap_or(usize::MAX);
        let mut walk = Walk::through(range, Direction::Ascending);
        let (mut count, mut first_end) = (0, None);
        while count < enough
            && let Some(page) = walk.next(self).await.map_err(TurnError::from)?
        {
            first_end = first_end.or_else(|| terms::until_of(&page.first()?.term));
            count += page.len();
        }
        let pause = || first_end.map_or(HOUR, |end| end.since(now).min(HOUR));
        Ok((count >= enough).then(pause))
    }
}

const fn limited(limits: &Limits) -> bool {
    limits.open_orders_per_account.is_some()
        || limits.orders_per_hour.is_some()
        || limits.renewing_orders_per_account.is_some()
}

/// Goes through an account's orders page by page, and loads none of them.
struct Walk {
    range: Range,
    direction: Direction,
    after: Option<Found>,
    over: bool,
}

impl Walk {
    const fn through(range: Range, direction: Direction) -> Self {
        Self { range, direction, after: None, over: false }
    }

    async fn next(&mut self, engine: &Engine) -> Result<Option<Vec<Found>>, StoreError> {
        if self.over {
            return Ok(None);
        }
        let page = engine.world.ports.store.walk(&self.range, self.direction, self.after.as_ref(), PAGE).await?;
        self.over = page.len() < PAGE;
        self.after = page.last().cloned();
        if !self.over {
            // Reads of the embedded store never wait, and a limit may be a hundred thousand: others get their turn.
            tokio::task::yield_now().await;
        }
        Ok(Some(page))
    }
}
