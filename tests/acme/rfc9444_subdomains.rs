//! RFC 9444: an authorization for a name that is for all names below it too.

use serde_json::{Value, json};

use super::endpoint;
use crate::client::{Account, Response, challenge, text};
use crate::house::{csr, download, finalize, house, name, prove};

fn dns(value: &str) -> Value {
    json!({"type": "dns", "value": value})
}

fn below(value: &str, ancestor: &str) -> Value {
    json!({"type": "dns", "value": value, "ancestorDomain": ancestor})
}

fn new_order(account: &Account<'_>, identifiers: &[Value]) -> Response {
    account.post(account.endpoint.url("newOrder"), &json!({"identifiers": identifiers}))
}

fn authorizations(order: &Value) -> Vec<String> {
    serde_json::from_value(order["authorizations"].clone()).expect("a list of URLs")
}

/// A proven authorization for this name and all below it: its URL.
fn proven(account: &Account<'_>, zone: &str) -> String {
    let made = account.new_authz(&json!({"type": "dns", "value": zone, "subdomainAuthAllowed": true})).expect(201);
    prove(account, made.location(), "dns-01");
    made.location().to_owned()
}

fn kinds(authorization: &Value) -> Vec<&str> {
    let challenges = authorization["challenges"].as_array().expect("a list");
    challenges.iter().map(|challenge| text(challenge, "type")).collect()
}

#[test]
fn rfc9444_s4_4_the_directory_says_whether_it_is_supported() {
    assert_eq!(endpoint("subdomains").directory()["meta"]["subdomainAuthAllowed"], true);
    assert_ne!(endpoint("default").directory()["meta"]["subdomainAuthAllowed"], true);
}

#[test]
fn rfc9444_s4_2_a_pre_authorization_is_for_the_names_below_if_the_client_asks() {
    let endpoint = endpoint("subdomains");
    let account = endpoint.register("ES256");
    let zone = name("zone");
    let object =
        account.new_authz(&json!({"type": "dns", "value": zone, "subdomainAuthAllowed": true})).expect(201).json();
    assert_eq!(object["subdomainAuthAllowed"], true);
    assert_eq!(object["identifier"], dns(&zone), "the identifier has no member more");
    // What answers at one host says nothing of the others.
    assert_eq!(kinds(&object).iter().filter(|kind| !kind.starts_with("dns-")).count(), 0, "{object}");
    for identifier in [dns(&zone), json!({"type": "dns", "value": zone, "subdomainAuthAllowed": false})] {
        let object = account.new_authz(&identifier).expect(201).json();
        assert_ne!(object["subdomainAuthAllowed"], true);
        assert!(kinds(&object).contains(&"http-01"), "{object}");
    }
    for wrong in [json!("yes"), json!(1)] {
        let identifier = json!({"type": "dns", "value": zone, "subdomainAuthAllowed": wrong});
        account.new_authz(&identifier).expect_problem(400, "malformed");
    }
}

/// The call flow of RFC 9444 section 5: one proof, and certificates for names below without another.
#[test]
fn rfc9444_s5_orders_for_names_below_are_ready_at_once_without_naming_the_ancestor() {
    let endpoint = endpoint("subdomains");
    let account = endpoint.register("ES256");
    let zone = name("flow");
    let url = proven(&account, &zone);
    assert_eq!(account.read(&url).json()["subdomainAuthAllowed"], true, "also once it is valid");
    for host in [format!("sub1.{zone}"), format!("a.b.sub2.{zone}"), zone.clone()] {
        let placed = new_order(&account, &[dns(&host)]).expect(201);
        let order = placed.json();
        assert_eq!((&order["status"], authorizations(&order)), (&json!("ready"), vec![url.clone()]), "{host}");
        assert_eq!(order["identifiers"], json!([dns(&host)]));
        let key = rcgen::KeyPair::generate().expect("a key is made");
        let order = finalize(&account, placed.location(), &order, &csr(&[&host], &key));
        let chain = download(&account, &order);
        chain.assert_good(&house().root());
    }
}

#[test]
fn rfc9444_s5_one_proof_for_several_names_of_an_order_stands_in_it_once() {
    let endpoint = endpoint("subdomains");
    let account = endpoint.register("ES256");
    let zone = name("several");
    let url = proven(&account, &zone);
    let (one, two, other) = (format!("one.{zone}"), format!("two.{zone}"), name("beside"));
    let placed = new_order(&account, &[dns(&one), dns(&other), dns(&two)]).expect(201);
    let order = placed.json();
    assert_eq!(order["status"], "pending");
    let found = authorizations(&order);
    assert_eq!(found.iter().filter(|found| **found == url).count(), 1, "{order}");
    let [rest] = found.iter().filter(|found| **found != url).collect::<Vec<_>>()[..] else { panic!("two: {order}") };
    prove(&account, rest, "http-01");
    account.await_status(placed.location(), "ready");
    let key = rcgen::KeyPair::generate().expect("a key is made");
    finalize(&account, placed.location(), &order, &csr(&[&one, &other, &two], &key));
}

