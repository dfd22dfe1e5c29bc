//! The settings of an RA Profile.

use chancery_machine::id::AuthorityId;
use chancery_machine::profile::{
    CertificateContents, ExemptName, Exemption, ExemptionMode, ExemptionScope, Exemptions, IdentifierRules,
    IdentifierType, KeyRules, KeyUsage, Oid, ProfileName, ProfileRevision, RaProfile, Seconds, SubjectTemplate,
    ValidityRules,
};
use const_oid::ObjectIdentifier;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Fault, bounded, description, patterns, profile_name, url, words};
use crate::pki::name::is_http_url;
use crate::span::Span;

/// How certificates are issued. Everything may be left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RaProfileSettings {
    /// What it is for, in words for people.
    pub description: String,
    /// Whether it issues.
    pub enabled: bool,
    /// What signs: the id or the name of an authority; the first intermediate if left out when it is created.
    pub authority: Option<String>,
    /// The ACME Profile that is activated on it: with it, `/acme/raProfile/{name}/…` answers.
    pub acme_profile: Option<String>,
    /// The types of identifiers that certificates are issued for.
    pub identifier_types: Vec<String>,
    /// Patterns such as `**.corp.example`, `*.corp.example` or `10.0.0.0/8`: everything outside is refused. Everything is
    /// allowed if there are none.
    pub allow: Vec<String>,
    /// Patterns of what is refused, also where `allow` says otherwise.
    pub deny: Vec<String>,
    /// Whether orders may have wildcards.
    pub wildcards: bool,
    /// For what nothing has to be proven: whoever may use the endpoint gets it.
    pub without_challenge: Vec<ExemptionSettings>,
    /// What becomes of everything else: `orElseChallenge` or `onlyThese`.
    pub without_challenge_mode: String,
    /// The keys that are accepted: `p256`, `p384`, `p521`, `ed25519`, `rsa`, `mldsa44`, `mldsa65`, `mldsa87`.
    pub keys: Vec<String>,
    /// The shortest and the longest RSA modulus, in bits.
    pub rsa_bits: (u32, u32),
    /// How long certificates are valid when the order does not say.
    pub validity: Span,
    /// How long at the most when the order does say (`notBefore`, `notAfter`); as long as `validity` if left out.
    pub longest_validity: Option<Span>,
    /// How long before it is issued a certificate begins to be valid, for clocks that are behind.
    pub backdate: Span,
    /// The subject (RFC 4514), as in `CN={name},O=Example`; `{name}` is the first identifier in alphabetical order,
    /// names before addresses. A part
    /// that is too long with it is left out: a common name has at most 64 characters. Empty if left out, as all that
    /// identifies a server stands in subjectAltName.
    pub subject: String,
    /// keyUsage (RFC 5280 section 4.2.1.3): `digitalSignature`, `nonRepudiation`, `keyEncipherment`, `dataEncipherment`,
    /// `keyAgreement`. A usage that the key of a certificate cannot have is left out of it: `keyEncipherment` and
    /// `dataEncipherment` are for RSA keys alone, `keyAgreement` for keys on NIST curves (RFC 3279 section 2.3.1, RFC 8813
    /// section 3, RFC 9295 section 3, RFC 9881 section 5). A CSR whose key can have none of them is refused.
    pub key_usages: Vec<String>,
    /// extKeyUsage (RFC 5280 section 4.2.1.12): `serverAuth`, `clientAuth`, `codeSigning`, `emailProtection`,
    /// `timeStamping`, or an object identifier. No extension if there are none.
    pub extended_key_usages: Vec<String>,
    /// certificatePolicies (RFC 5280 section 4.2.1.4), as object identifiers. No extension if there are none.
    pub policies: Vec<String>,
    /// Where the issuer's certificate is, if not in our own repository: over plain HTTP, since whoever judges a certificate
    /// cannot judge that of an HTTPS server first (RFC 5280 section 8).
    pub ca_issuers_url: Option<String>,
    /// Where the CRL is, if not in our own repository: over plain HTTP too.
    pub crl_url: Option<String>,
    /// Where an OCSP responder is: over plain HTTP too. Left out if there is none.
    pub ocsp_url: Option<String>,
}

