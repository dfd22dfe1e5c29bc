//! What would become of an order, if it were placed now: told by the functions that place orders, of which nothing is stored.

use std::sync::Arc;

use chancery_machine::challenge::ChallengeType;
use chancery_machine::identifier::Subject;
use chancery_machine::order::Draft;
use chancery_machine::profile::{Endpoint, RaProfile};

use super::proof::Proof;
use super::{PlaceError, policy, validity};
use crate::engine::Engine;
use crate::error::TurnError;
use crate::finalize::Undrafted;
use crate::ports::KeySource;
use crate::profiles::Pair;

/// What an order that would be placed has to prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Required {
    /// Nothing, by this rule.
    Nothing(String),
    /// Control, by one of these challenges.
    Control {
        /// Those that are offered.
        challenges: Vec<ChallengeType>,
        /// Those of them that prove all names below it too, if the client asks for that (RFC 9444).
        below: Vec<ChallengeType>,
    },
}

impl Engine {
    /// What an order for this subject has to prove at an endpoint with these profiles, if `profile` or no RA Profile is named
    /// in it; whoever places it, and however many orders they have.
    ///
    /// # Errors
    /// [`PlaceError`]: why it would not be placed.
    pub fn foresee(
        &self,
        endpoint: &Endpoint,
        pair: &Pair,
        profile: Option<&str>,
        subject: &Subject,
    ) -> Result<Required, PlaceError> {
        let (pair, _) = self.chosen(endpoint, pair, profile, std::slice::from_ref(subject))?;
        policy::accept(&pair, vec![subject.clone()])?;
        self.issuing(&pair)?;
        let life = self.world.ports.issue.lifetime(pair.ra.authority);
        let life = life.map_err(|error| TurnError::Unavailable(error.to_string()))?;
        validity::accept(&pair, life, None, None, self.now())?;
        if let Some(rule) = pair.ra.exemptions.rule(subject) {
            return Ok(Required::Nothing(rule.to_string()));
        }
        let offered = |below| {
            let proof = Proof { subject: subject.clone(), below };
            policy::offered(&pair.acme, &proof).collect()
        };
        let below = if Proof::can_be_below(&pair, subject) { offered(true) } else { Vec::new() };
        Ok(Required::Control { challenges: offered(false), below })
    }

    /// Drafts the certificate that an RA Profile would issue now for a subject and this key, a DER SubjectPublicKeyInfo. It is
    /// neither signed nor kept.
    ///
    /// # Errors
    /// [`Undrafted`].
    pub async fn foresee_certificate(
        &self,
        profile: &Arc<RaProfile>,
        subject: &Subject,
        public_key: Vec<u8>,
    ) -> Result<Draft, Undrafted> {
        let (subjects, key) = (vec![subject.clone()], KeySource::Renewed(public_key));
        self.world.draft_under(Arc::clone(profile), subjects, key, (None, None)).await
    }
}
