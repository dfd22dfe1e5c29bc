//! The certificate and its revocation (RFC 8555 sections 7.4.2 and 7.6).
//!
//! ```text
//!   valid --- Time after notAfter ---> expired
//!     |
//!     | Receive revocation request
//!     V
//!  revoked --- Time after notAfter ---> (stays revoked)
//! ```

use minicbor::{Decode, Encode};

use crate::id::{AccountId, AuthorityId, OrderId};
use crate::identifier::Subject;
use crate::machine::{Machine, Step};
use crate::order::ProfileRef;
use crate::rejection::Rejection;
use crate::renewal::RenewalCall;
use crate::time::Timestamp;

/// A certificate that was issued.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Certificate {
    /// What was issued, which never changes.
    #[n(0)]
    pub record: CertificateRecord,
    /// Where it stands.
    #[n(1)]
    pub state: CertificateState,
    /// The order that replaces it (RFC 9773 section 5).
    #[n(2)]
    pub replaced: Option<OrderId>,
    /// An operator's call to renew it.
    #[n(3)]
    pub call: Option<RenewalCall>,
}

/// What was issued.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CertificateRecord {
    /// To whom, and for which order; nobody's if the server issued it to itself.
    #[n(0)]
    pub order: Option<(AccountId, OrderId)>,
    /// What signed it.
    #[n(1)]
    pub authority: AuthorityId,
    /// Big-endian.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub serial: Vec<u8>,
    /// Its names.
    #[n(3)]
    pub subjects: Vec<Subject>,
    /// When its life begins.
    #[n(4)]
    pub not_before: Timestamp,
    /// When its life ends.
    #[n(5)]
    pub not_after: Timestamp,
    /// When it was issued.
    #[n(6)]
    pub issued: Timestamp,
    /// SHA-256 of its SubjectPublicKeyInfo.
    #[cbor(n(7), with = "minicbor::bytes")]
    pub spki_sha256: [u8; 32],
    /// The certificate, DER.
    #[cbor(n(8), with = "minicbor::bytes")]
    pub der: Vec<u8>,
    /// The ACME Profile and the RA Profile by whose rules it was issued.
    #[n(9)]
    pub profiles: Option<(ProfileRef, ProfileRef)>,
    /// Which period of its order's automatic renewal it is for (RFC 8739), counted from 0.
    #[n(10)]
    pub period: Option<u64>,
}

/// Where a certificate stands.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum CertificateState {
    /// Not revoked.
    #[n(0)]
    Valid,
    /// Revoked.
    #[n(1)]
    Revoked {
        /// When.
        #[n(0)]
        at: Timestamp,
        /// Why, if a reason was given.
        #[n(1)]
        reason: Option<RevocationReason>,
        /// The number of the first CRL that lists it, once there is one.
        #[n(2)]
        published: Option<u64>,
    },
}

/// Why a certificate is revoked (RFC 5280 section 5.3.1): those that its holder may give. Not among them are
/// cACompromise and aACompromise, which are not the holder's to say, privilegeWithdrawn, which is the server's, and
/// certificateHold with removeFromCRL, since revocation in ACME is for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum RevocationReason {
    /// 0: the CRL entry then has no reason at all, as RFC 5280 asks.
    #[n(0)]
    Unspecified,
    /// 1
    #[n(1)]
    KeyCompromise,
    /// 3
    #[n(3)]
    AffiliationChanged,
    /// 4
    #[n(4)]
    Superseded,
    /// 5
    #[n(5)]
    CessationOfOperation,
}

impl RevocationReason {
    /// Every reason.
    pub const ALL: &'static [Self] = &[
        Self::Unspecified,
        Self::KeyCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
    ];

    /// Its CRLReason.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
        }
    }

    /// Its name in RFC 5280.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
        }
    }

    /// The reason with this CRLReason.
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| u64::from(reason.code()) == code)
    }
}

