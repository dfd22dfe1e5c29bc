//! ACME accounts.

use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;

use super::filter::Asked;
use super::form::{Form, looked_at};
use super::frame::Frame;
use super::list::{self, Choice, Confirm, Pager, REASONS, Tick, reason};
use super::reply;
use super::visitor::Visitor;
use super::words::{self, filters};
use crate::admin::accounts::{AccountDetail, AccountView, OrderCount};
use crate::admin::error::AdminError;
use crate::admin::operator::Role;
use crate::admin::precondition::Precondition;
use crate::admin::rest::filters::{Accounts as Filter, place};
use crate::admin::words::AccountStatus;

const PLACE: &str = "/ui/accounts";

const STATUSES: &[(&str, &str)] = &[("valid", "Valid"), ("deactivated", "Deactivated"), ("revoked", "Revoked")];
const ENABLED: &[(&str, &str)] = &[("true", "Enabled"), ("false", "Disabled")];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/accounts").get(list))
        .service(web::resource("/accounts/bulk").post(bulk))
        .service(web::resource("/accounts/{id}").get(read))
        .service(web::resource("/accounts/{id}/enable").post(enable))
        .service(web::resource("/accounts/{id}/disable").post(disable))
        .service(web::resource("/accounts/{id}/agree-terms").post(agree_terms))
        .service(web::resource("/accounts/{id}/revoke").get(ask_revoke).post(revoke));
}

#[derive(Template)]
#[template(path = "accounts/list.html")]
struct List {
    frame: Frame,
    asked: Asked,
    accounts: Vec<AccountView>,
    pager: Pager,
}

#[derive(Template)]
#[template(path = "accounts/detail.html")]
struct Detail<'a> {
    frame: Frame,
    detail: &'a AccountDetail,
    account: &'a AccountView,
    /// Whether it can still be changed.
    open: bool,
    counts: [(&'static str, &'a OrderCount); 6],
}

async fn list(visitor: Visitor, request: HttpRequest) -> Result<HttpResponse, AdminError> {
    listed(&visitor, request.query_string(), None).await
}

/// A page of the list, with why something was not done from it.
async fn listed(visitor: &Visitor, query: &str, refused: Option<&AdminError>) -> Result<HttpResponse, AdminError> {
    let asked = Asked::of(PLACE, query);
    let frame = Frame::of(visitor, PLACE, "ACME Accounts").after(query).refused(refused).shown_at(&asked.here());
    let found = async {
        let filter: Filter = asked.filter()?;
        let (query, (limit, after)) = (filter.query()?, place(&filter.page())?);
        visitor.admin.list_accounts(visitor.operator(), &query, after.as_ref(), limit).await
    };
    match found.await {
        Ok(page) => {
            let pager = Pager::of(&asked, page.next.map(|cursor| cursor.to_bytes()).as_deref());
            reply::page_after(refused, &List { frame, asked, accounts: page.items, pager })
        }
        Err(error) => {
            let (frame, pager) = (frame.refused(Some(&error)), Pager::refused(&asked));
            reply::page_with(error.status_code(), &List { frame, asked, accounts: Vec::new(), pager })
        }
    }
}

async fn read(visitor: Visitor, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    shown(&visitor, &id, request.query_string(), None).await
}

/// The page of an account, with why something was not done to it.
async fn shown(
    visitor: &Visitor,
    id: &str,
    query: &str,
    error: Option<&AdminError>,
) -> Result<HttpResponse, AdminError> {
    let detail = visitor.admin.read_account(visitor.operator(), id).await?;
    let account = &detail.account;
    let orders = &detail.orders_by_status;
    let page = Detail {
        frame: Frame::of(visitor, PLACE, format!("Account {id}"))
            .after(query)
            .refused(error)
            .shown_at(&format!("{PLACE}/{id}")),
        open: account.status == AccountStatus::Valid,
        counts: [
            ("pending", &orders.pending),
            ("ready", &orders.ready),
            ("processing", &orders.processing),
            ("valid", &orders.valid),
            ("invalid", &orders.invalid),
            ("canceled", &orders.canceled),
        ],
        account,
        detail: &detail,
    };
    reply::page_after(error, &page)
}

/// Leads back to the account after something was done to it, or shows there why not.
async fn after(
    visitor: &Visitor,
    id: &str,
    done: &str,
    outcome: Result<AccountView, AdminError>,
) -> Result<HttpResponse, AdminError> {
    match outcome {
        Ok(_) => Ok(reply::done(&format!("{PLACE}/{id}"), done)),
        Err(error @ AdminError::Absent(_)) => Err(error),
        Err(error) => shown(visitor, id, "", Some(&error)).await,
    }
}

