//! Configuration: defaults, then a TOML file, then the environment, then the command line.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chancery_machine::challenge::ChallengeType;
use chancery_machine::id::AuthorityId;
use chancery_machine::identifier::DnsName;
use chancery_machine::network::{Network, NetworkRules};
use chancery_machine::profile::{AcmeProfile, KeyRules, ProfileName, ProfileRevision, RaProfile, RetryRules, Seconds};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::pki::key::KeyAlgorithm;

/// The commented example that `chancery config` prints; it states every default.
pub const EXAMPLE: &str = include_str!("../examples/chancery.toml");

/// Environment variables of ours that are not settings of the file.
const OTHER_VARIABLES: &[&str] = &["CHANCERY_CONFIG", "CHANCERY_PASSPHRASE", "CHANCERY_LOG", "CHANCERY_LOG_FORMAT"];

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the store, the root certificate and, unless given otherwise, the passphrase lie.
    pub data: PathBuf,
    /// Sockets and names.
    pub server: Server,
    /// The passphrase of the keys at rest.
    pub keys: Keys,
    /// What the first start makes.
    pub authority: AuthorityPlan,
    /// How long things are kept.
    pub store: Store,
    /// How endpoints behave, by name.
    pub acme_profiles: BTreeMap<String, AcmeProfileConfig>,
    /// How certificates are issued, by name.
    pub ra_profiles: BTreeMap<String, RaProfileConfig>,
}

/// Sockets and names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Where HTTPS listens.
    pub listen: SocketAddr,
    /// Where plain HTTP listens, for CRLs and issuer certificates.
    pub http_listen: Option<SocketAddr>,
    /// Scheme, host and port under which clients reach HTTPS.
    pub external_url: Option<String>,
    /// Scheme, host and port under which everybody reaches plain HTTP: it stands in certificates.
    pub publication_url: Option<String>,
    /// More names and addresses of the server's own certificate.
    pub names: Vec<String>,
    /// How long a finalize request waits for its certificate before it is told to poll.
    pub finalize_patience: Span,
}

/// The passphrase of the keys at rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// A file whose first line is the passphrase.
    pub passphrase_file: Option<PathBuf>,
}

/// The authority that the first start makes: a root and an intermediate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthorityPlan {
    /// `p384`, `p256`, `ed25519`, `rsa2048`, `rsa3072` or `rsa4096`.
    pub algorithm: String,
    /// The organization in both names.
    pub organization: Option<String>,
    /// The root's common name.
    pub root_name: String,
    /// The intermediate's common name.
    pub intermediate_name: String,
    /// How long the root is valid.
    pub root_validity: Span,
    /// How long the intermediate is valid.
    pub intermediate_validity: Span,
    /// How long a CRL is valid; it is made anew at half that time and at each revocation.
    pub crl_validity: Span,
}

/// How long things are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// How long orders, authorizations and certificates are kept once they are over.
    pub retention: Span,
    /// How much of the file is kept in memory, in MiB.
    pub cache_mib: usize,
}

/// How an endpoint behaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AcmeProfileConfig {
    /// The RA Profile that issues.
    pub ra_profile: String,
    /// Where the terms of service are; new accounts then have to agree.
    pub terms_of_service: Option<String>,
    /// A page about this endpoint.
    pub website: Option<String>,
    /// The names that CAA records may give to this authority.
    pub caa_identities: Vec<String>,
    /// The challenges that are offered.
    pub challenges: Vec<String>,
    /// How long an order may be worked on.
    pub order_validity: Span,
    /// How long control, once proven, counts.
    pub authorization_validity: Span,
    /// The pauses between attempts of a validation: one attempt more than there are pauses.
    pub retry_pauses: Vec<Span>,
    /// Resolvers, address and port; the system's if empty.
    pub resolvers: Vec<SocketAddr>,
    /// Special networks that validation may contact all the same.
    pub allowed_networks: Vec<String>,
    /// The port of http-01.
    pub http_port: u16,
    /// The port of tls-alpn-01, and of HTTPS after a redirect.
    pub tls_port: u16,
    /// How many identifiers an order may have.
    pub identifiers_per_order: u32,
}

/// How certificates are issued.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RaProfileConfig {
    /// How long a certificate is valid; an order may ask for less.
    pub validity: Span,
    /// How long before it is issued it begins to be valid.
    pub backdate: Span,
    /// Whether orders may have wildcards.
    pub wildcards: bool,
    /// The keys that are accepted.
    pub keys: Vec<String>,
    /// The shortest and the longest RSA modulus, in bits.
    pub rsa_bits: (u32, u32),
}

