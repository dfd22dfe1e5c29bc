//! RFC 8555 section 7.4 from finalize on, and section 7.4.2: CSRs and certificates.

use std::fs;

use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519, PKCS_RSA_SHA256,
};
use serde_json::{Value, json};

use super::endpoint;
use crate::client::{Account, Response, text};
use crate::house::{csr, csr_with, download, finalize, house, issue, name, ready};
use crate::jws::{Signer, encode};
use crate::support::process::{command, run};

fn key() -> KeyPair {
    KeyPair::generate().expect("a key is made")
}

fn send(account: &Account<'_>, order: &Value, csr: &str) -> Response {
    account.post(text(order, "finalize"), &json!({ "csr": csr }))
}

#[test]
fn s7_4_finalize_before_ready_is_order_not_ready() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("early");
    let (url, order) = account.order(&[&host]);
    send(&account, &order, &csr(&[&host], &key())).expect_problem(403, "orderNotReady");
    assert_eq!(account.read(&url).json()["status"], "pending");
}

#[test]
fn s7_4_finalize_is_200_with_location_and_leads_to_the_certificate() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("final");
    let (url, order) = ready(&account, &[&host]);
    let response = send(&account, &order, &csr(&[&host], &key())).expect(200);
    assert_eq!(response.location(), url);
    // Within its patience; `processing` is in tests/engine/wire.rs.
    let order = response.json();
    assert_eq!(order["status"], "valid", "{response:?}");
    assert!(response.header("Retry-After").is_none(), "{response:?}");
    assert_eq!(account.read(&url).expect(200).json(), order);
    assert!(text(&order, "certificate").starts_with(endpoint.origin()), "{order}");
    assert!(order.get("error").is_none());
}

#[test]
fn s7_4_finalizing_again_is_order_not_ready_and_issues_nothing() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("again");
    let (url, order) = ready(&account, &[&host]);
    let request = csr(&[&host], &key());
    let done = finalize(&account, &url, &order, &request);
    for again in [&request, &csr(&[&host], &key())] {
        send(&account, &order, again).expect_problem(403, "orderNotReady");
    }
    assert_eq!(account.read(&url).json(), done);
}

#[test]
fn s7_4_finalizing_many_times_at_once_issues_one_certificate() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("race");
    let (url, order) = ready(&account, &[&host]);
    let responses: Vec<Response> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| send(&account, &order, &csr(&[&host], &key())))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
    });
    let taken = responses.iter().filter(|response| response.status == 200).count();
    let late = responses.iter().filter(|response| response.problem() == "orderNotReady").count();
    assert_eq!((taken, late), (1, 5), "{responses:?}");
    account.await_status(&url, "valid");
}

#[test]
fn s7_4_a_csr_that_cannot_be_accepted_is_a_bad_csr_and_the_order_stays_ready() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (one, two, other) = (name("csr"), name("csr"), name("other"));
    let (url, order) = ready(&account, &[&one, &two]);
    let good = csr(&[&one, &two], &key());
    let weak = openssl_csr("rsa:1024", &[&one, &two]);
    let mut forged = base64_decode(&good);
    *forged.last_mut().expect("a CSR has an end") ^= 1;
    let mut trailing = base64_decode(&good);
    trailing.push(0);
    let refused = [
        ("a name too few", csr(&[&one], &key())),
        ("a name too many", csr(&[&one, &two, &other], &key())),
        ("another name", csr(&[&one, &other], &key())),
        ("no names", csr(&[], &key())),
        ("another common name", csr_with(&[&one, &two], Some(&other), &key())),
        ("a wildcard instead", csr(&[&one, &format!("*.{two}")], &key())),
        ("an address", csr(&[&one, &two, "192.0.2.7"], &key())),
        ("a weak key", weak),
        ("a signature that does not verify", encode(forged)),
        ("bytes at its end", encode(trailing)),
        ("nothing", String::new()),
        ("no CSR", encode("no CSR at all")),
        ("a certificate", encode(fs::read(house().root()).expect("the root is there"))),
    ];
    for (what, request) in refused {
        let response = send(&account, &order, &request);
        assert_eq!((response.status, response.problem().as_str()), (400, "badCSR"), "{what}: {response:?}");
        assert_eq!(account.read(&url).json()["status"], "ready", "{what}");
    }
    finalize(&account, &url, &order, &good);
}

