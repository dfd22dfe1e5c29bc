//! Identifiers for which nothing has to be proven: the operator vouches for whoever may reach the endpoint.

use std::fmt;

use minicbor::{Decode, Encode};

use crate::identifier::{DnsName, Identifier, Subject};

/// For what nothing has to be proven.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Exemptions {
    /// What is exempt.
    #[n(0)]
    pub rules: Vec<Exemption>,
    /// What becomes of everything else.
    #[n(1)]
    pub mode: ExemptionMode,
}

/// What becomes of identifiers that are not exempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ExemptionMode {
    /// They need a challenge.
    #[default]
    #[n(0)]
    OrElseChallenge,
    /// They are refused.
    #[n(1)]
    OnlyThese,
}

/// One exempt name, or tree of names.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Exemption {
    /// The name.
    #[n(0)]
    pub name: DnsName,
    /// Whether it is the name alone, or what is below it.
    #[n(1)]
    pub scope: ExemptionScope,
    /// Whether wildcards are exempt too.
    #[n(2)]
    pub wildcard: bool,
}

/// How far an exemption reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ExemptionScope {
    /// The name alone; with wildcards also `*.` before it.
    #[n(0)]
    Exact,
    /// The name and everything below it.
    #[n(1)]
    Subdomain,
}

impl ExemptionScope {
    /// The word of the interfaces.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Subdomain => "subdomain",
        }
    }
}

impl Exemption {
    fn covers(&self, subject: &Subject) -> bool {
        let Identifier::Dns(name) = &subject.identifier else { return false };
        let within = match self.scope {
            ExemptionScope::Exact => *name == self.name,
            ExemptionScope::Subdomain => *name == self.name || name.is_below(&self.name),
        };
        within && (self.wildcard || !subject.wildcard)
    }
}

impl fmt::Display for Exemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wildcard = if self.wildcard { ", wildcards too" } else { "" };
        write!(f, "{} ({}{wildcard})", self.name, self.scope.token())
    }
}

impl Exemptions {
    /// The rule by which nothing has to be proven for this, if there is one.
    #[must_use]
    pub fn rule(&self, subject: &Subject) -> Option<&Exemption> {
        self.rules.iter().find(|rule| rule.covers(subject))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exemptions_reach_as_far_as_they_say() {
        let rule = |scope, wildcard| Exemptions {
            rules: vec![Exemption { name: DnsName::parse("corp.example").expect("a name"), scope, wildcard }],
            mode: ExemptionMode::OrElseChallenge,
        };
        let names =
            ["corp.example", "*.corp.example", "a.corp.example", "*.a.corp.example", "xcorp.example", "example"];
        for (scope, wildcard, exempt) in [
            (ExemptionScope::Exact, false, [true, false, false, false, false, false]),
            (ExemptionScope::Exact, true, [true, true, false, false, false, false]),
            (ExemptionScope::Subdomain, false, [true, false, true, false, false, false]),
            (ExemptionScope::Subdomain, true, [true, true, true, true, false, false]),
        ] {
            let rules = rule(scope, wildcard);
            let found = names.map(|name| rules.rule(&Subject::dns(name).expect("a name")).is_some());
            assert_eq!(found, exempt, "{scope:?} {wildcard}");
        }
    }
}
