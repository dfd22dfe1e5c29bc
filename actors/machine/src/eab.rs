//! The credential of an external account (RFC 8555 section 7.3.4): a MAC key that an operator hands out, and what may be
//! done with it.
//!
//! ```text
//! valid ---- Operator revokes ----> revoked
//! ```
//!
//! Accounts that are bound stay bound when it is revoked or runs out; its names and its quota go on to count for them.

use minicbor::{Decode, Encode};
use thiserror::Error;

use crate::identifier::Subject;
use crate::machine::{Machine, Step};
use crate::profile::{IdentifierPattern, ProfileName};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// A credential of an external account.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct EabCredential {
    /// For people: whose it is.
    #[n(0)]
    pub description: String,
    /// The MAC key, sealed; only who holds the server's secret can read it.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub sealed_key: Vec<u8>,
    /// When it was made.
    #[n(2)]
    pub created: Timestamp,
    /// What may be done with it.
    #[n(3)]
    pub scope: EabScope,
    /// How many accounts were bound with it.
    #[n(4)]
    pub accounts: u32,
    /// How many orders those accounts have placed while there was a limit to that. Without one they are not counted,
    /// since counting has the orders of all those accounts wait for each other.
    #[n(5)]
    pub orders: u64,
    /// When it was revoked.
    #[n(6)]
    pub revoked: Option<Timestamp>,
}

/// What may be done with a credential. What is empty or `None` limits nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct EabScope {
    /// With which ACME Profiles.
    #[n(0)]
    pub acme_profiles: Vec<ProfileName>,
    /// With which RA Profiles.
    #[n(1)]
    pub ra_profiles: Vec<ProfileName>,
    /// For which identifiers.
    #[n(2)]
    pub names: Vec<IdentifierPattern>,
    /// How many accounts.
    #[n(3)]
    pub accounts: Option<u32>,
    /// How many orders of all those accounts together.
    #[n(4)]
    pub orders: Option<u64>,
    /// Until when accounts can be bound.
    #[n(5)]
    pub expires: Option<Timestamp>,
}

/// What can happen to a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EabEvent {
    /// An account of these profiles is bound with it; the account is stored with this very step.
    AccountBound {
        /// The account's ACME Profile.
        acme_profile: ProfileName,
        /// The account's RA Profile.
        ra_profile: ProfileName,
    },
    /// A bound account places an order, which is stored with this very step.
    OrderPlaced,
    /// An operator changed what it is for.
    Revised {
        /// For people.
        description: String,
        /// What may be done with it.
        scope: EabScope,
    },
    /// An operator revoked it.
    Revoked,
}

/// What a credential can owe: nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EabEffect {}

/// How a credential stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the usual words")]
pub enum EabStatus {
    Valid,
    Expired,
    Revoked,
}

impl EabStatus {
    /// The word of the interfaces.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// Why a credential cannot be used for this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BindingRefused {
    /// An operator deleted it.
    #[error("the external account's credential does not exist any more; ask for another one")]
    Deleted,
    /// It was revoked.
    #[error("the external account's credential was revoked; ask for another one")]
    Revoked,
    /// It has run out.
    #[error("the external account's credential has expired; ask for another one")]
    Expired,
    /// It is for other profiles.
    #[error("the external account's credential is not for this endpoint")]
    Elsewhere,
    /// Enough accounts are bound with it.
    #[error("the external account's credential has bound as many accounts as it may")]
    Accounts,
    /// Its accounts have placed enough orders.
    #[error("the accounts of this external account have placed as many orders as they may")]
    Orders,
}

impl EabCredential {
    /// The status that follows from the state at that moment.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> EabStatus {
        if self.revoked.is_some() {
            EabStatus::Revoked
        } else if self.scope.expires.is_some_and(|expires| now >= expires) {
            EabStatus::Expired
        } else {
            EabStatus::Valid
        }
    }

    /// Whether bound accounts may place orders for this.
    #[must_use]
    pub fn covers(&self, subject: &Subject) -> bool {
        self.scope.names.is_empty() || self.scope.names.iter().any(|pattern| pattern.covers(subject))
    }

    /// Whether it is for these profiles.
    #[must_use]
    pub fn serves(&self, acme: &ProfileName, ra: &ProfileName) -> bool {
        let within = |scope: &[ProfileName], name| scope.is_empty() || scope.contains(name);
        within(&self.scope.acme_profiles, acme) && within(&self.scope.ra_profiles, ra)
    }

    fn bound(&self, acme: &ProfileName, ra: &ProfileName, now: Timestamp) -> Result<Self, BindingRefused> {
        match self.status(now) {
            EabStatus::Revoked => return Err(BindingRefused::Revoked),
            EabStatus::Expired => return Err(BindingRefused::Expired),
            EabStatus::Valid => {}
        }
        if !self.serves(acme, ra) {
            return Err(BindingRefused::Elsewhere);
        }
        if self.scope.accounts.is_some_and(|most| self.accounts >= most) {
            return Err(BindingRefused::Accounts);
        }
        Ok(Self { accounts: self.accounts.saturating_add(1), ..self.clone() })
    }
}

impl Machine for EabCredential {
    type Event = EabEvent;
    type Effect = EabEffect;

    fn apply(&self, event: EabEvent, now: Timestamp) -> Result<Step<Self>, Rejection> {
        let next = match event {
            EabEvent::AccountBound { acme_profile, ra_profile } => self.bound(&acme_profile, &ra_profile, now)?,
            EabEvent::OrderPlaced if self.scope.orders.is_some_and(|most| self.orders >= most) => {
                return Err(BindingRefused::Orders.into());
            }
            EabEvent::OrderPlaced => Self { orders: self.orders.saturating_add(1), ..self.clone() },
            EabEvent::Revised { .. } if self.revoked.is_some() => return Err(BindingRefused::Revoked.into()),
            EabEvent::Revised { description, scope } if description == self.description && scope == self.scope => {
                return Err(Rejection::Stale);
            }
            EabEvent::Revised { description, scope } => Self { description, scope, ..self.clone() },
            EabEvent::Revoked if self.revoked.is_some() => return Err(Rejection::Stale),
            EabEvent::Revoked => Self { revoked: Some(now), ..self.clone() },
        };
        Ok(Step::between(self, next))
    }

    fn owed(&self) -> Vec<EabEffect> {
        Vec::new()
    }
}
