//! The embedded store: one redb file in the data directory.
//!
//! **Reads** run inline in their async functions: each is a few look-ups in pages that mostly lie in the cache, takes
//! microseconds, and sees the last finished commit without waiting for a running one (redb is MVCC). Handing them to a
//! pool of threads would cost more than they do.
//!
//! **Commits** block the calling thread until the disk has the batch, a few milliseconds. That is what the journal has a
//! thread of its own for; nobody else calls [`Store::commit`].
//!
//! **Failures** of the disk make redb refuse everything until its file is opened again. The store does that by itself at
//! the next call, so that a disk that was full and is not any more needs no restart.

#[cfg(test)]
mod faults;
#[cfg(test)]
mod power;
mod row;
mod tables;

use std::fs::{self, File};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use async_trait::async_trait;
use chancery_actors::ports::{
    Commit, CommitError, Direction, Found, ObjectId, Range, Revision, Store, StoreError, Stored, Term,
};
use chancery_machine::time::Timestamp;
use redb::backends::FileBackend;
use redb::{
    AccessGuard, Builder, Database, DatabaseError, ReadOnlyTable, ReadTransaction, ReadableDatabase, TableHandle,
};
use thiserror::Error;

use self::row::{OBJECT_LENGTH, forget_end, found_of, object_of, term_prefix};
use self::tables::{Definition, FORGET, META, OBJECTS, OWING, Outcome, TERMS, Tables, UNIQUE, decoded, holder_of};
use super::stretch::left;

/// How much of the file is kept in memory unless a setting says otherwise: 64 MiB.
pub const DEFAULT_CACHE_BYTES: usize = 64 << 20;

/// Keeps objects in `chancery.redb`, which one process opens at a time.
pub struct RedbStore {
    file: PathBuf,
    cache_bytes: usize,
    attach: Attach,
    /// `None` after a failed attempt to open it again.
    database: RwLock<Option<Database>>,
    /// redb has latched a failure: the file wants to be opened again.
    failed: AtomicBool,
}

