//! uacme: C over curl and GnuTLS. It is the one that changes its account's key from the command line.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::Lab;
use crate::matrix::{Client, Feature, Trial};
use crate::support::certificate::Chain;
use crate::support::process::{command, run, run_refused};

/// uacme with a folder of its own, trusting the lab's root.
struct Uacme<'a> {
    program: PathBuf,
    lab: &'a Lab,
    hook: PathBuf,
    /// Makes the system's roots the lab's, as uacme has no option for that.
    roots: PathBuf,
}

impl<'a> Uacme<'a> {
    /// `None` if there is no compiler.
    fn new(trial: &Trial, lab: &'a Lab, kind: &str) -> Option<Self> {
        let program = trial.program();
        let compiler = trial.find("cc")?;
        let roots = lab.path("roots.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/roots.c");
        run(command(compiler).args(["-shared", "-fPIC", "-o"]).arg(&roots).arg(source).arg("-ldl"));
        let hook = lab.script(
            "uacme-hook",
            &format!(
                r#"[ "$2" = {kind} ] || exit 1
case "$1.$2" in
begin.http-01) printf %s "$5" > "$CHALLENGES/$4" ;;
*.http-01) rm -f "$CHALLENGES/$4" ;;
begin.dns-01) set_txt "_acme-challenge.$3" "$5" ;;
*.dns-01) clear_txt "_acme-challenge.$3" ;;
esac"#
            ),
        );
        Some(Self { program, lab, hook, roots })
    }

    fn command(&self, options: &[&str]) -> Command {
        let mut command = command(&self.program);
        command
            .env("LD_PRELOAD", &self.roots)
            .env("ROOTS", self.lab.root())
            .args(["--verbose", "--yes", "--acme-url", self.lab.directory(), "--confdir"])
            .arg(self.lab.path("uacme"))
            .arg("--hook")
            .arg(&self.hook)
            .args(options);
        command
    }

    /// A copy to revoke, since uacme renames the file.
    fn copy(&self, chain: &Chain) -> PathBuf {
        let copy = self.lab.path("to-revoke.pem");
        std::fs::copy(chain.path(), &copy).expect("the chain can be copied");
        copy
    }

    fn file(&self, path: &str) -> PathBuf {
        self.lab.path("uacme").join(path)
    }
}

#[test]
fn uacme_account_http_01_renewal_key_change_revocation_by_account_update_deactivation() {
    let Some(trial) = Trial::of(
        Client::Uacme,
        &[
            Feature::AccountEs256,
            Feature::Http01,
            Feature::Renewal,
            Feature::KeyChange,
            Feature::RevocationByAccount,
            Feature::ContactUpdate,
            Feature::Deactivation,
        ],
    ) else {
        return;
    };
    let lab = Lab::new();
    let Some(uacme) = Uacme::new(&trial, &lab, "http-01") else { return };
    let names = ["uacme.test", "www.uacme.test"];
    let ec = ["--type", "EC"];

    run(uacme.command(&ec).args(["new", "operator@uacme.test"]));
    run(uacme.command(&ec).args(["issue", "uacme.test", "www.uacme.test"]));
    let first = lab.issued(uacme.file("uacme.test/cert.pem"), &names);

    let old_key = std::fs::read(uacme.file("private/key.pem")).expect("uacme keeps its account key there");
    run(uacme.command(&ec).arg("newkey"));
    let new_key = std::fs::read(uacme.file("private/key.pem")).expect("uacme keeps its account key there");
    assert_ne!(old_key, new_key, "the account has another key");

    run(uacme.command(&ec).args(["--force", "issue", "uacme.test", "www.uacme.test"]));
    let second = lab.issued(uacme.file("uacme.test/cert.pem"), &names);
    assert_ne!(first.serial(), second.serial(), "a renewal is a new certificate");

    // With the new key, what the account obtained under the old one.
    run(uacme.command(&ec).args(["--reason", "4", "revoke"]).arg(uacme.copy(&first)));
    first.assert_revoked(&lab.root());
    second.assert_good(&lab.root());

    run(uacme.command(&ec).args(["update", "other@uacme.test"]));
    run(uacme.command(&ec).arg("deactivate"));
    run_refused(uacme.command(&ec).args(["--force", "issue", "uacme.test"]));
}

#[test]
fn uacme_dns_01_wildcard_revocation_by_certificate_key_with_p_384() {
    let Some(trial) = Trial::of(
        Client::Uacme,
        &[
            Feature::AccountEs384,
            Feature::Dns01,
            Feature::Wildcard,
            Feature::CertificateP384,
            Feature::RevocationByCertificateKey,
        ],
    ) else {
        return;
    };
    let lab = Lab::new();
    let Some(uacme) = Uacme::new(&trial, &lab, "dns-01") else { return };
    let ec = ["--type", "EC", "--bits", "384"];

    run(uacme.command(&ec).args(["new", "operator@uacme.test"]));
    run(uacme.command(&ec).args(["issue", "uacme.test", "*.uacme.test"]));
    let chain = lab.issued(uacme.file("uacme.test/cert.pem"), &["*.uacme.test", "uacme.test"]);
    assert!(chain.key().contains("secp384r1"), "{}", chain.key());
    run(uacme.command(&ec).arg("revoke").arg(uacme.copy(&chain)).arg(uacme.file("private/uacme.test/key.pem")));
    chain.assert_revoked(&lab.root());
}

#[test]
fn uacme_key_change_with_rsa() {
    let Some(trial) = Trial::of(
        Client::Uacme,
        &[Feature::AccountRs256, Feature::KeyChange, Feature::Http01, Feature::CertificateRsa],
    ) else {
        return;
    };
    let lab = Lab::new();
    let Some(uacme) = Uacme::new(&trial, &lab, "http-01") else { return };
    run(uacme.command(&["--type", "RSA"]).arg("new"));
    run(uacme.command(&["--type", "RSA"]).arg("newkey"));
    run(uacme.command(&["--type", "RSA"]).args(["issue", "uacme.test"]));
    lab.issued(uacme.file("uacme.test/cert.pem"), &["uacme.test"]);
}
