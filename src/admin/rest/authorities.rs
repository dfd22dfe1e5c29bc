//! `/api/v1/authorities`.

use actix_web::{HttpResponse, web};
use chancery_machine::id::Id;
use utoipa::OpenApi;

use super::filter::{ByBirth, list_query};
use super::problem::Problems;
use super::reply::{created, gone, ok};
use super::request::{Body, Caller, MaybeMatch, Page, Params, Removal, Told};
use crate::admin::authorities::{AuthorityView, ChainView, NewAuthority, NewChain, OldChain};
use crate::admin::bulk::to_its_end;
use crate::admin::error::AdminError;
use crate::admin::operator::Role;
use crate::admin::renewal::NewRenewalCall;

/// The description of this room.
#[derive(OpenApi)]
#[openapi(
    paths(list, create, read, delete, enable, disable, renew, add_chain, remove_chain),
    components(schemas(AuthorityView, NewAuthority, ChainView, NewChain, OldChain))
)]
pub(super) struct Description;

/// Adds this room's routes.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/authorities").get(list).post(create))
        .service(web::resource("/authorities/{id}").get(read).delete(delete))
        .service(web::resource("/authorities/{id}/enable").post(enable))
        .service(web::resource("/authorities/{id}/disable").post(disable))
        .service(web::resource("/authorities/{id}/renew").post(renew))
        .service(web::resource("/authorities/{id}/addChain").post(add_chain))
        .service(web::resource("/authorities/{id}/removeChain").post(remove_chain));
}

list_query! {
    /// Which authorities.
    Filter by ByBirth {
        /// Only those that are enabled, or that are not.
        enabled: bool,
    }
}

impl Filter {
    /// The page of all authorities, the oldest first, that is asked for, and where the next one begins.
    pub(crate) fn pick(
        &self,
        mut all: Vec<AuthorityView>,
    ) -> Result<(Vec<AuthorityView>, Option<Vec<u8>>), AdminError> {
        let page = self.page();
        let (limit, cursor) = (page.limit()?, page.cursor()?);
        let place = |bytes: Vec<u8>| bytes.try_into().map(Id::from_bytes).map_err(|_| AdminError::Cursor);
        let after = cursor.map(place).transpose()?;
        let past: fn(&Id, &Id) -> bool = match self.sort.unwrap_or_default() {
            ByBirth::Created => |id, after| id > after,
            ByBirth::NewestFirst => {
                all.reverse();
                |id, after| id < after
            }
        };
        let id = |view: &AuthorityView| Id::parse(&view.id);
        all.retain(|view| {
            self.enabled.is_none_or(|enabled| view.enabled == enabled)
                && after.is_none_or(|after| id(view).is_some_and(|id| past(&id, &after)))
        });
        let more = all.len() > limit;
        all.truncate(limit);
        let next = all.last().filter(|_| more).and_then(id).map(|id| id.bytes().to_vec());
        Ok((all, next))
    }
}

/// Authorities, the newest first.
#[utoipa::path(get, path = "/api/v1/authorities", operation_id = "listAuthorities", tag = "Authorities", params(Filter),
    responses((status = 200, body = Page<AuthorityView>), Problems))]
async fn list(caller: Caller, Params(filter): Params<Filter>) -> Result<HttpResponse, AdminError> {
    let (found, next) = filter.pick(caller.admin.list_authorities(&caller.operator).await?)?;
    Ok(ok(&Page::new(found, next), None))
}

/// Makes an intermediate, which issues, and a root for it where that is asked for; answers the intermediate.
#[utoipa::path(post, path = "/api/v1/authorities", operation_id = "createAuthority", tag = "Authorities", request_body = NewAuthority,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and request again: the same answer, and nothing done")),
    responses((status = 201, body = AuthorityView, headers(("Location" = String), ("ETag" = String))), Problems))]
