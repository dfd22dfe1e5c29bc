//! From the CSR to a certificate that others trust.

use std::net::IpAddr;

use chancery_actors::ports::{DraftError, Issue, SignError};
use chancery_machine::identifier::DnsName;
use proptest::prelude::*;
use rustls_pki_types::{CertificateDer, ServerName as TlsName, UnixTime};
use webpki::{EndEntityCert, KeyUsage, RevocationOptions, anchor_from_trusted_cert};

use super::*;
use crate::pki::authority::{Authority, AuthorityFormatError, AuthorityKind, OpenError, certificate_pem};
use crate::pki::key::KeyError;
use crate::pki::name::ServerName;
use crate::pki::sealed::UnsealError;

fn trusted(root: &[u8], chain: &[Vec<u8>], name: &str, at: Timestamp) -> Result<(), webpki::Error> {
    trusted_unless_revoked(root, chain, name, at, None)
}

pub(super) fn trusted_unless_revoked(
    root: &[u8],
    chain: &[Vec<u8>],
    name: &str,
    at: Timestamp,
    revocation: Option<RevocationOptions<'_>>,
) -> Result<(), webpki::Error> {
    let root = CertificateDer::from(root);
    let anchor = anchor_from_trusted_cert(&root)?;
    let end_entity = CertificateDer::from(chain[0].as_slice());
    let above: Vec<_> = chain[1..].iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let end_entity = EndEntityCert::try_from(&end_entity)?;
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(at.seconds()));
    let algorithms = webpki::ALL_VERIFICATION_ALGS;
    end_entity.verify_for_usage(algorithms, &[anchor], &above, time, KeyUsage::server_auth(), revocation, None)?;
    end_entity.verify_is_valid_for_subject_name(&TlsName::try_from(name).expect("a name"))
}

pub(super) fn issue(lab: &Lab, names: &[&str]) -> Vec<Vec<u8>> {
    let draft = lab.authorities.draft(&lab.request(csr(client_key(), names), names)).expect("drafts");
    let certificate = lab.authorities.sign(&draft).expect("signs");
    std::iter::once(certificate).chain(lab.authorities.chain(draft.authority).expect("a chain")).collect()
}

#[test]
fn webpki_trusts_the_chain_for_its_names_and_time() {
    for algorithm in ALGORITHMS {
        let lab = lab(algorithm);
        let chain = issue(&lab, &["www.example.org", "*.example.net"]);
        let root = lab.hierarchy.root.certificate();
        assert_eq!(chain.len(), 2);
        assert_eq!(trusted(root, &chain, "www.example.org", NOW), Ok(()), "{algorithm}");
        assert_eq!(trusted(root, &chain, "a.example.net", NOW), Ok(()), "{algorithm}");
        assert!(trusted(root, &chain, "example.net", NOW).is_err(), "{algorithm}");
        let before = NOW.minus(Seconds(3601).into());
        assert!(trusted(root, &chain, "www.example.org", before).is_err(), "{algorithm}");
        let last = NOW.plus(Seconds(90 * DAY - 3601).into());
        assert_eq!(trusted(root, &chain, "www.example.org", last), Ok(()), "{algorithm}");
        let after = last.plus(Seconds(1).into());
        assert!(trusted(root, &chain, "www.example.org", after).is_err(), "{algorithm}");
    }
}

#[test]
fn an_intermediate_that_points_elsewhere_is_certified_anew_and_what_it_signed_stays_good() {
    for algorithm in ALGORITHMS {
        let lab = lab(algorithm);
        let chain = issue(&lab, &["www.example.org"]);
        let Hierarchy { root, intermediate } = &lab.hierarchy;
        let open = |base: &str| {
            let authorities = Authorities::new(Some(Publication::new(base).expect("a base")));
            authorities.open(root, &passphrase()).expect("opens");
            authorities.find(root.id).expect("it is open")
        };
        let same = open("http://ca.example.org:8081");
        assert_eq!(intermediate.republished(&same).expect("it is read"), None, "{algorithm}");

        let moved = open("http://pki.example.org");
        let renewed = intermediate.republished(&moved).expect("it is signed").expect("it points elsewhere");
        let says =
            |certificate: &[u8], text: &str| certificate.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(says(renewed.certificate(), "http://pki.example.org/crl/"), "{algorithm}");
        assert!(!says(renewed.certificate(), "http://ca.example.org"), "{algorithm}");
        assert_eq!((renewed.id, &renewed.key, renewed.made), (intermediate.id, &intermediate.key, intermediate.made));
        assert_eq!(renewed.republished(&moved).expect("it is read"), None, "{algorithm}");

        let mixed = vec![chain[0].clone(), renewed.certificate().to_vec()];
        assert_eq!(trusted(root.certificate(), &mixed, "www.example.org", NOW), Ok(()), "{algorithm}");
        let authorities = Authorities::new(None);
        authorities.open(&renewed, &passphrase()).expect("the renewed one opens");
    }
}