async fn enable(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, AdminError> {
    let done = visitor.admin.enable_account(visitor.operator(), &id, true, form.precondition()).await;
    after(&visitor, &id, "enabled", done).await
}

async fn disable(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, AdminError> {
    let done = visitor.admin.enable_account(visitor.operator(), &id, false, form.precondition()).await;
    after(&visitor, &id, "disabled", done).await
}

async fn agree_terms(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, AdminError> {
    let done = visitor.admin.agree_terms(visitor.operator(), &id, form.precondition()).await;
    after(&visitor, &id, "agreed", done).await
}

const REVOKED: &str = "Its client can do nothing with it any more, its open orders and authorizations end, and nothing \
                       revives it. Its certificates stay valid unless you tick the box.";

fn confirmation(frame: Frame, question: String, action: String, back: String) -> Confirm {
    Confirm {
        consequences: REVOKED.to_owned(),
        ticks: vec![Tick {
            name: "certificates",
            label: "Revoke its certificates too",
            help: "All that it was issued and that have not expired; the CRL follows.",
            required: false,
        }],
        choices: vec![Choice { name: "reason", label: "Reason for revoking certificates", options: REASONS }],
        ..Confirm::ask(frame, question, ("Revoke", action), back)
    }
}

async fn ask_revoke(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Operator)?;
    let account = visitor.admin.read_account_alone(visitor.operator(), &id).await?;
    let frame = Frame::of(&visitor, PLACE, "Revoke an account");
    let question = format!("Revoke account {id}?");
    let here = format!("{PLACE}/{id}");
    let page = confirmation(frame, question, format!("{here}/revoke"), here);
    reply::page(&Confirm { fields: looked_at(account.revision), ..page })
}

async fn revoke(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, AdminError> {
    let certificates = certificates(&form);
    let done = visitor.admin.revoke_account(visitor.operator(), &id, certificates, form.precondition()).await;
    after(&visitor, &id, "revoked", done).await
}

/// Why the certificates of a revoked account are revoked too, if they are.
fn certificates(form: &Form) -> Option<chancery_machine::certificate::RevocationReason> {
    let unspecified = chancery_machine::certificate::RevocationReason::Unspecified;
    form.ticked("certificates").then(|| reason(form.text("reason")).unwrap_or(unspecified))
}

async fn bulk(visitor: Visitor, form: Form) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Operator)?;
    let back = list::back(&form, PLACE);
    if form.all("item").next().is_none() {
        let none = AdminError::Refused("no account was ticked, so nothing was done".to_owned());
        return listed(&visitor, &back.back(), Some(&none)).await;
    }
    match form.text("action") {
        action @ ("enable" | "disable") => {
            let enabled = action == "enable";
            let word = if enabled { "enabled" } else { "disabled" };
            list::each(&visitor, &form, PLACE, word, move |admin, operator, id| async move {
                admin.enable_account(&operator, &id, enabled, Precondition::Any).await.map(drop)
            })
            .await
        }
        "revoke" if form.ticked("confirmed") => {
            let certificates = certificates(&form);
            list::each(&visitor, &form, PLACE, "revoked", move |admin, operator, id| async move {
                admin.revoke_account(&operator, &id, certificates, Precondition::Any).await.map(drop)
            })
            .await
        }
        "revoke" => {
            let read = async |id: &str| visitor.admin.read_account_alone(visitor.operator(), id).await.ok();
            let objects = list::named(&form, async |id| read(id).await.as_ref().map(called)).await;
            let frame = Frame::of(&visitor, PLACE, "Revoke accounts");
            let question = list::question("Revoke", PLACE, objects.len());
            let fields = form.fields().cloned().collect();
            let page = confirmation(frame, question, format!("{PLACE}/bulk"), back.here());
            reply::page(&Confirm { objects, fields, ..page })
        }
        other => Err(AdminError::Malformed(format!("{other:?} can be done to no account"))),
    }
}

/// How people know an account: by its contacts, or else by its key.
fn called(account: &AccountView) -> String {
    match account.contacts.as_slice() {
        [] => format!("{} with the key {}", account.id, account.thumbprint),
        contacts => format!("{} of {}", account.id, contacts.join(", ")),
    }
}

fn badge(account: &AccountView) -> String {
    match (account.status, account.enabled) {
        (AccountStatus::Valid, true) => words::badge("good", "valid"),
        (AccountStatus::Valid, false) => words::badge("warn", "disabled"),
        (AccountStatus::Deactivated, _) => words::badge("", "deactivated"),
        (AccountStatus::Revoked, _) => words::badge("bad", "revoked"),
    }
}

fn here(account: &AccountView, action: &str) -> String {
    format!("{PLACE}/{}/{action}", account.id)
}
