//! RFC 8555 sections 7.5 and 8: authorizations and challenges, proven over real HTTP and real DNS.

use std::collections::HashSet;

use base64::Engine as _;
use serde_json::{Value, json};

use super::endpoint;
use crate::client::{Account, challenge, text};
use crate::dns::Trouble;
use crate::house::{house, name, prove, publish};
use crate::jws::{ALGORITHMS, Signer};
use crate::profiles::Profiles;

/// A pending authorization for one name: its order, its URL and its object.
fn pending(account: &Account<'_>, host: &str) -> (String, String, Value) {
    let (order_url, order) = account.order(&[host]);
    let url = order["authorizations"][0].as_str().expect("a URL").to_owned();
    let object = account.read(&url).expect(200).json();
    (order_url, url, object)
}

#[test]
fn s7_1_4_a_pending_authorization_shows_all_challenges() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("pending");
    let (_, _, object) = pending(&account, &host);
    assert_eq!(object["status"], "pending");
    assert_eq!(object["identifier"], json!({"type": "dns", "value": host}));
    assert!(object["expires"].is_string());
    assert!(object.get("wildcard").is_none(), "absent where it is false: {object}");
    let challenges = object["challenges"].as_array().expect("a list");
    let types: HashSet<&str> = challenges.iter().map(|challenge| text(challenge, "type")).collect();
    assert_eq!(types, HashSet::from(["http-01", "dns-01", "tls-alpn-01", "dns-account-01"]));
    for challenge in challenges {
        assert_eq!(challenge["status"], "pending");
        assert!(text(challenge, "url").starts_with(endpoint.origin()));
        for absent in ["error", "validated"] {
            assert!(challenge.get(absent).is_none(), "{challenge}");
        }
    }
}

#[test]
fn s8_3_tokens_are_base64url_of_at_least_128_bits_and_never_the_same() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let mut tokens = HashSet::new();
    for _ in 0..10 {
        let (_, _, object) = pending(&account, &name("token"));
        for challenge in object["challenges"].as_array().expect("a list") {
            let token = text(challenge, "token");
            let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).expect("base64url");
            assert!(bytes.len() >= 16, "{token}");
            assert!(tokens.insert(token.to_owned()), "{token}");
        }
    }
}

#[test]
fn s7_5_challenges_link_up_to_their_authorization() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (_, url, object) = pending(&account, &name("up"));
    for asked in object["challenges"].as_array().expect("a list") {
        let response = account.read(text(asked, "url")).expect(200);
        assert_eq!(response.links("up"), [url.as_str()]);
        assert_eq!(&response.json(), asked);
    }
    let asked = challenge(&object, "http-01");
    house().serve(&asked, &account.key_authorization(&asked));
    let response = account.post(text(&asked, "url"), &json!({})).expect(200);
    assert_eq!(response.links("up"), [url.as_str()]);
}

#[test]
fn s7_5_reading_a_challenge_does_not_start_it() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (_, url, object) = pending(&account, &name("look"));
    let asked = challenge(&object, "http-01");
    house().serve(&asked, &account.key_authorization(&asked));
    for _ in 0..3 {
        account.read(text(&asked, "url")).expect(200);
    }
    assert_eq!(account.read(&url).json()["status"], "pending");
    assert_eq!(account.read(text(&asked, "url")).json()["status"], "pending");
}

#[test]
fn s8_3_http_01_proves_control() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (order, url, object) = pending(&account, &name("http"));
    let asked = challenge(&object, "http-01");
    publish(&account, &object, &asked);
    let answered = account.post(text(&asked, "url"), &json!({})).expect(200).json();
    assert_eq!(
        (&answered["type"], &answered["token"], &answered["url"]),
        (&asked["type"], &asked["token"], &asked["url"])
    );
    let valid = account.await_status(&url, "valid");
    assert!(valid["expires"].is_string(), "required while valid: {valid}");
    let shown = valid["challenges"].as_array().expect("a list");
    assert_eq!(shown.len(), 1, "only what was validated: {valid}");
    assert_eq!((&shown[0]["type"], &shown[0]["status"]), (&json!("http-01"), &json!("valid")));
    assert!(text(&shown[0], "validated").parse::<jiff::Timestamp>().is_ok());
    assert!(shown[0].get("error").is_none());
    account.await_status(&order, "ready");
}