#[test]
fn openssl_trusts_the_chain_strictly() {
    let directory = tempfile::tempdir().expect("a directory");
    for algorithm in ALGORITHMS {
        let lab = lab(algorithm);
        let chain = issue(&lab, &["www.example.org"]);
        for (file, der) in
            [("root.pem", lab.hierarchy.root.certificate()), ("issuing.pem", &chain[1]), ("leaf.pem", &chain[0])]
        {
            std::fs::write(directory.path().join(file), certificate_pem(der)).expect("written");
        }
        let time = NOW.seconds().to_string();
        let arguments = [
            "verify",
            "-x509_strict",
            "-policy_check",
            "-explicit_policy",
            "-policy",
            "2.23.140.1.2.1",
            "-purpose",
            "sslserver",
            "-verify_hostname",
            "www.example.org",
            "-attime",
            &time,
            "-CAfile",
            "root.pem",
            "-untrusted",
            "issuing.pem",
            "leaf.pem",
        ];
        assert!(openssl_says(directory.path(), &arguments).contains("leaf.pem: OK"), "{algorithm}");
        let text = openssl_says(directory.path(), &["x509", "-in", "leaf.pem", "-noout", "-text"]);
        for line in [
            "X509v3 Subject Alternative Name: critical",
            "DNS:www.example.org",
            "TLS Web Server Authentication",
            "CA:FALSE",
            &format!("URI:http://ca.example.org:8081/crl/{}.crl", lab.issuing()),
            &format!("CA Issuers - URI:http://ca.example.org:8081/ca/{}.crt", lab.issuing()),
        ] {
            assert!(text.contains(line), "{algorithm}: {line} is not in {text}");
        }
        let text = openssl_says(directory.path(), &["x509", "-in", "issuing.pem", "-noout", "-text"]);
        for line in [
            "CA:TRUE, pathlen:0",
            "Certificate Sign, CRL Sign",
            &format!("URI:http://ca.example.org:8081/crl/{}.crl", lab.hierarchy.root.id),
        ] {
            assert!(text.contains(line), "{algorithm}: {line} is not in {text}");
        }
    }
}

#[test]
fn the_same_draft_gives_the_same_certificate() {
    for algorithm in ALGORITHMS {
        let lab = lab(algorithm);
        let request = lab.request(csr(client_key(), &["a.example"]), &["a.example"]);
        let draft = lab.authorities.draft(&request).expect("drafts");
        assert_eq!(lab.authorities.draft(&request), Ok(draft.clone()), "{algorithm}");
        let once = lab.authorities.sign(&draft).expect("signs");
        // After a restart: the authority is read from its snapshot and opened again.
        let again = Authorities::new(None);
        let record = Authority::from_bytes(&lab.hierarchy.intermediate.to_bytes()).expect("reads");
        again.open(&record, &passphrase()).expect("opens");
        assert_eq!(again.sign(&draft), Ok(once), "{algorithm}");
    }
}

#[test]
fn a_draft_that_was_tampered_with_is_not_signed() {
    let lab = lab(KeyAlgorithm::P384);
    let request = lab.request(csr(client_key(), &["a.example"]), &["a.example"]);
    let draft = lab.authorities.draft(&request).expect("drafts");
    let mut other = draft.clone();
    other.serial[1] ^= 1;
    assert!(matches!(lab.authorities.sign(&other), Err(SignError::Refused(why)) if why.contains("serial-of-draft")));
    let mut other = draft.clone();
    other.authority = lab.hierarchy.root.id;
    assert!(matches!(lab.authorities.sign(&other), Err(SignError::Refused(why)) if why.contains("issuer")));
    let mut other = draft;
    other.authority = AuthorityId::new(NOW, [7; 10]);
    assert!(matches!(lab.authorities.sign(&other), Err(SignError::Unavailable(_))));
}

