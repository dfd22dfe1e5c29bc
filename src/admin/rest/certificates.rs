//! `/api/v1/certificates`.

use actix_web::{HttpResponse, web};
use chancery_actors::listing::{CertificateQuery, CertificateSort, Direction};
use chancery_machine::id::{AccountId, OrderId};
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::bulk::{self, BulkResults};
use super::filter::{self, list_query};
use super::problem::Problems;
use super::reply::ok;
use super::request::{Body, Caller, MaybeMatch, Page, Params, Told};
use crate::admin::Admin;
use crate::admin::certificates::{CertificateDetail, CertificateView, Form, IssuerView, RevocationView};
use crate::admin::error::AdminError;
use crate::admin::operator::Role;
use crate::admin::precondition::Precondition;
use crate::admin::renewal::{NewRenewalCall, RenewalCallView};
use crate::admin::settings::Fault;
use crate::admin::words::{CertificateStatus, RevocationReason};
use crate::span::Span;

/// The description of this room.
#[derive(OpenApi)]
#[openapi(
    paths(list, read, certificate_pem, certificate_der, chain, chain_pkcs7, revoke, renew, bulk),
    components(schemas(
        CertificateView,
        CertificateDetail,
        CertificateStatus,
        IssuerView,
        RevocationView,
        Revoke,
        NewRenewalCall,
        RenewalCallView,
        CertificateBulk,
        CertificateAction
    ))
)]
pub(super) struct Description;

/// Adds this room's routes.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/certificates").get(list))
        .service(web::resource("/certificates/bulk").post(bulk))
        .service(web::resource("/certificates/{id}").get(read))
        .service(web::resource("/certificates/{id}/certificate.pem").get(certificate_pem))
        .service(web::resource("/certificates/{id}/certificate.der").get(certificate_der))
        .service(web::resource("/certificates/{id}/chain.pem").get(chain))
        .service(web::resource("/certificates/{id}/chain.p7b").get(chain_pkcs7))
        .service(web::resource("/certificates/{id}/revoke").post(revoke))
        .service(web::resource("/certificates/{id}/renew").post(renew));
}

/// How certificates can be sorted.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
enum Sort {
    /// The oldest first.
    #[serde(rename = "created")]
    Created,
    /// The newest first.
    #[default]
    #[serde(rename = "-created")]
    NewestFirst,
    /// What ends first.
    #[serde(rename = "expires")]
    Expires,
    /// What ends last.
    #[serde(rename = "-expires")]
    LongestFirst,
}

list_query! {
    /// Which certificates.
    Filter by Sort {
        /// Only those that this account was issued.
        account: String,
        /// Only the one that this order led to.
        order: String,
        /// Only those that have this status now.
        #[param(inline)]
        status: CertificateStatus,
        /// Only those for this name, among others; `*.` before it for the wildcard.
        name: String,
        /// Only those with this serial number, hexadecimal.
        serial: String,
        /// Only the one whose DER has this SHA-256, hexadecimal.
        fingerprint: String,
        /// Only those that were issued by this RA Profile.
        ra_profile: String,
        /// Only those that the authority of this id or name signed.
        authority: String,
        /// Only those whose life ends at this moment or later (RFC 3339).
        expires_from: String,
        /// Only those whose life ends before this moment (RFC 3339).
        expires_to: String,
    }
}

impl Filter {
    pub(crate) fn query(&self, admin: &Admin) -> Result<CertificateQuery, Fault> {
        let (sort, direction) = match self.sort.unwrap_or_default() {
            Sort::Created => (CertificateSort::Created, Direction::Ascending),
            Sort::NewestFirst => (CertificateSort::Created, Direction::Descending),
            Sort::Expires => (CertificateSort::Expiry, Direction::Ascending),
            Sort::LongestFirst => (CertificateSort::Expiry, Direction::Descending),
        };
        Ok(CertificateQuery {
            account: filter::id("account", self.account.as_ref(), AccountId)?,
            order: filter::id("order", self.order.as_ref(), OrderId)?,
            status: self.status.map(Into::into),
            name: filter::subject("name", self.name.as_ref())?,
            serial: filter::hex("serial", self.serial.as_ref())?,
            fingerprint: filter::sha256("fingerprint", self.fingerprint.as_ref())?,
            ra_profile: filter::profile("raProfile", self.ra_profile.as_ref())?,
            authority: self.authority.as_ref().map(|text| admin.issuer("authority", text)).transpose()?,
            expires_from: filter::moment("expiresFrom", self.expires_from.as_ref())?,
            expires_to: filter::moment("expiresTo", self.expires_to.as_ref())?,
            created_from: None,
            replaced: None,
            sort,
            direction,
        })
    }
}

/// How a certificate is revoked.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = RevokeCertificate)]
struct Revoke {
    /// Why; the CRL says nothing of it if left out.
    reason: Option<RevocationReason>,
}

/// What is done to many certificates.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum CertificateAction {
    Revoke,
    Renew,
}

/// An action on many certificates.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CertificateBulk {
    /// What is done.
    action: CertificateAction,
    /// The ids of the certificates.
    #[schema(max_items = 1000)]
    items: Vec<String>,
    /// Why they are revoked.
    #[serde(default)]
    reason: Option<RevocationReason>,
    /// Over how long their renewals are spread; at once if left out.
    #[serde(default)]
    within: Option<Span>,
    /// Whether calls to renew them are taken back.
    #[serde(default)]
    cancel: bool,
}

/// Certificates, the newest first.
#[utoipa::path(get, path = "/api/v1/certificates", operation_id = "listCertificates", tag = "Certificates", params(Filter),
    responses((status = 200, body = Page<CertificateView>), Problems))]
