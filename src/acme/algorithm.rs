//! The signature algorithms that requests may use (RFC 8555 section 6.2, RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9964
//! section 5).

use std::fmt;

use crate::ml_dsa::ParameterSet;

/// One signature algorithm. Each kind of key has exactly one, so a key cannot be talked into another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519; the `alg` of RFC 8037 names no curve, and Ed448 is not supported.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ML-DSA, pure and with an empty context.
    MlDsa(ParameterSet),
}

impl Algorithm {
    /// Every algorithm, in the order in which the `algorithms` of a problem lists them.
    pub const ALL: &'static [Self] = &[
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
        Self::Rs256,
        Self::MlDsa(ParameterSet::MlDsa44),
        Self::MlDsa(ParameterSet::MlDsa65),
        Self::MlDsa(ParameterSet::MlDsa87),
    ];

    /// The value of the header parameter `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::MlDsa(set) => set.name(),
        }
    }

    /// The algorithm of that name; names are compared letter by letter (RFC 7515 section 4.1.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }

    /// Every name, for a person: `ES256, ES384, …`.
    pub(crate) fn list() -> String {
        Self::ALL.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
