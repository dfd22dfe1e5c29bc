//! dehydrated: a shell script over curl and openssl. Its account key is RSA with 4096 bits.

use std::path::PathBuf;
use std::process::Command;

use crate::lab::Lab;
use crate::matrix::{Client, Feature, Trial};
use crate::support::process::{command, run, run_refused};

/// dehydrated with a folder of its own, trusting the lab's root.
struct Dehydrated<'a> {
    program: PathBuf,
    lab: &'a Lab,
}

impl Dehydrated<'_> {
    fn command(&self, email: &str) -> Command {
        let base = self.lab.path("dehydrated");
        std::fs::create_dir_all(&base).expect("dehydrated's folder can be made");
        let configuration = self.lab.file(
            "dehydrated.conf",
            &format!(
                "CA='{}'\nCURL_OPTS='--cacert {}'\nBASEDIR='{}'\nWELLKNOWN='{}'\nCONTACT_EMAIL='{email}'\n",
                self.lab.directory(),
                self.lab.root().display(),
                base.display(),
                self.lab.web().challenges().display(),
            ),
        );
        let mut command = command(&self.program);
        command.arg("--config").arg(configuration);
        command
    }

    fn file(&self, name: &str, file: &str) -> PathBuf {
        self.lab.path("dehydrated/certs").join(name).join(file)
    }
}

const EMAIL: &str = "operator@dehydrated.test";

#[test]
fn dehydrated_account_http_01_renewal_revocation_by_account_update_deactivation() {
    let Some(trial) = Trial::of(
        Client::Dehydrated,
        &[
            Feature::AccountRs256,
            Feature::Http01,
            Feature::Renewal,
            Feature::RevocationByAccount,
            Feature::ContactUpdate,
            Feature::Deactivation,
        ],
    ) else {
        return;
    };
    let lab = Lab::new();
    let dehydrated = Dehydrated { program: trial.program(), lab: &lab };
    let names = ["dehydrated.test", "www.dehydrated.test"];
    let cron = ["--cron", "--domain", "dehydrated.test www.dehydrated.test"];

    run(dehydrated.command(EMAIL).args(["--register", "--accept-terms"]));
    run(dehydrated.command(EMAIL).args(cron));
    let first = lab.issued(dehydrated.file("dehydrated.test", "fullchain.pem"), &names);
    run(dehydrated.command(EMAIL).args(cron).arg("--force"));
    let second = lab.issued(dehydrated.file("dehydrated.test", "fullchain.pem"), &names);
    assert_ne!(first.serial(), second.serial(), "a renewal is a new certificate");

    run(dehydrated.command(EMAIL).arg("--revoke").arg(dehydrated.file("dehydrated.test", "cert.pem")));
    second.assert_revoked(&lab.root());
    first.assert_good(&lab.root());

    let updated = run(dehydrated.command("other@dehydrated.test").arg("--account"));
    assert!(String::from_utf8_lossy(&updated).contains("Done"), "{}", String::from_utf8_lossy(&updated));
    run(dehydrated.command(EMAIL).arg("--deactivate"));
    run_refused(dehydrated.command(EMAIL).args(cron).arg("--force"));
}

#[test]
fn dehydrated_dns_01_wildcard_with_p_384() {
    let Some(trial) = Trial::of(Client::Dehydrated, &[Feature::Dns01, Feature::Wildcard, Feature::CertificateP384])
    else {
        return;
    };
    let lab = Lab::new();
    let dehydrated = Dehydrated { program: trial.program(), lab: &lab };
    let hook = lab.script(
        "dehydrated-hook",
        r#"case "$1" in
deploy_challenge) set_txt "_acme-challenge.$2" "$4" ;;
clean_challenge) clear_txt "_acme-challenge.$2" ;;
esac"#,
    );
    let names = ["*.dehydrated.test", "dehydrated.test"];

    run(dehydrated.command(EMAIL).args(["--register", "--accept-terms"]));
    run(dehydrated
        .command(EMAIL)
        .args(["--cron", "--domain", "dehydrated.test *.dehydrated.test", "--alias", "wild", "--challenge", "dns-01"])
        .args(["--algo", "secp384r1", "--hook"])
        .arg(&hook));
    let chain = lab.issued(dehydrated.file("wild", "fullchain.pem"), &names);
    assert!(chain.key().contains("secp384r1"), "{}", chain.key());
}
