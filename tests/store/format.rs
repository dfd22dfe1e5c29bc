//! Files of every released format stay readable, and those of the future are refused in words.

use std::fs;
use std::path::{Path, PathBuf};

use chancery::store::RedbStore;
use chancery::store::redb::{DEFAULT_CACHE_BYTES, OpenError};
use chancery_actors::ports::{Body, Kind, Revision, Store, StoreError};
use redb::{Database, TableDefinition};
use tempfile::TempDir;

use crate::support::*;

const OBJECTS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("objects");
const META: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("meta");

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/fixtures").join(name)
}

/// What the fixture holds: each kind of row, with and without each part of it.
async fn fill(store: &dyn Store) {
    let full = Body {
        owes: true,
        unique: terms(&["key"]),
        forget_at: forgotten_at(1_900_000_000).forget_at,
        ..found_by(&["a", "ab"])
    };
    done(store, [write(account(1), 0, full.clone()), write(order(1), 0, plain("plain"))]).await;
    done(store, [write(account(1), 1, Body { bytes: b"second".to_vec(), ..full })]).await;
    done(store, [write(order(2), 0, found_by(&["a"])), write(object(Kind::Crl, 3), 0, plain([0, 255, 10]))]).await;
    done(store, [write(order(3), 0, owing())]).await;
    done(store, [removal(order(3), 1)]).await;
}

#[test]
#[ignore = "writes the fixture of the present format: run by hand, once for each format"]
fn write_the_fixture() {
    let fixture = fixture("v1.redb");
    if fixture.exists() {
        // A released format's file is never written anew.
        return;
    }
    let directory = TempDir::new().expect("a temporary directory");
    let store = open(&directory);
    wait(fill(&store));
    drop(store);
    fs::copy(directory.path().join("chancery.redb"), fixture).expect("copies");
}

#[test]
fn this_build_reads_format_1() {
    let directory = TempDir::new().expect("a temporary directory");
    fs::copy(fixture("v1.redb"), directory.path().join("chancery.redb")).expect("copies");
    let store = open(&directory);
    wait(async {
        assert_eq!(loaded(&store, account(1)).await, Some((2, b"second".to_vec())));
        assert_eq!(loaded(&store, order(1)).await, Some((1, b"plain".to_vec())));
        assert_eq!(loaded(&store, order(2)).await, Some((1, b"found by terms".to_vec())));
        assert_eq!(loaded(&store, order(3)).await, None);
        assert_eq!(loaded(&store, object(Kind::Crl, 3)).await, Some((1, vec![0, 255, 10])));
        assert_eq!(listed(&store, "a").await, [account(1), order(2)]);
        assert_eq!(listed(&store, "ab").await, [account(1)]);
        assert_eq!(found(&store, "key").await, Some(account(1)));
        assert_eq!(indebted(&store).await, [account(1)]);
        assert_eq!(due(&store, 1_900_000_000).await, [(account(1), 2)]);
        assert_eq!(scanned(&store, Kind::Order).await, [order(1), order(2)]);
        done(&store, [removal(account(1), 2)]).await;
        assert_eq!(listed(&store, "a").await, [order(2)]);
        assert_eq!(found(&store, "key").await, None);
        assert_eq!(indebted(&store).await, []);
        assert_eq!(due(&store, u64::MAX).await, []);
    });
}

/// Changes a store's file behind its back.
fn tamper(
    directory: &TempDir,
    table: TableDefinition<'static, &'static [u8], &'static [u8]>,
    key: &[u8],
    value: &[u8],
) {
    let database = Database::create(directory.path().join("chancery.redb")).expect("opens");
    let transaction = database.begin_write().expect("begins");
    transaction.open_table(table).expect("opens").insert(key, value).expect("inserts");
    transaction.commit().expect("commits");
}

#[test]
fn a_newer_format_is_refused_in_words() {
    let directory = TempDir::new().expect("a temporary directory");
    drop(open(&directory));
    tamper(&directory, META, b"format", &2_u32.to_be_bytes());
    let refused = RedbStore::open(directory.path(), DEFAULT_CACHE_BYTES).map(drop).expect_err("newer");
    assert!(matches!(refused, OpenError::Newer { found: 2, .. }), "{refused:?}");
    assert!(refused.to_string().contains("has format 2, and this build reads formats up to 1"), "{refused}");
}

#[test]
fn another_programs_database_is_refused() {
    let directory = TempDir::new().expect("a temporary directory");
    tamper(&directory, TableDefinition::new("recipes"), b"soup", b"salt");
    let refused = RedbStore::open(directory.path(), DEFAULT_CACHE_BYTES).map(drop).expect_err("not ours");
    assert!(matches!(&refused, OpenError::Unreadable { why, .. } if why.contains("recipes")), "{refused:?}");
}

#[test]
fn an_unreadable_row_fails_its_own_commit_and_no_other() {
    let directory = TempDir::new().expect("a temporary directory");
    wait(done(&open(&directory), [write(order(1), 0, plain("good"))]));
    tamper(&directory, OBJECTS, &order(2).bytes(), b"\x09 from the future");
    let store = open(&directory);
    wait(async {
        let error = store.load(order(2)).await.expect_err("unreadable");
        assert!(matches!(&error, StoreError::Corrupt(why) if why.contains("version 9")), "{error:?}");
        let batch = vec![commit([write(order(2), 1, plain("x"))]), commit([write(order(1), 1, plain("better"))])];
        let answers = store.commit(batch).await;
        assert!(answers[0].is_err(), "{answers:?}");
        assert_eq!(answers[1], Ok(()));
        assert_eq!(store.load(order(1)).await.expect("loads").map(|stored| stored.revision), Some(Revision(2)));
    });
}
