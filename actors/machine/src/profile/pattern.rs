//! Patterns of identifiers: globs of domain names, and blocks of addresses.

use std::fmt;

use thiserror::Error;

use super::text::as_text;
use crate::identifier::{DnsName, Identifier, Subject};
use crate::network::Network;

/// What identifiers are compared with: a glob such as `**.corp.example`, or a block such as `10.0.0.0/8`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentifierPattern {
    /// Domain names.
    Name(NamePattern),
    /// Addresses.
    Network(Network),
}

/// A glob of domain names. Within a label `*` stands for any characters, and `**` as a whole label for one label or more:
/// `**.corp.example` means everything below `corp.example`, and not `corp.example` itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern(String);

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no pattern; write a domain name in which * stands for characters of a label and ** for one label or more, \
     as in *.corp.example and **.corp.example, or a block of addresses, as in 10.0.0.0/8"
)]
pub struct BadPattern(pub String);

impl IdentifierPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`BadPattern`] repeats the text and shows the forms.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        if text.contains('/') {
            return text.parse().map(Self::Network).map_err(|_| BadPattern(text.to_owned()));
        }
        NamePattern::parse(text).map(Self::Name)
    }

    /// Whether everything that a certificate for this subject is good for is within the pattern: a wildcard is, only if
    /// the pattern has a star of its own in that place.
    #[must_use]
    pub fn covers(&self, subject: &Subject) -> bool {
        match (self, &subject.identifier) {
            (Self::Name(pattern), Identifier::Dns(name)) => pattern.matches(name, subject.wildcard, Star::Literal),
            (Self::Network(network), Identifier::Ip(address)) => network.contains(*address),
            (Self::Name(_), Identifier::Ip(_)) | (Self::Network(_), Identifier::Dns(_)) => false,
        }
    }

    /// Whether anything that a certificate for this subject is good for is within the pattern: a wildcard is, if one
    /// name below it is.
    #[must_use]
    pub fn touches(&self, subject: &Subject) -> bool {
        match (self, &subject.identifier) {
            (Self::Name(pattern), Identifier::Dns(name)) => pattern.matches(name, subject.wildcard, Star::Anything),
            (Self::Network(network), Identifier::Ip(address)) => network.contains(*address),
            (Self::Name(_), Identifier::Ip(_)) | (Self::Network(_), Identifier::Dns(_)) => false,
        }
    }
}

impl fmt::Display for IdentifierPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(pattern) => f.write_str(&pattern.0),
            Self::Network(network) => network.fmt(f),
        }
    }
}

as_text!(IdentifierPattern);

/// What the star of a wildcard subject is to a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Star {
    /// Only a star matches it.
    Literal,
    /// It may be any label, so everything matches it.
    Anything,
}

impl NamePattern {
    fn parse(text: &str) -> Result<Self, BadPattern> {
        let bad = || BadPattern(text.to_owned());
        // What a name may look like once its stars are filled in.
        DnsName::parse(&text.replace('*', "x")).map_err(|_| bad())?;
        let doubled = |label: &str| label.contains("**") && label != "**";
        if text.split('.').any(doubled) { Err(bad()) } else { Ok(Self(text.to_ascii_lowercase())) }
    }

    fn matches(&self, name: &DnsName, wildcard: bool, star: Star) -> bool {
        // From the end, where names differ least; `**` takes as few labels as it can and, when stuck, one more. Only the
        // last `**` that was met needs to be gone back to, so the work is at most the product of both lengths.
        let mut globs = Some(self.0.as_str());
        let mut labels = Labels { text: Some(name.as_str()), star: wildcard.then_some(star) };
        // What is left of the pattern before that `**`, and of the labels before those that it has taken.
        let mut back: Option<(Option<&str>, Labels<'_>)> = None;
        loop {
            let step = match (last(globs), labels.last()) {
                (None, None) => return true,
                (Some((globs, "**")), Some((labels, _))) => {
                    back = Some((globs, labels));
                    back
                }
                (Some((globs, glob)), Some((labels, label))) if label.fits(glob) => Some((globs, labels)),
                (Some(_) | None, Some(_)) | (Some(_), None) => None,
            };
            (globs, labels) = if let Some(next) = step {
                next
            } else {
                // One label more for the last `**`.
                back = back.and_then(|(globs, labels)| labels.last().map(|(labels, _)| (globs, labels)));
                let Some(next) = back else { return false };
                next
            };
        }
    }
}

/// What is left of a subject, whose labels are taken from its end.
#[derive(Clone, Copy)]
struct Labels<'a> {
    text: Option<&'a str>,
    star: Option<Star>,
}

