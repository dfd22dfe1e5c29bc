//! Orders: found, followed while they run, and understood once they have failed.

mod diagram;
pub(super) mod live;
mod timeline;

use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;

use self::diagram::Diagram;
use self::timeline::Moment;
use super::filter::Asked;
use super::form::{Form, looked_at};
use super::frame::Frame;
use super::list::{self, Confirm, Pager};
use super::reply;
use super::visitor::Visitor;
use super::words::{self, filters};
use crate::admin::authorizations::AuthorizationDetail;
use crate::admin::error::AdminError;
use crate::admin::operator::Role;
use crate::admin::orders::OrderView;
use crate::admin::precondition::Precondition;
use crate::admin::rest::filters::{Orders as Filter, place};
use crate::admin::words::{AuthorizationStatus, ChallengeStatus, OrderStatus};

const PLACE: &str = "/ui/orders";

/// How many authorizations the page of an order shows at a time.
const AUTHORIZATIONS: usize = 25;

const STATUSES: &[(&str, &str)] = &[
    ("pending", "Pending"),
    ("ready", "Ready"),
    ("processing", "Processing"),
    ("valid", "Valid"),
    ("invalid", "Invalid"),
    ("canceled", "Canceled"),
];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/orders").get(list))
        .service(web::resource("/orders/bulk").post(bulk))
        .service(web::resource("/orders/{id}").get(read))
        .service(web::resource("/orders/{id}/live").get(live::follow))
        .service(web::resource("/orders/{id}/cancel").get(ask_cancel).post(cancel));
}

#[derive(Template)]
#[template(path = "orders/list.html")]
struct List {
    frame: Frame,
    asked: Asked,
    orders: Vec<OrderView>,
    pager: Pager,
}

#[derive(Template)]
#[template(path = "orders/detail.html")]
struct Page {
    frame: Frame,
    state: State,
}

/// What changes of a page while an order runs; also sent by itself.
#[derive(Template)]
#[template(path = "orders/state.html")]
struct State {
    order: OrderView,
    diagram: Diagram,
    moments: Vec<Moment>,
    authorizations: Vec<AuthorizationDetail>,
    /// From which of its authorizations on they are shown.
    from: usize,
}

