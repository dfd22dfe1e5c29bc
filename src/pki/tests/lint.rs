//! The lint: each rule trips for what it forbids, and for nothing else.

use std::collections::BTreeSet;

use chancery_machine::profile::SubjectTemplate;
use const_oid::db::{rfc5280, rfc5912};
use const_oid::{AssociatedOid, ObjectIdentifier};
use der::asn1::{Int, OctetString};
use x509_cert::certificate::Version as CertificateVersion;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::DistributionPointName;
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies,
    CrlDistributionPoints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::time::Validity;

use super::*;
use crate::pki::authority::Opened;
use crate::pki::certificate::{Plan, Role, Tbs, time};
use crate::pki::contents::Contents;
use crate::pki::lint::{Rule, Wanted, lint};
use crate::pki::public_key::{KeyKind, PublicKey};

const SERIAL: [u8; 16] = [0x41; 16];

struct Bench {
    opened: Arc<Opened>,
    spki: Vec<u8>,
    names: Vec<GeneralName>,
    keys: KeyRules,
    wildcards: bool,
    not_before: Timestamp,
    not_after: Timestamp,
    role: Role,
    profile: CertificateContents,
}

impl Bench {
    fn new() -> Self {
        let lab = lab(KeyAlgorithm::P384);
        Self {
            opened: lab.authorities.find(lab.issuing()).expect("open"),
            spki: client_key().public_key().expect("encodes"),
            names: general_names(&["a.example", "*.b.example"]),
            keys: KeyRules::default(),
            wildcards: true,
            not_before: NOW,
            not_after: NOW.plus(Seconds(90 * DAY - 1).into()),
            role: Role::EndEntity,
            profile: CertificateContents::default(),
        }
    }

    fn intermediate() -> Self {
        let lab = lab(KeyAlgorithm::P384);
        let opened = lab.authorities.find(lab.hierarchy.root.id).expect("open");
        Self { opened, names: Vec::new(), role: Role::Intermediate, ..Self::new() }
    }

    fn tbs(&self) -> Tbs {
        let key = PublicKey::parse(&self.spki).expect("sound");
        let contents = self.contents();
        let plan = Plan {
            role: self.role,
            issuer: self.opened.issuer(),
            serial: SERIAL.to_vec(),
            not_before: self.not_before,
            not_after: self.not_after,
            key: &key,
            spki: &self.spki,
            names: self.names.clone(),
            contents: &contents,
        };
        plan.tbs().expect("encodes")
    }

    fn contents(&self) -> Contents {
        let issuer = self.opened.issuer();
        match self.role {
            Role::EndEntity => {
                // A key that a rule makes unsound has no kind; it was a P-256 key.
                let kind = PublicKey::parse(&self.spki).map_or(KeyKind::P256, |key| key.kind());
                Contents::settle(&self.profile, issuer, kind, "a.example").expect("settles")
            }
            Role::Root | Role::Intermediate => {
                let name = AuthorityName::new(None, "Another").expect("a name");
                Contents::authority(name.distinguished().expect("encodes"), self.role, issuer)
            }
        }
    }

    fn trips(&self, tbs: &[u8]) -> BTreeSet<Rule> {
        self.trips_with(tbs, self.role == Role::EndEntity)
    }

    /// As when a stored draft is taken up again.
    fn trips_later(&self, tbs: &[u8]) -> BTreeSet<Rule> {
        self.trips_with(tbs, false)
    }

    fn trips_with(&self, tbs: &[u8], server: bool) -> BTreeSet<Rule> {
        let contents = self.contents();
        let wanted = Wanted {
            issuer: self.opened.issuer(),
            role: self.role,
            serial: &SERIAL,
            not_before: self.not_before,
            not_after: self.not_after,
            public_key: &self.spki,
            names: server.then_some(self.names.as_slice()),
            wildcards: self.wildcards,
            longest: server.then_some(Seconds(90 * DAY)),
            keys: server.then_some(&self.keys),
            contents: server.then_some(&contents),
        };
        lint(tbs, &wanted).into_iter().map(|finding| finding.rule).collect()
    }
}