#[test]
fn s8_3_white_space_at_the_end_of_the_body_is_ignored() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (_, url, object) = pending(&account, &name("space"));
    let asked = challenge(&object, "http-01");
    house().serve(&asked, &format!("{} \t\r\n\n", account.key_authorization(&asked)));
    account.post(text(&asked, "url"), &json!({})).expect(200);
    account.await_status(&url, "valid");
}

#[test]
fn s8_4_dns_01_proves_control() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("dns");
    let (_, url, _) = pending(&account, &host);
    prove(&account, &url, "dns-01");
    assert_eq!(account.read(&url).json()["challenges"][0]["type"], "dns-01");
}

#[test]
fn s8_4_one_matching_txt_record_among_others_suffices_and_aliases_are_followed() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("alias");
    let (_, url, object) = pending(&account, &host);
    let asked = challenge(&object, "dns-01");
    let elsewhere = name("elsewhere");
    house().zone().set_cname(&format!("_acme-challenge.{host}"), &elsewhere);
    house().zone().add_txt(&elsewhere, "something else");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, account.key_authorization(&asked).as_bytes());
    house().zone().add_txt(&elsewhere, &crate::jws::encode(digest));
    account.post(text(&asked, "url"), &json!({})).expect(200);
    account.await_status(&url, "valid");
}

#[test]
fn s8_4_a_name_and_its_wildcard_are_proven_by_two_records_at_once() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("both");
    let (order_url, order) = account.order(&[&host, &format!("*.{host}")]);
    let urls: Vec<&str> =
        order["authorizations"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let objects: Vec<Value> = urls.iter().map(|url| account.read(url).expect(200).json()).collect();
    for object in &objects {
        publish(&account, object, &challenge(object, "dns-01"));
    }
    for object in &objects {
        account.post(text(&challenge(object, "dns-01"), "url"), &json!({})).expect(200);
    }
    account.await_status(&order_url, "ready");
}

#[test]
fn s8_1_key_authorizations_of_every_kind_of_key_are_understood() {
    let endpoint = endpoint("default");
    for algorithm in ALGORITHMS {
        let account = endpoint.register(algorithm);
        for kind in ["http-01", "dns-01"] {
            let (_, url, _) = pending(&account, &name("thumbprint"));
            prove(&account, &url, kind);
        }
    }
}

#[test]
fn s8_1_leading_zero_octets_of_thumbprints_are_kept() {
    let endpoint = endpoint("default");
    // One key in 256 has such a thumbprint: its first six bits are `A`, and the next two begin the second letter.
    let zero = |signer: &Signer| matches!(signer.thumbprint().as_bytes(), [b'A', b'A'..=b'P', ..]);
    let signer = (0..100_000).map(|_| Signer::new("EdDSA")).find(zero).expect("one in 256");
    let account = endpoint.register_with(signer);
    for kind in ["http-01", "dns-01"] {
        let (_, url, _) = pending(&account, &name("zero"));
        prove(&account, &url, kind);
    }
}

#[test]
fn s10_5_urls_of_objects_cannot_be_guessed() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let mut seen: Vec<Vec<u8>> = Vec::new();
    for _ in 0..8 {
        let (order, authorization, _) = pending(&account, &name("guess"));
        for url in [order, authorization] {
            let segment = url.rsplit('/').next().expect("a URL has a last segment");
            let id = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(segment).expect("base64url");
            assert_eq!(id.len(), 16, "{url}");
            seen.push(id);
        }
    }
    // Ids begin with the time of birth; what follows differs in every octet, from neighbour to neighbour and altogether.
    for place in 6..16 {
        let octets: HashSet<u8> = seen.iter().map(|id| id[place]).collect();
        assert!(octets.len() > 6, "octet {place} of {seen:?}");
    }
}

#[test]
fn s7_5_1_members_of_a_response_mean_nothing() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (_, url, object) = pending(&account, &name("members"));
    let asked = challenge(&object, "http-01");
    publish(&account, &object, &asked);
    let old = json!({"keyAuthorization": "not even right", "resource": "challenge", "status": "invalid"});
    account.post(text(&asked, "url"), &old).expect(200);
    account.await_status(&url, "valid");
}

