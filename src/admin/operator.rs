//! Who asks, and what they may do.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::AdminError;

/// What an operator may do; each may also do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Reads everything that is no secret, and changes nothing.
    Auditor,
    /// Manages profiles, accounts, external account credentials, orders and certificates.
    Operator,
    /// Manages tokens and authorities too.
    Administrator,
}

impl Role {
    /// Every role.
    pub const ALL: &'static [Self] = &[Self::Auditor, Self::Operator, Self::Administrator];

    /// The word of the interfaces.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Auditor => "auditor",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }

    /// The role of this word.
    #[must_use]
    pub fn parse(token: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.token() == token)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.token())
    }
}

/// Whoever sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// As the audit log names them: `token:{id} {name}`, `certificate:{name}` or `system`.
    pub who: String,
    /// What they may do.
    pub role: Role,
}

impl Operator {
    /// The server itself.
    #[must_use]
    pub fn system() -> Self {
        Self { who: "system".to_owned(), role: Role::Administrator }
    }

    /// Nothing, if they may do what this role may.
    ///
    /// # Errors
    /// [`AdminError::Forbidden`].
    pub fn may(&self, needed: Role) -> Result<(), AdminError> {
        if self.role >= needed { Ok(()) } else { Err(AdminError::Forbidden { needed, has: self.role }) }
    }
}
