//! RFC 8555 section 7.6: revocation, and the CRL in which it shows.

use std::time::Duration;

use rcgen::{
    CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
    PKCS_ECDSA_P521_SHA512, PKCS_ED25519, PKCS_RSA_SHA256, SanType,
};
use serde_json::{Value, json};

use super::endpoint;
use crate::client::{Account, Response};
use crate::house::{csr, download, finalize, house, issue, name, prove, ready};
use crate::jws::{Signer, encode};
use crate::support::certificate::{Chain, Standing};
use crate::support::process::{command, eventually, run};

fn request(chain: &Chain) -> Value {
    json!({"certificate": encode(chain.der())})
}

fn by_account(account: &Account<'_>, payload: &Value) -> Response {
    account.post(account.endpoint.url("revokeCert"), payload)
}

fn by_key(account: &Account<'_>, signer: &Signer, payload: &Value) -> Response {
    let url = account.endpoint.url("revokeCert");
    account.endpoint.post(url, signer.with_jwk(url).payload(payload))
}

/// The entry of the certificate in its CRL, in OpenSSL's words, once it is there.
fn entry(chain: &Chain) -> String {
    let serial: String = chain.serial().iter().map(|byte| format!("{byte:02X}")).collect();
    let serial = serial.trim_start_matches("00").to_owned();
    eventually(Duration::from_secs(60), || {
        let text = run(command("openssl").args(["crl", "-noout", "-text", "-in"]).arg(chain.fetch_crl()));
        let text = String::from_utf8_lossy(&text).into_owned();
        let mut parts = text.split("Serial Number: ").skip(1);
        let found = parts.find(|part| part.trim_start().starts_with(&serial)).map(str::to_owned);
        found.ok_or_else(|| format!("{serial} is not in the CRL"))
    })
}

#[test]
fn s7_6_the_account_revokes_and_the_crl_shows_it() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (chain, _) = issue(&account, &[&name("revoked")]);
    let (other, _) = issue(&account, &[&name("good")]);
    chain.assert_good(&house().root());
    let response = by_account(&account, &request(&chain)).expect(200);
    assert!(response.body.is_empty(), "{response:?}");
    chain.assert_revoked(&house().root());
    assert_eq!(other.standing(&house().root()), Standing::Good);
    assert!(!entry(&chain).contains("Reason Code"), "none was given, so none is told");
}

#[test]
fn s7_6_the_account_that_ordered_it_revokes_though_it_proves_nothing_any_more() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("ordered");
    let (url, order) = ready(&account, &[&host]);
    let key = KeyPair::generate().expect("a key is made");
    let order = finalize(&account, &url, &order, &csr(&[&host], &key));
    let chain = download(&account, &order);
    let authorization = order["authorizations"][0].as_str().expect("a URL");
    account.post(authorization, &json!({"status": "deactivated"})).expect(200);
    by_account(&account, &request(&chain)).expect(200);
    chain.assert_revoked(&house().root());
}

#[test]
fn s7_6_the_certificate_s_key_revokes() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (chain, key) = issue(&account, &[&name("own-key")]);
    let holder = Signer::from_pkcs8("ES256", &key.serialize_der());
    by_key(&account, &holder, &request(&chain)).expect(200);
    chain.assert_revoked(&house().root());
}

#[test]
fn s7_6_nobody_else_revokes() {
    let endpoint = endpoint("default");
    let (account, other) = (endpoint.register("ES256"), endpoint.register("ES256"));
    let (chain, _) = issue(&account, &[&name("mine")]);
    let (_, other_key) = issue(&other, &[&name("theirs")]);
    by_account(&other, &request(&chain)).expect_problem(403, "unauthorized");
    let strangers = [Signer::new("ES256"), Signer::from_pkcs8("ES256", &other_key.serialize_der())];
    for stranger in &strangers {
        by_key(&account, stranger, &request(&chain)).expect_problem(403, "unauthorized");
    }
    // The key of the account is not the key of the certificate.
    by_key(&account, &account.signer, &request(&chain)).expect_problem(403, "unauthorized");
    chain.assert_good(&house().root());
}

