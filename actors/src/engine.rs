//! The engine's front: what the wire and the operators' interfaces call.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::prelude::*;
use chancery_machine::account::{Account, AccountBinding, AccountEvent, AccountKey};
use chancery_machine::authorization::{Authorization, AuthorizationEvent};
use chancery_machine::certificate::{Certificate, CertificateEvent, CertificateRecord, RevocationReason};
use chancery_machine::challenge::ChallengeType;
use chancery_machine::crl::Crl;
use chancery_machine::eab::EabCredential;
use chancery_machine::id::{AccountId, AuthorityId, AuthorizationId, CertificateId, EabId, Id, OrderId};
use chancery_machine::order::{Order, OrderEvent};
use chancery_machine::profile::{Endpoint, ProfileName};
use chancery_machine::time::Timestamp;
use tokio::sync::Mutex;
use tracing::info;

use crate::alarm;
use crate::crl::{self, Publisher, Renew};
use crate::error::{LoadError, TurnError};
use crate::issuer::Issuer;
use crate::journal::{Journal, JournalThread};
use crate::news::informed;
use crate::place::Turns;
use crate::ports::{AlternateChain, Commit, Kind, ObjectId, Revision, SignError, StoreError};
use crate::profiles::{ProfileRegistry, ProfileSet};
use crate::resident::{Versioned, creation, load};
use crate::shard::{self, Shard};
use crate::sightings::{Sightings, WriteDown};
use crate::sweep;
use crate::terms;
use crate::validator::Validator;
use crate::world::{Actors, Ports, Routed, Settings, World};

/// How often something is sent again whose account changed meanwhile.
const ATTEMPTS: usize = 5;

/// How long the end waits until it is written down when accounts were seen last.
const SIGHTINGS_PATIENCE: Duration = Duration::from_secs(2);

/// A handle on the running engine; cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct Engine {
    pub(crate) world: Arc<World>,
    pub(crate) registry: Addr<ProfileRegistry>,
    pub(crate) sightings: Addr<Sightings>,
}

/// What keeps the engine running.
pub struct Running {
    arbiters: Vec<Arbiter>,
    journal: JournalThread,
    sightings: Addr<Sightings>,
}

/// An account that a client asks for.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Where.
    pub endpoint: Endpoint,
    /// Under `/acme/raProfile/…`: the ACME Profile that is activated.
    pub acme_profile: Option<ProfileName>,
    /// With which key.
    pub key: AccountKey,
    /// With which contacts.
    pub contacts: Vec<String>,
    /// Whether the terms of service were agreed to.
    pub terms_agreed: bool,
    /// The external account that it is bound to (RFC 8555 section 7.3.4), verified.
    pub binding: Option<AccountBinding>,
}

impl Engine {
    /// Starts the engine; needs a running actix system. What was owed when it stopped last is performed from now on.
    ///
    /// # Errors
    /// Where the system has no thread or event loop to give.
    pub fn start(ports: Ports, settings: Settings) -> std::io::Result<(Self, Running)> {
        let (journal, thread) = Journal::start(Arc::clone(&ports.store))?;
        let shards = settings.shards.max(1);
        let arbiters: Vec<Arbiter> = (0..=shards).map(|_| Arbiter::new()).collect();
        let (service, loops) = arbiters.split_first().ok_or_else(|| std::io::Error::other("no event loop"))?;
        let service = service.handle();

        let (published, profiles) = ProfileRegistry::channel();
        let validator = || {
            let port = Arc::clone(&ports.validate);
            Validator::start_in_arbiter(&service, |_| Validator::new(port))
        };
        let validators = ChallengeType::ALL.iter().map(|kind| (*kind, validator())).collect();
        let caa = validator();
        let mut node = [0; 16];
        ports.entropy.fill(&mut node);
        let issuer = Issuer::start(&ports.issue, settings.issuers.max(1));
        let world = Arc::new(World {
            ports,
            settings,
            journal,
            issuer,
            profiles,
            validators,
            caa,
            turns: Turns::default(),
            operators: Mutex::default(),
            node,
            residents: AtomicUsize::new(0),
            actors: OnceLock::new(),
        });
        let for_publisher = Arc::clone(&world);
        let actors = Actors {
            accounts: spread(&world, loops)?,
            orders: spread(&world, loops)?,
            authorizations: spread(&world, loops)?,
            certificates: spread(&world, loops)?,
            eab_credentials: spread(&world, loops)?,
            publisher: Publisher::start_in_arbiter(&service, |_| Publisher::new(for_publisher)),
        };
        actors.publisher.do_send(Renew);
        // A fresh lock can be set.
        let _ = world.actors.set(actors);
        let for_registry = Arc::clone(&world);
        let registry = ProfileRegistry::start_in_arbiter(&service, |_| ProfileRegistry::new(for_registry, published));
        let for_sightings = Arc::clone(&world);
        let sightings = Sightings::start_in_arbiter(&service, |ctx| Sightings::new(for_sightings, ctx));
        let for_sweep = Arc::clone(&world);
        service.spawn(async move { sweep::run(for_sweep).await });
        let for_alarm = Arc::clone(&world);
        service.spawn(async move { alarm::run(for_alarm).await });
        let running = Running { arbiters, journal: thread, sightings: sightings.clone() };
        Ok((Self { world, registry, sightings }, running))
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.world.ports.clock.now()
    }

