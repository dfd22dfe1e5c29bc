//! RFC 9773: renewalInfo, and orders that replace a certificate.

use rcgen::KeyPair;
use serde_json::json;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::client::Response;
use crate::house::{csr, download, finalize, house, issue, name, prove, ready};
use crate::jws::encode;
use crate::renewal::{ask, certificate_name, now, replacing, window};

use super::endpoint;

#[test]
fn rfc9773_s3_the_directory_names_the_resource() {
    let endpoint = endpoint("default");
    let base = endpoint.directory_url().trim_end_matches("directory").to_owned();
    assert_eq!(endpoint.url("renewalInfo"), format!("{base}renewal-info"));
}

#[test]
fn rfc9773_s4_1_anybody_is_told_when_to_renew() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (chain, _) = issue(&account, &[&name("ari")]);
    let certificate = certificate_name(&chain);
    let told = ask(&endpoint, &certificate).expect(200);
    assert_eq!(told.header("Content-Type"), Some("application/json"));
    assert_eq!(told.json().as_object().map(serde_json::Map::len), Some(1), "nobody has set an explanationURL");
    let (start, end) = window(&told);
    let (_, parsed) = X509Certificate::from_der(chain.der()).expect("a certificate");
    let expires = parsed.validity().not_after.timestamp();
    assert!(start < end, "section 4.2");
    // 90 days, a tenth of which begins after 66 hundredths.
    assert!(start > now() + 58 * 86_400 && end < expires - 20 * 86_400, "{start} {end} {expires}");
    assert_eq!(told.header("Retry-After"), Some("21600"), "section 4.3");
    // Section 6: whoever passes it on may keep it for a while.
    assert_eq!(told.header("Cache-Control"), Some("public, max-age=300"));
    assert!(told.header("Replay-Nonce").is_none(), "what is kept has no nonce");
    assert_eq!(ask(&endpoint, &certificate).expect(200).body, told.body, "nothing about it is random");
    let url = format!("{}/{certificate}", endpoint.url("renewalInfo"));
    assert_eq!(endpoint.send("HEAD", &url, &[], b"").status, 200);
    // A window falls to the certificate, not to who asks, nor to the minute in which it was issued.
    let (other, _) = issue(&account, &[&name("ari")]);
    assert_ne!(window(&ask(&endpoint, &certificate_name(&other)).expect(200)).0, start);
}

#[test]
fn rfc9773_s4_1_what_names_no_certificate() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (chain, _) = issue(&account, &[&name("ari-names")]);
    let certificate = certificate_name(&chain);
    let (identifier, serial) = certificate.split_once('.').expect("two parts");
    // The example of the RFC is well-formed, and was issued elsewhere.
    let foreign = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE".to_owned();
    let other_serial = format!("{identifier}.{}", encode([0x41; 16]));
    let other_issuer = format!("{}.{serial}", encode([0x41; 20]));
    let far_too_long = format!("{identifier}.{}", encode([0x41; 60]));
    for unknown in [&foreign, &other_serial, &other_issuer, &far_too_long] {
        ask(&endpoint, unknown).expect_problem(404, "malformed");
    }
    let padded = format!("{identifier}=.{serial}");
    let negative = format!("{identifier}.{}", encode([0x87, 1, 2]));
    let zeros = format!("{identifier}.{}", encode([0, 0x41, 2]));
    let long = format!("{identifier}.{}", "A".repeat(400));
    for malformed in [identifier, "x", &padded, &negative, &zeros, &long, &format!("{certificate}.{serial}")] {
        ask(&endpoint, malformed).expect_problem(400, "malformed");
    }
    // Section 6: GET and nothing else.
    let url = format!("{}/{certificate}", endpoint.url("renewalInfo"));
    let refused = account.read(&url).expect_problem(405, "malformed");
    assert_eq!(refused.header("Allow"), Some("GET, HEAD"));
}

#[test]
fn rfc9773_s4_2_a_revoked_certificate_is_renewed_at_once() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (chain, _) = issue(&account, &[&name("ari-revoked")]);
    let certificate = certificate_name(&chain);
    account.post(endpoint.url("revokeCert"), &json!({"certificate": encode(chain.der())})).expect(200);
    let (start, end) = window(&ask(&endpoint, &certificate).expect(200));
    assert!(start < end && end <= now(), "the window lies in the past");
}