#[test]
fn s7_6_an_account_that_holds_authorizations_for_all_names_revokes() {
    let endpoint = endpoint("default");
    let (account, other) = (endpoint.register("ES256"), endpoint.register("ES256"));
    let (one, two) = (name("held"), name("held"));
    let (chain, _) = issue(&account, &[&one, &two]);
    ready(&other, &[&one]);
    // Control of all below a name is not control of the name itself.
    ready(&other, &[&format!("*.{two}")]);
    by_account(&other, &request(&chain)).expect_problem(403, "unauthorized");
    let (_, order) = ready(&other, &[&two]);
    let authorization = order["authorizations"][0].as_str().expect("a URL");
    other.post(authorization, &json!({"status": "deactivated"})).expect(200);
    by_account(&other, &request(&chain)).expect_problem(403, "unauthorized");
    chain.assert_good(&house().root());
    ready(&other, &[&two]);
    by_account(&other, &request(&chain)).expect(200);
    chain.assert_revoked(&house().root());
}

#[test]
fn s7_6_the_certificate_s_key_revokes_whatever_kind_it_is_and_whatever_it_is_for() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for (kind, algorithm) in [
        ("ES256", &PKCS_ECDSA_P256_SHA256),
        ("ES384", &PKCS_ECDSA_P384_SHA384),
        ("ES512", &PKCS_ECDSA_P521_SHA512),
        ("EdDSA", &PKCS_ED25519),
        ("RS256", &PKCS_RSA_SHA256),
    ] {
        let host = format!("*.{}", name("kind"));
        let key = KeyPair::generate_for(algorithm).expect("a key is made");
        let (url, order) = ready(&account, &[&host]);
        let order = finalize(&account, &url, &order, &csr(&[&host], &key));
        let chain = download(&account, &order);
        let wrong = Signer::new(kind);
        by_key(&account, &wrong, &request(&chain)).expect_problem(403, "unauthorized");
        let holder = Signer::from_pkcs8(kind, &key.serialize_der());
        by_key(&account, &holder, &request(&chain)).expect(200);
        by_key(&account, &holder, &request(&chain)).expect_problem(400, "alreadyRevoked");
        chain.assert_revoked(&house().root());
    }
}

#[test]
fn s7_6_an_account_that_holds_authorizations_for_a_wildcard_and_an_address_revokes() {
    let endpoint = endpoint("default");
    let (account, other) = (endpoint.register("ES256"), endpoint.register("ES256"));
    let star = format!("*.{}", name("star"));
    let identifiers = json!([{"type": "dns", "value": star}, {"type": "ip", "value": "127.0.0.1"}]);
    let place = |account: &Account<'_>| {
        let placed = account.post(endpoint.url("newOrder"), &json!({"identifiers": identifiers})).expect(201);
        (placed.location().to_owned(), placed.json())
    };
    let proofs = |account: &Account<'_>, order: &Value| -> Vec<(String, Value)> {
        let urls = order["authorizations"].as_array().expect("a list").iter().filter_map(Value::as_str);
        urls.map(|url| (url.to_owned(), account.read(url).expect(200).json())).collect()
    };
    let (url, order) = place(&account);
    for (url, object) in proofs(&account, &order) {
        prove(&account, &url, if object["wildcard"] == true { "dns-01" } else { "http-01" });
    }
    let key = KeyPair::generate().expect("a key is made");
    let mut params = CertificateParams::new(vec![star.clone()]).expect("a name");
    params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
    params.distinguished_name = DistinguishedName::new();
    let csr = encode(params.serialize_request(&key).expect("the CSR is made").der());
    account.settle(&url);
    let chain = download(&account, &finalize(&account, &url, &order, &csr));

    let (_, order) = place(&other);
    for (place, (url, object)) in proofs(&other, &order).into_iter().enumerate() {
        by_account(&other, &request(&chain)).expect_problem(403, "unauthorized");
        assert!(place < 2);
        prove(&other, &url, if object["wildcard"] == true { "dns-01" } else { "http-01" });
    }
    by_account(&other, &request(&chain)).expect(200);
    chain.assert_revoked(&house().root());
}

#[test]
fn s7_6_a_key_that_is_only_claimed_does_not_revoke() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (chain, key) = issue(&account, &[&name("claimed")]);
    let holder = Signer::from_pkcs8("ES256", &key.serialize_der());
    let stranger = Signer::new("ES256");
    let url = endpoint.url("revokeCert");
    let forged = stranger.with_jwk(url).set("jwk", holder.jwk()).payload(&request(&chain));
    let response = endpoint.post(url, forged);
    assert!(matches!(response.problem().as_str(), "malformed" | "unauthorized"), "{response:?}");
    chain.assert_good(&house().root());
}

#[test]
fn s7_6_revoking_twice_is_already_revoked() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (chain, key) = issue(&account, &[&name("twice")]);
    by_account(&account, &request(&chain)).expect(200);
    by_account(&account, &request(&chain)).expect_problem(400, "alreadyRevoked");
    let holder = Signer::from_pkcs8("ES256", &key.serialize_der());
    by_key(&account, &holder, &request(&chain)).expect_problem(400, "alreadyRevoked");
}

