//! The stores under test, and short words for what the tests write.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use chancery::store::redb::DEFAULT_CACHE_BYTES;
use chancery::store::{MemoryStore, RedbStore};
use chancery_actors::ports::{
    Body, Commit, CommitError, Direction, Found, Kind, ObjectId, Range, Revision, Store, Term, Write,
};
use chancery_machine::id::Id;
use chancery_machine::time::Timestamp;
use tempfile::TempDir;

/// Runs one rule of the contract over every store, each time over an empty one.
pub(crate) fn each_store<F: Future<Output = ()>>(rule: impl Fn(Arc<dyn Store>) -> F) {
    wait(rule(Arc::new(MemoryStore::new())));
    let directory = TempDir::new().expect("a temporary directory");
    wait(rule(Arc::new(open(&directory))));
}

/// Makes one test of each rule.
macro_rules! rules {
    ($(async fn $name:ident($store:ident) $body:block)*) => {$(
        #[test]
        fn $name() {
            $crate::support::each_store(|$store| async move { $body });
        }
    )*};
}
pub(crate) use rules;

pub(crate) fn open(directory: &TempDir) -> RedbStore {
    RedbStore::open(directory.path(), DEFAULT_CACHE_BYTES).expect("opens")
}

/// Runs a future of a store to its end. These stores answer at the first poll, so no executor is needed, and calls may
/// nest.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the store waits for something"),
    }
}

pub(crate) fn object(kind: Kind, number: u64) -> ObjectId {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    ObjectId { kind, id: Id::from_bytes(id) }
}

pub(crate) fn order(number: u64) -> ObjectId {
    object(Kind::Order, number)
}

pub(crate) fn account(number: u64) -> ObjectId {
    object(Kind::Account, number)
}

pub(crate) fn term(text: &str) -> Term {
    Term::new(text).expect("short")
}

pub(crate) fn terms(texts: &[&str]) -> Vec<Term> {
    texts.iter().map(|text| term(text)).collect()
}

/// A body that says nothing but its snapshot.
pub(crate) fn plain(bytes: impl Into<Vec<u8>>) -> Body {
    Body::plain(bytes.into())
}

pub(crate) fn found_by(texts: &[&str]) -> Body {
    Body { terms: terms(texts), ..plain("found by terms") }
}

pub(crate) fn alone_with(texts: &[&str]) -> Body {
    Body { unique: terms(texts), ..plain("alone with terms") }
}

pub(crate) fn owing() -> Body {
    Body { owes: true, ..plain("owes") }
}

pub(crate) fn forgotten_at(seconds: u64) -> Body {
    Body { forget_at: Some(Timestamp::from_seconds(seconds)), ..plain("forgettable") }
}

pub(crate) fn write(object: ObjectId, expected: u64, body: Body) -> Write {
    Write { object, expected: Revision(expected), body: Some(body) }
}

pub(crate) fn removal(object: ObjectId, expected: u64) -> Write {
    Write { object, expected: Revision(expected), body: None }
}

pub(crate) fn commit(writes: impl Into<Vec<Write>>) -> Commit {
    Commit { guards: Vec::new(), writes: writes.into() }
}

/// Does one commit by itself.
pub(crate) async fn alone(store: &dyn Store, writes: impl Into<Vec<Write>>) -> Result<(), CommitError> {
    let mut answers = store.commit(vec![commit(writes)]).await;
    assert_eq!(answers.len(), 1, "one answer for one commit");
    answers.remove(0)
}

/// Does one commit that must succeed.
pub(crate) async fn done(store: &dyn Store, writes: impl Into<Vec<Write>>) {
    alone(store, writes).await.expect("nothing stands against it");
}

/// The object's revision and snapshot.
pub(crate) async fn loaded(store: &dyn Store, object: ObjectId) -> Option<(u64, Vec<u8>)> {
    store.load(object).await.expect("loads").map(|stored| (stored.revision.0, stored.bytes))
}

pub(crate) async fn listed(store: &dyn Store, text: &str) -> Vec<ObjectId> {
    store.list(&term(text), None, usize::MAX).await.expect("lists")
}

pub(crate) async fn scanned(store: &dyn Store, kind: Kind) -> Vec<ObjectId> {
    store.scan(kind, None, usize::MAX).await.expect("scans")
}

/// The range of the terms between two.
pub(crate) fn between(low: &str, high: &str) -> Range {
    Range::Terms { low: term(low), high: term(high) }
}

pub(crate) fn at(text: &str, object: ObjectId) -> Found {
    Found { term: text.into(), object }
}

pub(crate) async fn walked(
    store: &dyn Store,
    range: &Range,
    direction: Direction,
    after: Option<&Found>,
    limit: usize,
) -> Vec<Found> {
    store.walk(range, direction, after, limit).await.expect("walks")
}

/// The whole walk upwards. Downwards it has to be the same from the other end, and in pages the same as at once.
pub(crate) async fn whole(store: &dyn Store, range: &Range) -> Vec<Found> {
    let upwards = walked(store, range, Direction::Ascending, None, usize::MAX).await;
    let mut downwards = walked(store, range, Direction::Descending, None, usize::MAX).await;
    downwards.reverse();
    assert_eq!(upwards, downwards, "{range:?}");
    for direction in [Direction::Ascending, Direction::Descending] {
        for limit in [1, 3] {
            let mut places: Vec<Found> = Vec::new();
            loop {
                let page = walked(store, range, direction, places.last(), limit).await;
                assert!(page.len() <= limit);
                if page.is_empty() {
                    break;
                }
                places.extend(page);
            }
            if direction == Direction::Descending {
                places.reverse();
            }
            assert_eq!(places, upwards, "{range:?} {direction:?} in pages of {limit}");
        }
    }
    upwards
}

pub(crate) async fn found(store: &dyn Store, text: &str) -> Option<ObjectId> {
    store.find(&term(text)).await.expect("finds")
}

pub(crate) async fn indebted(store: &dyn Store) -> Vec<ObjectId> {
    store.owing(None, usize::MAX).await.expect("answers")
}

pub(crate) async fn due(store: &dyn Store, seconds: u64) -> Vec<(ObjectId, u64)> {
    let due = store.forgettable(Timestamp::from_seconds(seconds), usize::MAX).await.expect("answers");
    due.into_iter().map(|(object, revision)| (object, revision.0)).collect()
}
