//! What is known of clients without asking them: what they do not have, and for what no client was found.

use crate::matrix::{Client, Feature};

/// For what no client was found, with what is to be said of that. A script of these tests stands in for one.
pub(crate) const NO_CLIENT: &[(&str, Option<Feature>, &str)] = &[
    ("account key ML-DSA", Some(Feature::AccountMlDsa), ""),
    ("certificate for ML-DSA", Some(Feature::CertificateMlDsa), "several take a CSR that somebody else made"),
    ("dns-persist-01 as revision -02 has it", None, "acmeow has revision -01"),
    ("authorization for all below a name", Some(Feature::Subdomains), ELSEWHERE),
    ("certificates renewed automatically (STAR)", Some(Feature::Star), ELSEWHERE),
];

/// What is not tested here, since these tests take nothing from there.
const ELSEWHERE: &str =
    "acme4j 4.0.0, which is in none of these places, has it: it was tried by hand on that day, and did it";

/// The clients and libraries besides those of the tests whose packages were looked into, by where they come from.
pub(crate) const LOOKED_INTO: &[(&str, &str)] = &[
    (
        "Debian 12",
        "acmetool 0.2.2, apache2 2.4.71 (mod_md), erlang-p1-acme 1.0.22, golang-github-caddyserver-certmagic 0.17.2, \
         golang-github-mholt-acmez 0.1.3, golang-golang-x-crypto 0.4.0, golang-gopkg-hlandau-acmeapi.v2 2.0.2, lacme 0.8.2 \
         (Perl, not the one of PyPI), lecm 0.0.9, python3-acme 2.1.0, python3-txacme 0.9.3, ruby-acme-client 2.0.9",
    ),
    (
        "PyPI",
        "acme-client-lib 0.1.1, acmebot 2.17.3, acmen 0.5.1, acmetk 0.0.2, automatoes 0.9.17, certapi 1.1.16, \
         gufo-acme 0.7.0, pico-acme 0.1.0, sewer 0.8.4, simple-acme-dns 4.0.1, stir-shaken-toolkit 1.0.2",
    ),
    ("npm", "@certd/acme-client 1.37.1, @root/acme 3.1.0, @root/greenlock 4.0.5, @small-tech/auto-encrypt 4.3.0"),
    (
        "crates.io",
        "acme-lib 0.9.1, acme-micro 0.14.0, acme-rs 0.2.0, acme2 0.5.1, acmex 0.8.0, async-acme 0.6.0, certmagic 0.2.0, \
         rusmes-acme 0.1.2, rustls-acme 0.15.4, yacme 5.0.1, yacme-service 1.1.0",
    ),
];

/// What their code was searched for.
pub(crate) const SEARCHED_FOR: &str = "dns-account-01, dns-persist-01, auto-renewal, ancestorDomain, subdomainAuthAllowed, \
                                       ML-DSA and AKP, userActionRequired, EdDSA and Ed25519";

/// What was found there that no test here tries.
pub(crate) const ALSO_FOUND: &[(&str, &str)] = &[
    ("account key EdDSA", "acmex, certapi, certmagic of crates.io"),
    (
        "told of changed terms of service",
        "an error of its own: apache2 (mod_md), ruby-acme-client; an error that has `instance` and the link: \
         golang-golang-x-crypto; the name only: acme-rs, golang-github-mholt-acmez, and with it caddy",
    ),
    ("dns-account-01, dns-persist-01", "none"),
];

/// When that was looked for.
pub(crate) const SEARCHED: &str = "2026-11-27";

