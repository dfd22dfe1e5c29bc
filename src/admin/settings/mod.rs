//! Profiles as people write them, in JSON for the API and in TOML for files: what is left out has its default, or stays as
//! it was.

mod acme;
mod auto_renewal;
mod dns;
mod eab;
mod perspectives;
mod ra;
mod renewal;

use chancery_machine::network::Network;
use chancery_machine::profile::{IdentifierPattern, ProfileName};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thiserror::Error;

pub use self::acme::AcmeProfileSettings;
pub use self::auto_renewal::AutoRenewalSettings;
pub use self::eab::EabSettings;
pub(in crate::admin) use self::ra::usage_name;
pub use self::ra::{ExemptionSettings, RaProfileSettings};

/// A field that is not what it has to be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field}: {detail}")]
pub struct Fault {
    /// Its path, as in `challenges[0]`; empty for the whole.
    pub field: String,
    /// What was expected, and what came.
    pub detail: String,
}

impl Fault {
    /// A fault of this field.
    pub fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }
}

/// Settings with some of them changed (RFC 7396, for the members of the object): what the change leaves out stays as it is
/// in `current`, and `null` goes back to the default.
///
/// # Errors
/// [`Fault`] names the first field at fault.
pub fn changed<T: Serialize + DeserializeOwned>(current: &T, change: &Map<String, Value>) -> Result<T, Fault> {
    let Ok(Value::Object(mut merged)) = serde_json::to_value(current) else {
        return Err(Fault::new("", "these settings cannot be changed in part"));
    };
    for (name, value) in change {
        // Removed, so that the default comes in: but an unknown name is to be noticed.
        if value.is_null() && merged.contains_key(name) {
            merged.remove(name);
        } else {
            merged.insert(name.clone(), value.clone());
        }
    }
    read(Value::Object(merged))
}

/// Settings from JSON.
///
/// # Errors
/// [`Fault`] names the first field at fault.
pub fn read<T: DeserializeOwned>(value: Value) -> Result<T, Fault> {
    serde_path_to_error::deserialize(value).map_err(unread)
}

/// The fault of something that was not read.
pub(in crate::admin) fn unread<E: std::fmt::Display>(error: serde_path_to_error::Error<E>) -> Fault {
    let place = error.path().to_string();
    let place = if place == "." { String::new() } else { place };
    let detail = error.into_inner().to_string();
    // What is missing, or not known, stands in no path: serde names it between backticks.
    let named = ["missing field `", "unknown field `"].iter().find_map(|said| detail.strip_prefix(said));
    let member = named.and_then(|rest| rest.split_once('`')).map(|(member, _)| member);
    let field = match (member, place.as_str()) {
        (Some(member), "") => member.to_owned(),
        (Some(member), place) if place.ends_with(member) => place.to_owned(),
        (Some(member), place) => format!("{place}.{member}"),
        (None, place) => place.to_owned(),
    };
    Fault::new(field, detail)
}

/// The members of a profile in a file, whose names are written `like_this`, as the API writes them: `likeThis`.
#[must_use]
pub fn from_file(members: Map<String, Value>) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (camel_case(&name), nested(value))).collect()
}

fn nested(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(from_file(members)),
        Value::Array(items) => Value::Array(items.into_iter().map(nested).collect()),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

/// `like_this` for `likeThis`: names in messages about files.
#[must_use]
pub fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut raised = false;
    for letter in name.chars() {
        match letter {
            '_' => raised = true,
            letter if raised => {
                camel.push(letter.to_ascii_uppercase());
                raised = false;
            }
            letter => camel.push(letter),
        }
    }
    camel
}

fn profile_name(field: &str, text: &str) -> Result<ProfileName, Fault> {
    ProfileName::parse(text).map_err(|bad| Fault::new(field, bad.to_string()))
}

