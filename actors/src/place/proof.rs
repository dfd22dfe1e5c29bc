//! What has to be proven for what an order names, and the authorizations by which it is.

use std::collections::{BTreeMap, BTreeSet};

use chancery_machine::account::Account;
use chancery_machine::authorization::{Authorization, AuthorizationTerms};
use chancery_machine::challenge::{Challenge, TOKEN_ENTROPY, Token};
use chancery_machine::id::{AccountId, OrderId};
use chancery_machine::identifier::{DnsName, Identifier, Subject};
use chancery_machine::order::ProfileRef;
use chancery_machine::time::Timestamp;

use super::policy;
use crate::engine::Engine;
use crate::profiles::Pair;
use crate::resident::Versioned;

/// What one authorization is to prove.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Proof {
    pub(super) subject: Subject,
    /// Whether it is to prove what is below the subject too (RFC 9444).
    pub(super) below: bool,
}

/// Who asks for an authorization, and when.
pub(super) struct Request<'a> {
    pub(super) account: &'a Versioned<Account>,
    pub(super) pair: &'a Pair,
    pub(super) now: Timestamp,
    /// Until when the authorization may be pending.
    pub(super) expires: Timestamp,
    /// The order that needs it, and until when; none if it is asked for before any (RFC 8555 section 7.4.1).
    pub(super) order: Option<(OrderId, Timestamp)>,
}

/// What has to be proven for each of these subjects; nothing for those that are exempt. What is the same for several is
/// equal, so that one authorization does: then with what is below it if one of them needs that.
pub(super) fn plan<'a>(
    pair: &Pair,
    subjects: impl Iterator<Item = &'a Subject>,
    ancestors: &BTreeMap<Subject, DnsName>,
) -> BTreeMap<Subject, Proof> {
    let subjects = subjects.filter(|subject| pair.ra.exemptions.rule(subject).is_none());
    let needed = subjects.map(|subject| (subject.clone(), Proof::of(pair, subject, ancestors.get(subject))));
    let mut proofs: BTreeMap<_, _> = needed.collect();
    let below: BTreeSet<_> = proofs.values().filter(|proof| proof.below).map(|proof| proof.subject.clone()).collect();
    for proof in proofs.values_mut() {
        proof.below = below.contains(&proof.subject);
    }
    proofs
}

impl Proof {
    /// RFC 9444 section 4.3: the client has control of the ancestor as well, and then the server chooses. We choose the
    /// ancestor, since most names share it, if it can be proven with all below it here.
    fn of(pair: &Pair, subject: &Subject, ancestor: Option<&DnsName>) -> Self {
        let whole = ancestor.map(|name| Subject { identifier: Identifier::Dns(name.clone()), ..subject.clone() });
        match whole {
            Some(whole) if Self::can_be_below(pair, &whole) => Self { subject: whole, below: true },
            Some(_) | None => Self { subject: subject.clone(), below: false },
        }
    }

    /// Whether the profile allows to prove a subject together with all below it, and offers a way to.
    pub(super) fn can_be_below(pair: &Pair, subject: &Subject) -> bool {
        let whole = Self { subject: subject.clone(), below: true };
        pair.acme.subdomains && policy::offered(&pair.acme, &whole).next().is_some()
    }
}

impl Request<'_> {
    /// An authorization for a subject for which nothing has to be proven, if a rule of the profile says so.
    pub(super) fn exempt(&self, subject: &Subject) -> Option<Authorization> {
        let rule = self.pair.ra.exemptions.rule(subject)?;
        let proof = Proof { subject: subject.clone(), below: false };
        Some(Authorization::exempt(self.terms(&proof, Some(rule.to_string())), self.order))
    }

    fn terms(&self, proof: &Proof, exemption: Option<String>) -> AuthorizationTerms {
        let profile = &self.pair.acme;
        AuthorizationTerms {
            account: AccountId(self.account.id),
            endpoint: self.account.state.endpoint.clone(),
            acme_profile: ProfileRef { name: profile.name.clone(), revision: profile.revision },
            identifier: proof.subject.identifier.clone(),
            wildcard: proof.subject.wildcard,
            created: self.now,
            expires: self.expires,
            valid_for: profile.authorization_validity,
            retry: profile.retry.clone(),
            exemption,
            subdomains: proof.below,
            pre_authorized: self.order.is_none(),
        }
    }
}

impl Engine {
    /// An authorization with every challenge by which it can be proven here.
    pub(super) fn pending(&self, request: &Request<'_>, proof: &Proof) -> Authorization {
        let challenges = policy::offered(&request.pair.acme, proof).map(|kind| {
            let mut entropy = [0; TOKEN_ENTROPY];
            self.world.ports.entropy.fill(&mut entropy);
            Challenge::new(kind, Token::new(&entropy))
        });
        Authorization::new(request.terms(proof, None), challenges.collect(), request.order)
    }
}
