//! What profiles say of RFC 9773: each test changes its own.

use serde_json::json;

use crate::house::{house, issue, name};
use crate::jws::encode;
use crate::profiles::Profiles;
use crate::renewal::{ask, certificate_name, now, replacing, window};

#[test]
fn a_profile_says_when_certificates_are_to_be_renewed() {
    let settings = json!({
        "renewalBegin": 10, "renewalLength": 5, "renewalInterval": "1h", "renewalExplanationUrl": "https://acme.test/renewal",
    });
    let profiles = Profiles::new(&settings, &json!({"validity": "100d", "backdate": 0}));
    for endpoint in profiles.both() {
        let account = endpoint.register("ES256");
        let before = now();
        let certificate = certificate_name(&issue(&account, &[&name("renewal-rules")]).0);
        let told = ask(&endpoint, &certificate).expect(200);
        let (start, end) = window(&told);
        let day = 86_400;
        assert!(start >= before + 10 * day - 1 && end <= now() + 15 * day + 1, "{start} {end}");
        assert_eq!(told.header("Retry-After"), Some("3600"));
        assert_eq!(told.json()["explanationURL"], "https://acme.test/renewal");
        // The rules count as they are now, for what was issued before too.
        profiles.change_acme(&json!({"renewalBegin": 80, "renewalLength": 20}));
        assert!(window(&ask(&endpoint, &certificate).expect(200)).0 > before + 79 * day);
        profiles.change_acme(&settings);
    }
}

#[test]
fn a_short_life_has_a_window_within_it_and_is_looked_at_more_often() {
    let profiles = Profiles::ra(&json!({"validity": "2h", "backdate": 0}));
    for endpoint in profiles.both() {
        let account = endpoint.register("ES256");
        let certificate = certificate_name(&issue(&account, &[&name("renewal-short")]).0);
        let told = ask(&endpoint, &certificate).expect(200);
        let (start, end) = window(&told);
        assert!(start > now() + 4_000 && start < end && end < now() + 7_200, "{start} {end}");
        // A twenty-fourth of two hours, less the second that both ends of a validity count.
        assert_eq!(told.header("Retry-After"), Some("299"));
        assert_eq!(told.header("Cache-Control"), Some("public, max-age=299"));
    }
}

#[test]
fn a_profile_that_does_not_offer_renewal_information_knows_nothing_of_it() {
    let profiles = Profiles::acme(&json!({"renewalInfo": false}));
    for endpoint in profiles.both() {
        assert!(endpoint.directory().get("renewalInfo").is_none(), "{}", endpoint.directory());
        let account = endpoint.register("ES256");
        let host = name("renewal-off");
        let certificate = certificate_name(&issue(&account, &[&host]).0);
        let url = endpoint.directory_url().replace("/directory", &format!("/renewal-info/{certificate}"));
        endpoint.send("GET", &url, &[], b"").expect_problem(404, "malformed");
        // As every member that a server does not know.
        let placed = replacing(&account, &[&host], &certificate).expect(201).json();
        assert!(placed.get("replaces").is_none(), "{placed}");
    }
}