#[test]
fn rfc9444_s4_3_an_ancestor_in_the_order_is_what_is_proven() {
    let endpoint = endpoint("subdomains");
    let account = endpoint.register("ES256");
    let zone = name("ancestor");
    let (one, two) = (format!("foo.bar.{zone}"), format!("baz.{zone}"));
    let asked = [below(&one, &zone), below(&two, &zone), dns(&zone)];
    let placed = new_order(&account, &asked).expect(201);
    let order = placed.json();
    let mut shown: Vec<&Value> = order["identifiers"].as_array().expect("a list").iter().collect();
    shown.sort_by_key(|identifier| identifier["value"].to_string());
    let mut expected: Vec<&Value> = asked.iter().collect();
    expected.sort_by_key(|identifier| identifier["value"].to_string());
    assert_eq!(shown, expected, "the order reflects what was asked for");
    let found = authorizations(&order);
    let [only] = found.as_slice() else { panic!("one proof for all three: {order}") };
    let object = account.read(only).expect(200).json();
    assert_eq!((&object["identifier"], &object["subdomainAuthAllowed"]), (&dns(&zone), &json!(true)));
    assert!(object.get("wildcard").is_none());
    assert_eq!(kinds(&object).iter().filter(|kind| !kind.starts_with("dns-")).count(), 0, "{object}");
    prove(&account, only, "dns-01");
    account.await_status(placed.location(), "ready");
    let key = rcgen::KeyPair::generate().expect("a key is made");
    let order = finalize(&account, placed.location(), &order, &csr(&[&one, &two, &zone], &key));
    download(&account, &order).assert_good(&house().root());
}

#[test]
fn rfc9444_s4_3_the_server_proves_no_more_than_the_client_named() {
    let endpoint = endpoint("subdomains");
    let account = endpoint.register("ES256");
    let zone = name("named");
    let (deep, other, plain) = (format!("a.b.{zone}"), format!("c.{zone}"), format!("d.{zone}"));
    let asked = [below(&deep, &format!("b.{zone}")), below(&other, &zone), dns(&plain)];
    let order = new_order(&account, &asked).expect(201).json();
    let mut proofs: Vec<(String, bool)> = authorizations(&order)
        .iter()
        .map(|url| account.read(url).expect(200).json())
        .map(|object| (text(&object["identifier"], "value").to_owned(), object["subdomainAuthAllowed"] == true))
        .collect();
    proofs.sort();
    let mut expected = vec![(format!("b.{zone}"), true), (plain, false), (zone, true)];
    expected.sort();
    assert_eq!(proofs, expected);
}

#[test]
fn rfc9444_s4_3_an_ancestor_that_is_none_is_malformed() {
    let endpoint = endpoint("subdomains");
    let account = endpoint.register("ES256");
    let zone = name("none");
    for (value, ancestor) in [
        (format!("a.{zone}"), format!("b.{zone}")),
        (format!("a.{zone}"), format!("x.a.{zone}")),
        (zone.clone(), format!("a.{zone}")),
        // Whole labels are compared (section 6.1).
        (format!("ooo.{zone}"), format!("o.{zone}")),
        (format!("a.{zone}"), zone[1..].to_owned()),
        (format!("a.{zone}"), format!("*.{zone}")),
        (format!("a.{zone}"), String::new()),
        (format!("a.{zone}"), "not a name".to_owned()),
    ] {
        let refused = new_order(&account, &[dns(&name("good")), below(&value, &ancestor)]);
        let problem = refused.expect_problem(400, "malformed").json();
        assert_eq!(problem["subproblems"][0]["identifier"]["value"], value, "{problem}");
    }
    let address = json!({"type": "ip", "value": "127.0.0.1", "ancestorDomain": "1"});
    new_order(&account, &[address]).expect_problem(400, "malformed");
    let number = json!({"type": "dns", "value": format!("a.{zone}"), "ancestorDomain": 7});
    new_order(&account, &[number]).expect_problem(400, "malformed");
    // The name itself is the end of the row.
    let order = new_order(&account, &[below(&zone, &zone)]).expect(201).json();
    assert_eq!(account.read(&authorizations(&order)[0]).json()["identifier"], dns(&zone));
}

#[test]
fn rfc9444_s4_3_where_it_is_not_supported_each_name_is_proven_itself() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let zone = name("unsupported");
    let host = format!("a.{zone}");
    let order = new_order(&account, &[below(&host, &zone)]).expect(201).json();
    assert_eq!(order["identifiers"], json!([dns(&host)]), "what is not supported is not reflected");
    let object = account.read(&authorizations(&order)[0]).json();
    assert_eq!(object["identifier"], dns(&host));
    assert_ne!(object["subdomainAuthAllowed"], true);
    let asked = json!({"type": "dns", "value": zone, "subdomainAuthAllowed": true});
    let made = account.new_authz(&asked).expect(201);
    assert_ne!(made.json()["subdomainAuthAllowed"], true);
    prove(&account, made.location(), "dns-01");
    assert_eq!(new_order(&account, &[dns(&host)]).expect(201).json()["status"], "pending");
}

