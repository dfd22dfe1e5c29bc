//! Answers of the API.

use actix_web::http::header::{ETAG, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use crate::admin::idempotency::Created;
use crate::admin::precondition::Precondition;

/// 200 with a body, and with the ETag of its revision if it has one.
pub(super) fn ok(body: &impl Serialize, revision: Option<u64>) -> HttpResponse {
    answer(HttpResponse::Ok(), body, revision)
}

/// 201 with what was made, and where it is in its collection: under that member of it. Or the same again where the request
/// was answered before.
pub(super) fn created(made: &Created, collection: &str, member: &str) -> HttpResponse {
    let Created { view, replayed } = made;
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, format!("{collection}/{}", view[member].as_str().unwrap_or_default())));
    if *replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    answer(response, view, view["revision"].as_u64())
}

/// 204.
pub(super) fn gone() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

fn answer(mut response: HttpResponseBuilder, body: &impl Serialize, revision: Option<u64>) -> HttpResponse {
    if let Some(revision) = revision {
        response.insert_header((ETAG, Precondition::etag(revision)));
    }
    response.json(body)
}
