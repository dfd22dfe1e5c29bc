//! EAB credentials: whom the operator knows beforehand (RFC 8555 section 7.3.4).

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;
use serde_json::{Map, Value};

use super::filter::{Asked, utc};
use super::form::{Form, REVISION, looked_at};
use super::frame::Frame;
use super::list::{self, Confirm, Pager, Tick};
use super::reply;
use super::visitor::Visitor;
use super::words::{self, filters};
use crate::admin::eab::EabCredentialView;
use crate::admin::error::AdminError;
use crate::admin::idempotency::IdempotencyKey;
use crate::admin::operator::Role;
use crate::admin::precondition::Precondition;
use crate::admin::rest::filters::{EabCredentials as Filter, place};
use crate::admin::settings::Fault;
use crate::admin::words::EabStatus;

const PLACE: &str = "/ui/eab";

/// The field that tells two requests for a credential from one that was sent twice.
const ONCE: &str = "once";

const STATUSES: &[(&str, &str)] = &[("valid", "Valid"), ("expired", "Expired"), ("revoked", "Revoked")];
const SORTS: &[(&str, &str)] = &[("-created", "Newest first"), ("created", "Oldest first")];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/eab").get(list).post(create))
        .service(web::resource("/eab/new").get(ask_create))
        .service(web::resource("/eab/bulk").post(bulk))
        .service(web::resource("/eab/{id}").get(read))
        .service(web::resource("/eab/{id}/edit").get(ask_edit).post(edit))
        .service(web::resource("/eab/{id}/revoke").get(ask_revoke).post(revoke))
        .service(web::resource("/eab/{id}/delete").get(ask_delete).post(delete));
}

#[derive(Template)]
#[template(path = "eab/list.html")]
struct List {
    frame: Frame,
    asked: Asked,
    credentials: Vec<EabCredentialView>,
    pager: Pager,
}

#[derive(Template)]
#[template(path = "eab/detail.html")]
struct Detail<'a> {
    frame: Frame,
    credential: &'a EabCredentialView,
}

/// The form of a credential, new or not.
#[derive(Template)]
#[template(path = "eab/form.html")]
struct Settings {
    frame: Frame,
    written: Written,
    /// The credential that is edited.
    edited: Option<(String, String)>,
    once: String,
    acme_profiles: Vec<String>,
    ra_profiles: Vec<String>,
}

/// A new credential with its key.
#[derive(Template)]
#[template(path = "eab/made.html")]
struct Made<'a> {
    frame: Frame,
    key_id: &'a str,
    hmac_key: &'a str,
    algorithm: &'a str,
    example: &'a str,
}

/// What stands in the form.
#[derive(Default)]
struct Written {
    description: String,
    acme_profiles: Vec<String>,
    ra_profiles: Vec<String>,
    names: String,
    accounts: String,
    orders: String,
    expires: String,
}

impl Written {
    fn of(form: &Form) -> Self {
        let all = |name| form.all(name).map(str::to_owned).collect();
        let text = |name| form.text(name).to_owned();
        Self {
            description: text("description"),
            acme_profiles: all("acmeProfiles"),
            ra_profiles: all("raProfiles"),
            names: text("names"),
            accounts: text("accounts"),
            orders: text("orders"),
            expires: text("expires").trim_end_matches('Z').to_owned(),
        }
    }

    fn shown(credential: &EabCredentialView) -> Self {
        let settings = &credential.settings;
        Self {
            description: settings.description.clone(),
            acme_profiles: settings.acme_profiles.clone(),
            ra_profiles: settings.ra_profiles.clone(),
            names: settings.names.join("\n"),
            accounts: settings.accounts.map(|most| most.to_string()).unwrap_or_default(),
            orders: settings.orders.map(|most| most.to_string()).unwrap_or_default(),
            expires: settings.expires.as_deref().unwrap_or_default().trim_end_matches('Z').to_owned(),
        }
    }

