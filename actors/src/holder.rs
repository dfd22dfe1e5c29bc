//! Who holds authorizations for what: the other accounts that may revoke a certificate (RFC 8555 section 7.6).

use std::collections::BTreeSet;

use chancery_machine::authorization::{Authorization, AuthorizationStatus};
use chancery_machine::id::AccountId;
use chancery_machine::identifier::Subject;

use crate::engine::Engine;
use crate::error::LoadError;
use crate::ports::{Kind, ObjectId};
use crate::resident::load;
use crate::terms;

/// How many objects of an account are looked up at a time.
const PAGE: usize = 256;

impl Engine {
    /// Whether the account holds valid authorizations for all of these at this moment. Control of a name says nothing of
    /// its wildcard, nor the other way round.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn holds_authorizations(&self, account: AccountId, subjects: &[Subject]) -> Result<bool, LoadError> {
        let term = terms::open_of(account);
        let mut wanted: BTreeSet<&Subject> = subjects.iter().collect();
        let mut after: Option<ObjectId> = None;
        while !wanted.is_empty() {
            let page = self.world.ports.store.list(&term, after, PAGE).await?;
            for object in page.iter().filter(|object| object.kind == Kind::Authorization) {
                let authorization = match load::<Authorization>(&self.world, object.id).await {
                    Ok(found) => found.state,
                    Err(LoadError::Absent) => continue,
                    Err(error) => return Err(error),
                };
                if authorization.status(self.now()) == AuthorizationStatus::Valid {
                    let terms = authorization.terms;
                    wanted.remove(&Subject { identifier: terms.identifier, wildcard: terms.wildcard });
                }
            }
            after = page.last().copied();
            if page.len() < PAGE {
                break;
            }
        }
        Ok(wanted.is_empty())
    }
}
