//! How the next certificate of an order comes about that is renewed automatically (RFC 8739 section 2.2).

use std::time::Duration;

use chancery_machine::account::{Account, AccountStatus};
use chancery_machine::auto_renewal::Series;
use chancery_machine::id::{CertificateId, Id, OrderId};
use chancery_machine::order::{Intent, Order, OrderEvent, OrderState};
use chancery_machine::problem::{Problem, ProblemType};
use tracing::{info, warn};

use crate::caa::{FRESH, NotPermitted};
use crate::engine::Engine;
use crate::error::{LoadError, TurnError};
use crate::finalize::Undrafted;
use crate::ports::{Direction, Found, KeySource, StoreError};
use crate::profiles::EndpointError;
use crate::resident::{Performed, Versioned, load};
use crate::terms::{self, sha256};
use crate::world::World;

/// Why the next certificate is not issued now.
enum Bar {
    /// The account is closed, and no other will be.
    Closed,
    /// Not as things are; for operators.
    Unfit(String),
    /// It is not known; in a moment it may be.
    Again(String),
}

impl Engine {
    /// Orders for which certificates of automatic renewal are to come, at most `limit`, and where to go on after them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn renewing_orders(
        &self,
        after: Option<&Found>,
        limit: usize,
    ) -> Result<(Vec<Versioned<Order>>, Option<Found>), StoreError> {
        let page = self.world.ports.store.walk(&terms::renewing(), Direction::Ascending, after, limit).await?;
        let next = page.last().filter(|_| page.len() == limit).cloned();
        let mut orders = Vec::with_capacity(page.len());
        for found in page {
            match load::<Order>(&self.world, found.object.id).await {
                Ok(order) if order.state.renews_until().is_some_and(|end| end > self.now()) => orders.push(order),
                Ok(_) | Err(LoadError::Absent) => {}
                Err(LoadError::Store(error)) => return Err(error),
            }
        }
        Ok((orders, next))
    }
}

/// Drafts the certificate of the period in which this moment lies. Where it cannot be had as things are, the order notes
/// why, and sleeps again for a while: thousands of orders of one disabled authority do not stay in memory for that.
pub(super) async fn renew(world: &World, id: OrderId, order: &Order) -> Performed<Order> {
    let (OrderState::Renewing { series, .. }, Some(terms)) = (&order.state, &order.terms.auto_renewal) else {
        return Performed::Again("the order is not renewed".into());
    };
    let share = share(&world.node, id.0, world.settings.spread.min(terms.pause().into()));
    if !share.is_zero() {
        tokio::time::sleep(share).await;
        match load::<Order>(world, id.0).await {
            Ok(stored) if stored.state == *order => {}
            // Another engine was faster. Nothing has passed, and the order, asked for that, finds its memory out of date.
            Ok(_) | Err(LoadError::Absent) => return Performed::Done(OrderEvent::PeriodPassed, Vec::new()),
            Err(LoadError::Store(error)) => return Performed::Again(error.to_string()),
        }
    }
    let Some(period) = order.period_at(series, world.ports.clock.now()) else {
        info!(order = %id, issued = series.issued, "the automatic renewal is at its end");
        return Performed::Done(OrderEvent::PeriodPassed, Vec::new());
    };
    if period <= series.period {
        return Performed::Again("its time has not quite come".into());
    }
    let ready = async {
        unbarred(world, order).await?;
        permitted(world, order, series).await
    };
    match ready.await {
        Ok(()) => {}
        Err(Bar::Closed) => return Performed::Done(OrderEvent::AccountClosed, Vec::new()),
        Err(Bar::Unfit(reason)) => return failed(id, reason),
        Err(Bar::Again(reason)) => return Performed::Again(reason),
    }
    let (not_before, not_after) = terms.validity(series.first, period);
    let key = KeySource::Renewed(series.public_key.clone());
    match world.draft(&order.terms, key, (Some(not_before), Some(not_after))).await {
        Ok(draft) => {
            let certificate = CertificateId(world.new_id());
            let intent = Box::new(Intent { certificate, draft, methods: Vec::new() });
            Performed::Done(OrderEvent::RenewalDrafted { period, intent }, Vec::new())
        }
        Err(Undrafted::Turn(TurnError::Unavailable(reason))) => Performed::Again(reason),
        Err(other @ (Undrafted::Request(_) | Undrafted::Endpoint(_) | Undrafted::Turn(_))) => {
            failed(id, other.to_string())
        }
    }
}

