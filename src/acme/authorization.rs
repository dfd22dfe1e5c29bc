//! Authorizations and challenges (RFC 8555 section 7.5), also before any order (section 7.4.1).

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chancery_actors::Versioned;
use chancery_actors::place::NewAuthorization;
use chancery_machine::authorization::{Authorization, AuthorizationStatus};
use chancery_machine::challenge::{Challenge, ChallengeState, ChallengeStatus, ChallengeType};
use chancery_machine::id::AuthorizationId;
use chancery_machine::identifier::Subject;
use chancery_machine::problem::ProblemType;
use chancery_machine::profile::{AcmeProfile, PersistDraft};
use chancery_machine::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::account::Named;
use super::identifier::{self, IdentifierObject};
use super::order::refused;
use super::payload::Payload;
use super::problem::{ProblemDocument, embedded};
use super::reply::{Reply, WORKING};
use super::request::AccountRequest;
use super::wire::Site;
use crate::moment::rfc3339;

/// What a client wants to prove (RFC 8555 section 7.4.1).
#[derive(Deserialize)]
struct NewAuthorizationPayload {
    identifier: NewIdentifierPayload,
}

/// The same with its names, if the client says so (RFC 9444 section 4.2).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewIdentifierPayload {
    #[serde(rename = "type")]
    kind: String,
    value: String,
    #[serde(default)]
    subdomain_auth_allowed: bool,
}

/// What a client may say of an authorization (RFC 8555 section 7.5.2).
#[derive(Deserialize)]
struct UpdatePayload {
    status: Option<String>,
}

/// The name in the path of a challenge.
#[derive(Deserialize)]
pub(super) struct ChallengePath {
    id: String,
    place: u32,
}

#[derive(Serialize)]
struct AuthorizationObject {
    identifier: IdentifierObject,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    challenges: Vec<ChallengeObject>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    wildcard: bool,
    /// Either way where the endpoint knows of it (RFC 9444 sections 4.1 to 4.3).
    #[serde(rename = "subdomainAuthAllowed", skip_serializing_if = "Option::is_none")]
    subdomain_auth_allowed: Option<bool>,
}

#[derive(Serialize)]
struct ChallengeObject {
    #[serde(rename = "type")]
    kind: &'static str,
    url: String,
    status: &'static str,
    #[serde(flatten)]
    shown: Shown,
    #[serde(skip_serializing_if = "Option::is_none")]
    validated: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<serde_json::Value>,
}

/// What a client has to know to meet a challenge.
#[derive(Serialize)]
#[serde(untagged)]
enum Shown {
    /// RFC 8555 section 8.
    Token { token: String },
    /// draft-ietf-acme-dns-persist-01 section 3.1.
    Persist01 {
        accounturi: String,
        #[serde(rename = "issuer-domain-names")]
        issuer_domain_names: Vec<String>,
    },
    /// draft-ietf-acme-dns-persist-02 section 3.1.
    Persist02 {
        #[serde(rename = "issuerDomainNames")]
        issuer_domain_names: Vec<String>,
    },
}

/// POST new-authz.
pub(super) async fn new_authorization(asked: AccountRequest) -> Result<HttpResponse, ProblemDocument> {
    let site = &asked.site;
    let NewAuthorizationPayload { identifier } = asked.payload.json()?;
    let below = identifier.subdomain_auth_allowed;
    let identifier = IdentifierObject { kind: identifier.kind, value: identifier.value, ancestor_domain: None };
    // Whatever the server is not willing to issue for is answered with 403 here.
    let unwilling = |problem: ProblemDocument| {
        let unsupported = problem.problem().kind == ProblemType::UnsupportedIdentifier;
        if unsupported { problem.status(StatusCode::FORBIDDEN) } else { problem }
    };
    let (subjects, _) =
        identifier::read(std::slice::from_ref(&identifier), false, |_| Vec::new()).map_err(unwilling)?;
    let [Subject { identifier, wildcard: false }] = subjects.as_slice() else {
        let detail =
            "an authorization is for a name; for a wildcard there is one only by an order (RFC 8555 section 7.4.1)";
        return Err(ProblemDocument::new(ProblemType::Malformed, detail));
    };
    let new = NewAuthorization { identifier: identifier.clone(), subdomains: below };
    let made = site.acme.engine.pre_authorize(&asked.account, &site.pair, new).await;
    let authorization = made.map_err(|error| unwilling(refused(site, error)))?;
    let id = AuthorizationId(authorization.id);
    let reply = Reply::new(StatusCode::CREATED).location(&site.urls.authorization(id));
    respond(reply, site, id, &authorization.state).await
}

