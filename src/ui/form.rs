//! What a form holds, once the guard has seen where it comes from.

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};

use super::guard::FORM_KEY;
use crate::admin::error::AdminError;
use crate::admin::precondition::Precondition;

/// The name of the field that says which revision somebody has looked at.
pub(super) const REVISION: &str = "revision";

/// The fields of a form, in their order; a name may come several times.
#[derive(Clone, Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(bytes).into_owned().collect())
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

    /// The revision that whoever sent the form has looked at.
    pub(super) fn precondition(&self) -> Precondition {
        self.text(REVISION).parse().map_or(Precondition::Any, Precondition::Revision)
    }
}

impl FromRequest for Form {
    type Error = AdminError;
    type Future = std::future::Ready<Result<Self, AdminError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        std::future::ready(Ok(request.extensions().get::<Self>().cloned().unwrap_or_default()))
    }
}
