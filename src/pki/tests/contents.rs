//! What an RA Profile says of certificates, read by a parser that is not ours.

use chancery_actors::ports::{DraftError, Issue};
use chancery_machine::profile::{KeyUsage, Oid, SubjectTemplate};
use proptest::prelude::*;
use x509_parser::asn1_rs::Oid as ParsedOid;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{
    AccessDescription, CRLDistributionPoint, DistributionPointName, GeneralName, ParsedExtension,
};
use x509_parser::parse_x509_certificate;
use x509_parser::x509::AttributeTypeAndValue;

use super::*;

const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";

fn oids(texts: &[&str]) -> Vec<Oid> {
    texts.iter().map(|text| Oid::parse(text).expect("an object identifier")).collect()
}

fn template(text: &str) -> SubjectTemplate {
    SubjectTemplate::parse(text).expect("a template")
}

fn key(algorithm: KeyAlgorithm) -> &'static IssuerKey {
    static KEYS: LazyLock<BTreeMap<String, IssuerKey>> = LazyLock::new(|| {
        let key = |algorithm: &KeyAlgorithm| IssuerKey::generate(*algorithm).expect("a key");
        ALGORITHMS.iter().map(|algorithm| (algorithm.to_string(), key(algorithm))).collect()
    });
    &KEYS[algorithm.token()]
}

/// Contents that say something everywhere.
pub(super) fn everything() -> CertificateContents {
    CertificateContents {
        subject: template("CN={name},OU=Web,O=Exämple\\, Inc.,L=Köln,ST=NRW,C=DE"),
        key_usages: KeyUsage::ALL.to_vec(),
        extended_key_usages: oids(&[CLIENT_AUTH, SERVER_AUTH, "1.3.6.1.4.1.32473.7"]),
        policies: oids(&["1.3.6.1.4.1.32473.1", "2.5.29.32.0"]),
        ca_issuers_url: Some("http://pki.example/issuing.crt".into()),
        crl_url: Some("http://pki.example/issuing.crl?partition=1".into()),
        ocsp_url: Some("http://ocsp.example".into()),
    }
}

/// The certificate that such a profile gives, signed by an authority that has read the draft from a store.
pub(super) fn issued(contents: &CertificateContents, key: &IssuerKey, names: &[&str]) -> Result<Vec<u8>, DraftError> {
    let lab = lab(KeyAlgorithm::P256);
    let request = lab.request(csr(key, names), names);
    let profile = RaProfile { contents: contents.clone(), ..lab.profile() };
    let draft = lab.authorities.draft(&DraftRequest { profile: Arc::new(profile), ..request })?;
    Ok(lab.authorities.sign(&draft).expect("what was linted with its profile passes without it"))
}

/// What the parser finds in it.
fn read(der: &[u8]) -> X509Certificate<'_> {
    let (rest, certificate) = parse_x509_certificate(der).expect("it parses");
    assert!(rest.is_empty());
    certificate
}

fn usages(certificate: &X509Certificate<'_>) -> Vec<&'static str> {
    let usage = certificate.key_usage().expect("readable").expect("there");
    assert!(usage.critical);
    let usage = usage.value;
    let all = [
        (usage.digital_signature(), "digitalSignature"),
        (usage.non_repudiation(), "nonRepudiation"),
        (usage.key_encipherment(), "keyEncipherment"),
        (usage.data_encipherment(), "dataEncipherment"),
        (usage.key_agreement(), "keyAgreement"),
        (usage.key_cert_sign(), "keyCertSign"),
        (usage.crl_sign(), "cRLSign"),
        (usage.encipher_only(), "encipherOnly"),
        (usage.decipher_only(), "decipherOnly"),
    ];
    all.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect()
}

fn policies(certificate: &X509Certificate<'_>) -> Option<Vec<String>> {
    certificate.extensions().iter().find_map(|extension| {
        let ParsedExtension::CertificatePolicies(policies) = extension.parsed_extension() else { return None };
        assert!(!extension.critical && policies.iter().all(|policy| policy.policy_qualifiers.is_none()));
        Some(policies.iter().map(|policy| policy.policy_id.to_id_string()).collect())
    })
}

fn uri(name: &GeneralName<'_>) -> String {
    let GeneralName::URI(uri) = name else { panic!("{name} is no URI") };
    (*uri).to_owned()
}

fn crl_urls(certificate: &X509Certificate<'_>) -> Vec<String> {
    let points = certificate.extensions().iter().find_map(|extension| {
        let ParsedExtension::CRLDistributionPoints(points) = extension.parsed_extension() else { return None };
        Some(points)
    });
    let names = |point: &CRLDistributionPoint<'_>| {
        let Some(DistributionPointName::FullName(names)) = &point.distribution_point else { panic!("{point:?}") };
        names.iter().map(uri).collect()
    };
    points.map(|points| points.iter().map(names).collect::<Vec<Vec<_>>>().concat()).unwrap_or_default()
}

