//! Each way of proving control, through perspectives: what a question carries of it arrives, and what is seen comes back.
//! dns-01 and http-01 have their tests in `orders.rs`.

use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{CertificateParams, DistinguishedName, KeyPair, SanType};
use serde_json::{Value, json};

use crate::background::background;
use crate::client::{Account, challenge, text};
use crate::house::{self, answer, begin, both_forms, house, name};
use crate::jws::encode;
use crate::orders::{finish, of, problem, standings};
use crate::responder::{Answer, Manner, Responder};

const ALL: [&str; 3] = ["", "north", "south"];

/// One at a time sets where the endpoint `tls` goes.
static TLS: Mutex<()> = Mutex::new(());

/// A server at this address and port for tls-alpn-01, that proves nothing yet.
fn respond(place: String) -> Responder {
    let nothing = Answer::new(SanType::DnsName("nothing.test".try_into().expect("a name")), "nothing").self_signed();
    background(async move { Responder::start_at(&place, nothing, Manner::default()).await })
}

fn show(responder: &Responder, name: &str, key_authorization: &str) {
    let name = SanType::DnsName(name.try_into().expect("a name"));
    responder.show(&Answer::new(name, key_authorization).self_signed());
}

fn kinds(steps: &Value) -> Vec<&str> {
    steps["steps"].as_array().expect("steps").iter().map(|step| text(step, "kind")).collect()
}

/// The digest that a record of dns-01 or dns-account-01 has.
fn value(account: &Account<'_>, challenge: &Value) -> String {
    house::digest(account, challenge)
}

fn agreed(transcript: &Value) {
    assert_eq!(standings(transcript), [("north", "agreed"), ("south", "agreed")], "{transcript}");
}

#[test]
fn tls_alpn_01_when_all_agree_and_when_one_is_led_elsewhere() {
    let _turn = TLS.lock().unwrap_or_else(PoisonError::into_inner);
    let right = respond("127.0.0.1:0".to_owned());
    // At the same port of another address, where somebody else answers for the name, with a certificate of his own.
    let wrong = respond(format!("127.0.0.99:{}", right.port()));
    house().admin().patch("/acmeProfiles/tls", "*", &json!({"tlsPort": right.port()})).expect(200);
    for endpoint in both_forms("tls") {
        let account = endpoint.register("ES256");
        let met = name("tls");
        let (url, authorization, challenge) = begin(&account, &met, "tls-alpn-01");
        show(&right, &met, &account.key_authorization(&challenge));
        let before = right.hellos().len();
        assert_eq!(answer(&account, &authorization, &challenge)["status"], "valid");
        let transcript = house().transcript(&authorization, "tls-alpn-01");
        agreed(&transcript);
        for who in ["north", "south"] {
            let seen = kinds(of(&transcript, who));
            assert!(seen.contains(&"connected") && seen.contains(&"presented"), "{who}: {transcript}");
        }
        let asked = right.hellos().into_iter().skip(before).filter(|hello| hello.server_name == Some(met.clone()));
        assert_eq!(asked.count(), 3, "the server and both");
        finish(&account, &url, &met);

        let missed = name("tls-led");
        house().zone("south").add_address(&missed, [127, 0, 0, 99].into());
        let (_, authorization, challenge) = begin(&account, &missed, "tls-alpn-01");
        let proof = account.key_authorization(&challenge);
        show(&right, &missed, &proof);
        show(&wrong, &missed, &format!("{proof}x"));
        let seen = answer(&account, &authorization, &challenge);
        assert_eq!(seen["status"], "invalid", "{seen}");
        let (kind, detail) = problem(&seen, "tls-alpn-01");
        assert_eq!(kind, "unauthorized", "{detail}");
        assert!(detail.contains("seen from 2 of 3 vantage points") && detail.contains("south"), "{detail}");
        let transcript = house().transcript(&authorization, "tls-alpn-01");
        assert_eq!(standings(&transcript), [("north", "agreed"), ("south", "disagreed")], "{transcript}");
    }
}

/// Where the record is follows from the account's URL, which travels with the question.
#[test]
fn dns_account_01_when_all_agree_and_when_one_sees_another_accounts_label() {
    for endpoint in both_forms("both") {
        let (account, other) = (endpoint.register("ES256"), endpoint.register("ES256"));
        let label = |account: &Account<'_>| {
            let digest = digest(&SHA256, account.kid.as_bytes());
            let number = digest.as_ref()[..10].iter().fold(0_u128, |number, &octet| (number << 8) | u128::from(octet));
            let letter = |place: u32| b"abcdefghijklmnopqrstuvwxyz234567"[(number >> (5 * place)) as usize & 31];
            (0..16).rev().map(letter).map(char::from).collect::<String>()
        };
        let publish = |place: &str, name: &str, account: &Account<'_>, value: &str| {
            house().zone(place).add_txt(&format!("_{}._acme-challenge.{name}", label(account)), value);
        };
        let met = name("labelled");
        let (url, authorization, challenge) = begin(&account, &met, "dns-account-01");
        for place in ALL {
            publish(place, &met, &account, &value(&account, &challenge));
        }
        assert_eq!(answer(&account, &authorization, &challenge)["status"], "valid");
        agreed(&house().transcript(&authorization, "dns-account-01"));
        finish(&account, &url, &met);

        let missed = name("labelled");
        let (_, authorization, challenge) = begin(&account, &missed, "dns-account-01");
        for (place, whose) in [("", &account), ("north", &account), ("south", &other)] {
            publish(place, &missed, whose, &value(&account, &challenge));
        }
        let seen = answer(&account, &authorization, &challenge);
        assert_eq!(seen["status"], "invalid", "{seen}");
        let transcript = house().transcript(&authorization, "dns-account-01");
        assert_eq!(standings(&transcript), [("north", "agreed"), ("south", "disagreed")], "{transcript}");
    }
}

