//! One object in memory, and its turn: apply, commit, reply, perform.
//!
//! The turn is the same for every kind of object. What differs between them (under which terms they are found, how
//! their effects are performed) is their [`Role`].

use std::fmt::Debug;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::prelude::*;
use actix::{AtomicResponse, WrapFuture};
use chancery_machine::account::Account;
use chancery_machine::id::Id;
use chancery_machine::machine::Machine;
use chancery_machine::rejection::Rejection;
use chancery_machine::snapshot::{self, Snapshot};
use chancery_machine::time::Timestamp;
use futures::FutureExt as _;
use tokio::sync::oneshot;
use tracing::{debug, error, warn};

use crate::error::{LoadError, TurnError};
use crate::ports::{Body, Commit, CommitError, Kind, ObjectId, Revision, Store, StoreError, Write};
use crate::shard::{Cause, Gone, Retire, Shard};
use crate::world::World;

/// How many messages may wait for one object.
const MAILBOX: usize = 64;

/// How many callers may wait for the next change of one object.
const WATCHERS: usize = 64;

/// The pauses before an effect is performed again that could not be: doubled each time up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(60);

/// What the engine needs to know of a kind of object beyond its machine.
pub(crate) trait Role:
    Machine<Event: Send + Unpin, Effect: Send + Sync + Unpin> + Snapshot + Unpin + Send + Sync + 'static
{
    /// Its place in the store.
    const KIND: Kind;

    /// What the store keeps of this state.
    fn body(&self, world: &World) -> Body;

    /// When to perform the effect; at once if `None`.
    fn due(_effect: &Self::Effect) -> Option<Timestamp> {
        None
    }

    /// Until when the object need not be in memory though it owes something: its body has the term [`terms::due`] of this
    /// moment, by which it is woken ([`crate::alarm`]).
    ///
    /// [`terms::due`]: crate::terms::due
    fn asleep_until(&self) -> Option<Timestamp> {
        None
    }

    /// Performs an effect that `state` owes.
    fn perform(world: Arc<World>, id: Id, state: Self, effect: Self::Effect) -> Performance<Self>;
}

/// An effect under way.
pub(crate) type Performance<M> = Pin<Box<dyn Future<Output = Performed<M>> + Send>>;

/// How performing an effect ended.
pub(crate) enum Performed<M: Machine> {
    /// It is done, and this is what happened; the writes are committed with the step, or not at all.
    Done(M::Event, Vec<Write>),
    /// It could not be done now.
    Again(String),
}

/// An object at a revision.
#[derive(Clone, Debug)]
pub struct Versioned<M> {
    /// Its name.
    pub id: Id,
    /// Its revision.
    pub revision: Revision,
    /// Its state.
    pub state: M,
}

impl<M> Versioned<M> {
    /// As a commit expects it that changes it.
    pub(crate) fn write(&self, kind: Kind, body: Option<Body>) -> Write {
        Write { object: ObjectId { kind, id: self.id }, expected: self.revision, body }
    }
}

impl Versioned<Account> {
    /// The account and its revision, as a commit guards it that must not land once the account has changed.
    #[must_use]
    pub const fn guard(&self) -> (ObjectId, Revision) {
        (ObjectId { kind: Kind::Account, id: self.id }, self.revision)
    }
}

/// The write that makes a new object.
pub(crate) fn creation<M: Role>(world: &World, id: Id, state: &M) -> Write {
    let object = ObjectId { kind: M::KIND, id };
    Write { object, expected: Revision::ABSENT, body: Some(state.body(world)) }
}

/// Reads an object from the store.
pub(crate) async fn load<M: Role>(world: &World, id: Id) -> Result<Versioned<M>, LoadError> {
    read(&*world.ports.store, ObjectId { kind: M::KIND, id }).await?.ok_or(LoadError::Absent)
}

/// Reads what is kept as a snapshot, a machine or a record.
pub(crate) async fn read<T: Snapshot>(store: &dyn Store, object: ObjectId) -> Result<Option<Versioned<T>>, StoreError> {
    let Some(stored) = store.load(object).await? else { return Ok(None) };
    let state = snapshot::decode(&stored.bytes).map_err(|bad| StoreError::Corrupt(format!("{object}: {bad}")))?;
    Ok(Some(Versioned { id: object.id, revision: stored.revision, state }))
}

/// What else a step commits, given the state before and the state after it.
pub(crate) type Companions<M> = Box<dyn FnOnce(&M, &M) -> Vec<Write> + Send>;

