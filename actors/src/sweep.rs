//! Sweeping: whatever owes something is woken, and what nobody needs any more is forgotten, at the start and from time to
//! time.

use std::sync::Arc;
use std::time::Duration;

use chancery_machine::account::Account;
use chancery_machine::authorization::Authorization;
use chancery_machine::certificate::Certificate;
use chancery_machine::order::Order;
use tracing::{debug, info, warn};

use crate::audit;
use crate::error::TurnError;
use crate::ports::{Commit, CommitError, Kind, ObjectId, StoreError, Write};
use crate::world::World;

/// How many objects are looked up at a time.
const PAGE: usize = 256;

/// How often it is swept.
const ROUND: Duration = Duration::from_secs(600);

/// How long to wait after a failure of the store.
const PAUSE: Duration = Duration::from_secs(5);

/// Sweeps for as long as the engine runs. What this engine owes is in memory after the first round; later rounds find what
/// another engine on the same store left behind when it died.
pub(crate) async fn run(world: Arc<World>) {
    let mut first = true;
    loop {
        let mut pause = ROUND;
        match wake_all(&world).await {
            Ok(woken) if first && woken > 0 => {
                info!(objects = woken, "resumed what was owed when the server stopped last");
                first = false;
            }
            Ok(woken) => {
                debug!(objects = woken, "owe something");
                first = false;
            }
            Err(error) => {
                warn!(%error, "what is owed could not be looked up; it is tried again");
                pause = PAUSE;
            }
        }
        match forget(&world).await {
            Ok(0) => {}
            Ok(forgotten) => debug!(objects = forgotten, "forgot what is over"),
            Err(error) => warn!(%error, "what is over could not be forgotten; it is tried again"),
        }
        match audit::forget(&world).await {
            Ok(0) => {}
            Ok(forgotten) => info!(entries = forgotten, "removed what the audit log had kept long enough"),
            Err(error) => warn!(%error, "the audit log could not be shortened; it is tried again"),
        }
        tokio::time::sleep(pause).await;
    }
}

async fn wake_all(world: &World) -> Result<usize, TurnError> {
    let mut after: Option<ObjectId> = None;
    let mut woken = 0;
    loop {
        let page = world.ports.store.owing(after, PAGE).await?;
        for object in &page {
            match object.kind {
                Kind::Account => world.wake::<Account>(object.id).await?,
                Kind::Order => world.wake::<Order>(object.id).await?,
                Kind::Authorization => world.wake::<Authorization>(object.id).await?,
                Kind::Certificate => world.wake::<Certificate>(object.id).await?,
                // Records, and a machine that owes nothing.
                Kind::Authority
                | Kind::Crl
                | Kind::AcmeProfile
                | Kind::RaProfile
                | Kind::AcmeProfileRevision
                | Kind::RaProfileRevision
                | Kind::EabCredential
                | Kind::Token
                | Kind::AuditEntry
                | Kind::AuditHead
                | Kind::Idempotency
                | Kind::Sighting
                | Kind::Vault
                | Kind::Quota
                | Kind::Terms
                | Kind::Session => {}
            }
        }
        woken += page.len();
        after = page.last().copied();
        if page.len() < PAGE {
            return Ok(woken);
        }
    }
}

async fn forget(world: &World) -> Result<usize, StoreError> {
    let mut forgotten = 0;
    loop {
        let page = world.ports.store.forgettable(world.ports.clock.now(), PAGE).await?;
        // All at once, so that the journal takes the page into one transaction.
        let removals = page.iter().map(|(object, revision)| {
            let write = Write { object: *object, expected: *revision, body: None };
            world.journal.commit(Commit { guards: Vec::new(), writes: vec![write] })
        });
        let mut gone = 0;
        for outcome in futures::future::join_all(removals).await {
            match outcome {
                Ok(()) => gone += 1,
                // It was changed meanwhile: then it is not over, or it is found again next time.
                Err(CommitError::Conflict(_) | CommitError::Taken { .. }) => {}
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
        forgotten += gone;
        if page.len() < PAGE || gone == 0 {
            return Ok(forgotten);
        }
    }
}