impl State {
    /// How an order stands, with its authorizations from that one on.
    async fn of(visitor: &Visitor, id: &str, from: usize) -> Result<Self, AdminError> {
        let order = visitor.admin.read_order(visitor.operator(), id).await?;
        let mut authorizations = Vec::new();
        for authorization in distinct(&order).into_iter().skip(from).take(AUTHORIZATIONS) {
            match visitor.admin.read_authorization(visitor.operator(), &authorization).await {
                Ok(found) => authorizations.push(found),
                // Forgotten earlier than its order.
                Err(AdminError::Absent(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let moments = timeline::of(&order, &authorizations);
        Ok(Self { diagram: Diagram::of(&order), moments, order, authorizations, from })
    }

    /// Whether something will still happen.
    fn runs(&self) -> bool {
        matches!(self.order.status, OrderStatus::Pending | OrderStatus::Ready | OrderStatus::Processing)
    }

    fn more(&self) -> Option<usize> {
        self.from.checked_add(AUTHORIZATIONS).filter(|next| *next < distinct(&self.order).len())
    }

    /// The revisions of all that is shown: as long as they are the same, so is the page.
    fn seen(&self) -> String {
        let authorizations = self.authorizations.iter().map(|detail| detail.authorization.revision);
        let all = std::iter::once(self.order.revision).chain(authorizations);
        all.map(|revision| revision.to_string()).collect::<Vec<_>>().join("-")
    }
}

/// The authorizations of an order, each once.
fn distinct(order: &OrderView) -> Vec<String> {
    let mut met = std::collections::BTreeSet::new();
    order.authorizations.iter().filter(|id| met.insert(id.as_str())).cloned().collect()
}

async fn list(visitor: Visitor, request: HttpRequest) -> Result<HttpResponse, AdminError> {
    listed(&visitor, request.query_string(), None).await
}

/// A page of the list, with why something was not done from it.
async fn listed(visitor: &Visitor, query: &str, refused: Option<&AdminError>) -> Result<HttpResponse, AdminError> {
    let asked = Asked::of(PLACE, query);
    let frame = Frame::of(visitor, PLACE, "Orders").after(query).refused(refused).shown_at(&asked.here());
    let found = async {
        let filter: Filter = asked.filter()?;
        let (query, (limit, after)) = (filter.query()?, place(&filter.page())?);
        visitor.admin.list_orders(visitor.operator(), &query, after.as_ref(), limit).await
    };
    match found.await {
        Ok(page) => {
            let pager = Pager::of(&asked, page.next.map(|cursor| cursor.to_bytes()).as_deref());
            reply::page_after(refused, &List { frame, asked, orders: page.items, pager })
        }
        Err(error) => {
            let (frame, pager) = (frame.refused(Some(&error)), Pager::refused(&asked));
            reply::page_with(error.status_code(), &List { frame, asked, orders: Vec::new(), pager })
        }
    }
}

async fn read(visitor: Visitor, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    shown(&visitor, &id, request.query_string(), None).await
}

async fn shown(
    visitor: &Visitor,
    id: &str,
    query: &str,
    error: Option<&AdminError>,
) -> Result<HttpResponse, AdminError> {
    let state = State::of(visitor, id, from(query)).await?;
    let title = format!("Order for {}", named(&state.order));
    let page = Page {
        frame: Frame::of(visitor, PLACE, title).after(query).refused(error).shown_at(&format!("{PLACE}/{id}")),
        state,
    };
    reply::page_after(error, &page)
}

fn from(query: &str) -> usize {
    Form::parse(query.as_bytes()).text("from").parse().unwrap_or(0)
}

const CANCELED: &str = "It becomes invalid, and its client is told that an operator ended it. An order whose certificates \
                        are renewed automatically gets no further one; those that it has stay valid.";

fn confirmation(frame: Frame, question: String, (button, action): (&'static str, String), back: String) -> Confirm {
    Confirm { consequences: CANCELED.to_owned(), ..Confirm::ask(frame, question, (button, action), back) }
}

async fn ask_cancel(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Operator)?;
    let order = visitor.admin.read_order(visitor.operator(), &id).await?;
    if !can_end(&order) {
        let why = AdminError::Refused(format!("the order is {} and can no longer be canceled", word(order.status)));
        return shown(&visitor, &id, "", Some(&why)).await;
    }
    let frame = Frame::of(&visitor, PLACE, "Cancel an order");
    let question = format!("Cancel the order for {}?", named(&order));
    let here = format!("{PLACE}/{id}");
    let page = confirmation(frame, question, ("Cancel the order", format!("{here}/cancel")), here);
    reply::page(&Confirm { fields: looked_at(order.revision), ..page })
}

async fn cancel(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, AdminError> {
    match visitor.admin.cancel_order(visitor.operator(), &id, form.precondition()).await {
        Ok(_) => Ok(reply::done(&format!("{PLACE}/{id}"), "canceled")),
        Err(error @ AdminError::Absent(_)) => Err(error),
        Err(error) => shown(&visitor, &id, "", Some(&error)).await,
    }
}

async fn bulk(visitor: Visitor, form: Form) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Operator)?;
    let back = list::back(&form, PLACE);
    if form.all("item").next().is_none() {
        let none = AdminError::Refused("no order was ticked, so nothing was done".to_owned());
        return listed(&visitor, &back.back(), Some(&none)).await;
    }
    if form.ticked("confirmed") {
        return list::each(&visitor, &form, PLACE, "canceled", |admin, operator, id| async move {
            admin.cancel_order(&operator, &id, Precondition::Any).await.map(drop)
        })
        .await;
    }
    let called = |order: OrderView| format!("{}, placed {}", named(&order), words::moment(&order.created));
    let read = async |id: &str| visitor.admin.read_order(visitor.operator(), id).await.ok();
    let objects = list::named(&form, async |id| read(id).await.map(called)).await;
    let frame = Frame::of(&visitor, PLACE, "Cancel orders");
    let button = if objects.len() == 1 { "Cancel the order" } else { "Cancel these orders" };
    let question = list::question("Cancel", PLACE, objects.len());
    let fields = form.fields().cloned().collect();
    let page = confirmation(frame, question, (button, format!("{PLACE}/bulk")), back.here());
    reply::page(&Confirm { objects, fields, ..page })
}

/// What an order is for, in few words.
fn named(order: &OrderView) -> String {
    match order.identifiers.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.value.clone(),
        [first, others @ ..] => format!("{} and {} more", first.value, others.len()),
    }
}

fn word(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Pending => "pending",
        OrderStatus::Ready => "ready",
        OrderStatus::Processing => "processing",
        OrderStatus::Valid => "valid",
        OrderStatus::Invalid => "invalid",
        OrderStatus::Canceled => "canceled",
    }
}

fn badge(status: OrderStatus) -> String {
    let class = match status {
        OrderStatus::Pending | OrderStatus::Ready | OrderStatus::Processing => "calm",
        OrderStatus::Valid => "good",
        OrderStatus::Invalid => "bad",
        OrderStatus::Canceled => "warn",
    };
    words::badge(class, word(status))
}

fn authorization_badge(status: AuthorizationStatus) -> String {
    match status {
        AuthorizationStatus::Pending => words::badge("calm", "pending"),
        AuthorizationStatus::Valid => words::badge("good", "valid"),
        AuthorizationStatus::Invalid => words::badge("bad", "invalid"),
        AuthorizationStatus::Deactivated => words::badge("", "deactivated"),
        AuthorizationStatus::Expired => words::badge("", "expired"),
        AuthorizationStatus::Revoked => words::badge("bad", "revoked"),
    }
}

fn challenge_badge(status: ChallengeStatus) -> String {
    match status {
        ChallengeStatus::Pending => words::badge("", "pending"),
        ChallengeStatus::Processing => words::badge("calm", "processing"),
        ChallengeStatus::Valid => words::badge("good", "valid"),
        ChallengeStatus::Invalid => words::badge("bad", "invalid"),
    }
}

/// Whether an operator can end it.
fn can_end(order: &OrderView) -> bool {
    match order.status {
        OrderStatus::Pending | OrderStatus::Ready => true,
        OrderStatus::Valid => order.auto_renewal.is_some(),
        OrderStatus::Processing | OrderStatus::Invalid | OrderStatus::Canceled => false,
    }
}

/// The end of an id, by which people tell two apart: all that begin at one time begin alike.
fn short(id: &str) -> String {
    let from = id.len().saturating_sub(8);
    format!("…{}", id.get(from..).unwrap_or(id))
}
