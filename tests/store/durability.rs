//! What the embedded store promises beyond the contract: one process, one file, and that it all is there afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use chancery::store::RedbStore;
use chancery::store::redb::{DEFAULT_CACHE_BYTES, OpenError};
use chancery_actors::ports::{Body, Kind};
use tempfile::TempDir;

use crate::support::*;

#[test]
fn what_was_committed_is_there_after_reopening() {
    let directory = TempDir::new().expect("a temporary directory");
    let large = vec![7; 1 << 20];
    {
        let store = open(&directory);
        let body = Body { owes: true, terms: terms(&["a", "b"]), unique: terms(&["u"]), ..forgotten_at(5) };
        wait(done(&store, [write(order(1), 0, body), write(order(2), 0, plain(large.clone()))]));
        wait(done(&store, [write(order(3), 0, found_by(&["a"]))]));
        wait(done(&store, [removal(order(3), 1)]));
    }
    let store = open(&directory);
    wait(async {
        assert_eq!(loaded(&store, order(1)).await, Some((1, b"forgettable".to_vec())));
        assert_eq!(loaded(&store, order(2)).await, Some((1, large)));
        assert_eq!(scanned(&store, Kind::Order).await, [order(1), order(2)]);
        assert_eq!(listed(&store, "a").await, [order(1)]);
        assert_eq!(found(&store, "u").await, Some(order(1)));
        assert_eq!(indebted(&store).await, [order(1)]);
        assert_eq!(due(&store, 5).await, [(order(1), 1)]);
        done(&store, [write(order(1), 1, plain("goes on"))]).await;
    });
}

#[test]
fn only_the_owner_reads_directory_and_file() {
    let outer = TempDir::new().expect("a temporary directory");
    let directory = outer.path().join("data");
    let store = RedbStore::open(&directory, DEFAULT_CACHE_BYTES).expect("opens");
    let mode = |path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&directory.join("chancery.redb")), 0o600);
    drop(store);
}

#[test]
fn a_second_opener_is_told_that_the_directory_is_in_use() {
    let directory = TempDir::new().expect("a temporary directory");
    let first = open(&directory);
    let refused = RedbStore::open(directory.path(), DEFAULT_CACHE_BYTES).map(drop).expect_err("in use");
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused:?}");
    assert!(refused.to_string().contains("in use by another chancery process"), "{refused}");
    drop(first);
    drop(open(&directory));
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_as_it_is() {
    let directory = TempDir::new().expect("a temporary directory");
    let file = directory.path().join("chancery.redb");
    for content in ["x".repeat(10), "not a store ".repeat(20_000)] {
        fs::write(&file, &content).expect("writes");
        let refused = RedbStore::open(directory.path(), DEFAULT_CACHE_BYTES).map(drop).expect_err("no store");
        assert!(matches!(refused, OpenError::Unreadable { .. }), "{refused:?}");
        assert_eq!(fs::read_to_string(&file).expect("still text"), content);
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = TempDir::new().expect("a temporary directory");
    let file = directory.path().join("file");
    fs::write(&file, "").expect("writes");
    let refused = RedbStore::open(&file.join("data"), DEFAULT_CACHE_BYTES).map(drop).expect_err("a file is in the way");
    assert!(matches!(&refused, OpenError::Io { path, .. } if path.ends_with("data")), "{refused:?}");
}
