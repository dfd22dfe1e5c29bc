//! Where the passphrase of the keys at rest comes from.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use zeroize::Zeroizing;

/// The name of the systemd credential.
const CREDENTIAL: &str = "chancery-passphrase";

/// The name of the file in the data directory.
const KEY_FILE: &str = "passphrase";

/// A longer file is no passphrase.
const LONGEST: u64 = 4096;

/// Where the passphrase came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file that the configuration names.
    File(PathBuf),
    /// The variable `CHANCERY_PASSPHRASE`.
    Environment,
    /// The credential that systemd handed over.
    Credential(PathBuf),
    /// The file in the data directory.
    KeyFile(PathBuf),
    /// That file, which was made just now.
    MadeKeyFile(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::KeyFile(path) | Self::MadeKeyFile(path) => write!(f, "{}", path.display()),
            Self::Environment => f.write_str("CHANCERY_PASSPHRASE"),
            Self::Credential(path) => write!(f, "the systemd credential {}", path.display()),
        }
    }
}

/// Why there is no passphrase.
#[derive(Debug, Error)]
pub enum PassphraseError {
    /// The file cannot be read or made.
    #[error("the passphrase file {path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("the passphrase from {0} is empty")]
    Empty(String),
    /// Others can read it.
    #[error("the passphrase file {path} has mode {mode:04o}; others can read it. Run: chmod 600 {path}")]
    Readable {
        /// Which.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Too long to be one.
    #[error("the passphrase file {0} is longer than {LONGEST} bytes; its first line has to be the passphrase")]
    TooLong(PathBuf),
    /// It is no text.
    #[error("the passphrase file {0} is not UTF-8 text")]
    NoText(PathBuf),
    /// Keys are sealed already, and nothing opens them.
    #[error(
        "the store in {0} has keys under a passphrase, and none was given: set keys.passphrase_file or \
         CHANCERY_PASSPHRASE, or put back the file {0}/{KEY_FILE}"
    )]
    Missing(PathBuf),
}

/// Finds the passphrase: the configured file, the environment, systemd's credential, the key file in the data directory. If
/// there is none and `sealed` says that no key is sealed yet, the key file is made.
///
/// # Errors
/// [`PassphraseError`].
pub fn find(file: Option<&Path>, data: &Path, sealed: bool) -> Result<(SecretString, Source), PassphraseError> {
    if let Some(path) = file {
        return Ok((read(path, true)?, Source::File(path.to_owned())));
    }
    if let Ok(text) = std::env::var("CHANCERY_PASSPHRASE") {
        return Ok((first_line(&Zeroizing::new(text), "CHANCERY_PASSPHRASE")?, Source::Environment));
    }
    if let Some(directory) = std::env::var_os("CREDENTIALS_DIRECTORY") {
        let path = Path::new(&directory).join(CREDENTIAL);
        if path.exists() {
            // systemd guards the directory; the mode of the file is its business.
            return Ok((read(&path, false)?, Source::Credential(path)));
        }
    }
    let path = data.join(KEY_FILE);
    if path.exists() {
        return Ok((read(&path, true)?, Source::KeyFile(path)));
    }
    if sealed {
        return Err(PassphraseError::Missing(data.to_owned()));
    }
    Ok((make(&path)?, Source::MadeKeyFile(path)))
}

fn read(path: &Path, private: bool) -> Result<SecretString, PassphraseError> {
    let io = |source| PassphraseError::Io { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    let mode = metadata.mode() & 0o7777;
    if private && mode & 0o077 != 0 {
        return Err(PassphraseError::Readable { path: path.to_owned(), mode });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(256));
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > LONGEST {
        return Err(PassphraseError::TooLong(path.to_owned()));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| PassphraseError::NoText(path.to_owned()))?;
    first_line(text, &path.display().to_string())
}

fn first_line(text: &str, from: &str) -> Result<SecretString, PassphraseError> {
    match text.lines().next().map(str::trim_end) {
        Some(line) if !line.is_empty() => Ok(SecretString::from(line)),
        Some(_) | None => Err(PassphraseError::Empty(from.to_owned())),
    }
}

fn make(path: &Path) -> Result<SecretString, PassphraseError> {
    let io = |source| PassphraseError::Io { path: path.to_owned(), source };
    let mut bytes = Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(&mut *bytes).map_err(|_| io(std::io::Error::other("no randomness")))?;
    let text = SecretString::from(URL_SAFE_NO_PAD.encode(*bytes));
    // Beside its place and then moved there: a crash must not leave half a passphrase where the next start looks for one.
    let beside = path.with_extension("new");
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(io)?;
    file.write_all(text.expose_secret().as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(io)?;
    // Keys that are sealed under it must not be on the disk before it is.
    // A link, since a rename would replace whatever stands there, such as a link to a volume that is not mounted.
    file.sync_all().and_then(|()| std::fs::hard_link(&beside, path)).map_err(io)?;
    std::fs::remove_file(&beside).map_err(io)?;
    if let Some(directory) = path.parent() {
        std::fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(io)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn write(path: &Path, text: &[u8], mode: u32) {
        std::fs::write(path, text).expect("the file is written");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the mode is set");
    }

    #[test]
    fn a_key_file_is_made_once_and_read_again() {
        let data = tempfile::tempdir().expect("a directory");
        let (made, source) = find(None, data.path(), false).expect("it is made");
        let path = data.path().join(KEY_FILE);
        assert_eq!(source, Source::MadeKeyFile(path.clone()));
        assert_eq!(std::fs::metadata(&path).expect("it is there").mode() & 0o7777, 0o600);
        let (read, source) = find(None, data.path(), true).expect("it is read");
        assert_eq!((read.expose_secret(), source), (made.expose_secret(), Source::KeyFile(path)));
    }

    #[test]
    fn a_link_to_what_is_not_there_is_not_replaced() {
        let data = tempfile::tempdir().expect("a directory");
        let path = data.path().join(KEY_FILE);
        std::os::unix::fs::symlink("/nowhere/at/all", &path).expect("a link");
        assert!(matches!(find(None, data.path(), false), Err(PassphraseError::Io { .. })));
        assert!(path.is_symlink());
    }

    #[test]
    fn sealed_keys_are_not_given_a_new_passphrase() {
        let data = tempfile::tempdir().expect("a directory");
        assert!(matches!(find(None, data.path(), true), Err(PassphraseError::Missing(_))));
        assert!(!data.path().join(KEY_FILE).exists());
    }

    #[test]
    fn a_file_that_cannot_be_used_is_refused_with_its_reason() {
        let data = tempfile::tempdir().expect("a directory");
        let path = data.path().join("given");
        let find = || find(Some(&path), data.path(), false);
        assert!(matches!(find(), Err(PassphraseError::Io { .. })));
        write(&path, b"secret\n", 0o644);
        assert!(matches!(find(), Err(PassphraseError::Readable { mode: 0o644, .. })));
        write(&path, b"\nsecond line\n", 0o600);
        assert!(matches!(find(), Err(PassphraseError::Empty(_))));
        write(&path, &[b'x'; 5000], 0o600);
        assert!(matches!(find(), Err(PassphraseError::TooLong(_))));
        write(&path, &[0xff, 0xfe], 0o600);
        assert!(matches!(find(), Err(PassphraseError::NoText(_))));
        write(&path, b"correct horse \r\nignored\n", 0o600);
        assert_eq!(find().expect("it is read").0.expose_secret(), "correct horse");
    }
}
