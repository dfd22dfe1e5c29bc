//! What stands before the server runs: configuration, data directory, profiles, logs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chancery_actors::ports::Clock;
use chancery_machine::network::Network;
use serde_json::{Map, Value};
use tracing_subscriber::EnvFilter;

use super::{ServeArgs, authority, dev};
use crate::admin::apply::{ApplyError, Declared};
use crate::admin::settings::{Fault, snake_case};
use crate::config::{Config, ConfigError};
use crate::system::SystemClock;

/// The configuration of a run, and the directory to remove at its end.
pub(super) struct Prepared {
    pub(super) config: Config,
    /// The profiles that are made so at this start.
    pub(super) declared: Declared,
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
    let mut declared = config.declared();
    if args.dev {
        if declared.is_empty() {
            declared = first();
        }
        dev::adapt(&mut declared, args);
    }
    // Before anything is made: a first start that fails must not leave an authority that the corrected setting comes too
    // late for.
    let now = SystemClock.now();
    // What is in the store is known only once it is open, but a server that has none has no profiles either.
    let store = config.data.join("chancery.redb");
    let checked = if store.exists() { declared.check(now) } else { declared.check_alone(now) };
    checked.map_err(in_file)?;
    authority::plan(&config.authority, None)?;
    Ok(Prepared { config, declared, temporary })
}

/// Whether only this machine can reach the server, and nothing stands before it. Then loopback may be validated: whoever
/// can ask could contact it himself, and a first certificate needs no second machine.
pub(super) fn local(config: &Config) -> bool {
    config.server.listen.ip().is_loopback() && config.server.external_url.is_none()
}

/// What reaches this machine alone.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// The special networks that validation may contact whatever a profile says.
pub(super) fn also_allowed(config: &Config, dev: bool) -> Vec<Network> {
    if dev || local(config) { LOOPBACK.iter().filter_map(|text| text.parse().ok()).collect() } else { Vec::new() }
}

/// The name of the profiles that a server begins with.
pub(super) const FIRST: &str = "default";

/// What a server begins with that was told nothing else: an ACME Profile and an RA Profile of the same name.
pub(super) fn first() -> Declared {
    let name = FIRST.to_owned();
    let acme = Map::from_iter([("defaultRaProfile".to_owned(), Value::String(name.clone()))]);
    Declared {
        acme_profiles: BTreeMap::from([(name.clone(), acme)]),
        ra_profiles: BTreeMap::from([(name, Map::new())]),
    }
}

/// A fault in the words of the file that declares the profiles.
pub(super) fn in_file(error: ApplyError) -> anyhow::Error {
    match error {
        ApplyError::Fault { object, fault: Fault { field, detail } } => {
            let (kind, name) = object.split_once('/').unwrap_or((&object, ""));
            let section = format!("{}s.{name}", snake_case(kind));
            let setting = if field.is_empty() { section } else { format!("{section}.{}", snake_case(&field)) };
            ConfigError::Value { setting, reason: detail }.into()
        }
        other @ (ApplyError::InUse { .. } | ApplyError::Changed | ApplyError::Store(_)) => other.into(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_validated_only_where_nobody_else_can_ask() {
        let here = Config::default();
        let (mut behind, mut open) = (here.clone(), here.clone());
        behind.server.external_url = Some("https://ca.example".to_owned());
        open.server.listen = ([0, 0, 0, 0], 8443).into();
        for (config, dev, allowed) in
            [(&here, false, true), (&behind, false, false), (&open, false, false), (&open, true, true)]
        {
            assert_eq!(also_allowed(config, dev).len(), if allowed { LOOPBACK.len() } else { 0 }, "{config:?} {dev}");
        }
    }
}