#[test]
fn s7_4_a_csr_member_that_is_not_base64url_is_malformed() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("encoding");
    let (url, order) = ready(&account, &[&host]);
    let good = csr(&[&host], &key());
    for request in [format!("{good}="), format!("{good} "), good.replace('A', "+"), "-----BEGIN".to_owned()] {
        let response = send(&account, &order, &request);
        assert!(matches!(response.problem().as_str(), "malformed" | "badCSR"), "{request}: {response:?}");
        assert_eq!(response.status, 400);
    }
    for payload in [json!({}), json!({"csr": 7}), json!({"csr": null}), json!({"CSR": good})] {
        account.post(text(&order, "finalize"), &payload).expect_problem(400, "malformed");
    }
    assert_eq!(account.read(&url).json()["status"], "ready");
}

#[test]
fn s11_1_the_key_of_an_account_is_no_key_of_a_certificate() {
    let endpoint = endpoint("default");
    let (own, others) = (key(), key());
    let account = endpoint.register_with(Signer::from_pkcs8("ES256", &own.serialize_der()));
    endpoint.register_with(Signer::from_pkcs8("ES256", &others.serialize_der()));
    // Any account's, so that of another endpoint too.
    let elsewhere = key();
    super::endpoint("plain").register_with(Signer::from_pkcs8("ES256", &elsewhere.serialize_der()));
    let host = name("key");
    let (url, order) = ready(&account, &[&host]);
    for taken in [&own, &others, &elsewhere] {
        send(&account, &order, &csr(&[&host], taken)).expect_problem(400, "badCSR");
    }
    assert_eq!(account.read(&url).json()["status"], "ready");
}

#[test]
fn s7_4_the_common_name_may_repeat_or_replace_a_name() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (one, two) = (name("cn"), name("cn"));
    let names = [one.as_str(), two.as_str()];
    for request in [csr_with(&names, Some(&one), &key()), csr_with(&[&two], Some(&one), &key())] {
        let (url, order) = ready(&account, &names);
        let order = finalize(&account, &url, &order, &request);
        download(&account, &order).assert_sound(&house().root(), &names);
    }
}

#[test]
fn s7_4_names_in_a_csr_have_no_case() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("small");
    let (url, order) = ready(&account, &[&host]);
    let order = finalize(&account, &url, &order, &csr(&[&host.to_uppercase()], &key()));
    download(&account, &order).assert_sound(&house().root(), &[&host]);
}

#[test]
fn s7_4_keys_of_every_kind_that_the_profile_takes_are_certified() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for algorithm in
        [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P521_SHA512, &PKCS_ED25519, &PKCS_RSA_SHA256]
    {
        let host = name("kind");
        let key = KeyPair::generate_for(algorithm).expect("a key is made");
        let (url, order) = ready(&account, &[&host]);
        let order = finalize(&account, &url, &order, &csr(&[&host], &key));
        download(&account, &order).assert_sound(&house().root(), &[&host]);
    }
}

#[test]
fn s7_4_a_csr_s_other_wishes_do_not_get_into_the_certificate() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("wish");
    let (url, order) = ready(&account, &[&host]);
    let request = house().file("der");
    run(command("openssl")
        .args(["req", "-new", "-newkey", "rsa:2048", "-nodes", "-outform", "DER", "-keyout", "/dev/null"])
        .args(["-subj", "/O=Evil Corporation", "-addext", "basicConstraints=critical,CA:TRUE,pathlen:9"])
        .args(["-addext", "keyUsage=keyCertSign,cRLSign", "-addext", &format!("subjectAltName=DNS:{host}")])
        .arg("-out")
        .arg(&request));
    let request = encode(fs::read(request).expect("openssl wrote it"));
    let order = finalize(&account, &url, &order, &request);
    let chain = download(&account, &order);
    chain.assert_sound(&house().root(), &[&host]);
    let (_, leaf) = x509_parser::parse_x509_certificate(chain.der()).expect("a certificate");
    assert!(!leaf.is_ca());
    let usage = leaf.key_usage().expect("well-formed").expect("it is there");
    assert!(!usage.value.key_cert_sign() && !usage.value.crl_sign());
    assert!(!leaf.subject().to_string().contains("Evil"), "{}", leaf.subject());
}