/// What can happen to a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateEvent {
    /// Somebody who may do so revoked it.
    Revoked(Option<RevocationReason>),
    /// A CRL of this number lists it.
    RevocationPublished(u64),
    /// An order was placed that replaces it.
    Replaced {
        /// Which.
        by: OrderId,
        /// The order that was to replace it before and never will.
        instead_of: Option<OrderId>,
    },
    /// An operator calls to renew it, or takes that back.
    RenewalCalled(Option<RenewalCall>),
}

/// What a certificate can owe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateEffect {
    /// Publish a CRL that lists it, and come back with [`CertificateEvent::RevocationPublished`].
    PublishRevocation,
}

/// How a certificate stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the usual words")]
pub enum CertificateStatus {
    Valid,
    Expired,
    Revoked,
}

impl CertificateStatus {
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

impl Certificate {
    /// A certificate that was just issued.
    #[must_use]
    pub const fn issued(record: CertificateRecord) -> Self {
        Self { record, state: CertificateState::Valid, replaced: None, call: None }
    }

    /// The status that follows from the state at that moment.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> CertificateStatus {
        match self.state {
            CertificateState::Revoked { .. } => CertificateStatus::Revoked,
            CertificateState::Valid if now > self.record.not_after => CertificateStatus::Expired,
            CertificateState::Valid => CertificateStatus::Valid,
        }
    }

    /// One order replaces it, unless the one before has failed (RFC 9773 section 5).
    fn replaced(&self, by: OrderId, instead_of: Option<OrderId>) -> Result<Step<Self>, Rejection> {
        if self.replaced == Some(by) {
            Err(Rejection::Stale)
        } else if self.replaced == instead_of {
            Ok(Step::between(self, Self { replaced: Some(by), ..self.clone() }))
        } else {
            Err(Rejection::AlreadyReplaced)
        }
    }

    fn to(&self, state: CertificateState) -> Step<Self> {
        Step::between(self, Self { state, ..self.clone() })
    }
}

impl Machine for Certificate {
    type Event = CertificateEvent;
    type Effect = CertificateEffect;

    fn apply(&self, event: CertificateEvent, now: Timestamp) -> Result<Step<Self>, Rejection> {
        match (&self.state, event) {
            // Whatever became of it: what was revoked or ran out is renewed too.
            (_, CertificateEvent::Replaced { by, instead_of }) => self.replaced(by, instead_of),
            (_, CertificateEvent::RenewalCalled(call)) if call == self.call => Err(Rejection::Stale),
            (_, CertificateEvent::RenewalCalled(call)) => Ok(Step::between(self, Self { call, ..self.clone() })),
            (CertificateState::Valid, CertificateEvent::Revoked(_)) if now > self.record.not_after => {
                Err(Rejection::CertificateExpired)
            }
            (CertificateState::Valid, CertificateEvent::Revoked(reason)) => {
                Ok(self.to(CertificateState::Revoked { at: now, reason, published: None }))
            }
            (CertificateState::Valid, CertificateEvent::RevocationPublished(_)) => Err(Rejection::Stale),
            (CertificateState::Revoked { .. }, CertificateEvent::Revoked(_)) => Err(Rejection::AlreadyRevoked),
            (
                CertificateState::Revoked { at, reason, published: None },
                CertificateEvent::RevocationPublished(number),
            ) => Ok(self.to(CertificateState::Revoked { at: *at, reason: *reason, published: Some(number) })),
            (CertificateState::Revoked { published: Some(_), .. }, CertificateEvent::RevocationPublished(_)) => {
                Err(Rejection::Stale)
            }
        }
    }

    fn owed(&self) -> Vec<CertificateEffect> {
        match self.state {
            CertificateState::Revoked { published: None, .. } => vec![CertificateEffect::PublishRevocation],
            CertificateState::Revoked { published: Some(_), .. } | CertificateState::Valid => Vec::new(),
        }
    }
}
