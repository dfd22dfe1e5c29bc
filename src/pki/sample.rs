//! Public keys for trying out what a certificate would say: sound, fresh, and nobody has the private half.

use aws_lc_rs::rand;
use aws_lc_rs::signature::{ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use chancery_machine::profile::KeyRules;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912;
use der::asn1::{BitString, Null, UintRef};
use der::{Any, Encode, Sequence};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::key::{IssuerKey, KeyAlgorithm, KeyError};
use super::public_key::{KeyKind, PublicKey};
use crate::ml_dsa::ParameterSet;

/// How many moduli are drawn at most: one in ten has no small factor.
const DRAWN: usize = 10_000;

/// The kinds of key that a profile accepts, the commonest first; RSA with the fewest bits.
#[must_use]
pub fn accepted(rules: &KeyRules) -> Vec<KeyKind> {
    // A modulus has whole octets.
    let rsa = rules.rsa.map(|(shortest, longest)| (shortest.next_multiple_of(8), longest));
    let rsa = rsa.filter(|(shortest, longest)| shortest <= longest).map(|(shortest, _)| KeyKind::Rsa(shortest));
    [
        rules.p256.then_some(KeyKind::P256),
        rsa,
        rules.p384.then_some(KeyKind::P384),
        rules.p521.then_some(KeyKind::P521),
        rules.ed25519.then_some(KeyKind::Ed25519),
        rules.mldsa44.then_some(KeyKind::MlDsa(ParameterSet::MlDsa44)),
        rules.mldsa65.then_some(KeyKind::MlDsa(ParameterSet::MlDsa65)),
        rules.mldsa87.then_some(KeyKind::MlDsa(ParameterSet::MlDsa87)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A public key of this kind, DER SubjectPublicKeyInfo.
///
/// # Errors
/// [`KeyError::Generation`].
pub fn public_key(kind: KeyKind) -> Result<Vec<u8>, KeyError> {
    match kind {
        KeyKind::P256 => IssuerKey::generate(KeyAlgorithm::P256)?.public_key(),
        KeyKind::P384 => IssuerKey::generate(KeyAlgorithm::P384)?.public_key(),
        KeyKind::Ed25519 => IssuerKey::generate(KeyAlgorithm::Ed25519)?.public_key(),
        KeyKind::P521 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P521_SHA512_ASN1_SIGNING).map_err(|_| KeyError::Generation)?;
            let curve = Any::encode_from(&rfc5912::SECP_521_R_1).map_err(|_| KeyError::Generation)?;
            info(rfc5912::ID_EC_PUBLIC_KEY, Some(curve), pair.public_key().as_ref())
        }
        KeyKind::Rsa(bits) => modulus(bits),
        KeyKind::MlDsa(set) => info(set.oid(), None, &random(set.public_key_octets())?),
    }
}

/// An RSA key without its factors: primes take seconds to find, and nobody will sign with it.
fn modulus(bits: u32) -> Result<Vec<u8>, KeyError> {
    #[derive(Sequence)]
    struct RsaPublicKey<'a> {
        modulus: UintRef<'a>,
        exponent: UintRef<'a>,
    }
    let octets = usize::try_from(bits / 8).unwrap_or_default();
    for _ in 0..DRAWN {
        let mut drawn = random(octets)?;
        if let Some(first) = drawn.first_mut() {
            *first |= 0x80;
        }
        if let Some(last) = drawn.last_mut() {
            *last |= 1;
        }
        let failed = |_| KeyError::Generation;
        let exponent = UintRef::new(&[1, 0, 1]).map_err(failed)?;
        let key = RsaPublicKey { modulus: UintRef::new(&drawn).map_err(failed)?, exponent };
        let null = Any::encode_from(&Null).map_err(failed)?;
        let info = info(rfc5912::RSA_ENCRYPTION, Some(null), &key.to_der().map_err(failed)?)?;
        if PublicKey::parse(&info).is_ok() {
            return Ok(info);
        }
    }
    Err(KeyError::Generation)
}

fn info(oid: ObjectIdentifier, parameters: Option<Any>, bits: &[u8]) -> Result<Vec<u8>, KeyError> {
    let algorithm = AlgorithmIdentifierOwned { oid, parameters };
    let bits = BitString::from_bytes(bits).map_err(|_| KeyError::Generation)?;
    let info = SubjectPublicKeyInfoOwned { algorithm, subject_public_key: bits };
    info.to_der().map_err(|_| KeyError::Generation)
}

fn random(octets: usize) -> Result<Vec<u8>, KeyError> {
    let mut drawn = vec![0; octets];
    rand::fill(&mut drawn).map_err(|_| KeyError::Generation)?;
    Ok(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_a_profile_accepts_has_a_sound_key() {
        let kinds = accepted(&KeyRules::default());
        assert_eq!(kinds.len(), 8);
        for kind in kinds.into_iter().chain([KeyKind::Rsa(8192)]) {
            let key = PublicKey::parse(&public_key(kind).expect("a key")).expect("a sound key");
            assert_eq!(key.kind(), kind);
        }
    }

    #[test]
    fn rsa_has_the_fewest_bits_that_are_accepted() {
        let of = |rsa| accepted(&KeyRules { rsa, p256: false, ..KeyRules::default() }).first().copied();
        assert_eq!(of(Some((2049, 4096))), Some(KeyKind::Rsa(2056)));
        assert_eq!(of(Some((3072, 3072))), Some(KeyKind::Rsa(3072)));
        assert_eq!(of(Some((3073, 3075))), Some(KeyKind::P384), "no modulus has so many bits");
    }
}
