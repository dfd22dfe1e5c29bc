//! Certification requests (RFC 2986), as RFC 8555 section 7.4 wants them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use chancery_machine::identifier::{BadName, Subject};
use chancery_machine::profile::KeyRules;
use const_oid::AssociatedOid;
use const_oid::db::{rfc4519, rfc5912};
use der::asn1::BitStringRef;
use der::{AnyRef, Decode, Encode, Sequence, Tag, Tagged};
use spki::AlgorithmIdentifierOwned;
use thiserror::Error;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::request::CertReqInfo;

use super::public_key::{KeyFault, PublicKey, SignatureFault};

/// The largest request that is read, in octets: an RSA-8192 request with a hundred long names takes less.
pub const LARGEST: usize = 64 * 1024;

/// How many names an error repeats.
const NAMED: usize = 10;

/// A request whose key is sound and whose signature verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csr {
    public_key: PublicKey,
    spki: Vec<u8>,
    common_names: Vec<String>,
    names: BTreeSet<Subject>,
}

/// Why a request is refused. Each sentence is for the person who made it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadCsr {
    /// More than [`LARGEST`].
    #[error("the CSR has {0} octets; at most {LARGEST} are read")]
    TooLarge(usize),
    /// It does not decode.
    #[error("the CSR is no DER CertificationRequest (RFC 2986); send its DER as base64url, not PEM")]
    Malformed,
    /// Something that may stand once stands more often.
    #[error("the CSR has more than one {0}; make one with a single one")]
    Repeated(&'static str),
    /// The extension request does not decode.
    #[error("the extension request of the CSR (RFC 2985 section 5.4.2) cannot be read; make the CSR anew")]
    Extensions,
    /// The public key.
    #[error("the CSR's key is refused: {0}")]
    Key(#[from] KeyFault),
    /// The signature.
    #[error(
        "the CSR's own signature is refused: {0}; sign it with the key that it carries, and with SHA-256 or better"
    )]
    Signature(#[from] SignatureFault),
    /// A SAN of another type than dNSName and iPAddress.
    #[error("the CSR asks for {0} in subjectAltName; only DNS names and IP addresses can be issued, remove it")]
    NameType(&'static str),
    /// A dNSName that is none.
    #[error("the CSR's name {name:?} is no domain name: {reason}")]
    Name {
        /// The beginning of the text.
        name: String,
        /// What is wrong with it.
        reason: BadName,
    },
    /// An iPAddress of another length than 4 or 16 octets (RFC 5280 section 4.2.1.6).
    #[error("the CSR has an iPAddress of {0} octets; an IPv4 address has 4 and an IPv6 address 16")]
    Address(usize),
    /// An iPAddress that is an IPv4 address mapped into IPv6.
    #[error("the CSR asks for the IPv4 address {0} mapped into IPv6; ask for it in 4 octets")]
    Mapped(IpAddr),
    /// The names differ from the order's.
    #[error("the names of the CSR (common name and subjectAltName) are not exactly the order's: {0}")]
    Names(String),
}

impl Csr {
    /// Reads a DER request, and checks its key and its signature. Never panics, whatever the bytes.
    ///
    /// # Errors
    /// [`BadCsr`] says what is wrong with it.
    pub fn parse(der: &[u8]) -> Result<Self, BadCsr> {
        if der.len() > LARGEST {
            return Err(BadCsr::TooLarge(der.len()));
        }
        let request = Request::from_der(der).map_err(|_| BadCsr::Malformed)?;
        let signed = request.info.to_der().map_err(|_| BadCsr::Malformed)?;
        let info = CertReqInfo::from_der(&signed).map_err(|_| BadCsr::Malformed)?;
        let spki = info.public_key.to_der().map_err(|_| BadCsr::Malformed)?;
        let public_key = PublicKey::parse(&spki)?;
        let signature = request.signature.as_bytes().ok_or(BadCsr::Malformed)?;
        public_key.verify(&request.algorithm, &signed, signature)?;
        let common_names =
            info.subject.iter().filter(|part| part.oid == rfc4519::COMMON_NAME).filter_map(text).collect();
        Ok(Self { public_key, spki, common_names, names: requested(&info)? })
    }

    /// The key that the certificate will carry.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// DER of its SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Whether the profile accepts the key.
    ///
    /// # Errors
    /// [`BadCsr::Key`].
    pub fn accepted(&self, rules: &KeyRules) -> Result<(), BadCsr> {
        Ok(self.public_key.accepted(rules)?)
    }

    /// Whether it asks for exactly these names: in subjectAltName, in the common name, or in both (RFC 8555 section
    /// 7.4). A common name counts if it is an address, a domain name with a dot, or one of the order's names; a title such
    /// as `server` or `Web server 7` is no request for a name and never gets into the certificate.
    ///
    /// # Errors
    /// [`BadCsr::Names`] lists what is missing and what is too much.
    pub fn names_exactly(&self, subjects: &[Subject]) -> Result<(), BadCsr> {
        let wanted: BTreeSet<&Subject> = subjects.iter().collect();
        let mut common = Vec::new();
        for text in &self.common_names {
            match text.parse() {
                Ok(address) => common.push(Subject::address(address)),
                Err(_) => {
                    common.extend(Subject::dns(text).ok().filter(|name| text.contains('.') || wanted.contains(name)));
                }
            }
        }
        let asked: BTreeSet<&Subject> = self.names.iter().chain(&common).collect();
        let missing: Vec<_> = wanted.difference(&asked).collect();
        let extra: Vec<_> = asked.difference(&wanted).collect();
        if missing.is_empty() && extra.is_empty() {
            return Ok(());
        }
        let mut sentence = String::new();
        for (what, names) in [("missing", missing), ("not in the order", extra)] {
            if names.is_empty() {
                continue;
            }
            if !sentence.is_empty() {
                sentence.push_str("; ");
            }
            sentence.push_str(what);
            for (place, name) in names.iter().take(NAMED).enumerate() {
                // Writing to a String does not fail.
                let _ = write!(sentence, "{} {name}", if place == 0 { ":" } else { "," });
            }
            if names.len() > NAMED {
                let _ = write!(sentence, " and {} more", names.len() - NAMED);
            }
        }
        Err(BadCsr::Names(sentence))
    }
}

/// DER of the SubjectPublicKeyInfo in a request, if it can be read that far; neither key nor signature are checked.
///
/// For comparing it with account keys, which it must not be (RFC 8555 section 11.1).
#[must_use]
pub fn csr_public_key(der: &[u8]) -> Option<Vec<u8>> {
    if der.len() > LARGEST {
        return None;
    }
    let request = Request::from_der(der).ok()?;
    CertReqInfo::from_der(&request.info.to_der().ok()?).ok()?.public_key.to_der().ok()
}

/// RFC 2986 section 4.2, with what is signed left as it came.
#[derive(Sequence)]
struct Request<'a> {
    info: AnyRef<'a>,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitStringRef<'a>,
}

