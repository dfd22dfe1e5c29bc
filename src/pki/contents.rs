//! What a certificate says beyond names, key and validity: a profile's contents, settled for one certificate.

use chancery_machine::profile::{CertificateContents, KeyUsage, Oid, SubjectAttribute};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519;
use der::asn1::{PrintableStringRef, Utf8StringRef};
use der::flagset::FlagSet;
use der::{Any, Tag, Tagged};
use thiserror::Error;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::ext::pkix::KeyUsages;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

use super::certificate::{ANY_POLICY, Issuer, Role};
use super::public_key::KeyKind;

/// What one certificate says beyond names, key and validity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Empty unless the profile says otherwise: all that identifies a server stands in subjectAltName, and the BRs' section
    /// 7.1.2.7.2 advises against a common name. Every client of the last decade reads subjectAltName (RFC 9525 section 2).
    pub(super) subject: Name,
    /// Never empty.
    pub(super) usages: FlagSet<KeyUsages>,
    /// No extension if there are none.
    pub(super) purposes: Vec<ObjectIdentifier>,
    /// No extension if there are none.
    pub(super) policies: Vec<ObjectIdentifier>,
    pub(super) crl_url: Option<String>,
    pub(super) ca_issuers_url: Option<String>,
    pub(super) ocsp_url: Option<String>,
}

/// Why a profile's contents cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ContentsError {
    /// The key can do nothing of what the profile issues for: the client's to mend.
    #[error("this profile issues for {wanted}, which {kind} keys cannot do; make a CSR with a key of another kind")]
    KeyUsage {
        /// What kind of key it is.
        kind: KeyKind,
        /// The profile's usages.
        wanted: String,
    },
    /// An object identifier is longer than what can be encoded here.
    #[error("the object identifier {0} is too long")]
    Oid(Oid),
    /// Something does not encode.
    #[error("the subject cannot be encoded: {0}")]
    Encoding(#[from] der::Error),
}

impl Contents {
    /// What a profile's certificate says for a key of this kind, with `first` as the name in its subject.
    ///
    /// A usage that such a key cannot have is left out, since a profile accepts several kinds of keys and its usages are for
    /// all of them; a key that can do nothing of it is refused.
    ///
    /// # Errors
    /// [`ContentsError`].
    pub(super) fn settle(
        profile: &CertificateContents,
        issuer: &Issuer,
        kind: KeyKind,
        first: &str,
    ) -> Result<Self, ContentsError> {
        let wanted = profile.key_usages.iter().fold(FlagSet::default(), |all, usage| all | flag(*usage));
        let usages = wanted & possible(kind);
        // RFC 5280 section 4.2.1.3: at least one bit.
        if usages.is_empty() {
            let words: Vec<_> = profile.key_usages.iter().map(|usage| usage.token()).collect();
            return Err(ContentsError::KeyUsage { kind, wanted: words.join(", ") });
        }
        // RFC 4514 section 2.1: the text begins with the last part.
        let mut parts: Vec<_> = profile.subject.filled(first).map(subject_part).collect::<Result<_, _>>()?;
        parts.reverse();
        Ok(Self {
            subject: Name::hazmat_from_rdn_sequence(RdnSequence::from(parts)),
            usages,
            purposes: identifiers(&profile.extended_key_usages)?,
            policies: identifiers(&profile.policies)?,
            crl_url: profile.crl_url.clone().or_else(|| issuer.crl_url.clone()),
            ca_issuers_url: profile.ca_issuers_url.clone().or_else(|| issuer.certificate_url.clone()),
            ocsp_url: profile.ocsp_url.clone(),
        })
    }

    /// What an authority's certificate says.
    pub(super) fn authority(subject: Name, role: Role, issuer: &Issuer) -> Self {
        // A trust anchor is not revoked by its own CRL, and nobody is needed above it.
        let below = role != Role::Root;
        Self {
            subject,
            usages: KeyUsages::KeyCertSign | KeyUsages::CRLSign,
            purposes: Vec::new(),
            policies: if below { vec![ANY_POLICY] } else { Vec::new() },
            crl_url: issuer.crl_url.clone().filter(|_| below),
            ca_issuers_url: issuer.certificate_url.clone().filter(|_| below),
            ocsp_url: None,
        }
    }
}

