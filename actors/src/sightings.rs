//! When accounts were seen last: remembered as requests come, written down from time to time, and never on a request's
//! path.

use std::collections::HashMap;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use actix::prelude::*;
use chancery_machine::account::Sighting;
use chancery_machine::id::AccountId;
use chancery_machine::snapshot;
use chancery_machine::time::Timestamp;
use futures::future::join_all;
use tokio::sync::oneshot;
use tracing::debug;

use crate::engine::Engine;
use crate::ports::{Body, Commit, CommitError, Kind, ObjectId, Revision, StoreError, Write};
use crate::resident::{Versioned, read};
use crate::world::World;

/// How many accounts are remembered. Where more are seen between two rounds of writing, the rest goes unnoticed until
/// the next.
const REMEMBERED: usize = 65_536;

/// How many sightings may wait to be remembered; what comes on top goes unnoticed.
const MAILBOX: usize = 4096;

/// How often they are written down.
const ROUND: Duration = Duration::from_secs(30);

/// How long an account's record stands before it is written again.
const STANDS: Duration = Duration::from_secs(60);

/// How many are written at a time.
const AT_ONCE: usize = 256;

impl Engine {
    /// An account has sent a request. Never waits; where too many come at once, some go unnoticed.
    pub fn saw(&self, account: AccountId) {
        self.note(account, None);
    }

    /// The same of something that does not last itself: the record is forgotten so long after it was written.
    pub fn saw_passing(&self, passing: AccountId, kept: Duration) {
        self.note(passing, Some(kept));
    }

    fn note(&self, account: AccountId, kept: Option<Duration>) {
        let at = self.now();
        // A sighting that is lost is of no account: the next one says more.
        let _ = self.sightings.try_send(Saw { account, at, kept });
    }

    /// When an account sent its last request, to about a minute where that was on another node; `None` if it never did,
    /// or that was not noticed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_seen(&self, account: AccountId) -> Result<Option<Timestamp>, StoreError> {
        let (reply, remembered) = oneshot::channel();
        // Without an answer there is still the store.
        let _ = self.sightings.try_send(Recall { account, reply });
        let remembered = remembered.await.ok().flatten();
        let stored = stored(&self.world, account).await?.map(|sighting| sighting.state.last_seen);
        Ok(remembered.max(stored))
    }
}

struct Saw {
    account: AccountId,
    at: Timestamp,
    kept: Option<Duration>,
}

struct Recall {
    account: AccountId,
    reply: oneshot::Sender<Option<Timestamp>>,
}

/// Writes down what is due, or, with somebody who waits for it, everything.
pub(crate) struct WriteDown {
    pub(crate) done: Option<mpsc::Sender<()>>,
}

impl Message for Saw {
    type Result = ();
}

impl Message for Recall {
    type Result = ();
}

impl Message for WriteDown {
    type Result = ();
}

/// What is known of one account.
struct Remembered {
    seen: Timestamp,
    written: Option<Timestamp>,
    kept: Option<Duration>,
}

/// What is to be written of one: for ever, or for so long.
type Due = (AccountId, Timestamp, Option<Duration>);

/// What is known of many.
#[derive(Default)]
struct Memory(HashMap<AccountId, Remembered>);

/// The actor that remembers them.
pub(crate) struct Sightings {
    world: Arc<World>,
    memory: Memory,
}

impl Sightings {
    pub(crate) fn new(world: Arc<World>, ctx: &mut Context<Self>) -> Self {
        ctx.set_mailbox_capacity(MAILBOX);
        Self { world, memory: Memory::default() }
    }
}

impl Memory {
    fn see(&mut self, account: AccountId, at: Timestamp, kept: Option<Duration>) {
        if let Some(known) = self.0.get_mut(&account) {
            known.seen = known.seen.max(at);
        } else if self.0.len() < REMEMBERED {
            self.0.insert(account, Remembered { seen: at, written: None, kept });
        }
    }

    fn recall(&self, account: AccountId) -> Option<Timestamp> {
        self.0.get(&account).map(|known| known.seen)
    }

    /// Takes what is to be written, and forgets what was written long enough ago.
    fn due(&mut self, now: Timestamp, all: bool) -> Vec<Due> {
        self.0.retain(|_, known| known.news() || known.stands(now));
        let mut due = Vec::new();
        for (account, known) in &mut self.0 {
            if known.news() && (all || !known.stands(now)) {
                // Taken for written: whether it is is not worth another try.
                known.written = Some(known.seen);
                due.push((*account, known.seen, known.kept));
            }
        }
        due
    }
}

impl Remembered {
    fn news(&self) -> bool {
        self.written.is_none_or(|written| self.seen > written)
    }

    fn stands(&self, now: Timestamp) -> bool {
        self.written.is_some_and(|written| now.since(written) < STANDS)
    }
}

