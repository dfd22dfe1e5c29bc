//! What operators do with orders.

use chancery_actors::Versioned;
use chancery_actors::listing::{Cursor, OrderQuery, Page};
use chancery_machine::auto_renewal::AutoRenewal;
use chancery_machine::id::OrderId;
use chancery_machine::order::{self, Cause, Order, OrderEvent, OrderState};
use chancery_machine::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Admin;
use super::authorizations::precise;
use super::error::AdminError;
use super::objects::{AcmeProblemView, IdentifierView, ProfileRefView, deed, found, guard, path_id, unstored};
use super::operator::{Operator, Role};
use super::precondition::Precondition;
use super::time::rfc3339;
use super::words::OrderStatus;

const KIND: &str = "order";

/// An order.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Order)]
pub struct OrderView {
    /// Names it.
    pub id: String,
    /// Counts changes; the ETag.
    pub revision: u64,
    /// Where it stands now.
    pub status: OrderStatus,
    /// Whose it is.
    pub account: String,
    /// The path under which it was placed, as in `/acme/default`.
    pub endpoint: String,
    /// The ACME Profile under which it was placed, whose rules of then hold for it.
    pub acme_profile: ProfileRefView,
    /// The RA Profile that issues, whose rules of then hold for it.
    pub ra_profile: ProfileRefView,
    /// What the certificate is for.
    pub identifiers: Vec<IdentifierView>,
    /// The ids of the authorizations that it needs, for each identifier in turn; one may be for several (RFC 9444).
    pub authorizations: Vec<String>,
    /// When it was placed (RFC 3339).
    pub created: String,
    /// Until when it can be finalized (RFC 3339).
    pub expires: String,
    /// The beginning of the certificate's life that was asked for (RFC 3339).
    pub not_before: Option<String>,
    /// The end of the certificate's life that was asked for (RFC 3339).
    pub not_after: Option<String>,
    /// The RA Profile that was asked for by name (draft-ietf-acme-profiles).
    pub profile: Option<String>,
    /// The id of the certificate that it replaces (RFC 9773).
    pub replaces: Option<String>,
    /// Why there will be no certificate.
    pub error: Option<AcmeProblemView>,
    /// The id of its certificate; with automatic renewal, of the last one.
    pub certificate: Option<String>,
    /// How its certificate is renewed automatically (RFC 8739).
    pub auto_renewal: Option<AutoRenewalView>,
    /// How it came to its status, from the beginning on; nothing of orders that an older build has placed.
    pub history: Vec<PassageView>,
}

/// A status that an order came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Passage)]
pub struct PassageView {
    /// The status.
    pub status: OrderStatus,
    /// When (RFC 3339, with milliseconds).
    pub at: String,
    /// By what: `placed`, `authorized`, `authorizationLost`, `finalized`, `issued`, `issuanceFailed`, `accountClosed`,
    /// `cancelled`, `expired` or `renewalCanceled`.
    pub cause: String,
}

/// How the certificate of an order is renewed automatically (RFC 8739 section 3.1.1).
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AutoRenewal)]
pub struct AutoRenewalView {
    /// The earliest beginning of the first certificate (RFC 3339).
    pub start_date: Option<String>,
    /// The latest end of the last certificate (RFC 3339).
    pub end_date: String,
    /// How long each is valid, in seconds.
    pub lifetime: u64,
    /// By how much those after the first are pre-dated, in seconds.
    pub lifetime_adjust: u64,
    /// Whether the certificate is given to whoever has its URL.
    pub allow_certificate_get: bool,
    /// How many were issued.
    pub issued: u64,
    /// When the next one is due, if one is (RFC 3339).
    pub next_due: Option<String>,
    /// Since when the next one is late (RFC 3339).
    pub late_since: Option<String>,
    /// Why it is late.
    pub late_because: Option<String>,
}

impl Admin {
    /// A page of the orders.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_orders(
        &self,
        operator: &Operator,
        query: &OrderQuery,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<OrderView>, AdminError> {
        operator.may(Role::Auditor)?;
        let now = self.engine.now();
        Ok(self.engine.list_orders(query, after, limit).await?.map(|order| OrderView::of(&order, now)))
    }

