//! What a certificate says, for people: its fields and its extensions in words.

use std::fmt::Display;
use std::net::IpAddr;

use chancery_machine::time::Timestamp;
use const_oid::db::DB;
use const_oid::{AssociatedOid, ObjectIdentifier};
use der::{Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies, CrlDistributionPoints,
    ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName, SubjectKeyIdentifier,
};

use super::certificate::{ANY_POLICY, timestamp};
use super::public_key::PublicKey;

/// The CA/Browser Forum's policy of certificates for names that were proven to be controlled.
const DOMAIN_VALIDATED: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.140.1.2.1");

/// A certificate in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readable {
    /// Its distinguished name (RFC 4514); empty where all names stand in subjectAltName.
    pub subject: String,
    /// The distinguished name of what signed it.
    pub issuer: String,
    /// Its serial number, big-endian.
    pub serial: Vec<u8>,
    /// When its life begins.
    pub not_before: Timestamp,
    /// When its life ends.
    pub not_after: Timestamp,
    /// The kind of its key, as in `p256`.
    pub key: String,
    /// With what it was signed.
    pub signature: String,
    /// Its extensions, in their order.
    pub extensions: Vec<ReadableExtension>,
}

/// An extension in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadableExtension {
    /// Its name, or its object identifier where the name is not known.
    pub name: String,
    /// Whether whoever does not understand it has to refuse the certificate.
    pub critical: bool,
    /// What it says, a line for each thing; hexadecimal where it is not understood.
    pub lines: Vec<String>,
}

/// Reads a certificate.
///
/// # Errors
/// [`der::Error`] if it is none.
pub fn readable(der: &[u8]) -> Result<Readable, der::Error> {
    let certificate = x509_cert::Certificate::from_der(der)?;
    let tbs = certificate.tbs_certificate();
    let key = tbs.subject_public_key_info().to_der()?;
    let key = PublicKey::parse(&key).map_or_else(|_| "unknown".to_owned(), |key| key.kind().token());
    Ok(Readable {
        subject: tbs.subject().to_string(),
        issuer: tbs.issuer().to_string(),
        serial: tbs.serial_number().as_bytes().to_vec(),
        not_before: timestamp(tbs.validity().not_before),
        not_after: timestamp(tbs.validity().not_after),
        key,
        signature: named(&certificate.signature_algorithm().oid),
        extensions: tbs.extensions().into_iter().flatten().map(extension).collect(),
    })
}

fn extension(extension: &Extension) -> ReadableExtension {
    let bytes = extension.extn_value.as_bytes();
    let lines = said(extension.extn_id, bytes).unwrap_or_else(|_| vec![hex(bytes)]);
    ReadableExtension { name: title(&extension.extn_id), critical: extension.critical, lines }
}

/// What an extension says. What is not known is an error as what cannot be read is: both are shown in hexadecimal.
fn said(oid: ObjectIdentifier, bytes: &[u8]) -> Result<Vec<String>, der::Error> {
    Ok(match oid {
        BasicConstraints::OID => {
            let BasicConstraints { ca, path_len_constraint } = BasicConstraints::from_der(bytes)?;
            let mut lines = vec![if ca { "an authority" } else { "no authority" }.to_owned()];
            lines.extend(path_len_constraint.map(|longest| format!("at most {longest} authorities below it")));
            lines
        }
        KeyUsage::OID => KeyUsage::from_der(bytes)?.0.into_iter().map(|usage| word(usage).to_owned()).collect(),
        ExtendedKeyUsage::OID => ExtendedKeyUsage::from_der(bytes)?.0.iter().map(named).collect(),
        SubjectAltName::OID => SubjectAltName::from_der(bytes)?.0.iter().map(general).collect(),
        SubjectKeyIdentifier::OID => vec![hex(SubjectKeyIdentifier::from_der(bytes)?.0.as_bytes())],
        AuthorityKeyIdentifier::OID => {
            let identifier = AuthorityKeyIdentifier::from_der(bytes)?;
            let mut lines: Vec<_> = identifier.key_identifier.iter().map(|key| hex(key.as_bytes())).collect();
            lines.extend(identifier.authority_cert_issuer.iter().flatten().map(general));
            let serial = identifier.authority_cert_serial_number.as_ref();
            lines.extend(serial.map(|serial| format!("serial number {}", hex(serial.as_bytes()))));
            lines
        }
        CrlDistributionPoints::OID => CrlDistributionPoints::from_der(bytes)?.0.iter().flat_map(points).collect(),
        AuthorityInfoAccessSyntax::OID => {
            let access = AuthorityInfoAccessSyntax::from_der(bytes)?;
            let line = |method, place| format!("{}: {}", named(method), general(place));
            access.0.iter().map(|access| line(&access.access_method, &access.access_location)).collect()
        }
        CertificatePolicies::OID => {
            let policies = CertificatePolicies::from_der(bytes)?;
            policies.0.iter().map(|policy| named(&policy.policy_identifier)).collect()
        }
        _ => return Err(der::ErrorKind::OidUnknown { oid }.into()),
    })
}

