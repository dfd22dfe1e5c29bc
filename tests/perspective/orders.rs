//! Whole orders through perspectives, on both forms of URL, with what each of them saw.

use std::time::Duration;

use hickory_proto::rr::{RData, RecordType};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use serde_json::{Value, json};

use crate::client::{Account, text};
use crate::dns::Trouble;
use crate::house::{answer, begin, both_forms, digest, house, name, zone_key};
use crate::jws::encode;
use crate::signed_dns::{SignedZone, ZONE, txt};
use crate::site::signal;
use crate::support::process::eventually;

/// What each perspective said, in order.
pub(crate) fn standings(transcript: &Value) -> Vec<(&str, &str)> {
    let all = transcript["perspectives"].as_array().unwrap_or_else(|| panic!("no perspectives in {transcript}"));
    all.iter().map(|one| (text(one, "name"), text(one, "standing"))).collect()
}

/// What one perspective met.
pub(crate) fn of<'a>(transcript: &'a Value, name: &str) -> &'a Value {
    let all = transcript["perspectives"].as_array().unwrap_or_else(|| panic!("no perspectives in {transcript}"));
    all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name} in {transcript}"))
}

/// The problem of the challenge as the client reads it: type and detail.
pub(crate) fn problem(authorization: &Value, kind: &str) -> (String, String) {
    let error = crate::client::challenge(authorization, kind)["error"].clone();
    let urn = "urn:ietf:params:acme:error:";
    (text(&error, "type").trim_start_matches(urn).to_owned(), text(&error, "detail").to_owned())
}

/// The certificate of an order that is ready.
pub(crate) fn finish(account: &Account<'_>, url: &str, name: &str) {
    let order = account.settle(url);
    assert_eq!(order["status"], "ready", "{order}");
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.distinguished_name = DistinguishedName::new();
    let key = KeyPair::generate().expect("a key");
    let csr = encode(params.serialize_request(&key).expect("a CSR").der());
    account.post(text(&order, "finalize"), &json!({ "csr": csr })).expect(200);
    let order = account.settle(url);
    assert_eq!(order["status"], "valid", "{order}");
    account.read(text(&order, "certificate")).expect(200);
}

/// Publishes the right TXT record where these look.
fn publish(places: &[&str], name: &str, value: &str) {
    for place in places {
        house().zone(place).add_txt(&format!("_acme-challenge.{name}"), value);
    }
}

#[test]
fn a_profile_without_perspectives_asks_nobody() {
    for endpoint in both_forms("alone") {
        let (account, name) = (endpoint.register("ES256"), name("alone"));
        let (url, authorization, challenge) = begin(&account, &name, "dns-01");
        publish(&[""], &name, &digest(&account, &challenge));
        assert_eq!(answer(&account, &authorization, &challenge)["status"], "valid");
        assert_eq!(standings(&house().transcript(&authorization, "dns-01")), []);
        finish(&account, &url, &name);
        assert!(house().zone("north").questions().iter().all(|(asked, ..)| !asked.contains(&name)));
    }
}

#[test]
fn a_whole_order_by_dns_01_when_all_agree_and_each_transcript_is_kept() {
    for endpoint in both_forms("both") {
        let (account, name) = (endpoint.register("ES256"), name("all"));
        let (url, authorization, challenge) = begin(&account, &name, "dns-01");
        publish(&["", "north", "south"], &name, &digest(&account, &challenge));
        let seen = answer(&account, &authorization, &challenge);
        assert_eq!(seen["status"], "valid", "{seen}");
        let transcript = house().transcript(&authorization, "dns-01");
        assert_eq!(standings(&transcript), [("north", "agreed"), ("south", "agreed")]);
        for (who, steps) in
            [("", &transcript), ("north", of(&transcript, "north")), ("south", of(&transcript, "south"))]
        {
            // Each has asked its own resolver, and has been asked there.
            let resolved = &steps["steps"][0];
            let asked = house().zone(who).questions().into_iter().filter(|(asked, ..)| asked.contains(&name)).count();
            assert!(asked > 0 && resolved["kind"] == "resolved", "{who}: {steps}");
        }
        let resolver = |steps: &Value| text(&steps["steps"][0], "resolver").to_owned();
        assert_ne!(resolver(of(&transcript, "north")), resolver(of(&transcript, "south")));
        assert_ne!(resolver(of(&transcript, "north")), resolver(&transcript));
        let shown = house().shown(&authorization);
        assert!(shown.contains("north") && shown.contains("south") && shown.contains("agreed"), "{shown}");
        // What perspectives are for is no business of clients that succeed.
        assert!(!seen.to_string().contains("north") && !seen.to_string().contains("transcript"), "{seen}");
        finish(&account, &url, &name);
    }
}

