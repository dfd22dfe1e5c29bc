//! Supervision: a shard keeps the objects of one kind whose names fall to it, on one event loop.
//!
//! actix restarts a supervised actor with its old memory, and after a panic not at all; both are wrong here, where memory
//! is a copy of the store. So a shard loads an object when a message for it comes, forgets it when it is idle, and when it
//! dies loads it anew: after a pause that grows, and after repeated deaths only now and then, with a clear line in the log.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use chancery_machine::id::Id;
use tracing::{debug, error, warn};

use crate::error::TurnError;
use crate::ports::StoreError;
use crate::resident::{Leave, Resident, Role, Turn, Watch};
use crate::world::World;

/// How many messages may wait for a shard.
pub(crate) const MAILBOX: usize = 16 * 1024;

/// After so many deaths in a row by its own fault an object is in quarantine.
const FAULTS: u32 = 5;

/// An object that lived so long since its last death is well again.
const WELL: Duration = Duration::from_secs(600);

const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// How long after somebody else wrote an object it is looked whether they left something owed.
const OVERTAKEN: Duration = Duration::from_secs(5);

/// Passes a message on to an object, which is loaded if it is not in memory.
pub(crate) enum Deliver<M: Role> {
    Turn(Id, Turn<M>),
    Watch(Id, Watch<M>),
    /// Makes sure that it is in memory, where it performs what it owes.
    Wake(Id),
}

impl<M: Role> Message for Deliver<M> {
    type Result = ();
}

/// Why an object left memory.
#[derive(Debug)]
pub(crate) enum Cause {
    /// Nobody needs it, or it does not exist.
    Retired,
    /// Somebody else wrote it, so memory was behind.
    Overtaken,
    /// The store did not answer, which is not the object's fault.
    Unavailable(String),
    /// It panicked, or cannot be read.
    Failed(String),
}

impl From<StoreError> for Cause {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable(error.to_string()),
            StoreError::Corrupt(_) => Self::Failed(error.to_string()),
        }
    }
}

/// An object left memory.
pub(crate) struct Gone {
    pub(crate) id: Id,
    pub(crate) incarnation: u64,
    pub(crate) cause: Cause,
}

impl Message for Gone {
    type Result = ();
}

/// An object would like to leave memory, unless more was sent than it has received.
pub(crate) struct Retire {
    pub(crate) id: Id,
    pub(crate) received: u64,
}

impl Message for Retire {
    type Result = ();
}

struct Home<M: Role> {
    address: Addr<Resident<M>>,
    incarnation: u64,
    sent: u64,
}

/// The pause after a death is over.
struct Revive(Id);

impl Message for Revive {
    type Result = ();
}

struct Deaths {
    /// In a row.
    count: u32,
    /// Those that were its own fault.
    faults: u32,
    last: Instant,
    /// Whether a [`Revive`] is on its way: one at a time, however often messages raise and kill the object meanwhile.
    reviving: bool,
}

/// The objects of one kind on one event loop.
pub(crate) struct Shard<M: Role> {
    world: Arc<World>,
    homes: HashMap<Id, Home<M>>,
    deaths: HashMap<Id, Deaths>,
    incarnations: u64,
}

impl<M: Role> Shard<M> {
    pub(crate) fn new(world: Arc<World>) -> Self {
        Self { world, homes: HashMap::new(), deaths: HashMap::new(), incarnations: 0 }
    }

    /// How long the object is still left alone, if it is.
    fn quarantined(&self, id: Id) -> Option<Duration> {
        let deaths = self.deaths.get(&id).filter(|deaths| deaths.faults >= FAULTS)?;
        self.world.settings.quarantine.checked_sub(deaths.last.elapsed()).filter(|left| !left.is_zero())
    }

    fn home(&mut self, id: Id, ctx: &Context<Self>) -> &mut Home<M> {
        if self.homes.get(&id).is_some_and(|home| !home.address.connected()) {
            self.homes.remove(&id);
        }
        self.homes.entry(id).or_insert_with(|| {
            self.incarnations += 1;
            let incarnation = self.incarnations;
            let address = Resident::begin(Arc::clone(&self.world), ctx.address(), id, incarnation);
            Home { address, incarnation, sent: 0 }
        })
    }
}