/// Why a data directory cannot be used as a store.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The operating system does not let us.
    #[error("cannot use {}", path.display())]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// One data directory belongs to one process.
    #[error(
        "{} is in use by another chancery process: stop that one first, or give this one another data directory",
        path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A newer build has written it.
    #[error(
        "{} has format {found}, and this build reads formats up to {FORMAT}: use the newer build that has written it",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// It is another program's file, or damaged.
    #[error("{} is no readable store of chancery: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl RedbStore {
    /// Opens the store in this directory; makes both (directory 0700, file 0600) where they are not there yet.
    /// `cache_bytes` of the file are kept in memory at most.
    ///
    /// # Errors
    /// [`OpenError`] says what a person can do about it.
    pub fn open(directory: &Path, cache_bytes: usize) -> Result<Self, OpenError> {
        Self::open_with(directory, cache_bytes, |builder, file| builder.create_with_backend(FileBackend::new(file)?))
    }

    fn open_with(
        directory: &Path,
        cache_bytes: usize,
        attach: impl Fn(&Builder, File) -> Result<Database, DatabaseError> + Send + Sync + 'static,
    ) -> Result<Self, OpenError> {
        make_directory(directory).map_err(|source| OpenError::Io { path: directory.to_owned(), source })?;
        let mut store = Self {
            file: directory.join("chancery.redb"),
            cache_bytes,
            attach: Box::new(attach),
            database: RwLock::new(None),
            failed: AtomicBool::new(false),
        };
        store.database = RwLock::new(Some(store.attached(Missing::Make)?));
        // The file's name is durable only when its directory is.
        sync_directory(directory).map_err(|source| OpenError::Io { path: directory.to_owned(), source })?;
        Ok(store)
    }

    fn attached(&self, missing: Missing) -> Result<Database, OpenError> {
        let path = || self.file.clone();
        let file = open_file(&self.file, missing).map_err(|source| OpenError::Io { path: path(), source })?;
        let database = (self.attach)(Builder::new().set_cache_size(self.cache_bytes), file)
            .map_err(|error| self.refusal(error.into()))?;
        match format(&database).map_err(|error| self.refusal(error))? {
            Some(FORMAT) => Ok(database),
            Some(found) if found > FORMAT => Err(OpenError::Newer { path: path(), found }),
            Some(found) => Err(OpenError::Unreadable { path: path(), why: format!("there is no format {found}") }),
            None if missing == Missing::Refuse => {
                Err(OpenError::Unreadable { path: path(), why: "it was a store before, and is empty now".to_owned() })
            }
            None => {
                let foreign = tables_in(&database).map_err(|error| self.refusal(error))?;
                if let Some(name) = foreign {
                    let why = format!("it has a table {name:?}, but does not say its format");
                    return Err(OpenError::Unreadable { path: path(), why });
                }
                lay_out(&database).map_err(|error| self.refusal(error))?;
                Ok(database)
            }
        }
    }

    fn refusal(&self, error: redb::Error) -> OpenError {
        let path = self.file.clone();
        if matches!(error, redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch) {
            return OpenError::InUse { path };
        }
        let redb::Error::Io(source) = error else { return OpenError::Unreadable { path, why: error.to_string() } };
        // InvalidData is redb's word for a file that begins with other bytes than its own.
        if source.kind() == io::ErrorKind::InvalidData {
            return OpenError::Unreadable { path, why: source.to_string() };
        }
        OpenError::Io { path, source }
    }

    /// Asks the database, opened again before if it has failed.
    fn with<T>(&self, ask: impl FnOnce(&Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let guard = self.opened()?;
        let database = guard.as_ref().ok_or_else(|| StoreError::Unavailable("its file is not open".to_owned()))?;
        let answer = ask(database);
        if let Err(StoreError::Unavailable(why)) = &answer {
            tracing::error!(file = %self.file.display(), why, "the store has failed, and will be opened again");
            self.failed.store(true, Ordering::Release);
        }
        answer
    }

    fn opened(&self) -> Result<RwLockReadGuard<'_, Option<Database>>, StoreError> {
        if self.failed.load(Ordering::Acquire) {
            let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
            // Somebody else may have opened it while this thread waited for the lock.
            if self.failed.load(Ordering::Acquire) {
                // Closed first: the lock on the file is its own.
                *database = None;
                *database =
                    Some(self.attached(Missing::Refuse).map_err(|error| StoreError::Unavailable(error.to_string()))?);
                self.failed.store(false, Ordering::Release);
                tracing::info!(file = %self.file.display(), "the store is open again");
            }
        }
        Ok(self.database.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn read<T>(&self, ask: impl FnOnce(&ReadTransaction) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.with(|database| ask(&database.begin_read().map_err(store_error)?))
    }
}

#[async_trait]
impl Store for RedbStore {
    async fn load(&self, object: ObjectId) -> Result<Option<Stored>, StoreError> {
        self.read(|snapshot| {
            let found = table(snapshot, OBJECTS)?.get(object.bytes().as_slice()).map_err(store_error)?;
            let stored = |bytes: &[u8]| {
                decoded(object, bytes, |row| Ok(Stored { revision: row.revision, bytes: row.snapshot.to_vec() }))
            };
            found.map(|bytes| stored(bytes.value())).transpose()
        })
    }

    async fn commit(&self, batch: Vec<Commit>) -> Vec<Result<(), CommitError>> {
        self.with(|database| commit_batch(database, &batch)).unwrap_or_else(|error| {
            // What the others of the batch were told may rest on what is lost now, so nobody's answer stands.
            let (StoreError::Unavailable(why) | StoreError::Corrupt(why)) = error;
            vec![Err(CommitError::Store(StoreError::Unavailable(why))); batch.len()]
        })
    }

    async fn find(&self, unique: &Term) -> Result<Option<ObjectId>, StoreError> {
        self.read(|snapshot| {
            let found = table(snapshot, UNIQUE)?.get(unique.0.as_slice()).map_err(store_error)?;
            found.map(|holder| holder_of(holder.value())).transpose()
        })
    }

    async fn walk(
        &self,
        range: &Range,
        direction: Direction,
        after: Option<&Found>,
        limit: usize,
    ) -> Result<Vec<Found>, StoreError> {
        let Some(KeyRange { definition, low, high, after }) = key_range(range, after) else { return Ok(Vec::new()) };
        let Some((start, end)) = left(low, high, direction, after) else { return Ok(Vec::new()) };
        let bounds = (start.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice));
        self.read(|snapshot| {
            let found = table(snapshot, definition)?.range::<&[u8]>(bounds).map_err(store_error)?;
            let place = |entry: Entry<'_>| read_key(entry, found_of);
            match direction {
                Direction::Ascending => found.take(limit).map(place).collect(),
                Direction::Descending => found.rev().take(limit).map(place).collect(),
            }
        })
    }

    async fn owing(&self, after: Option<ObjectId>, limit: usize) -> Result<Vec<ObjectId>, StoreError> {
        let after = after.map(|after| after.bytes());
        let start = after.as_ref().map_or(Bound::Unbounded, |after| Bound::Excluded(after.as_slice()));
        self.read(|snapshot| objects(&table(snapshot, OWING)?, (start, Bound::Unbounded), limit))
    }

    async fn forgettable(&self, now: Timestamp, limit: usize) -> Result<Vec<(ObjectId, Revision)>, StoreError> {
        self.read(|snapshot| {
            let (forget, rows) = (table(snapshot, FORGET)?, table(snapshot, OBJECTS)?);
            let due = objects(&forget, (Bound::Unbounded, Bound::Included(&forget_end(now))), limit)?;
            let revision = |object: ObjectId| {
                let row = rows.get(object.bytes().as_slice()).map_err(store_error)?;
                let row = row.ok_or_else(|| StoreError::Corrupt(format!("{object} is to be forgotten, and absent")))?;
                Ok((object, decoded(object, row.value(), |row| Ok(row.revision))?))
            };
            due.into_iter().map(revision).collect()
        })
    }
}

