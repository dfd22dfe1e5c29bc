//! The statuses of authorizations.

use super::Outcome;

/// The `status` of an authorization on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the words of RFC 8555 section 7.1.6")]
pub enum AuthorizationStatus {
    Pending,
    Valid,
    Invalid,
    Deactivated,
    Expired,
    Revoked,
}

impl AuthorizationStatus {
    /// The word of the wire.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Deactivated => "deactivated",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    /// Whether it can never again be valid.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Pending | Self::Valid => false,
            Self::Invalid | Self::Deactivated | Self::Expired | Self::Revoked => true,
        }
    }

    /// What an order is told of it; nothing while it is pending.
    #[must_use]
    pub const fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Pending => None,
            Self::Valid => Some(Outcome::Valid),
            Self::Invalid | Self::Deactivated | Self::Expired | Self::Revoked => Some(Outcome::Lost),
        }
    }
}
