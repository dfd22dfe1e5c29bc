//! Filters of lists: the same as those of the API, written by forms, which send empty fields too.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use super::form::Form;
use crate::admin::error::AdminError;
use crate::admin::rest::request::parameters;
use crate::admin::settings::Fault;

/// How many items a page has.
const LIMIT: &str = "50";

/// The filters that are moments: browsers' fields for those know no zone.
const MOMENTS: &[&str] = &["from", "to", "expiresFrom", "expiresTo", "createdFrom", "createdTo"];

/// What in a query is no filter: what the page before has done, to how many, and a limit, which is ours.
const NO_FILTERS: &[&str] = &["done", "n", "limit"];

/// What stands in the query of a list, for its form.
pub(super) struct Asked {
    /// Where the list is.
    place: &'static str,
    query: Form,
}

impl Asked {
    pub(super) fn of(place: &'static str, query: &str) -> Self {
        Self { place, query: Form::parse(query.as_bytes()) }
    }

    /// What was asked for under this name.
    pub(super) fn text(&self, name: &str) -> &str {
        self.query.text(name)
    }

    /// The same, of a moment, as browsers' fields take it: they complain of anything else.
    pub(super) fn moment(&self, name: &str) -> &str {
        let text = self.text(name).trim_end_matches('Z');
        if text.contains('T') && utc(text) != text { text } else { "" }
    }

    /// The same list with another filter in the place of one.
    pub(super) fn with(&self, name: &str, instead: (&str, String)) -> Self {
        let mut given: Vec<_> = self.given().filter(|(other, _)| other != name).cloned().collect();
        given.push((instead.0.to_owned(), instead.1));
        Self { place: self.place, query: Form::of(given) }
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
        let mut met = BTreeSet::new();
        if let Some((twice, _)) = self.given().find(|(name, _)| !met.insert(name.as_str())) {
            return Err(Fault::new(twice, "it is asked for twice; ask for one").into());
        }
        let mut query = self.query();
        query.append_pair("limit", LIMIT);
        match parameters(&query.finish()) {
            Err(AdminError::Invalid(faults)) => {
                Err(AdminError::Invalid(faults.into_iter().map(|fault| self.plain(fault)).collect()))
            }
            read => read,
        }
    }

    /// A fault in words for people, where it is in those of serde.
    fn plain(&self, fault: Fault) -> Fault {
        let Fault { field, detail } = fault;
        let (asked, known) = (self.text(&field), backquoted(&detail));
        let detail = match known.split_first() {
            Some((_, known)) if detail.starts_with("unknown variant") => {
                format!("there is no {field} {asked:?}; there are {}", known.join(", "))
            }
            _ if detail.contains("`true` or `false`") => format!("{asked:?} is neither true nor false"),
            _ => detail,
        };
        Fault { field, detail }
    }

    /// The query of this very page, to lead back to it: whatever it was read from, it is of this list only.
    pub(super) fn back(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.given());
        query.finish()
    }

    /// This very page.
    pub(super) fn here(&self) -> String {
        self.at(&self.back())
    }

    fn at(&self, query: &str) -> String {
        if query.is_empty() { self.place.to_owned() } else { format!("{}?{query}", self.place) }
    }

    /// The same list from that cursor on.
    pub(super) fn from(&self, cursor: Option<&str>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.given().filter(|(name, _)| name != "cursor"));
        if let Some(cursor) = cursor {
            query.append_pair("cursor", cursor);
        }
        self.at(&query.finish())
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

    fn given(&self) -> impl Iterator<Item = &(String, String)> {
        let filters =
            |(name, value): &&(String, String)| !value.trim().is_empty() && !NO_FILTERS.contains(&name.as_str());
        self.query.fields().filter(filters)
    }
}

/// What stands between backquotes.
fn backquoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
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
    fn links_stay_on_the_list() {
        let asked =
            Asked::of("/ui/accounts", "status=valid&contact=&done=enabled&n=3&cursor=AA&limit=7&x=//elsewhere%26");
        assert_eq!(asked.here(), "/ui/accounts?status=valid&cursor=AA&x=%2F%2Felsewhere%26");
        assert_eq!(asked.from(Some("BB")), "/ui/accounts?status=valid&x=%2F%2Felsewhere%26&cursor=BB");
        assert_eq!(Asked::of("/ui/accounts", &asked.back()).here(), asked.here());
        assert_eq!(Asked::of("/ui/accounts", "").from(None), "/ui/accounts");
    }

    #[test]
    fn faults_of_filters_are_in_plain_words() {
        use crate::admin::rest::filters::Accounts;
        let fault = |query| match Asked::of("/ui/accounts", query).filter::<Accounts>() {
            Err(AdminError::Invalid(faults)) => (faults[0].field.clone(), faults[0].detail.clone()),
            _ => panic!("{query} is refused"),
        };
        let (field, detail) = fault("status=foo");
        assert_eq!((field.as_str(), detail.split(';').next()), ("status", Some("there is no status \"foo\"")));
        assert!(detail.ends_with("there are valid, deactivated, revoked"), "{detail}");
        assert_eq!(
            fault("enabled=perhaps"),
            ("enabled".to_owned(), "\"perhaps\" is neither true nor false".to_owned())
        );
        assert_eq!(fault("status=valid&status=revoked").0, "status");
    }

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
