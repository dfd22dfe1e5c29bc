//! RFC 8555 section 7.4.1: pre-authorization.

use serde_json::{Value, json};

use super::endpoint;
use crate::client::{Account, Response, challenge, text};
use crate::house::{csr, download, finalize, name, prove};
use crate::jws::Signer;

fn dns(value: &str) -> Value {
    json!({"type": "dns", "value": value})
}

/// A pre-authorization that is proven: its URL.
fn proven(account: &Account<'_>, host: &str) -> String {
    let made = account.new_authz(&dns(host)).expect(201);
    prove(account, made.location(), "http-01");
    made.location().to_owned()
}

fn new_order(account: &Account<'_>, identifiers: &[Value]) -> Response {
    account.post(account.endpoint.url("newOrder"), &json!({"identifiers": identifiers})).expect(201)
}

#[test]
fn s7_4_1_new_authz_is_answered_with_201_location_and_a_pending_authorization() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("early");
    let made = account.new_authz(&dns(&host)).expect(201);
    let object = made.json();
    assert_eq!(object["status"], "pending");
    assert_eq!(object["identifier"], dns(&host));
    assert!(text(&object, "expires").parse::<jiff::Timestamp>().is_ok());
    // Erratum 6364: absent or false.
    assert_ne!(object.get("wildcard"), Some(&json!(true)));
    for kind in ["http-01", "dns-01"] {
        let offered = challenge(&object, kind);
        assert_eq!(offered["status"], "pending");
        assert!(text(&offered, "token").len() >= 22, "{offered}");
    }
    assert_eq!(account.read(made.location()).expect(200).json(), object);
    let base = endpoint.directory_url().trim_end_matches("directory");
    assert!(made.location().starts_with(base), "{made:?}");
}

#[test]
fn s7_4_1_each_request_gets_a_url_of_its_own() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("again");
    let first = proven(&account, &host);
    let second = account.new_authz(&dns(&host)).expect(201);
    assert_ne!(second.location(), first);
    assert_eq!(second.json()["status"], "pending", "what was proven is proven anew where the client asks for that");
}

#[test]
fn s7_4_1_an_order_that_comes_later_is_ready_at_once_and_a_certificate_is_issued() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (one, two) = (name("first"), name("second"));
    let urls = [proven(&account, &one), proven(&account, &two)];
    for _ in 0..2 {
        let placed = new_order(&account, &[dns(&one), dns(&two)]);
        let order = placed.json();
        assert_eq!(order["status"], "ready", "{order}");
        let mut listed: Vec<&str> =
            order["authorizations"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        listed.sort_unstable();
        let mut expected: Vec<&str> = urls.iter().map(String::as_str).collect();
        expected.sort_unstable();
        assert_eq!(listed, expected);
        let key = rcgen::KeyPair::generate().expect("a key is made");
        let order = finalize(&account, placed.location(), &order, &csr(&[&one, &two], &key));
        download(&account, &order).assert_good(&crate::house::house().root());
    }
}

#[test]
fn s7_4_1_what_is_only_pending_leaves_the_order_its_own_authorization() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("unproven");
    let early = account.new_authz(&dns(&host)).expect(201);
    let (_, order) = account.order(&[&host]);
    assert_eq!(order["status"], "pending");
    assert_ne!(order["authorizations"][0], early.location());
}

#[test]
fn s7_4_1_what_was_proven_for_an_order_is_no_pre_authorization() {
    // The endpoint has no authorizationReuse: only what was asked for in advance is there for later orders.
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("ordered");
    crate::house::ready(&account, &[&host]);
    let (_, order) = account.order(&[&host]);
    assert_eq!(order["status"], "pending");
}

#[test]
fn s7_4_1_addresses_are_identifiers_too() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let made = account.new_authz(&json!({"type": "ip", "value": "127.0.0.1"})).expect(201);
    assert_eq!(made.json()["identifier"], json!({"type": "ip", "value": "127.0.0.1"}));
    prove(&account, made.location(), "http-01");
    let placed = new_order(&account, &[json!({"type": "ip", "value": "127.0.0.1"})]);
    assert_eq!(placed.json()["status"], "ready");
    assert_eq!(placed.json()["authorizations"], json!([made.location()]));
    account.new_authz(&json!({"type": "ip", "value": "127.0.0.01"})).expect_problem(400, "malformed");
}