/// One event for one object.
pub(crate) struct Turn<M: Role> {
    pub(crate) event: M::Event,
    /// Other objects that must be unchanged.
    pub(crate) guards: Vec<(ObjectId, Revision)>,
    pub(crate) companions: Companions<M>,
    pub(crate) reply: oneshot::Sender<Result<Versioned<M>, TurnError>>,
}

/// Answers with the object once its revision is past `beyond`. The reply is dropped where too many wait.
pub(crate) struct Watch<M: Role> {
    pub(crate) beyond: Revision,
    pub(crate) reply: oneshot::Sender<Versioned<M>>,
}

/// Nothing more will be sent: the object may leave memory.
pub(crate) struct Leave;

impl<M: Role> Message for Turn<M> {
    type Result = ();
}

impl<M: Role> Message for Watch<M> {
    type Result = ();
}

impl Message for Leave {
    type Result = ();
}

/// What a performance came to.
struct Outcome<M: Role> {
    effect: M::Effect,
    performed: Performed<M>,
}

impl<M: Role> Message for Outcome<M> {
    type Result = ();
}

/// An effect that is being performed, or waits for its time; dropping it ends that.
struct Debt<M: Role> {
    effect: M::Effect,
    failures: u32,
    task: tokio::task::JoinHandle<()>,
}

impl<M: Role> Drop for Debt<M> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Tells the shard that the object left memory, even when a panic took it.
struct Obituary<M: Role> {
    shard: Addr<Shard<M>>,
    id: Id,
    incarnation: u64,
    cause: Option<Cause>,
    world: Arc<World>,
}

impl<M: Role> Drop for Obituary<M> {
    fn drop(&mut self) {
        self.world.residents.fetch_sub(1, Ordering::Relaxed);
        let cause = self.cause.take().unwrap_or_else(|| Cause::Failed("it panicked".into()));
        // Not reachable by clients: one for each life.
        self.shard.do_send(Gone { id: self.id, incarnation: self.incarnation, cause });
    }
}

/// An object in memory.
pub(crate) struct Resident<M: Role> {
    world: Arc<World>,
    id: Id,
    current: Option<Versioned<M>>,
    debts: Vec<Debt<M>>,
    watchers: Vec<Watch<M>>,
    obituary: Obituary<M>,
    /// How many messages the shard has sent that arrived here.
    received: u64,
    /// The value of `received` when idleness was looked at last.
    looked_at: u64,
}

impl<M: Role> Resident<M> {
    /// Loads an object into memory. It can take messages at once, and answers when it is loaded.
    pub(crate) fn begin(world: Arc<World>, shard: Addr<Shard<M>>, id: Id, incarnation: u64) -> Addr<Self> {
        world.residents.fetch_add(1, Ordering::Relaxed);
        let obituary = Obituary { shard, id, incarnation, cause: None, world: Arc::clone(&world) };
        let resident = Self {
            world,
            id,
            current: None,
            debts: Vec::new(),
            watchers: Vec::new(),
            obituary,
            received: 0,
            looked_at: u64::MAX,
        };
        Self::create(|ctx| {
            // Before the first message: `started` runs only when the event loop comes to it.
            ctx.set_mailbox_capacity(MAILBOX);
            resident
        })
    }

    fn end(&mut self, ctx: &mut Context<Self>, cause: Cause) {
        self.obituary.cause = Some(cause);
        // Nothing is done any more on the word of this memory.
        self.current = None;
        ctx.stop();
    }

