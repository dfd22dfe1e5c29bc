//! Settings in words, for pages that show them.

use serde_json::Value;

use super::read::{exemption, items, plain, span};
use super::{Field, Group, Widget, Words};

/// An attribute and what it is.
pub(in crate::ui) struct Fact {
    pub(in crate::ui) label: &'static str,
    /// Its words; several where it is a list.
    pub(in crate::ui) words: Vec<String>,
    /// Whether it is another than the default.
    pub(in crate::ui) differs: bool,
}

/// What each group of settings says, beside the defaults.
pub(in crate::ui) fn facts(groups: &[Group], settings: &Value, defaults: &Value) -> Vec<(&'static str, Vec<Fact>)> {
    let of = |field: &Field| Fact {
        label: field.label,
        words: words(field, &settings[field.name]),
        differs: settings[field.name] != defaults[field.name],
    };
    groups.iter().map(|group| (group.title, group.fields.iter().map(of).collect())).collect()
}

fn words(field: &Field, value: &Value) -> Vec<String> {
    let list = |of: fn(&Value) -> String| items(value).map(of).collect();
    let said: Vec<String> = match &field.widget {
        Widget::Tick => vec![if value == &Value::Bool(true) { "yes" } else { "no" }.to_owned()],
        Widget::Span => vec![span(value)],
        Widget::Spans => list(span),
        Widget::Choice(words) => vec![word(words, &plain(value))],
        Widget::Ticks(_) | Widget::Others | Widget::Lines => list(plain),
        Widget::Exemptions => list(exemption),
        Widget::Pair => vec![format!("{} to {}", plain(&value[0]), plain(&value[1]))],
        Widget::Text | Widget::Url | Widget::Number | Widget::Other | Widget::Authority => vec![plain(value)],
        Widget::Nested(..) if value.is_null() => Vec::new(),
        Widget::Nested(_, fields) => {
            let one = |field: &Field| format!("{}: {}", field.label, words(field, &value[field.name]).join(", "));
            fields.iter().map(one).collect()
        }
    };
    said.into_iter().filter(|text| !text.is_empty()).collect()
}

fn word(words: Words, value: &str) -> String {
    words.iter().find(|(known, _)| *known == value).map_or(value, |(_, word)| word).to_owned()
}
