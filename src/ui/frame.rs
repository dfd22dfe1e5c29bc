//! What surrounds every page: the menu, who has signed in, and what there is to say about what they just did.

use chancery_actors::error::TurnError;

use super::assets::{URLS, Urls};
use super::form::Form;
use super::list;
use super::visitor::Visitor;
use crate::admin::error::AdminError;
use crate::admin::operator::Role;
use crate::admin::rest::problem::Problem;

/// An entry of the menu.
pub(super) struct Entry {
    pub(super) place: &'static str,
    pub(super) name: &'static str,
}

/// The menu.
const MENU: &[Entry] = &[
    Entry { place: "/ui", name: "Overview" },
    Entry { place: "/ui/acme-profiles", name: "ACME Profiles" },
    Entry { place: "/ui/ra-profiles", name: "RA Profiles" },
    Entry { place: "/ui/accounts", name: "ACME Accounts" },
    Entry { place: "/ui/orders", name: "Orders" },
    Entry { place: "/ui/certificates", name: "Certificates" },
    Entry { place: "/ui/authorities", name: "Authorities" },
    Entry { place: "/ui/eab", name: "EAB credentials" },
    Entry { place: "/ui/tokens", name: "Tokens" },
    Entry { place: "/ui/audit", name: "Audit log" },
];

/// What a page says of something that was done: the words after `done=` in its URL, so that nobody can have it say
/// anything else.
const DONE: &[(&str, &str)] = &[
    ("created", "It was created."),
    ("saved", "Your changes are saved."),
    ("enabled", "It is enabled."),
    ("disabled", "It is disabled."),
    ("deleted", "It was deleted."),
    ("revoked", "It is revoked."),
    ("canceled", "It was canceled."),
    ("agreed", "The agreement to the terms is noted."),
    ("called", "Clients that ask when to renew are told."),
    ("recalled", "The call to renew is taken back."),
    ("activated", "The ACME Profile is activated on it."),
    ("deactivated", "The ACME Profile is no longer activated on it."),
    ("chain-added", "The chain is added. Clients find it beside the one that they download."),
    ("chain-removed", "The chain is removed."),
    ("signed-in", "You have signed in."),
];

/// What surrounds a page.
pub(super) struct Frame {
    pub(super) urls: &'static Urls,
    /// The place of the menu's entry under which the page stands.
    pub(super) section: &'static str,
    pub(super) title: String,
    /// The token's name.
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) form_key: String,
    pub(super) done: Option<String>,
    pub(super) notice: Option<Notice>,
}

/// Something that was not done: why, and what to do about it.
#[derive(Clone, Debug, Default)]
pub(super) struct Notice {
    pub(super) title: String,
    pub(super) detail: String,
    pub(super) advice: &'static str,
    /// What depends on the thing that was to be removed.
    pub(super) dependents: Vec<String>,
    /// The fields at fault, and why.
    pub(super) faults: Vec<(String, String)>,
    /// Where the thing is shown as it is now: the page of a form that was refused has a URL that only takes forms.
    pub(super) place: Option<String>,
}

impl Frame {
    pub(super) fn of(visitor: &Visitor, section: &'static str, title: impl Into<String>) -> Self {
        let operator = visitor.operator();
        // `token:{id} {name}`
        let name = operator.who.split_once(' ').map_or(operator.who.as_str(), |(_, name)| name);
        Self {
            urls: &URLS,
            section,
            title: title.into(),
            name: name.to_owned(),
            role: operator.role,
            form_key: visitor.session.form_key.clone(),
            done: None,
            notice: None,
        }
    }

    /// The same with what the page before has done, if its query says so.
    #[must_use]
    pub(super) fn after(mut self, query: &str) -> Self {
        let query = Form::parse(query.as_bytes());
        let word = query.text("done");
        let many = query.text("n").parse().ok().and_then(|number| list::done_to(self.section, word, number));
        self.done = many.or_else(|| DONE.iter().find(|(known, _)| *known == word).map(|(_, said)| (*said).to_owned()));
        self
    }