    /// One turn. Commits before it replies, replies before it acts.
    fn turn(
        &mut self,
        event: M::Event,
        guards: Vec<(ObjectId, Revision)>,
        companions: Companions<M>,
        reply: Option<oneshot::Sender<Result<Versioned<M>, TurnError>>>,
    ) -> ResponseActFuture<Self, ()> {
        let answer = move |outcome: Result<Versioned<M>, TurnError>| {
            if let Some(reply) = reply {
                // A client that hung up changes nothing: what was accepted runs to its end.
                let _ = reply.send(outcome);
            }
        };
        let Some(current) = self.current.as_ref() else {
            // Loading failed, and the actor is on its way out.
            answer(Err(TurnError::Unavailable("the object could not be loaded".into())));
            return Box::pin(fut::ready(()));
        };
        let revision = current.revision;
        let object = ObjectId { kind: M::KIND, id: self.id };
        // A guard of the object itself is settled here, before the machine is asked.
        let step = if guards.iter().any(|(guarded, seen)| *guarded == object && *seen != revision) {
            Err(Err(TurnError::GuardChanged(object)))
        } else {
            current.state.apply(event, self.world.ports.clock.now()).map_err(|rejection| {
                if rejection == Rejection::Stale { Ok(current.clone()) } else { Err(TurnError::Rejected(rejection)) }
            })
        };
        let step = match step {
            Ok(step) => step,
            Err(refusal) => return self.refuse(revision, refusal, answer),
        };
        let mut writes = vec![Write { object, expected: revision, body: Some(step.next.body(&self.world)) }];
        writes.extend(companions(&current.state, &step.next));
        let world = Arc::clone(&self.world);
        let commit = async move { world.journal.commit(Commit { guards, writes }).await };
        let next = step.next;
        Box::pin(commit.into_actor(self).map(move |outcome, actor, ctx| match outcome {
            Ok(()) => {
                let changed = Versioned { id: actor.id, revision: revision.next(), state: next };
                debug!(object = %object, revision = changed.revision.0, "committed");
                actor.current = Some(changed.clone());
                actor.tell_watchers(&changed);
                answer(Ok(changed));
                actor.settle(ctx);
            }
            Err(CommitError::Taken { holder, .. }) => answer(Err(TurnError::Taken(holder))),
            Err(CommitError::Conflict(other)) if other != object => answer(Err(TurnError::GuardChanged(other))),
            // Somebody else wrote this object, or nobody knows: memory is worth nothing now.
            Err(CommitError::Conflict(_)) => {
                answer(Err(TurnError::Conflict));
                actor.end(ctx, Cause::Overtaken);
            }
            Err(CommitError::Store(error)) => {
                answer(Err(TurnError::Unavailable(error.to_string())));
                actor.end(ctx, error.into());
            }
        }))
    }

    /// Answers that there is no step, unless memory is behind the store: another engine may have written the object, and
    /// then nobody but a commit would ever notice.
    fn refuse(
        &self,
        revision: Revision,
        refusal: Result<Versioned<M>, TurnError>,
        answer: impl FnOnce(Result<Versioned<M>, TurnError>) + 'static,
    ) -> ResponseActFuture<Self, ()> {
        let world = Arc::clone(&self.world);
        let id = self.id;
        let stored = async move { load::<M>(&world, id).await };
        Box::pin(stored.into_actor(self).map(move |stored, actor, ctx| match stored {
            Ok(stored) if stored.revision == revision => answer(refusal),
            Ok(_) | Err(LoadError::Absent) => {
                answer(Err(TurnError::Conflict));
                actor.end(ctx, Cause::Overtaken);
            }
            Err(LoadError::Store(error)) => answer(Err(TurnError::Unavailable(error.to_string()))),
        }))
    }

    fn tell_watchers(&mut self, changed: &Versioned<M>) {
        for watcher in std::mem::take(&mut self.watchers) {
            if changed.revision > watcher.beyond {
                let _ = watcher.reply.send(changed.clone());
            } else {
                self.watchers.push(watcher);
            }
        }
    }

    /// Brings what is being performed in line with what is owed.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        let Some(current) = &self.current else { return };
        let owed = current.state.owed();
        self.debts.retain(|debt| owed.contains(&debt.effect));
        for effect in owed {
            if !self.debts.iter().any(|debt| debt.effect == effect) {
                let wait = M::due(&effect).map_or(Duration::ZERO, |due| due.since(self.world.ports.clock.now()));
                self.perform(ctx, effect, wait, 0);
            }
        }
    }

    fn perform(&mut self, ctx: &Context<Self>, effect: M::Effect, wait: Duration, failures: u32) {
        let Some(current) = &self.current else { return };
        let performance = M::perform(Arc::clone(&self.world), self.id, current.state.clone(), effect.clone());
        let address = ctx.address();
        let for_outcome = effect.clone();
        // What has failed before is past its time.
        let (world, due) = (Arc::clone(&self.world), M::due(&effect).filter(|_| failures == 0));
        let task = actix_rt::spawn(async move {
            pause(&world, wait, due).await;
            // Whatever happens, an outcome comes: else the debt would stand here for ever, and nobody would pay it.
            let performed = AssertUnwindSafe(performance).catch_unwind().await;
            let performed = performed.unwrap_or_else(|_| Performed::Again("it panicked; the log says where".into()));
            // Bounded by the number of debts, so the mailbox cannot grow by it.
            address.do_send(Outcome { effect: for_outcome, performed });
        });
        self.debts.push(Debt { effect, failures, task });
    }

    fn again(&mut self, ctx: &Context<Self>, effect: M::Effect, reason: &str) {
        let failures = self.debts.iter().find(|debt| debt.effect == effect).map_or(0, |debt| debt.failures);
        self.debts.retain(|debt| debt.effect != effect);
        let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(LAST_PAUSE);
        if failures < 4 {
            debug!(kind = ?M::KIND, id = %self.id, reason, "an effect could not be performed; it is tried again");
        } else {
            warn!(kind = ?M::KIND, id = %self.id, ?effect, failures, reason, "an effect keeps failing; it is tried again");
        }
        self.perform(ctx, effect, pause, failures.saturating_add(1));
    }

    /// Whether there are no debts, or none before the object is woken again.
    fn owes_nothing_yet(&self) -> bool {
        let waking = self.world.ports.clock.now().plus(self.world.settings.wake);
        let asleep = || self.current.as_ref().and_then(|current| current.state.asleep_until());
        self.debts.is_empty() || asleep().is_some_and(|until| until > waking)
    }

    fn look_for_idleness(&mut self, ctx: &mut Context<Self>) {
        self.watchers.retain(|watcher| !watcher.reply.is_closed());
        let idle = self.owes_nothing_yet() && self.watchers.is_empty() && self.received == self.looked_at;
        if idle {
            self.obituary.shard.do_send(Retire { id: self.id, received: self.received });
        }
        self.looked_at = self.received;
        ctx.run_later(self.world.settings.idle, Self::look_for_idleness);
    }
}

