//! Making a profile, and changing it.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde_json::Value;

use super::{Kind, defaults, options, place};
use crate::admin::error::AdminError;
use crate::admin::operator::Role;
use crate::ui::fields::{Control, Section, read, sections, written};
use crate::ui::form::{Form, REVISION};
use crate::ui::frame::Frame;
use crate::ui::reply;
use crate::ui::visitor::Visitor;

/// The field of a new profile's name.
const NAME: &str = "name";

#[derive(Template)]
#[template(path = "profiles/edit.html")]
struct Edit {
    frame: Frame,
    plural: &'static str,
    list: &'static str,
    /// The name that something new is to have; none where it has one.
    new_name: Option<String>,
    name_fault: Option<String>,
    /// Where the form goes.
    action: String,
    revision: String,
    sections: Vec<Section>,
    button: &'static str,
    back: String,
}

pub(super) async fn ask_new<P: Kind>(visitor: Visitor) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Operator)?;
    let form = written(P::GROUPS, &defaults::<P>());
    asked::<P>(&visitor, None, &form, None).await
}

pub(super) async fn ask<P: Kind>(visitor: Visitor, name: web::Path<String>) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Operator)?;
    let profile = visitor.admin.read_profile::<P>(visitor.operator(), &name)?;
    let settings = serde_json::to_value(profile.settings()).unwrap_or_default();
    let form = written(P::GROUPS, &settings).and(REVISION, &profile.revision().0.to_string());
    asked::<P>(&visitor, Some(&name), &form, None).await
}

pub(super) async fn create<P: Kind>(visitor: Visitor, form: Form) -> Result<HttpResponse, AdminError> {
    let made = async {
        let mut members = read(P::GROUPS, &form).map_err(AdminError::Invalid)?;
        members.insert(NAME.to_owned(), Value::from(form.text(NAME)));
        visitor.admin.create_profile::<P>(visitor.operator(), members, None).await
    };
    match made.await {
        Ok(_) => Ok(reply::done(&place::<P>(form.text(NAME)), "created")),
        Err(error @ AdminError::Forbidden { .. }) => Err(error),
        Err(error) => asked::<P>(&visitor, None, &form, Some(&error)).await,
    }
}

pub(super) async fn update<P: Kind>(
    visitor: Visitor,
    name: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, AdminError> {
    let changed = async {
        let members = read(P::GROUPS, &form).map_err(AdminError::Invalid)?;
        visitor.admin.update_profile::<P>(visitor.operator(), &name, members, form.precondition()).await
    };
    match changed.await {
        Ok(_) => Ok(reply::done(&place::<P>(&name), "saved")),
        Err(error @ (AdminError::Forbidden { .. } | AdminError::Absent(_))) => Err(error),
        Err(error) => asked::<P>(&visitor, Some(&name), &form, Some(&error)).await,
    }
}

/// The form with what it holds, and with why it was refused.
async fn asked<P: Kind>(
    visitor: &Visitor,
    name: Option<&str>,
    form: &Form,
    error: Option<&AdminError>,
) -> Result<HttpResponse, AdminError> {
    let title = name.map_or_else(|| format!("New {}", P::TITLE), |name| format!("Edit {name}"));
    let mut frame = Frame::of(visitor, P::PLACE, title);
    let mut faults = Vec::new();
    if let Some(error) = error {
        frame = frame.refused(Some(error));
        if let Some(name) = name {
            frame = frame.shown_at(&place::<P>(name));
        }
        faults.extend(frame.notice.iter().flat_map(|notice| notice.faults.iter().cloned()));
        if matches!(error, AdminError::Exists(_)) {
            faults.push((NAME.to_owned(), "There is one of that name already.".to_owned()));
        }
    }
    let options = options::<P>(visitor, name.is_none()).await?;
    let page = Edit {
        frame,
        plural: P::PLURAL,
        list: P::PLACE,
        new_name: name.is_none().then(|| form.text(NAME).to_owned()),
        name_fault: faults.iter().find(|(field, _)| field == NAME).map(|(_, detail)| detail.clone()),
        action: name.map_or_else(|| P::PLACE.to_owned(), |name| format!("{}/edit", place::<P>(name))),
        revision: form.text(REVISION).to_owned(),
        sections: sections((P::GROUPS, P::SCHEMA), form, &defaults::<P>(), &options, &faults),
        button: if name.is_none() { "Create" } else { "Save" },
        back: name.map_or_else(|| P::PLACE.to_owned(), place::<P>),
    };
    reply::page_after(error, &page)
}
