//! What is known of clients without asking them: what they do not have, and for what no client was found.

use crate::matrix::{Client, Feature};

/// For what no client was found, with where it was looked for. A script of these tests stands in for one.
pub(crate) const NO_CLIENT: &[(&str, Option<Feature>, &str)] = &[
    ("account key ML-DSA", Some(Feature::AccountMlDsa), LOOKED_AT),
    ("certificate for ML-DSA", Some(Feature::CertificateMlDsa), "the same; several take a CSR that somebody else made"),
    ("dns-persist-01 as revision -02 has it", None, "the same; acmeow has revision -01"),
    ("told of changed terms of service", Some(Feature::ChangedTerms), ELSEWHERE),
    ("authorization for all below a name", Some(Feature::Subdomains), ELSEWHERE),
    ("certificates renewed automatically (STAR)", Some(Feature::Star), ELSEWHERE),
];

/// What is not tested here, since these tests take nothing from there.
const ELSEWHERE: &str = "the same; acme4j 4.0.0, which is in none of these places, has it: it was tried by hand on that day, \
                         and did it";

const LOOKED_AT: &str = "documentation and code of the clients above, and of acme-lib, acme-micro, acme2, async-acme, \
                         gufo-acme and rustls-acme";

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
            // A script has what it is written for.
            Self::Cryptography => &[],
        }
    }

    /// Whether it is a client: what a script of these tests does is no word for the clients of others.
    pub(crate) fn is_a_client(self) -> bool {
        self != Self::Cryptography
    }
}
