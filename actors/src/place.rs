//! Placing an order: the order and its authorizations come into being in one commit.

use std::time::Duration;

use chancery_machine::account::{Account, AccountStatus};
use chancery_machine::authorization::{Authorization, AuthorizationTerms};
use chancery_machine::challenge::{Challenge, TOKEN_ENTROPY, Token};
use chancery_machine::id::{AccountId, AuthorizationId, OrderId};
use chancery_machine::identifier::Subject;
use chancery_machine::order::{Order, OrderTerms, ProfileRef};
use chancery_machine::profile::AcmeProfile;
use chancery_machine::rejection::Rejection;
use chancery_machine::time::Timestamp;
use thiserror::Error;
use tracing::debug;

use crate::engine::Engine;
use crate::error::TurnError;
use crate::ports::{Commit, Revision};
use crate::profiles::Pair;
use crate::resident::{Versioned, creation};

/// What a client asks for, already understood.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// For what: repeated ones count once.
    pub subjects: Vec<Subject>,
    /// The certificate's notBefore, if the client wants a certain one.
    pub not_before: Option<Timestamp>,
    /// The certificate's notAfter, if the client wants a certain one.
    pub not_after: Option<Timestamp>,
}

/// Why an order was not placed. Nothing was stored.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlaceError {
    /// There is nothing to certify.
    #[error("the order has no identifiers")]
    Empty,
    /// More than the profile allows.
    #[error("the order has {found} identifiers; {most} are allowed")]
    TooMany {
        /// How many it has.
        found: usize,
        /// How many are allowed.
        most: usize,
    },
    /// What the profile does not issue for, each with the reason.
    #[error("the server does not issue for some of the identifiers")]
    Rejected(Vec<(Subject, String)>),
    /// The validity that was asked for cannot be had (RFC 8555 section 7.4).
    #[error("{0}")]
    Validity(String),
    /// The account has to agree to the terms of service as they are now (RFC 8555 section 7.3.3).
    #[error("the terms of service have changed since the account agreed to them")]
    TermsChanged,
    /// The account has asked for too much (RFC 8555 section 6.6).
    #[error("{detail}")]
    RateLimited {
        /// What it has too many of, and how many are allowed.
        detail: String,
        /// When another try may be worth it.
        retry_after: Duration,
    },
    /// The account or the server is at fault.
    #[error(transparent)]
    Turn(#[from] TurnError),
}

impl Engine {
    /// Places an order of an account.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub async fn place_order(
        &self,
        account: &Versioned<Account>,
        pair: &Pair,
        new: NewOrder,
    ) -> Result<Versioned<Order>, PlaceError> {
        // Its guard holds from here on: it is not closed meanwhile either.
        if account.state.status() != AccountStatus::Valid {
            return Err(TurnError::Rejected(Rejection::AccountClosed(account.state.status())).into());
        }
        let now = self.now();
        let subjects = self.accept(pair, new.subjects)?;
        let life = self.world.ports.issue.lifetime(pair.ra.authority);
        let life = life.map_err(|error| TurnError::Unavailable(error.to_string()))?;
        accept_validity(pair, life, new.not_before, new.not_after, now)?;
        let id = OrderId(self.world.new_id());
        // An order never outlives what proves it: so its authorizations need not be looked at again when it is finalized.
        let expires = now.plus(pair.acme.order_validity.min(pair.acme.authorization_validity).into());
        let acme_profile = ProfileRef { name: pair.acme.name.clone(), revision: pair.acme.revision };
        let mut writes = Vec::with_capacity(subjects.len() + 1);
        let mut authorizations = Vec::with_capacity(subjects.len());
        for subject in &subjects {
            let terms = AuthorizationTerms {
                account: AccountId(account.id),
                endpoint: account.state.endpoint.clone(),
                acme_profile: acme_profile.clone(),
                identifier: subject.identifier.clone(),
                wildcard: subject.wildcard,
                created: now,
                expires,
                valid_for: pair.acme.authorization_validity,
                retry: pair.acme.retry.clone(),
                exemption: None,
            };
            let authorization = Authorization::new(terms, self.challenges(&pair.acme, subject), Some((id, expires)));
            let authorization_id = AuthorizationId(self.world.new_id());
            writes.push(creation(&self.world, authorization_id.0, &authorization));
            authorizations.push(authorization_id);
        }
        let terms = OrderTerms {
            account: AccountId(account.id),
            endpoint: account.state.endpoint.clone(),
            acme_profile,
            ra_profile: ProfileRef { name: pair.ra.name.clone(), revision: pair.ra.revision },
            subjects,
            authorizations: authorizations.clone(),
            created: now,
            expires,
            not_before: new.not_before,
            not_after: new.not_after,
        };
        let names = terms.subjects.len();
        let order = Order::placed(terms, authorizations);
        writes.push(creation(&self.world, id.0, &order));
        let commit = Commit { guards: vec![account.guard()], writes };
        self.world.journal.commit(commit).await.map_err(TurnError::from)?;
        debug!(order = %id, account = %AccountId(account.id), names, "order placed");
        Ok(Versioned { id: id.0, revision: Revision::ABSENT.next(), state: order })
    }

    fn challenges(&self, profile: &AcmeProfile, subject: &Subject) -> Vec<Challenge> {
        offered(profile, subject)
            .map(|kind| {
                let mut entropy = [0; TOKEN_ENTROPY];
                self.world.ports.entropy.fill(&mut entropy);
                Challenge::new(kind, Token::new(&entropy))
            })
            .collect()
    }

    fn accept(&self, pair: &Pair, mut subjects: Vec<Subject>) -> Result<Vec<Subject>, PlaceError> {
        subjects.sort();
        subjects.dedup();
        let most = usize::try_from(pair.acme.limits.identifiers_per_order).unwrap_or(usize::MAX);
        if subjects.is_empty() {
            return Err(PlaceError::Empty);
        }
        if subjects.len() > most {
            return Err(PlaceError::TooMany { found: subjects.len(), most });
        }
        let rejected: Vec<_> = subjects
            .iter()
            .filter_map(|subject| refusal(pair, subject).map(|reason| (subject.clone(), reason)))
            .collect();
        if rejected.is_empty() { Ok(subjects) } else { Err(PlaceError::Rejected(rejected)) }
    }
}

