//! Profiles, and credentials, with any values in their fields.

use std::net::{IpAddr, SocketAddr};

use chancery_machine::challenge::ChallengeType;
use chancery_machine::dnssec::TrustAnchors;
use chancery_machine::eab::{EabCredential, EabScope};
use chancery_machine::id::{AuthorityId, Id};
use chancery_machine::network::{Network, NetworkRules, SiteRules};
use chancery_machine::perspective::{PerspectiveName, Perspectives};
use chancery_machine::profile::{
    AcmeProfile, AutoRenewalRules, CertificateContents, ExemptName, Exemption, ExemptionMode, ExemptionScope,
    Exemptions, IdentifierPattern, IdentifierRules, IdentifierType, KeyRules, KeyUsage, Limits, Oid, PersistDraft,
    ProfileName, ProfileRevision, RaProfile, RetryRules, Seconds, SubjectAttribute, SubjectTemplate, TermsOfService,
    ValidityRules,
};
use chancery_machine::renewal::{RenewalCall, RenewalRules};
use chancery_machine::time::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

pub(crate) fn acme_profile() -> impl Strategy<Value = AcmeProfile> {
    let own = (profile_name(), any::<u64>(), text(), any::<bool>(), option::of(profile_name()), terms());
    let accounts = (option::of(text()), vec(text(), 0..3), any::<bool>(), any::<bool>());
    let challenges = subsequence(ChallengeType::ALL, 0..=ChallengeType::ALL.len());
    let spans = (seconds(), seconds(), option::of(seconds()), vec(seconds(), 0..4), option::of(seconds()));
    let persist = select(vec![PersistDraft::Draft01, PersistDraft::Draft02]);
    let renewal = (vec(profile_name(), 0..3), renewal_rules(), option::of(auto_renewal()), persist);
    let elsewhere = perspectives();
    let authorizing = (any::<bool>(), any::<bool>(), any::<bool>());
    (own, accounts, challenges, spans, network_rules(), limits(), renewal, elsewhere, authorizing).prop_map(
        |(own, accounts, challenges, spans, network, limits, renewal, perspectives, authorizing)| {
            let (offers, renewal, auto_renewal, persist_draft) = renewal;
            let (no_pre_authorization, subdomains, ignores_caa) = authorizing;
            let (name, revision, description, enabled, default_ra_profile, terms) = own;
            let (website, caa_identities, contact_required, binding_required) = accounts;
            let (order_validity, authorization_validity, authorization_reuse, pauses, interval) = spans;
            AcmeProfile {
                name,
                revision: ProfileRevision(revision),
                description,
                enabled,
                default_ra_profile,
                terms,
                website,
                caa_identities,
                contact_required,
                binding_required,
                challenges,
                order_validity,
                authorization_validity,
                authorization_reuse,
                retry: RetryRules { pauses, interval },
                network,
                limits,
                offers,
                renewal,
                perspectives,
                no_pre_authorization,
                subdomains,
                auto_renewal,
                persist_draft,
                ignores_caa,
            }
        },
    )
}

fn renewal_rules() -> impl Strategy<Value = RenewalRules> {
    (any::<bool>(), any::<u8>(), any::<u8>(), seconds(), option::of(text())).prop_map(
        |(offered, begin, length, interval, explanation_url)| RenewalRules {
            offered,
            begin,
            length,
            interval,
            explanation_url,
        },
    )
}

pub(crate) fn ra_profile() -> impl Strategy<Value = RaProfile> {
    let own = (profile_name(), any::<u64>(), text(), any::<bool>(), any::<[u8; 16]>(), option::of(profile_name()));
    let keys = (any::<[bool; 7]>(), option::of(any::<(u32, u32)>()));
    let validity = (seconds(), seconds(), seconds());
    let call = option::of((moment(), moment()).prop_map(|(at, until)| RenewalCall { at, until }));
    (own, identifiers(), exemptions(), keys, validity, contents(), call).prop_map(
        |(own, identifiers, exemptions, (kinds, rsa), (default, longest, backdate), contents, call)| {
            let (name, revision, description, enabled, authority, acme_profile) = own;
            let [p256, p384, p521, ed25519, mldsa44, mldsa65, mldsa87] = kinds;
            RaProfile {
                name,
                revision: ProfileRevision(revision),
                description,
                enabled,
                authority: AuthorityId(Id::from_bytes(authority)),
                acme_profile,
                identifiers,
                exemptions,
                keys: KeyRules { p256, p384, p521, ed25519, rsa, mldsa44, mldsa65, mldsa87 },
                validity: ValidityRules { default, longest, backdate },
                contents,
                call,
            }
        },
    )
}