    /// The settings as the API takes them.
    ///
    /// # Errors
    /// [`Fault`] of a field that is no number.
    fn members(&self) -> Result<Map<String, Value>, Fault> {
        let number = |field: &str, text: &str| match text {
            "" => Ok(Value::Null),
            text => text.parse::<u64>().map(Value::from).map_err(|_| Fault::new(field, "a whole number, or nothing")),
        };
        let names = self.names.lines().map(str::trim).filter(|name| !name.is_empty());
        let expires = if self.expires.is_empty() { Value::Null } else { utc(&self.expires).into() };
        // Browsers send line feeds as two characters.
        let description = self.description.replace("\r\n", "\n");
        let members = [
            ("description", Value::from(description)),
            ("acmeProfiles", self.acme_profiles.clone().into()),
            ("raProfiles", self.ra_profiles.clone().into()),
            ("names", names.collect::<Vec<_>>().into()),
            ("accounts", number("accounts", &self.accounts)?),
            ("orders", number("orders", &self.orders)?),
            ("expires", expires),
        ];
        Ok(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

async fn list(visitor: Visitor, request: HttpRequest) -> Result<HttpResponse, AdminError> {
    listed(&visitor, request.query_string(), None).await
}

/// The list, with why something was not done to it.
async fn listed(visitor: &Visitor, query: &str, error: Option<&AdminError>) -> Result<HttpResponse, AdminError> {
    let asked = Asked::of(PLACE, query);
    let frame = Frame::of(visitor, PLACE, "EAB credentials").after(query).refused(error).shown_at(&asked.here());
    let found = async {
        let filter: Filter = asked.filter()?;
        let (limit, after) = place(&filter.page())?;
        visitor.admin.list_eab_credentials(visitor.operator(), &filter.query(), after.as_ref(), limit).await
    };
    match found.await {
        Ok(page) => {
            let pager = Pager::of(&asked, page.next.map(|cursor| cursor.to_bytes()).as_deref());
            reply::page_after(error, &List { frame, asked, credentials: page.items, pager })
        }
        Err(error) => {
            let (frame, pager) = (frame.refused(Some(&error)), Pager::refused(&asked));
            reply::page_with(error.status_code(), &List { frame, asked, credentials: Vec::new(), pager })
        }
    }
}

async fn ask_create(visitor: Visitor) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Operator)?;
    let once = visitor.admin.engine.new_id().to_string();
    settings(&visitor, Written::default(), None, once, None).await
}

/// The form, with why what stands in it was refused.
async fn settings(
    visitor: &Visitor,
    written: Written,
    edited: Option<(String, String)>,
    once: String,
    error: Option<&AdminError>,
) -> Result<HttpResponse, AdminError> {
    let catalog = visitor.admin.engine.catalog().await?;
    // With those that are gone meanwhile, and named here all the same.
    let with = |there: BTreeSet<String>, named: &[String]| {
        there.into_iter().chain(named.iter().cloned()).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let acme = catalog.acme.keys().map(ToString::to_string).collect();
    let ra = catalog.ra.keys().map(ToString::to_string).collect();
    let title = if edited.is_some() { "Edit an EAB credential" } else { "Make an EAB credential" };
    let mut frame = Frame::of(visitor, PLACE, title).refused(error);
    if let Some((id, _)) = &edited {
        frame = frame.shown_at(&format!("{PLACE}/{id}"));
    }
    let page = Settings {
        frame,
        acme_profiles: with(acme, &written.acme_profiles),
        ra_profiles: with(ra, &written.ra_profiles),
        written,
        edited,
        once,
    };
    reply::page_after(error, &page)
}

async fn create(visitor: Visitor, form: Form) -> Result<HttpResponse, AdminError> {
    let written = Written::of(&form);
    let made = async {
        let members = written.members()?;
        // Whoever reloads the page sends the form once more, and is shown the same key again.
        let request = Value::Object(members.clone()).to_string();
        let who = &visitor.operator().who;
        let key = form.given(ONCE).map(|once| IdempotencyKey::new(who, once, request.as_bytes())).transpose()?;
        visitor.admin.create_eab_credential(visitor.operator(), &members, key.as_ref()).await
    };
    match made.await {
        Ok(made) => {
            let text = |member: &str| made.view[member].as_str().unwrap_or_default();
            reply::page_with(
                StatusCode::CREATED,
                &Made {
                    frame: Frame::of(&visitor, PLACE, "The credential is made"),
                    key_id: text("keyId"),
                    hmac_key: text("hmacKey"),
                    algorithm: text("algorithm"),
                    example: text("example"),
                },
            )
        }
        Err(error) => {
            let once = visitor.admin.engine.new_id().to_string();
            settings(&visitor, written, None, once, Some(&error)).await
        }
    }
}

async fn read(visitor: Visitor, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    shown(&visitor, &id, request.query_string(), None).await
}

/// The page of a credential, with why something was not done to it.
async fn shown(
    visitor: &Visitor,
    id: &str,
    query: &str,
    error: Option<&AdminError>,
) -> Result<HttpResponse, AdminError> {
    let credential = visitor.admin.read_eab_credential(visitor.operator(), id).await?;
    let frame = Frame::of(visitor, PLACE, format!("EAB credential {id}")).after(query).refused(error);
    let frame = frame.shown_at(&format!("{PLACE}/{id}"));
    let page = Detail { frame, credential: &credential };
    reply::page_after(error, &page)
}

/// Leads to a place after something was done to a credential, or shows there why not.
async fn after<T>(
    visitor: &Visitor,
    id: &str,
    (place, done): (&str, &str),
    outcome: Result<T, AdminError>,
) -> Result<HttpResponse, AdminError> {
    match outcome {
        Ok(_) => Ok(reply::done(place, done)),
        Err(error @ AdminError::Absent(_)) => Err(error),
        Err(error) => shown(visitor, id, "", Some(&error)).await,
    }
}

async fn ask_edit(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Operator)?;
    let credential = visitor.admin.read_eab_credential(visitor.operator(), &id).await?;
    let edited = Some((credential.key_id.clone(), credential.revision.to_string()));
    settings(&visitor, Written::shown(&credential), edited, String::new(), None).await
}

async fn edit(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, AdminError> {
    let written = Written::of(&form);
    let outcome = async {
        visitor.admin.update_eab_credential(visitor.operator(), &id, &written.members()?, form.precondition()).await
    };
    match outcome.await {
        Ok(_) => Ok(reply::done(&format!("{PLACE}/{id}"), "saved")),
        Err(error @ AdminError::Absent(_)) => Err(error),
        Err(error) => {
            let edited = Some((id.to_string(), form.text(REVISION).to_owned()));
            settings(&visitor, written, edited, String::new(), Some(&error)).await
        }
    }
}

const REVOKED: &str = "No more accounts are bound with it, and nothing takes that back. Accounts that are bound stay bound; \
                       disable or revoke them if they are to end too.";
const DELETED: &str =
    "Nothing brings it back. It is refused while accounts are bound with it, unless you tick the box.";
const FORCE: Tick = Tick {
    name: "force",
    label: "Delete it though accounts are bound with it",
    help: "Those accounts place no more orders then.",
    required: false,
};

fn confirmation(frame: Frame, question: String, action: String, back: String) -> Confirm {
    Confirm { consequences: REVOKED.to_owned(), ..Confirm::ask(frame, question, ("Revoke", action), back) }
}

/// How people know a credential.
fn called(credential: &EabCredentialView) -> String {
    let EabCredentialView { key_id, settings, .. } = credential;
    match settings.description.lines().next() {
        Some(whose) => format!("{key_id} ({whose})"),
        None => key_id.clone(),
    }
}

async fn ask_revoke(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Operator)?;
    let credential = visitor.admin.read_eab_credential(visitor.operator(), &id).await?;
    let question = format!("Revoke the EAB credential {}?", called(&credential));
    let here = format!("{PLACE}/{id}");
    let frame = Frame::of(&visitor, PLACE, "Revoke an EAB credential");
    let page = confirmation(frame, question, format!("{here}/revoke"), here);
    reply::page(&Confirm { fields: looked_at(credential.revision), ..page })
}

async fn revoke(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, AdminError> {
    let done = visitor.admin.revoke_eab_credential(visitor.operator(), &id, form.precondition()).await;
    after(&visitor, &id, (&format!("{PLACE}/{id}"), "revoked"), done).await
}

async fn ask_delete(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Operator)?;
    let credential = visitor.admin.read_eab_credential(visitor.operator(), &id).await?;
    let dependents = visitor.admin.bound_accounts(visitor.operator(), &id).await?;
    let question = format!("Delete the EAB credential {}?", called(&credential));
    let here = format!("{PLACE}/{id}");
    let frame = Frame::of(&visitor, PLACE, "Delete an EAB credential");
    let page = Confirm::ask(frame, question, ("Delete", format!("{here}/delete")), here);
    let (fields, consequences) = (looked_at(credential.revision), DELETED.to_owned());
    let ticks = if dependents.is_empty() { Vec::new() } else { vec![FORCE] };
    reply::page(&Confirm { fields, consequences, dependents, ticks, ..page })
}

async fn delete(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, AdminError> {
    let (force, precondition) = (form.ticked("force"), form.precondition());
    let done = visitor.admin.delete_eab_credential(visitor.operator(), &id, force, precondition).await;
    after(&visitor, &id, (PLACE, "deleted"), done).await
}

async fn bulk(visitor: Visitor, form: Form) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Operator)?;
    let back = list::back(&form, PLACE);
    if form.all("item").next().is_none() {
        let none = AdminError::Refused("no credential was ticked, so nothing was done".to_owned());
        return listed(&visitor, &back.back(), Some(&none)).await;
    }
    let any = Precondition::Any;
    match (form.text("action"), form.ticked("confirmed")) {
        ("revoke", true) => {
            list::each(&visitor, &form, PLACE, "revoked", move |admin, operator, id| async move {
                admin.revoke_eab_credential(&operator, &id, any).await.map(drop)
            })
            .await
        }
        ("delete", true) => {
            let force = form.ticked("force");
            list::each(&visitor, &form, PLACE, "deleted", move |admin, operator, id| async move {
                admin.delete_eab_credential(&operator, &id, force, any).await
            })
            .await
        }
        (action @ ("revoke" | "delete"), false) => {
            let read = async |id: &str| visitor.admin.read_eab_credential(visitor.operator(), id).await.ok();
            let objects = list::named(&form, async |id| read(id).await.as_ref().map(called)).await;
            let fields = form.fields().cloned().collect();
            let deletes = action == "delete";
            let verb = if deletes { "Delete" } else { "Revoke" };
            let question = list::question(verb, PLACE, objects.len());
            let frame = Frame::of(&visitor, PLACE, format!("{verb} EAB credentials"));
            let page = Confirm::ask(frame, question, (verb, format!("{PLACE}/bulk")), back.here());
            let ticks = if deletes { vec![FORCE] } else { Vec::new() };
            let consequences = if deletes { DELETED } else { REVOKED }.to_owned();
            reply::page(&Confirm { objects, fields, consequences, ticks, ..page })
        }
        (other, _) => Err(AdminError::Malformed(format!("{other:?} can be done to no credential"))),
    }
}

