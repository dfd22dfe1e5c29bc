//! What applying a file does, for people.

use std::fmt;

use serde_json::{Map, Value};

use super::super::output::member;
use super::super::{profile, ra_profile};
use crate::admin::settings::snake_case;

/// Members that are no attributes: they follow from them.
const DERIVED: [&str; 5] = ["name", "revision", "termsChangedAt", "directoryUrl", "renewalCall"];

/// What is done to each profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    changes: Vec<Change>,
    unchanged: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    sign: char,
    object: String,
    /// Member, how it was, how it is then.
    members: Vec<(String, Option<String>, String)>,
}

impl Difference {
    /// As the API answers.
    pub(super) fn of(answer: &Value) -> Self {
        let mut difference = Self::default();
        let changes = answer.get("changes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for change in changes {
            let object = change.get("object").and_then(Value::as_str).unwrap_or_default();
            let (before, after) = (members(change, "before"), members(change, "after"));
            let (sign, members) = match change.get("action").and_then(Value::as_str) {
                Some("create") => ('+', created(object, &after)),
                Some("update") => ('~', changed(&before, &after)),
                Some("delete") => ('-', Vec::new()),
                Some(_) | None => {
                    difference.unchanged += 1;
                    continue;
                }
            };
            difference.changes.push(Change { sign, object: object.to_owned(), members });
        }
        difference
    }

    /// Whether nothing is done.
    pub(super) const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether a profile is removed.
    pub(super) fn removes(&self) -> bool {
        self.changes.iter().any(|change| change.sign == '-')
    }

    fn count(&self, sign: char) -> usize {
        self.changes.iter().filter(|change| change.sign == sign).count()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Change { sign, object, members } in &self.changes {
            writeln!(f, "{sign} {object}")?;
            for (name, before, after) in members {
                match before {
                    Some(before) => writeln!(f, "    {name}: {before} → {after}")?,
                    None => writeln!(f, "    {name}: {after}")?,
                }
            }
        }
        if self.unchanged > 0 {
            writeln!(f, "= {} unchanged", self.unchanged)?;
        }
        let [created, changed, removed] = ['+', '~', '-'].map(|sign| self.count(sign));
        writeln!(f, "{created} created, {changed} changed, {removed} removed")
    }
}

/// What of a new profile is not as it is by default.
fn created(object: &str, after: &Map<String, Value>) -> Vec<(String, Option<String>, String)> {
    let defaults = if object.starts_with("raProfile/") { ra_profile::defaults() } else { profile::defaults() };
    let telling = after.iter().filter(|(name, value)| defaults.get(*name) != Some(*value));
    telling.map(|(name, value)| (snake_case(name), None, member(name, value))).collect()
}

fn changed(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<(String, Option<String>, String)> {
    let null = Value::Null;
    let other = |(name, value): &(&String, &Value)| before.get(*name).unwrap_or(&null) != *value;
    let line = |(name, value): (&String, &Value)| {
        let was = member(name, before.get(name).unwrap_or(&null));
        (snake_case(name), Some(was), member(name, value))
    };
    after.iter().filter(other).map(line).collect()
}

fn members(change: &Value, side: &str) -> Map<String, Value> {
    let mut members = change.get(side).and_then(Value::as_object).cloned().unwrap_or_default();
    members.retain(|name, _| !DERIVED.contains(&name.as_str()));
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_change_is_told_by_what_differs() {
        let mut new = profile::defaults();
        new.extend([("name".to_owned(), json!("web")), ("httpPort".to_owned(), json!(8080))]);
        let answer = json!({"changes": [
            {"action": "create", "object": "acmeProfile/web", "before": null, "after": new},
            {"action": "update", "object": "raProfile/web", "before": {"revision": 1, "validity": 7_776_000, "allow": []},
                "after": {"revision": 2, "validity": 2_592_000, "allow": ["a.example", "b.example"]}},
            {"action": "delete", "object": "acmeProfile/old", "before": {}, "after": null},
            {"action": "unchanged", "object": "raProfile/default", "before": {}, "after": {}},
        ]});
        let difference = Difference::of(&answer);
        let text = "\
+ acmeProfile/web
    http_port: 8080
~ raProfile/web
    allow: - → a.example, b.example
    validity: 90d → 30d
- acmeProfile/old
= 1 unchanged
1 created, 1 changed, 1 removed
";
        assert_eq!(difference.to_string(), text);
        assert!(difference.removes() && !difference.is_empty());
        assert!(Difference::of(&json!({"changes": []})).is_empty());
    }
}
