//! aioacme of PyPI: asynchronous Python, whose accounts may have Ed25519 keys. `python/drive_aioacme.py` says what these
//! tests have it do.

use crate::lab::Lab;
use crate::matrix::{Client, Feature, Trial};
use crate::script::scenario;
use crate::support::certificate::Chain;
use crate::support::process::run;

const SCRIPT: &str = "python/drive_aioacme.py";

#[test]
fn aioacme_eddsa_account_http_01_renewal_key_change_both_revocations_update_deactivation() {
    let Some(trial) = Trial::of(
        Client::Aioacme,
        &[
            Feature::AccountEdDsa,
            Feature::AccountEs384,
            Feature::ContactUpdate,
            Feature::Http01,
            Feature::AuthorizationDeactivation,
            Feature::CertificateP256,
            Feature::Renewal,
            Feature::KeyChange,
            Feature::RevocationByAccount,
            Feature::RevocationByCertificateKey,
            Feature::Deactivation,
        ],
    ) else {
        return;
    };
    let lab = Lab::new();
    run(&mut scenario(&trial, &lab, SCRIPT, "account"));
    let chains = ["first.pem", "second.pem"].map(|file| Chain::read(lab.path(file)));
    for chain in &chains {
        chain.assert_sound(&lab.root(), &["aioacme.test", "www.aioacme.test"]);
        chain.assert_revoked(&lab.root());
    }
    assert_ne!(chains[0].serial(), chains[1].serial(), "a renewal is a new certificate");
    let accounts = lab.admin().get("/acmeAccounts").expect(200).json();
    assert_eq!(accounts["items"][0]["algorithm"], "EdDSA", "{accounts}");
}

#[test]
fn aioacme_dns_account_01_wildcard_and_an_address() {
    let Some(trial) =
        Trial::of(Client::Aioacme, &[Feature::DnsAccount01, Feature::Wildcard, Feature::Http01, Feature::IpIdentifier])
    else {
        return;
    };
    let lab = Lab::new();
    run(&mut scenario(&trial, &lab, SCRIPT, "labelled"));
    lab.issued(lab.path("labelled.pem"), &["*.aioacme.test", "aioacme.test"]);
    lab.issued(lab.path("address.pem"), &["127.0.0.1"]);
}
