//! RFC 8555 section 7.3: accounts, but for their keys.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::endpoint;
use crate::client::{Account, Endpoint, Response};
use crate::house::{house, issue, name, ready};
use crate::jws::Signer;
use crate::support::process::eventually;

const PATIENCE: Duration = Duration::from_secs(60);

fn new_account(endpoint: &Endpoint, signer: &Signer, payload: &Value) -> Response {
    let url = endpoint.url("newAccount");
    endpoint.post(url, signer.with_jwk(url).payload(payload))
}

#[test]
fn s7_3_a_new_account_is_201_with_location_and_object() {
    let endpoint = endpoint("default");
    let signer = Signer::new("ES256");
    let payload = json!({"contact": ["mailto:a@acme.test", "mailto:b@acme.test"], "termsOfServiceAgreed": true});
    let response = new_account(&endpoint, &signer, &payload).expect(201);
    let base = endpoint.directory_url().trim_end_matches("directory");
    assert!(response.location().starts_with(base), "{response:?}");
    let object = response.json();
    assert_eq!(object["status"], "valid");
    assert_eq!(object["contact"], payload["contact"]);
    let account = Account { endpoint: &endpoint, signer, kid: response.location().to_owned() };
    assert_eq!(account.read(&account.kid).expect(200).json(), object);
}

#[test]
fn s7_3_an_account_needs_no_contact() {
    let endpoint = endpoint("default");
    for payload in [json!({}), json!({"contact": []})] {
        let object = new_account(&endpoint, &Signer::new("ES256"), &payload).expect(201).json();
        assert!(object.get("contact").is_none_or(|contact| contact == &json!([])), "{object}");
    }
}

#[test]
fn s7_3_unknown_members_and_those_that_are_the_server_s_are_ignored() {
    let endpoint = endpoint("default");
    let payload = json!({
        "status": "revoked", "orders": "https://evil.example/", "id": 7, "favourite": {"colour": "blue"}, "key": {},
    });
    let response = new_account(&endpoint, &Signer::new("ES256"), &payload).expect(201);
    let object = response.json();
    assert_eq!(object["status"], "valid");
    assert!(object["orders"].as_str().is_some_and(|orders| orders.starts_with(response.location())), "{object}");
    for absent in ["id", "favourite", "key"] {
        assert!(object.get(absent).is_none(), "{object}");
    }
}

#[test]
fn s7_3_contacts_that_cannot_be_used_are_invalid_and_others_unsupported() {
    let endpoint = endpoint("default");
    let signer = Signer::new("ES256");
    for (contact, kind) in [
        ("mailto:a@acme.test?subject=hello", "invalidContact"),
        ("mailto:a@acme.test,b@acme.test", "invalidContact"),
        ("mailto:", "invalidContact"),
        ("mailto:nobody", "invalidContact"),
        ("mailto:a@b@acme.test", "invalidContact"),
        ("mailto:\u{fc}@acme.test", "invalidContact"),
        ("tel:+12025551212", "unsupportedContact"),
        ("https://acme.test/", "unsupportedContact"),
        ("ftp://acme.test/", "unsupportedContact"),
    ] {
        let payload = json!({"contact": ["mailto:good@acme.test", contact], "termsOfServiceAgreed": true});
        let response = new_account(&endpoint, &signer, &payload);
        assert_eq!((response.status, response.problem().as_str()), (400, kind), "{contact}: {response:?}");
        assert!(response.detail().contains(contact.split(':').next().expect("a scheme")), "{response:?}");
    }
    // Nothing of all this made an account.
    new_account(&endpoint, &signer, &json!({"onlyReturnExisting": true})).expect_problem(400, "accountDoesNotExist");
}

#[test]
fn s7_3_members_of_another_type_are_malformed() {
    let endpoint = endpoint("default");
    for payload in [
        json!({"contact": "mailto:a@acme.test"}),
        json!({"contact": [7]}),
        json!({"termsOfServiceAgreed": "yes"}),
        json!({"onlyReturnExisting": 1}),
    ] {
        new_account(&endpoint, &Signer::new("ES256"), &payload).expect_problem(400, "malformed");
    }
}

