//! The journal: one thread that takes every waiting commit into one transaction.
//!
//! An embedded store has one writer, and making a transaction durable costs the same for one commit as for a hundred. So
//! whatever has arrived while the last transaction was on its way to the disk goes into the next one: the batch grows by
//! itself with the load, and each caller hears back only when its bytes are on the disk.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread;

use futures::FutureExt;
use tokio::sync::{mpsc, oneshot};

use crate::ports::{Commit, CommitError, Store, StoreError};

/// How many commits one transaction takes.
const BATCH: usize = 1024;

/// How many commits may wait; a commit past that waits for its place.
const QUEUE: usize = 8192;

struct Entry {
    commit: Commit,
    reply: oneshot::Sender<Result<(), CommitError>>,
}

/// A handle on the journal; the thread ends when the last one is dropped and every commit is answered.
#[derive(Clone)]
pub(crate) struct Journal {
    entries: mpsc::Sender<Entry>,
}

/// The journal's thread, to be joined once every handle is dropped.
pub(crate) struct JournalThread(thread::JoinHandle<()>);

impl JournalThread {
    /// Waits until every commit is answered. `false` if the thread panicked.
    #[must_use]
    pub(crate) fn join(self) -> bool {
        self.0.join().is_ok()
    }
}

impl Journal {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where the system has no thread or event loop to give.
    pub(crate) fn start(store: Arc<dyn Store>) -> std::io::Result<(Self, JournalThread)> {
        let (entries, queue) = mpsc::channel(QUEUE);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread =
            thread::Builder::new().name("journal".into()).spawn(move || runtime.block_on(write(&*store, queue)))?;
        Ok((Self { entries }, JournalThread(thread)))
    }

    /// Commits, and answers when it is durable.
    ///
    /// # Errors
    /// [`CommitError`]; after [`CommitError::Store`] it is not known whether the commit landed.
    pub(crate) async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        let (reply, answer) = oneshot::channel();
        let gone = || CommitError::Store(StoreError::Unavailable("the journal has stopped".into()));
        self.entries.send(Entry { commit, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

async fn write(store: &dyn Store, mut queue: mpsc::Receiver<Entry>) {
    let mut entries = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut entries, BATCH).await > 0 {
        let (commits, replies): (Vec<_>, Vec<_>) = entries.drain(..).map(|entry| (entry.commit, entry.reply)).unzip();
        let size = commits.len();
        // One batch that panics the store must not end every later one.
        let outcomes =
            AssertUnwindSafe(async { store.commit(commits).await }).catch_unwind().await.unwrap_or_else(|_| {
                let panicked = StoreError::Unavailable("the store panicked; the log says where".into());
                vec![Err(CommitError::Store(panicked)); size]
            });
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            // Nobody listens any more: the commit is done all the same.
            let _ = reply.send(outcome);
        }
    }
}
