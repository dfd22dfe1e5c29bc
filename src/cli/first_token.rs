//! The administrator's token that a server begins with, and the one that is made when all are lost.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chancery_actors::ports::{Clock, Entropy};
use chancery_machine::id::{ID_ENTROPY, Id};
use secrecy::{ExposeSecret, SecretString};

use super::{AdminTokenArgs, print};
use crate::admin::{Admin, tokens};
use crate::config::Config;
use crate::store::redb::RedbStore;
use crate::system::{SystemClock, SystemEntropy};

/// Where the first token has gone.
pub(super) enum FirstToken {
    /// There are tokens already.
    NotNeeded,
    /// It is to be printed, once.
    Shown(SecretString),
    /// It is in this file.
    Written(PathBuf),
}

/// Makes the first token if there never was any.
pub(super) async fn make(admin: &Admin, file: Option<&Path>) -> anyhow::Result<FirstToken> {
    if admin.has_tokens().await? {
        return Ok(FirstToken::NotNeeded);
    }
    let Some(path) = file else {
        return Ok(admin.first_token().await?.map_or(FirstToken::NotNeeded, FirstToken::Shown));
    };
    // Opened before there is anything to lose: a token that cannot be written down would be gone.
    let written = create(path)?;
    let made = admin.first_token().await;
    if let Ok(Some(secret)) = &made {
        write(written, secret).with_context(|| path.display().to_string())?;
        return Ok(FirstToken::Written(path.to_owned()));
    }
    let _ = std::fs::remove_file(path);
    made?;
    Ok(FirstToken::NotNeeded)
}

/// `chancery admin-token`: for whoever can read the store anyway.
pub(super) fn recover(args: &AdminTokenArgs) -> anyhow::Result<()> {
    let mut config = Config::read(args.config.as_deref())?;
    if let Some(data) = &args.data {
        config.data = data.clone();
    }
    if !config.data.join("chancery.redb").is_file() {
        bail!("there is no store in {}; the first start of a server makes one", config.data.display());
    }
    let store = RedbStore::open(&config.data, config.store.cache_mib << 20).context("stop the server first")?;
    let mut entropy = [0; ID_ENTROPY];
    SystemEntropy.fill(&mut entropy);
    let now = SystemClock.now();
    let made = tokens::make_offline(&store, Id::new(now, entropy), now);
    let secret = actix_rt::System::new().block_on(made)?;
    print(&format!("{}\n", secret.expose_secret()))
}

fn create(path: &Path) -> anyhow::Result<File> {
    let created = File::options().write(true).create_new(true).mode(0o600).open(path);
    created.with_context(|| format!("admin.first_token_file: {} cannot be made", path.display()))
}

fn write(mut file: File, secret: &SecretString) -> std::io::Result<()> {
    file.write_all(secret.expose_secret().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}
