//! Automatic renewal on the wire (RFC 8739): what the directory offers, what orders ask for, and the rolling certificate.

use std::time::{Duration, SystemTime};

use actix_web::http::header::{CACHE_CONTROL, EXPIRES, HeaderName, HttpDate};
use actix_web::{HttpRequest, HttpResponse, web};
use chancery_actors::error::LoadError;
use chancery_actors::place::NewAutoRenewal;
use chancery_machine::account::AccountStatus;
use chancery_machine::auto_renewal::{AutoRenewal, Series};
use chancery_machine::id::OrderId;
use chancery_machine::order::{Order, OrderState};
use chancery_machine::problem::ProblemType;
use chancery_machine::profile::{AutoRenewalRules, Seconds};
use chancery_machine::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::account::Named;
use super::certificate::chained;
use super::json::{Excerpt, Members};
use super::order::{moment, own};
use super::problem::ProblemDocument;
use super::reply::Reply;
use super::request::AccountRequest;
use super::wire::Site;
use crate::moment::rfc3339;

const CERT_NOT_BEFORE: HeaderName = HeaderName::from_static("cert-not-before");
const CERT_NOT_AFTER: HeaderName = HeaderName::from_static("cert-not-after");

/// `auto-renewal` in the `meta` of the directory (RFC 8739 section 3.2).
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct AutoRenewalMeta {
    min_lifetime: u64,
    max_duration: u64,
    allow_certificate_get: bool,
}

/// The same in an order, with the values that hold.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct AutoRenewalObject {
    #[serde(skip_serializing_if = "Option::is_none")]
    start_date: Option<String>,
    end_date: String,
    lifetime: u64,
    lifetime_adjust: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    allow_certificate_get: bool,
}

impl AutoRenewalMeta {
    pub(super) const fn of(rules: &AutoRenewalRules) -> Self {
        Self {
            min_lifetime: rules.min_lifetime.0,
            max_duration: rules.max_duration.0,
            allow_certificate_get: rules.certificate_get,
        }
    }
}

/// `auto-renewal` in a new order (RFC 8739 section 3.1.1).
///
/// # Errors
/// A problem that names the member at fault, what was expected of it and what came.
pub(super) fn read(json: &RawValue) -> Result<NewAutoRenewal, ProblemDocument> {
    let json = json.get();
    if !json.starts_with('{') {
        return Err(misfit("", "an object", json));
    }
    let members = Members::parse(json.as_bytes()).map_err(|error| {
        ProblemDocument::new(ProblemType::Malformed, format!("the member \"auto-renewal\" does not fit: {error}"))
    })?;
    let Some(end) = member::<String>(&members, "end-date", MOMENT)? else { return Err(missing("end-date", MOMENT)) };
    let Some(lifetime) = member(&members, "lifetime", SECONDS)? else { return Err(missing("lifetime", SECONDS)) };
    let start: Option<String> = member(&members, "start-date", MOMENT)?;
    Ok(NewAutoRenewal {
        start: start.map(|text| moment("auto-renewal.start-date", &text)).transpose()?,
        end: moment("auto-renewal.end-date", &end)?,
        lifetime: Seconds(lifetime),
        adjust: Seconds(member(&members, "lifetime-adjust", SECONDS)?.unwrap_or_default()),
        certificate_get: member(&members, "allow-certificate-get", "true or false")?.unwrap_or_default(),
    })
}

const MOMENT: &str = "a string with a time of RFC 3339";

const SECONDS: &str = "a whole number of seconds";

/// A member of `auto-renewal`, if it is there.
fn member<'a, T: Deserialize<'a>>(
    members: &Members<'a>,
    name: &str,
    expected: &str,
) -> Result<Option<T>, ProblemDocument> {
    let Some(json) = members.raw(name).filter(|json| *json != "null") else { return Ok(None) };
    serde_json::from_str(json).map(Some).map_err(|_| misfit(&format!(".{name}"), expected, json))
}

fn misfit(name: &str, expected: &str, came: &str) -> ProblemDocument {
    let detail = format!("the member \"auto-renewal{name}\" has to be {expected}, not {}", Excerpt::new(came));
    ProblemDocument::new(ProblemType::Malformed, detail)
}

fn missing(name: &str, expected: &str) -> ProblemDocument {
    let detail = format!("the member \"auto-renewal.{name}\" is missing; it has to be {expected}");
    ProblemDocument::new(ProblemType::Malformed, detail)
}

