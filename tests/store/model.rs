//! Random batches against a model that is too simple to be wrong: after each, every store answers as it does.

use std::collections::BTreeMap;

use chancery_actors::ports::{
    Body, Commit, CommitError, Direction, Found, Kind, ObjectId, Range, Revision, Store, Term, Write,
};
use chancery_machine::time::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::*;

/// Everything that is kept, and nothing that is derived.
#[derive(Clone, Default)]
struct Model(BTreeMap<ObjectId, (u64, Body)>);

impl Model {
    fn revision(&self, object: ObjectId) -> Revision {
        Revision(self.0.get(&object).map_or(0, |(revision, _)| *revision))
    }

    fn holders(&self, term: &Term) -> Vec<ObjectId> {
        self.select(|body| body.unique.contains(term))
    }

    fn select(&self, wanted: impl Fn(&Body) -> bool) -> Vec<ObjectId> {
        self.0.iter().filter(|(_, (_, body))| wanted(body)).map(|(&object, _)| object).collect()
    }

    /// Everything in the range, sorted upwards and turned, and then what is past the place.
    fn walk(&self, walk: &Walk) -> Vec<Found> {
        let order = |found: &Found| (found.term.len(), found.term.clone(), found.object);
        let mut places: Vec<Found> = match &walk.range {
            Range::Kind(kind) => {
                let objects = self.0.keys().filter(|object| object.kind == *kind);
                objects.map(|&object| Found { term: Vec::new(), object }).collect()
            }
            Range::Terms { low, high } => {
                let within = |term: &Term| {
                    term.0.len() == low.0.len() && low.0.len() == high.0.len() && low.0 <= term.0 && term.0 <= high.0
                };
                let pairs =
                    self.0.iter().flat_map(|(&object, (_, body))| body.terms.iter().map(move |term| (term, object)));
                pairs
                    .filter(|(term, _)| within(term))
                    .map(|(term, object)| Found { term: term.0.clone(), object })
                    .collect()
            }
        };
        places.sort_by_key(order);
        places.dedup();
        if let Some(after) = &walk.after {
            let after = match walk.range {
                Range::Kind(_) => Found { term: Vec::new(), ..after.clone() },
                Range::Terms { .. } => after.clone(),
            };
            places.retain(|place| match walk.direction {
                Direction::Ascending => order(place) > order(&after),
                Direction::Descending => order(place) < order(&after),
            });
        }
        if walk.direction == Direction::Descending {
            places.reverse();
        }
        places.truncate(walk.limit);
        places
    }

    /// Does the commit on a copy, and keeps the copy only if no unique term then has two holders.
    fn commit(&mut self, commit: &Commit) -> Expected {
        let mut wrong = commit.guards.iter().filter(|&&(object, revision)| self.revision(object) != revision);
        if let Some(&(object, _)) = wrong.next() {
            return Expected::Conflict(object);
        }
        if let Some(write) = commit.writes.iter().find(|write| self.revision(write.object) != write.expected) {
            return Expected::Conflict(write.object);
        }
        let mut next = self.clone();
        for write in &commit.writes {
            match &write.body {
                Some(body) => next.0.insert(write.object, (write.expected.0 + 1, body.clone())),
                None => next.0.remove(&write.object),
            };
        }
        if UNIQUE.iter().any(|unique| next.holders(&term(unique)).len() > 1) {
            return Expected::Taken;
        }
        *self = next;
        Expected::Done
    }
}

#[derive(Debug)]
enum Expected {
    Done,
    Conflict(ObjectId),
    Taken,
}

const TERMS: [&str; 4] = ["", "a", "ab", "b"];
const UNIQUE: [&str; 4] = ["", "u", "uv", "v"];

/// What the store answers must be what the model says.
fn same(answer: &Result<(), CommitError>, expected: &Expected) -> bool {
    match (answer, expected) {
        (Ok(()), Expected::Done) | (Err(CommitError::Taken { .. }), Expected::Taken) => true,
        (Err(CommitError::Conflict(one)), Expected::Conflict(other)) => one == other,
        _ => false,
    }
}

async fn agrees(store: &dyn Store, model: &Model) -> Result<(), TestCaseError> {
    for object in objects() {
        let expected = model.0.get(&object).map(|(revision, body)| (*revision, body.bytes.clone()));
        prop_assert_eq!(loaded(store, object).await, expected);
    }
    for text in TERMS {
        prop_assert_eq!(listed(store, text).await, model.select(|body| body.terms.contains(&term(text))));
    }
    for text in UNIQUE {
        prop_assert_eq!(found(store, text).await, model.holders(&term(text)).first().copied());
    }
    for &kind in Kind::ALL {
        let expected: Vec<_> = model.0.keys().copied().filter(|object| object.kind == kind).collect();
        prop_assert_eq!(scanned(store, kind).await, expected);
    }
    prop_assert_eq!(indebted(store).await, model.select(|body| body.owes));
    let mut forgettable: Vec<_> =
        model.0.iter().filter_map(|(&object, (revision, body))| Some((body.forget_at?, object, *revision))).collect();
    forgettable.sort();
    for now in [0, 2, 4] {
        let expected = forgettable.iter().filter(|(at, ..)| *at <= Timestamp::from_seconds(now));
        let expected: Vec<_> = expected.map(|&(_, object, revision)| (object, revision)).collect();
        prop_assert_eq!(due(store, now).await, expected);
    }
    Ok(())
}

