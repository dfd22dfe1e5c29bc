//! Public keys as clients send them: JSON Web Keys (RFC 7517), checked once, here, and sound ever after.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, EcdsaVerificationAlgorithm,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use thiserror::Error;

use super::algorithm::Algorithm;
use super::base64url::{self, BadBase64Url};
use super::json::{BadJson, Excerpt, Members};
use super::spki;
use crate::ml_dsa::ParameterSet;

/// A public key of a kind that this server accepts, known to be sound: a point on its curve, an odd modulus of fit size.
///
/// Two keys are equal when they verify the same signatures, whatever form they came in.
#[derive(Clone)]
pub struct PublicKey {
    material: Material,
    verifier: ParsedPublicKey,
}

/// The numbers of a key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Material {
    /// The uncompressed point: 4, x, y (SEC 1 section 2.3.3).
    Ec(Curve, Box<[u8]>),
    /// RFC 8032 section 5.1.5.
    Ed25519([u8; 32]),
    /// Both big-endian, without leading zero octets.
    Rsa { modulus: Box<[u8]>, exponent: Box<[u8]> },
    /// FIPS 204 algorithm 22.
    MlDsa(ParameterSet, Box<[u8]>),
}

/// The curves of RFC 7518 section 6.2.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

/// Why a JWK or a SubjectPublicKeyInfo gives no key that this server accepts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadKey {
    /// The JWK is no object, or lacks a member.
    #[error("the JWK cannot be read: {0}")]
    Json(#[from] BadJson),
    /// A member is not base64url.
    #[error("the member \"{member}\" of the JWK is not base64url: {reason}")]
    Encoding {
        /// The member.
        member: &'static str,
        /// What is wrong with it.
        reason: BadBase64Url,
    },
    /// A member that only its owner may know was sent.
    #[error(
        "the JWK carries the private member \"{0}\": send only the public members, and replace this key, as it is no \
         longer secret"
    )]
    Private(&'static str),
    /// A secret that both sides share is not a public key.
    #[error("a symmetric key (\"kty\" \"oct\") cannot be an account key; use EC, OKP, RSA or AKP")]
    Symmetric,
    /// Another kind of key.
    #[error(
        "keys of the kind {0:?} are not supported; use EC (P-256, P-384, P-521), OKP (Ed25519), RSA or AKP (ML-DSA)"
    )]
    Kind(Excerpt),
    /// Another curve.
    #[error("the curve {0:?} is not supported; EC keys are on P-256, P-384 or P-521, OKP keys are Ed25519")]
    Curve(Excerpt),
    /// RFC 7518 section 6.2.1.2: leading zero octets are kept.
    #[error("\"{member}\" has {found} octets; a coordinate of {curve} has exactly {expected}, leading zeros included")]
    CoordinateSize {
        /// The member.
        member: &'static str,
        /// The curve's name.
        curve: &'static str,
        /// The octets of a coordinate of this curve.
        expected: usize,
        /// The octets that came.
        found: usize,
    },
    /// The coordinates satisfy no curve equation.
    #[error("the point is not on the curve {0}; the coordinates are damaged, or of another curve")]
    NotOnCurve(&'static str),
    /// An Ed25519 key that is no point, is spelled another way than RFC 8032 says, or under which anybody can sign.
    #[error("the Ed25519 key is not a sound point; generate a new key")]
    Ed25519,
    /// The modulus is too small or too large.
    #[error("the RSA modulus has {0} bits; 2048 to 8192 are accepted")]
    ModulusSize(usize),
    /// The modulus is even, so it is no product of two large primes.
    #[error("the RSA modulus is even, so it is no product of two large primes; generate a new key")]
    EvenModulus,
    /// FIPS 186-5 appendix A.1.1, with the upper bound that common libraries share.
    #[error("the RSA exponent has to be odd, at least 65537 and less than 2^32; 65537 is what everybody uses")]
    Exponent,
    /// RFC 7518 section 2 (Base64urlUInt): the shortest form.
    #[error("\"{0}\" begins with a zero octet; RSA numbers are written in their shortest form")]
    LeadingZero(&'static str),
    /// RFC 9964 section 3: a key is for one algorithm, and this one is not supported.
    #[error("AKP keys for {0:?} are not supported; \"alg\" of the JWK has to be ML-DSA-44, ML-DSA-65 or ML-DSA-87")]
    AkpAlgorithm(Excerpt),
    /// RFC 9964 section 5.
    #[error("the public key has {found} octets; one of {algorithm} has exactly {expected}")]
    MlDsaSize {
        /// The algorithm's name.
        algorithm: &'static str,
        /// The octets of its public keys.
        expected: usize,
        /// The octets that came.
        found: usize,
    },
    /// DER that is no SubjectPublicKeyInfo of a supported kind.
    #[error("the SubjectPublicKeyInfo cannot be read: {0}")]
    Spki(&'static str),
}

impl PublicKey {
    /// Reads a JWK. Members that describe but do not define the key (`kid`, `use`, …) are ignored.
    ///
    /// # Errors
    /// [`BadKey`] says why this server does not accept it.
    pub fn from_jwk(json: &[u8]) -> Result<Self, BadKey> {
        let members = Members::parse(json)?;
        let kind = members.required_text("kty")?;
        if kind == "oct" {
            return Err(BadKey::Symmetric);
        }
        // Of EC and OKP keys `d` is private, of AKP keys `priv` (RFC 9964 section 3), of RSA keys the others (RFC 7518
        // sections 6.2.2 and 6.3.2).
        if let Some(private) =
            ["d", "priv", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().find(|name| members.raw(name).is_some())
        {
            return Err(BadKey::Private(private));
        }
        match kind.as_str() {
            "EC" => Self::from_ec_jwk(&members),
            "OKP" => Self::from_okp_jwk(&members),
            "RSA" => Self::rsa(&octets(&members, "n")?, &octets(&members, "e")?),
            "AKP" => Self::from_akp_jwk(&members),
            other => Err(BadKey::Kind(Excerpt::new(other))),
        }
    }

    /// Reads the SubjectPublicKeyInfo of a certificate or a CSR (RFC 5280 section 4.1.2.7), DER.
    ///
    /// # Errors
    /// [`BadKey`] says why this server does not accept it.
    pub fn from_spki(der: &[u8]) -> Result<Self, BadKey> {
        spki::decode(der)
    }

    /// The JWK with only the required members, in the order and form that RFC 7638 section 3 hashes.
    #[must_use]
    pub fn canonical_jwk(&self) -> String {
        match &self.material {
            Material::Ec(curve, point) => {
                let (x, y) = point[1..].split_at(curve.coordinate());
                let (x, y) = (base64url::encode(x), base64url::encode(y));
                format!(r#"{{"crv":"{}","kty":"EC","x":"{x}","y":"{y}"}}"#, curve.name())
            }
            Material::Ed25519(point) => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, base64url::encode(point))
            }
            Material::Rsa { modulus, exponent } => {
                let (n, e) = (base64url::encode(modulus), base64url::encode(exponent));
                format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
            }
            // RFC 9964 section 6.
            Material::MlDsa(set, public) => {
                format!(r#"{{"alg":"{}","kty":"AKP","pub":"{}"}}"#, set.name(), base64url::encode(public))
            }
        }
    }

    /// The SHA-256 thumbprint of RFC 7638, of which key authorizations are made (RFC 8555 section 8.1).
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        sha256(self.canonical_jwk().as_bytes())
    }

    /// DER of the SubjectPublicKeyInfo, as a CSR or a certificate of this key carries it.
    #[must_use]
    pub fn spki(&self) -> Vec<u8> {
        spki::encode(&self.material)
    }

    /// SHA-256 of [`PublicKey::spki`].
    #[must_use]
    pub fn spki_sha256(&self) -> [u8; 32] {
        sha256(&self.spki())
    }

    /// The one algorithm that this key verifies.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Ec(Curve::P256, _) => Algorithm::Es256,
            Material::Ec(Curve::P384, _) => Algorithm::Es384,
            Material::Ec(Curve::P521, _) => Algorithm::Es512,
            Material::Ed25519(_) => Algorithm::EdDsa,
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::MlDsa(set, _) => Algorithm::MlDsa(set),
        }
    }

    /// Whether the signature, in the form of RFC 7518 section 3, is this key's over the message.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifier.verify_sig(message, signature).is_ok()
    }

    /// Takes an uncompressed point.
    pub(crate) fn ec(curve: Curve, point: Box<[u8]>) -> Result<Self, BadKey> {
        let verifier = ParsedPublicKey::new(curve.verification(), &*point);
        let verifier = verifier.map_err(|_| BadKey::NotOnCurve(curve.name()))?;
        Ok(Self { material: Material::Ec(curve, point), verifier })
    }

    /// Takes an encoded point, and refuses those of small order: under them a signature fits every message.
    pub(crate) fn ed25519(encoded: [u8; 32]) -> Result<Self, BadKey> {
        // RFC 8032 section 5.1.3 step 1: y is less than p = 2^255 - 19.
        let canonical =
            encoded[0] < 0xed || encoded[1..31].iter().any(|&octet| octet != 0xff) || encoded[31] & 0x7f != 0x7f;
        let point = ed25519_dalek::VerifyingKey::from_bytes(&encoded).map_err(|_| BadKey::Ed25519)?;
        if !canonical || point.is_weak() {
            return Err(BadKey::Ed25519);
        }
        let verifier = ParsedPublicKey::new(&ED25519, encoded).map_err(|_| BadKey::Ed25519)?;
        Ok(Self { material: Material::Ed25519(encoded), verifier })
    }

    /// Takes modulus and exponent, big-endian and in their shortest form.
    pub(crate) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, BadKey> {
        for (name, number) in [("n", modulus), ("e", exponent)] {
            if number.first() == Some(&0) {
                return Err(BadKey::LeadingZero(name));
            }
        }
        let bits = bits(modulus);
        if !(2048..=8192).contains(&bits) {
            return Err(BadKey::ModulusSize(bits));
        }
        if modulus.last().is_none_or(|last| last & 1 == 0) {
            return Err(BadKey::EvenModulus);
        }
        let value = exponent.iter().fold(0_u64, |value, &octet| (value << 8) | u64::from(octet));
        if exponent.len() > 4 || value < 65_537 || value & 1 == 0 {
            return Err(BadKey::Exponent);
        }
        let verifier = RsaPublicKeyComponents { n: modulus, e: exponent }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map_err(|_| BadKey::ModulusSize(bits))?;
        Ok(Self { material: Material::Rsa { modulus: modulus.into(), exponent: exponent.into() }, verifier })
    }

    /// Takes an encoded public key.
    pub(crate) fn ml_dsa(set: ParameterSet, public: Box<[u8]>) -> Result<Self, BadKey> {
        let (algorithm, expected, found) = (set.name(), set.public_key_octets(), public.len());
        let wrong = || BadKey::MlDsaSize { algorithm, expected, found };
        // aws-lc would take a SubjectPublicKeyInfo as well.
        if found != expected {
            return Err(wrong());
        }
        let verifier = ParsedPublicKey::new(set.verification(), &*public).map_err(|_| wrong())?;
        Ok(Self { material: Material::MlDsa(set, public), verifier })
    }

    fn from_ec_jwk(members: &Members<'_>) -> Result<Self, BadKey> {
        let name = members.required_text("crv")?;
        let curve = Curve::from_name(&name).ok_or_else(|| BadKey::Curve(Excerpt::new(&name)))?;
        let mut point = vec![4];
        for member in ["x", "y"] {
            let coordinate = octets(members, member)?;
            if coordinate.len() != curve.coordinate() {
                let (curve, expected) = (curve.name(), curve.coordinate());
                return Err(BadKey::CoordinateSize { member, curve, expected, found: coordinate.len() });
            }
            point.extend(coordinate);
        }
        Self::ec(curve, point.into())
    }

    fn from_okp_jwk(members: &Members<'_>) -> Result<Self, BadKey> {
        let curve = members.required_text("crv")?;
        if curve != "Ed25519" {
            return Err(BadKey::Curve(Excerpt::new(&curve)));
        }
        let encoded = octets(members, "x")?;
        let found = encoded.len();
        let encoded = encoded.try_into();
        let encoded =
            encoded.map_err(|_| BadKey::CoordinateSize { member: "x", curve: "Ed25519", expected: 32, found })?;
        Self::ed25519(encoded)
    }

    fn from_akp_jwk(members: &Members<'_>) -> Result<Self, BadKey> {
        let name = members.required_text("alg")?;
        let set = ParameterSet::from_name(&name).ok_or_else(|| BadKey::AkpAlgorithm(Excerpt::new(&name)))?;
        Self::ml_dsa(set, octets(members, "pub")?.into())
    }
}

/// For a person: `P-256`, `Ed25519`, `RSA 2048`, `ML-DSA-65`.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.material {
            Material::Ec(curve, _) => f.write_str(curve.name()),
            Material::Ed25519(_) => f.write_str("Ed25519"),
            Material::Rsa { modulus, .. } => write!(f, "RSA {}", bits(modulus)),
            Material::MlDsa(set, _) => f.write_str(set.name()),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} key {}", base64url::encode(self.thumbprint()))
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.material == other.material
    }
}

impl Eq for PublicKey {}

impl Curve {
    pub(crate) const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// Octets of one coordinate.
    pub(crate) const fn coordinate(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.name() == name)
    }

    const fn verification(self) -> &'static EcdsaVerificationAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_FIXED,
            Self::P384 => &ECDSA_P384_SHA384_FIXED,
            Self::P521 => &ECDSA_P521_SHA512_FIXED,
        }
    }
}

fn octets(members: &Members<'_>, member: &'static str) -> Result<Vec<u8>, BadKey> {
    base64url::decode(&members.required_text(member)?).map_err(|reason| BadKey::Encoding { member, reason })
}

/// Bits of a number without leading zero octets.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

#[cfg(test)]
#[path = "jwk_tests.rs"]
mod tests;
