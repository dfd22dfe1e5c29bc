//! The lint: what stands between a draft and a signature.
//!
//! It reads the bytes that would be signed and nothing else, so that it also catches what the drafting code gets
//! wrong. It is stricter than RFC 5280, since it knows every certificate that this server means to make.

use std::collections::BTreeSet;
use std::fmt;

use chancery_machine::identifier::Subject;
use chancery_machine::profile::{KeyRules, Seconds};
use chancery_machine::time::Timestamp;
use const_oid::db::rfc5912;
use const_oid::{AssociatedOid, ObjectIdentifier};
use der::{Decode, Encode};
use thiserror::Error;
use x509_cert::certificate::Version;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies,
    CrlDistributionPoints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName, SubjectKeyIdentifier,
};

use super::certificate::{ANY_POLICY, Issuer, Role, Tbs, key_identifier, timestamp};
use super::contents::{Contents, is_subject, possible};
use super::name::is_http_url;
use super::public_key::{KeyKind, PublicKey};

/// What a certificate is compared with. What is `None` is not known any more, as when a stored draft is taken up
/// again, and was compared when the draft was made.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Who signs it.
    pub issuer: &'a Issuer,
    /// What it is for.
    pub role: Role,
    /// Its serial number, big-endian.
    pub serial: &'a [u8],
    /// Its notBefore.
    pub not_before: Timestamp,
    /// Its notAfter.
    pub not_after: Timestamp,
    /// DER of its SubjectPublicKeyInfo.
    pub public_key: &'a [u8],
    /// Exactly the names that it carries.
    pub names: Option<&'a [GeneralName]>,
    /// Whether names may be wildcards.
    pub wildcards: bool,
    /// How long it may be valid.
    pub longest: Option<Seconds>,
    /// Which keys the profile accepts.
    pub keys: Option<&'a KeyRules>,
    /// What the profile says of everything else; an authority's is known by its role.
    pub contents: Option<&'a Contents>,
}

/// Something that must not be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it offends.
    pub rule: Rule,
    /// What was found.
    pub detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.rule.name(), self.rule.section(), self.detail)
    }
}

/// Everything that a lint found, in the order of the certificate's fields.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Findings(pub Vec<Finding>);

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, finding) in self.0.iter().enumerate() {
            write!(f, "{}{finding}", if place == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident $name:literal $section:literal),* $(,)?) => {
        /// What can be offended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $($(#[$doc])* $rule,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$rule),*];

            /// Its name in logs.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$rule => $name,)* }
            }

            /// Where it stands: sections are those of RFC 5280 unless another document is named.
            #[must_use]
            pub const fn section(self) -> &'static str {
                match self { $(Self::$rule => $section,)* }
            }
        }
    };
}