#[test]
fn s7_5_1_a_response_is_an_object() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (_, _, object) = pending(&account, &name("object"));
    let asked = challenge(&object, "http-01");
    for payload in [json!([]), json!("go"), json!(7), Value::Null] {
        account.post(text(&asked, "url"), &payload).expect_problem(400, "malformed");
    }
    assert_eq!(account.read(text(&asked, "url")).json()["status"], "pending");
}

/// Answers a challenge to which nothing right was published, and returns the challenge once it is invalid.
fn fail(account: &Account<'_>, host: &str, kind: &str, prepare: impl Fn(&Value)) -> Value {
    let (order_url, url, object) = pending(account, host);
    let asked = challenge(&object, kind);
    prepare(&asked);
    account.post(text(&asked, "url"), &json!({})).expect(200);
    let lost = account.await_status(&url, "invalid");
    let shown = challenge(&lost, kind);
    assert_eq!(shown["status"], "invalid");
    assert_eq!(account.read(text(&asked, "url")).expect(200).json(), shown, "the challenge stays with its error");
    let order = account.await_status(&order_url, "invalid");
    assert!(order["error"]["type"].is_string(), "{order}");
    assert!(shown["error"]["detail"].as_str().is_some_and(|detail| detail.len() > 20), "{shown}");
    assert!(shown["error"]["status"].is_number());
    shown
}

fn kind_of(challenge: &Value) -> &str {
    text(&challenge["error"], "type").strip_prefix("urn:ietf:params:acme:error:").expect("an ACME error")
}

#[test]
fn s7_5_1_a_challenge_that_failed_stays_with_its_error() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for kind in ["http-01", "dns-01"] {
        let lost = fail(&account, &name("failed"), kind, |_| {});
        assert!(lost.get("validated").is_none(), "{lost}");
        let response = account.read(text(&lost, "url")).expect(200);
        assert!(response.header("Retry-After").is_none(), "it is over: {response:?}");
    }
}

#[test]
fn s8_3_http_01_asks_port_80_where_nothing_else_is_set() {
    let profiles = Profiles::acme(&json!({}));
    profiles.change_acme(&json!({"httpPort": null}));
    let endpoint = super::endpoint_of(&profiles);
    let account = endpoint.register("ES256");
    let host = name("eighty");
    let lost = fail(&account, &host, "http-01", |_| {});
    // Whether or not somebody listens there, on this machine: a URL tells every port but 80.
    let detail = text(&lost["error"], "detail");
    assert!(detail.contains("on port 80 ") || detail.contains(&format!("http://{host}/")), "{lost}");
}

#[test]
fn s8_3_a_challenge_that_is_not_answered_is_an_incorrect_response() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let lost = fail(&account, &name("missing"), "http-01", |_| {});
    assert_eq!(kind_of(&lost), "incorrectResponse", "{lost}");
}

#[test]
fn s8_3_the_key_authorization_of_another_key_proves_nothing() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let stranger = Signer::new("ES256");
    let lost = fail(&account, &name("stranger"), "http-01", |asked| {
        house().serve(asked, &format!("{}.{}", text(asked, "token"), stranger.thumbprint()));
    });
    assert_eq!(kind_of(&lost), "unauthorized", "{lost}");
}

#[test]
fn s8_3_the_token_alone_or_more_than_the_key_authorization_proves_nothing() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    fail(&account, &name("token"), "http-01", |asked| house().serve(asked, text(asked, "token")));
    fail(&account, &name("more"), "http-01", |asked| {
        house().serve(asked, &format!("{}x", account.key_authorization(asked)));
    });
    fail(&account, &name("before"), "http-01", |asked| {
        house().serve(asked, &format!(" {}", account.key_authorization(asked)));
    });
}

#[test]
fn s8_3_a_host_that_cannot_be_resolved_is_a_dns_error() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("servfail");
    house().zone().set_trouble(&host, Some(Trouble::ServFail));
    let lost = fail(&account, &host, "http-01", |_| {});
    assert_eq!(kind_of(&lost), "dns", "{lost}");
}

