//! What every actor can reach.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::prelude::*;
use chancery_machine::account::Account;
use chancery_machine::authorization::Authorization;
use chancery_machine::certificate::Certificate;
use chancery_machine::challenge::ChallengeType;
use chancery_machine::eab::EabCredential;
use chancery_machine::id::{ID_ENTROPY, Id};
use chancery_machine::network::{Network, NetworkRules};
use chancery_machine::order::Order;
use chancery_machine::profile::AcmeProfile;
use tokio::sync::{Mutex, oneshot};

use crate::crl::Publisher;
use crate::error::TurnError;
use crate::issuer::Issuer;
use crate::journal::Journal;
use crate::place::Turns;
use crate::ports::{Clock, Entropy, Issue, ObjectId, Revision, Store, Urls, Validate};
use crate::profiles::Profiles;
use crate::resident::{Companions, Role, Turn, Versioned, Watch};
use crate::shard::{Deliver, Shard};
use crate::validator::Validator;

/// The adapters behind the ports.
#[derive(Clone)]
pub struct Ports {
    /// Keeps objects.
    pub store: Arc<dyn Store>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes ids, tokens and serial numbers.
    pub entropy: Arc<dyn Entropy>,
    /// Tries challenges.
    pub validate: Arc<dyn Validate>,
    /// Makes certificates and CRLs.
    pub issue: Arc<dyn Issue>,
    /// Knows the URLs of accounts.
    pub urls: Arc<dyn Urls>,
}

/// How the engine behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many event loops the objects are spread over.
    pub shards: usize,
    /// How many threads draft and sign.
    pub issuers: usize,
    /// How long what is over is kept.
    pub retention: Duration,
    /// How long entries of the audit log are kept.
    pub audit_retention: Duration,
    /// How long a CRL is valid; a new one is made at half that time, and at each revocation.
    pub crl_validity: Duration,
    /// How long an object stays in memory that nobody speaks to and that owes nothing.
    pub idle: Duration,
    /// How long before its time an object is woken that left memory until then.
    pub wake: Duration,
    /// Over how long renewals that are due are spread between the engines at one store, so that one of them usually drafts
    /// each; not at all where this is the only one.
    pub spread: Duration,
    /// How often it is looked which CRLs are to be renewed.
    pub look: Duration,
    /// How long an object is left alone that failed again and again.
    pub quarantine: Duration,
    /// Special networks that validation may contact whatever the profile says: loopback, while only this machine can ask.
    pub also_allowed: Vec<Network>,
}

impl Default for Settings {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            shards: cores,
            issuers: cores,
            retention: Duration::from_secs(30 * 86_400),
            audit_retention: Duration::from_secs(3650 * 86_400),
            crl_validity: Duration::from_secs(7 * 86_400),
            idle: Duration::from_secs(20),
            wake: Duration::from_secs(30),
            spread: Duration::ZERO,
            look: Duration::from_secs(60),
            quarantine: Duration::from_secs(300),
            also_allowed: Vec::new(),
        }
    }
}

/// What every actor can reach.
pub(crate) struct World {
    pub(crate) ports: Ports,
    pub(crate) settings: Settings,
    pub(crate) journal: Journal,
    pub(crate) issuer: Issuer,
    pub(crate) profiles: Profiles,
    pub(crate) validators: Vec<(ChallengeType, Addr<Validator>)>,
    /// Asks for CAA records alone.
    pub(crate) caa: Addr<Validator>,
    /// The turns of accounts whose orders are limited.
    pub(crate) turns: Turns,
    /// Whose turn it is to write into the audit log, among those on this node.
    pub(crate) operators: Mutex<()>,
    /// Tells this engine from others at the same store.
    pub(crate) node: [u8; 16],
    /// How many objects are in memory.
    pub(crate) residents: AtomicUsize,
    /// Set once, right after the world is made: the shards and the publisher hold the world themselves.
    pub(crate) actors: OnceLock<Actors>,
}

/// The addresses of the actors that hold the world.
pub(crate) struct Actors {
    pub(crate) accounts: Vec<Addr<Shard<Account>>>,
    pub(crate) orders: Vec<Addr<Shard<Order>>>,
    pub(crate) authorizations: Vec<Addr<Shard<Authorization>>>,
    pub(crate) certificates: Vec<Addr<Shard<Certificate>>>,
    pub(crate) eab_credentials: Vec<Addr<Shard<EabCredential>>>,
    pub(crate) publisher: Addr<Publisher>,
}

