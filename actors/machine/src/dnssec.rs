//! From which keys DNSSEC is validated.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};
use thiserror::Error;

use crate::identifier::DnsName;

/// The keys that are believed without proof: those given, or if there are none those of the root (RFC 4033 section 2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct TrustAnchors(pub Vec<TrustAnchor>);

/// A DNSKEY record (RFC 4034 section 2) that is believed without proof.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TrustAnchor {
    /// Whose key it is; the root's if `None`.
    #[n(0)]
    zone: Option<DnsName>,
    #[n(1)]
    flags: u16,
    #[n(2)]
    algorithm: u8,
    /// Base64.
    #[n(3)]
    key: String,
}

/// The algorithms that are validated: RSA with SHA-256 and SHA-512, ECDSA with P-256 and P-384, Ed25519 (RFC 8624).
const ALGORITHMS: &[u8] = &[8, 10, 13, 14, 15];

/// The longest key, in letters of base64: RSA of 4096 bits has about 690.
const LONGEST: usize = 1024;

/// Why a text is no trust anchor.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadAnchor {
    /// It has another form.
    #[error(
        "{0:?} is no DNSKEY record; write it as in a zone file: the zone with its dot, DNSKEY, flags, protocol, algorithm \
         and the key in base64"
    )]
    Form(String),
    /// It is no key that signs a zone (RFC 4034 section 2.1.1), or a revoked one (RFC 5011).
    #[error("its flags are {0}; a key that signs a zone has 256 or 257")]
    Flags(u16),
    /// It cannot be validated with.
    #[error("its algorithm is {0}; this server validates with 8, 10, 13, 14 and 15")]
    Algorithm(u8),
}

impl TrustAnchor {
    /// Whose key it is; the root's if `None`.
    #[must_use]
    pub const fn zone(&self) -> Option<&DnsName> {
        self.zone.as_ref()
    }

    /// The number of its algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> u8 {
        self.algorithm
    }

    /// The key in the form of DNSKEY records, base64.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl FromStr for TrustAnchor {
    type Err = BadAnchor;

    fn from_str(text: &str) -> Result<Self, BadAnchor> {
        let bad = || BadAnchor::Form(text.chars().take(100).collect());
        let mut words = text.split_ascii_whitespace();
        let mut next = || words.next().ok_or_else(bad);
        let zone = match next()?.strip_suffix('.').ok_or_else(bad)? {
            "" => None,
            name => Some(DnsName::parse(name).map_err(|_| bad())?),
        };
        // A time to live and the class may stand before the type, as in zone files.
        let mut word = next()?;
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            word = next()?;
        }
        if word.eq_ignore_ascii_case("IN") {
            word = next()?;
        }
        if !word.eq_ignore_ascii_case("DNSKEY") {
            return Err(bad());
        }
        let flags = next()?.parse().map_err(|_| bad())?;
        if next()? != "3" {
            return Err(bad());
        }
        let algorithm = next()?.parse().map_err(|_| bad())?;
        let key: String = words.collect();
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+/".contains(&byte);
        let body = key.trim_end_matches('=');
        let sound = key.len().is_multiple_of(4) && key.len() - body.len() <= 2 && body.bytes().all(letter);
        if body.is_empty() || !sound || key.len() > LONGEST {
            return Err(bad());
        }
        match (flags, algorithm) {
            (256 | 257, algorithm) if ALGORITHMS.contains(&algorithm) => Ok(Self { zone, flags, algorithm, key }),
            (256 | 257, algorithm) => Err(BadAnchor::Algorithm(algorithm)),
            (flags, _) => Err(BadAnchor::Flags(flags)),
        }
    }
}

impl fmt::Display for TrustAnchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { zone, flags, algorithm, key } = self;
        let zone = zone.as_ref().map_or("", DnsName::as_str);
        write!(f, "{zone}. DNSKEY {flags} 3 {algorithm} {key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";

    /// The key of RFC 8080 section 6.1, as a zone file has it.
    #[test]
    fn anchors_are_read_as_in_a_zone_file() {
        for text in [
            format!("example.com. 3600 IN DNSKEY 257 3 15 {KEY}"),
            format!("Example.com.\tin dnskey 257 3 15 {KEY}"),
            format!("example.com. DNSKEY 257 3 15 {} {}", &KEY[..20], &KEY[20..]),
        ] {
            let anchor: TrustAnchor = text.parse().expect("an anchor");
            assert_eq!(anchor.to_string(), format!("example.com. DNSKEY 257 3 15 {KEY}"));
            assert_eq!(anchor.to_string().parse(), Ok(anchor));
        }
        let root: TrustAnchor = format!(". DNSKEY 257 3 15 {KEY}").parse().expect("an anchor");
        assert_eq!((root.zone(), root.algorithm(), root.key()), (None, 15, KEY));
    }

    #[test]
    fn what_is_no_anchor_is_refused_with_its_reason() {
        for text in [
            "".to_owned(),
            format!("example.com DNSKEY 257 3 15 {KEY}"),
            format!("a b. DNSKEY 257 3 15 {KEY}"),
            "example.com. DS 3613 15 2 3aa5ab37efce57f737fc1627013fee07bdf241bd10f3b1964ab55c78e79a304b".to_owned(),
            format!("example.com. DNSKEY 257 4 15 {KEY}"),
            "example.com. DNSKEY 257 3 15".to_owned(),
            "example.com. DNSKEY 257 3 15 ====".to_owned(),
            "example.com. DNSKEY 257 3 15 l02W-i0i".to_owned(),
            "example.com. DNSKEY 257 3 15 l02Wa".to_owned(),
            format!("example.com. DNSKEY 257 3 15 {}", "A".repeat(2000)),
        ] {
            assert!(matches!(text.parse::<TrustAnchor>(), Err(BadAnchor::Form(_))), "{text:?}");
        }
        let parse = |flags, algorithm| format!(". DNSKEY {flags} 3 {algorithm} {KEY}").parse::<TrustAnchor>();
        assert_eq!(parse(0, 15), Err(BadAnchor::Flags(0)));
        assert_eq!(parse(385, 15), Err(BadAnchor::Flags(385)));
        assert_eq!(parse(257, 5), Err(BadAnchor::Algorithm(5)));
    }
}
