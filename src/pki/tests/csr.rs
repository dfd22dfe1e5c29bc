//! CSRs: what is read, and the sentence for what is refused.

use chancery_actors::ports::{DraftError, Issue};
use der::asn1::OctetString;
use proptest::prelude::*;

use super::*;
use crate::pki::csr::{BadCsr, Csr, LARGEST, csr_public_key};
use crate::pki::public_key::{KeyFault, KeyKind, SignatureFault};

fn san(names: &[&str]) -> Extension {
    extension(false, &SubjectAltName(general_names(names))).expect("encodes")
}

fn names_of(csr: &[u8], order: &[&str]) -> Result<(), BadCsr> {
    Csr::parse(csr).expect("parses").names_exactly(&subjects(order))
}

#[test]
fn names_come_from_subject_alt_name_common_name_or_both() {
    let key = client_key();
    for (common_names, alternatives, order) in [
        (&[][..], &["a.example", "B.Example"][..], &["b.example", "a.example"][..]),
        (&["a.example"], &["a.example", "b.example"], &["a.example", "b.example"]),
        (&["A.example"], &["b.example"], &["a.example", "b.example"]),
        (&["a.example"], &[], &["a.example"]),
        (&["*.example"], &["*.example"], &["*.example"]),
        (&["My web server"], &["a.example"], &["a.example"]),
        (&["server"], &["a.example"], &["a.example"]),
        (&["localhost"], &[], &["localhost"]),
        (&[], &["192.0.2.1", "2001:db8::1"][..], &["2001:db8::1", "192.0.2.1"]),
        (&["192.0.2.1"], &["a.example"], &["192.0.2.1", "a.example"]),
    ] {
        let extensions = if alternatives.is_empty() { vec![] } else { vec![san(alternatives)] };
        let csr = csr_with(key, common_names, &extensions);
        assert_eq!(names_of(&csr, order), Ok(()), "{common_names:?} {alternatives:?} {order:?}");
    }
}

