//! The account in the engine: how it is made and found, and how its work ends when it is closed.

use std::sync::Arc;

use chancery_machine::account::{Account, AccountEffect, AccountEvent, AccountState, AccountStatus};
use chancery_machine::authorization::{Authorization, AuthorizationEvent};
use chancery_machine::certificate::{Certificate, CertificateEvent, RevocationReason};
use chancery_machine::eab::{BindingRefused, EabCredential, EabEvent};
use chancery_machine::id::{AccountId, EabId, Id};
use chancery_machine::machine::Machine;
use chancery_machine::order::{Order, OrderEvent, OrderStatus};
use chancery_machine::profile::ProfileName;
use chancery_machine::rejection::Rejection;
use chancery_machine::snapshot;
use chancery_machine::time::Timestamp;
use futures::future::join_all;
use tracing::debug;

use crate::engine::{Engine, NewAccount};
use crate::error::{LoadError, TurnError};
use crate::listing::AccountQuery;
use crate::ports::{Body, Direction, Found, Kind, ObjectId, Range, Revision};
use crate::profiles::Pair;
use crate::resident::{Companions, Performance, Performed, Role, Versioned, creation, load};
use crate::terms;
use crate::world::World;

/// How many orders, authorizations or certificates are looked up at a time.
const PAGE: usize = 256;

/// How many certificates are revoked at a time: their commits share transactions, and the shards stay open to others.
const AT_ONCE: usize = 32;

impl Engine {
    /// Makes an account, or answers the one that the key has already; `true` if it was made. With a binding, the account
    /// is made and its credential counts it in one commit.
    ///
    /// # Errors
    /// [`TurnError`]; [`Rejection::Binding`] if the credential takes no more accounts, or none of these profiles.
    pub async fn create_account(&self, new: NewAccount, pair: &Pair) -> Result<(Versioned<Account>, bool), TurnError> {
        let now = self.now();
        let id = self.world.new_id();
        let credential = new.binding.as_ref().map(|binding| binding.credential);
        let account = Account {
            endpoint: new.endpoint,
            key: new.key,
            contacts: new.contacts,
            terms_agreed: new.terms_agreed.then_some(now),
            created: now,
            state: AccountState::Valid,
            disabled: None,
            acme_profile: new.acme_profile,
            binding: new.binding,
            former_keys: Vec::new(),
        };
        let made = match credential {
            None => self.create(id, account.clone()).await,
            Some(credential) => self.create_bound(id, &account, credential, pair).await,
        };
        match made {
            Ok(account) => {
                debug!(account = %AccountId(account.id), endpoint = %account.state.endpoint, "account made");
                Ok((account, true))
            }
            Err(TurnError::Taken(holder)) => Ok((load(&self.world, holder.id).await?, false)),
            // The credential is asked before the store: what used up its last place may have been this very account, made
            // by a request whose answer was lost.
            Err(TurnError::Rejected(refused @ Rejection::Binding(_))) => {
                match self.account_of(&account.endpoint, account.acme_profile.as_ref(), &account.key).await {
                    Ok(account) => Ok((account, false)),
                    Err(LoadError::Absent) => Err(TurnError::Rejected(refused)),
                    Err(LoadError::Store(error)) => Err(error.into()),
                }
            }
            Err(other) => Err(other),
        }
    }

    /// Takes note that an account has changed that a commit guards. Most changes do no harm to its work: a contact, a key.
    /// What changed is an error again if it is no such account.
    ///
    /// # Errors
    /// [`TurnError::Rejected`] if the account may work no more.
    pub(crate) async fn guard_anew(
        &self,
        guards: &mut [(ObjectId, Revision)],
        changed: ObjectId,
    ) -> Result<(), TurnError> {
        let guard = guards.iter_mut().find(|(object, _)| object.kind == Kind::Account && *object == changed);
        let (_, revision) = guard.ok_or(TurnError::GuardChanged(changed))?;
        let account = self.account(AccountId(changed.id)).await?;
        standing(&account.state)?;
        *revision = account.revision;
        Ok(())
    }

