//! Whether there can be a certificate for what an order names.

use chancery_machine::challenge::ChallengeType;
use chancery_machine::eab::EabCredential;
use chancery_machine::identifier::Subject;
use chancery_machine::profile::{AcmeProfile, Endpoint, ExemptionMode, NameRefused};
use thiserror::Error;

use super::PlaceError;
use super::proof::Proof;
use crate::engine::Engine;
use crate::profiles::Pair;

/// Why there can be no certificate for what an order names.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotIssued {
    /// The RA Profile does not issue for it.
    #[error(transparent)]
    Refused(#[from] NameRefused),
    /// The account may not have it.
    #[error("it is outside of what the account's external account credential is for")]
    Credential,
    /// The RA Profile issues without challenges only, and not for this.
    #[error("the server issues only for names that its operator has listed, and this is none of them")]
    Unlisted,
    /// Control of it cannot be proven.
    #[error(
        "no challenge that is offered here can prove control of it; a wildcard needs one by DNS, an address http-01 or \
         tls-alpn-01"
    )]
    NoChallenge,
}

impl Engine {
    /// What there can be no certificate for if an order names this profile, or none; each with the reason. A profile that
    /// is not offered says nothing of what could be certified.
    #[must_use]
    pub fn not_issued(
        &self,
        endpoint: &Endpoint,
        pair: &Pair,
        profile: Option<&str>,
        subjects: &[Subject],
    ) -> Vec<(Subject, NotIssued)> {
        let chosen = self.chosen(endpoint, pair, profile, subjects);
        chosen.map_or_else(|_| Vec::new(), |(pair, _)| with_reasons(subjects, |subject| refusal(&pair, subject)))
    }
}

/// Each subject once, sorted, if there can be a certificate for all of them.
pub(super) fn accept(pair: &Pair, mut subjects: Vec<Subject>) -> Result<Vec<Subject>, PlaceError> {
    subjects.sort();
    subjects.dedup();
    let most = usize::try_from(pair.acme.limits.identifiers_per_order).unwrap_or(usize::MAX);
    if subjects.is_empty() {
        return Err(PlaceError::Empty);
    }
    if subjects.len() > most {
        return Err(PlaceError::TooMany { found: subjects.len(), most });
    }
    none_refused(&subjects, |subject| refusal(pair, subject))?;
    Ok(subjects)
}

/// Whether all of it is what a credential is for.
pub(super) fn within(credential: &EabCredential, subjects: &[Subject]) -> Result<(), PlaceError> {
    none_refused(subjects, |subject| (!credential.covers(subject)).then_some(NotIssued::Credential))
}

/// The challenges of the profile that can prove this. A record that stays has to name its issuer, so
/// dns-persist-01 is offered only where the profile has a name for it.
pub(super) fn offered<'a>(profile: &'a AcmeProfile, proof: &'a Proof) -> impl Iterator<Item = ChallengeType> + use<'a> {
    let named = !profile.caa_identities.is_empty();
    let proves = |kind: ChallengeType| {
        if proof.below { kind.proves_below(&proof.subject) } else { kind.proves(&proof.subject) }
    };
    let usable = move |kind: &ChallengeType| proves(*kind) && (named || *kind != ChallengeType::DnsPersist01);
    profile.challenges.iter().copied().filter(usable)
}

fn refusal(pair: &Pair, subject: &Subject) -> Option<NotIssued> {
    let exemptions = &pair.ra.exemptions;
    if let Err(refused) = pair.ra.identifiers.check(subject) {
        Some(refused.into())
    } else if exemptions.rule(subject).is_some() {
        None
    } else if exemptions.mode == ExemptionMode::OnlyThese {
        Some(NotIssued::Unlisted)
    } else if offered(&pair.acme, &Proof { subject: subject.clone(), below: false }).next().is_none() {
        Some(NotIssued::NoChallenge)
    } else {
        None
    }
}

fn none_refused(subjects: &[Subject], reason: impl Fn(&Subject) -> Option<NotIssued>) -> Result<(), PlaceError> {
    let rejected = with_reasons(subjects, reason);
    if rejected.is_empty() { Ok(()) } else { Err(PlaceError::Rejected(rejected)) }
}

fn with_reasons(subjects: &[Subject], reason: impl Fn(&Subject) -> Option<NotIssued>) -> Vec<(Subject, NotIssued)> {
    subjects.iter().filter_map(|subject| reason(subject).map(|reason| (subject.clone(), reason))).collect()
}