fn badge(credential: &EabCredentialView) -> String {
    match credential.status {
        EabStatus::Valid => words::badge("good", "valid"),
        EabStatus::Expired => words::badge("", "expired"),
        EabStatus::Revoked => words::badge("bad", "revoked"),
    }
}

/// How many of how many, as in `2 of 5`.
fn share<T: ToString>(used: &impl ToString, most: Option<T>) -> String {
    match most {
        Some(most) => format!("{} of {}", used.to_string(), most.to_string()),
        None => format!("{}, without a limit", used.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_form_says_all_settings_and_what_is_empty_limits_nothing() {
        let form = Form::parse(
            b"description=team+7%0D%0Ahall+2&acmeProfiles=a&acmeProfiles=b&names=**.corp.example%0D%0A%0D%0A10.0.0.0%2F8&\
              accounts=2&orders=&expires=2030-01-01T12%3A00",
        );
        let members = Written::of(&form).members().expect("it is sound");
        let expected = json!({
            "description": "team 7\nhall 2", "acmeProfiles": ["a", "b"], "raProfiles": [],
            "names": ["**.corp.example", "10.0.0.0/8"], "accounts": 2, "orders": null, "expires": "2030-01-01T12:00:00Z",
        });
        assert_eq!(Value::Object(members), expected);
        let wrong = Written { orders: "many".to_owned(), ..Written::default() }.members();
        assert_eq!(wrong.expect_err("no number").field, "orders");
    }
}
