//! The queries of lists: one structure for each, so that a filter with a name that is not known is noticed and not
//! ignored, and filters that are read before anything is looked for.

use chancery_actors::listing::{Cursor, Direction, Page as Found};
use chancery_machine::id::Id;
use chancery_machine::identifier::Subject;
use chancery_machine::profile::ProfileName;
use chancery_machine::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::{Page, PageQuery};
use crate::admin::error::AdminError;
use crate::admin::settings::Fault;
use crate::admin::time::read_rfc3339;

/// Declares the query of a list: which page, sorted how (by birth, where nothing else is said of that), and these filters.
macro_rules! list_query {
    (
        $(#[$doc:meta])* $name:ident by $sort:ty { $($filters:tt)* }
    ) => {
        list_query! {
            $(#[$doc])* $name
            /// By what, and from the least or, with a hyphen, from the greatest on; `-created` if left out.
            by $sort { $($filters)* }
        }
    };
    (
        $(#[$doc:meta])* $name:ident $(#[$sort_doc:meta])+ by $sort:ty {
            $($(#[$filter_doc:meta])* $filter:ident: $value:ty),* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
        #[into_params(parameter_in = Query)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub(crate) struct $name {
            /// How many items at the most.
            #[param(minimum = 1, maximum = 1000, default = 100)]
            limit: Option<usize>,
            /// `next` of the page before; empty or left out for the first page.
            cursor: Option<String>,
            $(#[$sort_doc])+
            #[param(inline)]
            sort: Option<$sort>,
            $($(#[$filter_doc])* $filter: Option<$value>,)*
        }

        impl $name {
            /// Which page.
            pub(crate) fn page(&self) -> $crate::admin::rest::request::PageQuery {
                $crate::admin::rest::request::PageQuery { limit: self.limit, cursor: self.cursor.clone() }
            }
        }
    };
}

pub(super) use list_query;

/// How most lists can be sorted.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
pub(crate) enum ByBirth {
    /// The oldest first.
    #[serde(rename = "created")]
    Created,
    /// The newest first.
    #[default]
    #[serde(rename = "-created")]
    NewestFirst,
}

impl From<ByBirth> for Direction {
    fn from(sort: ByBirth) -> Self {
        match sort {
            ByBirth::Created => Self::Ascending,
            ByBirth::NewestFirst => Self::Descending,
        }
    }
}

/// The limit of a page, and where it begins.
pub(crate) fn place(query: &PageQuery) -> Result<(usize, Option<Cursor>), AdminError> {
    let cursor = query.cursor()?.map(|bytes| Cursor::from_bytes(&bytes)).transpose();
    Ok((query.limit()?, cursor.map_err(|_| AdminError::Cursor)?))
}

/// A page as it is answered.
pub(super) fn page<T: Serialize>(found: Found<T>) -> Page<T> {
    Page::new(found.items, found.next.map(|cursor| cursor.to_bytes()))
}

/// Reads the id of another object.
pub(super) fn id<T>(field: &str, text: Option<&String>, make: impl Fn(Id) -> T) -> Result<Option<T>, Fault> {
    let read = |text: &String| {
        let wrong = || Fault::new(field, format!("{text:?} is no id: those have 22 characters of base64url"));
        Id::parse(text).map(&make).ok_or_else(wrong)
    };
    text.map(read).transpose()
}

/// Reads the name of a profile.
pub(super) fn profile(field: &str, text: Option<&String>) -> Result<Option<ProfileName>, Fault> {
    let read = |text: &String| ProfileName::parse(text).map_err(|bad| Fault::new(field, bad.to_string()));
    text.map(read).transpose()
}

/// Reads a domain name, or the wildcard below one.
pub(super) fn subject(field: &str, text: Option<&String>) -> Result<Option<Subject>, Fault> {
    let read = |text: &String| Subject::any(text).map_err(|bad| Fault::new(field, format!("{text:?}: {bad}")));
    text.map(read).transpose()
}

/// Reads a moment of RFC 3339.
pub(super) fn moment(field: &str, text: Option<&String>) -> Result<Option<Timestamp>, Fault> {
    text.map(|text| read_rfc3339(field, text)).transpose()
}

/// Reads hexadecimal; colons between octets do no harm.
pub(super) fn hex(field: &str, text: Option<&String>) -> Result<Option<Vec<u8>>, Fault> {
    let read = |text: &String| {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        let octet = |pair: &[u8]| match pair {
            [high, low] => Some((nibble(*high)? << 4) | nibble(*low)?),
            _ => None,
        };
        let octets: Option<Vec<u8>> = digits.chunks(2).map(octet).collect();
        octets
            .filter(|octets| !octets.is_empty())
            .ok_or_else(|| Fault::new(field, format!("{text:?} is not hexadecimal, two digits for each octet")))
    };
    text.map(read).transpose()
}

/// The same, of a SHA-256 digest.
pub(super) fn sha256(field: &str, text: Option<&String>) -> Result<Option<[u8; 32]>, Fault> {
    let wrong = |_| Fault::new(field, "a SHA-256 digest has 32 octets, which are 64 digits");
    hex(field, text)?.map(|octets| octets.try_into().map_err(wrong)).transpose()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_read_with_colons_and_without() {
        let read = |text: &str| hex("serial", Some(&text.to_owned()));
        assert_eq!(read("00ffA0"), Ok(Some(vec![0, 255, 160])));
        assert_eq!(read("00:ff:A0"), Ok(Some(vec![0, 255, 160])));
        for wrong in ["", "0", "0g", "000", "é"] {
            assert_eq!(read(wrong).expect_err(wrong).field, "serial", "{wrong}");
        }
        assert_eq!(hex("serial", None), Ok(None));
        assert!(sha256("fingerprint", Some(&"00".repeat(31))).is_err());
        assert_eq!(sha256("fingerprint", Some(&"00".repeat(32))), Ok(Some([0; 32])));
    }
}