#[test]
fn a_whole_order_by_http_01_through_perspectives() {
    for endpoint in both_forms("both") {
        let (account, name) = (endpoint.register("ES256"), name("web"));
        let (url, authorization, challenge) = begin(&account, &name, "http-01");
        house().serve(&challenge, &account.key_authorization(&challenge));
        assert_eq!(answer(&account, &authorization, &challenge)["status"], "valid");
        let transcript = house().transcript(&authorization, "http-01");
        for who in ["north", "south"] {
            let steps = of(&transcript, who)["steps"].as_array().expect("steps");
            let kinds: Vec<_> = steps.iter().map(|step| text(step, "kind")).collect();
            let (control, caa) = kinds.split_at(5);
            assert_eq!(control, ["resolved", "resolved", "connected", "answered", "compared"], "{who}: {transcript}");
            // For CAA records the name is asked, and the two above it.
            assert_eq!(caa, ["resolved"; 3], "{who}: {transcript}");
        }
        finish(&account, &url, &name);
    }
}

#[test]
fn http_01_fails_where_one_perspective_is_led_elsewhere_and_all_must_agree() {
    for endpoint in both_forms("both") {
        let (account, name) = (endpoint.register("ES256"), name("led"));
        // Nobody listens at that address.
        house().zone("south").add_address(&name, [127, 0, 0, 99].into());
        let (_, authorization, challenge) = begin(&account, &name, "http-01");
        house().serve(&challenge, &account.key_authorization(&challenge));
        let seen = answer(&account, &authorization, &challenge);
        assert_eq!(seen["status"], "invalid", "{seen}");
        let (kind, detail) = problem(&seen, "http-01");
        assert_eq!(kind, "connection", "{detail}");
        assert!(detail.contains("seen from 2 of 3 vantage points") && detail.contains("south"), "{detail}");
        assert!(!detail.contains("north"), "{detail}");
        let transcript = house().transcript(&authorization, "http-01");
        assert_eq!(standings(&transcript), [("north", "agreed"), ("south", "disagreed")]);
        assert!(text(&of(&transcript, "south")["error"], "type").ends_with(":connection"), "{transcript}");
    }
}

/// The Baseline Requirements section 3.2.2.9: of two, one may disagree; but then one must not be missing besides.
#[test]
fn the_usual_quorum_of_two_bears_with_one_that_disagrees_and_not_with_two() {
    for endpoint in both_forms("usual") {
        let account = endpoint.register("ES256");
        let met = name("met");
        let (url, authorization, challenge) = begin(&account, &met, "dns-01");
        publish(&["", "south"], &met, &digest(&account, &challenge));
        publish(&["north"], &met, "something else");
        assert_eq!(answer(&account, &authorization, &challenge)["status"], "valid");
        let transcript = house().transcript(&authorization, "dns-01");
        assert_eq!(standings(&transcript), [("north", "disagreed"), ("south", "agreed")]);
        let compared = of(&transcript, "north")["steps"].as_array().expect("steps").iter();
        let found = compared.filter(|step| step["kind"] == "compared").map(|step| text(step, "found").to_owned());
        assert_eq!(found.collect::<Vec<_>>(), ["something else"]);
        finish(&account, &url, &met);

        let missed = name("missed");
        let (url, authorization, challenge) = begin(&account, &missed, "dns-01");
        publish(&[""], &missed, &digest(&account, &challenge));
        publish(&["north"], &missed, "something else");
        let seen = answer(&account, &authorization, &challenge);
        assert_eq!(seen["status"], "invalid", "{seen}");
        let (kind, detail) = problem(&seen, "dns-01");
        // That of the first in the profile's order.
        assert_eq!(kind, "unauthorized", "{detail}");
        assert!(detail.contains("seen from 1 of 3 vantage points, and 2 have to agree"), "{detail}");
        assert!(detail.contains("north") && detail.contains("south"), "{detail}");
        assert!(!detail.contains("127.0.0."), "where perspectives are is not told: {detail}");
        let transcript = house().transcript(&authorization, "dns-01");
        assert_eq!(standings(&transcript), [("north", "disagreed"), ("south", "disagreed")]);
        assert_eq!(account.settle(&url)["status"], "invalid");
    }
}

