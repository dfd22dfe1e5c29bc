//! Identifiers that are addresses (RFC 8738) on the wire, on both forms of URL.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::background::background;
use crate::client::{Account, Endpoint, Response, challenge, text};
use crate::credential::Credential;
use crate::house::{csr, csr_with, download, finalize, house, name, publish};
use crate::jws::{Signer, encode};
use crate::profiles::Profiles;
use crate::responder::{Answer, Manner, Responder};
use crate::scripted_web::{Web, ok};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

fn ip(value: &str) -> Value {
    json!({"type": "ip", "value": value})
}

fn new_order(account: &Account<'_>, identifiers: &[Value]) -> Response {
    account.post(account.endpoint.url("newOrder"), &json!({"identifiers": identifiers}))
}

/// Its only authorization: URL and object.
fn authorization(account: &Account<'_>, order: &Value) -> (String, Value) {
    let [url] = order["authorizations"].as_array().expect("a list").as_slice() else { panic!("one: {order}") };
    let url = url.as_str().expect("a URL").to_owned();
    let object = account.read(&url).expect(200).json();
    (url, object)
}

/// Servers for both challenges at this address, on which one account after the other proves control; and profiles that go
/// there.
struct Site {
    address: IpAddr,
    profiles: Profiles,
    responder: Responder,
    thumbprint: Arc<Mutex<String>>,
    _web: Web,
}

impl Site {
    fn at(address: IpAddr) -> Self {
        let place = SocketAddr::new(address, 0).to_string();
        let thumbprint = Arc::<Mutex<String>>::default();
        let known = Arc::clone(&thumbprint);
        let (web, responder) = background(async move {
            let answer = move |path: &str| {
                let token = path.rsplit('/').next().unwrap_or_default();
                ok(&format!("{token}.{}", known.lock().unwrap_or_else(PoisonError::into_inner)))
            };
            let web = Web::start_at(&place, answer).await;
            let nothing = Answer::new(SanType::IpAddress(address), "nothing").self_signed();
            (web, Responder::start_at(&place, nothing, Manner::default()).await)
        });
        let profiles = Profiles::acme(&json!({
            "httpPort": web.port(), "tlsPort": responder.port(), "allowedNetworks": ["127.0.0.0/8", "::1/128"],
        }));
        Self { address, profiles, responder, thumbprint, _web: web }
    }

    /// An order for the address, proven so.
    fn ready(&self, account: &Account<'_>, kind: &str) -> (String, Value) {
        let response = new_order(account, &[ip(&self.address.to_string())]).expect(201);
        let (url, object) = authorization(account, &response.json());
        let asked = challenge(&object, kind);
        let answer = Answer::new(SanType::IpAddress(self.address), &account.key_authorization(&asked));
        self.responder.show(&answer.self_signed());
        *self.thumbprint.lock().unwrap_or_else(PoisonError::into_inner) = account.signer.thumbprint();
        account.post(text(&asked, "url"), &json!({})).expect(200);
        let settled = account.settle(&url);
        assert_eq!(settled["status"], "valid", "{settled}");
        let order = account.settle(response.location());
        assert_eq!(order["status"], "ready", "{order}");
        (response.location().to_owned(), order)
    }
}

#[test]
fn s8738_3_an_address_is_an_identifier_of_type_ip() {
    let profiles = Profiles::acme(&json!({"caaIdentities": ["ca.test"]}));
    for endpoint in profiles.both() {
        let account = endpoint.register("ES256");
        // Section 3 has this example; the others are RFC 5952 section 4 at work.
        for value in ["192.0.2.1", "2001:db8::1", "2001:db8:0:1:1:1:1:1", "2001:db8::1:0:0:1", "::"] {
            let order = new_order(&account, &[ip(value)]).expect(201).json();
            assert_eq!(order["identifiers"], json!([ip(value)]));
            let (_, object) = authorization(&account, &order);
            assert_eq!(object["identifier"], ip(value));
            assert!(object.get("wildcard").is_none(), "{object}");
            // Sections 4 and 7: never by DNS, in whatever form.
            let challenges = object["challenges"].as_array().expect("a list");
            let mut kinds: Vec<&str> = challenges.iter().map(|challenge| text(challenge, "type")).collect();
            kinds.sort_unstable();
            assert_eq!(kinds, ["http-01", "tls-alpn-01"]);
        }
    }
}

