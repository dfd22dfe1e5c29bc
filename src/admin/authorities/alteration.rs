//! Authorities altered: disabled and enabled, their certificates called in, other chains added and removed.

use chancery_actors::Engine;
use chancery_actors::audit::Act;
use chancery_actors::error::TurnError;
use chancery_actors::ports::StoreError;
use chancery_machine::renewal::RenewalCall;
use chancery_machine::time::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use super::{AuthorityError, AuthorityView, KeptAuthorities, flattened, found, open, record};
use crate::admin::settings::Fault;
use crate::admin::time::rfc3339;

/// What is changed of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alteration {
    /// It issues nothing since then, or goes on issuing.
    Disabled(Option<Timestamp>),
    /// What it has signed is to be renewed, or no longer.
    Called(Option<RenewalCall>),
    /// It has another chain, PEM.
    ChainAdded(String),
    /// It has the chain of this id no longer.
    ChainRemoved(String),
}

/// Why an authority was not altered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AlterError {
    /// What it was to become is not sound.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// There is no such chain.
    #[error("the authority has no chain {0:?}")]
    NoChain(String),
    /// It has changed since it was read.
    #[error("the authority was changed meanwhile")]
    Overtaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Another chain of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainInfo {
    /// Names it.
    pub id: String,
    /// The distinguished name of who is above it.
    pub issuer: String,
    /// When the first of its certificates ends.
    pub not_after: Timestamp,
    /// Its certificates.
    pub pem: String,
}

/// Another chain as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Chain)]
pub struct ChainView {
    /// Names it; stands in URLs.
    pub id: String,
    /// The distinguished name of who is above it (RFC 4514): what clients choose by.
    pub issuer: String,
    /// When the first of its certificates ends (RFC 3339): past that, it is offered no more.
    pub not_after: String,
    /// Its certificates without the root, the issuing one first, PEM.
    pub certificates: String,
}

/// A chain to be added.
#[derive(Clone, Debug, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChain {
    /// Its certificates, PEM: first one of the authority's own key and name, then each the issuer of the one before. A root at
    /// its end is verified and left out.
    pub certificates: String,
}

/// A chain to be removed.
#[derive(Clone, Debug, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OldChain {
    /// What names it.
    pub id: String,
}

/// Alters an authority, and logs it as that action.
///
/// # Errors
/// [`AuthorityError`].
pub async fn alter(
    engine: &Engine,
    authorities: &dyn KeptAuthorities,
    (who, action): (&str, &'static str),
    asked: &str,
    if_match: Option<u64>,
    alteration: &Alteration,
) -> Result<AuthorityView, AuthorityError> {
    let altered = engine
        .administer(who, async || {
            let before = found(authorities, asked, if_match).await?;
            let (write, after) = authorities.altering(&before, alteration).await?;
            if before == after {
                return Ok(Act::nothing(before));
            }
            let deeds = vec![record(action, &after, Some(&before), Some(&after))];
            Ok(Act { guards: Vec::new(), writes: vec![write], deeds, outcome: after })
        })
        .await
        .map_err(flattened)?;
    open(authorities).await;
    Ok(AuthorityView::of(&altered, engine))
}

impl From<&ChainInfo> for ChainView {
    fn from(chain: &ChainInfo) -> Self {
        Self {
            id: chain.id.clone(),
            issuer: chain.issuer.clone(),
            not_after: rfc3339(chain.not_after),
            certificates: chain.pem.clone(),
        }
    }
}

impl From<AlterError> for AuthorityError {
    fn from(error: AlterError) -> Self {
        match error {
            AlterError::Fault(fault) => Self::Fault(fault),
            AlterError::NoChain(id) => Self::NoChain(id),
            AlterError::Overtaken => Self::Turn(TurnError::Conflict),
            AlterError::Store(error) => error.into(),
        }
    }
}