fn replace<T: AssociatedOid + Encode>(tbs: &mut Tbs, critical: bool, value: &T) {
    let found = find(tbs, T::OID);
    *found = extension(critical, value).expect("encodes");
}

fn remove(tbs: &mut Tbs, oid: ObjectIdentifier) {
    tbs.extensions.as_mut().expect("extensions").retain(|extension| extension.extn_id != oid);
}

fn find(tbs: &mut Tbs, oid: ObjectIdentifier) -> &mut Extension {
    let mut all = tbs.extensions.as_mut().expect("extensions").iter_mut();
    all.find(|extension| extension.extn_id == oid).expect("the extension")
}

fn push(tbs: &mut Tbs, extension: Extension) {
    tbs.extensions.as_mut().expect("extensions").push(extension);
}

fn uri(url: &str) -> GeneralName {
    GeneralName::UniformResourceIdentifier(Ia5String::new(url).expect("ASCII"))
}

fn crl_at(url: &str) -> CrlDistributionPoints {
    let distribution_point = Some(DistributionPointName::FullName(vec![uri(url)]));
    CrlDistributionPoints(vec![DistributionPoint { distribution_point, reasons: None, crl_issuer: None }])
}

type Mutation = fn(&mut Bench, &mut Tbs);
type Change = fn(&mut Tbs);