async fn create(caller: Caller, body: Body) -> Result<HttpResponse, AdminError> {
    let Caller { admin, operator } = caller;
    let key = body.key(&operator)?;
    // To its end, even if the client hangs up: making keys takes a while.
    let made = to_its_end(async move { admin.create_authority(&operator, body.value, key.as_ref()).await }).await??;
    Ok(created(&made, "/api/v1/authorities", "id"))
}

/// The authority of this id or name.
#[utoipa::path(get, path = "/api/v1/authorities/{id}", operation_id = "readAuthority", tag = "Authorities", params(("id" = String, Path)),
    responses((status = 200, body = AuthorityView, headers(("ETag" = String))), Problems))]
async fn read(caller: Caller, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.read_authority(&caller.operator, &id).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// Deletes an authority that nothing depends on: no RA Profile issues with it, none stands below it, and it has issued
/// nothing. Forced, it may have issued, if all of that is over.
#[utoipa::path(delete, path = "/api/v1/authorities/{id}", operation_id = "deleteAuthority", tag = "Authorities",
    params(("id" = String, Path), Removal),
    responses((status = 204, description = "It is gone"), Problems))]
async fn delete(
    caller: Caller,
    id: web::Path<String>,
    Removal { precondition, force }: Removal,
) -> Result<HttpResponse, AdminError> {
    caller.admin.delete_authority(&caller.operator, &id, force, precondition).await?;
    Ok(gone())
}

/// Lets an authority issue.
#[utoipa::path(post, path = "/api/v1/authorities/{id}/enable", operation_id = "enableAuthority", tag = "Authorities",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 200, body = AuthorityView, headers(("ETag" = String))), Problems))]
async fn enable(
    caller: Caller,
    id: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.enable_authority(&caller.operator, &id, true, precondition).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// Has an authority issue nothing more. What was finalized before is still signed, and its CRL goes on being published.
#[utoipa::path(post, path = "/api/v1/authorities/{id}/disable", operation_id = "disableAuthority", tag = "Authorities",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 200, body = AuthorityView, headers(("ETag" = String))), Problems))]
async fn disable(
    caller: Caller,
    id: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.enable_authority(&caller.operator, &id, false, precondition).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// Has clients renew early what an authority has signed so far (RFC 9773), or no longer.
#[utoipa::path(post, path = "/api/v1/authorities/{id}/renew", operation_id = "renewAuthority", tag = "Authorities",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    request_body = Option<NewRenewalCall>,
    responses((status = 200, body = AuthorityView, headers(("ETag" = String))), Problems))]
async fn renew(
    caller: Caller,
    id: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
    Told(call): Told<NewRenewalCall>,
) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.renew_authority(&caller.operator, &id, call, precondition).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// Gives an authority another chain, for clients that want another root (RFC 8555 section 7.4.2). What it has signed is
/// still downloaded with the chain that it began with, which links the others.
#[utoipa::path(post, path = "/api/v1/authorities/{id}/addChain", operation_id = "addChain", tag = "Authorities",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    request_body = NewChain,
    responses((status = 200, body = AuthorityView, headers(("ETag" = String))), Problems))]
async fn add_chain(
    caller: Caller,
    id: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
    body: Body,
) -> Result<HttpResponse, AdminError> {
    caller.operator.may(Role::Administrator)?;
    let view = caller.admin.add_chain(&caller.operator, &id, body.read()?, precondition).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// Takes a chain from an authority.
#[utoipa::path(post, path = "/api/v1/authorities/{id}/removeChain", operation_id = "removeChain", tag = "Authorities",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    request_body = OldChain,
    responses((status = 200, body = AuthorityView, headers(("ETag" = String))), Problems))]
async fn remove_chain(
    caller: Caller,
    id: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
    body: Body,
) -> Result<HttpResponse, AdminError> {
    caller.operator.may(Role::Administrator)?;
    let view = caller.admin.remove_chain(&caller.operator, &id, body.read()?, precondition).await?;
    Ok(ok(&view, Some(view.revision)))
}
