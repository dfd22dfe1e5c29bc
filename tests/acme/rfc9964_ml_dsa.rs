//! ML-DSA as account keys (RFC 9964) and as certificate keys (RFC 9881), wherever RFC 8555 has a key.

use rcgen::{KeyPair, PKCS_ML_DSA_44, PKCS_ML_DSA_65, PKCS_ML_DSA_87, PublicKeyData as _, SignatureAlgorithm};
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{endpoint, endpoint_of};
use crate::client::{Account, text};
use crate::credential::Credential;
use crate::house::{changed, csr, download, finalize, house, name, ready};
use crate::jws::{Signer, encode};
use crate::profiles::Profiles;
use crate::support::certificate::Chain;

const SETS: [(&str, &SignatureAlgorithm, &str, &str); 3] = [
    ("ML-DSA-44", &PKCS_ML_DSA_44, "2.16.840.1.101.3.4.3.17", "mldsa44"),
    ("ML-DSA-65", &PKCS_ML_DSA_65, "2.16.840.1.101.3.4.3.18", "mldsa65"),
    ("ML-DSA-87", &PKCS_ML_DSA_87, "2.16.840.1.101.3.4.3.19", "mldsa87"),
];

fn key(algorithm: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(algorithm).expect("a key is made")
}

fn certified(account: &Account<'_>, key: &KeyPair) -> Chain {
    let host = name("ml-dsa");
    let (url, order) = ready(account, &[&host]);
    let order = finalize(account, &url, &order, &csr(&[&host], key));
    download(account, &order)
}

#[test]
fn accounts_with_such_keys_get_certificates_with_such_keys() {
    let endpoint = endpoint("default");
    for (algorithm, kind, oid, token) in SETS {
        let account = endpoint.register(algorithm);
        let key = key(kind);
        let chain = certified(&account, &key);
        let (_, certificate) = X509Certificate::from_der(chain.der()).expect("a certificate");
        let info = certificate.public_key();
        // RFC 9881 section 2: without parameters.
        assert_eq!((info.algorithm.algorithm.to_id_string().as_str(), &info.algorithm.parameters), (oid, &None));
        assert_eq!(info.subject_public_key.data.as_ref(), key.public_key_raw());
        // RFC 9881 section 5.
        let usage = certificate.key_usage().expect("readable").expect("there").value;
        assert!(usage.digital_signature() && !usage.key_encipherment() && !usage.key_agreement(), "{usage}");
        let serial: String = chain.serial().iter().map(|octet| format!("{octet:02x}")).collect();
        let list = house().admin().get(&format!("/certificates?serial={serial}")).expect(200).json();
        assert_eq!(list["items"][0]["keyAlgorithm"], token, "{list}");
    }
}

#[test]
fn a_key_that_is_not_one_is_a_bad_public_key() {
    let endpoint = endpoint("default");
    let url = endpoint.url("newAccount");
    for (algorithm, kind, ..) in SETS {
        let signer = Signer::new(algorithm);
        let changed = |member: &str, value: Value| {
            let mut jwk = signer.jwk();
            jwk[member] = value;
            jwk
        };
        for jwk in [
            changed("pub", encode([7; 64]).into()),
            changed("pub", "".into()),
            // The key as certificates have it.
            changed("pub", encode(key(kind).subject_public_key_info()).into()),
            changed("alg", "ML-DSA-45".into()),
            changed("alg", "ES256".into()),
            // Of the right form, but of another set.
            changed("alg", if algorithm == "ML-DSA-65" { "ML-DSA-44" } else { "ML-DSA-65" }.into()),
            changed("priv", encode([7; 32]).into()),
        ] {
            let request = signer.with_jwk(url).set("jwk", jwk).payload(&json!({}));
            endpoint.post(url, request).expect_problem(400, "badPublicKey");
        }
        // RFC 9964 section 3: both are required.
        for member in ["alg", "pub"] {
            let mut jwk = signer.jwk();
            jwk.as_object_mut().expect("a JWK is an object").remove(member);
            let refused = endpoint.post(url, signer.with_jwk(url).set("jwk", jwk).payload(&json!({})));
            assert!(matches!(refused.problem().as_str(), "malformed" | "badPublicKey"), "{refused:?}");
        }
    }
}

#[test]
fn s7_3_5_the_largest_keys_follow_each_other() {
    let endpoint = endpoint("default");
    let account = changed(endpoint.register("ML-DSA-87"), Signer::new("ML-DSA-87"));
    account.read(&account.kid).expect(200);
}

#[test]
fn s7_3_4_the_largest_key_is_bound_to_an_external_account() {
    let endpoint = endpoint_of(&Profiles::acme(&json!({"externalAccountRequired": true})));
    let credential = Credential::new(&json!({}));
    for (algorithm, ..) in SETS {
        let signer = Signer::new(algorithm);
        let binding = credential.bind(&endpoint, &signer);
        let url = endpoint.url("newAccount");
        let payload = json!({"externalAccountBinding": binding});
        let made = endpoint.post(url, signer.with_jwk(url).payload(&payload)).expect(201);
        assert_eq!(made.json()["externalAccountBinding"], binding);
    }
}

#[test]
fn s7_6_the_certificate_s_key_revokes() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let url = endpoint.url("revokeCert");
    for (algorithm, kind, ..) in SETS {
        let key = key(kind);
        let chain = certified(&account, &key);
        let revocation = json!({"certificate": encode(chain.der())});
        let stranger = Signer::new(algorithm);
        endpoint.post(url, stranger.with_jwk(url).payload(&revocation)).expect_problem(403, "unauthorized");
        let holder = Signer::from_pkcs8(algorithm, &key.serialize_der());
        endpoint.post(url, holder.with_jwk(url).payload(&revocation)).expect(200);
        // OpenSSL 3.0 judges no chain with a key that it does not know.
        endpoint.post(url, holder.with_jwk(url).payload(&revocation)).expect_problem(400, "alreadyRevoked");
    }
}

#[test]
fn s11_1_the_key_of_an_account_is_no_key_of_a_certificate() {
    let endpoint = endpoint("default");
    for (algorithm, kind, ..) in SETS {
        let (own, others) = (key(kind), key(kind));
        let account = endpoint.register_with(Signer::from_pkcs8(algorithm, &own.serialize_der()));
        endpoint.register_with(Signer::from_pkcs8(algorithm, &others.serialize_der()));
        let host = name("ml-dsa-account");
        let (url, order) = ready(&account, &[&host]);
        for taken in [&own, &others] {
            let payload = json!({"csr": csr(&[&host], taken)});
            account.post(text(&order, "finalize"), &payload).expect_problem(400, "badCSR");
        }
        assert_eq!(account.read(&url).json()["status"], "ready");
    }
}

#[test]
fn the_largest_keys_and_as_many_names_as_an_order_takes_fit() {
    let rules = json!([{"name": "many.test", "match": "subdomain"}]);
    let endpoint = endpoint_of(&Profiles::ra(&json!({"withoutChallenge": rules})));
    let account = endpoint.register("ML-DSA-87");
    let label = "a".repeat(60);
    let names: Vec<String> = (0..100).map(|count| format!("{label}.{label}.{label}.x{count}.many.test")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (url, order) = account.order(&names);
    let order = finalize(&account, &url, &order, &csr(&names, &key(&PKCS_ML_DSA_87)));
    let chain = download(&account, &order);
    let (_, certificate) = X509Certificate::from_der(chain.der()).expect("a certificate");
    let alternatives = certificate.subject_alternative_name().expect("readable").expect("there").value;
    assert_eq!(alternatives.general_names.len(), names.len());
}
