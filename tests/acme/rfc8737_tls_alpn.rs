//! tls-alpn-01 (RFC 8737) on the wire, on both forms of URL.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, SanType};
use serde_json::{Value, json};

use crate::background::background;
use crate::client::{Account, challenge, text};
use crate::house::{csr, download, finalize, house, name};
use crate::profiles::Profiles;
use crate::responder::{Answer, Manner, Responder};

/// Profiles whose tls-alpn-01 goes to this port.
fn profiles(port: u16) -> Profiles {
    Profiles::acme(&json!({"challenges": ["tls-alpn-01"], "tlsPort": port}))
}

fn dns_name(name: &str) -> SanType {
    SanType::DnsName(name.try_into().expect("ASCII"))
}

/// A server that shows a certificate which is for nobody.
fn idle(manner: Manner) -> Responder {
    background(Responder::start_at(
        "127.0.0.1:0",
        Answer::new(dns_name("nobody.test"), "nothing").self_signed(),
        manner,
    ))
}

/// The pending authorization of an order for this name, its URL and its tls-alpn-01 challenge.
fn pending(account: &Account<'_>, host: &str) -> (String, Value, String, Value) {
    let (order_url, order) = account.order(&[host]);
    let url = order["authorizations"][0].as_str().expect("an order has authorizations").to_owned();
    let asked = challenge(&account.read(&url).expect(200).json(), "tls-alpn-01");
    (order_url, order, url, asked)
}

#[test]
fn s8737_3_tls_alpn_01_proves_control_of_a_name() {
    let responder = idle(Manner::default());
    let profiles = profiles(responder.port());
    for endpoint in profiles.both() {
        let account = endpoint.register("ES256");
        let host = name("alpn");
        let (order_url, order, url, asked) = pending(&account, &host);
        assert_eq!(asked["status"], "pending");
        assert!(URL_SAFE_NO_PAD.decode(text(&asked, "token")).is_ok_and(|token| token.len() >= 16), "{asked}");
        responder.show(&Answer::new(dns_name(&host), &account.key_authorization(&asked)).self_signed());
        account.post(text(&asked, "url"), &json!({})).expect(200);
        let valid = account.settle(&url);
        assert_eq!(valid["status"], "valid", "{valid}");
        let shown = challenge(&valid, "tls-alpn-01");
        assert_eq!(shown["status"], "valid");
        assert!(text(&shown, "validated").parse::<jiff::Timestamp>().is_ok());
        assert!(shown.get("error").is_none());
        account.await_status(&order_url, "ready");
        let key = KeyPair::generate().expect("a key is made");
        let order = finalize(&account, &order_url, &order, &csr(&[&host], &key));
        download(&account, &order).assert_sound(&house().root(), &[&host]);
    }
}

#[test]
fn s8737_3_each_failure_has_its_type_and_stays_with_the_challenge() {
    let right = |host: &str, authorization: &str| Answer::new(dns_name(host), authorization);
    let deaf = Manner { protocols: Vec::new(), ..Manner::default() };
    let other = Manner { protocols: vec![b"h2".to_vec()], ..Manner::default() };
    for (manner, kind) in [
        (Manner::default(), "unauthorized"),
        (Manner::default(), "incorrectResponse"),
        (deaf, "incorrectResponse"),
        (other, "tls"),
    ] {
        let responder = idle(manner);
        let profiles = profiles(responder.port());
        for endpoint in profiles.both() {
            let account = endpoint.register("ES256");
            let host = name("alpn-fails");
            let (_, _, url, asked) = pending(&account, &host);
            responder.show(&match kind {
                // Of another account.
                "unauthorized" => right(&host, &format!("{}.x", text(&asked, "token"))).self_signed(),
                _ => right("other.test", &account.key_authorization(&asked)).self_signed(),
            });
            account.post(text(&asked, "url"), &json!({})).expect(200);
            let lost = challenge(&account.await_status(&url, "invalid"), "tls-alpn-01");
            assert_eq!(lost["error"]["type"], format!("urn:ietf:params:acme:error:{kind}"), "{lost}");
            assert!(text(&lost["error"], "detail").contains(&host), "{lost}");
        }
    }
}

#[test]
fn s8737_3_a_host_without_a_server_is_a_connection_error() {
    // Of another loopback address, so that nobody listens on 127.0.0.1.
    let reserved = std::net::TcpListener::bind("127.0.0.3:0").expect("a free TCP port");
    let profiles = profiles(reserved.local_addr().expect("an address").port());
    for endpoint in profiles.both() {
        let account = endpoint.register("ES256");
        let (_, _, url, asked) = pending(&account, &name("alpn-nobody"));
        account.post(text(&asked, "url"), &json!({})).expect(200);
        let lost = challenge(&account.await_status(&url, "invalid"), "tls-alpn-01");
        assert_eq!(lost["error"]["type"], "urn:ietf:params:acme:error:connection", "{lost}");
    }
}

#[test]
fn operators_see_how_the_server_presented_itself() {
    let responder = idle(Manner::default());
    let profiles = profiles(responder.port());
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let host = name("alpn-seen");
    let (_, _, url, asked) = pending(&account, &host);
    responder.show(&Answer::new(dns_name(&host), &account.key_authorization(&asked)).self_signed());
    account.post(text(&asked, "url"), &json!({})).expect(200);
    account.await_status(&url, "valid");
    let id = url.rsplit('/').next().expect("a URL has a last segment");
    let seen = house().admin().get(&format!("/authorizations/{id}")).expect(200).json();
    let steps = seen["challenges"][0]["transcript"]["steps"].as_array().expect("steps").clone();
    let presented = steps.iter().find(|step| step["protocol"] == "acme-tls/1").expect("it is among the steps");
    assert_eq!(presented["names"], json!([host]), "{presented}");
    assert_eq!(presented["version"], "TLSv1_3", "{presented}");
}
