//! How pages write what the use cases say: moments, and statuses as coloured words.

/// Filters for templates.
#[allow(unreachable_pub, reason = "the macro writes it")]
pub(super) mod filters {
    use askama::Values;

    /// A moment of RFC 3339 as people read it: to the second, and in UTC.
    #[askama::filter_fn]
    pub(crate) fn moment(text: &str, _: &dyn Values) -> askama::Result<String> {
        Ok(super::moment(text))
    }
}

/// `2026-11-27T15:00:00Z` as `2026-11-27 15:00:00 UTC`.
pub(super) fn moment(text: &str) -> String {
    text.strip_suffix('Z').map_or_else(|| text.to_owned(), |text| format!("{} UTC", text.replace('T', " ")))
}

/// A text as it stands in the query of an URL.
pub(super) fn in_query(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A word with the colour of what it means.
pub(super) fn badge(kind: &str, word: &str) -> String {
    // Words are ours: nothing of them needs to be escaped.
    format!("<span class=\"badge {kind}\">{word}</span>")
}
