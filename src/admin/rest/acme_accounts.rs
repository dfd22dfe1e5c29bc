//! `/api/v1/acmeAccounts`.

use actix_web::{HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_actors::listing::AccountQuery;
use chancery_machine::certificate;
use chancery_machine::id::EabId;
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::bulk::{self, BulkResult, BulkResults};
use super::filter::{self, ByBirth, list_query};
use super::problem::Problems;
use super::reply::ok;
use super::request::{Body, Caller, MaybeMatch, Page, Params, Told};
use crate::admin::accounts::{AccountDetail, AccountView, ExternalAccountView, OrderCount, OrdersByStatus};
use crate::admin::error::AdminError;
use crate::admin::operator::Role;
use crate::admin::precondition::Precondition;
use crate::admin::settings::Fault;
use crate::admin::words::{AccountStatus, RevocationReason};

/// The description of this room.
#[derive(OpenApi)]
#[openapi(
    paths(list, read, enable, disable, agree_terms, revoke, bulk),
    components(schemas(
        AccountView,
        AccountDetail,
        AccountStatus,
        ExternalAccountView,
        OrdersByStatus,
        OrderCount,
        Revoke,
        RevocationReason,
        AccountBulk,
        AccountAction,
        BulkResults,
        BulkResult
    ))
)]
pub(super) struct Description;

/// Adds this room's routes.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/acmeAccounts").get(list))
        .service(web::resource("/acmeAccounts/bulk").post(bulk))
        .service(web::resource("/acmeAccounts/{id}").get(read))
        .service(web::resource("/acmeAccounts/{id}/enable").post(enable))
        .service(web::resource("/acmeAccounts/{id}/disable").post(disable))
        .service(web::resource("/acmeAccounts/{id}/agreeTerms").post(agree_terms))
        .service(web::resource("/acmeAccounts/{id}/revoke").post(revoke));
}

list_query! {
    /// Which accounts.
    Filter by ByBirth {
        /// Only those of this status.
        #[param(inline)]
        status: AccountStatus,
        /// Only those that are enabled, or that are not.
        enabled: bool,
        /// Only those that belong to this ACME Profile, under either form of URL.
        acme_profile: String,
        /// Only those that registered under this RA Profile's own URL.
        ra_profile: String,
        /// Only those that are bound with the credential of this key id.
        eab_credential: String,
        /// Only those with this contact URL, as in `mailto:ops@corp.example`.
        contact: String,
        /// Only those whose key has this thumbprint (RFC 7638), base64url.
        thumbprint: String,
        /// Only those that were made at this moment or later (RFC 3339).
        created_from: String,
        /// Only those that were made before this moment (RFC 3339).
        created_to: String,
    }
}

impl Filter {
    pub(crate) fn query(&self) -> Result<AccountQuery, Fault> {
        Ok(AccountQuery {
            status: self.status.map(Into::into),
            enabled: self.enabled,
            acme_profile: filter::profile("acmeProfile", self.acme_profile.as_ref())?,
            ra_profile: filter::profile("raProfile", self.ra_profile.as_ref())?,
            credential: filter::id("eabCredential", self.eab_credential.as_ref(), EabId)?,
            contact: self.contact.clone(),
            thumbprint: self.thumbprint.as_ref().map(|text| thumbprint(text)).transpose()?,
            created_from: filter::moment("createdFrom", self.created_from.as_ref())?,
            created_to: filter::moment("createdTo", self.created_to.as_ref())?,
            direction: self.sort.unwrap_or_default().into(),
        })
    }
}

fn thumbprint(text: &str) -> Result<[u8; 32], Fault> {
    let octets = URL_SAFE_NO_PAD.decode(text).ok().and_then(|octets| octets.try_into().ok());
    octets.ok_or_else(|| Fault::new("thumbprint", format!("{text:?} is no SHA-256 digest in base64url")))
}

/// How an account is revoked.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(as = RevokeAccount)]
struct Revoke {
    /// Whether the certificates that it was issued are revoked too.
    revoke_certificates: bool,
    /// Why those are revoked; `unspecified` if left out.
    reason: Option<RevocationReason>,
}

impl Revoke {
    fn certificates(&self) -> Option<certificate::RevocationReason> {
        let reason = self.reason.map_or(certificate::RevocationReason::Unspecified, Into::into);
        self.revoke_certificates.then_some(reason)
    }
}

/// What is done to many accounts.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum AccountAction {
    Enable,
    Disable,
    AgreeTerms,
    Revoke,
}