#[test]
fn every_kind_of_client_key_gets_a_certificate() {
    let lab = lab(KeyAlgorithm::P384);
    for algorithm in ALGORITHMS {
        let key = IssuerKey::generate(algorithm).expect("a key");
        let draft = lab.authorities.draft(&lab.request(csr(&key, &["a.example"]), &["a.example"])).expect("drafts");
        assert_eq!(draft.public_key, key.public_key().expect("encodes"));
        let certificate = lab.authorities.sign(&draft).expect("signs");
        let chain: Vec<_> =
            [certificate].into_iter().chain(lab.authorities.chain(lab.issuing()).expect("a chain")).collect();
        assert_eq!(trusted(lab.hierarchy.root.certificate(), &chain, "a.example", NOW), Ok(()), "{algorithm}");
    }
    let p521 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).expect("a key");
    let params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).expect("params");
    let csr = params.serialize_request(&p521).expect("a CSR").der().to_vec();
    assert!(lab.authorities.draft(&lab.request(csr, &["a.example"])).is_ok());
}

#[test]
fn the_validity_is_the_profiles_or_the_orders() {
    let lab = lab(KeyAlgorithm::P256);
    let csr = csr(client_key(), &["a.example"]);
    let request = lab.request(csr.clone(), &["a.example"]);
    let draft = lab.authorities.draft(&request).expect("drafts");
    assert_eq!(draft.not_before, NOW.minus(Seconds(3600).into()));
    assert_eq!(draft.not_after.since(draft.not_before).as_secs() + 1, 90 * DAY);

    let mut asked = request.clone();
    asked.not_before = Some(NOW);
    asked.not_after = Some(NOW.plus(Seconds(DAY).into()));
    let draft = lab.authorities.draft(&asked).expect("drafts");
    assert_eq!((Some(draft.not_before), Some(draft.not_after)), (asked.not_before, asked.not_after));

    let cases = [
        (Some(NOW.minus(Seconds(DAY).into())), None),
        (None, Some(NOW.plus(Seconds(91 * DAY).into()))),
        (None, Some(NOW.minus(Seconds(60).into()))),
        (Some(NOW.plus(Seconds(DAY).into())), Some(NOW)),
    ];
    for (not_before, not_after) in cases {
        let asked = DraftRequest { not_before, not_after, ..request.clone() };
        assert!(matches!(lab.authorities.draft(&asked), Err(DraftError::Refused(_))), "{not_before:?} {not_after:?}");
    }

    // An order that states its own beginning may be finalized days later.
    let days_later = NOW.plus(Seconds(3 * DAY).into());
    let late = DraftRequest { not_before: Some(NOW), now: days_later, ..request.clone() };
    assert_eq!(lab.authorities.draft(&late).expect("drafts").not_before, NOW);

    // Near the end of the authority, certificates end with it; after it, there are none.
    let end = lab.authorities.find(lab.issuing()).expect("open").issuer().not_after;
    let late = DraftRequest { now: end.minus(Seconds(DAY).into()), ..request.clone() };
    assert_eq!(lab.authorities.draft(&late).expect("drafts").not_after, end);
    let too_late = DraftRequest { now: end, ..request };
    assert!(matches!(lab.authorities.draft(&too_late), Err(DraftError::Refused(_))));
}

#[test]
fn an_order_may_ask_for_more_than_the_usual_validity_up_to_the_longest() {
    let lab = lab(KeyAlgorithm::P256);
    let validity = ValidityRules { default: Seconds(30 * DAY), longest: Seconds(60 * DAY), backdate: Seconds(0) };
    let profile = Arc::new(RaProfile { validity, ..lab.profile() });
    let request = DraftRequest { profile, ..lab.request(csr(client_key(), &["a.example"]), &["a.example"]) };
    let days = |not_before: Option<u64>, not_after: Option<Timestamp>| {
        let not_before = not_before.map(|days| NOW.plus(Seconds(days * DAY).into()));
        let draft = lab.authorities.draft(&DraftRequest { not_before, not_after, ..request.clone() });
        draft.map(|draft| (draft.not_after.since(draft.not_before).as_secs() + 1) / DAY)
    };
    let end = |days: u64| Some(NOW.plus(Seconds(days * DAY - 1).into()));
    assert_eq!(days(None, None), Ok(30));
    assert_eq!(days(Some(5), None), Ok(30));
    for asked in [1, 30, 31, 60] {
        assert_eq!(days(None, end(asked)), Ok(asked));
    }
    assert_eq!(days(Some(10), end(70)), Ok(60));
    for (not_before, not_after) in [(None, end(61)), (Some(10), end(71))] {
        assert!(matches!(days(not_before, not_after), Err(DraftError::Refused(_))));
    }
}