fn url(field: &str, text: Option<&String>) -> Result<Option<String>, Fault> {
    let Some(text) = text else { return Ok(None) };
    let sound = text.is_ascii()
        && text.len() <= 2048
        && !text.bytes().any(|byte| byte.is_ascii_control() || b" <>\"".contains(&byte))
        && url::Url::parse(text).is_ok_and(|url| url.has_host() && ["http", "https"].contains(&url.scheme()));
    if sound {
        Ok(Some(text.clone()))
    } else {
        Err(Fault::new(field, format!("{text:?} is no URL, as in https://ca.example/terms")))
    }
}

fn networks(field: &str, texts: &[String]) -> Result<Vec<Network>, Fault> {
    bounded(field, texts.len(), 1000)?;
    let read = |(place, text): (usize, &String)| {
        text.parse().map_err(|bad: chancery_machine::network::BadNetwork| {
            Fault::new(format!("{field}[{place}]"), bad.to_string())
        })
    };
    texts.iter().enumerate().map(read).collect()
}

fn patterns(field: &str, texts: &[String]) -> Result<Vec<IdentifierPattern>, Fault> {
    bounded(field, texts.len(), 10_000)?;
    let read = |(place, text): (usize, &String)| {
        IdentifierPattern::parse(text).map_err(|bad| Fault::new(format!("{field}[{place}]"), bad.to_string()))
    };
    texts.iter().enumerate().map(read).collect()
}

/// The words of a list, each looked up, none twice.
fn words<T: PartialEq>(
    field: &str,
    texts: &[String],
    parse: impl Fn(&str) -> Option<T>,
    known: &[&str],
) -> Result<Vec<T>, Fault> {
    let mut found = Vec::with_capacity(texts.len());
    for (place, text) in texts.iter().enumerate() {
        let word = parse(text).ok_or_else(|| {
            Fault::new(format!("{field}[{place}]"), format!("{text:?} is not known; there are {}", known.join(", ")))
        })?;
        if !found.contains(&word) {
            found.push(word);
        }
    }
    Ok(found)
}

fn bounded(field: &str, found: usize, most: usize) -> Result<(), Fault> {
    if found > most {
        return Err(Fault::new(field, format!("it has {found} items; {most} are the most")));
    }
    Ok(())
}

fn description(text: &str) -> Result<String, Fault> {
    if text.chars().count() > 1000 || text.chars().any(|letter| letter.is_control() && letter != '\n') {
        return Err(Fault::new("description", "at most 1000 characters, and no control characters"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn change(value: Value) -> Map<String, Value> {
        let Value::Object(members) = value else { panic!("{value} is no object") };
        members
    }

    #[test]
    fn what_a_change_leaves_out_stays() {
        let current = AcmeProfileSettings { contact_required: true, http_port: 5002, ..AcmeProfileSettings::default() };
        let next = changed(&current, &change(json!({"httpPort": null, "description": "x"}))).expect("it is sound");
        assert_eq!((next.contact_required, next.http_port, next.description.as_str()), (true, 80, "x"));
    }

    #[test]
    fn the_field_at_fault_is_named() {
        let current = AcmeProfileSettings::default();
        for (wrong, field) in [
            (json!({"httpPort": "x"}), "httpPort"),
            (json!({"retryPauses": [1, "soon"]}), "retryPauses[1]"),
            (json!({"htpPort": 80}), "htpPort"),
            (json!({"htpPort": null}), "htpPort"),
        ] {
            let fault = changed(&current, &change(wrong)).expect_err("must be refused");
            assert!(fault.field == field || fault.detail.contains(field), "{fault}");
        }
    }

    #[test]
    fn files_write_names_with_underscores() {
        let members = from_file(change(json!({"http_port": 1, "without_challenge": [{"some_name": 2}]})));
        assert_eq!(Value::Object(members), json!({"httpPort": 1, "withoutChallenge": [{"someName": 2}]}));
        assert_eq!(snake_case("noNewOrdersUntilAgreed"), "no_new_orders_until_agreed");
    }
}
