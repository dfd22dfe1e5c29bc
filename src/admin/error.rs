//! Why something that an operator asked for was not done.

use chancery_actors::audit::ActError;
use chancery_actors::error::{LoadError, TurnError};
use chancery_actors::ports::StoreError;
use thiserror::Error;

use super::apply::ApplyError;
use super::operator::Role;
use super::settings::Fault;
use crate::vault::VaultError;

/// Why something that an operator asked for was not done. Nothing was changed, unless the store failed: then that is not
/// known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AdminError {
    /// Fields are not what they have to be.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Fault>),
    /// There is no such thing.
    #[error("there is no {0}")]
    Absent(String),
    /// There is one already.
    #[error("{0} exists already")]
    Exists(String),
    /// Others depend on it.
    #[error("{object} is in use; remove what depends on it first, or use force")]
    InUse {
        /// What it is.
        object: String,
        /// What depends on it, as in `raProfile/web`; the first hundred of each kind.
        dependents: Vec<String>,
    },
    /// Somebody else changed it since it was read.
    #[error("it has revision {now}, and the request is about another one; read it again")]
    Changed {
        /// The revision that it has.
        now: u64,
    },
    /// Somebody else changed what the request was made of.
    #[error("{0}")]
    Outdated(String),
    /// A change has to say what it is about.
    #[error("send If-Match with the ETag that was read, or If-Match: * to change it however it is")]
    PreconditionRequired,
    /// The operator's role does not allow it.
    #[error("this needs the role {needed}, and you are {has}")]
    Forbidden {
        /// The role that is needed.
        needed: Role,
        /// The role that the operator has.
        has: Role,
    },
    /// Nobody has said who asks.
    #[error("{0}")]
    Unauthenticated(String),
    /// Its state does not allow it.
    #[error("{0}")]
    Refused(String),
    /// The same idempotency key was used for another request.
    #[error("this Idempotency-Key was used for another request; use a new key for each request")]
    KeyReused,
    /// The cursor is not one of this list.
    #[error("the cursor does not belong to this list with these filters; begin without a cursor")]
    Cursor,
    /// The request cannot be read at all.
    #[error("{0}")]
    Malformed(String),
    /// The body is not JSON.
    #[error("{0}")]
    MediaType(String),
    /// The body is too large.
    #[error("{0}")]
    TooLarge(String),
    /// There is no such method here.
    #[error("there is no {method} here, only {allowed}")]
    Method {
        /// What was asked for.
        method: String,
        /// What there is.
        allowed: String,
    },
    /// The engine or the store is at fault.
    #[error(transparent)]
    Turn(#[from] TurnError),
    /// A secret could not be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl From<Fault> for AdminError {
    fn from(fault: Fault) -> Self {
        Self::Invalid(vec![fault])
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        Self::Turn(error.into())
    }
}

impl From<LoadError> for AdminError {
    fn from(error: LoadError) -> Self {
        Self::Turn(error.into())
    }
}

impl From<ActError<Self>> for AdminError {
    fn from(error: ActError<Self>) -> Self {
        match error {
            ActError::Refused(refused) => refused,
            ActError::Turn(error) => error.into(),
        }
    }
}

impl From<ApplyError> for AdminError {
    /// The fields are named as they stand in the request: `acmeProfiles.web.challenges[0]`.
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Fault { object, fault: Fault { field, detail } } => {
                let (word, name) = object.split_once('/').unwrap_or((&object, ""));
                let parts = [format!("{word}s"), name.to_owned(), field];
                let path: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                Fault::new(path.join("."), detail).into()
            }
            ApplyError::InUse { object, dependents } => Self::InUse { object, dependents },
            ApplyError::Changed => Self::Outdated(error.to_string()),
            ApplyError::Store(error) => error.into(),
        }
    }
}
