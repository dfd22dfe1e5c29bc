//! Certificates on their way: planned, linted, signed (RFC 5280 section 4).
//!
//! `Linted` is the only thing that can be signed, and linting is the only way to it. The stored form of a draft is
//! just bytes: whoever takes it up again lints it again.

use aws_lc_rs::digest;
use chancery_actors::ports::SignError;
use chancery_machine::time::Timestamp;
use const_oid::db::rfc5912;
use const_oid::{AssociatedOid, ObjectIdentifier};
use der::asn1::{BitString, BitStringRef, GeneralizedTime, Ia5String, Int, OctetString};
use der::{AnyRef, DateTime, Decode, Encode, Sequence};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::certificate::Version;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::certpolicy::PolicyInformation;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies,
    CrlDistributionPoints, ExtendedKeyUsage, KeyUsage, SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::time::{Time, Validity};

use super::contents::Contents;
use super::key::IssuerKey;
use super::lint::{Findings, Wanted, lint};
use super::public_key::PublicKey;

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A trust anchor, which signs itself.
    Root,
    /// An authority below a root.
    Intermediate,
    /// A server.
    EndEntity,
}

/// What is public of an issuer: enough to draft and to lint, not to sign.
#[derive(Clone, Debug)]
pub struct Issuer {
    pub(super) name: Name,
    pub(super) key_identifier: Vec<u8>,
    pub(super) algorithm: AlgorithmIdentifierOwned,
    pub(super) public_key: PublicKey,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    pub(super) path_length: Option<u8>,
    /// Where its CRL lies.
    pub(super) crl_url: Option<String>,
    /// Where its certificate lies.
    pub(super) certificate_url: Option<String>,
}

/// A certificate that has passed the lint, and whose issuer is settled.
#[derive(Clone, Debug)]
pub struct Linted<'a> {
    tbs: Vec<u8>,
    issuer: &'a Issuer,
}

impl<'a> Linted<'a> {
    /// Lints a DER TBSCertificate against what is wanted.
    ///
    /// # Errors
    /// Everything that the lint found.
    pub fn check(tbs: &[u8], wanted: &Wanted<'a>) -> Result<Self, Findings> {
        let findings = lint(tbs, wanted);
        if findings.is_empty() {
            Ok(Self { tbs: tbs.to_vec(), issuer: wanted.issuer })
        } else {
            Err(Findings(findings))
        }
    }

    /// Signs, and verifies the signature with another implementation before anybody sees it: a fault of the hardware
    /// in a deterministic signature would give the key away.
    ///
    /// # Errors
    /// [`SignError::Unavailable`] if the key does not sign, or is not the issuer's.
    pub fn sign(self, key: &IssuerKey) -> Result<Signed, SignError> {
        let signature = key.sign(&self.tbs).map_err(|error| SignError::Unavailable(error.to_string()))?;
        self.issuer
            .public_key
            .verify(&self.issuer.algorithm, &self.tbs, &signature)
            .map_err(|fault| SignError::Unavailable(format!("its key and its certificate do not fit: {fault}")))?;
        enveloped(&self.tbs, &self.issuer.algorithm, &signature)
            .map(|der| Signed { der })
            .map_err(|error| SignError::Unavailable(error.to_string()))
    }
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    der: Vec<u8>,
}

impl Signed {
    /// Its DER.
    #[must_use]
    pub fn into_der(self) -> Vec<u8> {
        self.der
    }
}

/// What a certificate shall say.
pub(super) struct Plan<'a> {
    pub(super) role: Role,
    pub(super) issuer: &'a Issuer,
    pub(super) serial: Vec<u8>,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    pub(super) key: &'a PublicKey,
    /// DER of the SubjectPublicKeyInfo.
    pub(super) spki: &'a [u8],
    /// None for authorities.
    pub(super) names: Vec<GeneralName>,
    pub(super) contents: &'a Contents,
}

/// RFC 5280 section 4.1, with every field open.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub(super) struct Tbs {
    #[asn1(context_specific = "0", default = "Default::default")]
    pub(super) version: Version,
    pub(super) serial_number: Int,
    pub(super) signature: AlgorithmIdentifierOwned,
    pub(super) issuer: Name,
    pub(super) validity: Validity,
    pub(super) subject: Name,
    pub(super) public_key: SubjectPublicKeyInfoOwned,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) issuer_unique_id: Option<BitString>,
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) subject_unique_id: Option<BitString>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) extensions: Option<Vec<Extension>>,
}

/// RFC 5280 section 4.2.1.4: what lets the policies of end entities count below an intermediate.
pub(super) const ANY_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32.0");

