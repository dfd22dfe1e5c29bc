//! What certificates say beyond names, key and validity.

use std::fmt;

use minicbor::{Decode, Encode};
use thiserror::Error;

use super::text::as_text;

/// What certificates say beyond names, key and validity.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CertificateContents {
    /// The subject; empty unless it has parts.
    #[n(0)]
    pub subject: SubjectTemplate,
    /// What the key is for (RFC 5280 section 4.2.1.3).
    #[n(1)]
    pub key_usages: Vec<KeyUsage>,
    /// What the certificate is for (RFC 5280 section 4.2.1.12).
    #[n(2)]
    pub extended_key_usages: Vec<Oid>,
    /// Under which policies it is issued (RFC 5280 section 4.2.1.4).
    #[n(3)]
    pub policies: Vec<Oid>,
    /// Where the issuer's certificate is, if not in our own repository (RFC 5280 section 4.2.2.1).
    #[n(4)]
    pub ca_issuers_url: Option<String>,
    /// Where the CRL is, if not in our own repository (RFC 5280 section 4.2.1.13).
    #[n(5)]
    pub crl_url: Option<String>,
    /// Where an OCSP responder is (RFC 6960).
    #[n(6)]
    pub ocsp_url: Option<String>,
}

impl Default for CertificateContents {
    /// A TLS server's: digitalSignature, serverAuth, and domain validated as the CA/Browser Forum has it.
    fn default() -> Self {
        Self {
            subject: SubjectTemplate::default(),
            key_usages: vec![KeyUsage::DigitalSignature],
            extended_key_usages: vec![Oid("1.3.6.1.5.5.7.3.1".to_owned())],
            policies: vec![Oid("2.23.140.1.2.1".to_owned())],
            ca_issuers_url: None,
            crl_url: None,
            ocsp_url: None,
        }
    }
}

/// A bit of keyUsage that an end entity may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
#[allow(missing_docs, reason = "the names of RFC 5280 section 4.2.1.3")]
pub enum KeyUsage {
    #[n(0)]
    DigitalSignature,
    #[n(1)]
    NonRepudiation,
    #[n(2)]
    KeyEncipherment,
    #[n(3)]
    DataEncipherment,
    #[n(4)]
    KeyAgreement,
}

impl KeyUsage {
    /// Every usage.
    pub const ALL: &'static [Self] = &[
        Self::DigitalSignature,
        Self::NonRepudiation,
        Self::KeyEncipherment,
        Self::DataEncipherment,
        Self::KeyAgreement,
    ];

    /// Its name in RFC 5280.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::DigitalSignature => "digitalSignature",
            Self::NonRepudiation => "nonRepudiation",
            Self::KeyEncipherment => "keyEncipherment",
            Self::DataEncipherment => "dataEncipherment",
            Self::KeyAgreement => "keyAgreement",
        }
    }

    /// The usage of this name.
    #[must_use]
    pub fn parse(token: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|usage| usage.token() == token)
    }
}

/// An object identifier in dotted form, as in `1.3.6.1.5.5.7.3.1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oid(String);

/// Why a text is no object identifier.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no object identifier; write numbers with dots between them, as in 1.3.6.1.5.5.7.3.1")]
pub struct BadOid(pub String);

impl Oid {
    /// How many octets its content may have in DER: what `const_oid` holds, with which certificates are made.
    pub const OCTETS: usize = 39;

    /// Reads an object identifier: at least two arcs, the first at most 2, the second below 40 (X.660 says so under 0 and 1
    /// only, but an encoder need not take more), none above 2^32 - 1, and at most [`Oid::OCTETS`] once it is encoded.
    ///
    /// # Errors
    /// [`BadOid`] repeats the text.
    pub fn parse(text: &str) -> Result<Self, BadOid> {
        let bad = || BadOid(text.to_owned());
        let arc = |arc: &str| {
            let plain = !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit());
            let canonical = arc == "0" || !arc.starts_with('0');
            arc.parse::<u32>().ok().filter(|_| plain && canonical)
        };
        let arcs: Vec<u32> = text.split('.').map(arc).collect::<Option<_>>().ok_or_else(bad)?;
        // The first two arcs share an octet, and every other takes one for seven bits (X.690 section 8.19).
        let octets = |arc: &u32| (u32::BITS - arc.leading_zeros()).max(1).div_ceil(7) as usize;
        match arcs.as_slice() {
            [0..=2, 0..40, rest @ ..] if rest.iter().map(octets).sum::<usize>() < Self::OCTETS => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(bad()),
        }
    }

    /// The dotted form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The subject that certificates get: parts in order, as in `CN={name},O=Example Corporation`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectTemplate(Vec<SubjectPart>);

/// One part of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectPart {
    /// Which attribute.
    pub attribute: SubjectAttribute,
    /// Its value, in which `{name}` stands for the first identifier of the order.
    pub value: String,
}

/// An attribute of a subject (RFC 4514 section 3, RFC 4519).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of RFC 4519")]
pub enum SubjectAttribute {
    CommonName,
    Organization,
    OrganizationalUnit,
    Country,
    StateOrProvince,
    Locality,
}

impl SubjectAttribute {
    /// Every attribute.
    pub const ALL: &'static [Self] = &[
        Self::CommonName,
        Self::Organization,
        Self::OrganizationalUnit,
        Self::Country,
        Self::StateOrProvince,
        Self::Locality,
    ];

    /// Its short name in RFC 4514.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::CommonName => "CN",
            Self::Organization => "O",
            Self::OrganizationalUnit => "OU",
            Self::Country => "C",
            Self::StateOrProvince => "ST",
            Self::Locality => "L",
        }
    }

    /// The most characters of a value (RFC 5280 appendix A.1, the upper bounds).
    #[must_use]
    pub const fn longest(self) -> usize {
        match self {
            Self::CommonName | Self::Organization | Self::OrganizationalUnit => 64,
            Self::Country => 2,
            Self::StateOrProvince | Self::Locality => 128,
        }
    }
}

