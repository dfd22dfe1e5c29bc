//! Filters of lists: the same as those of the API, written by forms, which send empty fields too.

use serde::de::DeserializeOwned;

use super::form::Form;
use crate::admin::error::AdminError;
use crate::admin::rest::request::parameters;

/// How many items a page has.
const LIMIT: &str = "50";

/// The filters that are moments: browsers' fields for those know no zone.
const MOMENTS: &[&str] = &["from", "to", "expiresFrom", "expiresTo", "createdFrom", "createdTo"];

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

    /// The same, of a moment, as browsers' fields take it.
    pub(super) fn moment(&self, name: &str) -> &str {
        self.text(name).trim_end_matches('Z')
    }

    /// The same list with another filter in the place of one.
    pub(super) fn with(&self, name: &str, instead: (&str, String)) -> Self {
        let mut given: Vec<_> = self.given().filter(|(other, _)| other != name).cloned().collect();
        given.push((instead.0.to_owned(), instead.1));
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(given);
        Self::of(&query.finish())
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
        let read = |(name, value): &(String, String)| {
            let moment = MOMENTS.contains(&name.as_str());
            (name.clone(), if moment { utc(value) } else { value.clone() })
        };
        query.extend_pairs(self.given().map(read));
        query
    }

    /// What is no filter: what the page before has done, and a limit, which is ours.
    fn given(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.fields().filter(|(name, value)| !value.trim().is_empty() && name != "done" && name != "limit")
    }
}

/// What a browser's field for a moment holds, `2026-11-27T15:00`, in UTC as RFC 3339 has it. All else stays as it is, to be
/// refused by whoever reads it.
pub(super) fn utc(text: &str) -> String {
    let text = text.trim();
    let digits = |pattern: &str| {
        let fits =
            |(letter, wanted): (char, char)| if wanted == '0' { letter.is_ascii_digit() } else { letter == wanted };
        text.chars().count() == pattern.chars().count() && text.chars().zip(pattern.chars()).all(fits)
    };
    if digits("0000-00-00") {
        format!("{text}T00:00:00Z")
    } else if digits("0000-00-00T00:00") {
        format!("{text}:00Z")
    } else if digits("0000-00-00T00:00:00") {
        format!("{text}Z")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_forms_are_in_utc() {
        for (written, read) in [
            ("2026-11-27", "2026-11-27T00:00:00Z"),
            ("2026-11-27T15:00", "2026-11-27T15:00:00Z"),
            ("2026-11-27T15:00:30", "2026-11-27T15:00:30Z"),
            ("2026-11-27T15:00:30+01:00", "2026-11-27T15:00:30+01:00"),
            ("soon", "soon"),
            ("", ""),
        ] {
            assert_eq!(utc(written), read);
        }
    }
}
