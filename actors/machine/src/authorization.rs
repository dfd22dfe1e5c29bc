//! The authorization and its challenges (RFC 8555 sections 7.1.4 and 7.1.5).
//!
//! ```text
//!                    pending --------------------+
//!                       |                        |
//!     Challenge failure |                        |
//!            or         |                        |
//!           Error       |  Challenge valid       |
//!             +---------+---------+              |
//!             |                   |              |
//!             V                   V              |
//!          invalid              valid            |
//!                                 |              |
//!                                 |              |
//!                                 |              |
//!                  +--------------+--------------+
//!                  |              |              |
//!                  |              |              |
//!           Server |       Client |   Time after |
//!           revoke |   deactivate |    "expires" |
//!                  V              V              V
//!               revoked      deactivated      expired
//! ```
//!
//! (RFC 8555 section 7.1.6; [`crate::diagram`] prints it from the code.) A client may give up a pending authorization as
//! well: lego does so after a failure, and section 7.5.2 sets no state.

mod status;

use std::time::Duration;

use minicbor::{Decode, Encode};

pub use self::status::AuthorizationStatus;
use crate::challenge::{Challenge, ChallengeState, Reliance};
use crate::id::{AccountId, OrderId};
use crate::identifier::{Identifier, Subject};
use crate::machine::{Machine, Step};
use crate::order::ProfileRef;
use crate::problem::{Problem, ProblemType};
use crate::profile::{Endpoint, RetryRules, Seconds};
use crate::rejection::Rejection;
use crate::time::Timestamp;
use crate::transcript::Transcript;

/// How many open orders may hang on one authorization.
pub const ORDERS: usize = 100;

/// An authorization: what was to be proven, how it may be, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Authorization {
    /// What was to be proven, and by which rules.
    #[n(0)]
    pub terms: AuthorizationTerms,
    /// The ways to prove it.
    #[n(1)]
    pub challenges: Vec<Challenge>,
    /// The orders that wait for it or were told of it, at most [`ORDERS`].
    #[n(2)]
    pub dependents: Vec<Dependent>,
    /// Where it stands.
    #[n(3)]
    pub state: AuthorizationState,
}

/// What an authorization is for, fixed when it is made.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AuthorizationTerms {
    /// Whose it is.
    #[n(0)]
    pub account: AccountId,
    /// Under which form of URL.
    #[n(1)]
    pub endpoint: Endpoint,
    /// The ACME Profile whose rules hold for it.
    #[n(2)]
    pub acme_profile: ProfileRef,
    /// Control of what.
    #[n(3)]
    pub identifier: Identifier,
    /// Whether it is for the wildcard below the identifier.
    #[n(4)]
    pub wildcard: bool,
    /// When it was made.
    #[n(5)]
    pub created: Timestamp,
    /// Until when it may be pending.
    #[n(6)]
    pub expires: Timestamp,
    /// How long it counts once it is valid.
    #[n(7)]
    pub valid_for: Seconds,
    /// How often each challenge is tried.
    #[n(8)]
    pub retry: RetryRules,
    /// The rule of the RA Profile by which nothing had to be proven, for operators.
    #[n(9)]
    pub exemption: Option<String>,
    /// Whether it is for everything below the identifier too (RFC 9444): for its names, or if `wildcard` for its wildcards.
    #[cbor(n(10), default)]
    pub subdomains: bool,
    /// Whether the client asked for it before any order (RFC 8555 section 7.4.1).
    #[cbor(n(11), default)]
    pub pre_authorized: bool,
}

impl AuthorizationTerms {
    /// What an order asks for that needs this authorization, or that with more below it.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject { identifier: self.identifier.clone(), wildcard: self.wildcard }
    }

    /// Whether an order may have this subject once the authorization is valid. A name says nothing of wildcards, nor the other
    /// way round, whether the authorization is for itself alone or for what is below it.
    #[must_use]
    pub fn proves(&self, subject: &Subject) -> bool {
        let within = self.subdomains && subject.identifier.is_below(&self.identifier);
        subject.wildcard == self.wildcard && (within || subject.identifier == self.identifier)
    }
}

