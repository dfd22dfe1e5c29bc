//! Any bytes as a request (RFC 8555 section 6.2), as a JWK and as a SubjectPublicKeyInfo: refused or understood, and what
//! is understood holds together.
#![no_main]

use std::sync::LazyLock;

use chancery_fuzz::acme::algorithm::Algorithm;
use chancery_fuzz::acme::jwk::PublicKey;
use chancery_fuzz::acme::jws::{Jws, KeyRef};
use libfuzzer_sys::fuzz_target;

/// The key of RFC 8037 appendix A.2, which signed nothing that the fuzzer makes.
static STRANGER: LazyLock<PublicKey> = LazyLock::new(|| {
    let jwk = br#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    PublicKey::from_jwk(jwk).expect("the key of the RFC is good")
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key) = PublicKey::from_jwk(bytes) {
        holds_together(&key);
    }
    if let Ok(key) = PublicKey::from_spki(bytes) {
        holds_together(&key);
        assert_eq!(key.spki(), bytes, "one key has one DER");
    }
    match Jws::parse(bytes) {
        Ok(jws) => request(bytes, &jws),
        Err(refused) => {
            assert!(refused.to_string().len() < 2048, "a refusal does not echo the request");
        }
    }
});

fn request(bytes: &[u8], jws: &Jws) {
    let again = || Jws::parse(bytes).expect("what was read once is read again");
    assert_eq!(again().header(), jws.header());
    match &jws.header().key {
        KeyRef::Kid(_) => {
            assert!(again().verify_embedded().is_err());
            let _ = again().verify(&STRANGER);
        }
        KeyRef::Jwk(key) => {
            holds_together(key);
            assert_eq!(key.algorithm(), jws.header().algorithm);
            if *key != *STRANGER {
                assert!(again().verify(&STRANGER).is_err(), "a key verifies only what names it");
            }
            if let Ok((used, verified)) = again().verify_embedded() {
                assert_eq!(used, *key);
                assert_eq!(verified.header, *jws.header());
                let _ = verified.payload.json::<Vec<u8>>();
            }
        }
    }
}

fn holds_together(key: &PublicKey) {
    let canonical = key.canonical_jwk();
    let again = PublicKey::from_jwk(canonical.as_bytes()).expect("the canonical JWK is a JWK");
    assert_eq!(again, *key);
    assert_eq!(again.canonical_jwk(), canonical);
    assert_eq!(PublicKey::from_spki(&key.spki()).as_ref(), Ok(key));
    assert!(Algorithm::ALL.contains(&key.algorithm()));
    assert!(!key.verifies(b"", b""));
}
