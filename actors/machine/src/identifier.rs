//! What a certificate is for: identifiers that cannot be malformed.

use std::fmt;
use std::net::IpAddr;

use minicbor::data::Type;
use minicbor::{Decode, Decoder, Encode, Encoder};
use thiserror::Error;

/// A domain name as a certificate carries it: lower-case A-labels, no root dot, no wildcard.
///
/// At most 253 octets, labels of 1 to 63 letters, digits and inner hyphens (RFC 1034 section 3.5), and never an IPv4
/// address in disguise.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsName(String);

/// Why a text is no domain name that a certificate may carry.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadName {
    /// There is nothing, or a label between two dots has nothing.
    #[error("a label is empty; write the name without a leading, trailing or doubled dot")]
    EmptyLabel,
    /// RFC 1035 section 2.3.4.
    #[error("the name is longer than 253 octets, or a label is longer than 63")]
    TooLong,
    /// RFC 1034 section 3.5; other scripts come as A-labels.
    #[error("{0:?} is not allowed; a label has letters, digits and inner hyphens, other scripts as A-labels (xn--…)")]
    Character(char),
    /// A hyphen begins or ends a label.
    #[error("a label begins or ends with a hyphen")]
    Hyphen,
    /// The last label is a number: that is an IPv4 address, not a name.
    #[error("the last label is a number, which is an address and no domain name")]
    Address,
    /// A star stands elsewhere than as the whole first label.
    #[error("a wildcard is one star as the whole first label, as in *.example.org")]
    Wildcard,
}

impl DnsName {
    /// Reads a name; capital letters become small ones, everything else has to be right already.
    ///
    /// # Errors
    /// [`BadName`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        if text.len() > 253 {
            return Err(BadName::TooLong);
        }
        for label in text.split('.') {
            if label.is_empty() {
                return Err(BadName::EmptyLabel);
            }
            if label.len() > 63 {
                return Err(BadName::TooLong);
            }
            if label.contains('*') {
                return Err(BadName::Wildcard);
            }
            if let Some(bad) = label.chars().find(|letter| !(letter.is_ascii_alphanumeric() || *letter == '-')) {
                return Err(BadName::Character(bad));
            }
            if label.starts_with('-') || label.ends_with('-') {
                return Err(BadName::Hyphen);
            }
        }
        let last = text.rsplit('.').next().unwrap_or(text);
        if last.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadName::Address);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name has one label only, such as `localhost`.
    #[must_use]
    pub fn single_label(&self) -> bool {
        !self.0.contains('.')
    }

    /// Whether the name is a subdomain of the other, compared label by label (RFC 9444 section 2); no name is its own.
    #[must_use]
    pub fn is_below(&self, ancestor: &Self) -> bool {
        self.0.strip_suffix(&ancestor.0).is_some_and(|labels| labels.ends_with('.'))
    }

    /// The name without its first label, if one remains.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.split_once('.').map(|(_, rest)| Self(rest.to_owned()))
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<C> Encode<C> for DnsName {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for DnsName {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        if d.datatype()? != Type::String {
            return Err(minicbor::decode::Error::message("a domain name is a text"));
        }
        Self::parse(d.str()?).map_err(|bad| minicbor::decode::Error::message(bad.to_string()))
    }
}

/// Why a text is no address that a certificate may carry (RFC 8738 section 3).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadAddress {
    /// It is neither an IPv4 nor an IPv6 address.
    #[error("it is no IP address; write it as in 192.0.2.1 or 2001:db8::1, without port, zone or prefix")]
    Form,
    /// It is an address in another spelling than the canonical one.
    #[error("the canonical form of this address is {0}; write it so")]
    Spelling(IpAddr),
    /// An IPv4 address in the clothes of an IPv6 address.
    #[error("it is the IPv4 address {0} mapped into IPv6; write it as {0}")]
    Mapped(IpAddr),
}

/// What an authorization is for (RFC 8555 section 7.1.4): never a wildcard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Identifier {
    /// Type `dns`.
    #[n(0)]
    Dns(#[n(0)] DnsName),
    /// Type `ip` (RFC 8738): never an IPv4 address mapped into IPv6.
    #[n(1)]
    Ip(#[n(0)] IpAddr),
}

impl Identifier {
    /// The `type` of the wire.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Dns(_) => "dns",
            Self::Ip(_) => "ip",
        }
    }

    /// The `value` of the wire: an address in its canonical form (RFC 1123 section 2.1, RFC 5952 section 4).
    #[must_use]
    pub fn value(&self) -> String {
        match self {
            Self::Dns(name) => name.to_string(),
            Self::Ip(address) => address.to_string(),
        }
    }

    /// Whether it is a name below that name.
    #[must_use]
    pub fn is_below(&self, ancestor: &Self) -> bool {
        match (self, ancestor) {
            (Self::Dns(name), Self::Dns(ancestor)) => name.is_below(ancestor),
            (Self::Dns(_), Self::Ip(_)) | (Self::Ip(_), Self::Dns(_) | Self::Ip(_)) => false,
        }
    }

    /// The names that it is below, the nearest first.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + use<> {
        let parent = match self {
            Self::Dns(name) => name.parent(),
            Self::Ip(_) => None,
        };
        std::iter::successors(parent, DnsName::parent).map(Self::Dns)
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value())
    }
}

