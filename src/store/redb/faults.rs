//! A disk that fails at any operation: the store says so, loses nothing that was acknowledged, keeps batches whole, and
//! goes on by itself when the disk does.

use std::io;
use std::ops::Bound;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};

use chancery_actors::ports::{Body, Commit, CommitError, Kind, ObjectId, Revision, Store, StoreError, Term, Write};
use chancery_machine::id::Id;
use redb::StorageBackend;
use redb::backends::FileBackend;
use tempfile::TempDir;

use super::{DEFAULT_CACHE_BYTES, RedbStore};

/// How many more operations succeed. What fails goes on failing until the disk is mended.
#[derive(Clone, Debug)]
struct Disk {
    left: Arc<AtomicI64>,
    /// The operation that fails was done nevertheless.
    landed: bool,
}

impl Disk {
    fn new(landed: bool) -> Self {
        Self { left: Arc::new(AtomicI64::new(i64::MAX)), landed }
    }

    fn break_after(&self, operations: i64) {
        self.left.store(operations, Ordering::SeqCst);
    }

    fn mend(&self) {
        self.break_after(i64::MAX);
    }

    fn perform(&self, operation: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if self.left.fetch_sub(1, Ordering::SeqCst) > 0 {
            return operation();
        }
        if self.landed {
            operation()?;
        }
        Err(io::ErrorKind::StorageFull.into())
    }
}

#[derive(Debug)]
struct Faulty {
    file: FileBackend,
    disk: Disk,
}

type Locked<T> = Result<T, redb::BackendError>;

impl StorageBackend for Faulty {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.perform(|| self.file.set_len(len))
    }
    fn sync_data(&self) -> io::Result<()> {
        self.disk.perform(|| self.file.sync_data())
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.perform(|| self.file.write(offset, data))
    }
    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<bool> {
        self.file.try_lock_range(start, end)
    }
    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<bool> {
        self.file.try_lock_shared_range(start, end)
    }
    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<()> {
        self.file.lock_range(start, end)
    }
    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<()> {
        self.file.lock_shared_range(start, end)
    }
    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<()> {
        self.file.unlock_range(start, end)
    }
    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<bool> {
        self.file.query_lock_range(start, end)
    }
}

fn on(disk: &Disk, directory: &TempDir) -> RedbStore {
    let disk = disk.clone();
    RedbStore::open_with(directory.path(), DEFAULT_CACHE_BYTES, move |builder, file| {
        builder.create_with_backend(Faulty { file: FileBackend::new(file)?, disk: disk.clone() })
    })
    .expect("opens")
}

pub(super) fn wait<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the store waits for something"),
    }
}

fn order(number: u8) -> ObjectId {
    ObjectId { kind: Kind::Order, id: Id::from_bytes([number; 16]) }
}

/// Two commits that bring two orders from this revision to the next.
pub(super) fn batch(revision: u64) -> Vec<Commit> {
    let body = || Body {
        bytes: vec![revision.to_le_bytes()[0]; 9_000],
        owes: true,
        terms: vec![Term(format!("round {revision}").into_bytes())],
        unique: Vec::new(),
        forget_at: None,
    };
    let write = |number| Write { object: order(number), expected: Revision(revision), body: Some(body()) };
    vec![Commit { guards: Vec::new(), writes: vec![write(1)] }, Commit { guards: Vec::new(), writes: vec![write(2)] }]
}

pub(super) fn revision(store: &RedbStore, number: u8) -> Result<u64, StoreError> {
    Ok(wait(store.load(order(number)))?.map_or(0, |stored| stored.revision.0))
}

fn unavailable<T>(answer: &Result<T, CommitError>) -> bool {
    matches!(answer, Err(CommitError::Store(StoreError::Unavailable(_))))
}

fn survives_every_fault(landed: bool) {
    let directory = TempDir::new().expect("a temporary directory");
    let disk = Disk::new(landed);
    let store = on(&disk, &directory);
    let mut now = 0;
    let (mut failures, mut successes) = (0, 0);
    for operations in 0.. {
        disk.break_after(operations);
        let answers = wait(store.commit(batch(now)));
        disk.mend();
        let there = revision(&store, 1).expect("reads again without a restart");
        assert_eq!(there, revision(&store, 2).expect("reads"), "the batch is whole after {operations} operations");
        let found = wait(store.list(&Term(format!("round {}", there.wrapping_sub(1)).into_bytes()), None, 9));
        assert_eq!(found.expect("lists").len(), if there == 0 { 0 } else { 2 }, "and so are the indexes");
        if answers.iter().all(Result::is_ok) {
            assert_eq!(there, now + 1, "acknowledged after {operations} operations");
            successes += 1;
            if successes == 3 {
                break;
            }
        } else {
            assert!(answers.iter().all(unavailable), "one answer for all: {answers:?}");
            assert!(there == now || there == now + 1);
            failures += 1;
        }
        now = there;
    }
    assert!(failures > 3, "several operations make a commit, and each has failed once: {failures}");
    drop(store);
    assert_eq!(revision(&on(&disk, &directory), 1), Ok(now + 1));
}

#[test]
fn a_disk_that_fails_at_any_operation_loses_nothing_acknowledged() {
    survives_every_fault(false);
}

#[test]
fn a_disk_that_does_what_it_denies_loses_nothing_acknowledged() {
    survives_every_fault(true);
}

#[test]
fn while_the_disk_stays_broken_the_store_is_unavailable_and_the_process_lives() {
    let directory = TempDir::new().expect("a temporary directory");
    let disk = Disk::new(false);
    let store = on(&disk, &directory);
    assert!(wait(store.commit(batch(0))).iter().all(Result::is_ok));
    disk.break_after(0);
    for _ in 0..3 {
        assert!(wait(store.commit(batch(1))).iter().all(unavailable));
        assert!(matches!(wait(store.load(order(1))), Ok(Some(_)) | Err(StoreError::Unavailable(_))));
    }
    disk.mend();
    assert_eq!(revision(&store, 1), Ok(1));
    assert!(wait(store.commit(batch(1))).iter().all(Result::is_ok));
}

#[test]
fn a_store_whose_file_vanished_does_not_begin_anew() {
    let directory = TempDir::new().expect("a temporary directory");
    let disk = Disk::new(false);
    let store = on(&disk, &directory);
    assert!(wait(store.commit(batch(0))).iter().all(Result::is_ok));
    disk.break_after(0);
    assert!(wait(store.commit(batch(1))).iter().all(unavailable));
    disk.mend();
    let file = directory.path().join("chancery.redb");
    let elsewhere = directory.path().join("elsewhere");
    std::fs::rename(&file, &elsewhere).expect("moves");
    assert!(matches!(revision(&store, 1), Err(StoreError::Unavailable(_))));
    assert!(!file.exists(), "nothing new was made");
    std::fs::write(&file, "").expect("writes");
    assert!(matches!(revision(&store, 1), Err(StoreError::Unavailable(_))));
    std::fs::rename(&elsewhere, &file).expect("moves back");
    assert_eq!(revision(&store, 1), Ok(1));
}
