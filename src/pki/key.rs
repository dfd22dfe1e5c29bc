//! Issuer keys: what signs certificates and CRLs.
//!
//! Every algorithm here signs deterministically, so that a draft that is signed again after a crash gives the same
//! bytes: ECDSA by RFC 6979, Ed25519 by RFC 8032, RSA by PKCS #1 v1.5.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use const_oid::ObjectIdentifier;
use const_oid::db::{rfc5912, rfc8410};
use der::asn1::{Any, Null};
use der::{Decode, Encode};
use ed25519_dalek::pkcs8::KeypairBytes;
use pkcs8::{EncodePrivateKey, EncodePublicKey, PrivateKeyInfoRef};
use serde::Deserialize;
use signature::Signer;
use spki::AlgorithmIdentifierOwned;
use thiserror::Error;
use zeroize::Zeroizing;

/// What kind of key an authority signs with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub enum KeyAlgorithm {
    /// ECDSA on P-384 with SHA-384.
    #[default]
    P384,
    /// ECDSA on P-256 with SHA-256.
    P256,
    /// Ed25519 (RFC 8410). Browsers do not accept it in certificates.
    Ed25519,
    /// RSA with 2048 bits, PKCS #1 v1.5, SHA-256.
    Rsa2048,
    /// RSA with 3072 bits, PKCS #1 v1.5, SHA-256.
    Rsa3072,
    /// RSA with 4096 bits, PKCS #1 v1.5, SHA-256.
    Rsa4096,
}

impl KeyAlgorithm {
    /// Every algorithm.
    pub const ALL: &'static [Self] =
        &[Self::P384, Self::P256, Self::Ed25519, Self::Rsa2048, Self::Rsa3072, Self::Rsa4096];

    /// The word of settings.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::P384 => "p384",
            Self::P256 => "p256",
            Self::Ed25519 => "ed25519",
            Self::Rsa2048 => "rsa2048",
            Self::Rsa3072 => "rsa3072",
            Self::Rsa4096 => "rsa4096",
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.token())
    }
}

/// Why a text names no key algorithm.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no key algorithm; write p384, p256, ed25519, rsa2048, rsa3072 (or rsa), or rsa4096")]
pub struct UnknownAlgorithm(pub String);

impl FromStr for KeyAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        let word = text.to_ascii_lowercase().replace(['-', '_'], "");
        if word == "rsa" {
            return Ok(Self::Rsa3072);
        }
        Self::ALL
            .iter()
            .copied()
            .find(|algorithm| algorithm.token() == word)
            .ok_or_else(|| UnknownAlgorithm(text.to_owned()))
    }
}

impl TryFrom<String> for KeyAlgorithm {
    type Error = UnknownAlgorithm;

    fn try_from(text: String) -> Result<Self, UnknownAlgorithm> {
        text.parse()
    }
}

/// Why a key cannot be used. It never tells anything of the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The operating system or the library gave no key.
    #[error("no key could be generated")]
    Generation,
    /// It is not PKCS #8 DER.
    #[error("the private key is no PKCS #8 structure")]
    Malformed,
    /// It is a key of a kind that no authority signs with.
    #[error("the private key is of a kind that no authority signs with: expected P-256, P-384, Ed25519 or RSA")]
    UnknownKind,
    /// The kind is known, and the key is not a sound one.
    #[error("the private key is not a sound key of its kind")]
    Unsound,
    /// The library did not sign.
    #[error("the key did not sign")]
    Signing,
}

/// A private key that signs certificates and CRLs.
///
/// Secrets inside are wiped when it is dropped, and `Debug` shows the algorithm only.
pub enum IssuerKey {
    /// P-384.
    P384(p384::ecdsa::SigningKey),
    /// P-256.
    P256(p256::ecdsa::SigningKey),
    /// Ed25519.
    Ed25519(ed25519_dalek::SigningKey),
    /// RSA.
    Rsa(Box<RsaKeyPair>),
}

impl fmt::Debug for IssuerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::P384(_) => "P384",
            Self::P256(_) => "P256",
            Self::Ed25519(_) => "Ed25519",
            Self::Rsa(_) => "Rsa",
        };
        write!(f, "IssuerKey::{kind}(..)")
    }
}

