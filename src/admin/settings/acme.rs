//! The settings of an ACME Profile.

use std::net::SocketAddr;

use chancery_machine::challenge::ChallengeType;
use chancery_machine::network::{NetworkRules, SiteRules};
use chancery_machine::profile::{
    AcmeProfile, Limits, PersistDraft, ProfileName, ProfileRevision, RetryRules, Seconds, TermsOfService,
};
use chancery_machine::renewal::RenewalRules;
use chancery_machine::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::perspectives::perspectives;
use super::{AutoRenewalSettings, Fault, bounded, description, dns, networks, profile_name, url, words};
use crate::span::Span;

/// How an ACME endpoint behaves. Everything may be left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AcmeProfileSettings {
    /// What it is for, in words for people.
    pub description: String,
    /// Whether its endpoints answer.
    pub enabled: bool,
    /// The RA Profile that issues for `/acme/{name}/…`; without one, only RA Profiles on which this profile is activated
    /// serve it.
    pub default_ra_profile: Option<String>,
    /// The RA Profiles that orders at `/acme/{name}/…` may name instead of the default (draft-ietf-acme-profiles); where there
    /// are none, orders name no profile.
    pub ra_profiles: Vec<String>,
    /// Where the terms of service are (RFC 8555 section 7.1.1).
    pub terms_of_service: Option<String>,
    /// Whether new accounts have to agree to the terms of service, where there are any.
    pub terms_of_service_required: bool,
    /// Where a person agrees to changed terms: the `instance` of RFC 8555 section 7.3.3.
    pub terms_change_url: Option<String>,
    /// Whether accounts that have not agreed since the terms changed may place no orders (RFC 8555 section 7.3.3).
    pub no_new_orders_until_agreed: bool,
    /// A page about this endpoint (RFC 8555 section 7.1.1).
    pub website: Option<String>,
    /// The names that CAA records may give to this authority (RFC 8555 section 7.1.1).
    pub caa_identities: Vec<String>,
    /// Whether CAA records are honoured (RFC 8659): "on", or "off", and then nobody asks for them. Without `caaIdentities` no
    /// record can name this authority, so every one that restricts who issues forbids it.
    pub caa: String,
    /// Whether accounts need a contact.
    pub contact_required: bool,
    /// Whether new accounts need an external account binding (RFC 8555 section 7.3.4).
    pub external_account_required: bool,
    /// The challenges that are offered.
    pub challenges: Vec<String>,
    /// Resolvers, address and port; the system's if empty.
    #[schema(value_type = Vec<String>)]
    pub resolvers: Vec<SocketAddr>,
    /// Who validates DNSSEC: "resolver", whose SERVFAIL is honoured, or "validate", this server too.
    pub dnssec: String,
    /// The keys from which this server validates, DNSKEY records as in a zone file; the root's if empty.
    pub trust_anchors: Vec<String>,
    /// Special networks (loopback, link-local) that validation may contact all the same.
    pub allowed_networks: Vec<String>,
    /// If there are any, the only networks that validation may contact.
    pub only_networks: Vec<String>,
    /// The perspectives that look at control and CAA records too, by their names in the server's configuration.
    pub perspectives: Vec<String>,
    /// How many perspectives must agree with the server: as many as section 3.2.2.9 of the Baseline Requirements asks for if
    /// left out; 0 asks them and passes whatever they say.
    pub perspectives_required: Option<u32>,
    /// The port of http-01; RFC 8555 section 8.3 fixes 80.
    pub http_port: u16,
    /// The port of tls-alpn-01, and of HTTPS after a redirect; RFC 8737 section 3 fixes 443.
    pub tls_port: u16,
    /// The pauses between attempts of a validation: one attempt more than there are pauses.
    pub retry_pauses: Vec<Span>,
    /// The `Retry-After` where nothing better is known.
    pub retry_interval: Span,
    /// How long an order may be worked on.
    pub order_validity: Span,
    /// How long control, once proven, counts.
    pub authorization_validity: Span,
    /// For how long after it was proven new orders of the same account rely on it; not at all if left out.
    pub authorization_reuse: Option<Span>,
    /// Whether clients may obtain authorizations before they order: newAuthz (RFC 8555 section 7.4.1).
    pub pre_authorization: bool,
    /// Whether an authorization, if the client asks for that, is for all names below its own too (RFC 9444). Only challenges
    /// by DNS prove so much.
    pub subdomain_authorization: bool,
    /// Which draft of draft-ietf-acme-dns-persist dns-persist-01 follows: 1 or 2.
    pub dns_persist_draft: u8,
    /// How many identifiers an order may have.
    pub identifiers_per_order: u32,
    /// How many orders of one account may be pending or ready at a time; any number if left out.
    pub open_orders_per_account: Option<u32>,
    /// How many orders one account may place in an hour; any number if left out.
    pub orders_per_hour: Option<u32>,
    /// How many accounts one address (IPv4), or one /64 (IPv6), may make in an hour; any number if left out.
    pub accounts_per_hour: Option<u32>,
    /// How many orders of one account may be renewed automatically at a time (RFC 8739), those counted that can still be
    /// finalized; any number if left out.
    pub renewing_orders_per_account: Option<u32>,
    /// Whether clients are told when to renew (RFC 9773).
    pub renewal_info: bool,
    /// After how many hundredths of a certificate's life the time begins in which it is to be renewed.
    pub renewal_begin: u8,
    /// For how many hundredths of a certificate's life that time lasts: each certificate has its own part of it.
    pub renewal_length: u8,
    /// After how long clients ask again when to renew; sooner for certificates of less than that times 24.
    pub renewal_interval: Span,
    /// A page for people about why certificates are to be renewed then (RFC 9773 section 4.2).
    pub renewal_explanation_url: Option<String>,
    /// Orders may have their certificates renewed automatically (RFC 8739); none may if left out.
    pub auto_renewal: Option<AutoRenewalSettings>,
}

