//! What an entry of the audit log has changed, for people: member by member.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::span::{SPANS, in_words};
use crate::ui::words;

/// From how many characters on a text is folded.
const LONG: usize = 72;

/// How much of it is shown then.
const SHORT: usize = 48;

/// A member that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Its name in words, as in `order validity`.
    pub(super) name: String,
    /// How it was; of a list, what is in it no longer.
    pub(super) was: Option<Said>,
    /// How it is since; of a list, what is new in it.
    pub(super) is: Option<Said>,
    /// Whether it is a list that was there before and after.
    pub(super) list: bool,
}

/// A value in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// All of it.
    pub(super) text: String,
    /// Its beginning, if it is long.
    pub(super) short: Option<String>,
}

impl Change {
    /// The change in a line, without what is long.
    pub(super) fn in_brief(&self) -> String {
        let Self { name, was, is, list } = self;
        let brief = |said: &Said| said.short.clone().unwrap_or_else(|| said.text.clone());
        match (was.as_ref().map(brief), is.as_ref().map(brief)) {
            (Some(was), Some(is)) if *list => format!("{name} without {was}, with {is}"),
            (Some(was), None) if *list => format!("{name} without {was}"),
            (None, Some(is)) if *list => format!("{name} with {is}"),
            (Some(was), Some(is)) => format!("{name} from {was} to {is}"),
            (Some(was), None) => format!("{name} was {was}"),
            (None, Some(is)) => format!("{name} {is}"),
            (None, None) => name.clone(),
        }
    }
}

/// What differs. Of something new, or something that is gone, that is all it has.
pub(super) fn difference(before: Option<&Value>, after: Option<&Value>) -> Vec<Change> {
    let (was, is) = (leaves(before), leaves(after));
    let mut names: Vec<_> = was.keys().chain(is.keys()).collect();
    names.sort();
    names.dedup();
    let nothing = Leaf::default();
    let change = |name: &String| {
        let (was, is) = (was.get(name).unwrap_or(&nothing), is.get(name).unwrap_or(&nothing));
        if was == is {
            return None;
        }
        let without = |some: &[String], other: &[String]| -> Vec<String> {
            some.iter().filter(|item| !other.contains(item)).cloned().collect()
        };
        let (gone, new) = (without(&was.0, &is.0), without(&is.0, &was.0));
        // Of longer lists that share items only what comes and goes; where but their order is another, they are shown whole.
        let list = was.0.len().max(is.0.len()) > 1 && gone.len() < was.0.len() && gone.len() + new.len() > 0;
        let (was, is) = if list { (said(&gone), said(&new)) } else { (said(&was.0), said(&is.0)) };
        Some(Change { name: name.clone(), was, is, list })
    };
    names.into_iter().filter_map(change).collect()
}

/// The items of a member; one, where it is no list, and none, where there is nothing to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Leaf(Vec<String>);

fn leaves(value: Option<&Value>) -> BTreeMap<String, Leaf> {
    let mut all = BTreeMap::new();
    if let Some(value) = value {
        flatten("", "", value, &mut all);
    }
    all
}