/// What redb says, in the port's words.
fn store_error(error: impl Into<redb::Error>) -> StoreError {
    let error = error.into();
    if let redb::Error::Corrupted(why) = error {
        return StoreError::Corrupt(why);
    }
    StoreError::Unavailable(error.to_string())
}

/// The version of the tables and of the keys in them; rows carry their own.
const FORMAT: u32 = 1;
const FORMAT_KEY: &[u8] = b"format";

/// What to do where there is no store yet. One that was open before and is gone is a broken disk, not a new beginning.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Make,
    Refuse,
}

type Attach = Box<dyn Fn(&Builder, File) -> Result<Database, DatabaseError> + Send + Sync>;
type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;

fn commit_batch(database: &Database, batch: &[Commit]) -> Result<Vec<Result<(), CommitError>>, StoreError> {
    let mut transaction = database.begin_write().map_err(store_error)?;
    transaction.set_quick_repair(QUICK_REPAIR);
    let mut tables = Tables::open(&transaction)?;
    let mut answers = Vec::with_capacity(batch.len());
    for commit in batch {
        answers.push(match tables.commit(commit)? {
            Outcome::Done => Ok(()),
            Outcome::Refused(refusal) => Err(refusal),
        });
    }
    drop(tables);
    if answers.iter().any(Result::is_ok) {
        // Durability::Immediate is redb's default: this returns when the disk has it.
        transaction.commit().map_err(store_error)?;
    } else {
        transaction.abort().map_err(store_error)?;
    }
    Ok(answers)
}

/// Every commit writes down which pages are in use, in two phases, at the price of a second `fsync`. With 400,000 objects
/// in 570 MB a commit of one took 0.70 ms instead of 0.41 ms, one of 64 3.5 ms instead of 3.3 ms; and opening after a
/// kill, nothing cached, 1.4 ms instead of 1.7 s. Without it redb walks and checks the whole file first, in a time that
/// grows with the file, and nobody gets a certificate meanwhile.
const QUICK_REPAIR: bool = true;