/// A span of time: `"90d"`, `"36h"`, `"10h 30m"`, or a whole number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Seconds);

impl Span {
    const fn days(days: u64) -> Self {
        Self(Seconds(days * 86_400))
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0.into()
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0.0)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a span of time such as \"90d\", \"36h\" or \"10m\", or a whole number of seconds")
            }

            fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Span, E> {
                Ok(Span(Seconds(seconds)))
            }

            fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<Span, E> {
                let value = serde::de::Unexpected::Signed(seconds);
                u64::try_from(seconds).map(|seconds| Span(Seconds(seconds))).map_err(|_| E::invalid_value(value, &self))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                let wrong = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
                let span: jiff::Span = text.parse().map_err(|_| wrong())?;
                let days = jiff::SpanRelativeTo::days_are_24_hours();
                let seconds = span.to_duration(days).map_err(|_| wrong())?.as_secs();
                u64::try_from(seconds).map(|seconds| Span(Seconds(seconds))).map_err(|_| wrong())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("chancery-data"),
            server: Server::default(),
            keys: Keys::default(),
            authority: AuthorityPlan::default(),
            store: Store::default(),
            acme_profiles: BTreeMap::from([("default".to_owned(), AcmeProfileConfig::default())]),
            ra_profiles: BTreeMap::from([("default".to_owned(), RaProfileConfig::default())]),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443),
            http_listen: None,
            external_url: None,
            publication_url: None,
            names: Vec::new(),
            finalize_patience: Span(Seconds(10)),
        }
    }
}

impl Default for AuthorityPlan {
    fn default() -> Self {
        Self {
            algorithm: KeyAlgorithm::P384.token().to_owned(),
            organization: None,
            root_name: "Chancery Root CA".into(),
            intermediate_name: "Chancery Intermediate CA".into(),
            root_validity: Span::days(20 * 365),
            intermediate_validity: Span::days(10 * 365),
            crl_validity: Span::days(7),
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self { retention: Span::days(30), cache_mib: 64 }
    }
}

impl Default for AcmeProfileConfig {
    fn default() -> Self {
        let network = NetworkRules::default();
        Self {
            ra_profile: "default".into(),
            terms_of_service: None,
            website: None,
            caa_identities: Vec::new(),
            challenges: ChallengeType::ALL.iter().map(ToString::to_string).collect(),
            order_validity: Span(Seconds(36_000)),
            authorization_validity: Span::days(30),
            retry_pauses: vec![Span(Seconds(2)), Span(Seconds(5))],
            resolvers: network.resolvers,
            allowed_networks: Vec::new(),
            http_port: network.http_port,
            tls_port: network.tls_port,
            identifiers_per_order: 100,
        }
    }
}

impl Default for RaProfileConfig {
    fn default() -> Self {
        Self {
            validity: Span::days(90),
            backdate: Span(Seconds(3600)),
            wildcards: true,
            keys: ["p256", "p384", "p521", "ed25519", "rsa"].map(str::to_owned).to_vec(),
            rsa_bits: (2048, 8192),
        }
    }
}

/// Why a configuration cannot be used; each names the setting, what was expected and what came.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A setting does not fit; names it and where it came from.
    #[error("the configuration cannot be used: {0}")]
    Setting(String),
    /// A setting is not what it has to be.
    #[error("{setting}: {reason}")]
    Value {
        /// Its path, as in `acme_profiles.default.challenges`.
        setting: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Config {
    /// Reads the configuration: defaults, then the file, then `CHANCERY_…` variables, where two underscores lead into a
    /// section, as in `CHANCERY_SERVER__LISTEN`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(path) = file {
            // Figment passes over a file that is not there.
            std::fs::File::open(path).map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
            figment = figment.merge(Toml::file_exact(path));
        }
        let ours = Env::prefixed("CHANCERY_")
            .filter(|name| {
                !OTHER_VARIABLES.iter().any(|other| other["CHANCERY_".len()..].eq_ignore_ascii_case(name.as_str()))
            })
            .split("__");
        let config: Self = figment.merge(ours).extract().map_err(|error| ConfigError::Setting(described(error)))?;
        config.check()
    }

