//! What the use cases about accounts and all that follows from them have in common.

use chancery_actors::Versioned;
use chancery_actors::audit::Deed;
use chancery_actors::error::LoadError;
use chancery_actors::listing::ListError;
use chancery_actors::ports::{Revision, StoreError};
use chancery_machine::id::Id;
use chancery_machine::identifier::Identifier;
use chancery_machine::order::ProfileRef;
use chancery_machine::problem::Problem;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::error::AdminError;
use super::precondition::Precondition;

/// An identifier (RFC 8555 section 7.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Identifier)]
pub struct IdentifierView {
    /// As in `dns`.
    #[serde(rename = "type")]
    pub kind: String,
    /// As in `www.example.org`.
    pub value: String,
}

/// A profile, and which of its revisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ProfileRevision)]
pub struct ProfileRefView {
    /// Its name.
    pub name: String,
    /// The revision that was in force.
    pub revision: u64,
}

/// What an ACME client is told of what went wrong (RFC 8555 section 6.7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AcmeProblem)]
pub struct AcmeProblemView {
    /// The URN, as in `urn:ietf:params:acme:error:connection`.
    #[serde(rename = "type")]
    pub kind: String,
    /// For a person.
    pub detail: String,
    /// What is wrong with single identifiers (RFC 8555 section 6.7.1).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subproblems: Vec<AcmeSubproblemView>,
}

/// What is wrong with one identifier (RFC 8555 section 6.7.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AcmeSubproblem)]
pub struct AcmeSubproblemView {
    /// The URN.
    #[serde(rename = "type")]
    pub kind: String,
    /// For a person.
    pub detail: String,
    /// The identifier at fault.
    pub identifier: Option<IdentifierView>,
}

impl IdentifierView {
    /// The view of an identifier, with the star of its wildcard if the order asks for that.
    #[must_use]
    pub fn of(identifier: &Identifier, wildcard: bool) -> Self {
        let star = if wildcard { "*." } else { "" };
        Self { kind: identifier.kind().to_owned(), value: format!("{star}{identifier}") }
    }
}

impl From<&ProfileRef> for ProfileRefView {
    fn from(profile: &ProfileRef) -> Self {
        Self { name: profile.name.to_string(), revision: profile.revision.0 }
    }
}

impl From<&Problem> for AcmeProblemView {
    fn from(problem: &Problem) -> Self {
        let subproblems = problem.subproblems.iter().map(|sub| AcmeSubproblemView {
            kind: urn(sub.kind),
            detail: sub.detail.clone(),
            identifier: sub.identifier.as_ref().map(|identifier| IdentifierView::of(identifier, false)),
        });
        Self { kind: urn(problem.kind), detail: problem.detail.clone(), subproblems: subproblems.collect() }
    }
}

impl From<ListError> for AdminError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Cursor(_) => Self::Cursor,
            ListError::Store(error) => error.into(),
        }
    }
}

/// The id in a path: what can be none names nothing.
pub(super) fn path_id<T>(kind: &str, text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, AdminError> {
    parse(text).ok_or_else(|| absent(kind, text))
}

/// What was found, or that there is no such thing.
pub(super) fn found<T>(kind: &str, text: &str, loaded: Result<T, LoadError>) -> Result<T, AdminError> {
    loaded.map_err(|error| match error {
        LoadError::Absent => absent(kind, text),
        LoadError::Store(error) => error.into(),
    })
}

pub(super) fn absent(kind: &str, text: &str) -> AdminError {
    AdminError::Absent(format!("{kind} {text:?}"))
}

/// The revision that an object must have when the change is committed, if it has it now.
pub(super) fn guard(precondition: Precondition, now: Revision) -> Result<Option<Revision>, AdminError> {
    precondition.check(now.0)?;
    Ok(match precondition {
        Precondition::Any => None,
        Precondition::Revision(seen) => Some(Revision(seen)),
    })
}

/// A state that is about to be stored, for the views of the log.
pub(super) fn unstored<M: Clone>(id: Id, state: &M) -> Versioned<M> {
    Versioned { id, revision: Revision::ABSENT, state: state.clone() }
}

/// What the log says of a change. The revision is left out: only the store knows it.
pub(super) fn deed(action: &'static str, object: String, before: &impl Serialize, after: &impl Serialize) -> Deed {
    Deed { action, object, before: Some(json(before).to_string()), after: Some(json(after).to_string()) }
}

/// A view as JSON, without its revision.
pub(super) fn json(view: &impl Serialize) -> Value {
    // Views are objects of plain members: writing them cannot fail.
    let mut value = serde_json::to_value(view).unwrap_or_default();
    if let Value::Object(members) = &mut value {
        members.remove("revision");
    }
    value
}

/// Why a list was not read on whose pages follow from each other here: a cursor is always the list's own.
pub(super) fn unlisted(error: ListError) -> StoreError {
    match error {
        ListError::Cursor(error) => StoreError::Corrupt(error.to_string()),
        ListError::Store(error) => error,
    }
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn urn(kind: chancery_machine::problem::ProblemType) -> String {
    format!("urn:ietf:params:acme:error:{kind}")
}
