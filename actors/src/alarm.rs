//! The alarm: what owes something at a time yet to come leaves memory until then, and is woken when that time is near.
//!
//! An effect that waits for its time is a debt like any other, and a resident with debts stays in memory: right for an
//! attempt that follows in seconds, and wrong for orders whose next certificate is due in a day. Those say until when they
//! sleep ([`Role::asleep_until`]) and are stored under a word for that moment, so that sleeping costs them an entry of an
//! index; this walks along it.
//!
//! [`Role::asleep_until`]: crate::resident::Role::asleep_until

use std::sync::Arc;
use std::time::Duration;

use chancery_machine::order::Order;
use tracing::{debug, warn};

use crate::error::TurnError;
use crate::ports::{Direction, Found, Kind};
use crate::terms;
use crate::world::World;

/// How many are woken at a time: what was due while the server was down does not come into memory all at once.
const AT_ONCE: usize = 512;

/// How long to wait before the next ones are woken, where there are more.
const PAUSE: Duration = Duration::from_secs(1);

/// Wakes what is due, for as long as the engine runs. On several nodes each does, and the store's revisions decide.
pub(crate) async fn run(world: Arc<World>) {
    let round = world.settings.wake / 3;
    let mut after = None;
    loop {
        let pause = match wake_some(&world, &mut after).await {
            Ok(0) => round,
            Ok(woken) => {
                debug!(objects = woken, "are due soon");
                if after.is_some() { PAUSE.min(round) } else { round }
            }
            Err(error) => {
                warn!(%error, "what is due could not be looked up; it is tried again");
                PAUSE
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Wakes the next ones. `after` is where it goes on, and nowhere at the end: those that are still due are met again on the
/// next way through, and keep nobody behind them from their turn.
async fn wake_some(world: &World, after: &mut Option<Found>) -> Result<usize, TurnError> {
    let soon = terms::due_by(world.ports.clock.now().plus(world.settings.wake));
    let page = world.ports.store.walk(&soon, Direction::Ascending, after.as_ref(), AT_ONCE).await?;
    for Found { object, .. } in &page {
        match object.kind {
            Kind::Order => world.wake::<Order>(object.id).await?,
            // None of these sleeps.
            Kind::Account
            | Kind::Authorization
            | Kind::Certificate
            | Kind::Authority
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
    let woken = page.len();
    *after = page.into_iter().next_back().filter(|_| woken == AT_ONCE);
    Ok(woken)
}
