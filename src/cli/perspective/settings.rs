//! The configuration of a perspective: defaults, then a file, then the command line.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chancery_machine::network::{Network, SiteRules};
use serde::Deserialize;

use super::ServeArgs;
use crate::perspective::server::{Resolvers, Site};

/// The commented example that `chancery perspective config` prints.
pub(super) const EXAMPLE: &str = include_str!("../../../examples/perspective.toml");

/// The word for this host's own resolvers.
const SYSTEM: &str = "system";

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) listen: SocketAddr,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) client_ca: Option<PathBuf>,
    pub(super) clients: Vec<String>,
    pub(super) resolvers: Vec<String>,
    pub(super) refused_networks: Vec<String>,
    pub(super) allowed_networks: Vec<String>,
    pub(super) concurrency: usize,
}

/// What a perspective runs by: nothing is missing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) listen: SocketAddr,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    pub(super) client_ca: PathBuf,
    pub(super) clients: Vec<String>,
    pub(super) site: Site,
    pub(super) concurrency: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9443),
            certificate: None,
            key: None,
            client_ca: None,
            clients: Vec::new(),
            resolvers: Vec::new(),
            refused_networks: Vec::new(),
            allowed_networks: Vec::new(),
            concurrency: 2048,
        }
    }
}

impl Settings {
    /// Reads the file, if there is one, and puts the command line over it.
    pub(super) fn read(args: &ServeArgs) -> anyhow::Result<Self> {
        let mut settings = match &args.config {
            Some(file) => Self::file(file)?,
            None => Self::default(),
        };
        let ServeArgs { config: _, listen, certificate, key, client_ca, client, resolver, .. } = args;
        settings.listen = listen.unwrap_or(settings.listen);
        for (own, given) in
            [(&mut settings.certificate, certificate), (&mut settings.key, key), (&mut settings.client_ca, client_ca)]
        {
            *own = given.clone().or(own.take());
        }
        for (own, given) in [
            (&mut settings.clients, client),
            (&mut settings.resolvers, resolver),
            (&mut settings.refused_networks, &args.refused_network),
            (&mut settings.allowed_networks, &args.allowed_network),
        ] {
            if !given.is_empty() {
                own.clone_from(given);
            }
        }
        settings.concurrency = args.concurrency.unwrap_or(settings.concurrency);
        Ok(settings)
    }

    fn file(path: &Path) -> anyhow::Result<Self> {
        let reading = || format!("the configuration file {}", path.display());
        let text = std::fs::read_to_string(path).with_context(reading)?;
        let mut settings: Self = toml::from_str(&text).with_context(reading)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for own in [&mut settings.certificate, &mut settings.key, &mut settings.client_ca] {
            *own = own.take().map(|file| folder.join(file));
        }
        Ok(settings)
    }

    /// What it runs by.
    pub(super) fn plan(self) -> anyhow::Result<Plan> {
        let needed = |file: Option<PathBuf>, setting: &str, flag: &str| {
            file.with_context(|| {
                format!(
                    "{setting} is not set: say it in the configuration file or with {flag}; `chancery perspective \
                     credentials` makes all that a perspective needs"
                )
            })
        };
        if !(1..=1 << 16).contains(&self.concurrency) {
            bail!("concurrency: it has to be between 1 and 65536");
        }
        let certificate = needed(self.certificate, "certificate", "--certificate")?;
        let key = needed(self.key, "key", "--key")?;
        let client_ca = needed(self.client_ca, "client_ca", "--client-ca")?;
        if self.clients.is_empty() {
            bail!("clients is empty: nobody could ask; name the server's certificate, as in --client chancery-server");
        }
        let rules = SiteRules {
            refused: networks("refused_networks", &self.refused_networks)?,
            allowed: Some(networks("allowed_networks", &self.allowed_networks)?),
        };
        Ok(Plan {
            listen: self.listen,
            certificate,
            key,
            client_ca,
            clients: self.clients,
            site: Site { resolvers: resolvers(&self.resolvers)?, rules },
            concurrency: self.concurrency,
        })
    }
}

fn resolvers(texts: &[String]) -> anyhow::Result<Resolvers> {
    match texts {
        [] => Ok(Resolvers::Profile),
        [word] if word == SYSTEM => Ok(Resolvers::System),
        addresses => {
            let read = |text: &String| {
                let address: SocketAddr = text.parse().ok().filter(|address: &SocketAddr| address.port() != 0).with_context(
                    || format!("resolvers: {text:?} is neither an address with its port, as in 192.0.2.53:53, nor alone \"system\""),
                )?;
                anyhow::Ok(address)
            };
            Ok(Resolvers::These(addresses.iter().map(read).collect::<Result<_, _>>()?))
        }
    }
}

fn networks(setting: &str, texts: &[String]) -> anyhow::Result<Vec<Network>> {
    texts.iter().map(|text| text.parse().with_context(|| setting.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uncommented() -> String {
        let setting =
            |line: &str| line.strip_prefix('#').filter(|rest| rest.starts_with(char::is_alphabetic)).map(str::to_owned);
        EXAMPLE.lines().map(|line| setting(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
    }

    #[test]
    fn the_example_states_the_defaults_and_every_setting() {
        let example: Settings = toml::from_str(EXAMPLE).expect("the example is read");
        assert_eq!(example, Settings::default());
        let all: Settings = toml::from_str(&uncommented()).expect("every setting is known");
        let plan = all.plan().expect("nothing is missing");
        assert_eq!(plan.site.rules, SiteRules { refused: Vec::new(), allowed: Some(Vec::new()) });
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let set = |more: &str| {
            let settings =
                toml::from_str::<Settings>(&format!("{}\n{more}", uncommented().replace("resolvers = []", "")));
            settings.map_err(anyhow::Error::from).and_then(Settings::plan)
        };
        assert!(set("resolvers = [\"system\"]").is_ok());
        for (wrong, word) in [("resolvers = [\"192.0.2.53\"]", "192.0.2.53"), ("resolver = []", "resolver")] {
            let error = format!("{:#}", set(wrong).expect_err("must be refused"));
            assert!(error.contains(word), "{error}");
        }
        let files = "certificate = \"a\"\nkey = \"b\"\nclient_ca = \"c\"";
        for (wrong, word) in [("", "--certificate"), (files, "clients")] {
            let error = toml::from_str::<Settings>(wrong).expect("known").plan().expect_err("must be refused");
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn files_lie_beside_the_configuration_and_flags_where_the_shell_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("perspective.toml");
        std::fs::write(&config, uncommented()).expect("it can be written");
        let args = ServeArgs { config: Some(config), key: Some("other.pem".into()), ..ServeArgs::default() };
        let settings = Settings::read(&args).expect("it is read");
        assert_eq!(settings.certificate, Some(folder.path().join("certificate.pem")));
        assert_eq!(settings.key, Some("other.pem".into()));
    }
}