#[test]
fn names_stand_once_and_in_the_orders_order() {
    let lab = lab(KeyAlgorithm::P256);
    let names = ["b.example", "a.example", "b.example"];
    let draft = lab.authorities.draft(&lab.request(csr(client_key(), &names), &names)).expect("drafts");
    let der = lab.authorities.sign(&draft).expect("signs");
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).expect("parses");
    let extension = certificate.subject_alternative_name().expect("one").expect("there");
    let listed: Vec<String> = extension.value.general_names.iter().map(ToString::to_string).collect();
    assert_eq!(listed, ["DNSName(b.example)", "DNSName(a.example)"]);
    assert!(certificate.subject().iter().next().is_none());

    let profile = Arc::new(RaProfile {
        identifiers: IdentifierRules { wildcards: false, ..IdentifierRules::default() },
        ..lab.profile()
    });
    let request = lab.request(csr(client_key(), &["*.example"]), &["*.example"]);
    let refused = lab.authorities.draft(&DraftRequest { profile, ..request });
    assert!(matches!(refused, Err(DraftError::Refused(why)) if why.starts_with("wildcard ")));
}

#[test]
fn roots_and_unknown_authorities_draft_nothing() {
    let lab = lab(KeyAlgorithm::P256);
    let request = lab.request(csr(client_key(), &["a.example"]), &["a.example"]);
    for authority in [lab.hierarchy.root.id, AuthorityId::new(NOW, [7; 10])] {
        let profile = Arc::new(RaProfile { authority, ..lab.profile() });
        let request = DraftRequest { profile, ..request.clone() };
        assert!(matches!(lab.authorities.draft(&request), Err(DraftError::Refused(_))));
    }
    assert_eq!(lab.authorities.chain(lab.hierarchy.root.id), Ok(Vec::new()));
    assert!(lab.authorities.chain(AuthorityId::new(NOW, [7; 10])).is_err());
}

#[test]
fn the_server_gets_a_certificate_for_names_and_addresses() {
    let lab = lab(KeyAlgorithm::P384);
    let names = [
        ServerName::Dns(DnsName::parse("localhost").expect("a name")),
        ServerName::Ip(IpAddr::from([127, 0, 0, 1])),
        ServerName::Ip(IpAddr::from([0_u16, 0, 0, 0, 0, 0, 0, 1])),
    ];
    let made = lab.authorities.server_certificate(lab.issuing(), &names, Seconds(7 * DAY), NOW).expect("made");
    for name in ["localhost", "127.0.0.1", "::1"] {
        assert_eq!(trusted(lab.hierarchy.root.certificate(), &made.chain, name, NOW), Ok(()), "{name}");
    }
    assert_eq!(made.draft.not_after, NOW.plus(Seconds(7 * DAY - 1).into()));
    assert!(matches!(IssuerKey::from_pkcs8(&made.key), Ok(IssuerKey::P256(_))));
    let twice = [names[0].clone(), names[0].clone()];
    assert!(lab.authorities.server_certificate(lab.issuing(), &twice, Seconds(DAY), NOW).is_err());
    assert!(lab.authorities.server_certificate(lab.issuing(), &[], Seconds(DAY), NOW).is_err());
}

#[test]
fn snapshots_of_authorities_are_read_or_refused_with_a_reason() {
    let lab = lab(KeyAlgorithm::P256);
    for authority in [&lab.hierarchy.root, &lab.hierarchy.intermediate] {
        let bytes = authority.to_bytes();
        assert_eq!(Authority::from_bytes(&bytes).as_ref(), Ok(authority));
        assert_eq!(authority.root_certificate(), lab.hierarchy.root.certificate());
        for cut in 0..bytes.len() {
            assert!(Authority::from_bytes(&bytes[..cut]).is_err(), "{cut}");
        }
        let mut newer = bytes;
        newer[1] = 2;
        assert_eq!(Authority::from_bytes(&newer), Err(AuthorityFormatError::Newer(2)));
    }
    assert_eq!(lab.hierarchy.root.kind, AuthorityKind::Root);
}

/// Every format that was ever released stays readable, and the keys in it usable.
#[test]
fn the_snapshot_of_format_1_is_read() {
    let bytes = include_bytes!("authority-1.cbor");
    let authority = Authority::from_bytes(bytes).expect("reads");
    assert_eq!(authority.to_bytes(), bytes);
    assert_eq!((authority.kind, authority.name.as_str()), (AuthorityKind::Intermediate, "Test Issuing"));
    assert_eq!(authority.disabled, None);
    let opened = authority.open(&passphrase(), None).expect("opens");
    assert_eq!((opened.id(), opened.chain().len()), (authority.id, 1));
}

