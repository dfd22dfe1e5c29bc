//! `/api/v1/orders`.

use actix_web::{HttpResponse, web};
use chancery_actors::listing::OrderQuery;
use chancery_machine::id::AccountId;
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::bulk::{self, BulkResults};
use super::filter::{self, ByBirth, list_query};
use super::problem::Problems;
use super::reply::ok;
use super::request::{Body, Caller, MaybeMatch, Page, Params};
use crate::admin::error::AdminError;
use crate::admin::objects::{AcmeProblemView, AcmeSubproblemView, IdentifierView, ProfileRefView};
use crate::admin::operator::Role;
use crate::admin::orders::{AutoRenewalView, OrderView, PassageView};
use crate::admin::precondition::Precondition;
use crate::admin::settings::Fault;
use crate::admin::words::OrderStatus;

/// The description of this room.
#[derive(OpenApi)]
#[openapi(
    paths(list, read, cancel, bulk),
    components(schemas(
        OrderView,
        AutoRenewalView,
        PassageView,
        OrderStatus,
        IdentifierView,
        ProfileRefView,
        AcmeProblemView,
        AcmeSubproblemView,
        OrderBulk,
        OrderAction
    ))
)]
pub(super) struct Description;

/// Adds this room's routes.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/orders").get(list))
        .service(web::resource("/orders/bulk").post(bulk))
        .service(web::resource("/orders/{id}").get(read))
        .service(web::resource("/orders/{id}/cancel").post(cancel));
}

list_query! {
    /// Which orders.
    Filter by ByBirth {
        /// Only those of this account.
        account: String,
        /// Only those that have this status now.
        #[param(inline)]
        status: OrderStatus,
        /// Only those under this ACME Profile.
        acme_profile: String,
        /// Only those whose certificates this RA Profile issues.
        ra_profile: String,
        /// Only those for this name, among others; `*.` before it for the wildcard.
        name: String,
        /// Only those that were placed at this moment or later (RFC 3339).
        created_from: String,
        /// Only those that were placed before this moment (RFC 3339).
        created_to: String,
    }
}

impl Filter {
    pub(crate) fn query(&self) -> Result<OrderQuery, Fault> {
        Ok(OrderQuery {
            account: filter::id("account", self.account.as_ref(), AccountId)?,
            status: self.status.map(Into::into),
            acme_profile: filter::profile("acmeProfile", self.acme_profile.as_ref())?,
            ra_profile: filter::profile("raProfile", self.ra_profile.as_ref())?,
            name: filter::subject("name", self.name.as_ref())?,
            created_from: filter::moment("createdFrom", self.created_from.as_ref())?,
            created_to: filter::moment("createdTo", self.created_to.as_ref())?,
            direction: self.sort.unwrap_or_default().into(),
        })
    }
}

/// What is done to many orders.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum OrderAction {
    Cancel,
}

/// An action on many orders.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OrderBulk {
    /// What is done.
    action: OrderAction,
    /// The ids of the orders.
    #[schema(max_items = 1000)]
    items: Vec<String>,
}

/// Orders, the newest first.
#[utoipa::path(get, path = "/api/v1/orders", operation_id = "listOrders", tag = "Orders", params(Filter),
    responses((status = 200, body = Page<OrderView>), Problems))]
async fn list(caller: Caller, Params(filter): Params<Filter>) -> Result<HttpResponse, AdminError> {
    let (query, (limit, after)) = (filter.query()?, filter::place(&filter.page())?);
    let found = caller.admin.list_orders(&caller.operator, &query, after.as_ref(), limit).await?;
    Ok(ok(&filter::page(found), None))
}

/// One order.
#[utoipa::path(get, path = "/api/v1/orders/{id}", operation_id = "readOrder", tag = "Orders", params(("id" = String, Path)),
    responses((status = 200, body = OrderView, headers(("ETag" = String))), Problems))]
async fn read(caller: Caller, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.read_order(&caller.operator, &id).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// Ends an order that is pending or ready: it becomes invalid, and its client is told that an operator ended it. One
/// whose certificates are renewed automatically is canceled, and no certificate follows.
#[utoipa::path(post, path = "/api/v1/orders/{id}/cancel", operation_id = "cancelOrder", tag = "Orders",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 200, body = OrderView, headers(("ETag" = String))), Problems))]
async fn cancel(
    caller: Caller,
    id: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.cancel_order(&caller.operator, &id, precondition).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// Does one thing to many orders, and answers for each.
#[utoipa::path(post, path = "/api/v1/orders/bulk", operation_id = "changeOrders", tag = "Orders", request_body = OrderBulk,
    responses((status = 200, body = BulkResults), Problems))]
async fn bulk(caller: Caller, body: Body) -> Result<HttpResponse, AdminError> {
    let OrderBulk { action, items } = body.read()?;
    bulk::each(caller, Role::Operator, items, move |admin, operator, id| async move {
        match action {
            OrderAction::Cancel => admin.cancel_order(&operator, &id, Precondition::Any).await.map(drop),
        }
    })
    .await
}
