use aws_lc_rs::signature::{
    KeyPair as _, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use der::Decode as _;
use ml_dsa::{EncodedSignature, MlDsa44, MlDsa65, MlDsa87, Signature, SigningKey};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::acme::jwk::{BadKey, PublicKey};
use crate::pki::public_key::{KeyFault, KeyKind, PublicKey as CertificateKey};

/// A key pair of the implementation that is not ours.
trait Other {
    fn public(&self) -> Vec<u8>;
    fn sign(&self, message: &[u8], context: &[u8]) -> Vec<u8>;
    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool;
}

impl<P: ml_dsa::MlDsaParams> Other for SigningKey<P> {
    fn public(&self) -> Vec<u8> {
        self.expanded_key().verifying_key().encode().to_vec()
    }

    fn sign(&self, message: &[u8], context: &[u8]) -> Vec<u8> {
        let signature = self.expanded_key().sign_deterministic(message, context).expect("the context is short");
        signature.encode().to_vec()
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        EncodedSignature::<P>::try_from(signature)
            .ok()
            .and_then(|encoded| Signature::<P>::decode(&encoded))
            .is_some_and(|signature| self.expanded_key().verifying_key().verify_with_context(message, &[], &signature))
    }
}

fn other(set: ParameterSet, seed: [u8; 32]) -> Box<dyn Other> {
    match set {
        ParameterSet::MlDsa44 => Box::new(SigningKey::<MlDsa44>::from_seed(&seed.into())),
        ParameterSet::MlDsa65 => Box::new(SigningKey::<MlDsa65>::from_seed(&seed.into())),
        ParameterSet::MlDsa87 => Box::new(SigningKey::<MlDsa87>::from_seed(&seed.into())),
    }
}

fn signing(set: ParameterSet) -> &'static PqdsaSigningAlgorithm {
    match set {
        ParameterSet::MlDsa44 => &ML_DSA_44_SIGNING,
        ParameterSet::MlDsa65 => &ML_DSA_65_SIGNING,
        ParameterSet::MlDsa87 => &ML_DSA_87_SIGNING,
    }
}

fn jwk(set: ParameterSet, public: &[u8]) -> Result<PublicKey, BadKey> {
    let jwk = json!({"kty": "AKP", "alg": set.name(), "pub": URL_SAFE_NO_PAD.encode(public)});
    PublicKey::from_jwk(jwk.to_string().as_bytes())
}

/// RFC 9964 appendix A.1: the keys of the seed of zeros, and what they sign deterministically. The `kid` is the thumbprint,
/// and so says everything of the key; the beginning of a signature commits to the rest.
#[test]
fn keys_and_signatures_of_rfc_9964() {
    let vectors = [
        (
            ParameterSet::MlDsa44,
            "T4xl70S7MT6Zeq6r9V9fPJGVn76wfnXJ21-gyo0Gu6o",
            "knI1Q_9CIzLH5Xy94Kkc7WVKqZcAgtJ3mNf0GUj1uLA6YXAWFJfXkh-zQxUtEl3UIC7zPCiUwKTDR6Zs",
            "Kd3yMnrjA4PAGDzdKWVplcHJ6jKmrsbrEztHd9QAAAAAAAAAAAAAAABIfMEQ",
        ),
        (
            ParameterSet::MlDsa65,
            "Suiu29qbfuaBaR4Ats-c6XQBePB_OpAxAwcTR_0KXVM",
            "zmO9_0bLgJAegoVNymfRo4nGPK5lVtSFGnDbzfzYAD5mUEXpaBUg4itvZ8rAUZi4HLb59QqDQSBSpMXC",
            "drbB0NoUVWBmcY3pGC9TiY6f6Pn-FBUnQkuBhIyPtgAAAAAAAAAABgwVHCUv",
        ),
        (
            ParameterSet::MlDsa87,
            "tRn1JNIkgMsABVQBlXeDHxAIcclh-2IX0UdDEzPt5XU",
            "hmMrKkUgZwGPQV_WUoXUVq_Z9WOenDZbfMmHpKritl0btWi29TC8eIyQyT1FAuW2kg3h6ALsvCrjX5tn",
            "F5r7zNEzY9bHmXvsjb3N_u9BkenwkQfZGS6ez0AAAAAAAAAAALGSAlKzg7Qw",
        ),
    ];
    let payload = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4";
    for (set, kid, begins, ends) in vectors {
        let pair = other(set, [0; 32]);
        let key = jwk(set, &pair.public()).expect("the key is good");
        assert_eq!(URL_SAFE_NO_PAD.encode(key.thumbprint()), kid, "{key}");
        assert_eq!((key.to_string().as_str(), key.algorithm().name()), (set.name(), set.name()));

        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{}","kid":"{kid}"}}"#, set.name()));
        let message = format!("{header}.{payload}");
        let mut signature = pair.sign(message.as_bytes(), &[]);
        let written = URL_SAFE_NO_PAD.encode(&signature);
        assert!(written.starts_with(begins) && written.ends_with(ends), "{key}");
        assert!(key.verifies(message.as_bytes(), &signature), "{key}");
        signature[7] ^= 1;
        assert!(!key.verifies(message.as_bytes(), &signature), "{key}");
    }
}