/// An order that depends on this authorization.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Dependent {
    /// Which.
    #[n(0)]
    pub order: OrderId,
    /// When the order runs out by itself.
    #[n(1)]
    pub until: Timestamp,
    /// What it was told last.
    #[n(2)]
    pub told: Option<Outcome>,
}

/// What an order needs to know of an authorization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Outcome {
    /// It is valid.
    #[n(0)]
    Valid,
    /// It will never be valid, or is not any more.
    #[n(1)]
    Lost,
}

/// Where an authorization stands.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum AuthorizationState {
    /// Nothing was proven yet.
    #[n(0)]
    Pending,
    /// Control was proven.
    #[n(1)]
    Valid {
        /// When.
        #[n(0)]
        since: Timestamp,
        /// Until when it counts.
        #[n(1)]
        expires: Timestamp,
    },
    /// A challenge failed for good.
    #[n(2)]
    Invalid {
        /// When.
        #[n(0)]
        at: Timestamp,
        /// Why: the error of that challenge.
        #[n(1)]
        error: Problem,
    },
    /// The client gave it up (RFC 8555 section 7.5.2), or its account was closed.
    #[n(3)]
    Deactivated {
        /// When.
        #[n(0)]
        at: Timestamp,
    },
    /// Its time ran out.
    #[n(4)]
    Expired {
        /// When that was noticed.
        #[n(0)]
        at: Timestamp,
    },
    /// The server took it back.
    #[n(5)]
    Revoked {
        /// When.
        #[n(0)]
        at: Timestamp,
    },
}

/// What can happen to an authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizationEvent {
    /// The client says that a challenge is ready (RFC 8555 section 7.5.1).
    Responded {
        /// Its place among the challenges.
        challenge: u32,
    },
    /// An attempt proved control.
    AttemptPassed {
        /// The challenge's place.
        challenge: u32,
        /// Which attempt.
        attempt: u32,
        /// What happened.
        transcript: Transcript,
        /// How long the proof may be relied on.
        reliance: Reliance,
    },
    /// An attempt did not prove control.
    AttemptFailed {
        /// The challenge's place.
        challenge: u32,
        /// Which attempt.
        attempt: u32,
        /// Why, as far as the client may know.
        error: Problem,
        /// What happened.
        transcript: Transcript,
    },
    /// An order wants to rely on it.
    OrderJoined {
        /// Which.
        order: OrderId,
        /// When that order runs out by itself.
        until: Timestamp,
    },
    /// An order has stored what it was told.
    OrderTold {
        /// Which.
        order: OrderId,
        /// What it was told.
        outcome: Outcome,
    },
    /// The client gives it up.
    Deactivated,
    /// The account was deactivated or revoked.
    AccountClosed,
    /// The server takes it back.
    Revoked,
    /// The clock passed `expires`.
    Expired,
}

/// What an authorization can owe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizationEffect {
    /// Try a challenge, and come back with an attempt's outcome.
    Validate {
        /// The challenge's place.
        challenge: u32,
        /// Which attempt.
        attempt: u32,
        /// Not before this moment.
        due: Timestamp,
    },
    /// Tell an order how the authorization stands, and come back with [`AuthorizationEvent::OrderTold`].
    TellOrder {
        /// Which.
        order: OrderId,
        /// What to tell it.
        outcome: Outcome,
    },
}

impl Authorization {
    /// A pending authorization on which one order, or none, depends.
    #[must_use]
    pub fn new(terms: AuthorizationTerms, challenges: Vec<Challenge>, order: Option<(OrderId, Timestamp)>) -> Self {
        let dependents = order.into_iter().map(|(order, until)| Dependent { order, until, told: None }).collect();
        Self { terms, challenges, dependents, state: AuthorizationState::Pending }
    }

    /// A valid authorization for which nothing had to be proven, as its terms say; the order, if there is one, knows it.
    #[must_use]
    pub fn exempt(terms: AuthorizationTerms, order: Option<(OrderId, Timestamp)>) -> Self {
        let known = |(order, until)| Dependent { order, until, told: Some(Outcome::Valid) };
        let dependents = order.into_iter().map(known).collect();
        let state =
            AuthorizationState::Valid { since: terms.created, expires: terms.created.plus(terms.valid_for.into()) };
        Self { terms, challenges: Vec::new(), dependents, state }
    }

