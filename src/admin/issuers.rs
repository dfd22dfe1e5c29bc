//! What operators do with authorities: [`authorities`](super::authorities), for whoever may.

use chancery_actors::audit::Act;
use serde_json::Value;

use super::Admin;
use super::authorities::{self, Alteration, AuthorityError, AuthorityView, Creation, NewAuthority, NewChain, OldChain};
use super::error::AdminError;
use super::idempotency::{Created, IdempotencyKey};
use super::operator::{Operator, Role};
use super::precondition::Precondition;
use super::renewal::NewRenewalCall;
use super::settings::read;

impl Admin {
    /// Every authority, the oldest first.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_authorities(&self, operator: &Operator) -> Result<Vec<AuthorityView>, AdminError> {
        operator.may(Role::Auditor)?;
        Ok(authorities::list(&self.engine, &*self.authorities).await?)
    }

    /// The authority of this id or name.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn read_authority(&self, operator: &Operator, asked: &str) -> Result<AuthorityView, AdminError> {
        operator.may(Role::Auditor)?;
        Ok(authorities::read(&self.engine, &*self.authorities, asked).await?)
    }

    /// Makes an intermediate, and a root for it where that is asked for; answers how the intermediate is shown.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn create_authority(
        &self,
        operator: &Operator,
        new: Value,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created, AdminError> {
        operator.may(Role::Administrator)?;
        let new: NewAuthority = read(new)?;
        let creation = match Creation::prepare(&self.engine, &*self.authorities, &new).await {
            Ok(creation) => creation,
            // What takes its name may be what this very request has made before.
            Err(error) => return self.answered(key).await?.ok_or_else(|| error.into()),
        };
        let plan = async || {
            let Act { guards, writes, deeds, outcome } = creation.plan().await?;
            Ok(Act { guards, writes, deeds, outcome: outcome.json() })
        };
        let made = self.create_once(&operator.who, key, plan).await?;
        creation.open().await;
        Ok(made)
    }

    /// Lets an authority issue, or not any more: then new orders and finalizing are refused, what was finalized before is
    /// still signed, and the CRL goes on being published. A disabled root signs no new intermediates; those below it go on.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn enable_authority(
        &self,
        operator: &Operator,
        asked: &str,
        enabled: bool,
        precondition: Precondition,
    ) -> Result<AuthorityView, AdminError> {
        operator.may(Role::Administrator)?;
        let disabled = (!enabled).then(|| self.engine.now());
        let action = if enabled { "enable" } else { "disable" };
        self.alter_authority(operator, action, asked, precondition, &Alteration::Disabled(disabled)).await
    }

    /// Calls for what an authority has signed to be renewed, or takes that back.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn renew_authority(
        &self,
        operator: &Operator,
        asked: &str,
        call: NewRenewalCall,
        precondition: Precondition,
    ) -> Result<AuthorityView, AdminError> {
        operator.may(Role::Administrator)?;
        let called = Alteration::Called(call.made(self.engine.now())?);
        self.alter_authority(operator, "renew", asked, precondition, &called).await
    }

    /// Gives an authority another chain (RFC 8555 section 7.4.2).
    ///
    /// # Errors
    /// [`AdminError`]; its fault says why the chain is none for this authority.
    pub async fn add_chain(
        &self,
        operator: &Operator,
        asked: &str,
        chain: NewChain,
        precondition: Precondition,
    ) -> Result<AuthorityView, AdminError> {
        operator.may(Role::Administrator)?;
        let added = Alteration::ChainAdded(chain.certificates);
        self.alter_authority(operator, "addChain", asked, precondition, &added).await
    }

    /// Takes a chain from an authority; the one that it began with stays.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn remove_chain(
        &self,
        operator: &Operator,
        asked: &str,
        chain: OldChain,
        precondition: Precondition,
    ) -> Result<AuthorityView, AdminError> {
        operator.may(Role::Administrator)?;
        let removed = Alteration::ChainRemoved(chain.id);
        self.alter_authority(operator, "removeChain", asked, precondition, &removed).await
    }

    async fn alter_authority(
        &self,
        operator: &Operator,
        action: &'static str,
        asked: &str,
        precondition: Precondition,
        alteration: &Alteration,
    ) -> Result<AuthorityView, AdminError> {
        let (engine, all, seen) = (&self.engine, &*self.authorities, revision(precondition));
        Ok(authorities::alter(engine, all, (&operator.who, action), asked, seen, alteration).await?)
    }

    /// Deletes an authority that nothing depends on; with `force` one whose certificates are all over.
    ///
    /// # Errors
    /// [`AdminError::InUse`].
    pub async fn delete_authority(
        &self,
        operator: &Operator,
        asked: &str,
        force: bool,
        precondition: Precondition,
    ) -> Result<(), AdminError> {
        operator.may(Role::Administrator)?;
        let (engine, all, seen) = (&self.engine, &*self.authorities, revision(precondition));
        let deleted = authorities::delete(engine, all, &operator.who, asked, force, seen).await;
        if let Err(AuthorityError::InUse(dependents)) = deleted {
            return Err(AdminError::InUse { object: format!("authority {asked:?}"), dependents });
        }
        Ok(deleted?)
    }
}

const fn revision(precondition: Precondition) -> Option<u64> {
    match precondition {
        Precondition::Any => None,
        Precondition::Revision(revision) => Some(revision),
    }
}

impl From<AuthorityError> for AdminError {
    fn from(error: AuthorityError) -> Self {
        match error {
            AuthorityError::Fault(fault) => fault.into(),
            AuthorityError::NotFound(asked) => Self::Absent(format!("authority {asked:?}")),
            AuthorityError::NoChain(id) => Self::Absent(format!("chain {id:?}")),
            AuthorityError::Changed { now } => Self::Changed { now },
            AuthorityError::InUse(dependents) => Self::InUse { object: "authority".to_owned(), dependents },
            AuthorityError::Failed(why) => Self::Turn(chancery_actors::error::TurnError::Unavailable(why)),
            AuthorityError::Turn(error) => error.into(),
        }
    }
}