    #[must_use]
    pub(super) fn with(mut self, notice: Notice) -> Self {
        self.notice = Some(notice);
        self
    }

    /// The same with an error, if there is one.
    #[must_use]
    pub(super) fn refused(self, error: Option<&AdminError>) -> Self {
        match error {
            Some(error) => self.with(Notice::of(error)),
            None => self,
        }
    }

    /// The same with where the thing is shown as it is now, if something was refused for another reason than what was
    /// typed: that is corrected where it stands.
    #[must_use]
    pub(super) fn shown_at(mut self, place: &str) -> Self {
        if let Some(notice) = self.notice.as_mut().filter(|notice| notice.faults.is_empty()) {
            notice.place = Some(place.to_owned());
        }
        self
    }

    pub(super) fn menu(&self) -> &'static [Entry] {
        MENU
    }

    /// What is wrong with a field of the form, or with one of its items, if that is why it was refused.
    pub(super) fn fault(&self, field: &str) -> Option<String> {
        let of =
            |path: &str| path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']));
        let faults = self.notice.iter().flat_map(|notice| &notice.faults);
        let said: Vec<_> = faults.filter(|(path, _)| of(path)).map(|(_, detail)| detail.as_str()).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    /// Whether the role allows what operators do.
    pub(super) fn operates(&self) -> bool {
        self.role >= Role::Operator
    }

    /// Whether the role allows what administrators do.
    pub(super) fn administers(&self) -> bool {
        self.role >= Role::Administrator
    }
}

impl Notice {
    pub(super) fn of(error: &AdminError) -> Self {
        let problem = Problem::of(error);
        // What the API calls force is a box here.
        let detail =
            if let AdminError::InUse { object, .. } = error { format!("{object} is in use") } else { problem.detail };
        Self {
            title: problem.title,
            detail,
            advice: advice(error),
            dependents: problem.dependents,
            faults: problem.errors.into_iter().map(|fault| (fault.field, fault.detail)).collect(),
            place: None,
        }
    }
}

/// What somebody can do about an error.
fn advice(error: &AdminError) -> &'static str {
    match error {
        AdminError::Invalid(_) => "Correct what is marked below and send the form again.",
        AdminError::Absent(_) => "It may have been deleted meanwhile. The list shows what there is.",
        AdminError::Exists(_) => "Choose another name.",
        AdminError::InUse { .. } => "Remove what depends on it first, or say that it is to be deleted all the same.",
        AdminError::Changed { .. } | AdminError::Outdated(_) => "Look at how it is now, and decide again.",
        AdminError::Forbidden { .. } => "Ask an administrator for a token with that role.",
        AdminError::Unauthenticated(_) => "Sign in again.",
        AdminError::Refused(_) => "Nothing was changed.",
        AdminError::Cursor => "Begin with the first page.",
        AdminError::Turn(TurnError::Rejected(_)) => "Nothing was changed.",
        AdminError::Turn(TurnError::Absent) => "It may have been deleted meanwhile. The list shows what there is.",
        AdminError::Turn(TurnError::Taken(_) | TurnError::GuardChanged(_) | TurnError::Conflict) => {
            "Nothing was changed. Look at how it is now, and decide again."
        }
        AdminError::Turn(TurnError::Busy) => "Nothing was changed. Try again in a moment.",
        AdminError::Turn(TurnError::Unavailable(_)) | AdminError::Vault(_) => {
            "It is not known whether it was done: look at how it is now, and try again. The server's log says more."
        }
        AdminError::PreconditionRequired
        | AdminError::KeyReused
        | AdminError::Malformed(_)
        | AdminError::MediaType(_)
        | AdminError::TooLarge(_)
        | AdminError::Method { .. } => "Nothing was changed.",
    }
}
