//! The directory and new-nonce (RFC 8555 sections 7.1.1 and 7.2).

use std::collections::BTreeMap;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use chancery_machine::challenge::ChallengeType;
use chancery_machine::profile::PersistDraft;
use serde::Serialize;

use super::authorization::issuer_domain_names;
use super::auto_renewal::AutoRenewalMeta;
use super::problem::ProblemDocument;
use super::reply::Reply;
use super::request::AccountRequest;
use super::urls::Resource;
use super::wire::{REPLAY_NONCE, Site};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Directory {
    new_nonce: String,
    new_account: String,
    new_order: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_authz: Option<String>,
    revoke_cert: String,
    key_change: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    renewal_info: Option<String>,
    meta: Meta,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    #[serde(skip_serializing_if = "Option::is_none")]
    terms_of_service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    website: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    caa_identities: Vec<String>,
    external_account_required: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    profiles: BTreeMap<String, String>,
    /// RFC 9444 section 4.4.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    subdomain_auth_allowed: bool,
    #[serde(rename = "auto-renewal", skip_serializing_if = "Option::is_none")]
    auto_renewal: Option<AutoRenewalMeta>,
    #[serde(flatten)]
    persist: Option<PersistMeta>,
}

/// What a client needs to publish records of dns-persist-01 before it orders anything (draft -02, sections 3.2 and 4.1).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PersistMeta {
    issuer_domain_names: Vec<String>,
    account_hash_prefix: String,
}

/// GET: what there is at this endpoint.
pub(super) async fn directory(site: Site) -> HttpResponse {
    let url = |resource| site.urls.resource(resource);
    let profile = &site.pair.acme;
    let choices = site.acme.engine.choices(&site.endpoint, &site.pair);
    Reply::ok().json(&Directory {
        new_nonce: url(Resource::NewNonce),
        new_account: url(Resource::NewAccount),
        new_order: url(Resource::NewOrder),
        new_authz: (!profile.no_pre_authorization).then(|| url(Resource::NewAuthz)),
        revoke_cert: url(Resource::RevokeCert),
        key_change: url(Resource::KeyChange),
        renewal_info: profile.renewal.offered.then(|| url(Resource::RenewalInfo)),
        meta: Meta {
            terms_of_service: profile.terms.url.clone(),
            website: profile.website.clone(),
            // Where nobody asks for CAA records there are none that could mean this authority. Those of dns-persist-01 have
            // their names from their challenge, and by draft -02 (section 3.2) from a member of their own.
            caa_identities: if profile.ignores_caa { Vec::new() } else { profile.caa_identities.clone() },
            external_account_required: profile.binding_required,
            profiles: choices.iter().map(|(name, choice)| (name.to_string(), choice.description.clone())).collect(),
            subdomain_auth_allowed: profile.subdomains,
            auto_renewal: profile.auto_renewal.as_ref().map(AutoRenewalMeta::of),
            persist: persist(&site),
        },
    })
}

fn persist(site: &Site) -> Option<PersistMeta> {
    let profile = &site.pair.acme;
    let offered = profile.challenges.contains(&ChallengeType::DnsPersist01) && !profile.caa_identities.is_empty();
    match profile.persist_draft {
        PersistDraft::Draft02 if offered => Some(PersistMeta {
            issuer_domain_names: issuer_domain_names(profile),
            account_hash_prefix: site.urls.account_hash_prefix(),
        }),
        PersistDraft::Draft01 | PersistDraft::Draft02 => None,
    }
}

/// POST-as-GET (RFC 8555 section 6.3).
pub(super) async fn directory_posted(asked: AccountRequest) -> Result<HttpResponse, ProblemDocument> {
    asked.payload.empty()?;
    Ok(directory(asked.site).await)
}

/// HEAD answers 200 and GET 204, both with a nonce and without a body.
pub(super) async fn new_nonce(site: Site, request: HttpRequest) -> HttpResponse {
    let status = if request.method() == Method::HEAD { StatusCode::OK } else { StatusCode::NO_CONTENT };
    HttpResponse::build(status)
        .insert_header((REPLAY_NONCE, site.acme.nonces.issue(site.acme.engine.now())))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish()
}

/// POST-as-GET (RFC 8555 section 6.3).
pub(super) async fn new_nonce_posted(asked: AccountRequest) -> Result<HttpResponse, ProblemDocument> {
    asked.payload.empty()?;
    Ok(Reply::new(StatusCode::NO_CONTENT).empty())
}