#[test]
fn debug_shows_no_key() {
    let lab = lab(KeyAlgorithm::Ed25519);
    let names = [ServerName::parse("localhost").expect("a name")];
    let made = lab.authorities.server_certificate(lab.issuing(), &names, Seconds(DAY), NOW).expect("made");
    assert!(format!("{made:?}").starts_with("ServerCertificate { not_after:"));
    let shown = format!("{:?} {:?}", lab.hierarchy, lab.authorities);
    assert!(shown.contains("SealedKey(..)") && shown.contains("IssuerKey::Ed25519(..)"), "{shown}");
}

#[test]
fn authorities_open_with_their_passphrase_and_their_key_only() {
    let lab = lab(KeyAlgorithm::P256);
    let wrong = lab.hierarchy.root.open(&SecretString::from("wrong"), None).expect_err("stays shut");
    assert_eq!(wrong, OpenError::Unseal(UnsealError::WrongPassphrase));
    let mut mixed = lab.hierarchy.root.clone();
    mixed.key = lab.hierarchy.intermediate.key.clone();
    assert_eq!(mixed.open(&passphrase(), None).expect_err("stays shut"), OpenError::Mismatch);
    assert_eq!(IssuerKey::from_pkcs8(&[]).err(), Some(KeyError::Malformed));

    let authorities = Authorities::new(None);
    authorities.open(&lab.hierarchy.root, &passphrase()).expect("opens");
    assert_eq!(authorities.ids(), [lab.hierarchy.root.id]);
    authorities.close(lab.hierarchy.root.id);
    assert!(authorities.ids().is_empty());
}

#[test]
fn a_plan_that_outlives_its_root_is_cut_to_it() {
    let plan = HierarchyPlan {
        intermediate_validity: Seconds(u64::MAX),
        root_validity: Seconds(DAY),
        ..plan(KeyAlgorithm::P256)
    };
    let made = make_hierarchy(&plan, NOW, &passphrase(), SealCost::WEAK).expect("a hierarchy");
    let end = |authority: &Authority| authority.open(&passphrase(), None).expect("opens").issuer().not_after;
    assert_eq!(end(&made.intermediate), end(&made.root));
    let endless = HierarchyPlan { root_validity: Seconds(u64::MAX), ..plan };
    let made = make_hierarchy(&endless, NOW, &passphrase(), SealCost::WEAK).expect("a hierarchy");
    assert_eq!(end(&made.root).seconds(), 253_402_300_799);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn serials_are_positive_and_of_one_length(serial_entropy: [u8; 16]) {
        let lab = lab(KeyAlgorithm::Ed25519);
        let request = lab.request(csr(client_key(), &["a.example"]), &["a.example"]);
        let request = DraftRequest { serial_entropy, ..request };
        let draft = lab.authorities.draft(&request).expect("drafts");
        prop_assert_eq!(draft.serial.len(), 16);
        prop_assert!((0x40..0x80).contains(&draft.serial[0]));
    }
}

/// For pkilint and other judges, into the directory that `CHANCERY_PKI_SAMPLES` names.
#[test]
#[ignore = "writes files for judges that are no part of the test machine"]
fn samples_for_other_judges() {
    let directory = std::env::var("CHANCERY_PKI_SAMPLES").expect("a directory in CHANCERY_PKI_SAMPLES");
    for algorithm in ALGORITHMS {
        let lab = lab(algorithm);
        let write = |what: &str, text: String| {
            std::fs::write(Path::new(&directory).join(format!("{algorithm}-{what}.pem")), text).expect("written");
        };
        for kind in ALGORITHMS {
            let key = IssuerKey::generate(kind).expect("a key");
            let names = ["www.example.org", "*.example.net"];
            let draft = lab.authorities.draft(&lab.request(csr(&key, &names), &names)).expect("drafts");
            let certificate = lab.authorities.sign(&draft).expect("signs");
            write(&format!("leaf-{kind}"), certificate_pem(&certificate));
            let certificate = contents::issued(&contents::everything(), &key, &names).expect("issued");
            write(&format!("everything-{kind}"), certificate_pem(&certificate));
        }
        write("issuing", certificate_pem(lab.hierarchy.intermediate.certificate()));
        std::fs::write(Path::new(&directory).join(format!("{algorithm}.cbor")), lab.hierarchy.intermediate.to_bytes())
            .expect("written");
        write("root", certificate_pem(lab.hierarchy.root.certificate()));
        for (what, authority) in [("crl", lab.issuing()), ("rootcrl", lab.hierarchy.root.id)] {
            write(what, pem("X509 CRL", &lab.authorities.crl(&crl::request(authority)).expect("signs")));
        }
    }
}
