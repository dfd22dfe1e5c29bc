//! RFC 8555 section 7.3.5: change of an account's key.

use serde_json::{Value, json};

use super::endpoint;
use crate::client::{Account, Response, challenge, text};
use crate::house::{changed, csr, download, finalize, house, name, prove, publish, ready};
use crate::jws::{ALGORITHMS, Signer};

fn change(account: &Account<'_>, inner: &Value) -> Response {
    account.post(account.endpoint.url("keyChange"), inner)
}

#[test]
fn s7_3_5_the_new_key_signs_and_the_old_one_does_not() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let before = account.read(&account.kid).json();
    let new = Signer::new("EdDSA");
    let response = change(&account, &account.key_change(&new).jws()).expect(200);
    assert_eq!(response.json(), before);
    let refused = account.read(&account.kid);
    assert!(matches!(refused.problem().as_str(), "malformed" | "unauthorized"), "{refused:?}");
    let account = Account { signer: new, ..account };
    assert_eq!(account.read(&account.kid).expect(200).json(), before);
}

#[test]
fn s7_3_5_every_algorithm_can_follow_every_other() {
    let endpoint = endpoint("default");
    let mut account = endpoint.register("RS256");
    for algorithm in ALGORITHMS {
        account = changed(account, Signer::new(algorithm));
        account.read(&account.kid).expect(200);
    }
}

#[test]
fn s7_3_5_new_account_finds_the_account_by_its_new_key() {
    let endpoint = endpoint("default");
    let account = changed(endpoint.register("ES256"), Signer::new("ES256"));
    let url = endpoint.url("newAccount");
    let only = json!({"onlyReturnExisting": true});
    let found = endpoint.post(url, account.signer.with_jwk(url).payload(&only)).expect(200);
    assert_eq!(found.location(), account.kid);
}

#[test]
fn s7_3_5_the_old_key_is_free_for_another_account() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let new = Signer::new("ES256");
    change(&account, &account.key_change(&new).jws()).expect(200);
    let url = endpoint.url("newAccount");
    let only = json!({"onlyReturnExisting": true});
    endpoint.post(url, account.signer.with_jwk(url).payload(&only)).expect_problem(400, "accountDoesNotExist");
    let again = endpoint.register_with(account.signer);
    assert_ne!(again.kid, account.kid);
}

#[test]
fn s7_3_5_pending_orders_live_on() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (proven, unproven) = (name("proven"), name("unproven"));
    let (ready_url, ready_order) = ready(&account, &[&proven]);
    let (url, order) = account.order(&[&unproven]);
    let account = changed(account, Signer::new("ES384"));
    prove(&account, order["authorizations"][0].as_str().expect("a URL"), "http-01");
    let key = rcgen::KeyPair::generate().expect("a key is made");
    for (url, order, host) in [(&ready_url, &ready_order, &proven), (&url, &order, &unproven)] {
        account.await_status(url, "ready");
        let order = finalize(&account, url, order, &csr(&[host], &key));
        download(&account, &order).assert_sound(&house().root(), &[host]);
    }
}

#[test]
fn s7_3_5_a_challenge_that_is_being_tried_goes_by_the_new_key() {
    let endpoint = endpoint("patient");
    let account = endpoint.register("ES256");
    let (url, order) = account.order(&[&name("moving")]);
    let authorization = order["authorizations"][0].as_str().expect("a URL");
    let object = account.read(authorization).json();
    let asked = challenge(&object, "http-01");
    // The first attempt finds nothing, and the next is ten minutes away.
    account.post(text(&asked, "url"), &json!({})).expect(200);
    account.poll(text(&asked, "url"), |challenge| challenge.get("error").is_some());
    let account = changed(account, Signer::new("ES256"));
    publish(&account, &object, &asked);
    account.post(text(&asked, "url"), &json!({})).expect(200);
    account.await_status(&url, "ready");
}

#[test]
fn s7_3_5_a_key_in_use_is_409_with_the_location_of_its_account() {
    let endpoint = endpoint("default");
    let (account, other) = (endpoint.register("ES256"), endpoint.register("ES256"));
    let response = change(&account, &account.key_change(&other.signer).jws());
    let response = response.expect_problem(409, "malformed");
    assert_eq!(response.location(), other.kid);
    account.read(&account.kid).expect(200);
    other.read(&other.kid).expect(200);
}

