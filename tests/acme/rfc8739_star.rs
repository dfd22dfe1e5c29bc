//! RFC 8739: certificates that are short-lived and renewed automatically. `star` offers that with lifetimes of seconds, so
//! that a renewal can be waited for; `plain` offers it for days, and without unauthenticated GET.

use std::time::Duration;

use rcgen::KeyPair;
use serde_json::{Value, json};
use x509_parser::prelude::FromDer as _;

use super::{endpoint, endpoint_of};
use crate::client::{Account, Response, text};
use crate::house::{csr, finalize, house, issue, moment, name, prove};
use crate::jws::{Signer, encode};
use crate::profiles::Profiles;
use crate::support::certificate::Chain;
use crate::support::process::eventually;

/// How long a renewal that is due in seconds may take.
const PATIENCE: Duration = Duration::from_secs(180);

fn parse(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap_or_else(|error| panic!("{text}: {error}")).as_second()
}

fn new_order(account: &Account<'_>, host: &str, renewal: &Value) -> Response {
    let identifiers = json!([{"type": "dns", "value": host}]);
    account.post(account.endpoint.url("newOrder"), &json!({"identifiers": identifiers, "auto-renewal": renewal}))
}

/// An order whose first certificate is issued: its URL, its object, and its host.
fn renewed(account: &Account<'_>, renewal: &Value) -> (String, Value, String) {
    renewed_with(account, renewal, &KeyPair::generate().expect("a key is made"))
}

/// The same, for this key.
fn renewed_with(account: &Account<'_>, renewal: &Value, key: &KeyPair) -> (String, Value, String) {
    let host = name("star");
    let response = new_order(account, &host, renewal).expect(201);
    let (url, order) = (response.location().to_owned(), response.json());
    prove(account, order["authorizations"][0].as_str().expect("a URL"), "http-01");
    let order = account.await_status(&url, "ready");
    let order = finalize(account, &url, &order, &csr(&[&host], key));
    (url, order, host)
}

/// notBefore, notAfter and DER of the SubjectPublicKeyInfo of a certificate, with the header fields of section 3.3 checked.
fn contents(response: &Response, host: &str) -> (i64, i64, Vec<u8>, Chain) {
    assert_eq!(response.header("Content-Type"), Some("application/pem-certificate-chain"));
    let chain = Chain::write(house().file("pem"), &response.body);
    let (_, leaf) = x509_parser::certificate::X509Certificate::from_der(chain.der()).expect("well-formed");
    let (begins, ends) = (leaf.validity().not_before.timestamp(), leaf.validity().not_after.timestamp());
    for (field, at) in [("Cert-Not-Before", begins), ("Cert-Not-After", ends)] {
        let said = response.header(field).unwrap_or_else(|| panic!("no {field}: {response:?}"));
        let date = said.strip_prefix('"').and_then(|said| said.strip_suffix('"')).unwrap_or_else(|| panic!("{said}"));
        let date = jiff::fmt::rfc2822::parse(date).expect("an HTTP-date");
        assert_eq!(date.timestamp().as_second(), at, "section 3.3: equal to the field inside the certificate");
    }
    let key = leaf.public_key().raw.to_vec();
    let names: Vec<_> = leaf.subject_alternative_name().expect("well-formed").into_iter().collect();
    assert!(format!("{names:?}").contains(host), "{names:?}");
    (begins, ends, key, chain)
}

fn star(order: &Value) -> &str {
    text(order, "star-certificate")
}

#[test]
fn rfc8739_3_2_the_directory_says_what_is_offered() {
    let offered = |name: &str| endpoint(name).directory()["meta"]["auto-renewal"].clone();
    assert_eq!(offered("star"), json!({"min-lifetime": 2, "max-duration": 86_400, "allow-certificate-get": true}));
    assert_eq!(
        offered("plain"),
        json!({"min-lifetime": 86_400, "max-duration": 31_536_000, "allow-certificate-get": false})
    );
    assert_eq!(offered("default"), Value::Null, "only where it is");
}

#[test]
fn rfc8739_3_1_1_the_order_shows_the_values_that_hold() {
    let endpoint = endpoint("plain");
    let account = endpoint.register("ES256");
    let (start, end) = (moment(3600), moment(30 * 86_400));
    let asked = json!({"start-date": start, "end-date": end, "lifetime": 345_600, "lifetime-adjust": 259_200});
    let order = new_order(&account, &name("echo"), &asked).expect(201).json();
    assert_eq!(order["auto-renewal"], asked);
    // Section 3.5: the server's half of a lifetime is more than what the client asks for.
    let asked = json!({"end-date": end, "lifetime": 345_600, "lifetime-adjust": 5});
    let response = new_order(&account, &name("echo"), &asked).expect(201);
    let expected = json!({"end-date": end, "lifetime": 345_600, "lifetime-adjust": 172_800});
    assert_eq!(response.json()["auto-renewal"], expected);
    assert_eq!(account.read(response.location()).expect(200).json()["auto-renewal"], expected);
}

