//! Profiles: how an endpoint behaves, and how certificates are issued.

use std::fmt;
use std::time::Duration;

use minicbor::{Decode, Encode};
use thiserror::Error;

use crate::challenge::ChallengeType;
use crate::id::AuthorityId;
use crate::network::NetworkRules;

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

/// How one ACME endpoint behaves.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AcmeProfile {
    /// The segment of the URL.
    #[n(0)]
    pub name: ProfileName,
    /// Counts changes.
    #[n(1)]
    pub revision: ProfileRevision,
    /// The RA Profile that issues for this endpoint.
    #[n(2)]
    pub ra_profile: ProfileName,
    /// `termsOfService` of the directory; where it stands, new accounts have to agree.
    #[n(3)]
    pub terms_of_service: Option<String>,
    /// `website` of the directory.
    #[n(4)]
    pub website: Option<String>,
    /// `caaIdentities` of the directory.
    #[n(5)]
    pub caa_identities: Vec<String>,
    /// The challenge types that are offered.
    #[n(6)]
    pub challenges: Vec<ChallengeType>,
    /// How long an order may be worked on.
    #[n(7)]
    pub order_validity: Seconds,
    /// How long control, once proven, counts.
    #[n(8)]
    pub authorization_validity: Seconds,
    /// How often a validation is tried, and how long after each failure but the last.
    #[n(9)]
    pub retry: RetryRules,
    /// What validation may contact, and how.
    #[n(10)]
    pub network: NetworkRules,
    /// How many identifiers an order may have.
    #[n(11)]
    pub identifiers_per_order: u32,
}

/// How often a validation is tried (RFC 8555 section 8.2).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RetryRules {
    /// The pauses between attempts: one attempt more than there are pauses.
    #[n(0)]
    pub pauses: Vec<Seconds>,
}

/// How certificates are issued.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RaProfile {
    /// Its name.
    #[n(0)]
    pub name: ProfileName,
    /// Counts changes.
    #[n(1)]
    pub revision: ProfileRevision,
    /// What signs.
    #[n(2)]
    pub authority: AuthorityId,
    /// How long a certificate is valid when the order does not say.
    #[n(3)]
    pub validity: Seconds,
    /// How long before the moment of issuance a certificate begins to be valid, for clocks that are behind.
    #[n(4)]
    pub backdate: Seconds,
    /// Whether orders may have wildcards.
    #[n(5)]
    pub wildcards: bool,
    /// Which keys are accepted.
    #[n(6)]
    pub keys: KeyRules,
}

/// Which public keys a certificate may carry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct KeyRules {
    /// P-256.
    #[n(0)]
    pub p256: bool,
    /// P-384.
    #[n(1)]
    pub p384: bool,
    /// P-521.
    #[n(2)]
    pub p521: bool,
    /// Ed25519.
    #[n(3)]
    pub ed25519: bool,
    /// The shortest and longest RSA modulus in bits, if RSA is accepted.
    #[n(4)]
    pub rsa: Option<(u32, u32)>,
}

impl Default for KeyRules {
    fn default() -> Self {
        Self { p256: true, p384: true, p521: true, ed25519: true, rsa: Some((2048, 8192)) }
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
