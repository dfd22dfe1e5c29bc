//! The certificate in the engine: how it is found, and how its revocation is published.

use std::sync::Arc;

use chancery_machine::certificate::{
    Certificate, CertificateEffect, CertificateEvent, CertificateState, RevocationReason,
};
use chancery_machine::id::{Id, OrderId};
use chancery_machine::machine::Machine;
use chancery_machine::order::{Order, OrderEvent};
use chancery_machine::snapshot;
use tokio::sync::oneshot;

use crate::audit::{Along, Deed};
use crate::crl::Publish;
use crate::engine::Engine;
use crate::error::{LoadError, TurnError};
use crate::listing::CertificateQuery;
use crate::ports::{Body, Kind, Revision};
use crate::resident::{Performance, Performed, Role, Versioned, load};
use crate::terms;
use crate::world::World;

impl Engine {
    /// Revokes a certificate for an operator. Where it is one of those of an order that is renewed automatically, the order
    /// is canceled in the same commit: the next certificate would have the same key and the same names. `describe` and
    /// `describe_order` say what the log has of both.
    ///
    /// # Errors
    /// [`TurnError`]; [`TurnError::GuardChanged`] if the certificate has another revision than was seen.
    pub async fn administer_revocation(
        &self,
        who: &str,
        certificate: &Versioned<Certificate>,
        reason: Option<RevocationReason>,
        seen: Option<Revision>,
        describe: impl Fn(&Certificate, &Certificate) -> Deed + Clone + Send + 'static,
        describe_order: impl Fn(OrderId, &Order, &Order) -> Deed,
    ) -> Result<Versioned<Certificate>, TurnError> {
        let record = &certificate.state.record;
        let order = record.order.filter(|_| record.period.is_some()).map(|(_, order)| order);
        let along = async || {
            let Some(id) = order else { return Ok(Along::default()) };
            let found = match load::<Order>(&self.world, id.0).await {
                Ok(found) => found,
                Err(LoadError::Absent) => return Ok(Along::default()),
                Err(LoadError::Store(error)) => return Err(error.into()),
            };
            // It may be canceled, or at its end, already.
            if found.state.renews_until().is_none() {
                return Ok(Along::default());
            }
            let Ok(step) = found.state.apply(OrderEvent::Cancelled, self.now()) else { return Ok(Along::default()) };
            Ok(Along {
                writes: vec![found.write(Kind::Order, Some(step.next.body(&self.world)))],
                deeds: vec![describe_order(id, &found.state, &step.next)],
            })
        };
        let event = CertificateEvent::Revoked(reason);
        self.administer_along(who, certificate.id, event, seen, describe, along).await
    }
}

impl Role for Certificate {
    const KIND: Kind = Kind::Certificate;

    fn body(&self, world: &World) -> Body {
        let record = &self.record;
        let mut terms = CertificateQuery::terms_of(self);
        if let CertificateState::Revoked { .. } = self.state {
            terms.push(terms::revoked(record.authority));
        }
        Body {
            bytes: snapshot::encode(self),
            owes: !self.owed().is_empty(),
            terms,
            unique: vec![terms::serial(record.authority, &record.serial), terms::certificate(&record.der)],
            // A revoked certificate stands in one CRL beyond its own end (RFC 5280 section 3.3): the retention is longer.
            forget_at: Some(record.not_after.plus(world.settings.retention.max(world.settings.crl_validity))),
        }
    }

    fn perform(world: Arc<World>, _: Id, state: Self, effect: CertificateEffect) -> Performance<Self> {
        match effect {
            CertificateEffect::PublishRevocation => Box::pin(async move {
                let (reply, published) = oneshot::channel();
                let publish = Publish { authority: state.record.authority, reply };
                let sent = world.actors().is_ok_and(|actors| actors.publisher.try_send(publish).is_ok());
                match published.await {
                    Ok(number) if sent => Performed::Done(CertificateEvent::RevocationPublished(number), Vec::new()),
                    Ok(_) | Err(_) => Performed::Again("no CRL could be published".into()),
                }
            }),
        }
    }
}