/// The method and the URL of each place.
fn places(certificate: &X509Certificate<'_>) -> Vec<(String, String)> {
    let places = certificate.extensions().iter().find_map(|extension| {
        let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else { return None };
        Some(&access.accessdescs)
    });
    let place = |place: &AccessDescription<'_>| (place.access_method.to_id_string(), uri(&place.access_location));
    places.map(|places| places.iter().map(place).collect()).unwrap_or_default()
}

fn san_is_critical(certificate: &X509Certificate<'_>) -> bool {
    certificate.subject_alternative_name().expect("readable").expect("there").critical
}

#[test]
fn a_profile_that_says_nothing_gives_a_tls_servers() {
    let lab = lab(KeyAlgorithm::P256);
    for algorithm in ALGORITHMS {
        let der = issued(&CertificateContents::default(), key(algorithm), &["a.example"]).expect("issued");
        let certificate = read(&der);
        assert_eq!((certificate.subject().as_raw(), san_is_critical(&certificate)), (&[0x30, 0x00][..], true));
        assert_eq!(usages(&certificate), ["digitalSignature"], "{algorithm}");
        let extended = certificate.extended_key_usage().expect("readable").expect("there");
        assert!(extended.value.server_auth && !extended.value.client_auth && extended.value.other.is_empty());
        assert!(!extended.critical);
        assert_eq!(policies(&certificate), Some(vec!["2.23.140.1.2.1".to_owned()]));
        assert_eq!(crl_urls(&certificate), [format!("http://ca.example.org:8081/crl/{}.crl", lab.issuing())]);
        let above = format!("http://ca.example.org:8081/ca/{}.crt", lab.issuing());
        assert_eq!(places(&certificate), [("1.3.6.1.5.5.7.48.2".to_owned(), above)]);
    }
}

#[test]
fn the_subject_is_the_templates() {
    let contents = |subject: &str| CertificateContents { subject: template(subject), ..CertificateContents::default() };
    let subject = |text: &str, names: &[&str]| {
        let der = issued(&contents(text), client_key(), names).expect("issued");
        let certificate = read(&der);
        assert_eq!(san_is_critical(&certificate), certificate.subject().iter().next().is_none(), "{text}");
        let part = |part: &AttributeTypeAndValue<'_>| {
            let value = part.as_str().expect("a text").to_owned();
            (part.attr_type().to_id_string(), part.attr_value().tag().0, value)
        };
        certificate.subject().iter_attributes().map(part).collect::<Vec<_>>()
    };
    const UTF8: u32 = 12;
    const PRINTABLE: u32 = 19;
    let part = |oid: &str, tag: u32, value: &str| (format!("2.5.4.{oid}"), tag, value.to_owned());

    // RFC 4514 writes the last part first.
    assert_eq!(
        subject(&everything().subject.to_string(), &["a.example"]),
        [
            part("6", PRINTABLE, "DE"),
            part("8", UTF8, "NRW"),
            part("7", UTF8, "Köln"),
            part("10", UTF8, "Exämple, Inc."),
            part("11", UTF8, "Web"),
            part("3", UTF8, "a.example"),
        ]
    );
    // The first in order, whatever order the client has; a wildcard with its star.
    assert_eq!(subject("CN={name}", &["c.example", "b.example"]), [part("3", UTF8, "b.example")]);
    assert_eq!(subject("CN={name}", &["b.example", "*.a.example"]), [part("3", UTF8, "*.a.example")]);
    assert_eq!(
        subject("CN=Host {name},O=X", &["a.example"]),
        [part("10", UTF8, "X"), part("3", UTF8, "Host a.example")]
    );
    // Exactly as long as a common name may be; one more, and it is left out.
    let (fits, long) = (format!("{}.example", "a".repeat(56)), format!("{}.example", "a".repeat(57)));
    assert_eq!(subject("CN={name},O=X", &[&fits]), [part("10", UTF8, "X"), part("3", UTF8, &fits)]);
    assert_eq!(subject("CN={name},O=X", &[&long]), [part("10", UTF8, "X")]);
    assert_eq!(subject("CN={name}", &[&long]), []);
}

