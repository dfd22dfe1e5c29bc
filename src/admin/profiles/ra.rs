//! RA Profiles, as operators manage them: which ACME Profile is activated on them, too.

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_actors::catalog::{Catalog, Kept};
use chancery_actors::listing::AccountQuery;
use chancery_actors::profiles::ProfileSet;
use chancery_machine::eab::EabScope;
use chancery_machine::id::AuthorityId;
use chancery_machine::profile::{AcmeProfile, Endpoint, ProfileName, RaProfile};
use chancery_machine::time::Timestamp;
use serde_json::{Map, Value};

use super::managed::Managed;
use crate::admin::Admin;
use crate::admin::authorities::Authorities;
use crate::admin::error::AdminError;
use crate::admin::operator::{Operator, Role};
use crate::admin::precondition::Precondition;
use crate::admin::renewal::NewRenewalCall;
use crate::admin::settings::{Fault, RaProfileSettings};
use crate::admin::view::RaProfileView;

impl Admin {
    /// Activates an ACME Profile on an RA Profile, in place of the one before: with it, `/acme/raProfile/{name}/…` answers.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn activate_ra_profile(
        &self,
        operator: &Operator,
        name: &str,
        acme_profile: &str,
        precondition: Precondition,
    ) -> Result<RaProfile, AdminError> {
        self.bind_ra_profile("activate", operator, name, Value::from(acme_profile), precondition).await
    }

    /// Takes the ACME Profile from an RA Profile: `/acme/raProfile/{name}/…` refuses everything from then on.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn deactivate_ra_profile(
        &self,
        operator: &Operator,
        name: &str,
        precondition: Precondition,
    ) -> Result<RaProfile, AdminError> {
        self.bind_ra_profile("deactivate", operator, name, Value::Null, precondition).await
    }

    /// Calls for what an RA Profile has issued to be renewed (RFC 9773), or takes that back.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn renew_ra_profile(
        &self,
        operator: &Operator,
        name: &str,
        call: NewRenewalCall,
        precondition: Precondition,
    ) -> Result<RaProfile, AdminError> {
        operator.may(Role::Operator)?;
        let call = call.made(self.engine.now())?;
        let make = |before: &RaProfile| Ok(RaProfile { call, ..before.clone() });
        self.revise_profile("renew", operator, name, precondition, make).await
    }

    async fn bind_ra_profile(
        &self,
        action: &'static str,
        operator: &Operator,
        name: &str,
        acme_profile: Value,
        precondition: Precondition,
    ) -> Result<RaProfile, AdminError> {
        operator.may(Role::Operator)?;
        let members = Map::from_iter([("acmeProfile".to_owned(), acme_profile)]);
        self.alter_profile(action, operator, name, &members, precondition).await
    }
}

impl Managed for RaProfile {
    type Settings = RaProfileSettings;
    type View = RaProfileView;
    type Other = AcmeProfile;

    const TITLE: &'static str = "RA Profile";
    const WORD: &'static str = "raProfile";
    const LOSS: &'static str = "deactivate";

    fn in_catalog(catalog: &Catalog) -> &BTreeMap<ProfileName, Kept<Self>> {
        &catalog.ra
    }

    fn in_set(set: &ProfileSet) -> &BTreeMap<ProfileName, Arc<Self>> {
        &set.ra
    }

    fn settings(&self) -> RaProfileSettings {
        RaProfileSettings::of(self)
    }

    fn made(
        settings: &RaProfileSettings,
        name: ProfileName,
        before: Option<&Self>,
        _: Timestamp,
        authorities: &dyn Authorities,
    ) -> Result<Self, Fault> {
        // What signs stays as it is where nothing is said, or the same is said again.
        let kept = before.map(|before| before.authority);
        let made = settings.profile(name, |asked| match (asked, kept) {
            (None, Some(kept)) => Ok(kept),
            (Some(asked), Some(kept)) if asked == kept.to_string() => Ok(kept),
            (asked, Some(_) | None) => authorities.resolve(asked),
        })?;
        // No setting: who changes the profile does not take the call back.
        Ok(Self { call: before.and_then(|before| before.call), ..made })
    }

    fn names(&self) -> Vec<(String, &ProfileName)> {
        self.acme_profile.iter().map(|name| ("acmeProfile".to_owned(), name)).collect()
    }

    fn released(self, _: &ProfileName) -> Self {
        Self { acme_profile: None, ..self }
    }

    fn scopes(scope: &EabScope, name: &ProfileName) -> bool {
        scope.ra_profiles.contains(name)
    }

    fn endpoint(name: ProfileName) -> Endpoint {
        Endpoint::RaProfile(name)
    }

    fn accounts(name: ProfileName) -> AccountQuery {
        AccountQuery { ra_profile: Some(name), ..AccountQuery::default() }
    }

    fn authority(&self) -> Option<AuthorityId> {
        Some(self.authority)
    }

    fn view(&self, origin: &str) -> RaProfileView {
        RaProfileView::of(self, origin)
    }
}
