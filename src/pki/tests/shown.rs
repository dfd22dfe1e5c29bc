//! Certificates in words, and in one file, as OpenSSL reads them.

use super::issue::issue;
use super::*;
use crate::pki::pkcs7::certificates_only;
use crate::pki::readable::readable;

#[test]
fn openssl_reads_a_file_of_certificates_and_finds_each_as_it_was() {
    let folder = tempfile::tempdir().expect("a directory");
    for algorithm in ALGORITHMS {
        let chain = issue(&lab(algorithm), &["www.example.org"]);
        let file = certificates_only(chain.iter().map(Vec::as_slice)).expect("encodes");
        std::fs::write(folder.path().join("chain.p7b"), &file).expect("writes");
        let said = openssl_says(folder.path(), &["pkcs7", "-inform", "DER", "-in", "chain.p7b", "-print_certs"]);
        for der in &chain {
            assert!(said.contains(&pem("CERTIFICATE", der)), "{algorithm}: {said}");
        }
        // CMS, its successor, reads the same.
        let said = openssl_says(folder.path(), &["cms", "-cmsout", "-inform", "DER", "-in", "chain.p7b", "-print"]);
        assert!(said.contains("pkcs7-signedData"), "{algorithm}: {said}");
    }
    let nothing = certificates_only([]).expect("encodes");
    std::fs::write(folder.path().join("none.p7b"), nothing).expect("writes");
    openssl_says(folder.path(), &["pkcs7", "-inform", "DER", "-in", "none.p7b", "-print_certs"]);
    assert!(certificates_only([b"no DER".as_slice()]).is_err());
}

#[test]
fn a_certificate_is_told_in_words() {
    let chain = issue(&lab(KeyAlgorithm::P384), &["www.example.org", "*.example.net", "192.0.2.1", "2001:db8::1"]);
    let said = readable(&chain[0]).expect("a certificate");
    assert_eq!((said.subject.as_str(), said.key.as_str()), ("", "p256"));
    assert!(said.issuer.contains("CN=Test Issuing") && said.signature.contains("1.2.840.10045.4.3.3"), "{said:?}");
    let lines = |name: &str| {
        let found = said.extensions.iter().find(|extension| extension.name == name);
        found.unwrap_or_else(|| panic!("{name}: {said:?}")).lines.clone()
    };
    let names = ["DNS: www.example.org", "DNS: *.example.net", "IP: 192.0.2.1", "IP: 2001:db8::1"];
    assert_eq!(lines("Subject alternative name"), names);
    assert_eq!(lines("Key usage"), ["digital signature"]);
    assert_eq!(lines("Extended key usage"), ["TLS server"]);
    assert!(lines("CRL distribution points")[0].starts_with("http://ca.example.org:8081/crl/"));
    assert!(lines("Authority information access")[0].starts_with("its issuer's certificate: http://"));
    let above = readable(&chain[1]).expect("a certificate");
    let constraints = above.extensions.iter().find(|extension| extension.name == "Basic constraints");
    let constraints = constraints.expect("an authority's");
    assert!(constraints.critical && constraints.lines == ["an authority", "at most 0 authorities below it"]);
    assert!(readable(b"none").is_err());
}
