//! Answers of the interface.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use askama::Template;
use chancery_actors::error::TurnError;

use super::assets::{URLS, Urls};
use super::frame::{Frame, Notice};
use crate::admin::error::AdminError;

/// A page.
pub(super) fn page(template: &impl Template) -> Result<HttpResponse, AdminError> {
    page_with(StatusCode::OK, template)
}

/// A page that may say why something was refused, and has its status then.
pub(super) fn page_after(refused: Option<&AdminError>, template: &impl Template) -> Result<HttpResponse, AdminError> {
    page_with(refused.map_or(StatusCode::OK, ResponseError::status_code), template)
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

/// Where whoever met an error can go on: what is gone is not shown, but the list of what there is.
fn link(error: &AdminError, path: &str) -> Option<(String, &'static str)> {
    let mut place = owner(path);
    let mut word = "Show it as it is now";
    if matches!(error, AdminError::Absent(_) | AdminError::Turn(TurnError::Absent)) {
        while place.matches('/').count() > 2 {
            place = owner(&place);
        }
        word = "Show the list";
    }
    (place != "/ui").then_some((place, word))
}

/// The page of the object, or the list, to which a URL belongs that only takes forms: that of `/ui/accounts/7/disable` is
/// `/ui/accounts/7`, and that of `/ui/accounts/bulk` is `/ui/accounts`.
pub(super) fn owner(path: &str) -> String {
    let parts: Vec<&str> =
        path.strip_prefix("/ui").unwrap_or_default().split('/').filter(|part| !part.is_empty()).collect();
    let kept = parts.get(..parts.len().saturating_sub(1).min(2)).unwrap_or_default();
    kept.iter().fold("/ui".to_owned(), |place, part| format!("{place}/{part}"))
}

#[derive(Template)]
#[template(path = "failure.html")]
struct Failure {
    frame: Frame,
    /// Where there is more to see, and what that link says.
    link: Option<(String, &'static str)>,
}

#[derive(Template)]
#[template(path = "failure_outside.html")]
struct FailureOutside {
    urls: &'static Urls,
    notice: Notice,
}

/// An error as a page: with what surrounds it where somebody has signed in, and the path that they asked for.
pub(super) fn failure(frame: Option<(Frame, &str)>, error: &AdminError, status: StatusCode) -> HttpResponse {
    let notice = Notice::of(error);
    let written = match frame {
        Some((frame, path)) => page_with(status, &Failure { frame: frame.with(notice), link: link(error, path) }),
        None => page_with(status, &FailureOutside { urls: &URLS, notice }),
    };
    written.unwrap_or_else(|_| HttpResponse::build(status).body(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_takes_forms_belongs_to_a_page() {
        for (path, page) in [
            ("/ui/accounts/7/disable", "/ui/accounts/7"),
            ("/ui/accounts/bulk", "/ui/accounts"),
            ("/ui/authorities/7/chains/8/remove", "/ui/authorities/7"),
            ("/ui/sign-out", "/ui"),
            ("/ui", "/ui"),
        ] {
            assert_eq!(owner(path), page);
        }
    }
}
