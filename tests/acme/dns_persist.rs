//! dns-persist-01 on the wire (draft-ietf-acme-dns-persist, revisions -01 and -02): objects and whole orders, on both forms
//! of URL.

use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::KeyPair;
use serde_json::{Value, json};

use crate::client::{Account, Endpoint, challenge, text};
use crate::house::{changed, csr, finalize, house, name};
use crate::jws::{Signer, encode};
use crate::profiles::Profiles;

const ISSUER: &str = "ca.persist-tests.example";

fn profiles(draft: u8) -> Profiles {
    Profiles::acme(&json!({
        "challenges": ["dns-persist-01"],
        "caaIdentities": [ISSUER, "Second.persist-tests.example"],
        "dnsPersistDraft": draft,
    }))
}

fn both(profiles: &Profiles) -> [Endpoint; 2] {
    [profiles.endpoint(), profiles.activated()]
}

fn publish(host: &str, value: &str) {
    house().zone().add_txt(&format!("_validation-persist.{host}"), value);
}

fn authorizations(order: &Value) -> Vec<String> {
    let urls = order["authorizations"].as_array().expect("an order has authorizations").iter();
    urls.map(|url| url.as_str().expect("a URL").to_owned()).collect()
}

/// Says that the challenges of an order are ready, and answers its authorizations once they are settled.
fn respond(account: &Account<'_>, order: &Value) -> Vec<Value> {
    let urls = authorizations(order);
    for url in &urls {
        let object = account.read(url).expect(200).json();
        account.post(text(&challenge(&object, "dns-persist-01"), "url"), &json!({})).expect(200);
    }
    urls.iter().map(|url| account.settle(url)).collect()
}

/// The certificate of an order whose records are published.
fn issue(account: &Account<'_>, names: &[&str]) {
    let (url, order) = account.order(names);
    for authorization in respond(account, &order) {
        assert_eq!(authorization["status"], "valid", "{authorization}");
    }
    let csr = csr(names, &KeyPair::generate().expect("a key is made"));
    finalize(account, &url, &account.settle(&url), &csr);
}

/// What became of an order for this one name, whose record has this value.
fn failure(account: &Account<'_>, host: &str, value: &str) -> Value {
    publish(host.trim_start_matches("*."), value);
    let (_, order) = account.order(&[host]);
    let settled = respond(account, &order).remove(0);
    assert_eq!(settled["status"], "invalid", "{settled}");
    challenge(&settled, "dns-persist-01")["error"].clone()
}

/// The hashed URI of draft -02 section 4.1, for a name or for `*`.
fn hashed(account: &Account<'_>, domain: &str) -> String {
    let length = u8::try_from(domain.len()).expect("a domain name is short");
    let input = [&[length], domain.as_bytes(), account.signer.thumbprint().as_bytes(), account.kid.as_bytes()].concat();
    let prefix = text(&account.endpoint.directory()["meta"], "accountHashPrefix");
    format!("{prefix}sha-256/{}", encode(digest(&SHA256, &input)))
}

fn seconds(from_now: i64) -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is past 1970");
    now.as_secs().saturating_add_signed(from_now)
}

#[test]
fn draft_01_the_object_names_the_account_and_has_no_token() {
    let profiles = profiles(1);
    for endpoint in both(&profiles) {
        let meta = &endpoint.directory()["meta"];
        assert!(meta.get("issuerDomainNames").is_none() && meta.get("accountHashPrefix").is_none(), "{meta}");
        let account = endpoint.register("ES256");
        let (_, order) = account.order(&[&name("persist-object")]);
        let object = account.read(&authorizations(&order)[0]).expect(200).json();
        let challenge = challenge(&object, "dns-persist-01");
        let url = text(&challenge, "url");
        let expected = json!({
            "type": "dns-persist-01",
            "url": url,
            "status": "pending",
            "accounturi": account.kid,
            "issuer-domain-names": [ISSUER, "second.persist-tests.example"],
        });
        assert_eq!(challenge, expected);
        assert_eq!(account.read(url).expect(200).json(), expected);
    }
}

#[test]
fn draft_01_one_record_serves_order_after_order() {
    let profiles = profiles(1);
    for endpoint in both(&profiles) {
        let account = endpoint.register("ES256");
        let host = name("persist");
        publish(
            &host,
            &format!("{ISSUER}; accounturi={}; policy=wildcard; persistUntil={}", account.kid, seconds(3600)),
        );
        issue(&account, &[&host]);
        issue(&account, &[&host, &format!("*.{host}")]);
        // The account's URL stays when its key does not.
        let account = changed(account, Signer::new("ES256"));
        issue(&account, &[&host]);
    }
}

