//! Identifiers for which nothing has to be proven: the operator vouches for whoever may reach the endpoint.

use std::fmt;

use minicbor::{Decode, Encode};

use thiserror::Error;

use super::text::as_text;
use crate::identifier::{BadName, DnsName, Identifier, Subject};
use crate::network::{BadNetwork, Network};

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

/// One exempt name, or tree of names, or block of addresses.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Exemption {
    /// What is exempt.
    #[n(0)]
    pub name: ExemptName,
    /// Whether it is the name alone, or what is below it; a block of addresses is exempt as it is.
    #[n(1)]
    pub scope: ExemptionScope,
    /// Whether wildcards are exempt too.
    #[n(2)]
    pub wildcard: bool,
}

/// What is exempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExemptName {
    /// A domain name.
    Name(DnsName),
    /// A block of addresses.
    Network(Network),
}

/// Why a text names nothing that could be exempt.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadExemptName {
    /// It is no domain name.
    #[error(transparent)]
    Name(#[from] BadName),
    /// It is no block of addresses.
    #[error(transparent)]
    Network(#[from] BadNetwork),
}

impl ExemptName {
    /// Reads a name, or a block of addresses as in `10.0.0.0/8`.
    ///
    /// # Errors
    /// [`BadExemptName`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, BadExemptName> {
        if text.contains('/') { Ok(Self::Network(text.parse()?)) } else { Ok(Self::Name(DnsName::parse(text)?)) }
    }
}

impl fmt::Display for ExemptName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Network(network) => network.fmt(f),
        }
    }
}

as_text!(ExemptName);

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
        match (&self.name, &subject.identifier) {
            (ExemptName::Name(rule), Identifier::Dns(name)) => {
                let within = match self.scope {
                    ExemptionScope::Exact => name == rule,
                    ExemptionScope::Subdomain => name == rule || name.is_below(rule),
                };
                within && (self.wildcard || !subject.wildcard)
            }
            (ExemptName::Network(network), Identifier::Ip(address)) => network.contains(*address),
            (ExemptName::Name(_), Identifier::Ip(_)) | (ExemptName::Network(_), Identifier::Dns(_)) => false,
        }
    }
}

impl fmt::Display for Exemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            ExemptName::Network(network) => network.fmt(f),
            ExemptName::Name(name) => {
                let wildcard = if self.wildcard { ", wildcards too" } else { "" };
                write!(f, "{name} ({}{wildcard})", self.scope.token())
            }
        }
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
            rules: vec![Exemption { name: ExemptName::parse("corp.example").expect("a name"), scope, wildcard }],
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

    #[test]
    fn a_block_of_addresses_is_exempt_as_it_is() {
        let name = ExemptName::parse("10.7.0.0/16").expect("a block");
        let rules = Exemptions {
            rules: vec![Exemption { name, scope: ExemptionScope::Exact, wildcard: false }],
            mode: ExemptionMode::OrElseChallenge,
        };
        let rule = |address| rules.rule(&Subject::ip(address).expect("an address")).map(ToString::to_string);
        assert_eq!(rule("10.7.255.255").as_deref(), Some("10.7.0.0/16"));
        assert_eq!((rule("10.8.0.0"), rule("2001:db8::1")), (None, None));
        assert!(rules.rule(&Subject::dns("10.7.example").expect("a name")).is_none());
        for bad in ["10.7.0.1", "10.7.0.0/33", "fd00::/129", "*.corp.example", ""] {
            assert!(ExemptName::parse(bad).is_err(), "{bad}");
        }
    }
}
