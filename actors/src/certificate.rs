//! The certificate in the engine: how it is found, and how its revocation is published.

use std::sync::Arc;

use chancery_machine::certificate::{Certificate, CertificateEffect, CertificateEvent, CertificateState};
use chancery_machine::id::Id;
use chancery_machine::machine::Machine;
use chancery_machine::snapshot;
use tokio::sync::oneshot;

use crate::crl::Publish;
use crate::listing::CertificateQuery;
use crate::ports::{Body, Kind};
use crate::resident::{Performance, Performed, Role};
use crate::terms;
use crate::world::World;

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
