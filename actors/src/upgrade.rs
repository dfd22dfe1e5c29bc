//! What an older build has stored, stored once more: so that it is found by every word by which this build looks for it.
//! Lists are the least of it: an account that is revoked with its certificates has them looked up by such a word.

use chancery_machine::account::Account;
use chancery_machine::authorization::Authorization;
use chancery_machine::certificate::Certificate;
use chancery_machine::id::Id;
use chancery_machine::order::Order;
use futures::future::join_all;
use tracing::warn;

use crate::engine::Engine;
use crate::error::LoadError;
use crate::ports::{Body, Commit, CommitError, Kind, ObjectId, Revision, StoreError, Write};
use crate::resident::{Role, load};
use crate::world::World;

/// One more whenever a kind of object is stored with a term that it had not before.
const VERSION: u8 = 3;

/// Where it stands with which terms everything is stored.
const MARK: ObjectId = ObjectId { kind: Kind::Terms, id: Id::from_bytes([0; 16]) };

/// How many objects are stored at a time.
const PAGE: usize = 256;

impl Engine {
    /// Stores everything with the terms of this build, unless that was done before; answers how many objects that were.
    ///
    /// # Errors
    /// [`StoreError`]; what was stored so far stays, and doing it again does no harm.
    pub async fn renew_terms(&self) -> Result<usize, StoreError> {
        let world = &*self.world;
        let mark = world.ports.store.load(MARK).await?;
        if mark.as_ref().is_some_and(|mark| mark.bytes == [VERSION]) {
            return Ok(0);
        }
        let renewed = renew::<Account>(world).await?
            + renew::<Order>(world).await?
            + renew::<Authorization>(world).await?
            + renew::<Certificate>(world).await?;
        let expected = mark.map_or(Revision::ABSENT, |mark| mark.revision);
        store(world, Write { object: MARK, expected, body: Some(Body::plain(vec![VERSION])) }).await?;
        Ok(renewed)
    }
}

async fn renew<M: Role>(world: &World) -> Result<usize, StoreError> {
    let (mut renewed, mut after) = (0, None);
    loop {
        let page = world.ports.store.scan(M::KIND, after, PAGE).await?;
        for stored in join_all(page.iter().map(|object| renew_one::<M>(world, object.id))).await {
            renewed += usize::from(stored?);
        }
        after = page.last().copied();
        if page.len() < PAGE {
            return Ok(renewed);
        }
    }
}

async fn renew_one<M: Role>(world: &World, id: Id) -> Result<bool, StoreError> {
    match load::<M>(world, id).await {
        Ok(found) => {
            let body = found.state.body(world);
            store(world, found.write(M::KIND, Some(body))).await?;
            Ok(true)
        }
        Err(LoadError::Absent) => Ok(false),
        // One object that cannot be read keeps nobody from the others.
        Err(LoadError::Store(StoreError::Corrupt(why))) => {
            warn!(why, "an object cannot be read, and stays as it is");
            Ok(false)
        }
        Err(LoadError::Store(error)) => Err(error),
    }
}

async fn store(world: &World, write: Write) -> Result<(), StoreError> {
    let object = write.object;
    match world.journal.commit(Commit { guards: Vec::new(), writes: vec![write] }).await {
        // Whoever was faster has stored it with the terms of today.
        Ok(()) | Err(CommitError::Conflict(_)) => Ok(()),
        Err(CommitError::Taken { holder, .. }) => {
            Err(StoreError::Corrupt(format!("{object} and {holder} have the same unique term")))
        }
        Err(CommitError::Store(error)) => Err(error),
    }
}