pub(crate) fn credential() -> impl Strategy<Value = EabCredential> {
    let own = (text(), vec(any::<u8>(), 0..80), moment(), any::<u32>(), any::<u64>(), option::of(moment()));
    let profiles = (vec(profile_name(), 0..3), vec(profile_name(), 0..3), vec(pattern(), 0..3));
    let limits = (option::of(any::<u32>()), option::of(any::<u64>()), option::of(moment()));
    (own, profiles, limits).prop_map(|(own, profiles, limits)| {
        let (description, sealed_key, created, accounts, orders, revoked) = own;
        let (acme_profiles, ra_profiles, names) = profiles;
        let (most_accounts, most_orders, expires) = limits;
        let scope =
            EabScope { acme_profiles, ra_profiles, names, accounts: most_accounts, orders: most_orders, expires };
        EabCredential { description, sealed_key, created, scope, accounts, orders, revoked }
    })
}

/// An attribute and a value that it may have.
pub(crate) fn template_part() -> impl Strategy<Value = (SubjectAttribute, String)> {
    let pieces = select(vec!["a", "Z", "é", "日", " ", ",", "\\", "=", "{name}", "\"", "+", "#"]);
    let value = vec(pieces, 1..12).prop_map(|pieces| pieces.concat());
    let value = value.prop_filter("not empty", |value| !value.trim().is_empty());
    let others: Vec<_> =
        SubjectAttribute::ALL.iter().copied().filter(|kind| *kind != SubjectAttribute::Country).collect();
    prop_oneof![5 => (select(others), value), 1 => (Just(SubjectAttribute::Country), "[A-Z]{2}")]
}

pub(crate) fn oid() -> impl Strategy<Value = Oid> {
    let rest = vec(prop_oneof![0..200_u32, any::<u32>()], 0..8);
    (0..=2_u32, 0..40_u32, rest).prop_map(|(first, second, rest)| {
        let rest: String = rest.iter().map(|arc| format!(".{arc}")).collect();
        Oid::parse(&format!("{first}.{second}{rest}")).expect("an object identifier of at most 36 octets")
    })
}

fn terms() -> impl Strategy<Value = TermsOfService> {
    let urls = (option::of(text()), option::of(text()));
    (urls, any::<(bool, bool)>(), option::of(moment())).prop_map(
        |((url, change_url), (agreement_required, no_new_orders), changed)| TermsOfService {
            url,
            agreement_required,
            change_url,
            no_new_orders,
            changed,
        },
    )
}

fn network_rules() -> impl Strategy<Value = NetworkRules> {
    let resolver = (any::<IpAddr>(), any::<u16>()).prop_map(SocketAddr::from);
    let anchor = "([a-z]{1,8}\\.){0,2}\\. DNSKEY 25[67] 3 1[345] ([A-Za-z0-9+/]{4}){1,8}";
    let anchor = anchor.prop_map(|text| text.replace("..", ".").parse().expect("an anchor"));
    let dnssec = option::of(vec(anchor, 0..3).prop_map(TrustAnchors));
    (vec(resolver, 0..3), vec(network(), 0..3), any::<(u16, u16)>(), vec(network(), 0..3), dnssec).prop_map(
        |(resolvers, allowed, (http_port, tls_port), only, dnssec)| NetworkRules {
            resolvers,
            allowed,
            http_port,
            tls_port,
            only,
            site: SiteRules::default(),
            dnssec,
        },
    )
}

fn perspectives() -> impl Strategy<Value = Perspectives> {
    let name = "[a-z~._-]{1,64}".prop_map(|name| PerspectiveName::parse(&name).expect("a name"));
    (vec(name, 0..4), option::of(any::<u32>())).prop_map(|(names, required)| Perspectives { names, required })
}

