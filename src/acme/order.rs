//! Orders (RFC 8555 section 7.4): new, read, finalize; and canceled (RFC 8739 section 3.1.2).

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chancery_actors::Versioned;
use chancery_actors::error::LoadError;
use chancery_actors::place::{NewOrder, PlaceError};
use chancery_machine::id::OrderId;
use chancery_machine::order::{Order, OrderState, OrderStatus};
use chancery_machine::problem::ProblemType;
use chancery_machine::profile::ProfileName;
use chancery_machine::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::account::Named;
use super::authorization::look_again;
use super::auto_renewal::{self, AutoRenewalObject};
use super::base64url;
use super::identifier::{self, IdentifierObject};
use super::json::Excerpt;
use super::payload::{BadPayload, Payload};
use super::problem::{ProblemDocument, embedded};
use super::refusal::not_issued;
use super::renewal;
use super::reply::{Reply, WORKING};
use super::request::AccountRequest;
use super::wire::Site;
use crate::moment::{read_rfc3339, rfc3339};

/// At how many of the authorizations that an order waits for is looked, to tell when there may be news.
const LOOKED_AT: usize = 16;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewOrderPayload {
    identifiers: Vec<IdentifierObject>,
    not_before: Option<String>,
    not_after: Option<String>,
    profile: Option<String>,
    replaces: Option<String>,
    #[serde(rename = "auto-renewal")]
    auto_renewal: Option<Box<RawValue>>,
}

/// What a client may change of an order (RFC 8739 section 3.1.2).
#[derive(Deserialize)]
struct UpdatePayload {
    status: Option<String>,
}

