//! What an account has proven before, and need not prove again (RFC 8555 section 7.4 lets a server reuse it).

use std::time::Duration;

use chancery_machine::account::Account;
use chancery_machine::authorization::{Authorization, AuthorizationEvent, AuthorizationState, AuthorizationStatus};
use chancery_machine::challenge::ChallengeState;
use chancery_machine::id::{AccountId, AuthorizationId, OrderId};
use chancery_machine::identifier::Subject;
use chancery_machine::time::Timestamp;
use tracing::debug;

use super::policy;
use crate::engine::Engine;
use crate::error::LoadError;
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
    /// A valid authorization of this account for exactly this subject on which a new order may rely, if the profile allows
    /// that and there is one. Where nothing has to be proven, none is looked for.
    pub(super) async fn proven(
        &self,
        account: &Versioned<Account>,
        pair: &Pair,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Option<Proven>, StoreError> {
        let Some(span) = pair.acme.authorization_reuse else { return Ok(None) };
        if pair.ra.exemptions.rule(subject).is_some() {
            return Ok(None);
        }
        let range = Range::of(terms::proven(AccountId(account.id), subject));
        let found = self.world.ports.store.walk(&range, Direction::Descending, None, LOOKED_AT).await?;
        for object in found.into_iter().map(|found| found.object).filter(|object| object.kind == Kind::Authorization) {
            let authorization = match load::<Authorization>(&self.world, object.id).await {
                Ok(authorization) => authorization.state,
                Err(LoadError::Absent) => continue,
                Err(LoadError::Store(error)) => return Err(error),
            };
            if let Some(expires) = counts_until(&authorization, account, pair, subject, span.into(), now) {
                return Ok(Some(Proven { id: AuthorizationId(object.id), expires }));
            }
        }
        Ok(None)
    }

    /// Has an authorization know of the order; `None` if it takes no more orders or was lost meanwhile, and then the order
    /// needs a fresh one.
    pub(super) async fn join(
        &self,
        proven: Option<&Proven>,
        order: OrderId,
        until: Timestamp,
    ) -> Option<AuthorizationId> {
        let Proven { id, .. } = *proven?;
        match self.world.send::<Authorization>(id.0, AuthorizationEvent::OrderJoined { order, until }, &[]).await {
            Ok(joined) if joined.state.status(self.now()) == AuthorizationStatus::Valid => Some(id),
            Ok(_) => None,
            Err(error) => {
                debug!(authorization = %id, %order, %error, "not reused");
                None
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
    span: Duration,
    now: Timestamp,
) -> Option<Timestamp> {
    let AuthorizationState::Valid { since, expires } = authorization.state else { return None };
    let terms = &authorization.terms;
    let same_place = terms.account == AccountId(account.id)
        && terms.endpoint == account.state.endpoint
        && terms.acme_profile.name == pair.acme.name;
    let same_subject = terms.subject() == *subject;
    // A way of proving that the operator has closed since proves nothing to new orders. Nor does an exemption, which has no
    // challenges: if its rule still stood, nothing would be looked for.
    let proven = authorization.challenges.iter().any(|challenge| {
        matches!(challenge.state, ChallengeState::Valid { .. })
            && policy::offered(&pair.acme, subject).any(|offered| offered == challenge.kind)
    });
    let fresh = now.since(since) < span && expires > now.plus(LEFT);
    (same_place && same_subject && proven && fresh).then_some(expires)
}
