//! Subject public keys: which kind they are, whether they are sound, and whether a profile accepts them.

use std::fmt;

use aws_lc_rs::signature as lc;
use chancery_machine::profile::KeyRules;
use const_oid::db::{rfc5912, rfc8410};
use der::asn1::{BitStringRef, UintRef};
use der::{AnyRef, Decode, Encode, Sequence, Tag, Tagged};
use rustls_pki_types::alg_id;
use spki::{AlgorithmIdentifierOwned, AlgorithmIdentifierRef};
use thiserror::Error;

use crate::ml_dsa::ParameterSet;

/// The kinds of key that certificates carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// P-256.
    P256,
    /// P-384.
    P384,
    /// P-521.
    P521,
    /// Ed25519.
    Ed25519,
    /// RSA with a modulus of so many bits.
    Rsa(u32),
    /// ML-DSA.
    MlDsa(ParameterSet),
}

impl KeyKind {
    /// The word for it in settings and views: `p256`, `ed25519`, `mldsa65`, and with the bits `rsa2048`.
    #[must_use]
    pub fn token(self) -> String {
        let word = match self {
            Self::P256 => "p256",
            Self::P384 => "p384",
            Self::P521 => "p521",
            Self::Ed25519 => "ed25519",
            Self::Rsa(bits) => return format!("rsa{bits}"),
            Self::MlDsa(ParameterSet::MlDsa44) => "mldsa44",
            Self::MlDsa(ParameterSet::MlDsa65) => "mldsa65",
            Self::MlDsa(ParameterSet::MlDsa87) => "mldsa87",
        };
        word.to_owned()
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::P521 => f.write_str("P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Rsa(bits) => write!(f, "RSA with {bits} bits"),
            Self::MlDsa(set) => f.write_str(set.name()),
        }
    }
}

/// A sound public key: a point on its curve, an RSA modulus without the weaknesses that can be told from outside, or an
/// ML-DSA key of the right length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    kind: KeyKind,
    /// What the BIT STRING holds: a point, a DER `RSAPublicKey`, or an ML-DSA key as it is (RFC 9881 section 4).
    bits: Vec<u8>,
}