#[test]
fn draft_01_what_does_not_fit_fails_with_its_type() {
    let profiles = profiles(1);
    for endpoint in both(&profiles) {
        let (account, other) = (endpoint.register("ES256"), endpoint.register("ES256"));
        let mine = format!("{ISSUER}; accounturi={}", account.kid);
        for (host, value, kind) in [
            (name("persist-bad"), format!("{ISSUER}; policy=wildcard"), "malformed"),
            (name("persist-bad"), format!("{mine}; accounturi={}", account.kid), "malformed"),
            (name("persist-bad"), format!("{ISSUER}; accounturi={}", other.kid), "unauthorized"),
            (name("persist-bad"), format!("{mine}; persistUntil={}", seconds(-10)), "unauthorized"),
            (name("persist-bad"), format!("other.example; accounturi={}", account.kid), "unauthorized"),
            (format!("*.{}", name("persist-bad")), mine.clone(), "unauthorized"),
        ] {
            let error = failure(&account, &host, &value);
            assert_eq!(error["type"], format!("urn:ietf:params:acme:error:{kind}"), "{value}: {error}");
        }
    }
}

/// Without a name for the authority there is nothing that a record could say.
#[test]
fn without_caa_identities_it_is_not_offered() {
    let profiles = Profiles::acme(&json!({"challenges": ["dns-persist-01", "dns-01"]}));
    for endpoint in both(&profiles) {
        let account = endpoint.register("ES256");
        let (_, order) = account.order(&[&name("persist-nameless")]);
        let object = account.read(&authorizations(&order)[0]).expect(200).json();
        let challenges = object["challenges"].as_array().expect("challenges");
        assert_eq!(challenges.iter().map(|challenge| text(challenge, "type")).collect::<Vec<_>>(), ["dns-01"]);
    }
}

#[test]
fn draft_02_the_directory_says_what_a_record_needs() {
    let profiles = profiles(2);
    for endpoint in both(&profiles) {
        let meta = endpoint.directory()["meta"].clone();
        let names = json!([ISSUER, "second.persist-tests.example"]);
        assert_eq!(meta["issuerDomainNames"], names);
        let base = endpoint.directory_url().trim_end_matches("directory").to_owned();
        assert!(text(&meta, "accountHashPrefix").starts_with(&base), "{meta}");
        let account = endpoint.register("ES256");
        let (_, order) = account.order(&[&name("persist-object")]);
        let object = account.read(&authorizations(&order)[0]).expect(200).json();
        let challenge = challenge(&object, "dns-persist-01");
        let url = text(&challenge, "url");
        let expected = json!({"type": "dns-persist-01", "url": url, "status": "pending", "issuerDomainNames": names});
        assert_eq!(challenge, expected);
    }
    // Nothing is said of what is not offered.
    let without = Profiles::acme(&json!({"challenges": ["dns-01"], "caaIdentities": [ISSUER], "dnsPersistDraft": 2}));
    let meta = without.endpoint().directory()["meta"].clone();
    assert!(meta.get("issuerDomainNames").is_none() && meta.get("accountHashPrefix").is_none(), "{meta}");
}

#[test]
fn draft_02_digests_name_the_account_with_every_key_that_it_had() {
    let profiles = profiles(2);
    for endpoint in both(&profiles) {
        let account = endpoint.register("ES256");
        let (host, any) = (name("persist-hash"), name("persist-hash"));
        publish(&host, &format!("{ISSUER}; accounturi={}", hashed(&account, &host)));
        publish(&any, &format!("{ISSUER}; accounturi={}", hashed(&account, "*")));
        issue(&account, &[&host, &any]);
        let account = changed(changed(account, Signer::new("ES256")), Signer::new("EdDSA"));
        issue(&account, &[&host, &any]);
        // The URL itself is what draft -01 has.
        let error = failure(&account, &name("persist-url"), &format!("{ISSUER}; accounturi={}", account.kid));
        assert_eq!(error["type"], "urn:ietf:params:acme:error:malformed", "{error}");
        let (other, elsewhere) = (name("persist-other"), name("persist-other"));
        let error = failure(&account, &other, &format!("{ISSUER}; accounturi={}", hashed(&account, &elsewhere)));
        assert_eq!(error["type"], "urn:ietf:params:acme:error:unauthorized", "{error}");
    }
}

/// Section 4.1 item 5: `expires` is no later than the record's end.
#[test]
fn draft_02_an_authorization_ends_with_its_record() {
    let profiles = profiles(2);
    for endpoint in both(&profiles) {
        let account = endpoint.register("ES256");
        let host = name("persist-until");
        let end = seconds(1800);
        publish(&host, &format!("{ISSUER}; accounturi={}; persistUntil={end}", hashed(&account, &host)));
        let (_, order) = account.order(&[&host]);
        let authorization = respond(&account, &order).remove(0);
        assert_eq!(authorization["status"], "valid", "{authorization}");
        let expires = text(&authorization, "expires").parse::<jiff::Timestamp>().expect("a time of RFC 3339");
        assert_eq!(u64::try_from(expires.as_second()), Ok(end), "{authorization}");
    }
}
