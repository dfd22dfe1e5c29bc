//! certbot: its account keys are RSA, its certificates' P-256 unless told otherwise.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::lab::Lab;
use crate::matrix::{Client, Feature, Trial};
use crate::nginx::Nginx;
use crate::support::process::{command, free_port, run, run_refused};

/// certbot with folders of its own, trusting the lab's root.
struct Certbot<'a> {
    program: PathBuf,
    lab: &'a Lab,
}

impl Certbot<'_> {
    fn command(&self, action: &str) -> Command {
        let mut command = command(&self.program);
        command.args([action, "--non-interactive", "--server", self.lab.directory()]);
        for (option, folder) in [("--config-dir", "config"), ("--work-dir", "work"), ("--logs-dir", "logs")] {
            command.arg(option).arg(self.lab.path("certbot").join(folder));
        }
        command.env("REQUESTS_CA_BUNDLE", self.lab.root());
        command
    }

    /// `certonly`, with an account made on the way.
    fn certonly(&self, names: &[&str]) -> Command {
        let mut command = self.command("certonly");
        command.args(["--agree-tos", "--email", "operator@certbot.test", "--no-eff-email"]);
        for name in names {
            command.args(["--domain", name]);
        }
        command
    }

    fn renew(&self) -> Command {
        let mut command = self.command("renew");
        command.args(["--force-renewal", "--no-random-sleep-on-renew"]);
        command
    }

    /// A file of the certificate with this name.
    fn live(&self, name: &str, file: &str) -> PathBuf {
        self.lab.path("certbot/config/live").join(name).join(file)
    }

    fn revoke(&self, certificate: &Path) -> Command {
        let mut command = self.command("revoke");
        command.args(["--no-delete-after-revoke", "--cert-path"]).arg(certificate);
        command
    }
}

#[test]
fn certbot_account_http_01_nginx_renewal_revocation_by_account_update_deactivation() {
    let Some(trial) = Trial::of(Client::Certbot, ACCOUNT) else { return };
    account(&trial, Client::Certbot);
}

#[test]
fn certbot_of_debian_account_http_01_nginx_renewal_revocation_by_account_update_deactivation() {
    let Some(trial) = Trial::of(Client::CertbotOfDebian, ACCOUNT) else { return };
    account(&trial, Client::CertbotOfDebian);
}

const ACCOUNT: &[Feature] = &[
    Feature::AccountRs256,
    Feature::Http01,
    Feature::CertificateP256,
    Feature::Renewal,
    Feature::RevocationByAccount,
    Feature::ContactUpdate,
    Feature::Deactivation,
];

fn account(trial: &Trial, client: Client) {
    let lab = Lab::with_http_port(free_port());
    let certbot = Certbot { program: trial.program(), lab: &lab };
    let names = ["certbot.test", "www.certbot.test"];

    run(certbot.certonly(&names).args(["--standalone", "--http-01-port", &lab.http_port().to_string()]));
    let first = lab.issued(certbot.live("certbot.test", "fullchain.pem"), &names);
    if let Some(nginx) =
        Nginx::serve(&lab, &certbot.live("certbot.test", "fullchain.pem"), &certbot.live("certbot.test", "privkey.pem"))
    {
        nginx.assert_trusted(&lab.root(), "certbot.test");
        nginx.assert_trusted(&lab.root(), "www.certbot.test");
    }

    run(&mut certbot.renew());
    let second = lab.issued(certbot.live("certbot.test", "fullchain.pem"), &names);
    assert_ne!(first.serial(), second.serial(), "a renewal is a new certificate");

    run(certbot.revoke(first.path()).args(["--reason", "superseded"]));
    first.assert_revoked(&lab.root());
    second.assert_good(&lab.root());
    let again = run_refused(certbot.revoke(first.path()).args(["--reason", "superseded"]));
    // That of Debian breaks on whatever a server refuses ("can't set attribute"), and says no more.
    let passed_on = again.contains("revoked") || client == Client::CertbotOfDebian;
    assert!(passed_on, "certbot passes on the server's own words: {again}");

    run(certbot.command("update_account").args(["--email", "other@certbot.test", "--no-eff-email"]));
    let shown = run(&mut certbot.command("show_account"));
    assert!(String::from_utf8_lossy(&shown).contains("other@certbot.test"), "the contact was updated");
    run(&mut certbot.command("unregister"));
}