#[test]
fn s7_4_2_the_certificate_comes_as_a_pem_chain_end_entity_first() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("chain");
    let (url, order) = ready(&account, &[&host]);
    let key = key();
    let order = finalize(&account, &url, &order, &csr(&[&host], &key));
    let certificate = text(&order, "certificate");
    let response = account.read(certificate).expect(200);
    assert_eq!(response.header("Content-Type"), Some("application/pem-certificate-chain"));
    // RFC 8555 section 9.1: nothing but certificates, each certifying the one before.
    let pem = response.text();
    for part in pem.split_inclusive("-----END CERTIFICATE-----\n") {
        assert!(part.starts_with("-----BEGIN CERTIFICATE-----\n") && part.ends_with("-----\n"), "{part}");
    }
    let chain = download(&account, &order);
    chain.assert_sound(&house().root(), &[&host]);
    // Section 7.4.2: what lies under the URL never changes.
    let again = account.read(certificate).expect(200);
    assert_eq!((again.text(), again.header("Content-Type")), (response.text(), response.header("Content-Type")));
    let certificates: Vec<_> =
        chain.ders().map(|der| x509_parser::parse_x509_certificate(der).expect("a certificate").1).collect();
    assert_eq!(certificates[0].public_key().raw, key_spki(&key));
    assert!(!certificates[0].is_ca());
    for pair in certificates.windows(2) {
        assert_eq!(pair[0].issuer(), pair[1].subject());
        assert!(pair[1].is_ca());
    }
    let last = certificates.last().expect("a chain is not empty");
    assert_ne!(last.issuer(), last.subject(), "a client trusts its own root, not one that comes with the chain");
    // Immutable.
    assert_eq!(account.read(certificate).expect(200).body, response.body);
}

#[test]
fn s7_4_2_the_chain_verifies_with_webpki_too() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("webpki");
    let (chain, _) = issue(&account, &[&host]);
    let ders: Vec<rustls::pki_types::CertificateDer<'_>> =
        chain.ders().map(rustls::pki_types::CertificateDer::from).collect();
    use rustls::pki_types::pem::PemObject as _;
    let root = rustls::pki_types::CertificateDer::from_pem_file(house().root()).expect("the root is PEM");
    let anchor = webpki::anchor_from_trusted_cert(&root).expect("the root is a trust anchor");
    let leaf = webpki::EndEntityCert::try_from(&ders[0]).expect("an end entity's certificate");
    let now = rustls::pki_types::UnixTime::now();
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &[anchor],
        &ders[1..],
        now,
        webpki::KeyUsage::server_auth(),
        None,
        None,
    )
    .expect("the chain verifies");
    let server = rustls::pki_types::ServerName::try_from(host.as_str()).expect("a name");
    leaf.verify_is_valid_for_subject_name(&server).expect("it is for the name");
}

#[test]
fn s7_4_2_a_certificate_is_read_by_its_account_only_and_by_post_as_get_only() {
    let endpoint = endpoint("default");
    let (account, other) = (endpoint.register("ES256"), endpoint.register("ES256"));
    let host = name("read");
    let (url, order) = ready(&account, &[&host]);
    let order = finalize(&account, &url, &order, &csr(&[&host], &key()));
    let certificate = text(&order, "certificate");
    other.read(certificate).expect_problem(403, "unauthorized");
    endpoint.send("GET", certificate, &[], b"").expect_problem(405, "malformed");
    account.post(certificate, &json!({})).expect_problem(400, "malformed");
}

#[test]
fn s7_4_two_certificates_for_one_name_have_serial_numbers_of_their_own() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("serial");
    let (one, _) = issue(&account, &[&host]);
    let (two, _) = issue(&account, &[&host]);
    assert_ne!(one.serial(), two.serial());
    assert!(one.serial().len() >= 8, "RFC 5280 and the CA/Browser Forum ask for 64 random bits");
}

#[test]
fn s7_4_one_key_may_be_certified_again() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("renewed");
    let key = key();
    for _ in 0..2 {
        let (url, order) = ready(&account, &[&host]);
        finalize(&account, &url, &order, &csr(&[&host], &key));
    }
}

fn key_spki(key: &KeyPair) -> Vec<u8> {
    use rcgen::PublicKeyData as _;
    key.subject_public_key_info()
}

fn openssl_csr(key: &str, names: &[&str]) -> String {
    let path = house().file("der");
    let names: Vec<String> = names.iter().map(|name| format!("DNS:{name}")).collect();
    run(command("openssl")
        .args(["req", "-new", "-newkey", key, "-nodes", "-outform", "DER", "-keyout", "/dev/null", "-subj", "/"])
        .args(["-addext", &format!("subjectAltName={}", names.join(","))])
        .arg("-out")
        .arg(&path));
    encode(fs::read(path).expect("openssl wrote it"))
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).expect("it was encoded here")
}
