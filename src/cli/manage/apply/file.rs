//! Files that declare profiles: read, and written of what the server has.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::collection::{Collection, Session, text};
use super::super::connection::{Request, Verb};
use super::super::set::{SPANS, in_words};
use super::super::{authority, profile, ra_profile};
use crate::admin::settings::{from_file, snake_case};

/// Every attribute with its default and what it means.
pub(super) const EXAMPLE: &str = include_str!("../../../../examples/profiles.toml");

/// Declared profiles, by name, with the API's names of their attributes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Profiles {
    pub(super) acme: BTreeMap<String, Map<String, Value>>,
    pub(super) ra: BTreeMap<String, Map<String, Value>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    acme_profiles: BTreeMap<String, Map<String, Value>>,
    ra_profiles: BTreeMap<String, Map<String, Value>>,
}

impl Profiles {
    /// Reads a file.
    pub(super) fn read(text: &str) -> Result<Self, toml::de::Error> {
        let File { acme_profiles, ra_profiles } = toml::from_str(text)?;
        let camel = |profiles: BTreeMap<String, Map<String, Value>>| {
            profiles.into_iter().map(|(name, members)| (name, from_file(members))).collect()
        };
        Ok(Self { acme: camel(acme_profiles), ra: camel(ra_profiles) })
    }

    /// A field of the request as the file calls it. Names of profiles stay as they are.
    pub(super) fn in_file(&self, field: &str) -> String {
        let sections = [("acmeProfile", "acme_profiles", &self.acme), ("raProfile", "ra_profiles", &self.ra)];
        for (singular, section, profiles) in sections {
            let Some(rest) = field.strip_prefix(singular) else { continue };
            let rest = rest.strip_prefix('s').unwrap_or(rest);
            let Some(rest) = rest.strip_prefix(['.', '/']) else { continue };
            let declared = profiles.keys().filter(|name| {
                rest.strip_prefix(name.as_str()).is_some_and(|after| after.is_empty() || after.starts_with(['.', '[']))
            });
            if let Some(name) = declared.max_by_key(|name| name.len()) {
                return format!("{section}.{name}{}", snake_case(&rest[name.len()..]));
            }
        }
        field.to_owned()
    }
}

/// The server's profiles as such a file: what differs from the defaults.
pub(super) async fn export(session: &Session) -> anyhow::Result<String> {
    let acme = all(session, &profile::COLLECTION).await?;
    let ra = all(session, &ra_profile::COLLECTION).await?;
    let intermediates = issuing(session).await?;
    let mut out = String::new();
    for item in &acme {
        section(&mut out, "acme_profiles", item, &profile::defaults())?;
    }
    for item in &ra {
        let mut item = item.clone();
        match intermediates.as_slice() {
            // What signs is no matter of choice: so the file fits other servers too.
            [_] => item["authority"] = Value::Null,
            several => {
                let signing = several.iter().find(|authority| authority.get("id") == item.get("authority"));
                if let Some(signing) = signing {
                    item["authority"] = signing["name"].clone();
                }
            }
        }
        section(&mut out, "ra_profiles", &item, &ra_profile::defaults())?;
    }
    Ok(out)
}

/// A profile of a file.
fn section(out: &mut String, kind: &str, item: &Value, defaults: &Map<String, Value>) -> anyhow::Result<()> {
    let members = item.as_object().context("a profile is no object")?;
    let telling = members.iter().filter(|(name, value)| {
        // What a file leaves out is as it is by default, and null is never anything else.
        !value.is_null() && defaults.get(*name).is_some_and(|default| default != *value)
    });
    let table: Map<_, _> = telling.map(|(name, value)| (snake_case(name), in_file(name, value))).collect();
    let name = text(item, "name");
    let file = BTreeMap::from([(kind, BTreeMap::from([(name, table)]))]);
    if !out.is_empty() {
        out.push('\n');
    }
    write!(out, "{}", toml::to_string(&file)?)?;
    Ok(())
}