/// What is wrong with a public key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyFault {
    /// It is no SubjectPublicKeyInfo.
    #[error("the public key is no DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7)")]
    Malformed,
    /// Its kind is none that certificates here carry.
    #[error("the key is of an unknown kind ({0}); use P-256, P-384, P-521, Ed25519, RSA or ML-DSA")]
    UnknownKind(String),
    /// RFC 5480 section 2.2; compressed points are optional there and refused here.
    #[error("the point of the {0} key is not in uncompressed form or not on the curve; make a new key")]
    Point(KeyKind),
    /// The modulus is even, or not a whole number of octets.
    #[error("the RSA modulus has {0} bits or is even; make a new key whose size is a multiple of 8, such as 3072")]
    Modulus(u32),
    /// The modulus is shorter or longer than any profile may allow.
    #[error("the RSA key has {0} bits; make a new key of 2048 to 8192 bits, such as 3072")]
    Size(u32),
    /// The exponent is too small, too large or even.
    #[error("the RSA exponent must be odd, at least 65537 and below 2^32; make a new key with 65537")]
    Exponent,
    /// The modulus has a small factor.
    #[error("the RSA modulus is divisible by {0}: it is broken; make a new key with sound software")]
    SmallFactor(u32),
    /// The modulus looks like one of CVE-2017-15361.
    #[error("the RSA key looks like one of a faulty generator (ROCA, CVE-2017-15361); make a new key elsewhere")]
    Roca,
    /// RFC 9881 section 4.
    #[error("the {kind} key has {found} octets where {expected} are needed; make the key anew")]
    Octets {
        /// The kind of the key.
        kind: KeyKind,
        /// How many octets such a key has.
        expected: usize,
        /// How many came.
        found: usize,
    },
    /// The profile does not accept this kind.
    #[error("this profile does not accept {kind} keys; it accepts {accepted}")]
    NotAccepted {
        /// The kind of the key.
        kind: KeyKind,
        /// What is accepted, in words.
        accepted: String,
    },
}

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignatureFault {
    /// The algorithm does not fit the key, or is unknown.
    #[error("the signature algorithm is unknown or does not fit the key")]
    Algorithm,
    /// It does not verify.
    #[error("the signature does not verify with the key")]
    Invalid,
}

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo and checks that the key is sound.
    ///
    /// # Errors
    /// [`KeyFault`] says what is wrong with it.
    pub fn parse(spki: &[u8]) -> Result<Self, KeyFault> {
        let info = Info::from_der(spki).map_err(|_| KeyFault::Malformed)?;
        let bits = info.key.as_bytes().ok_or(KeyFault::Malformed)?;
        let kind = match (info.algorithm.oid, info.algorithm.parameters) {
            (rfc5912::ID_EC_PUBLIC_KEY, Some(curve)) => match curve.decode_as() {
                Ok(rfc5912::SECP_256_R_1) => KeyKind::P256,
                Ok(rfc5912::SECP_384_R_1) => KeyKind::P384,
                Ok(rfc5912::SECP_521_R_1) => KeyKind::P521,
                Ok(other) => return Err(KeyFault::UnknownKind(format!("curve {other}"))),
                Err(_) => return Err(KeyFault::Malformed),
            },
            (rfc8410::ID_ED_25519, None) => KeyKind::Ed25519,
            (rfc5912::RSA_ENCRYPTION, Some(null)) if null.tag() == Tag::Null => sound_rsa(bits)?,
            (rfc5912::ID_EC_PUBLIC_KEY | rfc8410::ID_ED_25519 | rfc5912::RSA_ENCRYPTION, _) => {
                return Err(KeyFault::Malformed);
            }
            (other, parameters) => match ParameterSet::from_oid(other) {
                // RFC 9881 section 2: absent, and not NULL.
                Some(_) if parameters.is_some() => return Err(KeyFault::Malformed),
                Some(set) => whole_ml_dsa(set, bits)?,
                None => return Err(KeyFault::UnknownKind(other.to_string())),
            },
        };
        let on_curve = match kind {
            KeyKind::P256 => bits.len() == 65 && on_curve(&lc::ECDSA_P256_SHA256_ASN1, bits),
            KeyKind::P384 => bits.len() == 97 && on_curve(&lc::ECDSA_P384_SHA384_ASN1, bits),
            KeyKind::P521 => bits.len() == 133 && on_curve(&lc::ECDSA_P521_SHA512_ASN1, bits),
            // A weak point of small order would verify signatures over almost anything.
            KeyKind::Ed25519 => ed25519_dalek::VerifyingKey::try_from(bits).is_ok_and(|key| !key.is_weak()),
            KeyKind::Rsa(_) | KeyKind::MlDsa(_) => true,
        };
        if on_curve { Ok(Self { kind, bits: bits.to_vec() }) } else { Err(KeyFault::Point(kind)) }
    }

    /// Which kind of key it is.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// What the BIT STRING of the SubjectPublicKeyInfo holds.
    #[must_use]
    pub fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// Whether a profile accepts the key.
    ///
    /// # Errors
    /// [`KeyFault::NotAccepted`] says what is accepted instead.
    pub fn accepted(&self, rules: &KeyRules) -> Result<(), KeyFault> {
        let accepted = match self.kind {
            KeyKind::P256 => rules.p256,
            KeyKind::P384 => rules.p384,
            KeyKind::P521 => rules.p521,
            KeyKind::Ed25519 => rules.ed25519,
            KeyKind::Rsa(bits) => rules.rsa.is_some_and(|(shortest, longest)| (shortest..=longest).contains(&bits)),
            KeyKind::MlDsa(ParameterSet::MlDsa44) => rules.mldsa44,
            KeyKind::MlDsa(ParameterSet::MlDsa65) => rules.mldsa65,
            KeyKind::MlDsa(ParameterSet::MlDsa87) => rules.mldsa87,
        };
        if accepted {
            return Ok(());
        }
        Err(KeyFault::NotAccepted { kind: self.kind, accepted: in_words(rules) })
    }

    /// Verifies a signature in X.509 form, with aws-lc.
    ///
    /// # Errors
    /// [`SignatureFault`].
    pub fn verify(
        &self,
        algorithm: &AlgorithmIdentifierOwned,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureFault> {
        let algorithm = self.algorithm(algorithm).ok_or(SignatureFault::Algorithm)?;
        lc::UnparsedPublicKey::new(algorithm, &self.bits)
            .verify(message, signature)
            .map_err(|_| SignatureFault::Invalid)
    }

    /// The verifier for an algorithm identifier, whose DER has to be exactly that of RFC 5758, RFC 4055, RFC 8410 or RFC 9881.
    fn algorithm(&self, identifier: &AlgorithmIdentifierOwned) -> Option<&'static dyn lc::VerificationAlgorithm> {
        let der = identifier.to_der().ok()?;
        // pki-types states identifiers without the SEQUENCE around them.
        let identifier = AnyRef::from_der(&der).ok()?;
        let is = |known: rustls_pki_types::AlgorithmIdentifier| known.as_ref() == identifier.value();
        let table: [(rustls_pki_types::AlgorithmIdentifier, &'static dyn lc::VerificationAlgorithm); 6] =
            match self.kind {
                KeyKind::Ed25519 => return is(alg_id::ED25519).then_some(&lc::ED25519),
                KeyKind::MlDsa(ParameterSet::MlDsa44) => return is(alg_id::ML_DSA_44).then_some(&lc::ML_DSA_44),
                KeyKind::MlDsa(ParameterSet::MlDsa65) => return is(alg_id::ML_DSA_65).then_some(&lc::ML_DSA_65),
                KeyKind::MlDsa(ParameterSet::MlDsa87) => return is(alg_id::ML_DSA_87).then_some(&lc::ML_DSA_87),
                KeyKind::Rsa(_) => [
                    (alg_id::RSA_PKCS1_SHA256, &lc::RSA_PKCS1_2048_8192_SHA256),
                    (alg_id::RSA_PKCS1_SHA384, &lc::RSA_PKCS1_2048_8192_SHA384),
                    (alg_id::RSA_PKCS1_SHA512, &lc::RSA_PKCS1_2048_8192_SHA512),
                    (alg_id::RSA_PSS_SHA256, &lc::RSA_PSS_2048_8192_SHA256),
                    (alg_id::RSA_PSS_SHA384, &lc::RSA_PSS_2048_8192_SHA384),
                    (alg_id::RSA_PSS_SHA512, &lc::RSA_PSS_2048_8192_SHA512),
                ],
                KeyKind::P256 => {
                    return ecdsa(
                        is,
                        [&lc::ECDSA_P256_SHA256_ASN1, &lc::ECDSA_P256_SHA384_ASN1, &lc::ECDSA_P256_SHA512_ASN1],
                    );
                }
                KeyKind::P384 => {
                    return ecdsa(
                        is,
                        [&lc::ECDSA_P384_SHA256_ASN1, &lc::ECDSA_P384_SHA384_ASN1, &lc::ECDSA_P384_SHA512_ASN1],
                    );
                }
                KeyKind::P521 => {
                    return ecdsa(
                        is,
                        [&lc::ECDSA_P521_SHA256_ASN1, &lc::ECDSA_P521_SHA384_ASN1, &lc::ECDSA_P521_SHA512_ASN1],
                    );
                }
            };
        table.into_iter().find(|(known, _)| is(*known)).map(|(_, verifier)| verifier)
    }
}

#[derive(Sequence)]
struct Info<'a> {
    algorithm: AlgorithmIdentifierRef<'a>,
    key: BitStringRef<'a>,
}

