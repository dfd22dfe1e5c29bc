//! Effects under way, with the object that owes them.

use chancery_machine::account::AccountEffect;
use chancery_machine::authorization::{AuthorizationEffect, Outcome};
use chancery_machine::certificate::{CertificateEffect, RevocationReason};
use chancery_machine::id::{AuthorizationId, CertificateId, OrderId};
use chancery_machine::order::OrderEffect;
use chancery_machine::time::Timestamp;

/// An effect, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    EndWork { revoke: Option<RevocationReason> },
    Sign { order: OrderId, certificate: CertificateId },
    Renew { order: OrderId, due: Timestamp },
    Validate { authorization: AuthorizationId, challenge: u32, attempt: u32, due: Timestamp },
    TellOrder { authorization: AuthorizationId, order: OrderId, outcome: Outcome },
    PublishRevocation { certificate: CertificateId },
}

impl Errand {
    pub(super) fn of_account(effect: AccountEffect) -> Self {
        match effect {
            AccountEffect::EndWork => Self::EndWork { revoke: None },
            AccountEffect::EndWorkAndRevoke(reason) => Self::EndWork { revoke: Some(reason) },
        }
    }

    pub(super) fn of_order(order: OrderId, effect: OrderEffect) -> Self {
        match effect {
            OrderEffect::Sign(certificate) => Self::Sign { order, certificate },
            OrderEffect::Renew { due } => Self::Renew { order, due },
        }
    }

    pub(super) fn of_authorization(authorization: AuthorizationId, effect: &AuthorizationEffect) -> Self {
        match *effect {
            AuthorizationEffect::Validate { challenge, attempt, due } => {
                Self::Validate { authorization, challenge, attempt, due }
            }
            AuthorizationEffect::TellOrder { order, outcome } => Self::TellOrder { authorization, order, outcome },
        }
    }

    pub(super) fn of_certificate(certificate: CertificateId, effect: CertificateEffect) -> Self {
        match effect {
            CertificateEffect::PublishRevocation => Self::PublishRevocation { certificate },
        }
    }

    /// Not before this moment.
    pub(super) fn due(&self) -> Timestamp {
        match self {
            Self::Validate { due, .. } | Self::Renew { due, .. } => *due,
            Self::EndWork { .. } | Self::Sign { .. } | Self::TellOrder { .. } | Self::PublishRevocation { .. } => {
                Timestamp::EPOCH
            }
        }
    }
}