impl Default for AcmeProfileSettings {
    fn default() -> Self {
        let (network, renewal) = (NetworkRules::default(), RenewalRules::default());
        Self {
            description: String::new(),
            enabled: true,
            default_ra_profile: None,
            ra_profiles: Vec::new(),
            terms_of_service: None,
            terms_of_service_required: true,
            terms_change_url: None,
            no_new_orders_until_agreed: false,
            website: None,
            caa_identities: Vec::new(),
            caa: dns::caa_word(false).into(),
            contact_required: false,
            external_account_required: false,
            challenges: ChallengeType::ALL.iter().map(ToString::to_string).collect(),
            resolvers: network.resolvers,
            dnssec: dns::dnssec_word(None).into(),
            trust_anchors: Vec::new(),
            allowed_networks: Vec::new(),
            only_networks: Vec::new(),
            perspectives: Vec::new(),
            perspectives_required: None,
            http_port: network.http_port,
            tls_port: network.tls_port,
            retry_pauses: vec![Span(Seconds(2)), Span(Seconds(5))],
            retry_interval: Span(Seconds(30)),
            order_validity: Span(Seconds(36_000)),
            authorization_validity: Span::days(30),
            authorization_reuse: None,
            pre_authorization: true,
            subdomain_authorization: false,
            dns_persist_draft: PersistDraft::default().number(),
            identifiers_per_order: 100,
            open_orders_per_account: None,
            orders_per_hour: None,
            accounts_per_hour: None,
            renewing_orders_per_account: None,
            renewal_info: renewal.offered,
            renewal_begin: renewal.begin,
            renewal_length: renewal.length,
            renewal_interval: Span(renewal.interval),
            renewal_explanation_url: renewal.explanation_url,
            auto_renewal: None,
        }
    }
}