#[test]
fn s8738_3_an_address_has_one_spelling() {
    let profiles = Profiles::acme(&json!({}));
    for endpoint in profiles.both() {
        let account = endpoint.register("ES256");
        for bad in [
            "",
            "192.0.2",
            "192.0.2.01",
            "0xc0000201",
            "3221225985",
            "192.0.2.1 ",
            "192.0.2.1:80",
            "192.0.2.0/24",
            "*.192.0.2.1",
            "2001:DB8::1",
            "2001:db8:0:0:0:0:0:1",
            "2001:0db8::1",
            "2001:db8::0:1",
            "[2001:db8::1]",
            "fe80::1%lo",
            "::ffff:192.0.2.1",
            "1.2.0.192.in-addr.arpa",
            "example.org",
        ] {
            let refused = new_order(&account, &[ip("192.0.2.7"), ip(bad)]).expect_problem(400, "malformed");
            assert_eq!(refused.json()["subproblems"][0]["identifier"], ip(bad), "{refused:?}");
        }
        // Nor is an address a name.
        new_order(&account, &[json!({"type": "dns", "value": "192.0.2.1"})]).expect_problem(400, "malformed");
        new_order(&account, &[json!({"type": "dns", "value": "2001:db8::1"})]).expect_problem(400, "malformed");
    }
}

#[test]
fn s8738_4_http_01_and_tls_alpn_01_prove_control_and_the_certificate_has_the_address() {
    for address in [V4, V6] {
        let site = Site::at(address);
        for endpoint in site.profiles.both() {
            let account = endpoint.register("ES256");
            for kind in ["http-01", "tls-alpn-01"] {
                let (url, order) = site.ready(&account, kind);
                let key = KeyPair::generate().expect("a key is made");
                let order = finalize(&account, &url, &order, &csr(&[&address.to_string()], &key));
                // An iPAddress, and nothing else.
                download(&account, &order).assert_sound(&house().root(), &[&address.to_string()]);
            }
        }
    }
}

#[test]
fn s8555_7_4_the_csr_has_exactly_the_addresses_of_the_order() {
    let site = Site::at(V4);
    let key = KeyPair::generate().expect("a key is made");
    for endpoint in site.profiles.both() {
        let account = endpoint.register("ES256");
        let (url, order) = site.ready(&account, "http-01");
        let as_name = {
            let mut params = CertificateParams::default();
            params.distinguished_name = DistinguishedName::new();
            params.subject_alt_names = vec![SanType::DnsName("localhost.localdomain".try_into().expect("ASCII"))];
            params.distinguished_name.push(DnType::CommonName, "127.0.0.1");
            encode(params.serialize_request(&key).expect("the CSR is made").der())
        };
        for bad in [
            csr(&["127.0.0.2"], &key),
            csr(&["127.0.0.1", "127.0.0.2"], &key),
            csr(&["127.0.0.1", "::1"], &key),
            csr(&["127.0.0.1", "a.test"], &key),
            csr(&["::ffff:127.0.0.1"], &key),
            csr(&["1.0.0.127.in-addr.arpa"], &key),
            csr_with(&["127.0.0.1"], Some("127.0.0.2"), &key),
            as_name,
        ] {
            account.post(text(&order, "finalize"), &json!({ "csr": bad })).expect_problem(400, "badCSR");
            assert_eq!(account.read(&url).json()["status"], "ready", "and the order stays so");
        }
        // As certbot and others make it, with the address in the common name too.
        let order = finalize(&account, &url, &order, &csr_with(&["127.0.0.1"], Some("127.0.0.1"), &key));
        download(&account, &order).assert_sound(&house().root(), &["127.0.0.1"]);
    }
}

#[test]
fn s8738_names_and_addresses_stand_in_one_certificate() {
    let profiles = Profiles::acme(&json!({}));
    profiles.change_ra(&json!({"subject": "CN={name}"}));
    for endpoint in profiles.both() {
        let account = endpoint.register("ES256");
        let host = name("both");
        let identifiers = [ip("127.0.0.1"), json!({"type": "dns", "value": host})];
        let response = new_order(&account, &identifiers).expect(201);
        let order = response.json();
        for url in order["authorizations"].as_array().expect("a list") {
            let url = url.as_str().expect("a URL");
            let object = account.read(url).expect(200).json();
            let asked = challenge(&object, "http-01");
            publish(&account, &object, &asked);
            account.post(text(&asked, "url"), &json!({})).expect(200);
            account.await_status(url, "valid");
        }
        account.await_status(response.location(), "ready");
        let key = KeyPair::generate().expect("a key is made");
        let order = finalize(&account, response.location(), &order, &csr(&["127.0.0.1", &host], &key));
        let chain = download(&account, &order);
        chain.assert_sound(&house().root(), &["127.0.0.1", &host]);
        // Names come before addresses.
        assert_eq!(common_name(chain.der()), Some(host));
    }
}