/// POST to an authorization: POST-as-GET reads it, `{"status": "deactivated"}` gives it up.
pub(super) async fn authorization(
    asked: AccountRequest,
    path: web::Path<Named>,
) -> Result<HttpResponse, ProblemDocument> {
    let site = &asked.site;
    let (id, authorization) = own(&asked, &path.id).await?;
    if asked.payload == Payload::Empty {
        return respond(Reply::ok(), site, id, &authorization.state).await;
    }
    let update: UpdatePayload = asked.payload.json()?;
    if update.status.as_deref() != Some("deactivated") {
        let detail = "the only change that a client can make to an authorization is \"status\": \"deactivated\"";
        return Err(ProblemDocument::new(ProblemType::Malformed, detail));
    }
    let authorization = site.acme.engine.deactivate_authorization(id).await?;
    respond(Reply::ok(), site, id, &authorization.state).await
}

/// POST to a challenge: POST-as-GET reads it, any object says that it is ready (RFC 8555 section 7.5.1).
pub(super) async fn challenge(
    asked: AccountRequest,
    path: web::Path<ChallengePath>,
) -> Result<HttpResponse, ProblemDocument> {
    let site = &asked.site;
    let (id, mut authorization) = own(&asked, &path.id).await?;
    if asked.payload != Payload::Empty {
        // Members mean nothing here, and old clients send some.
        let _: serde_json::Map<String, serde_json::Value> = asked.payload.json()?;
        authorization = site.acme.engine.respond(id, path.place, &[asked.account.guard()]).await?;
    }
    let challenge = usize::try_from(path.place)
        .ok()
        .and_then(|place| authorization.state.challenges.get(place))
        .ok_or_else(|| ProblemDocument::not_found("the authorization has no such challenge"))?;
    let url = site.urls.challenge(id, path.place);
    Ok(Reply::ok()
        .location(&url)
        .link(&site.urls.authorization(id), "up")
        .retry_after(pause(challenge, site.acme.engine.now()))
        .json(&challenge_object(url, challenge, shown(site, &authorization.state, challenge).await?)))
}

async fn own(asked: &AccountRequest, id: &str) -> Result<(AuthorizationId, Versioned<Authorization>), ProblemDocument> {
    let id = AuthorizationId::parse(id).ok_or_else(|| ProblemDocument::not_found("the path names no authorization"))?;
    let authorization = asked.site.acme.engine.authorization(id).await?;
    asked.owns(authorization.state.terms.account, "authorization")?;
    Ok((id, authorization))
}

async fn respond(
    reply: Reply,
    site: &Site,
    id: AuthorizationId,
    authorization: &Authorization,
) -> Result<HttpResponse, ProblemDocument> {
    let now = site.acme.engine.now();
    let status = authorization.status(now);
    let pause = (status == AuthorizationStatus::Pending).then(|| look_again(authorization, now));
    let mut challenges = Vec::with_capacity(authorization.challenges.len());
    for (place, challenge) in (0..).zip(&authorization.challenges).filter(|(_, challenge)| listed(status, challenge)) {
        let shown = shown(site, authorization, challenge).await?;
        challenges.push(challenge_object(site.urls.challenge(id, place), challenge, shown));
    }
    let terms = &authorization.terms;
    let known = terms.subdomains || site.pair.acme.subdomains;
    Ok(reply.retry_after(pause).json(&AuthorizationObject {
        identifier: IdentifierObject::of(&terms.identifier),
        status: status.token(),
        expires: authorization.expires().map(rfc3339),
        challenges,
        wildcard: terms.wildcard,
        subdomain_auth_allowed: known.then_some(terms.subdomains),
    }))
}