/// An action on many accounts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AccountBulk {
    /// What is done.
    action: AccountAction,
    /// The ids of the accounts.
    #[schema(max_items = 1000)]
    items: Vec<String>,
    /// With `revoke`: whether the certificates that they were issued are revoked too.
    #[serde(default)]
    revoke_certificates: bool,
    /// With `revoke`: why those are revoked; `unspecified` if left out.
    #[serde(default)]
    reason: Option<RevocationReason>,
}

/// Accounts, the newest first.
#[utoipa::path(get, path = "/api/v1/acmeAccounts", operation_id = "listAcmeAccounts", tag = "ACME accounts", params(Filter),
    responses((status = 200, body = Page<AccountView>), Problems))]
async fn list(caller: Caller, Params(filter): Params<Filter>) -> Result<HttpResponse, AdminError> {
    let (query, (limit, after)) = (filter.query()?, filter::place(&filter.page())?);
    let found = caller.admin.list_accounts(&caller.operator, &query, after.as_ref(), limit).await?;
    Ok(ok(&filter::page(found), None))
}

/// One account, with its orders counted.
#[utoipa::path(get, path = "/api/v1/acmeAccounts/{id}", operation_id = "readAcmeAccount", tag = "ACME accounts", params(("id" = String, Path)),
    responses((status = 200, body = AccountDetail, headers(("ETag" = String))), Problems))]
async fn read(caller: Caller, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.read_account(&caller.operator, &id).await?;
    Ok(ok(&view, Some(view.account.revision)))
}

/// Lets an account go on. Nothing revives one that is deactivated or revoked.
#[utoipa::path(post, path = "/api/v1/acmeAccounts/{id}/enable", operation_id = "enableAcmeAccount", tag = "ACME accounts",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 200, body = AccountView, headers(("ETag" = String))), Problems))]
async fn enable(
    caller: Caller,
    id: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.enable_account(&caller.operator, &id, true, precondition).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// Has every request of an account refused, until it is enabled again.
#[utoipa::path(post, path = "/api/v1/acmeAccounts/{id}/disable", operation_id = "disableAcmeAccount", tag = "ACME accounts",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 200, body = AccountView, headers(("ETag" = String))), Problems))]
async fn disable(
    caller: Caller,
    id: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.enable_account(&caller.operator, &id, false, precondition).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// Notes that its holder agreed to the terms of service as they are now, outside of ACME.
#[utoipa::path(post, path = "/api/v1/acmeAccounts/{id}/agreeTerms", operation_id = "agreeTermsOfAcmeAccount", tag = "ACME accounts",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 200, body = AccountView, headers(("ETag" = String))), Problems))]
async fn agree_terms(
    caller: Caller,
    id: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.agree_terms(&caller.operator, &id, precondition).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// Closes an account for good: its open orders and authorizations end. Certificates stay unless asked otherwise. Once more
/// does nothing.
#[utoipa::path(post, path = "/api/v1/acmeAccounts/{id}/revoke", operation_id = "revokeAcmeAccount", tag = "ACME accounts",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    request_body = Option<Revoke>,
    responses((status = 200, body = AccountView, headers(("ETag" = String))), Problems))]
async fn revoke(
    caller: Caller,
    id: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
    Told(revoke): Told<Revoke>,
) -> Result<HttpResponse, AdminError> {
    let certificates = revoke.certificates();
    let view = caller.admin.revoke_account(&caller.operator, &id, certificates, precondition).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// Does one thing to many accounts, and answers for each.
#[utoipa::path(post, path = "/api/v1/acmeAccounts/bulk", operation_id = "changeAcmeAccounts", tag = "ACME accounts", request_body = AccountBulk,
    responses((status = 200, body = BulkResults), Problems))]
async fn bulk(caller: Caller, body: Body) -> Result<HttpResponse, AdminError> {
    let AccountBulk { action, items, revoke_certificates, reason } = body.read()?;
    let certificates = Revoke { revoke_certificates, reason }.certificates();
    bulk::each(caller, Role::Operator, items, move |admin, operator, id| async move {
        let any = Precondition::Any;
        match action {
            AccountAction::Enable => admin.enable_account(&operator, &id, true, any).await,
            AccountAction::Disable => admin.enable_account(&operator, &id, false, any).await,
            AccountAction::AgreeTerms => admin.agree_terms(&operator, &id, any).await,
            AccountAction::Revoke => admin.revoke_account(&operator, &id, certificates, any).await,
        }
        .map(drop)
    })
    .await
}
