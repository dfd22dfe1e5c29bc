//! acme-tiny: two hundred lines of Python over openssl.

use std::path::Path;
use std::process::Command;

use crate::lab::Lab;
use crate::matrix::{Client, Feature, Trial};
use crate::support::certificate::Chain;
use crate::support::process::{command, run};

#[test]
fn acme_tiny_account_update_http_01_renewal() {
    let Some(trial) = Trial::of(
        Client::AcmeTiny,
        &[Feature::AccountRs256, Feature::Http01, Feature::CertificateRsa, Feature::Renewal, Feature::ContactUpdate],
    ) else {
        return;
    };
    let (program, lab) = (trial.program(), Lab::new());
    let account_key = rsa_key(&lab, "account.pem", 2048);
    let csr = csr(&lab, &rsa_key(&lab, "key.pem", 2048), "tiny.test", "DNS:tiny.test,DNS:www.tiny.test");
    let names = ["tiny.test", "www.tiny.test"];

    let first = obtain(&lab, &program, &account_key, &csr, "first.pem", "operator@tiny.test", &names);
    // It updates the account's contact when it runs again.
    let second = obtain(&lab, &program, &account_key, &csr, "second.pem", "other@tiny.test", &names);
    assert_ne!(first.serial(), second.serial(), "a renewal is a new certificate");
}

fn obtain(
    lab: &Lab,
    program: &Path,
    account_key: &Path,
    csr: &Path,
    name: &str,
    contact: &str,
    names: &[&str],
) -> Chain {
    let mut acme_tiny: Command = command(program);
    acme_tiny
        .arg("--account-key")
        .arg(account_key)
        .arg("--csr")
        .arg(csr)
        .arg("--acme-dir")
        .arg(lab.web().challenges())
        // Its own look at the challenge would need names that this machine resolves.
        .arg("--disable-check")
        .args(["--directory-url", lab.directory(), "--contact", &format!("mailto:{contact}")])
        .env("SSL_CERT_FILE", lab.root());
    let chain = Chain::write(lab.path(name), run(&mut acme_tiny));
    chain.assert_sound(&lab.root(), names);
    chain.assert_good(&lab.root());
    chain
}

fn rsa_key(lab: &Lab, name: &str, bits: u32) -> std::path::PathBuf {
    let path = lab.path(name);
    run(command("openssl").args(["genrsa", "-traditional", "-out"]).arg(&path).arg(bits.to_string()));
    path
}

fn csr(lab: &Lab, key: &Path, common_name: &str, names: &str) -> std::path::PathBuf {
    let path = lab.path("request.csr");
    run(command("openssl")
        .args(["req", "-new", "-sha256", "-subj", &format!("/CN={common_name}")])
        .args(["-addext", &format!("subjectAltName={names}"), "-key"])
        .arg(key)
        .arg("-out")
        .arg(&path));
    path
}
