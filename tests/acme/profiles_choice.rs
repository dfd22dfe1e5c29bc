//! draft-ietf-acme-profiles: which RA Profile issues, by its name in the order.

use rcgen::KeyPair;
use serde_json::json;

use crate::client::{Account, Response, text};
use crate::credential::{Credential, new_account};
use crate::house::{csr, download, finalize, house, name, open, prove, ready};
use crate::jws::Signer;
use crate::profiles::{Profiles, create};
use crate::profiles_ra::days;

/// A new order that names a profile.
fn naming(account: &Account<'_>, host: &str, profile: &str) -> Response {
    let identifiers = json!([{"type": "dns", "value": host}]);
    account.post(account.endpoint.url("newOrder"), &json!({"identifiers": identifiers, "profile": profile}))
}

/// How many days the certificate is valid that such an order leads to.
fn issued(account: &Account<'_>, host: &str, placed: &Response) -> i64 {
    let key = KeyPair::generate().expect("a key is made");
    let object = placed.json();
    prove(account, object["authorizations"][0].as_str().expect("a URL"), "http-01");
    account.await_status(placed.location(), "ready");
    days(&download(account, &finalize(account, placed.location(), &object, &csr(&[host], &key))))
}

/// An ACME Profile whose default is valid for 5 days and that offers two more, for 6 and 7 days; and the names of those.
fn offering() -> (Profiles, String, String) {
    let profiles = Profiles::ra(&json!({"validity": "5d", "description": "the usual"}));
    let (six, seven) = (format!("{}-six", profiles.ra), format!("{}-seven", profiles.ra));
    create("raProfiles", &six, &json!({"validity": "6d", "description": "six days"}));
    create("raProfiles", &seven, &json!({"validity": "7d", "deny": ["**.denied.test"]}));
    profiles.change_acme(&json!({"raProfiles": [six, seven]}));
    (profiles, six, seven)
}

#[test]
fn the_directory_lists_what_can_be_chosen_and_nothing_else() {
    let (profiles, six, seven) = offering();
    let advertised = || profiles.endpoint().directory()["meta"]["profiles"].clone();
    let all = json!({profiles.ra.as_str(): "the usual", six.as_str(): "six days", seven.as_str(): ""});
    assert_eq!(advertised(), all);
    // What is disabled, or whose authority is, is not offered while it is so.
    house().admin().post(&format!("/raProfiles/{six}/disable"), &json!({})).expect(200);
    assert_eq!(advertised(), json!({profiles.ra.as_str(): "the usual", seven.as_str(): ""}));
    house().admin().post(&format!("/raProfiles/{six}/enable"), &json!({})).expect(200);
    let authority = json!({"name": format!("{six} CA"), "rootName": format!("{six} Root"), "algorithm": "p256"});
    let made = house().admin().post("/authorities", &authority).expect(201).json();
    let id = text(&made, "id");
    house().admin().patch(&format!("/raProfiles/{six}"), "*", &json!({"authority": id})).expect(200);
    assert_eq!(advertised(), all);
    house().admin().post(&format!("/authorities/{id}/disable"), &json!({})).expect(200);
    assert_eq!(advertised(), json!({profiles.ra.as_str(): "the usual", seven.as_str(): ""}));
    // Below /acme/raProfile/ there is one, to which the operator has bound the URL.
    assert_eq!(profiles.activated().directory()["meta"]["profiles"], json!({profiles.ra.as_str(): "the usual"}));
    // Without any there is no such member.
    profiles.change_acme(&json!({"raProfiles": []}));
    for endpoint in [profiles.endpoint(), profiles.activated()] {
        assert!(endpoint.directory()["meta"].get("profiles").is_none(), "{}", endpoint.directory());
    }
}

#[test]
fn the_profile_that_an_order_names_issues() {
    let (profiles, six, seven) = offering();
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    for (profile, valid) in [(&profiles.ra, 5), (&six, 6), (&seven, 7)] {
        let host = name("choice");
        let placed = naming(&account, &host, profile).expect(201);
        assert_eq!(placed.json()["profile"], profile.as_str(), "the order says which it is");
        assert_eq!(account.read(placed.location()).json()["profile"], profile.as_str());
        assert_eq!(issued(&account, &host, &placed), valid);
    }
    // Who names none gets the default, and is told so.
    let host = name("choice");
    let placed = account.post(endpoint.url("newOrder"), &json!({"identifiers": [{"type": "dns", "value": host}]}));
    let placed = placed.expect(201);
    assert_eq!(placed.json()["profile"], profiles.ra.as_str());
    assert_eq!(issued(&account, &host, &placed), 5);
    // Its rules are those of the chosen one.
    let denied = format!("{}.denied.test", name("choice").replace('.', "-"));
    naming(&account, &denied, &seven).expect_problem(403, "rejectedIdentifier");
    naming(&account, &denied, &six).expect(201);
}

