//! Identifiers (RFC 8555 section 9.7.7), as orders and authorizations have them.

use std::collections::BTreeMap;

use chancery_machine::identifier::{DnsName, Identifier, Subject};
use chancery_machine::problem::{ProblemType, Subproblem};
use chancery_machine::profile::IdentifierType;
use serde::{Deserialize, Serialize};

use super::json::Excerpt;
use super::problem::ProblemDocument;
use super::refusal::compound;

/// No profile allows more identifiers in an order; a longer list is not even looked at.
const MOST_IDENTIFIERS: usize = 1000;

/// An identifier on the wire.
#[derive(Serialize, Deserialize)]
pub(super) struct IdentifierObject {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) value: String,
    /// A name above it that the client controls too; of orders alone (RFC 9444 section 4.3).
    #[serde(rename = "ancestorDomain", skip_serializing_if = "Option::is_none")]
    pub(super) ancestor_domain: Option<String>,
}

impl IdentifierObject {
    /// What an authorization is for.
    pub(super) fn of(identifier: &Identifier) -> Self {
        Self { kind: identifier.kind().to_owned(), value: identifier.value(), ancestor_domain: None }
    }

    /// What an order is for.
    pub(super) fn of_order(subject: &Subject, ancestor: Option<&DnsName>) -> Self {
        let ancestor_domain = ancestor.map(ToString::to_string);
        Self { kind: subject.identifier.kind().to_owned(), value: subject.to_string(), ancestor_domain }
    }
}

/// Reads every identifier, and names each that cannot be one, and with them those of the others that are `refused` (RFC
/// 8555 section 6.7.1). An `ancestorDomain` is read only where the directory says that it means something (RFC 9444
/// section 4.4).
pub(super) fn read(
    identifiers: &[IdentifierObject],
    with_ancestors: bool,
    refused: impl FnOnce(&[Subject]) -> Vec<Subproblem>,
) -> Result<(Vec<Subject>, BTreeMap<Subject, DnsName>), ProblemDocument> {
    if identifiers.len() > MOST_IDENTIFIERS {
        let detail =
            format!("the order has {} identifiers; {MOST_IDENTIFIERS} are read at the most", identifiers.len());
        return Err(ProblemDocument::new(ProblemType::Malformed, detail));
    }
    let mut subjects = Vec::with_capacity(identifiers.len());
    let mut ancestors = BTreeMap::new();
    let mut faults = Vec::new();
    let mut asked = Vec::new();
    for identifier in identifiers {
        match subject(identifier).and_then(|subject| {
            let ancestor = identifier.ancestor_domain.as_ref().filter(|_| with_ancestors);
            Ok((ancestor.map(|text| ancestor_of(&subject, text)).transpose()?, subject))
        }) {
            Ok((ancestor, subject)) => {
                ancestors.extend(ancestor.map(|ancestor| (subject.clone(), ancestor)));
                subjects.push(subject);
            }
            Err(fault) => {
                faults.push(fault);
                asked.push((shortened(&identifier.kind), shortened(&identifier.value)));
            }
        }
    }
    if faults.is_empty() {
        Ok((subjects, ancestors))
    } else {
        faults.extend(refused(&subjects));
        Err(ProblemDocument::from(compound(faults)).about(asked))
    }
}

/// Reads one identifier that a client might send, or says what it would be told.
pub(crate) fn read_one(kind: &str, value: &str) -> Result<Subject, ProblemDocument> {
    let sent = IdentifierObject { kind: kind.to_owned(), value: value.to_owned(), ancestor_domain: None };
    let (subjects, _) = read(&[sent], false, |_| Vec::new())?;
    let none = || ProblemDocument::new(ProblemType::Malformed, "there is no identifier");
    subjects.into_iter().next().ok_or_else(none)
}

/// No identifier is longer than a domain name; more of it would only be an echo.
fn shortened(text: &str) -> String {
    text.chars().take(255).collect()
}

/// What is no identifier is malformed, as in the example of RFC 8555 section 6.7.1; what a profile does not issue for is
/// refused later, as rejectedIdentifier.
fn subject(identifier: &IdentifierObject) -> Result<Subject, Subproblem> {
    let fault = |kind, detail| Subproblem { kind, detail, identifier: None };
    let value = Excerpt::new(&identifier.value);
    let subject = match IdentifierType::parse(&identifier.kind) {
        Some(IdentifierType::Dns) => Subject::dns(&identifier.value)
            .map_err(|bad| fault(ProblemType::Malformed, format!("{value:?} is no domain name: {bad}")))?,
        Some(IdentifierType::Ip) => {
            return Subject::ip(&identifier.value)
                .map_err(|bad| fault(ProblemType::Malformed, format!("{value:?} cannot be certified: {bad}")));
        }
        None => {
            let kind = Excerpt::new(&identifier.kind);
            let detail = format!("identifiers of type {kind:?} are not supported; \"dns\" and \"ip\" are");
            return Err(fault(ProblemType::UnsupportedIdentifier, detail));
        }
    };
    // RFC 8555 section 7.1.4: names come as A-labels, and what claims to be one has to be one (RFC 5890).
    let name = subject.identifier.value();
    if name.split('.').any(|label| label.starts_with("xn--")) && idna::domain_to_unicode(&name).1.is_err() {
        let detail = format!("{value:?} has a label that begins with xn-- and is no valid A-label");
        return Err(Subproblem { kind: ProblemType::Malformed, detail, identifier: Some(subject.identifier) });
    }
    Ok(subject)
}

/// RFC 9444 section 4.3: a name that the identifier is a subdomain of. The identifier's own name is borne with, since it is
/// the end of that row: it asks for no less.
fn ancestor_of(subject: &Subject, text: &str) -> Result<DnsName, Subproblem> {
    let found = DnsName::parse(text).map_err(|bad| bad.to_string()).and_then(|name| {
        let above = Identifier::Dns(name.clone());
        let holds = subject.identifier == above || subject.identifier.is_below(&above);
        if holds { Ok(name) } else { Err(format!("{subject} is no subdomain of it")) }
    });
    found.map_err(|why| Subproblem {
        kind: ProblemType::Malformed,
        detail: format!("the \"ancestorDomain\" {:?} cannot be one of {subject}: {why}", Excerpt::new(text)),
        identifier: Some(subject.identifier.clone()),
    })
}