#[test]
fn an_address_can_be_the_common_name() {
    let site = Site::at(V6);
    site.profiles.change_ra(&json!({"subject": "CN={name},O=Example"}));
    let endpoint = site.profiles.endpoint();
    let account = endpoint.register("ES256");
    let (url, order) = site.ready(&account, "http-01");
    let key = KeyPair::generate().expect("a key is made");
    let order = finalize(&account, &url, &order, &csr(&["::1"], &key));
    let chain = download(&account, &order);
    chain.assert_sound(&house().root(), &["::1"]);
    assert_eq!(common_name(chain.der()).as_deref(), Some("::1"));
}

fn common_name(certificate: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).expect("a certificate");
    let names: Vec<_> = certificate.subject().iter_common_name().filter_map(|part| part.as_str().ok()).collect();
    names.first().map(|&name| name.to_owned())
}

#[test]
fn s8738_9_1_addresses_are_issued_for_within_the_blocks_of_the_profile() {
    let allow = ["10.0.0.0/8", "2001:db8::/32", "**.corp.test"];
    let profiles = Profiles::ra(&json!({"allow": allow, "deny": ["10.1.0.0/16", "2001:db8:1::/48"]}));
    for endpoint in profiles.both() {
        let account = endpoint.register("ES256");
        for good in ["10.0.0.1", "10.255.255.255", "2001:db8::1"] {
            new_order(&account, &[ip(good)]).expect(201);
        }
        for bad in ["10.1.2.3", "11.0.0.1", "9.255.255.255", "2001:db8:1::1", "2001:db9::1"] {
            let refused = new_order(&account, &[ip("10.0.0.1"), ip(bad)]).expect_problem(403, "rejectedIdentifier");
            assert_eq!(refused.json()["subproblems"][0]["identifier"], ip(bad), "{refused:?}");
        }
    }
    // Patterns of names say nothing of addresses.
    profiles.change_ra(&json!({"allow": ["**"], "deny": []}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    new_order(&account, &[ip("10.0.0.1")]).expect_problem(403, "rejectedIdentifier");
}

#[test]
fn s8738_7_where_only_dns_proves_no_address_is_issued_for() {
    let profiles = Profiles::acme(&json!({"challenges": ["dns-01", "dns-account-01"]}));
    for endpoint in profiles.both() {
        let account = endpoint.register("ES256");
        let refused = new_order(&account, &[ip("192.0.2.1")]).expect_problem(403, "rejectedIdentifier");
        assert!(refused.detail().contains("tls-alpn-01"), "{refused:?}");
    }
}

#[test]
fn s8555_10_4_special_addresses_are_not_contacted_unless_the_profile_allows_them() {
    // 0.0.0.0 is this host, and special; a server for this machine only may contact loopback.
    let site = Site::at(V4);
    for endpoint in site.profiles.both() {
        let account = endpoint.register("ES256");
        for (address, kind) in
            [("0.0.0.0", "http-01"), ("0.0.0.0", "tls-alpn-01"), ("::", "tls-alpn-01"), ("169.254.169.254", "http-01")]
        {
            let order = new_order(&account, &[ip(address)]).expect(201).json();
            let (url, object) = authorization(&account, &order);
            account.post(text(&challenge(&object, kind), "url"), &json!({})).expect(200);
            let lost = challenge(&account.await_status(&url, "invalid"), kind);
            assert_eq!(lost["error"]["type"], "urn:ietf:params:acme:error:connection", "{lost}");
            assert!(text(&lost["error"], "detail").contains(address), "{lost}");
        }
    }
    assert!(site.responder.hellos().is_empty());
}

#[test]
fn blocks_of_addresses_can_need_no_challenge() {
    let profiles = Profiles::ra(&json!({
        "withoutChallenge": [{"name": "10.7.0.0/16"}, {"name": "2001:db8::/32"}, {"name": "corp.test"}],
        "withoutChallengeMode": "onlyThese",
    }));
    for endpoint in profiles.both() {
        let account = endpoint.register("ES256");
        let response = new_order(&account, &[ip("10.7.255.1"), ip("2001:db8::1")]).expect(201);
        assert_eq!(response.json()["status"], "ready", "{response:?}");
        let key = KeyPair::generate().expect("a key is made");
        let csr = csr(&["10.7.255.1", "2001:db8::1"], &key);
        let order = finalize(&account, response.location(), &response.json(), &csr);
        download(&account, &order).assert_sound(&house().root(), &["10.7.255.1", "2001:db8::1"]);
        for bad in ["10.8.0.1", "2001:db9::1"] {
            new_order(&account, &[ip(bad)]).expect_problem(403, "rejectedIdentifier");
        }
    }
    // There is nothing below a block.
    for (member, wrong) in [("match", json!("subdomain")), ("wildcard", json!(true))] {
        let mut rule = json!({"name": "10.7.0.0/16"});
        rule[member] = wrong;
        let settings = json!({"withoutChallenge": [rule]});
        let refused = house().admin().patch(&format!("/raProfiles/{}", profiles.ra), "*", &settings);
        let refused = refused.expect_refusal(422, "invalid");
        assert!(refused.json().to_string().contains(&format!("withoutChallenge[0].{member}")), "{refused:?}");
    }
}

#[test]
fn a_credential_can_be_for_blocks_of_addresses() {
    let profiles = Profiles::acme(&json!({"externalAccountRequired": true}));
    let credential = Credential::new(&json!({"names": ["10.0.0.0/8", "**.corp.test"]}));
    for endpoint in profiles.both() {
        let account = bound(&endpoint, &credential);
        new_order(&account, &[ip("10.1.2.3"), json!({"type": "dns", "value": "a.corp.test"})]).expect(201);
        let refused = new_order(&account, &[ip("10.1.2.3"), ip("192.0.2.1"), ip("::1")]);
        let refused = refused.expect_problem(403, "rejectedIdentifier");
        let parts = refused.json()["subproblems"].clone();
        assert_eq!((&parts[0]["identifier"], &parts[1]["identifier"]), (&ip("192.0.2.1"), &ip("::1")), "{parts}");
    }
}

fn bound<'a>(endpoint: &'a Endpoint, credential: &Credential) -> Account<'a> {
    let (signer, url) = (Signer::new("ES256"), endpoint.url("newAccount"));
    let payload = json!({"externalAccountBinding": credential.bind(endpoint, &signer)});
    let made = endpoint.post(url, signer.with_jwk(url).payload(&payload)).expect(201);
    let kid = made.location().to_owned();
    Account { endpoint, signer, kid }
}