/// An account has it: this one.
#[test]
fn s7_3_5_the_key_of_the_account_itself_is_409_too() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let response = change(&account, &account.key_change(&account.signer).jws()).expect_problem(409, "malformed");
    assert_eq!(response.location(), account.kid);
    account.read(&account.kid).expect(200);
}

#[test]
fn s7_3_5_two_changes_to_one_key_at_once_give_it_to_one_account() {
    let endpoint = endpoint("default");
    let accounts: Vec<Account<'_>> = (0..4).map(|_| endpoint.register("ES256")).collect();
    let new = Signer::new("ES256");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = accounts
            .iter()
            .map(|account| scope.spawn(|| change(account, &account.key_change(&new).jws()).status))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 3, "{statuses:?}");
}

#[test]
fn s7_3_5_every_malformed_inner_jws_is_refused_and_changes_nothing() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let other = endpoint.register("ES256");
    let new = Signer::new("ES256");
    let good = || account.key_change(&new);
    let url = endpoint.url("keyChange");
    let payload = |account_url: &str, key: Value| json!({"account": account_url, "oldKey": key});
    let refused: Vec<(&str, Value)> = vec![
        ("no JWS", json!({"account": account.kid, "oldKey": account.signer.jwk()})),
        ("an array", json!([good().jws()])),
        ("no protected header", good().drop_member("protected").jws()),
        ("no payload", good().drop_member("payload").jws()),
        ("no signature", good().drop_member("signature").jws()),
        ("several signatures", good().tamper("signatures", json!([])).jws()),
        ("an unprotected header", good().tamper("header", json!({})).jws()),
        ("a nonce", good().nonce(&endpoint.nonce()).jws()),
        ("another url", good().set("url", endpoint.url("newOrder")).jws()),
        ("no url", good().without("url").jws()),
        ("no jwk", good().without("jwk").jws()),
        ("a kid too", good().set("kid", account.kid.as_str()).jws()),
        ("a kid instead", good().without("jwk").set("kid", account.kid.as_str()).jws()),
        ("the old key as jwk", good().set("jwk", account.signer.jwk()).jws()),
        (
            "signed by another key",
            good().tamper("signature", crate::jws::encode(Signer::new("ES256").sign(b"x"))).jws(),
        ),
        ("another account", good().payload(&payload(&other.kid, account.signer.jwk())).jws()),
        ("no account", good().payload(&json!({"oldKey": account.signer.jwk()})).jws()),
        ("another old key", good().payload(&payload(&account.kid, other.signer.jwk())).jws()),
        ("the new key as old", good().payload(&payload(&account.kid, new.jwk())).jws()),
        ("no old key", good().payload(&json!({"account": account.kid})).jws()),
        ("an old key that is none", good().payload(&payload(&account.kid, json!({}))).jws()),
        ("no payload at all", new.with_jwk(url).jws()),
    ];
    for (what, jws) in refused {
        let response = change(&account, &jws);
        assert_eq!((response.status, response.problem().as_str()), (400, "malformed"), "{what}: {response:?}");
    }
    let mac = good().set("alg", "HS256").mac("secret").jws();
    change(&account, &mac).expect_problem(400, "badSignatureAlgorithm");
    let weak = json!({"kty": "RSA", "e": "AQAB", "n": crate::jws::encode([0xc1; 128])});
    change(&account, &good().set("alg", "RS256").set("jwk", weak).jws()).expect_problem(400, "badPublicKey");
    account.read(&account.kid).expect(200);
}

#[test]
fn s7_3_5_the_outer_jws_is_the_old_key_s() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let new = Signer::new("ES256");
    let url = endpoint.url("keyChange");
    let jws = account.key_change(&new).jws();
    let by_new = new.with_kid(&account.kid, url).payload(&jws);
    let response = endpoint.post(url, by_new);
    assert!(matches!(response.problem().as_str(), "malformed" | "unauthorized"), "{response:?}");
    endpoint.post(url, account.signer.with_jwk(url).payload(&jws)).expect_problem(400, "malformed");
    account.read(&account.kid).expect(200);
}

#[test]
fn s7_3_5_a_closed_account_changes_no_key() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    account.post(&account.kid, &json!({"status": "deactivated"})).expect(200);
    let new = Signer::new("ES256");
    change(&account, &account.key_change(&new).jws()).expect_problem(401, "unauthorized");
}
