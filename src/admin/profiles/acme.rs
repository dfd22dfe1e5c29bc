//! ACME Profiles, as operators manage them.

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_actors::catalog::{Catalog, Kept};
use chancery_actors::listing::AccountQuery;
use chancery_actors::profiles::ProfileSet;
use chancery_machine::eab::EabScope;
use chancery_machine::id::AuthorityId;
use chancery_machine::profile::{AcmeProfile, ProfileName, RaProfile};
use chancery_machine::time::Timestamp;

use super::managed::Managed;
use crate::admin::authorities::Authorities;
use crate::admin::settings::{AcmeProfileSettings, Fault};
use crate::admin::view::AcmeProfileView;

impl Managed for AcmeProfile {
    type Settings = AcmeProfileSettings;
    type View = AcmeProfileView;
    type Other = RaProfile;

    const TITLE: &'static str = "ACME Profile";
    const WORD: &'static str = "acmeProfile";
    const LOSS: &'static str = "update";

    fn in_catalog(catalog: &Catalog) -> &BTreeMap<ProfileName, Kept<Self>> {
        &catalog.acme
    }

    fn in_set(set: &ProfileSet) -> &BTreeMap<ProfileName, Arc<Self>> {
        &set.acme
    }

    fn settings(&self) -> AcmeProfileSettings {
        AcmeProfileSettings::of(self)
    }

    fn made(
        settings: &AcmeProfileSettings,
        name: ProfileName,
        before: Option<&Self>,
        now: Timestamp,
        _: &dyn Authorities,
    ) -> Result<Self, Fault> {
        settings.profile(name, before, now)
    }

    fn names(&self) -> (&'static str, Option<&ProfileName>) {
        ("defaultRaProfile", self.default_ra_profile.as_ref())
    }

    fn released(self) -> Self {
        Self { default_ra_profile: None, ..self }
    }

    fn scopes(scope: &EabScope, name: &ProfileName) -> bool {
        scope.acme_profiles.contains(name)
    }

    fn accounts(name: ProfileName) -> AccountQuery {
        AccountQuery { acme_profile: Some(name), ..AccountQuery::default() }
    }

    fn authority(&self) -> Option<AuthorityId> {
        None
    }

    fn view(&self, origin: &str) -> AcmeProfileView {
        AcmeProfileView::of(self, origin)
    }
}