impl Client {
    /// What it does not have: neither its documentation nor its code knows of it. Whatever is in neither this list nor a
    /// trial was not tried.
    pub(crate) fn lacks(self) -> &'static [Feature] {
        use Feature as F;
        match self {
            Self::Certbot => &[
                F::AccountEdDsa,
                F::AccountMlDsa,
                F::KeyChange,
                F::TlsAlpn01,
                F::DnsAccount01,
                F::DnsPersist01,
                F::PreAuthorization,
                F::Subdomains,
                F::CertificateMlDsa,
                F::Star,
                F::Replaces,
            ],
            Self::CertbotOfDebian => &[
                F::AccountEdDsa,
                F::AccountMlDsa,
                F::KeyChange,
                F::TlsAlpn01,
                F::DnsAccount01,
                F::DnsPersist01,
                F::IpIdentifier,
                F::PreAuthorization,
                F::Subdomains,
                F::Profile,
                F::CertificateMlDsa,
                F::RenewalInformation,
                F::RenewalOfRevoked,
                F::Replaces,
                F::Star,
            ],
            Self::Lego => &[
                F::AccountEdDsa,
                F::AccountMlDsa,
                F::DnsAccount01,
                F::DnsPersist01,
                F::Subdomains,
                F::Profile,
                F::CertificateMlDsa,
                F::RenewalInformation,
                F::RenewalOfRevoked,
                F::Replaces,
                F::Star,
                F::RevocationByCertificateKey,
            ],
            Self::Dehydrated => &[
                F::AccountEdDsa,
                F::AccountMlDsa,
                F::KeyChange,
                F::DnsAccount01,
                F::DnsPersist01,
                F::PreAuthorization,
                F::Subdomains,
                F::Profile,
                F::RenewalInformation,
                F::RenewalOfRevoked,
                F::Replaces,
                F::Star,
            ],
            Self::Uacme => &[
                F::AccountEdDsa,
                F::AccountMlDsa,
                F::DnsAccount01,
                F::DnsPersist01,
                F::PreAuthorization,
                F::Subdomains,
                F::Profile,
                F::RenewalInformation,
                F::RenewalOfRevoked,
                F::Replaces,
                F::Star,
            ],
            Self::AcmeTiny => &[
                F::AccountEs256,
                F::AccountEs384,
                F::AccountEdDsa,
                F::AccountMlDsa,
                F::ExternalAccountBinding,
                F::KeyChange,
                F::Deactivation,
                F::Dns01,
                F::TlsAlpn01,
                F::DnsAccount01,
                F::DnsPersist01,
                F::Wildcard,
                F::IpIdentifier,
                F::PreAuthorization,
                F::Subdomains,
                F::AuthorizationDeactivation,
                F::Profile,
                F::PreferredChain,
                F::RenewalInformation,
                F::RenewalOfRevoked,
                F::Replaces,
                F::Star,
                F::RevocationByAccount,
                F::RevocationByCertificateKey,
            ],
            Self::InstantAcme => &[
                F::AccountRs256,
                F::AccountEs384,
                F::AccountEdDsa,
                F::AccountMlDsa,
                F::DnsAccount01,
                F::DnsPersist01,
                F::PreAuthorization,
                F::Subdomains,
                F::PreferredChain,
                F::Star,
            ],
            Self::NpmAcme => &[
                F::AccountEdDsa,
                F::AccountMlDsa,
                F::DnsAccount01,
                F::DnsPersist01,
                F::PreAuthorization,
                F::Subdomains,
                F::Profile,
                F::CertificateMlDsa,
                F::RenewalInformation,
                F::RenewalOfRevoked,
                F::Replaces,
                F::Star,
            ],
            Self::Acmeow => &[
                F::AccountRs256,
                F::AccountEs384,
                F::AccountEdDsa,
                F::AccountMlDsa,
                F::DnsAccount01,
                F::PreAuthorization,
                F::Subdomains,
                F::Profile,
                F::RenewalInformation,
                F::RenewalOfRevoked,
                F::Replaces,
                F::Star,
            ],
            Self::Lacme => &[
                F::AccountRs256,
                F::AccountEs384,
                F::AccountEdDsa,
                F::AccountMlDsa,
                F::TlsAlpn01,
                F::DnsAccount01,
                F::DnsPersist01,
                F::Subdomains,
                F::Profile,
                F::CertificateMlDsa,
                F::CertificateP384,
                F::CertificateRsa,
                F::PreferredChain,
                F::RenewalInformation,
                F::RenewalOfRevoked,
                F::Replaces,
                F::Star,
            ],
            Self::Aioacme => &[
                F::AccountMlDsa,
                F::DnsPersist01,
                F::PreAuthorization,
                F::Subdomains,
                F::Profile,
                F::PreferredChain,
                F::RenewalInformation,
                F::RenewalOfRevoked,
                F::Replaces,
                F::Star,
            ],
            Self::Caddy => &[
                F::AccountEdDsa,
                F::AccountMlDsa,
                F::DnsAccount01,
                F::DnsPersist01,
                F::Subdomains,
                F::Profile,
                F::CertificateMlDsa,
                F::RenewalInformation,
                F::Replaces,
                F::Star,
            ],
            // A script has what it is written for.
            Self::Cryptography => &[],
        }
    }

    /// Whether it is a client: what a script of these tests does is no word for the clients of others.
    pub(crate) fn is_a_client(self) -> bool {
        self != Self::Cryptography
    }
}