fn flatten(path: &str, name: &str, value: &Value, all: &mut BTreeMap<String, Leaf>) {
    let mut leaf = |items: Vec<String>| {
        all.insert(if path.is_empty() { "value".to_owned() } else { path.to_owned() }, Leaf(items));
    };
    match value {
        Value::Null => {}
        Value::Object(members) => {
            // Revisions count changes: that there was one is plain.
            for (name, value) in members.iter().filter(|(name, _)| !path.is_empty() || *name != "revision") {
                let joint = if path.is_empty() { "" } else { " " };
                flatten(&format!("{path}{joint}{}", in_plain(name)), name, value, all);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() && identifier(item).is_none()) => {
            for (place, item) in items.iter().enumerate() {
                flatten(&format!("{path} {}", place + 1), name, item, all);
            }
        }
        Value::Array(items) => leaf(items.iter().map(|item| text(name, item)).collect()),
        Value::String(text) if text.is_empty() => {}
        plain @ (Value::Bool(_) | Value::Number(_) | Value::String(_)) => leaf(vec![text(name, plain)]),
    }
}

/// A value that has no members.
fn text(name: &str, value: &Value) -> String {
    match value {
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => {
            let span = number.as_u64().filter(|_| SPANS.contains(&name));
            span.map_or_else(|| number.to_string(), in_words)
        }
        Value::String(text) if crate::admin::time::read_rfc3339("", text).is_ok() => words::moment(text),
        Value::String(text) => text.clone(),
        other @ (Value::Null | Value::Array(_) | Value::Object(_)) => {
            identifier(other).map_or_else(|| other.to_string(), str::to_owned)
        }
    }
}

/// An identifier of RFC 8555 section 7.1.3 is known by its value.
fn identifier(value: &Value) -> Option<&str> {
    let members = value.as_object().filter(|members| members.len() == 2 && members.contains_key("type"))?;
    members.get("value")?.as_str()
}

fn said(items: &[String]) -> Option<Said> {
    if items.is_empty() {
        return None;
    }
    let text = items.join(", ");
    let long = text.chars().count() > LONG || text.contains('\n');
    let short = long.then(|| text.lines().next().unwrap_or_default().chars().take(SHORT).chain(['…']).collect());
    Some(Said { text, short })
}

/// `order validity` for `orderValidity`.
pub(super) fn in_plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            plain.push(' ');
        }
        plain.push(letter.to_ascii_lowercase());
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(before: &Value, after: &Value) -> Vec<String> {
        let some = |value: &Value| (!value.is_null()).then(|| value.clone());
        let changes = difference(some(before).as_ref(), some(after).as_ref());
        let text = |said: &Option<Said>| said.as_ref().map_or_else(|| "-".to_owned(), |said| said.text.clone());
        let sign = |change: &Change| if change.list { "±" } else { ":" };
        changes.iter().map(|one| format!("{}{} {} → {}", one.name, sign(one), text(&one.was), text(&one.is))).collect()
    }

    #[test]
    fn only_what_differs_is_told() {
        let before = json!({"name": "web", "revision": 1, "orderValidity": 3600, "caa": true, "allow": ["a.example", "b.example"],
            "revoked": null, "keys": {"p256": true, "rsa": "2048"}});
        let after = json!({"name": "web", "revision": 2, "orderValidity": 90_000, "caa": false, "allow": ["b.example", "c.example"],
            "revoked": {"at": "2026-11-27T15:00:00Z", "reason": "superseded"}, "keys": {"p256": true, "rsa": "4096"}});
        let expected = [
            "allow± a.example → c.example",
            "caa: yes → no",
            "keys rsa: 2048 → 4096",
            "order validity: 1h → 1d 1h",
            "revoked at: - → 2026-11-27 15:00:00 UTC",
            "revoked reason: - → superseded",
        ];
        assert_eq!(lines(&before, &after), expected);
        assert!(lines(&before, &before).is_empty());
    }

    #[test]
    fn what_is_new_or_gone_is_told_whole() {
        let one = json!({"name": "web", "description": "", "identifiers": [{"type": "dns", "value": "a.example"}],
            "exemptions": [{"contact": "x"}], "none": []});
        let shown = ["exemptions 1 contact: - → x", "identifiers: - → a.example", "name: - → web"];
        assert_eq!(lines(&Value::Null, &one), shown);
        assert_eq!(lines(&one, &Value::Null)[2], "name: web → -");
        assert!(lines(&Value::Null, &Value::Null).is_empty());
        assert_eq!(lines(&json!(["a", "b"]), &json!(["b", "a"])), ["value: a, b → b, a"]);
    }

    #[test]
    fn long_texts_are_folded() {
        let changes = difference(None, Some(&json!({"pem": "-----BEGIN\nAAAA\n", "name": "x".repeat(100), "id": "y"})));
        let short: Vec<_> = changes.iter().map(|one| one.is.as_ref().and_then(|said| said.short.clone())).collect();
        assert_eq!(short, [None, Some(format!("{}…", "x".repeat(48))), Some("-----BEGIN…".to_owned())]);
    }

    #[test]
    fn a_list_shows_no_more_than_a_line() {
        let (before, after) =
            (json!({"validity": 86_400}), json!({"validity": 172_800, "allow": ["x".repeat(90), "y".repeat(90)]}));
        let brief: Vec<String> = difference(Some(&before), Some(&after)).iter().map(Change::in_brief).collect();
        assert_eq!(brief[1], "validity from 1d to 2d");
        assert!(brief[0].starts_with("allow xxx") && brief[0].chars().count() < 60, "{brief:?}");
    }
}