impl AcmeProfileSettings {
    /// The settings of a profile.
    #[must_use]
    pub fn of(profile: &AcmeProfile) -> Self {
        let AcmeProfile { terms, network, limits, retry, renewal, .. } = profile;
        let texts =
            |networks: &[chancery_machine::network::Network]| networks.iter().map(ToString::to_string).collect();
        Self {
            description: profile.description.clone(),
            enabled: profile.enabled,
            default_ra_profile: profile.default_ra_profile.as_ref().map(ToString::to_string),
            ra_profiles: profile.offers.iter().map(ToString::to_string).collect(),
            terms_of_service: terms.url.clone(),
            terms_of_service_required: terms.agreement_required,
            terms_change_url: terms.change_url.clone(),
            no_new_orders_until_agreed: terms.no_new_orders,
            website: profile.website.clone(),
            caa_identities: profile.caa_identities.clone(),
            caa: dns::caa_word(profile.ignores_caa).into(),
            contact_required: profile.contact_required,
            external_account_required: profile.binding_required,
            challenges: profile.challenges.iter().map(ToString::to_string).collect(),
            resolvers: network.resolvers.clone(),
            dnssec: dns::dnssec_word(network.dnssec.as_ref()).into(),
            trust_anchors: network.dnssec.iter().flat_map(|anchors| &anchors.0).map(ToString::to_string).collect(),
            allowed_networks: texts(&network.allowed),
            only_networks: texts(&network.only),
            perspectives: profile.perspectives.names.iter().map(ToString::to_string).collect(),
            perspectives_required: profile.perspectives.required,
            http_port: network.http_port,
            tls_port: network.tls_port,
            retry_pauses: retry.pauses.iter().copied().map(Span).collect(),
            retry_interval: Span(retry.interval()),
            order_validity: Span(profile.order_validity),
            authorization_validity: Span(profile.authorization_validity),
            authorization_reuse: profile.authorization_reuse.map(Span),
            pre_authorization: !profile.no_pre_authorization,
            subdomain_authorization: profile.subdomains,
            dns_persist_draft: profile.persist_draft.number(),
            identifiers_per_order: limits.identifiers_per_order,
            open_orders_per_account: limits.open_orders_per_account,
            orders_per_hour: limits.orders_per_hour,
            accounts_per_hour: limits.accounts_per_hour,
            renewing_orders_per_account: limits.renewing_orders_per_account,
            renewal_info: renewal.offered,
            renewal_begin: renewal.begin,
            renewal_length: renewal.length,
            renewal_interval: Span(renewal.interval),
            renewal_explanation_url: renewal.explanation_url.clone(),
            auto_renewal: profile.auto_renewal.as_ref().map(AutoRenewalSettings::of),
        }
    }

    /// The profile that these settings make of what it was `before`. Its revision is settled when it is stored.
    ///
    /// # Errors
    /// [`Fault`] names the field at fault.
    pub fn profile(
        &self,
        name: ProfileName,
        before: Option<&AcmeProfile>,
        now: Timestamp,
    ) -> Result<AcmeProfile, Fault> {
        let known: Vec<_> = ChallengeType::ALL.iter().map(|kind| kind.token()).collect();
        let challenges = words("challenges", &self.challenges, ChallengeType::parse, &known)?;
        if challenges.is_empty() {
            return Err(Fault::new("challenges", "at least one challenge has to be offered"));
        }
        let default = self.default_ra_profile.as_deref();
        Ok(AcmeProfile {
            name,
            revision: before.map_or(ProfileRevision(1), |before| before.revision),
            description: description(&self.description)?,
            enabled: self.enabled,
            default_ra_profile: default.map(|name| profile_name("defaultRaProfile", name)).transpose()?,
            terms: self.terms(before.map(|before| &before.terms), now)?,
            website: url("website", self.website.as_ref())?,
            caa_identities: dns::caa_identities(&self.caa_identities, &challenges)?,
            contact_required: self.contact_required,
            binding_required: self.external_account_required,
            challenges,
            order_validity: within("orderValidity", self.order_validity, 60, 90 * 86_400)?,
            authorization_validity: within("authorizationValidity", self.authorization_validity, 60, 398 * 86_400)?,
            authorization_reuse: self
                .authorization_reuse
                .map(|reuse| within("authorizationReuse", reuse, 1, self.authorization_validity.0.0))
                .transpose()?,
            retry: self.retry()?,
            network: self.network()?,
            limits: self.limits()?,
            offers: self.offers()?,
            renewal: self.renewal()?,
            perspectives: perspectives(&self.perspectives, self.perspectives_required)?,
            no_pre_authorization: !self.pre_authorization,
            subdomains: self.subdomain_authorization,
            auto_renewal: self.auto_renewal.as_ref().map(AutoRenewalSettings::rules).transpose()?,
            persist_draft: dns::persist_draft(self.dns_persist_draft)?,
            ignores_caa: dns::ignores_caa(&self.caa)?,
        })
    }

    fn offers(&self) -> Result<Vec<ProfileName>, Fault> {
        bounded("raProfiles", self.ra_profiles.len(), 100)?;
        let mut offers = Vec::with_capacity(self.ra_profiles.len());
        for (place, text) in self.ra_profiles.iter().enumerate() {
            let name = profile_name(&format!("raProfiles[{place}]"), text)?;
            if !offers.contains(&name) {
                offers.push(name);
            }
        }
        Ok(offers)
    }

