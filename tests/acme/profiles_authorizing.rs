//! What an ACME Profile says of proofs before an order (RFC 8555 section 7.4.1) and of all below a name (RFC 9444), and what
//! everything else that a profile says means for them.

use serde_json::{Value, json};

use crate::client::{Account, Endpoint, Response, text};
use crate::credential::{Credential, new_account};
use crate::house::{name, prove};
use crate::jws::Signer;
use crate::profiles::Profiles;

fn dns(value: &str) -> Value {
    json!({"type": "dns", "value": value})
}

fn whole(value: &str) -> Value {
    json!({"type": "dns", "value": value, "subdomainAuthAllowed": true})
}

fn order(account: &Account<'_>, host: &str) -> Value {
    account.order(&[host]).1
}

fn forms(profiles: &Profiles) -> [Endpoint; 2] {
    [profiles.endpoint(), profiles.activated()]
}

#[test]
fn where_it_is_not_offered_it_is_refused_and_what_was_proven_counts_no_more() {
    let profiles = Profiles::acme(&json!({}));
    for endpoint in forms(&profiles) {
        profiles.change_acme(&json!({"preAuthorization": true}));
        let account = endpoint.register("ES256");
        let host = name("offered");
        let made = account.new_authz(&dns(&host)).expect(201);
        prove(&account, made.location(), "http-01");
        assert_eq!(order(&account, &host)["status"], "ready");
        profiles.change_acme(&json!({"preAuthorization": false}));
        account.new_authz(&dns(&host)).expect_problem(403, "unauthorized");
        assert_eq!(order(&account, &host)["status"], "pending");
        // What is there can be read and given up all the same.
        account.read(made.location()).expect(200);
        account.post(made.location(), &json!({"status": "deactivated"})).expect(200);
    }
}

#[test]
fn a_profile_that_allows_no_proof_of_all_below_uses_none() {
    let profiles = Profiles::acme(&json!({"subdomainAuthorization": true}));
    for endpoint in forms(&profiles) {
        profiles.change_acme(&json!({"subdomainAuthorization": true, "authorizationReuse": 3600}));
        let account = endpoint.register("ES256");
        let zone = name("zone");
        let made = account.new_authz(&whole(&zone)).expect(201);
        prove(&account, made.location(), "dns-01");
        assert_eq!(order(&account, &format!("a.{zone}"))["authorizations"], json!([made.location()]));
        profiles.change_acme(&json!({"subdomainAuthorization": false}));
        assert_eq!(order(&account, &format!("b.{zone}"))["status"], "pending");
        assert_eq!(order(&account, &zone)["status"], "ready", "its own name it proves as before");
        assert_ne!(account.new_authz(&whole(&zone)).expect(201).json()["subdomainAuthAllowed"], true);
    }
}

#[test]
fn without_a_challenge_by_dns_each_name_is_proven_itself() {
    let profiles = Profiles::acme(&json!({"subdomainAuthorization": true, "challenges": ["http-01", "tls-alpn-01"]}));
    for endpoint in forms(&profiles) {
        let account = endpoint.register("ES256");
        let zone = name("hosts");
        let host = format!("a.{zone}");
        let made = account.new_authz(&whole(&zone)).expect(201);
        assert_eq!(made.json()["subdomainAuthAllowed"], false, "said in so many words (RFC 9444 section 4.2)");
        prove(&account, made.location(), "http-01");
        let asked = json!({"identifiers": [{"type": "dns", "value": host, "ancestorDomain": zone}]});
        let placed = account.post(endpoint.url("newOrder"), &asked).expect(201).json();
        assert_eq!(placed["status"], "pending");
        let object = account.read(placed["authorizations"][0].as_str().expect("a URL")).json();
        assert_eq!((&object["identifier"], &object["subdomainAuthAllowed"]), (&dns(&host), &json!(false)));
    }
}

#[test]
fn a_challenge_type_that_is_withdrawn_proves_nothing_any_more() {
    let profiles = Profiles::acme(&json!({"authorizationReuse": 3600}));
    for endpoint in forms(&profiles) {
        profiles.change_acme(&json!({"challenges": ["http-01", "dns-01"]}));
        let account = endpoint.register("ES256");
        let (early, ordered) = (name("early"), name("ordered"));
        let made = account.new_authz(&dns(&early)).expect(201);
        prove(&account, made.location(), "http-01");
        crate::house::ready(&account, &[&ordered]);
        for host in [&early, &ordered] {
            assert_eq!(order(&account, host)["status"], "ready");
        }
        profiles.change_acme(&json!({"challenges": ["dns-01"]}));
        for host in [&early, &ordered] {
            assert_eq!(order(&account, host)["status"], "pending");
        }
    }
}

