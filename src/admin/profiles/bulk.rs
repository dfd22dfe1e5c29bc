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
    ) -> Result<(), AdminError> {
        operator.may(Role::Operator)?;
        let enabled = match action {
            BulkAction::Enable => true,
            BulkAction::Disable => false,
            BulkAction::Delete => return self.delete_profile::<P>(operator, name, force, Precondition::Any).await,
        };
        self.enable_profile::<P>(operator, name, enabled, Precondition::Any).await.map(drop)
    }
}