#[derive(Deserialize)]
struct FinalizePayload {
    csr: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderObject {
    status: &'static str,
    expires: String,
    identifiers: Vec<IdentifierObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<serde_json::Value>,
    authorizations: Vec<String>,
    finalize: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    #[serde(rename = "auto-renewal", skip_serializing_if = "Option::is_none")]
    auto_renewal: Option<AutoRenewalObject>,
    #[serde(rename = "star-certificate", skip_serializing_if = "Option::is_none")]
    star_certificate: Option<String>,
}

/// POST new-order.
pub(super) async fn new_order(asked: AccountRequest) -> Result<HttpResponse, ProblemDocument> {
    let site = &asked.site;
    let payload: NewOrderPayload = asked.payload.json()?;
    let (subjects, ancestors) = identifier::read(&payload.identifiers, site.pair.acme.subdomains, |others| {
        let profile = payload.profile.as_deref();
        not_issued(site.acme.engine.not_issued(&site.endpoint, &site.pair, profile, others))
    })?;
    let new = NewOrder {
        subjects,
        ancestors,
        not_before: time("notBefore", payload.not_before.as_deref())?,
        not_after: time("notAfter", payload.not_after.as_deref())?,
        profile: payload.profile,
        // What an endpoint does not offer is as unknown to it as any other member.
        replaces: match payload.replaces.filter(|_| site.pair.acme.renewal.offered) {
            Some(text) => Some(renewal::name("\"replaces\"", &text)?),
            None => None,
        },
        auto_renewal: payload.auto_renewal.as_deref().map(auto_renewal::read).transpose()?,
    };
    let placed = site.acme.engine.place_order(&asked.account, &site.pair, new).await;
    let order = placed.map_err(|error| refused(site, error))?;
    // There is nothing to wait for before the client has done its part.
    Ok(respond(site, &order, StatusCode::CREATED, None))
}

/// POST-as-GET to an order, or POST that ends its automatic renewal.
pub(super) async fn order(asked: AccountRequest, path: web::Path<Named>) -> Result<HttpResponse, ProblemDocument> {
    let site = &asked.site;
    let mut order = own(&asked, &path.id).await?;
    match &asked.payload {
        Payload::Empty => {}
        Payload::Json(_) => {
            let UpdatePayload { status } = asked.payload.json()?;
            if status.as_deref() != Some(OrderStatus::Canceled.token()) {
                return Err(unchangeable(&order.state, status.as_deref()));
            }
            order = site.acme.engine.cancel_renewal(OrderId(order.id)).await?;
        }
    }
    let pause = pause(site, &order).await?;
    Ok(respond(site, &order, StatusCode::OK, pause))
}

/// What a client is told that wants something else of an order than to end its automatic renewal.
fn unchangeable(order: &Order, status: Option<&str>) -> ProblemDocument {
    if order.terms.auto_renewal.is_none() {
        return BadPayload::NotEmpty.into();
    }
    let came = match status {
        Some(status) => format!("\"status\" is {:?}", Excerpt::new(status)),
        None => "the payload has no \"status\"".to_owned(),
    };
    let detail = format!(
        "{came}; all that a client changes of this order is its \"status\", to \"canceled\", which ends the automatic \
         renewal; to read the order, send an empty payload (\"\"), which is a POST-as-GET"
    );
    ProblemDocument::new(ProblemType::Malformed, detail)
}

/// POST to an order's finalize URL.
pub(super) async fn finalize(asked: AccountRequest, path: web::Path<Named>) -> Result<HttpResponse, ProblemDocument> {
    let site = &asked.site;
    let order = own(&asked, &path.id).await?;
    let payload: FinalizePayload = asked.payload.json()?;
    let csr = base64url::decode(&payload.csr).map_err(|bad| {
        let detail = format!("\"csr\" is not base64url: {bad}; send the DER of the CSR in base64url without padding");
        ProblemDocument::new(ProblemType::Malformed, detail)
    })?;
    let guards = [asked.account.guard()];
    let order = site.acme.engine.finalize(&order, csr, &guards, site.acme.finalize_patience).await?;
    let pause = pause(site, &order).await?;
    Ok(respond(site, &order, StatusCode::OK, pause))
}

pub(super) async fn own(asked: &AccountRequest, id: &str) -> Result<Versioned<Order>, ProblemDocument> {
    let id = OrderId::parse(id).ok_or_else(|| ProblemDocument::not_found("the path names no order"))?;
    let order = asked.site.acme.engine.order(id).await?;
    asked.owns(order.state.terms.account, "order")?;
    Ok(order)
}

/// Every order is answered with its Location: clients poll it after finalize too.
fn respond(site: &Site, order: &Versioned<Order>, status: StatusCode, pause: Option<Duration>) -> HttpResponse {
    Reply::new(status).location(&site.urls.order(OrderId(order.id))).retry_after(pause).json(&object(
        site,
        order,
        site.acme.engine.now(),
    ))
}

/// When there may be news of an order: soon if it is worked on, or if what it waits for is; else the client, or a person,
/// has something to do first, and nobody knows how long that takes.
async fn pause(site: &Site, order: &Versioned<Order>) -> Result<Option<Duration>, ProblemDocument> {
    let now = site.acme.engine.now();
    let outstanding = match (order.state.status(now), &order.state.state) {
        (OrderStatus::Processing, _) => return Ok(Some(WORKING)),
        (OrderStatus::Pending, OrderState::Pending { outstanding }) => outstanding,
        (
            OrderStatus::Pending
            | OrderStatus::Ready
            | OrderStatus::Valid
            | OrderStatus::Invalid
            | OrderStatus::Canceled,
            _,
        ) => return Ok(None),
    };
    let mut pauses = Vec::with_capacity(outstanding.len().min(LOOKED_AT));
    for id in outstanding.iter().take(LOOKED_AT) {
        match site.acme.engine.authorization(*id).await {
            Ok(authorization) => pauses.push(look_again(&authorization.state, now)),
            Err(LoadError::Absent) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(pauses.into_iter().min())
}

/// Why nothing was placed, as the client of this endpoint is told.
pub(super) fn refused(site: &Site, error: PlaceError) -> ProblemDocument {
    match error {
        PlaceError::TermsChanged => terms_changed(site),
        other @ (PlaceError::Empty
        | PlaceError::TooMany { .. }
        | PlaceError::Rejected(_)
        | PlaceError::Validity(_)
        | PlaceError::Profile(_)
        | PlaceError::Replaces(_)
        | PlaceError::NotOffered
        | PlaceError::RateLimited { .. }
        | PlaceError::Endpoint(_)
        | PlaceError::Turn(_)) => other.into(),
    }
}

/// RFC 8555 section 7.3.3: where a person agrees, or, if that is nowhere in particular, what there is to agree to.
fn terms_changed(site: &Site) -> ProblemDocument {
    let terms = &site.pair.acme.terms;
    match &terms.url {
        Some(url) => ProblemDocument::terms_changed(terms.change_url.as_ref().unwrap_or(url), url),
        None => PlaceError::TermsChanged.into(),
    }
}

fn object(site: &Site, order: &Versioned<Order>, now: Timestamp) -> OrderObject {
    let id = OrderId(order.id);
    let order = &order.state;
    let renewal = order.terms.auto_renewal;
    let issues = matches!(order.state, OrderState::Renewing { .. } | OrderState::Reissuing { .. });
    OrderObject {
        status: order.status(now).token(),
        expires: rfc3339(order.expires()),
        identifiers: order
            .terms
            .subjects
            .iter()
            .map(|subject| IdentifierObject::of_order(subject, order.terms.ancestors.get(subject)))
            .collect(),
        not_before: order.terms.not_before.map(rfc3339),
        not_after: order.terms.not_after.map(rfc3339),
        profile: profile(site, order).map(ToString::to_string),
        replaces: order.terms.replaces.as_ref().map(|predecessor| predecessor.named.clone()),
        error: order.error(now).and_then(|error| serde_json::to_value(embedded(&error)).ok()),
        authorizations: order
            .terms
            .distinct_authorizations()
            .into_iter()
            .map(|id| site.urls.authorization(id))
            .collect(),
        finalize: site.urls.finalize(id),
        certificate: order.certificate().filter(|_| renewal.is_none()).map(|id| site.urls.certificate(id)),
        auto_renewal: renewal.as_ref().map(AutoRenewalObject::of),
        star_certificate: issues.then(|| site.urls.star_certificate(id)),
    }
}

/// The profile that was asked for; where orders could name one and this one does not, the one that the server chose.
fn profile<'a>(site: &Site, order: &'a Order) -> Option<&'a ProfileName> {
    let chosen = (!site.pair.acme.offers.is_empty()).then_some(&order.terms.ra_profile.name);
    order.terms.profile.as_ref().or(chosen)
}

fn time(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, ProblemDocument> {
    text.map(|text| moment(name, text)).transpose()
}

/// The time that a member of this name states.
pub(super) fn moment(name: &str, text: &str) -> Result<Timestamp, ProblemDocument> {
    read_rfc3339(text).ok_or_else(|| {
        let detail =
            format!("{name:?} is {:?}, which is no time of RFC 3339, as in 2026-01-31T12:00:00Z", Excerpt::new(text));
        ProblemDocument::new(ProblemType::Malformed, detail)
    })
}
