//! RFC 8555 section 7.4: orders, up to finalization.

use std::collections::BTreeSet;
use std::thread;

use serde_json::{Value, json};

use super::endpoint;
use crate::client::{Account, Response, text};
use crate::house::{csr, download, finalize, house, moment, name, ready};

fn new_order(account: &Account<'_>, payload: &Value) -> Response {
    account.post(account.endpoint.url("newOrder"), payload)
}

fn order_of(account: &Account<'_>, values: &[&str]) -> Response {
    let identifiers: Vec<Value> = values.iter().map(|value| json!({"type": "dns", "value": value})).collect();
    new_order(account, &json!({"identifiers": identifiers}))
}

fn parse(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap_or_else(|error| panic!("{text}: {error}")).as_second()
}

#[test]
fn s7_4_a_new_order_is_201_with_location_and_object() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let hosts = [name("one"), name("two")];
    let response = order_of(&account, &[&hosts[0], &hosts[1]]).expect(201);
    let order = response.json();
    assert_eq!(order["status"], "pending");
    assert!(parse(text(&order, "expires")) > parse(&moment(0)));
    let mut asked: Vec<&str> =
        order["identifiers"].as_array().expect("a list").iter().map(|identifier| text(identifier, "value")).collect();
    asked.sort_unstable();
    assert_eq!(asked, [hosts[0].as_str(), hosts[1].as_str()]);
    assert_eq!(order["authorizations"].as_array().map(Vec::len), Some(2));
    assert!(text(&order, "finalize").starts_with(endpoint.origin()));
    for absent in ["certificate", "error", "notBefore", "notAfter"] {
        assert!(order.get(absent).is_none(), "{order}");
    }
    assert_eq!(account.read(response.location()).expect(200).json(), order);
}

#[test]
fn s7_4_each_authorization_is_for_one_identifier() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let hosts = [name("a"), name("b"), name("c")];
    let (_, order) = account.order(&[&hosts[0], &hosts[1], &hosts[2]]);
    let mut found: Vec<String> = order["authorizations"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|url| account.read(url.as_str().expect("a URL")).expect(200).json())
        .map(|authorization| text(&authorization["identifier"], "value").to_owned())
        .collect();
    found.sort();
    assert_eq!(found, hosts);
}

#[test]
fn s7_4_identifiers_that_stand_twice_count_once() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("twice");
    let order = order_of(&account, &[&host, &host.to_uppercase(), &host]).expect(201).json();
    assert_eq!(order["identifiers"], json!([{"type": "dns", "value": host}]));
    assert_eq!(order["authorizations"].as_array().map(Vec::len), Some(1));
}

#[test]
fn s7_4_an_order_without_identifiers_is_malformed() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for payload in [
        json!({}),
        json!({"identifiers": []}),
        json!({"identifiers": null}),
        json!({"identifiers": "acme.test"}),
        json!({"identifiers": ["acme.test"]}),
        json!({"identifiers": [{}]}),
        json!({"identifiers": [{"type": "dns"}]}),
        json!({"identifiers": [{"value": "acme.test"}]}),
        json!({"identifiers": [{"type": "dns", "value": 7}]}),
    ] {
        let response = new_order(&account, &payload);
        assert_eq!((response.status, response.problem().as_str()), (400, "malformed"), "{payload}: {response:?}");
    }
}

