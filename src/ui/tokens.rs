//! Tokens: what lets operators in.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;
use chancery_machine::id::Id;
use serde_json::json;

use super::filter::{Asked, utc};
use super::form::{Form, looked_at};
use super::frame::Frame;
use super::list::{Confirm, Pager};
use super::reply;
use super::visitor::Visitor;
use super::words::{self, filters};
use crate::admin::error::AdminError;
use crate::admin::idempotency::IdempotencyKey;
use crate::admin::operator::Role;
use crate::admin::rest::request::PageQuery;
use crate::admin::settings::read as settings;
use crate::admin::tokens::{NewToken, TokenView};

const PLACE: &str = "/ui/tokens";

/// The field that tells two requests for a token from one that was sent twice.
const ONCE: &str = "once";

const ROLES: &[(&str, &str)] = &[
    ("auditor", "Auditor: reads everything, changes nothing"),
    ("operator", "Operator: manages profiles, accounts, orders, certificates and EAB credentials"),
    ("administrator", "Administrator: manages authorities and tokens too"),
];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/tokens").get(list).post(create))
        .service(web::resource("/tokens/new").get(ask_create))
        .service(web::resource("/tokens/{id}").get(read))
        .service(web::resource("/tokens/{id}/revoke").get(ask_revoke).post(revoke));
}

#[derive(Template)]
#[template(path = "tokens/list.html")]
struct List {
    frame: Frame,
    tokens: Vec<TokenView>,
    pager: Pager,
}

#[derive(Template)]
#[template(path = "tokens/detail.html")]
struct Detail<'a> {
    frame: Frame,
    token: &'a TokenView,
    /// Whether whoever looks at it has signed in with it.
    own: bool,
}

#[derive(Template)]
#[template(path = "tokens/new.html")]
struct New {
    frame: Frame,
    form: Form,
    once: String,
}

#[derive(Template)]
#[template(path = "tokens/made.html")]
struct Made<'a> {
    frame: Frame,
    id: &'a str,
    name: &'a str,
    role: &'a str,
    secret: &'a str,
}

async fn list(visitor: Visitor, request: HttpRequest) -> Result<HttpResponse, AdminError> {
    let asked = Asked::of(PLACE, request.query_string());
    let frame = Frame::of(&visitor, PLACE, "Tokens").after(request.query_string());
    let found = async {
        let page: PageQuery = asked.filter()?;
        let place = |bytes: Vec<u8>| bytes.try_into().map(Id::from_bytes).map_err(|_| AdminError::Cursor);
        let after = page.cursor()?.map(place).transpose()?;
        visitor.admin.list_tokens(visitor.operator(), after, page.limit()?).await
    };
    match found.await {
        Ok((tokens, next)) => {
            let pager = Pager::of(&asked, next.map(|id| id.bytes()).as_ref().map(<[u8; 16]>::as_slice));
            reply::page(&List { frame, tokens, pager })
        }
        Err(error) => {
            let (frame, pager) = (frame.refused(Some(&error)), Pager::refused(&asked));
            reply::page_with(error.status_code(), &List { frame, tokens: Vec::new(), pager })
        }
    }
}

async fn ask_create(visitor: Visitor) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Administrator)?;
    asked_create(&visitor, Form::default(), None)
}

/// The form for a new token, with why the one before was not made.
fn asked_create(visitor: &Visitor, form: Form, error: Option<&AdminError>) -> Result<HttpResponse, AdminError> {
    let once = visitor.admin.engine.new_id().to_string();
    let page = New { frame: Frame::of(visitor, PLACE, "Make a token").refused(error), form, once };
    reply::page_after(error, &page)
}

async fn create(visitor: Visitor, form: Form) -> Result<HttpResponse, AdminError> {
    let made = async {
        let expires = form.given("expires").map(utc);
        let new = json!({"name": form.text("name"), "role": form.text("role"), "expires": expires});
        // Whoever reloads the page sends the form once more, and is shown the same secret again.
        let (who, request) = (&visitor.operator().who, new.to_string());
        let key = form.given(ONCE).map(|once| IdempotencyKey::new(who, once, request.as_bytes())).transpose()?;
        let new: NewToken = settings(new)?;
        visitor.admin.create_token(visitor.operator(), &new, key.as_ref()).await
    };
    match made.await {
        Ok(made) => {
            let text = |member: &str| made.view[member].as_str().unwrap_or_default();
            let frame = Frame::of(&visitor, PLACE, "The token is made");
            let (id, name, role, secret) = (text("id"), text("name"), text("role"), text("secret"));
            reply::page_with(StatusCode::CREATED, &Made { frame, id, name, role, secret })
        }
        Err(error) => asked_create(&visitor, form, Some(&error)),
    }
}

async fn read(visitor: Visitor, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    shown(&visitor, &id, request.query_string(), None).await
}

/// The page of a token, with why it was not revoked.
async fn shown(
    visitor: &Visitor,
    id: &str,
    query: &str,
    error: Option<&AdminError>,
) -> Result<HttpResponse, AdminError> {
    let token = visitor.admin.read_token(visitor.operator(), id).await?;
    let frame = Frame::of(visitor, PLACE, format!("Token {}", token.name)).after(query).refused(error);
    let frame = frame.shown_at(&format!("{PLACE}/{id}"));
    let page = Detail { frame, own: own(visitor, &token), token: &token };
    reply::page_after(error, &page)
}

/// Whether somebody has signed in with this token.
fn own(visitor: &Visitor, token: &TokenView) -> bool {
    let who = visitor.operator().who.strip_prefix("token:");
    who.and_then(|who| who.split(' ').next()).is_some_and(|id| id == token.id)
}

async fn ask_revoke(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Administrator)?;
    let token = visitor.admin.read_token(visitor.operator(), &id).await?;
    let here = format!("{PLACE}/{id}");
    let mut consequences =
        "It lets nobody in from then on, whoever has signed in with it is signed out, and nothing takes \
                            that back."
            .to_owned();
    if own(&visitor, &token) {
        consequences.push_str(" You have signed in with it yourself: you are signed out too.");
    }
    let frame = Frame::of(&visitor, PLACE, "Revoke a token");
    let question = format!("Revoke the token {:?} with the role {}?", token.name, token.role);
    let page = Confirm::ask(frame, question, ("Revoke", format!("{here}/revoke")), here);
    reply::page(&Confirm { consequences, fields: looked_at(token.revision), ..page })
}

async fn revoke(
    visitor: Visitor,
    request: HttpRequest,
    id: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, AdminError> {
    match visitor.admin.revoke_token(visitor.operator(), &id, form.precondition()).await {
        Ok(token) if own(&visitor, &token) => Ok(reply::leave(&request, "/ui/sign-in?why=revoked")),
        Ok(_) => Ok(reply::done(&format!("{PLACE}/{id}"), "revoked")),
        Err(error @ AdminError::Absent(_)) => Err(error),
        Err(error) => shown(&visitor, &id, "", Some(&error)).await,
    }
}

fn badge(token: &TokenView) -> String {
    let kind = match token.status.as_str() {
        "valid" => "good",
        "revoked" => "bad",
        _ => "",
    };
    words::badge(kind, &token.status)
}

/// The query that finds what was done with it in the audit log.
fn who(token: &TokenView) -> String {
    words::in_query(&format!("token:{} {}", token.id, token.name))
}
