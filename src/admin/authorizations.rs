//! What operators see of authorizations and their challenges, and do with them.

use chancery_actors::Versioned;
use chancery_actors::listing::{AuthorizationQuery, Cursor, Page};
use chancery_machine::authorization::{Authorization, AuthorizationEvent, AuthorizationStatus as Status};
use chancery_machine::challenge::{Challenge, ChallengeState};
use chancery_machine::id::AuthorizationId;
use chancery_machine::time::Timestamp;
use chancery_machine::transcript::{Happening, PerspectiveTranscript, Standing, Transcript, TranscriptStep};
use serde::Serialize;
use utoipa::ToSchema;

use super::Admin;
use super::error::AdminError;
use super::objects::{AcmeProblemView, IdentifierView, ProfileRefView, deed, found, guard, path_id, unstored};
use super::operator::{Operator, Role};
use super::precondition::Precondition;
use super::time::rfc3339;
use super::words::{AuthorizationStatus, ChallengeStatus};

const KIND: &str = "authorization";

/// An authorization.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Authorization)]
pub struct AuthorizationView {
    /// Names it.
    pub id: String,
    /// Counts changes; the ETag.
    pub revision: u64,
    /// Where it stands now.
    pub status: AuthorizationStatus,
    /// Control of what was to be proven.
    pub identifier: IdentifierView,
    /// Whether it is for the wildcard below the identifier.
    pub wildcard: bool,
    /// Whether it is for everything below the identifier too (RFC 9444).
    pub subdomains: bool,
    /// Whether the client asked for it before any order (RFC 8555 section 7.4.1).
    pub pre_authorized: bool,
    /// Whose it is.
    pub account: String,
    /// The path under which it was made, as in `/acme/default`.
    pub endpoint: String,
    /// The ACME Profile whose rules of then hold for it.
    pub acme_profile: ProfileRefView,
    /// When it was made (RFC 3339).
    pub created: String,
    /// Until when it may be pending, or counts (RFC 3339).
    pub expires: Option<String>,
    /// The rule of the RA Profile by which nothing had to be proven.
    pub exemption: Option<String>,
    /// Why it is invalid: the error of the challenge that failed.
    pub error: Option<AcmeProblemView>,
    /// The ids of the open orders that wait for it or rely on it.
    pub orders: Vec<String>,
}

/// An authorization with its challenges.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthorizationDetail)]
pub struct AuthorizationDetail {
    /// The authorization.
    #[serde(flatten)]
    pub authorization: AuthorizationView,
    /// The ways to prove control.
    pub challenges: Vec<ChallengeView>,
}

/// A challenge.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Challenge)]
pub struct ChallengeView {
    /// How control is proven, as in `http-01`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it stands.
    pub status: ChallengeStatus,
    /// When control was proven (RFC 3339).
    pub validated: Option<String>,
    /// Why the last attempt failed, as the client is told.
    pub error: Option<AcmeProblemView>,
    /// How many attempts have failed and are to be followed by another one.
    pub attempts: u32,
    /// When the next attempt is due (RFC 3339).
    pub next_attempt: Option<String>,
    /// What the last attempt met. Clients never see it.
    pub transcript: Option<TranscriptView>,
}

/// What a validation attempt met on its way.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Transcript)]
pub struct TranscriptView {
    /// When it began (RFC 3339, with milliseconds).
    pub began: String,
    /// When it ended (RFC 3339, with milliseconds).
    pub ended: String,
    /// What happened, in order.
    pub steps: Vec<StepView>,
    /// What each perspective met that the profile has asked too.
    pub perspectives: Vec<PerspectiveTranscriptView>,
}

/// What a perspective met on its own way.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PerspectiveTranscript)]
pub struct PerspectiveTranscriptView {
    /// Its name.
    pub name: String,
    /// Whether it agrees, and why there is no answer if there is none.
    pub standing: StandingView,
    /// What it saw instead, as the client would read it, if it disagrees.
    pub error: Option<AcmeProblemView>,
    /// Why it could not be asked, if it could not.
    pub reason: Option<String>,
    /// When it was asked (RFC 3339, with milliseconds).
    pub began: String,
    /// When it had answered, or was waited for no more (RFC 3339, with milliseconds).
    pub ended: String,
    /// What happened there, in order; the times are those of its own clock.
    pub steps: Vec<StepView>,
}

/// What a perspective said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PerspectiveStanding)]
pub enum StandingView {
    /// It saw what the server saw.
    Agreed,
    /// It saw something else.
    Disagreed,
    /// It could not be asked, or gave no answer that counts: that counts as if it disagreed.
    Unreachable,
    /// The outcome was sure before it answered.
    NotAwaited,
}

