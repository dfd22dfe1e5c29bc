//! The authorization in the engine: how it is found, how its challenges are tried, and how its orders are told.

use std::sync::Arc;

use chancery_machine::account::{Account, AccountStatus};
use chancery_machine::authorization::{
    Authorization, AuthorizationEffect, AuthorizationEvent, AuthorizationState, AuthorizationStatus,
    AuthorizationTerms, Outcome,
};
use chancery_machine::challenge::base64url;
use chancery_machine::id::{AuthorizationId, Id, OrderId};
use chancery_machine::machine::Machine;
use chancery_machine::order::{Order, OrderEvent};
use chancery_machine::profile::{AcmeProfile, PersistDraft};
use chancery_machine::snapshot;
use chancery_machine::time::Timestamp;
use tokio::sync::oneshot;
use tracing::{debug, info};

use crate::listing::AuthorizationQuery;
use crate::ports::{AccountUri, Attempt, Body, Kind, Verdict};
use crate::resident::{Performance, Performed, Role, load};
use crate::terms;
use crate::validator::{Errand, Try};
use crate::world::World;

impl Role for Authorization {
    const KIND: Kind = Kind::Authorization;

    fn body(&self, world: &World) -> Body {
        let account = self.terms.account;
        // Where nothing has to be proven there is nothing to wait for, and still there may not be any number of them.
        let counted = terms::open_until(account, self.terms.expires);
        let counted = self.terms.pre_authorized.then_some(counted);
        let (mut terms, over) = match self.state {
            AuthorizationState::Pending => {
                (std::iter::once(terms::open_of(account)).chain(counted).collect(), self.terms.expires)
            }
            AuthorizationState::Valid { expires, .. } => {
                let mut terms = vec![terms::open_of(account)];
                // Whoever may reach an endpoint is exempt there; that is no control which lets them revoke what others have.
                if self.terms.exemption.is_some() {
                    terms.extend(counted);
                } else {
                    terms.push(terms::proven(account, &self.terms.subject()));
                    terms.extend(self.terms.subdomains.then(|| terms::proven_below(account, &self.terms.subject())));
                }
                (terms, expires)
            }
            AuthorizationState::Invalid { at, .. }
            | AuthorizationState::Deactivated { at }
            | AuthorizationState::Expired { at }
            | AuthorizationState::Revoked { at } => (Vec::new(), at),
        };
        terms.extend(self.terms.pre_authorized.then(|| terms::pre_authorized(account)));
        terms.extend(AuthorizationQuery::terms_of(self));
        Body {
            bytes: snapshot::encode(self),
            owes: !self.owed().is_empty(),
            terms,
            unique: Vec::new(),
            forget_at: Some(over.plus(world.settings.retention)),
        }
    }

    fn due(effect: &AuthorizationEffect) -> Option<Timestamp> {
        match effect {
            AuthorizationEffect::Validate { due, .. } => Some(*due),
            AuthorizationEffect::TellOrder { .. } => None,
        }
    }

    fn perform(world: Arc<World>, id: Id, state: Self, effect: AuthorizationEffect) -> Performance<Self> {
        let id = AuthorizationId(id);
        match effect {
            AuthorizationEffect::Validate { challenge, attempt, .. } => {
                Box::pin(async move { validate(&world, id, &state, challenge, attempt).await })
            }
            AuthorizationEffect::TellOrder { order, outcome } => {
                Box::pin(async move { tell(&world, id, &state, order, outcome).await })
            }
        }
    }
}