rules! {
    /// It is DER, and encodes to the same bytes again.
    Encoding "encoding" "section 4.1, X.690 section 10",
    /// It is of version 3.
    Version "version" "section 4.1.2.1",
    /// Positive, not zero, of 8 to 20 octets.
    Serial "serial" "section 4.1.2.2, BRs section 7.1",
    /// The serial number is the draft's.
    SerialOfDraft "serial-of-draft" "the draft",
    /// The algorithm is the one that the issuer's key signs with.
    SignatureAlgorithm "signature-algorithm" "section 4.1.2.3",
    /// The issuer is the issuer's subject.
    Issuer "issuer" "section 4.1.2.4",
    /// notBefore is before notAfter.
    ValidityOrder "validity-order" "section 4.1.2.5",
    /// The validity is the draft's.
    ValidityOfDraft "validity-of-draft" "the draft",
    /// The validity lies within the issuer's.
    ValidityOfIssuer "validity-of-issuer" "section 6.1.3 (a) (2)",
    /// Not longer than the profile allows, both ends counted.
    Lifetime "lifetime" "the profile, BRs section 6.3.2",
    /// What the profile says for a server, not empty for an authority, and its own issuer for a root alone.
    Subject "subject" "the profile, section 4.1.2.6, appendix A.1",
    /// The key is sound.
    Key "key" "section 4.1.2.7, RFC 5480, RFC 8017, RFC 8410, RFC 9881",
    /// The key is the draft's.
    KeyOfDraft "key-of-draft" "the draft",
    /// The key is one that the profile accepts.
    KeyOfProfile "key-of-profile" "the profile",
    /// There are no unique identifiers.
    UniqueIds "unique-ids" "section 4.1.2.8",
    /// No extension stands twice.
    DuplicateExtension "duplicate-extension" "section 4.2",
    /// No extension stands that we do not know.
    UnknownExtension "unknown-extension" "section 4.2",
    /// Each extension decodes, and encodes to the same bytes again.
    ExtensionEncoding "extension-encoding" "section 4.2",
    /// The extensions that must be critical are, and no others.
    Criticality "criticality" "section 4.2.1",
    /// The identifier is the issuer's, and stands alone.
    AuthorityKeyIdentifier "authority-key-identifier" "section 4.2.1.1",
    /// An authority has that of its key, a server none.
    SubjectKeyIdentifier "subject-key-identifier" "section 4.2.1.2, BRs section 7.1.2.7.6",
    /// The usages are those of the profile or the role, and such as the key can have.
    KeyUsage "key-usage" "the profile, section 4.2.1.3, RFC 8813 section 3, RFC 9295 section 3, RFC 9881 section 5",
    /// Those of the profile for a server, anyPolicy for an intermediate, none for a root.
    CertificatePolicies "certificate-policies" "the profile, section 4.2.1.4",
    /// A server has one, an authority none.
    SubjectAltName "subject-alt-name" "section 4.2.1.6",
    /// Each name is well-formed, and none stands twice.
    NameForm "name-form" "section 4.2.1.6, RFC 1034 section 3.5",
    /// There are wildcards only where the profile allows them.
    Wildcard "wildcard" "the profile, RFC 9525 section 6.3",
    /// The names are exactly those of the order.
    Names "names" "RFC 8555 section 7.4",
    /// cA is what the role says.
    BasicConstraints "basic-constraints" "section 4.2.1.9",
    /// The issuer may have this below it.
    PathLength "path-length" "section 4.2.1.9",
    /// Those of the profile for a server; an authority has none.
    ExtendedKeyUsage "extended-key-usage" "the profile, section 4.2.1.12",
    /// A plain HTTP URL: the profile's, or that of our own repository.
    CrlDistributionPoints "crl-distribution-points" "the profile, section 4.2.1.13",
    /// caIssuers, and OCSP for a server, with a plain HTTP URL each: the profile's, or that of our own repository.
    AuthorityInfoAccess "authority-info-access" "the profile, section 4.2.2.1",
}

/// Reads a DER TBSCertificate and lists everything for which it must not be signed: nothing, if it is as it shall be.
#[must_use]
pub fn lint(tbs: &[u8], wanted: &Wanted<'_>) -> Vec<Finding> {
    let mut report = Report(Vec::new());
    match Tbs::from_der(tbs) {
        Ok(read) => {
            report.unless(read.to_der().is_ok_and(|again| again == tbs), Rule::Encoding, || {
                "it encodes differently when read and written again".to_owned()
            });
            let kind = report.fields(&read, wanted);
            report.extensions(&read, kind, wanted);
        }
        Err(error) => report.0.push(Finding { rule: Rule::Encoding, detail: error.to_string() }),
    }
    report.0
}

struct Report(Vec<Finding>);

impl Report {
    fn unless(&mut self, good: bool, rule: Rule, detail: impl FnOnce() -> String) {
        if !good {
            self.0.push(Finding { rule, detail: detail() });
        }
    }

    /// Answers what kind of key it is, if that is sound.
    fn fields(&mut self, tbs: &Tbs, wanted: &Wanted<'_>) -> Option<KeyKind> {
        let issuer = wanted.issuer;
        self.unless(tbs.version == Version::V3, Rule::Version, || format!("it is {:?}", tbs.version));
        let serial = tbs.serial_number.as_bytes();
        let positive = serial.first().is_some_and(|first| first & 0x80 == 0 && serial.iter().any(|&octet| octet != 0));
        self.unless(positive && (8..=20).contains(&serial.len()), Rule::Serial, || format!("it is {serial:02x?}"));
        self.unless(serial == wanted.serial, Rule::SerialOfDraft, || {
            format!("it is {serial:02x?}, and {:02x?} in the draft", wanted.serial)
        });
        self.unless(tbs.signature == issuer.algorithm, Rule::SignatureAlgorithm, || {
            format!("it is {}, and the issuer signs with {}", tbs.signature.oid, issuer.algorithm.oid)
        });
        self.unless(tbs.issuer == issuer.name, Rule::Issuer, || {
            format!("it is {}, and the issuer is {}", tbs.issuer, issuer.name)
        });
        self.validity(tbs, wanted);
        let subject = match wanted.role {
            Role::Root => tbs.subject == issuer.name && !tbs.subject.is_empty(),
            Role::Intermediate => tbs.subject != issuer.name && !tbs.subject.is_empty(),
            Role::EndEntity => {
                is_subject(&tbs.subject) && wanted.contents.is_none_or(|contents| contents.subject == tbs.subject)
            }
        };
        self.unless(subject, Rule::Subject, || format!("it is {:?} for {:?}", tbs.subject.to_string(), wanted.role));
        let ids = tbs.issuer_unique_id.is_some() || tbs.subject_unique_id.is_some();
        self.unless(!ids, Rule::UniqueIds, || "there is one".to_owned());
        self.key(tbs, wanted)
    }