    /// The settings that no profile looks at.
    fn check(self) -> Result<Self, ConfigError> {
        let wrong = |setting: &str, reason: &str| ConfigError::Value { setting: setting.into(), reason: reason.into() };
        // The publisher looks once a minute, and a CRL needs time to reach those who ask.
        if !(3600..=366 * 86_400).contains(&self.authority.crl_validity.0.0) {
            return Err(wrong("authority.crl_validity", "it has to be between an hour and 366 days"));
        }
        if !(1..=1 << 20).contains(&self.store.cache_mib) {
            return Err(wrong("store.cache_mib", "it has to be between 1 and 1048576"));
        }
        if self.authority.organization.as_deref() == Some("") {
            return Err(wrong("authority.organization", "it is empty; leave it out instead"));
        }
        for (setting, span) in [
            ("authority.root_validity", self.authority.root_validity),
            ("authority.intermediate_validity", self.authority.intermediate_validity),
        ] {
            if !(86_400..=36_525 * 86_400).contains(&span.0.0) {
                return Err(wrong(setting, "it has to be between a day and a hundred years"));
            }
        }
        Ok(self)
    }
}

/// Every fault with its setting and where that came from.
fn described(error: figment::Error) -> String {
    let faults = error.into_iter().map(|fault| {
        let origin = fault.metadata.as_ref().map_or(String::new(), |metadata| match &metadata.source {
            Some(source) => format!(" (in {source})"),
            None => format!(" (in {})", metadata.name),
        });
        let setting = if fault.path.is_empty() { String::new() } else { format!("{}: ", fault.path.join(".")) };
        format!("{setting}{}{origin}", fault.kind)
    });
    faults.collect::<Vec<_>>().join("; ")
}

impl AcmeProfileConfig {
    /// The profile that this describes.
    ///
    /// # Errors
    /// [`ConfigError::Value`] names the setting at fault.
    pub fn profile(&self, name: &str) -> Result<AcmeProfile, ConfigError> {
        let wrong = |setting: &str, reason: String| ConfigError::Value {
            setting: format!("acme_profiles.{name}.{setting}"),
            reason,
        };
        let challenges: Vec<ChallengeType> = self
            .challenges
            .iter()
            .map(|text| {
                ChallengeType::parse(text).ok_or_else(|| {
                    let known: Vec<_> = ChallengeType::ALL.iter().map(|kind| kind.token()).collect();
                    wrong("challenges", format!("{text:?} is not known; there are {}", known.join(", ")))
                })
            })
            .collect::<Result<_, _>>()?;
        if challenges.is_empty() {
            return Err(wrong("challenges", "at least one challenge has to be offered".into()));
        }
        for (setting, url) in [("terms_of_service", &self.terms_of_service), ("website", &self.website)] {
            if let Some(text) = url
                && !url::Url::parse(text).is_ok_and(|url| url.has_host() && url.as_str().is_ascii() && text.is_ascii())
            {
                return Err(wrong(setting, format!("{text:?} is no URL, as in https://ca.example/terms")));
            }
        }
        if let Some(text) = self.caa_identities.iter().find(|text| DnsName::parse(text).is_err()) {
            return Err(wrong("caa_identities", format!("{text:?} is no domain name")));
        }
        if self.retry_pauses.len() > 10 || self.retry_pauses.iter().any(|pause| pause.0.0 > 86_400) {
            return Err(wrong("retry_pauses", "at most ten pauses, of at most a day each".into()));
        }
        let allowed = self
            .allowed_networks
            .iter()
            .map(|text| {
                text.parse()
                    .map_err(|bad: chancery_machine::network::BadNetwork| wrong("allowed_networks", bad.to_string()))
            })
            .collect::<Result<Vec<Network>, _>>()?;
        if self.identifiers_per_order == 0 {
            return Err(wrong("identifiers_per_order", "it has to be at least 1".into()));
        }
        for (setting, span) in
            [("order_validity", self.order_validity), ("authorization_validity", self.authorization_validity)]
        {
            if span.0.0 < 60 {
                return Err(wrong(setting, "it has to be at least a minute".into()));
            }
        }
        Ok(AcmeProfile {
            name: profile_name("acme_profiles", name)?,
            revision: ProfileRevision(1),
            ra_profile: profile_name(&format!("acme_profiles.{name}.ra_profile"), &self.ra_profile)?,
            terms_of_service: self.terms_of_service.clone(),
            website: self.website.clone(),
            caa_identities: self.caa_identities.clone(),
            challenges,
            order_validity: self.order_validity.0,
            authorization_validity: self.authorization_validity.0,
            retry: RetryRules { pauses: self.retry_pauses.iter().map(|span| span.0).collect() },
            network: NetworkRules {
                resolvers: self.resolvers.clone(),
                allowed,
                http_port: self.http_port,
                tls_port: self.tls_port,
            },
            identifiers_per_order: self.identifiers_per_order,
        })
    }
}