impl<'a> Labels<'a> {
    fn last(self) -> Option<(Self, Label<'a>)> {
        match (last(self.text), self.star) {
            (Some((text, label)), star) => Some((Self { text, star }, Label::Text(label))),
            (None, Some(star)) => Some((Self { text: None, star: None }, Label::Star(star))),
            (None, None) => None,
        }
    }
}

/// The last label of a dotted text, and what is before it.
fn last(text: Option<&str>) -> Option<(Option<&str>, &str)> {
    let text = text?;
    Some(text.rsplit_once('.').map_or((None, text), |(before, label)| (Some(before), label)))
}

#[derive(Clone, Copy)]
enum Label<'a> {
    Text(&'a str),
    Star(Star),
}

impl Label<'_> {
    fn fits(self, glob: &str) -> bool {
        match self {
            Self::Star(Star::Literal) => glob == "*",
            Self::Star(Star::Anything) => true,
            Self::Text(label) => characters(glob.as_bytes(), label.as_bytes()),
        }
    }
}

/// Whether the label fits the glob, where `*` is any run of characters.
fn characters(glob: &[u8], label: &[u8]) -> bool {
    let (mut g, mut l) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while l < label.len() {
        if glob.get(g) == Some(&b'*') {
            back = Some((g, l));
            g += 1;
        } else if glob.get(g) == label.get(l) {
            (g, l) = (g + 1, l + 1);
        } else if let Some((star, taken)) = back {
            back = Some((star, taken + 1));
            (g, l) = (star + 1, taken + 1);
        } else {
            return false;
        }
    }
    glob.get(g..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> IdentifierPattern {
        IdentifierPattern::parse(text).expect("a pattern")
    }

    fn subject(text: &str) -> Subject {
        Subject::dns(text).expect("a name")
    }

    #[test]
    fn globs_match_label_by_label() {
        for (glob, matches, not) in [
            ("corp.example", &["corp.example", "CORP.example"][..], &["a.corp.example", "xcorp.example"][..]),
            ("*.corp.example", &["a.corp.example", "*.corp.example"], &["corp.example", "a.b.corp.example"]),
            (
                "**.corp.example",
                &["a.corp.example", "a.b.c.corp.example", "*.corp.example", "*.a.corp.example"],
                &["corp.example", "xcorp.example", "a.corp.example.org"],
            ),
            ("web*.corp.example", &["web.corp.example", "web12.corp.example"], &["awe.corp.example", "*.corp.example"]),
            ("a*b*c.example", &["abc.example", "axxbyyc.example", "abbcbc.example"], &["ab.example", "acb.example"]),
            (
                "**.prod.*.example",
                &["a.prod.eu.example", "a.b.prod.us.example"],
                &["prod.eu.example", "a.prod.example"],
            ),
            ("a.**.b.**.c.example", &["a.x.b.y.c.example", "a.b.b.b.c.example"], &["a.b.c.example", "a.x.b.c.example"]),
            ("**", &["a", "a.b.c"], &[]),
            ("*", &["localhost"], &["a.b"]),
        ] {
            for name in matches {
                assert!(pattern(glob).covers(&subject(name)), "{glob} covers {name}");
            }
            for name in not {
                assert!(!pattern(glob).covers(&subject(name)), "{glob} does not cover {name}");
            }
        }
    }

    #[test]
    fn a_wildcard_touches_what_is_below_it() {
        for (glob, name, touches) in [
            ("secret.corp.example", "*.corp.example", true),
            ("secret*.corp.example", "*.corp.example", true),
            ("**.secret.corp.example", "*.corp.example", false),
            ("secret.corp.example", "*.a.corp.example", false),
            ("corp.example", "*.corp.example", false),
        ] {
            assert_eq!(pattern(glob).touches(&subject(name)), touches, "{glob} and {name}");
            assert!(!pattern(glob).covers(&subject(name)), "{glob} and {name}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for bad in ["", ".", "a..b", "a b", "a**.example", "***.example", "10.0.0.0/33", "1.2.3.4", "-a.example"] {
            assert_eq!(IdentifierPattern::parse(bad), Err(BadPattern(bad.to_owned())), "{bad:?}");
        }
        for good in ["*", "**", "10.0.0.0/8", "fd00::/8", "*-x.corp.example"] {
            assert_eq!(pattern(good).to_string(), good);
        }
    }
}
