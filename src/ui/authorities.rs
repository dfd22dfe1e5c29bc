//! Authorities: what signs.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;
use chancery_machine::time::Timestamp;
use serde_json::{Map, Value};

use super::certificates::{attached, file_name};
use super::filter::Asked;
use super::form::{Form, looked_at};
use super::frame::Frame;
use super::life::Life;
use super::list::{Confirm, Pager, Tick, renewal_call};
use super::reply;
use super::visitor::Visitor;
use super::words::{self, filters};
use crate::admin::authorities::{AuthorityView, NewChain, OldChain};
use crate::admin::bulk::to_its_end;
use crate::admin::error::AdminError;
use crate::admin::operator::Role;
use crate::admin::rest::filters::Authorities as Filter;

const PLACE: &str = "/ui/authorities";

const ENABLED: &[(&str, &str)] = &[("true", "Enabled"), ("false", "Disabled")];
const SORTS: &[(&str, &str)] = &[("-created", "Newest first"), ("created", "Oldest first")];
const ALGORITHMS: &[(&str, &str)] = &[
    ("p384", "ECDSA with P-384"),
    ("p256", "ECDSA with P-256"),
    ("ed25519", "Ed25519"),
    ("rsa2048", "RSA with 2048 bits"),
    ("rsa3072", "RSA with 3072 bits"),
    ("rsa4096", "RSA with 4096 bits"),
];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/authorities").get(list).post(create))
        .service(web::resource("/authorities/new").get(ask_create))
        .service(web::resource("/authorities/{id}").get(read))
        .service(web::resource("/authorities/{id}/certificate.pem").get(download))
        .service(web::resource("/authorities/{id}/enable").post(enable))
        .service(web::resource("/authorities/{id}/disable").post(disable))
        .service(web::resource("/authorities/{id}/renew").post(renew))
        .service(web::resource("/authorities/{id}/chains").post(add_chain))
        .service(web::resource("/authorities/{id}/chains/{chain}/remove").get(ask_remove_chain).post(remove_chain))
        .service(web::resource("/authorities/{id}/delete").get(ask_delete).post(delete));
}

#[derive(Template)]
#[template(path = "authorities/list.html")]
struct List {
    frame: Frame,
    asked: Asked,
    now: Timestamp,
    authorities: Vec<AuthorityView>,
    /// Those that there are, by their ids: to call parents by their names.
    names: BTreeMap<String, String>,
    pager: Pager,
}

#[derive(Template)]
#[template(path = "authorities/detail.html")]
struct Detail<'a> {
    frame: Frame,
    authority: &'a AuthorityView,
    life: Option<Life>,
    /// Those above it: the root.
    above: Vec<&'a AuthorityView>,
    /// Those below it.
    below: Vec<&'a AuthorityView>,
    /// The chain that somebody pasted in vain.
    pasted: &'a str,
}

#[derive(Template)]
#[template(path = "authorities/new.html")]
struct New {
    frame: Frame,
    form: Form,
    /// Roots that can sign another intermediate.
    roots: Vec<String>,
}

impl List {
    fn badge(&self, authority: &AuthorityView) -> String {
        badge(authority, Life::of(&authority.not_before, &authority.not_after, self.now).as_ref())
    }

    fn parent(&self, id: &str) -> Option<&str> {
        self.names.get(id).map(String::as_str)
    }
}

fn badge(authority: &AuthorityView, life: Option<&Life>) -> String {
    let enabled = if authority.enabled { words::badge("good", "enabled") } else { words::badge("warn", "disabled") };
    let life = life.map(|life| words::badge(life.kind, &life.words)).unwrap_or_default();
    format!("{enabled} {life}")
}