#[test]
fn s8_3_a_host_that_refuses_connections_is_a_connection_error() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("refused");
    // The web root listens on 127.0.0.1 only.
    house().zone().add_address(&host, std::net::IpAddr::from([127, 0, 0, 2]));
    let lost = fail(&account, &host, "http-01", |_| {});
    assert_eq!(kind_of(&lost), "connection", "{lost}");
}

#[test]
fn s10_4_addresses_of_special_networks_are_not_contacted() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for address in [[169, 254, 169, 254], [0, 0, 0, 0]] {
        let host = name("special");
        house().zone().add_address(&host, std::net::IpAddr::from(address));
        let lost = fail(&account, &host, "http-01", |_| {});
        assert_eq!(kind_of(&lost), "connection", "{lost}");
        // Refused before it was tried, and not because nobody answered.
        assert!(text(&lost["error"], "detail").contains("may contact"), "{lost}");
    }
}

#[test]
fn s8_4_a_record_that_does_not_match_is_unauthorized_and_none_is_a_dns_error() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("txt");
    house().zone().add_txt(&format!("_acme-challenge.{host}"), "something else");
    let lost = fail(&account, &host, "dns-01", |_| {});
    assert_eq!(kind_of(&lost), "unauthorized", "{lost}");
    let lost = fail(&account, &name("no-txt"), "dns-01", |_| {});
    assert_eq!(kind_of(&lost), "dns", "{lost}");
}

#[test]
fn s8_4_the_key_authorization_itself_is_no_dns_answer() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("undigested");
    fail(&account, &host, "dns-01", |asked| {
        house().zone().add_txt(&format!("_acme-challenge.{host}"), &account.key_authorization(asked));
    });
}

#[test]
fn s7_1_6_what_is_over_is_not_tried_again() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (_, url, object) = pending(&account, &name("over"));
    let (http, dns) = (challenge(&object, "http-01"), challenge(&object, "dns-01"));
    account.post(text(&http, "url"), &json!({})).expect(200);
    account.await_status(&url, "invalid");
    publish(&account, &object, &http);
    publish(&account, &object, &dns);
    for challenge in [&http, &dns] {
        let response = account.post(text(challenge, "url"), &json!({}));
        assert!(response.status == 200 || response.problem() == "malformed", "{response:?}");
    }
    assert_eq!(account.read(&url).json()["status"], "invalid");
}

#[test]
fn s7_5_1_answering_a_challenge_that_is_valid_changes_nothing() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (_, url, object) = pending(&account, &name("done"));
    prove(&account, &url, "http-01");
    let valid = account.read(&url).json();
    let response = account.post(text(&challenge(&object, "http-01"), "url"), &json!({})).expect(200);
    assert_eq!(response.json(), valid["challenges"][0]);
    assert_eq!(account.read(&url).json(), valid);
}

#[test]
fn s8_2_while_it_is_tried_again_error_and_retry_after_are_shown_and_a_new_response_hurries() {
    let endpoint = endpoint("patient");
    let account = endpoint.register("ES256");
    let (order, url, object) = pending(&account, &name("retry"));
    let asked = challenge(&object, "http-01");
    account.post(text(&asked, "url"), &json!({})).expect(200);
    let trying = account.poll(text(&asked, "url"), |challenge| challenge.get("error").is_some());
    assert_eq!(trying["status"], "processing");
    assert!(trying.get("validated").is_none());
    for resource in [text(&asked, "url"), &url] {
        let response = account.read(resource).expect(200);
        let wait: u64 = response.header("Retry-After").and_then(|wait| wait.parse().ok()).expect("Retry-After");
        assert!((1..=600).contains(&wait), "{response:?}");
    }
    assert_eq!(account.read(&url).json()["status"], "pending");
    publish(&account, &object, &asked);
    account.post(text(&asked, "url"), &json!({})).expect(200);
    account.await_status(&url, "valid");
    account.await_status(&order, "ready");
    let done = account.read(text(&asked, "url")).expect(200);
    assert!(done.json().get("error").is_none() && done.header("Retry-After").is_none(), "{done:?}");
}