/// RFC 8017 appendix A.1.1.
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

fn ecdsa(
    is: impl Fn(rustls_pki_types::AlgorithmIdentifier) -> bool,
    verifiers: [&'static lc::EcdsaVerificationAlgorithm; 3],
) -> Option<&'static dyn lc::VerificationAlgorithm> {
    let known = [alg_id::ECDSA_SHA256, alg_id::ECDSA_SHA384, alg_id::ECDSA_SHA512];
    known.into_iter().zip(verifiers).find(|(known, _)| is(*known)).map(|(_, verifier)| verifier as _)
}

fn on_curve(algorithm: &'static dyn lc::VerificationAlgorithm, point: &[u8]) -> bool {
    const UNCOMPRESSED: u8 = 4;
    point.first() == Some(&UNCOMPRESSED) && lc::ParsedPublicKey::new(algorithm, point).is_ok()
}

fn sound_rsa(der: &[u8]) -> Result<KeyKind, KeyFault> {
    let key = RsaPublicKey::from_der(der).map_err(|_| KeyFault::Malformed)?;
    let modulus = key.modulus.as_bytes();
    let (Some(first), Some(last)) = (modulus.first(), modulus.last()) else {
        return Err(KeyFault::Malformed);
    };
    let bits = u32::try_from(modulus.len()).unwrap_or(u32::MAX).saturating_mul(8).saturating_sub(first.leading_zeros());
    if !(2048..=8192).contains(&bits) {
        return Err(KeyFault::Size(bits));
    }
    if last % 2 == 0 || bits % 8 != 0 {
        return Err(KeyFault::Modulus(bits));
    }
    let exponent = key
        .exponent
        .as_bytes()
        .iter()
        .try_fold(0_u32, |value, &byte| value.checked_mul(256).map(|value| value | u32::from(byte)));
    if !exponent.is_some_and(|exponent| exponent >= 65537 && exponent % 2 == 1) {
        return Err(KeyFault::Exponent);
    }
    if let Some(factor) = small_primes().find(|&prime| remainder(modulus, prime) == 0) {
        return Err(KeyFault::SmallFactor(factor));
    }
    if looks_like_roca(modulus) {
        return Err(KeyFault::Roca);
    }
    Ok(KeyKind::Rsa(bits))
}

