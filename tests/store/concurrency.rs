//! Readers beside a writer.

use std::sync::atomic::{AtomicBool, Ordering};

use chancery_actors::ports::{Body, Term};

use crate::support::*;

const OBJECTS: u64 = 16;
const ROUNDS: u64 = 60;

/// Every commit writes the round into all objects and under a new term, so a reader that saw a part of one would see
/// fewer objects under a term, or an older round after a newer one.
#[test]
fn readers_see_only_whole_commits_and_never_go_back() {
    each_store(|store| async move {
        let over = AtomicBool::new(false);
        let name = |round: u64| Term::new(format!("round {round}")).expect("short");
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut newest = 0;
                    while !over.load(Ordering::Acquire) {
                        let mut rounds = Vec::new();
                        for number in 0..OBJECTS {
                            rounds.extend(wait(loaded(&*store, order(number))));
                        }
                        for (revision, bytes) in rounds {
                            assert_eq!(bytes, revision.to_be_bytes(), "revision and snapshot are of one commit");
                            assert!(revision >= newest, "round {revision} after round {newest}");
                            newest = revision;
                        }
                        for round in newest..newest + 2 {
                            let found = wait(store.list(&name(round), None, 99)).expect("lists").len();
                            assert!(found == 0 || found == OBJECTS as usize, "{found} of {OBJECTS} in round {round}");
                        }
                    }
                });
            }
            for round in 1..=ROUNDS {
                let body = || Body { terms: vec![name(round)], ..plain(round.to_be_bytes()) };
                wait(done(
                    &*store,
                    (0..OBJECTS).map(|number| write(order(number), round - 1, body())).collect::<Vec<_>>(),
                ));
            }
            over.store(true, Ordering::Release);
        });
    });
}

/// Many threads add one to the same object, and to one of their own: compare-and-swap loses none.
#[test]
fn concurrent_committers_lose_no_update() {
    each_store(|store| async move {
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let store = &store;
                scope.spawn(move || {
                    for _ in 0..10 {
                        loop {
                            let revision = wait(loaded(&**store, order(0))).map_or(0, |(revision, _)| revision);
                            let own = wait(loaded(&**store, order(1 + thread))).map_or(0, |(revision, _)| revision);
                            let writes =
                                [write(order(0), revision, plain("x")), write(order(1 + thread), own, plain("y"))];
                            if wait(alone(&**store, writes)).is_ok() {
                                break;
                            }
                        }
                    }
                });
            }
        });
        assert_eq!(loaded(&*store, order(0)).await, Some((40, b"x".to_vec())));
        for thread in 0..4 {
            assert_eq!(loaded(&*store, order(1 + thread)).await, Some((10, b"y".to_vec())));
        }
    });
}