/// A name, a tree of names, or a block of addresses, for which nothing has to be proven.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExemptionSettings {
    /// The name, or the block, as in `10.0.0.0/8`.
    pub name: String,
    /// `exact`: the name alone, or the block; `subdomain`: the name and everything below it.
    #[serde(default = "exact", rename = "match")]
    pub scope: String,
    /// Whether wildcards too.
    #[serde(default)]
    pub wildcard: bool,
}

fn exact() -> String {
    ExemptionScope::Exact.token().to_owned()
}

const OR_ELSE: &str = "orElseChallenge";
const ONLY: &str = "onlyThese";

const KEYS: &[&str] = &["p256", "p384", "p521", "ed25519", "rsa", "mldsa44", "mldsa65", "mldsa87"];

/// The extended key usages that have names (RFC 5280 section 4.2.1.12).
const EXTENDED: &[(&str, &str)] = &[
    ("serverAuth", "1.3.6.1.5.5.7.3.1"),
    ("clientAuth", "1.3.6.1.5.5.7.3.2"),
    ("codeSigning", "1.3.6.1.5.5.7.3.3"),
    ("emailProtection", "1.3.6.1.5.5.7.3.4"),
    ("timeStamping", "1.3.6.1.5.5.7.3.8"),
];

impl Default for RaProfileSettings {
    fn default() -> Self {
        let contents = CertificateContents::default();
        Self {
            description: String::new(),
            enabled: true,
            authority: None,
            acme_profile: None,
            identifier_types: IdentifierType::ALL.iter().map(|kind| kind.token().to_owned()).collect(),
            allow: Vec::new(),
            deny: Vec::new(),
            wildcards: true,
            without_challenge: Vec::new(),
            without_challenge_mode: OR_ELSE.to_owned(),
            keys: KEYS.iter().map(|key| (*key).to_owned()).collect(),
            rsa_bits: (2048, 8192),
            validity: Span::days(90),
            longest_validity: None,
            backdate: Span(Seconds(3600)),
            subject: contents.subject.to_string(),
            key_usages: contents.key_usages.iter().map(|usage| usage.token().to_owned()).collect(),
            extended_key_usages: contents.extended_key_usages.iter().map(|oid| usage_name(oid.as_str())).collect(),
            policies: contents.policies.iter().map(ToString::to_string).collect(),
            ca_issuers_url: None,
            crl_url: None,
            ocsp_url: None,
        }
    }
}

impl RaProfileSettings {
    /// The settings of a profile.
    #[must_use]
    pub fn of(profile: &RaProfile) -> Self {
        let RaProfile { identifiers, exemptions, keys, validity, contents, .. } = profile;
        let texts = |patterns: &[chancery_machine::profile::IdentifierPattern]| {
            patterns.iter().map(ToString::to_string).collect()
        };
        let kinds = [
            keys.p256,
            keys.p384,
            keys.p521,
            keys.ed25519,
            keys.rsa.is_some(),
            keys.mldsa44,
            keys.mldsa65,
            keys.mldsa87,
        ];
        let accepted = KEYS.iter().zip(kinds).filter(|(_, accepted)| *accepted).map(|(key, _)| (*key).to_owned());
        Self {
            description: profile.description.clone(),
            enabled: profile.enabled,
            authority: Some(profile.authority.to_string()),
            acme_profile: profile.acme_profile.as_ref().map(ToString::to_string),
            identifier_types: identifiers.types.iter().map(|kind| kind.token().to_owned()).collect(),
            allow: texts(&identifiers.allow),
            deny: texts(&identifiers.deny),
            wildcards: identifiers.wildcards,
            without_challenge: exemptions.rules.iter().map(ExemptionSettings::of).collect(),
            without_challenge_mode: match exemptions.mode {
                ExemptionMode::OrElseChallenge => OR_ELSE.to_owned(),
                ExemptionMode::OnlyThese => ONLY.to_owned(),
            },
            keys: accepted.collect(),
            rsa_bits: keys.rsa.unwrap_or((2048, 8192)),
            validity: Span(validity.default),
            longest_validity: (validity.longest != validity.default).then_some(Span(validity.longest)),
            backdate: Span(validity.backdate),
            subject: contents.subject.to_string(),
            key_usages: contents.key_usages.iter().map(|usage| usage.token().to_owned()).collect(),
            extended_key_usages: contents.extended_key_usages.iter().map(|oid| usage_name(oid.as_str())).collect(),
            policies: contents.policies.iter().map(ToString::to_string).collect(),
            ca_issuers_url: contents.ca_issuers_url.clone(),
            crl_url: contents.crl_url.clone(),
            ocsp_url: contents.ocsp_url.clone(),
        }
    }

