//! The order (RFC 8555 section 7.1.3).
//!
//! ```text
//!  pending --------------+
//!     |                  |
//!     | All authz        |
//!     | "valid"          |
//!     V                  |
//!   ready ---------------+
//!     |                  |
//!     | Receive          |
//!     | finalize         |
//!     | request          |
//!     V                  |
//! processing ------------+
//!     |                  |
//!     | Certificate      | Error or
//!     | issued           | Authorization failure
//!     V                  V
//!   valid             invalid
//! ```
//!
//! (RFC 8555 section 7.1.6; [`crate::diagram`] prints it from the code.)
//!
//! An order with `auto-renewal` (RFC 8739) is valid as long as its certificates are reissued, until its end date or until
//! it becomes "canceled": see [`crate::auto_renewal`].

mod passage;
mod renewing;
mod status;

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};

pub use self::passage::{Cause, Passage};
pub use self::status::OrderStatus;
use crate::auto_renewal::{AutoRenewal, Series};
use crate::challenge::ChallengeType;
use crate::id::{AccountId, AuthorityId, AuthorizationId, CertificateId};
use crate::identifier::{DnsName, Subject};
use crate::machine::{Machine, Step};
use crate::problem::{Problem, ProblemType};
use crate::profile::{Endpoint, ProfileName, ProfileRevision};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// An order: what was asked for, which never changes, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Order {
    /// What was asked for.
    #[n(0)]
    pub terms: OrderTerms,
    /// Where it stands.
    #[n(1)]
    pub state: OrderState,
    /// How it came there. Orders of older builds do not know.
    #[cbor(n(2), default)]
    pub passed: Vec<Passage>,
}

/// What an order asks for, fixed when it is placed (RFC 8555 section 7.1.3: identifiers and authorizations of an order
/// never change).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OrderTerms {
    /// Who asks.
    #[n(0)]
    pub account: AccountId,
    /// Under which form of URL.
    #[n(1)]
    pub endpoint: Endpoint,
    /// The ACME Profile whose rules hold for it.
    #[n(2)]
    pub acme_profile: ProfileRef,
    /// The RA Profile that issues.
    #[n(3)]
    pub ra_profile: ProfileRef,
    /// What the certificate is for: sorted, none twice.
    #[n(4)]
    pub subjects: Vec<Subject>,
    /// What has to be valid for it: one for each subject, in the same order. One may be that of several.
    #[n(5)]
    pub authorizations: Vec<AuthorizationId>,
    /// When it was placed.
    #[n(6)]
    pub created: Timestamp,
    /// Until when it can be finalized.
    #[n(7)]
    pub expires: Timestamp,
    /// The `notBefore` that was asked for.
    #[n(8)]
    pub not_before: Option<Timestamp>,
    /// The `notAfter` that was asked for.
    #[n(9)]
    pub not_after: Option<Timestamp>,
    /// The RA Profile that was asked for by name (draft-ietf-acme-profiles); the default one issues if none was.
    #[n(10)]
    pub profile: Option<ProfileName>,
    /// What the certificate replaces (RFC 9773 section 5).
    #[n(11)]
    pub replaces: Option<Predecessor>,
    /// For some subjects the ancestor that the client named as its own too (`ancestorDomain` of RFC 9444 section 4.3).
    #[cbor(n(12), default)]
    pub ancestors: BTreeMap<Subject, DnsName>,
    /// The `auto-renewal` that was asked for (RFC 8739).
    #[n(13)]
    pub auto_renewal: Option<AutoRenewal>,
}

impl OrderTerms {
    /// The authorizations, each once, in the order of the first subject that each is for.
    #[must_use]
    pub fn distinct_authorizations(&self) -> Vec<AuthorizationId> {
        let mut met = BTreeSet::new();
        self.authorizations.iter().copied().filter(|id| met.insert(*id)).collect()
    }
}

/// A certificate that an order replaces.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Predecessor {
    /// Which.
    #[n(0)]
    pub certificate: CertificateId,
    /// As the client names it: shown as it came, even when the certificate has been forgotten.
    #[n(1)]
    pub named: String,
    /// When its life ends: until then nobody else may replace it, so until then the order is remembered.
    #[n(2)]
    pub not_after: Timestamp,
}

/// A profile, and which of its revisions.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ProfileRef {
    /// Its name.
    #[n(0)]
    pub name: ProfileName,
    /// The revision that was in force.
    #[n(1)]
    pub revision: ProfileRevision,
}

