//! Answers of the API.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LOCATION};
use serde::Serialize;

use crate::admin::precondition::Precondition;

/// An answer with this body, and with the ETag of its revision if it has one.
pub(super) fn json(status: StatusCode, body: &impl Serialize, revision: Option<u64>) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    if let Some(revision) = revision {
        response.insert_header((ETAG, Precondition::etag(revision)));
    }
    response.json(body)
}

/// 200 with a body.
pub(super) fn ok(body: &impl Serialize, revision: Option<u64>) -> HttpResponse {
    json(StatusCode::OK, body, revision)
}

/// 201 with where it is, or the same again where the request was answered before.
pub(super) fn created(location: &str, body: &impl Serialize, revision: Option<u64>, replayed: bool) -> HttpResponse {
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, location));
    if let Some(revision) = revision {
        response.insert_header((ETAG, Precondition::etag(revision)));
    }
    if replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    response.json(body)
}

/// 204.
pub(super) fn gone() -> HttpResponse {
    HttpResponse::NoContent().finish()
}