/// Whether the intent of such an order may be signed: it may have waited for that since before an operator, or the client,
/// put an end to it. If not, what comes of it instead.
pub(super) async fn signable(
    world: &World,
    id: OrderId,
    order: &Order,
    (series, intent): (&Series, &Intent),
) -> Result<(), Performed<Order>> {
    let still = async {
        unbarred(world, order).await?;
        if !world.ports.issue.issues(intent.draft.authority) {
            let error = EndpointError::AuthorityDisabled(order.terms.ra_profile.name.clone());
            return Err(Bar::Unfit(error.to_string()));
        }
        // They were asked for before it was drafted.
        if world.ports.clock.now().since(intent.certificate.0.born()) < FRESH {
            return Ok(());
        }
        permitted(world, order, series).await
    };
    still.await.map_err(|bar| match bar {
        Bar::Closed => Performed::Done(OrderEvent::AccountClosed, Vec::new()),
        Bar::Unfit(reason) => {
            warn!(order = %id, reason, "the order's next certificate is not signed; another is drafted later");
            let problem = Problem::new(ProblemType::ServerInternal, reason);
            Performed::Done(OrderEvent::IssuanceFailed(problem), Vec::new())
        }
        Bar::Again(reason) => Performed::Again(reason),
    })
}

/// Whether the account and the profiles still let certificates be issued.
async fn unbarred(world: &World, order: &Order) -> Result<(), Bar> {
    match load::<Account>(world, order.terms.account.0).await {
        Ok(account) => match account.state.status() {
            AccountStatus::Valid if account.state.disabled.is_some() => {
                return Err(Bar::Unfit("its account is disabled".into()));
            }
            AccountStatus::Valid => {}
            // Its first certificate was being signed when the account's work was ended.
            AccountStatus::Deactivated | AccountStatus::Revoked => return Err(Bar::Closed),
        },
        Err(LoadError::Absent) => return Err(Bar::Closed),
        Err(LoadError::Store(error)) => return Err(Bar::Again(error.to_string())),
    }
    let profiles = world.profiles.now();
    if profiles.acme.is_empty() {
        // As at the start, before they are read; and where there is none indeed, nothing can be fetched either.
        return Err(Bar::Again("there are no profiles".into()));
    }
    // Who disables an endpoint or an RA Profile means that nothing is issued; what is issued is up to the revisions of then.
    let ra_profile = &order.terms.ra_profile.name;
    let issues = profiles.resolve(&order.terms.endpoint).and_then(|_| match profiles.ra.get(ra_profile) {
        Some(ra_profile) if ra_profile.enabled => Ok(()),
        Some(_) => Err(EndpointError::RaProfileDisabled(ra_profile.clone())),
        None => Err(EndpointError::NoRaProfile(ra_profile.clone())),
    });
    issues.map_err(|error| Bar::Unfit(error.to_string()))
}

/// Whether CAA records allow it, as for a certificate that a client asks for.
async fn permitted(world: &World, order: &Order, series: &Series) -> Result<(), Bar> {
    world.permitted(order, &series.methods).await.map_err(|error| match error {
        NotPermitted::Turn(error) if error.passes() => Bar::Again(error.to_string()),
        error @ (NotPermitted::Caa(_) | NotPermitted::Endpoint(_) | NotPermitted::Turn(_)) => {
            Bar::Unfit(error.to_string())
        }
    })
}

fn failed(id: OrderId, reason: String) -> Performed<Order> {
    warn!(order = %id, reason, "the order's next certificate is late; it is tried again");
    Performed::Done(OrderEvent::RenewalFailed(reason), Vec::new())
}

/// How long this engine leaves an order to the others at the store: each engine waits for something else, so that the
/// first has usually stored what it did when the next one looks.
fn share(node: &[u8; 16], id: Id, spread: Duration) -> Duration {
    let digest = sha256(&[&node[..], &id.bytes()[..]].concat());
    let [first, second, ..] = digest;
    spread * u32::from(u16::from_be_bytes([first, second])) / (u32::from(u16::MAX) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_has_its_own_share_of_each_order() {
        let (spread, ids) = (Duration::from_secs(5), (0..=u8::MAX).map(|byte| Id::from_bytes([byte; 16])));
        let (mut sooner, mut shares) = (0, std::collections::BTreeSet::new());
        for id in ids {
            assert_eq!(share(&[1; 16], id, Duration::ZERO), Duration::ZERO, "alone, it waits for nobody");
            let [one, two] = [[1; 16], [2; 16]].map(|node| share(&node, id, spread));
            assert!(one < spread && two < spread);
            assert_eq!(share(&[1; 16], id, spread), one, "always the same");
            sooner += u32::from(one < two);
            shares.insert(one);
        }
        assert!(shares.len() > 200, "orders are spread: {}", shares.len());
        assert!((64..192).contains(&sooner), "neither is always the first: {sooner}");
    }
}