#[test]
fn s7_4_values_that_are_no_domain_names_are_refused() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let long = format!("{}.test", "a".repeat(64));
    let longer = format!("{}test", "abcdefg.".repeat(40));
    for value in [
        "",
        ".",
        "..",
        ".acme.test",
        "a..acme.test",
        "-a.acme.test",
        "a-.acme.test",
        "a_b.acme.test",
        "a b.acme.test",
        "b\u{fc}cher.acme.test",
        "acme.test:80",
        "https://acme.test",
        "acme.test/",
        "user@acme.test",
        "192.0.2.1",
        "[::1]",
        "*",
        "*.",
        "*.*.acme.test",
        "a.*.acme.test",
        "*a.acme.test",
        "a*.acme.test",
        "**.acme.test",
        "acme.test\u{0}",
        "acme.test\n",
        "xn--zzzzzzz---.acme.test",
        // No A-labels (RFC 5890 section 2.3.2.1), though of letters and digits: a control character, and no Punycode.
        "xn--a.acme.test",
        "xn--99999999.acme.test",
        &long,
        &longer,
    ] {
        let response = order_of(&account, &[value]);
        assert_eq!((response.status, response.problem().as_str()), (400, "malformed"), "{value:?}: {response:?}");
    }
    assert_eq!(account.read(text(&account.read(&account.kid).json(), "orders")).json(), json!({"orders": []}));
}

#[test]
fn s7_4_capital_letters_are_taken_as_small_ones() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("case");
    let (_, order) = account.order(&[&host.to_uppercase()]);
    assert_eq!(order["identifiers"][0]["value"], host);
}

#[test]
fn s7_1_4_a_labels_are_accepted_as_they_are() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = format!("xn--bcher-kva.{}", name("idn"));
    let (_, order) = account.order(&[&host]);
    assert_eq!(order["identifiers"][0]["value"], host);
}

#[test]
fn s7_4_an_identifier_type_that_is_not_supported_is_named() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for identifier in [
        json!({"type": "email", "value": "a@acme.test"}),
        json!({"type": "DNS", "value": "acme.test"}),
        json!({"type": "IP", "value": "192.0.2.1"}),
        json!({"type": "", "value": "acme.test"}),
    ] {
        let response = new_order(&account, &json!({"identifiers": [identifier]}));
        let response = response.expect_problem(400, "unsupportedIdentifier");
        assert!(response.detail().contains("dns"), "{response:?}");
    }
}

#[test]
fn s6_7_1_one_fault_among_several_identifiers_is_named() {
    let endpoint = endpoint("plain");
    let account = endpoint.register("ES256");
    let (good, wildcard) = (name("good"), format!("*.{}", name("star")));
    let response = order_of(&account, &[&good, &wildcard]);
    assert_eq!(response.problem(), "rejectedIdentifier", "{response:?}");
    let parts = response.json()["subproblems"].clone();
    assert_eq!(parts.as_array().map(Vec::len), Some(1), "{parts}");
    assert_eq!(parts[0]["identifier"]["type"], "dns");
    assert!(parts[0]["identifier"]["value"].as_str().is_some_and(|value| wildcard.ends_with(value)), "{parts}");
}

#[test]
fn s6_7_1_every_refused_identifier_is_named_whatever_is_wrong_with_it() {
    let endpoint = endpoint("plain");
    let account = endpoint.register("ES256");
    let (good, host, other) = (name("good"), name("star"), name("star"));
    let (star, second) = (format!("*.{host}"), format!("*.{other}"));
    let urn = |kind: &str| format!("urn:ietf:params:acme:error:{kind}");

    // Of one type: the type is theirs, and each is named.
    let response = order_of(&account, &[&star, &good, &second]).expect_problem(403, "rejectedIdentifier");
    let named: BTreeSet<String> = parts(&response).into_iter().map(|(_, value)| value).collect();
    assert_eq!(named, BTreeSet::from([host.clone(), other]));

    // Of several: compound, whether they are no identifiers, of another type, or not issued for.
    let payload = json!({"identifiers": [
        {"type": "dns", "value": good},
        {"type": "dns", "value": "under_score.acme.test"},
        {"type": "dns", "value": star},
        {"type": "email", "value": "a@acme.test"},
    ]});
    let response = new_order(&account, &payload).expect_problem(400, "compound");
    let expected = [
        (urn("malformed"), "under_score.acme.test".to_owned()),
        (urn("rejectedIdentifier"), host),
        (urn("unsupportedIdentifier"), "a@acme.test".to_owned()),
    ];
    assert_eq!(parts(&response), BTreeSet::from(expected));
}

