//! Filters of lists: the same as those of the API, written by forms, which send empty fields too.

use serde::de::DeserializeOwned;

use super::form::Form;
use crate::admin::error::AdminError;
use crate::admin::rest::request::parameters;

/// How many items a page has.
const LIMIT: &str = "50";

/// What stands in the query of a list, for its form.
pub(super) struct Asked(Form);

impl Asked {
    pub(super) fn of(query: &str) -> Self {
        Self(Form::parse(query.as_bytes()))
    }

    /// What was asked for under this name.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.text(name)
    }

    /// Whether anything was asked for: else the list is empty for want of things, and not of a wider filter.
    pub(super) fn anything(&self) -> bool {
        self.given().any(|(name, _)| name != "cursor")
    }

    /// The filter.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] names the field at fault.
    pub(super) fn filter<T: DeserializeOwned>(&self) -> Result<T, AdminError> {
        let mut query = self.query();
        query.append_pair("limit", LIMIT);
        parameters(&query.finish())
    }

    /// The same list from that cursor on.
    pub(super) fn from(&self, cursor: Option<&str>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.given().filter(|(name, _)| name != "cursor"));
        if let Some(cursor) = cursor {
            query.append_pair("cursor", cursor);
        }
        format!("?{}", query.finish())
    }

    fn query(&self) -> url::form_urlencoded::Serializer<'static, String> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.given());
        query
    }

    /// What is no filter: what the page before has done, and a limit, which is ours.
    fn given(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.fields().filter(|(name, value)| !value.trim().is_empty() && name != "done" && name != "limit")
    }
}
