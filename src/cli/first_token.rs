//! The administrator's token that a server begins with, and the one that is made when all are lost.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chancery_actors::ports::{Clock, Entropy};
use chancery_machine::id::{ID_ENTROPY, Id};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::{AdminTokenArgs, print};
use crate::admin::error::AdminError;
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
///
/// For its file, the token is written down whole beside it, then stored, then linked into its place: a crash after any of
/// these leaves what the next start finishes, and never a token that nobody knows.
pub(super) async fn make(admin: &Admin, file: Option<&Path>) -> anyhow::Result<FirstToken> {
    let begun = !admin.has_tokens().await?;
    let Some(path) = file else {
        let secret = tokens::secret();
        let made = begun && admin.first_token(&secret).await?;
        return Ok(if made { FirstToken::Shown(secret) } else { FirstToken::NotNeeded });
    };
    let draft = Draft::beside(path);
    let failed = || format!("admin.first_token_file: {} cannot be made", path.display());
    let stored = if begun {
        let secret = tokens::secret();
        draft.write(&secret).with_context(failed)?;
        admin.first_token(&secret).await?
    } else {
        let Some(secret) = draft.read().with_context(failed)? else { return Ok(FirstToken::NotNeeded) };
        known(admin, &secret).await?
    };
    if !stored {
        draft.remove().with_context(failed)?;
        return Ok(FirstToken::NotNeeded);
    }
    draft.settle().with_context(failed)?;
    Ok(FirstToken::Written(path.to_owned()))
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

async fn known(admin: &Admin, secret: &SecretString) -> Result<bool, AdminError> {
    match admin.authenticate(secret.expose_secret()).await {
        Ok(_) => Ok(true),
        Err(AdminError::Unauthenticated(_)) => Ok(false),
        Err(other) => Err(other),
    }
}

/// A token that is written down, and not yet where it belongs.
struct Draft<'a> {
    path: PathBuf,
    place: &'a Path,
}

impl<'a> Draft<'a> {
    fn beside(place: &'a Path) -> Self {
        let mut path = place.as_os_str().to_owned();
        path.push(".new");
        Self { path: path.into(), place }
    }

    /// Writes it, unless something stands in its place already. What an earlier start wrote and never stored is nobody's.
    fn write(&self, secret: &SecretString) -> io::Result<()> {
        if self.place.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.remove()?;
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&self.path)?;
        file.write_all(secret.expose_secret().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        self.sync_directory()
    }

    fn read(&self) -> io::Result<Option<SecretString>> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => Ok(Some(SecretString::from(Zeroizing::new(text).trim()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Moves it to its place. By a link, since a rename would replace what somebody has put there meanwhile.
    fn settle(&self) -> io::Result<()> {
        // A crash between the two leaves both names to the same file.
        if !self.is_settled()? {
            std::fs::hard_link(&self.path, self.place)?;
        }
        self.remove()?;
        self.sync_directory()
    }

    fn is_settled(&self) -> io::Result<bool> {
        let draft = self.path.symlink_metadata()?;
        Ok(self.place.symlink_metadata().is_ok_and(|there| (there.dev(), there.ino()) == (draft.dev(), draft.ino())))
    }

    fn remove(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn sync_directory(&self) -> io::Result<()> {
        let directory = self.place.parent().filter(|directory| !directory.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }
}