/// Type and identifier of each subproblem.
fn parts(response: &Response) -> BTreeSet<(String, String)> {
    let problem = response.json();
    let parts = problem["subproblems"].as_array().unwrap_or_else(|| panic!("no subproblems: {problem}"));
    let part = |part: &Value| (text(part, "type").to_owned(), text(&part["identifier"], "value").to_owned());
    parts.iter().map(part).collect()
}

#[test]
fn s7_4_more_identifiers_than_the_profile_takes_are_refused() {
    let endpoint = endpoint("terms");
    let account = endpoint.register("ES256");
    let hosts: Vec<String> = (0..4).map(|_| name("many")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    order_of(&account, &hosts[..3]).expect(201);
    let response = order_of(&account, &hosts);
    assert_eq!(response.problem(), "malformed", "{response:?}");
    assert!(response.detail().contains('3'), "{response:?}");
    // Repetitions do not count.
    order_of(&account, &[hosts[0], hosts[0], hosts[1], hosts[1], hosts[2]]).expect(201);
}

#[test]
fn s7_1_3_a_wildcard_s_authorization_is_for_the_name_without_it() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("wild");
    let star = format!("*.{host}");
    let (_, order) = account.order(&[&star, &host]);
    let asked: Vec<&str> =
        order["identifiers"].as_array().expect("a list").iter().map(|identifier| text(identifier, "value")).collect();
    assert!(asked.contains(&star.as_str()) && asked.contains(&host.as_str()), "{order}");
    let mut wildcards = Vec::new();
    for url in order["authorizations"].as_array().expect("a list") {
        let authorization = account.read(url.as_str().expect("a URL")).expect(200).json();
        assert_eq!(authorization["identifier"], json!({"type": "dns", "value": host}));
        let types: Vec<&str> = authorization["challenges"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|challenge| text(challenge, "type"))
            .collect();
        match authorization.get("wildcard") {
            Some(flag) => {
                assert_eq!(flag, true);
                let by_dns = types.iter().all(|kind| kind.starts_with("dns-"));
                assert!(by_dns && types.contains(&"dns-01"), "section 8.4: only DNS proves a wildcard: {types:?}");
                wildcards.push(true);
            }
            None => {
                assert!(types.contains(&"http-01") && types.contains(&"tls-alpn-01"), "{types:?}");
                wildcards.push(false);
            }
        }
    }
    wildcards.sort_unstable();
    assert_eq!(wildcards, [false, true]);
}

#[test]
fn s7_4_wildcards_that_the_profile_does_not_issue_are_rejected() {
    let endpoint = endpoint("plain");
    let account = endpoint.register("ES256");
    order_of(&account, &[&format!("*.{}", name("no"))]).expect_problem(403, "rejectedIdentifier");
}

#[test]
fn s7_4_not_before_and_not_after_are_issued_as_asked() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("dated");
    let (begin, end) = (moment(-600), moment(5 * 86_400));
    let payload = json!({
        "identifiers": [{"type": "dns", "value": host}], "notBefore": begin, "notAfter": end,
    });
    let response = new_order(&account, &payload).expect(201);
    let order = response.json();
    assert_eq!(parse(text(&order, "notBefore")), parse(&begin));
    assert_eq!(parse(text(&order, "notAfter")), parse(&end));
    crate::house::prove(&account, order["authorizations"][0].as_str().expect("a URL"), "http-01");
    account.await_status(response.location(), "ready");
    let key = rcgen::KeyPair::generate().expect("a key is made");
    let order = finalize(&account, response.location(), &order, &csr(&[&host], &key));
    let chain = download(&account, &order);
    let (_, leaf) = x509_parser::parse_x509_certificate(chain.der()).expect("a certificate");
    assert_eq!(leaf.validity().not_before.timestamp(), parse(&begin));
    // RFC 5280 section 4.1.2.5 counts both ends, so the last second may be left out.
    assert!((0..=1).contains(&(parse(&end) - leaf.validity().not_after.timestamp())), "{:?}", leaf.validity());
}

