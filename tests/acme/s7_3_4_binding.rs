//! RFC 8555 section 7.3.4: external account binding, with credentials that an operator makes.

use std::time::Duration;

use serde_json::{Value, json};

use super::endpoint_of;
use crate::client::{Account, Endpoint};
use crate::credential::{Credential, new_account};
use crate::house::{moment, name, open};
use crate::jws::{Signer, encode};
use crate::profiles::Profiles;
use crate::support::process::eventually;

fn bound() -> (Profiles, Endpoint) {
    let profiles = Profiles::acme(&json!({"externalAccountRequired": true}));
    let endpoint = endpoint_of(&profiles);
    (profiles, endpoint)
}

#[test]
fn s7_3_4_a_bound_account_shows_its_binding_as_it_was_sent() {
    let (_, endpoint) = bound();
    assert_eq!(endpoint.directory()["meta"]["externalAccountRequired"], true);
    let credential = Credential::new(&json!({}));
    for algorithm in ["HS256", "HS384", "HS512"] {
        let signer = Signer::new("ES256");
        let header = json!({"alg": algorithm, "kid": credential.id, "url": endpoint.url("newAccount")});
        let binding = credential.bind_with(&header, &signer.jwk());
        let made = new_account(&endpoint, &signer, Some(&binding)).expect(201);
        assert_eq!(made.json()["externalAccountBinding"], binding);
        let account = Account { endpoint: &endpoint, signer, kid: made.location().to_owned() };
        assert_eq!(account.read(&account.kid).expect(200).json()["externalAccountBinding"], binding);
    }
}

#[test]
fn s7_3_4_without_a_binding_it_is_external_account_required() {
    let (profiles, endpoint) = bound();
    let signer = Signer::new("ES256");
    new_account(&endpoint, &signer, None).expect_problem(403, "externalAccountRequired");
    let url = endpoint.url("newAccount");
    let lookup = signer.with_jwk(url).payload(&json!({"onlyReturnExisting": true}));
    endpoint.post(url, lookup).expect_problem(400, "accountDoesNotExist");
    profiles.change_acme(&json!({"externalAccountRequired": false}));
    let object = new_account(&endpoint, &signer, None).expect(201).json();
    assert!(object.get("externalAccountBinding").is_none(), "{object}");
    // Who has an account has it, whatever is required of new ones.
    profiles.change_acme(&json!({"externalAccountRequired": true}));
    new_account(&endpoint, &signer, None).expect(200);
    let lookup = signer.with_jwk(url).payload(&json!({"onlyReturnExisting": true}));
    endpoint.post(url, lookup).expect(200);
}

#[test]
fn s7_3_4_a_binding_counts_where_none_is_required_and_changes_no_account() {
    let endpoint = endpoint_of(&Profiles::acme(&json!({})));
    let credential = Credential::new(&json!({}));
    let signer = Signer::new("ES256");
    let binding = credential.bind(&endpoint, &signer);
    let mut broken = binding.clone();
    broken["signature"] = encode([0; 32]).into();
    new_account(&endpoint, &signer, Some(&broken)).expect_problem(403, "unauthorized");
    let made = new_account(&endpoint, &signer, Some(&binding)).expect(201);
    assert_eq!(made.json()["externalAccountBinding"], binding);
    // Section 7.3.1: the account as it is.
    let other = Credential::new(&json!({})).bind(&endpoint, &signer);
    for again in [Some(&binding), Some(&other), None] {
        let found = new_account(&endpoint, &signer, again).expect(200);
        assert_eq!((found.location(), found.json()), (made.location(), made.json()));
    }
}

#[test]
fn s7_3_4_what_is_no_binding_of_this_request_is_malformed() {
    let (_, endpoint) = bound();
    let credential = Credential::new(&json!({}));
    let signer = Signer::new("ES256");
    let header = json!({"alg": "HS256", "kid": credential.id, "url": endpoint.url("newAccount")});
    let with = |member: &str, value: Value| {
        let mut header = header.clone();
        header[member] = value;
        credential.bind_with(&header, &signer.jwk())
    };
    let good = credential.bind(&endpoint, &signer);
    let tampered = |member: &str, value: Value| {
        let mut binding = good.clone();
        binding[member] = value;
        binding
    };
    let elsewhere = endpoint.url("newAccount").replace("/acme/", "/acme/x");
    for binding in [
        json!("eyJhbGciOiJIUzI1NiJ9.e30.AAAA"),
        json!({}),
        with("alg", "ES256".into()),
        with("alg", "none".into()),
        with("kid", Value::Null),
        with("nonce", endpoint.nonce().into()),
        with("jwk", signer.jwk()),
        with("url", endpoint.url("newOrder").into()),
        with("url", elsewhere.into()),
        credential.bind_with(&header, &Signer::new("ES256").jwk()),
        credential.bind_with(&header, &json!({"kid": "mine"})),
        tampered("header", json!({"kid": credential.id})),
        tampered("signatures", json!([])),
        tampered("signature", "AA==".into()),
        tampered("more", "x".repeat(10_000).into()),
    ] {
        let refused = new_account(&endpoint, &signer, Some(&binding)).expect_problem(400, "malformed");
        assert!(refused.detail().contains("externalAccountBinding"), "{refused:?}");
    }
    // None of that used it up.
    new_account(&endpoint, &signer, Some(&good)).expect(201);
}

