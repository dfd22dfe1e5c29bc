//! Configuration: defaults, then a TOML file, then the environment, then the command line.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use chancery_machine::profile::Seconds;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::admin::apply::Declared;
use crate::admin::operator::Role;
use crate::admin::settings::from_file;
use crate::pki::key::KeyAlgorithm;
use crate::span::Span;

/// The commented example that `chancery config` prints; it states every default.
pub const EXAMPLE: &str = include_str!("../examples/chancery.toml");

/// Environment variables of ours that are not settings of the file.
const OTHER_VARIABLES: &[&str] = &[
    "CHANCERY_CONFIG",
    "CHANCERY_PASSPHRASE",
    "CHANCERY_LOG",
    "CHANCERY_LOG_FORMAT",
    // Of the commands that speak to a running server.
    "CHANCERY_URL",
    "CHANCERY_CA",
    "CHANCERY_TOKEN",
    "CHANCERY_TOKEN_FILE",
    "CHANCERY_CLIENT_CERT",
    "CHANCERY_CLIENT_KEY",
];

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
    /// Who manages the server, and where.
    pub admin: AdminAccess,
    /// What the first start makes.
    pub authority: AuthorityPlan,
    /// How long things are kept.
    pub store: Store,
    /// The perspectives that ACME Profiles may name, by name.
    pub perspectives: BTreeMap<String, PerspectiveAccess>,
    /// ACME Profiles that are made so at each start, by name; the others are left alone.
    pub acme_profiles: BTreeMap<String, Map<String, Value>>,
    /// RA Profiles that are made so at each start, by name; the others are left alone.
    pub ra_profiles: BTreeMap<String, Map<String, Value>>,
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

/// Who manages the server, and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminAccess {
    /// Where the management API listens, and nothing else; beside the ACME endpoints if it is left out.
    pub listen: Option<SocketAddr>,
    /// A file for the first token, which else is printed.
    pub first_token_file: Option<PathBuf>,
    /// Who issues the certificates of operators, PEM.
    pub client_ca: Option<PathBuf>,
    /// The operators who come with such a certificate.
    pub clients: Vec<AdminClient>,
    /// How long a browser that has signed in may rest before it has to sign in again.
    pub session_idle: Span,
    /// How long after it signed in it has to do so again, however busy it was.
    pub session_lifetime: Span,
}

impl Default for AdminAccess {
    fn default() -> Self {
        Self {
            listen: None,
            first_token_file: None,
            client_ca: None,
            clients: Vec::new(),
            session_idle: Span(Seconds(30 * 60)),
            session_lifetime: Span(Seconds(12 * 3600)),
        }
    }
}

/// An operator who comes with a certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminClient {
    /// A DNS name, mail address or URI of the certificate's subjectAltName; its common name if it has no such extension.
    pub name: String,
    /// What they may do.
    pub role: Role,
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
    /// How long entries of the audit log are kept.
    pub audit_retention: Span,
    /// How much of the file is kept in memory, in MiB.
    pub cache_mib: usize,
}

/// Where a perspective is, and how this server and it know each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerspectiveAccess {
    /// Scheme, host and port; its certificate has to be for this host.
    pub url: String,
    /// Who issues its certificate, PEM.
    pub ca: PathBuf,
    /// The certificate with which this server comes, PEM.
    pub certificate: PathBuf,
    /// The key of that, PEM.
    pub key: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("chancery-data"),
            server: Server::default(),
            keys: Keys::default(),
            admin: AdminAccess::default(),
            authority: AuthorityPlan::default(),
            store: Store::default(),
            perspectives: BTreeMap::new(),
            acme_profiles: BTreeMap::new(),
            ra_profiles: BTreeMap::new(),
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
        Self { retention: Span::days(30), audit_retention: Span::days(3650), cache_mib: 64 }
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

    /// The profiles that are declared here.
    #[must_use]
    pub fn declared(&self) -> Declared {
        Declared { acme_profiles: written(&self.acme_profiles), ra_profiles: written(&self.ra_profiles) }
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

fn written(profiles: &BTreeMap<String, Map<String, Value>>) -> BTreeMap<String, Map<String, Value>> {
    profiles.iter().map(|(name, members)| (name.clone(), from_file(members.clone()))).collect()
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
                Some(setting) if setting.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '[') => {
                    setting
                }
                Some(_) | None => line,
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        let config: Config = Figment::from(Serialized::defaults(Config::default()))
            .merge(Toml::string(&uncommented))
            .extract()
            .expect("every setting is known");
        assert!(config.server.external_url.is_some() && config.keys.passphrase_file.is_some());
        assert_eq!(config.perspectives.len(), 1);
        assert!(config.admin.listen.is_some() && config.admin.clients.len() == 1);
        assert!(!config.declared().is_empty());
    }
}