/// A kind of object whose shards can be found.
pub(crate) trait Routed: Role {
    fn shards(actors: &Actors) -> &[Addr<Shard<Self>>];
}

macro_rules! routed {
    ($($machine:ty => $field:ident),*) => {$(
        impl Routed for $machine {
            fn shards(actors: &Actors) -> &[Addr<Shard<Self>>] {
                &actors.$field
            }
        }
    )*};
}

routed!(
    Account => accounts,
    Order => orders,
    Authorization => authorizations,
    Certificate => certificates,
    EabCredential => eab_credentials
);

/// How often an event is sent again that met a conflict; nothing was done each time.
const ATTEMPTS: usize = 4;

impl World {
    pub(crate) fn new_id(&self) -> Id {
        let mut entropy = [0; ID_ENTROPY];
        self.ports.entropy.fill(&mut entropy);
        Id::new(self.ports.clock.now(), entropy)
    }

    /// How validation under this profile meets the network.
    pub(crate) fn network(&self, profile: &AcmeProfile) -> Arc<NetworkRules> {
        let mut network = profile.network.clone();
        network.allowed.extend(&self.settings.also_allowed);
        Arc::new(network)
    }

    pub(crate) fn actors(&self) -> Result<&Actors, TurnError> {
        self.actors.get().ok_or_else(|| TurnError::Unavailable("the engine is starting".into()))
    }

    fn shard<M: Routed>(&self, id: Id) -> Result<&Addr<Shard<M>>, TurnError> {
        let shards = M::shards(self.actors()?);
        // The last byte is random, so the objects spread evenly.
        shards
            .get(usize::from(id.bytes()[15]) % shards.len().max(1))
            .ok_or_else(|| TurnError::Unavailable("the engine has no shards".into()))
    }

    fn deliver<M: Routed>(&self, id: Id, deliver: Deliver<M>) -> Result<(), TurnError> {
        self.shard::<M>(id)?.try_send(deliver).map_err(|error| match error {
            SendError::Full(_) => TurnError::Busy,
            SendError::Closed(_) => TurnError::Unavailable("the server is stopping".into()),
        })
    }

    /// Sends an event to an object, and answers with what it became. [`Rejection::Stale`] is no error: then it is
    /// answered as it stands.
    ///
    /// [`Rejection::Stale`]: chancery_machine::rejection::Rejection::Stale
    pub(crate) async fn send<M: Routed>(
        &self,
        id: Id,
        event: M::Event,
        guards: &[(ObjectId, Revision)],
    ) -> Result<Versioned<M>, TurnError> {
        self.send_with(id, event, guards, || Box::new(|_, _| Vec::new())).await
    }

    /// The same; the step is committed with what `companions` adds to it, or not at all.
    pub(crate) async fn send_with<M: Routed>(
        &self,
        id: Id,
        event: M::Event,
        guards: &[(ObjectId, Revision)],
        companions: impl Fn() -> Companions<M>,
    ) -> Result<Versioned<M>, TurnError> {
        for _ in 0..ATTEMPTS {
            let (reply, answer) = oneshot::channel();
            let turn = Turn { event: event.clone(), guards: guards.to_vec(), companions: companions(), reply };
            self.deliver(id, Deliver::Turn(id, turn))?;
            match answer.await {
                Ok(Err(TurnError::Conflict)) => {}
                Ok(outcome) => return outcome,
                // The object left memory with the message in its mailbox: because it does not exist, or it failed.
                Err(_) => {
                    crate::resident::load::<M>(self, id).await?;
                    return Err(TurnError::Unavailable("the object's actor failed".into()));
                }
            }
        }
        Err(TurnError::Conflict)
    }

    /// Waits until an object is past a revision; `None` if it is not known to be.
    pub(crate) async fn watch<M: Routed>(&self, id: Id, beyond: Revision) -> Option<Versioned<M>> {
        let (reply, answer) = oneshot::channel();
        self.deliver(id, Deliver::Watch(id, Watch { beyond, reply })).ok()?;
        answer.await.ok()
    }

    /// Has an object perform what it owes, waiting where its shard is busy.
    pub(crate) async fn wake<M: Routed>(&self, id: Id) -> Result<(), TurnError> {
        let gone = |_| TurnError::Unavailable("the server is stopping".into());
        self.shard::<M>(id)?.send(Deliver::Wake(id)).await.map_err(gone)
    }
}
