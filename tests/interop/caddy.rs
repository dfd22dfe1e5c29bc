//! caddy: a web server that obtains its own certificates, and serves with them.

use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::lab::Lab;
use crate::matrix::{Client, Feature, Trial};
use crate::nginx::assert_trusted;
use crate::support::certificate::Chain;
use crate::support::process::{command, eventually, finish, free_port};

const NAME: &str = "caddy.test";

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// How long it may take to obtain a certificate: far longer than it needs. After a failure caddy waits a minute before it
/// tries again, so that a test which needs a second attempt fails.
const LIMIT: Duration = Duration::from_secs(50);

/// caddy renews once this part of a certificate's lifetime is left.
const A_THIRD: f64 = 1.0 / 3.0;

/// caddy in the foreground, with its storage in the lab's folder. Dropping it ends it.
struct Caddy {
    child: Child,
    address: SocketAddr,
}

impl Caddy {
    /// Starts it with these challenges. It renews what has this part of its lifetime left, or less.
    fn serve(trial: &Trial, lab: &Lab, port: u16, left: f64, challenges: &Value) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let configuration = json!({
            // Several of them run beside one another, and none shall keep its configuration in the user's folder.
            "admin": {"disabled": true, "config": {"persist": false}},
            "logging": {"logs": {"default": {"level": "WARN"}}},
            "storage": {"module": "file_system", "root": lab.path("caddy")},
            "apps": {
                "http": {"https_port": port, "servers": {"web": {
                    "listen": [address.to_string()],
                    "automatic_https": {"disable_redirects": true},
                    "routes": [{
                        "match": [{"host": [NAME]}],
                        "handle": [{"handler": "static_response", "body": "served\n"}],
                    }],
                }}},
                "tls": {"automation": {"policies": [{"renewal_window_ratio": left, "issuers": [{
                    "module": "acme",
                    "ca": lab.directory(),
                    "email": "operator@caddy.test",
                    "trusted_roots_pem_files": [lab.root()],
                    "challenges": challenges,
                }]}]}},
            },
        });
        let configuration = lab.file("caddy.json", &configuration.to_string());
        // Without the deadline of `command`: that would only end the wrapper when it is dropped.
        let child = std::process::Command::new(trial.program())
            .args(["run", "--config"])
            .arg(&configuration)
            .env("HOME", lab.path(""))
            .stdin(Stdio::null())
            .spawn()
            .expect("caddy starts");
        Self { child, address }
    }

    /// With tls-alpn-01, which it answers where it serves.
    fn with_tls(trial: &Trial, lab: &Lab, left: f64) -> Self {
        let port = free_port();
        lab.admin().patch("/acmeProfiles/default", "*", &json!({"tlsPort": port})).expect(200);
        Self::serve(trial, lab, port, left, &json!({"http": {"disabled": true}}))
    }

    /// With http-01, which it answers at the lab's port.
    fn with_http(trial: &Trial, lab: &Lab, left: f64) -> Self {
        let http = json!({"alternate_port": lab.http_port()});
        let challenges = json!({"http": http, "tls-alpn": {"disabled": true}, "bind_host": "127.0.0.1"});
        Self::serve(trial, lab, free_port(), left, &challenges)
    }

    /// Waits until it serves with a chain that this is true of.
    fn serves(&self, lab: &Lab, wanted: impl Fn(&Chain) -> bool) -> Chain {
        let served = lab.path("served.pem");
        eventually(LIMIT, || {
            let address = self.address.to_string();
            let said =
                finish(command("openssl").args(["s_client", "-showcerts", "-connect", &address, "-servername", NAME]));
            let said = String::from_utf8_lossy(&said.stdout).into_owned();
            let certificates = said.split_inclusive(END).filter_map(|text| text.find(BEGIN).map(|at| &text[at..]));
            let certificates: Vec<_> = certificates.collect();
            if certificates.is_empty() {
                return Err(format!("{NAME} is not served: {said}"));
            }
            let chain = Chain::write(&served, certificates.join("\n"));
            if wanted(&chain) { Ok(()) } else { Err("it serves with another certificate".to_owned()) }
        });
        assert_trusted(self.address, &lab.root(), NAME);
        lab.issued(served, &[NAME])
    }
}

impl Drop for Caddy {
    fn drop(&mut self) {
        // Either may fail if it has ended already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn caddy_obtains_by_tls_alpn_01_what_it_serves_with_and_renews_it() {
    let Some(trial) = Trial::of(
        Client::Caddy,
        &[Feature::AccountEs256, Feature::TlsAlpn01, Feature::CertificateP256, Feature::Renewal],
    ) else {
        return;
    };
    let lab = Lab::new();
    let caddy = Caddy::with_tls(&trial, &lab, A_THIRD);
    let first = caddy.serves(&lab, |_| true);
    assert!(first.key().contains("prime256v1"), "{}", first.key());
    drop(caddy);
    // Whatever lifetime certificates have: this one is due.
    let caddy = Caddy::with_tls(&trial, &lab, 0.999_999_99);
    caddy.serves(&lab, |chain| chain.serial() != first.serial());
}

#[test]
fn caddy_http_01() {
    let Some(trial) = Trial::of(Client::Caddy, &[Feature::Http01, Feature::CertificateP256]) else { return };
    let lab = Lab::with_http_port(free_port());
    let caddy = Caddy::with_http(&trial, &lab, A_THIRD);
    caddy.serves(&lab, |_| true);
}
