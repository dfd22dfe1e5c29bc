//! Answers of the interface.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chancery_actors::error::TurnError;

use super::assets::{URLS, Urls};
use super::frame::{Frame, Notice};
use crate::admin::error::AdminError;

/// A page.
pub(super) fn page(template: &impl Template) -> Result<HttpResponse, AdminError> {
    page_with(StatusCode::OK, template)
}

/// A page with another status: of a form that was refused, that of its error.
pub(super) fn page_with(status: StatusCode, template: &impl Template) -> Result<HttpResponse, AdminError> {
    let failed = |error: askama::Error| TurnError::Unavailable(format!("the page cannot be written: {error}"));
    let text = template.render().map_err(failed)?;
    Ok(HttpResponse::build(status).content_type("text/html; charset=utf-8").body(text))
}

/// Leads to another page (RFC 9110 section 15.4.4): after a write, so that reloading does not write again.
pub(super) fn see(place: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, place)).finish()
}

/// Leads out of what the menu surrounds: htmx would swap such a page in where it does not belong, and is told to load it.
pub(super) fn leave(request: &HttpRequest, place: &str) -> HttpResponse {
    if request.headers().contains_key("HX-Request") {
        return HttpResponse::NoContent().insert_header(("HX-Redirect", place)).finish();
    }
    see(place)
}

/// Leads to another page, which says what was done.
pub(super) fn done(place: &str, what: &str) -> HttpResponse {
    let joint = if place.contains('?') { '&' } else { '?' };
    see(&format!("{place}{joint}done={what}"))
}

#[derive(Template)]
#[template(path = "failure.html")]
struct Failure {
    frame: Frame,
}

#[derive(Template)]
#[template(path = "failure_outside.html")]
struct FailureOutside {
    urls: &'static Urls,
    notice: Notice,
}

/// An error as a page.
pub(super) fn failure(frame: Option<Frame>, error: &AdminError, status: StatusCode) -> HttpResponse {
    let notice = Notice::of(error);
    let written = match frame {
        Some(frame) => page_with(status, &Failure { frame: frame.with(notice) }),
        None => page_with(status, &FailureOutside { urls: &URLS, notice }),
    };
    written.unwrap_or_else(|_| HttpResponse::build(status).body(error.to_string()))
}
