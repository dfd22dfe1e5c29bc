use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::acme::signer::{ALGORITHMS, Signer, encode};

/// RFC 7638 section 3.1.
const RFC_7638_N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXj\
                          BZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSq\
                          zs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINH\
                          aQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

/// RFC 8037 appendix A.2.
const RFC_8037_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn key(jwk: &Value) -> Result<PublicKey, BadKey> {
    PublicKey::from_jwk(jwk.to_string().as_bytes())
}

fn good(jwk: &Value) -> PublicKey {
    key(jwk).expect("the key is good")
}

/// A JWK of each kind, with `change` made to it.
fn changed(algorithm: &str, change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> Result<PublicKey, BadKey> {
    let mut jwk = Signer::new(algorithm).jwk();
    change(jwk.as_object_mut().expect("a JWK is an object"));
    key(&jwk)
}

fn rsa_of(modulus: &[u8], exponent: &[u8]) -> Result<PublicKey, BadKey> {
    key(&json!({"kty": "RSA", "n": encode(modulus), "e": encode(exponent)}))
}

#[test]
fn thumbprint_of_rfc_7638() {
    let rsa = good(&json!({"kty": "RSA", "n": RFC_7638_N, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}));
    assert_eq!(base64url::encode(rsa.thumbprint()), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!(rsa.canonical_jwk(), format!(r#"{{"e":"AQAB","kty":"RSA","n":"{RFC_7638_N}"}}"#));
    assert_eq!((rsa.to_string(), rsa.algorithm()), ("RSA 2048".into(), Algorithm::Rs256));
}

#[test]
fn thumbprint_of_rfc_8037() {
    let ed25519 = good(&json!({"kty": "OKP", "crv": "Ed25519", "x": RFC_8037_X}));
    assert_eq!(base64url::encode(ed25519.thumbprint()), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_eq!((ed25519.to_string(), ed25519.algorithm()), ("Ed25519".into(), Algorithm::EdDsa));
    assert_eq!(format!("{ed25519:?}"), "Ed25519 key kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn every_kind_survives_jwk_and_spki() {
    for algorithm in ALGORITHMS {
        let signer = Signer::new(algorithm);
        let first = good(&signer.jwk());
        assert_eq!(first.algorithm().name(), algorithm);
        assert_eq!(base64url::encode(first.thumbprint()), signer.thumbprint());
        assert_eq!(PublicKey::from_jwk(first.canonical_jwk().as_bytes()), Ok(first.clone()));
        assert_eq!(PublicKey::from_spki(&first.spki()), Ok(first.clone()));
        assert_ne!(good(&Signer::new(algorithm).jwk()), first);
        let message = b"protected.payload";
        assert!(first.verifies(message, &signer.sign(message)));
        assert!(!first.verifies(b"protected.Payload", &signer.sign(message)));
        assert!(!first.verifies(message, b""));
    }
}

#[test]
fn spki_is_what_others_write() {
    for (rcgen, curve) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, "P-256"),
        (&rcgen::PKCS_ECDSA_P384_SHA384, "P-384"),
        (&rcgen::PKCS_ECDSA_P521_SHA512, "P-521"),
        (&rcgen::PKCS_ED25519, "Ed25519"),
        (&rcgen::PKCS_RSA_SHA256, "RSA 2048"),
        (&rcgen::PKCS_ML_DSA_44, "ML-DSA-44"),
        (&rcgen::PKCS_ML_DSA_65, "ML-DSA-65"),
        (&rcgen::PKCS_ML_DSA_87, "ML-DSA-87"),
    ] {
        let pair = rcgen::KeyPair::generate_for(rcgen).expect("a key is generated");
        let der = rcgen::PublicKeyData::subject_public_key_info(&pair);
        let key = PublicKey::from_spki(&der).expect("the key is good");
        assert_eq!((key.to_string().as_str(), key.spki()), (curve, der));
    }
}

#[test]
fn leading_zero_octets_of_coordinates_are_kept() {
    // A point of P-256 whose x begins with a zero octet turns up once in 256 keys.
    let jwk = std::iter::repeat_with(|| Signer::new("ES256").jwk())
        .find(|jwk| base64url::decode(jwk["x"].as_str().unwrap_or_default()).is_ok_and(|x| x[0] == 0))
        .expect("keys do not run out");
    let first = good(&jwk);
    let x = jwk["x"].as_str().expect("x is a text");
    assert!(first.canonical_jwk().contains(x));

    let short = encode(&base64url::decode(x).expect("x is base64url")[1..]);
    let refused = key(&json!({"kty": "EC", "crv": "P-256", "x": short, "y": jwk["y"]}));
    assert_eq!(refused, Err(BadKey::CoordinateSize { member: "x", curve: "P-256", expected: 32, found: 31 }));
}

#[test]
fn what_lets_forgers_in_is_refused() {
    assert_eq!(key(&json!({"kty": "oct", "k": "AAAA"})), Err(BadKey::Symmetric));
    for algorithm in ALGORITHMS {
        let private = changed(algorithm, |jwk| _ = jwk.insert("d".into(), "AAAA".into()));
        assert_eq!(private, Err(BadKey::Private("d")));
    }
    let prime = changed("RS256", |jwk| _ = jwk.insert("p".into(), "AAAA".into()));
    assert_eq!(prime, Err(BadKey::Private("p")));

    let off_curve = changed("ES256", |jwk| _ = jwk.insert("y".into(), encode([1; 32]).into()));
    assert_eq!(off_curve, Err(BadKey::NotOnCurve("P-256")));
    let off_curve = changed("ES512", |jwk| _ = jwk.insert("x".into(), encode([0xff; 66]).into()));
    assert_eq!(off_curve, Err(BadKey::NotOnCurve("P-521")));
    let other_curve = changed("ES256", |jwk| _ = jwk.insert("crv".into(), "P-384".into()));
    assert!(matches!(other_curve, Err(BadKey::CoordinateSize { curve: "P-384", found: 32, .. })));
}

#[test]
fn unsound_ed25519_points_are_refused() {
    let ed25519 = |x: [u8; 32]| key(&json!({"kty": "OKP", "crv": "Ed25519", "x": encode(x)}));
    let with = |first: u8, middle: u8, last: u8| {
        let mut x = [middle; 32];
        (x[0], x[31]) = (first, last);
        x
    };
    // The neutral point, points of order 2 and 4, and their other spellings.
    for x in [
        with(1, 0, 0),
        with(1, 0, 0x80),
        with(0xec, 0xff, 0x7f),
        with(0, 0, 0),
        with(0, 0, 0x80),
        with(0xed, 0xff, 0x7f),
        with(0xee, 0xff, 0x7f),
        with(0xee, 0xff, 0xff),
    ] {
        assert_eq!(ed25519(x), Err(BadKey::Ed25519), "{x:?}");
    }
    // y = p + 3, another spelling of y = 3, which is a point of large order.
    assert!(ed25519(with(3, 0, 0)).is_ok());
    assert_eq!(ed25519(with(0xf0, 0xff, 0x7f)), Err(BadKey::Ed25519));
    // y = 2 is on no point.
    assert_eq!(ed25519(with(2, 0, 0)), Err(BadKey::Ed25519));
    let long = key(&json!({"kty": "OKP", "crv": "Ed25519", "x": encode([3; 33])}));
    assert!(matches!(long, Err(BadKey::CoordinateSize { expected: 32, found: 33, .. })));
    for curve in ["X25519", "Ed448", "ed25519"] {
        let refused = key(&json!({"kty": "OKP", "crv": curve, "x": RFC_8037_X}));
        assert_eq!(refused, Err(BadKey::Curve(Excerpt::new(curve))));
    }
}

#[test]
fn unsound_rsa_keys_are_refused() {
    let modulus = base64url::decode(RFC_7638_N).expect("the modulus is base64url");
    let e = [1, 0, 1];
    assert!(rsa_of(&modulus, &e).is_ok());
    assert_eq!(rsa_of(&modulus[..128], &e), Err(BadKey::ModulusSize(1024)));
    let mut just_short = modulus.clone();
    just_short[0] = 0x7f;
    assert_eq!(rsa_of(&just_short, &e), Err(BadKey::ModulusSize(2047)));
    assert!(rsa_of(&[0xff; 1024], &e).is_ok());
    assert_eq!(rsa_of(&[1; 1025], &e), Err(BadKey::ModulusSize(8193)));
    assert_eq!(rsa_of(&[], &e), Err(BadKey::ModulusSize(0)));
    assert_eq!(rsa_of(&[&modulus[..255], &[0x82]].concat(), &e), Err(BadKey::EvenModulus));
    assert_eq!(rsa_of(&[&[0], modulus.as_slice()].concat(), &e), Err(BadKey::LeadingZero("n")));
    assert_eq!(rsa_of(&modulus, &[0, 1, 0, 1]), Err(BadKey::LeadingZero("e")));
    for exponent in [&[][..], &[1], &[3], &[1, 0, 0], &[1, 0, 2], &[1, 0, 0, 0, 1], &[0xff; 600]] {
        assert_eq!(rsa_of(&modulus, exponent), Err(BadKey::Exponent), "{exponent:?}");
    }
    assert!(rsa_of(&modulus, &[0xff; 4]).is_ok());
}

#[test]
fn what_is_no_jwk_is_refused_in_words() {
    for (jwk, said) in [
        ("7", "no JSON object"),
        ("{}", "\"kty\" is missing"),
        (r#"{"kty":5}"#, "\"kty\" has to be a string, not 5"),
        (r#"{"kty":"EC"}"#, "\"crv\" is missing"),
        (r#"{"kty":"EC","kty":"EC"}"#, "\"kty\" stands in it twice"),
        (r#"{"kty":"EC","crv":"secp256k1"}"#, "\"secp256k1\" is not supported"),
        (r#"{"kty":"EC","crv":"P-256","x":"AA=="}"#, "\"x\" of the JWK is not base64url: it ends with '='"),
        (r#"{"kty":"XYZ"}"#, "\"XYZ\" are not supported"),
        (r#"{"kty":"AKP"}"#, "\"alg\" is missing"),
        (r#"{"kty":"AKP","alg":"ML-DSA-45"}"#, "AKP keys for \"ML-DSA-45\" are not supported"),
        (r#"{"kty":"RSA","n":"AQAB"}"#, "\"e\" is missing"),
    ] {
        let text = PublicKey::from_jwk(jwk.as_bytes()).expect_err("must be refused").to_string();
        assert!(text.contains(said), "{jwk}: {text}");
    }
}

#[test]
fn spki_with_other_parameters_is_refused() {
    let rsa = good(&json!({"kty": "RSA", "n": RFC_7638_N, "e": "AQAB"})).spki();
    let without_null = {
        let place = rsa.windows(2).position(|pair| pair == [5, 0]).expect("NULL stands in it");
        let mut der = rsa.clone();
        der.drain(place..place + 2);
        der[3] -= 2;
        der[5] -= 2;
        der
    };
    assert!(matches!(PublicKey::from_spki(&without_null), Err(BadKey::Spki(_))));
    assert!(matches!(PublicKey::from_spki(&rsa[..rsa.len() - 1]), Err(BadKey::Spki(_))));
    assert!(matches!(PublicKey::from_spki(&[rsa.as_slice(), &[0]].concat()), Err(BadKey::Spki(_))));
    let mut compressed = good(&Signer::new("ES256").jwk()).spki();
    let point = compressed.len() - 65;
    compressed[point] = 2;
    assert!(matches!(PublicKey::from_spki(&compressed), Err(BadKey::Spki(_))));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = PublicKey::from_jwk(&bytes);
        let _ = PublicKey::from_spki(&bytes);
    }

    #[test]
    fn a_damaged_spki_is_another_key_or_none(place in 0..91_usize, flip in 1..=255_u8) {
        let key = good(&json!({
            "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }));
        let mut der = key.spki();
        der[place] ^= flip;
        if let Ok(other) = PublicKey::from_spki(&der) {
            prop_assert_ne!(&other, &key);
            prop_assert_eq!(other.spki(), der);
        }
    }
}