/// RFC 9881 appendix C.2: those of the seed 00 01 02 … 1f.
#[test]
fn public_keys_of_rfc_9881() {
    let seed = std::array::from_fn(|place| u8::try_from(place).expect("32 places"));
    for (set, pem) in [
        (ParameterSet::MlDsa44, include_str!("../tests/fixtures/rfc9881/ML-DSA-44.pem")),
        (ParameterSet::MlDsa65, include_str!("../tests/fixtures/rfc9881/ML-DSA-65.pem")),
        (ParameterSet::MlDsa87, include_str!("../tests/fixtures/rfc9881/ML-DSA-87.pem")),
    ] {
        let (_, spki) = der::pem::decode_vec(pem.as_bytes()).expect("the key is PEM");
        let key = PublicKey::from_spki(&spki).expect("the key is good");
        assert_eq!(key.spki(), spki, "{key}");
        assert_eq!(key, jwk(set, &other(set, seed).public()).expect("the key is good"));
        let key = CertificateKey::parse(&spki).expect("the key is good");
        assert_eq!(key.kind(), KeyKind::MlDsa(set));
        assert_eq!(key.bits(), other(set, seed).public());
    }
}

#[test]
fn a_key_of_another_length_or_algorithm_is_refused() {
    for set in ParameterSet::ALL {
        let public = other(set, [1; 32]).public();
        let (algorithm, expected) = (set.name(), set.public_key_octets());
        let spki = jwk(set, &public).expect("the key is good").spki();
        // aws-lc reads a SubjectPublicKeyInfo too, but a JWK has none.
        for wrong in [&public[1..], &[public.as_slice(), &[0]].concat(), &[], &spki] {
            let refused = jwk(set, wrong).expect_err("the length is wrong");
            assert_eq!(refused, BadKey::MlDsaSize { algorithm, expected, found: wrong.len() });
        }
        for another in ParameterSet::ALL.into_iter().filter(|another| *another != set) {
            let refused = jwk(another, &public).expect_err("the key is another one's");
            assert!(matches!(refused, BadKey::MlDsaSize { .. }), "{refused}");
        }
    }
    for jwk in [
        json!({"kty": "AKP", "alg": "ML-DSA-99", "pub": "AAAA"}),
        json!({"kty": "AKP", "alg": "ES256", "pub": "AAAA"}),
        json!({"kty": "AKP", "alg": "ml-dsa-44", "pub": "AAAA"}),
    ] {
        let refused = PublicKey::from_jwk(jwk.to_string().as_bytes()).expect_err("no such algorithm");
        assert!(matches!(refused, BadKey::AkpAlgorithm(_)), "{jwk}: {refused}");
    }
    // RFC 9964 section 3: alg and pub are required, and priv is not for others.
    let public = URL_SAFE_NO_PAD.encode(other(ParameterSet::MlDsa44, [1; 32]).public());
    for jwk in [json!({"kty": "AKP", "pub": public}), json!({"kty": "AKP", "alg": "ML-DSA-44"})] {
        let refused = PublicKey::from_jwk(jwk.to_string().as_bytes()).expect_err("a member is missing");
        assert!(matches!(refused, BadKey::Json(_)), "{refused}");
    }
    let private = json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": public, "priv": URL_SAFE_NO_PAD.encode([1; 32])});
    assert_eq!(PublicKey::from_jwk(private.to_string().as_bytes()), Err(BadKey::Private("priv")));
}

