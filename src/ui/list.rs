//! What every list has: its filter, its pages, and what can be done to many of its items at once.

use std::sync::Arc;

use actix_web::HttpResponse;
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::filter::Asked;
use super::form::Form;
use super::frame::{Frame, Notice};
use super::reply;
use super::visitor::Visitor;
use crate::admin::error::AdminError;
use crate::admin::operator::{Operator, Role};
use crate::admin::renewal::NewRenewalCall;
use crate::admin::settings::read;
use crate::admin::{Admin, bulk};

/// Where a list goes on.
pub(super) struct Pager {
    /// The first page, from any later one.
    pub(super) first: Option<String>,
    pub(super) next: Option<String>,
}

impl Pager {
    /// With the bytes of the next page's cursor.
    pub(super) fn of(asked: &Asked, next: Option<&[u8]>) -> Self {
        let first = (!asked.text("cursor").is_empty()).then(|| asked.from(None));
        Self { first, next: next.map(|bytes| asked.from(Some(&URL_SAFE_NO_PAD.encode(bytes)))) }
    }

    /// Of a list that was refused.
    pub(super) fn refused(asked: &Asked) -> Self {
        Self::of(asked, None)
    }
}

/// The field of a bulk form that holds the query of the list's page from which it was sent.
const BACK: &str = "back";

/// The page of a list from which a bulk form was sent.
pub(super) fn back(form: &Form, place: &'static str) -> Asked {
    Asked::of(place, form.text(BACK))
}

/// What the objects of each list are called.
const NOUNS: &[(&str, &str, &str)] = &[
    ("/ui/acme-profiles", "ACME Profile", "ACME Profiles"),
    ("/ui/ra-profiles", "RA Profile", "RA Profiles"),
    ("/ui/accounts", "account", "accounts"),
    ("/ui/orders", "order", "orders"),
    ("/ui/certificates", "certificate", "certificates"),
    ("/ui/eab", "EAB credential", "EAB credentials"),
];

/// What is said of one, and of several, to which something was done.
const DONE_TO: &[(&str, &str, &str)] = &[
    ("enabled", "is enabled", "are enabled"),
    ("disabled", "is disabled", "are disabled"),
    ("deleted", "was deleted", "were deleted"),
    ("revoked", "is revoked", "are revoked"),
    ("canceled", "was canceled", "were canceled"),
    ("called", "is called to renew", "are called to renew"),
    ("recalled", "is no longer called to renew", "are no longer called to renew"),
];

/// `3 accounts are disabled.`, after something was done to that many.
pub(super) fn done_to(section: &str, word: &str, number: usize) -> Option<String> {
    let (_, one, many) = NOUNS.iter().find(|(place, ..)| *place == section)?;
    let (_, is, are) = DONE_TO.iter().find(|(known, ..)| *known == word)?;
    Some(if number == 1 { format!("1 {one} {is}.") } else { format!("{number} {many} {are}.") })
}

/// `Revoke these 3 accounts?`
pub(super) fn question(verb: &str, section: &str, number: usize) -> String {
    let found = NOUNS.iter().find(|(place, ..)| *place == section);
    let (one, many) = found.map_or(("object", "objects"), |(_, one, many)| (*one, *many));
    if number == 1 { format!("{verb} this {one}?") } else { format!("{verb} these {number} {many}?") }
}

/// How many objects a question names.
const NAMED: usize = 50;

/// How people know the objects that were ticked; those past what a question names go by their ids. So does what is gone
/// meanwhile: it is answered for afterwards.
pub(super) async fn named(form: &Form, called: impl AsyncFn(&str) -> Option<String>) -> Vec<String> {
    let mut objects = Vec::new();
    for (nth, id) in form.all("item").enumerate() {
        let found = if nth < NAMED { called(id).await } else { None };
        objects.push(found.unwrap_or_else(|| id.to_owned()));
    }
    objects
}

/// What is asked before something is done that cannot be taken back.
#[derive(Template)]
#[template(path = "confirm.html")]
pub(super) struct Confirm {
    pub(super) frame: Frame,
    /// What will be done, in a sentence that names the object.
    pub(super) question: String,
    /// What follows from it.
    pub(super) consequences: String,
    /// To what it is done, where that was ticked in a list; so many as [`NAMED`] are shown.
    pub(super) objects: Vec<String>,
    /// What depends on it.
    pub(super) dependents: Vec<String>,
    /// Where the form goes.
    pub(super) action: String,
    /// What it holds already.
    pub(super) fields: Vec<(String, String)>,
    /// What can be ticked.
    pub(super) ticks: Vec<Tick>,
    /// What has to be chosen.
    pub(super) choices: Vec<Choice>,
    /// What the button says.
    pub(super) button: &'static str,
    /// Where "Keep" leads.
    pub(super) back: String,
}

