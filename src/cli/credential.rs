//! Certificates with their keys in files, as machines that know each other by mutual TLS have them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::{Context, bail};
use chancery_actors::ports::Clock as _;
use chancery_machine::time::Timestamp;
use der::Decode;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tracing::warn;
use x509_cert::Certificate;

use crate::moment::rfc3339;
use crate::system::SystemClock;

/// How long before its end a certificate is spoken of.
const SOON: u64 = 30 * 86_400;

/// Files that may be replaced while the program runs, as when a certificate is renewed.
#[derive(Debug)]
pub(super) struct Watch {
    files: Vec<PathBuf>,
    seen: Mutex<Vec<Option<Stamp>>>,
}

/// What tells one content of a file from another, without reading it: when it was written, how long it is, and which file it
/// is, where another took its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    written: SystemTime,
    length: u64,
    node: u64,
}

impl Watch {
    /// From here on: to be made before the files are read, so that no change is missed.
    pub(super) fn new<'a>(files: impl IntoIterator<Item = &'a Path>) -> Self {
        let files: Vec<_> = files.into_iter().map(Path::to_owned).collect();
        let seen = Mutex::new(stamps(&files));
        Self { files, seen }
    }

    /// Whether any of them has changed since this was asked last. That costs a look at each, so it may be asked often.
    pub(super) fn changed(&self) -> bool {
        let now = stamps(&self.files);
        // Nothing in it can be half done.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = *seen != now;
        *seen = now;
        changed
    }
}

/// A file that is not there, as between being removed and written anew, has none.
fn stamps(files: &[PathBuf]) -> Vec<Option<Stamp>> {
    let stamp = |file: &PathBuf| {
        let found = fs::metadata(file).ok()?;
        Some(Stamp { written: found.modified().ok()?, length: found.len(), node: found.ino() })
    };
    files.iter().map(stamp).collect()
}

/// The chain of this file, which that setting names.
pub(super) fn chain(setting: &str, file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let reading = || format!("{setting}: {}", file.display());
    let chain = CertificateDer::pem_file_iter(file).with_context(reading)?;
    let chain = chain.collect::<Result<Vec<_>, _>>().with_context(reading)?;
    if chain.is_empty() {
        bail!("{}: there is no certificate in PEM in it", reading());
    }
    Ok(chain)
}

/// The key of this file.
pub(super) fn key(setting: &str, file: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(file).with_context(|| format!("{setting}: {}", file.display()))
}

/// When the certificate of this file ends. The log speaks of it from a month before; nothing else ends with it, since there is
/// more to do than what it is for.
pub(super) fn look_at_end(setting: &str, file: &Path) -> anyhow::Result<Timestamp> {
    let reading = || format!("{setting}: {}", file.display());
    let chain = chain(setting, file)?;
    let certificate = Certificate::from_der(&chain[0]).with_context(reading)?;
    let end = certificate.tbs_certificate().validity().not_after.to_unix_duration().as_secs();
    let (end, now) = (Timestamp::from_seconds(end), SystemClock.now());
    let told = rfc3339(end);
    if end <= now {
        warn!(setting, end = told, "the certificate has ended, and nobody accepts it: put a new one in its place");
    } else if end.since(now).as_secs() < SOON {
        warn!(setting, end = told, "the certificate ends soon: put a new one in its place");
    }
    Ok(end)
}