async fn list(visitor: Visitor, request: HttpRequest) -> Result<HttpResponse, AdminError> {
    let asked = Asked::of(PLACE, request.query_string());
    let frame = Frame::of(&visitor, PLACE, "Authorities").after(request.query_string());
    let now = visitor.admin.engine.now();
    let all = visitor.admin.list_authorities(visitor.operator()).await?;
    let names = all.iter().map(|one| (one.id.clone(), one.name.clone())).collect();
    match asked.filter::<Filter>().and_then(|filter| filter.pick(all)) {
        Ok((authorities, next)) => {
            let pager = Pager::of(&asked, next.as_deref());
            reply::page(&List { frame, asked, now, authorities, names, pager })
        }
        Err(error) => {
            let (frame, pager) = (frame.refused(Some(&error)), Pager::refused(&asked));
            reply::page_with(error.status_code(), &List { frame, asked, now, authorities: Vec::new(), names, pager })
        }
    }
}

async fn ask_create(visitor: Visitor) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Administrator)?;
    asked_create(&visitor, Form::default(), None).await
}

/// The form for a new authority, with why the one before was not made.
async fn asked_create(visitor: &Visitor, form: Form, error: Option<&AdminError>) -> Result<HttpResponse, AdminError> {
    let all = visitor.admin.list_authorities(visitor.operator()).await?;
    let roots = all.into_iter().filter(|one| one.kind == "root" && one.enabled).map(|one| one.name).collect();
    let frame = Frame::of(visitor, PLACE, "Make an authority").refused(error);
    let page = New { frame, form, roots };
    reply::page_after(error, &page)
}

async fn create(visitor: Visitor, form: Form) -> Result<HttpResponse, AdminError> {
    let mut new = Map::new();
    for name in ["name", "parent", "rootName", "organization", "algorithm", "validity", "rootValidity"] {
        new.extend(form.given(name).map(|text| (name.to_owned(), Value::from(text))));
    }
    // A name that is missing is told as one that is too short.
    new.entry("name").or_insert_with(|| Value::from(""));
    let (admin, operator) = (visitor.admin.clone(), visitor.operator().clone());
    // To its end, even if the browser hangs up: making keys takes a while.
    let made = to_its_end(async move { admin.create_authority(&operator, Value::Object(new), None).await }).await?;
    match made {
        Ok(made) => Ok(reply::done(&format!("{PLACE}/{}", made.view["id"].as_str().unwrap_or_default()), "created")),
        Err(error) => asked_create(&visitor, form, Some(&error)).await,
    }
}

async fn read(visitor: Visitor, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    shown(&visitor, &id, request.query_string(), None, "").await
}

/// The page of an authority, with why something was not done to it.
async fn shown(
    visitor: &Visitor,
    id: &str,
    query: &str,
    error: Option<&AdminError>,
    pasted: &str,
) -> Result<HttpResponse, AdminError> {
    let authority = visitor.admin.read_authority(visitor.operator(), id).await?;
    let all = visitor.admin.list_authorities(visitor.operator()).await?;
    let page = Detail {
        frame: Frame::of(visitor, PLACE, authority.name.clone())
            .after(query)
            .refused(error)
            .shown_at(&format!("{PLACE}/{id}")),
        life: Life::of(&authority.not_before, &authority.not_after, visitor.admin.engine.now()),
        above: all.iter().filter(|one| authority.parent.as_ref() == Some(&one.id)).collect(),
        below: all.iter().filter(|one| one.parent.as_ref() == Some(&authority.id)).collect(),
        authority: &authority,
        pasted,
    };
    reply::page_after(error, &page)
}

/// Leads back to the authority after something was done to it, or shows there why not.
async fn after(
    visitor: &Visitor,
    id: &str,
    done: &str,
    outcome: Result<AuthorityView, AdminError>,
    pasted: &str,
) -> Result<HttpResponse, AdminError> {
    match outcome {
        Ok(_) => Ok(reply::done(&format!("{PLACE}/{id}"), done)),
        Err(error @ AdminError::Absent(_)) => Err(error),
        Err(error) => shown(visitor, id, "", Some(&error), pasted).await,
    }
}

async fn download(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    let authority = visitor.admin.read_authority(visitor.operator(), &id).await?;
    let name = file_name(&authority.name, ".pem");
    Ok(attached(name, "application/x-pem-file", authority.certificate.into_bytes()))
}

