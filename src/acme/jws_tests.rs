use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::acme::problem::ProblemDocument;
use crate::acme::signer::{ALGORITHMS, Signer, encode};

const URL: &str = "https://ca.example/acme/default/new-account";
const KID: &str = "https://ca.example/acme/default/account/1";

static SIGNERS: LazyLock<BTreeMap<&str, Signer>> =
    LazyLock::new(|| ALGORITHMS.iter().map(|algorithm| (*algorithm, Signer::new(algorithm))).collect());

fn signer(algorithm: &str) -> &'static Signer {
    &SIGNERS[algorithm]
}

fn key_of(signer: &Signer) -> PublicKey {
    PublicKey::from_jwk(signer.jwk().to_string().as_bytes()).expect("the key is good")
}

fn refusal(body: impl AsRef<[u8]>) -> JwsError {
    match Jws::parse(body.as_ref()) {
        Err(error) => error,
        Ok(jws) => jws.verify_embedded().expect_err("must be refused"),
    }
}

#[test]
fn every_algorithm_is_verified() {
    for algorithm in ALGORITHMS {
        let signer = signer(algorithm);
        let body = signer.with_jwk(URL).nonce("oFvnlFP1wIhRlYS2jTaXbA").payload(&json!({"a": 1})).body();
        let (key, verified) = Jws::parse(&body).expect("it is read").verify_embedded().expect("it verifies");
        assert_eq!(key, key_of(signer));
        assert_eq!(verified.header.algorithm.name(), algorithm);
        assert_eq!(verified.header.nonce.as_deref(), Some("oFvnlFP1wIhRlYS2jTaXbA"));
        assert_eq!(verified.header.url, URL);
        assert_eq!(verified.header.key, KeyRef::Jwk(key));
        assert_eq!(verified.payload.json::<Value>(), Ok(json!({"a": 1})));

        let body = signer.with_kid(KID, URL).body();
        let jws = Jws::parse(&body).expect("it is read");
        assert_eq!(jws.header().key, KeyRef::Kid(KID.into()));
        assert_eq!(jws.verify(&key_of(signer)).expect("it verifies").payload, Payload::Empty);
    }
}