    /// One order.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn read_order(&self, operator: &Operator, id: &str) -> Result<OrderView, AdminError> {
        operator.may(Role::Auditor)?;
        let named = path_id(KIND, id, OrderId::parse)?;
        let order = found(KIND, id, self.engine.order(named).await)?;
        Ok(OrderView::of(&order, self.engine.now()))
    }

    /// Ends an order: there will be no certificate, or with automatic renewal none any more.
    ///
    /// # Errors
    /// [`AdminError`]; the machine refuses it once the order is past that.
    pub async fn cancel_order(
        &self,
        operator: &Operator,
        id: &str,
        precondition: Precondition,
    ) -> Result<OrderView, AdminError> {
        operator.may(Role::Operator)?;
        let named = path_id(KIND, id, OrderId::parse)?;
        let seen = guard(precondition, found(KIND, id, self.engine.order(named).await)?.revision)?;
        let now = self.engine.now();
        let describe = move |before: &Order, after: &Order| {
            let view = |state| OrderView::of(&unstored(named.0, state), now);
            deed("cancel", format!("order/{named}"), &view(before), &view(after))
        };
        let event = OrderEvent::Cancelled;
        let order = self.engine.administer_order(&operator.who, named, event, seen, describe).await?;
        Ok(OrderView::of(&order, now))
    }
}

impl OrderView {
    /// The view of an order at this moment.
    #[must_use]
    pub fn of(order: &Versioned<Order>, now: Timestamp) -> Self {
        let Versioned { id, revision, state } = order;
        let terms = &state.terms;
        let identifier =
            |subject: &chancery_machine::identifier::Subject| IdentifierView::of(&subject.identifier, subject.wildcard);
        Self {
            id: id.to_string(),
            revision: revision.0,
            status: state.status(now).into(),
            account: terms.account.to_string(),
            endpoint: format!("/acme/{}", terms.endpoint),
            acme_profile: (&terms.acme_profile).into(),
            ra_profile: (&terms.ra_profile).into(),
            identifiers: terms.subjects.iter().map(identifier).collect(),
            authorizations: terms.authorizations.iter().map(ToString::to_string).collect(),
            created: rfc3339(terms.created),
            expires: rfc3339(terms.expires),
            not_before: terms.not_before.map(rfc3339),
            not_after: terms.not_after.map(rfc3339),
            profile: terms.profile.as_ref().map(ToString::to_string),
            replaces: terms.replaces.as_ref().map(|predecessor| predecessor.certificate.to_string()),
            error: state.error(now).as_ref().map(AcmeProblemView::from),
            certificate: state.certificate().map(|certificate| certificate.to_string()),
            auto_renewal: terms.auto_renewal.as_ref().map(|terms| AutoRenewalView::of(terms, &state.state)),
            history: history(state, now),
        }
    }
}

/// The passages of an order, and the one that only the clock has made.
fn history(order: &Order, now: Timestamp) -> Vec<PassageView> {
    let passage = |status: order::OrderStatus, at, cause: Cause| PassageView {
        status: status.into(),
        at: precise(at),
        cause: cause.token().to_owned(),
    };
    let mut history: Vec<_> =
        order.passed.iter().map(|passed| passage(passed.status, passed.at, passed.cause)).collect();
    if order.status(now) != order.stored_status() {
        history.push(passage(order.status(now), order.terms.expires, Cause::Expired));
    }
    history
}

impl AutoRenewalView {
    fn of(terms: &AutoRenewal, state: &OrderState) -> Self {
        let (issued, due, setback) = match state {
            OrderState::Renewing { series, due, setback } => (series.issued, *due, setback.as_ref()),
            // It is decided, and only waits for its signature.
            OrderState::Reissuing { series, intent, .. } => (series.issued, Some(intent.draft.not_before), None),
            OrderState::Canceled { series, .. } => (series.issued, None, None),
            OrderState::Pending { .. }
            | OrderState::Ready
            | OrderState::Processing { .. }
            | OrderState::Valid { .. }
            | OrderState::Invalid { .. } => (0, None, None),
        };
        Self {
            start_date: terms.start.map(rfc3339),
            end_date: rfc3339(terms.end),
            lifetime: terms.lifetime.0,
            lifetime_adjust: terms.adjust.0,
            allow_certificate_get: terms.certificate_get,
            issued,
            next_due: due.map(rfc3339),
            late_since: setback.map(|setback| rfc3339(setback.since)),
            late_because: setback.map(|setback| setback.reason.clone()),
        }
    }
}
