//! The audit log: who did what to what, and whether that is still all.

mod difference;

use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;

use self::difference::{Change, difference, in_plain};
use super::filter::Asked;
use super::form::Form;
use super::frame::Frame;
use super::list::Pager;
use super::reply;
use super::visitor::Visitor;
use super::words::{self, filters};
use crate::admin::audit::{AuditEntryView, VerificationView};
use crate::admin::error::AdminError;
use crate::admin::rest::filters::{Audit as Filter, AuditNote, place};
use crate::admin::rest::request::parameters;

const PLACE: &str = "/ui/audit";

const SORTS: &[(&str, &str)] = &[("-created", "Newest first"), ("created", "Oldest first")];

/// How many of the changes of an entry a list shows.
const FEW: usize = 4;

/// Where the objects of the log have their pages.
const PLACES: &[(&str, &str)] = &[
    ("acmeProfile", "/ui/acme-profiles"),
    ("raProfile", "/ui/ra-profiles"),
    ("acmeAccount", "/ui/accounts"),
    ("order", "/ui/orders"),
    ("certificate", "/ui/certificates"),
    ("authority", "/ui/authorities"),
    ("eabCredential", "/ui/eab"),
    ("token", "/ui/tokens"),
];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/audit").get(list))
        .service(web::resource("/audit/verify").get(verify))
        .service(web::resource("/audit/{number}").get(read));
}

#[derive(Template)]
#[template(path = "audit/list.html")]
struct List {
    frame: Frame,
    asked: Asked,
    entries: Vec<Entry>,
    pager: Pager,
}

#[derive(Template)]
#[template(path = "audit/detail.html")]
struct Detail {
    frame: Frame,
    entry: Entry,
    /// The whole of it, as the API has it.
    before: Option<String>,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "audit/verify.html")]
struct Verify {
    frame: Frame,
    query: Form,
    found: Option<VerificationView>,
    /// Whether it was held against a digest that was noted.
    held: bool,
}

/// An entry of the log, for people.
struct Entry {
    view: AuditEntryView,
    changes: Vec<Change>,
}

impl From<AuditEntryView> for Entry {
    fn from(view: AuditEntryView) -> Self {
        Self { changes: difference(view.before.as_ref(), view.after.as_ref()), view }
    }
}

impl Entry {
    fn action(&self) -> String {
        in_plain(&self.view.action)
    }

    /// The page of its object, if such have pages. That one may be gone by now is said there.
    fn place(&self) -> Option<String> {
        let (kind, name) = self.view.object.split_once('/')?;
        let (_, place) = PLACES.iter().find(|(known, _)| *known == kind)?;
        Some(format!("{place}/{name}"))
    }

    /// Whoever did it: the id of the token, if it was one, and a name.
    fn who(&self) -> (Option<&str>, &str) {
        let who = self.view.who.as_str();
        match who.strip_prefix("token:").and_then(|token| token.split_once(' ')) {
            Some((id, name)) => (Some(id), name),
            None => (None, who),
        }
    }

    /// The query that finds what else they did.
    fn by_them(&self) -> String {
        words::in_query(&self.view.who)
    }
}

async fn list(visitor: Visitor, request: HttpRequest) -> Result<HttpResponse, AdminError> {
    let asked = Asked::of(PLACE, request.query_string());
    let frame = Frame::of(&visitor, PLACE, "Audit log").after(request.query_string());
    let found = async {
        let filter: Filter = asked.filter()?;
        let (query, (limit, after)) = (filter.query()?, place(&filter.page())?);
        visitor.admin.list_audit(visitor.operator(), &query, after.as_ref(), limit).await
    };
    match found.await {
        Ok(page) => {
            let pager = Pager::of(&asked, page.next.map(|cursor| cursor.to_bytes()).as_deref());
            reply::page(&List { frame, asked, entries: page.items.into_iter().map(Entry::from).collect(), pager })
        }
        Err(error) => {
            let (frame, pager) = (frame.refused(Some(&error)), Pager::refused(&asked));
            reply::page_with(error.status_code(), &List { frame, asked, entries: Vec::new(), pager })
        }
    }
}

async fn read(visitor: Visitor, number: web::Path<String>) -> Result<HttpResponse, AdminError> {
    let view = visitor.admin.read_audit(visitor.operator(), &number).await?;
    let written = |value: &Option<serde_json::Value>| value.as_ref().map(|value| format!("{value:#}"));
    let (before, after) = (written(&view.before), written(&view.after));
    let frame = Frame::of(&visitor, PLACE, format!("Entry {number} of the audit log"));
    reply::page(&Detail { frame, entry: view.into(), before, after })
}

async fn verify(visitor: Visitor, request: HttpRequest) -> Result<HttpResponse, AdminError> {
    let query = Form::parse(request.query_string().as_bytes());
    let frame = Frame::of(&visitor, PLACE, "Verify the audit log");
    if query.fields().next().is_none() {
        return reply::page(&Verify { frame, query, found: None, held: false });
    }
    let verified = async {
        let mut noted = url::form_urlencoded::Serializer::new(String::new());
        for name in ["expectNumber", "expectDigest"] {
            noted.extend_pairs(query.given(name).map(|text| (name, text)));
        }
        let expected = parameters::<AuditNote>(&noted.finish())?.expected()?;
        let found = visitor.admin.verify_audit(visitor.operator(), expected).await?;
        Ok::<_, AdminError>((found, expected.is_some()))
    };
    match verified.await {
        Ok((found, held)) => reply::page(&Verify { frame, query, found: Some(found), held }),
        Err(error) => {
            let page = Verify { frame: frame.refused(Some(&error)), query, found: None, held: false };
            reply::page_with(error.status_code(), &page)
        }
    }
}
