//! The list of profiles.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use askama::Template;
use chancery_actors::catalog::Profile as _;

use super::{Kind, all, place, text, view};
use crate::admin::error::AdminError;
use crate::ui::filter::Asked;
use crate::ui::frame::Frame;
use crate::ui::list::Pager;
use crate::ui::reply;
use crate::ui::visitor::Visitor;

/// How far the accounts of each are counted.
const COUNTED: usize = 500;

pub(super) const ENABLED: &[(&str, &str)] = &[("true", "Enabled"), ("false", "Disabled")];

#[derive(Template)]
#[template(path = "profiles/list.html")]
struct List {
    frame: Frame,
    asked: Asked,
    place: &'static str,
    new: &'static str,
    one: &'static str,
    plural: &'static str,
    about: &'static str,
    /// The filter and the column of what it is bound to.
    bound: (&'static str, &'static str),
    other_place: &'static str,
    filter: &'static str,
    others: Vec<(String, String)>,
    rows: Vec<Row>,
    pager: Pager,
}

/// A profile of the list.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) place: String,
    pub(super) description: String,
    /// What it is bound to.
    pub(super) bound: Option<String>,
    pub(super) directory: Option<String>,
    pub(super) state: State,
    pub(super) accounts: String,
}

/// Whether a profile works.
pub(super) struct State {
    pub(super) enabled: bool,
    /// Why its endpoint does not answer, if it does not.
    pub(super) unanswered: Option<String>,
}

impl State {
    pub(super) fn of<P: Kind>(visitor: &Visitor, profile: &P) -> Result<Self, AdminError> {
        let why = visitor.admin.unanswered::<P>(visitor.operator(), profile.name())?;
        let enabled = profile.shown("")["enabled"] == true;
        Ok(Self { enabled, unanswered: why.map(|why| why.to_string()) })
    }

    /// The colour and the word.
    pub(super) const fn badge(&self) -> (&'static str, &'static str) {
        match (self.enabled, &self.unanswered) {
            (false, _) => ("warn", "disabled"),
            (true, None) => ("good", "enabled"),
            (true, Some(_)) => ("calm", "no endpoint"),
        }
    }
}

/// A number that was counted up to a limit.
pub(super) async fn accounts<P: Kind>(visitor: &Visitor, name: &str, cap: usize) -> Result<String, AdminError> {
    let count = visitor.admin.count_profile_accounts::<P>(visitor.operator(), name, cap).await?;
    Ok(format!("{}{}", count.number, if count.capped { "+" } else { "" }))
}

pub(super) async fn list<P: Kind>(visitor: Visitor, request: HttpRequest) -> Result<HttpResponse, AdminError> {
    listed::<P>(&visitor, request.query_string(), None).await
}

/// The list, with why something was not done to what stands in it.
pub(super) async fn listed<P: Kind>(
    visitor: &Visitor,
    query: &str,
    error: Option<&AdminError>,
) -> Result<HttpResponse, AdminError> {
    let asked = Asked::of(P::PLACE, query);
    let frame = Frame::of(visitor, P::PLACE, P::PLURAL).after(query).refused(error).shown_at(&asked.here());
    let others = all::<P::Twin>(visitor)?;
    let others = others.iter().map(|other| (other.name().to_string(), other.name().to_string()));
    let list = |frame, asked, rows, pager| List {
        frame,
        asked,
        place: P::PLACE,
        new: P::NEW,
        one: P::ONE,
        plural: P::PLURAL,
        about: P::ABOUT,
        bound: P::BOUND,
        other_place: P::Twin::PLACE,
        filter: P::FILTER,
        others: others.collect(),
        rows,
        pager,
    };
    match P::listed(visitor, &asked) {
        Ok((found, next)) => {
            let pager = Pager::of(&asked, next.as_deref());
            let mut rows = Vec::with_capacity(found.len());
            for profile in found {
                rows.push(row::<P>(visitor, &profile).await?);
            }
            let status = error.map_or(StatusCode::OK, AdminError::status_code);
            reply::page_with(status, &list(frame, asked, rows, pager))
        }
        Err(error) => {
            let none = Pager::refused(&asked);
            reply::page_with(error.status_code(), &list(frame.refused(Some(&error)), asked, Vec::new(), none))
        }
    }
}

async fn row<P: Kind>(visitor: &Visitor, profile: &P) -> Result<Row, AdminError> {
    let (name, view) = (profile.name().to_string(), view::<P>(visitor, profile));
    let member = |member: &str| Some(text(&view, member).to_owned()).filter(|text| !text.is_empty());
    Ok(Row {
        place: place::<P>(&name),
        description: member("description").unwrap_or_default(),
        bound: member(P::BOUND.0),
        directory: member("directoryUrl"),
        state: State::of(visitor, profile)?,
        accounts: accounts::<P>(visitor, &name, COUNTED).await?,
        name,
    })
}