/// Every rule, with what offends it and nothing else. What the bench says is what was wanted.
const MUTATIONS: &[(Rule, Mutation)] = &[
    (Rule::Version, |_, tbs| tbs.version = CertificateVersion::V1),
    (Rule::Version, |_, tbs| tbs.version = CertificateVersion::V2),
    (Rule::SerialOfDraft, |_, tbs| tbs.serial_number = Int::new(&[0x42; 16]).expect("a number")),
    (Rule::SignatureAlgorithm, |_, tbs| tbs.signature.oid = rfc5912::ECDSA_WITH_SHA_256),
    (Rule::Issuer, |_, tbs| {
        tbs.issuer = AuthorityName::new(None, "Nobody").expect("a name").distinguished().expect("encodes");
    }),
    (Rule::ValidityOrder, |bench, tbs| {
        bench.not_after = bench.not_before;
        tbs.validity = Validity::new(tbs.validity.not_before, tbs.validity.not_before);
    }),
    (Rule::ValidityOfDraft, |bench, tbs| {
        let later = bench.not_before.plus(Seconds(1).into());
        tbs.validity = Validity::new(time(later).expect("a time"), tbs.validity.not_after);
    }),
    (Rule::ValidityOfDraft, |bench, tbs| {
        let earlier = bench.not_after.minus(Seconds(1).into());
        tbs.validity = Validity::new(tbs.validity.not_before, time(earlier).expect("a time"));
    }),
    (Rule::ValidityOfIssuer, |bench, tbs| {
        bench.not_before = NOW.minus(Seconds(DAY).into());
        bench.not_after = NOW;
        *tbs = bench.tbs();
    }),
    (Rule::ValidityOfIssuer, |bench, tbs| {
        bench.not_after = NOW.plus(Seconds(4000 * DAY).into());
        bench.not_before = bench.not_after.minus(Seconds(DAY).into());
        *tbs = bench.tbs();
    }),
    (Rule::Lifetime, |bench, tbs| {
        bench.not_after = bench.not_after.plus(Seconds(1).into());
        *tbs = bench.tbs();
    }),
    (Rule::KeyOfDraft, |_, tbs| {
        let other = IssuerKey::generate(KeyAlgorithm::P256).expect("a key").public_key().expect("encodes");
        tbs.public_key = Decode::from_der(&other).expect("DER");
    }),
    (Rule::Key, |bench, tbs| {
        let mut point = tbs.public_key.subject_public_key.raw_bytes().to_vec();
        point[64] ^= 1;
        tbs.public_key.subject_public_key = BitString::from_bytes(&point).expect("octets");
        bench.spki = tbs.public_key.to_der().expect("encodes");
    }),
    (Rule::KeyOfProfile, |bench, _| bench.keys.p256 = false),
    (Rule::UniqueIds, |_, tbs| tbs.issuer_unique_id = BitString::from_bytes(&[1]).ok()),
    (Rule::UniqueIds, |_, tbs| tbs.subject_unique_id = BitString::from_bytes(&[1]).ok()),
    (Rule::DuplicateExtension, |_, tbs| {
        let again = find(tbs, KeyUsage::OID).clone();
        push(tbs, again);
    }),
    (Rule::UnknownExtension, |_, tbs| {
        let mut unknown = find(tbs, KeyUsage::OID).clone();
        unknown.extn_id = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.1");
        push(tbs, unknown);
    }),
    (Rule::Criticality, |_, tbs| find(tbs, SubjectAltName::OID).critical = false),
    (Rule::Criticality, |_, tbs| find(tbs, KeyUsage::OID).critical = false),
    (Rule::Criticality, |_, tbs| find(tbs, BasicConstraints::OID).critical = false),
    (Rule::Criticality, |_, tbs| find(tbs, ExtendedKeyUsage::OID).critical = true),
    (Rule::Criticality, |_, tbs| find(tbs, AuthorityKeyIdentifier::OID).critical = true),
    (Rule::AuthorityKeyIdentifier, |_, tbs| remove(tbs, AuthorityKeyIdentifier::OID)),
    (Rule::AuthorityKeyIdentifier, |_, tbs| {
        let key_identifier = OctetString::new([7; 20]).ok();
        replace(tbs, false, &AuthorityKeyIdentifier { key_identifier, ..Default::default() });
    }),
    (Rule::AuthorityKeyIdentifier, |bench, tbs| {
        let key_identifier = OctetString::new(bench.opened.issuer().key_identifier.as_slice()).ok();
        let authority_cert_issuer = Some(general_names(&["a.example"]));
        replace(tbs, false, &AuthorityKeyIdentifier { key_identifier, authority_cert_issuer, ..Default::default() });
    }),
    (Rule::SubjectKeyIdentifier, |_, tbs| {
        let id = SubjectKeyIdentifier(OctetString::new([7; 20]).expect("octets"));
        push(tbs, extension(false, &id).expect("encodes"));
    }),
    (Rule::KeyUsage, |_, tbs| remove(tbs, KeyUsage::OID)),
    (Rule::KeyUsage, |_, tbs| replace(tbs, true, &KeyUsage(KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment))),
    (Rule::KeyUsage, |_, tbs| replace(tbs, true, &KeyUsage(KeyUsages::DigitalSignature | KeyUsages::KeyCertSign))),
    (Rule::KeyUsage, |_, tbs| replace(tbs, true, &KeyUsage(KeyUsages::KeyAgreement.into()))),
    (Rule::CertificatePolicies, |_, tbs| remove(tbs, CertificatePolicies::OID)),
    (Rule::SubjectAltName, |bench, tbs| {
        bench.names.clear();
        remove(tbs, SubjectAltName::OID);
    }),
    (Rule::SubjectAltName, |bench, tbs| {
        bench.names.clear();
        replace(tbs, true, &SubjectAltName(Vec::new()));
    }),
    (Rule::NameForm, |bench, tbs| {
        bench.names = general_names(&["A.example"]);
        *tbs = bench.tbs();
    }),
    (Rule::NameForm, |bench, tbs| {
        bench.names = general_names(&["a.*.example"]);
        *tbs = bench.tbs();
    }),
    (Rule::NameForm, |bench, tbs| {
        bench.names = vec![GeneralName::IpAddress(OctetString::new([1; 5]).expect("octets"))];
        *tbs = bench.tbs();
    }),
    (Rule::NameForm, |bench, tbs| {
        bench.names = vec![uri("http://a.example")];
        *tbs = bench.tbs();
    }),
    (Rule::NameForm, |bench, tbs| {
        replace(tbs, true, &SubjectAltName([bench.names.clone(), bench.names.clone()].concat()));
    }),
    (Rule::Wildcard, |bench, _| bench.wildcards = false),
    (Rule::Names, |_, tbs| replace(tbs, true, &SubjectAltName(general_names(&["a.example"])))),
    (Rule::Names, |_, tbs| {
        replace(tbs, true, &SubjectAltName(general_names(&["a.example", "*.b.example", "c.example"])));
    }),
    (Rule::BasicConstraints, |_, tbs| remove(tbs, BasicConstraints::OID)),
    (Rule::BasicConstraints, |_, tbs| replace(tbs, true, &BasicConstraints { ca: true, path_len_constraint: None })),
    (Rule::BasicConstraints, |_, tbs| {
        replace(tbs, true, &BasicConstraints { ca: false, path_len_constraint: Some(0) });
    }),
    (Rule::ExtendedKeyUsage, |_, tbs| remove(tbs, ExtendedKeyUsage::OID)),
    (Rule::ExtendedKeyUsage, |_, tbs| {
        let purposes = vec![rfc5280::ID_KP_SERVER_AUTH, rfc5280::ANY_EXTENDED_KEY_USAGE];
        replace(tbs, false, &ExtendedKeyUsage(purposes));
    }),
    (Rule::ExtendedKeyUsage, |_, tbs| replace(tbs, false, &ExtendedKeyUsage(vec![rfc5280::ID_KP_CLIENT_AUTH]))),
    (Rule::CrlDistributionPoints, |_, tbs| replace(tbs, false, &crl_at("https://a.example/x.crl"))),
    (Rule::CrlDistributionPoints, |_, tbs| replace(tbs, false, &crl_at("x.crl"))),
    (Rule::CrlDistributionPoints, |_, tbs| replace(tbs, false, &crl_at("http://b.example/x.crl"))),
    (Rule::CrlDistributionPoints, |_, tbs| remove(tbs, CrlDistributionPoints::OID)),
    (Rule::AuthorityInfoAccess, |_, tbs| remove(tbs, AuthorityInfoAccessSyntax::OID)),
    (Rule::CrlDistributionPoints, |_, tbs| {
        let mut points = crl_at("http://a.example/x.crl");
        points.0[0].crl_issuer = Some(general_names(&["a.example"]));
        replace(tbs, false, &points);
    }),
    (Rule::AuthorityInfoAccess, |_, tbs| {
        let (access_method, access_location) = (rfc5912::ID_AD_CA_ISSUERS, uri("ldap://a.example/x"));
        replace(tbs, false, &AuthorityInfoAccessSyntax(vec![AccessDescription { access_method, access_location }]));
    }),
    (Rule::AuthorityInfoAccess, |_, tbs| {
        let (access_method, access_location) = (rfc5912::ID_AD_OCSP, uri("http://a.example/x"));
        replace(tbs, false, &AuthorityInfoAccessSyntax(vec![AccessDescription { access_method, access_location }]));
    }),
];