    /// How many objects are in memory: those that are spoken to, and those that owe something that is due.
    #[must_use]
    pub fn residents(&self) -> usize {
        self.world.residents.load(Ordering::Relaxed)
    }

    /// A fresh name for an object.
    #[must_use]
    pub fn new_id(&self) -> Id {
        self.world.new_id()
    }

    /// The profiles as they are now.
    #[must_use]
    pub fn profiles(&self) -> Arc<ProfileSet> {
        self.world.profiles.now()
    }

    /// An account.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn account(&self, id: AccountId) -> Result<Versioned<Account>, LoadError> {
        load(&self.world, id.0).await
    }

    /// An order, which knows what became of its authorizations.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn order(&self, id: OrderId) -> Result<Versioned<Order>, LoadError> {
        Ok(informed(&self.world, load(&self.world, id.0).await?).await)
    }

    /// An authorization.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn authorization(&self, id: AuthorizationId) -> Result<Versioned<Authorization>, LoadError> {
        load(&self.world, id.0).await
    }

    /// A certificate.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn certificate(&self, id: CertificateId) -> Result<Versioned<Certificate>, LoadError> {
        load(&self.world, id.0).await
    }

    /// The credential of an external account.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn eab_credential(&self, id: EabId) -> Result<Versioned<EabCredential>, LoadError> {
        load(&self.world, id.0).await
    }

    /// The certificate of exactly these bytes, if it was issued here.
    ///
    /// # Errors
    /// [`LoadError::Absent`] if it was not.
    pub async fn certificate_of(&self, der: &[u8]) -> Result<Versioned<Certificate>, LoadError> {
        let found = self.world.ports.store.find(&terms::certificate(der)).await?;
        load(&self.world, found.ok_or(LoadError::Absent)?.id).await
    }

    /// The account that this key has at this endpoint, under `/acme/raProfile/…` with this ACME Profile.
    ///
    /// # Errors
    /// [`LoadError::Absent`] if it has none.
    pub async fn account_of(
        &self,
        endpoint: &Endpoint,
        acme_profile: Option<&ProfileName>,
        key: &AccountKey,
    ) -> Result<Versioned<Account>, LoadError> {
        let found = self.world.ports.store.find(&terms::account_key(endpoint, acme_profile, &key.thumbprint)).await?;
        load(&self.world, found.ok_or(LoadError::Absent)?.id).await
    }

    /// Sends an event to an account.
    ///
    /// # Errors
    /// [`TurnError`]; [`TurnError::Taken`] if another account has the new key.
    pub async fn change_account(&self, id: AccountId, event: AccountEvent) -> Result<Versioned<Account>, TurnError> {
        self.world.send(id.0, event, &[]).await
    }

    /// The same, unless the account has changed since it was seen.
    ///
    /// # Errors
    /// As [`Engine::change_account`], and [`TurnError::GuardChanged`].
    pub async fn change_account_as_seen(
        &self,
        seen: &Versioned<Account>,
        event: AccountEvent,
    ) -> Result<Versioned<Account>, TurnError> {
        self.world.send(seen.id, event, &[seen.guard()]).await
    }

    /// Has a challenge tried (RFC 8555 section 7.5.1). An account among the guards may change, as long as it may go on
    /// working.
    ///
    /// # Errors
    /// [`TurnError`].
    pub async fn respond(
        &self,
        id: AuthorizationId,
        challenge: u32,
        guards: &[(ObjectId, Revision)],
    ) -> Result<Versioned<Authorization>, TurnError> {
        let mut guards = guards.to_vec();
        for _ in 0..ATTEMPTS {
            match self.world.send(id.0, AuthorizationEvent::Responded { challenge }, &guards).await {
                Err(TurnError::GuardChanged(changed)) => self.guard_anew(&mut guards, changed).await?,
                outcome => return outcome,
            }
        }
        Err(TurnError::Conflict)
    }

    /// Ends the automatic renewal of an order (RFC 8739 section 3.1.2).
    ///
    /// # Errors
    /// [`TurnError`].
    pub async fn cancel_renewal(&self, id: OrderId) -> Result<Versioned<Order>, TurnError> {
        self.world.send(id.0, OrderEvent::RenewalCanceled, &[]).await
    }

    /// Gives an authorization up (RFC 8555 section 7.5.2).
    ///
    /// # Errors
    /// [`TurnError`].
    pub async fn deactivate_authorization(&self, id: AuthorizationId) -> Result<Versioned<Authorization>, TurnError> {
        self.world.send(id.0, AuthorizationEvent::Deactivated, &[]).await
    }

    /// Revokes a certificate (RFC 8555 section 7.6). The CRL follows.
    ///
    /// # Errors
    /// [`TurnError`].
    pub async fn revoke(
        &self,
        id: CertificateId,
        reason: Option<RevocationReason>,
    ) -> Result<Versioned<Certificate>, TurnError> {
        let revoked = self.world.send(id.0, CertificateEvent::Revoked(reason), &[]).await?;
        info!(certificate = %id, reason = reason.map(RevocationReason::name), "revoked");
        Ok(revoked)
    }

    /// Keeps a certificate that the server issued to itself.
    ///
    /// # Errors
    /// [`TurnError`].
    pub async fn keep_certificate(&self, record: CertificateRecord) -> Result<Versioned<Certificate>, TurnError> {
        self.create(self.world.new_id(), Certificate::issued(record)).await
    }

    /// The orders in an account's list (RFC 8555 section 7.1.2.1), those after `after`, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn orders_of(
        &self,
        account: AccountId,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>, StoreError> {
        let after = after.map(|order| ObjectId { kind: Kind::Order, id: order.0 });
        let page = self.world.ports.store.list(&terms::orders_of(account), after, limit).await?;
        Ok(page.into_iter().map(|object| OrderId(object.id)).collect())
    }

    /// The certificates above those that an authority signs, as [`Issue::chain`](crate::ports::Issue::chain) has it.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn chain(&self, authority: AuthorityId) -> Result<Vec<Vec<u8>>, SignError> {
        self.world.ports.issue.chain(authority)
    }

    /// Other chains, as [`Issue::alternates`](crate::ports::Issue::alternates) has them.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn alternate_chains(&self, authority: AuthorityId) -> Result<Vec<AlternateChain>, SignError> {
        self.world.ports.issue.alternates(authority)
    }

    /// The CRL of an authority, if one was made.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn crl(&self, authority: AuthorityId) -> Result<Option<Crl>, StoreError> {
        Ok(crl::current(&self.world, authority).await?.map(|crl| crl.state))
    }

    /// The SHA-256 by which [`CertificateRecord::spki_sha256`] and [`AccountKey::spki_sha256`] name a key.
    #[must_use]
    pub fn key_digest(spki: &[u8]) -> [u8; 32] {
        terms::sha256(spki)
    }

    pub(crate) async fn create<M: Routed>(&self, id: Id, state: M) -> Result<Versioned<M>, TurnError> {
        let commit = Commit { guards: Vec::new(), writes: vec![creation(&self.world, id, &state)] };
        self.world.journal.commit(commit).await?;
        Ok(Versioned { id, revision: Revision::ABSENT.next(), state })
    }
}

