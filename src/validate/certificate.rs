//! The certificate with which a server answers tls-alpn-01 (RFC 8737 section 3, RFC 8738 section 6).

use std::net::IpAddr;

use chancery_machine::identifier::Identifier;
use chancery_machine::transcript::excerpt;
use const_oid::{AssociatedOid as _, ObjectIdentifier};
use der::asn1::{AnyRef, BitStringRef, OctetString};
use der::{Decode as _, Encode as _, Sequence};
use rustls::crypto::aws_lc_rs;
use thiserror::Error;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::possession;

/// id-pe-acmeIdentifier (RFC 8737 section 6.1).
const ACME_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.31");

/// How many names of a certificate stand in the transcript.
const NOTED: usize = 16;

/// Why a certificate is none that answers the challenge. Says nothing of what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum BadAnswer {
    #[error("it cannot be read as X.509")]
    Unreadable,
    #[error("it has {0} names in subjectAltName where the identifier alone has to stand")]
    Names(usize),
    #[error("the name in its subjectAltName is not the identifier")]
    OtherName,
    #[error("it has no acmeIdentifier extension (1.3.6.1.5.5.7.1.31), so it is not made for this challenge")]
    NoIdentifier,
    #[error("it has more than one extension of the same kind")]
    Repeated,
    #[error("its acmeIdentifier extension is not critical")]
    NotCritical,
    #[error("its acmeIdentifier extension is not an OCTET STRING of 32 octets")]
    Malformed,
    #[error("it is not self-signed: its issuer is not its subject, or another key has signed it")]
    NotSelfSigned,
}

/// What the server says, if this is a certificate as the challenge wants it for the identifier: the digest of a key
/// authorization.
pub(super) fn digest(certificate: &[u8], identifier: &Identifier) -> Result<[u8; 32], BadAnswer> {
    let read = possession::read(certificate).map_err(|_| BadAnswer::Unreadable)?;
    let extensions = read.tbs_certificate().extensions().map(Vec::as_slice).unwrap_or_default();
    let names = match only(extensions, SubjectAltName::OID)? {
        Some(extension) => {
            SubjectAltName::from_der(extension.extn_value.as_bytes()).map_err(|_| BadAnswer::Unreadable)?.0
        }
        None => Vec::new(),
    };
    let [name] = names.as_slice() else { return Err(BadAnswer::Names(names.len())) };
    if !is(name, identifier) {
        return Err(BadAnswer::OtherName);
    }
    let extension = only(extensions, ACME_IDENTIFIER)?.ok_or(BadAnswer::NoIdentifier)?;
    if !extension.critical {
        return Err(BadAnswer::NotCritical);
    }
    let octets = OctetString::from_der(extension.extn_value.as_bytes()).map_err(|_| BadAnswer::Malformed)?;
    let digest = octets.as_bytes().try_into().map_err(|_| BadAnswer::Malformed)?;
    if self_signed(certificate) { Ok(digest) } else { Err(BadAnswer::NotSelfSigned) }
}

/// The names of a certificate, for operators.
pub(super) fn names(certificate: &[u8]) -> Vec<String> {
    let Ok(read) = possession::read(certificate) else { return Vec::new() };
    let extensions = read.tbs_certificate().extensions().map(Vec::as_slice).unwrap_or_default();
    let alternatives = extensions.iter().filter(|extension| extension.extn_id == SubjectAltName::OID);
    let names = alternatives.filter_map(|extension| SubjectAltName::from_der(extension.extn_value.as_bytes()).ok());
    names.flat_map(|names| names.0).take(NOTED).map(|name| noted(&name)).collect()
}

fn noted(name: &GeneralName) -> String {
    match (name, address(name)) {
        (GeneralName::DnsName(name), _) => excerpt(name.as_str()),
        (_, Some(address)) => address.to_string(),
        (other, None) => excerpt(&format!("{other:?}")),
    }
}

/// The extension of this kind, of which there may be one (RFC 5280 section 4.2).
fn only(extensions: &[Extension], kind: ObjectIdentifier) -> Result<Option<&Extension>, BadAnswer> {
    let mut found = extensions.iter().filter(|extension| extension.extn_id == kind);
    match (found.next(), found.next()) {
        (first, None) => Ok(first),
        (_, Some(_)) => Err(BadAnswer::Repeated),
    }
}

/// Names are compared without regard to case (RFC 4343), addresses by their octets (RFC 8738 section 6).
fn is(name: &GeneralName, identifier: &Identifier) -> bool {
    match (name, identifier) {
        (GeneralName::DnsName(name), Identifier::Dns(wanted)) => name.as_str().eq_ignore_ascii_case(wanted.as_str()),
        (name, Identifier::Ip(wanted)) => address(name) == Some(*wanted),
        (_, Identifier::Dns(_)) => false,
    }
}

/// The address that a name is, exactly as many octets as its kind has.
fn address(name: &GeneralName) -> Option<IpAddr> {
    let GeneralName::IpAddress(octets) = name else { return None };
    match octets.as_bytes().len() {
        4 => <[u8; 4]>::try_from(octets.as_bytes()).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(octets.as_bytes()).ok().map(IpAddr::from),
        _ => None,
    }
}

/// A certificate with its parts as they were signed.
#[derive(Sequence)]
struct Signed<'a> {
    tbs: AnyRef<'a>,
    algorithm: AnyRef<'a>,
    signature: BitStringRef<'a>,
}

/// Whether subject and issuer are the same and its own key has signed it (RFC 5280 section 3.2).
fn self_signed(certificate: &[u8]) -> bool {
    let verified = || {
        let signed = Signed::from_der(certificate).ok()?;
        let read = possession::read(certificate).ok()?;
        let tbs = read.tbs_certificate();
        let key = tbs.subject_public_key_info();
        let (message, key_algorithm) = (signed.tbs.to_der().ok()?, key.algorithm.to_der().ok()?);
        let key_algorithm = AnyRef::from_der(&key_algorithm).ok()?;
        let provider = aws_lc_rs::default_provider();
        let fits = provider.signature_verification_algorithms.all.iter().any(|algorithm| {
            algorithm.signature_alg_id().as_ref() == signed.algorithm.value()
                && algorithm.public_key_alg_id().as_ref() == key_algorithm.value()
                && algorithm
                    .verify_signature(key.subject_public_key.raw_bytes(), &message, signed.signature.raw_bytes())
                    .is_ok()
        });
        Some(fits && tbs.issuer() == tbs.subject())
    };
    verified().unwrap_or(false)
}