#[test]
fn rfc9444_s2_what_is_beside_or_above_is_not_proven() {
    let endpoint = endpoint("subdomains");
    let account = endpoint.register("ES256");
    let zone = name("beside");
    proven(&account, &format!("in.{zone}"));
    for host in [format!("xin.{zone}"), format!("out.{zone}"), zone.clone()] {
        assert_eq!(new_order(&account, &[dns(&host)]).expect(201).json()["status"], "pending", "{host}");
    }
    // And an authorization for the name alone is no proof of what is below.
    let made = account.new_authz(&dns(&zone)).expect(201);
    prove(&account, made.location(), "dns-01");
    assert_eq!(new_order(&account, &[dns(&format!("out.{zone}"))]).expect(201).json()["status"], "pending");
}

#[test]
fn rfc9444_wildcards_have_authorizations_of_their_own() {
    let endpoint = endpoint("subdomains");
    let account = endpoint.register("ES256");
    let zone = name("stars");
    proven(&account, &zone);
    // RFC 8555 section 7.4.1: no pre-authorization is for a wildcard.
    for star in [format!("*.{zone}"), format!("*.a.{zone}")] {
        assert_eq!(new_order(&account, &[dns(&star)]).expect(201).json()["status"], "pending", "{star}");
    }
    let (star, deep, plain) = (format!("*.{zone}"), format!("*.a.{zone}"), format!("b.{zone}"));
    let placed = new_order(&account, &[below(&star, &zone), below(&deep, &zone), dns(&plain)]).expect(201);
    let order = placed.json();
    let pending: Vec<(String, Value)> = authorizations(&order)
        .into_iter()
        .map(|url| (account.read(&url).expect(200).json(), url))
        .filter(|(object, _)| object["status"] == "pending")
        .map(|(object, url)| (url, object))
        .collect();
    let [(url, object)] = pending.as_slice() else { panic!("one for both wildcards: {pending:?}") };
    assert_eq!((&object["wildcard"], &object["subdomainAuthAllowed"]), (&json!(true), &json!(true)));
    assert_eq!(object["identifier"], dns(&zone));
    prove(&account, url, "dns-01");
    account.await_status(placed.location(), "ready");
    let key = rcgen::KeyPair::generate().expect("a key is made");
    finalize(&account, placed.location(), &order, &csr(&[&star, &deep, &plain], &key));
}

#[test]
fn rfc9444_it_is_the_account_s_alone_and_ends_with_deactivation() {
    let endpoint = endpoint("subdomains");
    let (account, other) = (endpoint.register("ES256"), endpoint.register("ES256"));
    let zone = name("alone");
    let host = format!("a.{zone}");
    let url = proven(&account, &zone);
    assert_eq!(new_order(&other, &[dns(&host)]).expect(201).json()["status"], "pending");
    let placed = new_order(&account, &[dns(&host)]).expect(201);
    assert_eq!(placed.json()["status"], "ready");
    account.post(&url, &json!({"status": "deactivated"})).expect(200);
    account.await_status(placed.location(), "invalid");
    assert_eq!(new_order(&account, &[dns(&host)]).expect(201).json()["status"], "pending");
}

#[test]
fn rfc9444_what_http_01_has_proven_says_nothing_of_names_below() {
    let endpoint = endpoint("subdomains");
    let account = endpoint.register("ES256");
    let zone = name("http");
    let made = account.new_authz(&dns(&zone)).expect(201);
    prove(&account, made.location(), "http-01");
    assert_eq!(new_order(&account, &[dns(&zone)]).expect(201).json()["status"], "ready");
    let order = new_order(&account, &[below(&format!("a.{zone}"), &zone)]).expect(201).json();
    assert_eq!(order["status"], "pending");
    let object = account.read(&authorizations(&order)[0]).json();
    assert_eq!((&object["identifier"], &object["subdomainAuthAllowed"]), (&dns(&zone), &json!(true)));
    challenge(&object, "dns-01");
}

#[test]
fn rfc8555_s7_6_an_account_that_proved_all_below_a_name_revokes() {
    let endpoint = endpoint("subdomains");
    let (account, other) = (endpoint.register("ES256"), endpoint.register("ES256"));
    let zone = name("held");
    let (one, two) = (format!("one.{zone}"), format!("two.{zone}"));
    let (chain, _) = crate::house::issue(&account, &[&one, &two]);
    let (starred, _) = crate::house::issue(&account, &[&one, &format!("*.{two}")]);
    let revoke = |chain: &crate::support::certificate::Chain| {
        other.post(endpoint.url("revokeCert"), &json!({"certificate": crate::jws::encode(chain.der())}))
    };
    proven(&other, &one);
    revoke(&chain).expect_problem(403, "unauthorized");
    let url = proven(&other, &zone);
    revoke(&starred).expect_problem(403, "unauthorized");
    other.post(&url, &json!({"status": "deactivated"})).expect(200);
    revoke(&chain).expect_problem(403, "unauthorized");
    proven(&other, &zone);
    revoke(&chain).expect(200);
    chain.assert_revoked(&house().root());
}