/// The names of the extension request; everything else in it is the profile's to decide, not the client's.
fn requested(info: &CertReqInfo) -> Result<BTreeSet<Subject>, BadCsr> {
    let mut requests = info.attributes.iter().filter(|attribute| attribute.oid == rfc5912::ID_EXTENSION_REQ);
    let Some(request) = requests.next() else {
        return Ok(BTreeSet::new());
    };
    if requests.next().is_some() || request.values.len() > 1 {
        return Err(BadCsr::Repeated("extension request"));
    }
    let value = request.values.iter().next().ok_or(BadCsr::Extensions)?;
    let extensions: Vec<Extension> = value.decode_as().map_err(|_| BadCsr::Extensions)?;
    let mut alternatives = extensions.iter().filter(|extension| extension.extn_id == SubjectAltName::OID);
    let Some(alternative) = alternatives.next() else {
        return Ok(BTreeSet::new());
    };
    if alternatives.next().is_some() {
        return Err(BadCsr::Repeated("subjectAltName"));
    }
    let SubjectAltName(names) =
        SubjectAltName::from_der(alternative.extn_value.as_bytes()).map_err(|_| BadCsr::Extensions)?;
    names.iter().map(subject).collect()
}

fn subject(name: &GeneralName) -> Result<Subject, BadCsr> {
    match name {
        GeneralName::DnsName(text) => Subject::dns(text.as_str())
            .map_err(|reason| BadCsr::Name { name: text.as_str().chars().take(64).collect(), reason }),
        GeneralName::IpAddress(octets) => address(octets.as_bytes()),
        GeneralName::Rfc822Name(_) => Err(BadCsr::NameType("a mail address")),
        GeneralName::UniformResourceIdentifier(_) => Err(BadCsr::NameType("a URI")),
        GeneralName::OtherName(_) => Err(BadCsr::NameType("an otherName")),
        GeneralName::DirectoryName(_) => Err(BadCsr::NameType("a directory name")),
        GeneralName::EdiPartyName(_) => Err(BadCsr::NameType("an EDI party name")),
        GeneralName::RegisteredId(_) => Err(BadCsr::NameType("a registered ID")),
    }
}

/// RFC 5280 section 4.2.1.6.
fn address(octets: &[u8]) -> Result<Subject, BadCsr> {
    let address = if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        IpAddr::from(octets)
    } else {
        IpAddr::from(<[u8; 16]>::try_from(octets).map_err(|_| BadCsr::Address(octets.len()))?)
    };
    if address.to_canonical() != address {
        return Err(BadCsr::Mapped(address.to_canonical()));
    }
    Ok(Subject::address(address))
}

/// The text of an attribute in one of the encodings that can hold a domain name as ASCII.
fn text(part: &AttributeTypeAndValue) -> Option<String> {
    [Tag::Utf8String, Tag::PrintableString, Tag::Ia5String, Tag::TeletexString]
        .contains(&part.value.tag())
        .then(|| std::str::from_utf8(part.value.value()).ok().map(str::to_owned))
        .flatten()
}