#[test]
fn what_is_not_advertised_is_an_invalid_profile() {
    let (profiles, six, _) = offering();
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let host = name("choice-none");
    for other in ["default", "no-such", "", "a/b", &"x".repeat(300)] {
        naming(&account, &host, other).expect_problem(400, "invalidProfile");
    }
    house().admin().post(&format!("/raProfiles/{six}/disable"), &json!({})).expect(200);
    naming(&account, &host, &six).expect_problem(400, "invalidProfile");
    house().admin().post(&format!("/raProfiles/{six}/enable"), &json!({})).expect(200);
    naming(&account, &host, &six).expect(201);
    // A profile that is not for such identifiers.
    house().admin().patch(&format!("/raProfiles/{six}"), "*", &json!({"identifierTypes": ["ip"]})).expect(200);
    naming(&account, &host, &six).expect_problem(400, "invalidProfile");
    // Below /acme/raProfile/ the one that is bound to the URL, and no other.
    let bound = profiles.activated();
    let account = bound.register("ES256");
    naming(&account, &host, &six).expect_problem(400, "invalidProfile");
    assert_eq!(naming(&account, &host, &profiles.ra).expect(201).json()["profile"], profiles.ra.as_str());
    // Where nothing is offered, nothing can be named, not even what issues.
    profiles.change_acme(&json!({"raProfiles": []}));
    for (endpoint, profile) in [(profiles.endpoint(), &profiles.ra), (profiles.activated(), &profiles.ra)] {
        let account = endpoint.register("ES256");
        naming(&account, &host, profile).expect_problem(400, "invalidProfile");
        let placed = account.post(endpoint.url("newOrder"), &json!({"identifiers": [{"type": "dns", "value": host}]}));
        assert!(placed.expect(201).json().get("profile").is_none());
    }
}

#[test]
fn an_order_whose_profile_was_withdrawn_is_not_finalized() {
    let (profiles, six, seven) = offering();
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let host = name("choice-withdrawn");
    let placed = naming(&account, &host, &six).expect(201);
    let object = placed.json();
    prove(&account, object["authorizations"][0].as_str().expect("a URL"), "http-01");
    account.await_status(placed.location(), "ready");
    profiles.change_acme(&json!({"raProfiles": [seven]}));
    let request = csr(&[&host], &KeyPair::generate().expect("a key is made"));
    let finalizing = json!({"csr": request});
    account.post(text(&object, "finalize"), &finalizing).expect_problem(400, "invalidProfile");
    assert_eq!(account.read(placed.location()).json()["status"], "ready", "it can still be offered again");
    profiles.change_acme(&json!({"raProfiles": [six, seven]}));
    finalize(&account, placed.location(), &object, &request);
    // The default issues for an order that named none, whatever becomes of it.
    let host = name("choice-default");
    let (url, order) = ready(&account, &[&host]);
    profiles.change_acme(&json!({"defaultRaProfile": six, "raProfiles": [seven]}));
    finalize(&account, &url, &order, &csr(&[&host], &KeyPair::generate().expect("a key is made")));
}

#[test]
fn a_credential_for_one_profile_orders_by_that_one_only() {
    let (profiles, six, seven) = offering();
    profiles.change_acme(&json!({"externalAccountRequired": true}));
    let endpoint = profiles.endpoint();
    let scope = json!({"description": "six only", "raProfiles": [six]});
    let (credential, signer) = (Credential::new(&scope), Signer::new("ES256"));
    let made = new_account(&endpoint, &signer, Some(&credential.bind(&endpoint, &signer))).expect(201);
    let account = Account { endpoint: &endpoint, signer, kid: made.location().to_owned() };
    let host = name("choice-bound");
    naming(&account, &host, &six).expect(201);
    // It can prove before what it can order.
    account.new_authz(&json!({"type": "dns", "value": host})).expect(201);
    naming(&account, &host, &seven).expect_problem(403, "unauthorized");
    let plain = json!({"identifiers": [{"type": "dns", "value": host}]});
    account.post(endpoint.url("newOrder"), &plain).expect_problem(403, "unauthorized");
}