impl Plan<'_> {
    /// What is to be linted and signed.
    pub(super) fn tbs(&self) -> Result<Tbs, der::Error> {
        Ok(Tbs {
            version: Version::V3,
            serial_number: Int::new(&self.serial)?,
            signature: self.issuer.algorithm.clone(),
            issuer: self.issuer.name.clone(),
            validity: Validity::new(time(self.not_before)?, time(self.not_after)?),
            subject: self.contents.subject.clone(),
            public_key: SubjectPublicKeyInfoOwned::from_der(self.spki)?,
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: Some(self.extensions()?),
        })
    }

    fn extensions(&self) -> Result<Vec<Extension>, der::Error> {
        let mut extensions = match self.role {
            Role::Root => self.authority(None)?,
            Role::Intermediate => self.authority(Some(0))?,
            Role::EndEntity => self.end_entity()?,
        };
        let Contents { policies, crl_url, ca_issuers_url, ocsp_url, .. } = self.contents;
        if !policies.is_empty() {
            let policy =
                |oid: &ObjectIdentifier| PolicyInformation { policy_identifier: *oid, policy_qualifiers: None };
            extensions.push(extension(false, &CertificatePolicies(policies.iter().map(policy).collect()))?);
        }
        let key_identifier = Some(OctetString::new(self.issuer.key_identifier.as_slice())?);
        extensions.push(extension(false, &AuthorityKeyIdentifier { key_identifier, ..Default::default() })?);
        if let Some(url) = crl_url {
            let name = DistributionPointName::FullName(vec![uri(url)?]);
            let point = DistributionPoint { distribution_point: Some(name), reasons: None, crl_issuer: None };
            extensions.push(extension(false, &CrlDistributionPoints(vec![point]))?);
        }
        let mut places = Vec::new();
        for (access_method, url) in [(rfc5912::ID_AD_OCSP, ocsp_url), (rfc5912::ID_AD_CA_ISSUERS, ca_issuers_url)] {
            if let Some(url) = url {
                places.push(AccessDescription { access_method, access_location: uri(url)? });
            }
        }
        if !places.is_empty() {
            extensions.push(extension(false, &AuthorityInfoAccessSyntax(places))?);
        }
        Ok(extensions)
    }

    fn authority(&self, path_length: Option<u8>) -> Result<Vec<Extension>, der::Error> {
        Ok(vec![
            extension(true, &BasicConstraints { ca: true, path_len_constraint: path_length })?,
            extension(true, &KeyUsage(self.contents.usages))?,
            extension(false, &SubjectKeyIdentifier(OctetString::new(key_identifier(self.key))?))?,
        ])
    }

    /// No subjectKeyIdentifier: nobody builds a chain below a server, and the BRs' section 7.1.2.7.6 advises against it.
    fn end_entity(&self) -> Result<Vec<Extension>, der::Error> {
        let Contents { subject, usages, purposes, .. } = self.contents;
        let mut extensions = vec![extension(true, &KeyUsage(*usages))?];
        if !purposes.is_empty() {
            extensions.push(extension(false, &ExtendedKeyUsage(purposes.clone()))?);
        }
        extensions.push(extension(true, &BasicConstraints { ca: false, path_len_constraint: None })?);
        // Critical where nothing else says whose certificate it is (RFC 5280 section 4.2.1.6).
        extensions.push(extension(subject.is_empty(), &SubjectAltName(self.names.clone()))?);
        Ok(extensions)
    }
}

/// RFC 7093 section 2, method 1: the first 160 bits of the SHA-256 of the key's bits.
pub(super) fn key_identifier(key: &PublicKey) -> Vec<u8> {
    digest::digest(&digest::SHA256, key.bits()).as_ref()[..20].to_vec()
}

/// A serial number of 16 octets: positive, never zero, always of the same length, and with 126 random bits (RFC 5280
/// section 4.1.2.2; the BRs' section 7.1 asks for 64).
pub(super) fn serial(mut entropy: [u8; 16]) -> Vec<u8> {
    entropy[0] = entropy[0] & 0x3f | 0x40;
    entropy.to_vec()
}

/// UTCTime through 2049, GeneralizedTime from 2050 on, whole seconds (RFC 5280 section 4.1.2.5).
pub(super) fn time(moment: Timestamp) -> Result<Time, der::Error> {
    Ok(Time::from(DateTime::from_unix_duration(std::time::Duration::from_secs(moment.seconds()))?))
}

/// RFC 5280 section 4.1.2.5: for a certificate that has no well-defined end.
pub(super) fn last_moment() -> Timestamp {
    Timestamp::from_seconds(GeneralizedTime::from_date_time(DateTime::INFINITY).to_unix_duration().as_secs())
}

pub(super) fn timestamp(time: Time) -> Timestamp {
    Timestamp::from_seconds(time.to_unix_duration().as_secs())
}

/// What is signed, the algorithm and the signature, as certificates and CRLs put them together.
pub(super) fn enveloped(
    signed: &[u8],
    algorithm: &AlgorithmIdentifierOwned,
    signature: &[u8],
) -> Result<Vec<u8>, der::Error> {
    #[derive(Sequence)]
    struct Envelope<'a> {
        signed: AnyRef<'a>,
        algorithm: AlgorithmIdentifierOwned,
        signature: BitStringRef<'a>,
    }
    let (signed, signature) = (AnyRef::from_der(signed)?, BitStringRef::from_bytes(signature)?);
    Envelope { signed, algorithm: algorithm.clone(), signature }.to_der()
}

pub(super) fn extension<T: AssociatedOid + Encode>(critical: bool, value: &T) -> Result<Extension, der::Error> {
    Ok(Extension { extn_id: T::OID, critical, extn_value: OctetString::new(value.to_der()?)? })
}

fn uri(url: &str) -> Result<GeneralName, der::Error> {
    Ok(GeneralName::UniformResourceIdentifier(Ia5String::new(url)?))
}
