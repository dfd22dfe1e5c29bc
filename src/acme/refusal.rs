//! From the engine's errors to problems: the other half of [`super::problem`], exhaustive so that a new error of the
//! engine does not build until somebody has thought about what clients are told.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use chancery_actors::error::{LoadError, TurnError};
use chancery_actors::finalize::FinalizeError;
use chancery_actors::place::{NotIssued, PlaceError, ReplaceError};
use chancery_actors::ports::{SignError, StoreError};
use chancery_actors::profiles::EndpointError;
use chancery_machine::identifier::Subject;
use chancery_machine::problem::{Problem, ProblemType, Subproblem};
use chancery_machine::profile::NameRefused;
use chancery_machine::rejection::Rejection;
use tracing::error;

use super::binding::BindingError;
use super::problem::{PROBLEM_JSON, ProblemDocument};

/// When a client is asked to come back after a failure that may pass.
const SOON: Duration = Duration::from_secs(2);

impl ProblemDocument {
    /// The server is at fault: the reason goes to the log, and nothing of it to the client.
    #[must_use]
    pub fn internal(reason: &str) -> Self {
        error!(reason, "a request failed by the server's own fault");
        let detail = "the server failed; its operator finds the reason in the log. Try again later";
        Self::new(ProblemType::ServerInternal, detail)
    }

    /// The server cannot do it now, and it may or may not have been done.
    #[must_use]
    pub fn unavailable(reason: &str) -> Self {
        Self::internal(reason).status(StatusCode::SERVICE_UNAVAILABLE).retry_after(SOON)
    }
}

impl std::fmt::Display for ProblemDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.problem())
    }
}

impl ResponseError for ProblemDocument {
    fn status_code(&self) -> StatusCode {
        self.http_status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.http_status());
        response.content_type(PROBLEM_JSON);
        for (name, value) in self.headers() {
            response.append_header((*name, value.as_str()));
        }
        response.body(self.body())
    }
}

impl From<Rejection> for ProblemDocument {
    fn from(rejection: Rejection) -> Self {
        let detail = rejection.to_string();
        match rejection {
            Rejection::OrderNotReady(_) => Self::new(ProblemType::OrderNotReady, detail),
            Rejection::AlreadyRevoked => Self::new(ProblemType::AlreadyRevoked, detail),
            Rejection::AlreadyReplaced => Self::new(ProblemType::AlreadyReplaced, detail),
            Rejection::AccountClosed(_) => Self::account_closed(detail),
            Rejection::AccountDisabled => {
                Self::new(ProblemType::Unauthorized, "the account is disabled by the operator of this server; ask them")
            }
            Rejection::Binding(_) => Self::new(ProblemType::Unauthorized, detail),
            Rejection::NoSuchChallenge => Self::not_found(detail),
            Rejection::NotRenewing(_) => Self::new(ProblemType::AutoRenewalCancellationInvalid, detail),
            Rejection::TooManyOrders => Self::new(ProblemType::RateLimited, detail),
            Rejection::AuthorizationClosed(_)
            | Rejection::CertificateExpired
            | Rejection::OrderPastCancelling(_)
            | Rejection::Stale => Self::new(ProblemType::Malformed, detail),
        }
    }
}

impl From<TurnError> for ProblemDocument {
    fn from(error: TurnError) -> Self {
        match error {
            TurnError::Rejected(rejection) => rejection.into(),
            TurnError::Absent => {
                Self::not_found("there is nothing of that name; it may have been removed after its retention")
            }
            TurnError::Busy => Self::busy(SOON),
            TurnError::GuardChanged(object) => {
                Self::unavailable(&format!("{object} changed while a request was at work"))
            }
            TurnError::Conflict => Self::unavailable("an object kept changing while a request was at work"),
            TurnError::Taken(object) => Self::internal(&format!("a name that must be unique is taken by {object}")),
            TurnError::Unavailable(reason) => Self::unavailable(&reason),
        }
    }
}

impl From<StoreError> for ProblemDocument {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::unavailable(&error.to_string()),
            StoreError::Corrupt(_) => Self::internal(&error.to_string()),
        }
    }
}

impl From<LoadError> for ProblemDocument {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Absent => TurnError::Absent.into(),
            LoadError::Store(error) => error.into(),
        }
    }
}

impl From<SignError> for ProblemDocument {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Unavailable(_) => Self::unavailable(&error.to_string()),
            SignError::Refused(_) => Self::internal(&error.to_string()),
        }
    }
}

impl From<EndpointError> for ProblemDocument {
    /// 404 where the URL names what does not exist: the client has the wrong one. 403 where it names a profile that does
    /// not serve as things are: the URL is right, and it is the operator who has decided so, or has something left to do.
    fn from(error: EndpointError) -> Self {
        let detail = error.to_string();
        match error {
            EndpointError::NoAcmeProfile(_) | EndpointError::NoRaProfile(_) => Self::not_found(detail),
            EndpointError::AcmeProfileDisabled(_)
            | EndpointError::NoDefault(_)
            | EndpointError::DefaultMissing { .. }
            | EndpointError::DefaultDisabled { .. }
            | EndpointError::RaProfileDisabled(_)
            | EndpointError::AuthorityDisabled(_)
            | EndpointError::NotActivated(_)
            | EndpointError::ActivatedMissing { .. }
            | EndpointError::ActivatedDisabled { .. } => Self::new(ProblemType::Unauthorized, detail),
        }
    }
}

impl From<BindingError> for ProblemDocument {
    fn from(error: BindingError) -> Self {
        Self::new(ProblemType::Malformed, error.to_string())
    }
}