    /// The status that follows from the state at that moment.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> AuthorizationStatus {
        if self.lapsed(now) { AuthorizationStatus::Expired } else { self.stored_status() }
    }

    /// The `expires` of the wire: while pending or valid.
    #[must_use]
    pub const fn expires(&self) -> Option<Timestamp> {
        match self.state {
            AuthorizationState::Pending => Some(self.terms.expires),
            AuthorizationState::Valid { expires, .. } => Some(expires),
            AuthorizationState::Invalid { .. }
            | AuthorizationState::Deactivated { .. }
            | AuthorizationState::Expired { .. }
            | AuthorizationState::Revoked { .. } => None,
        }
    }

    /// What an order is told when the authorization is lost.
    #[must_use]
    pub fn loss(&self, now: Timestamp) -> Problem {
        let name = self.terms.subject();
        match &self.state {
            AuthorizationState::Invalid { error, .. } => Problem::new(error.kind, format!("{name}: {}", error.detail)),
            AuthorizationState::Pending
            | AuthorizationState::Valid { .. }
            | AuthorizationState::Deactivated { .. }
            | AuthorizationState::Expired { .. }
            | AuthorizationState::Revoked { .. } => Problem::new(
                ProblemType::Unauthorized,
                format!("the authorization for {name} is {}", self.status(now).token()),
            ),
        }
    }

    const fn stored_status(&self) -> AuthorizationStatus {
        match self.state {
            AuthorizationState::Pending => AuthorizationStatus::Pending,
            AuthorizationState::Valid { .. } => AuthorizationStatus::Valid,
            AuthorizationState::Invalid { .. } => AuthorizationStatus::Invalid,
            AuthorizationState::Deactivated { .. } => AuthorizationStatus::Deactivated,
            AuthorizationState::Expired { .. } => AuthorizationStatus::Expired,
            AuthorizationState::Revoked { .. } => AuthorizationStatus::Revoked,
        }
    }

    fn lapsed(&self, now: Timestamp) -> bool {
        self.expires().is_some_and(|expires| now >= expires)
    }

    fn to(&self, state: AuthorizationState) -> Step<Self> {
        Step::between(self, Self { state, ..self.clone() })
    }

    fn challenge(&self, place: u32) -> Result<&Challenge, Rejection> {
        usize::try_from(place).ok().and_then(|place| self.challenges.get(place)).ok_or(Rejection::NoSuchChallenge)
    }

    fn with_challenge(&self, place: u32, state: ChallengeState, transcript: Option<Transcript>) -> Self {
        let mut next = self.clone();
        if let Some(challenge) = usize::try_from(place).ok().and_then(|place| next.challenges.get_mut(place)) {
            challenge.state = state;
            challenge.transcript = transcript.or(challenge.transcript.take());
        }
        next
    }

    fn responded(&self, place: u32, now: Timestamp) -> Result<Step<Self>, Rejection> {
        let state = match &self.challenge(place)?.state {
            ChallengeState::Pending => ChallengeState::Processing { attempt: 1, due: now, error: None },
            // RFC 8555 section 8.2: the client's request brings the next attempt forward; it does not add one.
            ChallengeState::Processing { attempt, due, error } if *due > now => {
                ChallengeState::Processing { attempt: *attempt, due: now, error: error.clone() }
            }
            ChallengeState::Processing { .. } | ChallengeState::Valid { .. } | ChallengeState::Invalid { .. } => {
                return Err(Rejection::Stale);
            }
        };
        Ok(Step::between(self, self.with_challenge(place, state, None)))
    }

    /// Whether the outcome is that of the attempt that is owed, and not a late one.
    fn awaits(&self, place: u32, attempt: u32) -> Result<bool, Rejection> {
        Ok(match self.challenge(place)?.state {
            ChallengeState::Processing { attempt: owed, .. } => owed == attempt,
            ChallengeState::Pending | ChallengeState::Valid { .. } | ChallengeState::Invalid { .. } => false,
        })
    }

    fn passed(
        &self,
        place: u32,
        attempt: u32,
        transcript: Transcript,
        reliance: Reliance,
        now: Timestamp,
    ) -> Result<Step<Self>, Rejection> {
        if !self.awaits(place, attempt)? {
            return Err(Rejection::Stale);
        }
        let mut next = self.with_challenge(place, ChallengeState::Valid { validated: now }, Some(transcript));
        if let Some(challenge) = usize::try_from(place).ok().and_then(|place| next.challenges.get_mut(place)) {
            challenge.reliance = reliance;
        }
        let full = now.plus(self.terms.valid_for.into());
        let expires = reliance.until.map_or(full, |until| until.min(full));
        next.state = AuthorizationState::Valid { since: now, expires };
        Ok(Step::between(self, next))
    }

    fn failed(
        &self,
        place: u32,
        attempt: u32,
        error: Problem,
        transcript: Transcript,
        now: Timestamp,
    ) -> Result<Step<Self>, Rejection> {
        if !self.awaits(place, attempt)? {
            return Err(Rejection::Stale);
        }
        let pause = usize::try_from(attempt.saturating_sub(1)).ok().and_then(|nth| self.terms.retry.pauses.get(nth));
        let next = match pause {
            Some(pause) => {
                let due = now.plus(Duration::from(*pause));
                let state = ChallengeState::Processing { attempt: attempt.saturating_add(1), due, error: Some(error) };
                self.with_challenge(place, state, Some(transcript))
            }
            None => {
                let state = ChallengeState::Invalid { at: now, error: error.clone() };
                let mut next = self.with_challenge(place, state, Some(transcript));
                next.state = AuthorizationState::Invalid { at: now, error };
                next
            }
        };
        Ok(Step::between(self, next))
    }

    fn joined(&self, order: OrderId, until: Timestamp, now: Timestamp) -> Result<Step<Self>, Rejection> {
        if self.dependents.iter().any(|dependent| dependent.order == order) {
            return Err(Rejection::Stale);
        }
        let mut next = self.clone();
        next.dependents.retain(|dependent| dependent.until > now);
        if next.dependents.len() >= ORDERS {
            return Err(Rejection::TooManyOrders);
        }
        next.dependents.push(Dependent { order, until, told: None });
        Ok(Step::between(self, next))
    }

    fn told(&self, order: OrderId, outcome: Outcome) -> Result<Step<Self>, Rejection> {
        let mut next = self.clone();
        let dependent =
            next.dependents.iter_mut().find(|dependent| dependent.order == order).ok_or(Rejection::Stale)?;
        // What it was told before the state moved on again does not settle what it has to be told now.
        if self.stored_status().outcome() != Some(outcome) || dependent.told == Some(outcome) {
            return Err(Rejection::Stale);
        }
        dependent.told = Some(outcome);
        Ok(Step::between(self, next))
    }

    fn apply_pending(&self, event: AuthorizationEvent, now: Timestamp) -> Result<Step<Self>, Rejection> {
        match event {
            AuthorizationEvent::Responded { challenge } => self.responded(challenge, now),
            AuthorizationEvent::AttemptPassed { challenge, attempt, transcript, reliance } => {
                self.passed(challenge, attempt, transcript, reliance, now)
            }
            AuthorizationEvent::AttemptFailed { challenge, attempt, error, transcript } => {
                self.failed(challenge, attempt, error, transcript, now)
            }
            AuthorizationEvent::OrderJoined { order, until } => self.joined(order, until, now),
            AuthorizationEvent::Deactivated | AuthorizationEvent::AccountClosed => {
                Ok(self.to(AuthorizationState::Deactivated { at: now }))
            }
            AuthorizationEvent::Revoked => Ok(self.to(AuthorizationState::Revoked { at: now })),
            AuthorizationEvent::OrderTold { .. } | AuthorizationEvent::Expired => Err(Rejection::Stale),
        }
    }

    fn apply_valid(&self, event: &AuthorizationEvent, now: Timestamp) -> Result<Step<Self>, Rejection> {
        match event {
            AuthorizationEvent::Responded { challenge } => {
                self.challenge(*challenge)?;
                Err(Rejection::Stale)
            }
            AuthorizationEvent::OrderJoined { order, until } => self.joined(*order, *until, now),
            AuthorizationEvent::OrderTold { order, outcome } => self.told(*order, *outcome),
            AuthorizationEvent::Deactivated | AuthorizationEvent::AccountClosed => {
                Ok(self.to(AuthorizationState::Deactivated { at: now }))
            }
            AuthorizationEvent::Revoked => Ok(self.to(AuthorizationState::Revoked { at: now })),
            AuthorizationEvent::AttemptPassed { .. }
            | AuthorizationEvent::AttemptFailed { .. }
            | AuthorizationEvent::Expired => Err(Rejection::Stale),
        }
    }

    fn apply_final(&self, event: &AuthorizationEvent, now: Timestamp) -> Result<Step<Self>, Rejection> {
        match event {
            AuthorizationEvent::Responded { challenge } => match self.challenge(*challenge)?.state {
                ChallengeState::Pending | ChallengeState::Processing { .. } => {
                    Err(Rejection::AuthorizationClosed(self.status(now)))
                }
                ChallengeState::Valid { .. } | ChallengeState::Invalid { .. } => Err(Rejection::Stale),
            },
            AuthorizationEvent::OrderJoined { .. } => Err(Rejection::AuthorizationClosed(self.status(now))),
            AuthorizationEvent::OrderTold { order, outcome } => self.told(*order, *outcome),
            AuthorizationEvent::Deactivated => match self.state {
                AuthorizationState::Deactivated { .. } => Err(Rejection::Stale),
                AuthorizationState::Pending
                | AuthorizationState::Valid { .. }
                | AuthorizationState::Invalid { .. }
                | AuthorizationState::Expired { .. }
                | AuthorizationState::Revoked { .. } => Err(Rejection::AuthorizationClosed(self.status(now))),
            },
            AuthorizationEvent::AttemptPassed { .. }
            | AuthorizationEvent::AttemptFailed { .. }
            | AuthorizationEvent::AccountClosed
            | AuthorizationEvent::Revoked
            | AuthorizationEvent::Expired => Err(Rejection::Stale),
        }
    }

    /// The clock has decided; what the client asks for comes too late.
    fn apply_lapsed(&self, event: &AuthorizationEvent, now: Timestamp) -> Result<Step<Self>, Rejection> {
        match event {
            AuthorizationEvent::Responded { .. }
            | AuthorizationEvent::OrderJoined { .. }
            | AuthorizationEvent::Deactivated => Err(Rejection::AuthorizationClosed(AuthorizationStatus::Expired)),
            AuthorizationEvent::AttemptPassed { .. }
            | AuthorizationEvent::AttemptFailed { .. }
            | AuthorizationEvent::OrderTold { .. }
            | AuthorizationEvent::AccountClosed
            | AuthorizationEvent::Revoked
            | AuthorizationEvent::Expired => Ok(self.to(AuthorizationState::Expired { at: now })),
        }
    }
}