/// One identifier of an order, which is what the certificate will carry (RFC 8555 section 7.1.3): maybe a wildcard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Subject {
    /// What has to be proven, without `*.`.
    #[n(0)]
    pub identifier: Identifier,
    /// Whether the order asks for `*.` before it.
    #[n(1)]
    pub wildcard: bool,
}

impl Subject {
    /// Reads the value of an identifier of type `dns`.
    ///
    /// # Errors
    /// [`BadName`] says what is wrong with it.
    pub fn dns(value: &str) -> Result<Self, BadName> {
        let (name, wildcard) = match value.strip_prefix("*.") {
            Some(rest) => (rest, true),
            None => (value, false),
        };
        Ok(Self { identifier: Identifier::Dns(DnsName::parse(name)?), wildcard })
    }

    /// Reads the value of an identifier of type `ip`, which has one spelling only (RFC 8738 section 3).
    ///
    /// # Errors
    /// [`BadAddress`] says what is wrong with it.
    pub fn ip(value: &str) -> Result<Self, BadAddress> {
        let address: IpAddr = value.parse().map_err(|_| BadAddress::Form)?;
        let subject = Self::address(address);
        if subject.identifier != Identifier::Ip(address) {
            return Err(BadAddress::Mapped(address.to_canonical()));
        }
        if value != address.to_string() { Err(BadAddress::Spelling(address)) } else { Ok(subject) }
    }

    /// Reads what a person may write: an address in any spelling, else a name, maybe a wildcard.
    ///
    /// # Errors
    /// [`BadName`] says what is wrong with it as a name.
    pub fn any(value: &str) -> Result<Self, BadName> {
        value.parse().map_or_else(|_| Self::dns(value), |address| Ok(Self::address(address)))
    }

    /// An address; one that is mapped into IPv6 is the IPv4 address that it means.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self { identifier: Identifier::Ip(address.to_canonical()), wildcard: false }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.wildcard {
            f.write_str("*.")?;
        }
        fmt::Display::fmt(&self.identifier, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_small_letters() {
        assert_eq!(DnsName::parse("WWW.Example.org").map(|name| name.to_string()), Ok("www.example.org".into()));
        assert_eq!(Subject::dns("*.Example.org").map(|name| name.to_string()), Ok("*.example.org".into()));
    }

    #[test]
    fn below_is_told_by_whole_labels() {
        let dns = |text: &str| Subject::dns(text).expect("a name").identifier;
        for (name, ancestor, below) in [
            ("a.example.org", "example.org", true),
            ("a.b.example.org", "example.org", true),
            ("example.org", "org", true),
            ("example.org", "example.org", false),
            ("example.org", "a.example.org", false),
            ("aexample.org", "example.org", false),
            ("a.example.com", "example.org", false),
        ] {
            assert_eq!(dns(name).is_below(&dns(ancestor)), below, "{name} below {ancestor}");
        }
        let ancestors: Vec<_> = dns("a.b.example.org").ancestors().map(|name| name.to_string()).collect();
        assert_eq!(ancestors, ["b.example.org", "example.org", "org"]);
        let address = Subject::address("192.0.2.1".parse().expect("an address")).identifier;
        assert!(!address.is_below(&dns("org")) && address.ancestors().next().is_none());
    }

    #[test]
    fn an_address_has_one_spelling() {
        for good in ["192.0.2.1", "2001:db8::1", "::", "2001:db8:0:1:1:1:1:1", "2001:db8::1:0:0:1"] {
            assert_eq!(Subject::ip(good).map(|address| address.to_string()).as_deref(), Ok(good));
        }
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        for (bad, why) in [
            ("", BadAddress::Form),
            ("example.org", BadAddress::Form),
            ("192.0.2.01", BadAddress::Form),
            ("192.0.2", BadAddress::Form),
            ("[2001:db8::1]", BadAddress::Form),
            ("fe80::1%eth0", BadAddress::Form),
            ("10.0.0.0/8", BadAddress::Form),
            ("2001:DB8::1", BadAddress::Spelling(address("2001:db8::1"))),
            ("2001:0db8::1", BadAddress::Spelling(address("2001:db8::1"))),
            ("2001:db8:0:0:0:0:0:1", BadAddress::Spelling(address("2001:db8::1"))),
            ("2001:db8::0:1:1:1:1", BadAddress::Spelling(address("2001:db8:0:0:1:1:1:1"))),
            ("::ffff:192.0.2.1", BadAddress::Mapped(address("192.0.2.1"))),
        ] {
            assert_eq!(Subject::ip(bad), Err(why), "{bad:?}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_its_reason() {
        let long = "a".repeat(64);
        for (text, reason) in [
            ("", BadName::EmptyLabel),
            (".example.org", BadName::EmptyLabel),
            ("example.org.", BadName::EmptyLabel),
            ("a..b", BadName::EmptyLabel),
            ("exa mple.org", BadName::Character(' ')),
            ("exämple.org", BadName::Character('ä')),
            ("a_b.example.org", BadName::Character('_')),
            ("-a.example.org", BadName::Hyphen),
            ("a-.example.org", BadName::Hyphen),
            ("192.0.2.1", BadName::Address),
            (long.as_str(), BadName::TooLong),
            ("a.*.example.org", BadName::Wildcard),
            ("**.example.org", BadName::Wildcard),
            ("*", BadName::Wildcard),
        ] {
            assert_eq!(Subject::dns(text), Err(reason), "{text:?}");
        }
        assert_eq!(DnsName::parse(&["abcdefg."; 32].concat()), Err(BadName::TooLong));
    }
}