impl Running {
    /// Stops every actor, and waits until what was handed to the journal is stored. Every [`Engine`] handle has to be
    /// dropped first.
    ///
    /// # Errors
    /// If the journal's thread panicked, or does not end within `patience`.
    pub fn stop(self, patience: Duration) -> std::io::Result<()> {
        let (written, sightings) = std::sync::mpsc::channel();
        if self.sightings.try_send(WriteDown { done: Some(written) }).is_ok() {
            // They are worth a moment and no more.
            let _ = sightings.recv_timeout(patience.min(SIGHTINGS_PATIENCE));
        }
        // Its mailbox holds the world, and with it the journal.
        drop(self.sightings);
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
        for arbiter in self.arbiters {
            let _ = arbiter.join();
        }
        let (done, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || done.send(self.journal.join()));
        match ended.recv_timeout(patience) {
            Ok(true) => Ok(()),
            Ok(false) => Err(std::io::Error::other("the journal's thread panicked")),
            Err(_) => Err(std::io::Error::other("the journal did not end in time; nothing that was answered is lost")),
        }
    }
}

/// Starts the shards of one kind, and waits until each is there: before that a mailbox has hardly any capacity, and the
/// first clients would be told that the server is busy.
fn spread<M: Routed>(world: &Arc<World>, loops: &[Arbiter]) -> std::io::Result<Vec<Addr<Shard<M>>>> {
    let (begun, there) = std::sync::mpsc::channel();
    let shards = loops
        .iter()
        .map(|arbiter| {
            let (world, begun) = (Arc::clone(world), begun.clone());
            Shard::start_in_arbiter(&arbiter.handle(), move |ctx| {
                ctx.set_mailbox_capacity(shard::MAILBOX);
                // Nobody listens any more only if another event loop is gone.
                let _ = begun.send(());
                Shard::new(world)
            })
        })
        .collect();
    drop(begun);
    for _ in loops {
        there.recv().map_err(|_| std::io::Error::other("an event loop ended at once"))?;
    }
    Ok(shards)
}
