//! Lists of orders.

use chancery_machine::id::AccountId;
use chancery_machine::identifier::Subject;
use chancery_machine::order::{Order, OrderStatus};
use chancery_machine::profile::ProfileName;
use chancery_machine::time::Timestamp;

use crate::engine::Engine;
use crate::error::LoadError;
use crate::listing::merge::Candidates;
use crate::listing::period::Period;
use crate::listing::{BREATH, Count, Query, count, wants};
use crate::ports::{Direction, Found, Kind, Range, StoreError, Term};
use crate::resident::{Versioned, load};
use crate::terms;
use crate::world::World;

/// How many orders of one status are counted.
const COUNTED: usize = 10_000;

/// Which orders, and in which direction by birth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OrderQuery {
    /// Those of this account.
    pub account: Option<AccountId>,
    /// Those that have this status now.
    pub status: Option<OrderStatus>,
    /// Those under this ACME Profile.
    pub acme_profile: Option<ProfileName>,
    /// Those whose certificates this RA Profile issues.
    pub ra_profile: Option<ProfileName>,
    /// Those for this subject, among others.
    pub name: Option<Subject>,
    /// Those that were placed at this moment or later.
    pub created_from: Option<Timestamp>,
    /// Those that were placed before this moment.
    pub created_to: Option<Timestamp>,
    /// Oldest or newest first.
    pub direction: Direction,
}

/// How many orders an account has, by their status now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of RFC 8555 section 7.1.6")]
pub struct OrderCounts {
    pub pending: Count,
    pub ready: Count,
    pub processing: Count,
    pub valid: Count,
    pub invalid: Count,
    pub canceled: Count,
}

impl OrderQuery {
    /// The terms under which lists find an order. They are part of the store's format.
    #[must_use]
    pub fn terms_of(order: &Order) -> Vec<Term> {
        let (asked, stored) = (&order.terms, order.stored_status());
        let mut terms = vec![
            terms::account_orders(asked.account, stored),
            terms::orders_at(&asked.acme_profile.name),
            terms::orders_by(&asked.ra_profile.name),
        ];
        terms.extend(match stored {
            OrderStatus::Pending | OrderStatus::Ready | OrderStatus::Processing => Some(terms::open_orders()),
            OrderStatus::Invalid => Some(terms::invalid_orders()),
            OrderStatus::Canceled => Some(terms::canceled_orders()),
            // Most are: whoever looks for these goes through all.
            OrderStatus::Valid => None,
        });
        terms.extend(asked.subjects.iter().map(terms::orders_for));
        terms
    }

    /// As what an order may be stored that has the wanted status by now: the clock alone makes open ones invalid.
    fn stored(&self) -> &'static [OrderStatus] {
        match self.status {
            None => OrderStatus::ALL,
            Some(OrderStatus::Pending) => &[OrderStatus::Pending],
            Some(OrderStatus::Ready) => &[OrderStatus::Ready],
            Some(OrderStatus::Processing) => &[OrderStatus::Processing],
            Some(OrderStatus::Valid) => &[OrderStatus::Valid],
            Some(OrderStatus::Invalid) => &[OrderStatus::Pending, OrderStatus::Ready, OrderStatus::Invalid],
            Some(OrderStatus::Canceled) => &[OrderStatus::Canceled],
        }
    }
}

impl Query for OrderQuery {
    const KIND: Kind = Kind::Order;
    type State = Order;

    fn direction(&self) -> Direction {
        self.direction
    }

    fn created(&self) -> Period {
        Period { from: self.created_from, to: self.created_to }
    }

    async fn candidates(&self, _: &World) -> Result<Candidates, StoreError> {
        Ok(if let Some(name) = &self.name {
            Candidates::under([terms::orders_for(name)])
        } else if let Some(account) = self.account {
            Candidates::under(self.stored().iter().map(|&status| terms::account_orders(account, status)))
        } else if self.status.is_some_and(|status| !status.is_final()) {
            // What is under way is less than what a profile has seen in its time.
            Candidates::under([terms::open_orders()])
        } else if let Some(ra_profile) = &self.ra_profile {
            Candidates::under([terms::orders_by(ra_profile)])
        } else if let Some(acme_profile) = &self.acme_profile {
            Candidates::under([terms::orders_at(acme_profile)])
        } else if self.status == Some(OrderStatus::Invalid) {
            // The clock alone makes open ones invalid.
            Candidates::under([terms::open_orders(), terms::invalid_orders()])
        } else if self.status == Some(OrderStatus::Canceled) {
            Candidates::under([terms::canceled_orders()])
        } else {
            Candidates::ById(vec![Range::Kind(Self::KIND)])
        })
    }

    fn accepts(&self, found: &Versioned<Order>, now: Timestamp) -> bool {
        let asked = &found.state.terms;
        wants(self.account.as_ref(), &asked.account)
            && wants(self.status.as_ref(), &found.state.status(now))
            && wants(self.acme_profile.as_ref(), &asked.acme_profile.name)
            && wants(self.ra_profile.as_ref(), &asked.ra_profile.name)
            && self.name.as_ref().is_none_or(|name| asked.subjects.contains(name))
    }
}

impl Engine {
    /// How many orders pass, counted as far as `cap`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_orders_that(&self, query: &OrderQuery, cap: usize) -> Result<Count, StoreError> {
        count(&self.world, query, cap).await
    }

    /// How many orders an account has by their status now: each as far as 10,000 that are stored with it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_orders(&self, account: AccountId) -> Result<OrderCounts, StoreError> {
        let mut counts = OrderCounts::default();
        for &stored in OrderStatus::ALL {
            counts.add(&self.world, account, stored).await?;
        }
        Ok(counts)
    }
}

impl OrderCounts {
    /// Adds the orders that are stored with this status. Only of open ones the clock may have made something else.
    async fn add(&mut self, world: &World, account: AccountId, stored: OrderStatus) -> Result<(), StoreError> {
        let range = Range::of(terms::account_orders(account, stored));
        let now = world.ports.clock.now();
        let (mut after, mut seen) = (None::<Found>, 0);
        loop {
            let page = world.ports.store.walk(&range, Direction::Ascending, after.as_ref(), BREATH).await?;
            for place in &page {
                if seen == COUNTED {
                    self.cap(stored);
                    return Ok(());
                }
                seen += 1;
                let status = match stored {
                    OrderStatus::Processing | OrderStatus::Valid | OrderStatus::Invalid | OrderStatus::Canceled => {
                        stored
                    }
                    OrderStatus::Pending | OrderStatus::Ready => match load::<Order>(world, place.object.id).await {
                        Ok(order) => order.state.status(now),
                        // Forgotten since the walk came by.
                        Err(LoadError::Absent) => continue,
                        Err(LoadError::Store(error)) => return Err(error),
                    },
                };
                self.of(status).number += 1;
            }
            if page.len() < BREATH {
                return Ok(());
            }
            after = page.into_iter().next_back();
            tokio::task::yield_now().await;
        }
    }

    fn cap(&mut self, stored: OrderStatus) {
        self.of(stored).capped = true;
        // Among those that were not looked at, some may have lapsed.
        self.invalid.capped |= matches!(stored, OrderStatus::Pending | OrderStatus::Ready);
    }

    const fn of(&mut self, status: OrderStatus) -> &mut Count {
        match status {
            OrderStatus::Pending => &mut self.pending,
            OrderStatus::Ready => &mut self.ready,
            OrderStatus::Processing => &mut self.processing,
            OrderStatus::Valid => &mut self.valid,
            OrderStatus::Invalid => &mut self.invalid,
            OrderStatus::Canceled => &mut self.canceled,
        }
    }
}
