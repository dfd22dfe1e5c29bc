//! The words of the machines as the API writes them: in views, in filters, and in its description.

use chancery_machine::{account, authorization, certificate, challenge, eab, order};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident of $machine:ty { $($word:ident),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "camelCase")]
        #[allow(missing_docs, reason = "the machine says what each means")]
        pub enum $name {
            $($word),*
        }

        impl From<$machine> for $name {
            fn from(word: $machine) -> Self {
                match word {
                    $(<$machine>::$word => Self::$word),*
                }
            }
        }

        impl From<$name> for $machine {
            fn from(word: $name) -> Self {
                match word {
                    $($name::$word => <$machine>::$word),*
                }
            }
        }
    )*};
}

words! {
    /// The status of an account (RFC 8555 section 7.1.6).
    AccountStatus of account::AccountStatus { Valid, Deactivated, Revoked }
    /// The status of an order (RFC 8555 section 7.1.6, RFC 8739 section 3.1.1).
    OrderStatus of order::OrderStatus { Pending, Ready, Processing, Valid, Invalid, Canceled }
    /// The status of an authorization (RFC 8555 section 7.1.6).
    AuthorizationStatus of authorization::AuthorizationStatus { Pending, Valid, Invalid, Deactivated, Expired, Revoked }
    /// The status of a challenge (RFC 8555 section 7.1.6).
    ChallengeStatus of challenge::ChallengeStatus { Pending, Processing, Valid, Invalid }
    /// How a certificate stands at this moment.
    CertificateStatus of certificate::CertificateStatus { Valid, Expired, Revoked }
    /// How the credential of an external account stands at this moment.
    EabStatus of eab::EabStatus { Valid, Expired, Revoked }
    /// Why a certificate is revoked (RFC 5280 section 5.3.1).
    RevocationReason of certificate::RevocationReason {
        Unspecified, KeyCompromise, AffiliationChanged, Superseded, CessationOfOperation,
    }
}