impl Confirm {
    /// A question with two answers: the button, which sends the form there, and keeping all as it is. The rest is added to it.
    pub(super) fn ask(frame: Frame, question: String, (button, action): (&'static str, String), back: String) -> Self {
        Self {
            frame,
            question,
            consequences: String::new(),
            objects: Vec::new(),
            dependents: Vec::new(),
            action,
            fields: Vec::new(),
            ticks: Vec::new(),
            choices: Vec::new(),
            button,
            back,
        }
    }
}

/// A box to tick.
pub(super) struct Tick {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) help: &'static str,
    /// Whether nothing is done without it.
    pub(super) required: bool,
}

/// A choice of one.
pub(super) struct Choice {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    /// Values and their words.
    pub(super) options: &'static [(&'static str, &'static str)],
}

/// Why certificates are revoked (RFC 5280 section 5.3.1).
pub(super) const REASONS: &[(&str, &str)] = &[
    ("", "No reason given"),
    ("keyCompromise", "The private key is compromised"),
    ("affiliationChanged", "The names' owner has changed"),
    ("superseded", "Another certificate replaces it"),
    ("cessationOfOperation", "It is no longer in use"),
];

/// The reason that somebody has chosen.
pub(super) fn reason(text: &str) -> Option<chancery_machine::certificate::RevocationReason> {
    use chancery_machine::certificate::RevocationReason as Reason;
    match text {
        "keyCompromise" => Some(Reason::KeyCompromise),
        "affiliationChanged" => Some(Reason::AffiliationChanged),
        "superseded" => Some(Reason::Superseded),
        "cessationOfOperation" => Some(Reason::CessationOfOperation),
        _ => None,
    }
}

/// Over how long renewals can be spread (RFC 9773).
pub(super) const WITHIN: &[(&str, &str)] = &[
    ("", "at once"),
    ("6h", "spread over 6 hours"),
    ("1d", "spread over a day"),
    ("3d", "spread over 3 days"),
    ("7d", "spread over a week"),
    ("30d", "spread over 30 days"),
];

/// The call to renew that a form makes or takes back.
///
/// # Errors
/// [`AdminError::Invalid`] names the field at fault.
pub(super) fn renewal_call(form: &Form) -> Result<NewRenewalCall, AdminError> {
    if form.ticked("cancel") {
        return Ok(NewRenewalCall { within: None, cancel: true });
    }
    Ok(read(json!({ "within": form.given("within") }))?)
}

#[derive(Template)]
#[template(path = "bulk.html")]
struct Results {
    frame: Frame,
    done: usize,
    /// What was not done, and why.
    failures: Vec<(String, Notice)>,
    /// The list.
    place: &'static str,
    back: String,
}

/// Does this to every item of the form, and shows what became of them: on the list if all went well.
pub(super) async fn each<F>(
    visitor: &Visitor,
    form: &Form,
    section: &'static str,
    word: &'static str,
    action: impl Fn(Arc<Admin>, Operator, String) -> F + 'static,
) -> Result<HttpResponse, AdminError>
where
    F: Future<Output = Result<(), AdminError>> + 'static,
{
    let items: Vec<String> = form.all("item").map(str::to_owned).collect();
    let (admin, operator) = (visitor.admin.clone().into_inner(), visitor.operator().clone());
    let outcomes = bulk::each(admin, operator, Role::Operator, items, action).await?;
    let all = outcomes.len();
    let failed = |(item, outcome): (String, Result<(), AdminError>)| Some((item, Notice::of(&outcome.err()?)));
    let failures: Vec<_> = outcomes.into_iter().filter_map(failed).collect();
    if failures.is_empty() {
        return Ok(reply::done(&back(form, section).here(), &format!("{word}&n={all}")));
    }
    let frame = Frame::of(visitor, section, "What was done");
    reply::page(&Results {
        frame,
        done: all - failures.len(),
        failures,
        place: section,
        back: back(form, section).here(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_called_many() {
        assert_eq!(done_to("/ui/accounts", "disabled", 1).as_deref(), Some("1 account is disabled."));
        assert_eq!(done_to("/ui/orders", "canceled", 3).as_deref(), Some("3 orders were canceled."));
        assert_eq!(done_to("/ui/orders", "anything", 3), None);
        assert_eq!(question("Revoke", "/ui/eab", 1), "Revoke this EAB credential?");
        assert_eq!(question("Cancel", "/ui/orders", 2), "Cancel these 2 orders?");
    }
}