#[test]
fn rfc8739_3_1_1_what_cannot_be_had_is_refused() {
    let endpoint = endpoint("plain");
    let account = endpoint.register("ES256");
    let day = 86_400;
    let sound = json!({"end-date": moment(30 * day), "lifetime": day});
    let with = |member: &str, value: Value| {
        let mut changed = sound.clone();
        changed[member] = value;
        changed
    };
    for (wrong, said) in [
        (with("lifetime", json!(day - 1)), "86400 s is the least"),
        (with("lifetime", json!(-1)), "\"auto-renewal.lifetime\" has to be a whole number of seconds, not -1"),
        (with("lifetime", json!("6h")), "\"auto-renewal.lifetime\" has to be a whole number of seconds, not \"6h\""),
        (with("lifetime-adjust", json!(1.5)), "\"auto-renewal.lifetime-adjust\" has to be a whole number of seconds"),
        (with("allow-certificate-get", json!("yes")), "\"auto-renewal.allow-certificate-get\" has to be true or false"),
        (with("start-date", json!(5)), "\"auto-renewal.start-date\" has to be a string with a time of RFC 3339, not 5"),
        (with("lifetime", json!(100 * 365 * day)), "lifetime-adjust together"),
        (with("end-date", json!(moment(366 * day))), "31536000 s after start-date"),
        (with("end-date", json!(moment(-1))), "in the future"),
        (with("end-date", json!("soon")), "no time of RFC 3339"),
        (with("start-date", json!(moment(40 * day))), "start-date"),
        (with("start-date", json!(moment(-30 * day))), "in the past"),
        (with("allow-certificate-get", json!(true)), "allow-certificate-get"),
        (json!({"lifetime": day}), "\"auto-renewal.end-date\" is missing"),
        (json!({"end-date": moment(day)}), "\"auto-renewal.lifetime\" is missing; it has to be a whole number"),
        (json!("daily"), "\"auto-renewal\" has to be an object, not \"daily\""),
    ] {
        let refused = new_order(&account, &name("refused"), &wrong).expect_problem(400, "malformed");
        assert!(refused.detail().contains(said), "{wrong}: {}", refused.detail());
    }
    // Section 3.1.1: they MUST NOT be present.
    for member in ["notBefore", "notAfter"] {
        let identifiers = json!([{"type": "dns", "value": name("both")}]);
        let payload = json!({"identifiers": identifiers, "auto-renewal": sound, member: moment(day)});
        account.post(endpoint.url("newOrder"), &payload).expect_problem(400, "malformed");
    }
    let elsewhere = super::endpoint("default");
    let account = elsewhere.register("ES256");
    let refused = new_order(&account, &name("elsewhere"), &sound).expect_problem(400, "malformed");
    assert!(refused.detail().contains("not renewed automatically"), "{}", refused.detail());
}

#[test]
fn rfc8739_2_2_certificates_follow_each_other_until_the_client_cancels() {
    let endpoint = endpoint("star");
    let account = endpoint.register("ES256");
    let end = moment(3600);
    let (url, order, host) = renewed(&account, &json!({"end-date": end, "lifetime": 6}));
    assert!(order.get("certificate").is_none(), "section 3.1.1: star-certificate is used instead: {order}");
    assert_eq!((text(&order, "status"), parse(text(&order, "expires"))), ("valid", parse(&end)));
    // Section 3.4: a GET that was not negotiated is none.
    let response = endpoint.send("GET", star(&order), &[], b"");
    response.expect_problem(405, "malformed");
    account.post(star(&order), &json!({})).expect_problem(400, "malformed");
    let (first_begins, first_ends, key, first) = contents(&account.read(star(&order)).expect(200), &host);
    let next = eventually(PATIENCE, || {
        let next = contents(&account.read(star(&order)).expect(200), &host);
        if next.3.serial() == first.serial() { Err("it is still the first".to_owned()) } else { Ok(next) }
    });
    let (begins, ends, next_key, chain) = next;
    assert_eq!(next_key, key, "section 2.2: the same CSR");
    chain.assert_sound(&house().root(), &[&host]);
    // Section 3.5, wherever the first certificate stands in the series that this client has seen of it.
    assert_eq!((ends - first_ends) % 6, 0);
    assert_eq!(ends - begins, 6 + 3, "a lifetime, and the pre-dating by the half of one");
    assert!(begins >= first_begins && parse(&moment(0)) >= begins, "valid when it is published");

    let canceled = account.post(&url, &json!({"status": "canceled"})).expect(200).json();
    assert_eq!(canceled["status"], "canceled");
    assert!(canceled.get("star-certificate").is_none(), "section 2.3: its link is removed: {canceled}");
    assert!(parse(text(&canceled, "expires")) <= parse(&moment(0)), "section 3.1.2: an appropriate date: {canceled}");
    assert_eq!(account.read(&url).expect(200).json(), canceled);
    account.read(star(&order)).expect_problem(403, "autoRenewalCanceled");
    endpoint.send("GET", star(&order), &[], b"").expect_problem(403, "autoRenewalCanceled");
    account.post(&url, &json!({"status": "canceled"})).expect_problem(400, "autoRenewalCancellationInvalid");
}