#[test]
fn a_good_draft_trips_nothing() {
    let bench = Bench::new();
    assert_eq!(bench.trips(&bench.tbs().to_der().expect("encodes")), BTreeSet::new());
    let bench = Bench::intermediate();
    assert_eq!(bench.trips(&bench.tbs().to_der().expect("encodes")), BTreeSet::new());
}

#[test]
fn each_rule_trips_alone() {
    for (place, (rule, mutate)) in MUTATIONS.iter().enumerate() {
        let mut bench = Bench::new();
        let mut tbs = bench.tbs();
        mutate(&mut bench, &mut tbs);
        let tripped = bench.trips(&tbs.to_der().expect("encodes"));
        assert_eq!(tripped, BTreeSet::from([*rule]), "mutation {place}");
    }
}

#[test]
fn a_serial_out_of_bounds_trips() {
    let bench = Bench::new();
    for bad in [&[0][..], &[0x80; 16], &[1; 7], &[1; 21]] {
        let mut tbs = bench.tbs();
        tbs.serial_number = Int::new(bad).expect("a number");
        assert_eq!(bench.trips(&tbs.to_der().expect("encodes")), BTreeSet::from([Rule::Serial, Rule::SerialOfDraft]));
    }
}

#[test]
fn a_subject_trips_for_a_server_and_its_absence_for_an_authority() {
    let bench = Bench::new();
    let mut tbs = bench.tbs();
    tbs.subject = AuthorityName::new(None, "a.example").expect("a name").distinguished().expect("encodes");
    find(&mut tbs, SubjectAltName::OID).critical = false;
    assert_eq!(bench.trips(&tbs.to_der().expect("encodes")), BTreeSet::from([Rule::Subject]));
    let bench = Bench::intermediate();
    for subject in [Name::default(), bench.opened.issuer().name.clone()] {
        let mut tbs = bench.tbs();
        tbs.subject = subject;
        assert_eq!(bench.trips(&tbs.to_der().expect("encodes")), BTreeSet::from([Rule::Subject]));
    }
}

