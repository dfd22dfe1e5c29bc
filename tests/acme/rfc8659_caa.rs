//! CAA on the wire (RFC 8659, RFC 8657): with the challenge and at finalize, on both forms of URL.

use hickory_proto::rr::RecordType;
use rcgen::KeyPair;
use serde_json::{Value, json};

use crate::client::{Account, Endpoint, challenge, text};
use crate::dns::Trouble;
use crate::house::{csr, finalize, house, issue, name, prove, publish, ready};
use crate::profiles::Profiles;

/// The authority's name in these tests. No other profile of the house has it.
const ISSUER: &str = "ca.caa-tests.example";

fn both(profiles: &Profiles) -> [Endpoint; 2] {
    [profiles.endpoint(), profiles.activated()]
}

/// Answers the dns-01 challenge of a new order as it should be: what became of the authorization, and of the order.
fn attempt(account: &Account<'_>, name: &str, kind: &str) -> (Value, Value) {
    let (order_url, order) = account.order(&[name]);
    let url = order["authorizations"][0].as_str().expect("an order has authorizations").to_owned();
    let object = account.read(&url).expect(200).json();
    let challenge = challenge(&object, kind);
    publish(account, &object, &challenge);
    account.post(text(&challenge, "url"), &json!({})).expect(200);
    (account.settle(&url), account.settle(&order_url))
}

#[test]
fn s3_records_for_somebody_else_fail_the_challenge() {
    let profiles = Profiles::acme(&json!({"caaIdentities": [ISSUER]}));
    for endpoint in both(&profiles) {
        assert_eq!(endpoint.directory()["meta"]["caaIdentities"], json!([ISSUER]));
        let account = endpoint.register("ES256");
        let host = name("caa-challenge");
        house().zone().add_caa(&host, 0, "issue", "other.example");
        let (authorization, order) = attempt(&account, &host, "dns-01");
        assert_eq!(authorization["status"], "invalid");
        let error = &challenge(&authorization, "dns-01")["error"];
        assert_eq!(error["type"], "urn:ietf:params:acme:error:caa", "{error}");
        let detail = text(error, "detail");
        assert!(detail.contains(&host) && detail.contains(ISSUER), "{detail}");
        assert_eq!(order["error"]["type"], "urn:ietf:params:acme:error:caa", "{order}");
    }
}

#[test]
fn rfc8657_accounts_and_methods_are_honoured() {
    let profiles = Profiles::acme(&json!({"caaIdentities": [ISSUER]}));
    for endpoint in both(&profiles) {
        let (mine, theirs) = (endpoint.register("ES256"), endpoint.register("ES256"));
        let host = name("caa-account");
        let value = format!("{ISSUER}; accounturi={}; validationmethods=dns-01", mine.kid);
        house().zone().add_caa(&host, 0, "issue", &value);
        for (account, kind, status) in
            [(&mine, "dns-01", "valid"), (&mine, "http-01", "invalid"), (&theirs, "dns-01", "invalid")]
        {
            let (authorization, _) = attempt(account, &host, kind);
            assert_eq!(authorization["status"], status, "{kind} {authorization}");
        }
    }
}

/// What cannot be looked up is no permission, and no refusal by the holder either.
#[test]
fn look_ups_that_fail_are_dns_problems() {
    let profiles = Profiles::acme(&json!({"caaIdentities": [ISSUER], "challenges": ["dns-01"]}));
    for endpoint in both(&profiles) {
        let account = endpoint.register("ES256");
        let host = name("caa-servfail");
        house().zone().set_trouble(&host, Some(Trouble::ServFail));
        let (authorization, _) = attempt(&account, &host, "dns-01");
        let error = &challenge(&authorization, "dns-01")["error"];
        assert_eq!(error["type"], "urn:ietf:params:acme:error:dns", "{error}");
        assert!(text(error, "detail").contains("CAA"), "{error}");
    }
}

