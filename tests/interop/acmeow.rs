//! acmeow of PyPI: Python, with ES256 accounts. `python/drive_acmeow.py` says what these tests have it do.

use crate::lab::Lab;
use crate::matrix::{Client, Feature, Trial};
use crate::script::scenario;
use crate::support::certificate::Chain;
use crate::support::process::run;

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
