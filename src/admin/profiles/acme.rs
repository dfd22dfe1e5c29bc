//! ACME Profiles: created, read, changed, removed.

use chancery_actors::audit::{Act, Deed};
use chancery_actors::catalog::{Catalog, Kept, MOST_PROFILES};
use chancery_machine::profile::{AcmeProfile, ProfileName};
use serde_json::{Map, Value};

use super::{NAMED, absent, named, path_name, update};
use crate::admin::Admin;
use crate::admin::error::AdminError;
use crate::admin::idempotency::{Created, IdempotencyKey};
use crate::admin::operator::{Operator, Role};
use crate::admin::precondition::Precondition;
use crate::admin::settings::{AcmeProfileSettings, Fault, changed};
use crate::admin::view::AcmeProfileView;

const KIND: &str = "ACME Profile";

impl Admin {
    /// A page of the ACME Profiles, by name: those after `after`.
    ///
    /// # Errors
    /// [`AdminError::Forbidden`].
    pub fn list_acme_profiles(
        &self,
        operator: &Operator,
        wanted: impl Fn(&AcmeProfile) -> bool,
        after: Option<&ProfileName>,
        limit: usize,
    ) -> Result<Vec<AcmeProfileView>, AdminError> {
        operator.may(Role::Auditor)?;
        let set = self.engine.profiles();
        let past = |name: &ProfileName| after.is_none_or(|after| name > after);
        let found = set.acme.iter().filter(|(name, profile)| past(name) && wanted(profile));
        Ok(found.take(limit).map(|(_, profile)| self.acme_view(profile)).collect())
    }

    /// One ACME Profile.
    ///
    /// # Errors
    /// [`AdminError`].
    pub fn read_acme_profile(&self, operator: &Operator, name: &str) -> Result<AcmeProfileView, AdminError> {
        operator.may(Role::Auditor)?;
        let set = self.engine.profiles();
        let profile = set.acme.get(&path_name(KIND, name)?).ok_or_else(|| absent(KIND, name))?;
        Ok(self.acme_view(profile))
    }

    /// Creates an ACME Profile; what is left out has its default.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn create_acme_profile(
        &self,
        operator: &Operator,
        members: Map<String, Value>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created<Value>, AdminError> {
        operator.may(Role::Operator)?;
        let (name, members) = named(members)?;
        let settings: AcmeProfileSettings = changed(&AcmeProfileSettings::default(), &members)?;
        let act = async || {
            if let Some(key) = key
                && let Some(view) = key.answer(self).await?
            {
                return Ok(Act::nothing(Created { view, replayed: true }));
            }
            let catalog = self.engine.catalog().await?;
            if catalog.acme.contains_key(&name) {
                return Err(AdminError::Exists(format!("{KIND} {:?}", name.as_str())));
            }
            if catalog.acme.len() >= MOST_PROFILES {
                return Err(AdminError::Refused(format!("there are {MOST_PROFILES} of them, which is the most")));
            }
            let profile = settings.profile(name.clone(), None, self.engine.now())?;
            check(&catalog, &profile)?;
            let (mut writes, profile) = self.engine.profile_writes(None, profile).await?;
            let view = self.acme_view(&profile).json();
            if let Some(key) = key {
                writes.push(key.record(self, &view)?);
            }
            let deed = deed("create", &name, None, Some(&view));
            let outcome = Created { view, replayed: false };
            Ok(Act { guards: Vec::new(), writes, deeds: vec![deed], outcome })
        };
        Ok(self.engine.administer(&operator.who, act).await?)
    }