/// RFC 9881 sections 2 and 4.
#[test]
fn parameters_are_absent_and_the_length_is_the_set_s() {
    for set in ParameterSet::ALL {
        let good = jwk(set, &other(set, [1; 32]).public()).expect("the key is good").spki();
        let info = spki::SubjectPublicKeyInfoOwned::from_der(&good).expect("it is DER");
        let encoded = |info: &spki::SubjectPublicKeyInfoOwned| der::Encode::to_der(info).expect("it can be written");
        let mut with_null = info.clone();
        with_null.algorithm.parameters = Some(der::asn1::Null.into());
        let with_null = encoded(&with_null);
        assert_eq!(CertificateKey::parse(&with_null), Err(KeyFault::Malformed));
        assert!(matches!(PublicKey::from_spki(&with_null), Err(BadKey::Spki(_))));
        let mut cut = info;
        let bits = cut.subject_public_key.raw_bytes();
        cut.subject_public_key = der::asn1::BitString::from_bytes(&bits[1..]).expect("whole octets");
        let (kind, expected) = (KeyKind::MlDsa(set), set.public_key_octets());
        let cut = encoded(&cut);
        assert_eq!(CertificateKey::parse(&cut), Err(KeyFault::Octets { kind, expected, found: expected - 1 }));
        assert!(matches!(PublicKey::from_spki(&cut), Err(BadKey::MlDsaSize { .. })));
    }
}

/// RFC 9964 section 5, RFC 9881 section 3.
#[test]
fn a_signature_with_a_context_does_not_count() {
    for set in ParameterSet::ALL {
        let pair = other(set, [2; 32]);
        let key = jwk(set, &pair.public()).expect("the key is good");
        assert!(key.verifies(b"message", &pair.sign(b"message", b"")));
        assert!(!key.verifies(b"message", &pair.sign(b"message", b"context")));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn two_implementations_agree(
        set in prop::sample::select(&ParameterSet::ALL[..]), seed: [u8; 32], message: Vec<u8>,
        flip in prop::option::of((any::<prop::sample::Index>(), 0..8_u8)),
    ) {
        let theirs = other(set, seed);
        let ours = PqdsaKeyPair::from_seed(signing(set), &seed).expect("any 32 octets are a seed");
        prop_assert_eq!(ours.public_key().as_ref(), theirs.public());
        let key = jwk(set, &theirs.public()).expect("the key is good");
        let mut signed = vec![0; signing(set).signature_len()];
        ours.sign(&message, &mut signed).expect("it signs");
        for mut signature in [signed, theirs.sign(&message, &[])] {
            prop_assert!(key.verifies(&message, &signature) && theirs.verifies(&message, &signature));
            if let Some((place, bit)) = flip {
                let place = place.index(signature.len());
                signature[place] ^= 1 << bit;
                prop_assert!(!key.verifies(&message, &signature) && !theirs.verifies(&message, &signature));
            }
            prop_assert!(!key.verifies(&message, &signature[1..]));
        }
    }
}