/// A request for an authorization does not name a profile, so it is for any by which an order could be placed.
#[test]
fn s7_4_1_what_any_offered_profile_issues_for_can_be_proven_before_an_order() {
    let (profiles, six, seven) = offering();
    let (host, exempt) = (name("choice-early"), name("choice-exempt"));
    let change = |profile: &str, settings| {
        house().admin().patch(&format!("/raProfiles/{profile}"), "*", &settings).expect(200);
    };
    for refusing in [&profiles.ra, &seven] {
        change(refusing, json!({"deny": [host, exempt]}));
    }
    // What is not certified by the default is not exempt by its rules either, and the rules of others are for their orders.
    for exempting in [&profiles.ra, &six] {
        change(exempting, json!({"withoutChallenge": [{"name": exempt}]}));
    }
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let dns = |host: &str| json!({"type": "dns", "value": host});
    let made = account.new_authz(&dns(&host)).expect(201);
    assert_eq!(made.json()["status"], "pending");
    prove(&account, made.location(), "http-01");
    let placed = naming(&account, &host, &six).expect(201);
    let order = placed.json();
    assert_eq!((&order["status"], &order["authorizations"]), (&json!("ready"), &json!([made.location()])));
    let key = KeyPair::generate().expect("a key is made");
    let order = finalize(&account, placed.location(), &order, &csr(&[&host], &key));
    assert_eq!(days(&download(&account, &order)), 6);
    // It counts for those orders only that could be placed without it.
    naming(&account, &host, &seven).expect_problem(403, "rejectedIdentifier");
    assert_eq!(account.new_authz(&dns(&exempt)).expect(201).json()["status"], "pending");
    // By the rules of the default nothing has to be proven of what it issues for.
    let vouched = name("choice-vouched");
    change(&profiles.ra, json!({"withoutChallenge": [{"name": vouched}]}));
    assert_eq!(account.new_authz(&dns(&vouched)).expect(201).json()["status"], "valid");
    // Below /acme/raProfile/ there is one profile, and that one refuses.
    let bound = profiles.activated();
    let other = bound.register("ES256");
    other.new_authz(&dns(&host)).expect_problem(403, "rejectedIdentifier");
    assert_eq!(other.new_authz(&dns(&name("choice-bound"))).expect(201).json()["status"], "pending");
}

#[test]
fn s7_4_1_what_no_offered_profile_issues_for_is_refused_as_the_default_does() {
    let (profiles, six, seven) = offering();
    let host = name("choice-refused");
    let change = |profile: &str, settings| {
        house().admin().patch(&format!("/raProfiles/{profile}"), "*", &settings).expect(200);
    };
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let dns = json!({"type": "dns", "value": host});
    let ask = || account.new_authz(&dns);
    change(&profiles.ra, json!({"identifierTypes": ["ip"]}));
    change(&seven, json!({"deny": [host]}));
    ask().expect(201);
    change(&six, json!({"deny": [host]}));
    ask().expect_problem(403, "unsupportedIdentifier");
    change(&profiles.ra, json!({"identifierTypes": ["dns", "ip"], "deny": [host]}));
    ask().expect_problem(403, "rejectedIdentifier");
    change(&six, json!({"deny": []}));
    ask().expect(201);
    // Only what orders may name counts.
    house().admin().post(&format!("/raProfiles/{six}/disable"), &json!({})).expect(200);
    ask().expect_problem(403, "rejectedIdentifier");
    house().admin().post(&format!("/raProfiles/{six}/enable"), &json!({})).expect(200);
    ask().expect(201);
    profiles.change_acme(&json!({"raProfiles": []}));
    ask().expect_problem(403, "rejectedIdentifier");
    profiles.change_acme(&json!({"raProfiles": [six, seven]}));
    // What another one exempts, and no challenge that is offered can prove.
    let address = json!({"type": "ip", "value": "127.0.0.1"});
    change(&six, json!({"identifierTypes": ["dns", "ip"], "withoutChallenge": [{"name": "127.0.0.0/8"}]}));
    change(&profiles.ra, json!({"identifierTypes": ["dns"]}));
    change(&seven, json!({"identifierTypes": ["dns"]}));
    account.new_authz(&address).expect(201);
    profiles.change_acme(&json!({"challenges": ["dns-01"]}));
    account.new_authz(&address).expect_problem(403, "unsupportedIdentifier");
}

#[test]
fn an_offered_profile_is_in_use() {
    let (profiles, six, seven) = offering();
    let admin = house().admin();
    let refused = admin.delete(&format!("/raProfiles/{six}"), "*").expect(409).json();
    assert!(refused.to_string().contains(&format!("acmeProfile/{}", profiles.acme)), "{refused}");
    admin.delete(&format!("/raProfiles/{six}?force=true"), "*").expect(204);
    let left = admin.get(&format!("/acmeProfiles/{}", profiles.acme)).expect(200).json();
    assert_eq!(left["raProfiles"], json!([seven]));
    assert_eq!(left["defaultRaProfile"], profiles.ra.as_str());
    let wrong = json!({"raProfiles": [seven, "no-such"]});
    let refused = admin.patch(&format!("/acmeProfiles/{}", profiles.acme), "*", &wrong).expect(422).json();
    assert!(refused.to_string().contains("raProfiles[1]"), "{refused}");
    // Serves others meanwhile.
    assert_eq!(open(&profiles.acme).directory()["meta"]["profiles"].as_object().map(serde_json::Map::len), Some(2));
}