/// Where an order stands.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum OrderState {
    /// Waits for authorizations.
    #[n(0)]
    Pending {
        /// Those that are not valid yet; never empty.
        #[n(0)]
        outstanding: Vec<AuthorizationId>,
    },
    /// Waits for the CSR.
    #[n(1)]
    Ready,
    /// The certificate is decided in every bit but its signature.
    #[n(2)]
    Processing {
        /// What will be signed.
        #[n(0)]
        intent: Intent,
    },
    /// The certificate is issued.
    #[n(3)]
    Valid {
        /// Which it is.
        #[n(0)]
        certificate: CertificateId,
        /// When its life ends.
        #[n(1)]
        not_after: Timestamp,
    },
    /// There will be no certificate.
    #[n(4)]
    Invalid {
        /// When that was decided.
        #[n(0)]
        at: Timestamp,
        /// Why.
        #[n(1)]
        error: Problem,
    },
    /// A certificate is issued, and others follow it (RFC 8739 section 2.2).
    #[n(5)]
    Renewing {
        /// What was issued so far.
        #[n(0)]
        series: Series,
        /// When the next certificate is due; none if the current one is the last.
        #[n(1)]
        due: Option<Timestamp>,
        /// Why it is late.
        #[n(2)]
        setback: Option<Setback>,
    },
    /// The next certificate is decided in every bit but its signature.
    #[n(6)]
    Reissuing {
        /// What was issued so far.
        #[n(0)]
        series: Series,
        /// The period for which it is.
        #[n(1)]
        period: u64,
        /// What will be signed.
        #[n(2)]
        intent: Intent,
    },
    /// No certificate follows any more (RFC 8739 section 3.1.2).
    #[n(7)]
    Canceled {
        /// What was issued.
        #[n(0)]
        series: Series,
        /// When that was decided.
        #[n(1)]
        at: Timestamp,
        /// Why, if the client did not ask for it.
        #[n(2)]
        error: Option<Problem>,
    },
}

/// Why the next certificate of an order is late, for operators.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Setback {
    /// When it failed first.
    #[n(0)]
    pub since: Timestamp,
    /// Why it failed last.
    #[n(1)]
    pub reason: String,
}

/// The whole intent to issue, stored before anything is signed: a crash gives this certificate or none, never another.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Intent {
    /// The name under which the certificate will be kept.
    #[n(0)]
    pub certificate: CertificateId,
    /// What will be signed.
    #[n(1)]
    pub draft: Draft,
    /// As [`Series::methods`], for the first certificate of an order that is renewed automatically; else empty.
    #[cbor(n(2), default)]
    pub methods: Vec<Option<ChallengeType>>,
}

/// A linted certificate that only waits for its signature: enough to sign it now or after a crash, to the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Draft {
    /// What will sign.
    #[n(0)]
    pub authority: AuthorityId,
    /// Big-endian, positive, at most 20 octets (RFC 5280 section 4.1.2.2).
    #[cbor(n(1), with = "minicbor::bytes")]
    pub serial: Vec<u8>,
    /// Its notBefore.
    #[n(2)]
    pub not_before: Timestamp,
    /// Its notAfter.
    #[n(3)]
    pub not_after: Timestamp,
    /// DER of the SubjectPublicKeyInfo.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub public_key: Vec<u8>,
    /// DER of the TBSCertificate: exactly what is signed.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub tbs: Vec<u8>,
}

/// What can happen to an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderEvent {
    /// An authorization became valid.
    AuthorizationValid(AuthorizationId),
    /// An authorization ended in, or left for, a state other than valid.
    AuthorizationLost {
        /// Which.
        authorization: AuthorizationId,
        /// Why, for the order's `error`.
        error: Problem,
    },
    /// The client sent a CSR that is in order, and a certificate was drafted for it.
    Finalized(Box<Intent>),
    /// The intent was signed, and the certificate is stored with this very step.
    Issued(CertificateId),
    /// The intent can never be signed.
    IssuanceFailed(Problem),
    /// The account was deactivated or revoked.
    AccountClosed,
    /// An operator ended it.
    Cancelled,
    /// The clock passed `expires`.
    Expired,
    /// The next certificate was drafted.
    RenewalDrafted {
        /// The period for which it is.
        period: u64,
        /// What will be signed.
        intent: Box<Intent>,
    },
    /// The next certificate cannot be drafted now, for a reason that operators read.
    RenewalFailed(String),
    /// The clock passed the period of the next certificate, or the end date, before it was signed.
    PeriodPassed,
    /// The client ended the automatic renewal (RFC 8739 section 3.1.2).
    RenewalCanceled,
}