/// Nothing had to be proven, so nobody has asked before: the refusal names each identifier, and the order stays ready.
#[test]
fn s3_what_is_exempt_is_asked_for_at_finalize() {
    let hosts = [name("caa-exempt"), name("caa-exempt"), name("caa-exempt")];
    let exempt = hosts.iter().map(|host| json!({"name": host})).collect::<Vec<_>>();
    let profiles = Profiles::new(&json!({"caaIdentities": [ISSUER]}), &json!({"withoutChallenge": exempt}));
    for endpoint in both(&profiles) {
        let account = endpoint.register("ES256");
        let names = hosts.each_ref().map(String::as_str);
        let (url, order) = account.order(&names);
        assert_eq!(order["status"], "ready", "{order}");
        for host in &hosts[..2] {
            house().zone().add_caa(host, 0, "issue", ";");
        }
        let csr = csr(&names, &KeyPair::generate().expect("a key is made"));
        let refused = account.post(text(&order, "finalize"), &json!({ "csr": csr })).expect_problem(403, "caa").json();
        let mut named = refused["subproblems"]
            .as_array()
            .expect("each identifier is named")
            .iter()
            .map(|part| {
                assert_eq!(part["type"], "urn:ietf:params:acme:error:caa");
                assert_eq!(part["identifier"]["type"], "dns");
                text(&part["identifier"], "value").to_owned()
            })
            .collect::<Vec<_>>();
        named.sort();
        let mut expected = hosts[..2].to_vec();
        expected.sort();
        assert_eq!(named, expected);
        assert_eq!(account.read(&url).expect(200).json()["status"], "ready");

        for host in &hosts[..2] {
            house().zone().clear(host, RecordType::CAA);
        }
        finalize(&account, &url, &order, &csr);
    }
}

/// What was proven is relied on again; what the holder has said since counts all the same.
#[test]
fn s3_what_is_reused_is_asked_again_under_new_rules() {
    let profiles = Profiles::acme(&json!({"caaIdentities": [ISSUER], "authorizationReuse": 86400}));
    for endpoint in both(&profiles) {
        let account = endpoint.register("ES256");
        let host = name("caa-reuse");
        let key = KeyPair::generate().expect("a key is made");
        let csr = csr(&[&host], &key);
        let (url, order) = ready(&account, &[&host]);
        finalize(&account, &url, &order, &csr);

        profiles.change_acme(&json!({"description": name("changed")}));
        house().zone().add_caa(&host, 0, "issue", "other.example");
        let (url, order) = account.order(&[&host]);
        assert_eq!(order["status"], "ready", "{order}");
        account.post(text(&order, "finalize"), &json!({ "csr": csr })).expect_problem(403, "caa");
        house().zone().add_caa(&host, 0, "issue", ISSUER);
        finalize(&account, &url, &order, &csr);
    }
}

/// Nobody can name an authority without a name (section 4.2): every record that restricts anybody is in its way, the client is
/// told which, and whose turn it is. Names without records are issued for as ever.
#[test]
fn an_endpoint_without_caa_identities_asks_and_no_record_can_name_it() {
    let profiles = Profiles::acme(&json!({"caaIdentities": []}));
    for endpoint in both(&profiles) {
        let account = endpoint.register("ES256");
        for (flags, tag, value) in [(0, "issue", ";"), (0, "issue", "other.example"), (128, "tbs", "Unknown")] {
            let host = name("caa-unnamed");
            house().zone().add_caa(&host, flags, tag, value);
            let (authorization, order) = attempt(&account, &host, "dns-01");
            assert_eq!(authorization["status"], "invalid", "{authorization}");
            let error = &challenge(&authorization, "dns-01")["error"];
            assert_eq!(error["type"], "urn:ietf:params:acme:error:caa", "{error}");
            let (detail, record) = (text(error, "detail"), format!("{host} CAA {flags} {tag} \"{value}\""));
            assert!(detail.contains(&record), "{detail}");
            assert_eq!(detail.contains("this endpoint has no caaIdentities"), tag == "issue", "{detail}");
            assert_eq!(order["error"]["type"], "urn:ietf:params:acme:error:caa", "{order}");
        }
        // Records for wildcards alone are in the way of wildcards alone (section 4.3).
        let host = name("caa-unnamed");
        house().zone().add_caa(&host, 0, "issuewild", "other.example");
        assert_eq!(attempt(&account, &host, "dns-01").0["status"], "valid");
        assert_eq!(attempt(&account, &format!("*.{host}"), "dns-01").0["status"], "invalid");
        issue(&account, &[&name("caa-without")]);
    }
}

