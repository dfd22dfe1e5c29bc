//! The same done to many profiles: each by itself, in one commit each.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Managed;
use crate::admin::Admin;
use crate::admin::error::AdminError;
use crate::admin::operator::{Operator, Role};
use crate::admin::precondition::Precondition;

/// What is done to each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ProfileBulkAction)]
pub enum BulkAction {
    /// Its endpoints answer.
    Enable,
    /// Its endpoints refuse everything.
    Disable,
    /// It is removed.
    Delete,
}

/// What became of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkOutcome {
    /// It is so now.
    Done,
    /// It is gone.
    Gone,
}

impl Admin {
    /// Does this to one of many, however it is now.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn bulk_profile<P: Managed>(
        &self,
        operator: &Operator,
        action: BulkAction,
        force: bool,
        name: &str,
    ) -> Result<BulkOutcome, AdminError> {
        operator.may(Role::Operator)?;
        let enabled = match action {
            BulkAction::Enable => true,
            BulkAction::Disable => false,
            BulkAction::Delete => {
                self.delete_profile::<P>(operator, name, force, Precondition::Any).await?;
                return Ok(BulkOutcome::Gone);
            }
        };
        self.enable_profile::<P>(operator, name, enabled, Precondition::Any).await?;
        Ok(BulkOutcome::Done)
    }
}
