//! The lines that explain attributes, from the description of the API.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use askama::filters::{Html, escape};
use serde_json::Value;

use crate::admin::rest::description;

/// The description of a member of a schema, as HTML.
pub(super) fn description_of(schema: &str, member: &str) -> &'static str {
    static LINES: LazyLock<BTreeMap<(String, String), String>> = LazyLock::new(lines);
    LINES.get(&(schema.to_owned(), member.to_owned())).map_or("", String::as_str)
}

fn lines() -> BTreeMap<(String, String), String> {
    let api = serde_json::to_value(description()).unwrap_or_default();
    let mut lines = BTreeMap::new();
    for (name, schema) in api["components"]["schemas"].as_object().into_iter().flatten() {
        for (member, described) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(line) = first(described) {
                lines.insert((name.clone(), member.clone()), prose(line));
            }
        }
    }
    lines
}

/// The schema's own line, or that of the first of its alternatives that has one.
fn first(schema: &Value) -> Option<&str> {
    let alternatives = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|word| schema[word].as_array()).flatten();
    schema["description"].as_str().or_else(|| alternatives.into_iter().find_map(first))
}

/// Text of a comment as HTML: what stands between backticks is code.
pub(super) fn prose(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 32);
    for (place, part) in text.split('`').enumerate() {
        let part = escape(part, Html).map(|part| part.to_string()).unwrap_or_default();
        html.push_str(&if place % 2 == 1 { format!("<code>{part}</code>") } else { part });
    }
    html
}
