//! CAA records when a certificate is decided: at finalizing, and for each that is renewed automatically. A validation attempt
//! has asked for them; what it was told does not count for long, and where nothing had to be proven nobody has asked. So they
//! are asked for before an intent is stored, beside every actor's turn.

use std::sync::Arc;
use std::time::Duration;

use chancery_machine::authorization::{Authorization, AuthorizationState};
use chancery_machine::challenge::{Challenge, ChallengeState, ChallengeType};
use chancery_machine::identifier::{Identifier, Subject};
use chancery_machine::order::{Order, OrderTerms};
use chancery_machine::problem::Problem;
use chancery_machine::profile::AcmeProfile;
use futures::future::try_join_all;
use thiserror::Error;
use tokio::sync::oneshot;
use tracing::{debug, info};

use crate::error::{LoadError, TurnError};
use crate::ports::{CaaQuestion, Verdict};
use crate::profiles::EndpointError;
use crate::resident::load;
use crate::validator::{Errand, Try};
use crate::world::World;

/// For how long the answer counts that an attempt was given: the eight hours of the Baseline Requirements, section 3.2.2.8.
pub(crate) const FRESH: Duration = Duration::from_secs(8 * 3600);

/// Why CAA records do not let a certificate be issued, or why that is not known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum NotPermitted {
    /// For each identifier a problem that the client may read.
    #[error("CAA: {}", summary(.0))]
    Caa(Vec<(Subject, Problem)>),
    /// The order's ACME Profile does not exist any more.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// It may be known later.
    #[error(transparent)]
    Turn(#[from] TurnError),
}

/// The first, and how many others there are.
fn summary(refused: &[(Subject, Problem)]) -> String {
    let first = refused.first().map_or_else(String::new, |(subject, problem)| format!("{subject}: {}", problem.detail));
    match refused.len() {
        0 | 1 => first,
        count => format!("{first} (and {} more)", count - 1),
    }
}

impl World {
    /// Whether CAA records allow a certificate for all that the order names, as far as that has to be asked now. `methods`
    /// are those of [`Series::methods`](chancery_machine::auto_renewal::Series::methods).
    pub(crate) async fn permitted(&self, order: &Order, methods: &[Option<ChallengeType>]) -> Result<(), NotPermitted> {
        let terms = &order.terms;
        let profile = match self.acme_profile_at(&terms.acme_profile).await {
            Ok(profile) => profile,
            Err(LoadError::Absent) => return Err(EndpointError::NoAcmeProfile(terms.acme_profile.name.clone()).into()),
            Err(LoadError::Store(error)) => return Err(TurnError::from(error).into()),
        };
        if profile.ignores_caa {
            return Ok(());
        }
        let proofs = self.proofs(terms).await?;
        let questions = terms.subjects.iter().zip(&proofs).enumerate().filter_map(|(nth, (subject, proof))| {
            let method = methods.get(nth).copied().flatten();
            let question = self.question(terms, &profile, subject, (proof.as_ref(), method))?;
            Some(async move { Ok::<_, TurnError>((subject, self.ask(terms, question).await?)) })
        });
        let refused = try_join_all(questions).await?.into_iter().filter_map(|(subject, verdict)| {
            let error = verdict.outcome.err()?;
            info!(account = %terms.account, identifier = %subject, %error, "CAA records do not let the order's certificate be issued");
            debug!(identifier = %subject, transcript = ?verdict.transcript, "how the CAA records were asked for");
            Some((subject.clone(), error))
        });
        let refused: Vec<(Subject, Problem)> = refused.collect();
        if refused.is_empty() { Ok(()) } else { Err(NotPermitted::Caa(refused)) }
    }

    /// How control of each of the order's subjects was proven, where it had to be.
    pub(crate) async fn methods(&self, terms: &OrderTerms) -> Result<Vec<Option<ChallengeType>>, TurnError> {
        let proofs = self.proofs(terms).await?;
        Ok(proofs.iter().map(|proof| method(proof.as_ref()?)).collect())
    }

    /// The authorizations of the order's subjects, as far as they are kept: those of an order that is renewed automatically
    /// for a year are not.
    async fn proofs(&self, terms: &OrderTerms) -> Result<Vec<Option<Authorization>>, TurnError> {
        let proofs = terms.authorizations.iter().map(|id| async {
            match load::<Authorization>(self, id.0).await {
                Ok(proof) => Ok(Some(proof.state)),
                Err(LoadError::Absent) => Ok(None),
                Err(LoadError::Store(error)) => Err(TurnError::from(error)),
            }
        });
        try_join_all(proofs).await
    }

    /// What has to be asked for a subject, if anything has.
    fn question(
        &self,
        terms: &OrderTerms,
        profile: &AcmeProfile,
        subject: &Subject,
        (proof, remembered): (Option<&Authorization>, Option<ChallengeType>),
    ) -> Option<CaaQuestion> {
        let Identifier::Dns(name) = &subject.identifier else { return None };
        let proven = proof.and_then(method);
        if proven.is_some()
            && let Some(proof) = proof
            && let AuthorizationState::Valid { since, .. } = proof.state
            // What is for all below a name was not asked about: who knew which names there would be?
            && !proof.terms.subdomains
            // Under other rules the authority may have had other names, or nobody was asked.
            && proof.terms.acme_profile == terms.acme_profile
            && self.ports.clock.now().since(since) < FRESH
        {
            return None;
        }
        Some(CaaQuestion {
            name: name.clone(),
            wildcard: subject.wildcard,
            account_url: self.ports.urls.account(&terms.endpoint, terms.account),
            issuers: profile.caa_identities.clone(),
            method: proven.or(remembered),
            network: self.network(profile),
            perspectives: Arc::new(profile.perspectives.clone()),
        })
    }

    async fn ask(&self, terms: &OrderTerms, question: CaaQuestion) -> Result<Verdict, TurnError> {
        let (reply, verdict) = oneshot::channel();
        let errand = Try { account: terms.account, errand: Errand::Caa(question), reply };
        self.caa.try_send(errand).map_err(|_| TurnError::Busy)?;
        verdict.await.map_err(|_| TurnError::Busy)
    }
}

/// The challenge that proved control.
fn method(proof: &Authorization) -> Option<ChallengeType> {
    let valid = |challenge: &&Challenge| matches!(challenge.state, ChallengeState::Valid { .. });
    proof.challenges.iter().find(valid).map(|challenge| challenge.kind)
}