#[test]
fn a_key_gets_the_usages_that_it_can_have() {
    use KeyUsage as Usage;
    let with = |usages: &[Usage]| CertificateContents { key_usages: usages.to_vec(), ..CertificateContents::default() };
    for (wanted, rsa, nist, ed25519) in [
        (
            Usage::ALL,
            &["digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment"][..],
            &["digitalSignature", "nonRepudiation", "keyAgreement"][..],
            &["digitalSignature", "nonRepudiation"][..],
        ),
        (
            &[Usage::KeyEncipherment, Usage::DigitalSignature],
            &["digitalSignature", "keyEncipherment"],
            &["digitalSignature"],
            &["digitalSignature"],
        ),
        (&[Usage::NonRepudiation], &["nonRepudiation"], &["nonRepudiation"], &["nonRepudiation"]),
        (&[Usage::KeyEncipherment, Usage::DataEncipherment], &["keyEncipherment", "dataEncipherment"], &[], &[]),
        (&[Usage::KeyAgreement], &[], &["keyAgreement"], &[]),
    ] {
        for algorithm in ALGORITHMS {
            let expected = match algorithm {
                KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => rsa,
                KeyAlgorithm::P256 | KeyAlgorithm::P384 => nist,
                KeyAlgorithm::Ed25519 => ed25519,
            };
            match issued(&with(wanted), key(algorithm), &["a.example"]) {
                Ok(der) => assert_eq!(usages(&read(&der)), expected, "{wanted:?} {algorithm}"),
                // The client can mend it.
                Err(DraftError::BadCsr(why)) => {
                    assert!(expected.is_empty() && why.contains(wanted[0].token()), "{wanted:?} {algorithm}: {why}");
                }
                Err(DraftError::Refused(why)) => panic!("{wanted:?} {algorithm}: {why}"),
            }
        }
    }
}

#[test]
fn extensions_are_the_profiles() {
    let contents = everything();
    let der = issued(&contents, client_key(), &["a.example"]).expect("issued");
    let certificate = read(&der);
    let extended = certificate.extended_key_usage().expect("readable").expect("there").value;
    assert!(extended.server_auth && extended.client_auth && !extended.code_signing);
    let others: Vec<_> = extended.other.iter().map(ParsedOid::to_id_string).collect();
    assert_eq!(others, ["1.3.6.1.4.1.32473.7"]);
    assert_eq!(policies(&certificate), Some(vec!["1.3.6.1.4.1.32473.1".into(), "2.5.29.32.0".into()]));
    assert_eq!(crl_urls(&certificate), ["http://pki.example/issuing.crl?partition=1"]);
    let expected = [
        ("1.3.6.1.5.5.7.48.1".to_owned(), "http://ocsp.example".to_owned()),
        ("1.3.6.1.5.5.7.48.2".to_owned(), "http://pki.example/issuing.crt".to_owned()),
    ];
    assert_eq!(places(&certificate), expected);

    let bare = CertificateContents { extended_key_usages: Vec::new(), policies: Vec::new(), ..contents };
    let der = issued(&bare, client_key(), &["a.example"]).expect("issued");
    let certificate = read(&der);
    assert!(certificate.extended_key_usage().expect("readable").is_none());
    assert_eq!(policies(&certificate), None);
}