    fn terms(&self, before: Option<&TermsOfService>, now: Timestamp) -> Result<TermsOfService, Fault> {
        let terms = TermsOfService {
            url: url("termsOfService", self.terms_of_service.as_ref())?,
            agreement_required: self.terms_of_service_required,
            change_url: url("termsChangeUrl", self.terms_change_url.as_ref())?,
            no_new_orders: self.no_new_orders_until_agreed,
            changed: None,
        };
        if terms.no_new_orders && terms.url.is_none() {
            let detail = "it needs termsOfService: there has to be something to agree to";
            return Err(Fault::new("noNewOrdersUntilAgreed", detail));
        }
        // Terms are changed where others stand in their place, or where an operator begins to insist on agreement.
        let changed = match before {
            None => None,
            Some(before) if before.url.is_some() && before.url != terms.url => Some(now),
            Some(before) if terms.no_new_orders && !before.no_new_orders && before.changed.is_none() => Some(now),
            Some(before) => before.changed,
        };
        Ok(TermsOfService { changed, ..terms })
    }

    fn retry(&self) -> Result<RetryRules, Fault> {
        if self.retry_pauses.len() > 10 || self.retry_pauses.iter().any(|pause| pause.0.0 > 86_400) {
            return Err(Fault::new("retryPauses", "at most ten pauses, of at most a day each"));
        }
        let interval = within("retryInterval", self.retry_interval, 1, 86_400)?;
        Ok(RetryRules { pauses: self.retry_pauses.iter().map(|span| span.0).collect(), interval: Some(interval) })
    }

    fn network(&self) -> Result<NetworkRules, Fault> {
        bounded("resolvers", self.resolvers.len(), 16)?;
        for (place, resolver) in self.resolvers.iter().enumerate() {
            let zone = matches!(resolver, SocketAddr::V6(address) if address.scope_id() != 0);
            if zone || resolver.port() == 0 {
                let detail = format!("{resolver} has a zone or no port; write it as in 192.0.2.53:53 or [fd00::53]:53");
                return Err(Fault::new(format!("resolvers[{place}]"), detail));
            }
        }
        for (field, port) in [("httpPort", self.http_port), ("tlsPort", self.tls_port)] {
            if port == 0 {
                return Err(Fault::new(field, "0 is no port that can be connected to"));
            }
        }
        Ok(NetworkRules {
            resolvers: self.resolvers.clone(),
            allowed: networks("allowedNetworks", &self.allowed_networks)?,
            http_port: self.http_port,
            tls_port: self.tls_port,
            only: networks("onlyNetworks", &self.only_networks)?,
            site: SiteRules::default(),
            dnssec: dns::dnssec(&self.dnssec, &self.trust_anchors)?,
        })
    }

    fn limits(&self) -> Result<Limits, Fault> {
        if !(1..=1000).contains(&self.identifiers_per_order) {
            return Err(Fault::new("identifiersPerOrder", "it has to be between 1 and 1000"));
        }
        for (field, limit) in [
            ("openOrdersPerAccount", self.open_orders_per_account),
            ("ordersPerHour", self.orders_per_hour),
            ("accountsPerHour", self.accounts_per_hour),
            ("renewingOrdersPerAccount", self.renewing_orders_per_account),
        ] {
            if limit.is_some_and(|limit| !(1..=100_000).contains(&limit)) {
                return Err(Fault::new(field, "it has to be between 1 and 100000; leave it out for no limit"));
            }
        }
        Ok(Limits {
            identifiers_per_order: self.identifiers_per_order,
            open_orders_per_account: self.open_orders_per_account,
            orders_per_hour: self.orders_per_hour,
            accounts_per_hour: self.accounts_per_hour,
            renewing_orders_per_account: self.renewing_orders_per_account,
        })
    }
}