async fn list(caller: Caller, Params(filter): Params<Filter>) -> Result<HttpResponse, AdminError> {
    let (query, (limit, after)) = (filter.query(&caller.admin)?, filter::place(&filter.page())?);
    let found = caller.admin.list_certificates(&caller.operator, &query, after.as_ref(), limit).await?;
    Ok(ok(&filter::page(found), None))
}

/// One certificate, with its PEM.
#[utoipa::path(get, path = "/api/v1/certificates/{id}", operation_id = "readCertificate", tag = "Certificates", params(("id" = String, Path)),
    responses((status = 200, body = CertificateDetail, headers(("ETag" = String))), Problems))]
async fn read(caller: Caller, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.read_certificate(&caller.operator, &id).await?;
    Ok(ok(&view, Some(view.certificate.revision)))
}

/// The certificate alone, PEM.
#[utoipa::path(get, path = "/api/v1/certificates/{id}/certificate.pem", operation_id = "downloadCertificatePem", tag = "Certificates", params(("id" = String, Path)),
    responses((status = 200, body = String, content_type = "application/x-pem-file"), Problems))]
async fn certificate_pem(caller: Caller, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    download(&caller, &id, Form::Pem, "application/x-pem-file").await
}

/// The certificate alone, DER.
#[utoipa::path(get, path = "/api/v1/certificates/{id}/certificate.der", operation_id = "downloadCertificateDer", tag = "Certificates", params(("id" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/pkix-cert"), Problems))]
async fn certificate_der(caller: Caller, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    download(&caller, &id, Form::Der, "application/pkix-cert").await
}

/// The certificate and those above it, without the root, PEM: what ACME clients get.
#[utoipa::path(get, path = "/api/v1/certificates/{id}/chain.pem", operation_id = "downloadCertificateChain", tag = "Certificates", params(("id" = String, Path)),
    responses((status = 200, body = String, content_type = "application/pem-certificate-chain"), Problems))]
async fn chain(caller: Caller, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    download(&caller, &id, Form::Chain, "application/pem-certificate-chain").await
}

/// The same certificates in one file, DER: PKCS #7 signed data that nobody has signed (RFC 2315, RFC 5652 section 5.1).
#[utoipa::path(get, path = "/api/v1/certificates/{id}/chain.p7b", operation_id = "downloadCertificatePkcs7", tag = "Certificates", params(("id" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/pkcs7-mime"), Problems))]
async fn chain_pkcs7(caller: Caller, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    // RFC 8551 section 3.8.
    download(&caller, &id, Form::Pkcs7, "application/pkcs7-mime; smime-type=certs-only").await
}

async fn download(caller: &Caller, id: &str, form: Form, media: &str) -> Result<HttpResponse, AdminError> {
    let bytes = caller.admin.download_certificate(&caller.operator, id, form).await?;
    Ok(HttpResponse::Ok().content_type(media).body(bytes))
}

/// Revokes a certificate that has not expired; the CRL follows. If its order is renewed automatically, the order is canceled
/// with it, and no certificate follows.
#[utoipa::path(post, path = "/api/v1/certificates/{id}/revoke", operation_id = "revokeCertificate", tag = "Certificates",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    request_body = Option<Revoke>,
    responses((status = 200, body = CertificateView, headers(("ETag" = String))), Problems))]
async fn revoke(
    caller: Caller,
    id: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
    Told(Revoke { reason }): Told<Revoke>,
) -> Result<HttpResponse, AdminError> {
    let reason = reason.map(Into::into);
    let view = caller.admin.revoke_certificate(&caller.operator, &id, reason, precondition).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// Has clients renew a certificate early (RFC 9773), or no longer.
#[utoipa::path(post, path = "/api/v1/certificates/{id}/renew", operation_id = "renewCertificate", tag = "Certificates",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    request_body = Option<NewRenewalCall>,
    responses((status = 200, body = CertificateView, headers(("ETag" = String))), Problems))]
async fn renew(
    caller: Caller,
    id: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
    Told(call): Told<NewRenewalCall>,
) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.renew_certificate(&caller.operator, &id, call, precondition).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// A field of another action than the one that is asked for: whoever sends it expects something that would not happen.
fn stray(field: &str, of: &str, action: &str) -> AdminError {
    Fault::new(field, format!("it goes with the action {of:?}, and the action is {action:?}; leave it out")).into()
}

/// Does one thing to many certificates, and answers for each.
#[utoipa::path(post, path = "/api/v1/certificates/bulk", operation_id = "changeCertificates", tag = "Certificates", request_body = CertificateBulk,
    responses((status = 200, body = BulkResults), Problems))]
async fn bulk(caller: Caller, body: Body) -> Result<HttpResponse, AdminError> {
    let CertificateBulk { action, items, reason, within, cancel } = body.read()?;
    match action {
        CertificateAction::Revoke if within.is_some() => return Err(stray("within", "renew", "revoke")),
        CertificateAction::Revoke if cancel => return Err(stray("cancel", "renew", "revoke")),
        CertificateAction::Renew if reason.is_some() => return Err(stray("reason", "revoke", "renew")),
        CertificateAction::Revoke | CertificateAction::Renew => {}
    }
    let call = NewRenewalCall { within, cancel };
    bulk::each(caller, Role::Operator, items, move |admin, operator, id| async move {
        let reason = reason.map(Into::into);
        match action {
            CertificateAction::Revoke => {
                admin.revoke_certificate(&operator, &id, reason, Precondition::Any).await.map(drop)
            }
            CertificateAction::Renew => {
                admin.renew_certificate(&operator, &id, call, Precondition::Any).await.map(drop)
            }
        }
    })
    .await
}