#[test]
fn s7_3_terms_that_are_not_agreed_to_need_user_action() {
    let endpoint = endpoint("terms");
    let signer = Signer::new("ES256");
    for payload in [json!({}), json!({"termsOfServiceAgreed": false})] {
        let response = new_account(&endpoint, &signer, &payload);
        assert_eq!(response.problem(), "userActionRequired", "{response:?}");
        assert_eq!(response.links("terms-of-service"), ["https://acme.test/terms/1"]);
    }
    let object = new_account(&endpoint, &signer, &json!({"termsOfServiceAgreed": true})).expect(201).json();
    assert_eq!(object["termsOfServiceAgreed"], true);
}

#[test]
fn s7_3_1_a_known_key_is_200_and_changes_nothing() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let object = account.read(&account.kid).json();
    for payload in [
        json!({}),
        json!({"contact": ["mailto:other@acme.test"]}),
        json!({"onlyReturnExisting": true}),
        json!({"status": "deactivated"}),
    ] {
        let response = new_account(&endpoint, &account.signer, &payload).expect(200);
        assert_eq!(response.location(), account.kid);
        assert_eq!(response.json(), object);
    }
}

#[test]
fn s7_3_1_terms_are_not_asked_for_where_the_account_exists() {
    let endpoint = endpoint("terms");
    let account = endpoint.register("ES256");
    let response = new_account(&endpoint, &account.signer, &json!({"onlyReturnExisting": true})).expect(200);
    assert_eq!(response.location(), account.kid);
}

#[test]
fn s7_3_1_only_return_existing_makes_no_account() {
    let endpoint = endpoint("default");
    let signer = Signer::new("ES256");
    let only = json!({"onlyReturnExisting": true, "contact": ["mailto:a@acme.test"], "termsOfServiceAgreed": true});
    new_account(&endpoint, &signer, &only).expect_problem(400, "accountDoesNotExist");
    new_account(&endpoint, &signer, &only).expect_problem(400, "accountDoesNotExist");
    new_account(&endpoint, &signer, &json!({})).expect(201);
}

#[test]
fn s7_3_1_a_key_has_an_account_of_its_own_at_each_endpoint() {
    let (here, there) = (endpoint("default"), endpoint("plain"));
    let account = here.register("ES256");
    new_account(&there, &account.signer, &json!({"onlyReturnExisting": true}))
        .expect_problem(400, "accountDoesNotExist");
    let response = new_account(&there, &account.signer, &json!({})).expect(201);
    assert_ne!(response.location(), account.kid);
}

#[test]
fn s7_3_1_one_key_at_once_gives_one_account() {
    let endpoint = endpoint("default");
    let signer = Signer::new("ES256");
    let responses: Vec<Response> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| new_account(&endpoint, &signer, &json!({})))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
    });
    let urls: HashSet<&str> = responses.iter().map(Response::location).collect();
    assert_eq!(urls.len(), 1, "{urls:?}");
    let made = responses.iter().filter(|response| response.status == 201).count();
    let found = responses.iter().filter(|response| response.status == 200).count();
    assert_eq!((made, found), (1, 7));
}

#[test]
fn s7_3_2_contacts_are_replaced_and_taken_away() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for contacts in [json!(["mailto:new@acme.test"]), json!(["mailto:x@acme.test", "mailto:y@acme.test"]), json!([])] {
        let updated = account.post(&account.kid, &json!({"contact": contacts})).expect(200).json();
        assert_eq!(updated["contact"], contacts);
        assert_eq!(account.read(&account.kid).json(), updated);
    }
}

#[test]
fn s7_3_2_an_update_that_is_refused_changes_nothing() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let before = account.read(&account.kid).json();
    account.post(&account.kid, &json!({"contact": ["tel:+1"]})).expect_problem(400, "unsupportedContact");
    account
        .post(&account.kid, &json!({"contact": ["mailto:ok@acme.test", "mailto:?"]}))
        .expect_problem(400, "invalidContact");
    assert_eq!(account.read(&account.kid).json(), before);
}