    fn validity(&mut self, tbs: &Tbs, wanted: &Wanted<'_>) {
        let (from, to) = (timestamp(tbs.validity.not_before), timestamp(tbs.validity.not_after));
        let said = || format!("it is {} to {}", tbs.validity.not_before, tbs.validity.not_after);
        self.unless(from < to, Rule::ValidityOrder, said);
        let same = from.seconds() == wanted.not_before.seconds() && to.seconds() == wanted.not_after.seconds();
        self.unless(same, Rule::ValidityOfDraft, || {
            format!("{}, and {} to {} in the draft", said(), wanted.not_before, wanted.not_after)
        });
        let (first, last) = (wanted.issuer.not_before.seconds(), wanted.issuer.not_after.seconds());
        self.unless(from.seconds() >= first && to.seconds() <= last, Rule::ValidityOfIssuer, said);
        if let Some(longest) = wanted.longest {
            let seconds = to.since(from).as_secs() + 1;
            self.unless(seconds <= longest.0, Rule::Lifetime, || {
                format!("it is {seconds} seconds long, and {} are allowed", longest.0)
            });
        }
    }

    fn key(&mut self, tbs: &Tbs, wanted: &Wanted<'_>) -> Option<KeyKind> {
        let spki = tbs.public_key.to_der().unwrap_or_default();
        self.unless(spki == wanted.public_key, Rule::KeyOfDraft, || "it is another".to_owned());
        match PublicKey::parse(&spki) {
            Ok(key) => {
                if let Some(Err(fault)) = wanted.keys.map(|rules| key.accepted(rules)) {
                    self.0.push(Finding { rule: Rule::KeyOfProfile, detail: fault.to_string() });
                }
                Some(key.kind())
            }
            Err(fault) => {
                self.0.push(Finding { rule: Rule::Key, detail: fault.to_string() });
                None
            }
        }
    }

    fn extensions(&mut self, tbs: &Tbs, kind: Option<KeyKind>, wanted: &Wanted<'_>) {
        let all = tbs.extensions.as_deref().unwrap_or_default();
        let mut seen = BTreeSet::new();
        for extension in all {
            self.unless(seen.insert(extension.extn_id), Rule::DuplicateExtension, || extension.extn_id.to_string());
            let critical = match extension.extn_id {
                BasicConstraints::OID | KeyUsage::OID => true,
                SubjectAltName::OID => tbs.subject.is_empty(),
                AuthorityKeyIdentifier::OID
                | SubjectKeyIdentifier::OID
                | CertificatePolicies::OID
                | ExtendedKeyUsage::OID
                | CrlDistributionPoints::OID
                | AuthorityInfoAccessSyntax::OID => false,
                unknown => {
                    self.0.push(Finding { rule: Rule::UnknownExtension, detail: unknown.to_string() });
                    continue;
                }
            };
            self.unless(extension.critical == critical, Rule::Criticality, || {
                format!("{} is {}critical", extension.extn_id, if extension.critical { "" } else { "not " })
            });
        }
        self.identifiers(all, tbs, wanted);
        self.usages(all, kind, wanted);
        self.constraints(all, wanted);
        self.policies(all, wanted);
        self.names(all, wanted);
        self.pointers(all, wanted);
    }

    fn identifiers(&mut self, all: &[Extension], tbs: &Tbs, wanted: &Wanted<'_>) {
        let authority = self.read::<AuthorityKeyIdentifier>(all);
        let right = authority.as_ref().is_some_and(|authority| {
            authority.authority_cert_issuer.is_none()
                && authority.authority_cert_serial_number.is_none()
                && authority.key_identifier.as_ref().is_some_and(|id| id.as_bytes() == wanted.issuer.key_identifier)
        });
        self.unless(right, Rule::AuthorityKeyIdentifier, || format!("it is {authority:02x?}"));

        let subject = self.read::<SubjectKeyIdentifier>(all);
        let right = match wanted.role {
            Role::EndEntity => subject.is_none(),
            Role::Root | Role::Intermediate => {
                let key = tbs.public_key.to_der().ok().and_then(|spki| PublicKey::parse(&spki).ok());
                // A key that is not sound is a finding of its own.
                key.is_none_or(|key| subject.as_ref().is_some_and(|id| id.0.as_bytes() == key_identifier(&key)))
            }
        };
        self.unless(right, Rule::SubjectKeyIdentifier, || format!("it is {subject:02x?}"));
    }