fn whole_ml_dsa(set: ParameterSet, bits: &[u8]) -> Result<KeyKind, KeyFault> {
    let kind = KeyKind::MlDsa(set);
    let (expected, found) = (set.public_key_octets(), bits.len());
    if found == expected { Ok(kind) } else { Err(KeyFault::Octets { kind, expected, found }) }
}

/// The odd primes below 752, as the BRs' section 6.1.6 asks for.
fn small_primes() -> impl Iterator<Item = u32> {
    (3..752_u32)
        .step_by(2)
        .filter(|&candidate| (3..28).step_by(2).all(|factor| candidate == factor || candidate % factor != 0))
}

fn remainder(modulus: &[u8], divisor: u32) -> u32 {
    let divisor = u64::from(divisor);
    let (head, words) = modulus.split_at(modulus.len() % 4);
    let head = head.iter().fold(0, |rest, &byte| (rest << 8 | u64::from(byte)) % divisor);
    // Four octets at a time: the rest is below 2^10, so that nothing overflows.
    let rest = words.chunks_exact(4).fold(head, |rest, word| {
        let word = word.iter().fold(0, |word, &byte| word << 8 | u64::from(byte));
        (rest << 32 | word) % divisor
    });
    u32::try_from(rest).unwrap_or(0)
}

/// The primes of the faulty generator are powers of 65537 modulo a product of small primes, and so is their product:
/// a sound modulus is that for all of the primes up to 167 with a chance below one in a hundred million.
fn looks_like_roca(modulus: &[u8]) -> bool {
    small_primes().take_while(|&prime| prime <= 167).all(|prime| {
        let wanted = remainder(modulus, prime);
        let mut power = 1;
        for _ in 0..prime {
            if power == wanted {
                return true;
            }
            power = power * (65537 % prime) % prime;
        }
        false
    })
}

