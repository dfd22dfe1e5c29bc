//! RFC 8555 sections 6.5 and 7.2: anti-replay nonces.

use std::collections::HashSet;
use std::thread;

use serde_json::json;

use super::endpoint;
use crate::client::{Account, Endpoint, Response};
use crate::house::name;
use crate::jws::encode;

fn order_with_nonce(account: &Account<'_>, nonce: &str) -> Response {
    let url = account.endpoint.url("newOrder");
    let payload = json!({"identifiers": [{"type": "dns", "value": name("nonce")}]});
    account.endpoint.post_keeping_nothing(url, &account.request(url).nonce(nonce).payload(&payload).body())
}

fn fresh(endpoint: &Endpoint, method: &str) -> String {
    endpoint.send(method, endpoint.url("newNonce"), &[], b"").header("Replay-Nonce").expect("a nonce").to_owned()
}

#[test]
fn s7_2_head_new_nonce_is_200_and_get_is_204_and_neither_is_stored() {
    let endpoint = endpoint("default");
    for (method, status) in [("HEAD", 200), ("GET", 204)] {
        let response = endpoint.send(method, endpoint.url("newNonce"), &[], b"").expect(status);
        assert!(response.body.is_empty(), "{response:?}");
        assert_eq!(response.header("Cache-Control"), Some("no-store"));
        assert_eq!(response.all("Replay-Nonce").len(), 1, "{response:?}");
    }
}

#[test]
fn s7_2_nonces_of_head_and_get_are_good() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    order_with_nonce(&account, &fresh(&endpoint, "HEAD")).expect(201);
    order_with_nonce(&account, &fresh(&endpoint, "GET")).expect(201);
}

#[test]
fn s6_5_1_nonces_are_base64url_and_never_the_same() {
    let endpoint = endpoint("default");
    let nonces: HashSet<String> = (0..200).map(|_| fresh(&endpoint, "HEAD")).collect();
    assert_eq!(nonces.len(), 200);
    let letters = |nonce: &String| nonce.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    assert!(nonces.iter().all(letters));
    // Nothing of one tells of the next: no two begin or end alike.
    let ends: HashSet<&str> = nonces.iter().map(|nonce| &nonce[nonce.len() - 6..]).collect();
    let begins: HashSet<&str> = nonces.iter().map(|nonce| &nonce[..6]).collect();
    assert!(ends.len() > 190 && begins.len() > 190);
}

#[test]
fn s6_5_every_post_response_carries_a_fresh_nonce_even_errors() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let url = endpoint.url("newOrder");
    let bodies: Vec<Vec<u8>> = vec![
        b"no JWS".to_vec(),
        account.request(url).body(),
        account.request(url).nonce(&endpoint.nonce()).payload(&json!({})).body(),
        account.request("https://elsewhere").nonce(&endpoint.nonce()).body(),
        account.request(url).nonce("AAAA").body(),
    ];
    let mut seen = HashSet::new();
    for body in bodies {
        let response = endpoint.post_keeping_nothing(url, &body);
        assert!(response.status >= 400, "{response:?}");
        let nonce = response.header("Replay-Nonce").expect("a nonce").to_owned();
        assert!(seen.insert(nonce.clone()));
        order_with_nonce(&account, &nonce).expect(201);
    }
}

#[test]
fn s6_5_a_request_without_a_nonce_is_a_bad_nonce() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let url = endpoint.url("newOrder");
    let response = endpoint.post_body(url, &account.request(url).body());
    response.expect_problem(400, "badNonce");
}

#[test]
fn s6_5_a_nonce_is_good_once_and_the_refusal_carries_one_that_is_good() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let nonce = endpoint.nonce();
    order_with_nonce(&account, &nonce).expect(201);
    let refused = order_with_nonce(&account, &nonce).expect_problem(400, "badNonce");
    order_with_nonce(&account, refused.header("Replay-Nonce").expect("a nonce")).expect(201);
    order_with_nonce(&account, &nonce).expect_problem(400, "badNonce");
}

#[test]
fn s6_5_a_replayed_request_does_nothing_twice() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let url = endpoint.url("newOrder");
    let payload = json!({"identifiers": [{"type": "dns", "value": name("replay")}]});
    let body = account.request(url).nonce(&endpoint.nonce()).payload(&payload).body();
    endpoint.post_body(url, &body).expect(201);
    endpoint.post_body(url, &body).expect_problem(400, "badNonce");
    let orders = account.read(&account.kid).json()["orders"].as_str().expect("a URL").to_owned();
    assert_eq!(account.read(&orders).json()["orders"].as_array().map(Vec::len), Some(1));
}

#[test]
fn s6_5_of_many_requests_with_one_nonce_at_once_one_succeeds() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let nonce = fresh(&endpoint, "HEAD");
    let outcomes: Vec<u16> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| order_with_nonce(&account, &nonce).status)).collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
    });
    let placed = outcomes.iter().filter(|status| **status == 201).count();
    assert_eq!((placed, outcomes.len()), (1, 8), "{outcomes:?}");
}

#[test]
fn s6_5_a_forged_nonce_is_a_bad_nonce() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let real = fresh(&endpoint, "HEAD");
    let flipped = format!("{}{}", if real.starts_with('A') { 'B' } else { 'A' }, &real[1..]);
    // Forty letters are thirty whole bytes, and so still base64url.
    let cut = &real[..40];
    let long = format!("{real}AAAA");
    for forged in [&flipped, cut, &long, &encode([0; 32]), "AAAA", ""] {
        order_with_nonce(&account, forged).expect_problem(400, "badNonce");
    }
    order_with_nonce(&account, &real).expect(201);
}

#[test]
fn s6_5_2_a_nonce_that_is_not_base64url_is_malformed() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for nonce in ["a+b/", "ab==", "not a nonce", "\u{fc}ber", "A"] {
        order_with_nonce(&account, nonce).expect_problem(400, "malformed");
    }
    let url = endpoint.url("newOrder");
    for value in [json!(7), json!(["AAAA"]), json!({})] {
        endpoint.post_body(url, &account.request(url).set("nonce", value).body()).expect_problem(400, "malformed");
    }
}

#[test]
fn s6_5_nonces_are_not_tied_to_who_asked_for_them() {
    let (one, other) = (endpoint("default"), endpoint("terms"));
    let account = one.register("ES256");
    order_with_nonce(&account, &fresh(&other, "HEAD")).expect(201);
}
