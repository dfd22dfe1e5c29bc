//! lego: its account key has the type of its certificates' keys.

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::lab::Lab;
use crate::matrix::{Client, Feature, Trial};
use crate::support::process::{command, free_port, run};

/// lego with a folder of its own, trusting the lab's root.
struct Lego<'a> {
    program: PathBuf,
    lab: &'a Lab,
    key_type: &'a str,
}

impl Lego<'_> {
    fn command(&self, names: &[&str]) -> Command {
        let mut command = command(&self.program);
        command.args(["--server", self.lab.directory(), "--accept-tos", "--email", "operator@lego.test"]);
        command.args(["--key-type", self.key_type, "--path"]).arg(self.lab.path("lego"));
        for name in names {
            command.args(["--domains", name]);
        }
        command.env("LEGO_CA_CERTIFICATES", self.lab.root());
        command
    }

    fn with_http(&self, names: &[&str]) -> Command {
        let mut command = self.command(names);
        command.args(["--http", "--http.port", &format!("127.0.0.1:{}", self.lab.http_port())]);
        command
    }

    /// With lego's own TLS server, at the port to which the lab's server goes for tls-alpn-01.
    fn with_tls(&self, names: &[&str], port: u16) -> Command {
        let mut command = self.command(names);
        command.args(["--tls", "--tls.port", &format!("127.0.0.1:{port}")]);
        command
    }

    /// With the program of lego's `exec` provider. Its own look for the record goes to the lab's DNS too.
    fn with_dns(&self, names: &[&str]) -> Command {
        let hook = self.lab.script(
            "lego-hook",
            r#"case "$1" in present) set_txt "$2" "$3" ;; cleanup) clear_txt "$2" ;; *) exit 2 ;; esac"#,
        );
        let mut command = self.command(names);
        command.args(["--dns", "exec", "--dns.disable-cp", "--dns.resolvers", &self.lab.dns().address().to_string()]);
        command.env("EXEC_PATH", hook).env("EXEC_POLLING_INTERVAL", "1").env("EXEC_PROPAGATION_TIMEOUT", "30");
        // It waits that long between two names, a minute if it is not told otherwise.
        command.env("EXEC_SEQUENCE_INTERVAL", "1");
        command
    }

    fn certificate(&self, name: &str) -> PathBuf {
        self.lab.path("lego/certificates").join(format!("{name}.crt"))
    }
}

#[test]
fn lego_account_http_01_renewal_revocation_with_p_256() {
    let Some(trial) = Trial::of(
        Client::Lego,
        &[
            Feature::AccountEs256,
            Feature::Http01,
            Feature::CertificateP256,
            Feature::Renewal,
            Feature::RevocationByAccount,
        ],
    ) else {
        return;
    };
    let lab = Lab::with_http_port(free_port());
    let lego = Lego { program: trial.program(), lab: &lab, key_type: "ec256" };
    let names = ["lego.test", "www.lego.test"];

    run(lego.with_http(&names).arg("run"));
    let first = lab.issued(lego.certificate("lego.test"), &names);
    assert!(first.key().contains("prime256v1"), "{}", first.key());

    run(lego.with_http(&names).args(["renew", "--days", "100000", "--no-random-sleep"]));
    let second = lab.issued(lego.certificate("lego.test"), &names);
    assert_ne!(first.serial(), second.serial(), "a renewal is a new certificate");

    run(lego.command(&names).args(["revoke", "--keep", "--reason", "5"]));
    second.assert_revoked(&lab.root());
    first.assert_good(&lab.root());
}

#[test]
fn lego_dns_01_wildcard_renewal_revocation_with_p_384() {
    let Some(trial) = Trial::of(
        Client::Lego,
        &[
            Feature::AccountEs384,
            Feature::Dns01,
            Feature::Wildcard,
            Feature::CertificateP384,
            Feature::Renewal,
            Feature::RevocationByAccount,
        ],
    ) else {
        return;
    };
    let lab = Lab::new();
    let lego = Lego { program: trial.program(), lab: &lab, key_type: "ec384" };
    let names = ["lego.test", "*.lego.test"];

    run(lego.with_dns(&names).arg("run"));
    let first = lab.issued(lego.certificate("lego.test"), &names);
    assert!(first.key().contains("secp384r1"), "{}", first.key());

    run(lego.with_dns(&names).args(["renew", "--days", "100000", "--no-random-sleep"]));
    let second = lab.issued(lego.certificate("lego.test"), &names);
    assert_ne!(first.serial(), second.serial(), "a renewal is a new certificate");

    run(lego.command(&names).args(["revoke", "--keep", "--reason", "0"]));
    second.assert_revoked(&lab.root());
}

#[test]
fn lego_http_01_with_rsa() {
    let Some(trial) = Trial::of(Client::Lego, &[Feature::AccountRs256, Feature::Http01, Feature::CertificateRsa])
    else {
        return;
    };
    let lab = Lab::with_http_port(free_port());
    let lego = Lego { program: trial.program(), lab: &lab, key_type: "rsa2048" };
    run(lego.with_http(&["lego.test"]).arg("run"));
    let chain = lab.issued(lego.certificate("lego.test"), &["lego.test"]);
    assert!(chain.key().contains("(2048 bit)"), "{}", chain.key());
}

#[test]
fn lego_tls_alpn_01_renewal() {
    let Some(trial) = Trial::of(Client::Lego, &[Feature::TlsAlpn01, Feature::CertificateP256, Feature::Renewal]) else {
        return;
    };
    let lab = Lab::new();
    let port = free_port();
    lab.admin().patch("/acmeProfiles/default", "*", &json!({"tlsPort": port})).expect(200);
    let lego = Lego { program: trial.program(), lab: &lab, key_type: "ec256" };
    let names = ["lego.test", "www.lego.test"];

    run(lego.with_tls(&names, port).arg("run"));
    let first = lab.issued(lego.certificate("lego.test"), &names);
    run(lego.with_tls(&names, port).args(["renew", "--days", "100000", "--no-random-sleep"]));
    let second = lab.issued(lego.certificate("lego.test"), &names);
    assert_ne!(first.serial(), second.serial(), "a renewal is a new certificate");
}

#[test]
fn lego_prefers_a_chain() {
    let Some(trial) = Trial::of(Client::Lego, &[Feature::PreferredChain]) else { return };
    let lab = Lab::with_http_port(free_port());
    let lego = Lego { program: trial.program(), lab: &lab, key_type: "ec256" };
    let crossing = lab.crossing("Old Root");
    run(lego.with_http(&["lego.test"]).args(["run", "--preferred-chain", "Old Root"]));
    let stored = std::fs::read_to_string(lego.certificate("lego.test")).expect("lego has stored it");
    assert!(crossing.trusts(&stored));
}