/// RFC 7515 appendix A.2 to A.4 and RFC 8037 appendix A.4: their headers lack what ACME needs, so the keys verify them.
#[test]
fn signatures_of_the_rfcs_verify() {
    let claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let vectors = [
        (
            json!({"kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4\
                qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSX\
                ndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-D\
                WNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}),
            format!("eyJhbGciOiJSUzI1NiJ9.{claims}"),
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUA\
             r7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO\
             --xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igc\
             N_IoypGlUPQGe77Rw",
        ),
        (
            json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}),
            format!("eyJhbGciOiJFUzI1NiJ9.{claims}"),
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
        (
            json!({"kty": "EC", "crv": "P-521",
                "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
                "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}),
            "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA".to_owned(),
            "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YB\
             JZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
        ),
        (
            json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ];
    for (jwk, message, signature) in vectors {
        let key = PublicKey::from_jwk(jwk.to_string().as_bytes()).expect("the key is good");
        let mut signature = base64url::decode(signature).expect("the signature is base64url");
        assert!(key.verifies(message.as_bytes(), &signature), "{key}");
        signature[7] ^= 1;
        assert!(!key.verifies(message.as_bytes(), &signature), "{key}");
    }
}

#[test]
fn only_flattened_json_is_read() {
    let request = signer("ES256").with_jwk(URL).payload(&json!({}));
    let text = request.jws();
    let (protected, payload, signature) =
        (text["protected"].as_str(), text["payload"].as_str(), text["signature"].as_str());
    let compact = [protected, payload, signature].map(Option::unwrap_or_default).join(".");
    assert!(matches!(refusal(compact), JwsError::Body(BadJson::Object(_))));
    assert!(matches!(refusal(""), JwsError::Body(_)));
    assert!(matches!(refusal("[]"), JwsError::Body(_)));
    let twice = format!("{{\"payload\":\"\",{}", &text.to_string()[1..]);
    assert!(matches!(refusal(twice), JwsError::Body(BadJson::Object(_))));

    assert_eq!(refusal(request.clone().tamper("signatures", json!([])).body()), JwsError::SeveralSignatures);
    assert_eq!(refusal(request.clone().tamper("header", json!({})).body()), JwsError::UnprotectedHeader);
    assert_eq!(refusal(request.clone().drop_member("payload").body()), JwsError::Detached);
    for member in ["protected", "signature"] {
        let missing = refusal(request.clone().drop_member(member).body());
        assert_eq!(missing, JwsError::Body(BadJson::Missing(member)));
        let number = refusal(request.clone().tamper(member, 5).body());
        assert!(matches!(number, JwsError::Body(BadJson::NotText(..))), "{number}");
    }
    for member in ["protected", "payload", "signature"] {
        let padded = refusal(request.clone().tamper(member, "e30=").body());
        assert_eq!(padded, JwsError::Encoding { member, reason: BadBase64Url::Padding });
    }
    let huge = refusal(vec![b' '; MAX_BYTES + 1]);
    assert_eq!(huge, JwsError::TooLarge(MAX_BYTES + 1));
    // RFC 7515 section 7.2.1: other members are ignored.
    assert!(Jws::parse(&request.tamper("resource", "new-reg").body()).is_ok());
}

#[test]
fn the_protected_header_has_what_it_must_and_nothing_that_changes_its_meaning() {
    let request = signer("ES256").with_jwk(URL).payload(&json!({}));
    assert_eq!(refusal(request.clone().without("alg").body()), JwsError::Header(BadJson::Missing("alg")));
    assert_eq!(refusal(request.clone().without("url").body()), JwsError::Header(BadJson::Missing("url")));
    assert_eq!(refusal(request.clone().set("kid", KID).body()), JwsError::TwoKeys);
    assert_eq!(refusal(request.clone().without("jwk").body()), JwsError::NoKey);
    assert_eq!(refusal(request.clone().set("b64", true).body()), JwsError::UnencodedPayload);
    assert_eq!(
        refusal(request.clone().set("b64", false).set("crit", json!(["b64"])).body()),
        JwsError::UnencodedPayload
    );
    assert_eq!(refusal(request.clone().set("crit", json!(["exp"])).body()), JwsError::Critical);
    assert_eq!(refusal(request.clone().nonce("not base64url").body()), JwsError::Nonce(BadBase64Url::Character(4)));
    assert_eq!(refusal(request.clone().nonce("AA==").body()), JwsError::Nonce(BadBase64Url::Padding));
    for name in ["alg", "nonce", "url", "kid"] {
        let number = refusal(request.clone().set(name, 5).body());
        assert!(matches!(number, JwsError::Header(BadJson::NotText(..))), "{name}: {number}");
    }
    assert!(matches!(refusal(request.clone().set("jwk", "key").body()), JwsError::PublicKey(BadKey::Json(_))));
    let jwk = signer("ES256").jwk();
    for header in [
        format!(r#"{{"alg":"ES256","alg":"ES256","url":"{URL}","jwk":{jwk}}}"#),
        format!(r#"{{"alg":"ES256","url":"{URL}","url":"{URL}","jwk":{jwk}}}"#),
        "[]".to_owned(),
        String::new(),
    ] {
        let refused = refusal(request.clone().protected_bytes(header).body());
        assert!(matches!(refused, JwsError::Header(BadJson::Object(_))), "{refused}");
    }
    let kid = signer("ES256").with_kid(KID, URL).body();
    assert_eq!(refusal(kid), JwsError::KidWithoutJwk);
}

#[test]
fn algorithms_that_prove_nothing_are_refused() {
    let signer = signer("RS256");
    let spki = key_of(signer).spki();
    for name in ["none", "None", "", "HS256", "HS384", "HS512", "PS256", "ES256K", "es256", "RS1", "EdDSA "] {
        let request = signer.with_jwk(URL).set("alg", name);
        assert_eq!(refusal(request.body()), JwsError::Algorithm(Excerpt::new(name)));
        // The public key as the secret of a MAC.
        let request = request.mac(spki.clone());
        assert_eq!(refusal(request.body()), JwsError::Algorithm(Excerpt::new(name)));
        let oct = request.set("jwk", json!({"kty": "oct", "k": encode(&spki)}));
        assert_eq!(refusal(oct.body()), JwsError::Algorithm(Excerpt::new(name)));
        assert_eq!(refusal(oct.tamper("signature", "").body()), JwsError::Algorithm(Excerpt::new(name)));
    }
    let oct = signer.with_jwk(URL).set("jwk", json!({"kty": "oct", "k": encode(&spki)})).mac(spki);
    assert_eq!(refusal(oct.body()), JwsError::PublicKey(BadKey::Symmetric));
}

#[test]
fn an_algorithm_of_another_kind_of_key_is_refused() {
    for own in ALGORITHMS {
        for other in ALGORITHMS.into_iter().filter(|other| *other != own) {
            let mismatch = |error: &JwsError| {
                let JwsError::KeyMismatch { claimed, fitting, .. } = error else { return false };
                (claimed.name(), fitting.name()) == (other, own)
            };
            let refused = refusal(signer(own).with_jwk(URL).set("alg", other).body());
            assert!(mismatch(&refused), "{refused}");
            let jws = Jws::parse(&signer(own).with_kid(KID, URL).set("alg", other).body()).expect("it is read");
            let refused = jws.verify(&key_of(signer(own))).expect_err("must be refused");
            assert!(mismatch(&refused), "{refused}");
            // Signed well, but the account has a key of another kind.
            let jws = Jws::parse(&signer(other).with_kid(KID, URL).body()).expect("it is read");
            let refused = jws.verify(&key_of(signer(own))).expect_err("must be refused");
            assert!(mismatch(&refused), "{refused}");
        }
    }
}

#[test]
fn another_key_of_the_same_kind_does_not_verify() {
    for algorithm in ALGORITHMS {
        let other = key_of(&Signer::new(algorithm));
        let by_kid = Jws::parse(&signer(algorithm).with_kid(KID, URL).body()).expect("it is read");
        assert!(matches!(by_kid.verify(&other), Err(JwsError::Signature { .. })));
        let by_jwk = Jws::parse(&signer(algorithm).with_jwk(URL).body()).expect("it is read");
        assert!(matches!(by_jwk.verify(&other), Err(JwsError::Signature { .. })));
        let stolen = signer(algorithm).with_jwk(URL).set("jwk", Signer::new(algorithm).jwk());
        assert!(matches!(refusal(stolen.body()), JwsError::Signature { .. }));
    }
}

#[test]
fn ecdsa_signatures_have_the_form_of_jose() {
    for (algorithm, length) in [("ES256", 64), ("ES384", 96), ("ES512", 132)] {
        let request = signer(algorithm).with_jwk(URL);
        let fixed = base64url::decode(request.jws()["signature"].as_str().unwrap_or_default()).expect("base64url");
        assert_eq!(fixed.len(), length);
        for wrong in [vec![0; length], vec![0; length - 1], vec![0xff; length + 1], vec![], vec![0x30; 8]] {
            let refused = refusal(request.clone().tamper("signature", encode(wrong)).body());
            assert!(matches!(refused, JwsError::Signature { .. }), "{refused}");
        }
    }
}

/// RFC 8555 section 7.3.5: the inner JWS names the new key, has the same URL and no nonce.
#[test]
fn a_key_change_carries_a_second_jws() {
    let (old, new) = (signer("ES256"), signer("EdDSA"));
    let inner = new.with_jwk(URL).payload(&json!({"account": KID, "oldKey": old.jwk()}));
    let outer = old.with_kid(KID, URL).nonce("AAAA").payload(&inner.jws()).body();
    let outer = Jws::parse(&outer).expect("it is read").verify(&key_of(old)).expect("it verifies");
    let Payload::Json(bytes) = outer.payload else { panic!("the payload is the inner JWS") };
    let (key, inner) = Jws::parse(&bytes).expect("it is read").verify_embedded().expect("it verifies");
    assert_eq!((key, inner.header.nonce), (key_of(new), None));
    assert_eq!(inner.header.url, outer.header.url);
}

#[test]
fn refusals_are_short_sentences() {
    let long = "\u{1b}[31m<script>".repeat(1000);
    let request = signer("EdDSA").with_jwk(URL);
    for body in [
        request.clone().set("alg", long.as_str()).body(),
        request.clone().set("jwk", json!({"kty": long})).body(),
        request.clone().set("jwk", json!({"kty": "EC", "crv": long})).body(),
        request.clone().tamper("payload", json!([long])).body(),
        request.clone().protected_bytes(long.clone()).body(),
        request.clone().protected_bytes(format!("{{\"{long}\":1,\"{long}\":2}}").replace('\u{1b}', "x")).body(),
        long.into_bytes(),
    ] {
        let error = refusal(body);
        let text = error.to_string();
        assert!(text.len() < 500 && !text.contains('\u{1b}'), "{text}");
        assert!(ProblemDocument::from(error).http_status().is_client_error());
    }
}

/// Every way to change one character of a part into another one of base64url.
fn mutated(text: &str, place: prop::sample::Index, letter: u8) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    let place = place.index(bytes.len());
    let letter = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[usize::from(letter % 64)];
    (bytes[place] != letter).then(|| {
        bytes[place] = letter;
        String::from_utf8(bytes).expect("letters stay letters")
    })
}

proptest! {
    #[test]
    fn no_change_to_a_valid_jws_is_accepted(
        algorithm in prop::sample::select(ALGORITHMS.to_vec()),
        part in prop::sample::select(vec!["protected", "payload", "signature"]),
        place: prop::sample::Index,
        letter: u8,
    ) {
        let request = signer(algorithm).with_jwk(URL).nonce("AAAA").payload(&json!({"onlyReturnExisting": true}));
        let mut jws = request.jws();
        if let Some(changed) = mutated(jws[part].as_str().unwrap_or_default(), place, letter) {
            jws[part] = changed.into();
            let body = jws.to_string();
            let accepted = Jws::parse(body.as_bytes()).and_then(Jws::verify_embedded);
            prop_assert!(accepted.is_err(), "{}", body);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = Jws::parse(&bytes);
    }

    #[test]
    fn any_header_is_read_or_refused(header in ".{0,200}", payload: Vec<u8>, signature: Vec<u8>) {
        let jws = json!({"protected": encode(header), "payload": encode(payload), "signature": encode(signature)});
        let _ = Jws::parse(jws.to_string().as_bytes());
    }
}