fn objects() -> Vec<ObjectId> {
    (0..3).map(account).chain((0..3).map(order)).collect()
}

/// A write as it is drawn: what it expects is how far off the truth at the start of its batch.
#[derive(Clone, Debug)]
struct Drawn {
    object: usize,
    off: u64,
    body: Option<Body>,
}

fn some_terms(texts: [&'static str; 4]) -> impl Strategy<Value = Vec<Term>> {
    vec(prop::sample::select(texts.to_vec()).prop_map(term), 0..3)
}

fn some_body() -> impl Strategy<Value = Body> {
    let forget_at = option::of((0_u64..5).prop_map(Timestamp::from_seconds));
    (vec(any::<u8>(), 0..40), any::<bool>(), some_terms(TERMS), some_terms(UNIQUE), forget_at)
        .prop_map(|(bytes, owes, terms, unique, forget_at)| Body { bytes, owes, terms, unique, forget_at })
}

fn some_write() -> impl Strategy<Value = Drawn> {
    (0_usize..6, prop_oneof![9 => Just(0), 1 => 1_u64..3], option::weighted(0.8, some_body()))
        .prop_map(|(object, off, body)| Drawn { object, off, body })
}

type DrawnCommit = (Vec<(usize, u64)>, Vec<Drawn>);

fn some_batch() -> impl Strategy<Value = Vec<DrawnCommit>> {
    let guard = (0_usize..6, prop_oneof![9 => Just(0), 1 => Just(1_u64)]);
    vec((vec(guard, 0..2), vec(some_write(), 0..4)), 0..5)
}

/// A walk that is asked for.
#[derive(Clone, Debug)]
struct Walk {
    range: Range,
    direction: Direction,
    after: Option<Found>,
    limit: usize,
}

fn some_walk() -> impl Strategy<Value = Walk> {
    let text = || prop::sample::select(vec!["", "a", "aa", "ab", "b", "ba", "c", "zzz"]);
    let range = prop_oneof![
        1 => prop::sample::select(vec![Kind::Account, Kind::Order, Kind::Crl]).prop_map(Range::Kind),
        4 => (text(), text()).prop_map(|(low, high)| between(low, high)),
    ];
    let direction = prop::sample::select(vec![Direction::Ascending, Direction::Descending]);
    let after = option::of((text(), prop::sample::select(objects())).prop_map(|(text, object)| at(text, object)));
    let limit = prop::sample::select(vec![0, 1, 2, usize::MAX]);
    (range, direction, after, limit).prop_map(|(range, direction, after, limit)| Walk {
        range,
        direction,
        after,
        limit,
    })
}

/// Makes commits of what was drawn, as a writer would that knows the model up to the commit before.
fn batch_for(model: &Model, drawn: Vec<DrawnCommit>) -> (Vec<Commit>, Vec<Expected>, Model) {
    let (objects, mut model) = (objects(), model.clone());
    let (mut batch, mut expected) = (Vec::new(), Vec::new());
    for (guards, drawn) in drawn {
        let guards =
            guards.iter().map(|&(object, off)| (objects[object], Revision(model.revision(objects[object]).0 + off)));
        let guards = guards.collect();
        let mut writes: Vec<Write> = Vec::new();
        for Drawn { object, off, body } in drawn {
            let object = objects[object];
            if writes.iter().all(|write| write.object != object) {
                writes.push(Write { object, expected: Revision(model.revision(object).0 + off), body });
            }
        }
        let commit = Commit { guards, writes };
        expected.push(model.commit(&commit));
        batch.push(commit);
    }
    (batch, expected, model)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_store_does_what_the_model_does(batches in vec((some_batch(), any::<bool>(), vec(some_walk(), 0..12)), 1..12)) {
        let memory = chancery::store::MemoryStore::new();
        let directory = TempDir::new().expect("a temporary directory");
        let mut redb = open(&directory);
        let mut model = Model::default();
        for (drawn, reopen, walks) in batches {
            let (batch, expected, next) = batch_for(&model, drawn);
            for store in [&memory as &dyn Store, &redb] {
                let answers = wait(store.commit(batch.clone()));
                prop_assert_eq!(answers.len(), expected.len());
                for (answer, expected) in answers.iter().zip(&expected) {
                    prop_assert!(same(answer, expected), "{:?} instead of {:?}", answer, expected);
                }
                wait(agrees(store, &next))?;
                for walk in &walks {
                    let found = wait(walked(store, &walk.range, walk.direction, walk.after.as_ref(), walk.limit));
                    prop_assert_eq!(found, next.walk(walk), "{:?}", walk);
                }
            }
            if reopen {
                drop(redb);
                redb = open(&directory);
                wait(agrees(&redb, &next))?;
            }
            model = next;
        }
    }
}