#[test]
fn s7_4_moments_that_cannot_be_had_are_refused_and_never_ignored() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let day = 86_400;
    for (member, value) in [
        ("notAfter", moment(-60)),
        ("notAfter", moment(400 * day)),
        ("notAfter", "9999-12-31T23:59:59Z".to_owned()),
        ("notBefore", moment(-30 * day)),
        ("notBefore", moment(400 * day)),
        ("notBefore", "1969-12-31T23:59:59Z".to_owned()),
        ("notBefore", "tomorrow".to_owned()),
        ("notAfter", "2026-13-01T00:00:00Z".to_owned()),
        ("notAfter", "2027-01-01".to_owned()),
        ("notAfter", String::new()),
    ] {
        let mut payload = json!({"identifiers": [{"type": "dns", "value": name("dates")}]});
        payload[member] = json!(value);
        let response = new_order(&account, &payload);
        assert_eq!(
            (response.status, response.problem().as_str()),
            (400, "malformed"),
            "{member} {value}: {response:?}"
        );
    }
    let payload = json!({
        "identifiers": [{"type": "dns", "value": name("dates")}], "notBefore": moment(3 * day), "notAfter": moment(2 * day),
    });
    new_order(&account, &payload).expect_problem(400, "malformed");
    let payload = json!({"identifiers": [{"type": "dns", "value": name("dates")}], "notAfter": 1_900_000_000});
    new_order(&account, &payload).expect_problem(400, "malformed");
}

#[test]
fn s7_4_unknown_members_of_an_order_are_ignored() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let payload = json!({
        "identifiers": [{"type": "dns", "value": name("more"), "extra": 1}], "status": "valid", "replacement": 7, "x": {},
    });
    assert_eq!(new_order(&account, &payload).expect(201).json()["status"], "pending");
}

#[test]
fn s7_1_3_one_lost_authorization_makes_the_order_invalid() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (url, order) = ready(&account, &[&name("first"), &name("second")]);
    let authorization = order["authorizations"][0].as_str().expect("a URL");
    account.post(authorization, &json!({"status": "deactivated"})).expect(200);
    let order = account.await_status(&url, "invalid");
    assert!(order["error"]["type"].is_string() && order["error"]["detail"].is_string(), "{order}");
    let key = rcgen::KeyPair::generate().expect("a key is made");
    let request = json!({"csr": csr(&[&name("any")], &key)});
    account.post(text(&order, "finalize"), &request).expect_problem(403, "orderNotReady");
}

#[test]
fn s7_1_3_identifiers_and_authorizations_of_an_order_never_change() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let hosts = [name("still"), name("same")];
    let (url, placed) = account.order(&[&hosts[0], &hosts[1]]);
    for authorization in placed["authorizations"].as_array().expect("a list") {
        crate::house::prove(&account, authorization.as_str().expect("a URL"), "http-01");
    }
    let ready = account.await_status(&url, "ready");
    let key = rcgen::KeyPair::generate().expect("a key is made");
    let done = finalize(&account, &url, &ready, &csr(&[&hosts[0], &hosts[1]], &key));
    for member in ["identifiers", "authorizations", "finalize"] {
        assert_eq!((&placed[member], &placed[member]), (&ready[member], &done[member]), "{member}");
    }
    for object in [&placed, &done] {
        assert!(parse(text(object, "expires")) > 0, "required while pending and while valid: {object}");
    }
}

#[test]
fn s7_4_orders_of_one_account_do_not_disturb_each_other() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let host = name("parallel");
                let (chain, _) = crate::house::issue(&account, &[&host]);
                chain.assert_sound(&house().root(), &[&host]);
            });
        }
    });
}
