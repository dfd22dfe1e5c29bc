//! `/api/v1/audit`.

use actix_web::{HttpResponse, web};
use chancery_actors::listing::AuditQuery;
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use super::filter::{self, ByBirth, list_query};
use super::problem::Problems;
use super::reply::ok;
use super::request::{Caller, Page, Params};
use crate::admin::audit::{AuditEntryView, Expected, VerificationView};
use crate::admin::error::AdminError;
use crate::admin::settings::Fault;

/// The description of this room.
#[derive(OpenApi)]
#[openapi(paths(list, read, verify), components(schemas(AuditEntryView, VerificationView)))]
pub(super) struct Description;

/// Adds this room's routes.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/audit").get(list))
        .service(web::resource("/audit/verify").get(verify))
        .service(web::resource("/audit/{number}").get(read));
}

list_query! {
    /// Which entries.
    Filter by ByBirth {
        /// Only those about this object, as in `acmeProfile/default`.
        object: String,
        /// Only those by this operator, as in `system`.
        who: String,
        /// Only those of this action, as in `create`.
        action: String,
        /// Only those of this moment or later (RFC 3339).
        from: String,
        /// Only those before this moment (RFC 3339).
        to: String,
    }
}

impl Filter {
    pub(crate) fn query(&self) -> Result<AuditQuery, Fault> {
        Ok(AuditQuery {
            object: self.object.clone(),
            who: self.who.clone(),
            action: self.action.clone(),
            from: filter::moment("from", self.from.as_ref())?,
            to: filter::moment("to", self.to.as_ref())?,
            direction: self.sort.unwrap_or_default().into(),
        })
    }
}

/// An entry as it was noted earlier; both or neither.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Note {
    /// Its number: `last` of an earlier verification.
    #[param(minimum = 1)]
    expect_number: Option<u64>,
    /// Its digest, hexadecimal: `digest` of that verification.
    expect_digest: Option<String>,
}

impl Note {
    pub(crate) fn expected(&self) -> Result<Option<Expected>, Fault> {
        match (self.expect_number, filter::sha256("expectDigest", self.expect_digest.as_ref())?) {
            (None, None) => Ok(None),
            (Some(0), _) => Err(Fault::new("expectNumber", "entries are counted from 1")),
            (Some(number), Some(digest)) => Ok(Some(Expected { number, digest })),
            (Some(_), None) => Err(Fault::new("expectDigest", "it is missing: say which digest the entry had")),
            (None, Some(_)) => Err(Fault::new("expectNumber", "it is missing: say which entry had the digest")),
        }
    }
}

/// Entries of the audit log, the newest first.
#[utoipa::path(get, path = "/api/v1/audit", operation_id = "listAudit", tag = "Audit log", params(Filter),
    responses((status = 200, body = Page<AuditEntryView>), Problems))]
async fn list(caller: Caller, Params(filter): Params<Filter>) -> Result<HttpResponse, AdminError> {
    let (query, (limit, after)) = (filter.query()?, filter::place(&filter.page())?);
    let found = caller.admin.list_audit(&caller.operator, &query, after.as_ref(), limit).await?;
    Ok(ok(&filter::page(found), None))
}

/// One entry of the audit log.
#[utoipa::path(get, path = "/api/v1/audit/{number}", operation_id = "readAuditEntry", tag = "Audit log", params(("number" = u64, Path)),
    responses((status = 200, body = AuditEntryView), Problems))]
async fn read(caller: Caller, number: web::Path<String>) -> Result<HttpResponse, AdminError> {
    Ok(ok(&caller.admin.read_audit(&caller.operator, &number).await?, None))
}

/// Follows the log from its first entry to its end. With an entry that was noted earlier, says too whether it is still so:
/// that proves that the log was neither cut nor written anew since.
#[utoipa::path(get, path = "/api/v1/audit/verify", operation_id = "verifyAudit", tag = "Audit log", params(Note),
    responses((status = 200, body = VerificationView), Problems))]
async fn verify(caller: Caller, Params(note): Params<Note>) -> Result<HttpResponse, AdminError> {
    let expected = note.expected()?;
    Ok(ok(&caller.admin.verify_audit(&caller.operator, expected).await?, None))
}