#[test]
fn operators_find_orders_authorizations_and_certificates_by_address() {
    // Nobody else orders this one.
    let site = Site::at("127.7.38.1".parse().expect("an address"));
    let endpoint = site.profiles.endpoint();
    let account = endpoint.register("ES256");
    let (url, order) = site.ready(&account, "http-01");
    let key = KeyPair::generate().expect("a key is made");
    finalize(&account, &url, &order, &csr(&["127.7.38.1"], &key));
    let other = "2001:db8:7:38::1";
    new_order(&account, &[ip(other)]).expect(201);
    let found = |path: &str| {
        let page = house().admin().get(path).expect(200).json();
        page["items"].as_array().expect("a list").clone()
    };
    // However an operator writes it.
    for (written, address, certificates) in [
        ("127.7.38.1", "127.7.38.1", 1),
        ("::ffff:127.7.38.1", "127.7.38.1", 1),
        (other, other, 0),
        ("2001:DB8:7:38:0:0:0:1", other, 0),
    ] {
        let orders = found(&format!("/orders?name={written}"));
        assert_eq!(orders.len(), 1, "{written}");
        assert_eq!(orders[0]["identifiers"], json!([{"type": "ip", "value": address}]));
        let authorizations = found(&format!("/authorizations?name={written}"));
        assert_eq!(authorizations.len(), 1, "{written}");
        assert_eq!(authorizations[0]["identifier"], json!({"type": "ip", "value": address}));
        assert_eq!(found(&format!("/certificates?name={written}")).len(), certificates, "{written}");
    }
}
