//! The embedded store: group commits of several sizes, and loads.
#![allow(missing_docs, reason = "criterion's macros make public items without docs")]

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use chancery::store::RedbStore;
use chancery::store::redb::DEFAULT_CACHE_BYTES;
use chancery_actors::ports::{Body, Commit, Kind, ObjectId, Revision, Store, Term, Write};
use chancery_machine::id::{ID_ENTROPY, Id};
use chancery_machine::time::Timestamp;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tempfile::TempDir;

criterion_group!(benches, group_commit, load);
criterion_main!(benches);

/// New orders, each with a snapshot of 600 bytes and under its account's term, all in one batch. The figure to read is
/// elements a second.
fn group_commit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("group commit");
    for size in [1, 8, 64, 256] {
        let directory = TempDir::new().expect("a temporary directory");
        let store = open(&directory);
        let mut born = 0..;
        group.throughput(Throughput::Elements(size));
        group.bench_function(size.to_string(), |bencher| {
            let batch = || born.by_ref().take(size as usize).map(creation).collect::<Vec<_>>();
            bencher.iter_batched(batch, |batch| commit(&store, batch), BatchSize::PerIteration);
        });
    }
    group.finish();
}

/// A random one of 10,000 orders.
fn load(criterion: &mut Criterion) {
    let directory = TempDir::new().expect("a temporary directory");
    let store = open(&directory);
    commit(&store, (0..10_000).map(creation).collect());
    let mut place = 0_u64;
    criterion.bench_function("load one of 10000", |bencher| {
        bencher.iter(|| {
            place = place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            wait(store.load(black_box(order((place >> 33) % 10_000)))).expect("loads").expect("is there")
        });
    });
}

fn open(directory: &TempDir) -> RedbStore {
    RedbStore::open(directory.path(), DEFAULT_CACHE_BYTES).expect("opens")
}

fn commit(store: &RedbStore, batch: Vec<Commit>) {
    assert!(wait(store.commit(batch)).iter().all(Result::is_ok));
}

fn creation(number: u64) -> Commit {
    let body = Body {
        bytes: vec![number.to_le_bytes()[0]; 600],
        owes: true,
        terms: vec![Term::new(format!("account {}", number % 100)).expect("short")],
        unique: Vec::new(),
        forget_at: Some(Timestamp::from_seconds(number)),
    };
    let write = Write { object: order(number), expected: Revision::ABSENT, body: Some(body) };
    Commit { guards: Vec::new(), writes: vec![write] }
}

/// Ids as the engine makes them: the time of birth, then what looks random.
fn order(number: u64) -> ObjectId {
    let mut entropy = [0; ID_ENTROPY];
    entropy[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    ObjectId { kind: Kind::Order, id: Id::new(Timestamp::from_millis(1_800_000_000_000 + number / 4), entropy) }
}

/// The embedded store answers at the first poll.
fn wait<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the store waits for something"),
    }
}
