//! `/api/v1/tokens`.

use actix_web::{HttpResponse, web};
use chancery_machine::id::Id;
use utoipa::OpenApi;

use super::problem::Problems;
use super::reply::{created, ok};
use super::request::{Body, Caller, MaybeMatch, Page, PageQuery, Params};
use crate::admin::error::AdminError;
use crate::admin::operator::Role;
use crate::admin::tokens::{NewToken, TokenView};

/// The description of this room.
#[derive(OpenApi)]
#[openapi(paths(list, create, read, revoke), components(schemas(TokenView, NewToken, Role)))]
pub(super) struct Description;

/// Adds this room's routes.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/tokens").get(list).post(create))
        .service(web::resource("/tokens/{id}").get(read))
        .service(web::resource("/tokens/{id}/revoke").post(revoke));
}

/// List the tokens, without their secrets, the newest first.
#[utoipa::path(get, path = "/api/v1/tokens", operation_id = "listTokens", tag = "Tokens", params(PageQuery),
    responses((status = 200, body = Page<TokenView>), Problems))]
async fn list(caller: Caller, Params(page): Params<PageQuery>) -> Result<HttpResponse, AdminError> {
    let place = |bytes: Vec<u8>| bytes.try_into().map(Id::from_bytes).map_err(|_| AdminError::Cursor);
    let after = page.cursor()?.map(place).transpose()?;
    let (views, next) = caller.admin.list_tokens(&caller.operator, after, page.limit()?).await?;
    Ok(ok(&Page::new(views, next.map(|id| id.bytes().to_vec())), None))
}

/// Make a token; the answer is the only one that has its secret. This takes an administrator.
#[utoipa::path(post, path = "/api/v1/tokens", operation_id = "createToken", tag = "Tokens", request_body = NewToken,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and request again: the same answer, and nothing done")),
    responses((status = 201, body = TokenView, headers(("Location" = String), ("ETag" = String))), Problems))]
async fn create(caller: Caller, body: Body) -> Result<HttpResponse, AdminError> {
    caller.operator.may(Role::Administrator)?;
    let key = body.key(&caller.operator)?;
    let made = caller.admin.create_token(&caller.operator, &body.read()?, key.as_ref()).await?;
    Ok(created(&made, "/api/v1/tokens", "id"))
}

/// Read one token, without its secret.
#[utoipa::path(get, path = "/api/v1/tokens/{id}", operation_id = "readToken", tag = "Tokens", params(("id" = String, Path)),
    responses((status = 200, body = TokenView, headers(("ETag" = String))), Problems))]
async fn read(caller: Caller, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.read_token(&caller.operator, &id).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// Revoke a token: it lets nobody in from then on. This takes an administrator.
#[utoipa::path(post, path = "/api/v1/tokens/{id}/revoke", operation_id = "revokeToken", tag = "Tokens",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 200, body = TokenView, headers(("ETag" = String))), Problems))]
async fn revoke(
    caller: Caller,
    id: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.revoke_token(&caller.operator, &id, precondition).await?;
    Ok(ok(&view, Some(view.revision)))
}