#[test]
fn s7_6_revoking_many_times_at_once_succeeds_once() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (chain, _) = issue(&account, &[&name("at-once")]);
    let responses: Vec<Response> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| by_account(&account, &request(&chain)))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
    });
    let done = responses.iter().filter(|response| response.status == 200).count();
    let late = responses.iter().filter(|response| response.problem() == "alreadyRevoked").count();
    assert_eq!((done, late), (1, 3), "{responses:?}");
}

#[test]
fn s7_6_a_reason_shows_in_the_crl() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for (code, words) in [(1, "Key Compromise"), (4, "Superseded"), (5, "Cessation Of Operation")] {
        let (chain, _) = issue(&account, &[&name("reason")]);
        let mut payload = request(&chain);
        payload["reason"] = json!(code);
        by_account(&account, &payload).expect(200);
        let entry = entry(&chain);
        assert!(entry.contains("Reason Code") && entry.contains(words), "{code}: {entry}");
    }
}

#[test]
fn s7_6_reason_0_is_no_reason_code_in_the_crl() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (chain, _) = issue(&account, &[&name("unspecified")]);
    let mut payload = request(&chain);
    payload["reason"] = json!(0);
    by_account(&account, &payload).expect(200);
    // RFC 5280 section 5.3.1.
    assert!(!entry(&chain).contains("Reason Code"));
}

#[test]
fn s7_6_a_reason_that_is_not_allowed_is_refused_with_those_that_are() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (chain, _) = issue(&account, &[&name("reasons")]);
    for code in [2, 6, 7, 8, 10, 11, 99, 4_294_967_297_u64] {
        let mut payload = request(&chain);
        payload["reason"] = json!(code);
        let response = by_account(&account, &payload).expect_problem(400, "badRevocationReason");
        for allowed in ["1", "4", "5"] {
            assert!(response.detail().contains(allowed), "{response:?}");
        }
    }
    for value in [json!(-1), json!("1"), json!(1.5), json!([])] {
        let mut payload = request(&chain);
        payload["reason"] = value.clone();
        let response = by_account(&account, &payload);
        assert_eq!(response.status, 400, "{value}: {response:?}");
        assert!(matches!(response.problem().as_str(), "malformed" | "badRevocationReason"), "{response:?}");
    }
    chain.assert_good(&house().root());
}

#[test]
fn s7_6_what_is_no_certificate_of_ours_is_refused() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (chain, _) = issue(&account, &[&name("damaged")]);
    let mut damaged = chain.der().to_vec();
    *damaged.last_mut().expect("a certificate has an end") ^= 1;
    let foreign = rcgen::generate_simple_self_signed(vec![name("foreign")]).expect("a certificate is made");
    let root = std::fs::read(house().root()).expect("the root is there");
    for der in [&damaged[..], foreign.cert.der(), &root, b"", b"nothing"] {
        let response = by_account(&account, &json!({"certificate": encode(der)}));
        assert!(matches!(response.status, 400 | 403 | 404), "{response:?}");
        assert!(matches!(response.problem().as_str(), "malformed" | "unauthorized"), "{response:?}");
    }
    for payload in [
        json!({}),
        json!({"certificate": 7}),
        json!({"certificate": format!("{}=", encode(chain.der()))}),
        json!({"certificate": std::fs::read_to_string(chain.path()).expect("the chain is text")}),
    ] {
        by_account(&account, &payload).expect_problem(400, "malformed");
    }
    chain.assert_good(&house().root());
}

#[test]
fn s7_6_the_authorities_own_certificates_are_not_a_client_s_to_revoke() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (chain, _) = issue(&account, &[&name("authority")]);
    for der in chain.ders().skip(1) {
        let response = by_account(&account, &json!({"certificate": encode(der)}));
        assert!(matches!(response.status, 403 | 404), "{response:?}");
    }
}

#[test]
fn s7_6_a_revoked_certificate_can_still_be_read_and_its_order_stays_valid() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("history");
    let (url, order) = ready(&account, &[&host]);
    let key = KeyPair::generate().expect("a key is made");
    let order = finalize(&account, &url, &order, &csr(&[&host], &key));
    let chain = download(&account, &order);
    by_account(&account, &request(&chain)).expect(200);
    assert_eq!(account.read(&url).expect(200).json()["status"], "valid");
    account.read(crate::client::text(&order, "certificate")).expect(200);
}