fn network() -> impl Strategy<Value = Network> {
    (any::<IpAddr>(), any::<u8>()).prop_map(|(address, prefix)| {
        let address = address.to_canonical();
        let longest = if address.is_ipv4() { 33 } else { 129 };
        format!("{address}/{}", prefix % longest).parse().expect("a network")
    })
}

fn auto_renewal() -> impl Strategy<Value = AutoRenewalRules> {
    (seconds(), seconds(), any::<bool>()).prop_map(|(min_lifetime, max_duration, certificate_get)| AutoRenewalRules {
        min_lifetime,
        max_duration,
        certificate_get,
    })
}

fn limits() -> impl Strategy<Value = Limits> {
    any::<(u32, [Option<u32>; 4])>().prop_map(
        |(identifiers_per_order, [open_orders_per_account, orders_per_hour, accounts_per_hour, renewing])| Limits {
            identifiers_per_order,
            open_orders_per_account,
            orders_per_hour,
            accounts_per_hour,
            renewing_orders_per_account: renewing,
        },
    )
}

fn identifiers() -> impl Strategy<Value = IdentifierRules> {
    let types = subsequence(IdentifierType::ALL, 0..=IdentifierType::ALL.len());
    (types, vec(pattern(), 0..4), vec(pattern(), 0..4), any::<bool>())
        .prop_map(|(types, allow, deny, wildcards)| IdentifierRules { types, allow, deny, wildcards })
}

fn exemptions() -> impl Strategy<Value = Exemptions> {
    let scope = select(vec![ExemptionScope::Exact, ExemptionScope::Subdomain]);
    let name = "[a-z]{1,8}(\\.[a-z]{1,8}){0,3}".prop_map(|text| ExemptName::parse(&text).expect("a name"));
    let name = prop_oneof![name, network().prop_map(ExemptName::Network)];
    let rule = (name, scope, any::<bool>()).prop_map(|(name, scope, wildcard)| Exemption { name, scope, wildcard });
    let mode = select(vec![ExemptionMode::OrElseChallenge, ExemptionMode::OnlyThese]);
    (vec(rule, 0..4), mode).prop_map(|(rules, mode)| Exemptions { rules, mode })
}

fn contents() -> impl Strategy<Value = CertificateContents> {
    let subject = vec(template_part(), 0..5).prop_map(|parts| {
        let escaped = |value: &str| value.replace('\\', "\\\\").replace(',', "\\,");
        let parts: Vec<_> = parts.iter().map(|(kind, value)| format!("{}={}", kind.token(), escaped(value))).collect();
        SubjectTemplate::parse(&parts.join(",")).expect("its parts are sound")
    });
    let usages = subsequence(KeyUsage::ALL, 0..=KeyUsage::ALL.len());
    let urls = (option::of(text()), option::of(text()), option::of(text()));
    (subject, usages, vec(oid(), 0..3), vec(oid(), 0..3), urls).prop_map(
        |(subject, key_usages, extended_key_usages, policies, (ca_issuers_url, crl_url, ocsp_url))| {
            CertificateContents {
                subject,
                key_usages,
                extended_key_usages,
                policies,
                ca_issuers_url,
                crl_url,
                ocsp_url,
            }
        },
    )
}

fn pattern() -> impl Strategy<Value = IdentifierPattern> {
    let name = "(\\*\\*|\\*|[a-z]{1,5}\\*?[a-z]{0,5})(\\.(\\*\\*|[a-z]{1,8})){0,3}"
        .prop_map(|text| IdentifierPattern::parse(&text).expect("a pattern"));
    prop_oneof![name, network().prop_map(IdentifierPattern::Network)]
}

fn profile_name() -> impl Strategy<Value = ProfileName> {
    "[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,63}"
        .prop_filter("not reserved", |text| text != "raProfile")
        .prop_map(|text| ProfileName::parse(&text).expect("a name"))
}

fn seconds() -> impl Strategy<Value = Seconds> {
    any::<u64>().prop_map(Seconds)
}

fn moment() -> impl Strategy<Value = Timestamp> {
    any::<u64>().prop_map(Timestamp::from_millis)
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}