#[test]
fn what_cannot_be_encoded_is_the_operators_to_mend() {
    let long = format!("1.2{}", ".4294967295".repeat(9));
    let contents = CertificateContents { policies: oids(&[&long]), ..CertificateContents::default() };
    let refused = issued(&contents, client_key(), &["a.example"]);
    assert!(matches!(refused, Err(DraftError::Refused(why)) if why.contains("too long")));
    let contents = CertificateContents { crl_url: Some("https://ca.example/x".into()), ..Default::default() };
    let refused = issued(&contents, client_key(), &["a.example"]);
    assert!(matches!(refused, Err(DraftError::Refused(why)) if why.starts_with("crl-distribution-points ")));
}

#[test]
fn the_servers_own_certificate_has_the_defaults() {
    let lab = lab(KeyAlgorithm::P256);
    let names = [crate::pki::name::ServerName::parse("localhost").expect("a name")];
    let made = lab.authorities.server_certificate(lab.issuing(), &names, Seconds(DAY), NOW).expect("made");
    let certificate = read(&made.chain[0]);
    assert_eq!(usages(&certificate), ["digitalSignature"]);
    assert_eq!(policies(&certificate), Some(vec!["2.23.140.1.2.1".to_owned()]));
    assert!(certificate.subject().iter().next().is_none());
}

/// Any contents that settings can state.
fn any_contents() -> impl Strategy<Value = CertificateContents> {
    let subjects = ["", "CN={name}", "CN={name},O=Example", "O=Example,C=DE", "CN=fixed,OU={name},L=x,ST=y"];
    let oids = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "2.5.29.37.0", "1.3.6.1.4.1.32473.1", "2.23.140.1.2.1"];
    let some = |most| {
        let oids = oids.iter().map(|text| Oid::parse(text).expect("an object identifier")).collect::<Vec<_>>();
        prop::sample::subsequence(oids, 0..=most)
    };
    let url = |text: &'static str| prop::option::of(Just(text.to_owned()));
    (
        prop::sample::select(subjects.to_vec()),
        prop::sample::subsequence(KeyUsage::ALL.to_vec(), 1..=5),
        (some(5), some(5)),
        (url("http://a.example/x.crt"), url("http://a.example/x.crl"), url("http://a.example/ocsp")),
    )
        .prop_map(|(subject, key_usages, (extended_key_usages, policies), (ca_issuers_url, crl_url, ocsp_url))| {
            let subject = template(subject);
            CertificateContents {
                subject,
                key_usages,
                extended_key_usages,
                policies,
                ca_issuers_url,
                crl_url,
                ocsp_url,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    /// Each combination passes the lint with its profile, and later without; or the client hears why its key does not fit.
    #[test]
    fn any_contents_are_issued_or_do_not_fit_the_key(contents in any_contents(), which in 0..4_usize) {
        match issued(&contents, key(ALGORITHMS[which]), &["b.example", "*.a.example"]) {
            Ok(der) => {
                let certificate = read(&der);
                prop_assert_eq!(policies(&certificate).map_or(0, |policies| policies.len()), contents.policies.len());
                prop_assert_eq!(places(&certificate).len(), 1 + usize::from(contents.ocsp_url.is_some()));
                prop_assert!(!certificate.is_ca());
            }
            Err(DraftError::BadCsr(why)) => prop_assert!(!contents.key_usages.contains(&KeyUsage::DigitalSignature), "{}", why),
            Err(DraftError::Refused(why)) => prop_assert!(false, "{}", why),
        }
    }
}
