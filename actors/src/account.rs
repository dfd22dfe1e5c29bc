//! The account in the engine: how it is found, and how its work ends when it is closed.

use std::sync::Arc;

use chancery_machine::account::{Account, AccountEffect, AccountEvent};
use chancery_machine::authorization::{Authorization, AuthorizationEvent};
use chancery_machine::id::{AccountId, Id};
use chancery_machine::machine::Machine;
use chancery_machine::order::{Order, OrderEvent};
use chancery_machine::snapshot;

use crate::error::TurnError;
use crate::listing::AccountQuery;
use crate::ports::{Body, Kind, ObjectId};
use crate::resident::{Performance, Performed, Role};
use crate::terms;
use crate::world::World;

/// How many orders and authorizations are looked up at a time.
const PAGE: usize = 256;

impl Role for Account {
    const KIND: Kind = Kind::Account;

    fn body(&self, _: &World) -> Body {
        let mut terms = vec![terms::key(&self.key.spki_sha256)];
        terms.extend(AccountQuery::terms_of(self));
        Body {
            bytes: snapshot::encode(self),
            owes: !self.owed().is_empty(),
            terms,
            unique: vec![terms::account_key(&self.endpoint, self.acme_profile.as_ref(), &self.key.thumbprint)],
            // A closed account stays, so that its key cannot quietly begin anew.
            forget_at: None,
        }
    }

    fn perform(world: Arc<World>, id: Id, _: Self, effect: AccountEffect) -> Performance<Self> {
        match effect {
            AccountEffect::EndWork | AccountEffect::EndWorkAndRevoke(_) => Box::pin(async move {
                match end_work(&world, AccountId(id)).await {
                    Ok(()) => Performed::Done(AccountEvent::WorkEnded, Vec::new()),
                    Err(error) => Performed::Again(error.to_string()),
                }
            }),
        }
    }
}

/// Ends what is open. New work cannot appear meanwhile: whatever makes it guards the account's revision.
async fn end_work(world: &World, account: AccountId) -> Result<(), TurnError> {
    let term = terms::open_of(account);
    let mut after: Option<ObjectId> = None;
    loop {
        let page = world.ports.store.list(&term, after, PAGE).await?;
        for object in &page {
            let outcome = if object.kind == Kind::Order {
                world.send::<Order>(object.id, OrderEvent::AccountClosed, &[]).await.map(drop)
            } else {
                world.send::<Authorization>(object.id, AuthorizationEvent::AccountClosed, &[]).await.map(drop)
            };
            match outcome {
                Ok(()) | Err(TurnError::Absent | TurnError::Rejected(_)) => {}
                Err(
                    error @ (TurnError::Taken(_)
                    | TurnError::GuardChanged(_)
                    | TurnError::Conflict
                    | TurnError::Busy
                    | TurnError::Unavailable(_)),
                ) => return Err(error),
            }
        }
        after = page.last().copied();
        if page.len() < PAGE {
            return Ok(());
        }
    }
}
