//! lacme of PyPI: asynchronous Python, with ES256 accounts. `python/drive_lacme.py` says what these tests have it do.

use serde_json::json;

use crate::lab::Lab;
use crate::matrix::{Client, Feature, Trial};
use crate::script::scenario;
use crate::support::certificate::Chain;
use crate::support::process::run;

const SCRIPT: &str = "python/drive_lacme.py";

#[test]
fn lacme_account_http_01_renewal_key_change_both_revocations_deactivation() {
    let Some(trial) = Trial::of(
        Client::Lacme,
        &[
            Feature::AccountEs256,
            Feature::Http01,
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
        chain.assert_sound(&lab.root(), &["lacme.test", "www.lacme.test"]);
        chain.assert_revoked(&lab.root());
    }
    assert_ne!(chains[0].serial(), chains[1].serial(), "a renewal is a new certificate");
}

#[test]
fn lacme_obtains_a_certificate_for_an_address() {
    let Some(trial) = Trial::of(Client::Lacme, &[Feature::IpIdentifier, Feature::Http01]) else { return };
    let lab = Lab::new();
    run(&mut scenario(&trial, &lab, SCRIPT, "address"));
    lab.issued(lab.path("address.pem"), &["127.0.0.1"]);
}

#[test]
fn lacme_proves_a_name_before_it_orders() {
    let Some(trial) = Trial::of(Client::Lacme, &[Feature::PreAuthorization]) else { return };
    let lab = Lab::new();
    run(&mut scenario(&trial, &lab, SCRIPT, "before_an_order"));
    lab.issued(lab.path("before.pem"), &["lacme.test"]);
}

#[test]
fn lacme_is_told_of_changed_terms_and_goes_on_once_they_are_agreed_to() {
    let Some(trial) = Trial::of(Client::Lacme, &[Feature::ChangedTerms]) else { return };
    let lab = Lab::new();
    let does = |name| {
        let said = run(&mut scenario(&trial, &lab, SCRIPT, name));
        String::from_utf8(said).expect("the script says text")
    };
    let admin = lab.admin();
    let changes = |changes| admin.patch("/acmeProfiles/default", "*", &changes).expect(200);
    changes(json!({"termsOfService": "https://lacme.test/terms/1"}));
    let account = does("first_terms");
    let before = lab.issued(lab.path("before.pem"), &["lacme.test"]);
    changes(json!({
        "termsOfService": "https://lacme.test/terms/2",
        "termsChangeUrl": "https://lacme.test/agree",
        "noNewOrdersUntilAgreed": true,
    }));
    let told = does("changed_terms");
    assert!(told.contains("https://lacme.test/agree"), "where a person agrees: {told}");
    assert!(told.contains("<https://lacme.test/terms/2>;rel=\"terms-of-service\""), "{told}");
    // Twice, since having been told is no agreement.
    assert_eq!(does("changed_terms"), told);
    let id = account.trim().rsplit('/').next().expect("a URL has segments");
    admin.post(&format!("/acmeAccounts/{id}/agreeTerms"), &json!({})).expect(200);
    does("agreed_terms");
    let after = lab.issued(lab.path("after.pem"), &["lacme.test"]);
    assert_ne!(before.serial(), after.serial(), "it was issued after the agreement");
}
