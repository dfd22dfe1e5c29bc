//! The RA Profile: how certificates are issued.

use minicbor::{Decode, Encode};

use super::{CertificateContents, Exemptions, IdentifierRules, ProfileName, ProfileRevision, Seconds};
use crate::id::AuthorityId;
use crate::renewal::RenewalCall;

/// How certificates are issued.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RaProfile {
    /// Its name; never changes.
    #[n(0)]
    pub name: ProfileName,
    /// Counts changes.
    #[n(1)]
    pub revision: ProfileRevision,
    /// For people.
    #[n(2)]
    pub description: String,
    /// Whether it issues.
    #[n(3)]
    pub enabled: bool,
    /// What signs.
    #[n(4)]
    pub authority: AuthorityId,
    /// The ACME Profile that is activated on it: with it `/acme/raProfile/{raProfile}/…` answers.
    #[n(5)]
    pub acme_profile: Option<ProfileName>,
    /// For what certificates are issued.
    #[n(6)]
    pub identifiers: IdentifierRules,
    /// For what nothing has to be proven.
    #[n(7)]
    pub exemptions: Exemptions,
    /// Which keys are accepted.
    #[n(8)]
    pub keys: KeyRules,
    /// How long certificates are valid.
    #[n(9)]
    pub validity: ValidityRules,
    /// What certificates say beyond names and key.
    #[n(10)]
    pub contents: CertificateContents,
    /// An operator's call to renew what it has issued.
    #[n(11)]
    pub call: Option<RenewalCall>,
}

/// How long certificates are valid.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ValidityRules {
    /// How long when the order does not say.
    #[n(0)]
    pub default: Seconds,
    /// How long at the most when the order does say; never shorter than `default`.
    #[n(1)]
    pub longest: Seconds,
    /// How long before the moment of issuance a certificate begins to be valid, for clocks that are behind.
    #[n(2)]
    pub backdate: Seconds,
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
    /// ML-DSA-44. Of profiles that are older than ML-DSA nobody has said that they accept it.
    #[cbor(n(5), default)]
    pub mldsa44: bool,
    /// ML-DSA-65.
    #[cbor(n(6), default)]
    pub mldsa65: bool,
    /// ML-DSA-87.
    #[cbor(n(7), default)]
    pub mldsa87: bool,
}

impl Default for KeyRules {
    fn default() -> Self {
        Self {
            p256: true,
            p384: true,
            p521: true,
            ed25519: true,
            rsa: Some((2048, 8192)),
            mldsa44: true,
            mldsa65: true,
            mldsa87: true,
        }
    }
}