#[test]
fn a_subject_is_exactly_the_profiles() {
    let profile = |subject: &str| {
        let subject = SubjectTemplate::parse(subject).expect("a template");
        Bench { profile: CertificateContents { subject, ..CertificateContents::default() }, ..Bench::new() }
    };
    let bench = profile("CN={name},O=Tests");
    let good = bench.tbs();
    assert_eq!(bench.trips(&good.to_der().expect("encodes")), BTreeSet::new());
    for other in ["CN={name}", "CN=b.example,O=Tests", "O=Tests,CN={name}"] {
        let der = profile(other).tbs().to_der().expect("encodes");
        assert_eq!(bench.trips(&der), BTreeSet::from([Rule::Subject]), "{other}");
        // Which it was is not known later.
        assert_eq!(bench.trips_later(&der), BTreeSet::new(), "{other}");
    }
    let mut tbs = good;
    find(&mut tbs, SubjectAltName::OID).critical = true;
    assert_eq!(bench.trips(&tbs.to_der().expect("encodes")), BTreeSet::from([Rule::Criticality]));
}

/// What no profile says trips without the profile too.
#[test]
fn a_stored_draft_keeps_to_what_every_profile_keeps_to() {
    const SERVER_AUTH: ObjectIdentifier = rfc5280::ID_KP_SERVER_AUTH;
    let access = |access_method, url: &str| {
        let access_location = uri(url);
        AuthorityInfoAccessSyntax(vec![AccessDescription { access_method, access_location }])
    };
    let part = |oid, value| AttributeTypeAndValue { oid, value };
    let text = |text: &str| Any::encode_from(&Utf8StringRef::new(text).expect("a text")).expect("encodes");
    let subject = |parts: &[&[AttributeTypeAndValue]]| {
        let part =
            |part: &&[AttributeTypeAndValue]| RelativeDistinguishedName::try_from(part.to_vec()).expect("a part");
        Name::hazmat_from_rdn_sequence(RdnSequence::from(parts.iter().map(part).collect::<Vec<_>>()))
    };
    let trips = |change: &dyn Fn(&mut Tbs)| {
        let bench = Bench::new();
        let mut tbs = bench.tbs();
        change(&mut tbs);
        bench.trips_later(&tbs.to_der().expect("encodes"))
    };
    let (good, usage) = (BTreeSet::new(), |usage: KeyUsages| trips(&|tbs| replace(tbs, true, &KeyUsage(usage.into()))));
    assert_eq!(trips(&|_| {}), good);

    // What some profile says.
    assert_eq!(usage(KeyUsages::KeyAgreement), good);
    let anything = ExtendedKeyUsage(vec![rfc5280::ID_KP_CLIENT_AUTH]);
    assert_eq!(trips(&|tbs| replace(tbs, false, &anything)), good);
    assert_eq!(trips(&|tbs| remove(tbs, ExtendedKeyUsage::OID)), good);
    assert_eq!(trips(&|tbs| remove(tbs, CertificatePolicies::OID)), good);
    assert_eq!(trips(&|tbs| replace(tbs, false, &crl_at("http://b.example/x.crl"))), good);
    assert_eq!(trips(&|tbs| replace(tbs, false, &access(rfc5912::ID_AD_OCSP, "http://b.example"))), good);
    let named = |tbs: &mut Tbs, name: Name| {
        tbs.subject = name;
        find(tbs, SubjectAltName::OID).critical = false;
    };
    let common_name = part(rfc4519::COMMON_NAME, text("a.example"));
    assert_eq!(trips(&|tbs| named(tbs, subject(&[std::slice::from_ref(&common_name)]))), good);

    // What none says.
    for wrong in [KeyUsages::KeyEncipherment, KeyUsages::KeyCertSign, KeyUsages::CRLSign, KeyUsages::EncipherOnly] {
        assert_eq!(usage(wrong), BTreeSet::from([Rule::KeyUsage]), "{wrong:?}");
    }
    assert_eq!(trips(&|tbs| remove(tbs, KeyUsage::OID)), BTreeSet::from([Rule::KeyUsage]));
    for wrong in [Vec::new(), vec![SERVER_AUTH, SERVER_AUTH]] {
        let wrong = ExtendedKeyUsage(wrong);
        assert_eq!(trips(&|tbs| replace(tbs, false, &wrong)), BTreeSet::from([Rule::ExtendedKeyUsage]));
    }
    let none = CertificatePolicies(Vec::new());
    assert_eq!(trips(&|tbs| replace(tbs, false, &none)), BTreeSet::from([Rule::CertificatePolicies]));
    for wrong in ["https://b.example/x.crl", "ldap://b.example"] {
        let wrong = crl_at(wrong);
        assert_eq!(trips(&|tbs| replace(tbs, false, &wrong)), BTreeSet::from([Rule::CrlDistributionPoints]));
    }
    for wrong in [access(SERVER_AUTH, "http://b.example"), access(rfc5912::ID_AD_OCSP, "https://b.example")] {
        assert_eq!(trips(&|tbs| replace(tbs, false, &wrong)), BTreeSet::from([Rule::AuthorityInfoAccess]));
    }
    let authority = BasicConstraints { ca: true, path_len_constraint: None };
    assert_eq!(trips(&|tbs| replace(tbs, true, &authority)), BTreeSet::from([Rule::BasicConstraints]));
    let unknown = part(ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1"), text("a@example"));
    let (long, wrongly_encoded) = (part(rfc4519::COMMON_NAME, text(&"x".repeat(65))), part(rfc4519::C, text("DE")));
    let both = [common_name, part(rfc4519::ORGANIZATION_NAME, text("Tests"))];
    for wrong in [&[unknown][..], &[long], &[wrongly_encoded], &both, &[part(rfc4519::COMMON_NAME, text(""))]] {
        assert_eq!(trips(&|tbs| named(tbs, subject(&[wrong]))), BTreeSet::from([Rule::Subject]), "{wrong:?}");
    }
}

#[test]
fn an_intermediate_below_an_intermediate_trips() {
    let bench = Bench { opened: Bench::new().opened, ..Bench::intermediate() };
    assert_eq!(bench.trips(&bench.tbs().to_der().expect("encodes")), BTreeSet::from([Rule::PathLength]));
}

#[test]
fn an_authority_has_its_own_extensions() {
    let bench = Bench::intermediate();
    let cases: [(Rule, Change); 6] = [
        (Rule::SubjectKeyIdentifier, |tbs| remove(tbs, SubjectKeyIdentifier::OID)),
        (Rule::BasicConstraints, |tbs| replace(tbs, true, &BasicConstraints { ca: false, path_len_constraint: None })),
        (Rule::KeyUsage, |tbs| replace(tbs, true, &KeyUsage(KeyUsages::KeyCertSign.into()))),
        (Rule::SubjectAltName, |tbs| {
            push(tbs, extension(false, &SubjectAltName(general_names(&["a.example"]))).expect("encodes"));
        }),
        (Rule::ExtendedKeyUsage, |tbs| {
            push(tbs, extension(false, &ExtendedKeyUsage(vec![rfc5280::ID_KP_SERVER_AUTH])).expect("encodes"));
        }),
        (Rule::CertificatePolicies, |tbs| remove(tbs, CertificatePolicies::OID)),
    ];
    for (rule, mutate) in cases {
        let mut tbs = bench.tbs();
        mutate(&mut tbs);
        assert_eq!(bench.trips(&tbs.to_der().expect("encodes")), BTreeSet::from([rule]));
    }
}

#[test]
fn what_is_not_der_or_does_not_decode_trips() {
    let bench = Bench::new();
    let der = bench.tbs().to_der().expect("encodes");
    assert_eq!(bench.trips(&der[..der.len() - 1]), BTreeSet::from([Rule::Encoding]));
    assert_eq!(bench.trips(&[]), BTreeSet::from([Rule::Encoding]));

    // `critical FALSE` written out, though it is the default.
    let mut tbs = bench.tbs();
    let policies = find(&mut tbs, CertificatePolicies::OID).to_der().expect("encodes");
    remove(&mut tbs, CertificatePolicies::OID);
    let wordy = [&[0x30, policies[1] + 3][..], &policies[2..7], &[0x01, 0x01, 0x00], &policies[7..]].concat();
    let short = tbs.to_der().expect("encodes");
    // The lengths of the outermost SEQUENCE, the explicit tag and the SEQUENCE of extensions, each of two octets.
    let grow = |der: &mut [u8], at: usize| {
        assert_eq!(der[at], 0x82);
        let length = u16::from_be_bytes([der[at + 1], der[at + 2]]) + u16::try_from(wordy.len()).expect("small");
        der[at + 1..at + 3].copy_from_slice(&length.to_be_bytes());
    };
    let mut long = [&short[..], &wordy].concat();
    let tag = short.windows(2).position(|pair| pair == [0xa3, 0x82]).expect("the extensions");
    for at in [1, tag + 1, tag + 5] {
        grow(&mut long, at);
    }
    assert_eq!(bench.trips(&long), BTreeSet::from([Rule::Encoding]));

    let mut tbs = bench.tbs();
    find(&mut tbs, CrlDistributionPoints::OID).extn_value = OctetString::new([0x04, 0x00]).expect("octets");
    let tripped = bench.trips(&tbs.to_der().expect("encodes"));
    assert_eq!(tripped, BTreeSet::from([Rule::ExtensionEncoding, Rule::CrlDistributionPoints]));
}

#[test]
fn every_rule_is_tried_and_named_once() {
    let names: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    assert_eq!(names.len(), Rule::ALL.len());
    let elsewhere = [Rule::Encoding, Rule::Serial, Rule::Subject, Rule::PathLength, Rule::ExtensionEncoding];
    let tried: BTreeSet<_> = MUTATIONS.iter().map(|(rule, _)| *rule).chain(elsewhere).collect();
    assert_eq!(tried, Rule::ALL.iter().copied().collect());
}