#[test]
fn nothing_passes_that_the_server_itself_does_not_see() {
    for endpoint in both_forms("usual") {
        let (account, name) = (endpoint.register("ES256"), name("unseen"));
        let (_, authorization, challenge) = begin(&account, &name, "dns-01");
        publish(&["north", "south"], &name, &digest(&account, &challenge));
        publish(&[""], &name, "something else");
        let seen = answer(&account, &authorization, &challenge);
        assert_eq!(seen["status"], "invalid", "{seen}");
        let (kind, detail) = problem(&seen, "dns-01");
        // As it would be without perspectives.
        assert_eq!(kind, "unauthorized", "{detail}");
        assert!(!detail.contains("vantage") && !detail.contains("north"), "{detail}");
        let transcript = house().transcript(&authorization, "dns-01");
        assert_eq!(standings(&transcript).len(), 2, "{transcript}");
    }
}

#[test]
fn with_none_required_they_are_asked_and_decide_nothing() {
    for endpoint in both_forms("watching") {
        let (account, name) = (endpoint.register("ES256"), name("watched"));
        let (_, authorization, challenge) = begin(&account, &name, "dns-01");
        publish(&[""], &name, &digest(&account, &challenge));
        assert_eq!(answer(&account, &authorization, &challenge)["status"], "valid");
        let transcript = house().transcript(&authorization, "dns-01");
        assert!(
            standings(&transcript).iter().all(|(_, said)| ["disagreed", "notAwaited"].contains(said)),
            "{transcript}"
        );
    }
}

#[test]
fn one_that_is_down_counts_as_disagreeing_and_is_told_apart() {
    for endpoint in both_forms("one-down") {
        let account = endpoint.register("ES256");
        let met = name("down");
        let (_, authorization, challenge) = begin(&account, &met, "dns-01");
        publish(&["", "north"], &met, &digest(&account, &challenge));
        assert_eq!(answer(&account, &authorization, &challenge)["status"], "valid");
        let transcript = house().transcript(&authorization, "dns-01");
        assert_eq!(standings(&transcript), [("north", "agreed"), ("down", "unreachable")]);
        assert!(text(of(&transcript, "down"), "reason").to_lowercase().contains("refused"), "{transcript}");
        assert!(of(&transcript, "down")["error"].is_null(), "{transcript}");

        let missed = name("down");
        let (_, authorization, challenge) = begin(&account, &missed, "dns-01");
        publish(&[""], &missed, &digest(&account, &challenge));
        publish(&["north"], &missed, "something else");
        let (kind, detail) = problem(&answer(&account, &authorization, &challenge), "dns-01");
        assert_eq!(kind, "unauthorized", "{detail}");
        assert!(detail.contains("could not ask down"), "{detail}");
    }
    let log = house().log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("perspective=down") && line.contains("WARN")).collect();
    assert_eq!(lines.len(), 1, "once, not at each attempt: {lines:#?}");
}

#[test]
fn whoever_cannot_be_trusted_or_asked_counts_as_disagreeing_and_why_is_told_to_operators() {
    for endpoint in both_forms("none-left") {
        let (account, name) = (endpoint.register("ES256"), name("left"));
        let (_, authorization, challenge) = begin(&account, &name, "dns-01");
        publish(&["", "mistaken", "unwilling"], &name, &digest(&account, &challenge));
        let seen = answer(&account, &authorization, &challenge);
        assert_eq!(seen["status"], "invalid", "{seen}");
        let (kind, detail) = problem(&seen, "dns-01");
        // There is nothing that the client could mend.
        assert_eq!(kind, "serverInternal", "{detail}");
        assert!(detail.contains("seen from 1 of 6 vantage points"), "{detail}");
        let transcript = house().transcript(&authorization, "dns-01");
        for (who, words) in [
            ("down", "refused"),
            ("stranger", "certificate"),
            ("mistaken", "certificate"),
            ("unwilling", "403"),
            ("unknown", "perspectives.unknown"),
        ] {
            let reason = text(of(&transcript, who), "reason").to_owned();
            assert_eq!(of(&transcript, who)["standing"], "unreachable", "{transcript}");
            assert!(reason.to_lowercase().contains(words), "{who}: {reason}");
            assert!(!detail.contains(&reason), "{detail}");
        }
        // What has a wrong certificate was not even asked.
        for who in ["mistaken", "unwilling"] {
            assert!(house().zone(who).questions().iter().all(|(asked, ..)| !asked.contains(&name)), "{who}");
        }
    }
    let log = house().log();
    assert!(log.contains("perspective=unknown"), "the start speaks of a name that the configuration lacks");
    assert!(house().site("unwilling").log().contains("chancery-server"), "it says whom it refuses");
}