#[test]
fn rfc8739_3_4_who_has_negotiated_it_fetches_without_a_signature() {
    let endpoint = endpoint("star");
    let account = endpoint.register("ES256");
    let renewal = json!({"end-date": moment(80_000), "lifetime": 3600, "allow-certificate-get": true});
    let (url, order, host) = renewed(&account, &renewal);
    assert_eq!(order["auto-renewal"]["allow-certificate-get"], true);
    let response = endpoint.send("GET", star(&order), &[("Accept", "application/pem-certificate-chain")], b"");
    let response = response.expect(200);
    let (_, ends, _, chain) = contents(&response, &host);
    chain.assert_sound(&house().root(), &[&host]);
    // Section 4.3: stale before or when its lifetime is over; and here, when the next certificate is there.
    let cache = response.header("Cache-Control").expect("cache directives");
    let age: i64 = cache.strip_prefix("public, max-age=").and_then(|age| age.parse().ok()).expect("a lifetime");
    assert!((1..=1800).contains(&age), "{cache}");
    let expires = jiff::fmt::rfc2822::parse(response.header("Expires").expect("Expires")).expect("an HTTP-date");
    assert!(expires.timestamp().as_second() <= ends);
    let exposed = response.header("Access-Control-Expose-Headers").unwrap_or_default();
    assert!(exposed.contains("Cert-Not-Before") && exposed.contains("Cert-Not-After"), "{exposed}");
    let head = endpoint.send("HEAD", star(&order), &[], b"").expect(200);
    assert_eq!(head.header("Cert-Not-After"), response.header("Cert-Not-After"));
    let signed = account.read(star(&order)).expect(200);
    assert_eq!(signed.body, response.body, "instead of POST-as-GET, or in addition to it");
    // Another account's POST-as-GET, and another endpoint's URL.
    endpoint.register("ES256").read(star(&order)).expect_problem(403, "unauthorized");
    let elsewhere = super::endpoint("default");
    let moved = star(&order).replace("/star/star/", "/default/star/").replace("raProfile/star/", "raProfile/default/");
    elsewhere.send("GET", &moved, &[], b"").expect_problem(404, "malformed");
    account.post(&url, &json!({"status": "canceled"})).expect(200);
    endpoint.send("GET", star(&order), &[], b"").expect_problem(403, "autoRenewalCanceled");
}

#[test]
fn rfc8739_3_3_after_the_end_date_there_is_no_certificate_and_the_order_stays_valid() {
    let endpoint = endpoint("star");
    let account = endpoint.register("ES256");
    let renewal = json!({"end-date": moment(40), "lifetime": 60, "allow-certificate-get": true});
    let (url, order, host) = renewed(&account, &renewal);
    let (_, ends, _, _) = contents(&account.read(star(&order)).expect(200), &host);
    assert_eq!(ends, parse(text(&order["auto-renewal"], "end-date")), "section 3.5: the end date is the latest end");
    eventually(PATIENCE, || {
        let response = account.read(star(&order));
        if response.status == 200 { Err("it is there".to_owned()) } else { Ok(response) }
    })
    .expect_problem(403, "autoRenewalExpired");
    endpoint.send("GET", star(&order), &[], b"").expect_problem(403, "autoRenewalExpired");
    assert_eq!(account.read(&url).expect(200).json()["status"], "valid");
}

