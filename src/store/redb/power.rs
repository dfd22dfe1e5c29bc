//! Power cuts: of what was written since the last sync, a disk keeps any part in any order. After a cut at any operation
//! the batches that were acknowledged are there, and the one under way is there whole or not at all.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;
use tempfile::TempDir;

use super::faults::{batch, revision, wait};
use super::{RedbStore, Store};

/// What a disk holds, with and without its volatile cache.
#[derive(Clone, Debug, Default)]
struct Medium {
    /// As the machine sees it.
    seen: Vec<u8>,
    /// As it was at the last sync.
    synced: Vec<u8>,
    /// What was done since.
    unsynced: Vec<Change>,
    /// How many more changes and syncs are done before the power is cut.
    left: u64,
}

#[derive(Clone, Debug)]
enum Change {
    Length(u64),
    Write(u64, Vec<u8>),
}

impl Change {
    fn make(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(place(*length), 0),
            Self::Write(offset, data) => {
                let (start, end) = (place(*offset), place(*offset) + data.len());
                bytes.resize(bytes.len().max(end), 0);
                bytes[start..end].copy_from_slice(data);
            }
        }
    }
}

impl Medium {
    fn change(&mut self, change: Change) -> io::Result<()> {
        self.spend()?;
        change.make(&mut self.seen);
        self.unsynced.push(change);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.spend()?;
        self.synced.clone_from(&self.seen);
        self.unsynced.clear();
        Ok(())
    }

    fn spend(&mut self) -> io::Result<()> {
        self.left = self.left.checked_sub(1).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(())
    }

    /// The medium after the cut: `keep` says of each change since the last sync whether it had reached the plate.
    fn cut(&self, mut keep: impl FnMut() -> bool) -> Self {
        let mut bytes = self.synced.clone();
        self.unsynced.iter().filter(|_| keep()).for_each(|change| change.make(&mut bytes));
        Self { seen: bytes.clone(), synced: bytes, unsynced: Vec::new(), left: u64::MAX }
    }
}

#[derive(Clone, Debug)]
struct Shared(Arc<Mutex<Medium>>);

impl Shared {
    fn medium(&self) -> MutexGuard<'_, Medium> {
        self.0.lock().expect("nobody panicked")
    }

    fn store(&self, directory: &TempDir) -> RedbStore {
        let shared = self.clone();
        let attach = move |builder: &redb::Builder, _| builder.create_with_backend(shared.clone());
        RedbStore::open_with(directory.path(), 1 << 20, attach).expect("opens")
    }
}

impl StorageBackend for Shared {
    fn len(&self) -> io::Result<u64> {
        Ok(self.medium().seen.len() as u64)
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = place(offset);
        let medium = self.medium();
        out.copy_from_slice(medium.seen.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.medium().change(Change::Length(len))
    }
    fn sync_data(&self) -> io::Result<()> {
        self.medium().sync()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.medium().change(Change::Write(offset, data.to_vec()))
    }
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).expect("small files")
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing_acknowledged_and_tears_no_batch() {
    let directory = TempDir::new().expect("a temporary directory");
    let mut medium = Medium { left: u64::MAX, ..Medium::default() };
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut keep = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random & 1 == 0
    };
    let (mut now, mut cuts, mut successes) = (0, 0, 0);
    for operations in 0.. {
        let shared = Shared(Arc::new(Mutex::new(medium)));
        let store = shared.store(&directory);
        shared.medium().left = operations;
        let acknowledged = wait(store.commit(batch(now))).iter().all(Result::is_ok);
        let before = shared.medium().clone();
        drop(store);
        // The cut leaves one of many pictures. The last of them is what the next round goes on with.
        medium = Medium::default();
        for picture in 0..6 {
            medium = before.cut(|| match picture {
                0 => true,
                1 => false,
                _ => keep(),
            });
            let shared = Shared(Arc::new(Mutex::new(medium)));
            let store = shared.store(&directory);
            let there = revision(&store, 1).expect("reads");
            assert_eq!(there, revision(&store, 2).expect("reads"), "torn after {operations} operations");
            assert!(
                there == now + 1 || (there == now && !acknowledged),
                "{there} after {now}, {operations} operations"
            );
            drop(store);
            medium = shared.medium().clone();
        }
        let shared = Shared(Arc::new(Mutex::new(medium)));
        now = revision(&shared.store(&directory), 1).expect("reads");
        medium = shared.medium().clone();
        cuts += u64::from(!acknowledged);
        successes += u64::from(acknowledged);
        if successes == 3 {
            break;
        }
    }
    assert!(cuts > 3, "several operations make a commit, and the power was cut at each: {cuts}");
}