async fn enable(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, AdminError> {
    let done = visitor.admin.enable_authority(visitor.operator(), &id, true, form.precondition()).await;
    after(&visitor, &id, "enabled", done, "").await
}

async fn disable(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, AdminError> {
    let done = visitor.admin.enable_authority(visitor.operator(), &id, false, form.precondition()).await;
    after(&visitor, &id, "disabled", done, "").await
}

async fn renew(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, AdminError> {
    let outcome = async {
        let call = renewal_call(&form)?;
        visitor.admin.renew_authority(visitor.operator(), &id, call, form.precondition()).await
    };
    after(&visitor, &id, if form.ticked("cancel") { "recalled" } else { "called" }, outcome.await, "").await
}

async fn add_chain(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, AdminError> {
    let chain = NewChain { certificates: form.text("certificates").to_owned() };
    let done = visitor.admin.add_chain(visitor.operator(), &id, chain, form.precondition()).await;
    after(&visitor, &id, "chain-added", done, form.text("certificates")).await
}

async fn ask_remove_chain(visitor: Visitor, path: web::Path<(String, String)>) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Administrator)?;
    let (id, chain) = path.into_inner();
    let authority = visitor.admin.read_authority(visitor.operator(), &id).await?;
    let found = authority.chains.iter().find(|found| found.id == chain);
    let found = found.ok_or_else(|| AdminError::Absent(format!("chain {chain:?}")))?;
    let here = format!("{PLACE}/{id}");
    let frame = Frame::of(&visitor, PLACE, "Remove a chain");
    let question = format!("Remove the chain of {} up to {}?", authority.name, found.issuer);
    let page = Confirm::ask(frame, question, ("Remove", format!("{here}/chains/{chain}/remove")), here);
    let consequences = "Clients that have chosen it get the authority's own chain with their next download. What was \
                        issued stays valid."
        .to_owned();
    reply::page(&Confirm { consequences, fields: looked_at(authority.revision), ..page })
}

async fn remove_chain(
    visitor: Visitor,
    path: web::Path<(String, String)>,
    form: Form,
) -> Result<HttpResponse, AdminError> {
    let (id, chain) = path.into_inner();
    let done = visitor.admin.remove_chain(visitor.operator(), &id, OldChain { id: chain }, form.precondition()).await;
    after(&visitor, &id, "chain-removed", done, "").await
}

async fn ask_delete(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Administrator)?;
    let authority = visitor.admin.read_authority(visitor.operator(), &id).await?;
    let all = visitor.admin.list_authorities(visitor.operator()).await?;
    let profiles = authority.ra_profiles.iter().map(|name| format!("RA Profile {name}"));
    let below = all.iter().filter(|one| one.parent.as_ref() == Some(&authority.id));
    let here = format!("{PLACE}/{}", authority.id);
    let frame = Frame::of(&visitor, PLACE, "Delete an authority");
    let question = format!("Delete the {} authority {}?", authority.kind, authority.name);
    reply::page(&Confirm {
        consequences: "Its key and its CRL are gone then, and nothing brings them back. It is refused while something \
                       depends on it: RA Profiles, authorities below it, open orders, or certificates that are still valid."
            .to_owned(),
        dependents: profiles.chain(below.map(|one| format!("authority {}", one.name))).collect(),
        fields: looked_at(authority.revision),
        ticks: vec![Tick {
            name: "force",
            label: "Delete it though it has issued certificates",
            help: "Only if all of them are over.",
            required: false,
        }],
        ..Confirm::ask(frame, question, ("Delete", format!("{here}/delete")), here)
    })
}

async fn delete(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, AdminError> {
    let (force, precondition) = (form.ticked("force"), form.precondition());
    match visitor.admin.delete_authority(visitor.operator(), &id, force, precondition).await {
        Ok(()) => Ok(reply::done(PLACE, "deleted")),
        Err(error @ AdminError::Absent(_)) => Err(error),
        Err(error) => shown(&visitor, &id, "", Some(&error), "").await,
    }
}

fn here(authority: &AuthorityView, action: &str) -> String {
    format!("{PLACE}/{}/{action}", authority.id)
}
