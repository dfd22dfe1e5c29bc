//! How the engine's operations fail.

use chancery_machine::rejection::Rejection;
use thiserror::Error;

use crate::ports::{CommitError, ObjectId, StoreError};

/// Why an object could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LoadError {
    /// There is none of that name.
    #[error("there is no such object")]
    Absent,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an event did not lead to a step.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TurnError {
    /// The machine refuses it: the client's doing.
    #[error(transparent)]
    Rejected(Rejection),
    /// There is no such object.
    #[error("there is no such object")]
    Absent,
    /// Something else has what this object wanted for itself alone.
    #[error("{0} has it already")]
    Taken(ObjectId),
    /// An object that had to stay as it was, such as the account, changed meanwhile. Nothing was done.
    #[error("{0} changed meanwhile")]
    GuardChanged(ObjectId),
    /// Somebody else changed the object meanwhile, again and again. Nothing was done.
    #[error("the object was changed by somebody else meanwhile")]
    Conflict,
    /// Too much waits already. Nothing was done; try again in a moment.
    #[error("the server is busy")]
    Busy,
    /// The store or the object's actor failed. Whether it was done is not known; look before trying again.
    #[error("the server cannot do this now: {0}")]
    Unavailable(String),
}

impl TurnError {
    /// Whether another try may lead further. Where the object is gone, or refuses the event, none will.
    pub(crate) const fn passes(&self) -> bool {
        match self {
            Self::Rejected(_) | Self::Absent => false,
            Self::Taken(_) | Self::GuardChanged(_) | Self::Conflict | Self::Busy | Self::Unavailable(_) => true,
        }
    }
}

impl From<LoadError> for TurnError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Absent => Self::Absent,
            LoadError::Store(error) => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<StoreError> for TurnError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<CommitError> for TurnError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(object) => Self::GuardChanged(object),
            CommitError::Taken { holder, .. } => Self::Taken(holder),
            CommitError::Store(error) => error.into(),
        }
    }
}
