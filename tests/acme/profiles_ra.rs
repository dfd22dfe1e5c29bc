//! Every attribute of an RA Profile that clients notice.

use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519, PKCS_ML_DSA_44,
    PKCS_ML_DSA_65, PKCS_ML_DSA_87, PKCS_RSA_SHA256,
};
use serde_json::{Value, json};
use x509_parser::prelude::{DistributionPointName, FromDer as _, GeneralName, ParsedExtension, X509Certificate};

use crate::client::{Account, Response, text};
use crate::house::{csr, download, finalize, house, issue, moment, name, ready};
use crate::profiles::Profiles;
use crate::support::certificate::Chain;

/// For how many days a certificate is valid; both ends count (RFC 5280 section 4.1.2.5).
pub(crate) fn days(chain: &Chain) -> i64 {
    let (begin, end) = validity(chain);
    assert_eq!((end - begin + 1) % 86_400, 0, "whole days");
    (end - begin + 1) / 86_400
}

fn validity(chain: &Chain) -> (i64, i64) {
    let (_, certificate) = X509Certificate::from_der(chain.der()).expect("a certificate");
    let validity = certificate.validity();
    (validity.not_before.timestamp(), validity.not_after.timestamp())
}

fn new_order(account: &Account<'_>, names: &[&str]) -> Response {
    let identifiers: Vec<Value> = names.iter().map(|name| json!({"type": "dns", "value": name})).collect();
    account.post(account.endpoint.url("newOrder"), &json!({"identifiers": identifiers}))
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key is made")
}

