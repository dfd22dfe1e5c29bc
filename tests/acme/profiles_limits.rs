//! The limits of an ACME Profile (RFC 8555 section 6.6).

use std::thread;

use serde_json::{Value, json};

use super::endpoint_of;
use crate::client::{Account, Endpoint, Response};
use crate::credential::Credential;
use crate::house::{house, name};
use crate::jws::Signer;
use crate::profiles::Profiles;

fn new_order(account: &Account<'_>, names: &[String]) -> Response {
    let identifiers: Vec<Value> = names.iter().map(|name| json!({"type": "dns", "value": name})).collect();
    account.post(account.endpoint.url("newOrder"), &json!({"identifiers": identifiers}))
}

fn new_account(endpoint: &Endpoint, signer: &Signer, payload: &Value) -> Response {
    let url = endpoint.url("newAccount");
    endpoint.post(url, signer.with_jwk(url).payload(payload))
}

/// It is the limit that says no, what was reached stands in the detail, and when to come back in Retry-After.
#[track_caller]
fn limited(response: Response, most: &str) {
    let response = response.expect_problem(429, "rateLimited");
    assert!(response.detail().contains(most), "{response:?}");
    let pause: u64 = response.header("Retry-After").and_then(|pause| pause.parse().ok()).expect("a number of seconds");
    assert!(pause >= 1, "{response:?}");
}

#[test]
fn an_order_has_as_many_identifiers_as_the_profile_allows() {
    let profiles = Profiles::acme(&json!({"identifiersPerOrder": 2}));
    let endpoint = endpoint_of(&profiles);
    let account = endpoint.register("ES256");
    let names: Vec<String> = (0..3).map(|_| name("several")).collect();
    new_order(&account, &names[..2]).expect(201);
    let refused = new_order(&account, &names).expect_problem(400, "malformed");
    assert!(refused.detail().contains('2') && refused.detail().contains('3'), "{refused:?}");
    profiles.change_acme(&json!({"identifiersPerOrder": 3}));
    new_order(&account, &names).expect(201);
}

#[test]
fn s6_6_an_account_has_as_many_open_orders_as_the_profile_allows() {
    let profiles = Profiles::acme(&json!({"openOrdersPerAccount": 2}));
    let endpoint = endpoint_of(&profiles);
    let account = endpoint.register("ES256");
    let placed = new_order(&account, &[name("open")]).expect(201);
    new_order(&account, &[name("open")]).expect(201);
    limited(new_order(&account, &[name("open")]), "2");
    // Not the next account, and not this one once an order is open no more.
    new_order(&endpoint.register("ES256"), &[name("open")]).expect(201);
    let order = placed.json();
    let authorization = order["authorizations"][0].as_str().expect("a URL");
    account.post(authorization, &json!({"status": "deactivated"})).expect(200);
    assert_eq!(account.settle(placed.location())["status"], "invalid");
    new_order(&account, &[name("open")]).expect(201);
    limited(new_order(&account, &[name("open")]), "2");
    profiles.change_acme(&json!({"openOrdersPerAccount": null}));
    new_order(&account, &[name("open")]).expect(201);
}

#[test]
fn s6_6_an_account_places_as_many_orders_an_hour_as_the_profile_allows() {
    let profiles = Profiles::acme(&json!({"ordersPerHour": 2}));
    let endpoint = endpoint_of(&profiles);
    let account = endpoint.register("ES256");
    for _ in 0..2 {
        let order = new_order(&account, &[name("hourly")]).expect(201).json();
        // What is over counts all the same.
        let authorization = order["authorizations"][0].as_str().expect("a URL");
        account.post(authorization, &json!({"status": "deactivated"})).expect(200);
    }
    limited(new_order(&account, &[name("hourly")]), "2");
    new_order(&endpoint.register("ES256"), &[name("hourly")]).expect(201);
    profiles.change_acme(&json!({"ordersPerHour": 3}));
    new_order(&account, &[name("hourly")]).expect(201);
}

#[test]
fn s6_6_an_address_makes_as_many_accounts_an_hour_as_the_profile_allows() {
    let profiles = Profiles::acme(&json!({"accountsPerHour": 2, "contactRequired": true}));
    let endpoint = endpoint_of(&profiles);
    let contact = json!({"contact": ["mailto:a@acme.test"]});
    let signers: Vec<Signer> = (0..3).map(|_| Signer::new("ES256")).collect();
    // What is refused for another reason does not count.
    for _ in 0..3 {
        new_account(&endpoint, &signers[0], &json!({})).expect_problem(400, "invalidContact");
    }
    new_account(&endpoint, &signers[0], &contact).expect(201);
    new_account(&endpoint, &signers[1], &contact).expect(201);
    limited(new_account(&endpoint, &signers[2], &contact), "2");
    // Neither does who has an account already, and the limit is this profile's own.
    for signer in &signers[..2] {
        new_account(&endpoint, signer, &contact).expect(200);
    }
    new_account(&Profiles::acme(&json!({"accountsPerHour": 1})).endpoint(), &signers[2], &contact).expect(201);
    // Both forms of URL count together.
    for endpoint in [profiles.endpoint(), profiles.activated()] {
        limited(new_account(&endpoint, &signers[2], &contact), "2");
    }
    profiles.change_acme(&json!({"accountsPerHour": 3}));
    new_account(&endpoint, &signers[2], &contact).expect(201);
    assert_eq!(house().admin().get(&format!("/acmeProfiles/{}", profiles.acme)).json()["accountsPerHour"], 3);
}

#[test]
fn s6_6_an_account_that_was_not_made_after_all_does_not_count() {
    let profiles = Profiles::acme(&json!({"accountsPerHour": 1}));
    let endpoint = endpoint_of(&profiles);
    // Its MAC verifies: that it binds nobody is found only where the account is made.
    let revoked = Credential::new(&json!({}));
    revoked.revoke();
    for _ in 0..3 {
        let signer = Signer::new("ES256");
        let binding = json!({"externalAccountBinding": revoked.bind(&endpoint, &signer)});
        new_account(&endpoint, &signer, &binding).expect_problem(403, "unauthorized");
    }
    new_account(&endpoint, &Signer::new("ES256"), &json!({})).expect(201);
    limited(new_account(&endpoint, &Signer::new("ES256"), &json!({})), "1");
}

#[test]
fn s6_6_accounts_that_are_made_at_once_are_counted_too() {
    let profiles = Profiles::acme(&json!({"accountsPerHour": 3}));
    let endpoint = endpoint_of(&profiles);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let ask = || new_account(&endpoint, &Signer::new("ES256"), &json!({})).status;
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|asked| asked.join().expect("no thread panics")).collect()
    });
    let made = statuses.iter().filter(|status| **status == 201).count();
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!((made, refused), (3, 5), "{statuses:?}");
}