    async fn create_bound(
        &self,
        id: Id,
        account: &Account,
        credential: EabId,
        pair: &Pair,
    ) -> Result<Versioned<Account>, TurnError> {
        // A credential for a profile that orders may only name is of use here too.
        let acme_profile = pair.acme.name.clone();
        let known = self.eab_credential(credential).await.ok().map(|credential| credential.state);
        let serves = |ra: &&ProfileName| known.as_ref().is_some_and(|known| known.serves(&acme_profile, ra));
        let choices = self.choices(&account.endpoint, pair);
        let ra_profile = std::iter::once(&pair.ra.name).chain(choices.keys()).find(serves).unwrap_or(&pair.ra.name);
        let event = EabEvent::AccountBound { acme_profile, ra_profile: ra_profile.clone() };
        let creation = creation(&self.world, id, account);
        let companions = || -> Companions<EabCredential> {
            let creation = creation.clone();
            Box::new(move |_, _| vec![creation])
        };
        match self.world.send_with(credential.0, event, &[], companions).await {
            Ok(_) => Ok(Versioned { id, revision: Revision::ABSENT.next(), state: account.clone() }),
            Err(TurnError::Absent) => Err(TurnError::Rejected(BindingRefused::Deleted.into())),
            Err(other) => Err(other),
        }
    }
}

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
        let account = AccountId(id);
        Box::pin(async move {
            let ended = match effect {
                AccountEffect::EndWork => end_work(&world, account).await.map(|()| true),
                AccountEffect::EndWorkAndRevoke(reason) => end_work_and_revoke(&world, account, reason).await,
            };
            match ended {
                Ok(true) => Performed::Done(AccountEvent::WorkEnded, Vec::new()),
                Ok(false) => Performed::Again("certificates of the account are being signed".into()),
                Err(error) => Performed::Again(error.to_string()),
            }
        })
    }
}

/// Whether an account may do anything.
pub(crate) fn standing(account: &Account) -> Result<(), TurnError> {
    match account.status() {
        AccountStatus::Valid if account.disabled.is_some() => Err(TurnError::Rejected(Rejection::AccountDisabled)),
        AccountStatus::Valid => Ok(()),
        closed @ (AccountStatus::Deactivated | AccountStatus::Revoked) => {
            Err(TurnError::Rejected(Rejection::AccountClosed(closed)))
        }
    }
}

/// Ends what is open, orders first. New work cannot appear meanwhile: whatever makes it guards the account's revision.
async fn end_work(world: &World, account: AccountId) -> Result<(), TurnError> {
    let orders = terms::open_past(account, Timestamp::EPOCH);
    // What an older build stored among the authorizations may be stored anew in this moment, and stand among the orders.
    let renewing = Range::of(terms::renewing_of(account));
    for range in [&orders, &Range::of(terms::open_of(account)), &orders, &renewing] {
        end_all(world, range).await?;
    }
    Ok(())
}

async fn end_all(world: &World, range: &Range) -> Result<(), TurnError> {
    let mut after: Option<Found> = None;
    loop {
        let page = world.ports.store.walk(range, Direction::Ascending, after.as_ref(), PAGE).await?;
        for Found { object, .. } in &page {
            dealt_with(if object.kind == Kind::Order {
                world.send::<Order>(object.id, OrderEvent::AccountClosed, &[]).await.map(drop)
            } else {
                world.send::<Authorization>(object.id, AuthorizationEvent::AccountClosed, &[]).await.map(drop)
            })?;
        }
        if page.len() < PAGE {
            return Ok(());
        }
        after = page.into_iter().next_back();
    }
}

/// Ends what is open and revokes what was issued; `false` while there may be more to revoke. What is processing may be
/// signed already, so it is waited for and not undone.
async fn end_work_and_revoke(world: &World, account: AccountId, reason: RevocationReason) -> Result<bool, TurnError> {
    end_work(world, account).await?;
    // Looked up first: an order leaves processing in the commit that stores its certificate, so that the certificate of
    // every order that is not processing now is found below.
    let processing = terms::account_orders(account, OrderStatus::Processing);
    let processing = world.ports.store.list(&processing, None, 1).await?;
    let term = terms::certificates_of(account);
    let mut after: Option<ObjectId> = None;
    loop {
        let page = world.ports.store.list(&term, after, PAGE).await?;
        for some in page.chunks(AT_ONCE) {
            let event = CertificateEvent::Revoked(Some(reason));
            let revocations = some.iter().map(|object| world.send::<Certificate>(object.id, event.clone(), &[]));
            for outcome in join_all(revocations).await {
                dealt_with(outcome)?;
            }
        }
        after = page.last().copied();
        if page.len() < PAGE {
            return Ok(processing.is_empty());
        }
    }
}

/// What is gone, or was over before, needs nothing more.
fn dealt_with<M>(outcome: Result<M, TurnError>) -> Result<(), TurnError> {
    match outcome {
        Err(error) if error.passes() => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}
