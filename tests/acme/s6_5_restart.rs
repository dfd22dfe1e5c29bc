//! What a restart keeps and what it does not: RFC 8555 section 6.5 for nonces, and everything else that a client was
//! told of.

use std::fs;
use std::net::IpAddr;

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use crate::client::{Account, Endpoint, challenge, text};
use crate::dns::DnsServer;
use crate::house::{configuration, csr, name};
use crate::jws::{Signer, encode};
use crate::support::certificate::{Chain, Standing};
use crate::support::server::Server;
use crate::support::web::WebRoot;

#[test]
fn a_restart_keeps_everything_but_nonces() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let web = WebRoot::serve(&folder.path().join("www"));
    let dns = DnsServer::start();
    dns.zone().set_default_address(RecordType::A, Some(IpAddr::from([127, 0, 0, 1])));
    let config = folder.path().join("chancery.toml");
    let data = folder.path().join("data");
    // Ports have to stay: they stand in URLs and certificates.
    let https = crate::support::process::free_port();
    let http = crate::support::process::free_port();
    let server_section =
        format!("[server]\nexternal_url = \"https://localhost:{https}\"\nhttp_listen = \"127.0.0.1:{http}\"\n");
    let rest = configuration(web.port(), &dns.address().to_string());
    fs::write(&config, format!("{server_section}{rest}")).expect("the file can be written");
    let start = || Server::configured_at(&data, &config, https);

    let server = start();
    let endpoint = Endpoint::open(server.directory(), &server.root());
    let key = Signer::new("ES256");
    let account = endpoint.register_with(key);
    let prove = |account: &Account<'_>, order: &Value| {
        let url = order["authorizations"][0].as_str().expect("a URL");
        let asked = challenge(&account.read(url).expect(200).json(), "http-01");
        fs::write(web.challenges().join(text(&asked, "token")), account.key_authorization(&asked))
            .expect("the file can be written");
        account.post(text(&asked, "url"), &json!({})).expect(200);
        account.await_status(url, "valid");
    };
    let (done_host, ready_host, pending_host) = (name("done"), name("ready"), name("pending"));
    let (done_url, done) = account.order(&[&done_host]);
    prove(&account, &done);
    account.await_status(&done_url, "ready");
    let certificate_key = rcgen::KeyPair::generate().expect("a key is made");
    account.post(text(&done, "finalize"), &json!({"csr": csr(&[&done_host], &certificate_key)})).expect(200);
    let done = account.await_status(&done_url, "valid");
    let pem = account.read(text(&done, "certificate")).expect(200).body;
    let (ready_url, ready) = account.order(&[&ready_host]);
    prove(&account, &ready);
    let ready = account.await_status(&ready_url, "ready");
    let (pending_url, pending) = account.order(&[&pending_host]);
    let object = account.read(&account.kid).json();
    let root = fs::read(server.root()).expect("the root is there");
    let nonce = endpoint.send("HEAD", endpoint.url("newNonce"), &[], b"").header("Replay-Nonce").map(str::to_owned);
    let nonce = nonce.expect("a nonce");
    let Account { signer, kid, .. } = account;
    assert!(server.stop().success(), "SIGTERM is a clean shutdown");

    let server = start();
    assert_eq!(fs::read(server.root()).expect("the root is there"), root, "the authority is the same");
    let endpoint = Endpoint::open(server.directory(), &server.root());
    let account = Account { endpoint: &endpoint, signer, kid };
    let stale = account.request(&account.kid).nonce(&nonce).body();
    endpoint.post_body(&account.kid, &stale).expect_problem(400, "badNonce");
    assert_eq!(account.read(&account.kid).expect(200).json(), object);
    for (url, order) in [(&done_url, &done), (&ready_url, &ready), (&pending_url, &pending)] {
        assert_eq!(&account.read(url).expect(200).json(), order);
    }
    assert_eq!(account.read(text(&done, "certificate")).expect(200).body, pem);
    prove(&account, &pending);
    for (url, order, host) in [(&ready_url, &ready, &ready_host), (&pending_url, &pending, &pending_host)] {
        account.await_status(url, "ready");
        account.post(text(order, "finalize"), &json!({"csr": csr(&[host], &certificate_key)})).expect(200);
        account.await_status(url, "valid");
    }
    let chain = Chain::write(folder.path().join("done.pem"), &pem);
    chain.assert_sound(&server.root(), &[&done_host]);
    let revocation = json!({"certificate": encode(chain.der())});
    account.post(endpoint.url("revokeCert"), &revocation).expect(200);
    chain.assert_revoked(&server.root());
    assert!(server.stop().success(), "SIGTERM is a clean shutdown");

    let server = start();
    assert_eq!(chain.standing(&server.root()), Standing::Revoked);
}