#[test]
fn names_are_issued_for_within_allow_and_outside_of_deny() {
    let profiles = Profiles::ra(&json!({"allow": ["**.corp.test", "corp.test"], "deny": ["secret.corp.test"]}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    for good in ["corp.test", "a.corp.test", "b.a.corp.test", "*.a.corp.test"] {
        new_order(&account, &[good]).expect(201);
    }
    // A wildcard is good for what is denied too.
    for bad in ["other.test", "secret.corp.test", "*.corp.test", "xcorp.test"] {
        let refused = new_order(&account, &["a.corp.test", bad]).expect_problem(403, "rejectedIdentifier");
        assert_eq!(refused.json()["subproblems"][0]["identifier"]["value"], bad.trim_start_matches("*."));
    }
    profiles.change_ra(&json!({"allow": [], "deny": []}));
    new_order(&account, &["other.test", "secret.corp.test"]).expect(201);
}

#[test]
fn blocks_of_addresses_say_nothing_of_names() {
    let profiles = Profiles::ra(&json!({"allow": ["10.0.0.0/8", "fd00::/8"]}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    // What is allowed is within a block, and no name is; nor is it denied by one.
    for host in [name("block"), "10.example".to_owned()] {
        profiles.change_ra(&json!({"allow": ["10.0.0.0/8", "fd00::/8"], "deny": []}));
        new_order(&account, &[&host]).expect_problem(403, "rejectedIdentifier");
        profiles.change_ra(&json!({"allow": ["10.0.0.0/8", host], "deny": ["0.0.0.0/0", "::/0"]}));
        new_order(&account, &[&host]).expect(201);
    }
}

#[test]
fn identifiers_are_of_the_types_that_the_profile_names() {
    let profiles = Profiles::ra(&json!({"identifierTypes": ["dns"]}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    new_order(&account, &[&name("types")]).expect(201);
    let address = json!({"identifiers": [{"type": "ip", "value": "192.0.2.1"}]});
    let order_address = || account.post(endpoint.url("newOrder"), &address);
    let refused = order_address().expect_problem(400, "unsupportedIdentifier");
    assert_eq!(refused.json()["subproblems"][0]["identifier"], json!({"type": "ip", "value": "192.0.2.1"}));
    // A profile of no type would issue nothing.
    for wrong in [json!([]), json!(["email"])] {
        let settings = json!({"identifierTypes": wrong});
        let refused = house().admin().patch(&format!("/raProfiles/{}", profiles.ra), "*", &settings);
        refused.expect_refusal(422, "invalid");
    }
    profiles.change_ra(&json!({"identifierTypes": ["ip"]}));
    order_address().expect(201);
    new_order(&account, &[&name("types")]).expect_problem(400, "unsupportedIdentifier");
    profiles.change_ra(&json!({"identifierTypes": ["dns", "ip"]}));
    order_address().expect(201);
    new_order(&account, &[&name("types")]).expect(201);
}

#[test]
fn wildcards_are_issued_only_where_the_profile_says_so() {
    let profiles = Profiles::ra(&json!({"wildcards": false}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let wildcard = format!("*.{}", name("wild"));
    new_order(&account, &[&wildcard]).expect_problem(403, "rejectedIdentifier");
    profiles.change_ra(&json!({"wildcards": true}));
    new_order(&account, &[&wildcard]).expect(201);
}

#[test]
fn what_needs_no_challenge_is_ready_at_once() {
    let profiles = Profiles::ra(&json!({"withoutChallenge": [
        {"name": "exact.corp.test"},
        {"name": "tree.corp.test", "match": "subdomain"},
        {"name": "wild.corp.test", "match": "exact", "wildcard": true},
    ]}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    for (host, expected) in [
        ("exact.corp.test", "ready"),
        ("a.exact.corp.test", "pending"),
        ("tree.corp.test", "ready"),
        ("a.b.tree.corp.test", "ready"),
        ("*.tree.corp.test", "pending"),
        ("*.wild.corp.test", "ready"),
        ("corp.test", "pending"),
    ] {
        assert_eq!(new_order(&account, &[host]).expect(201).json()["status"], expected, "{host}");
    }
    let mixed = new_order(&account, &["exact.corp.test", "other.test"]).expect(201).json();
    assert_eq!(mixed["status"], "pending");
    let statuses: Vec<Value> = mixed["authorizations"]
        .as_array()
        .expect("an order has authorizations")
        .iter()
        .map(|url| account.read(url.as_str().expect("a URL")).expect(200).json()["status"].clone())
        .collect();
    assert_eq!(statuses, ["valid", "pending"]);
    // It leads to a certificate as every order does.
    let names = ["tree.corp.test", "a.tree.corp.test"];
    let placed = new_order(&account, &names).expect(201);
    let done = finalize(&account, placed.location(), &placed.json(), &csr(&names, &key()));
    assert_eq!(download(&account, &done).ders().count(), 2);
}

#[test]
fn where_only_what_is_listed_is_issued_for_the_rest_is_rejected() {
    let rules = json!([{"name": "corp.test", "match": "subdomain"}]);
    let profiles = Profiles::ra(&json!({"withoutChallenge": rules, "withoutChallengeMode": "onlyThese"}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    assert_eq!(new_order(&account, &["a.corp.test"]).expect(201).json()["status"], "ready");
    new_order(&account, &["a.corp.test", "other.test"]).expect_problem(403, "rejectedIdentifier");
    profiles.change_ra(&json!({"withoutChallengeMode": "orElseChallenge"}));
    assert_eq!(new_order(&account, &["a.corp.test", "other.test"]).expect(201).json()["status"], "pending");
}

#[test]
fn only_keys_that_the_profile_accepts_are_certified() {
    let rules = json!([{"name": "keys.test", "match": "subdomain"}]);
    let profiles = Profiles::ra(&json!({"withoutChallenge": rules}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let kinds = [
        ("p256", &PKCS_ECDSA_P256_SHA256),
        ("p384", &PKCS_ECDSA_P384_SHA384),
        ("p521", &PKCS_ECDSA_P521_SHA512),
        ("ed25519", &PKCS_ED25519),
        ("rsa", &PKCS_RSA_SHA256),
        ("mldsa44", &PKCS_ML_DSA_44),
        ("mldsa65", &PKCS_ML_DSA_65),
        ("mldsa87", &PKCS_ML_DSA_87),
    ];
    let keys = kinds.map(|(kind, algorithm)| (kind, KeyPair::generate_for(algorithm).expect("a key is made")));
    let send = |key: &KeyPair| {
        let host = "a.keys.test";
        let placed = new_order(&account, &[host]).expect(201);
        let response = account.post(text(&placed.json(), "finalize"), &json!({"csr": csr(&[host], key)}));
        if response.status != 200 {
            assert_eq!(account.read(placed.location()).json()["status"], "ready", "it can be mended");
        }
        response
    };
    for (accepted, _) in &keys {
        profiles.change_ra(&json!({"keys": [accepted]}));
        for (kind, key) in &keys {
            let response = send(key);
            if kind == accepted {
                response.expect(200);
            } else {
                response.expect_problem(400, "badCSR");
            }
        }
    }
    // This key is RSA, of 2048 bits.
    let (_, rsa) = &keys[4];
    profiles.change_ra(&json!({"keys": ["rsa"], "rsaBits": [3072, 4096]}));
    send(rsa).expect_problem(400, "badCSR");
    profiles.change_ra(&json!({"rsaBits": [2048, 2048]}));
    send(rsa).expect(200);
}

#[test]
fn certificates_are_valid_as_long_as_the_profile_says() {
    let profiles = Profiles::ra(&json!({"validity": "7d", "longestValidity": "20d", "backdate": "20m"}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let before = jiff::Timestamp::now().as_second();
    let (chain, _) = issue(&account, &[&name("validity")]);
    assert_eq!(days(&chain), 7);
    let (begin, _) = validity(&chain);
    let after = jiff::Timestamp::now().as_second();
    assert!((before - 1200..=after - 1200).contains(&begin), "it is back-dated by twenty minutes");
    // Longer where the order asks for it, up to a bound.
    let at = |days: i64| {
        let at = jiff::Timestamp::from_second(after + days * 86_400).expect("a time");
        at.to_string()
    };
    let order = |not_after: String| {
        let identifiers = json!([{"type": "dns", "value": name("not-after")}]);
        account.post(endpoint.url("newOrder"), &json!({"identifiers": identifiers, "notAfter": not_after}))
    };
    assert_eq!(order(at(15)).expect(201).json()["notAfter"], at(15));
    order(at(21)).expect_problem(400, "malformed");
    // Neither does an order begin earlier than the profile back-dates.
    let from = |seconds: i64| {
        let identifiers = json!([{"type": "dns", "value": name("not-before")}]);
        let payload = json!({"identifiers": identifiers, "notBefore": moment(seconds)});
        account.post(endpoint.url("newOrder"), &payload)
    };
    from(-600).expect(201);
    from(-3600).expect_problem(400, "malformed");
    profiles.change_ra(&json!({"longestValidity": "30d", "backdate": 0}));
    order(at(21)).expect(201);
    from(-600).expect_problem(400, "malformed");
    let (chain, _) = issue(&account, &[&name("no-backdate")]);
    assert!(validity(&chain).0 >= after);
}

#[test]
fn an_order_keeps_the_profiles_that_it_was_placed_under() {
    let profiles = Profiles::ra(&json!({"validity": "7d"}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let host = name("revision");
    let (url, order) = ready(&account, &[&host]);
    profiles.change_ra(&json!({"validity": "3d", "keys": ["ed25519"], "deny": [host]}));
    let done = finalize(&account, &url, &order, &csr(&[&host], &key()));
    assert_eq!(days(&download(&account, &done)), 7);
    new_order(&account, &[&host]).expect_problem(403, "rejectedIdentifier");
    let other = name("revision");
    let (url, order) = ready(&account, &[&other]);
    account.post(text(&order, "finalize"), &json!({"csr": csr(&[&other], &key())})).expect_problem(400, "badCSR");
    let key = KeyPair::generate_for(&PKCS_ED25519).expect("a key is made");
    let done = finalize(&account, &url, &order, &csr(&[&other], &key));
    assert_eq!(days(&download(&account, &done)), 3);
}

#[test]
fn certificates_say_what_the_profile_says() {
    let profiles = Profiles::ra(&json!({
        "subject": "CN={name},O=Example Works",
        "keyUsages": ["digitalSignature", "keyAgreement"],
        "extendedKeyUsages": ["clientAuth", "1.3.6.1.4.1.55555.1"],
        "policies": ["1.3.6.1.4.1.55555.2"],
        "caIssuersUrl": "http://acme.test/issuer.der",
        "crlUrl": "http://acme.test/list.crl",
        "ocspUrl": "http://acme.test/ocsp",
    }));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let host = name("contents");
    let (chain, _) = issue(&account, &[&host]);
    let (_, certificate) = X509Certificate::from_der(chain.der()).expect("a certificate");
    let subject = certificate.subject();
    let part = |mut parts: Vec<&str>| parts.pop().expect("it is there").to_owned();
    assert_eq!(part(subject.iter_common_name().filter_map(|part| part.as_str().ok()).collect()), host);
    assert_eq!(part(subject.iter_organization().filter_map(|part| part.as_str().ok()).collect()), "Example Works");
    let usage = certificate.key_usage().expect("it is well-formed").expect("it is there").value;
    assert!(usage.digital_signature() && usage.key_agreement() && !usage.key_encipherment());
    let extended = certificate.extended_key_usage().expect("it is well-formed").expect("it is there").value;
    assert!(extended.client_auth && !extended.server_auth && !extended.any);
    assert_eq!(extended.other.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1.3.6.1.4.1.55555.1"]);
    assert_eq!(policies(&certificate), ["1.3.6.1.4.1.55555.2"]);
    let expected = [
        ("cRLDistributionPoints", "http://acme.test/list.crl"),
        ("1.3.6.1.5.5.7.48.1", "http://acme.test/ocsp"),
        ("1.3.6.1.5.5.7.48.2", "http://acme.test/issuer.der"),
    ];
    assert_eq!(pointers(&certificate), expected.map(|(what, url)| (what.to_owned(), url.to_owned())));

    // What may be left out is left out, and what is our own stands in the place of what was another's.
    profiles.change_ra(&json!({
        "subject": "", "extendedKeyUsages": [], "policies": [], "caIssuersUrl": null, "crlUrl": null, "ocspUrl": null,
    }));
    let (chain, _) = issue(&account, &[&name("contents")]);
    let (_, certificate) = X509Certificate::from_der(chain.der()).expect("a certificate");
    assert!(certificate.subject().iter().next().is_none());
    assert!(certificate.extended_key_usage().expect("it is well-formed").is_none());
    assert_eq!(policies(&certificate), [""; 0]);
    let own: Vec<_> = pointers(&certificate).into_iter().map(|(what, _)| what).collect();
    assert_eq!(own, ["cRLDistributionPoints", "1.3.6.1.5.5.7.48.2"]);
}

/// Under which policies a certificate was issued.
fn policies(certificate: &X509Certificate<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for extension in certificate.extensions() {
        if let ParsedExtension::CertificatePolicies(policies) = extension.parsed_extension() {
            found.extend(policies.iter().map(|policy| policy.policy_id.to_id_string()));
        }
    }
    found
}

/// Where a certificate says that its CRL is, and who else is to be asked how.
fn pointers(certificate: &X509Certificate<'_>) -> Vec<(String, String)> {
    let url = |name: &GeneralName<'_>| {
        let GeneralName::URI(url) = name else { panic!("{name} is no URL") };
        (*url).to_owned()
    };
    let mut found = Vec::new();
    for extension in certificate.extensions() {
        if let ParsedExtension::CRLDistributionPoints(points) = extension.parsed_extension() {
            for point in points.iter() {
                let Some(DistributionPointName::FullName(names)) = &point.distribution_point else {
                    panic!("{point:?}")
                };
                found.extend(names.iter().map(|name| ("cRLDistributionPoints".to_owned(), url(name))));
            }
        }
        if let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() {
            let places = access.accessdescs.iter();
            found.extend(places.map(|place| (place.access_method.to_id_string(), url(&place.access_location))));
        }
    }
    found
}

#[test]
fn the_profile_s_authority_signs() {
    let profiles = Profiles::ra(&json!({}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let authority = json!({"name": "Second Intermediate", "rootName": "Second Root", "algorithm": "p256"});
    house().admin().post("/authorities", &authority).expect(201);
    let host = name("authority");
    let (url, order) = ready(&account, &[&host]);
    profiles.change_ra(&json!({"authority": "Second Intermediate"}));
    let before = download(&account, &finalize(&account, &url, &order, &csr(&[&host], &key())));
    let (after, _) = issue(&account, &[&name("authority")]);
    let issuer = |chain: &Chain| {
        let (_, certificate) = X509Certificate::from_der(chain.der()).expect("a certificate");
        let name = certificate.issuer().iter_common_name().next().and_then(|name| name.as_str().ok());
        name.expect("an issuer has a name").to_owned()
    };
    assert_eq!(issuer(&after), "Second Intermediate");
    assert_ne!(issuer(&before), "Second Intermediate", "an order keeps what it was placed under");
    before.assert_sound(&house().root(), &[&host]);
}

#[test]
fn a_disabled_authority_issues_nothing_until_it_is_enabled() {
    let authority = json!({"name": "Paused Intermediate", "rootName": "Paused Root", "algorithm": "p256"});
    let made = house().admin().post("/authorities", &authority).expect(201).json();
    let switch = |to: &str| {
        house()
            .admin()
            .post(&format!("/authorities/{}/{to}", made["id"].as_str().expect("an id")), &json!({}))
            .expect(200);
    };
    let profiles = Profiles::ra(&json!({"authority": "Paused Intermediate"}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let host = name("paused");
    let (url, order) = ready(&account, &[&host]);
    switch("disable");
    let payload = json!({"identifiers": [{"type": "dns", "value": name("paused")}]});
    let refused = account.post(endpoint.url("newOrder"), &payload).expect_problem(403, "unauthorized").json();
    assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("disabled")), "{refused}");
    let request = csr(&[&host], &key());
    let finalizing = json!({"csr": request});
    account.post(order["finalize"].as_str().expect("a URL"), &finalizing).expect_problem(403, "unauthorized");
    switch("enable");
    finalize(&account, &url, &order, &request);
}