    fn usages(&mut self, all: &[Extension], kind: Option<KeyKind>, wanted: &Wanted<'_>) {
        let usage = self.read::<KeyUsage>(all);
        let right = usage.is_some_and(|KeyUsage(usage)| match wanted.role {
            Role::EndEntity => {
                let authoritys = KeyUsages::KeyCertSign | KeyUsages::CRLSign;
                // A key that is not sound is a finding of its own.
                let fits = kind.is_none_or(|kind| (usage - possible(kind)).is_empty());
                let wanted = wanted.contents.is_none_or(|contents| contents.usages == usage);
                !usage.is_empty() && (usage & authoritys).is_empty() && fits && wanted
            }
            Role::Root | Role::Intermediate => usage == KeyUsages::KeyCertSign | KeyUsages::CRLSign,
        });
        self.unless(right, Rule::KeyUsage, || format!("it is {usage:?}"));

        let extended = self.read::<ExtendedKeyUsage>(all);
        let right = match wanted.role {
            Role::EndEntity => {
                let purposes = extended.as_ref().map(|ExtendedKeyUsage(purposes)| purposes.as_slice());
                listed(purposes, wanted.contents.map(|contents| contents.purposes.as_slice()))
            }
            Role::Root | Role::Intermediate => extended.is_none(),
        };
        self.unless(right, Rule::ExtendedKeyUsage, || format!("it is {extended:?}"));
    }

    fn constraints(&mut self, all: &[Extension], wanted: &Wanted<'_>) {
        let constraints = self.read::<BasicConstraints>(all);
        let right = constraints.as_ref().is_some_and(|constraints| match wanted.role {
            Role::EndEntity => !constraints.ca && constraints.path_len_constraint.is_none(),
            Role::Intermediate => constraints.ca && constraints.path_len_constraint == Some(0),
            Role::Root => constraints.ca,
        });
        self.unless(right, Rule::BasicConstraints, || format!("it is {constraints:?}"));
        let below = wanted.role != Role::Intermediate || wanted.issuer.path_length != Some(0);
        self.unless(below, Rule::PathLength, || "the issuer may have no authority below it".to_owned());
    }

    fn policies(&mut self, all: &[Extension], wanted: &Wanted<'_>) {
        let policies = self.read::<CertificatePolicies>(all);
        let named = policies.as_ref().map(|CertificatePolicies(policies)| {
            policies.iter().map(|policy| policy.policy_identifier).collect::<Vec<_>>()
        });
        let right = match wanted.role {
            Role::Root => named.is_none(),
            Role::Intermediate => named.as_deref() == Some(&[ANY_POLICY][..]),
            Role::EndEntity => listed(named.as_deref(), wanted.contents.map(|contents| contents.policies.as_slice())),
        };
        self.unless(right, Rule::CertificatePolicies, || format!("it is {named:?}"));
    }

    fn names(&mut self, all: &[Extension], wanted: &Wanted<'_>) {
        let names = self.read::<SubjectAltName>(all).map(|SubjectAltName(names)| names);
        let right = match wanted.role {
            Role::EndEntity => names.as_ref().is_some_and(|names| !names.is_empty()),
            Role::Root | Role::Intermediate => names.is_none(),
        };
        self.unless(right, Rule::SubjectAltName, || format!("it has {:?} names", names.as_ref().map(Vec::len)));
        let names = names.unwrap_or_default();
        for name in &names {
            self.unless(well_formed(name), Rule::NameForm, || format!("{name:?}"));
            let star = matches!(name, GeneralName::DnsName(text) if text.as_str().starts_with("*."));
            self.unless(wanted.wildcards || !star, Rule::Wildcard, || format!("{name:?}"));
        }
        let sorted = |names: &[GeneralName]| {
            let mut names: Vec<_> = names.iter().map(|name| name.to_der().unwrap_or_default()).collect();
            names.sort_unstable();
            names
        };
        let mut single = sorted(&names);
        single.dedup();
        self.unless(single.len() == names.len(), Rule::NameForm, || "a name stands twice".to_owned());
        if let Some(expected) = wanted.names {
            let mut expected = sorted(expected);
            expected.dedup();
            self.unless(single == expected, Rule::Names, || {
                format!("it has {} names, and {} are wanted; or they differ", single.len(), expected.len())
            });
        }
    }

