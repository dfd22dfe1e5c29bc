//! ML-DSA keys in CSRs and certificates (RFC 9881).

use chancery_actors::ports::{DraftError, Issue};
use chancery_machine::profile::KeyUsage;
use der::asn1::Null;
use rcgen::{CertificateParams, KeyPair, PKCS_ML_DSA_44, PKCS_ML_DSA_65, PKCS_ML_DSA_87, SignatureAlgorithm};
use x509_parser::parse_x509_certificate;

use super::*;
use crate::ml_dsa::ParameterSet;
use crate::pki::csr::{BadCsr, Csr, csr_public_key};
use crate::pki::public_key::{KeyFault, KeyKind, SignatureFault};

const SETS: [(ParameterSet, &SignatureAlgorithm); 3] = [
    (ParameterSet::MlDsa44, &PKCS_ML_DSA_44),
    (ParameterSet::MlDsa65, &PKCS_ML_DSA_65),
    (ParameterSet::MlDsa87, &PKCS_ML_DSA_87),
];

fn request(algorithm: &'static SignatureAlgorithm) -> Vec<u8> {
    let key = KeyPair::generate_for(algorithm).expect("a key");
    let params = CertificateParams::new(vec!["a.example".to_owned()]).expect("params");
    params.serialize_request(&key).expect("a CSR").der().to_vec()
}

fn changed(csr: &[u8], change: impl FnOnce(&mut CertReq)) -> Vec<u8> {
    let mut request = CertReq::from_der(csr).expect("parses");
    change(&mut request);
    request.to_der().expect("encodes")
}

#[test]
fn csrs_are_read_and_their_signatures_verified() {
    for (set, algorithm) in SETS {
        let good = request(algorithm);
        let csr = Csr::parse(&good).unwrap_or_else(|bad| panic!("{}: {bad}", set.name()));
        assert_eq!(csr.public_key().kind(), KeyKind::MlDsa(set));
        assert_eq!(csr_public_key(&good).as_deref(), Some(csr.spki()));
        let mut names = good.clone();
        let at = names.windows(9).position(|text| text == b"a.example").expect("the name");
        names[at] = b'b';
        assert_eq!(Csr::parse(&names), Err(BadCsr::Signature(SignatureFault::Invalid)), "{}", set.name());
        // Section 2: the parameters are absent, of the signature too; and it is that of the key's set.
        let with_null = changed(&good, |request| request.algorithm.parameters = Some(Null.into()));
        assert_eq!(Csr::parse(&with_null), Err(BadCsr::Signature(SignatureFault::Algorithm)));
        for other in ParameterSet::ALL.into_iter().filter(|other| *other != set) {
            let mixed = changed(&good, |request| request.algorithm.oid = other.oid());
            assert_eq!(Csr::parse(&mixed), Err(BadCsr::Signature(SignatureFault::Algorithm)));
        }
        let null_key = changed(&good, |request| request.info.public_key.algorithm.parameters = Some(Null.into()));
        assert_eq!(Csr::parse(&null_key), Err(BadCsr::Key(KeyFault::Malformed)));
    }
}

#[test]
fn certificates_carry_the_key_as_it_came_and_only_usages_of_signatures() {
    let lab = lab(KeyAlgorithm::P384);
    for (set, algorithm) in SETS {
        let csr = request(algorithm);
        let contents = CertificateContents { key_usages: KeyUsage::ALL.to_vec(), ..CertificateContents::default() };
        let mut request = lab.request(csr.clone(), &["a.example"]);
        request.profile = Arc::new(RaProfile { contents, ..lab.profile() });
        let draft = lab.authorities.draft(&request).expect("drafts");
        let der = lab.authorities.sign(&draft).expect("signs");
        let (_, certificate) = parse_x509_certificate(&der).expect("parses");
        assert_eq!(Some(certificate.public_key().raw.to_vec()), csr_public_key(&csr), "{}", set.name());
        // Section 5.
        let usage = certificate.key_usage().expect("readable").expect("there").value;
        assert!(usage.digital_signature() && usage.non_repudiation(), "{usage}");
        assert!(!(usage.key_encipherment() || usage.data_encipherment() || usage.key_agreement()), "{usage}");
        assert!(!(usage.encipher_only() || usage.decipher_only() || usage.key_cert_sign() || usage.crl_sign()));
    }
}

#[test]
fn a_profile_that_wants_other_usages_alone_refuses_the_csr() {
    let lab = lab(KeyAlgorithm::P384);
    for wanted in [KeyUsage::KeyEncipherment, KeyUsage::DataEncipherment, KeyUsage::KeyAgreement] {
        let contents = CertificateContents { key_usages: vec![wanted], ..CertificateContents::default() };
        let mut request = lab.request(request(&PKCS_ML_DSA_44), &["a.example"]);
        request.profile = Arc::new(RaProfile { contents, ..lab.profile() });
        let refused = lab.authorities.draft(&request).expect_err("refused");
        assert!(matches!(&refused, DraftError::BadCsr(why) if why.contains("ML-DSA-44")), "{refused:?}");
    }
}

#[test]
fn a_profile_accepts_each_parameter_set_by_itself() {
    let all = KeyRules::default();
    for (set, algorithm) in SETS {
        let csr = Csr::parse(&request(algorithm)).expect("parses");
        assert_eq!(csr.accepted(&all), Ok(()));
        let without = match set {
            ParameterSet::MlDsa44 => KeyRules { mldsa44: false, ..all.clone() },
            ParameterSet::MlDsa65 => KeyRules { mldsa65: false, ..all.clone() },
            ParameterSet::MlDsa87 => KeyRules { mldsa87: false, ..all.clone() },
        };
        let refused = csr.accepted(&without).expect_err("refused");
        assert!(matches!(&refused, BadCsr::Key(KeyFault::NotAccepted { .. })), "{refused}");
    }
}
