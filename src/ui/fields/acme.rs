//! The attributes of ACME Profiles.

use super::Widget::{Choice, Lines, Nested, Number, Other, Others, Span, Spans, Text, Tick, Ticks, Url};
use super::{Field, Group, Words, field};

const CHALLENGES: Words = &[
    ("http-01", "http-01: a file on port 80"),
    ("dns-01", "dns-01: a TXT record"),
    ("tls-alpn-01", "tls-alpn-01: a certificate on port 443"),
    ("dns-account-01", "dns-account-01: a TXT record of the account"),
    ("dns-persist-01", "dns-persist-01: a TXT record that stays"),
];

const DNSSEC: Words = &[
    ("resolver", "The resolver, whose failures are honoured"),
    ("validate", "This server too, from the keys below on"),
];

const CAA: Words = &[("on", "Honoured"), ("off", "Not asked for")];

const AUTO_RENEWAL: &[Field] = &[
    field("minLifetime", "Shortest lifetime", "1d", Span),
    field("maxDuration", "Longest time from start to end", "365d", Span),
    field("allowCertificateGet", "Certificates by plain GET", "", Tick),
];

/// What there is, in groups.
pub(in crate::ui) const ACME: &[Group] = &[
    Group {
        title: "General",
        about: "What it is for, and which RA Profile issues for it.",
        fields: &[
            field("description", "Description", "Servers of the web team", Text),
            field("enabled", "Enabled", "", Tick),
            field("defaultRaProfile", "Default RA Profile", "", Other),
            field("raProfiles", "RA Profiles that orders may name", "", Others),
            field("website", "Website", "https://ca.example", Url),
        ],
    },
    Group {
        title: "Terms of service",
        about: "What accounts have to agree to, and what becomes of them when it changes.",
        fields: &[
            field("termsOfService", "Terms of service", "https://ca.example/terms", Url),
            field("termsOfServiceRequired", "New accounts have to agree", "", Tick),
            field("termsChangeUrl", "Where people agree to changed terms", "https://ca.example/agree", Url),
            field("noNewOrdersUntilAgreed", "No new orders until agreed", "", Tick),
        ],
    },
    Group {
        title: "Accounts",
        about: "Who may register.",
        fields: &[
            field("contactRequired", "Accounts need a contact", "", Tick),
            field("externalAccountRequired", "External account binding required", "", Tick),
        ],
    },
    Group {
        title: "Challenges",
        about: "How control of names and addresses is proven, and how long it counts.",
        fields: &[
            field("challenges", "Challenges", "", Ticks(CHALLENGES)),
            field("dnsPersistDraft", "Draft of dns-persist-01", "2", Choice(&[("1", "1"), ("2", "2")])),
            field("orderValidity", "Order validity", "10h", Span),
            field("authorizationValidity", "Authorization validity", "30d", Span),
            field("authorizationReuse", "Authorization reuse", "1d", Span),
            field("preAuthorization", "Authorizations before orders", "", Tick),
            field("subdomainAuthorization", "Authorizations for subdomains", "", Tick),
        ],
    },
    Group {
        title: "DNS",
        about: "Whom validation asks, what it believes, and what CAA records may say.",
        fields: &[
            field("resolvers", "Resolvers", "192.0.2.53:53", Lines),
            field("dnssec", "DNSSEC", "", Choice(DNSSEC)),
            field("trustAnchors", "DNSSEC trust anchors", "corp.example. DNSKEY 257 3 13 mdsswUyr3DPW132m…", Lines),
            field("caa", "CAA records", "", Choice(CAA)),
            field("caaIdentities", "CAA identities", "ca.example", Lines),
        ],
    },
    Group {
        title: "Validation network",
        about: "Where validation may connect to, from where else it is looked, and how often it is tried.",
        fields: &[
            field("allowedNetworks", "Allowed special networks", "127.0.0.0/8", Lines),
            field("onlyNetworks", "Only these networks", "10.0.0.0/8", Lines),
            field("httpPort", "Port of http-01", "80", Number),
            field("tlsPort", "Port of tls-alpn-01", "443", Number),
            field("perspectives", "Perspectives", "frankfurt", Lines),
            field("perspectivesRequired", "Perspectives that must agree", "2", Number),
            field("retryPauses", "Pauses between attempts", "2s, 5s", Spans),
            field("retryInterval", "Retry interval", "30s", Span),
        ],
    },
    Group {
        title: "Limits",
        about: "How much one client may ask for.",
        fields: &[
            field("identifiersPerOrder", "Identifiers in an order", "100", Number),
            field("openOrdersPerAccount", "Open orders of an account", "300", Number),
            field("renewingOrdersPerAccount", "Orders of an account that are renewed automatically", "20", Number),
            field("ordersPerHour", "Orders of an account in an hour", "300", Number),
            field("accountsPerHour", "Accounts of an address in an hour", "10", Number),
        ],
    },
    Group {
        title: "Renewal",
        about: "When clients are told to renew (RFC 9773), and whether the server renews for them (RFC 8739).",
        fields: &[
            field("renewalInfo", "Tell clients when to renew", "", Tick),
            field("renewalBegin", "Renewal begins after (hundredths of the life)", "66", Number),
            field("renewalLength", "Renewal lasts (hundredths of the life)", "10", Number),
            field("renewalInterval", "Clients ask again after", "6h", Span),
            field("renewalExplanationUrl", "Explanation for people", "https://ca.example/renewal", Url),
            field("autoRenewal", "Automatic renewal", "", Nested("AutoRenewalSettings", AUTO_RENEWAL)),
        ],
    },
];
