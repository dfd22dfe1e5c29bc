//! What a form holds, once the guard has seen where it comes from.

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};

use super::guard::FORM_KEY;
use crate::admin::error::AdminError;
use crate::admin::precondition::Precondition;

/// The name of the field that says which revision somebody has looked at.
pub(super) const REVISION: &str = "revision";

/// The field by which a form says of which revision it is.
pub(super) fn looked_at(revision: u64) -> Vec<(String, String)> {
    vec![(REVISION.to_owned(), revision.to_string())]
}

/// The fields of a form, in their order; a name may come several times.
#[derive(Clone, Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// With these fields.
    pub(super) const fn of(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }

    /// The same with another field.
    #[must_use]
    pub(super) fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Whether another form says the same in this field and in its parts.
    pub(super) fn same(&self, other: &Self, name: &str) -> bool {
        let of = |form: &Self| -> Vec<(String, String)> {
            let part =
                |given: &str| given.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            let said = form.0.iter().filter(|(given, value)| part(given) && !value.trim().is_empty());
            said.map(|(given, value)| (given.clone(), value.replace("\r\n", "\n").trim().to_owned())).collect()
        };
        of(self) == of(other)
    }

    /// The text of a field without white space around it; empty if there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value.trim())
    }

    /// The same, if there is any text.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// Every value of a field.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Whether a box is ticked.
    pub(super) fn ticked(&self, name: &str) -> bool {
        self.given(name).is_some()
    }

    /// What was sent, but for the key: to be sent again by another form.
    pub(super) fn fields(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter().filter(|(name, _)| name != FORM_KEY)
    }

    /// The revision that whoever sent the form has looked at. Every form that changes one object says it: one that does not
    /// is none of ours, and changes nothing.
    pub(super) fn precondition(&self) -> Precondition {
        self.text(REVISION).parse().map_or(Precondition::NEVER, Precondition::Revision)
    }
}

impl FromRequest for Form {
    type Error = AdminError;
    type Future = std::future::Ready<Result<Self, AdminError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        std::future::ready(Ok(request.extensions().get::<Self>().cloned().unwrap_or_default()))
    }
}
