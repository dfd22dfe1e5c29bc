//! pkilint judges what the server signs: end entities, the authorities, and CRLs. A finding that is not in the table
//! with its reason fails the test, and so does a line of the table that no longer finds anything.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::lab::Lab;
use crate::matrix::{Client, Feature, Trial};
use crate::script::scenario;
use crate::support::certificate::Chain;
use crate::support::process::{command, finish, run};

/// A linter of pkilint with its arguments.
type Linter = &'static [&'static str];

const PKIX: Linter = &["lint_pkix_cert", "lint"];
const END_ENTITY: Linter = &["lint_cabf_serverauth_cert", "lint", "--type", "DV-FINAL-CERTIFICATE"];
const INTERMEDIATE: Linter = &["lint_cabf_serverauth_cert", "lint", "--type", "INTERNAL-UNCONSTRAINED-TLS-CA"];
const ROOT: Linter = &["lint_cabf_serverauth_cert", "lint", "--type", "ROOT-CA"];
const CRL_PKIX: Linter = &["lint_crl", "lint", "--type", "CRL", "--profile", "PKIX"];
const CRL_BR: Linter = &["lint_crl", "lint", "--type", "CRL", "--profile", "BR"];

/// Findings that are right and stay, each with its reason. Informational ones need none.
const ACCEPTED: &[(Linter, &str, &str)] = &[
    (
        PKIX,
        "pkix.certificate_skid_end_entity_missing",
        "RFC 5280 section 4.2.1.2 recommends it for end entities, the baseline requirements (7.1.2.7.6) advise against it",
    ),
    (INTERMEDIATE, "cabf.serverauth.ca.country_attribute_absent", NO_COUNTRY),
    (ROOT, "cabf.serverauth.ca.country_attribute_absent", NO_COUNTRY),
    (INTERMEDIATE, "cabf.ca_certificate_no_digital_signature_bit", NO_OCSP),
    (ROOT, "cabf.ca_certificate_no_digital_signature_bit", NO_OCSP),
    (INTERMEDIATE, "cabf.serverauth.ca.organization_name_attribute_absent", NO_ORGANIZATION),
    (ROOT, "cabf.serverauth.ca.organization_name_attribute_absent", NO_ORGANIZATION),
    (PKIX, "pkix.invalid_uri_syntax", LOOPBACK),
    (END_ENTITY, "pkix.invalid_uri_syntax", LOOPBACK),
    (INTERMEDIATE, "pkix.invalid_uri_syntax", LOOPBACK),
    (END_ENTITY, "cabf.internal_domain_name", LOOPBACK),
    (INTERMEDIATE, "cabf.internal_domain_name", LOOPBACK),
    (
        INTERMEDIATE,
        "cabf.serverauth.ca.extended_key_usage_extension_absent",
        "whoever operates a private authority may let it sign for clients too, which a fixed usage would forbid for ever",
    ),
];

/// The same, of a certificate for an address.
const ACCEPTED_OF_ADDRESS: &[(Linter, &str, &str)] = &[(
    END_ENTITY,
    "cabf.internal_ip_address",
    "the test's client is at 127.0.0.1, which nobody but a private authority certifies",
)];

const NO_COUNTRY: &str = "the country of whoever operates a private authority is not known when it is made";
const NO_ORGANIZATION: &str = "a test server's authority belongs to no organization; authority.organization states one";
const NO_OCSP: &str = "needed only where the authority's own key signs OCSP responses, which it does not";
const LOOPBACK: &str =
    "the test's server publishes at localhost, which is no public name; server.publication_url states one";

