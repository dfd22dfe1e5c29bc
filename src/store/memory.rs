//! A store that lives as long as its process: for tests, and for `--dev` servers that need no disk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chancery_actors::ports::{
    Body, Commit, CommitError, Direction, Found, Kind, ObjectId, Range, Revision, Store, StoreError, Stored, Term,
    Write,
};
use chancery_machine::id::Id;
use chancery_machine::time::Timestamp;

use super::check::{View, check};
use super::stretch::left;

/// Keeps everything in ordered maps under one lock. Durable means here: for as long as the store is not dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    objects: Mutex<Objects>,
    faults: Mutex<Faults>,
}

/// How a batch of commits fails. To its callers both look the same, and they must be right in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing of the batch was done.
    Lost,
    /// The batch was done, but its answer was lost.
    Landed,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the batch after `spared` more batches fail; called again, it counts on from that one. The batch answers
    /// [`StoreError::Unavailable`] to all its commits.
    pub fn fail_after(&self, spared: usize, fault: Fault) {
        let mut faults = locked(&self.faults);
        faults.plan.extend(std::iter::repeat_n(None, spared));
        faults.plan.push_back(Some(fault));
    }

    /// From now on, until it is told otherwise, the store does nothing and answers [`StoreError::Unavailable`].
    pub fn interrupt(&self, interrupted: bool) {
        locked(&self.faults).interrupted = interrupted;
    }

    fn read(&self) -> Result<MutexGuard<'_, Objects>, StoreError> {
        if locked(&self.faults).interrupted {
            return Err(StoreError::Unavailable("interrupted on purpose".to_owned()));
        }
        Ok(locked(&self.objects))
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self, object: ObjectId) -> Result<Option<Stored>, StoreError> {
        let objects = self.read()?;
        Ok(objects.rows.get(&object).map(|row| Stored { revision: row.revision, bytes: row.body.bytes.clone() }))
    }

    async fn commit(&self, batch: Vec<Commit>) -> Vec<Result<(), CommitError>> {
        let fault = locked(&self.faults).plan.pop_front().flatten();
        let size = batch.len();
        let answers = match (fault, self.read()) {
            (Some(Fault::Lost), Ok(_)) => Err(StoreError::Unavailable("lost on purpose".to_owned())),
            (None | Some(Fault::Landed), Ok(mut objects)) => {
                Ok(batch.into_iter().map(|commit| objects.commit(commit)).collect())
            }
            (_, Err(error)) => Err(error),
        };
        let answers = match fault {
            Some(Fault::Landed) => answers.and(Err(StoreError::Unavailable("landed on purpose".to_owned()))),
            Some(Fault::Lost) | None => answers,
        };
        answers.unwrap_or_else(|error| vec![Err(CommitError::Store(error)); size])
    }

    async fn find(&self, unique: &Term) -> Result<Option<ObjectId>, StoreError> {
        Ok(self.read()?.unique.get(unique).copied())
    }

    async fn walk(
        &self,
        range: &Range,
        direction: Direction,
        after: Option<&Found>,
        limit: usize,
    ) -> Result<Vec<Found>, StoreError> {
        let objects = self.read()?;
        Ok(match range {
            Range::Kind(kind) => {
                let (low, high) = (ObjectId { kind: *kind, ..FIRST }, ObjectId { kind: *kind, ..LAST });
                let bounds = left(low, high, direction, after.map(|after| after.object));
                let rows = bounds.map(|bounds| objects.rows.range(bounds));
                let found = |(&object, _): (&ObjectId, &Row)| Found { term: Vec::new(), object };
                page(rows.into_iter().flatten().map(found), direction, limit)
            }
            Range::Terms { low, high } if low.0.len() == high.0.len() => {
                let place = |term: &Term, object| Found { term: term.0.clone(), object };
                let bounds = left(place(low, FIRST), place(high, LAST), direction, after.cloned());
                let terms = bounds.map(|bounds| objects.terms.range(bounds));
                page(terms.into_iter().flatten().cloned(), direction, limit)
            }
            Range::Terms { .. } => Vec::new(),
        })
    }

    async fn owing(&self, after: Option<ObjectId>, limit: usize) -> Result<Vec<ObjectId>, StoreError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(self.read()?.owing.range((start, Bound::Unbounded)).copied().take(limit).collect())
    }

    async fn forgettable(&self, now: Timestamp, limit: usize) -> Result<Vec<(ObjectId, Revision)>, StoreError> {
        let objects = self.read()?;
        let found = objects.forget.iter().take_while(|&&(forget_at, _)| forget_at <= now).take(limit);
        Ok(found.map(|&(_, object)| (object, objects.revision_of(object))).collect())
    }
}

/// Sorts before every other object, or is it.
const FIRST: ObjectId = ObjectId { kind: Kind::ALL[0], id: Id::from_bytes([0; 16]) };

