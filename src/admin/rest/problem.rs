//! Errors of the API as RFC 9457 has them: the one place that makes them.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use chancery_actors::error::TurnError;
use serde::Serialize;
use tracing::error;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};
use utoipa::{IntoResponses, ToSchema};

use crate::admin::error::AdminError;
use crate::admin::settings::Fault;

/// The media type of RFC 9457.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not done (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// `urn:chancery:problem:` and a word: `invalid`, `absent`, `exists`, `inUse`, `changed`, `preconditionRequired`,
    /// `forbidden`, `unauthenticated`, `refused`, `keyReused`, `cursor`, `malformed`, `mediaType`,
    /// `tooLarge`, `method`, `busy`, `unavailable`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The word in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this very request.
    pub detail: String,
    /// Which fields are at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// What depends on the thing that was to be removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependents: Vec<String>,
}

/// A field that is not what it has to be.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// Its path, as in `challenges[0]`; empty for the whole.
    pub field: String,
    /// What was expected, and what came.
    pub detail: String,
}

impl Problem {
    /// The problem of an error. What is the server's own fault goes to the log.
    #[must_use]
    pub fn of(error: &AdminError) -> Self {
        let (status, word, title) = class(error);
        if status.is_server_error() {
            error!(%error, "a request of an operator failed by the server's own fault");
        }
        let (mut errors, mut dependents) = (Vec::new(), Vec::new());
        if let AdminError::Invalid(faults) = error {
            let field = |fault: &Fault| FieldError { field: fault.field.clone(), detail: fault.detail.clone() };
            errors.extend(faults.iter().map(field));
        } else if let AdminError::InUse { dependents: named, .. } = error {
            dependents.clone_from(named);
        }
        Self {
            kind: format!("urn:chancery:problem:{word}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: error.to_string(),
            errors,
            dependents,
        }
    }
}

fn class(error: &AdminError) -> (StatusCode, &'static str, &'static str) {
    match error {
        AdminError::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Fields are not what they have to be"),
        AdminError::Absent(_) | AdminError::Turn(TurnError::Absent) => {
            (StatusCode::NOT_FOUND, "absent", "There is no such thing")
        }
        AdminError::Exists(_) | AdminError::Turn(TurnError::Taken(_)) => {
            (StatusCode::CONFLICT, "exists", "There is one already")
        }
        AdminError::InUse { .. } => (StatusCode::CONFLICT, "inUse", "Something depends on it"),
        AdminError::Changed { .. } | AdminError::Outdated(_) | AdminError::Turn(TurnError::GuardChanged(_)) => {
            (StatusCode::PRECONDITION_FAILED, "changed", "Somebody else changed it")
        }
        AdminError::PreconditionRequired => {
            (StatusCode::PRECONDITION_REQUIRED, "preconditionRequired", "If-Match is missing")
        }
        AdminError::Forbidden { .. } => (StatusCode::FORBIDDEN, "forbidden", "The role does not allow it"),
        AdminError::Unauthenticated(_) => (StatusCode::UNAUTHORIZED, "unauthenticated", "Nobody has said who asks"),
        AdminError::Refused(_) | AdminError::Turn(TurnError::Rejected(_)) => {
            (StatusCode::CONFLICT, "refused", "Its state does not allow it")
        }
        AdminError::KeyReused => (StatusCode::CONFLICT, "keyReused", "The Idempotency-Key was used before"),
        AdminError::Cursor => (StatusCode::BAD_REQUEST, "cursor", "The cursor is of another list"),
        AdminError::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed", "The request cannot be read"),
        AdminError::MediaType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "mediaType", "The body is not JSON"),
        AdminError::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "tooLarge", "The body is too large"),
        AdminError::Method { .. } => (StatusCode::METHOD_NOT_ALLOWED, "method", "There is no such method here"),
        AdminError::Turn(TurnError::Busy) => (StatusCode::SERVICE_UNAVAILABLE, "busy", "The server is busy"),
        AdminError::Turn(TurnError::Conflict | TurnError::Unavailable(_)) | AdminError::Vault(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The server cannot do it now")
        }
    }
}

impl ResponseError for AdminError {
    fn status_code(&self) -> StatusCode {
        class(self).0
    }

    fn error_response(&self) -> HttpResponse {
        let problem = Problem::of(self);
        let mut response = HttpResponse::build(self.status_code()).content_type(PROBLEM_JSON).json(&problem);
        response.headers_mut().insert(actix_web::http::header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Self::Method { allowed, .. } = self
            && let Ok(allowed) = HeaderValue::try_from(allowed)
        {
            response.headers_mut().insert(ALLOW, allowed);
        }
        match self.status_code() {
            StatusCode::UNAUTHORIZED => {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"chancery\""));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
            }
            _ => {}
        }
        response
    }
}

/// What every operation of the API may answer with beside its own.
pub struct Problems;

impl IntoResponses for Problems {
    fn responses() -> std::collections::BTreeMap<String, RefOr<Response>> {
        let response = |description: &str| -> RefOr<Response> {
            let schema = Ref::from_schema_name("Problem");
            let content = ContentBuilder::new().schema(Some(schema)).build();
            ResponseBuilder::new().description(description).content(PROBLEM_JSON, content).build().into()
        };
        [
            ("400", "The request cannot be read"),
            ("401", "Nobody has said who asks"),
            ("403", "The role does not allow it"),
            ("404", "There is no such thing"),
            ("409", "The state of things does not allow it"),
            ("412", "Somebody else changed it"),
            ("413", "The request is too large"),
            ("415", "Not application/json"),
            ("422", "Fields are not what they have to be"),
            ("428", "If-Match is missing"),
            ("503", "The server cannot do it now"),
        ]
        .into_iter()
        .map(|(status, description)| (status.to_owned(), response(description)))
        .collect()
    }
}
