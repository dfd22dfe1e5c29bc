//! CRLs, judged by OpenSSL, webpki and x509-parser.

use chancery_actors::ports::{CrlEntry, CrlRequest, Issue, SignError};
use webpki::{BorrowedCertRevocationList, CertRevocationList, RevocationCheckDepth, RevocationOptionsBuilder};

use super::*;
use crate::pki::authority::certificate_pem;

pub(super) fn request(authority: AuthorityId) -> CrlRequest {
    let entry = |serial: u8, reason| CrlEntry { serial: vec![0x40, serial, 3, 4, 5, 6, 7, 8], revoked_at: NOW, reason };
    CrlRequest {
        authority,
        number: 300,
        this_update: NOW,
        next_update: NOW.plus(Seconds(7 * DAY).into()),
        entries: vec![entry(9, None), entry(0xff, Some(4)), entry(1, Some(1)), entry(5, Some(0))],
    }
}

#[test]
fn openssl_verifies_and_reads_it() {
    let directory = tempfile::tempdir().expect("a directory");
    for algorithm in ALGORITHMS {
        let lab = lab(algorithm);
        for authority in [&lab.hierarchy.intermediate, &lab.hierarchy.root] {
            let der = lab.authorities.crl(&request(authority.id)).expect("signs");
            assert_eq!(lab.authorities.crl(&request(authority.id)).as_ref(), Ok(&der), "{algorithm}");
            std::fs::write(directory.path().join("crl.pem"), pem("X509 CRL", &der)).expect("written");
            std::fs::write(directory.path().join("ca.pem"), certificate_pem(authority.certificate())).expect("written");
            let arguments = ["crl", "-in", "crl.pem", "-CAfile", "ca.pem", "-verify", "-text", "-noout"];
            let text = openssl_says(directory.path(), &arguments);
            for line in [
                "verify OK",
                "Version 2 (0x1)",
                "Nov 23 12:00:00 2026 GMT",
                "Nov 30 12:00:00 2026 GMT",
                "Key Compromise",
                "Superseded",
            ] {
                assert!(text.contains(line), "{algorithm}: {line} is not in {text}");
            }
            assert_eq!(text.matches("X509v3 CRL Reason Code").count(), 2, "{text}");
            let places: Vec<_> = [
                "Serial Number: 40010304",
                "Serial Number: 40050304",
                "Serial Number: 40090304",
                "Serial Number: 40FF0304",
            ]
            .iter()
            .map(|serial| text.find(serial).expect("listed"))
            .collect();
            assert!(places.is_sorted(), "{text}");
        }
    }
}

#[test]
fn openssl_refuses_a_revoked_certificate() {
    let directory = tempfile::tempdir().expect("a directory");
    let lab = lab(KeyAlgorithm::P384);
    let draft = lab.authorities.draft(&lab.request(csr(client_key(), &["a.example"]), &["a.example"])).expect("drafts");
    let leaf = lab.authorities.sign(&draft).expect("signs");
    for (file, der) in [
        ("leaf.pem", &leaf[..]),
        ("issuing.pem", lab.hierarchy.intermediate.certificate()),
        ("root.pem", lab.hierarchy.root.certificate()),
    ] {
        std::fs::write(directory.path().join(file), certificate_pem(der)).expect("written");
    }
    let time = NOW.seconds().to_string();
    let arguments = [
        "verify",
        "-x509_strict",
        "-crl_check",
        "-attime",
        &time,
        "-CAfile",
        "root.pem",
        "-untrusted",
        "issuing.pem",
        "-CRLfile",
        "crl.pem",
        "leaf.pem",
    ];
    let mut request = CrlRequest { entries: Vec::new(), ..request(lab.issuing()) };
    let write = |request: &CrlRequest| {
        let der = lab.authorities.crl(request).expect("signs");
        std::fs::write(directory.path().join("crl.pem"), pem("X509 CRL", &der)).expect("written");
    };
    write(&request);
    assert!(openssl_says(directory.path(), &arguments).contains("leaf.pem: OK"));
    request.entries.push(CrlEntry { serial: draft.serial, revoked_at: NOW, reason: Some(4) });
    write(&request);
    let output = openssl(directory.path(), &arguments);
    assert!(String::from_utf8_lossy(&output.stderr).contains("certificate revoked"), "{output:?}");
}