#[test]
fn rfc8739_3_1_2_only_an_auto_renewal_order_that_is_valid_is_canceled() {
    let endpoint = endpoint("star");
    let account = endpoint.register("ES256");
    let cancel = json!({"status": "canceled"});
    let pending = new_order(&account, &name("pending"), &json!({"end-date": moment(3600), "lifetime": 60})).expect(201);
    account.post(pending.location(), &cancel).expect_problem(400, "autoRenewalCancellationInvalid");
    let star = format!("{}/star/{}", endpoint.directory_url().trim_end_matches("/directory"), last(pending.location()));
    account.read(&star).expect_problem(404, "malformed");
    let host = name("ordinary");
    let (url, _) = crate::house::ready(&account, &[&host]);
    account.post(&url, &cancel).expect_problem(400, "autoRenewalCancellationInvalid");
    account.post(&url, &json!({"status": "invalid"})).expect_problem(400, "malformed");
    let other = endpoint.register("ES256");
    other.post(&url, &cancel).expect_problem(403, "unauthorized");
    assert_eq!(account.read(&url).expect(200).json()["status"], "ready");
}

/// What is read is read with an empty payload, and what is changed is the status, to one thing.
#[test]
fn rfc8739_3_1_2_what_else_a_client_wants_of_such_an_order_is_told_what_it_may() {
    let endpoint = endpoint("star");
    let account = endpoint.register("ES256");
    let order = new_order(&account, &name("changed"), &json!({"end-date": moment(3600), "lifetime": 60})).expect(201);
    for (payload, said) in [(json!({"status": "valid"}), "\"status\" is \"valid\""), (json!({}), "has no \"status\"")] {
        let refused = account.post(order.location(), &payload).expect_problem(400, "malformed");
        assert!(refused.detail().contains(said) && refused.detail().contains("\"canceled\""), "{}", refused.detail());
        assert!(!refused.detail().contains("can only be read"), "{}", refused.detail());
    }
    account.read(order.location()).expect(200);
}

/// Its orders are canceled one after the other, and no certificate is given from the moment on in which it is closed.
#[test]
fn rfc8739_2_3_a_closed_account_has_no_certificates_to_give() {
    let endpoint = endpoint("star");
    let account = endpoint.register("ES256");
    let renewal = json!({"end-date": moment(80_000), "lifetime": 3600, "allow-certificate-get": true});
    let orders: Vec<Value> = (0..6).map(|_| renewed(&account, &renewal).1).collect();
    for order in &orders {
        endpoint.send("GET", star(order), &[], b"").expect(200);
    }
    account.post(&account.kid, &json!({"status": "deactivated"})).expect(200);
    for order in orders.iter().rev() {
        endpoint.send("GET", star(order), &[], b"").expect_problem(403, "autoRenewalCanceled");
    }
    account.read(star(&orders[0])).expect_problem(401, "unauthorized");
}

#[test]
fn rfc8739_an_account_has_as_many_orders_renewed_as_the_profile_allows() {
    let settings = json!({"autoRenewal": {"minLifetime": "1m"}, "renewingOrdersPerAccount": 2});
    let profiles = Profiles::acme(&settings);
    let endpoint = endpoint_of(&profiles);
    let account = endpoint.register("ES256");
    let renewal = json!({"end-date": moment(80_000), "lifetime": 3600});
    let (url, _, _) = renewed(&account, &renewal);
    new_order(&account, &name("open"), &renewal).expect(201);
    let limited = new_order(&account, &name("limited"), &renewal).expect_problem(429, "rateLimited");
    assert!(limited.detail().contains("2 orders with automatic renewal"), "{}", limited.detail());
    assert!(limited.header("Retry-After").is_some(), "{limited:?}");
    // Others, and other accounts.
    account.order(&[&name("plain")]);
    new_order(&endpoint.register("ES256"), &name("another"), &renewal).expect(201);
    account.post(&url, &json!({"status": "canceled"})).expect(200);
    new_order(&account, &name("next"), &renewal).expect(201);
    new_order(&account, &name("limited"), &renewal).expect_problem(429, "rateLimited");
    profiles.change_acme(&json!({"renewingOrdersPerAccount": null}));
    new_order(&account, &name("free"), &renewal).expect(201);
}

