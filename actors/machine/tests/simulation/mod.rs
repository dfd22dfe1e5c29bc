//! A world of machines that a script of bytes drives: the property tests and the fuzz target share it.
//!
//! Whatever the bytes, they are a script: clients act, attempts pass or fail, messages are lost, late or doubled, the
//! process is killed and comes back, and time goes by. After every turn of every machine the invariants are checked; at
//! the end everything owed is performed, and nothing may be stuck.

mod errand;
mod invariants;
mod script;
mod world;

use std::collections::BTreeSet;
use std::fmt;

use world::World;

/// An invariant that did not hold.
#[derive(Debug)]
pub(crate) struct Violation {
    /// Its name.
    pub(crate) invariant: &'static str,
    /// What was found instead.
    pub(crate) found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not hold: {}", self.invariant, self.found)
    }
}

/// Plays a script to its end and lets the world come to rest. Gives every status that was met, as `order valid`.
pub(crate) fn run(script: &[u8]) -> Result<BTreeSet<String>, Violation> {
    let mut world = World::new();
    for operation in script::operations(script) {
        world.perform(operation)?;
    }
    world.come_to_rest(script.len().is_multiple_of(2))?;
    Ok(world.history.statuses)
}

/// Fails under the name of the invariant unless it holds.
fn hold(invariant: &'static str, holds: bool, found: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation { invariant, found: found() }) }
}