#[test]
fn s7_3_4_a_wrong_mac_and_an_unknown_kid_are_told_apart_by_nobody() {
    let (_, endpoint) = bound();
    let credential = Credential::new(&json!({}));
    let signer = Signer::new("ES256");
    let wrong_key = Credential { id: credential.id.clone(), key: vec![7; 32] };
    let other = Credential::new(&json!({}));
    let swapped = Credential { id: credential.id.clone(), key: other.key };
    let unknown = Credential { id: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(), key: credential.key.clone() };
    let no_id = Credential { id: "../credential".to_owned(), key: credential.key.clone() };
    let revoked = Credential::new(&json!({}));
    revoked.revoke();
    let revoked = Credential { id: revoked.id, key: vec![7; 32] };
    let details = [&wrong_key, &swapped, &unknown, &no_id, &revoked].map(|credential| {
        let binding = credential.bind(&endpoint, &signer);
        new_account(&endpoint, &signer, Some(&binding)).expect_problem(403, "unauthorized").detail()
    });
    assert!(details.iter().all(|detail| *detail == details[0]), "{details:?}");
}

#[test]
fn a_credential_is_good_for_what_its_operator_has_said() {
    let (profiles, endpoint) = bound();
    let register = |endpoint: &Endpoint, credential: &Credential| {
        let signer = Signer::new("ES256");
        let binding = credential.bind(endpoint, &signer);
        let response = new_account(endpoint, &signer, Some(&binding));
        (response, signer)
    };
    let refused =
        |credential: &Credential| register(&endpoint, credential).0.expect_problem(403, "unauthorized").detail();
    let revoked = Credential::new(&json!({}));
    revoked.revoke();
    assert!(refused(&revoked).contains("revoked"));
    for scope in [json!({"acmeProfiles": ["default"]}), json!({"raProfiles": ["default"]})] {
        assert!(refused(&Credential::new(&scope)).contains("endpoint"), "{scope}");
    }
    let here = Credential::new(&json!({"acmeProfiles": [profiles.acme], "raProfiles": [profiles.ra], "accounts": 1}));
    register(&endpoint, &here).0.expect(201);
    assert!(refused(&here).contains("as many accounts"));

    let narrow = Credential::new(&json!({"names": ["**.bound.test"], "orders": 1}));
    let (made, signer) = register(&endpoint, &narrow);
    let account = Account { endpoint: &endpoint, signer, kid: made.expect(201).location().to_owned() };
    let order =
        |host: &str| account.post(endpoint.url("newOrder"), &json!({"identifiers": [{"type": "dns", "value": host}]}));
    order(&name("outside")).expect_problem(403, "rejectedIdentifier");
    order("a.bound.test").expect(201);
    order("b.bound.test").expect_problem(403, "unauthorized");
    // Revoked, it binds no more accounts; those that are bound stay.
    narrow.revoke();
    account.read(&account.kid).expect(200);
}

#[test]
fn a_credential_counts_for_its_profiles_under_either_form_of_url() {
    let (profiles, _) = bound();
    let (by_acme, by_ra) = (profiles.endpoint(), profiles.activated());
    for scope in [json!({"acmeProfiles": [profiles.acme]}), json!({"raProfiles": [profiles.ra]})] {
        let credential = Credential::new(&scope);
        for endpoint in [&by_acme, &by_ra] {
            let signer = Signer::new("ES256");
            new_account(endpoint, &signer, Some(&credential.bind(endpoint, &signer))).expect(201);
        }
    }
    // Here the RA Profile is the same, and the activated ACME Profile another than what the credential is for.
    let credential = Credential::new(&json!({"acmeProfiles": [profiles.acme]}));
    profiles.activate(&bound().0.acme);
    let (by_ra, signer) = (open(&format!("raProfile/{}", profiles.ra)), Signer::new("ES256"));
    let refused = new_account(&by_ra, &signer, Some(&credential.bind(&by_ra, &signer)));
    assert!(refused.expect_problem(403, "unauthorized").detail().contains("endpoint"));
}

#[test]
fn a_credential_binds_until_it_runs_out() {
    let (_, endpoint) = bound();
    let register = |credential: &Credential| {
        let signer = Signer::new("ES256");
        let binding = credential.bind(&endpoint, &signer);
        new_account(&endpoint, &signer, Some(&binding))
    };
    let until = |seconds: i64| Credential::new(&json!({"expires": moment(seconds)}));
    register(&until(86_400)).expect(201);
    // Long enough to be made on a machine that has other things to do.
    let brief = until(8);
    let refused = eventually(Duration::from_secs(60), || {
        let response = register(&brief);
        if response.status == 201 { Err("it still binds".to_owned()) } else { Ok(response) }
    });
    assert!(refused.expect_problem(403, "unauthorized").detail().contains("expired"));
}