/// What is exempt from challenges is asked for too.
#[test]
fn an_endpoint_without_caa_identities_asks_at_finalize() {
    let host = name("caa-unnamed-exempt");
    let profiles = Profiles::new(&json!({}), &json!({"withoutChallenge": [{"name": host}]}));
    for endpoint in both(&profiles) {
        let account = endpoint.register("ES256");
        house().zone().add_caa(&host, 0, "issue", "other.example");
        let (url, order) = account.order(&[&host]);
        let csr = csr(&[&host], &KeyPair::generate().expect("a key is made"));
        let refused = account.post(text(&order, "finalize"), &json!({ "csr": csr })).expect_problem(403, "caa").json();
        assert!(text(&refused, "detail").contains("caaIdentities"), "{refused}");
        house().zone().clear(&host, RecordType::CAA);
        finalize(&account, &url, &order, &csr);
    }
}

/// An operator can have CAA records not asked for: neither with the challenge nor at finalize, with a name or without.
#[test]
fn an_endpoint_with_caa_off_asks_for_none() {
    let exempt = name("caa-off-exempt");
    for identities in [json!([]), json!([ISSUER])] {
        let profiles = Profiles::new(
            &json!({"caa": "off", "caaIdentities": identities}),
            &json!({"withoutChallenge": [{"name": exempt}]}),
        );
        for endpoint in both(&profiles) {
            let account = endpoint.register("ES256");
            let host = name("caa-off");
            for host in [&host, &exempt] {
                house().zone().add_caa(host, 0, "issue", ";");
            }
            let key = KeyPair::generate().expect("a key is made");
            let names = [host.as_str(), &exempt];
            let (url, order) = account.order(&names);
            for authorization in order["authorizations"].as_array().expect("an order has authorizations") {
                let authorization = authorization.as_str().expect("a URL");
                if account.read(authorization).json()["status"] == "pending" {
                    prove(&account, authorization, "dns-01");
                }
            }
            finalize(&account, &url, &account.settle(&url), &csr(&names, &key));
            let asked = |(host, kind, _): &(String, RecordType, _)| {
                *kind == RecordType::CAA && names.contains(&host.trim_end_matches('.'))
            };
            assert!(!house().zone().questions().iter().any(asked));
        }
        // Switched on again, it asks again.
        profiles.change_acme(&json!({"caa": "on"}));
        let endpoint = profiles.endpoint();
        let account = endpoint.register("ES256");
        let host = name("caa-on");
        house().zone().add_caa(&host, 0, "issue", ";");
        assert_eq!(attempt(&account, &host, "dns-01").0["status"], "invalid");
    }
}

/// RFC 6761 section 6.3: they never come from the DNS. So a first certificate needs none, as README has it.
#[test]
fn names_below_localhost_are_issued_for_where_no_resolver_answers() {
    // Nobody listens there: the port was somebody's a moment ago.
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let profiles =
        Profiles::acme(&json!({"resolvers": [closed.to_string()], "allowedNetworks": ["127.0.0.0/8", "::1/128"]}));
    for endpoint in both(&profiles) {
        issue(&endpoint.register("ES256"), &["localhost", &name("app").replace(".acme.test", ".localhost")]);
    }
}