/// What the client is shown: of a record that stays, by the rules under which it will be looked at.
async fn shown(site: &Site, authorization: &Authorization, challenge: &Challenge) -> Result<Shown, ProblemDocument> {
    match challenge.kind {
        ChallengeType::Http01 | ChallengeType::Dns01 | ChallengeType::TlsAlpn01 | ChallengeType::DnsAccount01 => {
            Ok(Shown::Token { token: challenge.token.as_str().to_owned() })
        }
        ChallengeType::DnsPersist01 => {
            let profile = site.acme.engine.acme_profile_at(&authorization.terms.acme_profile).await?;
            let issuer_domain_names = issuer_domain_names(&profile);
            Ok(match profile.persist_draft {
                PersistDraft::Draft01 => {
                    Shown::Persist01 { accounturi: site.urls.account(authorization.terms.account), issuer_domain_names }
                }
                PersistDraft::Draft02 => Shown::Persist02 { issuer_domain_names },
            })
        }
    }
}

/// The names by which a record of dns-persist-01 may mean this authority: in small letters, without the root's dot.
pub(super) fn issuer_domain_names(profile: &AcmeProfile) -> Vec<String> {
    profile.caa_identities.iter().map(|name| name.to_ascii_lowercase()).collect()
}

/// RFC 8555 section 7.1.4: all while pending; afterwards the one that was validated, or those that failed.
fn listed(status: AuthorizationStatus, challenge: &Challenge) -> bool {
    match status {
        AuthorizationStatus::Pending => true,
        AuthorizationStatus::Valid => challenge.status() == ChallengeStatus::Valid,
        AuthorizationStatus::Invalid => challenge.status() == ChallengeStatus::Invalid,
        AuthorizationStatus::Deactivated | AuthorizationStatus::Expired | AuthorizationStatus::Revoked => {
            challenge.status() != ChallengeStatus::Pending
        }
    }
}

/// When whoever waits for an authorization should look again: when there is news, or where nothing is being done for it,
/// after the interval that it was made with.
pub(super) fn look_again(authorization: &Authorization, now: Timestamp) -> Duration {
    if authorization.status(now) != AuthorizationStatus::Pending {
        // It is decided, and who waits for it is about to hear.
        return WORKING;
    }
    let pauses = authorization.challenges.iter().filter_map(|challenge| pause(challenge, now));
    pauses.min().unwrap_or_else(|| authorization.terms.retry.interval().into())
}

/// How long it takes until there is news: a second while an attempt runs, else until the next one.
fn pause(challenge: &Challenge, now: Timestamp) -> Option<Duration> {
    match &challenge.state {
        ChallengeState::Processing { due, .. } => Some(due.since(now).max(WORKING)),
        ChallengeState::Pending | ChallengeState::Valid { .. } | ChallengeState::Invalid { .. } => None,
    }
}

fn challenge_object(url: String, challenge: &Challenge, shown: Shown) -> ChallengeObject {
    let (validated, error) = match &challenge.state {
        ChallengeState::Pending => (None, None),
        // RFC 8555 erratum 5732: a challenge that is being tried again shows why the attempt before failed.
        ChallengeState::Processing { error, .. } => (None, error.as_ref()),
        ChallengeState::Valid { validated } => (Some(rfc3339(*validated)), None),
        ChallengeState::Invalid { error, .. } => (None, Some(error)),
    };
    ChallengeObject {
        kind: challenge.kind.token(),
        url,
        status: challenge.status().token(),
        shown,
        validated,
        error: error.and_then(|error| serde_json::to_value(embedded(error)).ok()),
    }
}