impl Machine for Authorization {
    type Event = AuthorizationEvent;
    type Effect = AuthorizationEffect;

    fn apply(&self, event: AuthorizationEvent, now: Timestamp) -> Result<Step<Self>, Rejection> {
        match &self.state {
            AuthorizationState::Pending | AuthorizationState::Valid { .. } if self.lapsed(now) => {
                self.apply_lapsed(&event, now)
            }
            AuthorizationState::Pending => self.apply_pending(event, now),
            AuthorizationState::Valid { .. } => self.apply_valid(&event, now),
            AuthorizationState::Invalid { .. }
            | AuthorizationState::Deactivated { .. }
            | AuthorizationState::Expired { .. }
            | AuthorizationState::Revoked { .. } => self.apply_final(&event, now),
        }
    }

    fn owed(&self) -> Vec<AuthorizationEffect> {
        let mut owed = Vec::new();
        if self.state == AuthorizationState::Pending {
            for (place, challenge) in (0..).zip(&self.challenges) {
                if let ChallengeState::Processing { attempt, due, .. } = challenge.state {
                    owed.push(AuthorizationEffect::Validate { challenge: place, attempt, due });
                }
            }
        }
        if let Some(outcome) = self.stored_status().outcome() {
            for dependent in self.dependents.iter().filter(|dependent| dependent.told != Some(outcome)) {
                owed.push(AuthorizationEffect::TellOrder { order: dependent.order, outcome });
            }
        }
        owed
    }
}