fn offered(
    profile: &AcmeProfile,
    subject: &Subject,
) -> impl Iterator<Item = chancery_machine::challenge::ChallengeType> {
    let wildcard = subject.wildcard;
    profile.challenges.iter().copied().filter(move |kind| !wildcard || kind.proves_wildcard())
}

fn refusal(pair: &Pair, subject: &Subject) -> Option<String> {
    if let Err(refused) = pair.ra.identifiers.check(subject) {
        Some(refused.to_string())
    } else if offered(&pair.acme, subject).next().is_none() {
        Some("no challenge that is offered here can prove control of it; a wildcard needs dns-01".into())
    } else {
        None
    }
}

/// RFC 8555 section 7.4: what cannot be issued as asked is refused, never changed.
fn accept_validity(
    pair: &Pair,
    (authority_begins, authority_ends): (Timestamp, Timestamp),
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), PlaceError> {
    let refuse = |why: String| Err(PlaceError::Validity(why));
    let earliest = now.minus(pair.ra.validity.backdate.into()).max(authority_begins);
    if not_before.is_some_and(|not_before| not_before < earliest) {
        return refuse(format!(
            "notBefore may lie at most {} s in the past, and not before the authority's own life",
            pair.ra.validity.backdate.0
        ));
    }
    if not_after.is_some_and(|not_after| not_after > authority_ends) {
        return refuse("notAfter lies past the end of the authority's own life; ask for an earlier one".into());
    }
    if not_after.is_some_and(|not_after| not_after <= now) {
        return refuse("notAfter lies in the past".into());
    }
    if not_before.is_some_and(|not_before| not_before >= authority_ends) {
        return refuse("notBefore lies past the end of the authority's own life".into());
    }
    let begin = not_before.unwrap_or(earliest);
    let longest = pair.ra.validity.longest;
    match not_after {
        Some(not_after) if not_after <= begin => refuse("notAfter must be later than notBefore".into()),
        // Both ends count (RFC 5280 section 4.1.2.5).
        Some(not_after) if not_after.since(begin) >= longest.into() => {
            refuse(format!("certificates are valid for at most {} s here; ask for an earlier notAfter", longest.0))
        }
        None if not_before.is_some_and(|not_before| not_before.since(now) > longest.into()) => {
            refuse(format!("notBefore may lie at most {} s in the future", longest.0))
        }
        Some(_) | None => Ok(()),
    }
}
