//! Signing in and out.

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;
use secrecy::ExposeSecret;

use super::assets::{URLS, Urls};
use super::form::Form;
use super::frame::Notice;
use super::guard::{COOKIE, secret};
use super::reply;
use super::visitor::Visitor;
use crate::admin::Admin;
use crate::admin::error::AdminError;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(web::resource("/sign-in").get(ask).post(sign_in)).service(web::resource("/sign-out").post(sign_out));
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    urls: &'static Urls,
    /// What led here.
    why: &'static str,
    /// Where to go on.
    next: String,
    notice: Option<Notice>,
}

async fn ask(request: HttpRequest) -> Result<HttpResponse, AdminError> {
    let query = Form::parse(request.query_string().as_bytes());
    let why = match query.text("why") {
        "over" => "Your session is over. Sign in again; what you sent last was not done.",
        "out" => "You have signed out.",
        "revoked" => "The token is revoked that you had signed in with. Sign in with another one.",
        _ => "",
    };
    reply::page(&SignIn { urls: &URLS, why, next: next(&query).to_owned(), notice: None })
}

async fn sign_in(admin: web::Data<Admin>, form: Form) -> Result<HttpResponse, AdminError> {
    match admin.sign_in(form.text("token")).await {
        Ok(begun) => {
            let cookie = cookie(begun.secret.expose_secret().to_owned()).finish();
            let mut response = reply::done(&afresh(next(&form)), "signed-in");
            response.add_cookie(&cookie).map_err(unwritable)?;
            Ok(response)
        }
        Err(error @ AdminError::Unauthenticated(_)) => {
            let notice = Notice {
                advice: "Tokens begin with chancery_; look whether all of it was copied.",
                ..Notice::of(&error)
            };
            let page = SignIn { urls: &URLS, why: "", next: next(&form).to_owned(), notice: Some(notice) };
            reply::page_with(StatusCode::FORBIDDEN, &page)
        }
        Err(error) => Ok(reply::failure(None, &error, error.status_code())),
    }
}

async fn sign_out(visitor: Visitor, request: HttpRequest) -> Result<HttpResponse, AdminError> {
    if let Some(secret) = secret(&request) {
        visitor.admin.sign_out(visitor.operator(), &secret).await?;
    }
    let mut gone = cookie(String::new()).finish();
    gone.make_removal();
    let mut response = reply::see("/ui/sign-in?why=out");
    response.add_cookie(&gone).map_err(unwritable)?;
    Ok(response)
}

/// The session's cookie: no script reads it, no other site sends it, and it goes with the browser. How long it counts, the
/// server decides.
fn cookie(value: String) -> actix_web::cookie::CookieBuilder<'static> {
    Cookie::build(COOKIE, value).path("/").secure(true).http_only(true).same_site(SameSite::Strict)
}

/// Where to go on: a page of this interface and nothing else.
fn next(form: &Form) -> &str {
    let ours = |next: &&str| *next == "/ui" || next.starts_with("/ui/") || next.starts_with("/ui?");
    let plain = |next: &&str| next.bytes().all(|byte| byte.is_ascii_graphic());
    form.given("next").filter(ours).filter(plain).unwrap_or("/ui")
}

/// A place without what was done before somebody had to sign in again.
fn afresh(place: &str) -> String {
    let Some((path, query)) = place.split_once('?') else { return place.to_owned() };
    let mut kept = url::form_urlencoded::Serializer::new(String::new());
    kept.extend_pairs(url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "done"));
    let kept = kept.finish();
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{kept}") }
}

fn unwritable(error: impl std::fmt::Display) -> AdminError {
    AdminError::Malformed(format!("the cookie cannot be written: {error}"))
}
