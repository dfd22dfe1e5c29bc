//! Issuing: from a CSR to a linted draft, from the draft to the certificate, and both, by what the issuer signs with.
#![allow(missing_docs, reason = "criterion's macros make public items without docs")]

use std::hint::black_box;
use std::sync::Arc;

use chancery::admin::settings::RaProfileSettings;
use chancery::pki::authorities::Authorities;
use chancery::pki::hierarchy::{HierarchyPlan, make_hierarchy};
use chancery::pki::key::KeyAlgorithm;
use chancery::pki::name::{AuthorityName, Publication};
use chancery::pki::sealed::SealCost;
use chancery_actors::ports::{DraftRequest, Issue, KeySource};
use chancery_machine::identifier::Subject;
use chancery_machine::profile::ProfileName;
use chancery_machine::time::Timestamp;
use criterion::{Criterion, criterion_group, criterion_main};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use secrecy::SecretString;

criterion_group!(benches, issue);
criterion_main!(benches);

/// 2026-11-23T12:00:00Z.
const NOW: Timestamp = Timestamp::from_seconds(1_795_435_200);

const NAMES: [&str; 2] = ["www.example.org", "example.org"];

/// A client's P-256 key and two names.
fn issue(criterion: &mut Criterion) {
    for algorithm in [KeyAlgorithm::P256, KeyAlgorithm::P384, KeyAlgorithm::Ed25519, KeyAlgorithm::Rsa2048] {
        let (authorities, request) = prepared(algorithm);
        let mut group = criterion.benchmark_group(format!("issue with {algorithm}"));
        group.bench_function("draft and lint", |bencher| bencher.iter(|| authorities.draft(black_box(&request))));
        let draft = authorities.draft(&request).expect("drafts");
        group.bench_function("sign", |bencher| bencher.iter(|| authorities.sign(black_box(&draft))));
        group.bench_function("whole", |bencher| {
            bencher.iter(|| {
                let draft = authorities.draft(black_box(&request)).expect("drafts");
                authorities.sign(&draft).expect("signs")
            });
        });
        group.finish();
    }
}

fn prepared(algorithm: KeyAlgorithm) -> (Authorities, DraftRequest) {
    let name = |text| AuthorityName::new(Some("Chancery"), text).expect("a name");
    let publication = Some(Publication::new("http://ca.example.org:8081").expect("a base"));
    let plan = HierarchyPlan {
        algorithm,
        publication: publication.clone(),
        ..HierarchyPlan::new(name("Bench Root"), name("Bench Issuing"))
    };
    let passphrase = SecretString::from("a passphrase of benches");
    let hierarchy = make_hierarchy(&plan, NOW, &passphrase, SealCost::WEAK).expect("a hierarchy");
    let authorities = Authorities::new(publication);
    authorities.open(&hierarchy.intermediate, &passphrase).expect("opens");
    let servers = ProfileName::parse("servers").expect("a name");
    let profile = RaProfileSettings::default().profile(servers, |_| Ok(hierarchy.intermediate.id)).expect("sound");
    let request = DraftRequest {
        profile: Arc::new(profile),
        key: KeySource::Csr(csr()),
        subjects: NAMES.iter().rev().map(|name| Subject::dns(name).expect("a name")).collect(),
        serial_entropy: [0xa5; 16],
        not_before: None,
        not_after: None,
        now: NOW,
    };
    (authorities, request)
}

fn csr() -> Vec<u8> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    let parameters = CertificateParams::new(NAMES.map(String::from)).expect("names");
    parameters.serialize_request(&key).expect("encodes").der().to_vec()
}
