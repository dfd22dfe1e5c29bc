//! ML-DSA (FIPS 204) as account keys (RFC 9964) and as certificate keys (RFC 9881): both want the pure variant with an
//! empty context, which is what aws-lc verifies.

use aws_lc_rs::signature::{ML_DSA_44, ML_DSA_65, ML_DSA_87, PqdsaVerificationAlgorithm};
use const_oid::ObjectIdentifier;
use const_oid::db::fips204;

/// The parameter sets of FIPS 204 section 4. A key and its signatures belong to one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterSet {
    /// Of security category 2.
    MlDsa44,
    /// Of security category 3.
    MlDsa65,
    /// Of security category 5.
    MlDsa87,
}

impl ParameterSet {
    /// Every parameter set.
    pub const ALL: [Self; 3] = [Self::MlDsa44, Self::MlDsa65, Self::MlDsa87];

    /// Its name, which is its `alg` too (RFC 9964 section 5).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
        }
    }

    /// The set of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|set| set.name() == name)
    }

    /// What identifies it in an AlgorithmIdentifier, of keys and of signatures, without parameters (RFC 9881 section 2).
    #[must_use]
    pub const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::MlDsa44 => fips204::ID_ML_DSA_44,
            Self::MlDsa65 => fips204::ID_ML_DSA_65,
            Self::MlDsa87 => fips204::ID_ML_DSA_87,
        }
    }

    /// The set with that identifier.
    #[must_use]
    pub fn from_oid(oid: ObjectIdentifier) -> Option<Self> {
        Self::ALL.into_iter().find(|set| set.oid() == oid)
    }

    /// How many octets a public key has (FIPS 204 table 2). Any so many are one: its encoding leaves no bit unused
    /// (algorithm 23).
    #[must_use]
    pub const fn public_key_octets(self) -> usize {
        match self {
            Self::MlDsa44 => 1312,
            Self::MlDsa65 => 1952,
            Self::MlDsa87 => 2592,
        }
    }

    /// What verifies its signatures.
    #[must_use]
    pub const fn verification(self) -> &'static PqdsaVerificationAlgorithm {
        match self {
            Self::MlDsa44 => &ML_DSA_44,
            Self::MlDsa65 => &ML_DSA_65,
            Self::MlDsa87 => &ML_DSA_87,
        }
    }
}

#[cfg(test)]
#[path = "ml_dsa_tests.rs"]
mod tests;
