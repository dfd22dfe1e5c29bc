//! How the next certificate of an order comes about that is renewed automatically (RFC 8739 section 2.2).

use chancery_machine::account::{Account, AccountStatus};
use chancery_machine::id::{CertificateId, OrderId};
use chancery_machine::order::{Intent, Order, OrderEvent, OrderState};
use tracing::{info, warn};

use crate::error::{LoadError, TurnError};
use crate::finalize::Undrafted;
use crate::ports::KeySource;
use crate::profiles::EndpointError;
use crate::resident::{Performed, load};
use crate::world::World;

/// Drafts the certificate of the period in which this moment lies. Where it cannot be had as things are, the order notes
/// why, and sleeps again for a while: thousands of orders of one disabled authority do not stay in memory for that.
pub(super) async fn renew(world: &World, id: OrderId, order: &Order) -> Performed<Order> {
    let (OrderState::Renewing { series, .. }, Some(terms)) = (&order.state, &order.terms.auto_renewal) else {
        return Performed::Again("the order is not renewed".into());
    };
    let Some(period) = order.period_at(series, world.ports.clock.now()) else {
        info!(order = %id, issued = series.issued, "the automatic renewal is at its end");
        return Performed::Done(OrderEvent::PeriodPassed, Vec::new());
    };
    if period <= series.period {
        return Performed::Again("its time has not quite come".into());
    }
    match load::<Account>(world, order.terms.account.0).await {
        Ok(account) => match account.state.status() {
            AccountStatus::Valid if account.state.disabled.is_some() => return failed(id, "its account is disabled"),
            AccountStatus::Valid => {}
            // Its first certificate was being signed when the account's work was ended.
            AccountStatus::Deactivated | AccountStatus::Revoked => {
                return Performed::Done(OrderEvent::AccountClosed, Vec::new());
            }
        },
        Err(LoadError::Absent) => return Performed::Done(OrderEvent::AccountClosed, Vec::new()),
        Err(LoadError::Store(error)) => return Performed::Again(error.to_string()),
    }
    let profiles = world.profiles.now();
    if profiles.acme.is_empty() {
        // As at the start, before they are read; and where there is none indeed, nothing can be fetched either.
        return Performed::Again("there are no profiles".into());
    }
    // Who disables an endpoint or an RA Profile means that nothing is issued; what is issued is up to the revisions of then.
    let ra_profile = &order.terms.ra_profile.name;
    let issues = profiles.resolve(&order.terms.endpoint).and_then(|_| match profiles.ra.get(ra_profile) {
        Some(ra_profile) if ra_profile.enabled => Ok(()),
        Some(_) => Err(EndpointError::RaProfileDisabled(ra_profile.clone())),
        None => Err(EndpointError::NoRaProfile(ra_profile.clone())),
    });
    if let Err(error) = issues {
        return failed(id, &error.to_string());
    }
    let (not_before, not_after) = terms.validity(series.first, period);
    let key = KeySource::Renewed(series.public_key.clone());
    match world.draft(&order.terms, key, (Some(not_before), Some(not_after))).await {
        Ok(draft) => {
            let intent = Box::new(Intent { certificate: CertificateId(world.new_id()), draft });
            Performed::Done(OrderEvent::RenewalDrafted { period, intent }, Vec::new())
        }
        Err(Undrafted::Turn(TurnError::Unavailable(reason))) => Performed::Again(reason),
        Err(other @ (Undrafted::Request(_) | Undrafted::Endpoint(_) | Undrafted::Turn(_))) => {
            failed(id, &other.to_string())
        }
    }
}

fn failed(id: OrderId, reason: &str) -> Performed<Order> {
    warn!(order = %id, reason, "the order's next certificate is late; it is tried again");
    Performed::Done(OrderEvent::RenewalFailed(reason.to_owned()), Vec::new())
}