/// Sorts after every other object, or is it.
const LAST: ObjectId = ObjectId { kind: Kind::ALL[Kind::ALL.len() - 1], id: Id::from_bytes([u8::MAX; 16]) };

#[derive(Debug, Default)]
struct Faults {
    plan: VecDeque<Option<Fault>>,
    interrupted: bool,
}

#[derive(Debug)]
struct Row {
    revision: Revision,
    body: Body,
}

#[derive(Debug, Default)]
struct Objects {
    rows: BTreeMap<ObjectId, Row>,
    terms: BTreeSet<Found>,
    unique: BTreeMap<Term, ObjectId>,
    owing: BTreeSet<ObjectId>,
    forget: BTreeSet<(Timestamp, ObjectId)>,
}

impl Objects {
    fn commit(&mut self, commit: Commit) -> Result<(), CommitError> {
        check(&commit, self)?;
        // Everything goes before anything comes: a unique term may change hands within the commit.
        for write in &commit.writes {
            self.remove(write.object);
        }
        for Write { object, expected, body } in commit.writes {
            if let Some(body) = body {
                self.insert(object, Row { revision: expected.next(), body });
            }
        }
        Ok(())
    }

    fn remove(&mut self, object: ObjectId) {
        let Some(Row { body, .. }) = self.rows.remove(&object) else { return };
        for term in body.terms {
            self.terms.remove(&Found { term: term.0, object });
        }
        for term in body.unique {
            self.unique.remove(&term);
        }
        self.owing.remove(&object);
        if let Some(forget_at) = body.forget_at {
            self.forget.remove(&(forget_at, object));
        }
    }

    fn insert(&mut self, object: ObjectId, row: Row) {
        self.terms.extend(row.body.terms.iter().map(|term| Found { term: term.0.clone(), object }));
        self.unique.extend(row.body.unique.iter().map(|term| (term.clone(), object)));
        if row.body.owes {
            self.owing.insert(object);
        }
        self.forget.extend(row.body.forget_at.map(|forget_at| (forget_at, object)));
        self.rows.insert(object, row);
    }

    fn revision_of(&self, object: ObjectId) -> Revision {
        self.rows.get(&object).map_or(Revision::ABSENT, |row| row.revision)
    }
}

impl View for Objects {
    fn revision(&self, object: ObjectId) -> Result<Revision, StoreError> {
        Ok(self.revision_of(object))
    }

    fn holder(&self, unique: &Term) -> Result<Option<ObjectId>, StoreError> {
        Ok(self.unique.get(unique).copied())
    }
}

fn page(places: impl DoubleEndedIterator<Item = Found>, direction: Direction, limit: usize) -> Vec<Found> {
    match direction {
        Direction::Ascending => places.take(limit).collect(),
        Direction::Descending => places.rev().take(limit).collect(),
    }
}

/// A panic under the lock is a panic of the allocator at most: nothing in here can fail half way.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn creation(number: u8) -> Vec<Commit> {
        let body = Body { bytes: vec![number], owes: true, terms: Vec::new(), unique: Vec::new(), forget_at: None };
        let object = ObjectId { id: Id::from_bytes([number; 16]), ..FIRST };
        let write = Write { object, expected: Revision::ABSENT, body: Some(body) };
        vec![Commit { guards: Vec::new(), writes: vec![write] }; 2]
    }

    #[test]
    fn the_kinds_are_sorted_so_that_the_ends_are_the_ends() {
        assert!(Kind::ALL.is_sorted());
    }

    fn now<T>(future: impl Future<Output = T>) -> T {
        future.now_or_never().expect("nothing to wait for")
    }

    #[test]
    fn a_lost_batch_and_one_that_landed_are_answered_alike() {
        let store = MemoryStore::new();
        store.fail_after(1, Fault::Lost);
        store.fail_after(0, Fault::Landed);
        let answers: Vec<_> = (1..=4).map(|number| now(store.commit(creation(number)))).collect();
        let unavailable = |answer: &_| matches!(answer, Err(CommitError::Store(StoreError::Unavailable(_))));
        assert!(answers[0][0].is_ok() && matches!(answers[0][1], Err(CommitError::Conflict(_))), "{answers:?}");
        assert!(answers[1].iter().chain(&answers[2]).all(unavailable), "{answers:?}");
        assert!(answers[3][0].is_ok());
        let there: Vec<_> =
            now(store.owing(None, 9)).expect("answers").iter().map(|object| object.id.bytes()[0]).collect();
        assert_eq!(there, [1, 3, 4]);
    }

    #[test]
    fn an_interrupted_store_does_nothing_until_it_goes_on() {
        let store = MemoryStore::new();
        store.interrupt(true);
        assert!(now(store.commit(creation(1))).iter().all(Result::is_err));
        assert!(matches!(now(store.owing(None, 9)), Err(StoreError::Unavailable(_))));
        store.interrupt(false);
        assert_eq!(now(store.owing(None, 9)), Ok(Vec::new()));
    }
}