/// What the record has to say (the issuer's name, the account, how long it holds) travels with the question.
#[test]
fn dns_persist_01_when_all_agree_and_when_one_sees_the_record_of_another_account() {
    for endpoint in both_forms("caa") {
        let account = endpoint.register("ES256");
        let publish = |place: &str, name: &str, account: &str| {
            let value = format!("ca.test; accounturi={account}");
            house().zone(place).add_txt(&format!("_validation-persist.{name}"), &value);
        };
        let met = name("persistent");
        let (url, authorization, challenge) = begin(&account, &met, "dns-persist-01");
        for place in ALL {
            publish(place, &met, &account.kid);
        }
        assert_eq!(answer(&account, &authorization, &challenge)["status"], "valid");
        agreed(&house().transcript(&authorization, "dns-persist-01"));
        finish(&account, &url, &met);

        let missed = name("persistent");
        let (_, authorization, challenge) = begin(&account, &missed, "dns-persist-01");
        let others = format!("{}x", account.kid);
        for (place, whose) in [("", &account.kid), ("north", &account.kid), ("south", &others)] {
            publish(place, &missed, whose);
        }
        let seen = answer(&account, &authorization, &challenge);
        assert_eq!(seen["status"], "invalid", "{seen}");
        let transcript = house().transcript(&authorization, "dns-persist-01");
        assert_eq!(standings(&transcript), [("north", "agreed"), ("south", "disagreed")], "{transcript}");
    }
}

#[test]
fn an_address_goes_through_perspectives_as_it_is() {
    for endpoint in both_forms("both") {
        let account = endpoint.register("ES256");
        let identifiers = json!({"identifiers": [{"type": "ip", "value": "127.0.0.1"}]});
        let placed = account.post(account.endpoint.url("newOrder"), &identifiers).expect(201);
        let authorization = placed.json()["authorizations"][0].as_str().expect("a URL").to_owned();
        let challenge = challenge(&account.read(&authorization).json(), "http-01");
        house().serve(&challenge, &account.key_authorization(&challenge));
        let seen = answer(&account, &authorization, &challenge);
        assert_eq!(seen["status"], "valid", "{seen}");
        let transcript = house().transcript(&authorization, "http-01");
        agreed(&transcript);
        for who in ["north", "south"] {
            // There is nothing to resolve.
            assert_eq!(kinds(of(&transcript, who)), ["connected", "answered", "compared"], "{who}: {transcript}");
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
        let csr = params.serialize_request(&KeyPair::generate().expect("a key")).expect("a CSR");
        let order = account.settle(placed.location());
        account.post(text(&order, "finalize"), &json!({ "csr": encode(csr.der()) })).expect(200);
        assert_eq!(account.settle(placed.location())["status"], "valid");
    }
}

/// RFC 9444. That it is for all below the name travels too: CAA records are asked for there for what follows, and the names
/// below are looked up at finalize through the perspectives again.
#[test]
fn an_authorization_for_all_below_a_name_and_the_caa_records_of_names_below() {
    for endpoint in both_forms("caa") {
        let account = endpoint.register("ES256");
        let zone = name("zone");
        let made = account.new_authz(&json!({"type": "dns", "value": zone, "subdomainAuthAllowed": true})).expect(201);
        let authorization = made.location().to_owned();
        let challenge = challenge(&made.json(), "dns-01");
        for place in ALL {
            house().zone(place).add_txt(&format!("_acme-challenge.{zone}"), &value(&account, &challenge));
        }
        let seen = answer(&account, &authorization, &challenge);
        assert_eq!((&seen["status"], &seen["subdomainAuthAllowed"]), (&json!("valid"), &json!(true)), "{seen}");
        agreed(&house().transcript(&authorization, "dns-01"));

        let (allowed, forbidden) = (format!("a.{zone}"), format!("b.{zone}"));
        house().zone("south").add_caa(&forbidden, 0, "issue", "other.test");
        for place in ["", "north"] {
            house().zone(place).add_caa(&forbidden, 0, "issue", "ca.test");
        }
        let (url, order) = account.order(&[&allowed]);
        assert_eq!(order["status"], "ready", "{order}");
        finish(&account, &url, &allowed);
        for place in ALL {
            let asked = house().zone(place).questions().into_iter().filter(|(asked, ..)| asked.contains(&allowed));
            assert!(asked.count() > 0, "{place:?} was not asked about {allowed}");
        }

        let (_, order) = account.order(&[&forbidden]);
        let mut params = CertificateParams::new(vec![forbidden.clone()]).expect("a name");
        params.distinguished_name = DistinguishedName::new();
        let csr = params.serialize_request(&KeyPair::generate().expect("a key")).expect("a CSR");
        let refused = account.post(text(&order, "finalize"), &json!({ "csr": encode(csr.der()) }));
        let refused = refused.expect_problem(403, "caa").json();
        assert!(refused.to_string().contains("seen from 2 of 3 vantage points"), "{refused}");
    }
}
