//! The room as a whole, judged by other implementations: webpki and OpenSSL.

mod contents;
mod crl;
mod csr;
mod issue;
mod lint;
mod ml_dsa;
mod shown;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, LazyLock, Mutex};

use chancery_actors::ports::{DraftRequest, KeySource};
use chancery_machine::id::AuthorityId;
use chancery_machine::identifier::Subject;
use chancery_machine::profile::{
    CertificateContents, Exemptions, IdentifierRules, KeyRules, ProfileName, ProfileRevision, RaProfile, Seconds,
    ValidityRules,
};
use chancery_machine::time::Timestamp;
use const_oid::db::{rfc4519, rfc5912};
use der::asn1::{BitString, Ia5String, SetOfVec, Utf8StringRef};
use der::{Any, Decode, Encode};
use secrecy::SecretString;
use x509_cert::attr::{Attribute, AttributeTypeAndValue};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::request::{CertReq, CertReqInfo, Version};

use super::authorities::Authorities;
use super::certificate::extension;
use super::hierarchy::{Hierarchy, HierarchyPlan, make_hierarchy};
use super::key::{IssuerKey, KeyAlgorithm};
use super::name::{AuthorityName, Publication};
use super::sealed::SealCost;

/// 2026-11-23T12:00:00Z.
const NOW: Timestamp = Timestamp::from_seconds(1_795_435_200);

const DAY: u64 = 86_400;

/// The algorithms whose keys are made fast enough for debug builds.
const ALGORITHMS: [KeyAlgorithm; 4] =
    [KeyAlgorithm::P384, KeyAlgorithm::P256, KeyAlgorithm::Ed25519, KeyAlgorithm::Rsa2048];

struct Lab {
    authorities: Authorities,
    hierarchy: Hierarchy,
}

fn passphrase() -> SecretString {
    SecretString::from("a passphrase of tests")
}

fn plan(algorithm: KeyAlgorithm) -> HierarchyPlan {
    let name = |text| AuthorityName::new(Some("Chancery Tests"), text).expect("a name");
    HierarchyPlan {
        algorithm,
        publication: Some(Publication::new("http://ca.example.org:8081").expect("a base")),
        ..HierarchyPlan::new(name("Test Root"), name("Test Issuing"))
    }
}

/// One hierarchy for each algorithm, made once.
fn lab(algorithm: KeyAlgorithm) -> Arc<Lab> {
    static LABS: LazyLock<Mutex<BTreeMap<String, Arc<Lab>>>> = LazyLock::new(Mutex::default);
    let mut labs = LABS.lock().expect("not poisoned");
    let made = labs.entry(algorithm.to_string()).or_insert_with(|| {
        let plan = plan(algorithm);
        let hierarchy = make_hierarchy(&plan, NOW, &passphrase(), SealCost::WEAK).expect("a hierarchy");
        let authorities = Authorities::new(plan.publication);
        for authority in [&hierarchy.root, &hierarchy.intermediate] {
            authorities.open(authority, &passphrase()).expect("opens");
        }
        Arc::new(Lab { authorities, hierarchy })
    });
    Arc::clone(made)
}

impl Lab {
    fn profile(&self) -> RaProfile {
        RaProfile {
            name: ProfileName::parse("tests").expect("a name"),
            revision: ProfileRevision(1),
            description: String::new(),
            enabled: true,
            authority: self.hierarchy.intermediate.id,
            acme_profile: None,
            identifiers: IdentifierRules::default(),
            exemptions: Exemptions::default(),
            keys: KeyRules::default(),
            validity: ValidityRules { default: Seconds(90 * DAY), longest: Seconds(90 * DAY), backdate: Seconds(3600) },
            contents: CertificateContents::default(),
            call: None,
        }
    }

    fn request(&self, csr: Vec<u8>, names: &[&str]) -> DraftRequest {
        DraftRequest {
            profile: Arc::new(self.profile()),
            key: KeySource::Csr(csr),
            subjects: subjects(names),
            serial_entropy: [0xa5; 16],
            not_before: None,
            not_after: None,
            now: NOW,
        }
    }

    fn issuing(&self) -> AuthorityId {
        self.hierarchy.intermediate.id
    }
}

fn subjects(names: &[&str]) -> Vec<Subject> {
    names.iter().map(|name| Subject::any(name).expect("a name or an address")).collect()
}

fn general_names(names: &[&str]) -> Vec<GeneralName> {
    let general = |name: &&str| match name.parse::<std::net::IpAddr>() {
        Ok(address) => GeneralName::from(address),
        Err(_) => GeneralName::DnsName(Ia5String::new(*name).expect("ASCII")),
    };
    names.iter().map(general).collect()
}

/// A CSR with these common names and extensions.
fn csr_with(key: &IssuerKey, common_names: &[&str], extensions: &[Extension]) -> Vec<u8> {
    let parts = common_names.iter().map(|text| {
        let value = Any::encode_from(&Utf8StringRef::new(text).expect("a text")).expect("encodes");
        RelativeDistinguishedName::try_from(vec![AttributeTypeAndValue { oid: rfc4519::COMMON_NAME, value }])
            .expect("one part")
    });
    let mut attributes = SetOfVec::new();
    if !extensions.is_empty() {
        let value = Any::encode_from(&extensions.to_vec()).expect("encodes");
        let values = SetOfVec::try_from(vec![value]).expect("one value");
        attributes.insert(Attribute { oid: rfc5912::ID_EXTENSION_REQ, values }).expect("one attribute");
    }
    let info = CertReqInfo {
        version: Version::V1,
        subject: Name::hazmat_from_rdn_sequence(RdnSequence::from(parts.collect::<Vec<_>>())),
        public_key: spki::SubjectPublicKeyInfoOwned::from_der(&key.public_key().expect("encodes")).expect("DER"),
        attributes,
    };
    let signature = key.sign(&info.to_der().expect("encodes")).expect("signs");
    let signature = BitString::from_bytes(&signature).expect("octets");
    CertReq { info, algorithm: key.signature_algorithm(), signature }.to_der().expect("encodes")
}

/// A CSR as most clients make it: names in subjectAltName.
fn csr(key: &IssuerKey, names: &[&str]) -> Vec<u8> {
    csr_with(key, &[], &[extension(false, &SubjectAltName(general_names(names))).expect("encodes")])
}

fn client_key() -> &'static IssuerKey {
    static KEY: LazyLock<IssuerKey> = LazyLock::new(|| IssuerKey::generate(KeyAlgorithm::P256).expect("a key"));
    &KEY
}

fn pem(label: &str, der: &[u8]) -> String {
    der::pem::encode_string(label, der::pem::LineEnding::LF, der).expect("encodes")
}

fn openssl(directory: &Path, arguments: &[&str]) -> Output {
    Command::new("openssl").args(arguments).current_dir(directory).output().expect("openssl runs")
}

/// What openssl says, which must have succeeded.
fn openssl_says(directory: &Path, arguments: &[&str]) -> String {
    let output = openssl(directory, arguments);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "openssl {}: {said}", arguments.join(" "));
    said
}
