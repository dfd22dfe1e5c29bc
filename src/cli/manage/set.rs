//! Attributes as they are written on a command line: `name=value` for everything that has no flag of its own.

use std::str::FromStr;

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::admin::settings::{from_file, snake_case};
pub(super) use crate::span::{SPANS, in_words};

/// Attributes without flags of their own.
#[derive(Args, Debug, Default)]
pub(in crate::cli) struct SetArgs {
    /// An attribute and its value: text, JSON, or a list as a,b; `chancery apply --example` names them all.
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<Assignment>,
    /// An attribute that goes back to its default.
    #[arg(long, value_name = "NAME")]
    unset: Vec<String>,
}

/// `name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Assignment {
    name: String,
    value: String,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self { name: name.to_owned(), value: value.to_owned() }),
            Some(_) | None => Err("it has to be NAME=VALUE, as in http-port=8080".to_owned()),
        }
    }
}

impl SetArgs {
    /// The members that these set, in the API's names. `defaults` says which of them are lists, texts or numbers.
    fn members(&self, defaults: &Map<String, Value>) -> Map<String, Value> {
        let mut members = Map::new();
        for Assignment { name, value } in &self.set {
            let name = camel_case(name);
            let value = read(value, defaults.get(&name));
            members.insert(name, value);
        }
        members.extend(self.unset.iter().map(|name| (camel_case(name), Value::Null)));
        members
    }
}

/// Members that flags have set; those whose flags were not given are left out.
#[derive(Debug, Default)]
pub(in crate::cli) struct Members(pub(super) Map<String, Value>);

impl Members {
    /// Sets this member, if it was given.
    pub(super) fn put<T: Into<Value>>(mut self, name: &str, value: Option<T>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }

    /// Sets this list, if anything was given.
    pub(super) fn list(self, name: &str, items: &[String]) -> Self {
        self.put(name, (!items.is_empty()).then(|| items.to_vec()))
    }

    /// With the attributes that have no flags.
    pub(super) fn with(mut self, set: &SetArgs, defaults: &Map<String, Value>) -> Map<String, Value> {
        self.0.extend(set.members(defaults));
        self.0
    }
}

/// Every attribute of such settings as it is where nothing was said.
pub(super) fn defaults<S: Default + Serialize>() -> Map<String, Value> {
    match json!(S::default()) {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

/// `likeThis` for `like-this`, `like_this` and `likeThis`.
pub(super) fn camel_case(name: &str) -> String {
    let renamed = from_file(Map::from_iter([(name.replace('-', "_"), Value::Null)]));
    renamed.into_iter().next().map(|(name, _)| name).unwrap_or_default()
}

/// `like-this` for `likeThis`, as flags are written.
pub(super) fn kebab_case(name: &str) -> String {
    snake_case(name).replace('_', "-")
}

/// A value, read as what stands there by default.
fn read(text: &str, default: Option<&Value>) -> Value {
    let json = serde_json::from_str::<Value>(text).ok();
    match (default, json) {
        // A description may be a number; only quotes make it JSON.
        (Some(Value::String(_)), Some(json @ Value::String(_))) => json,
        (Some(Value::String(_)), _) => Value::from(text),
        (Some(Value::Array(_)), Some(json @ Value::Array(_))) => json,
        (Some(Value::Array(items)), _) => list(text, items.first().is_some_and(Value::is_number)),
        (_, Some(json)) => json,
        (_, None) => Value::from(text),
    }
}

/// `a,b`; nothing at all is the empty list.
fn list(text: &str, numbers: bool) -> Value {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let item = |item: &str| match item.parse::<u64>() {
        Ok(number) if numbers => Value::from(number),
        Ok(_) | Err(_) => Value::from(item),
    };
    items.map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(assignments: &[&str], unset: &[&str]) -> Value {
        let defaults = json!({"description": "", "httpPort": 80, "retryPauses": [2], "policies": [], "website": null,
            "ordersPerHour": null, "enabled": true, "orderValidity": 36000});
        let args = SetArgs {
            set: assignments.iter().map(|text| text.parse().expect("an assignment")).collect(),
            unset: unset.iter().map(|name| (*name).to_owned()).collect(),
        };
        Value::Object(args.members(defaults.as_object().expect("an object")))
    }

    #[test]
    fn values_are_read_as_their_attribute_has_them() {
        assert_eq!(
            set(&["http-port=5002", "description=5", "orders_per_hour=7", "website=https://a.example/?b=c"], &[]),
            json!({"httpPort": 5002, "description": "5", "ordersPerHour": 7, "website": "https://a.example/?b=c"})
        );
        assert_eq!(
            set(&["retryPauses=1,10s", "policies=1.2, 2.5", "enabled=false", "order-validity=10h"], &["website"]),
            json!({"retryPauses": [1, "10s"], "policies": ["1.2", "2.5"], "enabled": false, "orderValidity": "10h",
                "website": null})
        );
        assert_eq!(set(&["policies=", "retry-pauses=[3]"], &[]), json!({"policies": [], "retryPauses": [3]}));
        assert_eq!(set(&["description=\"a\"", "unknown=a,b"], &[]), json!({"description": "a", "unknown": "a,b"}));
    }

    #[test]
    fn an_assignment_has_a_name() {
        for wrong in ["", "a", "=b"] {
            wrong.parse::<Assignment>().expect_err("must be refused");
        }
    }

    #[test]
    fn spans_are_written_as_they_are_read() {
        for (seconds, words) in [(0, "0s"), (36_000, "10h"), (5400, "1h 30m"), (7_776_000, "90d"), (61, "1m 1s")] {
            assert_eq!(in_words(seconds), words);
            let read: crate::span::Span = serde_json::from_value(json!(words)).expect("a span");
            assert_eq!(read.0.0, seconds);
        }
    }
}
