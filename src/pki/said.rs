//! What a certificate says, read from its bytes for people.

use std::net::IpAddr;

use chancery_machine::profile::KeyUsage;
use chancery_machine::time::Timestamp;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912;
use der::{Decode, Encode};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, CertificatePolicies, CrlDistributionPoints, ExtendedKeyUsage, KeyUsage as Usages,
    KeyUsages, SubjectAltName,
};

use super::authority::find;
use super::certificate::{Tbs, timestamp};
use super::contents::flag;
use super::public_key::{KeyKind, PublicKey};

/// What a certificate of a server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its issuer (RFC 4514).
    pub issuer: String,
    /// Its subject (RFC 4514); empty if it has none.
    pub subject: String,
    /// Its subjectAltName.
    pub names: Vec<String>,
    /// Its notBefore.
    pub not_before: Timestamp,
    /// Its notAfter.
    pub not_after: Timestamp,
    /// The kind of its key.
    pub key: KeyKind,
    /// The words of its keyUsage.
    pub key_usages: Vec<&'static str>,
    /// Its extKeyUsage.
    pub extended_key_usages: Vec<ObjectIdentifier>,
    /// Its certificatePolicies.
    pub policies: Vec<ObjectIdentifier>,
    /// Where its CRL is.
    pub crl_urls: Vec<String>,
    /// Where its issuer's certificate is.
    pub ca_issuers_urls: Vec<String>,
    /// Where its OCSP responder is.
    pub ocsp_urls: Vec<String>,
}

impl Said {
    /// Reads a DER TBSCertificate.
    ///
    /// # Errors
    /// What does not decode.
    pub fn of(tbs: &[u8]) -> Result<Self, der::Error> {
        let tbs = Tbs::from_der(tbs)?;
        let key = PublicKey::parse(&tbs.public_key.to_der()?);
        let unsound = |_| der::Error::from(der::ErrorKind::Failed);
        let names: Option<SubjectAltName> = find(&tbs)?;
        let usages: Option<Usages> = find(&tbs)?;
        let purposes: Option<ExtendedKeyUsage> = find(&tbs)?;
        let policies: Option<CertificatePolicies> = find(&tbs)?;
        let crls: Option<CrlDistributionPoints> = find(&tbs)?;
        let access: Option<AuthorityInfoAccessSyntax> = find(&tbs)?;
        let access = access.map(|access| access.0).unwrap_or_default();
        let at = |method| {
            let places = access.iter().filter(move |place| place.access_method == method);
            places.filter_map(|place| uri(&place.access_location)).collect()
        };
        let points = crls.map(|crls| crls.0).unwrap_or_default();
        let full = points.into_iter().filter_map(|point| match point.distribution_point? {
            DistributionPointName::FullName(names) => Some(names),
            DistributionPointName::NameRelativeToCRLIssuer(_) => None,
        });
        Ok(Self {
            issuer: tbs.issuer.to_string(),
            subject: tbs.subject.to_string(),
            names: names.iter().flat_map(|names| &names.0).map(written).collect(),
            not_before: timestamp(tbs.validity.not_before),
            not_after: timestamp(tbs.validity.not_after),
            key: key.map_err(unsound)?.kind(),
            key_usages: words(usages.as_ref()),
            extended_key_usages: purposes.map(|purposes| purposes.0).unwrap_or_default(),
            policies: policies.iter().flat_map(|all| &all.0).map(|policy| policy.policy_identifier).collect(),
            crl_urls: full.flatten().filter_map(|name| uri(&name)).collect(),
            ca_issuers_urls: at(rfc5912::ID_AD_CA_ISSUERS),
            ocsp_urls: at(rfc5912::ID_AD_OCSP),
        })
    }
}

fn words(usages: Option<&Usages>) -> Vec<&'static str> {
    let has = |flag: KeyUsages| usages.is_some_and(|usages| usages.0.contains(flag));
    KeyUsage::ALL.iter().copied().filter(|usage| has(flag(*usage))).map(KeyUsage::token).collect()
}

fn written(name: &GeneralName) -> String {
    match name {
        GeneralName::DnsName(name) => name.to_string(),
        GeneralName::IpAddress(octets) => {
            let bytes = octets.as_bytes();
            let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let address = four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
            address.map_or_else(|_| format!("{octets:?}"), |address| address.to_string())
        }
        GeneralName::OtherName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::UniformResourceIdentifier(_)
        | GeneralName::RegisteredId(_) => format!("{name:?}"),
    }
}

fn uri(name: &GeneralName) -> Option<String> {
    if let GeneralName::UniformResourceIdentifier(uri) = name { Some(uri.to_string()) } else { None }
}
