//! The credential of an external account in the engine.

use std::sync::Arc;

use chancery_machine::eab::{EabCredential, EabEffect};
use chancery_machine::id::{EabId, Id};
use chancery_machine::snapshot;

use crate::engine::Engine;
use crate::ports::{Body, Kind, Write};
use crate::resident::{Performance, Role, creation};
use crate::world::World;

impl Engine {
    /// The write that keeps a new credential, for [`Engine::administer`].
    #[must_use]
    pub fn eab_creation(&self, id: EabId, credential: &EabCredential) -> Write {
        creation(&self.world, id.0, credential)
    }
}

impl Role for EabCredential {
    const KIND: Kind = Kind::EabCredential;

    fn body(&self, _: &World) -> Body {
        // Kept as long as accounts may be bound to it; an operator deletes it.
        Body::plain(snapshot::encode(self))
    }

    fn perform(_: Arc<World>, _: Id, _: Self, effect: EabEffect) -> Performance<Self> {
        match effect {}
    }
}
