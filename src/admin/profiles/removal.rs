//! Profiles removed: what depends on one speaks against it, unless it is forced.

use chancery_actors::Engine;
use chancery_actors::audit::Act;
use chancery_actors::catalog::Catalog;
use chancery_actors::listing::{Count, EabQuery};
use chancery_actors::ports::StoreError;
use chancery_machine::id::EabId;
use chancery_machine::profile::ProfileName;

use super::{Managed, absent, deed, object, path_name};
use crate::admin::Admin;
use crate::admin::error::AdminError;
use crate::admin::objects::unlisted;
use crate::admin::operator::{Operator, Role};
use crate::admin::precondition::Precondition;

/// How many dependents of each kind an error names.
const NAMED: usize = 100;

/// How far accounts are counted.
const COUNTED: usize = 5000;

/// How many credentials are looked up at a time.
const PAGE: usize = 256;

impl Admin {
    /// Removes a profile. With `force`, profiles of the other kind that name it lose it in the same commit; its accounts
    /// stay, and are reached again if a profile of that name is created. So do external accounts' credentials: a scope that
    /// lost its last profile would be for every profile.
    ///
    /// # Errors
    /// [`AdminError::InUse`] names what depends on it.
    pub async fn delete_profile<P: Managed>(
        &self,
        operator: &Operator,
        name: &str,
        force: bool,
        precondition: Precondition,
    ) -> Result<(), AdminError> {
        operator.may(Role::Operator)?;
        let name = path_name::<P>(name)?;
        let act = async || {
            let catalog = self.engine.catalog().await?;
            let kept = P::in_catalog(&catalog).get(&name).ok_or_else(|| absent::<P>(name.as_str()))?;
            precondition.check(kept.state.revision().0)?;
            if !force {
                let dependents = [users::<P>(&catalog, &name), dependents::<P>(&self.engine, &name).await?].concat();
                if !dependents.is_empty() {
                    return Err(AdminError::InUse { object: object::<P>(name.as_str()), dependents });
                }
            }
            let mut act = release::<P>(&self.engine, &self.origin, &catalog, &name).await?;
            act.writes.extend(self.engine.profile_removal(kept));
            act.deeds.push(deed::<P>("delete", &name, Some(&kept.state.shown(&self.origin)), None));
            Ok(act)
        };
        Ok(self.engine.administer(&operator.who, act).await?)
    }
}

impl Admin {
    /// What depends on a profile and would speak against removing it now: profiles of the other kind, credentials and accounts.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn profile_dependents<P: Managed>(
        &self,
        operator: &Operator,
        name: &str,
    ) -> Result<Vec<String>, AdminError> {
        operator.may(Role::Auditor)?;
        let name = path_name::<P>(name)?;
        let catalog = self.engine.catalog().await?;
        if !P::in_catalog(&catalog).contains_key(&name) {
            return Err(absent::<P>(name.as_str()));
        }
        Ok([users::<P>(&catalog, &name), dependents::<P>(&self.engine, &name).await?].concat())
    }

    /// How many accounts are registered at a profile, counted up to `cap`.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn count_profile_accounts<P: Managed>(
        &self,
        operator: &Operator,
        name: &str,
        cap: usize,
    ) -> Result<Count, AdminError> {
        operator.may(Role::Auditor)?;
        Ok(self.engine.count_accounts(&P::accounts(path_name::<P>(name)?), cap).await?)
    }
}

/// What depends on a profile apart from other profiles: credentials that are for it, and accounts that are registered at it.
pub(in crate::admin) async fn dependents<P: Managed>(
    engine: &Engine,
    name: &ProfileName,
) -> Result<Vec<String>, StoreError> {
    let mut found = scoped::<P>(engine, name).await?;
    let Count { number, capped } = engine.count_accounts(&P::accounts(name.clone()), COUNTED).await?;
    if number > 0 {
        found.push(if capped { format!("acmeAccounts: {number} or more") } else { format!("acmeAccounts: {number}") });
    }
    Ok(found)
}

/// The credentials that are for it, among others.
async fn scoped<P: Managed>(engine: &Engine, name: &ProfileName) -> Result<Vec<String>, StoreError> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = engine.list_eab_credentials(&EabQuery::default(), after.as_ref(), PAGE).await.map_err(unlisted)?;
        let alive = page.items.iter().filter(|credential| credential.state.revoked.is_none());
        let named = alive.filter(|credential| P::scopes(&credential.state.scope, name));
        found.extend(named.map(|credential| format!("eabCredential/{}", EabId(credential.id))));
        after = page.next;
        if after.is_none() || found.len() >= NAMED {
            found.truncate(NAMED);
            return Ok(found);
        }
    }
}

/// The profiles of the other kind that name it.
fn users<P: Managed>(catalog: &Catalog, name: &ProfileName) -> Vec<String> {
    let others = P::Other::in_catalog(catalog).iter().filter(|(_, other)| naming(&*other.state, name));
    others.take(NAMED).map(|(other, _)| object::<P::Other>(other.as_str())).collect()
}

fn naming<P: Managed>(profile: &P, other: &ProfileName) -> bool {
    profile.names().into_iter().any(|(_, name)| name == other)
}

/// Takes it from the profiles that name it.
async fn release<P: Managed>(
    engine: &Engine,
    origin: &str,
    catalog: &Catalog,
    name: &ProfileName,
) -> Result<Act<()>, StoreError> {
    let mut act = Act::nothing(());
    for (other, kept) in P::Other::in_catalog(catalog) {
        if !naming(&*kept.state, name) {
            continue;
        }
        let (writes, released) = engine.profile_writes(Some(kept), (*kept.state).clone().released(name)).await?;
        let (before, after) = (kept.state.shown(origin), released.shown(origin));
        act.deeds.push(deed::<P::Other>(P::Other::LOSS, other, Some(&before), Some(&after)));
        act.writes.extend(writes);
    }
    Ok(act)
}