#[test]
fn what_the_ra_profile_does_not_issue_for_is_rejected() {
    let profiles = Profiles::ra(&json!({"identifierTypes": ["dns"], "allow": ["**.in.acme.test", "in.acme.test"]}));
    for endpoint in forms(&profiles) {
        let account = endpoint.register("ES256");
        let refused = account.new_authz(&dns("out.acme.test")).expect_problem(403, "rejectedIdentifier").json();
        assert_eq!(refused["subproblems"][0]["identifier"], dns("out.acme.test"));
        let address = account.new_authz(&json!({"type": "ip", "value": "127.0.0.1"}));
        address.expect_problem(403, "unsupportedIdentifier");
        account.new_authz(&dns("a.in.acme.test")).expect(201);
    }
}

#[test]
fn where_nothing_has_to_be_proven_it_is_valid_at_once_and_is_no_control() {
    let profiles = Profiles::ra(&json!({"withoutChallenge": [{"name": "acme.test", "match": "subdomain"}]}));
    for endpoint in forms(&profiles) {
        let (account, other) = (endpoint.register("ES256"), endpoint.register("ES256"));
        let host = name("exempt");
        let made = account.new_authz(&dns(&host)).expect(201).json();
        assert_eq!((&made["status"], &made["challenges"]), (&json!("valid"), &json!([])));
        let placed = order(&other, &host);
        let key = rcgen::KeyPair::generate().expect("a key is made");
        let csr = crate::house::csr(&[&host], &key);
        let done = other.post(text(&placed, "finalize"), &json!({"csr": csr})).expect(200);
        let chain = crate::house::download(&other, &other.settle(done.location()));
        let request = json!({"certificate": crate::jws::encode(chain.der())});
        account.post(endpoint.url("revokeCert"), &request).expect_problem(403, "unauthorized");
    }
}

#[test]
fn changed_terms_are_to_be_agreed_to_first() {
    let profiles = Profiles::acme(&json!({"termsOfService": "https://acme.test/terms/1"}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    account.new_authz(&dns(&name("agreed"))).expect(201);
    profiles.change_acme(&json!({
        "termsOfService": "https://acme.test/terms/2",
        "noNewOrdersUntilAgreed": true,
        "termsChangeUrl": "https://acme.test/agree",
    }));
    let refused = account.new_authz(&dns(&name("changed"))).expect_problem(403, "userActionRequired");
    assert_eq!(refused.json()["instance"], "https://acme.test/agree");
    assert_eq!(refused.links("terms-of-service"), ["https://acme.test/terms/2"]);
}

#[test]
fn an_external_account_s_scope_holds_for_the_names_and_not_for_what_proves_them() {
    let profiles = Profiles::acme(&json!({"subdomainAuthorization": true}));
    let endpoint = profiles.endpoint();
    let zone = name("scoped");
    let credential = Credential::new(&json!({"names": [format!("**.{zone}")]}));
    let signer = Signer::new("ES256");
    let binding = credential.bind(&endpoint, &signer);
    let kid = new_account(&endpoint, &signer, Some(&binding)).expect(201).location().to_owned();
    let account = Account { endpoint: &endpoint, signer, kid };
    account.new_authz(&dns(&name("outside"))).expect_problem(403, "rejectedIdentifier");
    account.new_authz(&dns(&zone)).expect_problem(403, "rejectedIdentifier");
    account.new_authz(&dns(&format!("a.{zone}"))).expect(201);
    let asked = |host: &str| json!({"identifiers": [{"type": "dns", "value": host, "ancestorDomain": zone}]});
    let placed = account.post(endpoint.url("newOrder"), &asked(&format!("a.{zone}"))).expect(201);
    let authorization = placed.json()["authorizations"][0].as_str().expect("a URL").to_owned();
    prove(&account, &authorization, "dns-01");
    account.await_status(placed.location(), "ready");
    // The proof is for all below the zone, and the account for nothing else than it was.
    account.post(endpoint.url("newOrder"), &asked(&zone)).expect_problem(403, "rejectedIdentifier");
}

#[test]
fn it_counts_as_an_order_within_the_limits() {
    let limited = |response: Response| {
        let response = response.expect_problem(429, "rateLimited");
        assert!(response.header("Retry-After").is_some(), "{response:?}");
    };
    let profiles = Profiles::acme(&json!({"openOrdersPerAccount": 2}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let made = account.new_authz(&dns(&name("open"))).expect(201);
    account.order(&[&name("open")]);
    limited(account.new_authz(&dns(&name("open"))));
    prove(&account, made.location(), "http-01");
    account.new_authz(&dns(&name("open"))).expect(201);
    profiles.change_acme(&json!({"openOrdersPerAccount": null, "ordersPerHour": 3}));
    limited(account.new_authz(&dns(&name("open"))));
}
