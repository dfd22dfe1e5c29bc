//! How many orders an account may have.
//!
//! Orders are counted in the store, so that every node comes to the same number, and nothing is kept in memory. So that
//! two orders cannot both take the last place, each order of an account that is limited also writes one small object of
//! the account, whose revision was read before the orders were counted: of two that counted the same, one is refused
//! by the store and counts anew. Within one node they queue up before that, which spares them the trouble.

use std::collections::BTreeSet;
use std::time::Duration;

use chancery_machine::id::{AccountId, Id, OrderId};
use chancery_machine::order::{Order, OrderEvent, OrderStatus};
use chancery_machine::profile::{AcmeProfile, Limits};
use chancery_machine::time::Timestamp;
use futures::future::join_all;
use tokio::sync::{Mutex, MutexGuard};

use super::PlaceError;
use crate::engine::Engine;
use crate::error::{LoadError, TurnError};
use crate::ports::{Body, Direction, Found, Kind, ObjectId, Range, Revision, StoreError, Write};
use crate::resident::load;
use crate::terms;

const HOUR: Duration = Duration::from_secs(3600);

/// How long the object is kept whose revision guards the count: longer than any count takes.
const KEPT: Duration = Duration::from_secs(86_400);

/// What it consists of; only its revision says something.
const MARK: &[u8] = &[1];

/// How many orders are looked up at a time.
const PAGE: usize = 128;

/// Every state of an order, in the order in which it goes through them: who walks through the orders of each state in turn
/// meets one that moves on meanwhile twice, and does not miss it.
const STATES: [OrderStatus; 5] =
    [OrderStatus::Pending, OrderStatus::Ready, OrderStatus::Processing, OrderStatus::Valid, OrderStatus::Invalid];

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

impl Engine {
    /// The write that an order of this account has to be stored with, so that the limits hold; none where there are none.
    pub(super) async fn quota(&self, account: AccountId, profile: &AcmeProfile) -> Result<Option<Write>, PlaceError> {
        let limits = &profile.limits;
        if !limited(limits) {
            return Ok(None);
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
        let body = Body {
            bytes: MARK.to_vec(),
            owes: false,
            terms: Vec::new(),
            unique: Vec::new(),
            forget_at: Some(now.plus(KEPT)),
        };
        Ok(Some(Write { object, expected, body: Some(body) }))
    }

    /// Counts what was placed within the last hour: ids begin with the time of birth, so those are the last ones.
    async fn count_placed(&self, account: AccountId, most: u32, now: Timestamp) -> Result<(), PlaceError> {
        let enough = usize::try_from(most).unwrap_or(usize::MAX);
        let hour_ago = now.minus(HOUR);
        let mut placed = BTreeSet::new();
        for state in STATES {
            let mut walk = Walk::through(account, state);
            let mut of_this_state = 0;
            'walk: while of_this_state < enough
                && let Some(page) = walk.next(self).await.map_err(TurnError::from)?
            {
                for id in page {
                    if id.born() <= hour_ago {
                        break 'walk;
                    }
                    placed.insert(id);
                    of_this_state += 1;
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

    /// Counts what can still be finalized. What has run out, and nobody has touched since, is told so, and is not met again.
    async fn count_open(&self, account: AccountId, most: u32, now: Timestamp) -> Result<(), PlaceError> {
        let enough = usize::try_from(most).unwrap_or(usize::MAX);
        let mut open = BTreeSet::new();
        let mut first_end = now.plus(HOUR);
        for state in [OrderStatus::Pending, OrderStatus::Ready] {
            let mut walk = Walk::through(account, state);
            while open.len() < enough
                && let Some(page) = walk.next(self).await.map_err(TurnError::from)?
            {
                let orders = join_all(page.into_iter().map(|id| load::<Order>(&self.world, id))).await;
                let mut lapsed = Vec::new();
                for order in orders {
                    let order = match order {
                        Ok(order) => order,
                        Err(LoadError::Absent) => continue,
                        Err(LoadError::Store(error)) => return Err(TurnError::from(error).into()),
                    };
                    match order.state.status(now) {
                        OrderStatus::Pending | OrderStatus::Ready => {
                            open.insert(order.id);
                            first_end = first_end.min(order.state.terms.expires);
                        }
                        OrderStatus::Invalid => lapsed.push(OrderId(order.id)),
                        OrderStatus::Processing | OrderStatus::Valid => {}
                    }
                }
                self.end_lapsed(lapsed).await;
            }
        }
        if open.len() < enough {
            return Ok(());
        }
        Err(PlaceError::RateLimited {
            detail: format!("an account may have {most} open orders here, and this one has; finalize some of them"),
            // The next one that runs out makes room; one that is finalized does so earlier.
            retry_after: first_end.since(now),
        })
    }

    async fn end_lapsed(&self, orders: Vec<OrderId>) {
        let told = orders.into_iter().map(|order| self.world.send::<Order>(order.0, OrderEvent::Expired, &[]));
        // If it fails they are met once more, and that is all.
        join_all(told).await;
    }
}

const fn limited(limits: &Limits) -> bool {
    limits.open_orders_per_account.is_some() || limits.orders_per_hour.is_some()
}

/// Goes through an account's orders in one state, the latest first.
struct Walk {
    range: Range,
    after: Option<Found>,
    over: bool,
}

impl Walk {
    fn through(account: AccountId, state: OrderStatus) -> Self {
        Self { range: Range::of(terms::account_orders(account, state)), after: None, over: false }
    }

    async fn next(&mut self, engine: &Engine) -> Result<Option<Vec<Id>>, StoreError> {
        if self.over {
            return Ok(None);
        }
        let store = &engine.world.ports.store;
        let page = store.walk(&self.range, Direction::Descending, self.after.as_ref(), PAGE).await?;
        self.over = page.len() < PAGE;
        self.after = page.last().cloned();
        if !self.over {
            // Reads of the embedded store never wait, and a limit may be a hundred thousand: others get their turn.
            tokio::task::yield_now().await;
        }
        Ok(Some(page.into_iter().map(|found| found.object.id).collect()))
    }
}
