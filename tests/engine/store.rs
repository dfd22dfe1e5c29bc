//! A store around a store: it counts commits, and makes the one that a test names fail in the way that it names.

use std::collections::BTreeSet;
use std::panic::panic_any;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chancery_actors::ports::{
    Body, Commit, CommitError, Direction, Found, Kind, ObjectId, Range, Revision, Store, StoreError, Stored, Term,
    Write,
};
use chancery_machine::time::Timestamp;
use tokio::sync::Semaphore;

use super::doubles::locked;

/// How a commit fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It was not done.
    Lost,
    /// It was done, and the answer was lost.
    Landed,
    /// It was not done, and the process dies: nothing more is done or answered.
    DiedBefore,
    /// It was done, and then the process died.
    DiedAfter,
    /// The store panics.
    Panicked,
}

/// The store around a store.
pub(crate) struct FaultyStore {
    inner: Arc<dyn Store>,
    /// Commits so far, each counted for itself.
    commits: AtomicUsize,
    /// The commit that fails, and how.
    plan: Mutex<Option<(usize, Fault)>>,
    dead: AtomicBool,
    /// What cannot be read.
    corrupt: Mutex<BTreeSet<ObjectId>>,
    /// What panics when it is read.
    explosive: Mutex<BTreeSet<ObjectId>>,
    loads: AtomicUsize,
    /// Batches wait here while it has no place.
    gate: Semaphore,
}

impl FaultyStore {
    pub(crate) fn around(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            commits: AtomicUsize::new(0),
            plan: Mutex::new(None),
            dead: AtomicBool::new(false),
            corrupt: Mutex::default(),
            explosive: Mutex::default(),
            loads: AtomicUsize::new(0),
            gate: Semaphore::new(1),
        }
    }

    /// Lets the commit with this number, from 0, fail.
    pub(crate) fn fail(&self, commit: usize, fault: Fault) {
        *locked(&self.plan) = Some((commit, fault));
    }

    /// How many commits there were.
    pub(crate) fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }

    /// Fails no commit any more.
    pub(crate) fn spare(&self) {
        *locked(&self.plan) = None;
    }

    /// Whether the planned failure has come.
    pub(crate) fn failed(&self) -> bool {
        locked(&self.plan).is_none()
    }

    pub(crate) fn dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// As a store that stands behind a new process, or that cannot be reached.
    pub(crate) fn set_dead(&self, dead: bool) {
        self.dead.store(dead, Ordering::SeqCst);
    }

    pub(crate) fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    pub(crate) fn corrupt(&self, object: ObjectId, corrupt: bool) {
        mark(&self.corrupt, object, corrupt);
    }

    pub(crate) fn explosive(&self, object: ObjectId, explosive: bool) {
        mark(&self.explosive, object, explosive);
    }

    /// Lets commits wait, or go on.
    pub(crate) async fn hold(&self) -> tokio::sync::SemaphorePermit<'_> {
        self.gate.acquire().await.expect("never closed")
    }

    /// Takes an object away behind the engine's back.
    pub(crate) async fn remove(&self, object: ObjectId) {
        self.tamper(object, |_| None).await;
    }

    /// Makes something else of an object's bytes behind the engine's back.
    pub(crate) async fn tamper(&self, object: ObjectId, change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) {
        let stored = self.inner.load(object).await.expect("loads").expect("is there");
        let write = Write { object, expected: stored.revision, body: change(stored.bytes).map(Body::plain) };
        self.through(Commit { guards: Vec::new(), writes: vec![write] }).await.expect("tampers");
    }

    fn alive(&self) -> Result<(), StoreError> {
        if self.dead() { Err(StoreError::Unavailable("dead on purpose".into())) } else { Ok(()) }
    }

    async fn one(&self, commit: Commit) -> Result<(), CommitError> {
        self.alive()?;
        let number = self.commits.fetch_add(1, Ordering::SeqCst);
        let fault = locked(&self.plan).take_if(|(planned, _)| *planned == number).map(|(_, fault)| fault);
        let gone = || Err(StoreError::Unavailable(format!("commit {number} fails on purpose")).into());
        match fault {
            None => self.through(commit).await,
            Some(Fault::Lost) => gone(),
            Some(Fault::Landed) => self.through(commit).await.and_then(|()| gone()),
            Some(Fault::DiedBefore) => {
                self.set_dead(true);
                gone()
            }
            Some(Fault::DiedAfter) => {
                let landed = self.through(commit).await;
                self.set_dead(true);
                landed.and_then(|()| gone())
            }
            Some(Fault::Panicked) => panic_any("the store panics on purpose"),
        }
    }

    async fn through(&self, commit: Commit) -> Result<(), CommitError> {
        self.inner.commit(vec![commit]).await.pop().expect("one answer for one commit")
    }
}

fn mark(set: &Mutex<BTreeSet<ObjectId>>, object: ObjectId, marked: bool) {
    if marked {
        locked(set).insert(object);
    } else {
        locked(set).remove(&object);
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn load(&self, object: ObjectId) -> Result<Option<Stored>, StoreError> {
        self.alive()?;
        self.loads.fetch_add(1, Ordering::SeqCst);
        if locked(&self.explosive).contains(&object) {
            panic_any("reading panics on purpose");
        }
        if locked(&self.corrupt).contains(&object) {
            return Err(StoreError::Corrupt("damaged on purpose".into()));
        }
        self.inner.load(object).await
    }

    async fn commit(&self, batch: Vec<Commit>) -> Vec<Result<(), CommitError>> {
        let _place = self.gate.acquire().await.expect("never closed");
        let mut answers = Vec::with_capacity(batch.len());
        for commit in batch {
            answers.push(self.one(commit).await);
        }
        answers
    }

    async fn find(&self, unique: &Term) -> Result<Option<ObjectId>, StoreError> {
        self.alive()?;
        self.inner.find(unique).await
    }

    async fn list(&self, term: &Term, after: Option<ObjectId>, limit: usize) -> Result<Vec<ObjectId>, StoreError> {
        self.alive()?;
        self.inner.list(term, after, limit).await
    }

    async fn scan(&self, kind: Kind, after: Option<ObjectId>, limit: usize) -> Result<Vec<ObjectId>, StoreError> {
        self.inner.scan(kind, after, limit).await
    }

    async fn walk(
        &self,
        range: &Range,
        direction: Direction,
        after: Option<&Found>,
        limit: usize,
    ) -> Result<Vec<Found>, StoreError> {
        self.alive()?;
        self.inner.walk(range, direction, after, limit).await
    }

    async fn owing(&self, after: Option<ObjectId>, limit: usize) -> Result<Vec<ObjectId>, StoreError> {
        self.alive()?;
        self.inner.owing(after, limit).await
    }

    async fn forgettable(&self, now: Timestamp, limit: usize) -> Result<Vec<(ObjectId, Revision)>, StoreError> {
        self.alive()?;
        self.inner.forgettable(now, limit).await
    }
}