#[test]
fn a_perspective_that_is_killed_in_the_middle_of_an_attempt_counts_as_disagreeing() {
    let [endpoint, other] = both_forms("doomed");
    let (account, name) = (endpoint.register("ES256"), name("killed"));
    let (_, authorization, challenge) = begin(&account, &name, "dns-01");
    publish(&[""], &name, &digest(&account, &challenge));
    // It waits for its DNS, for as long as it takes to kill it.
    let asked = format!("_acme-challenge.{name}");
    house().zone("doomed").set_trouble(&asked, Some(Trouble::Silence));
    account.post(text(&challenge, "url"), &json!({})).expect(200);
    eventually(Duration::from_secs(60), || {
        let questions = house().zone("doomed").questions();
        let came = questions.iter().any(|(name, kind, _)| name.starts_with(&asked) && *kind == RecordType::TXT);
        if came { Ok(()) } else { Err("it was not asked yet".to_owned()) }
    });
    signal(house().site("doomed").process(), "KILL");
    let seen = account.settle(&authorization);
    assert_eq!(seen["status"], "invalid", "{seen}");
    assert_eq!(problem(&seen, "dns-01").0, "serverInternal");
    let transcript = house().transcript(&authorization, "dns-01");
    assert_eq!(standings(&transcript), [("doomed", "unreachable")]);

    // And from then on, on the other form of URL too.
    let account = other.register("ES256");
    let (_, authorization, challenge) = begin(&account, &name, "dns-01");
    publish(&[""], &name, &digest(&account, &challenge));
    assert_eq!(problem(&answer(&account, &authorization, &challenge), "dns-01").0, "serverInternal");
}

#[test]
fn a_perspective_that_hangs_holds_nobody_up_where_enough_others_agree() {
    let forms = both_forms("frozen");
    let prove = |account: &Account<'_>| -> String {
        let name = name("frozen");
        let (_, authorization, challenge) = begin(account, &name, "dns-01");
        publish(&["", "north", "frozen"], &name, &digest(account, &challenge));
        let seen = answer(account, &authorization, &challenge);
        assert_eq!(seen["status"], "valid", "{seen}");
        let transcript = house().transcript(&authorization, "dns-01");
        assert_eq!(of(&transcript, "north")["standing"], "agreed");
        text(of(&transcript, "frozen"), "standing").to_owned()
    };
    let accounts = [forms[0].register("ES256"), forms[1].register("ES256")];
    for account in &accounts {
        assert!(["agreed", "notAwaited"].contains(&prove(account).as_str()));
    }
    signal(house().site("frozen").process(), "STOP");
    let standings = accounts.each_ref().map(prove);
    assert!(standings.iter().all(|said| ["notAwaited", "unreachable"].contains(&said.as_str())), "{standings:?}");
    // The first question waits on a connection that stands, far longer than the others take to answer.
    assert!(standings.contains(&"notAwaited".to_owned()), "{standings:?}");
}

#[test]
fn what_a_profile_allows_on_the_servers_host_means_nothing_on_that_of_a_perspective() {
    for endpoint in both_forms("strict") {
        let (account, name) = (endpoint.register("ES256"), name("strict"));
        let (_, authorization, challenge) = begin(&account, &name, "http-01");
        house().serve(&challenge, &account.key_authorization(&challenge));
        let seen = answer(&account, &authorization, &challenge);
        assert_eq!(problem(&seen, "http-01").0, "connection", "{seen}");
        let transcript = house().transcript(&authorization, "http-01");
        let steps = of(&transcript, "strict")["steps"].as_array().expect("steps");
        assert!(steps.iter().any(|step| step["kind"] == "addressRefused"), "{transcript}");
        assert!(steps.iter().all(|step| step["kind"] != "connected"), "{transcript}");
    }
}

