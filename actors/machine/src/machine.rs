//! What every machine is: two pure functions.

use std::fmt::Debug;

use crate::rejection::Rejection;
use crate::time::Timestamp;

/// A state machine. The implementing type is the state itself.
pub trait Machine: Clone + Debug + PartialEq + Sized {
    /// What can happen to it. Everything that the state cannot know (tokens, parsed requests) comes in here.
    type Event: Clone + Debug;
    /// What a state can owe the world. Equal effects are one debt, and performing one twice does no harm.
    type Effect: Clone + Debug + PartialEq;

    /// The step that the event leads to, or why there is none. The same state with the same event at the same time
    /// always gives the same answer, and a refused event leaves the state as it was.
    ///
    /// # Errors
    /// [`Rejection`] says who is at fault; [`Rejection::Stale`] that nobody is.
    fn apply(&self, event: Self::Event, now: Timestamp) -> Result<Step<Self>, Rejection>;

    /// Every effect that this state still owes the world. The state is the outbox: whoever wakes the object performs
    /// these, so a lost message or a crash delays an effect and cannot lose it.
    fn owed(&self) -> Vec<Self::Effect>;
}

/// One turn of a machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<M: Machine> {
    /// The state from now on.
    pub next: M,
    /// What `next` owes and the state before did not.
    pub effects: Vec<M::Effect>,
}

impl<M: Machine> Step<M> {
    /// The one way to make a step, so that the effects follow from the two states and from nothing else.
    pub(crate) fn between(before: &M, next: M) -> Self {
        let already = before.owed();
        let effects = next.owed().into_iter().filter(|effect| !already.contains(effect)).collect();
        Self { next, effects }
    }
}
