//! Profiles: how an endpoint behaves, and how certificates are issued.

mod acme;
mod contents;
mod exemption;
mod identifiers;
mod pattern;
mod ra;
mod text;

use std::fmt;
use std::time::Duration;

use minicbor::{Decode, Encode};
use thiserror::Error;

pub use self::acme::{AcmeProfile, AutoRenewalRules, Limits, PersistDraft, RetryRules, TermsOfService};
pub use self::contents::{
    BadOid, BadSubject, CertificateContents, KeyUsage, Oid, SubjectAttribute, SubjectPart, SubjectTemplate,
};
pub use self::exemption::{BadExemptName, ExemptName, Exemption, ExemptionMode, ExemptionScope, Exemptions};
pub use self::identifiers::{IdentifierRules, IdentifierType, NameRefused};
pub use self::pattern::{BadPattern, IdentifierPattern, NamePattern};
pub use self::ra::{KeyRules, RaProfile, ValidityRules};

/// The name of a profile, which stands in URLs: 1 to 64 letters, digits and `-._~`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ProfileName(String);

/// Why a text is no profile's name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} cannot be a profile's name: it takes 1 to 64 letters, digits and -._~, and is not raProfile, . or ..")]
pub struct BadProfileName(pub String);

impl ProfileName {
    /// Reads a name. `raProfile` is refused, since it is the first segment of the other form of URLs; so are `.` and
    /// `..`, which URLs resolve away.
    ///
    /// # Errors
    /// [`BadProfileName`] repeats the text and the rule.
    pub fn parse(text: &str) -> Result<Self, BadProfileName> {
        let letters = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        if text.is_empty() || text.len() > 64 || !letters || ["raProfile", ".", ".."].contains(&text) {
            return Err(BadProfileName(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Counts the changes of a profile, so that an order can say under which rules it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ProfileRevision(pub u64);

/// The URL form under which a client came, and to which its account belongs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Endpoint {
    /// `/acme/{acmeProfile}/…`
    #[n(0)]
    AcmeProfile(#[n(0)] ProfileName),
    /// `/acme/raProfile/{raProfile}/…`
    #[n(1)]
    RaProfile(#[n(0)] ProfileName),
}

impl fmt::Display for Endpoint {
    /// The path below `/acme/`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AcmeProfile(name) => write!(f, "{name}"),
            Self::RaProfile(name) => write!(f, "raProfile/{name}"),
        }
    }
}

/// A span in whole seconds, as settings and snapshots state it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Seconds(pub u64);

impl From<Seconds> for Duration {
    fn from(seconds: Seconds) -> Self {
        Self::from_secs(seconds.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_the_letters_of_a_url_segment() {
        for good in ["default", "a", "A-b.c_d~9", &"x".repeat(64)] {
            assert_eq!(ProfileName::parse(good).map(|name| name.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", "a/b", "a b", "ä", "raProfile", ".", "..", "a%20", &"x".repeat(65)] {
            assert_eq!(ProfileName::parse(bad), Err(BadProfileName(bad.to_owned())));
        }
    }
}
