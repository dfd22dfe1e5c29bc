//! The rules of the two forms of URL: which endpoints answer, what the others say, and to which of them what belongs.

use rcgen::KeyPair;
use serde_json::{Value, json};

use crate::client::{Endpoint, JOSE, text};
use crate::house::{changed, csr, download, finalize, house, issue, name, open, ready};
use crate::jws::{Signer, encode};
use crate::profiles::{Profiles, unread};
use crate::profiles_ra::days;

/// What every resource of an endpoint answers, which has to be the same problem: status, type and detail.
fn everywhere(path: &str) -> (u16, String, String) {
    let endpoint = unread(path);
    let url = |resource: &str| endpoint.directory_url().replace("/directory", resource);
    let mut answers = vec![
        endpoint.send("GET", &url("/directory"), &[], b""),
        endpoint.send("GET", &url("/new-nonce"), &[], b""),
        // Not even looked at.
        endpoint.send("POST", &url("/directory"), &[("Content-Type", JOSE)], b"{}"),
    ];
    let id = "AAAAAAAAAAAAAAAAAAAAAA";
    for resource in ["new-nonce", "new-account", "new-order", "revoke-cert", "key-change"] {
        answers.push(endpoint.send("POST", &url(&format!("/{resource}")), &[("Content-Type", JOSE)], b"{}"));
    }
    for resource in ["acct/ID", "acct/ID/orders", "order/ID", "order/ID/finalize", "authz/ID", "chall/ID/0", "cert/ID"]
    {
        let resource = url(&format!("/{}", resource.replace("ID", id)));
        answers.push(endpoint.send("POST", &resource, &[("Content-Type", JOSE)], b"{}"));
    }
    let said: Vec<_> = answers.iter().map(|answer| (answer.status, answer.problem(), answer.detail())).collect();
    assert!(said.iter().all(|answer| *answer == said[0]), "{path}: {said:?}");
    for resource in ["/directory", "/new-nonce"] {
        let head = endpoint.send("HEAD", &url(resource), &[], b"");
        assert_eq!((head.status, head.header("Content-Type")), (said[0].0, Some("application/problem+json")), "{path}");
    }
    said[0].clone()
}

#[test]
fn each_reason_why_an_endpoint_does_not_answer_has_its_own_problem_at_every_resource() {
    let profiles = Profiles::acme(&json!({}));
    let (acme, ra) = (profiles.acme.clone(), profiles.ra.clone());
    let (by_acme, by_ra) = (acme.clone(), format!("raProfile/{ra}"));
    let mut said = Vec::new();
    let mut expect = |path: &str, status: u16, kind: &str, words: &[&str]| {
        let (found_status, found_kind, detail) = everywhere(path);
        assert_eq!((found_status, found_kind.as_str()), (status, kind), "{detail}");
        assert!(words.iter().all(|word| detail.contains(word)), "{detail}");
        said.push(detail);
    };
    expect("nowhere", 404, "malformed", &["no ACME Profile", "nowhere"]);
    expect("raProfile/nowhere", 404, "malformed", &["no RA Profile", "nowhere"]);
    expect(&by_ra, 403, "unauthorized", &["no ACME Profile is activated", &ra]);
    profiles.change_ra(&json!({"enabled": false}));
    expect(&by_acme, 403, "unauthorized", &["default RA Profile", &acme, &ra, "disabled"]);
    expect(&by_ra, 403, "unauthorized", &["RA Profile", &ra, "disabled"]);
    profiles.change_ra(&json!({"enabled": true}));
    profiles.change_acme(&json!({"enabled": false}));
    profiles.activate(&acme);
    expect(&by_acme, 403, "unauthorized", &["ACME Profile", &acme, "disabled"]);
    expect(&by_ra, 403, "unauthorized", &["activated", &acme, &ra, "disabled"]);
    profiles.change_acme(&json!({"enabled": true, "defaultRaProfile": null}));
    expect(&by_acme, 403, "unauthorized", &["no default RA Profile", &acme]);
    // The other form needs no default.
    open(&by_ra);
    let mut distinct = said.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), said.len(), "{said:?}");
    // Nothing of this is for ever.
    profiles.change_acme(&json!({"defaultRaProfile": ra}));
    profiles.endpoint();
    // What is removed by force leaves nothing behind that would lead to it.
    let remove =
        |kind: &str, name: &str| house().admin().delete(&format!("/{kind}/{name}?force=true"), "*").expect(204);
    remove("acmeProfiles", &acme);
    let (status, kind, detail) = everywhere(&by_ra);
    assert_eq!((status, kind.as_str()), (403, "unauthorized"));
    assert!(detail.contains("no ACME Profile is activated"), "{detail}");
    assert_eq!(everywhere(&by_acme).0, 404);
    remove("raProfiles", &ra);
    assert_eq!(everywhere(&by_ra).0, 404);
}