#[test]
fn s8_2_hurrying_adds_no_attempts() {
    let endpoint = endpoint("patient");
    let account = endpoint.register("ES256");
    let (_, url, object) = pending(&account, &name("limited"));
    let asked = challenge(&object, "http-01");
    account.post(text(&asked, "url"), &json!({})).expect(200);
    account.poll(text(&asked, "url"), |challenge| challenge.get("error").is_some());
    account.post(text(&asked, "url"), &json!({})).expect(200);
    account.await_status(&url, "invalid");
}

#[test]
fn s7_5_1_a_challenge_under_way_is_processing_with_retry_after() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("silent");
    house().zone().set_trouble(&host, Some(Trouble::Silence));
    let (_, url, object) = pending(&account, &host);
    let asked = challenge(&object, "http-01");
    let response = account.post(text(&asked, "url"), &json!({})).expect(200);
    assert_eq!(response.json()["status"], "processing");
    assert!(response.header("Retry-After").is_some());
    assert!(account.read(&url).header("Retry-After").is_some());
    // Deactivation does not wait for it, and what comes of it later changes nothing.
    let gone = account.post(&url, &json!({"status": "deactivated"})).expect(200).json();
    assert_eq!(gone["status"], "deactivated");
}

#[test]
fn s7_5_2_a_deactivated_authorization_is_of_no_use() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for proven in [false, true] {
        let (order, url, object) = pending(&account, &name("deactivated"));
        if proven {
            prove(&account, &url, "http-01");
            account.await_status(&order, "ready");
        }
        let gone = account.post(&url, &json!({"status": "deactivated"})).expect(200).json();
        assert_eq!(gone["status"], "deactivated");
        assert_eq!(account.read(&url).expect(200).json(), gone);
        account.await_status(&order, "invalid");
        let asked = challenge(&object, "http-01");
        publish(&account, &object, &asked);
        account.post(text(&asked, "url"), &json!({}));
        assert_eq!(account.read(&url).json()["status"], "deactivated");
    }
}

#[test]
fn s7_1_6_what_the_server_takes_back_is_revoked_and_its_order_invalid() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for proven in [false, true] {
        let (order, url, object) = pending(&account, &name("taken-back"));
        if proven {
            prove(&account, &url, "http-01");
        }
        let id = url.rsplit('/').next().expect("the URL ends in the id");
        house().admin().post(&format!("/authorizations/{id}/revoke"), &json!({})).expect(200);
        let taken = account.read(&url).expect(200).json();
        assert_eq!(taken["status"], "revoked");
        assert!(taken.get("expires").is_none(), "it is neither pending nor valid: {taken}");
        let lost = account.await_status(&order, "invalid");
        assert!(lost["error"]["type"].is_string(), "{lost}");
        let asked = challenge(&object, "http-01");
        publish(&account, &object, &asked);
        account.post(text(&asked, "url"), &json!({}));
        assert_eq!(account.read(&url).json()["status"], "revoked");
    }
}

#[test]
fn s7_5_2_deactivating_again_is_no_accident() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (_, url, _) = pending(&account, &name("twice"));
    for _ in 0..2 {
        let response = account.post(&url, &json!({"status": "deactivated"}));
        assert!(response.status == 200 || response.problem() == "malformed", "{response:?}");
    }
    assert_eq!(account.read(&url).json()["status"], "deactivated");
}

#[test]
fn s7_5_2_nothing_else_of_an_authorization_can_be_changed() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (_, url, object) = pending(&account, &name("fixed"));
    for payload in [json!({}), json!({"status": "valid"}), json!({"status": "invalid"}), json!({"wildcard": true})] {
        account.post(&url, &payload).expect_problem(400, "malformed");
    }
    assert_eq!(account.read(&url).json(), object);
}

#[test]
fn s7_3_6_deactivating_the_account_ends_a_validation_under_way() {
    let endpoint = endpoint("patient");
    let account = endpoint.register("ES256");
    let (_, _, object) = pending(&account, &name("ending"));
    let asked = challenge(&object, "http-01");
    account.post(text(&asked, "url"), &json!({})).expect(200);
    account.post(&account.kid, &json!({"status": "deactivated"})).expect(200);
    account.read(text(&asked, "url")).expect_problem(401, "unauthorized");
}
