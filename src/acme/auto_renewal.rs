//! Automatic renewal on the wire (RFC 8739): what the directory offers, what orders ask for, and the rolling certificate.

use std::time::{Duration, SystemTime};

use actix_web::http::header::{CACHE_CONTROL, EXPIRES, HeaderName, HttpDate};
use actix_web::{HttpRequest, HttpResponse, web};
use chancery_actors::error::LoadError;
use chancery_actors::place::NewAutoRenewal;
use chancery_machine::auto_renewal::{AutoRenewal, Series};
use chancery_machine::id::OrderId;
use chancery_machine::order::{Order, OrderState};
use chancery_machine::problem::ProblemType;
use chancery_machine::profile::{AutoRenewalRules, Seconds};
use chancery_machine::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::account::Named;
use super::certificate::chained;
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

/// `auto-renewal` in a new order (RFC 8739 section 3.1.1).
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct NewAutoRenewalObject {
    start_date: Option<String>,
    end_date: String,
    lifetime: u64,
    #[serde(default)]
    lifetime_adjust: u64,
    #[serde(default)]
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

impl NewAutoRenewalObject {
    pub(super) fn read(self) -> Result<NewAutoRenewal, ProblemDocument> {
        Ok(NewAutoRenewal {
            start: self.start_date.map(|text| moment("start-date", &text)).transpose()?,
            end: moment("end-date", &self.end_date)?,
            lifetime: Seconds(self.lifetime),
            adjust: Seconds(self.lifetime_adjust),
            certificate_get: self.allow_certificate_get,
        })
    }
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
    if !site.has(order.terms.account).await? {
        return Err(nothing());
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
            let detail = "the automatic renewal of this certificate was canceled; place a new order";
            return Err(ProblemDocument::new(ProblemType::AutoRenewalCanceled, detail));
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