fn table(snapshot: &ReadTransaction, definition: Definition) -> Result<Rows, StoreError> {
    snapshot.open_table(definition).map_err(store_error)
}

/// A range of places as a range of keys.
struct KeyRange {
    definition: Definition,
    low: Vec<u8>,
    high: Vec<u8>,
    after: Option<Vec<u8>>,
}

/// The keys between which the places lie; `None` where there can be none.
fn key_range(range: &Range, after: Option<&Found>) -> Option<KeyRange> {
    // What a key begins with, and no key sorts after it followed by this.
    let end = |prefix: &[u8]| [prefix, &[u8::MAX; OBJECT_LENGTH]].concat();
    Some(match range {
        Range::Kind(kind) => {
            let low = vec![*kind as u8];
            let after = after.map(|after| after.object.bytes().to_vec());
            KeyRange { definition: OBJECTS, high: end(&low), low, after }
        }
        Range::Terms { low, high } if low.0.len() == high.0.len() => {
            let key = |found: &Found| match term_prefix(&found.term) {
                Some(prefix) => [&prefix, &found.object.bytes()[..]].concat(),
                // Longer than terms are: past all of them.
                None => vec![u8::MAX],
            };
            let (low, high) = (term_prefix(&low.0)?, end(&term_prefix(&high.0)?));
            KeyRange { definition: TERMS, low, high, after: after.map(key) }
        }
        Range::Terms { .. } => return None,
    })
}

type Entry<'r> = Result<(AccessGuard<'r, &'static [u8]>, AccessGuard<'r, &'static [u8]>), redb::StorageError>;

fn read_key<T>(entry: Entry<'_>, read: fn(&[u8]) -> Option<T>) -> Result<T, StoreError> {
    let (key, _) = entry.map_err(store_error)?;
    read(key.value()).ok_or_else(|| StoreError::Corrupt("an index leads to no object".to_owned()))
}

/// The objects at the ends of these keys.
fn objects(table: &Rows, keys: (Bound<&[u8]>, Bound<&[u8]>), limit: usize) -> Result<Vec<ObjectId>, StoreError> {
    let found = table.range::<&[u8]>(keys).map_err(store_error)?;
    found.take(limit).map(|entry| read_key(entry, object_of)).collect()
}

/// The format that the file says it has; `None` if it says nothing.
fn format(database: &Database) -> Result<Option<u32>, redb::Error> {
    let snapshot = database.begin_read()?;
    let meta = match snapshot.open_table(META) {
        Ok(meta) => meta,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let found = meta.get(FORMAT_KEY)?;
    // Bytes of another length are of no format that was ever written: none that this build reads, so a newer one.
    Ok(found.map(|bytes| bytes.value().try_into().map_or(u32::MAX, u32::from_be_bytes)))
}

fn tables_in(database: &Database) -> Result<Option<String>, redb::Error> {
    let snapshot = database.begin_read()?;
    Ok(snapshot.list_tables()?.next().map(|table| table.name().to_owned()))
}

/// Makes the tables of a new file and writes its format, in one transaction: a crash leaves all or nothing.
fn lay_out(database: &Database) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(QUICK_REPAIR);
    for definition in [OBJECTS, TERMS, UNIQUE, OWING, FORGET] {
        transaction.open_table(definition)?;
    }
    transaction.open_table(META)?.insert(FORMAT_KEY, FORMAT.to_be_bytes().as_slice())?;
    transaction.commit()?;
    Ok(())
}

fn make_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(directory)
}

fn open_file(path: &Path, missing: Missing) -> io::Result<File> {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.read(true).write(true).create(missing == Missing::Make).truncate(false).open(path)
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Elsewhere directories cannot be opened as files, and names are durable with what they name.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