fn points(point: &DistributionPoint) -> Vec<String> {
    match &point.distribution_point {
        Some(DistributionPointName::FullName(names)) => names.iter().map(general).collect(),
        Some(DistributionPointName::NameRelativeToCRLIssuer(name)) => vec![name.to_string()],
        None => Vec::new(),
    }
}

fn general(name: &GeneralName) -> String {
    let of = |kind: &str, value: &dyn Display| format!("{kind}: {value}");
    match name {
        GeneralName::DnsName(name) => of("DNS", name),
        GeneralName::Rfc822Name(name) => of("email", name),
        GeneralName::UniformResourceIdentifier(url) => url.to_string(),
        GeneralName::DirectoryName(name) => of("directory", name),
        GeneralName::RegisteredId(oid) => of("registered", oid),
        GeneralName::IpAddress(address) => match *address.as_bytes() {
            [a, b, c, d] => of("IP", &IpAddr::from([a, b, c, d])),
            ref long => <[u8; 16]>::try_from(long).map_or_else(|_| hex(long), |long| of("IP", &IpAddr::from(long))),
        },
        GeneralName::OtherName(other) => of("other", &other.type_id),
        GeneralName::EdiPartyName(_) => "EDI party".to_owned(),
    }
}

const fn word(usage: KeyUsages) -> &'static str {
    match usage {
        KeyUsages::DigitalSignature => "digital signature",
        KeyUsages::NonRepudiation => "non-repudiation",
        KeyUsages::KeyEncipherment => "key encipherment",
        KeyUsages::DataEncipherment => "data encipherment",
        KeyUsages::KeyAgreement => "key agreement",
        KeyUsages::KeyCertSign => "signing certificates",
        KeyUsages::CRLSign => "signing CRLs",
        KeyUsages::EncipherOnly => "encipher only",
        KeyUsages::DecipherOnly => "decipher only",
    }
}

/// How RFC 5280 heads the sections on extensions.
fn title(oid: &ObjectIdentifier) -> String {
    let known = match *oid {
        BasicConstraints::OID => "Basic constraints",
        KeyUsage::OID => "Key usage",
        ExtendedKeyUsage::OID => "Extended key usage",
        SubjectAltName::OID => "Subject alternative name",
        SubjectKeyIdentifier::OID => "Subject key identifier",
        AuthorityKeyIdentifier::OID => "Authority key identifier",
        CrlDistributionPoints::OID => "CRL distribution points",
        AuthorityInfoAccessSyntax::OID => "Authority information access",
        CertificatePolicies::OID => "Certificate policies",
        _ => return named(oid),
    };
    known.to_owned()
}

/// An object identifier with its name, if that is known.
fn named(oid: &ObjectIdentifier) -> String {
    match *oid {
        ANY_POLICY => "any policy".to_owned(),
        DOMAIN_VALIDATED => format!("domain validated ({oid})"),
        const_oid::db::rfc5280::ID_KP_SERVER_AUTH => "TLS server".to_owned(),
        const_oid::db::rfc5280::ID_KP_CLIENT_AUTH => "TLS client".to_owned(),
        const_oid::db::rfc5280::ID_AD_CA_ISSUERS => "its issuer's certificate".to_owned(),
        const_oid::db::rfc5280::ID_AD_OCSP => "OCSP".to_owned(),
        _ => DB.by_oid(oid).map_or_else(|| oid.to_string(), |name| format!("{name} ({oid})")),
    }
}

/// Octets as fingerprints are written.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}
