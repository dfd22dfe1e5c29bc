//! The credential of an external account in the engine.

use std::sync::Arc;

use chancery_machine::eab::{EabCredential, EabEffect};
use chancery_machine::id::Id;
use chancery_machine::snapshot;

use crate::ports::{Body, Kind};
use crate::resident::{Performance, Role};
use crate::world::World;

impl Role for EabCredential {
    const KIND: Kind = Kind::EabCredential;

    fn body(&self, _: &World) -> Body {
        // Kept as long as accounts may be bound to it; an operator deletes it.
        Body { bytes: snapshot::encode(self), owes: false, terms: Vec::new(), unique: Vec::new(), forget_at: None }
    }

    fn perform(_: Arc<World>, _: Id, _: Self, effect: EabEffect) -> Performance<Self> {
        match effect {}
    }
}