/// Waits for so long, or until the clock says that the time has come: it may be set, and timers stand still while a machine
/// sleeps.
async fn pause(world: &World, mut left: Duration, due: Option<Timestamp>) {
    while !left.is_zero() && due.is_none_or(|due| world.ports.clock.now() < due) {
        let some = left.min(world.settings.wake);
        tokio::time::sleep(some).await;
        left = left.saturating_sub(some);
    }
}

impl<M: Role> Actor for Resident<M> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let world = Arc::clone(&self.world);
        let id = self.id;
        let loading = async move { load::<M>(&world, id).await };
        ctx.wait(loading.into_actor(self).map(|loaded, actor, ctx| match loaded {
            Ok(current) => {
                actor.current = Some(current);
                actor.settle(ctx);
                ctx.run_later(actor.world.settings.idle, Self::look_for_idleness);
            }
            Err(LoadError::Absent) => actor.end(ctx, Cause::Retired),
            Err(LoadError::Store(failure)) => {
                error!(kind = ?M::KIND, id = %actor.id, %failure, "an object could not be loaded");
                actor.end(ctx, failure.into());
            }
        }));
    }
}

impl<M: Role> Handler<Turn<M>> for Resident<M> {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Turn { event, guards, companions, reply }: Turn<M>, _: &mut Self::Context) -> Self::Result {
        self.received += 1;
        AtomicResponse::new(self.turn(event, guards, companions, Some(reply)))
    }
}

impl<M: Role> Handler<Watch<M>> for Resident<M> {
    type Result = ();

    fn handle(&mut self, watch: Watch<M>, _: &mut Self::Context) {
        self.received += 1;
        let Some(current) = &self.current else { return };
        if current.revision > watch.beyond {
            let _ = watch.reply.send(current.clone());
        } else if self.watchers.len() < WATCHERS {
            self.watchers.push(watch);
        }
    }
}

impl<M: Role> Handler<Outcome<M>> for Resident<M> {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Outcome { effect, performed }: Outcome<M>, ctx: &mut Self::Context) -> Self::Result {
        match performed {
            Performed::Done(event, companions) => {
                let turn = self.turn(event, Vec::new(), Box::new(move |_, _| companions), None);
                // Owed all the same: the outcome did not settle it, so it is tried again later, not at once for ever.
                AtomicResponse::new(Box::pin(turn.map(move |(), actor: &mut Self, ctx: &mut Context<Self>| {
                    if actor.current.as_ref().is_some_and(|current| current.state.owed().contains(&effect)) {
                        actor.again(ctx, effect, "its outcome did not settle it");
                    }
                })))
            }
            Performed::Again(reason) => {
                self.again(ctx, effect, &reason);
                AtomicResponse::new(Box::pin(fut::ready(())))
            }
        }
    }
}

impl<M: Role> Handler<Leave> for Resident<M> {
    type Result = ();

    fn handle(&mut self, _: Leave, ctx: &mut Self::Context) {
        self.end(ctx, Cause::Retired);
    }
}
