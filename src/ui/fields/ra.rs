//! The attributes of RA Profiles.

use super::Widget::{Authority, Choice, Exemptions, Lines, Other, Pair, Span, Text, Tick, Ticks, Url};
use super::{Group, Words, field};

const TYPES: Words = &[("dns", "dns: domain names"), ("ip", "ip: addresses (RFC 8738)")];

const MODES: Words =
    &[("orElseChallenge", "Everything else needs a challenge"), ("onlyThese", "Everything else is refused")];

const KEYS: Words = &[
    ("p256", "P-256"),
    ("p384", "P-384"),
    ("p521", "P-521"),
    ("ed25519", "Ed25519"),
    ("rsa", "RSA"),
    ("mldsa44", "ML-DSA-44"),
    ("mldsa65", "ML-DSA-65"),
    ("mldsa87", "ML-DSA-87"),
];

const USAGES: Words = &[
    ("digitalSignature", "digitalSignature"),
    ("nonRepudiation", "nonRepudiation"),
    ("keyEncipherment", "keyEncipherment"),
    ("dataEncipherment", "dataEncipherment"),
    ("keyAgreement", "keyAgreement"),
];

/// What there is, in groups.
pub(in crate::ui) const RA: &[Group] = &[
    Group {
        title: "General",
        about: "What it is for, what signs, and which ACME Profile is activated on it.",
        fields: &[
            field("description", "Description", "Appliances without an operator", Text),
            field("enabled", "Enabled", "", Tick),
            field("authority", "Authority", "", Authority),
            field("acmeProfile", "Activated ACME Profile", "", Other),
        ],
    },
    Group {
        title: "Names",
        about: "For what certificates are issued.",
        fields: &[
            field("identifierTypes", "Types of identifiers", "", Ticks(TYPES)),
            field("allow", "Allow", "**.corp.example", Lines),
            field("deny", "Deny", "secret.corp.example", Lines),
            field("wildcards", "Wildcards", "", Tick),
        ],
    },
    Group {
        title: "Without a challenge",
        about: "For what nothing has to be proven: the operator vouches for whoever may use the endpoint. Write a name or a \
                block of addresses on each line; subdomain after it for all below it too, wildcard for wildcards too.",
        fields: &[
            field("withoutChallenge", "Names without a challenge", "lab.example subdomain wildcard", Exemptions),
            field("withoutChallengeMode", "Everything else", "", Choice(MODES)),
        ],
    },
    Group {
        title: "Keys",
        about: "Which keys clients may have certified.",
        fields: &[field("keys", "Keys", "", Ticks(KEYS)), field("rsaBits", "RSA modulus, bits", "2048 to 4096", Pair)],
    },
    Group {
        title: "Validity",
        about: "How long certificates are valid.",
        fields: &[
            field("validity", "Validity", "90d", Span),
            field("longestValidity", "Longest validity", "397d", Span),
            field("backdate", "Backdate", "1h", Span),
        ],
    },
    Group {
        title: "Contents of certificates",
        about: "What else stands in certificates.",
        fields: &[
            field("subject", "Subject", "CN={name},O=Example", Text),
            field("keyUsages", "Key usages", "", Ticks(USAGES)),
            field("extendedKeyUsages", "Extended key usages", "serverAuth", Lines),
            field("policies", "Certificate policies", "2.23.140.1.2.1", Lines),
            field("caIssuersUrl", "URL of the issuer's certificate", "http://ca.example/issuer.der", Url),
            field("crlUrl", "URL of the CRL", "http://ca.example/issuer.crl", Url),
            field("ocspUrl", "URL of an OCSP responder", "http://ocsp.ca.example", Url),
        ],
    },
];
