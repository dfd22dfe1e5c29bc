//! What stands before the server runs: configuration, data directory, profiles, logs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use chancery_actors::profiles::ProfileSet;
use chancery_machine::id::{AuthorityId, Id};
use tracing_subscriber::EnvFilter;

use super::dev::LOOPBACK;
use super::{ServeArgs, authority, dev};
use crate::config::{Config, ConfigError};

/// The configuration of a run, and the directory to remove at its end.
pub(super) struct Prepared {
    pub(super) config: Config,
    pub(super) temporary: Option<Temporary>,
}

/// A data directory of a run that keeps nothing; removed when dropped.
pub(super) struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Puts together defaults, file, environment and command line.
pub(super) fn prepare(args: &ServeArgs) -> anyhow::Result<Prepared> {
    let mut config = Config::read(args.config.as_deref())?;
    if let Some(listen) = args.listen {
        config.server.listen = listen;
    }
    let mut temporary = None;
    if let Some(data) = &args.data {
        config.data = data.clone();
    } else if args.dev {
        let directory = temporary_directory()?;
        config.data = directory.0.clone();
        temporary = Some(directory);
    }
    config.data = std::path::absolute(&config.data)?;
    if args.dev {
        dev::adapt(&mut config, args);
    } else if local(&config) {
        for profile in config.acme_profiles.values_mut() {
            profile.allowed_networks.extend(LOOPBACK.map(str::to_owned));
        }
    }
    // Before anything is made: a first start that fails must not leave an authority that the corrected setting comes too
    // late for.
    profiles(&config, AuthorityId(Id::from_bytes([0; 16])))?;
    authority::plan(&config.authority, None)?;
    Ok(Prepared { config, temporary })
}

/// Whether only this machine can reach the server, and nothing stands before it. Then loopback may be validated: whoever
/// can ask could contact it himself, and a first certificate needs no second machine.
pub(super) fn local(config: &Config) -> bool {
    config.server.listen.ip().is_loopback() && config.server.external_url.is_none()
}

/// The profiles of the configuration, which issue from `authority`.
pub(super) fn profiles(config: &Config, authority: AuthorityId) -> anyhow::Result<ProfileSet> {
    let mut set = ProfileSet::default();
    for (name, profile) in &config.ra_profiles {
        let profile = profile.profile(name, authority)?;
        set.ra.insert(profile.name.clone(), Arc::new(profile));
    }
    for (name, profile) in &config.acme_profiles {
        let profile = profile.profile(name)?;
        if !set.ra.contains_key(&profile.ra_profile) {
            let setting = format!("acme_profiles.{name}.ra_profile");
            let reason = format!("there is no RA Profile {:?}", profile.ra_profile.as_str());
            return Err(ConfigError::Value { setting, reason }.into());
        }
        set.acme.insert(profile.name.clone(), Arc::new(profile));
    }
    if set.acme.is_empty() {
        bail!("acme_profiles: there is none, so there would be nothing to serve");
    }
    Ok(set)
}

/// Logs to standard error, as much as CHANCERY_LOG says.
pub(super) fn log() -> anyhow::Result<()> {
    let filter = match std::env::var("CHANCERY_LOG") {
        Ok(text) => EnvFilter::try_new(&text).with_context(|| format!("CHANCERY_LOG={text:?}"))?,
        Err(_) => EnvFilter::new("info,actix_server=warn,actix_web=warn"),
    };
    let json = std::env::var("CHANCERY_LOG_FORMAT").is_ok_and(|format| format == "json");
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let outcome = if json { builder.json().try_init() } else { builder.with_ansi(false).try_init() };
    outcome.map_err(|error| anyhow::anyhow!("logging cannot be set up: {error}"))
}

fn temporary_directory() -> anyhow::Result<Temporary> {
    use std::os::unix::fs::DirBuilderExt;
    let mut random = [0_u8; 8];
    aws_lc_rs::rand::fill(&mut random).context("no randomness")?;
    let name = format!("chancery-dev-{:016x}", u64::from_be_bytes(random));
    let path = Path::new(&std::env::temp_dir()).join(name);
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&path)
        .with_context(|| format!("a temporary directory {} cannot be made", path.display()))?;
    Ok(Temporary(path))
}
