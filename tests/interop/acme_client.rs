//! acme-client of npm: JavaScript on Node.js. `node/acme-client.js` says what these tests have it do.

use serde_json::json;

use crate::lab::Lab;
use crate::matrix::{Client, Feature, Trial};
use crate::script::scenario;
use crate::support::certificate::Chain;
use crate::support::process::{free_port, run, run_refused};

const SCRIPT: &str = "node/acme-client.js";

#[test]
fn acme_client_account_http_01_renewal_key_change_revocation_update_deactivation() {
    let Some(trial) = Trial::of(
        Client::NpmAcme,
        &[
            Feature::AccountEs256,
            Feature::AccountEs384,
            Feature::Http01,
            Feature::CertificateP256,
            Feature::Renewal,
            Feature::KeyChange,
            Feature::ContactUpdate,
            Feature::RevocationByAccount,
            Feature::AuthorizationDeactivation,
            Feature::Deactivation,
        ],
    ) else {
        return;
    };
    let lab = Lab::new();
    run(&mut scenario(&trial, &lab, SCRIPT, "account"));
    let names = ["node.test", "www.node.test"];
    let first = Chain::read(lab.path("first.pem"));
    first.assert_sound(&lab.root(), &names);
    first.assert_revoked(&lab.root());
    let second = lab.issued(lab.path("second.pem"), &names);
    assert_ne!(first.serial(), second.serial(), "a renewal is a new certificate");
}

#[test]
fn acme_client_dns_01_wildcard_with_rsa() {
    let Some(trial) = Trial::of(
        Client::NpmAcme,
        &[Feature::AccountRs256, Feature::Dns01, Feature::Wildcard, Feature::CertificateRsa],
    ) else {
        return;
    };
    let lab = Lab::new();
    run(&mut scenario(&trial, &lab, SCRIPT, "wildcard"));
    lab.issued(lab.path("wildcard.pem"), &["*.node.test", "node.test"]);
}

#[test]
fn acme_client_binds_its_account() {
    let Some(trial) = Trial::of(Client::NpmAcme, &[Feature::ExternalAccountBinding, Feature::CertificateP384]) else {
        return;
    };
    let lab = Lab::new();
    let admin = lab.admin();
    admin.patch("/acmeProfiles/default", "*", &json!({"externalAccountRequired": true})).expect(200);
    run_refused(&mut scenario(&trial, &lab, SCRIPT, "bound"));
    let made = admin.post("/eabCredentials", &json!({"description": "team 7"})).expect(201).json();
    let text = |member: &str| made[member].as_str().unwrap_or_else(|| panic!("{member}: {made}")).to_owned();
    run(scenario(&trial, &lab, SCRIPT, "bound").env("KEY_ID", text("keyId")).env("HMAC_KEY", text("hmacKey")));
    let chain = lab.issued(lab.path("bound.pem"), &["bound.node.test"]);
    assert!(chain.key().contains("secp384r1"), "{}", chain.key());
}

#[test]
fn acme_client_tls_alpn_01() {
    let Some(trial) = Trial::of(Client::NpmAcme, &[Feature::TlsAlpn01]) else { return };
    let (lab, port) = (Lab::new(), free_port());
    lab.admin().patch("/acmeProfiles/default", "*", &json!({"tlsPort": port})).expect(200);
    run(scenario(&trial, &lab, SCRIPT, "tls").env("TLS_PORT", port.to_string()));
    lab.issued(lab.path("tls.pem"), &["node.test"]);
}