/// One step of a validation attempt. Texts from the network are cut, and have no control characters.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
#[schema(as = TranscriptStep)]
pub enum StepView {
    /// A resolver was asked.
    Resolved {
        /// When it was over (RFC 3339, with milliseconds).
        at: String,
        /// The resolver.
        resolver: String,
        /// The name that was asked for.
        name: String,
        /// The record type, as in `TXT`.
        record: String,
        /// What it answered.
        answers: Vec<String>,
        /// The response code, if it answered with nothing.
        error: Option<String>,
    },
    /// An address is one that the profile does not let the server contact.
    AddressRefused {
        /// When it was over (RFC 3339, with milliseconds).
        at: String,
        /// The address.
        address: String,
        /// Which rule refuses it.
        rule: String,
    },
    /// A connection was tried.
    Connected {
        /// When it was over (RFC 3339, with milliseconds).
        at: String,
        /// Address and port.
        to: String,
        /// The error, if it failed.
        error: Option<String>,
    },
    /// A request was answered.
    Answered {
        /// When it was over (RFC 3339, with milliseconds).
        at: String,
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// Where a redirect leads.
        location: Option<String>,
    },
    /// What came was compared with what was expected.
    Compared {
        /// When it was over (RFC 3339, with milliseconds).
        at: String,
        /// What was expected.
        expected: String,
        /// An excerpt of what came.
        found: String,
    },
    /// It ended without an answer.
    GaveUp {
        /// When it was over (RFC 3339, with milliseconds).
        at: String,
        /// Why.
        reason: String,
    },
    /// A TLS handshake is over, and this is how the server presented itself.
    Presented {
        /// When it was over (RFC 3339, with milliseconds).
        at: String,
        /// The address and port.
        from: String,
        /// The version of TLS.
        version: String,
        /// The application protocol that it chose, if any.
        protocol: Option<String>,
        /// The names of its certificate, or the first of them.
        names: Vec<String>,
    },
}

impl Admin {
    /// A page of the authorizations.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_authorizations(
        &self,
        operator: &Operator,
        query: &AuthorizationQuery,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<AuthorizationView>, AdminError> {
        operator.may(Role::Auditor)?;
        let now = self.engine.now();
        let page = self.engine.list_authorizations(query, after, limit).await?;
        Ok(page.map(|authorization| AuthorizationView::of(&authorization, now)))
    }

    /// One authorization, with its challenges and what the last attempts met.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn read_authorization(&self, operator: &Operator, id: &str) -> Result<AuthorizationDetail, AdminError> {
        operator.may(Role::Auditor)?;
        let named = path_id(KIND, id, AuthorizationId::parse)?;
        let authorization = found(KIND, id, self.engine.authorization(named).await)?;
        Ok(AuthorizationDetail::of(&authorization, self.engine.now()))
    }

    /// Takes an authorization back: open orders that rely on it fail, and it proves nothing any more. Once more does
    /// nothing.
    ///
    /// # Errors
    /// [`AdminError::Refused`] if it is over already in another way.
    pub async fn revoke_authorization(
        &self,
        operator: &Operator,
        id: &str,
        precondition: Precondition,
    ) -> Result<AuthorizationDetail, AdminError> {
        operator.may(Role::Operator)?;
        let named = path_id(KIND, id, AuthorizationId::parse)?;
        let authorization = found(KIND, id, self.engine.authorization(named).await)?;
        let seen = guard(precondition, authorization.revision)?;
        let now = self.engine.now();
        over(&authorization.state, now)?;
        let describe = move |before: &Authorization, after: &Authorization| {
            let view = |state| AuthorizationView::of(&unstored(named.0, state), now);
            deed("revoke", format!("authorization/{named}"), &view(before), &view(after))
        };
        let event = AuthorizationEvent::Revoked;
        let revoked = self.engine.administer_authorization(&operator.who, named, event, seen, describe).await?;
        over(&revoked.state, now)?;
        Ok(AuthorizationDetail::of(&revoked, now))
    }
}

/// Refuses what ended otherwise than by being revoked.
fn over(authorization: &Authorization, now: Timestamp) -> Result<(), AdminError> {
    match authorization.status(now) {
        Status::Pending | Status::Valid | Status::Revoked => Ok(()),
        status @ (Status::Invalid | Status::Deactivated | Status::Expired) => {
            let status = status.token();
            Err(AdminError::Refused(format!("the authorization is {status}, so there is nothing to revoke")))
        }
    }
}

