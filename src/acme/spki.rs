//! Public keys as certificates and CSRs carry them: SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), DER.

use ::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use const_oid::ObjectIdentifier;
use const_oid::db::{rfc5912, rfc8410};
use der::asn1::{AnyRef, BitStringRef, Null, UintRef};
use der::{Decode, Encode, Sequence};

use super::jwk::{BadKey, Curve, Material, PublicKey};
use crate::ml_dsa::ParameterSet;

const PARAMETERS: BadKey = BadKey::Spki("the algorithm has other parameters than its standard says");

/// RFC 8017 appendix A.1.1.
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

/// Writes a key.
pub(crate) fn encode(material: &Material) -> Vec<u8> {
    let written = match material {
        Material::Ec(curve, point) => wrap(rfc5912::ID_EC_PUBLIC_KEY, Some(AnyRef::from(&curve_oid(*curve))), point),
        Material::Ed25519(point) => wrap(rfc8410::ID_ED_25519, None, point),
        Material::Rsa { modulus, exponent } => {
            rsa(modulus, exponent).and_then(|key| wrap(rfc5912::RSA_ENCRYPTION, Some(AnyRef::from(Null)), &key))
        }
        Material::MlDsa(set, public) => wrap(set.oid(), None, public),
    };
    written.expect("a key of a few thousand octets is far below the lengths that DER cannot write")
}

/// Reads a key.
pub(crate) fn decode(der: &[u8]) -> Result<PublicKey, BadKey> {
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| BadKey::Spki("it is no DER of that structure"))?;
    let key = info.subject_public_key.as_bytes().ok_or(BadKey::Spki("the key is not a whole number of octets"))?;
    let parameters = info.algorithm.parameters;
    match info.algorithm.oid {
        rfc5912::ID_EC_PUBLIC_KEY => {
            let named = parameters.and_then(|parameters| ObjectIdentifier::try_from(parameters).ok());
            let curve = Curve::ALL.into_iter().find(|curve| Some(curve_oid(*curve)) == named);
            let curve = curve.ok_or(BadKey::Spki("the curve is none of P-256, P-384 and P-521"))?;
            // RFC 5480 section 2.2: the uncompressed form is the one that everybody supports.
            if key.first() != Some(&4) || key.len() != 1 + 2 * curve.coordinate() {
                return Err(BadKey::Spki("the point has to be in uncompressed form"));
            }
            PublicKey::ec(curve, key.into())
        }
        rfc8410::ID_ED_25519 if parameters.is_none() => {
            PublicKey::ed25519(key.try_into().map_err(|_| BadKey::Spki("an Ed25519 key has 32 octets"))?)
        }
        rfc5912::RSA_ENCRYPTION if parameters.is_some_and(AnyRef::is_null) => {
            let key = RsaPublicKey::from_der(key).map_err(|_| BadKey::Spki("the RSA key is no DER of RSAPublicKey"))?;
            PublicKey::rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())
        }
        rfc8410::ID_ED_25519 | rfc5912::RSA_ENCRYPTION => Err(PARAMETERS),
        other => match ParameterSet::from_oid(other) {
            Some(_) if parameters.is_some() => Err(PARAMETERS),
            Some(set) => PublicKey::ml_dsa(set, key.into()),
            None => Err(BadKey::Spki("keys of its algorithm are not supported; use EC, Ed25519, RSA or ML-DSA")),
        },
    }
}

fn wrap(oid: ObjectIdentifier, parameters: Option<AnyRef<'_>>, key: &[u8]) -> der::Result<Vec<u8>> {
    let algorithm = AlgorithmIdentifierRef { oid, parameters };
    SubjectPublicKeyInfoRef { algorithm, subject_public_key: BitStringRef::from_bytes(key)? }.to_der()
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> der::Result<Vec<u8>> {
    RsaPublicKey { modulus: UintRef::new(modulus)?, public_exponent: UintRef::new(exponent)? }.to_der()
}

const fn curve_oid(curve: Curve) -> ObjectIdentifier {
    match curve {
        Curve::P256 => rfc5912::SECP_256_R_1,
        Curve::P384 => rfc5912::SECP_384_R_1,
        Curve::P521 => rfc5912::SECP_521_R_1,
    }
}