fn in_words(rules: &KeyRules) -> String {
    let kinds = [(rules.p256, "P-256"), (rules.p384, "P-384"), (rules.p521, "P-521"), (rules.ed25519, "Ed25519")];
    let mut words: Vec<String> = kinds.into_iter().filter(|(yes, _)| *yes).map(|(_, word)| word.to_owned()).collect();
    if let Some((shortest, longest)) = rules.rsa {
        words.push(format!("RSA of {shortest} to {longest} bits"));
    }
    let sets = ParameterSet::ALL.into_iter().zip([rules.mldsa44, rules.mldsa65, rules.mldsa87]);
    words.extend(sets.filter(|(_, yes)| *yes).map(|(set, _)| set.name().to_owned()));
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::key::{IssuerKey, KeyAlgorithm};
    use der::asn1::{BitString, Null, ObjectIdentifier, Uint};
    use proptest::prelude::*;

    fn spki(oid: ObjectIdentifier, parameters: Option<der::Any>, bits: &[u8]) -> Vec<u8> {
        spki::SubjectPublicKeyInfoOwned {
            algorithm: AlgorithmIdentifierOwned { oid, parameters },
            subject_public_key: BitString::from_bytes(bits).expect("bits"),
        }
        .to_der()
        .expect("encodes")
    }

    #[derive(Sequence)]
    struct Rsa {
        modulus: Uint,
        exponent: Uint,
    }

    fn rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
        let key = Rsa { modulus: Uint::new(modulus).expect("n"), exponent: Uint::new(exponent).expect("e") };
        spki(rfc5912::RSA_ENCRYPTION, Some(Null.into()), &key.to_der().expect("encodes"))
    }

    #[test]
    fn rsa_weaknesses_are_told_apart() {
        let sound = IssuerKey::generate(KeyAlgorithm::Rsa2048).expect("a key").public_key().expect("encodes");
        let sound = PublicKey::parse(&sound).expect("sound");
        assert_eq!(sound.kind(), KeyKind::Rsa(2048));
        let modulus = RsaPublicKey::from_der(sound.bits()).expect("DER").modulus.as_bytes().to_vec();
        assert!(PublicKey::parse(&rsa(&modulus, &[1, 0, 1])).is_ok());
        for exponent in [&[3][..], &[1, 0, 0], &[1, 0, 2], &[1, 0, 0, 0, 1]] {
            assert_eq!(PublicKey::parse(&rsa(&modulus, exponent)), Err(KeyFault::Exponent), "{exponent:?}");
        }
        let mut even = modulus.clone();
        even[255] &= 0xfe;
        assert_eq!(PublicKey::parse(&rsa(&even, &[1, 0, 1])), Err(KeyFault::Modulus(2048)));
        assert_eq!(PublicKey::parse(&rsa(&[0x7f; 257], &[1, 0, 1])), Err(KeyFault::Modulus(2055)));
        assert_eq!(PublicKey::parse(&rsa(&[0xff; 128], &[1, 0, 1])), Err(KeyFault::Size(1024)));
        assert_eq!(PublicKey::parse(&rsa(&[0xff; 1025], &[1, 0, 1])), Err(KeyFault::Size(8200)));
        // Every octet 0xff makes 2^2048 - 1, which three divides.
        assert_eq!(PublicKey::parse(&rsa(&[0xff; 256], &[1, 0, 1])), Err(KeyFault::SmallFactor(3)));
    }

    #[test]
    fn powers_of_65537_are_taken_for_roca_keys() {
        // 65537 itself is a power of 65537 modulo everything.
        assert!(looks_like_roca(&[1, 0, 1]));
        assert!(!looks_like_roca(&[1, 0, 3]));
    }

    #[test]
    fn points_off_the_curve_compressed_or_weak_are_refused() {
        let p256 = Some(der::Any::encode_from(&rfc5912::SECP_256_R_1).expect("encodes"));
        let key = IssuerKey::generate(KeyAlgorithm::P256).expect("a key").public_key().expect("encodes");
        let good = PublicKey::parse(&key).expect("sound");
        let mut off = good.bits().to_vec();
        off[64] ^= 1;
        assert_eq!(
            PublicKey::parse(&spki(rfc5912::ID_EC_PUBLIC_KEY, p256.clone(), &off)),
            Err(KeyFault::Point(KeyKind::P256))
        );
        let compressed = [&[2 + (good.bits()[64] & 1)], &good.bits()[1..33]].concat();
        assert_eq!(
            PublicKey::parse(&spki(rfc5912::ID_EC_PUBLIC_KEY, p256, &compressed)),
            Err(KeyFault::Point(KeyKind::P256))
        );
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(
            PublicKey::parse(&spki(rfc8410::ID_ED_25519, None, &identity)),
            Err(KeyFault::Point(KeyKind::Ed25519))
        );
    }

    #[test]
    fn rules_say_what_they_accept() {
        let key = IssuerKey::generate(KeyAlgorithm::Ed25519).expect("a key").public_key().expect("encodes");
        let key = PublicKey::parse(&key).expect("sound");
        assert_eq!(key.accepted(&KeyRules::default()), Ok(()));
        let rules = KeyRules { ed25519: false, p521: false, mldsa44: false, ..KeyRules::default() };
        assert_eq!(
            key.accepted(&rules).expect_err("refused").to_string(),
            "this profile does not accept Ed25519 keys; it accepts P-256, P-384, RSA of 2048 to 8192 bits, \
             ML-DSA-65, ML-DSA-87"
        );
    }

    proptest! {
        #[test]
        fn remainders_are_those_of_big_numbers(value: u128, divisor in 3..752_u32) {
            let bytes = value.to_be_bytes();
            for skip in 0..4 {
                let expected = value << (8 * skip) >> (8 * skip);
                prop_assert_eq!(u128::from(remainder(&bytes[skip..], divisor)), expected % u128::from(divisor));
            }
        }

        #[test]
        fn any_bytes_are_a_key_or_a_fault(bytes: Vec<u8>) {
            let _ = PublicKey::parse(&bytes);
            let _ = PublicKey::parse(&spki(rfc5912::RSA_ENCRYPTION, Some(Null.into()), &bytes));
        }

        #[test]
        fn any_numbers_are_an_rsa_key_or_a_fault(modulus in prop::collection::vec(any::<u8>(), 0..300), exponent: [u8; 5]) {
            let _ = PublicKey::parse(&rsa(&modulus, &exponent));
        }
    }
}