#[test]
fn certbot_dns_01_wildcard_nginx_renewal_revocation_by_certificate_key() {
    let Some(trial) = Trial::of(Client::Certbot, WILDCARD) else { return };
    wildcard(&trial);
}

#[test]
fn certbot_of_debian_dns_01_wildcard_nginx_renewal_revocation_by_certificate_key() {
    let Some(trial) = Trial::of(Client::CertbotOfDebian, WILDCARD) else { return };
    wildcard(&trial);
}

const WILDCARD: &[Feature] =
    &[Feature::Dns01, Feature::Wildcard, Feature::Renewal, Feature::RevocationByCertificateKey];

fn wildcard(trial: &Trial) {
    let lab = Lab::new();
    let certbot = Certbot { program: trial.program(), lab: &lab };
    // Both are proven by TXT records of the same name, which must stand beside each other.
    let names = ["*.wild.test", "wild.test"];
    let auth = lab.script("auth", r#"set_txt "_acme-challenge.$CERTBOT_DOMAIN" "$CERTBOT_VALIDATION""#);
    let cleanup = lab.script("cleanup", r#"clear_txt "_acme-challenge.$CERTBOT_DOMAIN""#);

    run(certbot
        .certonly(&names)
        .args(["--manual", "--preferred-challenges", "dns", "--cert-name", "wild", "--manual-auth-hook"])
        .arg(&auth)
        .arg("--manual-cleanup-hook")
        .arg(&cleanup));
    let first = lab.issued(certbot.live("wild", "fullchain.pem"), &names);
    if let Some(nginx) =
        Nginx::serve(&lab, &certbot.live("wild", "fullchain.pem"), &certbot.live("wild", "privkey.pem"))
    {
        nginx.assert_trusted(&lab.root(), "wild.test");
        nginx.assert_trusted(&lab.root(), "anything.wild.test");
    }

    let old_key = lab.path("old-key.pem");
    fs::copy(certbot.live("wild", "privkey.pem"), &old_key).expect("the key can be kept");
    run(&mut certbot.renew());
    let second = lab.issued(certbot.live("wild", "fullchain.pem"), &names);
    assert_ne!(first.serial(), second.serial(), "a renewal is a new certificate");

    run(certbot.revoke(first.path()).arg("--key-path").arg(&old_key).args(["--reason", "keycompromise"]));
    first.assert_revoked(&lab.root());
    second.assert_good(&lab.root());
}

#[test]
fn certbot_webroot_with_an_rsa_key() {
    let Some(trial) = Trial::of(Client::Certbot, RSA) else { return };
    rsa(&trial);
}

#[test]
fn certbot_of_debian_webroot_with_an_rsa_key() {
    let Some(trial) = Trial::of(Client::CertbotOfDebian, RSA) else { return };
    rsa(&trial);
}

const RSA: &[Feature] = &[Feature::Http01, Feature::CertificateRsa];

fn rsa(trial: &Trial) {
    let lab = Lab::new();
    let certbot = Certbot { program: trial.program(), lab: &lab };
    run(certbot
        .certonly(&["rsa.test"])
        .args(["--key-type", "rsa", "--rsa-key-size", "3072", "--webroot", "--webroot-path"])
        .arg(lab.web().folder()));
    let chain = lab.issued(certbot.live("rsa.test", "fullchain.pem"), &["rsa.test"]);
    assert!(chain.key().contains("(3072 bit)"), "{}", chain.key());
}

#[test]
fn certbot_http_01_address_renewal() {
    let Some(trial) = Trial::of(Client::Certbot, &[Feature::Http01, Feature::IpIdentifier, Feature::Renewal]) else {
        return;
    };
    let lab = Lab::with_http_port(free_port());
    let certbot = Certbot { program: trial.program(), lab: &lab };
    let names = ["127.0.0.1", "certbot.test"];
    let mut order = certbot.certonly(&["certbot.test"]);
    order.args(["--ip-address", "127.0.0.1", "--cert-name", "address"]);
    run(order.args(["--standalone", "--http-01-port", &lab.http_port().to_string()]));
    let first = lab.issued(certbot.live("address", "fullchain.pem"), &names);
    run(&mut certbot.renew());
    let second = lab.issued(certbot.live("address", "fullchain.pem"), &names);
    assert_ne!(first.serial(), second.serial(), "a renewal is a new certificate");
}

#[test]
fn certbot_is_told_why_nothing_was_issued() {
    let Some(trial) = Trial::of(Client::Certbot, &[Feature::ToldWhyRefused]) else { return };
    // Nobody answers there: the port is free.
    let lab = Lab::with_http_port(free_port());
    let certbot = Certbot { program: trial.program(), lab: &lab };
    let said =
        run_refused(certbot.certonly(&["nobody.test"]).args(["--webroot", "--webroot-path"]).arg(lab.web().folder()));
    assert!(said.contains("nobody.test"), "{said}");
    assert!(said.contains("Type:   connection"), "{said}");
}

#[test]
fn certbot_binds_its_account_with_a_credential_that_an_operator_made() {
    let Some(trial) = Trial::of(Client::Certbot, &[Feature::ExternalAccountBinding]) else { return };
    let lab = Lab::new();
    let certbot = Certbot { program: trial.program(), lab: &lab };
    let admin = lab.admin();
    admin.patch("/acmeProfiles/default", "*", &json!({"externalAccountRequired": true})).expect(200);
    let order = |name: &str| {
        let mut command = certbot.certonly(&[name]);
        command.args(["--webroot", "--webroot-path"]).arg(lab.web().folder());
        command
    };
    run_refused(&mut order("bound.test"));

    let scope = json!({"description": "team 7", "names": ["bound.test"], "accounts": 1});
    let made = admin.post("/eabCredentials", &scope).expect(201).json();
    // As the answer shows them.
    let example = made["example"].as_str().expect("there is an example");
    let binding: Vec<&str> = example.split(' ').filter(|word| word.starts_with("--eab-")).collect();
    assert_eq!(binding.len(), 2, "{example}");
    run(order("bound.test").args(&binding));
    lab.issued(certbot.live("bound.test", "fullchain.pem"), &["bound.test"]);

    let credential = made["keyId"].as_str().expect("it has an id");
    let used = admin.get(&format!("/eabCredentials/{credential}")).expect(200).json();
    assert_eq!(used["boundAccounts"], 1, "{used}");
    let bound = admin.get(&format!("/acmeAccounts?eabCredential={credential}")).expect(200).json();
    assert_eq!(bound["items"][0]["contacts"], json!(["mailto:operator@certbot.test"]), "{bound}");
    assert_eq!(bound["items"][0]["algorithm"], "RS256", "{bound}");
    let said = run_refused(&mut order("elsewhere.test"));
    assert!(said.contains("elsewhere.test"), "{said}");
}

#[test]
fn certbot_renews_when_the_server_says_so() {
    let Some(trial) = Trial::of(Client::Certbot, &[Feature::Renewal, Feature::RenewalInformation]) else { return };
    let lab = Lab::new();
    let certbot = Certbot { program: trial.program(), lab: &lab };
    let names = ["now.test", "later.test"];
    for name in names {
        run(certbot.certonly(&[name]).args(["--webroot", "--webroot-path"]).arg(lab.web().folder()));
    }
    let live = |name| lab.issued(certbot.live(name, "fullchain.pem"), &[name]);
    let before = names.map(live);
    // Neither is near its end: the server calls for one of them.
    let admin = lab.admin();
    let listed = admin.get("/certificates?name=now.test").expect(200).json();
    let id = listed["items"][0]["id"].as_str().expect("it is listed");
    admin.post(&format!("/certificates/{id}/renew"), &json!({})).expect(200);
    run(certbot.command("renew").arg("--no-random-sleep-on-renew"));
    let after = names.map(live);
    assert_ne!(before[0].serial(), after[0].serial(), "certbot asked, and was told to renew at once");
    assert_eq!(before[1].serial(), after[1].serial(), "and the other is not to be renewed yet");
}

#[test]
fn certbot_renews_at_once_what_an_operator_revoked() {
    let Some(trial) = Trial::of(Client::Certbot, &[Feature::RenewalOfRevoked, Feature::RenewalInformation]) else {
        return;
    };
    let lab = Lab::new();
    let certbot = Certbot { program: trial.program(), lab: &lab };
    let names = ["revoked.test", "kept.test"];
    for name in names {
        run(certbot.certonly(&[name]).args(["--webroot", "--webroot-path"]).arg(lab.web().folder()));
    }
    let live = |name| lab.issued(certbot.live(name, "fullchain.pem"), &[name]);
    let before = names.map(live);
    let admin = lab.admin();
    let listed = admin.get("/certificates?name=revoked.test").expect(200).json();
    let id = listed["items"][0]["id"].as_str().expect("it is listed");
    admin.post(&format!("/certificates/{id}/revoke"), &json!({"reason": "superseded"})).expect(200);
    before[0].assert_revoked(&lab.root());
    run(certbot.command("renew").arg("--no-random-sleep-on-renew"));
    let after = names.map(live);
    assert_ne!(before[0].serial(), after[0].serial(), "its time to renew is past");
    assert_eq!(before[1].serial(), after[1].serial(), "the other's is not");
}

#[test]
fn certbot_chooses_a_profile() {
    let Some(trial) = Trial::of(Client::Certbot, &[Feature::Profile]) else { return };
    let lab = Lab::new();
    let certbot = Certbot { program: trial.program(), lab: &lab };
    let admin = lab.admin();
    admin.post("/raProfiles", &json!({"name": "short", "validity": "5d", "backdate": 0})).expect(201);
    admin.patch("/acmeProfiles/default", "*", &json!({"raProfiles": ["short"]})).expect(200);
    let order = |name: &str, option: &str, profile: &str| {
        let mut command = certbot.certonly(&[name]);
        command.args([option, profile, "--webroot", "--webroot-path"]).arg(lab.web().folder());
        command
    };
    for (name, option, profile, days) in [
        ("preferred.test", "--preferred-profile", "short", 5),
        ("required.test", "--required-profile", "short", 5),
        ("default.test", "--required-profile", "default", 90),
        ("fallback.test", "--preferred-profile", "none", 90),
    ] {
        run(&mut order(name, option, profile));
        let chain = lab.issued(certbot.live(name, "fullchain.pem"), &[name]);
        assert_eq!(chain.days(), days, "{option} {profile}");
    }
    let said = run_refused(&mut order("refused.test", "--required-profile", "none"));
    assert!(said.contains("none"), "{said}");
}

#[test]
fn certbot_prefers_a_chain() {
    let Some(trial) = Trial::of(Client::Certbot, &[Feature::PreferredChain]) else { return };
    let lab = Lab::new();
    let certbot = Certbot { program: trial.program(), lab: &lab };
    let crossing = lab.crossing("Old Root");
    let order = |name: &str, preferred: &str| {
        run(certbot
            .certonly(&[name])
            .args(["--preferred-chain", preferred, "--webroot", "--webroot-path"])
            .arg(lab.web().folder()));
        fs::read_to_string(certbot.live(name, "fullchain.pem")).expect("certbot has stored it")
    };
    assert!(crossing.trusts(&order("old.test", "Old Root")));
    assert!(!crossing.trusts(&order("new.test", "No Such Root")), "the default where there is no match");
    lab.issued(certbot.live("new.test", "fullchain.pem"), &["new.test"]);
}