/// RFC 9773 section 5 leaves it to the server.
#[test]
fn who_renews_in_time_is_not_limited_and_who_renews_early_is() {
    let profiles = Profiles::acme(&json!({}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let host = name("renewal-limit");
    let (early, late) = (issue(&account, &[&host]).0, issue(&account, &[&host]).0);
    account.post(endpoint.url("revokeCert"), &json!({"certificate": encode(late.der())})).expect(200);
    profiles.change_acme(&json!({"ordersPerHour": 2, "openOrdersPerAccount": 1}));
    let order = |certificate: &str| replacing(&account, &[&host], certificate);
    order(&certificate_name(&early)).expect_problem(429, "rateLimited");
    // The server asks for it at once, as it was revoked.
    let placed = order(&certificate_name(&late)).expect(201);
    // Once for each certificate: else whoever fails on purpose would be free of limits.
    let authorization = placed.json()["authorizations"][0].as_str().expect("a URL").to_owned();
    account.post(&authorization, &json!({"status": "deactivated"})).expect(200);
    account.await_status(placed.location(), "invalid");
    order(&certificate_name(&late)).expect_problem(429, "rateLimited");
}

#[test]
fn what_a_disabled_authority_has_signed_is_renewed_at_once() {
    let authority = json!({"name": "Replaced Intermediate", "rootName": "Replaced Root", "algorithm": "p256"});
    let made = house().admin().post("/authorities", &authority).expect(201).json();
    let id = made["id"].as_str().expect("an id").to_owned();
    let profiles = Profiles::ra(&json!({"authority": id}));
    for endpoint in profiles.both() {
        let account = endpoint.register("ES256");
        let certificate = certificate_name(&issue(&account, &[&name("renewal-issuer")]).0);
        assert!(window(&ask(&endpoint, &certificate).expect(200)).0 > now());
        house().admin().post(&format!("/authorities/{id}/disable"), &json!({})).expect(200);
        let (start, end) = window(&ask(&endpoint, &certificate).expect(200));
        assert!(start < end && end <= now(), "{start} {end}");
        house().admin().post(&format!("/authorities/{id}/enable"), &json!({})).expect(200);
        assert!(window(&ask(&endpoint, &certificate).expect(200)).0 > now());
    }
}

/// How the operator has everything renewed: what a call reaches, and what it does not.
#[test]
fn operators_call_for_renewal_of_one_certificate_of_a_profile_or_of_an_authority() {
    let authority = json!({"name": "Called Intermediate", "rootName": "Called Root", "algorithm": "p256"});
    let made = house().admin().post("/authorities", &authority).expect(201).json();
    let id = made["id"].as_str().expect("an id").to_owned();
    let profiles = Profiles::ra(&json!({"authority": id}));
    let admin = house().admin();
    for endpoint in profiles.both() {
        let account = endpoint.register("ES256");
        let hosts = [name("renewal-called"), name("renewal-called")];
        let [one, other] = [0, 1].map(|nth| issue(&account, &[&hosts[nth]]).0);
        let [first, second] = [&one, &other].map(certificate_name);
        let serial: String = one.serial().iter().map(|byte| format!("{byte:02x}")).collect();
        let listed = admin.get(&format!("/certificates?serial={serial}")).expect(200).json();
        let certificate = listed["items"][0]["id"].as_str().expect("an id").to_owned();
        let at = |name: &str| window(&ask(&endpoint, name).expect(200));
        let usual = at(&second);
        for path in [
            format!("/certificates/{certificate}"),
            format!("/raProfiles/{}", profiles.ra),
            format!("/authorities/{id}"),
        ] {
            let renew = |body| admin.post(&format!("{path}/renew"), &body).expect(200).json();
            let called = now();
            let shown = renew(json!({"within": "2d"}));
            assert!(shown["renewalCall"]["renewedUntil"].is_string(), "{shown}");
            let (start, end) = at(&first);
            assert!(start >= called - 1 && start < end && end <= now() + 2 * 86_400, "{path}: {start} {end}");
            let reached = at(&second) != usual;
            assert_eq!(reached, !path.starts_with("/certificates"), "{path}");
            renew(json!({}));
            assert!(at(&first).1 <= now(), "{path}: at once");
            // What is issued from then on is not meant.
            if reached {
                std::thread::sleep(std::time::Duration::from_millis(5));
                let fresh = certificate_name(&issue(&account, &[&name("renewal-fresh")]).0);
                assert!(at(&fresh).0 > now(), "{path}");
            }
            let shown = renew(json!({"cancel": true}));
            assert!(shown["renewalCall"].is_null(), "{shown}");
            assert_eq!(at(&second), usual, "{path}: taken back");
        }
    }
    // Whoever changes the profile otherwise does not take a call back.
    admin.post(&format!("/raProfiles/{}/renew", profiles.ra), &json!({"within": "1d"})).expect(200);
    profiles.change_ra(&json!({"description": "changed"}));
    let shown = admin.get(&format!("/raProfiles/{}", profiles.ra)).expect(200).json();
    assert!(shown["renewalCall"].is_object(), "{shown}");
    let unknown = json!({"within": "2d", "cancel": true});
    admin.post(&format!("/raProfiles/{}/renew", profiles.ra), &unknown).expect_refusal(422, "invalid");
    admin
        .post(&format!("/raProfiles/{}/renew", profiles.ra), &json!({"within": "500d"}))
        .expect_refusal(422, "invalid");
}
