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
        let at = self.now();
        // A sighting that is lost is of no account: the next one says more.
        let _ = self.sightings.try_send(Saw { account, at });
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
        let stored = stored(&self.world, account).await?.map(|(_, sighting)| sighting.last_seen);
        Ok(remembered.max(stored))
    }
}

struct Saw {
    account: AccountId,
    at: Timestamp,
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
}

/// The actor that remembers them.
pub(crate) struct Sightings {
    world: Arc<World>,
    accounts: HashMap<AccountId, Remembered>,
}

impl Sightings {
    pub(crate) fn new(world: Arc<World>, ctx: &mut Context<Self>) -> Self {
        ctx.set_mailbox_capacity(MAILBOX);
        Self { world, accounts: HashMap::new() }
    }

    /// Takes what is to be written, and forgets what was written long enough ago.
    fn due(&mut self, now: Timestamp, all: bool) -> Vec<(AccountId, Timestamp)> {
        self.accounts
            .retain(|_, known| known.written.is_none_or(|written| known.seen > written || now.since(written) < STANDS));
        let mut due = Vec::new();
        for (account, known) in &mut self.accounts {
            let stands = known.written.is_some_and(|written| now.since(written) < STANDS);
            if known.written.is_none_or(|written| known.seen > written) && (all || !stands) {
                // Taken for written: whether it is is not worth another try.
                known.written = Some(known.seen);
                due.push((*account, known.seen));
            }
        }
        due
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

    fn handle(&mut self, Saw { account, at }: Saw, _: &mut Self::Context) {
        if let Some(known) = self.accounts.get_mut(&account) {
            known.seen = known.seen.max(at);
        } else if self.accounts.len() < REMEMBERED {
            self.accounts.insert(account, Remembered { seen: at, written: None });
        }
    }
}

impl Handler<Recall> for Sightings {
    type Result = ();

    fn handle(&mut self, Recall { account, reply }: Recall, _: &mut Self::Context) {
        let _ = reply.send(self.accounts.get(&account).map(|known| known.seen));
    }
}

impl Handler<WriteDown> for Sightings {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, WriteDown { done }: WriteDown, _: &mut Self::Context) -> Self::Result {
        let due = self.due(self.world.ports.clock.now(), done.is_some());
        let world = Arc::clone(&self.world);
        Box::pin(async move {
            for some in due.chunks(AT_ONCE) {
                let written = join_all(some.iter().map(|(account, seen)| write(&world, *account, *seen))).await;
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
async fn write(world: &World, account: AccountId, seen: Timestamp) -> Result<(), StoreError> {
    let (expected, before) = match stored(world, account).await? {
        Some((revision, before)) => (revision, Some(before.last_seen)),
        None => (Revision::ABSENT, None),
    };
    if before.is_some_and(|before| seen <= before) {
        return Ok(());
    }
    let body = Body {
        bytes: snapshot::encode(&Sighting { last_seen: seen }),
        owes: false,
        terms: Vec::new(),
        unique: Vec::new(),
        // It stays as long as the account does: for ever.
        forget_at: None,
    };
    let writes = vec![Write { object: object(account), expected, body: Some(body) }];
    match world.journal.commit(Commit { guards: Vec::new(), writes }).await {
        Ok(()) | Err(CommitError::Conflict(_) | CommitError::Taken { .. }) => Ok(()),
        Err(CommitError::Store(error)) => Err(error),
    }
}

async fn stored(world: &World, account: AccountId) -> Result<Option<(Revision, Sighting)>, StoreError> {
    let object = object(account);
    let Some(stored) = world.ports.store.load(object).await? else { return Ok(None) };
    let sighting = snapshot::decode(&stored.bytes).map_err(|bad| StoreError::Corrupt(format!("{object}: {bad}")))?;
    Ok(Some((stored.revision, sighting)))
}

/// The record has the account's id.
const fn object(account: AccountId) -> ObjectId {
    ObjectId { kind: Kind::Sighting, id: account.0 }
}