impl AutoRenewalObject {
    pub(super) fn of(terms: &AutoRenewal) -> Self {
        Self {
            start_date: terms.start.map(rfc3339),
            end_date: rfc3339(terms.end),
            lifetime: terms.lifetime.0,
            lifetime_adjust: terms.adjust.0,
            allow_certificate_get: terms.certificate_get,
        }
    }
}

/// POST-as-GET to the rolling certificate of an order.
pub(super) async fn star_certificate(
    asked: AccountRequest,
    path: web::Path<Named>,
) -> Result<HttpResponse, ProblemDocument> {
    let order = own(&asked, &path.id).await?.state;
    asked.payload.empty()?;
    let (series, _) = current(&order, asked.site.acme.engine.now())?;
    certificate(&asked.site, series, Reply::ok()).await
}

/// GET of it, where endpoint and order allow that (RFC 8739 section 3.4).
pub(super) async fn star_certificate_unauthenticated(
    site: Site,
    request: HttpRequest,
    path: web::Path<Named>,
) -> Result<HttpResponse, ProblemDocument> {
    let nothing = || ProblemDocument::not_found("there is no certificate of that name");
    let id = OrderId::parse(&path.id).ok_or_else(nothing)?;
    let order = match site.acme.engine.order(id).await {
        Ok(order) => order.state,
        Err(LoadError::Absent) => return Err(nothing()),
        Err(error) => return Err(error.into()),
    };
    let account = match site.acme.engine.account(order.terms.account).await {
        Ok(account) if site.counts(&account.state) => account.state,
        Ok(_) | Err(LoadError::Absent) => return Err(nothing()),
        Err(error) => return Err(error.into()),
    };
    // Its orders are canceled one after the other: none gives a certificate meanwhile.
    if account.status() != AccountStatus::Valid {
        return Err(canceled());
    }
    let now = site.acme.engine.now();
    let (series, fresh_until) = current(&order, now)?;
    let offered = site.pair.acme.auto_renewal.is_some_and(|rules| rules.certificate_get);
    if !offered || !order.terms.auto_renewal.is_some_and(|terms| terms.certificate_get) {
        return Err(ProblemDocument::method_not_allowed(request.method(), "POST"));
    }
    // RFC 8739 section 4.3: stale once the next one is there, and at the latest when this one ends.
    let fresh = Duration::from_secs(fresh_until.since(now).as_secs());
    let reply = Reply::ok()
        .header(CACHE_CONTROL, format!("public, max-age={}", fresh.as_secs()))
        .header(EXPIRES, http_date(now.plus(fresh)));
    certificate(&site, series, reply).await
}

/// What an order has issued last, and until when that is the one to have; or why it gives none.
fn current(order: &Order, now: Timestamp) -> Result<(&Series, Timestamp), ProblemDocument> {
    let (series, next) = match &order.state {
        OrderState::Renewing { series, due, .. } => (series, due.unwrap_or(series.not_after)),
        OrderState::Reissuing { series, .. } => (series, now),
        OrderState::Canceled { .. } => {
            return Err(canceled());
        }
        OrderState::Pending { .. }
        | OrderState::Ready
        | OrderState::Processing { .. }
        | OrderState::Valid { .. }
        | OrderState::Invalid { .. } => {
            return Err(ProblemDocument::not_found("the order has no certificate that is renewed automatically"));
        }
    };
    if order.terms.auto_renewal.is_none_or(|terms| now >= terms.end) {
        let detail = "the automatic renewal of this certificate is past its end-date; place a new order";
        return Err(ProblemDocument::new(ProblemType::AutoRenewalExpired, detail));
    }
    Ok((series, next.min(series.not_after)))
}

fn canceled() -> ProblemDocument {
    let detail = "the automatic renewal of this certificate was canceled; place a new order";
    ProblemDocument::new(ProblemType::AutoRenewalCanceled, detail)
}

async fn certificate(site: &Site, series: &Series, reply: Reply) -> Result<HttpResponse, ProblemDocument> {
    let record = site.acme.engine.certificate(series.current).await?.state.record;
    // In quotes, so that it is noticed where an intermediary has put two of them together.
    let reply = reply
        .header(CERT_NOT_BEFORE, format!("\"{}\"", http_date(record.not_before)))
        .header(CERT_NOT_AFTER, format!("\"{}\"", http_date(record.not_after)));
    // Other chains have URLs of one certificate each, which would not roll along.
    chained(reply, &record.der, &site.acme.engine.chain(record.authority)?)
}

/// HTTP-date (RFC 7231 section 7.1.1.1).
fn http_date(at: Timestamp) -> String {
    HttpDate::from(SystemTime::UNIX_EPOCH + Duration::from_secs(at.seconds())).to_string()
}