#[test]
fn webpki_refuses_a_revoked_certificate() {
    let lab = lab(KeyAlgorithm::P256);
    let root = lab.hierarchy.root.certificate();
    let chain = issue::issue(&lab, &["a.example"]);
    let (_, leaf) = x509_parser::parse_x509_certificate(&chain[0]).expect("parses");
    let mut request = request(lab.issuing());
    let judge = |request: &CrlRequest| {
        let der = lab.authorities.crl(request).expect("signs");
        let list = CertRevocationList::from(BorrowedCertRevocationList::from_der(&der).expect("parses"));
        let lists = [&list];
        let options = RevocationOptionsBuilder::new(&lists).expect("a list");
        let options = options.with_depth(RevocationCheckDepth::EndEntity).build();
        issue::trusted_unless_revoked(root, &chain, "a.example", NOW, Some(options))
    };
    assert_eq!(judge(&request), Ok(()));
    request.entries.push(CrlEntry { serial: leaf.raw_serial().to_vec(), revoked_at: NOW, reason: Some(1) });
    assert_eq!(judge(&request), Err(webpki::Error::CertRevoked));
}

#[test]
fn an_empty_crl_has_no_list() {
    let lab = lab(KeyAlgorithm::P256);
    let der = lab.authorities.crl(&CrlRequest { entries: Vec::new(), ..request(lab.issuing()) }).expect("signs");
    let (rest, list) = x509_parser::parse_x509_crl(&der).expect("parses");
    assert!(rest.is_empty());
    assert_eq!(list.iter_revoked_certificates().count(), 0);
    assert_eq!(list.crl_number().map(ToString::to_string), Some("300".to_owned()));
    let read: x509_cert::crl::CertificateList = Decode::from_der(&der).expect("parses");
    assert_eq!(read.tbs_cert_list.revoked_certificates, None);
}

#[test]
fn a_hundred_thousand_entries_are_listed_once_each_in_order() {
    let lab = lab(KeyAlgorithm::Ed25519);
    let entries: Vec<_> = (0..100_000_u32)
        .flat_map(|number| {
            let serial = [&[0x7f][..], &number.wrapping_mul(2_654_435_761).to_be_bytes()].concat();
            let earlier =
                CrlEntry { serial: serial.clone(), revoked_at: NOW.minus(Seconds(60).into()), reason: Some(1) };
            // The same certificate once more, later and with a leading zero: the earlier entry counts.
            let later = CrlEntry { serial: [&[0][..], &serial].concat(), revoked_at: NOW, reason: None };
            if number % 1000 == 0 { vec![later, earlier] } else { vec![earlier] }
        })
        .collect();
    let der = lab.authorities.crl(&CrlRequest { entries, ..request(lab.issuing()) }).expect("signs");
    let read: x509_cert::crl::CertificateList = Decode::from_der(&der).expect("parses");
    assert_eq!(read.to_der().as_ref(), Ok(&der));
    let listed = read.tbs_cert_list.revoked_certificates.expect("a list");
    assert_eq!(listed.len(), 100_000);
    assert!(listed.is_sorted_by(|a, b| a.serial_number.as_bytes() < b.serial_number.as_bytes()));
    assert!(listed.iter().all(|entry| entry.crl_entry_extensions.is_some()));
}

#[test]
fn serials_with_a_high_bit_and_future_revocations_are_written_rightly() {
    let lab = lab(KeyAlgorithm::P256);
    let entries = vec![CrlEntry { serial: vec![0x80, 1], revoked_at: NOW.plus(Seconds(DAY).into()), reason: None }];
    let der = lab.authorities.crl(&CrlRequest { entries, ..request(lab.issuing()) }).expect("signs");
    let (_, list) = x509_parser::parse_x509_crl(&der).expect("parses");
    let entry = list.iter_revoked_certificates().next().expect("an entry");
    assert_eq!(entry.raw_serial(), [0, 0x80, 1]);
    assert_eq!(u64::try_from(entry.revocation_date.timestamp()), Ok(NOW.seconds()));
}

#[test]
fn what_no_crl_may_say_is_refused() {
    let lab = lab(KeyAlgorithm::P256);
    let good = request(lab.issuing());
    let with = |serial: Vec<u8>, reason| CrlRequest {
        entries: vec![CrlEntry { serial, revoked_at: NOW, reason }],
        ..good.clone()
    };
    let cases = [
        with(vec![1], Some(7)),
        with(vec![1], Some(8)),
        with(vec![1], Some(11)),
        with(vec![], None),
        with(vec![0, 0], None),
        with(vec![0x80; 20], None),
        with(vec![1; 21], None),
        CrlRequest { next_update: NOW, ..good.clone() },
        CrlRequest { this_update: Timestamp::EPOCH, ..good.clone() },
    ];
    for case in cases {
        assert!(matches!(lab.authorities.crl(&case), Err(SignError::Refused(_))), "{case:?}");
    }
    let unknown = CrlRequest { authority: AuthorityId::new(NOW, [7; 10]), ..good };
    assert!(matches!(lab.authorities.crl(&unknown), Err(SignError::Unavailable(_))));
}