/// RFC 8659: the records that a perspective sees count there as they count here.
#[test]
fn caa_records_go_through_perspectives_too() {
    for endpoint in both_forms("caa") {
        let account = endpoint.register("ES256");
        let allowed = name("allowed");
        let (url, authorization, challenge) = begin(&account, &allowed, "dns-01");
        publish(&["", "north", "south"], &allowed, &digest(&account, &challenge));
        for place in ["", "north", "south"] {
            house().zone(place).add_caa(&allowed, 0, "issue", "ca.test");
        }
        assert_eq!(answer(&account, &authorization, &challenge)["status"], "valid");
        finish(&account, &url, &allowed);

        let forbidden = name("forbidden");
        let (_, authorization, challenge) = begin(&account, &forbidden, "dns-01");
        publish(&["", "north", "south"], &forbidden, &digest(&account, &challenge));
        for (place, issuer) in [("", "ca.test"), ("north", "ca.test"), ("south", "other.test")] {
            house().zone(place).add_caa(&forbidden, 0, "issue", issuer);
        }
        let seen = answer(&account, &authorization, &challenge);
        assert_eq!(seen["status"], "invalid", "{seen}");
        let (kind, detail) = problem(&seen, "dns-01");
        assert_eq!(kind, "caa", "{detail}");
        assert!(detail.contains("seen from 2 of 3 vantage points") && detail.contains("south"), "{detail}");
        let transcript = house().transcript(&authorization, "dns-01");
        assert_eq!(standings(&transcript), [("north", "agreed"), ("south", "disagreed")]);
    }
}

/// Each of them asks where the authority has no name too, and none does where the profile says so.
#[test]
fn perspectives_ask_for_caa_records_unless_the_profile_says_otherwise() {
    for (path, asks) in [("both", true), ("careless", false)] {
        for endpoint in both_forms(path) {
            let account = endpoint.register("ES256");
            let host = name("unnamed");
            let (_, authorization, challenge) = begin(&account, &host, "dns-01");
            publish(&["", "north", "south"], &host, &digest(&account, &challenge));
            house().zone("south").add_caa(&host, 0, "issue", "other.test");
            let seen = answer(&account, &authorization, &challenge);
            assert_eq!(seen["status"], if asks { "invalid" } else { "valid" }, "{seen}");
            let transcript = house().transcript(&authorization, "dns-01");
            let south = if asks { "disagreed" } else { "agreed" };
            assert_eq!(standings(&transcript), [("north", "agreed"), ("south", south)]);
            if asks {
                let (kind, detail) = problem(&seen, "dns-01");
                assert_eq!(kind, "caa", "{detail}");
                assert!(detail.contains("south") && detail.contains("caaIdentities"), "{detail}");
            }
        }
    }
}

/// A perspective validates DNSSEC as the server does: one that is lied to says so.
#[test]
fn perspectives_validate_dnssec_too() {
    for endpoint in both_forms("signed") {
        let account = endpoint.register("ES256");
        for forged in [false, true] {
            let host = name("signed").replace("perspective.test", ZONE);
            let (url, authorization, challenge) = begin(&account, &host, "dns-01");
            let (at, proof) = (format!("_acme-challenge.{host}"), txt(&digest(&account, &challenge)));
            let signed = |published: RData| {
                SignedZone::signed_by(zone_key(), &[(&at, published)], None, Duration::from_secs(3600))
            };
            let sound = signed(proof.clone()).serve();
            for place in ["", "north", "south"] {
                house().zone(place).delegate(ZONE, sound.address());
            }
            let mut lie = signed(txt("what the holder published"));
            lie.tamper(&at, proof);
            let lie = lie.serve();
            if forged {
                house().zone("south").delegate(ZONE, lie.address());
            }
            let seen = answer(&account, &authorization, &challenge);
            let transcript = house().transcript(&authorization, "dns-01");
            if forged {
                assert_eq!(seen["status"], "invalid", "{seen}");
                let (kind, detail) = problem(&seen, "dns-01");
                assert_eq!(kind, "dns", "{detail}");
                assert!(detail.contains("south") && detail.contains("DNSSEC"), "{detail}");
                assert_eq!(standings(&transcript), [("north", "agreed"), ("south", "disagreed")]);
            } else {
                assert_eq!(seen["status"], "valid", "{seen} {transcript}");
                finish(&account, &url, &host);
            }
        }
    }
}

#[test]
fn the_start_tells_which_perspectives_would_answer() {
    house();
    eventually(Duration::from_secs(60), || {
        let log = house().log();
        let told = |level: &str, words: &str, name: &str| {
            let end = format!("perspective={name}");
            log.lines().any(|line| line.contains(level) && line.contains(words) && line.contains(&end))
        };
        let answer = ["north", "south", "strict"].iter().all(|name| told("INFO", "the perspective answers", name));
        let others = ["down", "stranger", "mistaken", "unwilling"];
        let fail = others.iter().all(|name| told("WARN", "no answer that counts", name));
        if answer && fail && told("WARN", "names a perspective", "unknown") { Ok(()) } else { Err(log) }
    });
}
