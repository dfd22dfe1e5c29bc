//! For what certificates are issued.

use minicbor::{Decode, Encode};
use thiserror::Error;

use super::IdentifierPattern;
use crate::identifier::{Identifier, Subject};

/// A type of identifier (RFC 8555 section 9.7.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum IdentifierType {
    /// `dns`
    #[n(0)]
    Dns,
    /// `ip` (RFC 8738)
    #[n(1)]
    Ip,
}

impl IdentifierType {
    /// Every type.
    pub const ALL: &'static [Self] = &[Self::Dns, Self::Ip];

    /// The word of the wire.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Ip => "ip",
        }
    }

    /// The type with this word.
    #[must_use]
    pub fn parse(token: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.token() == token)
    }

    /// The type of an identifier.
    #[must_use]
    pub const fn of(identifier: &Identifier) -> Self {
        match identifier {
            Identifier::Dns(_) => Self::Dns,
            Identifier::Ip(_) => Self::Ip,
        }
    }
}

/// For what certificates are issued.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct IdentifierRules {
    /// Of which types.
    #[n(0)]
    pub types: Vec<IdentifierType>,
    /// Within which patterns; everything if there are none.
    #[n(1)]
    pub allow: Vec<IdentifierPattern>,
    /// Outside of which patterns, also where `allow` says otherwise.
    #[n(2)]
    pub deny: Vec<IdentifierPattern>,
    /// Whether orders may have wildcards.
    #[n(3)]
    pub wildcards: bool,
}

impl Default for IdentifierRules {
    fn default() -> Self {
        Self { types: IdentifierType::ALL.to_vec(), allow: Vec::new(), deny: Vec::new(), wildcards: true }
    }
}

/// Why nothing is issued for an identifier.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameRefused {
    /// Not this type.
    #[error("identifiers of type {0:?} are not issued for here")]
    Type(&'static str),
    /// No wildcards.
    #[error("wildcards are not issued here")]
    Wildcard,
    /// A pattern excludes it.
    #[error("the server's policy excludes it")]
    Denied,
    /// No pattern includes it.
    #[error("it is outside of what the server issues for")]
    NotAllowed,
}

impl IdentifierRules {
    /// Whether certificates are issued for this.
    ///
    /// # Errors
    /// [`NameRefused`] says which rule speaks against it.
    pub fn check(&self, subject: &Subject) -> Result<(), NameRefused> {
        self.decide(subject).0
    }

    /// The same, and the pattern that decides, if one does: that of `deny` which excludes it, or that of `allow` which
    /// includes it.
    pub fn decide(&self, subject: &Subject) -> (Result<(), NameRefused>, Option<&IdentifierPattern>) {
        if !self.types.contains(&IdentifierType::of(&subject.identifier)) {
            return (Err(NameRefused::Type(subject.identifier.kind())), None);
        }
        if subject.wildcard && !self.wildcards {
            return (Err(NameRefused::Wildcard), None);
        }
        if let Some(pattern) = self.deny.iter().find(|pattern| pattern.touches(subject)) {
            return (Err(NameRefused::Denied), Some(pattern));
        }
        match self.allow.iter().find(|pattern| pattern.covers(subject)) {
            None if !self.allow.is_empty() => (Err(NameRefused::NotAllowed), None),
            pattern => (Ok(()), pattern),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_denied_is_denied_though_it_be_allowed() {
        let patterns = |texts: &[&str]| {
            texts.iter().map(|text| IdentifierPattern::parse(text).expect("a pattern")).collect::<Vec<_>>()
        };
        let rules = IdentifierRules {
            allow: patterns(&["**.corp.example", "corp.example"]),
            deny: patterns(&["secret.corp.example", "**.secret.corp.example"]),
            ..IdentifierRules::default()
        };
        for (name, outcome) in [
            ("corp.example", Ok(())),
            ("a.b.corp.example", Ok(())),
            ("*.a.corp.example", Ok(())),
            ("example.org", Err(NameRefused::NotAllowed)),
            ("secret.corp.example", Err(NameRefused::Denied)),
            ("a.secret.corp.example", Err(NameRefused::Denied)),
            // It would be good for secret.corp.example.
            ("*.corp.example", Err(NameRefused::Denied)),
        ] {
            assert_eq!(rules.check(&Subject::dns(name).expect("a name")), outcome, "{name}");
        }
        let pattern = |name: &str| {
            let subject = Subject::dns(name).expect("a name");
            rules.decide(&subject).1.map(ToString::to_string)
        };
        assert_eq!(pattern("a.secret.corp.example").as_deref(), Some("**.secret.corp.example"));
        assert_eq!(pattern("corp.example").as_deref(), Some("corp.example"));
        assert_eq!(pattern("example.org"), None);
        let blocks = IdentifierRules {
            allow: patterns(&["192.0.2.0/24", "2001:db8::/32"]),
            deny: patterns(&["192.0.2.128/25"]),
            ..IdentifierRules::default()
        };
        for (address, outcome) in [
            ("192.0.2.1", Ok(())),
            ("2001:db8::1", Ok(())),
            ("192.0.2.128", Err(NameRefused::Denied)),
            ("198.51.100.1", Err(NameRefused::NotAllowed)),
            ("2001:db9::1", Err(NameRefused::NotAllowed)),
        ] {
            assert_eq!(blocks.check(&Subject::ip(address).expect("an address")), outcome, "{address}");
        }
        let plain = IdentifierRules { wildcards: false, ..IdentifierRules::default() };
        assert_eq!(plain.check(&Subject::dns("*.a.example").expect("a name")), Err(NameRefused::Wildcard));
        let none = IdentifierRules { types: Vec::new(), ..IdentifierRules::default() };
        assert_eq!(none.check(&Subject::dns("a.example").expect("a name")), Err(NameRefused::Type("dns")));
    }
}
