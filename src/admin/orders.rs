//! What operators do with orders.

use chancery_actors::Versioned;
use chancery_actors::listing::{Cursor, OrderQuery, Page};
use chancery_machine::id::OrderId;
use chancery_machine::order::{Order, OrderEvent};
use chancery_machine::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Admin;
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
    /// The id of its certificate.
    pub certificate: Option<String>,
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

    /// Ends an order: there will be no certificate.
    ///
    /// # Errors
    /// [`AdminError`]; the machine refuses it once the order is no longer pending or ready.
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
        }
    }
}