impl Actor for Sightings {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(ROUND, |_, ctx| ctx.notify(WriteDown { done: None }));
    }
}

impl Handler<Saw> for Sightings {
    type Result = ();

    fn handle(&mut self, Saw { account, at, kept }: Saw, _: &mut Self::Context) {
        self.memory.see(account, at, kept);
    }
}

impl Handler<Recall> for Sightings {
    type Result = ();

    fn handle(&mut self, Recall { account, reply }: Recall, _: &mut Self::Context) {
        let _ = reply.send(self.memory.recall(account));
    }
}

impl Handler<WriteDown> for Sightings {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, WriteDown { done }: WriteDown, _: &mut Self::Context) -> Self::Result {
        let due = self.memory.due(self.world.ports.clock.now(), done.is_some());
        let world = Arc::clone(&self.world);
        Box::pin(async move {
            for some in due.chunks(AT_ONCE) {
                let written = join_all(some.iter().map(|due| write(&world, *due))).await;
                if let Some(error) = written.into_iter().find_map(Result::err) {
                    debug!(%error, "when accounts were seen last could not be written down");
                    break;
                }
            }
            if let Some(done) = done {
                let _ = done.send(());
            }
        })
    }
}

/// Whoever writes at the same moment, another node, knows as much.
async fn write(world: &World, (account, seen, kept): Due) -> Result<(), StoreError> {
    let (expected, before) = match stored(world, account).await? {
        Some(before) => (before.revision, Some(before.state.last_seen)),
        None => (Revision::ABSENT, None),
    };
    // Another node may have seen it as well.
    if before.is_some_and(|before| seen < before.plus(STANDS)) {
        return Ok(());
    }
    // An account's stays as long as the account does: for ever.
    let forget_at = kept.map(|kept| seen.plus(kept));
    let body = Body { forget_at, ..Body::plain(snapshot::encode(&Sighting { last_seen: seen })) };
    let writes = vec![Write { object: object(account), expected, body: Some(body) }];
    match world.journal.commit(Commit { guards: Vec::new(), writes }).await {
        Ok(()) | Err(CommitError::Conflict(_) | CommitError::Taken { .. }) => Ok(()),
        Err(CommitError::Store(error)) => Err(error),
    }
}

async fn stored(world: &World, account: AccountId) -> Result<Option<Versioned<Sighting>>, StoreError> {
    read(&*world.ports.store, object(account)).await
}

/// The record has the account's id.
const fn object(account: AccountId) -> ObjectId {
    ObjectId { kind: Kind::Sighting, id: account.0 }
}

#[cfg(test)]
mod tests {
    use chancery_machine::id::ID_ENTROPY;

    use super::*;

    fn account(number: u32) -> AccountId {
        let mut entropy = [0; ID_ENTROPY];
        entropy[..4].copy_from_slice(&number.to_be_bytes());
        AccountId::new(Timestamp::EPOCH, entropy)
    }

    const fn at(second: u64) -> Timestamp {
        Timestamp::from_seconds(second)
    }

    #[test]
    fn an_account_is_written_once_a_minute_at_most_and_then_forgotten() {
        let mut memory = Memory::default();
        memory.see(account(1), at(10), None);
        memory.see(account(1), at(9), None);
        assert_eq!(memory.recall(account(1)), Some(at(10)));
        assert_eq!(memory.due(at(30), false), [(account(1), at(10), None)]);
        memory.see(account(1), at(31), None);
        assert_eq!(memory.due(at(60), false), [], "a minute is not over");
        assert_eq!(memory.recall(account(1)), Some(at(31)), "and yet it is known");
        assert_eq!(memory.due(at(90), false), [(account(1), at(31), None)]);
        assert_eq!(memory.due(at(91), false), []);
        assert_eq!(memory.recall(account(1)), None, "nothing new since it was written");
    }

    #[test]
    fn at_the_end_everything_new_is_written() {
        let mut memory = Memory::default();
        memory.see(account(1), at(10), None);
        assert_eq!(memory.due(at(30), false).len(), 1);
        memory.see(account(1), at(31), None);
        assert_eq!(memory.due(at(32), true), [(account(1), at(31), None)]);
        assert_eq!(memory.due(at(32), true), []);
    }

    #[test]
    fn memory_has_an_end() {
        let mut memory = Memory::default();
        for number in 0..70_000 {
            memory.see(account(number), at(10), None);
        }
        assert_eq!(memory.due(at(10), false).len(), REMEMBERED);
        assert_eq!(memory.recall(account(69_999)), None);
        // A minute later there is room.
        memory.due(at(80), false);
        memory.see(account(69_999), at(80), None);
        assert_eq!(memory.recall(account(69_999)), Some(at(80)));
    }
}