    fn pointers(&mut self, all: &[Extension], wanted: &Wanted<'_>) {
        let points = self.read::<CrlDistributionPoints>(all);
        let found: Option<Vec<&str>> = match &points {
            Some(CrlDistributionPoints(points)) if !points.is_empty() => points.iter().map(crl_url).collect(),
            Some(_) => None,
            None => Some(Vec::new()),
        };
        let right = found.is_some_and(|found| {
            wanted.contents.is_none_or(|contents| found == Vec::from_iter(contents.crl_url.as_deref()))
        });
        self.unless(right, Rule::CrlDistributionPoints, || format!("it is {points:?}"));

        let access = self.read::<AuthorityInfoAccessSyntax>(all);
        let found: Option<Vec<(ObjectIdentifier, &str)>> = match &access {
            Some(AuthorityInfoAccessSyntax(places)) if !places.is_empty() => {
                places.iter().map(|place| place_of(place, wanted.role)).collect()
            }
            Some(_) => None,
            None => Some(Vec::new()),
        };
        let right = found.is_some_and(|found| {
            wanted.contents.is_none_or(|contents| {
                let ocsp = contents.ocsp_url.iter().map(|url| (rfc5912::ID_AD_OCSP, url.as_str()));
                let above = contents.ca_issuers_url.iter().map(|url| (rfc5912::ID_AD_CA_ISSUERS, url.as_str()));
                found == Vec::from_iter(ocsp.chain(above))
            })
        });
        self.unless(right, Rule::AuthorityInfoAccess, || format!("it is {access:?}"));
    }

    /// The first extension of this kind; one that does not decode, or encodes differently, is a finding.
    fn read<T>(&mut self, all: &[Extension]) -> Option<T>
    where
        T: AssociatedOid + Encode + for<'a> Decode<'a, Error = der::Error>,
    {
        let extension = all.iter().find(|extension| extension.extn_id == T::OID)?;
        let bytes = extension.extn_value.as_bytes();
        let value = T::from_der(bytes).ok();
        let same = value.as_ref().is_some_and(|value| value.to_der().is_ok_and(|again| again == bytes));
        self.unless(same, Rule::ExtensionEncoding, || T::OID.to_string());
        value
    }
}

/// Whether an extension has these items; any, where it is not known which are wanted, each once. None are no extension.
fn listed(found: Option<&[ObjectIdentifier]>, wanted: Option<&[ObjectIdentifier]>) -> bool {
    let Some(found) = found else { return wanted.is_none_or(<[_]>::is_empty) };
    !found.is_empty()
        && found.iter().collect::<BTreeSet<_>>().len() == found.len()
        && wanted.is_none_or(|wanted| wanted == found)
}

/// The URL of a distribution point that has nothing else.
fn crl_url(point: &DistributionPoint) -> Option<&str> {
    match &point.distribution_point {
        Some(DistributionPointName::FullName(names)) if point.reasons.is_none() && point.crl_issuer.is_none() => {
            let [name] = names.as_slice() else { return None };
            http_url(name)
        }
        Some(DistributionPointName::FullName(_) | DistributionPointName::NameRelativeToCRLIssuer(_)) | None => None,
    }
}

/// Where what is; nobody asks a responder about an authority.
fn place_of(place: &AccessDescription, role: Role) -> Option<(ObjectIdentifier, &str)> {
    let known = place.access_method == rfc5912::ID_AD_CA_ISSUERS
        || place.access_method == rfc5912::ID_AD_OCSP && role == Role::EndEntity;
    http_url(&place.access_location).filter(|_| known).map(|url| (place.access_method, url))
}

fn http_url(name: &GeneralName) -> Option<&str> {
    match name {
        GeneralName::UniformResourceIdentifier(url) => Some(url.as_str()).filter(|url| is_http_url(url)),
        GeneralName::OtherName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::DnsName(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::IpAddress(_)
        | GeneralName::RegisteredId(_) => None,
    }
}

fn well_formed(name: &GeneralName) -> bool {
    match name {
        GeneralName::DnsName(text) => {
            Subject::dns(text.as_str()).is_ok_and(|subject| subject.to_string() == text.as_str())
        }
        GeneralName::IpAddress(octets) => matches!(octets.as_bytes().len(), 4 | 16),
        GeneralName::OtherName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::UniformResourceIdentifier(_)
        | GeneralName::RegisteredId(_) => false,
    }
}