async fn validate(
    world: &World,
    id: AuthorizationId,
    authorization: &Authorization,
    place: u32,
    attempt: u32,
) -> Performed<Authorization> {
    let terms = &authorization.terms;
    // Nothing else tells it the time, and what cannot be tried now must not be tried for ever.
    if authorization.status(world.ports.clock.now()) == AuthorizationStatus::Expired {
        return Performed::Done(AuthorizationEvent::Expired, Vec::new());
    }
    let Some(challenge) = usize::try_from(place).ok().and_then(|place| authorization.challenges.get(place)) else {
        return Performed::Again("there is no such challenge".into());
    };
    // The key of now, not of when the client answered: a key change in between moves the key authorization with it
    // (RFC 8555 section 7.3.5 lets pending orders live on).
    let account = match load::<Account>(world, terms.account.0).await {
        Ok(account) => account.state,
        Err(error) => return Performed::Again(format!("account {}: {error}", terms.account)),
    };
    // Its closing ends this authorization too, and may not have come so far yet: until then nothing is proven for it.
    if account.status() != AccountStatus::Valid {
        return Performed::Done(AuthorizationEvent::AccountClosed, Vec::new());
    }
    let profile = match world.acme_profile_at(&terms.acme_profile).await {
        Ok(profile) => profile,
        Err(error) => return Performed::Again(format!("ACME Profile {}: {error}", terms.acme_profile.name)),
    };
    let Some((_, validator)) = world.validators.iter().find(|(kind, _)| *kind == challenge.kind) else {
        return Performed::Again(format!("there is no validator for {}", challenge.kind));
    };
    let (reply, verdict) = oneshot::channel();
    let request = Attempt {
        kind: challenge.kind,
        identifier: terms.identifier.clone(),
        wildcard: terms.wildcard,
        subdomains: terms.subdomains,
        account_url: world.ports.urls.account(&terms.endpoint, terms.account),
        issuers: profile.caa_identities.clone(),
        token: challenge.token.clone(),
        key_authorization: challenge.token.key_authorization(&account.key.thumbprint),
        account_uri: account_uri(world, terms, &account, &profile),
        network: world.network(&profile),
        perspectives: Arc::new(profile.perspectives.clone()),
        ignores_caa: profile.ignores_caa,
    };
    let full = || Performed::Again("too many validations are waiting".into());
    if validator.try_send(Try { account: terms.account, errand: Errand::Attempt(request), reply }).is_err() {
        return full();
    }
    let Ok(verdict) = verdict.await else { return full() };
    let kind = challenge.kind;
    match verdict.outcome {
        Ok(()) => {
            debug!(authorization = %id, identifier = %terms.identifier, %kind, attempt, "control was proven");
            let Verdict { reliance, transcript, .. } = verdict;
            let event = AuthorizationEvent::AttemptPassed { challenge: place, attempt, transcript, reliance };
            Performed::Done(event, Vec::new())
        }
        Err(error) => {
            info!(authorization = %id, identifier = %terms.identifier, %kind, attempt, %error, "control was not proven");
            let transcript = verdict.transcript;
            let event = AuthorizationEvent::AttemptFailed { challenge: place, attempt, error, transcript };
            Performed::Done(event, Vec::new())
        }
    }
}

/// How a record of dns-persist-01 has to name the account.
fn account_uri(world: &World, terms: &AuthorizationTerms, account: &Account, profile: &AcmeProfile) -> AccountUri {
    match profile.persist_draft {
        PersistDraft::Draft01 => AccountUri::Url,
        PersistDraft::Draft02 => AccountUri::Hashed {
            prefix: world.ports.urls.account_hash_prefix(&terms.endpoint),
            // The present key first, then those before it, the latest first (section 4.2 of the draft).
            thumbprints: std::iter::once(&account.key.thumbprint)
                .chain(account.former_keys.iter().rev().map(|thumbprint| &**thumbprint))
                .map(|thumbprint| base64url(thumbprint))
                .collect(),
        },
    }
}

async fn tell(
    world: &World,
    id: AuthorizationId,
    authorization: &Authorization,
    order: OrderId,
    outcome: Outcome,
) -> Performed<Authorization> {
    let event = match outcome {
        Outcome::Valid => OrderEvent::AuthorizationValid(id),
        Outcome::Lost => {
            OrderEvent::AuthorizationLost { authorization: id, error: authorization.loss(world.ports.clock.now()) }
        }
    };
    match world.send::<Order>(order.0, event, &[]).await {
        Err(error) if error.passes() => Performed::Again(format!("order {order}: {error}")),
        // An order that is gone needs to know nothing any more.
        Ok(_) | Err(_) => Performed::Done(AuthorizationEvent::OrderTold { order, outcome }, Vec::new()),
    }
}