/// What an order can owe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderEffect {
    /// Sign the intent, and come back with [`OrderEvent::Issued`].
    Sign(CertificateId),
    /// Draft the next certificate, and come back with [`OrderEvent::RenewalDrafted`].
    Renew {
        /// Not before this moment.
        due: Timestamp,
    },
}

impl Order {
    /// A new order. `outstanding` are those of its authorizations that are not valid yet: with none it is ready at once.
    #[must_use]
    pub fn placed(terms: OrderTerms, outstanding: Vec<AuthorizationId>) -> Self {
        let state = if outstanding.is_empty() { OrderState::Ready } else { OrderState::Pending { outstanding } };
        let mut order = Self { terms, state, passed: Vec::new() };
        let placed = Passage { status: order.stored_status(), at: order.terms.created, cause: Cause::Placed };
        order.passed.push(placed);
        order
    }

    /// The status that follows from the state at that moment: an order that nobody touched since it expired is invalid.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> OrderStatus {
        match self.state {
            OrderState::Pending { .. } | OrderState::Ready if self.lapsed(now) => OrderStatus::Invalid,
            OrderState::Pending { .. }
            | OrderState::Ready
            | OrderState::Processing { .. }
            | OrderState::Valid { .. }
            | OrderState::Invalid { .. }
            | OrderState::Renewing { .. }
            | OrderState::Reissuing { .. }
            | OrderState::Canceled { .. } => self.stored_status(),
        }
    }

    /// The status whatever the clock says: by it stores find the order.
    #[must_use]
    pub const fn stored_status(&self) -> OrderStatus {
        match self.state {
            OrderState::Pending { .. } => OrderStatus::Pending,
            OrderState::Ready => OrderStatus::Ready,
            OrderState::Processing { .. } => OrderStatus::Processing,
            // RFC 8739 section 3.1.1: as long as certificates are being issued, and after the end date too.
            OrderState::Valid { .. } | OrderState::Renewing { .. } | OrderState::Reissuing { .. } => OrderStatus::Valid,
            OrderState::Invalid { .. } => OrderStatus::Invalid,
            OrderState::Canceled { .. } => OrderStatus::Canceled,
        }
    }

    /// The `error` of the wire at that moment.
    #[must_use]
    pub fn error(&self, now: Timestamp) -> Option<Problem> {
        match &self.state {
            OrderState::Invalid { error, .. } => Some(error.clone()),
            OrderState::Canceled { error, .. } => error.clone(),
            OrderState::Pending { .. } | OrderState::Ready if self.lapsed(now) => Some(expired()),
            OrderState::Pending { .. }
            | OrderState::Ready
            | OrderState::Processing { .. }
            | OrderState::Valid { .. }
            | OrderState::Renewing { .. }
            | OrderState::Reissuing { .. } => None,
        }
    }

    /// The certificate, once there is one; the last one of an order with `auto-renewal`.
    #[must_use]
    pub const fn certificate(&self) -> Option<CertificateId> {
        match &self.state {
            OrderState::Valid { certificate, .. } => Some(*certificate),
            OrderState::Renewing { series, .. }
            | OrderState::Reissuing { series, .. }
            | OrderState::Canceled { series, .. } => Some(series.current),
            OrderState::Pending { .. }
            | OrderState::Ready
            | OrderState::Processing { .. }
            | OrderState::Invalid { .. } => None,
        }
    }

    fn lapsed(&self, now: Timestamp) -> bool {
        now >= self.terms.expires
    }

    fn to(&self, state: OrderState) -> Step<Self> {
        Step::between(self, Self { terms: self.terms.clone(), state, passed: self.passed.clone() })
    }

    fn fail(&self, now: Timestamp, error: Problem) -> Step<Self> {
        self.to(OrderState::Invalid { at: now, error })
    }

    /// Pending and ready end alike by everything that is not progress.
    fn end_open(&self, event: OrderEvent, now: Timestamp) -> Result<Step<Self>, Rejection> {
        match event {
            OrderEvent::AuthorizationLost { authorization, error }
                if self.terms.authorizations.contains(&authorization) =>
            {
                Ok(self.fail(now, error))
            }
            OrderEvent::AccountClosed => Ok(self.fail(now, account_closed())),
            OrderEvent::Cancelled => Ok(self.fail(now, cancelled())),
            OrderEvent::Finalized(_) => Err(Rejection::OrderNotReady(self.status(now))),
            OrderEvent::RenewalCanceled => Err(Rejection::NotRenewing(self.status(now))),
            OrderEvent::AuthorizationValid(_)
            | OrderEvent::AuthorizationLost { .. }
            | OrderEvent::Issued(_)
            | OrderEvent::IssuanceFailed(_)
            | OrderEvent::Expired
            | OrderEvent::RenewalDrafted { .. }
            | OrderEvent::RenewalFailed(_)
            | OrderEvent::PeriodPassed => Err(Rejection::Stale),
        }
    }

    fn apply_lapsed(&self, event: &OrderEvent, now: Timestamp) -> Result<Step<Self>, Rejection> {
        match event {
            OrderEvent::Finalized(_) => Err(Rejection::OrderNotReady(OrderStatus::Invalid)),
            OrderEvent::Cancelled => Err(Rejection::OrderPastCancelling(OrderStatus::Invalid)),
            OrderEvent::RenewalCanceled => Err(Rejection::NotRenewing(OrderStatus::Invalid)),
            OrderEvent::AuthorizationValid(_)
            | OrderEvent::AuthorizationLost { .. }
            | OrderEvent::Issued(_)
            | OrderEvent::IssuanceFailed(_)
            | OrderEvent::AccountClosed
            | OrderEvent::Expired
            | OrderEvent::RenewalDrafted { .. }
            | OrderEvent::RenewalFailed(_)
            | OrderEvent::PeriodPassed => Ok(self.fail(now, expired())),
        }
    }

    fn apply_pending(
        &self,
        outstanding: &[AuthorizationId],
        event: OrderEvent,
        now: Timestamp,
    ) -> Result<Step<Self>, Rejection> {
        match event {
            OrderEvent::AuthorizationValid(authorization) if outstanding.contains(&authorization) => {
                let outstanding: Vec<_> = outstanding.iter().copied().filter(|other| *other != authorization).collect();
                if outstanding.is_empty() {
                    Ok(self.to(OrderState::Ready))
                } else {
                    Ok(self.to(OrderState::Pending { outstanding }))
                }
            }
            event @ (OrderEvent::AuthorizationValid(_)
            | OrderEvent::AuthorizationLost { .. }
            | OrderEvent::Finalized(_)
            | OrderEvent::Issued(_)
            | OrderEvent::IssuanceFailed(_)
            | OrderEvent::AccountClosed
            | OrderEvent::Cancelled
            | OrderEvent::Expired
            | OrderEvent::RenewalDrafted { .. }
            | OrderEvent::RenewalFailed(_)
            | OrderEvent::PeriodPassed
            | OrderEvent::RenewalCanceled) => self.end_open(event, now),
        }
    }

    fn apply_ready(&self, event: OrderEvent, now: Timestamp) -> Result<Step<Self>, Rejection> {
        match event {
            OrderEvent::Finalized(intent) => Ok(self.to(OrderState::Processing { intent: *intent })),
            event @ (OrderEvent::AuthorizationValid(_)
            | OrderEvent::AuthorizationLost { .. }
            | OrderEvent::Issued(_)
            | OrderEvent::IssuanceFailed(_)
            | OrderEvent::AccountClosed
            | OrderEvent::Cancelled
            | OrderEvent::Expired
            | OrderEvent::RenewalDrafted { .. }
            | OrderEvent::RenewalFailed(_)
            | OrderEvent::PeriodPassed
            | OrderEvent::RenewalCanceled) => self.end_open(event, now),
        }
    }

    /// Once the intent is stored, only the signature decides. Authorizations were valid at that moment, which is what
    /// RFC 8555 section 7.4 asks for; an account that closes now does not unmake a certificate that may be signed already.
    fn apply_processing(&self, intent: &Intent, event: OrderEvent, now: Timestamp) -> Result<Step<Self>, Rejection> {
        match event {
            OrderEvent::Issued(certificate) if certificate == intent.certificate => {
                Ok(self.to(match &self.terms.auto_renewal {
                    None => OrderState::Valid { certificate, not_after: intent.draft.not_after },
                    Some(terms) => renewing::begun(terms, intent),
                }))
            }
            OrderEvent::IssuanceFailed(error) => Ok(self.fail(now, error)),
            OrderEvent::Finalized(_) => Err(Rejection::OrderNotReady(OrderStatus::Processing)),
            OrderEvent::Cancelled => Err(Rejection::OrderPastCancelling(OrderStatus::Processing)),
            OrderEvent::RenewalCanceled => Err(Rejection::NotRenewing(OrderStatus::Processing)),
            OrderEvent::Issued(_)
            | OrderEvent::AuthorizationValid(_)
            | OrderEvent::AuthorizationLost { .. }
            | OrderEvent::AccountClosed
            | OrderEvent::Expired
            | OrderEvent::RenewalDrafted { .. }
            | OrderEvent::RenewalFailed(_)
            | OrderEvent::PeriodPassed => Err(Rejection::Stale),
        }
    }

    fn apply_final(event: &OrderEvent, status: OrderStatus) -> Rejection {
        match event {
            OrderEvent::Finalized(_) => Rejection::OrderNotReady(status),
            OrderEvent::Cancelled => Rejection::OrderPastCancelling(status),
            OrderEvent::RenewalCanceled => Rejection::NotRenewing(status),
            OrderEvent::AuthorizationValid(_)
            | OrderEvent::AuthorizationLost { .. }
            | OrderEvent::Issued(_)
            | OrderEvent::IssuanceFailed(_)
            | OrderEvent::AccountClosed
            | OrderEvent::Expired
            | OrderEvent::RenewalDrafted { .. }
            | OrderEvent::RenewalFailed(_)
            | OrderEvent::PeriodPassed => Rejection::Stale,
        }
    }
}

