//! The publisher of CRLs: one signed list for an authority, made anew at each revocation and in time.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use actix::prelude::*;
use chancery_machine::certificate::{Certificate, CertificateState, RevocationReason};
use chancery_machine::crl::Crl;
use chancery_machine::id::AuthorityId;
use chancery_machine::snapshot;
use chancery_machine::time::Timestamp;
use futures::FutureExt;
use thiserror::Error;
use tokio::sync::oneshot;
use tracing::{error, info};

use crate::engine::Engine;
use crate::error::LoadError;
use crate::issuer::Stopped;
use crate::ports::{
    Body, Commit, CommitError, CrlEntry, CrlRequest, Kind, ObjectId, Revision, SignError, StoreError, Write,
};
use crate::resident::{Versioned, load, read};
use crate::terms;
use crate::world::World;

/// How many revoked certificates are looked up at a time.
const PAGE: usize = 512;

/// How many may wait for a CRL.
const MAILBOX: usize = 4096;

/// Wants a CRL that is made after this moment; answers with its number. The reply is dropped where none could be made.
pub(crate) struct Publish {
    pub(crate) authority: AuthorityId,
    pub(crate) reply: oneshot::Sender<u64>,
}

impl Message for Publish {
    type Result = ();
}

/// Makes a CRL for every authority whose last one is more than half over, or missing.
pub(crate) struct Renew;

impl Message for Renew {
    type Result = ();
}

struct Made {
    authority: AuthorityId,
    outcome: Result<Option<u64>, CrlError>,
}

impl Message for Made {
    type Result = ();
}

impl Engine {
    /// Has a CRL made at once for every authority that needs one, such as a new one, instead of at the next look.
    pub fn renew_crls(&self) {
        // Where that is too much just now, the next look does it.
        if let Ok(actors) = self.world.actors() {
            let _ = actors.publisher.try_send(Renew);
        }
    }
}

/// Why there is no new CRL.
#[derive(Debug, Error)]
enum CrlError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error("the server is stopping")]
    Stopped,
    #[error("it panicked; the log says where")]
    Panicked,
}

impl From<Stopped> for CrlError {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// What waits for the next CRL of one authority.
#[derive(Default)]
struct Waiting {
    /// Those whom the CRL that is being made will answer.
    under_way: Option<Vec<oneshot::Sender<u64>>>,
    /// Those who came after it was begun.
    next: Vec<oneshot::Sender<u64>>,
}

/// The publisher.
pub(crate) struct Publisher {
    world: Arc<World>,
    waiting: HashMap<AuthorityId, Waiting>,
}

impl Publisher {
    pub(crate) fn new(world: Arc<World>) -> Self {
        Self { world, waiting: HashMap::new() }
    }

    /// Begins a CRL, unless one is under way: then whoever waits is answered by the one after it.
    fn begin(&mut self, authority: AuthorityId, always: bool, ctx: &Context<Self>) {
        let waiting = self.waiting.entry(authority).or_default();
        if waiting.under_way.is_some() {
            return;
        }
        waiting.under_way = Some(std::mem::take(&mut waiting.next));
        let world = Arc::clone(&self.world);
        let address = ctx.address();
        actix_rt::spawn(async move {
            // Whatever happens, it is said: else nobody would ever make the next one.
            let made = AssertUnwindSafe(make(&world, authority, always)).catch_unwind().await;
            let outcome = made.unwrap_or(Err(CrlError::Panicked));
            // One for each that was begun.
            address.do_send(Made { authority, outcome });
        });
    }
}

impl Actor for Publisher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(self.world.settings.look, |_, ctx| ctx.notify(Renew));
    }
}

impl Handler<Publish> for Publisher {
    type Result = ();

    fn handle(&mut self, Publish { authority, reply }: Publish, ctx: &mut Self::Context) {
        let waiting = self.waiting.entry(authority).or_default();
        if waiting.next.len() < MAILBOX {
            waiting.next.push(reply);
            self.begin(authority, true, ctx);
        }
    }
}

impl Handler<Renew> for Publisher {
    type Result = ();

    fn handle(&mut self, _: Renew, ctx: &mut Self::Context) {
        for authority in self.world.ports.issue.authorities() {
            self.begin(authority, false, ctx);
        }
    }
}

impl Handler<Made> for Publisher {
    type Result = ();

    fn handle(&mut self, Made { authority, outcome }: Made, ctx: &mut Self::Context) {
        let Some(waiting) = self.waiting.get_mut(&authority) else { return };
        let waited = waiting.under_way.take().unwrap_or_default();
        match outcome {
            Ok(Some(number)) => {
                for reply in waited {
                    let _ = reply.send(number);
                }
            }
            Ok(None) => {}
            // Whoever waited hears that there is none, and asks again after a pause.
            Err(failure) => error!(%authority, %failure, "no CRL could be published; it is tried again"),
        }
        if !waiting.next.is_empty() {
            self.begin(authority, true, ctx);
        }
    }
}

/// The CRL of an authority, if one was made.
pub(crate) async fn current(world: &World, authority: AuthorityId) -> Result<Option<Versioned<Crl>>, StoreError> {
    read(&*world.ports.store, ObjectId { kind: Kind::Crl, id: authority.0 }).await
}

/// Makes and stores a CRL, `always` or if it is due.
async fn make(world: &World, authority: AuthorityId, always: bool) -> Result<Option<u64>, CrlError> {
    let now = world.ports.clock.now();
    let (revision, number) = match current(world, authority).await? {
        Some(crl) if !always && !crl.state.due(now) => return Ok(None),
        Some(crl) => (crl.revision, crl.state.number + 1),
        None => (Revision::ABSENT, 1),
    };
    let entries = revoked(world, authority, now).await?;
    let listed = entries.len();
    let next_update = now.plus(world.settings.crl_validity);
    let request = CrlRequest { authority, number, this_update: now, next_update, entries };
    let der = world.issuer.crl(request).await??;
    let crl = Crl { number, this_update: now, next_update, der };
    let object = ObjectId { kind: Kind::Crl, id: authority.0 };
    let write = Write { object, expected: revision, body: Some(Body::plain(snapshot::encode(&crl))) };
    world.journal.commit(Commit { guards: Vec::new(), writes: vec![write] }).await?;
    info!(%authority, number, listed, "CRL published");
    Ok(Some(number))
}

/// What the CRL lists: what is revoked and not over, and what was over only after the CRL before it was made, so that
/// each stands in one CRL past its end (RFC 5280 section 3.3).
async fn revoked(world: &World, authority: AuthorityId, now: Timestamp) -> Result<Vec<CrlEntry>, StoreError> {
    let term = terms::revoked(authority);
    let horizon = now.minus(world.settings.crl_validity);
    let mut entries = Vec::new();
    let mut after: Option<ObjectId> = None;
    loop {
        let page = world.ports.store.list(&term, after, PAGE).await?;
        for object in &page {
            let certificate = match load::<Certificate>(world, object.id).await {
                Ok(certificate) => certificate.state,
                Err(LoadError::Absent) => continue,
                Err(LoadError::Store(error)) => return Err(error),
            };
            if let CertificateState::Revoked { at, reason, .. } = certificate.state
                && certificate.record.not_after >= horizon
            {
                let reason = reason.map(RevocationReason::code).filter(|code| *code != 0);
                entries.push(CrlEntry { serial: certificate.record.serial, revoked_at: at, reason });
            }
        }
        after = page.last().copied();
        if page.len() < PAGE {
            return Ok(entries);
        }
    }
}