#[test]
fn pkilint_has_nothing_against_certificates_and_crls() {
    let Some(trial) = Trial::of(Client::Lego, &[Feature::Http01, Feature::RevocationByAccount]) else { return };
    let Some(lint) = trial.find("lint_pkix_cert") else { return };
    let tools = lint.parent().expect("a program lies in a folder");
    let (lego, lab) = (trial.program(), Lab::new());
    let chain = obtain(&lab, &lego);
    let authorities: Vec<PathBuf> = chain
        .ders()
        .enumerate()
        .map(|(number, der)| {
            let path = lab.path(&format!("{number}.der"));
            fs::write(&path, der).expect("the certificate can be written");
            path
        })
        .collect();
    let empty = chain.fetch_crl();
    let root = lab.root();
    // The intermediate and its root are a chain too: where it points is the root's own CRL.
    let pem = |path: &Path| fs::read_to_string(path).expect("it is a certificate");
    let above = run(command("openssl").args(["x509", "-inform", "DER", "-in"]).arg(&authorities[1]));
    let above = [String::from_utf8_lossy(&above).into_owned(), pem(&root)].concat();
    let of_root = Chain::write(lab.path("above.pem"), above).fetch_crl();

    let mut found = BTreeSet::new();
    let mut unknown = Vec::new();
    let mut judge = |linter: Linter, file: &Path| {
        for finding in findings(tools, linter, file) {
            if ACCEPTED.iter().any(|(of, code, _)| *of == linter && *code == finding.code) {
                found.insert((linter, finding.code));
            } else {
                unknown.push(format!("{}: {}: {}", linter.join(" "), finding.code, finding.text));
            }
        }
    };
    for file in &authorities {
        judge(PKIX, file);
    }
    judge(PKIX, &root);
    judge(END_ENTITY, &authorities[0]);
    judge(INTERMEDIATE, &authorities[1]);
    judge(ROOT, &root);
    for crl in [&empty, &of_root] {
        judge(CRL_PKIX, crl);
        judge(CRL_BR, crl);
    }

    run(with_http(&lab, &lego).args(["revoke", "--keep", "--reason", "4"]));
    chain.assert_revoked(&lab.root());
    let one_entry = chain.fetch_crl();
    judge(CRL_PKIX, &one_entry);
    judge(CRL_BR, &one_entry);

    assert!(unknown.is_empty(), "findings without a stated reason:\n{}", unknown.join("\n"));
    for (linter, code, reason) in ACCEPTED {
        assert!(found.contains(&(*linter, (*code).to_owned())), "{code} is not found any more, so drop: {reason}");
    }
}

#[test]
fn pkilint_has_nothing_against_a_certificate_for_an_address() {
    let Some(trial) = Trial::of(Client::Acmeow, &[Feature::IpIdentifier, Feature::CertificateRsa]) else { return };
    let Some(lint) = trial.find("lint_pkix_cert") else { return };
    let tools = lint.parent().expect("a program lies in a folder");
    let lab = Lab::new();
    run(&mut scenario(&trial, &lab, "python/drive_acmeow.py", "address"));
    let chain = lab.issued(lab.path("address.pem"), &["127.0.0.1"]);
    let file = lab.path("address.der");
    fs::write(&file, chain.der()).expect("the certificate can be written");
    let mut unknown = Vec::new();
    let mut found = BTreeSet::new();
    for linter in [PKIX, END_ENTITY] {
        for finding in findings(tools, linter, &file) {
            let known = ACCEPTED.iter().chain(ACCEPTED_OF_ADDRESS);
            if known.into_iter().any(|(of, code, _)| *of == linter && *code == finding.code) {
                found.insert((linter, finding.code));
            } else {
                unknown.push(format!("{}: {}: {}", linter.join(" "), finding.code, finding.text));
            }
        }
    }
    assert!(unknown.is_empty(), "findings without a stated reason:\n{}", unknown.join("\n"));
    for (linter, code, reason) in ACCEPTED_OF_ADDRESS {
        assert!(found.contains(&(*linter, (*code).to_owned())), "{code} is not found any more, so drop: {reason}");
    }
}

/// What a linter has against something.
struct Finding {
    code: String,
    text: String,
}

fn findings(tools: &Path, linter: Linter, file: &Path) -> Vec<Finding> {
    let (program, arguments) = linter.split_first().expect("a linter is a program with arguments");
    let output = finish(
        command(tools.join(program)).args(arguments).args(["--severity", "NOTICE", "--format", "JSON"]).arg(file),
    );
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{program}: {error}: {}", String::from_utf8_lossy(&output.stderr)));
    let results = report["results"].as_array().expect("a report has results");
    results
        .iter()
        .flat_map(|result| {
            let descriptions = result["finding_descriptions"].as_array().expect("a result has findings");
            descriptions.iter().map(|finding| Finding {
                code: finding["code"].as_str().expect("a finding has a code").to_owned(),
                text: format!("{} {} at {}", finding["severity"], finding["message"], result["node_path"]),
            })
        })
        .collect()
}

fn obtain(lab: &Lab, lego: &Path) -> Chain {
    run(with_http(lab, lego).arg("run"));
    lab.issued(lab.path("lego/certificates/lint.example.com.crt"), &["lint.example.com"])
}

/// A name under a public suffix: the baseline requirements have nothing to say for others.
fn with_http(lab: &Lab, lego: &Path) -> std::process::Command {
    let mut command = command(lego);
    command
        .args(["--server", lab.directory(), "--accept-tos", "--email", "operator@lint.test"])
        .args(["--domains", "lint.example.com", "--http", "--http.webroot"])
        .arg(lab.web().folder())
        .arg("--path")
        .arg(lab.path("lego"))
        .env("LEGO_CA_CERTIFICATES", lab.root());
    command
}