#[test]
fn where_the_default_ra_profile_was_removed_there_is_none() {
    let profiles = Profiles::acme(&json!({}));
    house().admin().delete(&format!("/raProfiles/{}?force=true", profiles.ra), "*").expect(204);
    let (status, kind, detail) = everywhere(&profiles.acme);
    assert_eq!((status, kind.as_str()), (403, "unauthorized"));
    assert!(detail.contains("no default RA Profile"), "{detail}");
}

#[test]
fn a_key_is_in_use_at_its_own_pair_only() {
    let profiles = Profiles::acme(&json!({}));
    let (by_acme, by_ra) = (profiles.endpoint(), profiles.activated());
    let key = || KeyPair::generate().expect("a key is made").serialize_der();
    let (mine, new) = (key(), key());
    let holder = by_acme.register_with(Signer::from_pkcs8("ES256", &new));
    let account = by_ra.register_with(Signer::from_pkcs8("ES256", &mine));
    let account = changed(account, Signer::from_pkcs8("ES256", &new));
    assert_eq!(account.read(&account.kid).expect(200).json()["status"], "valid");
    assert_eq!(holder.read(&holder.kid).expect(200).json()["status"], "valid");
}

#[test]
fn a_profile_that_is_disabled_ends_what_its_accounts_may_do_until_it_is_enabled() {
    let profiles = Profiles::acme(&json!({}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let (order, _) = account.order(&[&name("paused")]);
    for (kind, profile) in [("acmeProfiles", &profiles.acme), ("raProfiles", &profiles.ra)] {
        let act = |action| house().admin().post(&format!("/{kind}/{profile}/{action}"), &json!({}));
        let nonce = endpoint.nonce();
        act("disable").expect(200);
        let refused = endpoint.post_body(&order, &account.request(&order).nonce(&nonce).body());
        assert!(refused.expect_problem(403, "unauthorized").detail().contains("disabled"));
        act("enable").expect(200);
        assert_eq!(account.read(&order).expect(200).json()["status"], "pending");
    }
}

#[test]
fn an_account_belongs_to_the_pair_that_it_registered_with() {
    let (profiles, other) = (Profiles::acme(&json!({})), Profiles::acme(&json!({})));
    let (by_acme, by_ra, elsewhere) = (profiles.endpoint(), profiles.activated(), other.endpoint());
    let account = by_acme.register("ES256");
    for endpoint in [&by_ra, &elsewhere] {
        let url = endpoint.url("newOrder");
        let payload = json!({"identifiers": [{"type": "dns", "value": name("stranger")}]});
        // By its own key and kid, and by the kid that it would have here if it had one.
        let id = account.kid.rsplit('/').next().expect("a URL has segments");
        let here = endpoint.directory_url().replace("directory", &format!("acct/{id}"));
        for kid in [account.kid.as_str(), here.as_str()] {
            let request = account.signer.with_kid(kid, url).payload(&payload);
            endpoint.post(url, request).expect_problem(400, "accountDoesNotExist");
        }
        // The key has no account here, and gets another one.
        let url = endpoint.url("newAccount");
        let lookup = account.signer.with_jwk(url).payload(&json!({"onlyReturnExisting": true}));
        endpoint.post(url, lookup).expect_problem(400, "accountDoesNotExist");
        let made = endpoint.post(url, account.signer.with_jwk(url).payload(&json!({}))).expect(201);
        assert_ne!(made.location(), account.kid);
    }
    account.read(&account.kid).expect(200);
}

#[test]
fn an_account_counts_with_the_acme_profile_that_was_activated_and_no_other() {
    let (profiles, other) = (Profiles::acme(&json!({})), Profiles::acme(&json!({"website": "https://other.test/"})));
    let endpoint = profiles.activated();
    let account = endpoint.register("ES256");
    let (order, _) = account.order(&[&name("activated")]);
    profiles.activate(&other.acme);
    let changed = open(&format!("raProfile/{}", profiles.ra));
    assert_eq!(changed.directory()["meta"]["website"], "https://other.test/");
    account.read(&order).expect_problem(400, "accountDoesNotExist");
    let url = endpoint.url("newAccount");
    let made = endpoint.post(url, account.signer.with_jwk(url).payload(&json!({}))).expect(201);
    assert_ne!(made.location(), account.kid);
    profiles.activate(&profiles.acme);
    account.read(&order).expect(200);
    let found = endpoint.post(url, account.signer.with_jwk(url).payload(&json!({}))).expect(200);
    assert_eq!(found.location(), account.kid);
}

#[test]
fn accounts_of_the_default_url_stay_when_the_default_changes() {
    let (profiles, other) = (Profiles::ra(&json!({"validity": "10d"})), Profiles::ra(&json!({"validity": "5d"})));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let host = name("default-moves");
    let (url, order) = ready(&account, &[&host]);
    profiles.change_acme(&json!({"defaultRaProfile": other.ra}));
    assert_eq!(account.read(&account.kid).expect(200).json()["status"], "valid");
    // What was ordered before is issued as it was ordered; what is ordered now, as things are now.
    let key = KeyPair::generate().expect("a key is made");
    let before = finalize(&account, &url, &order, &csr(&[&host], &key));
    let before = download(&account, &before);
    let (after, _) = issue(&account, &[&name("default-moved")]);
    assert_eq!([days(&before), days(&after)], [10, 5]);
}

#[test]
fn what_belongs_to_one_endpoint_is_not_reached_through_another() {
    let (profiles, other) = (Profiles::acme(&json!({})), Profiles::acme(&json!({})));
    let (endpoint, by_ra) = (profiles.endpoint(), profiles.activated());
    let account_key = KeyPair::generate().expect("a key is made").serialize_der();
    let account = endpoint.register_with(Signer::from_pkcs8("ES256", &account_key));
    let host = name("mine");
    let (url, order) = ready(&account, &[&host]);
    let key = KeyPair::generate().expect("a key is made");
    let request = csr(&[&host], &key);
    let done = finalize(&account, &url, &order, &request);
    let authorization = order["authorizations"][0].as_str().expect("a URL").to_owned();
    let challenge = text(&account.read(&authorization).json()["challenges"][0], "url").to_owned();
    let certificate = text(&done, "certificate").to_owned();
    for elsewhere in [by_ra, other.endpoint()] {
        // The same key has another account here, and that is the one that asks.
        let here = elsewhere.register_with(Signer::from_pkcs8("ES256", &account_key));
        let moved = |url: &str| url.replacen(base(&endpoint), base(&elsewhere), 1);
        for (url, payload) in [
            (&url, None),
            (&authorization, None),
            (&authorization, Some(json!({"status": "deactivated"}))),
            (&challenge, None),
            (&challenge, Some(json!({}))),
            (&certificate, None),
            (&format!("{url}/finalize"), Some(json!({"csr": request}))),
            (&account.kid, None),
            (&format!("{}/orders", account.kid), None),
        ] {
            let url = moved(url);
            let refused = payload.as_ref().map_or_else(|| here.read(&url), |payload| here.post(&url, payload));
            refused.expect_problem(403, "unauthorized");
        }
        let orders = here.read(text(&here.read(&here.kid).json(), "orders")).expect(200).json();
        assert_eq!(orders, json!({"orders": []}));
        // Section 7.6 lets whoever holds the authorizations revoke: those of the same endpoint.
        let revocation = json!({"certificate": encode(download(&account, &done).der())});
        ready(&here, &[&host]);
        here.post(elsewhere.url("revokeCert"), &revocation).expect_problem(403, "unauthorized");
    }
    let colleague = endpoint.register("ES256");
    ready(&colleague, &[&host]);
    let revocation = json!({"certificate": encode(download(&account, &done).der())});
    colleague.post(endpoint.url("revokeCert"), &revocation).expect(200);
}

#[test]
fn a_disabled_account_is_refused_everything_and_told_so_until_it_is_enabled() {
    let endpoint = Profiles::acme(&json!({})).endpoint();
    let account = endpoint.register("ES256");
    let (order, _) = account.order(&[&name("disabled")]);
    let id = account.kid.rsplit('/').next().expect("a URL has segments").to_owned();
    let act = |action: &str, body: Value| house().admin().post(&format!("/acmeAccounts/{id}/{action}"), &body);
    act("disable", json!({})).expect(200);
    let lookup = |payload: Value| {
        let url = endpoint.url("newAccount");
        endpoint.post(url, account.signer.with_jwk(url).payload(&payload))
    };
    for refused in [
        account.read(&account.kid),
        account.post(&account.kid, &json!({"status": "deactivated"})),
        account.read(&order),
        account.post(endpoint.url("newOrder"), &json!({"identifiers": [{"type": "dns", "value": "a.acme.test"}]})),
        lookup(json!({})),
        lookup(json!({"onlyReturnExisting": true})),
    ] {
        let detail = refused.expect_problem(403, "unauthorized").detail();
        assert!(detail.contains("disabled by the operator"), "{detail}");
    }
    act("enable", json!({})).expect(200);
    assert_eq!(account.read(&order).expect(200).json()["status"], "pending");
    act("revoke", json!({})).expect(200);
    let detail = account.read(&account.kid).expect_problem(401, "unauthorized").detail();
    assert!(detail.contains("revoked"), "{detail}");
    lookup(json!({})).expect_problem(401, "unauthorized");
}

fn base(endpoint: &Endpoint) -> &str {
    endpoint.directory_url().trim_end_matches("directory")
}