/// What an end entity's key of this kind can be for: RFC 3279 section 2.3.1 for RSA, RFC 5480 section 3 with RFC 8813 for the
/// NIST curves, RFC 8410 section 5 with RFC 9295 for Ed25519, RFC 9881 section 5 for ML-DSA.
pub(super) fn possible(kind: KeyKind) -> FlagSet<KeyUsages> {
    let signing = KeyUsages::DigitalSignature | KeyUsages::NonRepudiation;
    match kind {
        KeyKind::Rsa(_) => signing | KeyUsages::KeyEncipherment | KeyUsages::DataEncipherment,
        KeyKind::P256 | KeyKind::P384 | KeyKind::P521 => signing | KeyUsages::KeyAgreement,
        KeyKind::Ed25519 | KeyKind::MlDsa(_) => signing,
    }
}

/// Whether a subject could come from a template: known attributes, each alone, in its encoding and within its bounds.
pub(super) fn is_subject(name: &Name) -> bool {
    name.iter_rdn().all(|parts| {
        parts.len() == 1
            && parts.iter().all(|part| {
                let known = SubjectAttribute::ALL.iter().copied().find(|known| attribute_type(*known) == part.oid);
                known.is_some_and(|attribute| {
                    let text = std::str::from_utf8(part.value.value()).unwrap_or_default();
                    part.value.tag() == tag(attribute) && (1..=attribute.longest()).contains(&text.chars().count())
                })
            })
    })
}

fn subject_part((attribute, text): (SubjectAttribute, String)) -> Result<RelativeDistinguishedName, der::Error> {
    let value = if attribute == SubjectAttribute::Country {
        Any::encode_from(&PrintableStringRef::new(&text)?)?
    } else {
        Any::encode_from(&Utf8StringRef::new(&text)?)?
    };
    RelativeDistinguishedName::try_from(vec![AttributeTypeAndValue { oid: attribute_type(attribute), value }])
}

/// RFC 5280 appendix A.1: a country is a PrintableString; section 4.1.2.4: everything else is best written in UTF-8.
const fn tag(attribute: SubjectAttribute) -> Tag {
    match attribute {
        SubjectAttribute::Country => Tag::PrintableString,
        SubjectAttribute::CommonName
        | SubjectAttribute::Organization
        | SubjectAttribute::OrganizationalUnit
        | SubjectAttribute::StateOrProvince
        | SubjectAttribute::Locality => Tag::Utf8String,
    }
}

const fn attribute_type(attribute: SubjectAttribute) -> ObjectIdentifier {
    match attribute {
        SubjectAttribute::CommonName => rfc4519::COMMON_NAME,
        SubjectAttribute::Organization => rfc4519::ORGANIZATION_NAME,
        SubjectAttribute::OrganizationalUnit => rfc4519::ORGANIZATIONAL_UNIT_NAME,
        SubjectAttribute::Country => rfc4519::COUNTRY_NAME,
        SubjectAttribute::StateOrProvince => rfc4519::ST,
        SubjectAttribute::Locality => rfc4519::LOCALITY_NAME,
    }
}

pub(super) const fn flag(usage: KeyUsage) -> KeyUsages {
    match usage {
        KeyUsage::DigitalSignature => KeyUsages::DigitalSignature,
        KeyUsage::NonRepudiation => KeyUsages::NonRepudiation,
        KeyUsage::KeyEncipherment => KeyUsages::KeyEncipherment,
        KeyUsage::DataEncipherment => KeyUsages::DataEncipherment,
        KeyUsage::KeyAgreement => KeyUsages::KeyAgreement,
    }
}

fn identifiers(oids: &[Oid]) -> Result<Vec<ObjectIdentifier>, ContentsError> {
    let read = |oid: &Oid| ObjectIdentifier::new(oid.as_str()).map_err(|_| ContentsError::Oid(oid.clone()));
    oids.iter().map(read).collect()
}
