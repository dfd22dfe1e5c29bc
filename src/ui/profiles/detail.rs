//! A profile: how it stands, what is bound to it, how clients use it, and what it says.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chancery_actors::catalog::Profile as _;
use chancery_machine::profile::AcmeProfile;
use serde_json::Value;

use super::commands::{Command, commands};
use super::listing::{State, accounts};
use super::trial::TryForm;
use super::{Kind, all, defaults, place, text, users, view};
use crate::admin::authorities::AuthorityView;
use crate::admin::error::AdminError;
use crate::ui::fields::{Fact, facts};
use crate::ui::form::Form;
use crate::ui::frame::Frame;
use crate::ui::reply;
use crate::ui::visitor::Visitor;
use crate::ui::words::filters;

/// How far the accounts are counted.
const COUNTED: usize = 5_000;

#[derive(Template)]
#[template(path = "profiles/detail.html")]
struct Detail {
    frame: Frame,
    title: &'static str,
    plural: &'static str,
    list: &'static str,
    name: String,
    here: String,
    revision: u64,
    state: State,
    description: String,
    website: String,
    bound: (&'static str, Option<Link>),
    authority: Option<(Link, bool)>,
    terms_changed: Option<String>,
    directories: Vec<Directory>,
    users: Vec<Link>,
    accounts: String,
    filter: &'static str,
    /// How the audit log names it.
    object: String,
    differs: Vec<(&'static str, Vec<Fact>)>,
    all: Vec<(&'static str, Vec<Fact>)>,
    commands: Vec<Command>,
    binding_required: bool,
    root: String,
    fingerprints: Vec<(String, String)>,
    form: TryForm,
    /// Only RA Profiles.
    calls: Option<Calls>,
}

/// A thing with a page of its own.
struct Link {
    name: String,
    place: String,
}

/// Where clients begin.
struct Directory {
    label: String,
    url: String,
}

/// What RA Profiles have besides.
struct Calls {
    call: Option<(String, String)>,
    acme_profiles: Vec<String>,
    activated: String,
    within_fault: Option<String>,
    profile_fault: Option<String>,
    within: String,
}

pub(super) async fn read<P: Kind>(
    visitor: Visitor,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, AdminError> {
    shown::<P>(&visitor, &name, request.query_string(), None).await
}

pub(super) async fn enable<P: Kind>(
    visitor: Visitor,
    name: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, AdminError> {
    let done = visitor.admin.enable_profile::<P>(visitor.operator(), &name, true, form.precondition()).await;
    after::<P>(&visitor, &name, "enabled", done).await
}

pub(super) async fn disable<P: Kind>(
    visitor: Visitor,
    name: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, AdminError> {
    let done = visitor.admin.enable_profile::<P>(visitor.operator(), &name, false, form.precondition()).await;
    after::<P>(&visitor, &name, "disabled", done).await
}

/// Leads back to a profile after something was done to it, or shows there why not.
pub(super) async fn after<P: Kind>(
    visitor: &Visitor,
    name: &str,
    done: &str,
    outcome: Result<P, AdminError>,
) -> Result<HttpResponse, AdminError> {
    match outcome {
        Ok(_) => Ok(reply::done(&place::<P>(name), done)),
        Err(error @ AdminError::Absent(_)) => Err(error),
        Err(error) => shown::<P>(visitor, name, "", Some(&error)).await,
    }
}

async fn shown<P: Kind>(
    visitor: &Visitor,
    name: &str,
    query: &str,
    error: Option<&AdminError>,
) -> Result<HttpResponse, AdminError> {
    let profile = visitor.admin.read_profile::<P>(visitor.operator(), name)?;
    let view = view::<P>(visitor, &profile);
    let member = |member: &str| Some(text(&view, member).to_owned()).filter(|text| !text.is_empty());
    let authorities = visitor.admin.list_authorities(visitor.operator()).await?;
    let authority = member("authority").map(|id| signer(&authorities, &id));
    let (mut every, defaults) = (facts(P::GROUPS, &view, &defaults::<P>()), defaults::<P>());
    if let Some((link, _)) = &authority {
        let all = every.iter_mut().flat_map(|(_, facts)| facts);
        // The id says nothing to people.
        all.filter(|fact| fact.label == "Authority").for_each(|fact| fact.words = vec![link.name.clone()]);
    }
    let mut differs = facts(P::GROUPS, &view, &defaults);
    // What is general stands at the top anyway.
    differs.drain(..1);
    differs.iter_mut().for_each(|(_, facts)| facts.retain(|fact| fact.differs));
    differs.retain(|(_, facts)| !facts.is_empty());
    let acme = P::ordering(visitor, &profile)?;
    let directories = directories::<P>(visitor, &profile, &view)?;
    // Its own, or else the first of those that answer in its stead.
    let bound = member(P::BOUND.0).is_some();
    let directory = if bound { directories.first() } else { directories.last() };
    let directory = directory.map(|directory| directory.url.clone());
    let frame = Frame::of(visitor, P::PLACE, name).after(query).refused(error).shown_at(&place::<P>(name));
    let fault = |field: &str| {
        let notice = frame.notice.as_ref()?;
        notice.faults.iter().find(|(given, _)| given == field).map(|(_, detail)| detail.clone())
    };
    let calls = if view.get("renewalCall").is_some() { Some(calls(visitor, &view, &fault)?) } else { None };
    let page = Detail {
        title: P::TITLE,
        plural: P::PLURAL,
        list: P::PLACE,
        name: name.to_owned(),
        here: place::<P>(name),
        revision: profile.revision().0,
        state: State::of(visitor, &*profile)?,
        description: member("description").unwrap_or_default(),
        website: member("website").unwrap_or_default(),
        bound: (P::BOUND.1, member(P::BOUND.0).map(|name| Link { place: place::<P::Twin>(&name), name })),
        authority,
        terms_changed: member("termsChangedAt"),
        directories,
        users: users::<P>(visitor, profile.name())?
            .iter()
            .map(|user| Link { name: user.name().to_string(), place: place::<P::Twin>(user.name().as_str()) })
            .collect(),
        accounts: accounts::<P>(visitor, name, COUNTED).await?,
        filter: P::FILTER,
        object: format!("{}/{name}", P::WORD),
        differs,
        all: every,
        commands: match (&directory, &acme) {
            (Some(directory), Some(acme)) => commands(directory, acme),
            (None, _) | (_, None) => Vec::new(),
        },
        binding_required: acme.is_some_and(|acme| acme.binding_required),
        root: format!("{}/root.pem", visitor.admin.origin),
        fingerprints: roots(&authorities),
        form: TryForm::of::<P>(visitor, &profile)?,
        calls,
        frame,
    };
    reply::page_after(error, &page)
}

/// What signs, and whether it is enabled.
fn signer(authorities: &[AuthorityView], id: &str) -> (Link, bool) {
    let found = authorities.iter().find(|authority| authority.id == id);
    let name = found.map_or_else(|| id.to_owned(), |authority| authority.name.clone());
    (Link { name, place: format!("/ui/authorities/{id}") }, found.is_some_and(|authority| authority.enabled))
}

/// The roots, and the SHA-256 of their certificates as openssl writes them.
fn roots(authorities: &[AuthorityView]) -> Vec<(String, String)> {
    let roots = authorities.iter().filter(|authority| authority.kind == "root");
    let pairs = |hex: &str| {
        let octets: Vec<_> = hex.as_bytes().chunks(2).map(String::from_utf8_lossy).collect();
        octets.join(":").to_uppercase()
    };
    roots.map(|root| (root.name.clone(), pairs(&root.fingerprint))).collect()
}

/// Its own directory, and those of the RA Profiles on which it is activated.
fn directories<P: Kind>(visitor: &Visitor, profile: &P, view: &Value) -> Result<Vec<Directory>, AdminError> {
    let mut found = Vec::new();
    if !text(view, "directoryUrl").is_empty() {
        found.push(Directory { label: "Directory URL".to_owned(), url: text(view, "directoryUrl").to_owned() });
    }
    if profile.authority().is_none() {
        for user in users::<P>(visitor, profile.name())? {
            let view = super::view::<P::Twin>(visitor, &user);
            let label = format!("Directory URL of RA Profile {}", user.name());
            found.push(Directory { label, url: text(&view, "directoryUrl").to_owned() });
        }
    }
    Ok(found)
}

fn calls(visitor: &Visitor, view: &Value, fault: &dyn Fn(&str) -> Option<String>) -> Result<Calls, AdminError> {
    let call = &view["renewalCall"];
    let profiles: Vec<Arc<AcmeProfile>> = all(visitor)?;
    Ok(Calls {
        call: call.is_object().then(|| (text(call, "issuedUntil").to_owned(), text(call, "renewedUntil").to_owned())),
        acme_profiles: profiles.iter().map(|profile| profile.name.to_string()).collect(),
        activated: text(view, "acmeProfile").to_owned(),
        within_fault: fault("within"),
        profile_fault: fault("acmeProfile"),
        within: String::new(),
    })
}

fn below(here: &str, action: &str) -> String {
    format!("{here}/{action}")
}

/// What profiles of the other kind are to it.
fn users_word(filter: &str) -> &'static str {
    if filter == AcmeProfile::FILTER { "RA Profiles where it is activated" } else { "ACME Profiles that name it" }
}