    /// Changes an ACME Profile; what is left out stays as it was.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn update_acme_profile(
        &self,
        operator: &Operator,
        name: &str,
        members: Map<String, Value>,
        precondition: Precondition,
    ) -> Result<AcmeProfileView, AdminError> {
        operator.may(Role::Operator)?;
        let name = path_name(KIND, name)?;
        let members = update(&name, members)?;
        self.alter_acme_profile(operator, "update", &name, &members, precondition).await
    }

    /// Has its endpoints answer, or not.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn enable_acme_profile(
        &self,
        operator: &Operator,
        name: &str,
        enabled: bool,
        precondition: Precondition,
    ) -> Result<AcmeProfileView, AdminError> {
        operator.may(Role::Operator)?;
        let members = Map::from_iter([("enabled".to_owned(), Value::Bool(enabled))]);
        let action = if enabled { "enable" } else { "disable" };
        self.alter_acme_profile(operator, action, &path_name(KIND, name)?, &members, precondition).await
    }

    /// Removes an ACME Profile. With `force`, RA Profiles on which it is activated lose it; its accounts stay, and are
    /// reached again if a profile of that name is created.
    ///
    /// # Errors
    /// [`AdminError::InUse`] names what depends on it.
    pub async fn delete_acme_profile(
        &self,
        operator: &Operator,
        name: &str,
        force: bool,
        precondition: Precondition,
    ) -> Result<(), AdminError> {
        operator.may(Role::Operator)?;
        let parsed = path_name(KIND, name)?;
        let act = async || {
            let catalog = self.engine.catalog().await?;
            let kept = catalog.acme.get(&parsed).ok_or_else(|| absent(KIND, name))?;
            precondition.check(kept.state.revision.0)?;
            let users: Vec<_> =
                catalog.ra.values().filter(|ra| ra.state.acme_profile.as_ref() == Some(&parsed)).collect();
            if !force {
                let dependents: Vec<_> =
                    users.iter().take(NAMED).map(|ra| format!("raProfile/{}", ra.state.name)).collect();
                if !dependents.is_empty() {
                    return Err(AdminError::InUse { object: format!("{KIND} {name:?}"), dependents });
                }
            }
            let mut act = Act::nothing(());
            act.writes.extend(self.engine.profile_removal(kept));
            act.deeds.push(deed("delete", &parsed, Some(&self.acme_view(&kept.state).json()), None));
            Ok(act)
        };
        Ok(self.engine.administer(&operator.who, act).await?)
    }

    async fn alter_acme_profile(
        &self,
        operator: &Operator,
        action: &'static str,
        name: &ProfileName,
        members: &Map<String, Value>,
        precondition: Precondition,
    ) -> Result<AcmeProfileView, AdminError> {
        let act = async || {
            let catalog = self.engine.catalog().await?;
            let kept: &Kept<AcmeProfile> = catalog.acme.get(name).ok_or_else(|| absent(KIND, name.as_str()))?;
            precondition.check(kept.state.revision.0)?;
            let settings = changed(&AcmeProfileSettings::of(&kept.state), members)?;
            let profile = settings.profile(name.clone(), Some(&kept.state), self.engine.now())?;
            check(&catalog, &profile)?;
            let (writes, profile) = self.engine.profile_writes(Some(kept), profile).await?;
            let (before, after) = (self.acme_view(&kept.state), self.acme_view(&profile));
            if writes.is_empty() {
                return Ok(Act::nothing(after));
            }
            let deed = deed(action, name, Some(&before.json()), Some(&after.json()));
            Ok(Act { guards: Vec::new(), writes, deeds: vec![deed], outcome: after })
        };
        Ok(self.engine.administer(&operator.who, act).await?)
    }

    fn acme_view(&self, profile: &AcmeProfile) -> AcmeProfileView {
        AcmeProfileView::of(profile)
    }
}

/// What it names has to exist.
fn check(catalog: &Catalog, profile: &AcmeProfile) -> Result<(), AdminError> {
    match &profile.default_ra_profile {
        Some(ra) if !catalog.ra.contains_key(ra) => {
            Err(Fault::new("defaultRaProfile", format!("there is no RA Profile {:?}", ra.as_str())).into())
        }
        Some(_) | None => Ok(()),
    }
}

fn deed(action: &'static str, name: &ProfileName, before: Option<&Value>, after: Option<&Value>) -> Deed {
    let text = |value: Option<&Value>| value.map(ToString::to_string);
    Deed { action, object: format!("acmeProfile/{name}"), before: text(before), after: text(after) }
}
