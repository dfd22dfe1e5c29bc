//! Names: of subjects, of authorities, and the URLs under which authorities publish.

use std::net::IpAddr;

use chancery_machine::id::AuthorityId;
use chancery_machine::identifier::{DnsName, Identifier, Subject};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519;
use der::Any;
use der::asn1::{Ia5String, Utf8StringRef};
use thiserror::Error;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

/// What the server's own certificate may name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerName {
    /// A domain name.
    Dns(DnsName),
    /// An address.
    Ip(IpAddr),
}

impl ServerName {
    /// Reads an address or a domain name; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.parse() {
            Ok(address) => Some(Self::Ip(address)),
            Err(_) => DnsName::parse(text).ok().map(Self::Dns),
        }
    }

    pub(super) fn general(&self) -> Result<GeneralName, der::Error> {
        match self {
            Self::Dns(name) => Ok(GeneralName::DnsName(Ia5String::new(name.as_str())?)),
            Self::Ip(address) => Ok(GeneralName::from(*address)),
        }
    }
}

/// The distinguished name of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityName {
    organization: Option<String>,
    common_name: String,
}

/// Why a text is no part of an authority's name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} cannot name an authority: it takes 1 to 64 characters without control characters")]
pub struct BadAuthorityName(pub String);

impl AuthorityName {
    /// A name with an `O`, if there is one, and a `CN`: 1 to 64 characters each (RFC 5280 appendix A.1, `ub-`).
    ///
    /// # Errors
    /// [`BadAuthorityName`] repeats the text and the rule.
    pub fn new(organization: Option<&str>, common_name: &str) -> Result<Self, BadAuthorityName> {
        for part in organization.into_iter().chain([common_name]) {
            let length = part.chars().count();
            if length == 0 || length > 64 || part.trim() != part || part.chars().any(char::is_control) {
                return Err(BadAuthorityName(part.to_owned()));
            }
        }
        Ok(Self { organization: organization.map(str::to_owned), common_name: common_name.to_owned() })
    }

    /// The common name.
    #[must_use]
    pub fn common_name(&self) -> &str {
        &self.common_name
    }

    pub(super) fn distinguished(&self) -> Result<Name, der::Error> {
        let organization = self.organization.iter().map(|text| attribute(rfc4519::ORGANIZATION_NAME, text));
        let parts: Result<Vec<_>, _> =
            organization.chain([attribute(rfc4519::COMMON_NAME, &self.common_name)]).collect();
        Ok(Name::hazmat_from_rdn_sequence(RdnSequence::from(parts?)))
    }
}

/// Where CRLs and issuer certificates can be fetched: over plain HTTP, since a client that needs them to judge a
/// certificate cannot judge ours first (RFC 5280 section 8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    base: String,
}

/// Why a text is no base of published URLs.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} cannot be the base of published URLs: expected a URL such as http://ca.example.org:8081")]
pub struct BadBase(pub String);

impl Publication {
    /// Reads the base, such as `http://ca.example.org:8081`; a slash at the end is dropped.
    ///
    /// # Errors
    /// [`BadBase`] repeats the text and the rule.
    pub fn new(base: &str) -> Result<Self, BadBase> {
        let base = base.trim_end_matches('/');
        // Paths are put after it.
        if !is_http_url(base) || base.contains('?') {
            return Err(BadBase(base.to_owned()));
        }
        Ok(Self { base: base.to_owned() })
    }

    /// Where the CRL of an authority lies.
    #[must_use]
    pub fn crl(&self, authority: AuthorityId) -> String {
        format!("{}/crl/{authority}.crl", self.base)
    }

    /// Where the certificate of an authority lies, as DER.
    #[must_use]
    pub fn certificate(&self, authority: AuthorityId) -> String {
        format!("{}/ca/{authority}.crt", self.base)
    }
}

/// Whether it is an absolute plain HTTP URL with a host and nothing that a URL must escape: what may stand in a certificate.
#[must_use]
pub fn is_http_url(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"{}|\\^`".contains(&byte))
        && url::Url::parse(text)
            .is_ok_and(|url| url.scheme() == "http" && url.host().is_some() && url.fragment().is_none())
}

/// What a certificate says for one identifier of an order.
pub(super) fn general(subject: &Subject) -> Result<GeneralName, der::Error> {
    match &subject.identifier {
        Identifier::Dns(_) => Ok(GeneralName::DnsName(Ia5String::new(&subject.to_string())?)),
        Identifier::Ip(address) => Ok(GeneralName::from(*address)),
    }
}

fn attribute(oid: ObjectIdentifier, text: &str) -> Result<RelativeDistinguishedName, der::Error> {
    let value = Any::encode_from(&Utf8StringRef::new(text)?)?;
    RelativeDistinguishedName::try_from(vec![AttributeTypeAndValue { oid, value }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_made_of_the_base_and_the_id() {
        let publication = Publication::new("http://ca.example:8081/").expect("a base");
        let id = AuthorityId(chancery_machine::id::Id::from_bytes([0; 16]));
        assert_eq!(publication.crl(id), "http://ca.example:8081/crl/AAAAAAAAAAAAAAAAAAAAAA.crl");
        assert_eq!(publication.certificate(id), "http://ca.example:8081/ca/AAAAAAAAAAAAAAAAAAAAAA.crt");
        for bad in ["https://ca.example", "ca.example", "ldap://ca.example", "http://", "http://a b", "http://a/?q", ""]
        {
            assert!(Publication::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_written_in_order_and_bounded() {
        let name = AuthorityName::new(Some("Ex, Inc."), "Root").expect("a name").distinguished().expect("encodes");
        assert_eq!(name.to_string(), "CN=Root,O=Ex\\, Inc.");
        for bad in ["", " x", "x\n", &"x".repeat(65)] {
            assert!(AuthorityName::new(None, bad).is_err(), "{bad:?}");
            assert!(AuthorityName::new(Some(bad), "x").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn server_names_are_addresses_or_domain_names() {
        assert_eq!(ServerName::parse("127.0.0.1"), Some(ServerName::Ip(IpAddr::from([127, 0, 0, 1]))));
        assert_eq!(ServerName::parse("::1"), Some(ServerName::Ip(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]))));
        assert!(matches!(ServerName::parse("localhost"), Some(ServerName::Dns(_))));
        assert_eq!(ServerName::parse("a b"), None);
    }
}
