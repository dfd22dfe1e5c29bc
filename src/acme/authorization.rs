//! Authorizations and challenges (RFC 8555 section 7.5).

use std::time::Duration;

use actix_web::{HttpResponse, web};
use chancery_actors::Versioned;
use chancery_machine::authorization::{Authorization, AuthorizationStatus};
use chancery_machine::challenge::{Challenge, ChallengeState, ChallengeStatus};
use chancery_machine::id::AuthorizationId;
use chancery_machine::problem::ProblemType;
use chancery_machine::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::account::Named;
use super::order::IdentifierObject;
use super::payload::Payload;
use super::problem::{ProblemDocument, embedded};
use super::reply::{Reply, WORKING};
use super::request::AccountRequest;
use super::wire::Site;
use crate::moment::rfc3339;

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
}

#[derive(Serialize)]
struct ChallengeObject {
    #[serde(rename = "type")]
    kind: &'static str,
    url: String,
    status: &'static str,
    token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    validated: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<serde_json::Value>,
}

/// POST to an authorization: POST-as-GET reads it, `{"status": "deactivated"}` gives it up.
pub(super) async fn authorization(
    asked: AccountRequest,
    path: web::Path<Named>,
) -> Result<HttpResponse, ProblemDocument> {
    let site = &asked.site;
    let (id, authorization) = own(&asked, &path.id).await?;
    if asked.payload == Payload::Empty {
        return Ok(respond(site, id, &authorization.state));
    }
    let update: UpdatePayload = asked.payload.json()?;
    if update.status.as_deref() != Some("deactivated") {
        let detail = "the only change that a client can make to an authorization is \"status\": \"deactivated\"";
        return Err(ProblemDocument::new(ProblemType::Malformed, detail));
    }
    let authorization = site.acme.engine.deactivate_authorization(id).await?;
    Ok(respond(site, id, &authorization.state))
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
        .json(&challenge_object(url, challenge)))
}

async fn own(asked: &AccountRequest, id: &str) -> Result<(AuthorizationId, Versioned<Authorization>), ProblemDocument> {
    let id = AuthorizationId::parse(id).ok_or_else(|| ProblemDocument::not_found("the path names no authorization"))?;
    let authorization = asked.site.acme.engine.authorization(id).await?;
    asked.owns(authorization.state.terms.account, "authorization")?;
    Ok((id, authorization))
}

fn respond(site: &Site, id: AuthorizationId, authorization: &Authorization) -> HttpResponse {
    let now = site.acme.engine.now();
    let status = authorization.status(now);
    let pause = (status == AuthorizationStatus::Pending).then(|| look_again(authorization, now));
    let challenges = (0..)
        .zip(&authorization.challenges)
        .filter(|(_, challenge)| shown(status, challenge))
        .map(|(place, challenge)| challenge_object(site.urls.challenge(id, place), challenge))
        .collect();
    let terms = &authorization.terms;
    Reply::ok().retry_after(pause).json(&AuthorizationObject {
        identifier: IdentifierObject { kind: terms.identifier.kind().to_owned(), value: terms.identifier.value() },
        status: status.token(),
        expires: authorization.expires().map(rfc3339),
        challenges,
        wildcard: terms.wildcard,
    })
}

/// RFC 8555 section 7.1.4: all while pending; afterwards the one that was validated, or those that failed.
fn shown(status: AuthorizationStatus, challenge: &Challenge) -> bool {
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

fn challenge_object(url: String, challenge: &Challenge) -> ChallengeObject {
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
        token: challenge.token.as_str().to_owned(),
        validated,
        error: error.and_then(|error| serde_json::to_value(embedded(error)).ok()),
    }
}
