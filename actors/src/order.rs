//! The order in the engine: how it is found, and how its certificate is signed.

mod renewing;

use std::sync::Arc;

use chancery_machine::certificate::{Certificate, CertificateRecord};
use chancery_machine::id::{Id, OrderId};
use chancery_machine::order::{Intent, Order, OrderEffect, OrderEvent, OrderState};
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::snapshot;
use chancery_machine::time::Timestamp;
use tracing::{error, info};

use crate::listing::OrderQuery;
use crate::ports::{Body, Kind, SignError};
use crate::resident::{Performance, Performed, Role, creation};
use crate::terms::{self, sha256};
use crate::world::World;

impl Role for Order {
    const KIND: Kind = Kind::Order;

    fn body(&self, world: &World) -> Body {
        let account = self.terms.account;
        // As long as what it replaced is known, so is that it was replaced.
        let replaced = self.terms.replaces.as_ref().map_or(Timestamp::EPOCH, |predecessor| predecessor.not_after);
        let (mut terms, over) = match &self.state {
            OrderState::Pending { .. } | OrderState::Ready => {
                let expires = self.terms.expires;
                (vec![terms::orders_of(account), terms::open_until(account, expires)], Some(expires))
            }
            OrderState::Processing { .. } => (vec![terms::orders_of(account)], None),
            OrderState::Valid { not_after, .. } => (vec![terms::orders_of(account)], Some(replaced.max(*not_after))),
            OrderState::Invalid { at, .. } => (Vec::new(), Some(*at)),
            OrderState::Renewing { series, .. } | OrderState::Reissuing { series, .. } => {
                let end = self.terms.auto_renewal.map_or(series.not_after, |terms| terms.end);
                (vec![terms::orders_of(account), terms::renewing_of(account)], Some(replaced.max(end)))
            }
            OrderState::Canceled { series, at, .. } => {
                (vec![terms::orders_of(account)], Some(replaced.max(series.not_after).max(*at)))
            }
        };
        terms.extend(self.renews_until().map(|end| terms::renewing_until(account, end)));
        terms.extend(self.asleep_until().map(terms::due));
        terms.extend(OrderQuery::terms_of(self));
        Body {
            bytes: snapshot::encode(self),
            owes: matches!(self.state, OrderState::Processing { .. } | OrderState::Reissuing { .. }),
            terms,
            unique: Vec::new(),
            forget_at: over.map(|over| over.plus(world.settings.retention)),
        }
    }

    fn due(effect: &OrderEffect) -> Option<Timestamp> {
        match effect {
            OrderEffect::Sign(_) => None,
            OrderEffect::Renew { due } => Some(*due),
        }
    }

    fn asleep_until(&self) -> Option<Timestamp> {
        match self.state {
            OrderState::Renewing { due, .. } => due,
            OrderState::Pending { .. }
            | OrderState::Ready
            | OrderState::Processing { .. }
            | OrderState::Valid { .. }
            | OrderState::Invalid { .. }
            | OrderState::Reissuing { .. }
            | OrderState::Canceled { .. } => None,
        }
    }

    fn perform(world: Arc<World>, id: Id, state: Self, effect: OrderEffect) -> Performance<Self> {
        match effect {
            OrderEffect::Sign(_) => Box::pin(async move { sign(&world, OrderId(id), &state).await }),
            OrderEffect::Renew { .. } => Box::pin(async move { renewing::renew(&world, OrderId(id), &state).await }),
        }
    }
}

async fn sign(world: &World, id: OrderId, order: &Order) -> Performed<Order> {
    let (intent, period) = match &order.state {
        OrderState::Processing { intent } => (intent, order.terms.auto_renewal.map(|_| 0)),
        // Found so after days: it would only be followed by another one at once, or is too late.
        OrderState::Reissuing { series, period, .. }
            if order.period_at(series, world.ports.clock.now()) != Some(*period) =>
        {
            return Performed::Done(OrderEvent::PeriodPassed, Vec::new());
        }
        OrderState::Reissuing { series, intent, period } => {
            if let Err(instead) = renewing::signable(world, id, order, (series, intent)).await {
                return instead;
            }
            (intent, Some(*period))
        }
        OrderState::Pending { .. }
        | OrderState::Ready
        | OrderState::Valid { .. }
        | OrderState::Invalid { .. }
        | OrderState::Renewing { .. }
        | OrderState::Canceled { .. } => return Performed::Again("the order has nothing to sign".into()),
    };
    match world.issuer.sign(intent.draft.clone()).await {
        Ok(Ok(der)) => {
            let certificate = certificate(world, id, order, (intent, period), der);
            let Some(subject) = order.terms.subjects.first() else {
                return Performed::Again("the order has no identifiers".into());
            };
            let names = order.terms.subjects.len();
            info!(order = %id, certificate = %intent.certificate, %subject, names, period, "issued");
            let creation = creation(world, intent.certificate.0, &certificate);
            Performed::Done(OrderEvent::Issued(intent.certificate), vec![creation])
        }
        Ok(Err(SignError::Refused(finding))) => {
            error!(order = %id, finding, "the stored intent does not pass the lint; the order fails");
            let detail = "the server could not issue the certificate; its operator finds the reason in the log";
            Performed::Done(OrderEvent::IssuanceFailed(Problem::new(ProblemType::ServerInternal, detail)), Vec::new())
        }
        Ok(Err(SignError::Unavailable(reason))) => Performed::Again(reason),
        Err(_) => Performed::Again("the server is stopping".into()),
    }
}

fn certificate(
    world: &World,
    id: OrderId,
    order: &Order,
    (intent, period): (&Intent, Option<u64>),
    der: Vec<u8>,
) -> Certificate {
    let draft = &intent.draft;
    Certificate::issued(CertificateRecord {
        order: Some((order.terms.account, id)),
        authority: draft.authority,
        serial: draft.serial.clone(),
        subjects: order.terms.subjects.clone(),
        not_before: draft.not_before,
        not_after: draft.not_after,
        issued: world.ports.clock.now(),
        spki_sha256: sha256(&draft.public_key),
        der,
        profiles: Some((order.terms.acme_profile.clone(), order.terms.ra_profile.clone())),
        period,
    })
}
