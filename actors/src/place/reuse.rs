//! What an account has proven before, and need not prove again (RFC 8555 section 7.4 lets a server reuse it). What it proved
//! before any order counts as long as it is valid (section 7.4.1), other proofs as long as the profile says.

use std::collections::BTreeSet;
use std::time::Duration;

use chancery_machine::account::Account;
use chancery_machine::authorization::{Authorization, AuthorizationEvent, AuthorizationState, AuthorizationStatus};
use chancery_machine::challenge::ChallengeState;
use chancery_machine::id::{AccountId, AuthorizationId, OrderId};
use chancery_machine::identifier::Subject;
use chancery_machine::time::Timestamp;
use futures::future::try_join_all;
use tracing::debug;

use super::policy;
use super::proof::Proof;
use crate::engine::Engine;
use crate::error::{LoadError, TurnError};
use crate::ports::{Direction, Kind, Range, StoreError};
use crate::profiles::Pair;
use crate::resident::{Versioned, load};
use crate::terms;

/// What is about to run out is proven anew: an order that lives no longer than this could not be worked on.
const LEFT: Duration = Duration::from_secs(60);

/// How many authorizations for one subject are looked at, the latest first.
const LOOKED_AT: usize = 16;

/// An authorization on which a new order can rely.
pub(super) struct Proven {
    pub(super) id: AuthorizationId,
    pub(super) expires: Timestamp,
}

impl Engine {
    /// A valid authorization of this account for this subject on which a new order may rely, if the profile allows that and
    /// there is one: the subject's own, or else that of the nearest name above that is for all below it (RFC 9444), whether
    /// or not the client has named one. Where nothing has to be proven, none is looked for.
    pub(super) async fn proven(
        &self,
        account: &Versioned<Account>,
        pair: &Pair,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Option<Proven>, StoreError> {
        let none_counts = pair.acme.authorization_reuse.is_none() && pair.acme.no_pre_authorization;
        if none_counts || pair.ra.exemptions.rule(subject).is_some() {
            return Ok(None);
        }
        let mut places = terms::proofs(AccountId(account.id), subject);
        places.truncate(if pair.acme.subdomains { places.len() } else { 1 });
        for term in places {
            let range = Range::of(term);
            let found = self.world.ports.store.walk(&range, Direction::Descending, None, LOOKED_AT).await?;
            for object in
                found.into_iter().map(|found| found.object).filter(|object| object.kind == Kind::Authorization)
            {
                let authorization = match load::<Authorization>(&self.world, object.id).await {
                    Ok(authorization) => authorization.state,
                    Err(LoadError::Absent) => continue,
                    Err(LoadError::Store(error)) => return Err(error),
                };
                if let Some(expires) = counts_until(&authorization, account, pair, subject, now) {
                    return Ok(Some(Proven { id: AuthorizationId(object.id), expires }));
                }
            }
        }
        Ok(None)
    }

    /// Has each of these know of the order, once however many subjects it is for. `None` for those that take no more orders
    /// or were lost meanwhile: there the order needs a fresh one. A fault that passes is no reason to have the client prove
    /// again what it has proven.
    pub(super) async fn rely_on(
        &self,
        found: Vec<Option<Proven>>,
        order: OrderId,
        until: Timestamp,
    ) -> Result<Vec<Option<AuthorizationId>>, TurnError> {
        let distinct: BTreeSet<_> = found.iter().flatten().map(|proven| proven.id).collect();
        let joined = try_join_all(distinct.into_iter().map(|id| self.join(id, order, until))).await?;
        let joined: BTreeSet<_> = joined.into_iter().flatten().collect();
        Ok(found.into_iter().map(|proven| Some(proven?.id).filter(|id| joined.contains(id))).collect())
    }

    async fn join(
        &self,
        id: AuthorizationId,
        order: OrderId,
        until: Timestamp,
    ) -> Result<Option<AuthorizationId>, TurnError> {
        match self.world.send::<Authorization>(id.0, AuthorizationEvent::OrderJoined { order, until }, &[]).await {
            Ok(joined) if joined.state.status(self.now()) == AuthorizationStatus::Valid => Ok(Some(id)),
            Ok(_) => Ok(None),
            Err(error) if error.passes() => Err(error),
            Err(error) => {
                debug!(authorization = %id, %order, %error, "not reused");
                Ok(None)
            }
        }
    }
}

/// Until when an authorization counts for a new order of this account, if it does.
fn counts_until(
    authorization: &Authorization,
    account: &Versioned<Account>,
    pair: &Pair,
    subject: &Subject,
    now: Timestamp,
) -> Option<Timestamp> {
    let AuthorizationState::Valid { since, expires } = authorization.state else { return None };
    let terms = &authorization.terms;
    let same_place = terms.account == AccountId(account.id)
        && terms.endpoint == account.state.endpoint
        && terms.acme_profile.name == pair.acme.name;
    // A way of proving that the operator has closed since proves nothing to new orders. Nor does an exemption, which has no
    // challenges: if its rule still stood, nothing would be looked for.
    let proof = Proof { subject: terms.subject(), below: terms.subdomains };
    let proven = authorization.challenges.iter().any(|challenge| {
        matches!(challenge.state, ChallengeState::Valid { .. })
            && policy::offered(&pair.acme, &proof).any(|offered| offered == challenge.kind)
            && challenge.reliance.reuse_until.is_none_or(|end| now < end)
    });
    let asked_for = terms.pre_authorized && !pair.acme.no_pre_authorization;
    let fresh = asked_for || pair.acme.authorization_reuse.is_some_and(|span| now.since(since) < span.into());
    let lasts = expires > now.plus(LEFT);
    (same_place && terms.proves(subject) && proven && fresh && lasts).then_some(expires)
}