/// One alone and many at once, for whatever reason.
#[test]
fn rfc8739_2_3_an_operator_who_revokes_the_certificate_ends_the_renewal() {
    let endpoint = endpoint("star");
    let account = endpoint.register("ES256");
    let renewal = json!({"end-date": moment(80_000), "lifetime": 3600});
    let orders = [(); 2].map(|()| renewed(&account, &renewal));
    let admin = house().admin();
    let certificate = |url: &str| {
        let view = admin.get(&format!("/orders/{}", last(url))).expect(200).json();
        text(&view, "certificate").to_owned()
    };
    let [alone, together] = [&orders[0], &orders[1]].map(|(url, _, _)| certificate(url));
    let revoked = admin.post(&format!("/certificates/{alone}/revoke"), &json!({"reason": "keyCompromise"})).expect(200);
    assert_eq!(revoked.json()["status"], "revoked");
    let bulk = json!({"action": "revoke", "items": [together], "reason": "superseded"});
    assert_eq!(admin.post("/certificates/bulk", &bulk).expect(200).json()["results"][0]["status"], 200);
    for (url, order, _) in &orders {
        let seen = account.read(url).expect(200).json();
        let error = text(&seen["error"], "type");
        assert_eq!((text(&seen, "status"), error), ("canceled", "urn:ietf:params:acme:error:unauthorized"));
        account.read(star(order)).expect_problem(403, "autoRenewalCanceled");
        let log = admin.get(&format!("/audit?object=order/{}", last(url))).expect(200).json();
        assert_eq!(
            (&log["items"][0]["action"], &log["items"][0]["after"]["status"]),
            (&json!("cancel"), &json!("canceled"))
        );
    }
}

fn last(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

#[test]
fn rfc8739_3_1_2_certificates_that_are_renewed_are_not_revoked() {
    let endpoint = endpoint("star");
    let account = endpoint.register("ES256");
    let key = KeyPair::generate().expect("a key is made");
    let (url, order, host) = renewed_with(&account, &json!({"end-date": moment(3600), "lifetime": 600}), &key);
    let (_, _, _, chain) = contents(&account.read(star(&order)).expect(200), &host);
    let revoke = |chain: &Chain| account.post(endpoint.url("revokeCert"), &json!({"certificate": encode(chain.der())}));
    revoke(&chain).expect_problem(403, "autoRenewalRevocationNotSupported");
    // Whoever holds the certificate's own key may not either, whatever for; and the order goes on.
    let (holder, revoke_cert) = (Signer::from_pkcs8("ES256", &key.serialize_der()), endpoint.url("revokeCert"));
    let compromised = json!({"certificate": encode(chain.der()), "reason": 1});
    let refused = endpoint.post(revoke_cert, holder.with_jwk(revoke_cert).payload(&compromised));
    refused.expect_problem(403, "autoRenewalRevocationNotSupported");
    assert_eq!(account.read(&url).expect(200).json()["status"], "valid");
    let (ordinary, _) = issue(&account, &[&name("ordinary")]);
    revoke(&ordinary).expect(200);
}

/// What an operator sees of it, and ends.
#[test]
fn rfc8739_2_3_an_operator_sees_the_renewal_and_cancels_it() {
    let endpoint = endpoint("star");
    let account = endpoint.register("ES256");
    let (url, order, _) = renewed(&account, &json!({"end-date": moment(80_000), "lifetime": 3600}));
    let admin = house().admin();
    let path = format!("/orders/{}", last(&url));
    let view = admin.get(&path).expect(200).json();
    let renewal = &view["autoRenewal"];
    assert_eq!(
        (&renewal["lifetime"], &renewal["lifetimeAdjust"], &renewal["issued"]),
        (&json!(3600), &json!(1800), &json!(1))
    );
    assert!(parse(text(renewal, "nextDue")) > parse(&moment(0)), "{renewal}");
    assert_eq!(renewal["lateBecause"], Value::Null);
    let listed = admin.get(&format!("/certificates?order={}", last(&url))).expect(200).json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(listed["items"][0]["id"], view["certificate"]);
    let canceled = admin.post(&format!("{path}/cancel"), &json!({})).expect(200).json();
    assert_eq!((&canceled["status"], &canceled["autoRenewal"]["nextDue"]), (&json!("canceled"), &Value::Null));
    account.read(star(&order)).expect_problem(403, "autoRenewalCanceled");
    let seen = account.read(&url).expect(200).json();
    assert_eq!(
        (text(&seen, "status"), text(&seen["error"], "type")),
        ("canceled", "urn:ietf:params:acme:error:unauthorized")
    );
    let found = admin.get("/orders?status=canceled").expect(200).json();
    assert!(
        found["items"].as_array().is_some_and(|items| items.iter().any(|item| item["id"] == view["id"])),
        "{found}"
    );
}