impl From<FinalizeError> for ProblemDocument {
    fn from(error: FinalizeError) -> Self {
        match error {
            FinalizeError::BadCsr(reason) => Self::new(ProblemType::BadCsr, reason),
            FinalizeError::Turn(error) => error.into(),
            FinalizeError::Endpoint(error) => error.into(),
            FinalizeError::ProfileWithdrawn(_) => Self::new(ProblemType::InvalidProfile, error.to_string()),
            FinalizeError::Caa(refused) => {
                let parts = refused.into_iter().map(|(subject, problem)| Subproblem {
                    kind: problem.kind,
                    detail: problem.detail,
                    identifier: Some(subject.identifier),
                });
                compound(parts.collect()).into()
            }
            FinalizeError::Refused => Self::new(ProblemType::ServerInternal, error.to_string()),
        }
    }
}

impl From<PlaceError> for ProblemDocument {
    fn from(error: PlaceError) -> Self {
        let detail = error.to_string();
        match error {
            PlaceError::Empty | PlaceError::TooMany { .. } | PlaceError::Validity(_) => {
                Self::new(ProblemType::Malformed, detail)
            }
            PlaceError::Rejected(rejected) => compound(not_issued(rejected)).into(),
            PlaceError::Profile(_) => Self::new(ProblemType::InvalidProfile, detail),
            PlaceError::Replaces(ReplaceError::Foreign) => Self::new(ProblemType::Unauthorized, detail),
            PlaceError::Replaces(ReplaceError::Unknown | ReplaceError::Unlike) => {
                Self::new(ProblemType::Malformed, detail)
            }
            PlaceError::NotOffered => Self::new(ProblemType::Unauthorized, detail),
            PlaceError::TermsChanged => Self::new(ProblemType::UserActionRequired, detail),
            PlaceError::RateLimited { retry_after, .. } => {
                Self::new(ProblemType::RateLimited, detail).retry_after(retry_after)
            }
            PlaceError::Endpoint(error) => error.into(),
            PlaceError::Turn(error) => error.into(),
        }
    }
}

/// What there can be no certificate for, each with the reason.
pub(super) fn not_issued(rejected: Vec<(Subject, NotIssued)>) -> Vec<Subproblem> {
    let part = |(subject, reason): (Subject, NotIssued)| Subproblem {
        kind: refused(&reason),
        detail: format!("{subject}: {reason}"),
        identifier: Some(subject.identifier),
    };
    rejected.into_iter().map(part).collect()
}

/// An endpoint that issues for no identifier of a type does not support the type, whatever others do (RFC 8555 section
/// 6.7).
const fn refused(reason: &NotIssued) -> ProblemType {
    match reason {
        NotIssued::Refused(NameRefused::Type(_)) => ProblemType::UnsupportedIdentifier,
        NotIssued::Refused(NameRefused::Wildcard | NameRefused::Denied | NameRefused::NotAllowed)
        | NotIssued::Credential
        | NotIssued::Unlisted
        | NotIssued::NoChallenge => ProblemType::RejectedIdentifier,
    }
}

/// What is wrong with some identifiers (RFC 8555 section 6.7.1): one keeps its own type, several of different types are
/// `compound`, and each is named.
#[must_use]
pub(super) fn compound(parts: Vec<Subproblem>) -> Problem {
    let kind = match parts.split_first() {
        Some((first, rest)) if rest.iter().all(|part| part.kind == first.kind) => first.kind,
        Some(_) | None => ProblemType::Compound,
    };
    let detail = match parts.as_slice() {
        [only] => only.detail.clone(),
        several => format!("{} of the identifiers are refused; see the subproblems", several.len()),
    };
    Problem { kind, detail, subproblems: parts }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chancery_machine::profile::ProfileName;

    use super::*;

    #[test]
    fn each_reason_why_an_endpoint_does_not_answer_is_told_apart() {
        let name = |text| ProfileName::parse(text).expect("a name");
        let (acme, ra) = (name("a"), name("r"));
        let (not_found, forbidden) = (StatusCode::NOT_FOUND, StatusCode::FORBIDDEN);
        let mut details = BTreeSet::new();
        for (error, status) in [
            (EndpointError::NoAcmeProfile(acme.clone()), not_found),
            (EndpointError::AcmeProfileDisabled(acme.clone()), forbidden),
            (EndpointError::NoDefault(acme.clone()), forbidden),
            (EndpointError::DefaultMissing { acme: acme.clone(), ra: ra.clone() }, forbidden),
            (EndpointError::DefaultDisabled { acme: acme.clone(), ra: ra.clone() }, forbidden),
            (EndpointError::NoRaProfile(ra.clone()), not_found),
            (EndpointError::RaProfileDisabled(ra.clone()), forbidden),
            (EndpointError::AuthorityDisabled(ra.clone()), forbidden),
            (EndpointError::NotActivated(ra.clone()), forbidden),
            (EndpointError::ActivatedMissing { ra: ra.clone(), acme: acme.clone() }, forbidden),
            (EndpointError::ActivatedDisabled { ra, acme }, forbidden),
        ] {
            let document = ProblemDocument::from(error);
            assert_eq!(document.http_status(), status, "{document}");
            assert!(details.insert(document.problem().detail.clone()), "{document}");
        }
    }

    #[test]
    fn who_is_disabled_is_told_whom_to_ask_and_is_not_closed() {
        let disabled = ProblemDocument::from(Rejection::AccountDisabled);
        assert_eq!(disabled.http_status(), StatusCode::FORBIDDEN);
        assert!(disabled.problem().detail.contains("ask them"), "{disabled}");
        let revoked = Rejection::AccountClosed(chancery_machine::account::AccountStatus::Revoked);
        assert_eq!(ProblemDocument::from(revoked).http_status(), StatusCode::UNAUTHORIZED);
    }
}
