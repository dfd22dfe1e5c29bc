//! Deleting profiles, and what is done to many.

use actix_web::{HttpResponse, web};

use super::{Kind, listing, place};
use crate::admin::bulk::bounded;
use crate::admin::error::AdminError;
use crate::admin::operator::Role;
use crate::admin::profiles::BulkAction;
use crate::ui::form::{Form, REVISION};
use crate::ui::frame::Frame;
use crate::ui::list::{self, Confirm, Tick};
use crate::ui::reply;
use crate::ui::visitor::Visitor;

/// The box that deletes it though something depends on it.
const FORCE: &str = "force";

const GONE: &str = "Its endpoints refuse everything from then on. Certificates stay valid. Accounts stay, and are reached \
                    again if a profile of that name is created.";

fn force(needed: bool) -> Tick {
    Tick {
        name: FORCE,
        label: "Delete it all the same",
        help: "Profiles of the other kind that name it lose it. EAB credentials and accounts stay as they are.",
        required: needed,
    }
}

pub(super) async fn ask<P: Kind>(visitor: Visitor, name: web::Path<String>) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Operator)?;
    let profile = visitor.admin.read_profile::<P>(visitor.operator(), &name)?;
    confirmed::<P>(&visitor, &name, &profile.revision().0.to_string(), None).await
}

pub(super) async fn delete<P: Kind>(
    visitor: Visitor,
    name: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, AdminError> {
    let force = form.ticked(FORCE);
    match visitor.admin.delete_profile::<P>(visitor.operator(), &name, force, form.precondition()).await {
        Ok(()) => Ok(reply::done(P::PLACE, "deleted")),
        Err(error @ (AdminError::InUse { .. } | AdminError::Changed { .. })) => {
            confirmed::<P>(&visitor, &name, form.text(REVISION), Some(&error)).await
        }
        Err(error) => Err(error),
    }
}

async fn confirmed<P: Kind>(
    visitor: &Visitor,
    name: &str,
    revision: &str,
    error: Option<&AdminError>,
) -> Result<HttpResponse, AdminError> {
    let dependents = visitor.admin.profile_dependents::<P>(visitor.operator(), name).await?;
    let mut frame = Frame::of(visitor, P::PLACE, format!("Delete {}", P::ONE)).refused(error);
    frame = frame.shown_at(&place::<P>(name));
    if let Some(notice) = &mut frame.notice {
        // They stand below.
        notice.dependents.clear();
    }
    let (question, here) = (format!("Delete {} {name}?", P::TITLE), place::<P>(name));
    let page = Confirm {
        consequences: GONE.to_owned(),
        ticks: if dependents.is_empty() { Vec::new() } else { vec![force(true)] },
        dependents,
        fields: vec![(REVISION.to_owned(), revision.to_owned())],
        ..Confirm::ask(frame, question, ("Delete", format!("{here}/delete")), here)
    };
    reply::page_after(error, &page)
}

pub(super) async fn bulk<P: Kind>(visitor: Visitor, form: Form) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Operator)?;
    if form.all("item").next().is_none() {
        let none = AdminError::Refused("no profile was ticked, so nothing was done".to_owned());
        return listing::listed::<P>(&visitor, &list::back(&form, P::PLACE).back(), Some(&none)).await;
    }
    let (action, word) = match form.text("action") {
        "enable" => (BulkAction::Enable, "enabled"),
        "disable" => (BulkAction::Disable, "disabled"),
        "delete" if form.ticked("confirmed") => (BulkAction::Delete, "deleted"),
        "delete" => return ask_all::<P>(&visitor, &form).await,
        other => return Err(AdminError::Malformed(format!("{other:?} can be done to no profile"))),
    };
    let force = form.ticked(FORCE);
    list::each(&visitor, &form, P::PLACE, word, move |admin, operator, name| async move {
        admin.bulk_profile::<P>(&operator, action, force, &name).await
    })
    .await
}

async fn ask_all<P: Kind>(visitor: &Visitor, form: &Form) -> Result<HttpResponse, AdminError> {
    let objects: Vec<String> = form.all("item").map(str::to_owned).collect();
    bounded(&objects)?;
    let mut dependents = Vec::new();
    for name in &objects {
        let found = visitor.admin.profile_dependents::<P>(visitor.operator(), name).await?;
        dependents.extend(found.into_iter().map(|dependent| format!("{name}: {dependent}")));
    }
    let frame = Frame::of(visitor, P::PLACE, format!("Delete {}", P::PLURAL));
    let question = list::question("Delete", P::PLACE, objects.len());
    let (action, back) = (format!("{}/:bulk", P::PLACE), list::back(form, P::PLACE).here());
    reply::page(&Confirm {
        consequences: GONE.to_owned(),
        objects,
        ticks: if dependents.is_empty() { Vec::new() } else { vec![force(false)] },
        dependents,
        fields: form.fields().cloned().collect(),
        ..Confirm::ask(frame, question, ("Delete", action), back)
    })
}
