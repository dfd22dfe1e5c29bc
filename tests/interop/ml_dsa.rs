//! ML-DSA (RFC 9964, RFC 9881): no client was found that has it, so a script stands in for one. It shares nothing with the
//! server: keys, signatures, the CSR and the judgement of what is issued are those of cryptography of PyPI, which is
//! OpenSSL's or its own. `python/drive_ml_dsa.py` says what it does.

use serde_json::json;

use crate::lab::Lab;
use crate::matrix::{Client, Feature, Trial};
use crate::script::scenario;
use crate::support::process::run;

const SCRIPT: &str = "python/drive_ml_dsa.py";

#[test]
fn cryptography_ml_dsa_accounts_certificates_key_change_and_both_revocations() {
    let Some(trial) = Trial::of(
        Client::Cryptography,
        &[
            Feature::AccountMlDsa,
            Feature::CertificateMlDsa,
            Feature::Http01,
            Feature::KeyChange,
            Feature::RevocationByAccount,
            Feature::RevocationByCertificateKey,
        ],
    ) else {
        return;
    };
    let lab = Lab::new();
    for (set, token) in [("44", "mldsa44"), ("65", "mldsa65"), ("87", "mldsa87")] {
        lab.admin().patch("/raProfiles/default", "*", &json!({"keys": [token]})).expect(200);
        run(&mut scenario(&trial, &lab, SCRIPT, set));
        let made = lab.admin().get("/acmeAccounts").expect(200).json();
        let algorithms: Vec<_> =
            made["items"].as_array().expect("a list").iter().map(|account| account["algorithm"].clone()).collect();
        assert!(algorithms.contains(&format!("ML-DSA-{set}").into()), "{made}");
    }
}