impl IssuerKey {
    /// Makes a new key from the operating system's randomness. RSA takes a second or more.
    ///
    /// # Errors
    /// [`KeyError::Generation`].
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, KeyError> {
        let rsa =
            |size| RsaKeyPair::generate(size).map(|key| Self::Rsa(Box::new(key))).map_err(|_| KeyError::Generation);
        match algorithm {
            KeyAlgorithm::P384 => {
                scalar::<48, _>(|bytes| p384::ecdsa::SigningKey::from_slice(bytes).ok()).map(Self::P384)
            }
            KeyAlgorithm::P256 => {
                scalar::<32, _>(|bytes| p256::ecdsa::SigningKey::from_slice(bytes).ok()).map(Self::P256)
            }
            KeyAlgorithm::Ed25519 => {
                scalar::<32, _>(|seed| ed25519_dalek::SigningKey::try_from(seed).ok()).map(Self::Ed25519)
            }
            KeyAlgorithm::Rsa2048 => rsa(KeySize::Rsa2048),
            KeyAlgorithm::Rsa3072 => rsa(KeySize::Rsa3072),
            KeyAlgorithm::Rsa4096 => rsa(KeySize::Rsa4096),
        }
    }

    /// Reads PKCS #8 DER (RFC 5958), whose algorithm identifier says which kind of key it is.
    ///
    /// # Errors
    /// [`KeyError`] says what is wrong with it.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfoRef::from_der(der).map_err(|_| KeyError::Malformed)?;
        match info.algorithm.oid {
            rfc5912::RSA_ENCRYPTION => {
                RsaKeyPair::from_pkcs8(der).map(|key| Self::Rsa(Box::new(key))).map_err(|_| KeyError::Unsound)
            }
            rfc8410::ID_ED_25519 => {
                ed25519_dalek::SigningKey::try_from(info).map(Self::Ed25519).map_err(|_| KeyError::Unsound)
            }
            rfc5912::ID_EC_PUBLIC_KEY => match info.algorithm.parameters_oid() {
                Ok(rfc5912::SECP_384_R_1) => {
                    p384::SecretKey::try_from(info).map(|key| Self::P384(key.into())).map_err(|_| KeyError::Unsound)
                }
                Ok(rfc5912::SECP_256_R_1) => {
                    p256::SecretKey::try_from(info).map(|key| Self::P256(key.into())).map_err(|_| KeyError::Unsound)
                }
                Ok(_) | Err(_) => Err(KeyError::UnknownKind),
            },
            _ => Err(KeyError::UnknownKind),
        }
    }

    /// The key as PKCS #8 DER, which is wiped when dropped.
    ///
    /// # Errors
    /// [`KeyError::Unsound`] if the library cannot encode it.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let document = match self {
            Self::P384(key) => p384::SecretKey::from(key.clone()).to_pkcs8_der(),
            Self::P256(key) => p256::SecretKey::from(key.clone()).to_pkcs8_der(),
            // Version 1 without the public key, since OpenSSL 3.0 does not read version 2.
            Self::Ed25519(key) => KeypairBytes { secret_key: key.to_bytes(), public_key: None }.to_pkcs8_der(),
            Self::Rsa(key) => {
                let der: Pkcs8V1Der<'static> = key.as_der().map_err(|_| KeyError::Unsound)?;
                return Ok(Zeroizing::new(der.as_ref().to_vec()));
            }
        };
        document.map(|document| document.to_bytes()).map_err(|_| KeyError::Unsound)
    }

    /// The public key as a DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
    ///
    /// # Errors
    /// [`KeyError::Unsound`] if the library cannot encode it.
    pub fn public_key(&self) -> Result<Vec<u8>, KeyError> {
        let document = match self {
            Self::P384(key) => p384::PublicKey::from(key.verifying_key()).to_public_key_der(),
            Self::P256(key) => p256::PublicKey::from(key.verifying_key()).to_public_key_der(),
            Self::Ed25519(key) => key.verifying_key().to_public_key_der(),
            Self::Rsa(key) => {
                let der: PublicKeyX509Der<'static> = key.public_key().as_der().map_err(|_| KeyError::Unsound)?;
                return Ok(der.as_ref().to_vec());
            }
        };
        document.map(der::Document::into_vec).map_err(|_| KeyError::Unsound)
    }

    /// The signature algorithm as certificates and CRLs name it (RFC 5758 section 3.2, RFC 8410 section 3, RFC 4055
    /// section 5: only RSA has parameters, and they are NULL).
    #[must_use]
    pub fn signature_algorithm(&self) -> AlgorithmIdentifierOwned {
        let without = |oid: ObjectIdentifier| AlgorithmIdentifierOwned { oid, parameters: None };
        match self {
            Self::P384(_) => without(rfc5912::ECDSA_WITH_SHA_384),
            Self::P256(_) => without(rfc5912::ECDSA_WITH_SHA_256),
            Self::Ed25519(_) => without(rfc8410::ID_ED_25519),
            Self::Rsa(_) => AlgorithmIdentifierOwned {
                oid: rfc5912::SHA_256_WITH_RSA_ENCRYPTION,
                parameters: Some(Any::from(Null)),
            },
        }
    }

    /// Signs, in the form that X.509 carries: for ECDSA the DER of `ECDSA-Sig-Value` (RFC 5480 appendix A). The same
    /// message gives the same signature.
    ///
    /// # Errors
    /// [`KeyError::Signing`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match self {
            Self::P384(key) => {
                let signature: p384::ecdsa::DerSignature = key.try_sign(message).map_err(|_| KeyError::Signing)?;
                signature.to_der().map_err(|_| KeyError::Signing)
            }
            Self::P256(key) => {
                let signature: p256::ecdsa::DerSignature = key.try_sign(message).map_err(|_| KeyError::Signing)?;
                signature.to_der().map_err(|_| KeyError::Signing)
            }
            Self::Ed25519(key) => {
                key.try_sign(message).map(|signature| signature.to_vec()).map_err(|_| KeyError::Signing)
            }
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &rand::SystemRandom::new(), message, &mut signature)
                    .map_err(|_| KeyError::Signing)?;
                Ok(signature)
            }
        }
    }
}