impl<M: Role> Actor for Shard<M> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(WELL, |shard, _| shard.deaths.retain(|_, deaths| deaths.last.elapsed() < WELL));
    }
}

impl<M: Role> Handler<Deliver<M>> for Shard<M> {
    type Result = ();

    fn handle(&mut self, deliver: Deliver<M>, ctx: &mut Self::Context) {
        let (Deliver::Turn(id, _) | Deliver::Watch(id, _) | Deliver::Wake(id)) = &deliver;
        let id = *id;
        if self.quarantined(id).is_some() {
            if let Deliver::Turn(_, turn) = deliver {
                let why = "the object failed repeatedly and is in quarantine; the server's log says why";
                let _ = turn.reply.send(Err(TurnError::Unavailable(why.into())));
            }
            return;
        }
        let home = self.home(id, ctx);
        match deliver {
            Deliver::Turn(_, turn) => match home.address.try_send(turn) {
                Ok(()) => home.sent += 1,
                Err(SendError::Full(turn)) => {
                    let _ = turn.reply.send(Err(TurnError::Busy));
                }
                // Its reply is dropped, which tells the caller.
                Err(SendError::Closed(_)) => {}
            },
            Deliver::Watch(_, watch) => {
                if home.address.try_send(watch).is_ok() {
                    home.sent += 1;
                }
            }
            Deliver::Wake(_) => {}
        }
    }
}

impl<M: Role> Handler<Gone> for Shard<M> {
    type Result = ();

    fn handle(&mut self, Gone { id, incarnation, cause }: Gone, ctx: &mut Self::Context) {
        if self.homes.get(&id).is_some_and(|home| home.incarnation == incarnation) {
            self.homes.remove(&id);
        }
        let (fault, cause) = match cause {
            Cause::Retired => return,
            Cause::Overtaken => {
                ctx.notify_later(Deliver::Wake(id), OVERTAKEN);
                return;
            }
            Cause::Unavailable(cause) => (false, cause),
            Cause::Failed(cause) => (true, cause),
        };
        let new = || Deaths { count: 0, faults: 0, last: Instant::now(), reviving: false };
        let deaths = self.deaths.entry(id).or_insert_with(new);
        if deaths.last.elapsed() >= WELL {
            (deaths.count, deaths.faults) = (0, 0);
        }
        deaths.count = deaths.count.saturating_add(1);
        deaths.faults = deaths.faults.saturating_add(u32::from(fault));
        deaths.last = Instant::now();
        let pause = if fault && deaths.faults >= FAULTS {
            error!(kind = ?M::KIND, %id, deaths = deaths.count, cause, "an object keeps failing and is put in quarantine");
            self.world.settings.quarantine
        } else {
            warn!(kind = ?M::KIND, %id, deaths = deaths.count, cause, "an object failed; it is loaded again");
            FIRST_PAUSE.saturating_mul(1 << deaths.count.min(8))
        };
        // What it owed is still owed.
        if !std::mem::replace(&mut deaths.reviving, true) {
            ctx.notify_later(Revive(id), pause);
        }
    }
}

impl<M: Role> Handler<Revive> for Shard<M> {
    type Result = ();

    fn handle(&mut self, Revive(id): Revive, ctx: &mut Self::Context) {
        // Messages may have put it in quarantine meanwhile.
        if let Some(left) = self.quarantined(id) {
            ctx.notify_later(Revive(id), left);
            return;
        }
        if let Some(deaths) = self.deaths.get_mut(&id) {
            deaths.reviving = false;
        }
        self.home(id, ctx);
    }
}

impl<M: Role> Handler<Retire> for Shard<M> {
    type Result = ();

    fn handle(&mut self, Retire { id, received }: Retire, _: &mut Self::Context) {
        if self.homes.get(&id).is_some_and(|home| home.sent == received)
            && let Some(home) = self.homes.remove(&id)
        {
            // The last message that this incarnation gets, so nothing is lost behind it.
            home.address.do_send(Leave);
        }
    }
}

impl<M: Role> Drop for Shard<M> {
    fn drop(&mut self) {
        if !self.homes.is_empty() {
            debug!(kind = ?M::KIND, objects = self.homes.len(), "a shard stops; what its objects owe is done at the next start");
        }
    }
}
