//! Why an event is refused.

use thiserror::Error;

use crate::account::AccountStatus;
use crate::authorization::AuthorizationStatus;
use crate::eab::BindingRefused;
use crate::order::OrderStatus;

/// Why an event is refused. Every case but [`Rejection::Stale`] is the client's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Rejection {
    /// The event repeats what was taken already, or comes after the matter was decided. Nobody is at fault, nothing is
    /// left to do.
    #[error("this has been dealt with already")]
    Stale,
    /// RFC 8555 section 7.4: finalize is for orders that are ready.
    #[error("the order is {status}; it can be finalized only while it is ready", status = .0.token())]
    OrderNotReady(OrderStatus),
    /// The authorization has no challenge of that number.
    #[error("the authorization has no such challenge")]
    NoSuchChallenge,
    /// The challenge belongs to an authorization that is over.
    #[error("the authorization is {status}, so its challenges are closed; place a new order", status = .0.token())]
    AuthorizationClosed(AuthorizationStatus),
    /// Too many open orders hang on one authorization.
    #[error("too many open orders share this authorization")]
    TooManyOrders,
    /// RFC 8555 section 7.3.6: nothing can be changed any more.
    #[error("the account is {status}", status = .0.token())]
    AccountClosed(AccountStatus),
    /// An operator has disabled it.
    #[error("the account is disabled by the server's operator")]
    AccountDisabled,
    /// An operator wants to end an order that is past that.
    #[error("the order is {status}; it can be cancelled only while it is pending or ready, or renewed automatically", status = .0.token())]
    OrderPastCancelling(OrderStatus),
    /// RFC 8739 section 3.1.2: canceling is for automatic renewal that goes on.
    #[error(
        "the order is {status}, and no certificate of it is renewed automatically; only an auto-renewal order that is \
         valid can be canceled",
        status = .0.token()
    )]
    NotRenewing(OrderStatus),
    /// The credential of an external account takes no more accounts, or no more orders (RFC 8555 section 7.3.4).
    #[error(transparent)]
    Binding(#[from] BindingRefused),
    /// RFC 8555 section 7.6.
    #[error("the certificate was revoked before")]
    AlreadyRevoked,
    /// Revoking what has run out would promise a CRL entry that never comes (RFC 5280 section 3.3).
    #[error("the certificate has expired, so there is nothing left to revoke")]
    CertificateExpired,
    /// RFC 9773 section 5.
    #[error("the certificate is replaced by another order already")]
    AlreadyReplaced,
}
