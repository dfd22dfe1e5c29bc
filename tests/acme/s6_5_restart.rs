//! What a restart keeps and what it does not: RFC 8555 section 6.5 for nonces, and everything else that a client was
//! told of. At both forms of URL, of one server.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use hickory_proto::rr::RecordType;
use rcgen::KeyPair;
use serde_json::{Value, json};

use crate::client::{Account, Endpoint, challenge, text};
use crate::dns::DnsServer;
use crate::house::{configuration, csr, name};
use crate::jws::{Signer, encode};
use crate::support::certificate::{Chain, Standing};
use crate::support::server::Server;
use crate::support::web::WebRoot;

/// What a client of one form of URL knows when the server stops.
struct Client {
    directory: String,
    /// One of the first nonces of that server, and never used.
    nonce: String,
    signer: Signer,
    kid: String,
    object: Value,
    orders: [Placed; 3],
    pem: Vec<u8>,
}

/// An order: of which name, where, and how it was.
struct Placed {
    host: String,
    url: String,
    object: Value,
}

#[test]
fn s6_5_a_restart_keeps_everything_but_nonces() {
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
    let key = KeyPair::generate().expect("a key is made");

    let server = start();
    let forms = [server.directory().to_owned(), server.directory().replace("/acme/", "/acme/raProfile/")];
    let nonces = forms.each_ref().map(|directory| fresh(&Endpoint::open(directory, &server.root())));
    let clients: Vec<Client> = forms
        .into_iter()
        .zip(nonces)
        .map(|(directory, nonce)| Client::begin(directory, nonce, &server, &web, &key))
        .collect();
    let root = fs::read(server.root()).expect("the root is there");
    assert!(server.stop().success(), "SIGTERM is a clean shutdown");

    let server = start();
    assert_eq!(fs::read(server.root()).expect("the root is there"), root, "the authority is the same");
    let chains: Vec<Chain> = clients
        .into_iter()
        .enumerate()
        .map(|(form, client)| client.go_on(&server, &web, &key, &folder.path().join(format!("{form}.pem"))))
        .collect();
    assert!(server.stop().success(), "SIGTERM is a clean shutdown");

    let server = start();
    for chain in chains {
        assert_eq!(chain.standing(&server.root()), Standing::Revoked);
    }
}

impl Client {
    /// An order of every kind: one with its certificate, one that is ready, and one that is pending.
    fn begin(directory: String, nonce: String, server: &Server, web: &WebRoot, key: &KeyPair) -> Self {
        let endpoint = Endpoint::open(&directory, &server.root());
        let account = endpoint.register_with(Signer::new("ES256"));
        let place = |label: &str| {
            let host = name(label);
            let (url, object) = account.order(&[&host]);
            Placed { host, url, object }
        };
        let mut orders = [place("done"), place("ready"), place("pending")];
        let [done, ready, _] = &mut orders;
        for order in [&mut *done, ready] {
            prove(&account, web, &order.object);
            order.object = account.await_status(&order.url, "ready");
        }
        account.post(text(&done.object, "finalize"), &json!({"csr": csr(&[&done.host], key)})).expect(200);
        done.object = account.await_status(&done.url, "valid");
        let pem = account.read(text(&done.object, "certificate")).expect(200).body;
        let object = account.read(&account.kid).json();
        let Account { signer, kid, .. } = account;
        Self { directory, nonce, signer, kid, object, orders, pem }
    }

    /// All of it is as it was, and goes on; in the end the certificate is revoked.
    fn go_on(self, server: &Server, web: &WebRoot, key: &KeyPair, file: &Path) -> Chain {
        let endpoint = Endpoint::open(&self.directory, &server.root());
        // So that it is not refused for having a number that this server has not come to yet.
        for _ in 0..8 {
            fresh(&endpoint);
        }
        let account = Account { endpoint: &endpoint, signer: self.signer, kid: self.kid };
        let stale = account.request(&account.kid).nonce(&self.nonce).body();
        endpoint.post_body(&account.kid, &stale).expect_problem(400, "badNonce");
        assert_eq!(account.read(&account.kid).expect(200).json(), self.object);
        for order in &self.orders {
            assert_eq!(account.read(&order.url).expect(200).json(), order.object);
        }
        let [done, ready, pending] = &self.orders;
        assert_eq!(account.read(text(&done.object, "certificate")).expect(200).body, self.pem);
        prove(&account, web, &pending.object);
        for order in [ready, pending] {
            account.await_status(&order.url, "ready");
            account.post(text(&order.object, "finalize"), &json!({"csr": csr(&[&order.host], key)})).expect(200);
            account.await_status(&order.url, "valid");
        }
        let chain = Chain::write(file.to_owned(), &self.pem);
        chain.assert_sound(&server.root(), &[&done.host]);
        account.post(endpoint.url("revokeCert"), &json!({"certificate": encode(chain.der())})).expect(200);
        chain.assert_revoked(&server.root());
        chain
    }
}

fn fresh(endpoint: &Endpoint) -> String {
    let response = endpoint.send("HEAD", endpoint.url("newNonce"), &[], b"");
    response.header("Replay-Nonce").expect("a nonce").to_owned()
}

fn prove(account: &Account<'_>, web: &WebRoot, order: &Value) {
    let url = order["authorizations"][0].as_str().expect("a URL");
    let asked = challenge(&account.read(url).expect(200).json(), "http-01");
    fs::write(web.challenges().join(text(&asked, "token")), account.key_authorization(&asked))
        .expect("the file can be written");
    account.post(text(&asked, "url"), &json!({})).expect(200);
    account.await_status(url, "valid");
}
