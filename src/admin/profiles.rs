//! What operators do with profiles.

mod acme;

use chancery_machine::profile::ProfileName;
use serde_json::{Map, Value};

use super::error::AdminError;
use super::settings::Fault;

/// How many dependents of each kind an error names.
const NAMED: usize = 100;

/// The name of a new profile, and its settings without it.
fn named(mut members: Map<String, Value>) -> Result<(ProfileName, Map<String, Value>), Fault> {
    let name = match members.remove("name") {
        Some(Value::String(name)) => name,
        Some(other) => return Err(Fault::new("name", format!("a text is expected, and {other} came"))),
        None => return Err(Fault::new("name", "it is missing")),
    };
    let name = ProfileName::parse(&name).map_err(|bad| Fault::new("name", bad.to_string()))?;
    Ok((name, members))
}

/// The settings of an update: the name may stand there if it is the same, since it never changes.
fn update(name: &ProfileName, mut members: Map<String, Value>) -> Result<Map<String, Value>, Fault> {
    match members.remove("name") {
        Some(Value::String(same)) if same == name.as_str() => {}
        None => {}
        Some(_) => return Err(Fault::new("name", "a name never changes; create another profile")),
    }
    // What an answer shows beside the settings may be sent back as it came.
    for shown in ["revision", "termsChangedAt", "directoryUrl"] {
        members.remove(shown);
    }
    Ok(members)
}

fn absent(kind: &str, name: &str) -> AdminError {
    AdminError::Absent(format!("{kind} {name:?}"))
}

/// A name from a path: what can be no name names nothing.
fn path_name(kind: &str, text: &str) -> Result<ProfileName, AdminError> {
    ProfileName::parse(text).map_err(|_| absent(kind, text))
}