    /// The profile that these settings make. `authority` finds what signs: by id or name, or the one to take by default.
    /// Its revision is settled when it is stored.
    ///
    /// # Errors
    /// [`Fault`] names the field at fault.
    pub fn profile(
        &self,
        name: ProfileName,
        authority: impl FnOnce(Option<&str>) -> Result<AuthorityId, String>,
    ) -> Result<RaProfile, Fault> {
        let activated = self.acme_profile.as_deref();
        Ok(RaProfile {
            name,
            revision: ProfileRevision(1),
            description: description(&self.description)?,
            enabled: self.enabled,
            authority: authority(self.authority.as_deref()).map_err(|detail| Fault::new("authority", detail))?,
            acme_profile: activated.map(|name| profile_name("acmeProfile", name)).transpose()?,
            identifiers: self.identifiers()?,
            exemptions: self.exemptions()?,
            keys: self.keys()?,
            validity: self.validity()?,
            contents: self.contents()?,
            call: None,
        })
    }

    fn identifiers(&self) -> Result<IdentifierRules, Fault> {
        let known: Vec<_> = IdentifierType::ALL.iter().map(|kind| kind.token()).collect();
        let types = words("identifierTypes", &self.identifier_types, IdentifierType::parse, &known)?;
        if types.is_empty() {
            return Err(Fault::new("identifierTypes", "at least one type has to be issued for"));
        }
        Ok(IdentifierRules {
            types,
            allow: patterns("allow", &self.allow)?,
            deny: patterns("deny", &self.deny)?,
            wildcards: self.wildcards,
        })
    }

    fn exemptions(&self) -> Result<Exemptions, Fault> {
        bounded("withoutChallenge", self.without_challenge.len(), 1000)?;
        let read = |(place, rule): (usize, &ExemptionSettings)| rule.exemption(place);
        let mode = match self.without_challenge_mode.as_str() {
            OR_ELSE => ExemptionMode::OrElseChallenge,
            ONLY => ExemptionMode::OnlyThese,
            other => {
                let detail = format!("{other:?} is not known; there are {OR_ELSE} and {ONLY}");
                return Err(Fault::new("withoutChallengeMode", detail));
            }
        };
        let rules = self.without_challenge.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Exemptions { rules, mode })
    }

    fn keys(&self) -> Result<KeyRules, Fault> {
        let accepted = words("keys", &self.keys, |text| KEYS.iter().copied().find(|key| *key == text), KEYS)?;
        if accepted.is_empty() {
            return Err(Fault::new("keys", "at least one kind of key has to be accepted"));
        }
        let (shortest, longest) = self.rsa_bits;
        if shortest < 2048 || longest > 8192 || shortest > longest {
            return Err(Fault::new("rsaBits", format!("[{shortest}, {longest}] is not within [2048, 8192]")));
        }
        let has = |key| accepted.contains(&key);
        Ok(KeyRules {
            p256: has("p256"),
            p384: has("p384"),
            p521: has("p521"),
            ed25519: has("ed25519"),
            rsa: has("rsa").then_some(self.rsa_bits),
            mldsa44: has("mldsa44"),
            mldsa65: has("mldsa65"),
            mldsa87: has("mldsa87"),
        })
    }

    fn validity(&self) -> Result<ValidityRules, Fault> {
        let (default, backdate) = (self.validity.0, self.backdate.0);
        let longest = self.longest_validity.map_or(default, |span| span.0);
        if !(60..=36_525 * 86_400).contains(&default.0) {
            return Err(Fault::new("validity", "it has to be between a minute and a hundred years"));
        }
        if longest < default || longest.0 > 36_525 * 86_400 {
            return Err(Fault::new("longestValidity", "it has to be between validity and a hundred years"));
        }
        if backdate >= default {
            return Err(Fault::new("backdate", "it has to be shorter than validity"));
        }
        Ok(ValidityRules { default, longest, backdate })
    }

    fn contents(&self) -> Result<CertificateContents, Fault> {
        let known: Vec<_> = KeyUsage::ALL.iter().map(|usage| usage.token()).collect();
        let key_usages = words("keyUsages", &self.key_usages, KeyUsage::parse, &known)?;
        // RFC 5280 section 4.2.1.3: at least one bit.
        if key_usages.is_empty() {
            return Err(Fault::new("keyUsages", "at least one usage"));
        }
        bounded("extendedKeyUsages", self.extended_key_usages.len(), 32)?;
        bounded("policies", self.policies.len(), 32)?;
        let subject = SubjectTemplate::parse(&self.subject);
        Ok(CertificateContents {
            subject: subject.map_err(|bad| Fault::new("subject", bad.to_string()))?,
            key_usages,
            extended_key_usages: oids("extendedKeyUsages", &self.extended_key_usages, EXTENDED)?,
            policies: oids("policies", &self.policies, &[])?,
            ca_issuers_url: plain_url("caIssuersUrl", self.ca_issuers_url.as_ref())?,
            crl_url: plain_url("crlUrl", self.crl_url.as_ref())?,
            ocsp_url: plain_url("ocspUrl", self.ocsp_url.as_ref())?,
        })
    }
}