impl RaProfileConfig {
    /// The profile that this describes, issuing from `authority`.
    ///
    /// # Errors
    /// [`ConfigError::Value`] names the setting at fault.
    pub fn profile(&self, name: &str, authority: AuthorityId) -> Result<RaProfile, ConfigError> {
        let wrong = |setting: &str, reason: String| ConfigError::Value {
            setting: format!("ra_profiles.{name}.{setting}"),
            reason,
        };
        let mut keys = KeyRules { p256: false, p384: false, p521: false, ed25519: false, rsa: None };
        for key in &self.keys {
            match key.as_str() {
                "p256" => keys.p256 = true,
                "p384" => keys.p384 = true,
                "p521" => keys.p521 = true,
                "ed25519" => keys.ed25519 = true,
                "rsa" => keys.rsa = Some(self.rsa_bits),
                other => {
                    return Err(wrong(
                        "keys",
                        format!("{other:?} is not known; there are p256, p384, p521, ed25519, rsa"),
                    ));
                }
            }
        }
        if self.keys.is_empty() {
            return Err(wrong("keys", "at least one kind of key has to be accepted".into()));
        }
        let (shortest, longest) = self.rsa_bits;
        if shortest < 2048 || longest > 8192 || shortest > longest {
            return Err(wrong("rsa_bits", format!("[{shortest}, {longest}] is not within [2048, 8192]")));
        }
        if self.validity.0.0 < 60 {
            return Err(wrong("validity", "it has to be at least a minute".into()));
        }
        if self.backdate.0 >= self.validity.0 {
            return Err(wrong("backdate", "it has to be shorter than the validity".into()));
        }
        Ok(RaProfile {
            name: profile_name("ra_profiles", name)?,
            revision: ProfileRevision(1),
            authority,
            validity: self.validity.0,
            backdate: self.backdate.0,
            wildcards: self.wildcards,
            keys,
        })
    }
}

fn profile_name(setting: &str, text: &str) -> Result<ProfileName, ConfigError> {
    ProfileName::parse(text).map_err(|bad| ConfigError::Value { setting: setting.to_owned(), reason: bad.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_states_the_defaults() {
        let example: Config = Figment::from(Toml::string(EXAMPLE)).extract().expect("the example is read");
        assert_eq!(example, Config::default());
    }

    #[test]
    fn every_commented_setting_of_the_example_exists() {
        let uncommented: String = EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix("#") {
                Some(setting) if setting.starts_with(|letter: char| letter.is_ascii_lowercase()) => setting,
                Some(_) | None => line,
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        let config: Config = Figment::from(Serialized::defaults(Config::default()))
            .merge(Toml::string(&uncommented))
            .extract()
            .expect("every setting is known");
        assert!(config.server.external_url.is_some() && config.keys.passphrase_file.is_some());
    }

    #[test]
    fn spans_are_read_in_words_and_seconds() {
        let read = |text: &str| serde_json::from_str::<Span>(text).map(|span| span.0.0);
        for (text, seconds) in [("\"90d\"", 7_776_000), ("\"36h\"", 129_600), ("\"1h 30m\"", 5_400), ("45", 45)] {
            assert_eq!(read(text).ok(), Some(seconds), "{text}");
        }
        for wrong in ["\"\"", "\"soon\"", "-5", "\"-5m\"", "1.5", "\"3 months\""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let profile = AcmeProfileConfig { challenges: vec!["http-02".into()], ..AcmeProfileConfig::default() };
        let error = profile.profile("default").expect_err("must be refused").to_string();
        assert_eq!(error, "acme_profiles.default.challenges: \"http-02\" is not known; there are http-01, dns-01");
        let bits = RaProfileConfig { rsa_bits: (1024, 4096), ..RaProfileConfig::default() };
        assert!(bits.profile("default", AuthorityId::parse(&"A".repeat(22)).expect("an id")).is_err());
    }
}
