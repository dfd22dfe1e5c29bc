//! RFC 8555 sections 7.3 and 7.3.3: terms of service, and what changes with them.

use serde_json::{Value, json};

use super::endpoint_of;
use crate::client::{Account, Endpoint, Response};
use crate::house::{house, name};
use crate::jws::Signer;
use crate::profiles::Profiles;

fn new_account(endpoint: &Endpoint, payload: &Value) -> Response {
    let url = endpoint.url("newAccount");
    endpoint.post(url, Signer::new("ES256").with_jwk(url).payload(payload))
}

fn new_order(account: &Account<'_>, name: &str) -> Response {
    account.post(account.endpoint.url("newOrder"), &json!({"identifiers": [{"type": "dns", "value": name}]}))
}

/// The first authorization of an order: its URL and the object.
#[test]
fn s7_3_terms_are_agreed_to_only_where_that_is_required() {
    let profiles = Profiles::acme(&json!({"termsOfService": "https://acme.test/terms"}));
    let endpoint = endpoint_of(&profiles);
    let refused = new_account(&endpoint, &json!({})).expect_problem(403, "userActionRequired");
    assert_eq!(refused.links("terms-of-service"), ["https://acme.test/terms"]);
    profiles.change_acme(&json!({"termsOfServiceRequired": false}));
    let object = new_account(&endpoint, &json!({})).expect(201).json();
    assert_eq!(object["termsOfServiceAgreed"], false);
    let object = new_account(&endpoint, &json!({"termsOfServiceAgreed": true})).expect(201).json();
    assert_eq!(object["termsOfServiceAgreed"], true);
}

#[test]
fn s7_3_3_who_has_not_agreed_to_changed_terms_places_no_orders() {
    let profiles = Profiles::acme(&json!({"termsOfService": "https://acme.test/terms/1"}));
    let endpoint = endpoint_of(&profiles);
    let account = endpoint.register("ES256");
    let (order, _) = account.order(&[&name("before-terms")]);
    // Changed terms alone bar nobody.
    profiles.change_acme(&json!({"termsOfService": "https://acme.test/terms/2"}));
    new_order(&account, &name("between-terms")).expect(201);
    profiles.change_acme(&json!({"noNewOrdersUntilAgreed": true, "termsChangeUrl": "https://acme.test/agree"}));
    let refused = new_order(&account, &name("after-terms")).expect_problem(403, "userActionRequired");
    assert_eq!(refused.links("terms-of-service"), ["https://acme.test/terms/2"]);
    assert_eq!(refused.json()["instance"], "https://acme.test/agree");
    let detail = refused.json()["detail"].as_str().expect("a detail").to_owned();
    assert!(detail.contains("https://acme.test/agree"), "for clients that show the detail only: {detail}");
    // Without a page of its own, the terms are where a person has to go.
    profiles.change_acme(&json!({"termsChangeUrl": null}));
    let refused = new_order(&account, &name("after-terms")).expect_problem(403, "userActionRequired");
    assert_eq!(refused.json()["instance"], "https://acme.test/terms/2");
    // Section 7.3.2: a client cannot agree in the name of a person.
    account.post(&account.kid, &json!({"termsOfServiceAgreed": true})).expect(200);
    new_order(&account, &name("after-terms")).expect_problem(403, "userActionRequired");
    // What was ordered lives on, and who registers now has agreed.
    account.read(&order).expect(200);
    let new = endpoint.register("ES256");
    new_order(&new, &name("new-terms")).expect(201);
    let id = account.kid.rsplit('/').next().expect("a URL has segments");
    house().admin().post(&format!("/acmeAccounts/{id}/agreeTerms"), &json!({})).expect(200);
    new_order(&account, &name("agreed-terms")).expect(201);
}
