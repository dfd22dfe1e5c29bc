//! acmeow of PyPI: Python, with ES256 accounts. `python/drive_acmeow.py` says what these tests have it do.

use serde_json::json;

use crate::lab::Lab;
use crate::matrix::{Client, Feature, Trial};
use crate::script::scenario;
use crate::support::certificate::Chain;
use crate::support::process::{free_port, run};

const SCRIPT: &str = "python/drive_acmeow.py";

#[test]
fn acmeow_account_http_01_renewal_key_change_revocation_update_deactivation() {
    let Some(trial) = Trial::of(
        Client::Acmeow,
        &[
            Feature::AccountEs256,
            Feature::Http01,
            Feature::CertificateP256,
            Feature::Renewal,
            Feature::KeyChange,
            Feature::ContactUpdate,
            Feature::RevocationByAccount,
            Feature::Deactivation,
        ],
    ) else {
        return;
    };
    let lab = Lab::new();
    run(&mut scenario(&trial, &lab, SCRIPT, "account"));
    let names = ["acmeow.test", "www.acmeow.test"];
    let first = Chain::read(lab.path("first.pem"));
    first.assert_sound(&lab.root(), &names);
    first.assert_revoked(&lab.root());
    let second = lab.issued(lab.path("second.pem"), &names);
    assert_ne!(first.serial(), second.serial(), "a renewal is a new certificate");
}

#[test]
fn acmeow_dns_01_wildcard_with_p_384() {
    let Some(trial) = Trial::of(Client::Acmeow, &[Feature::Dns01, Feature::Wildcard, Feature::CertificateP384]) else {
        return;
    };
    let lab = Lab::new();
    run(&mut scenario(&trial, &lab, SCRIPT, "wildcard"));
    let chain = lab.issued(lab.path("wildcard.pem"), &["*.acmeow.test", "acmeow.test"]);
    assert!(chain.key().contains("secp384r1"), "{}", chain.key());
}

#[test]
fn acmeow_obtains_a_certificate_for_an_address_with_rsa() {
    let Some(trial) = Trial::of(Client::Acmeow, &[Feature::IpIdentifier, Feature::Http01, Feature::CertificateRsa])
    else {
        return;
    };
    let lab = Lab::new();
    run(&mut scenario(&trial, &lab, SCRIPT, "address"));
    lab.issued(lab.path("address.pem"), &["127.0.0.1"]);
}

#[test]
fn acmeow_tls_alpn_01() {
    let Some(trial) = Trial::of(Client::Acmeow, &[Feature::TlsAlpn01]) else { return };
    let (lab, port) = (Lab::new(), free_port());
    lab.admin().patch("/acmeProfiles/default", "*", &json!({"tlsPort": port})).expect(200);
    run(scenario(&trial, &lab, SCRIPT, "tls").env("TLS_PORT", port.to_string()));
    lab.issued(lab.path("tls.pem"), &["acmeow.test"]);
}

#[test]
fn acmeow_proves_a_name_and_its_wildcard_by_one_record_that_stays() {
    let Some(trial) = Trial::of(Client::Acmeow, &[Feature::DnsPersist01, Feature::Wildcard]) else { return };
    let lab = Lab::new();
    lab.admin().patch("/acmeProfiles/default", "*", &json!({"caaIdentities": ["ca.acmeow.test"]})).expect(200);
    run(&mut scenario(&trial, &lab, SCRIPT, "persistent"));
    lab.issued(lab.path("persistent.pem"), &["*.acmeow.test", "acmeow.test"]);
}