impl ExemptionSettings {
    fn of(rule: &Exemption) -> Self {
        Self { name: rule.name.to_string(), scope: rule.scope.token().to_owned(), wildcard: rule.wildcard }
    }

    fn exemption(&self, place: usize) -> Result<Exemption, Fault> {
        let fault = |field: &str, detail: String| Fault::new(format!("withoutChallenge[{place}].{field}"), detail);
        let scopes = [ExemptionScope::Exact, ExemptionScope::Subdomain];
        let scope = scopes.into_iter().find(|scope| scope.token() == self.scope);
        let scope = scope
            .ok_or_else(|| fault("match", format!("{:?} is not known; there are exact and subdomain", self.scope)))?;
        let name = ExemptName::parse(&self.name).map_err(|bad| fault("name", format!("{:?}: {bad}", self.name)))?;
        match (&name, scope) {
            (ExemptName::Network(_), ExemptionScope::Subdomain) => {
                Err(fault("match", "there is nothing below a block of addresses; it is exact".to_owned()))
            }
            (ExemptName::Network(_), ExemptionScope::Exact) if self.wildcard => {
                Err(fault("wildcard", "a block of addresses has no wildcards".to_owned()))
            }
            (ExemptName::Network(_) | ExemptName::Name(_), _) => Ok(Exemption { name, scope, wildcard: self.wildcard }),
        }
    }
}

/// RFC 5280 section 8: HTTPS would need the answer before the question.
fn plain_url(field: &str, text: Option<&String>) -> Result<Option<String>, Fault> {
    match url(field, text)? {
        Some(text) if !is_http_url(&text) => {
            let detail = format!(
                "{text:?} cannot stand in certificates; write http://, and neither fragment nor {{ }} | \\ ^ `"
            );
            Err(Fault::new(field, detail))
        }
        other => Ok(other),
    }
}

fn oids(field: &str, texts: &[String], names: &[(&str, &str)]) -> Result<Vec<Oid>, Fault> {
    let mut found: Vec<Oid> = Vec::with_capacity(texts.len());
    for (place, text) in texts.iter().enumerate() {
        let dotted = names.iter().find(|(name, _)| name == text).map_or(text.as_str(), |(_, oid)| oid);
        let fault = |detail: String| Fault::new(format!("{field}[{place}]"), detail);
        let oid = Oid::parse(dotted).map_err(|bad| fault(bad.to_string()))?;
        if ObjectIdentifier::new(oid.as_str()).is_err() {
            return Err(fault(format!("{oid} is too long: its encoding has more than 39 octets")));
        }
        if !found.contains(&oid) {
            found.push(oid);
        }
    }
    Ok(found)
}