/// A value as people write it in a file: spans of time in words, names with underscores.
fn in_file(name: &str, value: &Value) -> Value {
    match value {
        Value::Number(number) if SPANS.contains(&name) => number.as_u64().map_or(value.clone(), |s| in_words(s).into()),
        Value::Array(items) => items.iter().map(|item| in_file(name, item)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (snake_case(name), in_file(name, value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The authorities that issue.
async fn issuing(session: &Session) -> anyhow::Result<Vec<Value>> {
    let authorities = all(session, &authority::COLLECTION).await?;
    Ok(authorities.into_iter().filter(|authority| text(authority, "kind") == "intermediate").collect())
}

/// Every item of a collection.
async fn all(session: &Session, collection: &Collection) -> anyhow::Result<Vec<Value>> {
    let mut items = Vec::new();
    let mut query = vec![("limit", "1000".to_owned())];
    loop {
        let path = [collection.path];
        let request = Request { query: &query, ..Request::new(Verb::Get, &path) };
        let mut body = session.client.send(request).await?.body;
        if let Some(Value::Array(page)) = body.get_mut("items").map(Value::take) {
            items.extend(page);
        }
        match body.get("next").and_then(Value::as_str) {
            Some(next) => query = vec![("limit", "1000".to_owned()), ("cursor", next.to_owned())],
            None => return Ok(items),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::apply::Declared;
    use chancery_machine::time::Timestamp;
    use std::collections::BTreeSet;

    /// The example with what its comments set.
    fn uncommented() -> Profiles {
        let setting = |rest: &str| rest.starts_with(|letter: char| letter.is_ascii_lowercase());
        let line = |line: &'static str| line.strip_prefix('#').filter(|rest| setting(rest)).unwrap_or(line);
        let text: Vec<_> = EXAMPLE.lines().map(line).collect();
        Profiles::read(&text.join("\n")).expect("the example is read")
    }

    type Stated<'a> = (&'a Map<String, Value>, Map<String, Value>);

    fn settings(profiles: &Profiles) -> [Stated<'_>; 2] {
        [(&profiles.acme["example"], profile::defaults()), (&profiles.ra["example"], ra_profile::defaults())]
    }

    #[test]
    fn the_example_states_the_defaults() {
        let example = Profiles::read(EXAMPLE).expect("the example is read");
        for (stated, defaults) in settings(&example) {
            for (name, value) in &defaults {
                let word = in_file(name, value);
                // What has no value by default stands there as a comment.
                let expected = if value.is_null() { None } else { Some(&word) };
                assert_eq!(stated.get(name), expected, "{name}");
            }
        }
    }

    #[test]
    fn the_example_has_every_attribute_and_no_other() {
        let example = uncommented();
        for (stated, defaults) in settings(&example) {
            assert_eq!(stated.keys().collect::<BTreeSet<_>>(), defaults.keys().collect::<BTreeSet<_>>());
        }
        let declared = Declared { acme_profiles: example.acme, ra_profiles: example.ra };
        declared.check(Timestamp::from_seconds(1)).expect("every value is sound");
    }

    #[test]
    fn spans_are_those_attributes_that_are_read_as_such() {
        use crate::admin::settings::{AcmeProfileSettings, RaProfileSettings, read};
        let takes_words = |name: &str, acme: bool| {
            let value = serde_json::json!({ name: if name == "retryPauses" { serde_json::json!(["2s"]) } else { "2s".into() } });
            let text = if acme {
                read::<AcmeProfileSettings>(value).map(|settings| serde_json::json!(settings)[name].clone())
            } else {
                read::<RaProfileSettings>(value).map(|settings| serde_json::json!(settings)[name].clone())
            };
            text.is_ok_and(|read| read == 2 || read == serde_json::json!([2]))
        };
        for (defaults, acme) in [(profile::defaults(), true), (ra_profile::defaults(), false)] {
            for name in defaults.keys() {
                assert_eq!(takes_words(name, acme), SPANS.contains(&name.as_str()), "{name}");
            }
        }
    }

    #[test]
    fn a_profile_is_written_as_it_is_read() {
        let item = serde_json::json!({"name": "a.b", "revision": 3, "validity": 5400, "allow": ["**.a.example"],
            "withoutChallenge": [{"name": "x.example", "match": "exact", "wildcard": false}], "description": ""});
        let mut out = String::new();
        section(&mut out, "ra_profiles", &item, &ra_profile::defaults()).expect("it is written");
        let read = Profiles::read(&out).expect("it is read");
        let expected = serde_json::json!({"validity": "1h 30m", "allow": item["allow"],
            "withoutChallenge": item["withoutChallenge"]});
        assert_eq!(Value::Object(read.ra["a.b"].clone()), expected, "{out}");
    }

    #[test]
    fn fields_at_fault_are_named_as_in_the_file() {
        let profiles = Profiles::read("[acme_profiles.\"Web.a\"]\n[ra_profiles.x]\n").expect("it is read");
        for (field, named) in [
            ("acmeProfiles.Web.a.httpPort", "acme_profiles.Web.a.http_port"),
            ("raProfiles.x.withoutChallenge[0].match", "ra_profiles.x.without_challenge[0].match"),
            ("raProfiles.x", "ra_profiles.x"),
            ("raProfiles.y.allow", "raProfiles.y.allow"),
        ] {
            assert_eq!(profiles.in_file(field), named);
        }
    }

    #[test]
    fn what_is_no_profile_is_refused() {
        for wrong in ["[server]\n", "acme_profiles = 1\n", "[acme_profiles]\nweb = 1\n", "["] {
            Profiles::read(wrong).expect_err("must be refused");
        }
    }
}
