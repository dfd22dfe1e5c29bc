//! acme4j of Maven: Java, and the one client that was found to speak RFC 8739 and RFC 9444. `java/DriveAcme4j.java` says
//! what these tests have it do.

use std::process::Command;

use serde_json::json;

use crate::lab::Lab;
use crate::matrix::{Client, Feature, Trial, jars};
use crate::script::surrounded;
use crate::support::certificate::Chain;
use crate::support::process::{command, free_port, run};

/// Java compiles its one file by itself.
fn scenario(trial: &Trial, lab: &Lab, name: &str) -> Command {
    let mut command = command(trial.program());
    command.arg("-cp").arg(jars().join("*"));
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/java/DriveAcme4j.java")).arg(name);
    surrounded(command, lab)
}

#[test]
fn acme4j_account_http_01_renewal_key_change_both_revocations_update_deactivation() {
    let Some(trial) = Trial::of(
        Client::Acme4j,
        &[
            Feature::AccountRs256,
            Feature::AccountEs384,
            Feature::ContactUpdate,
            Feature::Http01,
            Feature::AuthorizationDeactivation,
            Feature::CertificateP384,
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
    run(&mut scenario(&trial, &lab, "account"));
    let chains = ["first.pem", "second.pem"].map(|file| Chain::read(lab.path(file)));
    for chain in &chains {
        chain.assert_sound(&lab.root(), &["acme4j.test", "www.acme4j.test"]);
        chain.assert_revoked(&lab.root());
    }
    assert_ne!(chains[0].serial(), chains[1].serial(), "a renewal is a new certificate");
}

#[test]
fn acme4j_dns_account_01_and_dns_01_wildcards() {
    let Some(trial) = Trial::of(
        Client::Acme4j,
        &[Feature::AccountEs256, Feature::DnsAccount01, Feature::Dns01, Feature::Wildcard, Feature::CertificateP256],
    ) else {
        return;
    };
    let lab = Lab::new();
    run(&mut scenario(&trial, &lab, "labelled"));
    lab.issued(lab.path("labelled.pem"), &["*.acme4j.test", "acme4j.test"]);
    lab.issued(lab.path("wildcard.pem"), &["*.other.acme4j.test", "other.acme4j.test"]);
}

#[test]
fn acme4j_tls_alpn_01_and_an_address_with_rsa() {
    let Some(trial) = Trial::of(
        Client::Acme4j,
        &[Feature::TlsAlpn01, Feature::Http01, Feature::IpIdentifier, Feature::CertificateRsa],
    ) else {
        return;
    };
    let (lab, port) = (Lab::new(), free_port());
    lab.admin().patch("/acmeProfiles/default", "*", &json!({"tlsPort": port})).expect(200);
    run(scenario(&trial, &lab, "tls").env("TLS_PORT", port.to_string()));
    lab.issued(lab.path("tls.pem"), &["acme4j.test"]);
    lab.issued(lab.path("address.pem"), &["127.0.0.1"]);
}

#[test]
fn acme4j_proves_an_ancestor_in_an_order_and_before_one() {
    let Some(trial) = Trial::of(Client::Acme4j, &[Feature::Subdomains, Feature::PreAuthorization, Feature::Dns01])
    else {
        return;
    };
    let lab = Lab::new();
    lab.admin().patch("/acmeProfiles/default", "*", &json!({"subdomainAuthorization": true})).expect(200);
    run(&mut scenario(&trial, &lab, "below"));
    lab.issued(lab.path("named.pem"), &["a.b.named.acme4j.test"]);
    lab.issued(lab.path("before.pem"), &["c.before.acme4j.test"]);
}

#[test]
fn acme4j_gets_the_next_certificate_without_an_order_and_cancels() {
    let Some(trial) = Trial::of(Client::Acme4j, &[Feature::Star, Feature::Http01]) else { return };
    let lab = Lab::new();
    let star = json!({"minLifetime": "2s", "maxDuration": "1d", "allowCertificateGet": true});
    lab.admin().patch("/acmeProfiles/default", "*", &json!({"autoRenewal": star})).expect(200);
    run(&mut scenario(&trial, &lab, "rolling"));
    // Which has ended by now, perhaps.
    assert!(Chain::read(lab.path("rolling.pem")).key().contains("prime256v1"));
}

#[test]
fn acme4j_chooses_a_profile_asks_when_to_renew_and_replaces() {
    let Some(trial) = Trial::of(
        Client::Acme4j,
        &[Feature::Profile, Feature::RenewalInformation, Feature::Replaces, Feature::Renewal],
    ) else {
        return;
    };
    let lab = Lab::new();
    let admin = lab.admin();
    admin.post("/raProfiles", &json!({"name": "short", "validity": "5d", "backdate": 0})).expect(201);
    admin.patch("/acmeProfiles/default", "*", &json!({"raProfiles": ["short"]})).expect(200);
    run(&mut scenario(&trial, &lab, "informed"));
    let first = lab.issued(lab.path("first.pem"), &["acme4j.test"]);
    let second = lab.issued(lab.path("second.pem"), &["acme4j.test"]);
    assert_eq!((first.days(), second.days()), (5, 90));
}

#[test]
fn acme4j_is_told_where_a_person_agrees_to_changed_terms() {
    let Some(trial) = Trial::of(Client::Acme4j, &[Feature::ChangedTerms]) else { return };
    let lab = Lab::new();
    let admin = lab.admin();
    let terms = |number: u32, barred: bool| {
        let mut change = json!({"termsOfService": format!("https://acme4j.test/terms/{number}")});
        if barred {
            change["noNewOrdersUntilAgreed"] = true.into();
            change["termsChangeUrl"] = "https://acme4j.test/agree".into();
        }
        admin.patch("/acmeProfiles/default", "*", &change).expect(200);
    };
    terms(1, false);
    run(&mut scenario(&trial, &lab, "terms"));
    terms(2, true);
    run(&mut scenario(&trial, &lab, "terms"));
}