#[test]
fn rfc9773_s5_an_order_says_what_it_replaces_for_good() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (host, other) = (name("replaced"), name("replaced"));
    let (chain, _) = issue(&account, &[&host, &other]);
    let certificate = certificate_name(&chain);
    // One identifier in common is enough, and the others may change.
    let placed = replacing(&account, &[&host, &name("added")], &certificate).expect(201);
    assert_eq!(placed.json()["replaces"], certificate);
    let read = account.read(placed.location()).expect(200).json();
    assert_eq!(read["replaces"], certificate, "it is reflected from then on");
    let plain = account.order(&[&host]).1;
    assert!(plain.get("replaces").is_none(), "{plain}");
}

#[test]
fn rfc9773_s5_a_certificate_is_replaced_by_one_order_that_is_not_invalid() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("replaced-once");
    let (chain, _) = issue(&account, &[&host]);
    let certificate = certificate_name(&chain);
    let first = replacing(&account, &[&host], &certificate).expect(201);
    replacing(&account, &[&host], &certificate).expect_problem(409, "alreadyReplaced");
    // Once that order has failed, it can be replaced again.
    let authorization = first.json()["authorizations"][0].as_str().expect("a URL").to_owned();
    account.post(&authorization, &json!({"status": "deactivated"})).expect(200);
    account.await_status(first.location(), "invalid");
    let second = replacing(&account, &[&host], &certificate).expect(201);
    let object = second.json();
    prove(&account, object["authorizations"][0].as_str().expect("a URL"), "http-01");
    account.await_status(second.location(), "ready");
    let key = KeyPair::generate().expect("a key is made");
    let done = finalize(&account, second.location(), &object, &csr(&[&host], &key));
    assert_eq!(done["replaces"], certificate);
    replacing(&account, &[&host], &certificate).expect_problem(409, "alreadyReplaced");
    // The successor has a successor of its own.
    let next = certificate_name(&download(&account, &done));
    assert_ne!(next, certificate);
    replacing(&account, &[&host], &next).expect(201);
}

#[test]
fn rfc9773_s5_two_orders_at_once_do_not_both_replace() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("replaced-race");
    let (chain, _) = issue(&account, &[&host]);
    let certificate = certificate_name(&chain);
    let responses: Vec<Response> = std::thread::scope(|scope| {
        let one = || replacing(&account, &[&host], &certificate);
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
    });
    let placed = responses.iter().filter(|response| response.status == 201).count();
    let refused = responses.iter().filter(|response| response.problem() == "alreadyReplaced").count();
    assert_eq!((placed, refused), (1, 5), "{responses:?}");
}

#[test]
fn rfc9773_s5_what_cannot_be_replaced_by_this_order() {
    let endpoint = endpoint("default");
    let (account, stranger) = (endpoint.register("ES256"), endpoint.register("ES256"));
    let host = name("replaced-by");
    let (chain, _) = issue(&account, &[&host]);
    let certificate = certificate_name(&chain);
    replacing(&stranger, &[&host], &certificate).expect_problem(403, "unauthorized");
    replacing(&account, &[&name("unlike")], &certificate).expect_problem(400, "malformed");
    replacing(&account, &[&host], "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE").expect_problem(400, "malformed");
    replacing(&account, &[&host], &certificate.replace('.', ":")).expect_problem(400, "malformed");
    replacing(&account, &[&host], &certificate).expect(201);
}

#[test]
fn rfc9773_s5_what_is_revoked_is_replaced_too() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("replaced-revoked");
    let (url, order) = ready(&account, &[&host]);
    let key = KeyPair::generate().expect("a key is made");
    let done = finalize(&account, &url, &order, &csr(&[&host], &key));
    let chain = download(&account, &done);
    account.post(endpoint.url("revokeCert"), &json!({"certificate": encode(chain.der())})).expect(200);
    replacing(&account, &[&host], &certificate_name(&chain)).expect(201);
    chain.assert_revoked(&house().root());
}
