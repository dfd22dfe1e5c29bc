//! Which statuses an order has come to, when, and by what: for whoever asks later why it ended as it did.

use minicbor::{Decode, Encode};

use super::{Order, OrderEvent, OrderStatus};
use crate::time::Timestamp;

/// A status that an order came to. Statuses never come back, so an order has no more of these than there are statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Passage {
    /// The status.
    #[n(0)]
    pub status: OrderStatus,
    /// When.
    #[n(1)]
    pub at: Timestamp,
    /// By what.
    #[n(2)]
    pub cause: Cause,
}

/// What brings an order to another status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Cause {
    /// Its client placed it.
    #[n(0)]
    Placed,
    /// The last of its authorizations became valid.
    #[n(1)]
    Authorized,
    /// An authorization failed, or was taken back.
    #[n(2)]
    AuthorizationLost,
    /// Its client sent the CSR.
    #[n(3)]
    Finalized,
    /// The certificate was signed.
    #[n(4)]
    Issued,
    /// The certificate cannot be signed.
    #[n(5)]
    IssuanceFailed,
    /// The account was deactivated or revoked.
    #[n(6)]
    AccountClosed,
    /// An operator ended it.
    #[n(7)]
    Cancelled,
    /// Its time was over.
    #[n(8)]
    Expired,
    /// Its client ended the automatic renewal.
    #[n(9)]
    RenewalCanceled,
}

impl Cause {
    /// The word of the interfaces.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Authorized => "authorized",
            Self::AuthorizationLost => "authorizationLost",
            Self::Finalized => "finalized",
            Self::Issued => "issued",
            Self::IssuanceFailed => "issuanceFailed",
            Self::AccountClosed => "accountClosed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::RenewalCanceled => "renewalCanceled",
        }
    }

    /// What an event means where it leads to another status. Those of the automatic renewal lead to none.
    pub(super) const fn of(event: &OrderEvent) -> Self {
        match event {
            OrderEvent::AuthorizationValid(_) => Self::Authorized,
            OrderEvent::AuthorizationLost { .. } => Self::AuthorizationLost,
            OrderEvent::Finalized(_) => Self::Finalized,
            OrderEvent::Issued(_) | OrderEvent::RenewalDrafted { .. } => Self::Issued,
            OrderEvent::IssuanceFailed(_) | OrderEvent::RenewalFailed(_) => Self::IssuanceFailed,
            OrderEvent::AccountClosed => Self::AccountClosed,
            OrderEvent::Cancelled => Self::Cancelled,
            OrderEvent::Expired | OrderEvent::PeriodPassed => Self::Expired,
            OrderEvent::RenewalCanceled => Self::RenewalCanceled,
        }
    }
}

impl Order {
    /// The passages of this order, and the one to the status of `next` if that is another one.
    pub(super) fn passed_on(&self, next: &Self, cause: Cause, at: Timestamp) -> Vec<Passage> {
        let mut passed = self.passed.clone();
        let status = next.stored_status();
        if status != self.stored_status() {
            passed.push(Passage { status, at, cause });
        }
        passed
    }
}
