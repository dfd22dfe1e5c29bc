//! `/api/v1/eabCredentials`.

use actix_web::{HttpResponse, web};
use chancery_actors::listing::EabQuery;
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::bulk;
use super::bulk::BulkResults;
use super::filter::{self, ByBirth, list_query};
use super::problem::Problems;
use super::reply::{created, gone, ok};
use super::request::{Body, Caller, IfMatch, MaybeMatch, Page, Params, Removal};
use crate::admin::eab::{EabCredentialView, NewEabCredentialView};
use crate::admin::error::AdminError;
use crate::admin::operator::Role;
use crate::admin::precondition::Precondition;
use crate::admin::settings::EabSettings;
use crate::admin::words::EabStatus;

/// The description of this room.
#[derive(OpenApi)]
#[openapi(
    paths(list, create, read, update, delete, revoke, bulk),
    components(schemas(EabCredentialView, NewEabCredentialView, EabSettings, EabStatus, EabBulk, EabAction))
)]
pub(super) struct Description;

/// Adds this room's routes.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/eabCredentials").get(list).post(create))
        .service(web::resource("/eabCredentials/bulk").post(bulk))
        .service(web::resource("/eabCredentials/{keyId}").get(read).patch(update).delete(delete))
        .service(web::resource("/eabCredentials/{keyId}/revoke").post(revoke));
}

list_query! {
    /// Which credentials.
    Filter by ByBirth {
        /// Only those of this status.
        #[param(inline)]
        status: EabStatus,
    }
}

impl Filter {
    pub(crate) fn query(&self) -> EabQuery {
        EabQuery { status: self.status.map(Into::into), direction: self.sort.unwrap_or_default().into() }
    }
}

/// What is done to many credentials.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum EabAction {
    Revoke,
    Delete,
}

/// An action on many credentials.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EabBulk {
    /// What is done.
    action: EabAction,
    /// The key ids of the credentials.
    #[schema(max_items = 1000)]
    items: Vec<String>,
    /// With `delete`: though accounts are bound with them.
    #[serde(default)]
    force: bool,
}

/// Credentials of external accounts, the newest first, without their keys.
#[utoipa::path(get, path = "/api/v1/eabCredentials", operation_id = "listEabCredentials", tag = "EAB credentials", params(Filter),
    responses((status = 200, body = Page<EabCredentialView>), Problems))]
async fn list(caller: Caller, Params(filter): Params<Filter>) -> Result<HttpResponse, AdminError> {
    let (limit, after) = filter::place(&filter.page())?;
    let found = caller.admin.list_eab_credentials(&caller.operator, &filter.query(), after.as_ref(), limit).await?;
    Ok(ok(&filter::page(found), None))
}

/// Makes a credential; what is left out limits nothing. Its key is shown in this answer only.
#[utoipa::path(post, path = "/api/v1/eabCredentials", operation_id = "createEabCredential", tag = "EAB credentials", request_body = EabSettings,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and request again: the same answer, and nothing done")),
    responses((status = 201, body = NewEabCredentialView, headers(("Location" = String), ("ETag" = String))), Problems))]
async fn create(caller: Caller, body: Body) -> Result<HttpResponse, AdminError> {
    let key = body.key(&caller.operator)?;
    let made = caller.admin.create_eab_credential(&caller.operator, &body.members()?, key.as_ref()).await?;
    Ok(created(&made, "/api/v1/eabCredentials", "keyId"))
}

/// One credential.
#[utoipa::path(get, path = "/api/v1/eabCredentials/{keyId}", operation_id = "readEabCredential", tag = "EAB credentials", params(("keyId" = String, Path)),
    responses((status = 200, body = EabCredentialView, headers(("ETag" = String))), Problems))]
async fn read(caller: Caller, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.read_eab_credential(&caller.operator, &id).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// Changes what may be done with a credential (RFC 7396): what is left out stays as it was, and `null` takes a limit away.
/// Accounts that are bound stay bound.
#[utoipa::path(patch, path = "/api/v1/eabCredentials/{keyId}", operation_id = "updateEabCredential", tag = "EAB credentials",
    params(("keyId" = String, Path), ("If-Match" = String, Header, description = "The ETag that was read, or *")),
    request_body = EabSettings,
    responses((status = 200, body = EabCredentialView, headers(("ETag" = String))), Problems))]
async fn update(
    caller: Caller,
    id: web::Path<String>,
    IfMatch(precondition): IfMatch,
    body: Body,
) -> Result<HttpResponse, AdminError> {
    let members = body.members()?;
    let view = caller.admin.update_eab_credential(&caller.operator, &id, &members, precondition).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// Deletes a credential. Bound accounts speak against that, unless it is forced: then they place no more orders.
#[utoipa::path(delete, path = "/api/v1/eabCredentials/{keyId}", operation_id = "deleteEabCredential", tag = "EAB credentials",
    params(("keyId" = String, Path), Removal),
    responses((status = 204, description = "It is gone"), Problems))]
async fn delete(
    caller: Caller,
    id: web::Path<String>,
    Removal { precondition, force }: Removal,
) -> Result<HttpResponse, AdminError> {
    caller.admin.delete_eab_credential(&caller.operator, &id, force, precondition).await?;
    Ok(gone())
}

/// Revokes a credential: no more accounts are bound with it, and those that are stay bound. Once more does nothing.
#[utoipa::path(post, path = "/api/v1/eabCredentials/{keyId}/revoke", operation_id = "revokeEabCredential", tag = "EAB credentials",
    params(("keyId" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 200, body = EabCredentialView, headers(("ETag" = String))), Problems))]
async fn revoke(
    caller: Caller,
    id: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.revoke_eab_credential(&caller.operator, &id, precondition).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// Does one thing to many credentials, and answers for each.
#[utoipa::path(post, path = "/api/v1/eabCredentials/bulk", operation_id = "changeEabCredentials", tag = "EAB credentials", request_body = EabBulk,
    responses((status = 200, body = BulkResults), Problems))]
async fn bulk(caller: Caller, body: Body) -> Result<HttpResponse, AdminError> {
    let EabBulk { action, items, force } = body.read()?;
    bulk::each(caller, Role::Operator, items, move |admin, operator, id| async move {
        let any = Precondition::Any;
        match action {
            EabAction::Revoke => admin.revoke_eab_credential(&operator, &id, any).await.map(drop),
            EabAction::Delete => admin.delete_eab_credential(&operator, &id, force, any).await,
        }
    })
    .await
}