#[test]
fn missing_and_extra_names_are_listed() {
    let key = client_key();
    let refused = names_of(&csr(key, &["a.example", "c.example"]), &["a.example", "b.example"]).expect_err("refused");
    assert_eq!(
        refused.to_string(),
        "the names of the CSR (common name and subjectAltName) are not exactly the order's: missing: b.example; not \
         in the order: c.example"
    );
    let refused =
        names_of(&csr_with(key, &["x.example"], &[san(&["a.example"])]), &["a.example"]).expect_err("refused");
    assert!(refused.to_string().ends_with("not in the order: x.example"), "{refused}");
    let many: Vec<String> = (0..30).map(|number| format!("n{number:02}.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let refused = names_of(&csr(key, &["a.example"]), &many).expect_err("refused").to_string();
    assert!(refused.contains("n09.example and 20 more; not in the order: a.example"), "{refused}");
    // A wildcard is not the name below which it stands.
    assert!(names_of(&csr(key, &["*.example.org"]), &["example.org"]).is_err());
    let refused = names_of(&csr_with(key, &["192.0.2.1"], &[san(&["a.example"])]), &["a.example"]);
    assert!(refused.expect_err("refused").to_string().ends_with("not in the order: 192.0.2.1"));
    let refused = names_of(&csr(key, &["2001:db8::1"]), &["2001:db8::2"]).expect_err("refused").to_string();
    assert!(refused.ends_with("missing: 2001:db8::2; not in the order: 2001:db8::1"), "{refused}");
}

#[test]
fn what_cannot_be_issued_is_refused_with_its_reason() {
    let key = client_key();
    let octets = |octets: &[u8]| {
        let name = GeneralName::IpAddress(OctetString::new(octets.to_vec()).expect("octets"));
        vec![extension(false, &SubjectAltName(vec![name])).expect("encodes")]
    };
    let mapped = [[0; 10].as_slice(), &[0xff, 0xff, 192, 0, 2, 1]].concat();
    let mail = vec![GeneralName::Rfc822Name(Ia5String::new("a@b.example").expect("ASCII"))];
    let mail = extension(false, &SubjectAltName(mail)).expect("encodes");
    let broken = Extension { extn_value: OctetString::new(*b"x").expect("octets"), ..san(&["a.example"]) };
    for (extensions, bad) in [
        (octets(&[192, 0, 2, 0, 255]), BadCsr::Address(5)),
        (octets(&mapped), BadCsr::Mapped([192, 0, 2, 1].into())),
        (vec![mail], BadCsr::NameType("a mail address")),
        (vec![san(&["a.example"]), san(&["a.example"])], BadCsr::Repeated("subjectAltName")),
        (vec![broken], BadCsr::Extensions),
    ] {
        assert_eq!(Csr::parse(&csr_with(key, &[], &extensions)), Err(bad));
    }
    assert!(matches!(Csr::parse(&csr(key, &["a_b.example"])), Err(BadCsr::Name { .. })));
    assert!(matches!(Csr::parse(&csr(key, &["a.example."])), Err(BadCsr::Name { .. })));
    assert_eq!(Csr::parse(&vec![0; LARGEST + 1]), Err(BadCsr::TooLarge(LARGEST + 1)));
    assert_eq!(Csr::parse(b"-----BEGIN CERTIFICATE REQUEST-----"), Err(BadCsr::Malformed));
}

#[test]
fn the_signature_has_to_verify() {
    for algorithm in ALGORITHMS {
        let key = IssuerKey::generate(algorithm).expect("a key");
        let good = csr(&key, &["a.example"]);
        assert!(Csr::parse(&good).is_ok(), "{algorithm}");
        let mut names = good.clone();
        let at = names.windows(9).position(|text| text == b"a.example").expect("the name");
        names[at] = b'b';
        assert_eq!(Csr::parse(&names), Err(BadCsr::Signature(SignatureFault::Invalid)), "{algorithm}");
    }
    // Signed by one key, with an algorithm of another kind.
    let mut mixed = CertReq::from_der(&csr(client_key(), &["a.example"])).expect("parses");
    mixed.algorithm = IssuerKey::generate(KeyAlgorithm::Ed25519).expect("a key").signature_algorithm();
    assert_eq!(Csr::parse(&mixed.to_der().expect("encodes")), Err(BadCsr::Signature(SignatureFault::Algorithm)));
}

#[test]
fn csrs_of_openssl_are_read() {
    let directory = tempfile::tempdir().expect("a directory");
    for (key, kind, digests) in [
        (
            &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"][..],
            KeyKind::Rsa(2048),
            &["-sha256", "-sha384", "-sha512"][..],
        ),
        (
            &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            KeyKind::P256,
            &["-sha256", "-sha384", "-sha512"],
        ),
        (
            &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
            KeyKind::P384,
            &["-sha256", "-sha384", "-sha512"],
        ),
        (
            &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
            KeyKind::P521,
            &["-sha256", "-sha384", "-sha512"],
        ),
        (&["-algorithm", "ED25519"], KeyKind::Ed25519, &["-sha256"]),
    ] {
        openssl_says(directory.path(), &[&["genpkey", "-out", "key.pem"], key].concat());
        let mut variants: Vec<Vec<&str>> = digests.iter().map(|digest| vec![*digest]).collect();
        if matches!(kind, KeyKind::Rsa(_)) {
            variants.extend(
                digests.iter().map(|digest| {
                    vec![*digest, "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]
                }),
            );
        }
        for variant in variants {
            let request = [
                "req",
                "-new",
                "-key",
                "key.pem",
                "-subj",
                "/CN=a.example",
                "-addext",
                "subjectAltName=DNS:a.example,DNS:*.b.example",
                "-outform",
                "DER",
                "-out",
                "csr.der",
            ];
            openssl_says(directory.path(), &[&request[..], &variant].concat());
            let der = std::fs::read(directory.path().join("csr.der")).expect("written");
            let csr = Csr::parse(&der).unwrap_or_else(|bad| panic!("{kind} {variant:?}: {bad}"));
            assert_eq!(csr.public_key().kind(), kind);
            assert_eq!(csr.names_exactly(&subjects(&["*.b.example", "a.example"])), Ok(()));
            assert_eq!(csr_public_key(&der).as_deref(), Some(csr.spki()));
        }
    }
}

#[test]
fn the_profile_decides_about_keys_and_the_csr_about_nothing_else() {
    let lab = lab(KeyAlgorithm::P256);
    let rules = KeyRules { p256: false, ..KeyRules::default() };
    let mut request = lab.request(csr(client_key(), &["a.example"]), &["a.example"]);
    request.profile = Arc::new(RaProfile { keys: rules, ..lab.profile() });
    let Err(DraftError::BadCsr(sentence)) = lab.authorities.draft(&request) else { panic!("it was accepted") };
    assert!(sentence.contains("does not accept P-256 keys; it accepts P-384"), "{sentence}");
    let bad = Csr::parse(of(&request)).expect("parses").accepted(&request.profile.keys).expect_err("refused");
    assert!(matches!(bad, BadCsr::Key(KeyFault::NotAccepted { .. })));

    // A CSR that asks to be an authority gets what the profile gives.
    use x509_cert::ext::pkix::BasicConstraints;
    let ca = extension(true, &BasicConstraints { ca: true, path_len_constraint: None }).expect("encodes");
    let greedy = csr_with(client_key(), &["a.example"], &[ca, san(&["a.example"])]);
    let plain = csr(client_key(), &["a.example"]);
    let draft = |csr| lab.authorities.draft(&lab.request(csr, &["a.example"])).expect("drafts");
    assert_eq!(draft(greedy), draft(plain));
}

proptest! {
    #[test]
    fn any_bytes_are_a_csr_or_refused(bytes: Vec<u8>) {
        prop_assert!(Csr::parse(&bytes).is_err());
        let _ = csr_public_key(&bytes);
    }

    #[test]
    fn a_damaged_csr_is_refused_or_the_same(at: prop::sample::Index, value: u8, cut: prop::sample::Index) {
        let good = csr_with(client_key(), &["a.example"], &[san(&["a.example", "*.b.example"])]);
        let mut damaged = good.clone();
        let at = at.index(damaged.len());
        damaged[at] = value;
        prop_assert!(damaged == good || Csr::parse(&damaged).is_err());
        prop_assert!(Csr::parse(&good[..cut.index(good.len())]).is_err());
        let _ = csr_public_key(&damaged);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn csrs_of_rcgen_ask_for_what_they_say(names in prop::collection::btree_set("[a-z][a-z0-9]{0,9}(\\.[a-z]{2,5}){1,3}", 1..12)) {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(names.iter().cloned().collect::<Vec<_>>()).expect("params");
        let der = params.serialize_request(&key).expect("a CSR").der().to_vec();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let csr = Csr::parse(&der).expect("parses");
        // rcgen writes a title as common name, which is no name.
        prop_assert_eq!(csr.names_exactly(&subjects(&names)), Ok(()));
        prop_assert!(csr.names_exactly(&subjects(&names[1..])).is_err());
    }
}

fn of(request: &DraftRequest) -> &[u8] {
    match &request.key {
        KeySource::Csr(csr) => csr,
        KeySource::Renewed(_) => panic!("no CSR: {request:?}"),
    }
}
