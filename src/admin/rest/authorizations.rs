//! `/api/v1/authorizations`.

use actix_web::{HttpResponse, web};
use chancery_actors::listing::AuthorizationQuery;
use chancery_machine::id::AccountId;
use utoipa::OpenApi;

use super::filter::{self, ByBirth, list_query};
use super::problem::Problems;
use super::reply::ok;
use super::request::{Caller, MaybeMatch, Page, Params};
use crate::admin::authorizations::{
    AuthorizationDetail, AuthorizationView, ChallengeView, PerspectiveTranscriptView, StandingView, StepView,
    TranscriptView,
};
use crate::admin::error::AdminError;
use crate::admin::settings::Fault;
use crate::admin::words::{AuthorizationStatus, ChallengeStatus};

/// The description of this room.
#[derive(OpenApi)]
#[openapi(
    paths(list, read, revoke),
    components(schemas(
        AuthorizationView,
        AuthorizationDetail,
        AuthorizationStatus,
        ChallengeView,
        ChallengeStatus,
        TranscriptView,
        PerspectiveTranscriptView,
        StandingView,
        StepView
    ))
)]
pub(super) struct Description;

/// Adds this room's routes.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/authorizations").get(list))
        .service(web::resource("/authorizations/{id}").get(read))
        .service(web::resource("/authorizations/{id}/revoke").post(revoke));
}

list_query! {
    /// Which authorizations.
    Filter by ByBirth {
        /// Only those of this account.
        account: String,
        /// Only those that have this status now.
        #[param(inline)]
        status: AuthorizationStatus,
        /// Only those for just this name or address; `*.` before a name for the wildcard.
        name: String,
        /// Only those that were made at this moment or later (RFC 3339).
        created_from: String,
        /// Only those that were made before this moment (RFC 3339).
        created_to: String,
    }
}

impl Filter {
    fn query(&self) -> Result<AuthorizationQuery, Fault> {
        Ok(AuthorizationQuery {
            account: filter::id("account", self.account.as_ref(), AccountId)?,
            status: self.status.map(Into::into),
            name: filter::subject("name", self.name.as_ref())?,
            created_from: filter::moment("createdFrom", self.created_from.as_ref())?,
            created_to: filter::moment("createdTo", self.created_to.as_ref())?,
            direction: self.sort.unwrap_or_default().into(),
        })
    }
}

/// Authorizations, the newest first, without their challenges.
#[utoipa::path(get, path = "/api/v1/authorizations", operation_id = "listAuthorizations", tag = "Authorizations", params(Filter),
    responses((status = 200, body = Page<AuthorizationView>), Problems))]
async fn list(caller: Caller, Params(filter): Params<Filter>) -> Result<HttpResponse, AdminError> {
    let (query, (limit, after)) = (filter.query()?, filter::place(&filter.page())?);
    let found = caller.admin.list_authorizations(&caller.operator, &query, after.as_ref(), limit).await?;
    Ok(ok(&filter::page(found), None))
}

/// One authorization, with its challenges and what their last attempts met.
#[utoipa::path(get, path = "/api/v1/authorizations/{id}", operation_id = "readAuthorization", tag = "Authorizations", params(("id" = String, Path)),
    responses((status = 200, body = AuthorizationDetail, headers(("ETag" = String))), Problems))]
async fn read(caller: Caller, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.read_authorization(&caller.operator, &id).await?;
    Ok(ok(&view, Some(view.authorization.revision)))
}

/// Takes an authorization back: open orders that rely on it fail, and it proves nothing any more. Once more does nothing.
#[utoipa::path(post, path = "/api/v1/authorizations/{id}/revoke", operation_id = "revokeAuthorization", tag = "Authorizations",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 200, body = AuthorizationDetail, headers(("ETag" = String))), Problems))]
async fn revoke(
    caller: Caller,
    id: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.revoke_authorization(&caller.operator, &id, precondition).await?;
    Ok(ok(&view, Some(view.authorization.revision)))
}
