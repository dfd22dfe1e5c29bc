//! Who holds authorizations for what: the other accounts that may revoke a certificate (RFC 8555 section 7.6).

use chancery_machine::authorization::{Authorization, AuthorizationStatus};
use chancery_machine::id::AccountId;
use chancery_machine::identifier::Subject;

use crate::engine::Engine;
use crate::error::LoadError;
use crate::ports::ObjectId;
use crate::resident::load;
use crate::terms;

/// How many authorizations are looked up at a time.
const PAGE: usize = 64;

impl Engine {
    /// Whether the account holds valid authorizations for all of these at this moment, each for itself or for all below a
    /// name above it (RFC 9444). Control of a name says nothing of its wildcard, nor the other way round.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn holds_authorizations(&self, account: AccountId, subjects: &[Subject]) -> Result<bool, LoadError> {
        for subject in subjects {
            if !self.holds_authorization(account, subject).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Only what was proven stands under the term, however much else the account has open.
    async fn holds_authorization(&self, account: AccountId, subject: &Subject) -> Result<bool, LoadError> {
        for term in terms::proofs(account, subject) {
            let mut after: Option<ObjectId> = None;
            loop {
                let page = self.world.ports.store.list(&term, after, PAGE).await?;
                for object in &page {
                    match load::<Authorization>(&self.world, object.id).await {
                        Ok(found) if self.proves(&found.state, subject) => return Ok(true),
                        Ok(_) | Err(LoadError::Absent) => {}
                        Err(error) => return Err(error),
                    }
                }
                after = page.last().copied();
                if page.len() < PAGE {
                    break;
                }
            }
        }
        Ok(false)
    }

    fn proves(&self, authorization: &Authorization, subject: &Subject) -> bool {
        authorization.status(self.now()) == AuthorizationStatus::Valid && authorization.terms.proves(subject)
    }
}