impl AuthorizationView {
    /// The view of an authorization at this moment.
    #[must_use]
    pub fn of(authorization: &Versioned<Authorization>, now: Timestamp) -> Self {
        use chancery_machine::authorization::AuthorizationState;
        let Versioned { id, revision, state } = authorization;
        let terms = &state.terms;
        let error = match &state.state {
            AuthorizationState::Invalid { error, .. } => Some(error.into()),
            AuthorizationState::Pending
            | AuthorizationState::Valid { .. }
            | AuthorizationState::Deactivated { .. }
            | AuthorizationState::Expired { .. }
            | AuthorizationState::Revoked { .. } => None,
        };
        let waiting = state.dependents.iter().filter(|dependent| dependent.until > now);
        Self {
            id: id.to_string(),
            revision: revision.0,
            status: state.status(now).into(),
            identifier: IdentifierView::of(&terms.identifier, false),
            wildcard: terms.wildcard,
            subdomains: terms.subdomains,
            pre_authorized: terms.pre_authorized,
            account: terms.account.to_string(),
            endpoint: format!("/acme/{}", terms.endpoint),
            acme_profile: (&terms.acme_profile).into(),
            created: rfc3339(terms.created),
            expires: state.expires().map(rfc3339),
            exemption: terms.exemption.clone(),
            error,
            orders: waiting.map(|dependent| dependent.order.to_string()).collect(),
        }
    }
}

impl AuthorizationDetail {
    fn of(authorization: &Versioned<Authorization>, now: Timestamp) -> Self {
        Self {
            authorization: AuthorizationView::of(authorization, now),
            challenges: authorization.state.challenges.iter().map(ChallengeView::from).collect(),
        }
    }
}

impl From<&Challenge> for ChallengeView {
    fn from(challenge: &Challenge) -> Self {
        let (mut validated, mut error, mut attempts, mut next_attempt) = (None, None, 0, None);
        match &challenge.state {
            ChallengeState::Pending => {}
            ChallengeState::Processing { attempt, due, error: last } => {
                (error, attempts) = (last.as_ref().map(AcmeProblemView::from), attempt.saturating_sub(1));
                next_attempt = Some(rfc3339(*due));
            }
            ChallengeState::Valid { validated: when } => validated = Some(rfc3339(*when)),
            ChallengeState::Invalid { error: last, .. } => error = Some(last.into()),
        }
        Self {
            kind: challenge.kind.to_string(),
            status: challenge.status().into(),
            validated,
            error,
            attempts,
            next_attempt,
            transcript: challenge.transcript.as_ref().map(TranscriptView::from),
        }
    }
}

impl From<&Transcript> for TranscriptView {
    fn from(transcript: &Transcript) -> Self {
        let steps = transcript.steps.iter().map(StepView::from).collect();
        let perspectives = transcript.perspectives.iter().map(PerspectiveTranscriptView::from).collect();
        Self { began: precise(transcript.began), ended: precise(transcript.ended), steps, perspectives }
    }
}

impl From<&PerspectiveTranscript> for PerspectiveTranscriptView {
    fn from(transcript: &PerspectiveTranscript) -> Self {
        let (standing, error, reason) = match &transcript.standing {
            Standing::Agreed => (StandingView::Agreed, None, None),
            Standing::Disagreed(problem) => (StandingView::Disagreed, Some(problem.into()), None),
            Standing::Unreachable(reason) => (StandingView::Unreachable, None, Some(reason.clone())),
            Standing::NotAwaited => (StandingView::NotAwaited, None, None),
        };
        Self {
            name: transcript.name.to_string(),
            standing,
            error,
            reason,
            began: precise(transcript.began),
            ended: precise(transcript.ended),
            steps: transcript.steps.iter().map(StepView::from).collect(),
        }
    }
}

impl From<&TranscriptStep> for StepView {
    fn from(step: &TranscriptStep) -> Self {
        let at = precise(step.at);
        match step.what.clone() {
            Happening::Resolved { resolver, name, record, answer } => {
                let (answers, error) = match answer {
                    Ok(answers) => (answers, None),
                    Err(code) => (Vec::new(), Some(code)),
                };
                Self::Resolved { at, resolver, name, record, answers, error }
            }
            Happening::AddressRefused { address, rule } => Self::AddressRefused { at, address, rule },
            Happening::Connected { to, error } => Self::Connected { at, to, error },
            Happening::Answered { url, status, location } => Self::Answered { at, url, status, location },
            Happening::Compared { expected, found } => Self::Compared { at, expected, found },
            Happening::GaveUp { reason } => Self::GaveUp { at, reason },
            Happening::Presented { from, version, protocol, names } => {
                Self::Presented { at, from, version, protocol, names }
            }
        }
    }
}

/// RFC 3339 with milliseconds: an attempt is often over within one second.
pub(super) fn precise(moment: Timestamp) -> String {
    let millis = i64::try_from(moment.millis()).unwrap_or(i64::MAX);
    let moment = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    format!("{moment:.3}")
}
