//! Pre-authorization (RFC 8555 section 7.4.1): what a client proves before it orders. It is asked for under the rules of
//! orders, and counts as one of them until it is proven; the orders that come later rely on it (see [`super::reuse`]).

use std::sync::Arc;

use chancery_machine::account::Account;
use chancery_machine::authorization::Authorization;
use chancery_machine::id::{AccountId, AuthorizationId};
use chancery_machine::identifier::{Identifier, Subject};
use chancery_machine::profile::Limits;
use tracing::debug;

use super::proof::{Proof, Request};
use super::{PlaceError, may_order, policy};
use crate::engine::Engine;
use crate::ports::Revision;
use crate::profiles::Pair;
use crate::resident::{Versioned, creation};

/// How many may wait for their proof, together with open orders, where the profile sets no limit.
const OPEN: u32 = 1_000;

/// What a client wants to prove, already understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAuthorization {
    /// Control of what: no wildcard, which only an order can ask for.
    pub identifier: Identifier,
    /// Whether with all names below it (RFC 9444 section 4.2). Where that cannot be had, it is for the identifier alone.
    pub subdomains: bool,
}

impl Engine {
    /// Makes an authorization on which no order depends yet: pending, or valid where nothing has to be proven.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub async fn pre_authorize(
        &self,
        account: &Versioned<Account>,
        pair: &Pair,
        new: NewAuthorization,
    ) -> Result<Versioned<Authorization>, PlaceError> {
        if pair.acme.no_pre_authorization {
            return Err(PlaceError::NotOffered);
        }
        let now = self.now();
        may_order(&account.state, pair)?;
        let subject = Subject { identifier: new.identifier, wildcard: false };
        let by_default = self.willing(&account.state, pair, &subject).await?;
        let open = pair.acme.limits.open_orders_per_account.unwrap_or(OPEN);
        let limits = Limits {
            open_orders_per_account: Some(open),
            // Nothing is renewed by it.
            renewing_orders_per_account: None,
            ..pair.acme.limits.clone()
        };
        let _turn = self.world.turns.take(AccountId(account.id), &limits).await;
        let quota = self.quota(AccountId(account.id), &limits).await?;
        let life = pair.acme.order_validity.min(pair.acme.authorization_validity);
        let request = Request { account, pair, now, expires: now.plus(life.into()), order: None };
        let below = new.subdomains && Proof::can_be_below(pair, &subject);
        let exempt = if by_default { request.exempt(&subject) } else { None };
        let state = exempt.unwrap_or_else(|| self.pending(&request, &Proof { subject, below }));
        let id = AuthorizationId(self.world.new_id());
        let writes = vec![creation(&self.world, id.0, &state)];
        self.store_within(account, quota, None, writes, (None, async || Ok(None))).await?;
        debug!(authorization = %id, account = %AccountId(account.id), "pre-authorization asked for");
        Ok(Versioned { id: id.0, revision: Revision::ABSENT.next(), state })
    }
    /// Whether the RA Profile issues for it by which orders are placed that name none; if not, one has to that they may name
    /// (draft-ietf-acme-profiles), since which one it will be nobody says here. The refusal is that of the first.
    async fn willing(&self, account: &Account, pair: &Pair, subject: &Subject) -> Result<bool, PlaceError> {
        let Err(refused) = self.issued_for(account, pair, subject).await else { return Ok(true) };
        // What the others exempt has to be proven here, so there has to be a way.
        let proof = Proof { subject: subject.clone(), below: false };
        if policy::offered(&pair.acme, &proof).next().is_some() {
            for ra in self.choices(&account.endpoint, pair).into_values().filter(|ra| ra.name != pair.ra.name) {
                let other = Pair { acme: Arc::clone(&pair.acme), ra };
                if self.issued_for(account, &other, subject).await.is_ok() {
                    return Ok(false);
                }
            }
        }
        Err(refused)
    }

    async fn issued_for(&self, account: &Account, pair: &Pair, subject: &Subject) -> Result<(), PlaceError> {
        let subjects = policy::accept(pair, vec![subject.clone()])?;
        // Only the orders that rely on it are counted.
        self.credential(account, pair, &subjects).await?;
        Ok(self.issuing(pair)?)
    }
}