impl Machine for Order {
    type Event = OrderEvent;
    type Effect = OrderEffect;

    fn apply(&self, event: OrderEvent, now: Timestamp) -> Result<Step<Self>, Rejection> {
        let over = matches!(self.state, OrderState::Pending { .. } | OrderState::Ready) && self.lapsed(now);
        let cause = if over { Cause::Expired } else { Cause::of(&event) };
        let mut step = self.decide(event, now)?;
        step.next.passed = self.passed_on(&step.next, cause, now);
        Ok(step)
    }

    fn owed(&self) -> Vec<OrderEffect> {
        match &self.state {
            OrderState::Processing { intent } | OrderState::Reissuing { intent, .. } => {
                vec![OrderEffect::Sign(intent.certificate)]
            }
            OrderState::Renewing { due: Some(due), .. } => vec![OrderEffect::Renew { due: *due }],
            OrderState::Pending { .. }
            | OrderState::Ready
            | OrderState::Valid { .. }
            | OrderState::Invalid { .. }
            | OrderState::Renewing { due: None, .. }
            | OrderState::Canceled { .. } => Vec::new(),
        }
    }
}

impl Order {
    /// The step that the event leads to.
    fn decide(&self, event: OrderEvent, now: Timestamp) -> Result<Step<Self>, Rejection> {
        match &self.state {
            OrderState::Pending { .. } | OrderState::Ready if self.lapsed(now) => self.apply_lapsed(&event, now),
            OrderState::Pending { outstanding } => self.apply_pending(outstanding, event, now),
            OrderState::Ready => self.apply_ready(event, now),
            OrderState::Processing { intent } => self.apply_processing(intent, event, now),
            OrderState::Valid { .. } => Err(Self::apply_final(&event, OrderStatus::Valid)),
            OrderState::Invalid { .. } => Err(Self::apply_final(&event, OrderStatus::Invalid)),
            OrderState::Renewing { series, setback, .. } => self.apply_renewing(series, setback.as_ref(), event, now),
            OrderState::Reissuing { series, period, intent } => {
                self.apply_reissuing(series, *period, intent, event, now)
            }
            OrderState::Canceled { .. } => Err(Self::apply_final(&event, OrderStatus::Canceled)),
        }
    }
}

fn expired() -> Problem {
    Problem::new(ProblemType::Malformed, "the order expired before it was finalized; place a new one")
}

fn cancelled() -> Problem {
    Problem::new(ProblemType::Unauthorized, "the server's operator cancelled the order")
}

fn account_closed() -> Problem {
    Problem::new(ProblemType::Unauthorized, "the account was closed before the order was finalized")
}
