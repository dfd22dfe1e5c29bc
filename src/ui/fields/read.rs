//! Settings into the fields of a form, and back.

use serde_json::{Map, Value};

use super::{Field, Group, Widget};
use crate::admin::settings::Fault;
use crate::span::Span;
use crate::ui::form::Form;

/// What a box that is ticked sends.
const TICKED: &str = "yes";

/// Settings as a form has them.
pub(in crate::ui) fn written(groups: &[Group], settings: &Value) -> Form {
    let mut pairs = Vec::new();
    for field in groups.iter().flat_map(|group| group.fields) {
        write(field, field.name, &settings[field.name], &mut pairs);
    }
    Form::of(pairs)
}

fn write(field: &Field, name: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    let mut put = |name: String, text: String| pairs.push((name, text));
    let one = || name.to_owned();
    match &field.widget {
        Widget::Text | Widget::Url | Widget::Number | Widget::Choice(_) | Widget::Other | Widget::Authority => {
            put(one(), plain(value));
        }
        Widget::Span => put(one(), span(value)),
        Widget::Spans => put(one(), items(value).map(span).collect::<Vec<_>>().join(", ")),
        Widget::Tick => {
            if value == &Value::Bool(true) {
                put(one(), TICKED.to_owned());
            }
        }
        Widget::Ticks(_) | Widget::Others => items(value).for_each(|item| put(one(), plain(item))),
        Widget::Lines => put(one(), items(value).map(plain).collect::<Vec<_>>().join("\n")),
        Widget::Pair => {
            for (place, end) in ["from", "to"].into_iter().enumerate() {
                put(format!("{name}.{end}"), plain(&value[place]));
            }
        }
        Widget::Exemptions => put(one(), items(value).map(exemption).collect::<Vec<_>>().join("\n")),
        Widget::Nested(_, fields) => {
            if !value.is_null() {
                put(one(), TICKED.to_owned());
            }
            for field in *fields {
                write(field, &format!("{name}.{}", field.name), &value[field.name], pairs);
            }
        }
    }
}

/// What a form says of settings: an empty field is `null`, which means the default.
///
/// # Errors
/// Every [`Fault`] that can be told before the settings are looked at as a whole.
pub(in crate::ui) fn read(groups: &[Group], form: &Form) -> Result<Map<String, Value>, Vec<Fault>> {
    let (mut members, mut faults) = (Map::new(), Vec::new());
    for field in groups.iter().flat_map(|group| group.fields) {
        match value(field, field.name, form) {
            Ok(value) => drop(members.insert(field.name.to_owned(), value)),
            Err(fault) => faults.extend(fault),
        }
    }
    if faults.is_empty() { Ok(members) } else { Err(faults) }
}

fn value(field: &Field, name: &str, form: &Form) -> Result<Value, Vec<Fault>> {
    let text = || form.given(name).map_or(Value::Null, Value::from);
    let lines = || form.all(name).flat_map(str::lines).map(str::trim).filter(|line| !line.is_empty());
    Ok(match &field.widget {
        Widget::Text | Widget::Url | Widget::Span | Widget::Other | Widget::Authority => text(),
        // A choice of numbers is one of numbers.
        Widget::Choice(words) if words.iter().all(|(word, _)| word.parse::<u64>().is_ok()) => number(name, form)?,
        Widget::Choice(_) => text(),
        Widget::Number => number(name, form)?,
        Widget::Spans => form.text(name).split(',').map(str::trim).filter(|part| !part.is_empty()).collect(),
        Widget::Tick => Value::Bool(form.ticked(name)),
        Widget::Ticks(_) | Widget::Others | Widget::Lines => lines().collect(),
        Widget::Pair => match (number(&format!("{name}.from"), form)?, number(&format!("{name}.to"), form)?) {
            (Value::Null, Value::Null) => Value::Null,
            (from, to) if from.is_null() || to.is_null() => {
                return Err(vec![Fault::new(name, "write both numbers, or neither")]);
            }
            (from, to) => Value::from(vec![from, to]),
        },
        Widget::Exemptions => {
            let read = lines().enumerate().map(|(place, line)| rule(&format!("{name}[{place}]"), line));
            read.collect::<Result<Value, Fault>>().map_err(|fault| vec![fault])?
        }
        Widget::Nested(..) if !form.ticked(name) => Value::Null,
        Widget::Nested(_, fields) => {
            let (mut members, mut faults) = (Map::new(), Vec::new());
            for field in *fields {
                match value(field, &format!("{name}.{}", field.name), form) {
                    // Its members have defaults of their own, which come in where they are left out.
                    Ok(Value::Null) => {}
                    Ok(value) => drop(members.insert(field.name.to_owned(), value)),
                    Err(fault) => faults.extend(fault),
                }
            }
            if !faults.is_empty() {
                return Err(faults);
            }
            Value::Object(members)
        }
    })
}

fn number(name: &str, form: &Form) -> Result<Value, Vec<Fault>> {
    let Some(text) = form.given(name) else { return Ok(Value::Null) };
    let wrong = |_| vec![Fault::new(name, format!("{text:?} is no whole number"))];
    text.parse::<u64>().map(Value::from).map_err(wrong)
}

/// `lab.example subdomain wildcard` and `10.7.0.0/16`.
fn rule(name: &str, line: &str) -> Result<Value, Fault> {
    let mut words = line.split_whitespace();
    let mut rule = Map::new();
    rule.insert("name".to_owned(), words.next().unwrap_or_default().into());
    for word in words {
        match word {
            "exact" | "subdomain" => drop(rule.insert("match".to_owned(), word.into())),
            "wildcard" => drop(rule.insert("wildcard".to_owned(), true.into())),
            other => {
                let detail = format!("{other:?} stands after the name; there can be subdomain, exact and wildcard");
                return Err(Fault::new(name, detail));
            }
        }
    }
    Ok(Value::Object(rule))
}

/// The same of a rule.
pub(super) fn exemption(rule: &Value) -> String {
    let below = if rule["match"] == "subdomain" { " subdomain" } else { "" };
    let stars = if rule["wildcard"] == true { " wildcard" } else { "" };
    format!("{}{below}{stars}", plain(&rule["name"]))
}

pub(super) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Seconds in words.
pub(super) fn span(value: &Value) -> String {
    serde_json::from_value::<Span>(value.clone()).map(|span| span.to_string()).unwrap_or_default()
}