/// The name of an extended key usage, or its object identifier if it has none here.
pub(in crate::admin) fn usage_name(oid: &str) -> String {
    EXTENDED.iter().find(|(_, known)| *known == oid).map_or(oid, |(name, _)| name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chancery_machine::id::Id;

    const AUTHORITY: AuthorityId = AuthorityId(Id::from_bytes([7; 16]));

    fn profile(settings: &RaProfileSettings) -> Result<RaProfile, Fault> {
        settings.profile(ProfileName::parse("default").expect("a name"), |_| Ok(AUTHORITY))
    }

    #[test]
    fn settings_and_profile_say_the_same() {
        let settings = RaProfileSettings {
            description: "for web servers".into(),
            enabled: false,
            authority: Some(AUTHORITY.to_string()),
            acme_profile: Some("web".into()),
            allow: vec!["**.corp.example".into(), "10.0.0.0/8".into()],
            deny: vec!["secret.corp.example".into()],
            wildcards: false,
            without_challenge: vec![
                ExemptionSettings { name: "lab.example".into(), scope: "subdomain".into(), wildcard: true },
                ExemptionSettings { name: "10.0.0.0/8".into(), scope: exact(), wildcard: false },
            ],
            without_challenge_mode: "onlyThese".into(),
            keys: vec!["p256".into(), "rsa".into(), "mldsa65".into()],
            rsa_bits: (3072, 4096),
            longest_validity: Some(Span::days(100)),
            subject: "CN={name},O=Example".into(),
            key_usages: vec!["digitalSignature".into(), "keyEncipherment".into()],
            extended_key_usages: vec!["serverAuth".into(), "1.2.3.4".into()],
            policies: Vec::new(),
            ocsp_url: Some("http://ocsp.example".into()),
            ..RaProfileSettings::default()
        };
        assert_eq!(RaProfileSettings::of(&profile(&settings).expect("it is sound")), settings);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let with = |change: fn(&mut RaProfileSettings)| {
            let mut settings = RaProfileSettings::default();
            change(&mut settings);
            profile(&settings).expect_err("must be refused").field
        };
        assert_eq!(with(|settings| settings.keys = vec!["dsa".into()]), "keys[0]");
        assert_eq!(with(|settings| settings.keys.clear()), "keys");
        assert_eq!(with(|settings| settings.rsa_bits = (1024, 4096)), "rsaBits");
        assert_eq!(with(|settings| settings.validity = Span(Seconds(1))), "validity");
        assert_eq!(with(|settings| settings.longest_validity = Some(Span::days(1))), "longestValidity");
        assert_eq!(with(|settings| settings.backdate = Span::days(90)), "backdate");
        assert_eq!(with(|settings| settings.allow = vec!["a b".into()]), "allow[0]");
        assert_eq!(with(|settings| settings.subject = "XX=a".into()), "subject");
        assert_eq!(with(|settings| settings.key_usages = vec!["cRLSign".into()]), "keyUsages[0]");
        assert_eq!(with(|settings| settings.extended_key_usages = vec!["x".into()]), "extendedKeyUsages[0]");
        assert_eq!(with(|settings| settings.without_challenge_mode = "x".into()), "withoutChallengeMode");
        assert_eq!(with(|settings| settings.crl_url = Some("x".into())), "crlUrl");
        assert_eq!(with(|settings| settings.crl_url = Some("https://ca.example/x.crl".into())), "crlUrl");
        assert_eq!(with(|settings| settings.ocsp_url = Some("https://ca.example".into())), "ocspUrl");
        assert_eq!(with(|settings| settings.ca_issuers_url = Some("http://ca.example/#a".into())), "caIssuersUrl");
        assert_eq!(with(|settings| settings.policies = vec![format!("1.2{}", ".4294967295".repeat(9))]), "policies[0]");
        let unsound =
            |scope: &str, name: &str| ExemptionSettings { name: name.into(), scope: scope.into(), wildcard: false };
        let settings =
            RaProfileSettings { without_challenge: vec![unsound("half", "a.example")], ..RaProfileSettings::default() };
        assert_eq!(profile(&settings).expect_err("must be refused").field, "withoutChallenge[0].match");
        let block = |wildcard, scope: &str| RaProfileSettings {
            without_challenge: vec![ExemptionSettings { wildcard, ..unsound(scope, "10.0.0.0/8") }],
            ..RaProfileSettings::default()
        };
        assert!(profile(&block(false, "exact")).is_ok());
        let refused = profile(&block(true, "exact")).expect_err("must be refused");
        assert_eq!(refused.field, "withoutChallenge[0].wildcard");
        let refused = profile(&block(false, "subdomain")).expect_err("must be refused");
        assert_eq!(refused.field, "withoutChallenge[0].match");
    }
}