#[test]
fn s7_4_1_a_wildcard_cannot_be_pre_authorized_and_is_not_proven_by_its_name() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("star");
    account.new_authz(&dns(&format!("*.{host}"))).expect_problem(400, "malformed");
    let made = account.new_authz(&dns(&host)).expect(201);
    prove(&account, made.location(), "dns-01");
    let (_, order) = account.order(&[&format!("*.{host}")]);
    assert_eq!(order["status"], "pending");
}

#[test]
fn s7_4_1_what_the_server_does_not_issue_for_is_403() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let unsupported = account.new_authz(&json!({"type": "email", "value": "a@acme.test"}));
    unsupported.expect_problem(403, "unsupportedIdentifier");
}

#[test]
fn s7_4_1_what_is_no_identifier_is_malformed() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for value in ["", ".", "a..b", "192.0.2.1", "exämple.test", "a_b.acme.test", "*", "xn--a.acme.test"] {
        account.new_authz(&dns(value)).expect_problem(400, "malformed");
    }
    let url = endpoint.url("newAuthz");
    for payload in [
        json!({}),
        json!({"identifier": []}),
        json!({"identifier": {"type": "dns"}}),
        json!({"identifier": {"value": "a.acme.test"}}),
        json!({"identifiers": [dns("a.acme.test")]}),
        json!([]),
    ] {
        account.post(url, &payload).expect_problem(400, "malformed");
    }
    account.read(url).expect_problem(400, "malformed");
}

#[test]
fn s7_4_1_members_that_mean_nothing_are_ignored() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("more");
    let payload = json!({"identifier": {"type": "dns", "value": host, "more": 1}, "status": "valid", "wildcard": true});
    let object = account.post(endpoint.url("newAuthz"), &payload).expect(201).json();
    assert_eq!((&object["status"], &object["identifier"]), (&json!("pending"), &dns(&host)));
    assert!(object.get("wildcard").is_none());
}

#[test]
fn s7_4_1_only_accounts_ask_and_only_by_post() {
    let endpoint = endpoint("default");
    let url = endpoint.url("newAuthz");
    let account = endpoint.register("ES256");
    let payload = json!({"identifier": dns("a.acme.test")});
    let stranger = Signer::new("ES256");
    endpoint.post(url, stranger.with_jwk(url).payload(&payload)).expect_problem(400, "malformed");
    endpoint.send("GET", url, &[], b"").expect_problem(405, "malformed");
    account.post(&account.kid, &json!({"status": "deactivated"})).expect(200);
    account.post(url, &payload).expect_problem(401, "unauthorized");
}

#[test]
fn s7_4_1_it_is_its_account_s_alone() {
    let endpoint = endpoint("default");
    let (account, other) = (endpoint.register("ES256"), endpoint.register("ES256"));
    let host = name("own");
    let url = proven(&account, &host);
    other.read(&url).expect_problem(403, "unauthorized");
    other.post(&url, &json!({"status": "deactivated"})).expect_problem(403, "unauthorized");
    let (_, order) = other.order(&[&host]);
    assert_eq!(order["status"], "pending");
    assert_ne!(order["authorizations"][0], url);
}

#[test]
fn s7_5_2_a_pre_authorization_that_is_given_up_counts_no_more() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("given-up");
    let url = proven(&account, &host);
    let placed = new_order(&account, &[dns(&host)]);
    assert_eq!(placed.json()["status"], "ready");
    account.post(&url, &json!({"status": "deactivated"})).expect(200);
    account.await_status(placed.location(), "invalid");
    assert_eq!(account.order(&[&host]).1["status"], "pending");
}

#[test]
fn s7_6_an_account_that_pre_authorized_all_names_revokes() {
    let endpoint = endpoint("default");
    let (account, other) = (endpoint.register("ES256"), endpoint.register("ES256"));
    let host = name("revocable");
    let (chain, _) = crate::house::issue(&account, &[&host]);
    let request = json!({"certificate": crate::jws::encode(chain.der())});
    let revoke = || other.post(endpoint.url("revokeCert"), &request);
    let early = other.new_authz(&dns(&host)).expect(201);
    revoke().expect_problem(403, "unauthorized");
    prove(&other, early.location(), "http-01");
    revoke().expect(200);
    chain.assert_revoked(&crate::house::house().root());
}