/// Draws random bytes until they are a private key: the chance that the first are not is below 2^-32.
fn scalar<const N: usize, K>(read: impl Fn(&[u8]) -> Option<K>) -> Result<K, KeyError> {
    let mut bytes = Zeroizing::new([0; N]);
    for _ in 0..16 {
        rand::fill(bytes.as_mut_slice()).map_err(|_| KeyError::Generation)?;
        if let Some(key) = read(bytes.as_slice()) {
            return Ok(key);
        }
    }
    Err(KeyError::Generation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::public_key::PublicKey;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    static KEYS: LazyLock<Vec<IssuerKey>> = LazyLock::new(|| {
        [KeyAlgorithm::P384, KeyAlgorithm::P256, KeyAlgorithm::Ed25519, KeyAlgorithm::Rsa2048]
            .into_iter()
            .map(|algorithm| IssuerKey::generate(algorithm).expect("a key"))
            .collect()
    });

    #[test]
    fn words_of_settings_name_algorithms() {
        for &algorithm in KeyAlgorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        }
        assert_eq!("P-384".parse(), Ok(KeyAlgorithm::P384));
        assert_eq!("rsa".parse(), Ok(KeyAlgorithm::Rsa3072));
        assert_eq!("dsa".parse::<KeyAlgorithm>(), Err(UnknownAlgorithm("dsa".to_owned())));
    }

    #[test]
    fn pkcs8_gives_the_same_key_back() {
        for key in KEYS.iter() {
            let again = IssuerKey::from_pkcs8(&key.to_pkcs8().expect("encodes")).expect("reads");
            assert_eq!(again.public_key().expect("encodes"), key.public_key().expect("encodes"));
            assert_eq!(again.sign(b"x").expect("signs"), key.sign(b"x").expect("signs"));
        }
    }

    #[test]
    fn other_keys_are_refused_with_their_reason() {
        assert_eq!(IssuerKey::from_pkcs8(b"no").err(), Some(KeyError::Malformed));
        let p521 = aws_lc_rs::signature::EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P521_SHA512_ASN1_SIGNING)
            .expect("a key");
        let der = p521.to_pkcs8v1().expect("encodes");
        assert_eq!(IssuerKey::from_pkcs8(der.as_ref()).err(), Some(KeyError::UnknownKind));
    }

    #[test]
    fn debug_shows_nothing_secret() {
        assert_eq!(format!("{:?}", KEYS[2]), "IssuerKey::Ed25519(..)");
    }

    /// RFC 6979 appendix A.2.6: P-384 with SHA-384 and the message "sample".
    #[test]
    fn p384_signs_as_rfc_6979_says() {
        let secret =
            hex("6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5");
        let key = IssuerKey::P384(p384::ecdsa::SigningKey::from_slice(&secret).expect("a key"));
        let der = key.sign(b"sample").expect("signs");
        let signature = p384::ecdsa::Signature::from_der(&der).expect("DER");
        let expected = hex(concat!(
            "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46",
            "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8"
        ));
        assert_eq!(signature.to_bytes().as_slice(), expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Signed by one implementation, verified by another.
        #[test]
        fn aws_lc_verifies_what_we_sign(message: Vec<u8>, which in 0..4_usize) {
            let key = &KEYS[which];
            let signature = key.sign(&message).expect("signs");
            prop_assert_eq!(&signature, &key.sign(&message).expect("signs"));
            let public = PublicKey::parse(&key.public_key().expect("encodes")).expect("parses");
            prop_assert_eq!(public.verify(&key.signature_algorithm(), &message, &signature), Ok(()));
            let mut other = message;
            other.push(0);
            prop_assert!(public.verify(&key.signature_algorithm(), &other, &signature).is_err());
        }
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
    }
}