#[test]
fn s7_3_2_what_is_the_server_s_is_ignored_in_updates() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let before = account.read(&account.kid).json();
    for payload in [
        json!({}),
        json!({"orders": "https://evil.example/"}),
        json!({"termsOfServiceAgreed": false}),
        json!({"status": "valid"}),
        json!({"status": "revoked"}),
        json!({"something": "else"}),
    ] {
        assert_eq!(account.post(&account.kid, &payload).expect(200).json(), before, "{payload}");
    }
}

#[test]
fn s7_3_6_a_deactivated_account_gets_401_for_everything() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (order_url, order) = account.order(&[&name("closed")]);
    let closed = account.post(&account.kid, &json!({"status": "deactivated"})).expect(200).json();
    assert_eq!(closed["status"], "deactivated");
    let authorization = order["authorizations"][0].as_str().expect("a URL");
    for url in [&account.kid, &order_url, authorization] {
        account.read(url).expect_problem(401, "unauthorized");
    }
    let identifiers = json!({"identifiers": [{"type": "dns", "value": name("closed")}]});
    account.post(endpoint.url("newOrder"), &identifiers).expect_problem(401, "unauthorized");
    account.post(&account.kid, &json!({"status": "valid"})).expect_problem(401, "unauthorized");
    account.post(&account.kid, &json!({"contact": []})).expect_problem(401, "unauthorized");
    // Its key cannot quietly begin anew.
    for payload in [json!({}), json!({"onlyReturnExisting": true})] {
        new_account(&endpoint, &account.signer, &payload).expect_problem(401, "unauthorized");
    }
}

#[test]
fn s7_3_6_deactivation_cancels_what_is_pending() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (pending_url, pending) = account.order(&[&name("cancelled")]);
    let (ready_url, _) = ready(&account, &[&name("cancelled-ready")]);
    account.post(&account.kid, &json!({"status": "deactivated"})).expect(200);
    // The client is not told any more, so an operator looks.
    let id = |url: &str| url.rsplit('/').next().expect("a URL has segments").to_owned();
    for url in [&pending_url, &ready_url] {
        eventually(PATIENCE, || {
            let order = house().admin().get(&format!("/orders/{}", id(url))).expect(200).json();
            if order["status"] == "invalid" { Ok(()) } else { Err(format!("{order}")) }
        });
    }
    let authorization = pending["authorizations"][0].as_str().expect("a URL");
    eventually(PATIENCE, || {
        let view = house().admin().get(&format!("/authorizations/{}", id(authorization))).expect(200).json();
        if view["status"] == "deactivated" { Ok(()) } else { Err(format!("{view}")) }
    });
}

#[test]
fn s7_3_6_deactivation_wins_over_contacts_in_the_same_update() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let payload = json!({"status": "deactivated", "contact": ["mailto:late@acme.test"]});
    assert_eq!(account.post(&account.kid, &payload).expect(200).json()["status"], "deactivated");
}

#[test]
fn s7_3_6_deactivation_leaves_certificates_alone() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (chain, key) = issue(&account, &[&name("survives")]);
    let (_, order) = ready(&account, &[&name("ends")]);
    assert_eq!(order["status"], "ready");
    account.post(&account.kid, &json!({"status": "deactivated"})).expect(200);
    chain.assert_good(&house().root());
    // The certificate's key still revokes it.
    let url = endpoint.url("revokeCert");
    let holder = Signer::from_pkcs8("ES256", &key.serialize_der());
    let payload = json!({"certificate": crate::jws::encode(chain.der())});
    endpoint.post(url, holder.with_jwk(url).payload(&payload)).expect(200);
}

#[test]
fn operators_see_when_an_account_was_seen_last() {
    let endpoint = endpoint("default");
    // Within a minute one request is as good as another: to have registered counts.
    let before = jiff::Timestamp::now().as_second();
    let account = endpoint.register("ES256");
    account.read(&account.kid).expect(200);
    let id = account.kid.rsplit('/').next().expect("a URL has segments");
    let view = house().admin().get(&format!("/acmeAccounts/{id}")).expect(200).json();
    let seen = view["lastSeen"].as_str().and_then(|seen| seen.parse::<jiff::Timestamp>().ok()).expect("a time");
    assert!((before..=before + 600).contains(&seen.as_second()), "{view}");
}