/// Why a text is no template of a subject.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{text:?} is no template of a subject: {why}; write parts with commas between them, as in CN={{name}},O=Example"
)]
pub struct BadSubject {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

/// Stands for the first identifier of the order.
const NAME: &str = "{name}";

impl SubjectTemplate {
    /// Reads a template. A comma within a value is written `\,`, a backslash `\\`.
    ///
    /// # Errors
    /// [`BadSubject`] says what is wrong.
    pub fn parse(text: &str) -> Result<Self, BadSubject> {
        let bad = |why: String| BadSubject { text: text.to_owned(), why };
        if text.is_empty() {
            return Ok(Self::default());
        }
        let mut parts: Vec<SubjectPart> = Vec::new();
        for part in split(text).ok_or_else(|| bad("it ends with a backslash".to_owned()))? {
            let (attribute, value) = part.split_once('=').ok_or_else(|| bad(format!("{part:?} has no equals sign")))?;
            let attribute = attribute.trim();
            let known =
                SubjectAttribute::ALL.iter().copied().find(|known| known.token().eq_ignore_ascii_case(attribute));
            let attribute = known.ok_or_else(|| {
                let known: Vec<_> = SubjectAttribute::ALL.iter().map(|known| known.token()).collect();
                bad(format!("{attribute:?} is not known; there are {}", known.join(", ")))
            })?;
            let value = value.trim().to_owned();
            if value.is_empty() || value.chars().any(char::is_control) {
                return Err(bad(format!("the value of {} is empty or has control characters", attribute.token())));
            }
            let fixed = value.replace(NAME, "");
            if fixed.contains(['{', '}']) {
                return Err(bad("braces stand only around {name}".to_owned()));
            }
            if fixed.chars().count() > attribute.longest() {
                return Err(bad(format!("{} has at most {} characters", attribute.token(), attribute.longest())));
            }
            if attribute == SubjectAttribute::Country
                && !(value.len() == 2 && value.bytes().all(|b| b.is_ascii_uppercase()))
            {
                return Err(bad("C is two capital letters (ISO 3166)".to_owned()));
            }
            if parts.len() >= 16 {
                return Err(bad("it has more than 16 parts".to_owned()));
            }
            parts.push(SubjectPart { attribute, value });
        }
        Ok(Self(parts))
    }

    /// The parts with the name filled in. A part that would be too long with it is left out: a common name has 64
    /// characters, a domain name up to 253, and subjectAltName has them all.
    pub fn filled(&self, name: &str) -> impl Iterator<Item = (SubjectAttribute, String)> {
        let filled = self.0.iter().map(move |part| (part.attribute, part.value.replace(NAME, name)));
        filled.filter(|(attribute, value)| value.chars().count() <= attribute.longest())
    }

    /// Whether certificates have an empty subject.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for SubjectTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let value = part.value.replace('\\', "\\\\").replace(',', "\\,");
            write!(f, "{comma}{}={value}", part.attribute.token())?;
        }
        Ok(())
    }
}

/// The parts between commas that no backslash stands before.
fn split(text: &str) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, parts.last_mut()) {
            (',', _) => parts.push(String::new()),
            ('\\', Some(part)) => part.push(letters.next()?),
            (letter, Some(part)) => part.push(letter),
            (_, None) => {}
        }
    }
    Some(parts)
}

as_text!(Oid, SubjectTemplate);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_read_and_filled() {
        let template = SubjectTemplate::parse("CN={name}, O=Example\\, Inc., C=DE").expect("a template");
        let filled: Vec<_> =
            template.filled("a.example").map(|(kind, value)| format!("{}={value}", kind.token())).collect();
        assert_eq!(filled, ["CN=a.example", "O=Example, Inc.", "C=DE"]);
        assert_eq!(SubjectTemplate::parse(&template.to_string()), Ok(template.clone()));
        // 64 characters are what a common name holds.
        let long = format!("{}.example", "a".repeat(60));
        assert_eq!(template.filled(&long).count(), 2);
        assert_eq!(SubjectTemplate::parse(""), Ok(SubjectTemplate::default()));
    }

    #[test]
    fn what_is_no_template_says_why() {
        for (text, why) in [
            ("CN", "equals"),
            ("CN=", "empty"),
            ("XY=a", "not known"),
            ("CN={host}", "braces"),
            ("C=de", "capital"),
            ("CN=a\\", "backslash"),
            ("CN=a,", "equals"),
        ] {
            let error = SubjectTemplate::parse(text).expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(SubjectTemplate::parse(&format!("O={}", "x".repeat(65))).is_err());
    }

    #[test]
    fn object_identifiers_are_canonical() {
        // 1 octet, 7 times 5 and 3; and one octet more.
        let full = format!("1.3{}.1.1.1", ".4294967295".repeat(7));
        for good in ["1.3.6.1.5.5.7.3.1", "2.23.140.1.2.1", "2.5.29.32.0", "0.9", "2.39", &full] {
            assert_eq!(Oid::parse(good).map(|oid| oid.to_string()).as_deref(), Ok(good));
        }
        let bad =
            ["", "1", "3.1", "1.40", "2.40.1", "1.2.", "1..2", "01.2", "1.2.03", "1.2.a", "1.2.4294967296", "+1.2"];
        for bad in bad.into_iter().chain([&*format!("{full}.1"), &format!("1.2{}", ".128".repeat(20))]) {
            assert_eq!(Oid::parse(bad), Err(BadOid(bad.to_owned())), "{bad:?}");
        }
    }
}
