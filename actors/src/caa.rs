//! CAA records at finalizing. A validation attempt has asked for them; what it was told does not count for long, and where
//! nothing had to be proven nobody has asked. So they are asked for before an intent is stored, beside every actor's turn.

use std::sync::Arc;
use std::time::Duration;

use chancery_machine::authorization::{Authorization, AuthorizationState};
use chancery_machine::challenge::{Challenge, ChallengeState};
use chancery_machine::identifier::{Identifier, Subject};
use chancery_machine::order::{Order, OrderTerms};
use chancery_machine::problem::Problem;
use chancery_machine::profile::AcmeProfile;
use futures::future::try_join_all;
use tokio::sync::oneshot;
use tracing::{debug, info};

use crate::engine::Engine;
use crate::error::{LoadError, TurnError};
use crate::finalize::FinalizeError;
use crate::ports::{CaaQuestion, Verdict};
use crate::profiles::EndpointError;
use crate::resident::load;
use crate::validator::{Errand, Try};

/// For how long the answer counts that an attempt was given: the eight hours of the Baseline Requirements, section 3.2.2.8.
const FRESH: Duration = Duration::from_secs(8 * 3600);

impl Engine {
    /// Whether CAA records allow a certificate for all that the order names, as far as that has to be asked now.
    pub(crate) async fn permitted(&self, order: &Order) -> Result<(), FinalizeError> {
        let terms = &order.terms;
        let profile = match self.world.acme_profile_at(&terms.acme_profile).await {
            Ok(profile) => profile,
            Err(LoadError::Absent) => return Err(EndpointError::NoAcmeProfile(terms.acme_profile.name.clone()).into()),
            Err(LoadError::Store(error)) => return Err(TurnError::from(error).into()),
        };
        if profile.caa_identities.is_empty() {
            return Ok(());
        }
        let authorizations = terms.authorizations.iter().map(|id| load::<Authorization>(&self.world, id.0));
        let authorizations = try_join_all(authorizations).await.map_err(TurnError::from)?;
        let questions = terms.subjects.iter().zip(&authorizations).filter_map(|(subject, proof)| {
            let question = self.question(terms, &profile, subject, &proof.state)?;
            Some(async move { Ok::<_, TurnError>((subject, self.ask(terms, question).await?)) })
        });
        let refused = try_join_all(questions).await?.into_iter().filter_map(|(subject, verdict)| {
            let error = verdict.outcome.err()?;
            info!(account = %terms.account, identifier = %subject, %error, "CAA records do not let this order be finalized");
            debug!(identifier = %subject, transcript = ?verdict.transcript, "how the CAA records were asked for");
            Some((subject.clone(), error))
        });
        let refused: Vec<(Subject, Problem)> = refused.collect();
        if refused.is_empty() { Ok(()) } else { Err(FinalizeError::Caa(refused)) }
    }

    /// What has to be asked for a subject, if anything has.
    fn question(
        &self,
        terms: &OrderTerms,
        profile: &AcmeProfile,
        subject: &Subject,
        proof: &Authorization,
    ) -> Option<CaaQuestion> {
        let Identifier::Dns(name) = &subject.identifier else { return None };
        let valid = |challenge: &&Challenge| matches!(challenge.state, ChallengeState::Valid { .. });
        let proven = proof.challenges.iter().find(valid);
        if proven.is_some()
            && let AuthorizationState::Valid { since, .. } = proof.state
            // What is for all below a name was not asked about: who knew which names there would be?
            && !proof.terms.subdomains
            // Under other rules the authority may have had other names, or none, and then nothing was asked.
            && proof.terms.acme_profile == terms.acme_profile
            && self.now().since(since) < FRESH
        {
            return None;
        }
        Some(CaaQuestion {
            name: name.clone(),
            wildcard: subject.wildcard,
            account_url: self.world.ports.urls.account(&terms.endpoint, terms.account),
            issuers: profile.caa_identities.clone(),
            method: proven.map(|challenge| challenge.kind),
            network: self.world.network(profile),
            perspectives: Arc::new(profile.perspectives.clone()),
        })
    }

    async fn ask(&self, terms: &OrderTerms, question: CaaQuestion) -> Result<Verdict, TurnError> {
        let (reply, verdict) = oneshot::channel();
        let errand = Try { account: terms.account, errand: Errand::Caa(question), reply };
        self.world.caa.try_send(errand).map_err(|_| TurnError::Busy)?;
        verdict.await.map_err(|_| TurnError::Busy)
    }
}