pub(super) fn within(field: &str, span: Span, least: u64, most: u64) -> Result<Seconds, Fault> {
    if (least..=most).contains(&span.0.0) {
        return Ok(span.0);
    }
    let (least, most) = (Span(Seconds(least)), Span(Seconds(most)));
    Err(Fault::new(field, format!("it is {span}, and has to be between {least} and {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANCHOR: &str = "corp.example. DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";

    fn name() -> ProfileName {
        ProfileName::parse("default").expect("a name")
    }

    #[test]
    fn settings_and_profile_say_the_same() {
        let settings = AcmeProfileSettings {
            description: "for web servers".into(),
            enabled: false,
            default_ra_profile: Some("web".into()),
            ra_profiles: vec!["web".into(), "mail".into()],
            terms_of_service: Some("https://ca.example/terms".into()),
            terms_change_url: Some("https://ca.example/agree".into()),
            no_new_orders_until_agreed: true,
            caa_identities: vec!["ca.example".into()],
            contact_required: true,
            challenges: vec!["dns-01".into()],
            resolvers: vec!["192.0.2.53:53".parse().expect("an address")],
            dnssec: "validate".into(),
            trust_anchors: vec![ANCHOR.into()],
            dns_persist_draft: 2,
            only_networks: vec!["10.0.0.0/8".into()],
            perspectives: vec!["north".into(), "south".into()],
            perspectives_required: Some(2),
            authorization_reuse: Some(Span::days(1)),
            orders_per_hour: Some(300),
            renewing_orders_per_account: Some(20),
            renewal_info: false,
            renewal_begin: 50,
            renewal_length: 25,
            renewal_interval: Span(Seconds(3600)),
            renewal_explanation_url: Some("https://ca.example/renewal".into()),
            ..AcmeProfileSettings::default()
        };
        let profile = settings.profile(name(), None, Timestamp::from_seconds(1)).expect("it is sound");
        assert_eq!(AcmeProfileSettings::of(&profile), settings);
    }

    #[test]
    fn terms_that_change_are_dated() {
        let at = Timestamp::from_seconds;
        let mut settings = AcmeProfileSettings {
            terms_of_service: Some("https://ca.example/1".into()),
            ..AcmeProfileSettings::default()
        };
        let first = settings.profile(name(), None, at(1)).expect("it is sound");
        assert_eq!(first.terms.changed, None);
        let same = settings.profile(name(), Some(&first), at(2)).expect("it is sound");
        assert_eq!(same.terms.changed, None);
        settings.terms_of_service = Some("https://ca.example/2".into());
        settings.no_new_orders_until_agreed = true;
        let second = settings.profile(name(), Some(&same), at(3)).expect("it is sound");
        assert_eq!(second.terms.changed, Some(at(3)));
        assert!(second.terms.bars(None) && second.terms.bars(Some(at(2))) && !second.terms.bars(Some(at(3))));
        let later = settings.profile(name(), Some(&second), at(4)).expect("it is sound");
        assert_eq!(later.terms.changed, Some(at(3)));
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let with = |change: fn(&mut AcmeProfileSettings)| {
            let mut settings = AcmeProfileSettings::default();
            change(&mut settings);
            settings.profile(name(), None, Timestamp::from_seconds(1)).expect_err("must be refused").field
        };
        assert_eq!(with(|settings| settings.challenges = vec!["http-02".into()]), "challenges[0]");
        assert_eq!(with(|settings| settings.challenges.clear()), "challenges");
        assert_eq!(with(|settings| settings.website = Some("ca.example".into())), "website");
        assert_eq!(with(|settings| settings.website = Some("https://ca.example/>".into())), "website");
        assert_eq!(with(|settings| settings.caa_identities = vec!["a b".into()]), "caaIdentities[0]");
        assert_eq!(with(|settings| settings.caa_identities = vec!["a".into(); 11]), "caaIdentities");
        assert_eq!(with(|settings| settings.caa = "ignore".into()), "caa");
        assert_eq!(with(|settings| settings.dnssec = "on".into()), "dnssec");
        assert_eq!(with(|settings| settings.trust_anchors = vec![ANCHOR.into()]), "trustAnchors");
        let validating = |settings: &mut AcmeProfileSettings| {
            settings.dnssec = "validate".into();
            settings.trust_anchors = vec![ANCHOR.into(), "corp.example. DS 1 2 3 4".into()];
        };
        assert_eq!(with(validating), "trustAnchors[1]");
        assert_eq!(with(|settings| settings.dns_persist_draft = 3), "dnsPersistDraft");
        assert_eq!(with(|settings| settings.default_ra_profile = Some("a/b".into())), "defaultRaProfile");
        assert_eq!(with(|settings| settings.ra_profiles = vec!["a".into(), "a/b".into()]), "raProfiles[1]");
        assert_eq!(with(|settings| settings.renewal_begin = 96), "renewalBegin");
        assert_eq!(with(|settings| settings.order_validity = Span(Seconds(1))), "orderValidity");
        assert_eq!(with(|settings| settings.authorization_reuse = Some(Span::days(31))), "authorizationReuse");
        assert_eq!(with(|settings| settings.allowed_networks = vec!["x".into()]), "allowedNetworks[0]");
        assert_eq!(with(|settings| settings.http_port = 0), "httpPort");
        assert_eq!(with(|settings| settings.identifiers_per_order = 0), "identifiersPerOrder");
        assert_eq!(with(|settings| settings.no_new_orders_until_agreed = true), "noNewOrdersUntilAgreed");
    }
}
